// SPDX-License-Identifier: GPL-2.0-only
/*
 * A signal sets one bit of the SIEF page, atomically against the guest, and
 * raises the SINT if the bit was clear.
 */
#include "hv_case_util.h"

/* machine: ports timeout=200 */

#define SINT		2
#define PORT		0x100
#define CONNECTION	1
#define WORDS		32
#define ROUNDS		2000

static const struct {
	u16 base;
	u16 count;
	u16 flag;
} bits[] = {
	{ 0, 2048, 0 }, { 0, 2048, 63 }, { 0, 2048, 64 }, { 0, 2048, 2047 },
	{ 1, 1, 0 }, { 62, 3, 2 }, { 2047, 1, 0 }, { 1024, 1024, 1023 }, { 100, 200, 28 },
};

/* The page has this bit, and no other, of any SINT. */
static void guest_check_only(struct hv_test_vp *vp, u32 bit)
{
	u32 word, expected = SINT * WORDS + bit / 64;

	for (word = 0; word < 16 * WORDS; word++)
		GUEST_ASSERT_EQ(hv_flags(vp, 0)[word],
				word == expected ? BIT_ULL(bit % 64) : 0ULL);
}

static void guest_bits(struct hv_test_vp *vp)
{
	u32 i, bit;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		bit = bits[i].base + bits[i].flag;
		hv_open_port(vp, hv_event_port(PORT + i, SINT, 0, bits[i].base,
					       bits[i].count), i);
		HV_ASSERT_OK(hv_signal(i, bits[i].flag));
		guest_check_only(vp, bit);
		GUEST_ASSERT_EQ(vp->interrupts[SINT], i + 1);
		HV_ASSERT_STATUS(hv_signal(i, bits[i].count), HV_STATUS_INVALID_PARAMETER);
		guest_check_only(vp, bit);
		hv_flag_clear(vp, SINT, bit);
	}
	GUEST_DONE();
}

/* A flag that is set is not announced again; its neighbours are. */
static void guest_already_set(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	hv_open_port(vp, hv_event_port(PORT, SINT, 0, 0, 2048), CONNECTION);

	HV_ASSERT_OK(hv_signal(CONNECTION, 5));
	HV_ASSERT_OK(hv_signal(CONNECTION, 5));
	hv_exit_often();
	GUEST_ASSERT_EQ(vp->interrupts[SINT], 1);

	HV_ASSERT_OK(hv_signal(CONNECTION, 6));
	GUEST_ASSERT_EQ(vp->interrupts[SINT], 2);
	GUEST_ASSERT_EQ(hv_flags(vp, SINT)[0], BIT_ULL(5) | BIT_ULL(6));

	/* Set by the guest itself */
	hv_flags(vp, SINT)[1] = BIT_ULL(7);
	HV_ASSERT_OK(hv_signal(CONNECTION, 64 + 7));
	hv_exit_often();
	GUEST_ASSERT_EQ(vp->interrupts[SINT], 2);

	hv_flag_clear(vp, SINT, 5);
	HV_ASSERT_OK(hv_signal(CONNECTION, 5));
	GUEST_ASSERT_EQ(vp->interrupts[SINT], 3);
	GUEST_DONE();
}

/*
 * The signalled flags are in one word, with bits that only a toggling VP writes.
 * The target takes flags in its interrupt handler; whoever signals waits for it.
 */
#define FLAG_BIT(signaller)	(8 + (signaller))
#define TOGGLED_BITS		0xffff000000ff00ffULL

static u32 ready;
static u32 finished;
static u64 taken[4];
static u64 toggles;

static void take_flags(struct ex_regs *regs)
{
	struct hv_test_vp *vp = hv_test_vps[0];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(taken); i++) {
		if (!hv_flag_is_set(vp, SINT, FLAG_BIT(i)))
			continue;
		hv_flag_clear(vp, SINT, FLAG_BIT(i));
		hv_inc(&taken[i]);
	}
	x2apic_write_reg(APIC_EOI, 0);
}

static void guest_taker(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	hv_open_port(vp, hv_event_port(PORT, SINT, 0, 0, 64), CONNECTION);
	hv_store(&ready, 1);
	hv_await(hv_load(&finished) == hv_test_arg);
	GUEST_DONE();
}

static void guest_signaller(struct hv_test_vp *vp)
{
	const u32 me = vp->index;
	u64 i;

	hv_guest_init(vp);
	hv_await(hv_load(&ready));
	for (i = 0; i < ROUNDS; i++) {
		HV_ASSERT_OK(hv_signal(CONNECTION, FLAG_BIT(me)));
		hv_await(hv_load(&taken[me]) == i + 1);
	}
	hv_inc(&finished);
	GUEST_DONE();
}

/* Nobody but me changes these bits, and nobody loses what I write. */
static void guest_toggler(struct hv_test_vp *vp)
{
	u64 *word = (u64 *)hv_flags(hv_test_vps[0], SINT);
	u64 old, mine = 0, mask, random = 1;

	hv_guest_init(vp);
	hv_await(hv_load(&ready));
	while (hv_load(&finished) < hv_test_arg) {
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		mask = BIT_ULL(random >> 58) & TOGGLED_BITS;
		if (mine & mask)
			old = __atomic_fetch_and(word, ~mask, __ATOMIC_SEQ_CST);
		else
			old = __atomic_fetch_or(word, mask, __ATOMIC_SEQ_CST);
		GUEST_ASSERT_EQ(old & TOGGLED_BITS, mine);
		mine ^= mask;
		toggles++;
	}
	GUEST_PRINTF("# %lu toggles during %lu signals\n", toggles, hv_test_arg * ROUNDS);
	/* Or they hardly met. */
	GUEST_ASSERT(toggles > 10 * hv_test_arg * ROUNDS);
	GUEST_DONE();
}

static const struct hv_test_case cases[] = {
	{ "base plus number is the bit", { guest_bits } },
	{ "only a bit that was clear raises", { guest_already_set } },
	{
		.name = "signalled while another VP writes to the word",
		.code = { guest_taker, guest_signaller, guest_toggler },
		.handler = take_flags,
		.arg = 1,
	}, {
		.name = "two signallers, one word",
		.code = { guest_taker, guest_signaller, guest_signaller },
		.handler = take_flags,
		.arg = 2,
	}, {
		.name = "two signallers, and a VP that writes to the word",
		.code = { guest_taker, guest_signaller, guest_signaller, guest_toggler },
		.handler = take_flags,
		.arg = 2,
	},
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
