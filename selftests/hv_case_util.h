/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several cases in one test program, each in a VM of its own, and what their
 * guests share.
 *
 * A case whose guest or host finds something wrong ends the program; what is
 * reported as passed ran to its end.
 */
#ifndef SELFTEST_HV_CASE_UTIL_H
#define SELFTEST_HV_CASE_UTIL_H

#include "hv_ports_util.h"
#include "kselftest.h"

/* What vCPUs, or guest and host, tell each other through memory */
#define hv_load(p)	__atomic_load_n(p, __ATOMIC_SEQ_CST)
#define hv_store(p, v)	__atomic_store_n(p, v, __ATOMIC_SEQ_CST)
#define hv_inc(p)	__atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST)

/**
 * struct hv_test_case - a VM and what happens in it
 * @name: what is shown
 * @code: what each vCPU runs
 * @handler: all SINTs' interrupt handler; NULL: hv_test_interrupt()
 * @host: runs the vCPUs; NULL: all at once until they are done
 * @arg: hv_test_arg of host and guest
 * @prepare: called before the VM has vCPUs, or NULL
 */
struct hv_test_case {
	const char *name;
	void *code[HV_TEST_MAX_VCPUS];
	void (*handler)(struct ex_regs *regs);
	void (*host)(struct kvm_vm *vm, struct kvm_vcpu *vcpus[]);
	u64 arg;
	void (*prepare)(struct kvm_vm *vm);
};

static u64 hv_test_arg;

/* Run the vCPU up to the GUEST_SYNC() of that stage. */
static inline void hv_test_step(struct kvm_vcpu *vcpu, s64 stage)
{
	s64 reached = hv_test_run(vcpu);

	TEST_ASSERT(reached == stage, "vCPU %u is at stage %ld, not %ld", vcpu->id,
		    (long)reached, (long)stage);
}

/* Run the vCPU up to its GUEST_DONE(). */
static inline void hv_test_finish(struct kvm_vcpu *vcpu)
{
	hv_test_step(vcpu, -1);
}

static inline void hv_test_one_case(const struct hv_test_case *c)
{
	struct kvm_vcpu *vcpus[HV_TEST_MAX_VCPUS];
	void *code[HV_TEST_MAX_VCPUS];
	struct kvm_vm *vm;
	int i, nr = 0;

	while (nr < HV_TEST_MAX_VCPUS && c->code[nr]) {
		code[nr] = c->code[nr];
		nr++;
	}
	hv_test_prepare = c->prepare;
	vm = hv_test_create(nr, code, vcpus);
	for (i = 0; c->handler && i < 16; i++)
		vm_install_exception_handler(vm, HV_TEST_VECTOR(i), c->handler);
	hv_test_arg = c->arg;
	sync_global_to_guest(vm, hv_test_arg);

	if (c->host)
		c->host(vm, vcpus);
	else
		hv_test_run_all(nr, vcpus);
	kvm_vm_free(vm);
}

static inline void hv_test_cases(const struct hv_test_case *cases, int nr)
{
	int i;

	ksft_print_header();
	ksft_set_plan(nr);
	for (i = 0; i < nr; i++) {
		hv_test_one_case(&cases[i]);
		ksft_test_result_pass("%s\n", cases[i].name);
	}
	ksft_exit_pass();
}

/* Guest */

/* A port and a connection to it */
static inline void hv_open_port(struct hv_test_vp *vp, struct hv_input_create_port port,
				u32 connection)
{
	u32 id = port.port_id, type = port.port_info.port_type;

	HV_ASSERT_OK(hv_create_port(vp, port));
	HV_ASSERT_OK(hv_connect_port(vp, hv_connection_to(connection, id, type)));
}

/* Let another vCPU have the CPU; there may be more of them than CPUs. */
static inline void hv_yield(void)
{
	hv_call(HVCALL_NOTIFY_LONG_SPIN_WAIT | HV_HYPERCALL_FAST_BIT, 0, 0);
}

/*
 * Wait for another vCPU.  Bounded by what can be done meanwhile as well as by
 * time, so that neither a slow machine nor a fast one gives up too early.
 */
#define HV_AWAIT_SPINS	2000ULL
#define HV_AWAIT_YIELDS	100000ULL
#define HV_AWAIT_CYCLES	30000000000ULL

#define hv_await(condition)							\
do {										\
	u64 __loops = 0, __start = rdtsc();					\
	while (!(condition)) {							\
		cpu_relax();							\
		if (++__loops < HV_AWAIT_SPINS)					\
			continue;						\
		hv_yield();							\
		__GUEST_ASSERT(__loops < HV_AWAIT_YIELDS ||			\
			       rdtsc() - __start < HV_AWAIT_CYCLES,		\
			       "%s", "waited in vain for " #condition);		\
	}									\
} while (0)

/* A message that is just a number */
static inline u64 hv_post_number(struct hv_test_vp *vp, u32 connection, u32 type, u64 number)
{
	return hv_post(vp, connection, type, &number, sizeof(number));
}

/* Somebody has to take messages before the next attempt makes sense. */
static inline void hv_await_buffer(u64 *attempts)
{
	GUEST_ASSERT(++*attempts < 10000000);
	hv_yield();
}

/* Post until there is a free buffer; true if there was none at first. */
static inline bool hv_post_number_retry(struct hv_test_vp *vp, u32 connection, u32 type,
					u64 number)
{
	u64 loops = 0, status;

	while ((status = hv_post_number(vp, connection, type, number)) ==
	       HV_STATUS_INSUFFICIENT_BUFFERS)
		hv_await_buffer(&loops);
	GUEST_ASSERT_EQ(status, (u64)HV_STATUS_SUCCESS);
	return loops;
}

static inline u32 hv_slot_type(struct hv_test_vp *vp, u32 sint)
{
	return hv_slot(vp, sint)->message_type;
}

static inline bool hv_slot_pending(struct hv_test_vp *vp, u32 sint)
{
	return hv_slot(vp, sint)->message_flags & HV_PORT_MESSAGE_PENDING;
}

static inline u64 hv_slot_number(struct hv_test_vp *vp, u32 sint)
{
	u64 number;

	memcpy(&number, (void *)hv_slot(vp, sint)->payload, sizeof(number));
	return number;
}

/* The slot has this message, and knows whether more are behind it. */
static inline void hv_check_slot(struct hv_test_vp *vp, u32 sint, u64 port, u64 number,
				 bool pending)
{
	GUEST_ASSERT_NE(hv_slot_type(vp, sint), 0u);
	GUEST_ASSERT_EQ(hv_slot(vp, sint)->port_id, port);
	GUEST_ASSERT_EQ(hv_slot_number(vp, sint), number);
	GUEST_ASSERT_EQ(hv_slot(vp, sint)->payload_size, sizeof(number));
	GUEST_ASSERT_EQ(hv_slot(vp, sint)->message_flags, pending);
}

/* Take the message, which must be this one; EOM brings the next. */
static inline void hv_take_number(struct hv_test_vp *vp, u32 sint, u64 port, u64 number,
				  bool pending)
{
	hv_check_slot(vp, sint, port, number, pending);
	GUEST_ASSERT_EQ(hv_slot_free(vp, sint), pending);
}

/* Exits that have nothing to do with messages */
static inline void hv_exit_often(void)
{
	int i;

	for (i = 0; i < 20; i++)
		rdmsr(HV_X64_MSR_VP_INDEX);
}

/* Nothing arrives, and nothing makes it arrive but what the caller does next. */
static inline void hv_check_slot_stays_free(struct hv_test_vp *vp, u32 sint)
{
	hv_exit_often();
	GUEST_ASSERT_EQ(hv_slot_type(vp, sint), 0u);
}

#endif /* SELFTEST_HV_CASE_UTIL_H */
