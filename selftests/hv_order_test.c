// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages to a fixed VP arrive in the order in which they were posted, across
 * the ports of one SINT.
 */
#include "hv_case_util.h"

#define SINT		2
#define TYPE		0x77
#define PORT		0x100
#define CONNECTION	1
#define MESSAGES	5000

static u64 received;
static u32 ready;

static u32 port_of(u64 number)
{
	/* Runs of one port as well as changes from one to the other */
	return (number ^ number >> 3 ^ number >> 4) & 1;
}

static void guest_open(struct hv_test_vp *vp, u64 sint_flags)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, sint_flags);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);
	hv_open_port(vp, hv_message_port(PORT + 1, SINT, 0), CONNECTION + 1);
}

/* Both ports are filled while the slot is taken. */
static void guest_queued(struct hv_test_vp *vp)
{
	u64 status, posted, number, counts[2] = {};

	guest_open(vp, HV_SINT_MASKED);
	for (posted = 0; ; posted++) {
		status = hv_post_number(vp, CONNECTION + port_of(posted), TYPE, posted);
		if (status == HV_STATUS_INSUFFICIENT_BUFFERS)
			break;
		GUEST_ASSERT_EQ(status, (u64)HV_STATUS_SUCCESS);
		counts[port_of(posted)]++;
	}
	GUEST_ASSERT(counts[0] > 5);
	GUEST_ASSERT(counts[1] > 5);

	for (number = 0; number < posted; number++)
		hv_take_number(vp, SINT, PORT + port_of(number), number, number < posted - 1);
	hv_check_slot_stays_free(vp, SINT);
	GUEST_DONE();
}

static void receive(struct ex_regs *regs)
{
	struct hv_test_vp *vp = hv_test_vps[0];

	GUEST_ASSERT_EQ(hv_slot_type(vp, SINT), TYPE);
	GUEST_ASSERT_EQ(hv_slot_number(vp, SINT), received);
	GUEST_ASSERT_EQ(hv_slot(vp, SINT)->port_id, PORT + port_of(received));
	hv_inc(&received);
	hv_slot_free(vp, SINT);
	x2apic_write_reg(APIC_EOI, 0);
}

static void guest_receiver(struct hv_test_vp *vp)
{
	guest_open(vp, 0);
	hv_store(&ready, 1);
	hv_await(hv_load(&received) == MESSAGES);
	GUEST_DONE();
}

static void guest_poster(struct hv_test_vp *vp)
{
	u32 retries = 0;
	u64 i;

	hv_guest_init(vp);
	hv_await(hv_load(&ready));
	for (i = 0; i < MESSAGES; i++)
		retries += hv_post_number_retry(vp, CONNECTION + port_of(i), TYPE, i);
	hv_await(hv_load(&received) == MESSAGES);
	GUEST_PRINTF("# %u of %u posts found no buffer at first\n", retries, MESSAGES);
	GUEST_DONE();
}

static const struct hv_test_case cases[] = {
	{ "two ports filled, then drained", { guest_queued } },
	{ "two ports, receiver and poster at once", { guest_receiver, guest_poster }, receive },
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
