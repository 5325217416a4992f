// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_SUPPORTED_HV_CPUID: three bits while the module is loaded, and
 * nothing else.
 */
/* machine: self */
#include <sys/ioctl.h>

#include "hv_call_util.h"
#include "hv_module_util.h"

#define NR_ENTRIES	64

/* AccessPartitionId, CreatePort, ConnectPort */
#define PORT_FEATURES	(BIT(1) | BIT(6) | BIT(7))
/* PostMessages, SignalEvents: KVM's own */
#define OLD_FEATURES	(BIT(4) | BIT(5))

struct leaves {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[NR_ENTRIES];
};

static struct leaves get_leaves(int fd)
{
	struct leaves l = { .head.nent = NR_ENTRIES };

	TEST_ASSERT(!ioctl(fd, KVM_GET_SUPPORTED_HV_CPUID, &l), "KVM_GET_SUPPORTED_HV_CPUID: %s",
		    strerror(errno));
	return l;
}

static struct leaves get_system_leaves(void)
{
	int fd = open_kvm_dev_path_or_exit();
	struct leaves l = get_leaves(fd);

	close(fd);
	return l;
}

static struct kvm_cpuid_entry2 *features_of(struct leaves *l)
{
	int i;

	for (i = 0; i < l->head.nent; i++)
		if (l->entries[i].function == HYPERV_CPUID_FEATURES)
			return &l->entries[i];
	TEST_FAIL("No leaf %#x", HYPERV_CPUID_FEATURES);
	return NULL;
}

static bool differ_only_in_features(struct leaves without, struct leaves with)
{
	features_of(&without)->ebx |= PORT_FEATURES;
	return !memcmp(&without, &with, sizeof(with));
}

/* As seen through a vCPU, whose SynIC is active or not */
static struct leaves get_vcpu_leaves(bool synic)
{
	struct kvm_vcpu *vcpu;
	struct leaves l;
	struct kvm_vm *vm;

	vm = vm_create_with_one_vcpu(&vcpu, hv_caller_code);
	if (synic)
		vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC2, 0);
	l = get_leaves(vcpu->fd);
	kvm_vm_free(vm);
	return l;
}

int main(void)
{
	struct leaves before, with, after, vcpu_before[2], vcpu_with;
	int i;

	hv_module_require();
	ksft_print_header();
	ksft_set_plan(8);

	before = get_system_leaves();
	for (i = 0; i < 2; i++)
		vcpu_before[i] = get_vcpu_leaves(i);
	ksft_test_result(!(features_of(&before)->ebx & PORT_FEATURES),
			 "without the module: none of the bits\n");

	hv_module_load("");
	with = get_system_leaves();
	ksft_test_result((features_of(&with)->ebx & PORT_FEATURES) == PORT_FEATURES,
			 "with the module: all of them\n");
	ksft_test_result((features_of(&with)->ebx & OLD_FEATURES) == OLD_FEATURES,
			 "with the module: the old ones too\n");
	ksft_test_result(with.head.nent == before.head.nent, "with the module: no new leaf\n");
	ksft_test_result(differ_only_in_features(before, with),
			 "with the module: nothing else is different\n");
	for (i = 0; i < 2; i++) {
		vcpu_with = get_vcpu_leaves(i);
		ksft_test_result(differ_only_in_features(vcpu_before[i], vcpu_with),
				 "with the module: a vCPU %s SynIC\n", i ? "with" : "without");
	}

	hv_module_unload();
	after = get_system_leaves();
	ksft_test_result(!memcmp(&before, &after, sizeof(after)),
			 "after the module: as before\n");

	ksft_finished();
}
