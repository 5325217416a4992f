// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two vCPUs post and signal while a third creates, connects, disconnects and
 * deletes what they send to.
 *
 * Each call has one status, which is certain unless the third vCPU was in the
 * middle of a change; how often it was is counted.  Once a port is deleted and
 * the slot is free, nothing of it arrives any more.
 */
#include "hv_case_util.h"

/* machine: ports timeout=400 */

#define SENDERS		2
#define CHANGER		SENDERS
#define SINT		2
#define PORT		0x100
#define CONNECTION	7
#define SENDS		(6000 / HV_TEST_SCALE)
#define SENDS_LIMIT	(40 * SENDS)
/* Of each state, and of calls that overlapped a change */
#define ENOUGH		(50 / HV_TEST_SCALE)

/* hv_test_arg */
#define EVENTS		BIT(0)
#define DELETE_FIRST	BIT(1)	/* and disconnect then */

enum state {
	CHANGING,
	CONNECTED,
	DEAD,		/* connected to a port that is deleted */
	DISCONNECTED,
	NR_STATES,
};

/* A generation above, so that no two look alike */
#define STATE_BITS	8

static u64 state;
static u64 by_state[SENDERS][NR_STATES];
static u64 accepted[SENDERS];
static u64 calls;
static u64 received;
/* Whose messages may arrive */
static u32 current_port;
static u32 senders_done;

/* The changer is who receives, too. */

static void receive(struct ex_regs *regs)
{
	struct hv_test_vp *vp = hv_test_vps[CHANGER];

	/* delete() may have freed it before this interrupt came. */
	if (hv_slot_type(vp, SINT)) {
		GUEST_ASSERT_EQ(hv_slot(vp, SINT)->port_id, current_port);
		received++;
		hv_slot_free(vp, SINT);
	}
	x2apic_write_reg(APIC_EOI, 0);
}

static void enter(enum state new)
{
	hv_store(&state, ((hv_load(&state) >> STATE_BITS) + 1) << STATE_BITS | new);
}

/* Long enough for some calls to begin and end meanwhile, but bounded */
static void linger(void)
{
	const u64 before = hv_load(&calls);
	int i;

	for (i = 0; i < 200 && hv_load(&calls) < before + 10; i++)
		hv_yield();
}

static struct hv_input_create_port port(u32 id)
{
	return hv_test_arg & EVENTS ? hv_event_port(id, SINT, CHANGER, 0, 2048) :
				      hv_message_port(id, SINT, CHANGER);
}

static void disconnect(void)
{
	enter(CHANGING);
	HV_ASSERT_OK(hv_disconnect_port(CONNECTION));
	enter(DISCONNECTED);
	linger();
}

static void delete(enum state then)
{
	enter(CHANGING);
	HV_ASSERT_OK(hv_delete_port(current_port));
	/* One message may be in the slot. */
	asm volatile("cli");
	if (hv_slot_type(hv_test_vps[CHANGER], SINT))
		hv_slot_free(hv_test_vps[CHANGER], SINT);
	current_port = 0;
	asm volatile("sti");
	enter(then);
	linger();
}

static void guest_changer(struct hv_test_vp *vp)
{
	u32 round = 0;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);

	while (hv_load(&senders_done) < SENDERS) {
		enter(CHANGING);
		current_port = PORT + round++ % 0x10000;
		hv_open_port(vp, port(current_port), CONNECTION);
		enter(CONNECTED);
		linger();
		if (hv_test_arg & DELETE_FIRST) {
			delete(DEAD);
			disconnect();
		} else {
			disconnect();
			delete(DISCONNECTED);
		}
	}
	GUEST_ASSERT(received <= accepted[0] + accepted[1]);
	GUEST_ASSERT((hv_test_arg & EVENTS) || received > ENOUGH);
	GUEST_DONE();
}

/* Senders */

static u64 send(struct hv_test_vp *vp)
{
	if (hv_test_arg & EVENTS)
		return hv_signal(CONNECTION, accepted[vp->index] % 2048);
	return hv_post_number(vp, CONNECTION, 1, accepted[vp->index]);
}

static bool status_fits(u64 status, enum state seen)
{
	switch (seen) {
	case CONNECTED:
		return status == HV_STATUS_SUCCESS ||
		       (status == HV_STATUS_INSUFFICIENT_BUFFERS && !(hv_test_arg & EVENTS));
	case DEAD:
		return status == HV_STATUS_INVALID_PORT_ID;
	case DISCONNECTED:
		return status == HV_STATUS_INVALID_CONNECTION_ID;
	default:
		return status == HV_STATUS_SUCCESS || status == HV_STATUS_INVALID_PORT_ID ||
		       status == HV_STATUS_INVALID_CONNECTION_ID ||
		       (status == HV_STATUS_INSUFFICIENT_BUFFERS && !(hv_test_arg & EVENTS));
	}
}

static void send_once(struct hv_test_vp *vp)
{
	u64 before = hv_load(&state), status = send(vp);
	enum state seen = before & (BIT(STATE_BITS) - 1);

	if (hv_load(&state) != before)
		seen = CHANGING;
	__GUEST_ASSERT(status_fits(status, seen), "status %lu in state %u", status, seen);
	hv_inc(&by_state[vp->index][seen]);
	hv_inc(&calls);
	if (status == HV_STATUS_SUCCESS)
		hv_inc(&accepted[vp->index]);
}

static bool has_enough(u32 i)
{
	return by_state[i][CHANGING] >= ENOUGH && by_state[i][CONNECTED] >= ENOUGH &&
	       by_state[i][DISCONNECTED] >= ENOUGH &&
	       (!(hv_test_arg & DELETE_FIRST) || by_state[i][DEAD] >= ENOUGH);
}

static void guest_sender(struct hv_test_vp *vp)
{
	const u32 i = vp->index;
	u64 sends;

	hv_guest_init(vp);
	for (sends = 0; sends < SENDS || (!has_enough(i) && sends < SENDS_LIMIT); sends++)
		send_once(vp);

	GUEST_PRINTF("# sender %u: %lu connected, %lu dead, %lu disconnected, %lu overlapping\n",
		     i, by_state[i][CONNECTED], by_state[i][DEAD], by_state[i][DISCONNECTED],
		     by_state[i][CHANGING]);
	GUEST_ASSERT(has_enough(i));
	hv_inc(&senders_done);
	GUEST_DONE();
}

#define SENDER_CODE	{ guest_sender, guest_sender, guest_changer }

int main(void)
{
	static const struct hv_test_case cases[] = {
		{ "post, disconnect and delete", SENDER_CODE, receive, NULL, 0 },
		{ "post, delete and disconnect", SENDER_CODE, receive, NULL, DELETE_FIRST },
		{ "signal, disconnect and delete", SENDER_CODE, receive, NULL, EVENTS },
		{ "signal, delete and disconnect", SENDER_CODE, receive, NULL,
		  EVENTS | DELETE_FIRST },
	};

	hv_test_cases(cases, ARRAY_SIZE(cases));
}
