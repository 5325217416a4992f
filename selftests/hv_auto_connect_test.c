// SPDX-License-Identifier: GPL-2.0-only
/*
 * Automatic connections: made by HvCallCreatePort if it names a
 * ConnectionPartition, under the port's id, until somebody connects explicitly.
 */
#include <sys/eventfd.h>

#include "hv_call_util.h"

#define SINT		2
#define PORT		0x100
#define PORT2		0x101
#define OTHER		0x200

#define MESSAGE		HV_PORT_TYPE_MESSAGE
#define EVENT		HV_PORT_TYPE_EVENT

#define OK		HV_STATUS_SUCCESS
#define BAD_CONNECTION	HV_STATUS_INVALID_CONNECTION_ID
#define BAD_PORT	HV_STATUS_INVALID_PORT_ID
#define BAD_PARAMETER	HV_STATUS_INVALID_PARAMETER

static u64 create_auto(struct hv_caller *c, struct hv_input_create_port in)
{
	in.connection_partition_id = HV_PARTITION_ID_SELF;
	return hv_caller_create_port(c, in);
}

static void setup_auto(struct hv_caller *c, u32 port)
{
	HV_TEST_ASSERT_OK(create_auto(c, hv_message_port(port, SINT, 0)));
}

static u64 connect_port(struct hv_caller *c, u32 id, u32 port)
{
	return hv_caller_connect_port(c, hv_connection_to(id, port, MESSAGE));
}

/* The port that a message comes from, 0 if none comes */
static u64 post_arrives_from(struct hv_caller *c, u32 connection)
{
	u64 port;

	if (hv_caller_post(c, connection) != OK || !hv_caller_take_message(c, SINT, &port))
		return 0;
	return port;
}

/* Nobody's, so user space was asked */
static bool is_unknown(struct hv_caller *c, u32 connection)
{
	const u32 before = hv_test_user_hypercalls;

	return hv_caller_post(c, connection) == BAD_CONNECTION &&
	       hv_test_user_hypercalls == before + 1;
}

static void test_none(struct hv_caller *c)
{
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_message_port(PORT, SINT, 0)));
	ksft_test_result(is_unknown(c, PORT) &&
			 hv_caller_disconnect_port(c, PORT) == BAD_CONNECTION,
			 "partition 0: nothing is connected\n");
}

static void test_message(struct hv_caller *c)
{
	setup_auto(c, PORT);
	ksft_test_result(post_arrives_from(c, PORT) == PORT,
			 "connected under the port's id, for messages\n");
}

static void test_event(struct hv_caller *c)
{
	hv_host_set_sint(c, 0, SINT, 0);
	HV_TEST_ASSERT_OK(create_auto(c, hv_event_port(PORT, SINT, 0, 5, 2)));
	ksft_test_result(hv_caller_signal(c, PORT, 1) == OK && hv_caller_take_flag(c, SINT, 6),
			 "connected under the port's id, for events\n");
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(OTHER, PORT, EVENT)));
	ksft_test_result(hv_caller_signal(c, OTHER, 0) == OK && hv_caller_take_flag(c, SINT, 5),
			 "gives way, for events\n");
}

static void test_gives_way_other_id(struct hv_caller *c)
{
	setup_auto(c, PORT);
	ksft_test_result(connect_port(c, OTHER, PORT) == OK &&
			 post_arrives_from(c, OTHER) == PORT,
			 "gives way to another id\n");
	ksft_test_result(is_unknown(c, PORT) &&
			 hv_caller_disconnect_port(c, PORT) == BAD_CONNECTION,
			 "gives way to another id: its own is gone\n");
	ksft_test_result(connect_port(c, PORT, PORT) == BAD_PORT,
			 "gives way to another id: that one does not\n");
}

static void test_gives_way_same_id(struct hv_caller *c)
{
	setup_auto(c, PORT);
	ksft_test_result(connect_port(c, PORT, PORT) == OK && post_arrives_from(c, PORT) == PORT,
			 "gives way to the same id\n");
	ksft_test_result(connect_port(c, PORT, PORT) == BAD_CONNECTION &&
			 connect_port(c, OTHER, PORT) == BAD_PORT,
			 "gives way to the same id: that one does not\n");
	ksft_test_result(hv_caller_disconnect_port(c, PORT) == OK && is_unknown(c, PORT),
			 "gives way to the same id: disconnected\n");
}

/* Only to a connection to the same port */
static void test_does_not_give_way(struct hv_caller *c)
{
	setup_auto(c, PORT);
	setup_auto(c, PORT2);
	ksft_test_result(connect_port(c, PORT2, PORT) == BAD_CONNECTION,
			 "does not give way to another port's\n");
	ksft_test_result(hv_caller_connect_port(c, hv_connection_to(OTHER, PORT, EVENT)) ==
			 BAD_PARAMETER,
			 "does not give way to one of the wrong type\n");
	ksft_test_result(post_arrives_from(c, PORT) == PORT &&
			 post_arrives_from(c, PORT2) == PORT2,
			 "does not give way: both are still there\n");
}

static void test_id_taken(struct hv_caller *c)
{
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_message_port(PORT2, SINT, 0)));
	HV_TEST_ASSERT_OK(connect_port(c, PORT, PORT2));
	ksft_test_result(create_auto(c, hv_message_port(PORT, SINT, 0)) == OK,
			 "id taken: the port is made\n");
	ksft_test_result(post_arrives_from(c, PORT) == PORT2,
			 "id taken: by whom it was before\n");
	ksft_test_result(connect_port(c, OTHER, PORT) == OK &&
			 post_arrives_from(c, OTHER) == PORT,
			 "id taken: connected explicitly\n");
}

static void assign_eventfd(struct hv_caller *c, u32 connection)
{
	struct kvm_hyperv_eventfd args = {
		.conn_id = connection,
		.fd = eventfd(0, 0),
	};

	vm_ioctl(c->vm, KVM_HYPERV_EVENTFD, &args);
	close(args.fd);
}

static void test_id_taken_by_eventfd(struct hv_caller *c)
{
	assign_eventfd(c, PORT);
	ksft_test_result(create_auto(c, hv_message_port(PORT, SINT, 0)) == OK,
			 "id taken by an eventfd: the port is made\n");
	ksft_test_result(is_unknown(c, PORT) &&
			 hv_caller_disconnect_port(c, PORT) == BAD_CONNECTION,
			 "id taken by an eventfd: nothing is connected\n");
}

static void test_port_deleted(struct hv_caller *c)
{
	setup_auto(c, PORT);
	HV_TEST_ASSERT_OK(hv_caller_delete_port(c, PORT));
	ksft_test_result(hv_caller_post(c, PORT) == BAD_PORT,
			 "port deleted: the connection stays\n");

	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_message_port(PORT2, SINT, 0)));
	ksft_test_result(connect_port(c, PORT, PORT2) == BAD_CONNECTION,
			 "port deleted: the id is in use\n");
	ksft_test_result(create_auto(c, hv_message_port(PORT, SINT, 0)) == OK &&
			 hv_caller_post(c, PORT) == BAD_PORT,
			 "port deleted and made again: the id is in use\n");
	ksft_test_result(connect_port(c, PORT, PORT) == BAD_CONNECTION,
			 "port deleted and made again: does not give way\n");

	ksft_test_result(hv_caller_disconnect_port(c, PORT) == OK && is_unknown(c, PORT),
			 "port deleted: disconnected\n");
	ksft_test_result(connect_port(c, PORT, PORT) == OK && post_arrives_from(c, PORT) == PORT,
			 "port deleted: the id can be used again\n");
}

static void test_disconnected(struct hv_caller *c)
{
	setup_auto(c, PORT);
	ksft_test_result(hv_caller_disconnect_port(c, PORT) == OK && is_unknown(c, PORT),
			 "disconnected\n");
	ksft_test_result(connect_port(c, OTHER, PORT) == OK &&
			 post_arrives_from(c, OTHER) == PORT,
			 "disconnected: can be connected again\n");
	ksft_test_result(hv_caller_disconnect_port(c, OTHER) == OK &&
			 connect_port(c, PORT, PORT) == OK &&
			 post_arrives_from(c, PORT) == PORT,
			 "disconnected: and again\n");
}

/* What waits for the slot when the connection is replaced is not lost. */
static void test_queued(struct hv_caller *c)
{
	u64 port, id;

	setup_auto(c, PORT);
	HV_TEST_ASSERT_OK(hv_caller_post(c, PORT));
	HV_TEST_ASSERT_OK(hv_caller_post(c, PORT));
	HV_TEST_ASSERT_OK(connect_port(c, OTHER, PORT));
	TEST_ASSERT(hv_caller_take_message(c, SINT, &port), "No message");
	vcpu_set_msr(c->vcpus[0], HV_X64_MSR_EOM, 0);
	HV_TEST_ASSERT_OK(hv_caller_get_partition_id(c, &id));
	ksft_test_result(hv_caller_take_message(c, SINT, &port) && port == PORT,
			 "gives way: messages stay queued\n");
}

/* Each in a VM of its own */
static const struct {
	void (*run)(struct hv_caller *c);
	int results;
} cases[] = {
	{ test_none, 1 },
	{ test_message, 1 },
	{ test_event, 2 },
	{ test_gives_way_other_id, 3 },
	{ test_gives_way_same_id, 3 },
	{ test_does_not_give_way, 3 },
	{ test_id_taken, 3 },
	{ test_id_taken_by_eventfd, 2 },
	{ test_port_deleted, 6 },
	{ test_disconnected, 3 },
	{ test_queued, 1 },
};

int main(void)
{
	struct hv_caller c;
	int plan = 0, i;

	ksft_print_header();
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		plan += cases[i].results;
	ksft_set_plan(plan);

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		hv_caller_init(&c, 1);
		cases[i].run(&c);
		hv_caller_free(&c);
	}
	ksft_finished();
}
