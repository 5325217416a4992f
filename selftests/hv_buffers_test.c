// SPDX-License-Identifier: GPL-2.0-only
/*
 * A port has 16 buffers.  A receiver that never frees its slot takes 17 posts,
 * one that does not run takes 16; others of its ports do not suffer.
 */
#include "hv_case_util.h"

#define SINT		2
#define TYPE		0x77
#define PORT		0x100
#define CONNECTION	1
#define BUFFERS		16

static u64 received;

static void guest_fill(struct hv_test_vp *vp, u32 connection, u64 first, u64 number)
{
	u64 i;

	for (i = 0; i < number; i++)
		HV_ASSERT_OK(hv_post_number(vp, connection, TYPE, first + i));
	HV_ASSERT_STATUS(hv_post_number(vp, connection, TYPE, first + i),
			 HV_STATUS_INSUFFICIENT_BUFFERS);
}

static void guest_check_post_count(struct hv_test_vp *vp, u32 port, u64 expected)
{
	u64 count;

	HV_ASSERT_OK(hv_get_property(vp, port, HV_PORT_PROPERTY_POST_COUNT, &count));
	GUEST_ASSERT_EQ(count, expected);
}

static void guest_open(struct hv_test_vp *vp, u32 target)
{
	hv_open_port(vp, hv_message_port(PORT, SINT, target), CONNECTION);
	hv_open_port(vp, hv_message_port(PORT + 1, SINT, target), CONNECTION + 1);
	hv_open_port(vp, hv_message_port(PORT + 2, SINT + 1, target), CONNECTION + 2);
}

static void guest_never_frees(struct hv_test_vp *vp)
{
	u64 i;

	hv_guest_init(vp);
	guest_open(vp, 0);
	guest_fill(vp, CONNECTION, 0, BUFFERS + 1);
	guest_check_post_count(vp, PORT, BUFFERS + 1);

	/* The same SINT's slot is taken, so one less; and the other SINT's is not. */
	guest_fill(vp, CONNECTION + 1, 100, BUFFERS);
	guest_fill(vp, CONNECTION + 2, 200, BUFFERS + 1);

	/* Each message that leaves makes room for one. */
	for (i = 0; i < BUFFERS; i++) {
		hv_take_number(vp, SINT, PORT, i, true);
		guest_fill(vp, CONNECTION, BUFFERS + 1 + i, 1);
	}

	hv_take_number(vp, SINT, PORT, BUFFERS, true);
	for (i = 0; i < BUFFERS; i++)
		hv_take_number(vp, SINT, PORT + 1, 100 + i, true);
	for (i = 0; i < BUFFERS; i++)
		hv_take_number(vp, SINT, PORT, BUFFERS + 1 + i, i < BUFFERS - 1);
	for (i = 0; i < BUFFERS + 1; i++)
		hv_take_number(vp, SINT + 1, PORT + 2, 200 + i, i < BUFFERS);

	guest_fill(vp, CONNECTION, 0, BUFFERS + 1);
	guest_check_post_count(vp, PORT, 3 * BUFFERS + 2);
	GUEST_DONE();
}

static void receive(struct ex_regs *regs)
{
	struct hv_test_vp *vp = hv_test_vps[1];

	hv_check_slot(vp, SINT, PORT, received, received % BUFFERS != BUFFERS - 1);
	received++;
	hv_slot_free(vp, SINT);
	x2apic_write_reg(APIC_EOI, 0);
}

static void guest_sleeper(struct hv_test_vp *vp)
{
	u64 rounds;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	for (rounds = 0; rounds < 4; rounds++) {
		GUEST_SYNC(rounds);
		hv_await(received == (rounds + 1) * BUFFERS);
	}
	GUEST_DONE();
}

static void guest_poster(struct hv_test_vp *vp)
{
	u64 rounds, i;

	hv_guest_init(vp);
	guest_open(vp, 1);
	for (rounds = 0; rounds < 4; rounds++) {
		guest_fill(vp, CONNECTION, rounds * BUFFERS, BUFFERS);
		GUEST_SYNC(rounds);
	}
	/* The port of another SINT has its own. */
	guest_fill(vp, CONNECTION, rounds * BUFFERS, BUFFERS);
	guest_fill(vp, CONNECTION + 2, 0, BUFFERS);
	for (i = 0; i < BUFFERS; i++)
		HV_ASSERT_STATUS(hv_post_number(vp, CONNECTION, TYPE, i),
				 HV_STATUS_INSUFFICIENT_BUFFERS);
	GUEST_DONE();
}

static void host_alternate(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	int i;

	hv_test_step(vcpus[1], 0);
	for (i = 0; i < 4; i++) {
		hv_test_step(vcpus[0], i);
		hv_test_step(vcpus[1], i < 3 ? i + 1 : -1);
	}
	hv_test_finish(vcpus[0]);
}

static const struct hv_test_case cases[] = {
	{ "slot never freed: 17", { guest_never_frees } },
	{ "vCPU does not run: 16", { guest_poster, guest_sleeper }, receive, host_alternate },
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
