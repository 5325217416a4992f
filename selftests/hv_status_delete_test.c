// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statuses of HvCallDeletePort and the order of its checks
 */
#include "hv_status_util.h"

#define SINT	2
#define PORT	0x100
#define NO_PORT	0x200

#define SET(field, value)	HV_FIELD(value, struct hv_input_delete_port, field)

#define BAD_PARTITION	HV_STATUS_INVALID_PARTITION_ID
#define BAD_PORT	HV_STATUS_INVALID_PORT_ID

static const struct hv_row rows[] = {
	{ "partition 0", BAD_PARTITION, { SET(port_partition_id, 0) } },
	{ "partition absent", BAD_PARTITION, { SET(port_partition_id, 0x5eed) } },
	{ "partition -2", BAD_PARTITION, { SET(port_partition_id, -2ULL) } },
	/* ACCESS_DENIED: needs another partition that is known */
	{ "no such port", BAD_PORT, { SET(port_id, NO_PORT) } },
	{ "id bit 24", BAD_PORT, { SET(port_id, 0x1000000 | PORT) } },
	{ "id bit 31", BAD_PORT, { SET(port_id, 0x80000000 | PORT) } },
	{ "padding", 0, { SET(reserved, 0xffffffff) } },
};

static bool happened(struct hv_caller *c, const void *in)
{
	return hv_caller_create_port(c, hv_message_port(PORT, SINT, 0)) == HV_STATUS_SUCCESS;
}

int main(void)
{
	const struct hv_input_delete_port good = {
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = PORT,
	};
	const struct hv_status_test test = {
		.name = "delete",
		.code = HVCALL_DELETE_PORT,
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
	hv_status_run(&c, &test);
	hv_caller_free(&c);

	ksft_finished();
}
