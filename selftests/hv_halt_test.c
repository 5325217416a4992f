// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU in HLT is woken by a message and by an event, every time.
 */
#include "hv_case_util.h"

/* machine: ports timeout=200 */

#define SINT		2
#define MASKED_SINT	3
#define TYPE		0x77
#define TYPE_STOP	0x78
#define PORT		0x100
#define CONNECTION	1	/* messages */
#define EVENTS		2
#define MASKED		3	/* messages to a masked SINT */
#define FLAG		70
#define ROUNDS		2000

static u32 halts;
static u32 done;
static u64 messages;
static u64 events;

static void receive(struct ex_regs *regs)
{
	struct hv_test_vp *vp = hv_test_vps[0];

	hv_skip_hlt(regs);

	if (hv_slot_type(vp, SINT) == TYPE_STOP) {
		done = 1;
	} else if (hv_slot_type(vp, SINT)) {
		GUEST_ASSERT_EQ(hv_slot_number(vp, SINT), messages);
		GUEST_ASSERT(!hv_slot_free(vp, SINT));
		/* Not before the slot is free: it brings the next message. */
		hv_inc(&messages);
	}
	if (hv_flag_is_set(vp, SINT, FLAG)) {
		hv_flag_clear(vp, SINT, FLAG);
		hv_inc(&events);
	}
	x2apic_write_reg(APIC_EOI, 0);
}

/* Sleeps but for the handler. */
static void guest_sleeper(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	asm volatile("cli");
	hv_set_sint(SINT, 0);
	hv_set_sint(MASKED_SINT, HV_SINT_MASKED);
	while (!hv_load(&done)) {
		hv_inc(&halts);
		hv_guest_sleep();
	}
	GUEST_DONE();
}

/*
 * Let the target fall asleep, or be on its way to it: long enough in some rounds
 * and not in others.
 */
static void guest_delay(u32 round)
{
	u32 delay;

	for (delay = round * 97 % 262144; delay; delay--)
		barrier();
}

static void guest_open(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);
	hv_open_port(vp, hv_event_port(PORT + 1, SINT, 0, 0, 2048), EVENTS);
	hv_open_port(vp, hv_message_port(PORT + 2, MASKED_SINT, 0), MASKED);
	/* From now on the target is ready, and does nothing but sleep. */
	hv_await(hv_load(&halts));
}

/*
 * For the last time.  It must have slept in many of so many rounds.  A machine
 * that emulates SVM may forget that no interrupt comes between STI and HLT; then
 * the target sleeps on, and is woken by the next message.
 */
static void guest_wake_and_finish(struct hv_test_vp *vp, u32 rounds)
{
	GUEST_PRINTF("# %u halts in %u rounds\n", hv_load(&halts), rounds);
	GUEST_ASSERT(hv_load(&halts) > rounds / 4);
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE_STOP, 0));
	hv_await(hv_load(&done));
	GUEST_DONE();
}

static void guest_posts(struct hv_test_vp *vp)
{
	u64 i;

	guest_open(vp);
	for (i = 0; i < ROUNDS; i++) {
		guest_delay(i);
		HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, i));
		hv_await(hv_load(&messages) == i + 1);
	}
	guest_wake_and_finish(vp, ROUNDS);
}

static void guest_signals(struct hv_test_vp *vp)
{
	u64 i;

	guest_open(vp);
	for (i = 0; i < ROUNDS; i++) {
		guest_delay(i);
		HV_ASSERT_OK(hv_signal(EVENTS, FLAG));
		hv_await(hv_load(&events) == i + 1);
	}
	guest_wake_and_finish(vp, ROUNDS);
}

/* Messages that raise nothing are written all the same. */
static void guest_posts_to_masked(struct hv_test_vp *vp)
{
	struct hv_test_vp *target = hv_test_vps[0];
	u64 i;

	guest_open(vp);
	for (i = 0; i < ROUNDS / 4; i++) {
		HV_ASSERT_OK(hv_post_number(vp, MASKED, TYPE, i));
		hv_await(hv_slot_type(target, MASKED_SINT));
		hv_check_slot(target, MASKED_SINT, PORT + 2, i, false);
		hv_slot(target, MASKED_SINT)->message_type = 0;
	}
	GUEST_ASSERT_EQ(hv_load(&messages), 0);
	guest_wake_and_finish(vp, 1);
}

static const struct hv_test_case cases[] = {
	{ "woken by a message", { guest_sleeper, guest_posts }, receive },
	{ "woken by an event", { guest_sleeper, guest_signals }, receive },
	{ "message to a masked SINT", { guest_sleeper, guest_posts_to_masked }, receive },
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
