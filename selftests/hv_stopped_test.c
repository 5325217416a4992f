// SPDX-License-Identifier: GPL-2.0-only
/*
 * The target vCPU is not in KVM_RUN while it is sent to: nothing is written
 * behind its back, and all arrives when it runs again.
 */
#include "hv_case_util.h"

#define SINT		2
#define EVENT_SINT	3
#define TYPE		0x77
#define PORT		0x100
#define CONNECTION	1
#define EVENTS		2
#define BUFFERS		16
#define ROUNDS		10

static const u16 flags[] = { 0, 1, 63, 64, 1000, 2047 };

static u64 received;

/* Stage 0 to ROUNDS - 1: the target stands still. */
static void guest_sender(struct hv_test_vp *vp)
{
	struct hv_test_vp *target = hv_test_vps[1];
	u64 i, round;

	hv_guest_init(vp);
	hv_open_port(vp, hv_message_port(PORT, SINT, 1), CONNECTION);
	hv_open_port(vp, hv_event_port(PORT + 1, EVENT_SINT, 1, 0, 2048), EVENTS);

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < BUFFERS; i++)
			HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE,
						    round * BUFFERS + i));
		for (i = 0; i < ARRAY_SIZE(flags); i++) {
			HV_ASSERT_OK(hv_signal(EVENTS, flags[i]));
			HV_ASSERT_OK(hv_signal(EVENTS, flags[i]));
		}
		GUEST_ASSERT_EQ(hv_slot_type(target, SINT), 0u);
		for (i = 0; i < 32; i++)
			GUEST_ASSERT_EQ(hv_flags(target, EVENT_SINT)[i], 0ULL);
		GUEST_SYNC(round);
	}
	GUEST_DONE();
}

static void receive(struct ex_regs *regs)
{
	struct hv_test_vp *vp = hv_test_vps[1];

	hv_test_interrupt(regs);
	if (regs->vector != HV_TEST_VECTOR(SINT))
		return;
	hv_check_slot(vp, SINT, PORT, received, received % BUFFERS != BUFFERS - 1);
	received++;
	hv_slot_free(vp, SINT);
}

static void guest_take_flags(struct hv_test_vp *vp)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		GUEST_ASSERT(hv_flag_is_set(vp, EVENT_SINT, flags[i]));
		hv_flag_clear(vp, EVENT_SINT, flags[i]);
	}
	for (i = 0; i < 32; i++)
		GUEST_ASSERT_EQ(hv_flags(vp, EVENT_SINT)[i], 0ULL);
}

static void guest_stopped(struct hv_test_vp *vp)
{
	u64 round;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	hv_set_sint(EVENT_SINT, 0);
	for (round = 0; round < ROUNDS; round++) {
		GUEST_SYNC(round);
		hv_await(hv_load(&received) == (round + 1) * BUFFERS);
		GUEST_ASSERT_EQ(vp->interrupts[SINT], received);
		/* All flags came at once. */
		GUEST_ASSERT_EQ(vp->interrupts[EVENT_SINT], round + 1);
		guest_take_flags(vp);
	}
	GUEST_DONE();
}

static void host_alternate(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	int i;

	hv_test_step(vcpus[1], 0);
	for (i = 0; i < ROUNDS; i++) {
		hv_test_step(vcpus[0], i);
		hv_test_step(vcpus[1], i < ROUNDS - 1 ? i + 1 : -1);
	}
	hv_test_finish(vcpus[0]);
}

static void set_halted(struct kvm_vcpu *vcpu)
{
	struct kvm_mp_state halted = { .mp_state = KVM_MP_STATE_HALTED };

	vcpu_mp_state_set(vcpu, &halted);
}

/* When it runs again it is in HLT, so that it has to be woken as well. */
static void host_alternate_halted(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	int i;

	hv_test_step(vcpus[1], 0);
	for (i = 0; i < ROUNDS; i++) {
		hv_test_step(vcpus[0], i);
		set_halted(vcpus[1]);
		hv_test_step(vcpus[1], i < ROUNDS - 1 ? i + 1 : -1);
	}
	hv_test_finish(vcpus[0]);
}

static const struct hv_test_case cases[] = {
	{ "not running", { guest_sender, guest_stopped }, receive, host_alternate },
	{
		.name = "not running and in HLT",
		.code = { guest_sender, guest_stopped },
		.handler = receive,
		.host = host_alternate_halted,
	},
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
