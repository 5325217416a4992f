// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is delivered is in pages that user space may be copying: they are reported as
 * dirty, in a bitmap or in a vCPU's dirty ring; and in a ring once for a delivery,
 * not for each flag, as nobody empties it meanwhile.  So is the page where a message
 * that waits is announced.
 */
#include "hv_case_util.h"

#define PORT		0x100
#define TYPE		0x77
#define SINT		2
#define NR_SINTS	16
#define WORDS		32
#define ROUNDS		3

#define SLOT		20
#define GPA		0x2000000
#define SIM_PAGE	0
#define SIEF_PAGE	1
#define PAGES		2

/* Entries of the ring for one page after one run of the vCPU */
#define FEW		4

enum what { MESSAGE, WAITING, EVENTS };

static u8 *memory;
static u32 ring_next;

/* Guests */

/* Exits as often as the host runs it, and does not look at its pages. */
static void guest_target(struct hv_test_vp *vp)
{
	u64 stage;
	u32 sint;

	hv_guest_init(vp);
	for (sint = 1; sint < NR_SINTS; sint++)
		hv_set_sint(sint, 0);
	for (stage = 0; ; stage++)
		GUEST_SYNC(stage);
}

/* In each round another flag of each word */
static u32 flag_of(u32 word, u64 round)
{
	return word * 64 + (word + 17 * round) % 64;
}

static void signal_all(u64 round)
{
	u32 sint, word;

	for (sint = 1; sint < NR_SINTS; sint++)
		for (word = 0; word < WORDS; word++)
			HV_ASSERT_OK(hv_signal(PORT + sint, flag_of(word, round)));
}

/* Sends each time that it is run. */
static void guest_sender(struct hv_test_vp *vp)
{
	u64 round;
	u32 sint;

	hv_guest_init(vp);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), PORT);
	for (sint = 1; sint < NR_SINTS; sint++)
		hv_open_port(vp, hv_event_port(PORT + sint, sint, 0, 0, WORDS * 64),
			     PORT + sint);
	for (round = 0; ; round++) {
		GUEST_SYNC(round);
		if (hv_test_arg != EVENTS)
			HV_ASSERT_OK(hv_post_number(vp, PORT, TYPE, round));
		else
			signal_all(round);
	}
}

/* Host: what was delivered */

static void check_message(u64 round)
{
	struct hv_port_message *slot = (struct hv_port_message *)memory + SINT;

	TEST_ASSERT_EQ(slot->message_type, TYPE);
	TEST_ASSERT_EQ(slot->port_id, PORT);
	TEST_ASSERT(!memcmp(slot->payload, &round, sizeof(round)), "another message");
}

/* The first one keeps the slot, where the others are announced anew each time. */
static void check_waiting(u64 round)
{
	struct hv_port_message *slot = (struct hv_port_message *)memory + SINT;

	check_message(0);
	TEST_ASSERT_EQ(slot->message_flags, round ? HV_PORT_MESSAGE_PENDING : 0);
	slot->message_flags = 0;
}

static void check_flags(u64 round)
{
	const u64 *flags = (u64 *)(memory + SIEF_PAGE * getpagesize());
	u32 sint, word;

	for (sint = 1; sint < NR_SINTS; sint++)
		for (word = 0; word < WORDS; word++)
			TEST_ASSERT_EQ(flags[sint * WORDS + word],
				       BIT_ULL(flag_of(word, round) % 64));
}

static void check_and_clear(u64 round)
{
	if (hv_test_arg == WAITING) {
		check_waiting(round);
		return;
	}
	if (hv_test_arg == MESSAGE)
		check_message(round);
	else
		check_flags(round);
	memset(memory, 0, PAGES * getpagesize());
}

/* Host: how often each page is reported, since it was asked for last */

static void read_bitmap(struct kvm_vcpu *vcpu, u32 dirty[PAGES])
{
	u64 bitmap = 0;
	u32 page;

	kvm_vm_get_dirty_log(vcpu->vm, SLOT, &bitmap);
	for (page = 0; page < PAGES; page++)
		dirty[page] = !!(bitmap & BIT_ULL(page));
}

/* 256 entries; or more, of which KVM keeps many for what VMX logs by itself. */
static u32 ring_size(void)
{
	return host_cpu_is_intel ? 16384 : 4096;
}

static void read_ring(struct kvm_vcpu *vcpu, u32 dirty[PAGES])
{
	const u32 entries = ring_size() / sizeof(struct kvm_dirty_gfn);
	struct kvm_dirty_gfn *ring = vcpu_map_dirty_ring(vcpu), *gfn;
	int found = 0;

	memset(dirty, 0, PAGES * sizeof(*dirty));
	for (gfn = &ring[ring_next]; hv_load(&gfn->flags) == KVM_DIRTY_GFN_F_DIRTY;
	     gfn = &ring[ring_next]) {
		TEST_ASSERT_EQ(gfn->slot, SLOT);
		TEST_ASSERT(gfn->offset < PAGES, "page %lu", (unsigned long)gfn->offset);
		dirty[gfn->offset]++;
		hv_store(&gfn->flags, KVM_DIRTY_GFN_F_RESET);
		ring_next = (ring_next + 1) % entries;
		found++;
	}
	TEST_ASSERT_EQ(kvm_vm_reset_dirty_ring(vcpu->vm), found);
}

/* An hv_test_exit */
static bool ring_exit(struct kvm_vcpu *vcpu)
{
	TEST_ASSERT(vcpu->run->exit_reason != KVM_EXIT_DIRTY_RING_FULL, "the ring is full");
	return false;
}

/* Host: the cases */

static void check_dirty(const u32 dirty[PAGES], u32 page)
{
	TEST_ASSERT(dirty[page] && dirty[page] <= FEW, "page %u: reported %u times", page,
		    dirty[page]);
	TEST_ASSERT(!dirty[!page], "page %u: reported %u times", !page, dirty[!page]);
}

static void set_up(struct kvm_vm *vm)
{
	struct hv_test_vp *target = hv_test_vp(vm, 0);

	memory = hv_test_alloc_memory(PAGES * getpagesize());
	hv_test_set_slot_flags(vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, GPA, memory,
			       PAGES * getpagesize());
	target->sim.gpa = GPA + SIM_PAGE * getpagesize();
	target->sief.gpa = GPA + SIEF_PAGE * getpagesize();
}

static void run(struct kvm_vm *vm, struct kvm_vcpu *vcpus[],
		void (*read_dirty)(struct kvm_vcpu *vcpu, u32 dirty[PAGES]))
{
	u64 stage = 0, round;
	u32 dirty[PAGES];

	set_up(vm);
	hv_test_step(vcpus[0], stage++);
	hv_test_step(vcpus[1], 0);
	read_dirty(vcpus[0], dirty);
	for (round = 0; round < ROUNDS; round++) {
		/* Without a delivery nothing is dirty. */
		hv_test_step(vcpus[0], stage++);
		read_dirty(vcpus[0], dirty);
		TEST_ASSERT(!dirty[SIM_PAGE] && !dirty[SIEF_PAGE], "dirty before");

		hv_test_step(vcpus[1], round + 1);
		hv_test_step(vcpus[0], stage++);
		read_dirty(vcpus[0], dirty);
		check_dirty(dirty, hv_test_arg == EVENTS ? SIEF_PAGE : SIM_PAGE);
		check_and_clear(round);
	}
}

static void host_bitmap(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	run(vm, vcpus, read_bitmap);
}

static void prepare_ring(struct kvm_vm *vm)
{
	vm_enable_dirty_ring(vm, ring_size());
}

static void host_ring(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	ring_next = 0;
	hv_test_exit = ring_exit;
	run(vm, vcpus, read_ring);
}

static const struct hv_test_case cases[] = {
	{ "message, bitmap", { guest_target, guest_sender }, .host = host_bitmap,
	  .arg = MESSAGE },
	{ "message that waits, bitmap", { guest_target, guest_sender }, .host = host_bitmap,
	  .arg = WAITING },
	{ "flags, bitmap", { guest_target, guest_sender }, .host = host_bitmap,
	  .arg = EVENTS },
	{ "message, ring", { guest_target, guest_sender }, .prepare = prepare_ring,
	  .host = host_ring, .arg = MESSAGE },
	{ "message that waits, ring", { guest_target, guest_sender }, .prepare = prepare_ring,
	  .host = host_ring, .arg = WAITING },
	{ "flags, ring", { guest_target, guest_sender }, .prepare = prepare_ring,
	  .host = host_ring, .arg = EVENTS },
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
