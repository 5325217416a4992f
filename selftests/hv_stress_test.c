// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two vCPUs post to one port at once: nothing is lost, doubled, torn or, per
 * poster, reordered.
 */
#include "hv_payload_util.h"

/* machine: ports timeout=400 */

#define SINT		2
#define TYPE		0x77
#define PORT		0x100
#define CONNECTION	1
#define POSTERS		2
#define PER_POSTER	(10000 / HV_TEST_SCALE)

/* hv_test_arg */
#define AUTO_EOI	BIT(0)
#define ANY_VP		BIT(1)

static u64 received;
static u64 interrupts;
static u32 ready;
/* Posters that HV_ANY_VP does not find any more */
static u32 hidden;
static u32 last_seq[POSTERS];
static u8 seen[POSTERS][PER_POSTER];

/* All of them in the plain case; hv_once_test mixes the others. */
static u32 per_poster(void)
{
	return hv_test_arg ? PER_POSTER / 4 : PER_POSTER;
}

static u64 messages(void)
{
	return POSTERS * per_poster();
}

/* Once each, and for a fixed VP in order */
static void account(const struct hv_payload *p)
{
	u8 *mark = &seen[p->stream][p->seq];

	GUEST_ASSERT_EQ(__atomic_exchange_n(mark, 1, __ATOMIC_SEQ_CST), 0);
	if (!(hv_test_arg & ANY_VP)) {
		GUEST_ASSERT_EQ(p->seq, last_seq[p->stream]);
		last_seq[p->stream]++;
	}
	hv_inc(&received);
}

static void take_message(struct hv_test_vp *vp)
{
	struct hv_payload p;

	GUEST_ASSERT_EQ(hv_slot_type(vp, SINT), TYPE);
	GUEST_ASSERT_EQ(hv_slot(vp, SINT)->port_id, PORT);
	hv_payload_read(vp, SINT, &p);
	GUEST_ASSERT(p.stream < POSTERS);
	GUEST_ASSERT(p.seq < per_poster());
	account(&p);
	hv_slot_free(vp, SINT);
}

static void receive(struct ex_regs *regs)
{
	/* Messages are announced one by one. */
	hv_inc(&interrupts);
	take_message(hv_test_vps[rdmsr(HV_X64_MSR_VP_INDEX)]);
	if (!(hv_test_arg & AUTO_EOI))
		x2apic_write_reg(APIC_EOI, 0);
}

static void guest_start_receiver(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, hv_test_arg & AUTO_EOI ? HV_SINT_AUTO_EOI : 0);
}

static void guest_open(struct hv_test_vp *vp)
{
	hv_open_port(vp, hv_message_port(PORT, SINT, hv_test_arg & ANY_VP ? HV_ANY_VP : 0),
		     CONNECTION);
}

/* What there is to see when nothing comes any more, and much is still to come */
static void show_state(struct hv_test_vp *vp)
{
	const u32 vector = HV_TEST_VECTOR(SINT), bit = BIT(vector % 32);
	const u32 word = vector / 32 * 0x10;
	u64 count = 0;

	hv_get_property(vp, PORT, HV_PORT_PROPERTY_POST_COUNT, &count);
	GUEST_PRINTF("# VP %u: %lu of %lu received, %lu interrupts, %lu posted\n", vp->index,
		     hv_load(&received), messages(), hv_load(&interrupts), count);
	GUEST_PRINTF("# VP %u: type %x, pending %u, IRR %u\n", vp->index,
		     hv_slot_type(vp, SINT), hv_slot_pending(vp, SINT),
		     !!(x2apic_read_reg(APIC_IRR + word) & bit));
}

static void await_messages(struct hv_test_vp *vp)
{
	const u64 start = rdtsc();
	u64 loops = 0;

	while (hv_load(&received) != messages()) {
		hv_yield();
		if (++loops > HV_AWAIT_YIELDS && rdtsc() - start > HV_AWAIT_CYCLES) {
			show_state(vp);
			GUEST_FAIL("some messages do not come");
		}
	}
}

static void guest_finish_receiver(struct hv_test_vp *vp)
{
	u64 count;

	await_messages(vp);
	hv_check_slot_stays_free(vp, SINT);
	GUEST_ASSERT_EQ(hv_load(&received), messages());
	GUEST_ASSERT_EQ(hv_load(&interrupts), messages());
	HV_ASSERT_OK(hv_get_property(vp, PORT, HV_PORT_PROPERTY_POST_COUNT, &count));
	GUEST_ASSERT_EQ(count, messages());
	GUEST_DONE();
}

static void guest_receiver(struct hv_test_vp *vp)
{
	guest_start_receiver(vp);
	guest_open(vp);
	hv_store(&ready, 1);
	guest_finish_receiver(vp);
}

static void guest_second_receiver(struct hv_test_vp *vp)
{
	hv_await(hv_load(&ready));
	guest_start_receiver(vp);
	hv_store(&ready, 2);
	guest_finish_receiver(vp);
}

static u64 post(struct hv_test_vp *vp, const struct hv_payload *p)
{
	return hv_post(vp, CONNECTION, TYPE, p, hv_payload_size(p->seq));
}

static void guest_post_all(struct hv_test_vp *vp, u32 poster)
{
	u64 status, retries = 0;
	struct hv_payload p;
	u32 seq;

	for (seq = 0; seq < per_poster(); seq++) {
		hv_payload_fill(&p, poster, seq);
		while ((status = post(vp, &p)) == HV_STATUS_INSUFFICIENT_BUFFERS)
			hv_await_buffer(&retries);
		GUEST_ASSERT_EQ(status, (u64)HV_STATUS_SUCCESS);
	}
	GUEST_PRINTF("# poster %u was out of buffers %lu times\n", poster, retries);
	/* Or the test did not get near the limits. */
	GUEST_ASSERT(retries > 100 / HV_TEST_SCALE);
	GUEST_DONE();
}

static void guest_poster(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	/* Only receivers are to be found by HV_ANY_VP. */
	wrmsr(HV_X64_MSR_SCONTROL, 0);
	hv_inc(&hidden);
	hv_await(hv_load(&hidden) == POSTERS);
	hv_await(hv_load(&ready) == (hv_test_arg & ANY_VP ? 2 : 1));
	guest_post_all(vp, vp->index & 1);
}

static const struct hv_test_case cases[] = {
	{
		.name = "EOI",
		.code = { guest_receiver, guest_poster, guest_poster },
		.handler = receive,
	}, {
		.name = "AutoEOI",
		.code = { guest_receiver, guest_poster, guest_poster },
		.handler = receive,
		.arg = AUTO_EOI,
	}, {
		.name = "HV_ANY_VP",
		.code = { guest_receiver, guest_second_receiver, guest_poster, guest_poster },
		.handler = receive,
		.arg = ANY_VP,
	}, {
		.name = "HV_ANY_VP, AutoEOI",
		.code = { guest_receiver, guest_second_receiver, guest_poster, guest_poster },
		.handler = receive,
		.arg = ANY_VP | AUTO_EOI,
	},
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
