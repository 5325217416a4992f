// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two properties of a port: how many messages were posted to it, and which
 * VP is to be asked first.  And what becomes of an answer that cannot be written.
 */
#include "hv_call_util.h"

#define SINT		2
#define CONNECTION	7
#define NR_VCPUS	2

#define POST_COUNT	HV_PORT_PROPERTY_POST_COUNT
#define PREFERRED	HV_PORT_PROPERTY_PREFERRED_TARGET_VP

/* Ports; connections have the same id. */
enum {
	MESSAGE = 0x100,
	FIXED,
	EVENT,
	EVENT_FIXED,
};

static u64 get(struct hv_caller *c, u32 port, u32 code)
{
	u64 value;

	HV_TEST_ASSERT_OK(hv_caller_get_property(c, port, code, &value));
	return value;
}

/* The value that the call says is in force now */
static u64 set_preferred(struct hv_caller *c, u32 port, u64 value)
{
	HV_TEST_ASSERT_OK(hv_caller_set_property(c, port, PREFERRED, &value));
	return value;
}

static void connect_port(struct hv_caller *c, struct hv_input_create_port in)
{
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, in));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(in.port_id, in.port_id,
								     in.port_info.port_type)));
}

static void setup(struct hv_caller *c)
{
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		hv_host_set_synic(c, i, true);
		hv_host_set_sim(c, i, true);
		hv_host_set_sief(c, i, true);
		hv_host_set_sint(c, i, SINT, 0);
	}
	connect_port(c, hv_message_port(MESSAGE, SINT, HV_ANY_VP));
	connect_port(c, hv_message_port(FIXED, SINT, 0));
	connect_port(c, hv_event_port(EVENT, SINT, HV_ANY_VP, 0, 1));
	connect_port(c, hv_event_port(EVENT_FIXED, SINT, 1, 0, 1));
}

/* Whether a message, which is posted here, comes to the caller's VP */
static bool comes_here(struct hv_caller *c, u32 connection)
{
	u64 port;

	HV_TEST_ASSERT_OK(hv_caller_post(c, connection));
	return hv_caller_take_message(c, SINT, &port) && port == connection;
}

static bool event_comes_here(struct hv_caller *c)
{
	HV_TEST_ASSERT_OK(hv_caller_signal(c, EVENT, 0));
	return hv_caller_take_flag(c, SINT, 0);
}

static u64 refused_post(struct hv_caller *c, u32 connection)
{
	struct hv_port_post_message in = { .connection_id = connection };

	return hv_caller_slow(c, HVCALL_POST_MESSAGE, &in, sizeof(in));
}

#define NR_TESTS_POST_COUNT	6

static void test_post_count(struct hv_caller *c)
{
	ksft_test_result(get(c, FIXED, POST_COUNT) == 0, "PostCount: new port\n");
	TEST_ASSERT(comes_here(c, FIXED) && comes_here(c, FIXED) && comes_here(c, FIXED),
		    "A message did not arrive");
	ksft_test_result(get(c, FIXED, POST_COUNT) == 3, "PostCount: three posts\n");

	HV_TEST_ASSERT_STATUS(refused_post(c, FIXED), HV_STATUS_INVALID_PARAMETER);
	ksft_test_result(get(c, FIXED, POST_COUNT) == 3, "PostCount: refused post\n");

	HV_TEST_ASSERT_OK(hv_caller_disconnect_port(c, FIXED));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(CONNECTION, FIXED,
								     HV_PORT_TYPE_MESSAGE)));
	HV_TEST_ASSERT_OK(hv_caller_post(c, CONNECTION));
	ksft_test_result(get(c, FIXED, POST_COUNT) == 4, "PostCount: another connection\n");

	HV_TEST_ASSERT_OK(hv_caller_delete_port(c, FIXED));
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_message_port(FIXED, SINT, 0)));
	ksft_test_result(get(c, FIXED, POST_COUNT) == 0, "PostCount: created again\n");

	ksft_test_result(get(c, EVENT, POST_COUNT) == 0, "PostCount: event port\n");
}

#define NR_TESTS_PREFERRED	7

static void test_preferred(struct hv_caller *c)
{
	ksft_test_result(get(c, MESSAGE, PREFERRED) == HV_ANY_VP,
			 "PreferredTargetVp: any VP at first\n");
	ksft_test_result(get(c, FIXED, PREFERRED) == 0, "PreferredTargetVp: a fixed VP\n");
	ksft_test_result(get(c, EVENT_FIXED, PREFERRED) == 1,
			 "PreferredTargetVp: a fixed VP of an event port\n");

	ksft_test_result(set_preferred(c, MESSAGE, 1) == 1, "PreferredTargetVp: set\n");
	ksft_test_result(get(c, MESSAGE, PREFERRED) == 1, "PreferredTargetVp: was set\n");
	ksft_test_result(get(c, EVENT, PREFERRED) == HV_ANY_VP,
			 "PreferredTargetVp: another port's was not\n");
	ksft_test_result(set_preferred(c, MESSAGE, HV_ANY_VP) == HV_ANY_VP &&
			 get(c, MESSAGE, PREFERRED) == HV_ANY_VP,
			 "PreferredTargetVp: set to any VP again\n");
}

#define NR_TESTS_TARGET		5

/* VP 1 never runs, hence what goes there is not seen. */
static void test_target(struct hv_caller *c)
{
	u64 port;

	hv_caller_take_message(c, SINT, &port);
	set_preferred(c, MESSAGE, 1);
	ksft_test_result(!comes_here(c, MESSAGE), "messages go to the preferred VP\n");
	set_preferred(c, MESSAGE, 0);
	ksft_test_result(comes_here(c, MESSAGE), "messages go to another preferred VP\n");

	set_preferred(c, EVENT, 1);
	ksft_test_result(!event_comes_here(c), "events go to the preferred VP\n");
	set_preferred(c, EVENT, 0);
	ksft_test_result(event_comes_here(c), "events go to another preferred VP\n");

	set_preferred(c, MESSAGE, 1);
	hv_host_set_synic(c, 1, false);
	ksft_test_result(comes_here(c, MESSAGE), "the preferred VP cannot take it\n");
}

#define OUTPUT_SLOT	20
#define OUTPUT_GPA	0x120000000ULL

static u64 call_with_output(struct hv_caller *c, u16 code, u64 gpa)
{
	struct hv_input_set_port_property in = {
		.get = {
			.port_partition_id = HV_PARTITION_ID_SELF,
			.port_id = MESSAGE,
			.property_code = PREFERRED,
		},
	};

	memcpy(c->in, &in, sizeof(in));
	return hv_caller_call(c, code, c->in_gpa, gpa);
}

#define NR_TESTS_OUTPUT		3

/* KVM knows a slot there, but user space has made its memory read-only. */
static void test_output(struct hv_caller *c)
{
	static const u16 codes[] = {
		HVCALL_GET_PARTITION_ID, HVCALL_GET_PORT_PROPERTY, HVCALL_SET_PORT_PROPERTY,
	};
	u64 *memory = hv_test_alloc_memory(getpagesize()), denied, status;
	u32 i;

	hv_test_set_slot(c->vm, OUTPUT_SLOT, OUTPUT_GPA, memory, getpagesize());
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		TEST_ASSERT(!mprotect(memory, getpagesize(), PROT_READ), "mprotect");
		denied = call_with_output(c, codes[i], OUTPUT_GPA);
		TEST_ASSERT(!mprotect(memory, getpagesize(), PROT_READ | PROT_WRITE), "mprotect");
		*memory = -1;
		status = call_with_output(c, codes[i], OUTPUT_GPA);
		ksft_test_result(denied == HV_STATUS_INVALID_ALIGNMENT &&
				 status == HV_STATUS_SUCCESS && *memory != -1ULL,
				 "call %#x: output cannot be written\n", codes[i]);
	}
}

int main(void)
{
	struct hv_caller c;

	ksft_print_header();
	ksft_set_plan(NR_TESTS_POST_COUNT + NR_TESTS_PREFERRED + NR_TESTS_TARGET +
		      NR_TESTS_OUTPUT);

	hv_caller_init(&c, NR_VCPUS);
	setup(&c);
	test_post_count(&c);
	test_preferred(&c);
	test_target(&c);
	test_output(&c);
	hv_caller_free(&c);

	ksft_finished();
}
