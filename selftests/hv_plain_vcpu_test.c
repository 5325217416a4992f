// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU that knows nothing of Hyper-V has a VP index all the same, so it can be
 * a doorbell's target.  What rings for it waits until its SynIC is on, if ever.
 */
#include "hv_doorbell_util.h"

#define SINT	2
#define PORT	0x123

static const struct hv_bell bell = { HV_BELL_GPA, 0x55, 3 };

static void guest_ringer(struct hv_test_vp *vp)
{
	u64 seen;

	hv_guest_init(vp);
	hv_open_doorbell(vp, PORT, SINT, 1, bell);
	seen = hv_mmio_count(vp);
	hv_bell_write(bell.gpa, 4, bell.value);
	GUEST_ASSERT_EQ(hv_mmio_count(vp), seen);
	GUEST_DONE();
}

static void guest_plain(void)
{
	u64 stage;

	for (stage = 1; ; stage++)
		GUEST_SYNC(stage);
}

/* Two vCPUs, of which the second one is as it comes. */
static struct kvm_vm *create(struct kvm_vcpu *vcpus[])
{
	struct kvm_vm *vm = vm_create(2);

	hv_test_nr_vcpus = 2;
	vcpus[0] = vm_vcpu_add(vm, 0, guest_ringer);
	hv_test_setup_vp(vm, vcpus[0], 0);
	vcpus[1] = vm_vcpu_add(vm, 1, guest_plain);
	sync_global_to_guest(vm, hv_test_vps);
	hv_bell_map(vm, 1);
	return vm;
}

/* What user space does that restores a vCPU */
static void turn_synic_on(struct kvm_vcpu *vcpu, gpa_t sief)
{
	vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC2, 0);
	vcpu_set_msr(vcpu, HV_X64_MSR_SINT0 + SINT, HV_TEST_VECTOR(SINT));
	vcpu_set_msr(vcpu, HV_X64_MSR_SIEFP, sief | HV_ENABLE);
	vcpu_set_msr(vcpu, HV_X64_MSR_SCONTROL, HV_ENABLE);
}

int main(void)
{
	struct kvm_vcpu *vcpus[2];
	struct hv_test_page sief;
	struct kvm_vm *vm;
	u64 *flags;

	ksft_print_header();
	ksft_set_plan(2);
	vm = create(vcpus);
	hv_test_alloc_page(vm, &sief);
	flags = addr_gpa2hva(vm, sief.gpa + SINT * 256);

	hv_test_step(vcpus[1], 1);
	hv_test_finish(vcpus[0]);
	hv_test_step(vcpus[1], 2);
	hv_test_step(vcpus[1], 3);
	ksft_test_result(!flags[PORT / 64], "a vCPU without Hyper-V runs on\n");

	turn_synic_on(vcpus[1], sief.gpa);
	hv_test_step(vcpus[1], 4);
	ksft_test_result(flags[PORT / 64] == BIT_ULL(PORT % 64),
			 "it hears of it when it has a SynIC\n");
	kvm_vm_free(vm);
	ksft_finished();
}
