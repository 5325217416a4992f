// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statuses of HvCallDisconnectPort and the order of its checks
 */
#include "hv_status_util.h"

#define SINT		2
#define PORT		0x100
#define CONNECTION	0x200
#define NO_CONNECTION	0x201

#define SET(field, value)	HV_FIELD(value, struct hv_input_disconnect_port, field)

#define BAD_PARTITION	HV_STATUS_INVALID_PARTITION_ID
#define BAD_PARAMETER	HV_STATUS_INVALID_PARAMETER
#define BAD_CONNECTION	HV_STATUS_INVALID_CONNECTION_ID

static const struct hv_row rows[] = {
	{ "partition 0", BAD_PARTITION, { SET(connection_partition_id, 0) } },
	{ "partition absent", BAD_PARTITION, { SET(connection_partition_id, 0x5eed) } },
	{ "partition -2", BAD_PARTITION, { SET(connection_partition_id, -2ULL) } },
	/* ACCESS_DENIED: needs another partition that is known */
	{ "flag 1", BAD_PARAMETER, { SET(flags, BIT(1)) } },
	{ "flags 0 and 1", BAD_PARAMETER, { SET(flags, BIT(1) | BIT(0)) } },
	{ "flag 31", BAD_PARAMETER, { SET(flags, BIT(31)) } },
	{ "no such connection", BAD_CONNECTION, { SET(connection_id, NO_CONNECTION) } },
	{ "id bit 24", BAD_CONNECTION, { SET(connection_id, 0x1000000 | CONNECTION) } },
	{ "id bit 31", BAD_CONNECTION, { SET(connection_id, 0x80000000 | CONNECTION) } },
	/* Doorbells have ids of their own. */
	{ "doorbell of that id", BAD_CONNECTION, { SET(flags, HV_DISCONNECT_DOORBELL) } },
};

static u64 reconnect(struct hv_caller *c)
{
	return hv_caller_connect_port(c, hv_connection_to(CONNECTION, PORT,
							  HV_PORT_TYPE_MESSAGE));
}

static bool happened(struct hv_caller *c, const void *in)
{
	return reconnect(c) == HV_STATUS_SUCCESS;
}

int main(void)
{
	const struct hv_input_disconnect_port good = {
		.connection_partition_id = HV_PARTITION_ID_SELF,
		.connection_id = CONNECTION,
	};
	const struct hv_status_test test = {
		.name = "disconnect",
		.code = HVCALL_DISCONNECT_PORT,
		.size = sizeof(good),
		.has_fast = true,
		.good = &good,
		.rows = rows,
		.nr_rows = ARRAY_SIZE(rows),
		.happened = happened,
	};
	struct hv_caller c;

	ksft_print_header();
	ksft_set_plan(hv_status_results(&test));

	hv_status_init(&c, 1);
	HV_TEST_ASSERT_OK(hv_caller_create_port(&c, hv_message_port(PORT, SINT, 0)));
	HV_TEST_ASSERT_OK(reconnect(&c));
	hv_status_run(&c, &test);
	hv_caller_free(&c);

	ksft_finished();
}
