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

/* Where both of two VMs have the same memory: the last of these pages */
#define BENCH_SHARED_OFFSET	((BENCH_BELL_PAGES - 1) * 4096ULL)

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
	BENCH_ASK,
	BENCH_ANSWER,
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
 * @ways: how many of what is measured an operation is; 0 is 1
 * @how: between two VMs: BENCH_POST_ONLY, BENCH_SIGNAL_ONLY or BENCH_BELL_ONLY
 * @side: which of two VMs, 0 or 1
 * @peer: whose the other end of a port is; 0: the VM's own
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
	u32 ways;
	u32 how;
	u32 side;
	u64 peer;
};

#define BENCH_NO_FLAG		0xffff	/* an interrupt and nothing else arrives */
#define BENCH_FLAG_OF_ID	0xfffe	/* doorbells: the port's id says which */

/* Shared with the host */
static struct bench_cmd bench_cmd;
static u64 bench_samples[BENCH_MAX_BATCHES];

static struct hv_test_vp *bench_vp;
static u32 bench_interrupts;
/* What was heard of the other VM by shared memory */
static u64 bench_heard;
static u32 bench_at;

static inline void bench_interrupt(struct ex_regs *regs)
{
	hv_skip_hlt(regs);
	WRITE_ONCE(bench_interrupts, bench_interrupts + 1);
	if (regs->vector != HV_TEST_VECTOR(BENCH_SINT_AUTO_EOI))
		x2apic_write_reg(APIC_EOI, 0);
}

/* Who answers from a thread of his own gets the CPU by our sleeping. */
#define bench_sleep_until(condition)						\
do {										\
	asm volatile("cli");							\
	while (!(condition))							\
		hv_guest_sleep();						\
	asm volatile("sti");							\
} while (0)

/*
 * An interrupt alone does not say that what it is for is there: where a vCPU
 * that sleeps is emulated, there is one too many now and then.
 */
static inline bool bench_was_interrupted(u32 before)
{
	return READ_ONCE(bench_interrupts) != before;
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

static inline bool bench_has_message(void)
{
	return hv_slot(bench_vp, bench_cmd.sint)->message_type;
}

static inline void bench_take_message(void)
{
	GUEST_ASSERT_EQ(hv_slot(bench_vp, bench_cmd.sint)->message_type,
			BENCH_MESSAGE_TYPE);
	hv_slot_free(bench_vp, bench_cmd.sint);
}

static inline void bench_post(void)
{
	u32 before = bench_interrupts;

	bench_post_only();
	bench_sleep_until(bench_was_interrupted(before) && bench_has_message());
	bench_take_message();
}

/* Flag 0, because KVM_HYPERV_EVENTFD knows no other */
static inline void bench_signal_only(void)
{
	HV_ASSERT_OK(hv_signal(bench_next(), 0));
}

static inline u32 bench_flag(u32 id)
{
	return bench_cmd.flag == BENCH_FLAG_OF_ID ? id % BENCH_FLAGS : bench_cmd.flag;
}

static inline bool bench_has_flag(u32 id)
{
	return bench_cmd.flag == BENCH_NO_FLAG ||
	       hv_flag_is_set(bench_vp, bench_cmd.sint, bench_flag(id));
}

static inline void bench_take_flag(u32 id)
{
	if (bench_cmd.flag != BENCH_NO_FLAG)
		hv_flag_clear(bench_vp, bench_cmd.sint, bench_flag(id));
}

static inline void bench_signal(void)
{
	u32 before = bench_interrupts;

	bench_signal_only();
	bench_sleep_until(bench_was_interrupted(before) && bench_has_flag(0));
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

	bench_sleep_until(bench_was_interrupted(before) && bench_has_flag(id));
	bench_take_flag(id);
}

/*
 * Two VMs, of which one asks and the other one answers, and the one that waits
 * sleeps.  Where there is no flag, they count in memory that both have.
 */

static inline u64 *bench_count_of(u32 side)
{
	return (u64 *)(HV_BELL_GVA + BENCH_SHARED_OFFSET) + side;
}

static inline bool bench_has_arrived(void)
{
	if (bench_cmd.how == BENCH_POST_ONLY)
		return bench_has_message();
	if (bench_cmd.flag == BENCH_NO_FLAG)
		return hv_load(bench_count_of(!bench_cmd.side)) != bench_heard;
	return bench_has_flag(bench_cmd.first);
}

static inline void bench_receive(void)
{
	bench_sleep_until(bench_has_arrived());
	if (bench_cmd.how == BENCH_POST_ONLY)
		bench_take_message();
	else if (bench_cmd.flag == BENCH_NO_FLAG)
		bench_heard++;
	else
		bench_take_flag(bench_cmd.first);
}

static inline void bench_send(void)
{
	u64 *count = bench_count_of(bench_cmd.side);

	switch (bench_cmd.how) {
	case BENCH_POST_ONLY:
		bench_post_only();
		break;
	case BENCH_SIGNAL_ONLY:
		bench_signal_only();
		break;
	default:
		if (bench_cmd.flag == BENCH_NO_FLAG)
			hv_store(count, *count + 1);
		bench_bell_only();
	}
}

static inline void bench_ask(void)
{
	bench_send();
	bench_receive();
}

static inline void bench_answer(void)
{
	bench_receive();
	bench_send();
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
	struct hv_input_create_port in = bench_port(bench_next());

	in.connection_partition_id = bench_cmd.peer;
	HV_ASSERT_OK(hv_create_port(bench_vp, in));
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

	if (bench_cmd.peer)
		in.port_partition_id = bench_cmd.peer;
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
	case BENCH_ASK:
		return bench_ask;
	case BENCH_ANSWER:
		return bench_answer;
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
