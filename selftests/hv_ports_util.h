/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of Hyper-V ports have in common: a VM whose vCPUs have a
 * SynIC, the hypercalls as a guest makes them, and a loop that runs a vCPU.
 *
 * A guest function gets its VP's struct hv_test_vp as its only argument.
 */
#ifndef SELFTEST_HV_PORTS_UTIL_H
#define SELFTEST_HV_PORTS_UTIL_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "hv_compat_util.h"
#include "hv_tlfs.h"

#define HV_TEST_MAX_VCPUS	8

/* By how much long loops are shorter, where a debug kernel makes them longer */
#ifndef HV_TEST_SCALE
#define HV_TEST_SCALE		1
#endif

/* Vectors of SINTs 0 to 15 as hv_test_setup_sint() hands them out */
#define HV_TEST_VECTOR(sint)	(0x40 + (sint))

#define HV_SINT_MASKED		BIT_ULL(16)
#define HV_SINT_AUTO_EOI	BIT_ULL(17)
#define HV_SINT_POLLING		BIT_ULL(18)
#define HV_ENABLE		BIT_ULL(0)

/* Tests use nothing but vCPUs' own pages; GVA and GPA differ. */
struct hv_test_page {
	void *gva;
	u64 gpa;
};

struct hv_test_vp {
	u32 index;
	struct hv_test_page sim;
	struct hv_test_page sief;
	struct hv_test_page in;
	struct hv_test_page out;
	/* Interrupts taken, by SINT */
	volatile u32 interrupts[16];
	/* What the interrupt handler is to do; set by the guest */
	volatile bool no_eoi;
};

/* Host and guest; the guest's copy is synchronised by hv_test_create() */
static struct hv_test_vp *hv_test_vps[HV_TEST_MAX_VCPUS];
static int hv_test_nr_vcpus;

/* Guest: hypercalls */

static inline u64 hv_call(u64 control, u64 in, u64 out)
{
	u64 result;
	u8 vector;

	vector = __hyperv_hypercall(control, in, out, &result);
	GUEST_ASSERT_EQ(vector, 0);
	return result & 0xffff;
}

/* The slow form, with the VP's own input and output pages */
static inline u64 hv_call_slow(struct hv_test_vp *vp, u16 code, const void *in, size_t size)
{
	memcpy(vp->in.gva, in, size);
	return hv_call(code, vp->in.gpa, vp->out.gpa);
}

/* The fast form: up to 16 bytes in registers, up to 112 with XMM0 to 5 */
static inline u64 hv_call_fast(u16 code, const void *in, size_t size)
{
	u8 bytes[112] = {};
	u64 regs[2];

	GUEST_ASSERT(size <= sizeof(bytes));
	memcpy(bytes, in, size);
	memcpy(regs, bytes, sizeof(regs));
	if (size > sizeof(regs)) {
		sse128_t xmm[6];

		memcpy(xmm, bytes + sizeof(regs), sizeof(xmm));
		hyperv_write_xmm_input(xmm, 6);
	}
	return hv_call(code | HV_HYPERCALL_FAST_BIT, regs[0], regs[1]);
}

static inline struct hv_input_create_port hv_message_port(u32 id, u32 sint, u32 vp)
{
	return (struct hv_input_create_port) {
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = id,
		.port_info = {
			.port_type = HV_PORT_TYPE_MESSAGE,
			.message_port_info = { .target_sint = sint, .target_vp = vp },
		},
	};
}

static inline struct hv_input_create_port hv_event_port(u32 id, u32 sint, u32 vp,
							u16 base, u16 count)
{
	return (struct hv_input_create_port) {
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = id,
		.port_info = {
			.port_type = HV_PORT_TYPE_EVENT,
			.event_port_info = {
				.target_sint = sint,
				.target_vp = vp,
				.base_flag_number = base,
				.flag_count = count,
			},
		},
	};
}

static inline struct hv_input_connect_port hv_connection_to(u32 id, u32 port, u32 type)
{
	return (struct hv_input_connect_port) {
		.connection_partition_id = HV_PARTITION_ID_SELF,
		.connection_id = id,
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = port,
		.connection_info = { .port_type = type },
	};
}

static inline u64 hv_create_port(struct hv_test_vp *vp, struct hv_input_create_port in)
{
	return hv_call_slow(vp, HVCALL_CREATE_PORT, &in, sizeof(in));
}

static inline u64 hv_connect_port(struct hv_test_vp *vp, struct hv_input_connect_port in)
{
	return hv_call_slow(vp, HVCALL_CONNECT_PORT, &in, sizeof(in));
}

static inline u64 hv_delete_port(u32 id)
{
	struct hv_input_delete_port in = {
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = id,
	};

	return hv_call_fast(HVCALL_DELETE_PORT, &in, sizeof(in));
}

static inline u64 hv_disconnect_port(u32 id)
{
	struct hv_input_disconnect_port in = {
		.connection_partition_id = HV_PARTITION_ID_SELF,
		.connection_id = id,
	};

	return hv_call_fast(HVCALL_DISCONNECT_PORT, &in, sizeof(in));
}

static inline u64 hv_post(struct hv_test_vp *vp, u32 connection, u32 type,
			  const void *payload, u32 size)
{
	struct hv_port_post_message *in = vp->in.gva;

	memset(in, 0, sizeof(*in));
	in->connection_id = connection;
	in->message_type = type;
	in->payload_size = size;
	memcpy(in->payload, payload, size);
	return hv_call(HVCALL_POST_MESSAGE, vp->in.gpa, 0);
}

static inline u64 hv_signal(u32 connection, u16 flag)
{
	struct hv_port_signal_event in = {
		.connection_id = connection,
		.flag_number = flag,
	};

	return hv_call_fast(HVCALL_SIGNAL_EVENT, &in, sizeof(in));
}

static inline u64 hv_get_property(struct hv_test_vp *vp, u32 port, u32 code, u64 *value)
{
	struct hv_input_get_port_property in = {
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = port,
		.property_code = code,
	};
	u64 status = hv_call_slow(vp, HVCALL_GET_PORT_PROPERTY, &in, sizeof(in));

	*value = *(u64 *)vp->out.gva;
	return status;
}

#define HV_ASSERT_STATUS(call, status)	GUEST_ASSERT_EQ(call, (u64)(status))
#define HV_ASSERT_OK(call)		HV_ASSERT_STATUS(call, HV_STATUS_SUCCESS)

/* Guest: the SynIC */

static inline volatile struct hv_port_message *hv_slot(struct hv_test_vp *vp, u32 sint)
{
	return (volatile struct hv_port_message *)vp->sim.gva + sint;
}

static inline volatile u64 *hv_flags(struct hv_test_vp *vp, u32 sint)
{
	return (volatile u64 *)vp->sief.gva + sint * 32;
}

static inline bool hv_flag_is_set(struct hv_test_vp *vp, u32 sint, u32 flag)
{
	return hv_flags(vp, sint)[flag / 64] & BIT_ULL(flag % 64);
}

static inline void hv_flag_clear(struct hv_test_vp *vp, u32 sint, u32 flag)
{
	__atomic_fetch_and((u64 *)hv_flags(vp, sint) + flag / 64, ~BIT_ULL(flag % 64),
			   __ATOMIC_SEQ_CST);
}

/* Free the slot as a guest has to; true if it wrote EOM. */
static inline bool hv_slot_free(struct hv_test_vp *vp, u32 sint)
{
	volatile struct hv_port_message *slot = hv_slot(vp, sint);

	slot->message_type = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(slot->message_flags & HV_PORT_MESSAGE_PENDING))
		return false;
	wrmsr(HV_X64_MSR_EOM, 0);
	return true;
}

/* Bounded, so that a lost message is a failure and not a hang. */
#define HV_WAIT_LOOPS	400000000ULL
#define hv_wait_until(condition)						\
do {										\
	u64 __loops = 0;							\
	while (!(condition)) {							\
		__asm__ volatile("pause");					\
		__GUEST_ASSERT(__loops++ < HV_WAIT_LOOPS, "no " #condition);	\
	}									\
} while (0)

static inline void hv_set_sint(u32 sint, u64 flags)
{
	wrmsr(HV_X64_MSR_SINT0 + sint, HV_TEST_VECTOR(sint) | flags);
}

static inline void hv_enable_sim(struct hv_test_vp *vp)
{
	wrmsr(HV_X64_MSR_SIMP, vp->sim.gpa | HV_ENABLE);
}

static inline void hv_enable_sief(struct hv_test_vp *vp)
{
	wrmsr(HV_X64_MSR_SIEFP, vp->sief.gpa | HV_ENABLE);
}

/* Everything on, all SINTs masked, interrupts enabled */
static inline void hv_guest_init(struct hv_test_vp *vp)
{
	x2apic_enable();
	wrmsr(HV_X64_MSR_GUEST_OS_ID, HYPERV_LINUX_OS_ID);
	hv_enable_sim(vp);
	hv_enable_sief(vp);
	wrmsr(HV_X64_MSR_SCONTROL, HV_ENABLE);
	asm volatile("sti");
}

/*
 * Sleep with interrupts off before and after.  STI keeps them off until after
 * the HLT, but not in QEMU's emulation of SVM, which forgets that across a VMRUN;
 * so an interrupt that comes between the two skips the HLT, see below.
 */
asm(".pushsection .text\n"
	"hv_guest_sleep: sti\n"
	"hv_guest_hlt: hlt\n"
	"cli\n"
	"ret\n"
	".popsection");
void hv_guest_sleep(void);
extern char hv_guest_hlt[];

static inline void hv_skip_hlt(struct ex_regs *regs)
{
	if (regs->rip == (u64)hv_guest_hlt)
		regs->rip++;
}

static inline void hv_test_interrupt(struct ex_regs *regs)
{
	struct hv_test_vp *vp = hv_test_vps[rdmsr(HV_X64_MSR_VP_INDEX)];

	hv_skip_hlt(regs);
	vp->interrupts[regs->vector - HV_TEST_VECTOR(0)]++;
	if (!vp->no_eoi)
		x2apic_write_reg(APIC_EOI, 0);
}

/* Host */

static inline void hv_test_alloc_page(struct kvm_vm *vm, struct hv_test_page *page)
{
	gva_t gva = vm_alloc_page(vm);

	memset(addr_gva2hva(vm, gva), 0, getpagesize());
	page->gva = (void *)gva;
	page->gpa = addr_gva2gpa(vm, gva);
}

static inline void hv_test_setup_vp(struct kvm_vm *vm, struct kvm_vcpu *vcpu, int index)
{
	gva_t gva = vm_alloc_page(vm);
	struct hv_test_vp *vp = addr_gva2hva(vm, gva);

	memset(vp, 0, sizeof(*vp));
	vp->index = index;
	hv_test_alloc_page(vm, &vp->sim);
	hv_test_alloc_page(vm, &vp->sief);
	hv_test_alloc_page(vm, &vp->in);
	hv_test_alloc_page(vm, &vp->out);
	hv_test_vps[index] = (struct hv_test_vp *)gva;
	vcpu_args_set(vcpu, 1, gva);

	vcpu_set_hv_cpuid(vcpu);
	vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC2, 0);
}

/*
 * Memory of the caller's as the slot that it is told, which the library does not
 * know; none if @memory is NULL.  The address space is in bit 16 of @slot.
 */
static inline void hv_test_set_slot_flags(struct kvm_vm *vm, u32 slot, u32 flags, u64 gpa,
					  void *memory, u64 size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = memory ? size : 0,
		.userspace_addr = (u64)memory,
	};

	vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static inline void hv_test_set_slot(struct kvm_vm *vm, u32 slot, u64 gpa, void *memory,
				    u64 size)
{
	hv_test_set_slot_flags(vm, slot, 0, gpa, memory, size);
}

/* Memory for hv_test_set_slot() */
static inline void *hv_test_alloc_memory(u64 size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	TEST_ASSERT(memory != MAP_FAILED, "mmap");
	return memory;
}

/* The host's view of a VP's data */
static inline struct hv_test_vp *hv_test_vp(struct kvm_vm *vm, int index)
{
	return addr_gva2hva(vm, (gva_t)hv_test_vps[index]);
}

/* What has to be done to a VM before it has vCPUs, if anything */
static void (*hv_test_prepare)(struct kvm_vm *vm);

/* A VM whose vCPU number i runs code[i] */
static inline struct kvm_vm *hv_test_create(int nr_vcpus, void *code[],
					    struct kvm_vcpu *vcpus[])
{
	struct kvm_vm *vm = vm_create(nr_vcpus);
	int i;

	if (hv_test_prepare)
		hv_test_prepare(vm);
	hv_test_nr_vcpus = nr_vcpus;
	for (i = 0; i < nr_vcpus; i++) {
		vcpus[i] = vm_vcpu_add(vm, i, code[i]);
		hv_test_setup_vp(vm, vcpus[i], i);
	}
	for (i = 0; i < 16; i++)
		vm_install_exception_handler(vm, HV_TEST_VECTOR(i), hv_test_interrupt);
	sync_global_to_guest(vm, hv_test_vps);
	return vm;
}

/* Hypercalls that reached user space, and what it answers */
static _Atomic u32 hv_test_user_hypercalls;
static u64 hv_test_user_status = HV_STATUS_INVALID_CONNECTION_ID;
/* The last of them, for tests with one vCPU at a time */
static struct kvm_hyperv_exit hv_test_user_exit;

/* Exits that a test answers itself: true if it did */
static bool (*hv_test_exit)(struct kvm_vcpu *vcpu);

/* True if the guest synced (stage) or is done (-1); else it can go on. */
static inline bool hv_test_handle_ucall(struct kvm_vcpu *vcpu, s64 *stage)
{
	struct ucall uc;

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		*stage = uc.args[1];
		return true;
	case UCALL_DONE:
		*stage = -1;
		return true;
	case UCALL_PRINTF:
		REPORT_GUEST_PRINTF(uc);
		break;
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
		break;
	default:
		TEST_FAIL("Unknown ucall %lu", uc.cmd);
	}
	return false;
}

/* The same for all exits */
static inline bool hv_test_handle_exit(struct kvm_vcpu *vcpu, s64 *stage)
{
	struct kvm_run *run = vcpu->run;

	if (run->exit_reason == KVM_EXIT_HYPERV) {
		if (run->hyperv.type == KVM_EXIT_HYPERV_HCALL) {
			hv_test_user_exit = run->hyperv;
			run->hyperv.u.hcall.result = hv_test_user_status;
			atomic_fetch_add(&hv_test_user_hypercalls, 1);
		}
		return false;
	}

	if (hv_test_exit && hv_test_exit(vcpu))
		return false;
	return hv_test_handle_ucall(vcpu, stage);
}

/* Run until the guest syncs (returns its stage) or is done (returns -1). */
static inline s64 hv_test_run(struct kvm_vcpu *vcpu)
{
	s64 stage;

	do {
		vcpu_run(vcpu);
	} while (!hv_test_handle_exit(vcpu, &stage));
	return stage;
}

static inline void *hv_test_thread(void *vcpu)
{
	while (hv_test_run(vcpu) != -1)
		;
	return NULL;
}

/* Run each vCPU in a thread of its own until all are done. */
static inline void hv_test_run_all(int nr_vcpus, struct kvm_vcpu *vcpus[])
{
	pthread_t threads[HV_TEST_MAX_VCPUS];
	int i;

	for (i = 0; i < nr_vcpus; i++)
		TEST_ASSERT(!pthread_create(&threads[i], NULL, hv_test_thread, vcpus[i]),
			    "pthread_create");
	for (i = 0; i < nr_vcpus; i++)
		pthread_join(threads[i], NULL);
}

#endif /* SELFTEST_HV_PORTS_UTIL_H */
