// SPDX-License-Identifier: GPL-2.0-only
/*
 * A message is posted while its port is deleted, again and again, and each time
 * the two are shifted a little towards each other: whoever was too early waits
 * longer the next time, so that the poster finds the port alive and has no buffer
 * of it yet when the other takes all its messages back.
 *
 * The slot is occupied, so that what was queued nevertheless would come once the
 * slot is free, when DeletePort has returned long since.
 */
#include "hv_case_util.h"

/* machine: ports timeout=300 */

#define POSTER		0
#define DELETER		1
#define SINT		2
#define PORT		0x100
#define CONNECTION	7
#define ROUNDS		(HV_TEST_SCALE > 1 ? 400 : 2000)
/* On a busy host the two may need longer to get near each other. */
#define MAX_ROUNDS	(10 * ROUNDS)
/* How often who was first has to have changed */
#define TURNS		(ROUNDS / 20)
/* Turns of a loop, of which a call takes some thousands */
#define MIN_STEP	8
#define MAX_STEP	4096
#define MAX_SHIFT	200000

/* The round that may begin, and the one whose post has its status */
static u32 ready;
static u32 posted;
static u64 post_status;
static u32 finished;
/* How much later than the deletion the post begins; negative: earlier */
static s64 shift;

static void wait_turns(s64 turns)
{
	while (turns-- > 0)
		asm volatile("");
}

static void guest_poster(struct hv_test_vp *vp)
{
	u32 round;

	hv_guest_init(vp);
	for (round = 1; ; round++) {
		hv_await(hv_load(&ready) == round || hv_load(&finished));
		if (hv_load(&finished))
			break;
		wait_turns(hv_load(&shift));
		post_status = hv_post_number(vp, CONNECTION, 2, round);
		hv_store(&posted, round);
	}
	GUEST_DONE();
}

/* The longer one of the two is first, the more it waits. */
static void adjust(bool post_was_first)
{
	static s64 step;
	const bool was_delayed = step > 0;

	if (post_was_first != was_delayed)
		step = post_was_first ? MIN_STEP : -MIN_STEP;
	else if (step > -MAX_STEP && step < MAX_STEP)
		step *= 2;
	shift = max(min(shift + step, (s64)MAX_SHIFT), (s64)-MAX_SHIFT);
}

/* Does the slot stay free after all that makes KVM deliver a message? */
static bool is_left_alone(struct hv_test_vp *vp)
{
	wrmsr(HV_X64_MSR_EOM, 0);
	hv_yield();
	return !hv_slot_type(vp, SINT);
}

static void guest_deleter(struct hv_test_vp *vp)
{
	u32 round, first = 0, turns = 0;
	bool was_first = false, is_first;

	hv_guest_init(vp);
	asm volatile("cli");
	hv_set_sint(SINT, 0);
	for (round = 1; round <= ROUNDS || (turns < TURNS && round <= MAX_ROUNDS); round++) {
		hv_open_port(vp, hv_message_port(PORT, SINT, DELETER), CONNECTION);
		HV_ASSERT_OK(hv_post_number(vp, CONNECTION, 1, round));
		hv_await(hv_slot_type(vp, SINT) == 1);

		hv_store(&ready, round);
		wait_turns(-shift);
		HV_ASSERT_OK(hv_delete_port(PORT));
		hv_await(hv_load(&posted) == round);

		is_first = post_status == HV_STATUS_SUCCESS;
		GUEST_ASSERT(is_first || post_status == HV_STATUS_INVALID_PORT_ID);
		first += is_first;
		turns += is_first != was_first;
		was_first = is_first;
		adjust(is_first);

		GUEST_ASSERT_EQ(hv_slot_type(vp, SINT), 1u);
		hv_slot(vp, SINT)->message_type = 0;
		GUEST_ASSERT(is_left_alone(vp));
		HV_ASSERT_OK(hv_disconnect_port(CONNECTION));
	}
	hv_store(&finished, 1);
	GUEST_PRINTF("# the post was first in %u of %u rounds; that changed %u times\n",
		     first, round - 1, turns);
	GUEST_ASSERT(turns >= TURNS);
	GUEST_DONE();
}

int main(void)
{
	static const struct hv_test_case cases[] = {
		{ "post while its port is deleted", { guest_poster, guest_deleter } },
	};

	hv_test_cases(cases, ARRAY_SIZE(cases));
}
