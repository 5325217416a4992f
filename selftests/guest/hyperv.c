// SPDX-License-Identifier: GPL-2.0-only
/*
 * The Hyper-V interface: CPUID, hypercalls and the SynIC.
 */
#include "lib.h"

/* An open-source system that nobody has heard of */
#define GUEST_OS_ID		(BIT(63) | 1)

static u8 hypercall_page[PAGE_SIZE] __aligned(PAGE_SIZE);
static u8 input_pages[NR_VPS][PAGE_SIZE] __aligned(PAGE_SIZE);
static struct hv_port_message message_pages[NR_VPS][NR_SINTS] __aligned(PAGE_SIZE);
static u64 flag_pages[NR_VPS][NR_SINTS][HV_EVENT_FLAGS / 64] __aligned(PAGE_SIZE);

void hv_require(void)
{
	const u32 needed = HV_FEATURE_SYNIC | HV_FEATURE_HYPERCALL |
			   HV_FEATURE_VP_INDEX;
	struct cpuid_regs vendor = cpuid(HV_CPUID_VENDOR);
	struct cpuid_regs features;
	char name[13] = {};

	memcpy(name, &vendor.ebx, 4);
	memcpy(name + 4, &vendor.ecx, 4);
	memcpy(name + 8, &vendor.edx, 4);
	if (vendor.eax < HV_CPUID_FEATURES ||
	    cpuid(HV_CPUID_INTERFACE).eax != HV_INTERFACE_HV1) {
		say("no hyperv: the hypervisor calls itself \"%s\"", name);
		finish(GUEST_NO_HYPERV);
	}

	features = cpuid(HV_CPUID_FEATURES);
	say("hypervisor \"%s\", features eax 0x%08x ebx 0x%08x edx 0x%08x",
	    name, features.eax, features.ebx, features.edx);
	if ((features.eax & needed) != needed) {
		say("no hyperv: SynIC, VP index or hypercalls are missing");
		finish(GUEST_NO_HYPERV);
	}
}

void hv_init(void)
{
	wrmsr(HV_MSR_GUEST_OS_ID, GUEST_OS_ID);
	wrmsr(HV_MSR_HYPERCALL, (u64)hypercall_page | HV_MSR_ENABLE);
}

/* The pages may be the hypervisor's own now, laid over ours: clear them after. */
void synic_init(void)
{
	unsigned int vp = this_vp();

	if (rdmsr(HV_MSR_VP_INDEX) != vp)
		fail("VP index %lu", rdmsr(HV_MSR_VP_INDEX));
	wrmsr(HV_MSR_SIMP, (u64)message_pages[vp] | HV_MSR_ENABLE);
	wrmsr(HV_MSR_SIEFP, (u64)flag_pages[vp] | HV_MSR_ENABLE);
	wrmsr(HV_MSR_SCONTROL, HV_MSR_ENABLE);
	memset(message_pages[vp], 0, PAGE_SIZE);
	memset(flag_pages[vp], 0, PAGE_SIZE);
}

void synic_set_sint(unsigned int sint, unsigned int vector, u64 flags)
{
	wrmsr(HV_MSR_SINT0 + sint, vector | flags);
}

struct hv_port_message *synic_message(unsigned int vp, unsigned int sint)
{
	return &message_pages[vp][sint];
}

bool synic_free_message(unsigned int sint)
{
	struct hv_port_message *slot = synic_message(this_vp(), sint);

	WRITE_ONCE(slot->message_type, 0);
	/*
	 * The hypervisor sets the flag and then looks at the type again, so
	 * one of the two sees what the other did.
	 */
	mb();
	if (!(READ_ONCE(slot->message_flags) & HV_PORT_MESSAGE_PENDING))
		return false;
	wrmsr(HV_MSR_EOM, 0);
	return true;
}

u64 *synic_flags(unsigned int vp, unsigned int sint)
{
	return flag_pages[vp][sint];
}

static u64 hypercall(u64 control, u64 input, u64 output)
{
	register u64 r8 asm("r8") = output;
	u64 result;

	asm volatile("call *%[page]"
		     : "=a"(result), "+c"(control), "+d"(input), "+r"(r8)
		     : [page] "r"((u64)hypercall_page)
		     : "memory", "cc", "r9", "r10", "r11");
	return result;
}

void *hv_input(void)
{
	return memset(input_pages[this_vp()], 0, PAGE_SIZE);
}

u16 hv_call(u16 code, const void *input, void *output)
{
	return hypercall(code, (u64)input, (u64)output);
}

u16 hv_call_fast(u16 code, u64 input0, u64 input1)
{
	return hypercall(code | HV_HYPERCALL_FAST, input0, input1);
}

/* Nothing else touches the registers: the compiler is told not to use them. */
u16 hv_call_xmm(u16 code, const void *input)
{
	const u64 *in = input;

	asm volatile("movdqu 16(%0), %%xmm0\n\t"
		     "movdqu 32(%0), %%xmm1\n\t"
		     "movdqu 48(%0), %%xmm2\n\t"
		     "movdqu 64(%0), %%xmm3\n\t"
		     "movdqu 80(%0), %%xmm4\n\t"
		     "movdqu 96(%0), %%xmm5"
		     : : "r"(in) : "memory");
	return hypercall(code | HV_HYPERCALL_FAST, in[0], in[1]);
}

u16 hv_post_message(u32 connection, u32 type, const void *payload, u32 size)
{
	struct hv_port_post_message *post = hv_input();

	post->connection_id = connection;
	post->message_type = type;
	post->payload_size = size;
	memcpy(post->payload, payload,
	       size < sizeof(post->payload) ? size : sizeof(post->payload));
	return hv_call(HVCALL_POST_MESSAGE, post, NULL);
}

const char *hv_status_name(u16 status)
{
	static const char * const names[] = {
		[HV_STATUS_SUCCESS] = "SUCCESS",
		[HV_STATUS_INVALID_HYPERCALL_CODE] = "INVALID_HYPERCALL_CODE",
		[HV_STATUS_INVALID_HYPERCALL_INPUT] = "INVALID_HYPERCALL_INPUT",
		[HV_STATUS_INVALID_ALIGNMENT] = "INVALID_ALIGNMENT",
		[HV_STATUS_INVALID_PARAMETER] = "INVALID_PARAMETER",
		[HV_STATUS_ACCESS_DENIED] = "ACCESS_DENIED",
		[HV_STATUS_INVALID_PARTITION_STATE] = "INVALID_PARTITION_STATE",
		[HV_STATUS_OPERATION_DENIED] = "OPERATION_DENIED",
		[HV_STATUS_UNKNOWN_PROPERTY] = "UNKNOWN_PROPERTY",
		[HV_STATUS_INSUFFICIENT_MEMORY] = "INSUFFICIENT_MEMORY",
		[HV_STATUS_INVALID_PARTITION_ID] = "INVALID_PARTITION_ID",
		[HV_STATUS_INVALID_VP_INDEX] = "INVALID_VP_INDEX",
		[HV_STATUS_INVALID_PORT_ID] = "INVALID_PORT_ID",
		[HV_STATUS_INVALID_CONNECTION_ID] = "INVALID_CONNECTION_ID",
		[HV_STATUS_INSUFFICIENT_BUFFERS] = "INSUFFICIENT_BUFFERS",
		[HV_STATUS_INVALID_SYNIC_STATE] = "INVALID_SYNIC_STATE",
		[HV_STATUS_NO_RESOURCES] = "NO_RESOURCES",
	};

	if (status >= ARRAY_SIZE(names) || !names[status])
		return "UNKNOWN STATUS";
	return names[status];
}
