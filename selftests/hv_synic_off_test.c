// SPDX-License-Identifier: GPL-2.0-only
/*
 * SCONTROL, SIM page or SIEF page are off when somebody sends: he is told.  They
 * are turned off later: what is queued waits until they are on again.
 */
#include "hv_case_util.h"

#define SINT		2
#define TYPE		0x77
#define PORT		0x100
#define CONNECTION	1
#define EVENTS		2	/* connection to an event port */
#define FLAG		100
#define BUFFERS		16

static u64 simp_off(struct hv_test_vp *vp) { return vp->sim.gpa; }
static u64 simp_on(struct hv_test_vp *vp) { return vp->sim.gpa | HV_ENABLE; }
static u64 siefp_off(struct hv_test_vp *vp) { return vp->sief.gpa; }
static u64 siefp_on(struct hv_test_vp *vp) { return vp->sief.gpa | HV_ENABLE; }

static void guest_open(struct hv_test_vp *vp, u32 target)
{
	hv_open_port(vp, hv_message_port(PORT, SINT, target), CONNECTION);
	hv_open_port(vp, hv_event_port(PORT + 1, SINT, target, 0, 2048), EVENTS);
}

static u64 guest_post(struct hv_test_vp *vp, u64 number)
{
	return hv_post_number(vp, CONNECTION, TYPE, number);
}

static void guest_check_statuses(struct hv_test_vp *vp, u64 post, u64 signal)
{
	HV_ASSERT_STATUS(guest_post(vp, 0xdead), post);
	HV_ASSERT_STATUS(hv_signal(EVENTS, FLAG), signal);
}

static void guest_check_nothing_came(struct hv_test_vp *vp)
{
	hv_check_slot_stays_free(vp, SINT);
	GUEST_ASSERT(!hv_flag_is_set(vp, SINT, FLAG));
	GUEST_ASSERT_EQ(vp->interrupts[SINT], 0);
}

/* Refused while off, and nothing of it comes when it is on. */
static void guest_refused(struct hv_test_vp *vp)
{
	const u64 off = HV_STATUS_INVALID_SYNIC_STATE;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	guest_open(vp, 0);

	wrmsr(HV_X64_MSR_SCONTROL, 0);
	guest_check_statuses(vp, off, off);
	wrmsr(HV_X64_MSR_SCONTROL, HV_ENABLE);
	guest_check_nothing_came(vp);

	wrmsr(HV_X64_MSR_SIMP, simp_off(vp));
	HV_ASSERT_STATUS(guest_post(vp, 0xdead), off);
	HV_ASSERT_OK(hv_signal(EVENTS, FLAG + 1));
	GUEST_ASSERT(hv_flag_is_set(vp, SINT, FLAG + 1));
	wrmsr(HV_X64_MSR_SIMP, simp_on(vp));
	hv_await(vp->interrupts[SINT] == 1);
	vp->interrupts[SINT] = 0;
	guest_check_nothing_came(vp);

	wrmsr(HV_X64_MSR_SIEFP, siefp_off(vp));
	HV_ASSERT_STATUS(hv_signal(EVENTS, FLAG), off);
	HV_ASSERT_OK(guest_post(vp, 7));
	hv_await(vp->interrupts[SINT] == 1);
	vp->interrupts[SINT] = 0;
	hv_take_number(vp, SINT, PORT, 7, false);
	wrmsr(HV_X64_MSR_SIEFP, siefp_on(vp));
	guest_check_nothing_came(vp);
	GUEST_DONE();
}

/* The same, said to another VP */
static void guest_off(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	GUEST_SYNC(0);
	wrmsr(HV_X64_MSR_SCONTROL, 0);
	GUEST_SYNC(1);
	wrmsr(HV_X64_MSR_SCONTROL, HV_ENABLE);
	wrmsr(HV_X64_MSR_SIMP, simp_off(vp));
	wrmsr(HV_X64_MSR_SIEFP, siefp_off(vp));
	GUEST_SYNC(2);
	wrmsr(HV_X64_MSR_SIMP, simp_on(vp));
	wrmsr(HV_X64_MSR_SIEFP, siefp_on(vp));
	guest_check_nothing_came(vp);
	GUEST_DONE();
}

static void guest_refused_by_other(struct hv_test_vp *vp)
{
	const u64 off = HV_STATUS_INVALID_SYNIC_STATE;

	hv_guest_init(vp);
	guest_open(vp, 1);
	guest_check_statuses(vp, off, off);
	GUEST_SYNC(1);
	guest_check_statuses(vp, off, off);
	GUEST_DONE();
}

static void host_refused_by_other(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	hv_test_step(vcpus[1], 0);
	hv_test_step(vcpus[1], 1);
	hv_test_step(vcpus[0], 1);
	hv_test_step(vcpus[1], 2);
	hv_test_finish(vcpus[0]);
	hv_test_finish(vcpus[1]);
}

/* One message is in the slot, two are queued. */
static void guest_queue(struct hv_test_vp *vp)
{
	u64 i;

	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	guest_open(vp, 0);
	for (i = 0; i < 3; i++)
		HV_ASSERT_OK(guest_post(vp, i));
	hv_check_slot(vp, SINT, PORT, 0, true);
}

/* Turned off with messages queued, and on again: hv_test_arg is the MSR. */
static void guest_queued(struct hv_test_vp *vp)
{
	const u64 on = hv_test_arg == HV_X64_MSR_SIMP ? simp_on(vp) : HV_ENABLE;

	guest_queue(vp);
	wrmsr(hv_test_arg, on & ~HV_ENABLE);
	GUEST_ASSERT(hv_slot_free(vp, SINT));
	hv_check_slot_stays_free(vp, SINT);
	HV_ASSERT_STATUS(guest_post(vp, 0xdead), HV_STATUS_INVALID_SYNIC_STATE);
	hv_check_slot_stays_free(vp, SINT);

	wrmsr(hv_test_arg, on);
	hv_take_number(vp, SINT, PORT, 1, true);
	wrmsr(hv_test_arg, on & ~HV_ENABLE);
	wrmsr(hv_test_arg, on);
	hv_take_number(vp, SINT, PORT, 2, false);
	hv_check_slot_stays_free(vp, SINT);
	GUEST_DONE();
}

/* The slot is still taken when SIM or SCONTROL are back. */
static void guest_queued_busy(struct hv_test_vp *vp)
{
	const u64 on = hv_test_arg == HV_X64_MSR_SIMP ? simp_on(vp) : HV_ENABLE;

	guest_queue(vp);
	wrmsr(hv_test_arg, on & ~HV_ENABLE);
	wrmsr(hv_test_arg, on);
	hv_exit_often();
	hv_take_number(vp, SINT, PORT, 0, true);
	hv_take_number(vp, SINT, PORT, 1, true);
	hv_take_number(vp, SINT, PORT, 2, false);
	GUEST_DONE();
}

/* The next message is in the new page, whose slot is free, at once. */
static void guest_moved(struct hv_test_vp *vp)
{
	struct hv_test_page old = vp->sim;

	guest_queue(vp);
	/* A page that is not used here, and zero */
	memset(vp->out.gva, 0, 4096);
	vp->sim = vp->out;
	hv_enable_sim(vp);
	hv_take_number(vp, SINT, PORT, 1, true);
	hv_take_number(vp, SINT, PORT, 2, false);

	vp->sim = old;
	hv_check_slot(vp, SINT, PORT, 0, true);
	GUEST_DONE();
}

/* The target does not run while it is sent to, and its SynIC changes. */
static void guest_sleeper(struct hv_test_vp *vp)
{
	u64 i;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	GUEST_SYNC(0);
	guest_check_nothing_came(vp);
	GUEST_SYNC(1);

	hv_await(vp->interrupts[SINT] > 0);
	GUEST_ASSERT(hv_flag_is_set(vp, SINT, FLAG));
	for (i = 0; i < BUFFERS; i++)
		hv_take_number(vp, SINT, PORT, i, i < BUFFERS - 1);
	hv_check_slot_stays_free(vp, SINT);
	GUEST_DONE();
}

static void guest_send_all(struct hv_test_vp *vp)
{
	u64 i;

	hv_guest_init(vp);
	guest_open(vp, 1);
	for (i = 0; i < BUFFERS; i++)
		HV_ASSERT_OK(guest_post(vp, i));
	HV_ASSERT_OK(hv_signal(EVENTS, FLAG));
	GUEST_DONE();
}

static void host_off_scontrol(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	hv_test_step(vcpus[1], 0);
	hv_test_finish(vcpus[0]);
	vcpu_set_msr(vcpus[1], HV_X64_MSR_SCONTROL, 0);
	hv_test_step(vcpus[1], 1);
	vcpu_set_msr(vcpus[1], HV_X64_MSR_SCONTROL, HV_ENABLE);
	hv_test_finish(vcpus[1]);
}

/* This turns it on, too. */
static void host_activates(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	hv_test_step(vcpus[1], 0);
	hv_test_finish(vcpus[0]);
	vcpu_set_msr(vcpus[1], HV_X64_MSR_SCONTROL, 0);
	hv_test_step(vcpus[1], 1);
	vcpu_enable_cap(vcpus[1], KVM_CAP_HYPERV_SYNIC2, 0);
	hv_test_finish(vcpus[1]);
}

static void host_off_pages(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	struct hv_test_vp *vp = hv_test_vp(vm, 1);

	hv_test_step(vcpus[1], 0);
	hv_test_finish(vcpus[0]);
	vcpu_set_msr(vcpus[1], HV_X64_MSR_SIMP, simp_off(vp));
	vcpu_set_msr(vcpus[1], HV_X64_MSR_SIEFP, siefp_off(vp));
	hv_test_step(vcpus[1], 1);
	vcpu_set_msr(vcpus[1], HV_X64_MSR_SIEFP, siefp_on(vp));
	vcpu_set_msr(vcpus[1], HV_X64_MSR_SIMP, simp_on(vp));
	hv_test_finish(vcpus[1]);
}

/* The guest itself turns on again what the host turned off. */
static void guest_turns_on(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	GUEST_SYNC(0);
	guest_check_nothing_came(vp);

	wrmsr(HV_X64_MSR_SIEFP, siefp_on(vp));
	hv_await(vp->interrupts[SINT] == 1);
	GUEST_ASSERT(hv_flag_is_set(vp, SINT, FLAG));
	GUEST_ASSERT_EQ(hv_slot_type(vp, SINT), 0u);

	wrmsr(HV_X64_MSR_SIMP, simp_on(vp));
	hv_await(vp->interrupts[SINT] == 2);
	hv_check_slot(vp, SINT, PORT, 0, true);
	GUEST_DONE();
}

static void host_off(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	struct hv_test_vp *vp = hv_test_vp(vm, 1);

	hv_test_step(vcpus[1], 0);
	hv_test_finish(vcpus[0]);
	vcpu_set_msr(vcpus[1], HV_X64_MSR_SIMP, simp_off(vp));
	vcpu_set_msr(vcpus[1], HV_X64_MSR_SIEFP, siefp_off(vp));
	hv_test_finish(vcpus[1]);
}

/* Both pages are moved by the host before the target runs. */
static void guest_moved_by_host(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	GUEST_SYNC(0);
	guest_check_nothing_came(vp);
	vp->sim = vp->in;
	vp->sief = vp->out;
	GUEST_SYNC(1);
	hv_await(vp->interrupts[SINT] > 0);
	GUEST_ASSERT(hv_flag_is_set(vp, SINT, FLAG));
	hv_check_slot(vp, SINT, PORT, 0, true);
	GUEST_DONE();
}

static void host_moves(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	struct hv_test_vp *vp = hv_test_vp(vm, 1);

	hv_test_step(vcpus[1], 0);
	hv_test_finish(vcpus[0]);
	vcpu_set_msr(vcpus[1], HV_X64_MSR_SCONTROL, 0);
	vcpu_set_msr(vcpus[1], HV_X64_MSR_SIMP, vp->in.gpa | HV_ENABLE);
	vcpu_set_msr(vcpus[1], HV_X64_MSR_SIEFP, vp->out.gpa | HV_ENABLE);
	hv_test_step(vcpus[1], 1);
	vcpu_set_msr(vcpus[1], HV_X64_MSR_SCONTROL, HV_ENABLE);
	hv_test_finish(vcpus[1]);
}

static const struct hv_test_case cases[] = {
	{ "off: refused", { guest_refused } },
	{
		.name = "another VP's is off: refused",
		.code = { guest_refused_by_other, guest_off },
		.host = host_refused_by_other,
	},
	{ "SCONTROL off with messages queued", { guest_queued }, .arg = HV_X64_MSR_SCONTROL },
	{ "SIMP off with messages queued", { guest_queued }, .arg = HV_X64_MSR_SIMP },
	{ "SCONTROL off and on, slot taken", { guest_queued_busy }, .arg = HV_X64_MSR_SCONTROL },
	{ "SIMP off and on, slot taken", { guest_queued_busy }, .arg = HV_X64_MSR_SIMP },
	{ "SIM page moved with messages queued", { guest_moved } },
	{
		.name = "SCONTROL off and on, by the host",
		.code = { guest_send_all, guest_sleeper },
		.host = host_off_scontrol,
	}, {
		.name = "SCONTROL off, SynIC activated again",
		.code = { guest_send_all, guest_sleeper },
		.host = host_activates,
	}, {
		.name = "pages off and on, by the host",
		.code = { guest_send_all, guest_sleeper },
		.host = host_off_pages,
	}, {
		.name = "pages off by the host, on by the guest",
		.code = { guest_send_all, guest_turns_on },
		.host = host_off,
	}, {
		.name = "pages moved, by the host",
		.code = { guest_send_all, guest_moved_by_host },
		.host = host_moves,
	},
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
