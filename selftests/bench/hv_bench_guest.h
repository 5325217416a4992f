/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest of the benchmark: it runs the operation that the host asks for, in
 * batches, and notes what each batch took by the TSC.
 *
 * An operation that ends with an interrupt ends when the interrupt was taken
 * and the slot or the flag is free again.
 */
#ifndef SELFTEST_HV_BENCH_GUEST_H
#define SELFTEST_HV_BENCH_GUEST_H

#include "../hv_doorbell_util.h"

/* A call that nobody has, with nothing in it that could be refused earlier */
#define BENCH_NULL_CALL		0x7ffe

#define BENCH_SINT_EOI		2
#define BENCH_SINT_AUTO_EOI	3

#define BENCH_MESSAGE_TYPE	1
#define BENCH_FLAGS		2048
#define BENCH_MAX_BATCHES	4096

/* Doorbells are this far apart. */
#define BENCH_BELL_STRIDE	8
#define BENCH_BELL_PAGES	64

enum bench_op {
	BENCH_NULL,
	BENCH_CPUID,
	BENCH_POST,
	BENCH_POST_ONLY,
	BENCH_SIGNAL,
	BENCH_SIGNAL_ONLY,
	BENCH_BELL,
	BENCH_BELL_ONLY,
	BENCH_CREATE,
	BENCH_CREATE_CONNECTED,
	BENCH_CONNECT,
	BENCH_DISCONNECT,
	BENCH_DELETE,
};

/**
 * struct bench_cmd - what the guest is to do
 * @op: enum bench_op
 * @batches: samples to take
 * @loops: operations in each
 * @first: id of the first port or connection
 * @nr: how many there are of them; they are taken in turn
 * @step: from one id to the next
 * @stride: how many to go forward from one operation to the next
 * @sint: where it arrives
 * @type: of ports that are created
 * @payload: of messages, in bytes
 * @flag: event flag that has to arrive, or one of the two below
 */
struct bench_cmd {
	u32 op;
	u32 batches;
	u32 loops;
	u32 first;
	u32 nr;
	u32 step;
	u32 stride;
	u32 sint;
	u32 type;
	u32 payload;
	u32 flag;
};

#define BENCH_NO_FLAG		0xffff	/* an interrupt and nothing else arrives */
#define BENCH_FLAG_OF_ID	0xfffe	/* doorbells: the port's id says which */

/* Shared with the host */
static struct bench_cmd bench_cmd;
static u64 bench_samples[BENCH_MAX_BATCHES];

static struct hv_test_vp *bench_vp;
static u32 bench_interrupts;
static u32 bench_at;

static inline void bench_interrupt(struct ex_regs *regs)
{
	hv_skip_hlt(regs);
	WRITE_ONCE(bench_interrupts, bench_interrupts + 1);
	if (regs->vector != HV_TEST_VECTOR(BENCH_SINT_AUTO_EOI))
		x2apic_write_reg(APIC_EOI, 0);
}

/* Who answers from a thread of his own gets the CPU by our sleeping. */
static inline void bench_wait(u32 before)
{
	if (READ_ONCE(bench_interrupts) != before)
		return;

	asm volatile("cli");
	while (READ_ONCE(bench_interrupts) == before)
		hv_guest_sleep();
	asm volatile("sti");
}

static inline u32 bench_next(void)
{
	u32 at = bench_at;

	bench_at += bench_cmd.stride;
	if (bench_at >= bench_cmd.nr)
		bench_at -= bench_cmd.nr;
	return bench_cmd.first + at * bench_cmd.step;
}

static inline void bench_null(void)
{
	hv_call(BENCH_NULL_CALL | HV_HYPERCALL_FAST_BIT, 0, 0);
}

static inline void bench_cpuid(void)
{
	u32 eax, ebx, ecx, edx;

	cpuid(0x40000000, &eax, &ebx, &ecx, &edx);
}

/* The rest of the input page is as bench_prepare() left it. */
static inline void bench_post_only(void)
{
	struct hv_port_post_message *in = bench_vp->in.gva;

	in->connection_id = bench_next();
	HV_ASSERT_OK(hv_call(HVCALL_POST_MESSAGE, bench_vp->in.gpa, 0));
}

static inline void bench_post(void)
{
	u32 before = bench_interrupts;

	bench_post_only();
	bench_wait(before);
	GUEST_ASSERT_EQ(hv_slot(bench_vp, bench_cmd.sint)->message_type,
			BENCH_MESSAGE_TYPE);
	hv_slot_free(bench_vp, bench_cmd.sint);
}

/* Flag 0, because KVM_HYPERV_EVENTFD knows no other */
static inline void bench_signal_only(void)
{
	HV_ASSERT_OK(hv_signal(bench_next(), 0));
}

static inline void bench_take_flag(u32 id)
{
	u32 flag = bench_cmd.flag == BENCH_FLAG_OF_ID ? id % BENCH_FLAGS : bench_cmd.flag;

	if (flag == BENCH_NO_FLAG)
		return;
	GUEST_ASSERT(hv_flag_is_set(bench_vp, bench_cmd.sint, flag));
	hv_flag_clear(bench_vp, bench_cmd.sint, flag);
}

static inline void bench_signal(void)
{
	u32 before = bench_interrupts;

	bench_signal_only();
	bench_wait(before);
	bench_take_flag(0);
}

static inline u32 bench_ring(void)
{
	u32 id = bench_next();

	WRITE_ONCE(*(u32 *)(HV_BELL_GVA + (u64)id * BENCH_BELL_STRIDE), id);
	return id;
}

static inline void bench_bell_only(void)
{
	bench_ring();
}

static inline void bench_bell(void)
{
	u32 before = bench_interrupts, id = bench_ring();

	bench_wait(before);
	bench_take_flag(id);
}

static inline struct hv_input_create_port bench_port(u32 id)
{
	switch (bench_cmd.type) {
	case HV_PORT_TYPE_MESSAGE:
		return hv_message_port(id, bench_cmd.sint, 0);
	case HV_PORT_TYPE_EVENT:
		return hv_event_port(id, bench_cmd.sint, 0, 0, 16);
	default:
		return hv_doorbell_port(id, bench_cmd.sint, 0);
	}
}

static inline void bench_create(void)
{
	HV_ASSERT_OK(hv_create_port(bench_vp, bench_port(bench_next())));
}

/* One call for both, as an owner may ask for */
static inline void bench_create_connected(void)
{
	struct hv_input_create_port in = bench_port(bench_next());

	in.connection_partition_id = HV_PARTITION_ID_SELF;
	HV_ASSERT_OK(hv_create_port(bench_vp, in));
}

static inline void bench_connect(void)
{
	u32 id = bench_next();
	struct hv_input_connect_port in = hv_connection_to(id, id, bench_cmd.type);

	if (bench_cmd.type == HV_PORT_TYPE_DOORBELL) {
		in.connection_info.doorbell_connection_info.gpa =
			HV_BELL_GPA + (u64)id * BENCH_BELL_STRIDE;
		in.connection_info.doorbell_connection_info.flags = HV_BELL_ANY_VALUE;
	}
	HV_ASSERT_OK(hv_connect_port(bench_vp, in));
}

static inline void bench_disconnect(void)
{
	if (bench_cmd.type == HV_PORT_TYPE_DOORBELL)
		HV_ASSERT_OK(hv_disconnect_doorbell(bench_next()));
	else
		HV_ASSERT_OK(hv_disconnect_port(bench_next()));
}

static inline void bench_delete(void)
{
	HV_ASSERT_OK(hv_delete_port(bench_next()));
}

static inline void (*bench_function(void))(void)
{
	switch (bench_cmd.op) {
	case BENCH_NULL:
		return bench_null;
	case BENCH_CPUID:
		return bench_cpuid;
	case BENCH_POST:
		return bench_post;
	case BENCH_POST_ONLY:
		return bench_post_only;
	case BENCH_SIGNAL:
		return bench_signal;
	case BENCH_SIGNAL_ONLY:
		return bench_signal_only;
	case BENCH_BELL:
		return bench_bell;
	case BENCH_BELL_ONLY:
		return bench_bell_only;
	case BENCH_CREATE:
		return bench_create;
	case BENCH_CREATE_CONNECTED:
		return bench_create_connected;
	case BENCH_CONNECT:
		return bench_connect;
	case BENCH_DISCONNECT:
		return bench_disconnect;
	case BENCH_DELETE:
		return bench_delete;
	}
	GUEST_FAIL("no operation %u", bench_cmd.op);
	return NULL;
}

static inline void bench_prepare(void)
{
	struct hv_port_post_message *in = bench_vp->in.gva;

	bench_at = 0;
	in->rsvdz = 0;
	in->message_type = BENCH_MESSAGE_TYPE;
	in->payload_size = bench_cmd.payload;
}

static inline void bench_batches(void (*op)(void))
{
	u32 batch, loop;
	u64 start;

	for (batch = 0; batch < bench_cmd.batches; batch++) {
		start = rdtsc();
		for (loop = 0; loop < bench_cmd.loops; loop++)
			op();
		bench_samples[batch] = rdtsc() - start;
	}
}

static inline void bench_guest(struct hv_test_vp *vp)
{
	bench_vp = vp;
	hv_guest_init(vp);
	hv_set_sint(BENCH_SINT_EOI, 0);
	hv_set_sint(BENCH_SINT_AUTO_EOI, HV_SINT_AUTO_EOI);
	for (;;) {
		GUEST_SYNC(0);
		bench_prepare();
		bench_batches(bench_function());
	}
}

#endif /* SELFTEST_HV_BENCH_GUEST_H */
