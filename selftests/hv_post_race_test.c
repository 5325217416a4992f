// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two vCPUs post and signal to a third while a fourth creates, connects,
 * disconnects and deletes what they send to.
 *
 * Each call has one status, which is certain unless the fourth vCPU was in the
 * middle of a change; how often it was is counted.  Once a port is deleted and
 * the receiver has been in its guest, nothing of it arrives any more.
 */
#include "hv_case_util.h"

/* machine: ports timeout=400 */

#define SENDERS		2
#define CHANGER		2
#define RECEIVER	3
#define SINT		2
#define PORT		0x100
#define CONNECTION	7
#define ROUNDS		(HV_TEST_SCALE > 1 ? 40 : 120)
#define ROUNDS_LIMIT	(20 * ROUNDS)
/* Of each state, and of calls that overlapped a change, for each sender */
#define ENOUGH		(ROUNDS / 2)
/* Then a sender waits for the next change, which there are not enough of. */
#define CALLS_PER_STATE	4

/* The changer asks the receiver to look at its slot. */
#define FLUSH_VECTOR	HV_TEST_VECTOR(15)

/* hv_test_arg */
#define EVENTS		BIT(0)
#define DELETE_FIRST	BIT(1)	/* and disconnect then */

enum state {
	CHANGING,
	CONNECTED,
	DEAD,		/* connected to a port that is deleted */
	DISCONNECTED,
	NR_STATES,
};

/* A generation above, so that no two look alike */
#define STATE_BITS	8

static u64 state;
static u32 receiver_ready;
/* The next change waits for calls to be made meanwhile. */
static u32 announced;
static u64 by_state[SENDERS][NR_STATES];
static u64 accepted[SENDERS];
static u64 calls;
static u64 received;
/* Whose messages may arrive */
static u32 current_port;
static u32 flush_wanted;
static u32 flushed;
static u32 over;
static u32 senders_done;

static bool has_enough(u32 i)
{
	return hv_load(&by_state[i][CHANGING]) >= ENOUGH &&
	       hv_load(&by_state[i][CONNECTED]) >= ENOUGH &&
	       hv_load(&by_state[i][DISCONNECTED]) >= ENOUGH &&
	       (!(hv_test_arg & DELETE_FIRST) || hv_load(&by_state[i][DEAD]) >= ENOUGH);
}

/* Receiver */

static void interrupt(struct ex_regs *regs)
{
	const u32 wanted = hv_load(&flush_wanted);
	struct hv_test_vp *vp = hv_test_vps[RECEIVER];

	hv_skip_hlt(regs);
	/* A flush may have freed it before the SINT's interrupt came. */
	if (hv_slot_type(vp, SINT)) {
		GUEST_ASSERT_EQ(hv_slot(vp, SINT)->port_id, hv_load(&current_port));
		hv_inc(&received);
		hv_slot_free(vp, SINT);
	}
	if (regs->vector == FLUSH_VECTOR)
		hv_store(&flushed, wanted);
	x2apic_write_reg(APIC_EOI, 0);
}

static void guest_receiver(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	asm volatile("cli");
	hv_set_sint(SINT, 0);
	hv_store(&receiver_ready, 1);
	while (!hv_load(&over))
		hv_guest_sleep();
	GUEST_DONE();
}

/* Changer */

static void interrupt_receiver(void)
{
	x2apic_write_reg(APIC_ICR, (u64)RECEIVER << 32 | APIC_DEST_PHYSICAL | APIC_DM_FIXED |
				   FLUSH_VECTOR);
}

/* What is on its way into the slot arrives before this returns. */
static void flush(void)
{
	u32 wanted = hv_inc(&flush_wanted);

	interrupt_receiver();
	hv_await(hv_load(&flushed) == wanted);
}

static void enter(enum state new)
{
	hv_store(&state, ((hv_load(&state) >> STATE_BITS) + 1) << STATE_BITS | new);
}

/* Until calls have been made by now, but bounded */
static void linger(u64 nr)
{
	const u64 enough = hv_load(&calls) + nr;
	int i;

	for (i = 0; i < 2200 && hv_load(&calls) < enough; i++) {
		if (i < 2000)
			cpu_relax();
		else
			hv_yield();
	}
}

/* Senders are in the middle of their calls, as far as one can know. */
static void begin_change(void)
{
	hv_store(&announced, 1);
	linger(SENDERS);
	enter(CHANGING);
}

static void end_change(enum state new)
{
	enter(new);
	hv_store(&announced, 0);
}

static struct hv_input_create_port port(u32 id)
{
	return hv_test_arg & EVENTS ? hv_event_port(id, SINT, RECEIVER, 0, 2048) :
				      hv_message_port(id, SINT, RECEIVER);
}

static void connect(struct hv_test_vp *vp, u32 id)
{
	hv_store(&current_port, id);
	begin_change();
	hv_open_port(vp, port(id), CONNECTION);
	end_change(CONNECTED);
	linger(SENDERS * CALLS_PER_STATE);
}

static void disconnect(void)
{
	begin_change();
	HV_ASSERT_OK(hv_disconnect_port(CONNECTION));
	end_change(DISCONNECTED);
	linger(SENDERS * CALLS_PER_STATE);
}

static void delete(enum state then)
{
	begin_change();
	HV_ASSERT_OK(hv_delete_port(current_port));
	end_change(then);
	flush();
	hv_store(&current_port, 0);
	linger(SENDERS * CALLS_PER_STATE);
}

static bool go_on(u32 round)
{
	return round < ROUNDS ||
	       (!(has_enough(0) && has_enough(1)) && round < ROUNDS_LIMIT);
}

static void guest_changer(struct hv_test_vp *vp)
{
	u32 round;

	hv_guest_init(vp);
	hv_await(hv_load(&receiver_ready));
	for (round = 0; go_on(round); round++) {
		connect(vp, PORT + round);
		if (hv_test_arg & DELETE_FIRST) {
			delete(DEAD);
			disconnect();
		} else {
			disconnect();
			delete(DISCONNECTED);
		}
	}
	hv_store(&over, 1);
	hv_await(hv_load(&senders_done) == SENDERS);
	flush();

	GUEST_PRINTF("# %u rounds, %lu messages received\n", round, received);
	GUEST_ASSERT(received <= accepted[0] + accepted[1]);
	GUEST_ASSERT((hv_test_arg & EVENTS) || received > ENOUGH);
	GUEST_DONE();
}

/* Senders */

static u64 send(struct hv_test_vp *vp)
{
	if (hv_test_arg & EVENTS)
		return hv_signal(CONNECTION, accepted[vp->index] % 2048);
	return hv_post_number(vp, CONNECTION, 1, accepted[vp->index]);
}

static bool status_fits(u64 status, enum state seen)
{
	switch (seen) {
	case CONNECTED:
		return status == HV_STATUS_SUCCESS ||
		       (status == HV_STATUS_INSUFFICIENT_BUFFERS && !(hv_test_arg & EVENTS));
	case DEAD:
		return status == HV_STATUS_INVALID_PORT_ID;
	case DISCONNECTED:
		return status == HV_STATUS_INVALID_CONNECTION_ID;
	default:
		return status == HV_STATUS_SUCCESS || status == HV_STATUS_INVALID_PORT_ID ||
		       status == HV_STATUS_INVALID_CONNECTION_ID ||
		       (status == HV_STATUS_INSUFFICIENT_BUFFERS && !(hv_test_arg & EVENTS));
	}
}

static void send_once(struct hv_test_vp *vp)
{
	u64 before = hv_load(&state), status = send(vp);
	enum state seen = before & (BIT(STATE_BITS) - 1);

	if (hv_load(&state) != before)
		seen = CHANGING;
	__GUEST_ASSERT(status_fits(status, seen), "status %lu in state %u", status, seen);
	hv_inc(&by_state[vp->index][seen]);
	hv_inc(&calls);
	if (status == HV_STATUS_SUCCESS)
		hv_inc(&accepted[vp->index]);
}

/* Changes are rare beside calls, unless callers wait for them. */
static void await_change(u64 before)
{
	hv_await(hv_load(&state) != before || hv_load(&announced) || hv_load(&over));
}

static void guest_sender(struct hv_test_vp *vp)
{
	const u32 i = vp->index;
	u64 now, last = 0;
	u32 sent = 0;

	hv_guest_init(vp);
	while (!hv_load(&over)) {
		now = hv_load(&state);
		sent = now == last ? sent + 1 : 0;
		last = now;
		if (sent >= CALLS_PER_STATE)
			await_change(now);
		send_once(vp);
	}

	GUEST_PRINTF("# sender %u: %lu connected, %lu dead, %lu disconnected, %lu overlapping\n",
		     i, by_state[i][CONNECTED], by_state[i][DEAD], by_state[i][DISCONNECTED],
		     by_state[i][CHANGING]);
	GUEST_ASSERT(has_enough(i));
	hv_inc(&senders_done);
	GUEST_DONE();
}

#define CODE	{ guest_sender, guest_sender, guest_changer, guest_receiver }

int main(void)
{
	static const struct hv_test_case cases[] = {
		{ "post, disconnect and delete", CODE, interrupt, NULL, 0 },
		{ "post, delete and disconnect", CODE, interrupt, NULL, DELETE_FIRST },
		{ "signal, disconnect and delete", CODE, interrupt, NULL, EVENTS },
		{ "signal, delete and disconnect", CODE, interrupt, NULL,
		  EVENTS | DELETE_FIRST },
	};

	hv_test_cases(cases, ARRAY_SIZE(cases));
}
