// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two VMs configure each other at the same time: each makes ports for the other,
 * which puts connections into the other's table, and connects to the other's,
 * while the host takes the link away and gives it back.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "hv_case_util.h"
#include "hv_host_util.h"
#include "hv_memory_util.h"

/* machine: self timeout=90 */

#define SINT		2
#define TYPE		0x77
#define PORT(i)		(0x100 + (i))
/* Where the port of VM i is connected in the other one, by either of them */
#define CONNECTION(i)	PORT(i)
#define ROUNDS		(8000 / HV_TEST_SCALE)
#define UNLINK_EVERY	50

#define SHARED_SLOT	20
#define SHARED_GPA	0x120000000ULL
#define SHARED_GVA	0xd0000000ULL

/* Outcomes, of each call */
enum { CREATE, CONNECT, POST, DISCONNECT, CALLS };

/* Both VMs and the host */
struct shared {
	/* Odd: in a call that configures the other one */
	u64 configuring[2];
	u64 overlaps[2];
	u64 rounds[2];
	u64 received[2];
	/* How often the call succeeded, and how often it did not */
	u64 outcomes[2][CALLS][2];
};

static struct shared *shared;

/* Guest: which one, and who is the other */
static u64 me;
static u64 peer;

static struct shared *guest_shared(void)
{
	return (struct shared *)SHARED_GVA;
}

/* The other one's progress; odd if it configures this one now */
static u64 configure_begin(void)
{
	hv_inc(&guest_shared()->configuring[me]);
	return hv_load(&guest_shared()->configuring[1 - me]);
}

static void configure_end(u64 others)
{
	if (others % 2 || hv_load(&guest_shared()->configuring[1 - me]) != others)
		guest_shared()->overlaps[me]++;
	hv_inc(&guest_shared()->configuring[me]);
}

/* @may: a status that is possible beside success and no link */
static bool count(u32 call, u64 status, u64 may)
{
	const bool success = status == HV_STATUS_SUCCESS;

	if (!success && status != may)
		GUEST_ASSERT_EQ(status, (u64)HV_STATUS_INVALID_PARTITION_ID);
	guest_shared()->outcomes[me][call][!success]++;
	return success;
}

static bool create(struct hv_test_vp *vp)
{
	struct hv_input_create_port in = hv_message_port(PORT(me), SINT, 0);
	u64 others, status;

	in.connection_partition_id = peer;
	others = configure_begin();
	status = hv_create_port(vp, in);
	configure_end(others);
	return count(CREATE, status, HV_STATUS_INVALID_PARTITION_ID);
}

static void connect(struct hv_test_vp *vp)
{
	struct hv_input_connect_port in = hv_connection_to(CONNECTION(1 - me), PORT(1 - me),
							   HV_PORT_TYPE_MESSAGE);
	u64 others, status;

	in.port_partition_id = peer;
	others = configure_begin();
	status = hv_connect_port(vp, in);
	configure_end(others);
	/* Not there, not there any more, or in use by the last round's */
	if (status == HV_STATUS_INVALID_CONNECTION_ID)
		status = HV_STATUS_INVALID_PORT_ID;
	count(CONNECT, status, HV_STATUS_INVALID_PORT_ID);
}

static void post(struct hv_test_vp *vp, u64 round)
{
	u64 status = hv_post(vp, CONNECTION(1 - me), TYPE, &round, sizeof(round));

	/* Its end of the connection may be gone, or its slot be taken. */
	if (status == HV_STATUS_INVALID_CONNECTION_ID ||
	    status == HV_STATUS_INSUFFICIENT_BUFFERS)
		status = HV_STATUS_INVALID_PORT_ID;
	count(POST, status, HV_STATUS_INVALID_PORT_ID);
}

static void receive(struct ex_regs *regs)
{
	struct hv_test_vp *vp = hv_test_vps[0];

	if (hv_slot_type(vp, SINT)) {
		GUEST_ASSERT_EQ(hv_slot_type(vp, SINT), TYPE);
		GUEST_ASSERT_EQ(hv_slot(vp, SINT)->port_id, PORT(me));
		hv_inc(&guest_shared()->received[me]);
		hv_slot_free(vp, SINT);
	}
	x2apic_write_reg(APIC_EOI, 0);
}

static void guest_code(struct hv_test_vp *vp)
{
	bool created;
	u64 i;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	GUEST_SYNC(1);

	for (i = 0; i < ROUNDS; i++) {
		created = create(vp);
		connect(vp);
		post(vp, i);
		count(DISCONNECT, hv_disconnect_port(CONNECTION(1 - me)),
		      HV_STATUS_INVALID_CONNECTION_ID);
		if (created)
			HV_ASSERT_OK(hv_delete_port(PORT(me)));
		hv_inc(&guest_shared()->rounds[me]);
	}
	GUEST_DONE();
}

/* Host */

struct side {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	u64 id;
	int file;
	pthread_t thread;
};

static void create_side(struct side *side, int dev)
{
	side->vm = hv_test_create(1, (void *[]){ guest_code }, &side->vcpu);
	vm_install_exception_handler(side->vm, HV_TEST_VECTOR(SINT), receive);
	vm_set_user_memory_region(side->vm, SHARED_SLOT, 0, SHARED_GPA, getpagesize(),
				  shared);
	virt_map(side->vm, SHARED_GVA, SHARED_GPA, 1);
	hv_test_step(side->vcpu, 1);
	side->file = hv_dev_attach(dev, side->vm->fd, &side->id);
}

static void start_side(struct side *side, u64 which, u64 other)
{
	me = which;
	peer = other;
	sync_global_to_guest(side->vm, me);
	sync_global_to_guest(side->vm, peer);
	TEST_ASSERT(!pthread_create(&side->thread, NULL, hv_test_thread, side->vcpu),
		    "pthread_create");
}

static u64 rounds_of_both(void)
{
	return hv_load(&shared->rounds[0]) + hv_load(&shared->rounds[1]);
}

/* Until both are done: take the link away and give it back, again and again. */
static u32 disturb(const struct side sides[2], int dev)
{
	u64 rounds, seen = 0;
	u32 times = 0;

	while ((rounds = rounds_of_both()) < 2 * ROUNDS) {
		if (rounds < seen + UNLINK_EVERY) {
			sched_yield();
			continue;
		}
		seen = rounds;
		hv_dev_unlink(dev, sides[0].id, sides[1].id);
		hv_dev_link(dev, sides[0].id, sides[1].id);
		times++;
	}
	return times;
}

static void show(u32 which)
{
	const char *names[CALLS] = { "created", "connected", "posted", "disconnected" };
	u32 i;

	ksft_print_msg("VM %u: %lu overlaps, %lu messages\n", which,
		       (unsigned long)shared->overlaps[which],
		       (unsigned long)shared->received[which]);
	for (i = 0; i < CALLS; i++)
		ksft_print_msg("    %s %lu times, refused %lu times\n", names[i],
			       (unsigned long)shared->outcomes[which][i][0],
			       (unsigned long)shared->outcomes[which][i][1]);
}

/* Enough of everything happened. */
static bool was_a_race(u32 which)
{
	u32 i;

	show(which);
	for (i = 0; i < CALLS; i++)
		if (shared->outcomes[which][i][0] < ROUNDS / 100)
			return false;
	return shared->overlaps[which] > ROUNDS / 10;
}

static bool has_no_port(int dev, u64 id)
{
	struct hv_ports_port port = { .size = sizeof(port), .partition = id };

	return hv_dev_errno(dev, HV_PORTS_NEXT_PORT, &port) == ENOENT;
}

static void test_mutual(void)
{
	struct side sides[2];
	int dev = hv_dev_open();
	u32 i, times;

	for (i = 0; i < 2; i++)
		create_side(&sides[i], dev);
	hv_dev_link(dev, sides[0].id, sides[1].id);
	for (i = 0; i < 2; i++)
		start_side(&sides[i], i, sides[1 - i].id);
	times = disturb(sides, dev);
	for (i = 0; i < 2; i++)
		pthread_join(sides[i].thread, NULL);

	ksft_print_msg("%u rounds each, link removed %u times\n", ROUNDS, times);
	for (i = 0; i < 2; i++)
		ksft_test_result(was_a_race(i), "VM %u and the other configured each other\n", i);
	ksft_test_result(has_no_port(dev, sides[0].id) && has_no_port(dev, sides[1].id),
			 "no port is left\n");

	for (i = 0; i < 2; i++) {
		close(sides[i].file);
		kvm_vm_free(sides[i].vm);
	}
	close(dev);
}

int main(void)
{
	struct hv_caches before;

	hv_module_require();
	shared = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(shared != MAP_FAILED, "mmap");
	memset(shared, 0, sizeof(*shared));

	ksft_print_header();
	ksft_set_plan(4);
	hv_caches_read_settled(&before);
	hv_module_load("");
	test_mutual();
	hv_module_unload();
	ksft_test_result(hv_caches_await(&before, ROUNDS / 100), "all memory is back\n");
	ksft_finished();
}
