// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statuses of HvCallCreatePort and the order of its checks
 */
#include "hv_status_util.h"

#define SINT		2
#define PORT		0x100
#define PORT_IN_USE	0x200

#define SET(field, value)	HV_FIELD(value, struct hv_input_create_port, field)
#define MSG(field, value)	SET(port_info.message_port_info.field, value)
#define EVENT			SET(port_info.port_type, HV_PORT_TYPE_EVENT)
/* BaseFlagNumber and FlagCount */
#define FLAGS(base, count)	\
	{ offsetof(struct hv_input_create_port, port_info.event_port_info.base_flag_number), \
	  4, (base) | (count) << 16 }

#define BAD_PARTITION	HV_STATUS_INVALID_PARTITION_ID
#define BAD_PARAMETER	HV_STATUS_INVALID_PARAMETER
#define BAD_PORT	HV_STATUS_INVALID_PORT_ID
#define BAD_VP		HV_STATUS_INVALID_VP_INDEX

static const struct hv_row rows[] = {
	{ "port's partition 0", BAD_PARTITION, { SET(port_partition_id, 0) } },
	{ "port's partition absent", BAD_PARTITION, { SET(port_partition_id, 0x5eed) } },
	{ "port's partition -2", BAD_PARTITION, { SET(port_partition_id, -2ULL) } },
	/* ACCESS_DENIED: needs another partition that is known */
	{ "connection's partition absent", BAD_PARTITION,
	  { SET(connection_partition_id, 0x5eed) } },
	{ "connection's partition 32 bits of self", BAD_PARTITION,
	  { SET(connection_partition_id, 0xffffffff) } },
	/* INVALID_PARTITION_STATE: needs another partition */
	{ "port VTL 1", BAD_PARAMETER, { SET(port_vtl, 1) } },
	{ "port VTL 16", BAD_PARAMETER, { SET(port_vtl, 16) } },
	{ "connection VTL 1", BAD_PARAMETER, { SET(min_connection_vtl, 1) } },
	{ "connection VTL 128", BAD_PARAMETER, { SET(min_connection_vtl, 128) } },
	{ "ReservedZ0 1", BAD_PARAMETER, { SET(padding, 1) } },
	{ "ReservedZ0 0x8000", BAD_PARAMETER, { SET(padding, 0x8000) } },
	{ "type 0", BAD_PARAMETER, { SET(port_info.port_type, 0) } },
	/* Monitor ports: not yet.  Doorbell ports: see their own test. */
	{ "type 3", BAD_PARAMETER, { SET(port_info.port_type, 3) } },
	{ "type 5", BAD_PARAMETER, { SET(port_info.port_type, 5) } },
	{ "type 0x101", BAD_PARAMETER, { SET(port_info.port_type, 0x101) } },
	{ "padding 1", BAD_PARAMETER, { SET(port_info.padding, 1) } },
	{ "padding bit 31", BAD_PARAMETER, { SET(port_info.padding, BIT(31)) } },
	{ "SINT 0", BAD_PARAMETER, { MSG(target_sint, 0) } },
	{ "SINT 16", BAD_PARAMETER, { MSG(target_sint, 16) } },
	{ "SINT 0x102", BAD_PARAMETER, { MSG(target_sint, 0x102) } },
	{ "message: zeros 1", BAD_PARAMETER, { MSG(rsvdz, 1) } },
	{ "message: zeros bit 63", BAD_PARAMETER, { MSG(rsvdz, BIT_ULL(63)) } },
	{ "proximity flag 1", BAD_PARAMETER, { SET(proximity_domain_info.flags, BIT(1)) } },
	{ "proximity flag 30", BAD_PARAMETER, { SET(proximity_domain_info.flags, BIT(30)) } },
	{ "event: count 0", BAD_PARAMETER, { EVENT, FLAGS(0, 0) } },
	{ "event: count 2049", BAD_PARAMETER, { EVENT, FLAGS(0, 2049) } },
	{ "event: 2047 + 2", BAD_PARAMETER, { EVENT, FLAGS(2047, 2) } },
	{ "event: 2048 + 1", BAD_PARAMETER, { EVENT, FLAGS(2048, 1) } },
	{ "event: 65535 + 2", BAD_PARAMETER, { EVENT, FLAGS(65535, 2) } },
	{ "event: zeros 1", BAD_PARAMETER,
	  { EVENT, FLAGS(0, 1), SET(port_info.event_port_info.rsvdz, 1) } },
	{ "event: SINT 0", BAD_PARAMETER, { EVENT, FLAGS(0, 1), MSG(target_sint, 0) } },
	{ "event: SINT 16", BAD_PARAMETER, { EVENT, FLAGS(0, 1), MSG(target_sint, 16) } },
	/* INVALID_ALIGNMENT: monitor ports */
	{ "id bit 24", BAD_PORT, { SET(port_id, 0x1000000 | PORT) } },
	{ "id bit 31", BAD_PORT, { SET(port_id, 0x80000000 | PORT) } },
	{ "id in use", BAD_PORT, { SET(port_id, PORT_IN_USE) } },
	{ "VP 1", BAD_VP, { MSG(target_vp, 1) } },
	{ "VP 0x7fffffff", BAD_VP, { MSG(target_vp, 0x7fffffff) } },
	{ "VP -2", BAD_VP, { MSG(target_vp, 0xfffffffe) } },
	{ "event: VP 1", BAD_VP, { EVENT, FLAGS(0, 1), MSG(target_vp, 1) } },
	/* NO_RESOURCES: see hv_quota_test */
	{ "id 0", 0, { SET(port_id, 0) } },
	{ "id 0xffffff", 0, { SET(port_id, 0xffffff) } },
	{ "SINT 1", 0, { MSG(target_sint, 1) } },
	{ "SINT 15", 0, { MSG(target_sint, 15) } },
	{ "any VP", 0, { MSG(target_vp, HV_ANY_VP) } },
	{ "connection's partition 0", 0, { SET(connection_partition_id, 0) } },
	{ "proximity domain", 0, { SET(proximity_domain_info.domain_id, 77),
				   SET(proximity_domain_info.flags, BIT(31) | BIT(0)) } },
	{ "event: 0 + 2048", 0, { EVENT, FLAGS(0, 2048) } },
	{ "event: 2047 + 1", 0, { EVENT, FLAGS(2047, 1) } },
};

static bool happened(struct hv_caller *c, const void *input)
{
	const struct hv_input_create_port *in = input;

	if (in->port_id == PORT_IN_USE)
		return false;
	return hv_caller_delete_port(c, in->port_id) == HV_STATUS_SUCCESS;
}

int main(void)
{
	const struct hv_input_create_port good = hv_message_port(PORT, SINT, 0);
	const struct hv_status_test test = {
		.name = "create",
		.code = HVCALL_CREATE_PORT,
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
	HV_TEST_ASSERT_OK(hv_caller_create_port(&c, hv_message_port(PORT_IN_USE, SINT, 0)));
	hv_status_run(&c, &test);
	hv_caller_free(&c);

	ksft_finished();
}
