// SPDX-License-Identifier: GPL-2.0-only
/*
 * Partition ids: who has which, and what a guest can do with its own and with
 * somebody else's.
 */
#include "hv_status_util.h"

#define SINT		2
#define PORT		0x100
#define CONNECTION	0x200
#define POISON		0x6b6b6b6b6b6b6b6bULL

static u64 id_of(struct hv_caller *c)
{
	u64 id;

	HV_TEST_ASSERT_OK(hv_caller_get_partition_id(c, &id));
	return id;
}

static bool got(struct hv_caller *c, const void *in)
{
	const bool written = *c->out != POISON;

	*c->out = POISON;
	return written;
}

static const struct hv_status_test status_test = {
	.name = "get partition id",
	.code = HVCALL_GET_PARTITION_ID,
	.has_output = true,
	.good = "",
	.happened = got,
};

static void test_status(void)
{
	struct hv_caller c;

	hv_status_init(&c, 1);
	*c.out = POISON;
	hv_status_run(&c, &status_test);
	hv_caller_free(&c);
}

/* The same VM, but another vCPU of it makes the calls. */
static struct hv_caller other_vcpu(const struct hv_caller *c)
{
	struct hv_caller other = *c;

	other.vcpus[0] = c->vcpus[1];
	hv_caller_start(&other);
	return other;
}

#define NR_TESTS_STABLE		4

static void test_stable(struct hv_caller *c)
{
	struct hv_caller other = other_vcpu(c);
	const u64 id = id_of(c);

	ksft_test_result(id && id != HV_PARTITION_ID_SELF, "an id, not a special one\n");
	ksft_test_result(id_of(c) == id, "the same when asked again\n");
	ksft_test_result(id_of(&other) == id, "the same for another vCPU\n");

	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_message_port(PORT, SINT, 0)));
	HV_TEST_ASSERT_OK(hv_caller_delete_port(c, PORT));
	ksft_test_result(id_of(c) == id, "the same after other calls\n");
}

#define NR_TESTS_UNIQUE		2

static void test_unique(struct hv_caller *c)
{
	const u64 id = id_of(c);
	struct hv_caller other;
	u64 second, third;

	hv_caller_init(&other, 1);
	second = id_of(&other);
	hv_caller_free(&other);
	ksft_test_result(second != id, "two VMs at once\n");

	hv_caller_init(&other, 1);
	third = id_of(&other);
	hv_caller_free(&other);
	ksft_test_result(third != second && third != id, "a VM that came later\n");
}

/* The calls, each with the partition's id in each place where one may be */
static u64 create(struct hv_caller *c, u64 port_partition, u64 connection_partition)
{
	struct hv_input_create_port in = hv_message_port(PORT, SINT, 0);

	in.port_partition_id = port_partition;
	in.connection_partition_id = connection_partition;
	return hv_caller_create_port(c, in);
}

static u64 connect_port(struct hv_caller *c, u64 connection_partition, u64 port_partition)
{
	struct hv_input_connect_port in = hv_connection_to(CONNECTION, PORT,
							   HV_PORT_TYPE_MESSAGE);

	in.connection_partition_id = connection_partition;
	in.port_partition_id = port_partition;
	return hv_caller_connect_port(c, in);
}

static u64 disconnect_port(struct hv_caller *c, u64 partition)
{
	struct hv_input_disconnect_port in = {
		.connection_partition_id = partition,
		.connection_id = CONNECTION,
	};

	return hv_caller_slow(c, HVCALL_DISCONNECT_PORT, &in, sizeof(in));
}

static u64 delete_port(struct hv_caller *c, u64 partition)
{
	struct hv_input_delete_port in = {
		.port_partition_id = partition,
		.port_id = PORT,
	};

	return hv_caller_slow(c, HVCALL_DELETE_PORT, &in, sizeof(in));
}

/* Get, or Set which has the value behind */
static u64 property(struct hv_caller *c, u16 code, u64 partition)
{
	struct hv_input_set_port_property in = {
		.get = {
			.port_partition_id = partition,
			.port_id = PORT,
			.property_code = HV_PORT_PROPERTY_PREFERRED_TARGET_VP,
		},
	};

	return hv_caller_slow(c, code, &in, sizeof(in));
}

#define SELF		HV_PARTITION_ID_SELF
#define NR_TESTS_USE	9

/* What each call says of the id, in this order; PORT has a fixed VP. */
static void test_use(struct hv_caller *c, const char *whose, u64 id, bool own)
{
	const u64 yes = own ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_PARTITION_ID;
	const u64 denied = own ? HV_STATUS_OPERATION_DENIED : HV_STATUS_INVALID_PARTITION_ID;

	ksft_test_result(create(c, id, 0) == yes, "%s: create\n", whose);
	if (own)
		HV_TEST_ASSERT_OK(delete_port(c, SELF));
	ksft_test_result(create(c, SELF, id) == yes, "%s: create, for\n", whose);
	if (!own)
		HV_TEST_ASSERT_OK(create(c, SELF, 0));

	ksft_test_result(connect_port(c, id, SELF) == yes, "%s: connect\n", whose);
	if (own)
		HV_TEST_ASSERT_OK(disconnect_port(c, SELF));
	ksft_test_result(connect_port(c, SELF, id) == yes, "%s: connect, to\n", whose);
	if (!own)
		HV_TEST_ASSERT_OK(connect_port(c, SELF, SELF));

	ksft_test_result(property(c, HVCALL_GET_PORT_PROPERTY, id) == yes,
			 "%s: get property\n", whose);
	ksft_test_result(property(c, HVCALL_SET_PORT_PROPERTY, id) == denied,
			 "%s: set property\n", whose);
	ksft_test_result(hv_caller_post(c, CONNECTION) == HV_STATUS_SUCCESS,
			 "%s: the connection is there\n", whose);
	ksft_test_result(disconnect_port(c, id) == yes, "%s: disconnect\n", whose);
	ksft_test_result(delete_port(c, id) == yes, "%s: delete\n", whose);
	if (!own) {
		HV_TEST_ASSERT_OK(disconnect_port(c, SELF));
		HV_TEST_ASSERT_OK(delete_port(c, SELF));
	}
}

#define NR_TESTS_OTHERS	1

/* The other VM has all that is asked for, and keeps it. */
static void test_others(struct hv_caller *c)
{
	struct hv_caller other;

	hv_caller_init(&other, 1);
	HV_TEST_ASSERT_OK(create(&other, SELF, 0));
	HV_TEST_ASSERT_OK(connect_port(&other, SELF, SELF));
	test_use(c, "another VM's id", id_of(&other), false);
	ksft_test_result(hv_caller_post(&other, CONNECTION) == HV_STATUS_SUCCESS,
			 "another VM's connection is still there\n");
	hv_caller_free(&other);
}

int main(void)
{
	struct hv_caller c;

	ksft_print_header();
	ksft_set_plan(hv_status_results(&status_test) + NR_TESTS_STABLE + NR_TESTS_UNIQUE +
		      3 * NR_TESTS_USE + NR_TESTS_OTHERS);

	test_status();
	hv_caller_init(&c, 2);
	test_stable(&c);
	test_unique(&c);
	test_use(&c, "self", SELF, true);
	test_use(&c, "own id", id_of(&c), true);
	test_others(&c);
	hv_caller_free(&c);

	ksft_finished();
}
