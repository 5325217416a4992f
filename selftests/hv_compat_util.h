/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What older kernels' selftest library lacks, under the names that newer ones
 * have for it.  No test asks which library it has.
 */
#ifndef SELFTEST_HV_COMPAT_UTIL_H
#define SELFTEST_HV_COMPAT_UTIL_H

#include <string.h>

#include "apic.h"
#include "hyperv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

/* Came together with the types, which the preprocessor does not see. */
#ifndef INVALID_GPA
typedef vm_vaddr_t gva_t;
typedef vm_paddr_t gpa_t;

#define vm_alloc		vm_vaddr_alloc
#define vm_alloc_page		vm_vaddr_alloc_page
#endif

#ifndef fallthrough
#define fallthrough		__attribute__((__fallthrough__))
#endif

#ifndef TEST_ASSERT_EQ
#define TEST_ASSERT_EQ		ASSERT_EQ
#endif

#ifndef TEST_ASSERT_KVM_EXIT_REASON
#define TEST_ASSERT_KVM_EXIT_REASON(vcpu, reason)				\
do {										\
	const u32 __exit = (vcpu)->run->exit_reason;				\
	const u32 __wanted = reason;						\
										\
	TEST_ASSERT(__exit == __wanted, "exit reason %u, wanted %u", __exit,	\
		    __wanted);							\
} while (0)
#endif

/*
 * Text from the guest.  The older ucall() takes seven words and no text, so the
 * format and its arguments travel as they are, and the host, in which the
 * guest's constants have the same addresses, does the printing.  Integers and
 * constant strings only, six at the most, or three in an assertion.
 */
#ifndef GUEST_PRINTF

#define UCALL_PRINTF		(UCALL_UNHANDLED + 1)

/* What follows the arguments makes up for those that are missing. */
#define GUEST_PRINTF(args...)							\
	ucall(UCALL_PRINTF, UCALL_MAX_ARGS, args, 0UL, 0UL, 0UL, 0UL, 0UL, 0UL)

static inline void hv_report_printf(const struct ucall *uc)
{
	const u64 *args = uc->args;

	pr_info((const char *)args[0], args[1], args[2], args[3], args[4], args[5],
		args[6]);
}

#define REPORT_GUEST_PRINTF(uc)	hv_report_printf(&(uc))

#undef __GUEST_ASSERT
#undef GUEST_ASSERT
#undef GUEST_ASSERT_EQ
#undef REPORT_GUEST_ASSERT

#define ____GUEST_ASSERT(condition, text, args...)				\
do {										\
	if (!(condition))							\
		ucall(UCALL_ABORT, UCALL_MAX_ARGS, text, __FILE__, __LINE__,	\
		      args, 0UL, 0UL, 0UL);					\
} while (0)

#define __GUEST_ASSERT(condition, args...)					\
	____GUEST_ASSERT(condition, #condition, args)

#define GUEST_ASSERT(condition)		__GUEST_ASSERT(condition, "")

#define GUEST_FAIL(args...)							\
	____GUEST_ASSERT(false, "Unconditional guest failure", args)

#define __GUEST_ASSERT_CMP(a, op, b)						\
do {										\
	typeof(a) __a = (a);							\
	typeof(b) __b = (b);							\
										\
	____GUEST_ASSERT(__a op __b, #a " " #op " " #b, "%#lx, %#lx",		\
			 (unsigned long)__a, (unsigned long)__b);		\
} while (0)

#define GUEST_ASSERT_EQ(a, b)	__GUEST_ASSERT_CMP(a, ==, b)
#define GUEST_ASSERT_NE(a, b)	__GUEST_ASSERT_CMP(a, !=, b)

static inline void hv_report_assert(const struct ucall *uc)
{
	const u64 *args = uc->args;
	const char *format = (const char *)args[GUEST_ASSERT_BUILTIN_NARGS];

	/* Assertions of the library's own have no format. */
	test_assert(false, (const char *)args[GUEST_ERROR_STRING],
		    (const char *)args[GUEST_FILE], args[GUEST_LINE], format ?: "",
		    args[4], args[5], args[6]);
}

#define REPORT_GUEST_ASSERT(uc)	hv_report_assert(&(uc))

/*
 * Newer libraries do the following by themselves: a VM has descriptor tables, and
 * a vCPU a stack that is aligned as the ABI wants it.
 */
static inline struct kvm_vm *hv_vm_create(u32 nr_vcpus)
{
	struct kvm_vm *vm = vm_create(nr_vcpus);

	vm_init_descriptor_tables(vm);
	return vm;
}

static inline struct kvm_vcpu *hv_vm_vcpu_add(struct kvm_vm *vm, u32 id, void *code)
{
	struct kvm_vcpu *vcpu = vm_vcpu_add(vm, id, code);
	struct kvm_regs regs;

	vcpu_init_descriptor_tables(vcpu);
	vcpu_regs_get(vcpu, &regs);
	regs.rsp -= sizeof(u64);
	vcpu_regs_set(vcpu, &regs);
	return vcpu;
}

static inline struct kvm_vm *hv_vm_create_with_one_vcpu(struct kvm_vcpu **vcpu, void *code)
{
	struct kvm_vm *vm = hv_vm_create(1);

	*vcpu = hv_vm_vcpu_add(vm, 0, code);
	return vm;
}

#define vm_create			hv_vm_create
#define vm_vcpu_add			hv_vm_vcpu_add
#define vm_create_with_one_vcpu		hv_vm_create_with_one_vcpu

/* The older one looks for a ucall each time, while another vCPU may change memory. */
static inline void hv_vcpu_run(struct kvm_vcpu *vcpu)
{
	int r;

	do {
		r = __vcpu_run(vcpu);
	} while (r == -1 && errno == EINTR);
	TEST_ASSERT(!r, KVM_IOCTL_ERROR(KVM_RUN, r));
}

#define vcpu_run			hv_vcpu_run

#define host_cpu_is_intel		is_intel_cpu()

/* Hypercalls */

#define HYPERV_LINUX_OS_ID		((u64)0x8100 << 48)

static inline u8 __hyperv_hypercall(u64 control, vm_vaddr_t in, vm_vaddr_t out,
				    u64 *status)
{
	u8 vector;

	asm volatile("mov %[out], %%r8\n\t"
		     KVM_ASM_SAFE("vmcall")
		     : "=a"(*status), "+c"(control), "+d"(in), KVM_ASM_SAFE_OUTPUTS(vector)
		     : [out]"r"(out), "a"(-EFAULT)
		     : "cc", "memory", "r8", KVM_ASM_SAFE_CLOBBERS);
	return vector;
}

typedef u32 sse128_t __attribute__((vector_size(16)));

static inline void hyperv_write_xmm_input(void *data, int nr)
{
	GUEST_ASSERT_EQ(nr, 6);
	asm volatile("movdqu (%0), %%xmm0\n\t"
		     "movdqu 16(%0), %%xmm1\n\t"
		     "movdqu 32(%0), %%xmm2\n\t"
		     "movdqu 48(%0), %%xmm3\n\t"
		     "movdqu 64(%0), %%xmm4\n\t"
		     "movdqu 80(%0), %%xmm5"
		     : : "r"(data)
		     : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5");
}

#endif /* GUEST_PRINTF */

#endif /* SELFTEST_HV_COMPAT_UTIL_H */
