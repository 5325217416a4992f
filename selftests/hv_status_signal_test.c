// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statuses of HvCallSignalEvent and the order of its checks
 */
#include "hv_status_util.h"

#define SINT		2
#define SINT_MASKED	3
#define BASE		10
#define COUNT		4
#define NR_VCPUS	4

#define VP_SYNIC_OFF	1
#define VP_SIEF_OFF	2
#define VP_GONE		3
#define VP_GONE_TO	7

/* Connections have their port's id. */
enum {
	GOOD = 0x100,
	ANY_VP,
	ANY_VP_MASKED,
	DELETED,
	MESSAGE,
	MESSAGE_GONE,
	GONE,
	SYNIC_OFF,
	SIEF_OFF,
	MASKED,
	NOBODYS,
};

#define SET(field, value)	HV_FIELD(value, struct hv_port_signal_event, field)

#define BAD_CONNECTION	HV_STATUS_INVALID_CONNECTION_ID
#define BAD_PORT	HV_STATUS_INVALID_PORT_ID
#define BAD_PARAMETER	HV_STATUS_INVALID_PARAMETER
#define BAD_VP		HV_STATUS_INVALID_VP_INDEX
#define BAD_SYNIC	HV_STATUS_INVALID_SYNIC_STATE

static const struct hv_row rows[] = {
	/* KVM itself looks at the reserved field: not with that set */
	{ "unknown connection", BAD_CONNECTION, { SET(connection_id, NOBODYS), SET(rsvdz, 0) },
	  .by_user = true },
	{ "port deleted", BAD_PORT, { SET(connection_id, DELETED) } },
	{ "port for messages", BAD_PORT, { SET(connection_id, MESSAGE) } },
	{ "port for messages, VP gone", BAD_PORT, { SET(connection_id, MESSAGE_GONE) } },
	{ "RsvdZ 1", BAD_PARAMETER, { SET(rsvdz, 1) } },
	{ "RsvdZ bit 15", BAD_PARAMETER, { SET(rsvdz, BIT(15)) } },
	{ "flag 4 of 4", BAD_PARAMETER, { SET(flag_number, COUNT) } },
	{ "flag 65535", BAD_PARAMETER, { SET(flag_number, 0xffff) } },
	{ "VP gone", BAD_VP, { SET(connection_id, GONE) } },
	{ "SynIC off", BAD_SYNIC, { SET(connection_id, SYNIC_OFF) } },
	{ "SIEF page off", BAD_SYNIC, { SET(connection_id, SIEF_OFF) } },
	{ "SINT masked", BAD_SYNIC, { SET(connection_id, MASKED) } },
	{ "any VP: every SINT masked", BAD_SYNIC, { SET(connection_id, ANY_VP_MASKED) } },
	{ "flag 3 of 4", 0, { SET(flag_number, COUNT - 1) } },
	{ "any VP", 0, { SET(connection_id, ANY_VP) } },
};

/* The one flag that was asked for and no other */
static bool happened(struct hv_caller *c, const void *input)
{
	const struct hv_port_signal_event *in = input;
	static const u8 nothing[4096];
	bool flag = false;

	if (in->flag_number < COUNT)
		flag = hv_caller_take_flag(c, SINT, BASE + in->flag_number);
	TEST_ASSERT(!memcmp(c->sief, nothing, sizeof(nothing)), "Another flag is set");
	return flag;
}

static void setup_port(struct hv_caller *c, u32 id, struct hv_input_create_port in)
{
	in.port_id = id;
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, in));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(id, id,
								     in.port_info.port_type)));
}

static void setup_event(struct hv_caller *c, u32 id, u32 sint, u32 vp)
{
	setup_port(c, id, hv_event_port(id, sint, vp, BASE, COUNT));
}

static void setup_ports(struct hv_caller *c)
{
	setup_event(c, GOOD, SINT, 0);
	setup_event(c, ANY_VP, SINT, HV_ANY_VP);
	setup_event(c, ANY_VP_MASKED, SINT_MASKED, HV_ANY_VP);
	setup_event(c, DELETED, SINT, 0);
	setup_port(c, MESSAGE, hv_message_port(MESSAGE, SINT, 0));
	setup_port(c, MESSAGE_GONE, hv_message_port(MESSAGE_GONE, SINT, VP_GONE));
	setup_event(c, GONE, SINT, VP_GONE);
	setup_event(c, SYNIC_OFF, SINT, VP_SYNIC_OFF);
	setup_event(c, SIEF_OFF, SINT, VP_SIEF_OFF);
	setup_event(c, MASKED, SINT_MASKED, 0);
	HV_TEST_ASSERT_OK(hv_caller_delete_port(c, DELETED));
}

/* Each VP has one thing that is wrong, or is gone and has its SIEF page off. */
static void setup_vps(struct hv_caller *c)
{
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		hv_host_set_synic(c, i, i != VP_SYNIC_OFF);
		hv_host_set_sief(c, i, i < VP_SIEF_OFF);
		hv_host_set_sint(c, i, SINT, 0);
		hv_host_set_sint(c, i, SINT_MASKED, HV_SINT_MASKED);
	}
	vcpu_set_msr(c->vcpus[VP_GONE], HV_X64_MSR_VP_INDEX, VP_GONE_TO);
}

static u64 signal_any_vp(struct hv_caller *c)
{
	return hv_caller_signal(c, ANY_VP, 0);
}

/* Only VP 0 is well. */
static void test_any_vp(struct hv_caller *c)
{
	hv_host_set_synic(c, 0, false);
	ksft_test_result(signal_any_vp(c) == BAD_SYNIC, "signal, any VP: every SynIC off\n");
	hv_host_set_synic(c, 0, true);

	hv_host_set_sief(c, 0, false);
	ksft_test_result(signal_any_vp(c) == BAD_SYNIC, "signal, any VP: every SIEF page off\n");
	hv_host_set_sief(c, 0, true);

	hv_host_set_sint(c, 0, SINT, HV_SINT_MASKED);
	ksft_test_result(signal_any_vp(c) == BAD_SYNIC, "signal, any VP: the last SINT masked\n");
	hv_host_set_sint(c, 0, SINT, 0);

	ksft_test_result(signal_any_vp(c) == HV_STATUS_SUCCESS, "signal, any VP: one is well\n");
}

#define NR_TESTS_ANY_VP	4

int main(void)
{
	const struct hv_port_signal_event good = { .connection_id = GOOD };
	const struct hv_status_test test = {
		.name = "signal",
		.code = HVCALL_SIGNAL_EVENT,
		.size = sizeof(good),
		.has_fast = true,
		.good = &good,
		.rows = rows,
		.nr_rows = ARRAY_SIZE(rows),
		.happened = happened,
	};
	struct hv_caller c;

	ksft_print_header();
	ksft_set_plan(hv_status_results(&test) + NR_TESTS_ANY_VP);

	hv_status_init(&c, NR_VCPUS);
	setup_ports(&c);
	setup_vps(&c);
	hv_status_run(&c, &test);
	test_any_vp(&c);
	hv_caller_free(&c);

	ksft_finished();
}
