// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statuses of HvCallGetPortProperty and HvCallSetPortProperty, and the order of
 * their checks
 */
#include "hv_status_util.h"

#define SINT		2
#define PORT		0x100
#define PORT_FIXED	0x101
#define NO_PORT		0x102

/* Nothing that a property may be, and the value before each call */
#define POISON		0x6b6b6b6b6b6b6b6bULL
#define PREFERRED	1

#define GET(field, value)	HV_FIELD(value, struct hv_input_get_port_property, field)
#define SET(field, value)	HV_FIELD(value, struct hv_input_set_port_property, field)

#define BAD_PARTITION	HV_STATUS_INVALID_PARTITION_ID
#define BAD_PORT	HV_STATUS_INVALID_PORT_ID
#define BAD_CODE	HV_STATUS_UNKNOWN_PROPERTY
#define BAD_VP		HV_STATUS_INVALID_VP_INDEX
#define DENIED		HV_STATUS_OPERATION_DENIED

static const struct hv_row get_rows[] = {
	{ "partition 0", BAD_PARTITION, { GET(port_partition_id, 0) } },
	{ "partition absent", BAD_PARTITION, { GET(port_partition_id, 0x5eed) } },
	/* ACCESS_DENIED: needs another partition that is known */
	{ "no such port", BAD_PORT, { GET(port_id, NO_PORT) } },
	{ "id bit 24", BAD_PORT, { GET(port_id, 0x1000000 | PORT) } },
	{ "id bit 31", BAD_PORT, { GET(port_id, 0x80000000 | PORT) } },
	{ "code 2", BAD_CODE, { GET(property_code, 2) } },
	{ "code -1", BAD_CODE, { GET(property_code, 0xffffffff) } },
	{ "code 0x10001", BAD_CODE, { GET(property_code, 0x10001) } },
	{ "PostCount", 0, { GET(property_code, HV_PORT_PROPERTY_POST_COUNT) } },
	{ "port with a fixed VP", 0, { GET(port_id, PORT_FIXED) } },
	{ "pads", 0, { GET(reserved0, 0xffffffff), GET(reserved1, 0xffffffff) } },
};

static const struct hv_row set_rows[] = {
	{ "partition 0", BAD_PARTITION, { SET(get.port_partition_id, 0) } },
	{ "partition absent", BAD_PARTITION, { SET(get.port_partition_id, 0x5eed) } },
	/* ACCESS_DENIED: needs another partition that is known */
	{ "no such port", BAD_PORT, { SET(get.port_id, NO_PORT) } },
	{ "id bit 24", BAD_PORT, { SET(get.port_id, 0x1000000 | PORT) } },
	{ "id bit 31", BAD_PORT, { SET(get.port_id, 0x80000000 | PORT) } },
	{ "code 2", BAD_CODE, { SET(get.property_code, 2) } },
	{ "code -1", BAD_CODE, { SET(get.property_code, 0xffffffff) } },
	{ "code 0x10001", BAD_CODE, { SET(get.property_code, 0x10001) } },
	{ "PostCount", DENIED, { SET(get.property_code, HV_PORT_PROPERTY_POST_COUNT) } },
	{ "port with a fixed VP", DENIED, { SET(get.port_id, PORT_FIXED) } },
	{ "VP 2", BAD_VP, { SET(value, 2) } },
	{ "VP -2", BAD_VP, { SET(value, 0xfffffffe) } },
	{ "VP 0x100000000", BAD_VP, { SET(value, 0x100000000) } },
	{ "VP -1 in 64 bits", BAD_VP, { SET(value, -1ULL) } },
	{ "any VP", 0, { SET(value, HV_ANY_VP) } },
	{ "pads", 0, { SET(get.reserved0, 0xffffffff), SET(get.reserved1, 0xffffffff) } },
};

static bool got(struct hv_caller *c, const void *in)
{
	const bool written = *c->out != POISON;

	*c->out = POISON;
	return written;
}

static bool was_set(struct hv_caller *c, const void *in)
{
	u64 before = PREFERRED, value = POISON;

	HV_TEST_ASSERT_OK(hv_caller_get_property(c, PORT, HV_PORT_PROPERTY_PREFERRED_TARGET_VP,
						 &value));
	HV_TEST_ASSERT_OK(hv_caller_set_property(c, PORT, HV_PORT_PROPERTY_PREFERRED_TARGET_VP,
						 &before));
	return value != PREFERRED;
}

static void setup(struct hv_caller *c)
{
	u64 value = PREFERRED;

	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_message_port(PORT, SINT, HV_ANY_VP)));
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_message_port(PORT_FIXED, SINT, 0)));
	HV_TEST_ASSERT_OK(hv_caller_set_property(c, PORT, HV_PORT_PROPERTY_PREFERRED_TARGET_VP,
						 &value));
	*c->out = POISON;
}

int main(void)
{
	const struct hv_input_set_port_property good = {
		.get = {
			.port_partition_id = HV_PARTITION_ID_SELF,
			.port_id = PORT,
			.property_code = HV_PORT_PROPERTY_PREFERRED_TARGET_VP,
		},
		.value = 0,
	};
	const struct hv_status_test get = {
		.name = "get property",
		.code = HVCALL_GET_PORT_PROPERTY,
		.size = sizeof(good.get),
		.has_output = true,
		.good = &good.get,
		.rows = get_rows,
		.nr_rows = ARRAY_SIZE(get_rows),
		.happened = got,
	};
	const struct hv_status_test set = {
		.name = "set property",
		.code = HVCALL_SET_PORT_PROPERTY,
		.size = sizeof(good),
		.has_output = true,
		.good = &good,
		.rows = set_rows,
		.nr_rows = ARRAY_SIZE(set_rows),
		.happened = was_set,
	};
	struct hv_caller c;

	ksft_print_header();
	ksft_set_plan(hv_status_results(&get) + hv_status_results(&set));

	hv_status_init(&c, 2);
	setup(&c);
	hv_status_run(&c, &get);
	hv_status_run(&c, &set);
	hv_caller_free(&c);

	ksft_finished();
}
