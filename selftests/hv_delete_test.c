// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deleting a port drops what it has queued, disconnecting does not; and nothing
 * of a deleted port arrives any more while others are posting.
 */
#include "hv_case_util.h"

/* machine: ports timeout=300 */

#define SINT		2
#define TYPE		0x77
#define PORT		0x100
#define CONNECTION	1
#define BUFFERS		16
#define ROUNDS		(1500 / HV_TEST_SCALE)

static void guest_post(struct hv_test_vp *vp, u32 connection, u64 number)
{
	HV_ASSERT_OK(hv_post_number(vp, connection, TYPE, number));
}

static void guest_post_fails(struct hv_test_vp *vp, u32 connection, u64 status)
{
	HV_ASSERT_STATUS(hv_post_number(vp, connection, TYPE, 0xdead), status);
}

/* The slot's message stays, what is behind it goes. */
static void guest_delete(struct hv_test_vp *vp)
{
	u64 i;

	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);
	for (i = 0; i < BUFFERS + 1; i++)
		guest_post(vp, CONNECTION, i);

	HV_ASSERT_OK(hv_delete_port(PORT));
	hv_exit_often();
	hv_check_slot(vp, SINT, PORT, 0, true);
	GUEST_ASSERT(hv_slot_free(vp, SINT));
	hv_check_slot_stays_free(vp, SINT);

	guest_post_fails(vp, CONNECTION, HV_STATUS_INVALID_PORT_ID);
	HV_ASSERT_STATUS(hv_delete_port(PORT), HV_STATUS_INVALID_PORT_ID);
	GUEST_DONE();
}

/* The id is free at once, also while the old port's message is in the slot. */
static void guest_reuse(struct hv_test_vp *vp)
{
	u64 i;

	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);
	for (i = 0; i < 5; i++)
		guest_post(vp, CONNECTION, i);

	HV_ASSERT_OK(hv_delete_port(PORT));
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION + 1);
	guest_post_fails(vp, CONNECTION, HV_STATUS_INVALID_PORT_ID);
	for (i = 0; i < BUFFERS; i++)
		guest_post(vp, CONNECTION + 1, 100 + i);
	guest_post_fails(vp, CONNECTION + 1, HV_STATUS_INSUFFICIENT_BUFFERS);

	hv_take_number(vp, SINT, PORT, 0, true);
	for (i = 0; i < BUFFERS; i++)
		hv_take_number(vp, SINT, PORT, 100 + i, i < BUFFERS - 1);
	hv_check_slot_stays_free(vp, SINT);

	HV_ASSERT_OK(hv_disconnect_port(CONNECTION));
	HV_ASSERT_OK(hv_disconnect_port(CONNECTION + 1));
	HV_ASSERT_OK(hv_connect_port(vp, hv_connection_to(CONNECTION, PORT,
							  HV_PORT_TYPE_MESSAGE)));
	guest_post(vp, CONNECTION, 200);
	hv_take_number(vp, SINT, PORT, 200, false);
	GUEST_DONE();
}

/* Others who wait for the same slot lose nothing. */
static void guest_neighbour(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);
	hv_open_port(vp, hv_message_port(PORT + 1, SINT, 0), CONNECTION + 1);
	guest_post(vp, CONNECTION, 0);
	guest_post(vp, CONNECTION, 1);
	guest_post(vp, CONNECTION + 1, 2);
	guest_post(vp, CONNECTION, 3);
	guest_post(vp, CONNECTION + 1, 4);
	guest_post(vp, CONNECTION, 5);

	HV_ASSERT_OK(hv_delete_port(PORT));
	hv_take_number(vp, SINT, PORT, 0, true);
	hv_take_number(vp, SINT, PORT + 1, 2, true);
	hv_take_number(vp, SINT, PORT + 1, 4, false);
	hv_check_slot_stays_free(vp, SINT);
	GUEST_DONE();
}

static void guest_disconnect(struct hv_test_vp *vp)
{
	u64 i;

	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);
	for (i = 0; i < BUFFERS + 1; i++)
		guest_post(vp, CONNECTION, i);

	HV_ASSERT_OK(hv_disconnect_port(CONNECTION));
	/* Nobody knows the connection, user space neither. */
	guest_post_fails(vp, CONNECTION, HV_STATUS_INVALID_CONNECTION_ID);
	for (i = 0; i < BUFFERS + 1; i++)
		hv_take_number(vp, SINT, PORT, i, i < BUFFERS);
	hv_check_slot_stays_free(vp, SINT);

	HV_ASSERT_OK(hv_connect_port(vp, hv_connection_to(CONNECTION, PORT,
							  HV_PORT_TYPE_MESSAGE)));
	guest_post(vp, CONNECTION, 100);
	hv_take_number(vp, SINT, PORT, 100, false);
	GUEST_DONE();
}

/* The target does not run between the posts and the deletion. */
static void guest_sleeper(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	GUEST_SYNC(0);
	hv_check_slot_stays_free(vp, SINT);
	GUEST_ASSERT_EQ(vp->interrupts[SINT], 0);
	GUEST_SYNC(1);
	hv_take_number(vp, SINT, PORT, 100, false);
	GUEST_ASSERT_EQ(vp->interrupts[SINT], 1);
	GUEST_DONE();
}

static void guest_deletes_before_sleeper_runs(struct hv_test_vp *vp)
{
	u64 i;

	hv_guest_init(vp);
	hv_open_port(vp, hv_message_port(PORT, SINT, 1), CONNECTION);
	for (i = 0; i < BUFFERS; i++)
		guest_post(vp, CONNECTION, i);
	HV_ASSERT_OK(hv_delete_port(PORT));
	GUEST_SYNC(0);
	hv_open_port(vp, hv_message_port(PORT, SINT, 1), CONNECTION + 1);
	guest_post(vp, CONNECTION + 1, 100);
	GUEST_DONE();
}

static void host_alternate(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	hv_test_step(vcpus[1], 0);
	hv_test_step(vcpus[0], 0);
	hv_test_step(vcpus[1], 1);
	hv_test_finish(vcpus[0]);
	hv_test_finish(vcpus[1]);
}

/*
 * One vCPU creates, connects, deletes and disconnects in a loop, one posts all
 * the time, and one receives.  Each round's port has an id of its own, by which
 * the receiver knows what it must not see any more.
 */
static struct {
	u32 receiver_ready;
	u32 done;
	/* Ports up to this one have been deleted. */
	u32 deleted;
	u32 posting;
	u64 posts;
	u64 refused;
	u64 received;
} race;

static void guest_race_receiver(struct hv_test_vp *vp)
{
	u32 deleted, gone = 0;

	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	hv_store(&race.receiver_ready, 1);
	while (!hv_load(&race.done)) {
		deleted = hv_load(&race.deleted);
		if (!hv_slot_type(vp, SINT)) {
			/* Deleted, then the slot was free: nothing may come. */
			gone = deleted;
			cpu_relax();
			continue;
		}
		__GUEST_ASSERT(hv_slot(vp, SINT)->port_id > gone,
			       "message of port %lu after port %u was deleted",
			       (u64)hv_slot(vp, SINT)->port_id, gone);
		hv_inc(&race.received);
		hv_slot_free(vp, SINT);
	}
	GUEST_DONE();
}

static void guest_race_poster(struct hv_test_vp *vp)
{
	u64 status;

	hv_guest_init(vp);
	while (!hv_load(&race.done)) {
		hv_store(&race.posting, 1);
		status = hv_post_number(vp, CONNECTION, TYPE, 0);
		hv_store(&race.posting, 0);
		switch (status) {
		case HV_STATUS_SUCCESS:
			hv_inc(&race.posts);
			break;
		case HV_STATUS_INVALID_PORT_ID:
			hv_inc(&race.refused);
			break;
		case HV_STATUS_INVALID_CONNECTION_ID:
		case HV_STATUS_INSUFFICIENT_BUFFERS:
			break;
		default:
			GUEST_FAIL("status %lu", status);
		}
	}
	GUEST_DONE();
}

/* True if somebody was posting to the port when it was deleted. */
static bool guest_race_round(struct hv_test_vp *vp, u32 port)
{
	u64 posts = hv_load(&race.posts);
	bool overlap;
	u32 delay;

	hv_open_port(vp, hv_message_port(port, SINT, 0), CONNECTION);
	if (port % 4)
		hv_await(hv_load(&race.posts) > posts);
	for (delay = port * 13 % 2048; delay; delay--)
		barrier();

	overlap = hv_load(&race.posting);
	HV_ASSERT_OK(hv_delete_port(port));
	hv_store(&race.deleted, port);
	HV_ASSERT_OK(hv_disconnect_port(CONNECTION));
	return overlap;
}

static void guest_race_deleter(struct hv_test_vp *vp)
{
	u32 i, overlaps = 0;

	hv_guest_init(vp);
	hv_await(hv_load(&race.receiver_ready));
	for (i = 1; i <= ROUNDS; i++)
		overlaps += guest_race_round(vp, i);
	hv_store(&race.done, 1);

	GUEST_PRINTF("# %u of %u deletions met a post; %lu posted, %lu received, %lu refused\n",
		     overlaps, ROUNDS, race.posts, race.received, race.refused);
	GUEST_ASSERT(overlaps > ROUNDS / 10);
	GUEST_ASSERT(race.refused > ROUNDS / 100);
	GUEST_ASSERT(race.received > ROUNDS / 10);
	GUEST_DONE();
}

static const struct hv_test_case cases[] = {
	{ "delete with queued messages", { guest_delete } },
	{ "the id is free at once", { guest_reuse } },
	{ "another port's messages stay", { guest_neighbour } },
	{ "disconnect with queued messages", { guest_disconnect } },
	{
		.name = "delete before the target runs",
		.code = { guest_deletes_before_sleeper_runs, guest_sleeper },
		.host = host_alternate,
	}, {
		.name = "delete and post at once",
		.code = { guest_race_receiver, guest_race_poster, guest_race_deleter },
	},
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
