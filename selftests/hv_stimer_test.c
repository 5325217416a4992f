// SPDX-License-Identifier: GPL-2.0-only
/*
 * A synthetic timer and a port share a SINT: neither takes the other's messages.
 */
#include "hv_case_util.h"

/* machine: ports timeout=300 */

#define SINT		2
#define TYPE		0x77
#define PORT		0x100
#define CONNECTION	1
#define MESSAGES	4000
#define EXPIRATIONS	400

#define TYPE_TIMER	0x80000010
#define STIMER_ENABLE	BIT_ULL(0)
#define STIMER_SINT(s)	((u64)(s) << 16)

struct timer_payload {
	u32 index;
	u32 reserved;
	u64 expiration_time;
	u64 delivery_time;
};

static u64 received;
static u64 expired;
static u64 armed_for;
static u32 ready;

/* One-shot; the timer's message has to come before it is armed again. */
static void arm_timer(void)
{
	/* Units of 100 ns: anything from at once to 200 us */
	armed_for = rdmsr(HV_X64_MSR_TIME_REF_COUNT) + expired * 37 % 2000;
	wrmsr(HV_X64_MSR_STIMER0_COUNT, armed_for);
	wrmsr(HV_X64_MSR_STIMER0_CONFIG, STIMER_ENABLE | STIMER_SINT(SINT));
}

static void take_timer(struct hv_test_vp *vp)
{
	struct timer_payload p;

	memcpy(&p, (void *)hv_slot(vp, SINT)->payload, sizeof(p));
	GUEST_ASSERT_EQ(p.index, 0);
	GUEST_ASSERT_EQ(p.expiration_time, armed_for);
	expired++;
}

static void take_message(struct hv_test_vp *vp)
{
	GUEST_ASSERT_EQ(hv_slot_type(vp, SINT), TYPE);
	GUEST_ASSERT_EQ(hv_slot(vp, SINT)->port_id, PORT);
	GUEST_ASSERT_EQ(hv_slot_number(vp, SINT), received);
	hv_inc(&received);
}

static void receive(struct ex_regs *regs)
{
	struct hv_test_vp *vp = hv_test_vps[0];
	bool timer = hv_slot_type(vp, SINT) == TYPE_TIMER;

	if (timer)
		take_timer(vp);
	else
		take_message(vp);
	hv_slot_free(vp, SINT);
	if (timer && expired < EXPIRATIONS)
		arm_timer();
	if (!(hv_test_arg & HV_SINT_AUTO_EOI))
		x2apic_write_reg(APIC_EOI, 0);
}

static void guest_receiver(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	asm volatile("cli");
	hv_set_sint(SINT, hv_test_arg);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);
	hv_store(&ready, 1);
	arm_timer();
	asm volatile("sti");
	hv_await(hv_load(&received) == MESSAGES && hv_load(&expired) == EXPIRATIONS);
	hv_check_slot_stays_free(vp, SINT);
	GUEST_DONE();
}

/* Posts for as long as the timer is in use, and MESSAGES at least. */
static void guest_poster(struct hv_test_vp *vp)
{
	u64 i, retries = 0;

	hv_guest_init(vp);
	hv_await(hv_load(&ready));
	for (i = 0; i < MESSAGES; i++)
		retries += hv_post_number_retry(vp, CONNECTION, TYPE, i);
	GUEST_PRINTF("# %lu timer messages while %u were posted, %lu retries\n",
		     hv_load(&expired), MESSAGES, retries);
	/* Or they hardly met. */
	GUEST_ASSERT(hv_load(&expired) > EXPIRATIONS / 20);
	GUEST_DONE();
}

/*
 * By hand: each waits while the other's message is in the slot.  The SINT is not
 * masked, since KVM takes a timer's message that raised nothing for undelivered.
 */
static void guest_arm_and_expire(void)
{
	u64 start = rdmsr(HV_X64_MSR_TIME_REF_COUNT);

	armed_for = start;
	wrmsr(HV_X64_MSR_STIMER0_COUNT, armed_for);
	wrmsr(HV_X64_MSR_STIMER0_CONFIG, STIMER_ENABLE | STIMER_SINT(SINT));
	/* The timer is off again when its message is on its way. */
	hv_await(rdmsr(HV_X64_MSR_TIME_REF_COUNT) > start + 10000);
}

static void guest_take_type(struct hv_test_vp *vp, u32 type, bool pending)
{
	GUEST_ASSERT_EQ(hv_slot_type(vp, SINT), type);
	GUEST_ASSERT_EQ(hv_slot_pending(vp, SINT), pending);
	GUEST_ASSERT_EQ(hv_slot_free(vp, SINT), pending);
}

static void guest_slot_taken_by_port(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, hv_test_arg);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);

	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, 0));
	hv_check_slot(vp, SINT, PORT, 0, false);
	guest_arm_and_expire();
	/* MessagePending is the timer's; EOM brings its message. */
	guest_take_type(vp, TYPE, true);
	guest_take_type(vp, TYPE_TIMER, false);

	/* Both wait: whoever is first, the other one makes it pending. */
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, 1));
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, 2));
	guest_arm_and_expire();
	guest_take_type(vp, TYPE, true);
	if (hv_slot_type(vp, SINT) == TYPE) {
		guest_take_type(vp, TYPE, true);
		guest_take_type(vp, TYPE_TIMER, false);
	} else {
		guest_take_type(vp, TYPE_TIMER, true);
		guest_take_type(vp, TYPE, false);
	}
	hv_check_slot_stays_free(vp, SINT);
	GUEST_DONE();
}

static void guest_slot_taken_by_timer(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, hv_test_arg);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);

	guest_arm_and_expire();
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, 0));
	guest_take_type(vp, TYPE_TIMER, true);
	hv_check_slot(vp, SINT, PORT, 0, false);
	GUEST_DONE();
}

static const struct hv_test_case cases[] = {
	{ "port's message in the slot", { guest_slot_taken_by_port } },
	{ "timer's message in the slot", { guest_slot_taken_by_timer } },
	{ "both at once, EOI", { guest_receiver, guest_poster }, receive },
	{
		.name = "both at once, AutoEOI",
		.code = { guest_receiver, guest_poster },
		.handler = receive,
		.arg = HV_SINT_AUTO_EOI,
	},
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
