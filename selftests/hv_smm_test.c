// SPDX-License-Identifier: GPL-2.0-only
/*
 * The target is in system management mode, where other memory may be at the
 * address of its pages.  What is sent to it goes to the pages that it has set, and
 * is there when it comes back.
 */
#include "hv_case_util.h"

#define SINT		2
#define EVENT_SINT	3
#define PORT		0x100
#define CONNECTION	1
#define EVENTS		2
#define TYPE		0x77
#define NUMBER		0x1122334455667788
#define FLAG		70

/* What SMM sees: its code and the saved state, and pages over the target's */
#define SMM_SLOT(n)	(1 << 16 | (n))
#define SMRAM_GPA	0x1000000
#define SMRAM_SIZE	0x10000
#define SMRAM_ENTRY	0x8000
#define SMM_PORT	0xe
#define SMM_IN		1
#define SMM_OUT		2

/* In real mode */
static const u8 smi_handler[] = {
	0xb0, SMM_IN,		/* mov $SMM_IN, %al */
	0xe6, SMM_PORT,		/* out %al, $SMM_PORT */
	0xb0, SMM_OUT,		/* mov $SMM_OUT, %al */
	0xe6, SMM_PORT,		/* out %al, $SMM_PORT */
	0x0f, 0xaa,		/* rsm */
};

static void guest_target(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	hv_set_sint(EVENT_SINT, 0);
	GUEST_SYNC(0);

	hv_await(vp->interrupts[SINT] && vp->interrupts[EVENT_SINT]);
	hv_take_number(vp, SINT, PORT, NUMBER, false);
	GUEST_ASSERT(hv_flag_is_set(vp, EVENT_SINT, FLAG));
	GUEST_DONE();
}

static void guest_sender(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);
	hv_open_port(vp, hv_event_port(PORT + 1, EVENT_SINT, 0, 0, 2048), EVENTS);
	GUEST_SYNC(0);
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, NUMBER));
	HV_ASSERT_OK(hv_signal(EVENTS, FLAG));
	GUEST_DONE();
}

/* Run the vCPU to where its SMI handler says this. */
static void run_smm(struct kvm_vcpu *vcpu, u8 said)
{
	struct kvm_vcpu_events events;
	struct kvm_run *run = vcpu->run;

	vcpu_run(vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
	TEST_ASSERT_EQ(run->io.port, SMM_PORT);
	TEST_ASSERT_EQ(*((u8 *)run + run->io.data_offset), said);
	vcpu_events_get(vcpu, &events);
	TEST_ASSERT(events.smi.smm, "not in SMM");
}

static u8 *add_smm_page(struct kvm_vm *vm, u32 slot, u64 gpa)
{
	u8 *page = hv_test_alloc_memory(getpagesize());

	hv_test_set_slot(vm, slot, gpa, page, getpagesize());
	return page;
}

static void add_smram(struct kvm_vm *vm, struct kvm_vcpu *vcpu)
{
	u8 *smram = hv_test_alloc_memory(SMRAM_SIZE);

	memcpy(smram + SMRAM_ENTRY, smi_handler, sizeof(smi_handler));
	hv_test_set_slot(vm, SMM_SLOT(0), SMRAM_GPA, smram, SMRAM_SIZE);
	vcpu_set_msr(vcpu, MSR_IA32_SMBASE, SMRAM_GPA);
}

static bool is_untouched(const u8 *page)
{
	int i;

	for (i = 0; i < getpagesize(); i++)
		if (page[i])
			return false;
	return true;
}

int main(void)
{
	void *code[] = { guest_target, guest_sender };
	struct kvm_vcpu *vcpus[2];
	struct hv_test_vp *target;
	u8 *over_sim, *over_sief;
	struct kvm_vm *vm;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_X86_SMM));
	ksft_print_header();
	ksft_set_plan(3);
	vm = hv_test_create(2, code, vcpus);
	target = hv_test_vp(vm, 0);
	add_smram(vm, vcpus[0]);
	over_sim = add_smm_page(vm, SMM_SLOT(1), target->sim.gpa);
	over_sief = add_smm_page(vm, SMM_SLOT(2), target->sief.gpa);
	hv_test_step(vcpus[0], 0);
	hv_test_step(vcpus[1], 0);

	vcpu_ioctl(vcpus[0], KVM_SMI, NULL);
	run_smm(vcpus[0], SMM_IN);
	hv_test_finish(vcpus[1]);
	/* On its way back to the guest it has a look at what has come. */
	run_smm(vcpus[0], SMM_OUT);
	ksft_test_result(is_untouched(over_sim), "message: not to what SMM has there\n");
	ksft_test_result(is_untouched(over_sief), "flag: not to what SMM has there\n");

	hv_test_finish(vcpus[0]);
	ksft_test_result_pass("both are there after SMM\n");
	kvm_vm_free(vm);
	ksft_finished();
}
