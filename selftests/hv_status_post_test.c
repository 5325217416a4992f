// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statuses of HvCallPostMessage and the order of its checks
 */
#include "hv_status_util.h"

#define SINT		2
#define BUFFERS		16
#define NR_VCPUS	5

/* What is wrong with the VPs; they are all well while the ports are set up. */
#define VP_SYNIC_OFF	1
#define VP_SIM_OFF	2
#define VP_GONE		3
#define VP_GONE_TO	7
#define VP_WELL		4

/* Connections have their port's id. */
enum {
	GOOD = 0x100,
	ANY_VP,
	DELETED,
	EVENT,
	EVENT_GONE,
	GONE,
	GONE_FULL,
	SYNIC_OFF,
	SYNIC_OFF_FULL,
	SIM_OFF,
	FULL,
	NOBODYS,
};

#define SET(field, value)	HV_FIELD(value, struct hv_port_post_message, field)

#define BAD_CONNECTION	HV_STATUS_INVALID_CONNECTION_ID
#define BAD_PORT	HV_STATUS_INVALID_PORT_ID
#define BAD_PARAMETER	HV_STATUS_INVALID_PARAMETER
#define BAD_VP		HV_STATUS_INVALID_VP_INDEX
#define BAD_SYNIC	HV_STATUS_INVALID_SYNIC_STATE
#define NO_BUFFERS	HV_STATUS_INSUFFICIENT_BUFFERS

static const struct hv_row rows[] = {
	{ "unknown connection", BAD_CONNECTION, { SET(connection_id, NOBODYS) },
	  .by_user = true },
	{ "id bit 24", BAD_CONNECTION, { SET(connection_id, 0x1000000 | GOOD) },
	  .by_user = true },
	{ "id bit 31", BAD_CONNECTION, { SET(connection_id, 0x80000000 | GOOD) },
	  .by_user = true },
	{ "port deleted", BAD_PORT, { SET(connection_id, DELETED) } },
	{ "port for events", BAD_PORT, { SET(connection_id, EVENT) } },
	{ "port for events, VP gone", BAD_PORT, { SET(connection_id, EVENT_GONE) } },
	{ "RsvdZ 1", BAD_PARAMETER, { SET(rsvdz, 1) } },
	{ "RsvdZ bit 31", BAD_PARAMETER, { SET(rsvdz, BIT(31)) } },
	{ "type 0", BAD_PARAMETER, { SET(message_type, 0) } },
	{ "type bit 31", BAD_PARAMETER, { SET(message_type, BIT(31) | 1) } },
	{ "size 241", BAD_PARAMETER, { SET(payload_size, 241) } },
	{ "size 256", BAD_PARAMETER, { SET(payload_size, 256) } },
	{ "size bit 31", BAD_PARAMETER, { SET(payload_size, BIT(31)) } },
	{ "VP gone", BAD_VP, { SET(connection_id, GONE) } },
	{ "VP gone, buffers queued", BAD_VP, { SET(connection_id, GONE_FULL) } },
	{ "SynIC off", BAD_SYNIC, { SET(connection_id, SYNIC_OFF) } },
	{ "SynIC off, buffers queued", BAD_SYNIC, { SET(connection_id, SYNIC_OFF_FULL) } },
	{ "SIM page off", BAD_SYNIC, { SET(connection_id, SIM_OFF) } },
	{ "buffers queued", NO_BUFFERS, { SET(connection_id, FULL) } },
	{ "size 0", 0, { SET(payload_size, 0) } },
	{ "size 240", 0, { SET(payload_size, 240) } },
	{ "type 0x7fffffff", 0, { SET(message_type, 0x7fffffff) } },
};

static bool happened(struct hv_caller *c, const void *in)
{
	static u64 seen;
	u64 count, port;
	bool arrived;

	arrived = hv_caller_take_message(c, SINT, &port);
	HV_TEST_ASSERT_OK(hv_caller_get_property(c, GOOD, HV_PORT_PROPERTY_POST_COUNT, &count));
	TEST_ASSERT_EQ(count - seen, (u64)arrived);
	seen = count;
	return arrived;
}

static void setup_port(struct hv_caller *c, u32 id, u32 type, u32 vp)
{
	struct hv_input_create_port in = hv_message_port(id, SINT, vp);

	if (type == HV_PORT_TYPE_EVENT)
		in = hv_event_port(id, SINT, vp, 0, 1);
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, in));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(id, id, type)));
}

static void setup_full_port(struct hv_caller *c, u32 id, u32 vp)
{
	int i;

	setup_port(c, id, HV_PORT_TYPE_MESSAGE, vp);
	for (i = 0; i < BUFFERS; i++)
		HV_TEST_ASSERT_OK(hv_caller_post(c, id));
}

/* A VP is gone if it is not where it was: a running VM never loses one. */
static void break_vps(struct hv_caller *c)
{
	hv_host_set_synic(c, VP_SYNIC_OFF, false);
	hv_host_set_sim(c, VP_SIM_OFF, false);
	hv_host_set_synic(c, VP_GONE, false);
	vcpu_set_msr(c->vcpus[VP_GONE], HV_X64_MSR_VP_INDEX, VP_GONE_TO);
}

/* The VPs but the caller's never run, hence what is posted to them waits. */
static void setup(struct hv_caller *c)
{
	int i;

	for (i = 1; i < NR_VCPUS; i++) {
		hv_host_set_synic(c, i, true);
		hv_host_set_sim(c, i, true);
	}
	setup_port(c, GOOD, HV_PORT_TYPE_MESSAGE, 0);
	setup_port(c, ANY_VP, HV_PORT_TYPE_MESSAGE, HV_ANY_VP);
	setup_port(c, DELETED, HV_PORT_TYPE_MESSAGE, 0);
	setup_port(c, EVENT, HV_PORT_TYPE_EVENT, 0);
	setup_port(c, EVENT_GONE, HV_PORT_TYPE_EVENT, VP_GONE);
	setup_port(c, GONE, HV_PORT_TYPE_MESSAGE, VP_GONE);
	setup_full_port(c, GONE_FULL, VP_GONE);
	setup_port(c, SYNIC_OFF, HV_PORT_TYPE_MESSAGE, VP_SYNIC_OFF);
	setup_full_port(c, SYNIC_OFF_FULL, VP_SYNIC_OFF);
	setup_port(c, SIM_OFF, HV_PORT_TYPE_MESSAGE, VP_SIM_OFF);
	setup_full_port(c, FULL, VP_WELL);
	HV_TEST_ASSERT_OK(hv_caller_delete_port(c, DELETED));
	break_vps(c);
}

static void set_well_synics(struct hv_caller *c, bool on)
{
	hv_host_set_synic(c, 0, on);
	hv_host_set_synic(c, VP_WELL, on);
}

static void set_well_sims(struct hv_caller *c, bool on)
{
	hv_host_set_sim(c, 0, on);
	hv_host_set_sim(c, VP_WELL, on);
}

static void test_any_vp(struct hv_caller *c)
{
	set_well_synics(c, false);
	ksft_test_result(hv_caller_post(c, ANY_VP) == BAD_SYNIC,
			 "post, any VP: every SynIC off\n");
	set_well_synics(c, true);

	set_well_sims(c, false);
	ksft_test_result(hv_caller_post(c, ANY_VP) == BAD_SYNIC,
			 "post, any VP: every SIM page off\n");
	hv_host_set_sim(c, 0, true);
	ksft_test_result(hv_caller_post(c, ANY_VP) == HV_STATUS_SUCCESS,
			 "post, any VP: one SIM page on\n");
}

#define NR_TESTS_ANY_VP	3

int main(void)
{
	const struct hv_port_post_message good = {
		.connection_id = GOOD,
		.message_type = 1,
		.payload_size = 8,
	};
	const struct hv_status_test test = {
		.name = "post",
		.code = HVCALL_POST_MESSAGE,
		.size = sizeof(good),
		/* That form has a test of its own. */
		.fast_is_not_ours = true,
		.good = &good,
		.rows = rows,
		.nr_rows = ARRAY_SIZE(rows),
		.happened = happened,
	};
	struct hv_caller c;

	ksft_print_header();
	ksft_set_plan(hv_status_results(&test) + NR_TESTS_ANY_VP);

	hv_status_init(&c, NR_VCPUS);
	setup(&c);
	hv_status_run(&c, &test);
	test_any_vp(&c);
	hv_caller_free(&c);

	ksft_finished();
}
