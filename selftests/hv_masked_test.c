// SPDX-License-Identifier: GPL-2.0-only
/*
 * Masked and polled SINTs: messages and flags are written without an interrupt,
 * but a masked SINT refuses events.
 */
#include "hv_case_util.h"

#define SINT		2
#define TYPE		0x77
#define PORT		0x100
#define CONNECTION	1
#define EVENTS		2
#define FLAG		100

static void guest_open(struct hv_test_vp *vp, u32 target)
{
	hv_open_port(vp, hv_message_port(PORT, SINT, target), CONNECTION);
	hv_open_port(vp, hv_event_port(PORT + 1, SINT, target, 0, 2048), EVENTS);
}

static u64 guest_post(struct hv_test_vp *vp, u64 number)
{
	return hv_post_number(vp, CONNECTION, TYPE, number);
}

static void guest_check_interrupts(struct hv_test_vp *vp, u32 expected)
{
	hv_exit_often();
	GUEST_ASSERT_EQ(vp->interrupts[SINT], expected);
}

static void guest_masked_message(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	guest_open(vp, 0);

	HV_ASSERT_OK(guest_post(vp, 0));
	HV_ASSERT_OK(guest_post(vp, 1));
	hv_take_number(vp, SINT, PORT, 0, true);
	guest_check_interrupts(vp, 0);

	/* The interrupt is lost, not late. */
	hv_set_sint(SINT, 0);
	guest_check_interrupts(vp, 0);
	hv_take_number(vp, SINT, PORT, 1, false);

	HV_ASSERT_OK(guest_post(vp, 2));
	guest_check_interrupts(vp, 1);
	hv_take_number(vp, SINT, PORT, 2, false);
	GUEST_DONE();
}

static void guest_masked_event(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	guest_open(vp, 0);

	HV_ASSERT_STATUS(hv_signal(EVENTS, FLAG), HV_STATUS_INVALID_SYNIC_STATE);
	hv_set_sint(SINT, 0);
	guest_check_interrupts(vp, 0);
	GUEST_ASSERT(!hv_flag_is_set(vp, SINT, FLAG));

	HV_ASSERT_OK(hv_signal(EVENTS, FLAG));
	guest_check_interrupts(vp, 1);
	GUEST_ASSERT(hv_flag_is_set(vp, SINT, FLAG));
	GUEST_DONE();
}

static void guest_polled(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_POLLING);
	guest_open(vp, 0);

	HV_ASSERT_OK(guest_post(vp, 0));
	HV_ASSERT_OK(guest_post(vp, 1));
	HV_ASSERT_OK(hv_signal(EVENTS, FLAG));
	GUEST_ASSERT(hv_flag_is_set(vp, SINT, FLAG));
	hv_take_number(vp, SINT, PORT, 0, true);
	hv_take_number(vp, SINT, PORT, 1, false);
	guest_check_interrupts(vp, 0);

	/* Polling and masked: events are refused. */
	hv_set_sint(SINT, HV_SINT_POLLING | HV_SINT_MASKED);
	HV_ASSERT_OK(guest_post(vp, 2));
	hv_take_number(vp, SINT, PORT, 2, false);
	HV_ASSERT_STATUS(hv_signal(EVENTS, FLAG + 1), HV_STATUS_INVALID_SYNIC_STATE);

	hv_set_sint(SINT, 0);
	guest_check_interrupts(vp, 0);
	HV_ASSERT_OK(hv_signal(EVENTS, FLAG + 1));
	guest_check_interrupts(vp, 1);
	GUEST_DONE();
}

/* Stages of a target that another VP sends to; hv_test_arg is who is meant. */
static void guest_target(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	GUEST_SYNC(0);
	hv_take_number(vp, SINT, PORT, 0, false);
	hv_set_sint(SINT, 0);
	guest_check_interrupts(vp, 0);
	GUEST_ASSERT(!hv_flag_is_set(vp, SINT, FLAG));
	GUEST_SYNC(1);
	guest_check_interrupts(vp, 1);
	GUEST_ASSERT(hv_flag_is_set(vp, SINT, FLAG));
	GUEST_SYNC(2);
	guest_check_interrupts(vp, 2);
	hv_take_number(vp, SINT, PORT, 1, false);
	GUEST_DONE();
}

static void guest_sender(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	/* For HV_ANY_VP: no messages here.  The SINT is masked for events. */
	wrmsr(HV_X64_MSR_SIMP, 0);
	guest_open(vp, hv_test_arg);
	HV_ASSERT_OK(guest_post(vp, 0));
	HV_ASSERT_STATUS(hv_signal(EVENTS, FLAG), HV_STATUS_INVALID_SYNIC_STATE);
	GUEST_SYNC(0);
	HV_ASSERT_OK(hv_signal(EVENTS, FLAG));
	GUEST_ASSERT(!hv_flag_is_set(vp, SINT, FLAG));
	GUEST_SYNC(1);
	HV_ASSERT_OK(guest_post(vp, 1));
	GUEST_DONE();
}

static void host_alternate(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	hv_test_step(vcpus[1], 0);
	hv_test_step(vcpus[0], 0);
	hv_test_step(vcpus[1], 1);
	hv_test_step(vcpus[0], 1);
	hv_test_step(vcpus[1], 2);
	hv_test_finish(vcpus[0]);
	hv_test_finish(vcpus[1]);
}

static const struct hv_test_case cases[] = {
	{ "message to a masked SINT", { guest_masked_message } },
	{ "event to a masked SINT", { guest_masked_event } },
	{ "polled SINT", { guest_polled } },
	{ "another VP's", { guest_sender, guest_target }, .host = host_alternate, .arg = 1 },
	{ "HV_ANY_VP", { guest_sender, guest_target }, .host = host_alternate, .arg = HV_ANY_VP },
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
