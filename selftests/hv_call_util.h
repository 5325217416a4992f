/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that makes the hypercalls that the host tells it to, one after the
 * other, so that a test can be written on the host's side alone.
 */
#ifndef SELFTEST_HV_CALL_UTIL_H
#define SELFTEST_HV_CALL_UTIL_H

#include "hv_ports_util.h"

/* Two pages, so that an input that crosses from one into the other is there */
#define HV_CALLER_INPUT_PAGES	2

/* Nobody's memory, in any test */
#define HV_GPA_UNBACKED		0x140000000ULL

/* Shared with the guest */
struct hv_guest_call {
	u8 xmm[96] __aligned(16);
	u64 control;
	u64 in;
	u64 out;
	u64 result;
	u64 vector;
};

static struct hv_guest_call hv_guest_call;

struct hv_caller {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[HV_TEST_MAX_VCPUS];
	/* The caller's, as the host sees them */
	void *sim;
	void *sief;
	u8 *in;
	u64 in_gpa;
	u64 *out;
	u64 out_gpa;
};

static inline void hv_caller_loop(void)
{
	u64 result;

	for (;;) {
		GUEST_SYNC(0);
		hyperv_write_xmm_input(hv_guest_call.xmm, 6);
		hv_guest_call.vector = __hyperv_hypercall(hv_guest_call.control,
							  hv_guest_call.in,
							  hv_guest_call.out, &result);
		hv_guest_call.result = result;
	}
}

static inline void hv_caller_code(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_caller_loop();
}

static inline void hv_caller_no_synic_code(struct hv_test_vp *vp)
{
	wrmsr(HV_X64_MSR_GUEST_OS_ID, HYPERV_LINUX_OS_ID);
	hv_caller_loop();
}

static inline void hv_caller_alloc_input(struct hv_caller *c)
{
	gva_t gva = vm_alloc(c->vm, HV_CALLER_INPUT_PAGES * getpagesize(),
					KVM_UTIL_MIN_VADDR);

	c->in = addr_gva2hva(c->vm, gva);
	c->in_gpa = addr_gva2gpa(c->vm, gva);
	TEST_ASSERT_EQ(addr_gva2gpa(c->vm, gva + getpagesize()), c->in_gpa + getpagesize());
}

/* A VM that is ready to run @caller_code; vCPUs but the first never do. */
static inline void hv_caller_create_code(struct hv_caller *c, int nr_vcpus,
					 void (*caller_code)(struct hv_test_vp *vp))
{
	void *code[HV_TEST_MAX_VCPUS];
	struct hv_test_vp *vp;
	int i;

	for (i = 0; i < nr_vcpus; i++)
		code[i] = caller_code;
	c->vm = hv_test_create(nr_vcpus, code, c->vcpus);
	hv_caller_alloc_input(c);

	vp = hv_test_vp(c->vm, 0);
	c->sim = addr_gpa2hva(c->vm, vp->sim.gpa);
	c->sief = addr_gpa2hva(c->vm, vp->sief.gpa);
	c->out = addr_gpa2hva(c->vm, vp->out.gpa);
	c->out_gpa = vp->out.gpa;
}

static inline void hv_caller_create(struct hv_caller *c, int nr_vcpus)
{
	hv_caller_create_code(c, nr_vcpus, hv_caller_code);
}

/* The same without SynIC */
static inline void hv_caller_create_no_synic(struct hv_caller *c)
{
	struct hv_test_page out;

	c->vm = vm_create_with_one_vcpu(&c->vcpus[0], hv_caller_no_synic_code);
	vcpu_set_hv_cpuid(c->vcpus[0]);
	hv_caller_alloc_input(c);
	hv_test_alloc_page(c->vm, &out);
	c->out = addr_gpa2hva(c->vm, out.gpa);
	c->out_gpa = out.gpa;
}

/* To where the guest can be told of its first call */
static inline void hv_caller_start(struct hv_caller *c)
{
	TEST_ASSERT_EQ(hv_test_run(c->vcpus[0]), 0);
}

static inline void hv_caller_init(struct hv_caller *c, int nr_vcpus)
{
	hv_caller_create(c, nr_vcpus);
	hv_caller_start(c);
}

static inline void hv_caller_free(struct hv_caller *c)
{
	kvm_vm_free(c->vm);
}

/* The whole result, the registers as given; XMM0 to 5 from hv_guest_call */
static inline u64 hv_caller_call(struct hv_caller *c, u64 control, u64 in, u64 out)
{
	hv_guest_call.control = control;
	hv_guest_call.in = in;
	hv_guest_call.out = out;
	sync_global_to_guest(c->vm, hv_guest_call);
	TEST_ASSERT_EQ(hv_test_run(c->vcpus[0]), 0);
	sync_global_from_guest(c->vm, hv_guest_call);
	TEST_ASSERT_EQ(hv_guest_call.vector, 0);
	return hv_guest_call.result;
}

static inline u64 hv_caller_slow(struct hv_caller *c, u16 code, const void *in, size_t size)
{
	memcpy(c->in, in, size);
	return hv_caller_call(c, code, c->in_gpa, c->out_gpa);
}

/* In registers, of which XMM0 to 5 hold what is beyond 16 bytes */
static inline u64 hv_caller_fast(struct hv_caller *c, u64 control, const void *in, size_t size)
{
	u64 regs[2] = {};

	TEST_ASSERT(size <= sizeof(regs) + sizeof(hv_guest_call.xmm), "%zu bytes", size);
	memset(hv_guest_call.xmm, 0, sizeof(hv_guest_call.xmm));
	memcpy(regs, in, min(size, sizeof(regs)));
	if (size > sizeof(regs))
		memcpy(hv_guest_call.xmm, in + sizeof(regs), size - sizeof(regs));
	return hv_caller_call(c, control | HV_HYPERCALL_FAST_BIT, regs[0], regs[1]);
}

static inline u64 hv_caller_create_port(struct hv_caller *c, struct hv_input_create_port in)
{
	return hv_caller_slow(c, HVCALL_CREATE_PORT, &in, sizeof(in));
}

static inline u64 hv_caller_delete_port(struct hv_caller *c, u32 id)
{
	struct hv_input_delete_port in = {
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = id,
	};

	return hv_caller_slow(c, HVCALL_DELETE_PORT, &in, sizeof(in));
}

static inline u64 hv_caller_connect_port(struct hv_caller *c, struct hv_input_connect_port in)
{
	return hv_caller_slow(c, HVCALL_CONNECT_PORT, &in, sizeof(in));
}

static inline u64 hv_caller_disconnect_port(struct hv_caller *c, u32 id)
{
	struct hv_input_disconnect_port in = {
		.connection_partition_id = HV_PARTITION_ID_SELF,
		.connection_id = id,
	};

	return hv_caller_slow(c, HVCALL_DISCONNECT_PORT, &in, sizeof(in));
}

static inline u64 hv_caller_post(struct hv_caller *c, u32 connection)
{
	struct hv_port_post_message in = {
		.connection_id = connection,
		.message_type = 1,
		.payload_size = 8,
	};

	return hv_caller_slow(c, HVCALL_POST_MESSAGE, &in, sizeof(in));
}

static inline u64 hv_caller_signal(struct hv_caller *c, u32 connection, u16 flag)
{
	struct hv_port_signal_event in = {
		.connection_id = connection,
		.flag_number = flag,
	};

	return hv_caller_slow(c, HVCALL_SIGNAL_EVENT, &in, sizeof(in));
}

static inline u64 hv_caller_get_property(struct hv_caller *c, u32 port, u32 code, u64 *value)
{
	struct hv_input_get_port_property in = {
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = port,
		.property_code = code,
	};
	u64 status = hv_caller_slow(c, HVCALL_GET_PORT_PROPERTY, &in, sizeof(in));

	*value = *c->out;
	return status;
}

static inline u64 hv_caller_set_property(struct hv_caller *c, u32 port, u32 code, u64 *value)
{
	struct hv_input_set_port_property in = {
		.get = {
			.port_partition_id = HV_PARTITION_ID_SELF,
			.port_id = port,
			.property_code = code,
		},
		.value = *value,
	};
	u64 status = hv_caller_slow(c, HVCALL_SET_PORT_PROPERTY, &in, sizeof(in));

	*value = *c->out;
	return status;
}

static inline u64 hv_caller_get_partition_id(struct hv_caller *c, u64 *id)
{
	u64 status = hv_caller_slow(c, HVCALL_GET_PARTITION_ID, "", 0);

	*id = *c->out;
	return status;
}

/* A message that arrived at the caller's slot is taken out of it. */
static inline bool hv_caller_take_message(struct hv_caller *c, u32 sint, u64 *port)
{
	struct hv_port_message *slot = (struct hv_port_message *)c->sim + sint;
	bool arrived = slot->message_type;

	*port = slot->port_id;
	memset(slot, 0, sizeof(*slot));
	return arrived;
}

/* The same of an event flag */
static inline bool hv_caller_take_flag(struct hv_caller *c, u32 sint, u32 flag)
{
	u64 *word = (u64 *)c->sief + sint * 32 + flag / 64;
	bool arrived = *word & BIT_ULL(flag % 64);

	*word &= ~BIT_ULL(flag % 64);
	return arrived;
}

/* Host: the SynIC registers of any vCPU, as a migration would set them */
static inline void hv_host_set_synic(struct hv_caller *c, int vcpu, bool on)
{
	vcpu_set_msr(c->vcpus[vcpu], HV_X64_MSR_SCONTROL, on ? HV_ENABLE : 0);
}

static inline void hv_host_set_sim(struct hv_caller *c, int vcpu, bool on)
{
	vcpu_set_msr(c->vcpus[vcpu], HV_X64_MSR_SIMP,
		     hv_test_vp(c->vm, vcpu)->sim.gpa | (on ? HV_ENABLE : 0));
}

static inline void hv_host_set_sief(struct hv_caller *c, int vcpu, bool on)
{
	vcpu_set_msr(c->vcpus[vcpu], HV_X64_MSR_SIEFP,
		     hv_test_vp(c->vm, vcpu)->sief.gpa | (on ? HV_ENABLE : 0));
}

static inline void hv_host_set_sint(struct hv_caller *c, int vcpu, u32 sint, u64 flags)
{
	vcpu_set_msr(c->vcpus[vcpu], HV_X64_MSR_SINT0 + sint, HV_TEST_VECTOR(sint) | flags);
}

#define HV_TEST_ASSERT_STATUS(call, status)	TEST_ASSERT_EQ(call, (u64)(status))
#define HV_TEST_ASSERT_OK(call)		HV_TEST_ASSERT_STATUS(call, HV_STATUS_SUCCESS)

#endif /* SELFTEST_HV_CALL_UTIL_H */
