// SPDX-License-Identifier: GPL-2.0-only
/*
 * A message that finds its slot taken: the slot's MessagePending, and what makes
 * the message arrive after all.
 */
#include "hv_case_util.h"

/* machine: ports timeout=200 */

#define SINT		2
#define TYPE		0x77
#define PORT		0x100
#define CONNECTION	1

#define ROUNDS		1000

static void guest_open(struct hv_test_vp *vp, u64 sint_flags)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, sint_flags);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);
}

static void guest_post(struct hv_test_vp *vp, u64 number)
{
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, number));
}

/* The guest frees the slot, but tells nobody. */
static void guest_free_silently(struct hv_test_vp *vp, u32 sint)
{
	hv_slot(vp, sint)->message_type = 0;
	hv_check_slot_stays_free(vp, sint);
}

/* Messages know whether more are queued behind them. */
static void guest_flag(struct hv_test_vp *vp)
{
	u64 i;

	guest_open(vp, HV_SINT_MASKED);
	guest_post(vp, 0);
	hv_check_slot(vp, SINT, PORT, 0, false);
	guest_post(vp, 1);
	hv_check_slot(vp, SINT, PORT, 0, true);
	for (i = 2; i < 6; i++)
		guest_post(vp, i);

	for (i = 0; i < 5; i++)
		hv_take_number(vp, SINT, PORT, i, true);

	/* The last one gets company while it is in the slot. */
	hv_check_slot(vp, SINT, PORT, 5, false);
	guest_post(vp, 6);
	hv_take_number(vp, SINT, PORT, 5, true);
	hv_take_number(vp, SINT, PORT, 6, false);
	hv_check_slot_stays_free(vp, SINT);

	/* Not even a needless EOM finds any more. */
	wrmsr(HV_X64_MSR_EOM, 0);
	hv_check_slot_stays_free(vp, SINT);
	GUEST_DONE();
}

/* What waits for one SINT is no concern of another's. */
static void guest_flag_other_sint(struct hv_test_vp *vp)
{
	guest_open(vp, HV_SINT_MASKED);
	hv_open_port(vp, hv_message_port(PORT + 1, SINT + 1, 0), CONNECTION + 1);
	guest_post(vp, 0);
	guest_post(vp, 1);
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION + 1, TYPE, 100));
	hv_check_slot(vp, SINT + 1, PORT + 1, 100, false);
	hv_take_number(vp, SINT, PORT, 0, true);
	hv_check_slot(vp, SINT + 1, PORT + 1, 100, false);
	hv_take_number(vp, SINT, PORT, 1, false);
	GUEST_DONE();
}

/* Of a slot that is taken nothing changes but the byte with the flag. */
static void guest_untouched(struct hv_test_vp *vp)
{
	u8 *slot = (u8 *)vp->sim.gva + SINT * sizeof(struct hv_port_message);
	u32 i;

	guest_open(vp, HV_SINT_MASKED);
	guest_post(vp, 0);
	for (i = 0; i < sizeof(struct hv_port_message); i++)
		slot[i] = i ^ 0xa5;
	hv_slot(vp, SINT)->message_flags = 0;

	guest_post(vp, 1);
	guest_post(vp, 2);
	wrmsr(HV_X64_MSR_EOM, 0);
	hv_exit_often();
	GUEST_ASSERT_EQ(hv_slot(vp, SINT)->message_flags, HV_PORT_MESSAGE_PENDING);
	for (i = 0; i < sizeof(struct hv_port_message); i++)
		if (i != offsetof(struct hv_port_message, message_flags))
			GUEST_ASSERT_EQ(slot[i], (u8)(i ^ 0xa5));

	GUEST_ASSERT(hv_slot_free(vp, SINT));
	hv_take_number(vp, SINT, PORT, 1, true);
	hv_take_number(vp, SINT, PORT, 2, false);
	GUEST_DONE();
}

/* Freed without EOM: the next message takes the queued ones along. */
static void guest_next_message(struct hv_test_vp *vp)
{
	guest_open(vp, HV_SINT_MASKED);
	guest_post(vp, 0);
	guest_post(vp, 1);
	guest_free_silently(vp, SINT);
	guest_post(vp, 2);
	hv_check_slot(vp, SINT, PORT, 1, true);
	guest_free_silently(vp, SINT);
	wrmsr(HV_X64_MSR_EOM, 0);
	hv_check_slot(vp, SINT, PORT, 2, false);
	GUEST_DONE();
}

/* Freed without EOM, but with an EOI of the SINT's vector */
static void guest_eoi(struct hv_test_vp *vp)
{
	vp->no_eoi = true;
	guest_open(vp, 0);
	guest_post(vp, 0);
	hv_await(vp->interrupts[SINT] == 1);
	guest_post(vp, 1);
	guest_post(vp, 2);
	guest_free_silently(vp, SINT);

	x2apic_write_reg(APIC_EOI, 0);
	hv_check_slot(vp, SINT, PORT, 1, true);
	hv_await(vp->interrupts[SINT] == 2);
	guest_free_silently(vp, SINT);
	x2apic_write_reg(APIC_EOI, 0);
	hv_check_slot(vp, SINT, PORT, 2, false);
	hv_await(vp->interrupts[SINT] == 3);
	GUEST_DONE();
}

/* An EOI of another SINT's vector is none of ours. */
static void guest_eoi_other_sint(struct hv_test_vp *vp)
{
	vp->no_eoi = true;
	guest_open(vp, HV_SINT_MASKED);
	hv_set_sint(SINT + 1, 0);
	hv_open_port(vp, hv_message_port(PORT + 1, SINT + 1, 0), CONNECTION + 1);
	guest_post(vp, 0);
	guest_post(vp, 1);
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION + 1, TYPE, 100));
	hv_await(vp->interrupts[SINT + 1] == 1);

	hv_slot(vp, SINT)->message_type = 0;
	x2apic_write_reg(APIC_EOI, 0);
	hv_check_slot_stays_free(vp, SINT);
	wrmsr(HV_X64_MSR_EOM, 0);
	hv_check_slot(vp, SINT, PORT, 1, false);
	GUEST_DONE();
}

/* With AutoEOI there is no EOI: only EOM and the next message help. */
static void guest_auto_eoi(struct hv_test_vp *vp)
{
	vp->no_eoi = true;
	guest_open(vp, HV_SINT_AUTO_EOI);
	guest_post(vp, 0);
	hv_await(vp->interrupts[SINT] == 1);
	guest_post(vp, 1);
	guest_free_silently(vp, SINT);

	/* Nothing is in service, hence this acknowledges nothing. */
	x2apic_write_reg(APIC_EOI, 0);
	hv_check_slot_stays_free(vp, SINT);

	guest_post(vp, 2);
	hv_check_slot(vp, SINT, PORT, 1, true);
	hv_await(vp->interrupts[SINT] == 2);
	hv_slot_free(vp, SINT);
	hv_check_slot(vp, SINT, PORT, 2, false);
	hv_await(vp->interrupts[SINT] == 3);
	GUEST_DONE();
}

/* One EOM serves all SINTs. */
static void guest_eom_all_sints(struct hv_test_vp *vp)
{
	u32 sint;

	hv_guest_init(vp);
	for (sint = 1; sint < 16; sint++) {
		hv_set_sint(sint, HV_SINT_MASKED);
		hv_open_port(vp, hv_message_port(PORT + sint, sint, 0), sint);
		HV_ASSERT_OK(hv_post_number(vp, sint, TYPE, 0));
		HV_ASSERT_OK(hv_post_number(vp, sint, TYPE, 1));
		HV_ASSERT_OK(hv_post_number(vp, sint, TYPE, 2));
	}

	for (sint = 1; sint < 16; sint++) {
		hv_check_slot(vp, sint, PORT + sint, 0, true);
		hv_slot(vp, sint)->message_type = 0;
	}
	wrmsr(HV_X64_MSR_EOM, 0);
	for (sint = 1; sint < 16; sint++)
		hv_check_slot(vp, sint, PORT + sint, 1, true);
	GUEST_DONE();
}

/*
 * The slot becomes free in the moment in which MessagePending is set.  Only
 * another VP can do that, since the target's own guest does not run meanwhile.
 */
static struct {
	u32 ready;
	u32 done;
	u32 eom_wanted;
} race;

static void guest_race_target(struct hv_test_vp *vp)
{
	guest_open(vp, HV_SINT_MASKED);
	hv_store(&race.ready, 1);
	while (!hv_load(&race.done)) {
		if (__atomic_exchange_n(&race.eom_wanted, 0, __ATOMIC_SEQ_CST))
			wrmsr(HV_X64_MSR_EOM, 0);
		cpu_relax();
	}
	GUEST_DONE();
}

/* Frees the target's slot, has the target write EOM if it has to; true if so. */
static bool guest_free_for(struct hv_test_vp *target)
{
	hv_slot(target, SINT)->message_type = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!hv_slot_pending(target, SINT))
		return false;
	hv_store(&race.eom_wanted, 1);
	return true;
}

/* One of a pair arrived; it must not be the other, nor one of long ago. */
static void guest_await(struct hv_test_vp *target, u64 number)
{
	const u32 type = TYPE + (number & 1);

	hv_await(hv_slot_type(target, SINT) == type);
	GUEST_ASSERT_EQ(hv_slot_number(target, SINT), number);
}

static void guest_race_poster(struct hv_test_vp *vp)
{
	struct hv_test_vp *target = hv_test_vps[0];
	u32 told = 0, delay = 256, spin;
	bool late;
	u64 i;

	hv_guest_init(vp);
	hv_await(hv_load(&race.ready));
	for (i = 0; i < 2 * ROUNDS; i += 2) {
		HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, i));
		guest_await(target, i);
		HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE + 1, i + 1));
		for (spin = delay + i * 37 % 512; spin; spin--)
			barrier();
		late = guest_free_for(target);
		told += late;
		/* Home in on where both come at the same time. */
		if (late)
			delay -= delay / 16;
		else
			delay += delay / 16 + 1;
		guest_await(target, i + 1);
		guest_free_for(target);
	}
	hv_store(&race.done, 1);

	GUEST_PRINTF("# told to write EOM in %u of %u rounds\n", told, ROUNDS);
	/* Both sides must have won often, or they never met. */
	GUEST_ASSERT(told > ROUNDS / 10);
	GUEST_ASSERT(told < ROUNDS - ROUNDS / 10);
	GUEST_DONE();
}

static const struct hv_test_case cases[] = {
	{ "pending says that more are queued", { guest_flag } },
	{ "pending is a SINT's own", { guest_flag_other_sint } },
	{ "a slot that is taken is not touched", { guest_untouched } },
	{ "the next message retries", { guest_next_message } },
	{ "EOI retries", { guest_eoi } },
	{ "another SINT's EOI does not retry", { guest_eoi_other_sint } },
	{ "with AutoEOI only EOM and the next message retry", { guest_auto_eoi } },
	{ "EOM retries all SINTs", { guest_eom_all_sints } },
	{ "freed while pending is set", { guest_race_target, guest_race_poster } },
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
