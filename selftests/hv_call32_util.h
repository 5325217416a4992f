/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls from 32-bit code
 */
#ifndef SELFTEST_HV_CALL32_UTIL_H
#define SELFTEST_HV_CALL32_UTIL_H

#include "hv_ports_util.h"

/* A code segment for 32 bits, far behind those that the library uses */
#define HV_CS64		0x08
#define HV_CS32		0x80
#define HV_CS32_DESC	0x00cf9b000000ffffULL

/*
 * A call as 32-bit code makes it: control in EDX:EAX, input in EBX:ECX, output
 * in EDI:ESI, result in EDX:EAX.
 */
static noinline __maybe_unused u64 hv_call32(u64 control, u64 in, u64 out)
{
	u32 a = control, d = control >> 32, b = in >> 32, c = in, di = out >> 32, si = out;
	struct {
		u32 offset;
		u16 selector;
	} __packed there = { .selector = HV_CS32 };

	asm volatile("movl $1f, %[there]\n\t"
		     "ljmpl *%[there]\n\t"
		     ".code32\n"
		     "1:\tvmcall\n\t"
		     "ljmpl %[back], $2f\n\t"
		     ".code64\n"
		     "2:"
		     : "+a"(a), "+d"(d), "+b"(b), "+c"(c), "+D"(di), "+S"(si),
		       [there]"+m"(there)
		     : [back]"i"(HV_CS64)
		     : "memory", "cc", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15");
	return (u64)d << 32 | a;
}

/* Host: give the vCPU's GDT the segment.  Once for a VM is enough. */
static inline void hv_setup_call32(struct kvm_vm *vm, struct kvm_vcpu *vcpu)
{
	struct kvm_sregs sregs;
	u64 *gdt;

	vcpu_sregs_get(vcpu, &sregs);
	TEST_ASSERT_EQ(sregs.cs.selector, HV_CS64);
	TEST_ASSERT(sregs.gdt.limit >= HV_CS32 + sizeof(*gdt), "No room in the GDT");
	gdt = addr_gva2hva(vm, sregs.gdt.base);
	gdt[HV_CS32 / sizeof(*gdt)] = HV_CS32_DESC;
}

#endif /* SELFTEST_HV_CALL32_UTIL_H */
