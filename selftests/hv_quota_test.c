// SPDX-License-Identifier: GPL-2.0-only
/*
 * Quotas: how many ports and connections a VM may have.
 */
/* machine: self timeout=300 */
#include "hv_call_util.h"
#include "hv_module_util.h"

#define SINT		2
#define FEW		4
#define FEW_PARAMETERS	"max_ports=4 max_connections=4"

/* What is documented */
#define DEFAULT_PORTS		1024
#define DEFAULT_CONNECTIONS	4096

/* Ports and connections are numbered from here. */
#define PORT		0x100
#define CONNECTION	0x10000

#define OK		HV_STATUS_SUCCESS
#define NO_RESOURCES	HV_STATUS_NO_RESOURCES
#define BAD_CONNECTION	HV_STATUS_INVALID_CONNECTION_ID
#define BAD_PARAMETER	HV_STATUS_INVALID_PARAMETER
#define BAD_PORT	HV_STATUS_INVALID_PORT_ID
#define BAD_VP		HV_STATUS_INVALID_VP_INDEX

/* An event port: it has no buffers to allocate. */
static u64 create(struct hv_caller *c, int port)
{
	return hv_caller_create_port(c, hv_event_port(PORT + port, SINT, 0, 0, 1));
}

static u64 create_auto(struct hv_caller *c, int port)
{
	struct hv_input_create_port in = hv_event_port(PORT + port, SINT, 0, 0, 1);

	in.connection_partition_id = HV_PARTITION_ID_SELF;
	return hv_caller_create_port(c, in);
}

static u64 delete_port(struct hv_caller *c, int port)
{
	return hv_caller_delete_port(c, PORT + port);
}

static u64 connect_as(struct hv_caller *c, int connection, int port, u32 type)
{
	return hv_caller_connect_port(c, hv_connection_to(CONNECTION + connection, PORT + port,
							  type));
}

static u64 connect_port(struct hv_caller *c, int connection, int port)
{
	return connect_as(c, connection, port, HV_PORT_TYPE_EVENT);
}

static u64 disconnect_port(struct hv_caller *c, int connection)
{
	return hv_caller_disconnect_port(c, CONNECTION + connection);
}

/* An automatic connection has its port's id. */
static u64 disconnect_auto(struct hv_caller *c, int port)
{
	return hv_caller_disconnect_port(c, PORT + port);
}

static void test_ports(struct hv_caller *c)
{
	int i;

	for (i = 0; i < FEW; i++)
		HV_TEST_ASSERT_OK(create(c, i));
	ksft_test_result(create(c, FEW) == NO_RESOURCES, "ports: one too many\n");
	ksft_test_result(create(c, 0) == BAD_PORT, "ports: a taken id matters first\n");
	ksft_test_result(hv_caller_create_port(c, hv_message_port(PORT + FEW, SINT, 77)) ==
			 BAD_VP, "ports: an absent VP matters first\n");

	HV_TEST_ASSERT_OK(delete_port(c, 1));
	ksft_test_result(create(c, FEW) == OK, "ports: deletion makes room\n");
	ksft_test_result(create(c, 1) == NO_RESOURCES, "ports: for one\n");
}

/* All places taken, by connections 0 to 3; port 0 was deleted, port 4 is free. */
static void fill_connections(struct hv_caller *c)
{
	int i;

	for (i = 0; i < FEW; i++) {
		HV_TEST_ASSERT_OK(create(c, i));
		HV_TEST_ASSERT_OK(connect_port(c, i, i));
	}
	HV_TEST_ASSERT_OK(delete_port(c, 0));
	HV_TEST_ASSERT_OK(create(c, FEW));
}

static void test_connections(struct hv_caller *c)
{
	fill_connections(c);
	ksft_test_result(connect_port(c, FEW, FEW) == NO_RESOURCES,
			 "connections: one too many, one of a deleted port included\n");
	ksft_test_result(connect_port(c, 1, FEW) == BAD_CONNECTION,
			 "connections: a taken id matters first\n");
	ksft_test_result(connect_port(c, FEW, 1) == BAD_PORT,
			 "connections: a connected port matters first\n");
	ksft_test_result(connect_as(c, FEW, FEW, HV_PORT_TYPE_MESSAGE) == BAD_PARAMETER,
			 "connections: the port's type matters first\n");

	HV_TEST_ASSERT_OK(disconnect_port(c, 0));
	ksft_test_result(connect_port(c, FEW, FEW) == OK,
			 "connections: disconnecting a deleted port makes room\n");
	HV_TEST_ASSERT_OK(delete_port(c, 1));
	HV_TEST_ASSERT_OK(create(c, 5));
	ksft_test_result(connect_port(c, 5, 5) == NO_RESOURCES, "connections: for one\n");
	HV_TEST_ASSERT_OK(disconnect_port(c, 2));
	ksft_test_result(connect_port(c, 5, 5) == OK, "connections: disconnecting makes room\n");
}

static void test_auto_when_full(struct hv_caller *c)
{
	fill_connections(c);
	HV_TEST_ASSERT_OK(delete_port(c, FEW));
	ksft_test_result(create_auto(c, FEW) == OK, "automatic, when full: the port is made\n");
	ksft_test_result(disconnect_auto(c, FEW) == BAD_CONNECTION,
			 "automatic, when full: it is not connected\n");
	ksft_test_result(connect_port(c, FEW, FEW) == NO_RESOURCES,
			 "automatic, when full: nor explicitly\n");
	HV_TEST_ASSERT_OK(disconnect_port(c, 1));
	ksft_test_result(connect_port(c, FEW, FEW) == OK,
			 "automatic, when full: but when there is room\n");
}

/* An automatic connection that is replaced gives its place, too. */
static void test_replace_when_full(struct hv_caller *c)
{
	int i;

	for (i = 0; i < FEW; i++)
		HV_TEST_ASSERT_OK(create_auto(c, i));
	ksft_test_result(connect_port(c, 0, 0) == OK, "replacement, when full: another id\n");
	ksft_test_result(hv_caller_connect_port(c, hv_connection_to(PORT + 1, PORT + 1,
								    HV_PORT_TYPE_EVENT)) == OK,
			 "replacement, when full: the same id\n");

	/* Four connections still: there is room for none, then for one. */
	HV_TEST_ASSERT_OK(delete_port(c, 0));
	HV_TEST_ASSERT_OK(create(c, FEW));
	ksft_test_result(connect_port(c, FEW, FEW) == NO_RESOURCES,
			 "replacement, when full: full it stays\n");
	HV_TEST_ASSERT_OK(disconnect_port(c, 0));
	ksft_test_result(connect_port(c, FEW, FEW) == OK,
			 "replacement, when full: disconnecting makes room\n");
}

/* The automatic connection of a deleted port counts until it is disconnected. */
static void test_auto_of_deleted(struct hv_caller *c)
{
	int i;

	for (i = 0; i < FEW; i++)
		HV_TEST_ASSERT_OK(create_auto(c, i));
	HV_TEST_ASSERT_OK(delete_port(c, 0));
	HV_TEST_ASSERT_OK(create(c, FEW));
	ksft_test_result(connect_port(c, FEW, FEW) == NO_RESOURCES,
			 "automatic, port deleted: it counts\n");
	HV_TEST_ASSERT_OK(disconnect_auto(c, 0));
	ksft_test_result(connect_port(c, FEW, FEW) == OK,
			 "automatic, port deleted: disconnecting makes room\n");
}

static void test_two_vms(struct hv_caller *c)
{
	struct hv_caller other;
	bool ok = true;
	int i;

	fill_connections(c);
	hv_caller_init(&other, 1);
	for (i = 0; i < FEW; i++)
		ok &= create(&other, i) == OK && connect_port(&other, i, i) == OK;
	hv_caller_free(&other);
	ksft_test_result(ok, "another VM has a quota of its own\n");
}

static void test_default_ports(struct hv_caller *c)
{
	int i;

	for (i = 0; i < DEFAULT_PORTS; i++)
		if (create(c, i) != OK)
			break;
	ksft_test_result(i == DEFAULT_PORTS && create(c, i) == NO_RESOURCES,
			 "default: %d ports\n", i);
}

/* Connections outlive their ports, hence there may be more than ports. */
static void test_default_connections(struct hv_caller *c)
{
	int i;

	for (i = 0; i < DEFAULT_CONNECTIONS; i++) {
		if (create(c, 0) != OK || connect_port(c, i, 0) != OK)
			break;
		HV_TEST_ASSERT_OK(delete_port(c, 0));
	}
	ksft_test_result(i == DEFAULT_CONNECTIONS && create(c, 0) == OK &&
			 connect_port(c, i, 0) == NO_RESOURCES, "default: %d connections\n", i);
}

struct quota_case {
	void (*run)(struct hv_caller *c);
	int results;
};

/* Each in a VM of its own */
static const struct quota_case few_cases[] = {
	{ test_ports, 5 },
	{ test_connections, 7 },
	{ test_auto_when_full, 4 },
	{ test_replace_when_full, 4 },
	{ test_auto_of_deleted, 2 },
	{ test_two_vms, 1 },
};

static const struct quota_case default_cases[] = {
	{ test_default_ports, 1 },
	{ test_default_connections, 1 },
};

static int count(const struct quota_case *cases, int nr)
{
	int results = 0, i;

	for (i = 0; i < nr; i++)
		results += cases[i].results;
	return results;
}

static void run(const struct quota_case *cases, int nr, const char *parameters)
{
	struct hv_caller c;
	int i;

	hv_module_load(parameters);
	for (i = 0; i < nr; i++) {
		hv_caller_init(&c, 1);
		cases[i].run(&c);
		hv_caller_free(&c);
	}
	hv_module_unload();
}

int main(void)
{
	hv_module_require();
	ksft_print_header();
	ksft_set_plan(count(few_cases, ARRAY_SIZE(few_cases)) +
		      count(default_cases, ARRAY_SIZE(default_cases)));

	run(few_cases, ARRAY_SIZE(few_cases), FEW_PARAMETERS);
	run(default_cases, ARRAY_SIZE(default_cases), "");

	ksft_finished();
}
