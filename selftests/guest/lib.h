/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a bare-metal guest needs: console, interrupts, a second vCPU, and the
 * Hyper-V interface.
 */
#ifndef GUEST_LIB_H
#define GUEST_LIB_H

#include <linux/types.h>

#include "hv_tlfs.h"

#define NR_VPS			2
#define NR_SINTS		16
#define PAGE_SIZE		4096

/* QEMU's isa-debug-exit makes (value << 1) | 1 its own exit status. */
enum guest_exit {
	GUEST_PASS	= 0,
	GUEST_FAIL	= 1,
	GUEST_NO_PORTS	= 2,	/* the host has no port service */
	GUEST_NO_HYPERV	= 3,	/* the machine is not a Hyper-V one */
	GUEST_CRASH	= 5,	/* 4 is a skipped test to the machine */
};

static inline void outb(u16 port, u8 value)
{
	asm volatile("out %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outl(u16 port, u32 value)
{
	asm volatile("out %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline u8 inb(u16 port)
{
	u8 value;

	asm volatile("in %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return low | (u64)high << 32;
}

static inline void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value),
		     "d"((u32)(value >> 32)) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return low | (u64)high << 32;
}

struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(u32 leaf)
{
	struct cpuid_regs r;

	asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx),
		     "=d"(r.edx) : "a"(leaf), "c"(0));
	return r;
}

static inline void cpu_relax(void)
{
	asm volatile("pause" : : : "memory");
}

/* A full barrier */
static inline void mb(void)
{
	asm volatile("mfence" : : : "memory");
}

static inline u64 xchg64(u64 *p, u64 value)
{
	asm volatile("xchgq %0, %1" : "+r"(value), "+m"(*p) : : "memory");
	return value;
}

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *s);

/*
 * The console prints whole lines.  A vCPU that holds it may print several and
 * act between them: nobody else's lines, nor its own interrupts', get in.
 */
void console_lock(void);
void console_unlock(void);
void print(const char *fmt, ...) __printf(1, 2);
/* The same with the vCPU's name in front */
void say(const char *fmt, ...) __printf(1, 2);

void finish(enum guest_exit code) __noreturn;
void fail(const char *fmt, ...) __printf(1, 2) __noreturn;

unsigned int this_vp(void);
void start_second_vp(void);
/* Runs @fn on @vp and waits for its end. */
void on_vp(unsigned int vp, void (*fn)(void *arg), void *arg);

/*
 * Long enough for a machine that is emulated by an emulated one; counted in
 * TSC ticks because nothing here needs to know a second.
 */
#define WAIT_TICKS		60000000000UL

/* Evaluates @cond until it holds, and not once more. */
#define wait_ticks(cond, ticks)					\
({								\
	u64 __start = rdtsc(), __ticks = (ticks);		\
	bool __ok;						\
								\
	while (!(__ok = (cond)) && rdtsc() - __start < __ticks)	\
		cpu_relax();					\
	__ok;							\
})

#define wait_for(cond)		wait_ticks(cond, WAIT_TICKS)

typedef void (*interrupt_fn)(unsigned int vector);

void set_interrupt(unsigned int vector, interrupt_fn fn);
void end_of_interrupt(void);
bool interrupt_in_service(unsigned int vector);

/* Hyper-V */

#define HV_MSR_GUEST_OS_ID		0x40000000
#define HV_MSR_HYPERCALL		0x40000001
#define HV_MSR_VP_INDEX			0x40000002
#define HV_MSR_SCONTROL			0x40000080
#define HV_MSR_SIEFP			0x40000082
#define HV_MSR_SIMP			0x40000083
#define HV_MSR_EOM			0x40000084
#define HV_MSR_SINT0			0x40000090

#define HV_MSR_ENABLE			BIT(0)
#define HV_SINT_MASKED			BIT(16)
#define HV_SINT_AUTO_EOI		BIT(17)

#define HV_CPUID_VENDOR			0x40000000
#define HV_CPUID_INTERFACE		0x40000001
#define HV_CPUID_FEATURES		0x40000003
#define HV_INTERFACE_HV1		0x31237648	/* "Hv#1" */

/* CPUID 0x40000003 EAX */
#define HV_FEATURE_SYNIC		BIT(2)
#define HV_FEATURE_HYPERCALL		BIT(5)
#define HV_FEATURE_VP_INDEX		BIT(6)
/* EBX */
#define HV_PRIVILEGE_PARTITION_ID	BIT(1)
#define HV_PRIVILEGE_POST_MESSAGES	BIT(4)
#define HV_PRIVILEGE_SIGNAL_EVENTS	BIT(5)
#define HV_PRIVILEGE_CREATE_PORT	BIT(6)
#define HV_PRIVILEGE_CONNECT_PORT	BIT(7)
/* EDX */
#define HV_FEATURE_XMM_INPUT		BIT(4)

#define HV_HYPERCALL_FAST		BIT(16)

#define HV_EVENT_FLAGS			2048

/* Ends the program if this is not a Hyper-V machine with a SynIC. */
void hv_require(void);
/* Guest OS id and hypercall page; once for all vCPUs */
void hv_init(void);
/* This vCPU's SynIC and its message and event pages */
void synic_init(void);
void synic_set_sint(unsigned int sint, unsigned int vector, u64 flags);

/* What these point to changes by itself. */
struct hv_port_message *synic_message(unsigned int vp, unsigned int sint);
u64 *synic_flags(unsigned int vp, unsigned int sint);

/* Frees the slot and has the hypervisor go on if more is waiting. */
bool synic_free_message(unsigned int sint);

/* This vCPU's page for a hypercall's input, cleared */
void *hv_input(void);
u16 hv_call(u16 code, const void *input, void *output);
/* Up to 16 bytes */
u16 hv_call_fast(u16 code, u64 input0, u64 input1);
/* Up to 112 bytes; the input is read up to there. */
u16 hv_call_xmm(u16 code, const void *input);

u16 hv_post_message(u32 connection, u32 type, const void *payload, u32 size);
const char *hv_status_name(u16 status);

/* The program */
void guest_main(void);

#endif /* GUEST_LIB_H */
