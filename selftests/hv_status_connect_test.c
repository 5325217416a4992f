// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statuses of HvCallConnectPort and the order of its checks
 */
#include <sys/eventfd.h>

#include "hv_status_util.h"

#define SINT			2
#define PORT			0x100
#define PORT_CONNECTED		0x101
#define PORT_DELETED		0x102
#define PORT_EVENT		0x103
#define PORT_EVENT_CONNECTED	0x104
#define NO_PORT			0x105
#define CONNECTION		0x200
#define CONNECTION_IN_USE	0x201
#define CONNECTION_EVENT	0x202
#define CONNECTION_EVENTFD	0x203

#define SET(field, value)	HV_FIELD(value, struct hv_input_connect_port, field)

#define BAD_PARTITION	HV_STATUS_INVALID_PARTITION_ID
#define BAD_PARAMETER	HV_STATUS_INVALID_PARAMETER
#define BAD_CONNECTION	HV_STATUS_INVALID_CONNECTION_ID
#define BAD_PORT	HV_STATUS_INVALID_PORT_ID

static const struct hv_row rows[] = {
	{ "connection's partition 0", BAD_PARTITION, { SET(connection_partition_id, 0) } },
	{ "connection's partition absent", BAD_PARTITION,
	  { SET(connection_partition_id, 0x5eed) } },
	{ "port's partition 0", BAD_PARTITION, { SET(port_partition_id, 0) } },
	{ "port's partition absent", BAD_PARTITION, { SET(port_partition_id, 0x5eed) } },
	/* ACCESS_DENIED, INVALID_PARTITION_STATE: need another partition */
	{ "VTL 1", BAD_PARAMETER, { SET(connection_vtl, 1) } },
	{ "VTL 128", BAD_PARAMETER, { SET(connection_vtl, 128) } },
	{ "ReservedZ0", BAD_PARAMETER, { SET(rsvdz0, 1) } },
	{ "ReservedZ1", BAD_PARAMETER, { SET(rsvdz1, 0x8000) } },
	{ "ReservedZ2", BAD_PARAMETER, { SET(reserved2, 1) } },
	{ "padding", BAD_PARAMETER, { SET(connection_info.padding, 1) } },
	{ "type 0", BAD_PARAMETER, { SET(connection_info.port_type, 0) } },
	/* Monitor ports: not yet.  Doorbells: see their own test. */
	{ "type 3", BAD_PARAMETER, { SET(connection_info.port_type, 3) } },
	{ "type 5", BAD_PARAMETER, { SET(connection_info.port_type, 5) } },
	{ "type 0x101", BAD_PARAMETER, { SET(connection_info.port_type, 0x101) } },
	{ "zeros 0", BAD_PARAMETER, { SET(connection_info.rsvdz[0], 1) } },
	{ "zeros 1", BAD_PARAMETER, { SET(connection_info.rsvdz[1], 1) } },
	{ "zeros 2", BAD_PARAMETER, { SET(connection_info.rsvdz[2], BIT_ULL(63)) } },
	{ "proximity flag 1", BAD_PARAMETER, { SET(proximity_domain_info.flags, BIT(1)) } },
	{ "proximity flag 30", BAD_PARAMETER, { SET(proximity_domain_info.flags, BIT(30)) } },
	{ "id bit 24", BAD_CONNECTION, { SET(connection_id, 0x1000000 | CONNECTION) } },
	{ "id bit 31", BAD_CONNECTION, { SET(connection_id, 0x80000000 | CONNECTION) } },
	{ "id in use", BAD_CONNECTION, { SET(connection_id, CONNECTION_IN_USE) } },
	{ "id in use by eventfd", BAD_CONNECTION, { SET(connection_id, CONNECTION_EVENTFD) } },
	{ "port id bit 24", BAD_PORT, { SET(port_id, 0x1000000 | PORT) } },
	{ "port id bit 31", BAD_PORT, { SET(port_id, 0x80000000 | PORT) } },
	{ "no such port", BAD_PORT, { SET(port_id, NO_PORT) } },
	{ "port deleted", BAD_PORT, { SET(port_id, PORT_DELETED) } },
	/* Created for another partition: needs another partition */
	{ "port connected", BAD_PORT, { SET(port_id, PORT_CONNECTED) } },
	/* Also of another type than the connection's */
	{ "event port connected", BAD_PORT, { SET(port_id, PORT_EVENT_CONNECTED) } },
	/* The two must not be had in one call: they would fit. */
	{ "port is for events", BAD_PARAMETER,
	  { SET(port_id, PORT_EVENT),
	    SET(connection_info.port_type, HV_PORT_TYPE_MESSAGE) } },
	{ "connection is for events", BAD_PARAMETER,
	  { SET(connection_info.port_type, HV_PORT_TYPE_EVENT) } },
	/* NO_RESOURCES: see hv_quota_test */
	{ "id 0", 0, { SET(connection_id, 0) } },
	{ "id 0xffffff", 0, { SET(connection_id, 0xffffff) } },
	{ "proximity domain", 0, { SET(proximity_domain_info.domain_id, 77),
				   SET(proximity_domain_info.flags, BIT(31) | BIT(0)) } },
};

static bool happened(struct hv_caller *c, const void *input)
{
	const struct hv_input_connect_port *in = input;

	if (in->connection_id == CONNECTION_IN_USE)
		return false;
	return hv_caller_disconnect_port(c, in->connection_id) == HV_STATUS_SUCCESS;
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

static void setup(struct hv_caller *c)
{
	const struct hv_input_create_port ports[] = {
		hv_message_port(PORT, SINT, 0),
		hv_message_port(PORT_CONNECTED, SINT, 0),
		hv_message_port(PORT_DELETED, SINT, 0),
		hv_event_port(PORT_EVENT, SINT, 0, 0, 1),
		hv_event_port(PORT_EVENT_CONNECTED, SINT, 0, 0, 1),
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(ports); i++)
		HV_TEST_ASSERT_OK(hv_caller_create_port(c, ports[i]));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(CONNECTION_IN_USE,
								     PORT_CONNECTED,
								     HV_PORT_TYPE_MESSAGE)));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(CONNECTION_EVENT,
								     PORT_EVENT_CONNECTED,
								     HV_PORT_TYPE_EVENT)));
	HV_TEST_ASSERT_OK(hv_caller_delete_port(c, PORT_DELETED));
	assign_eventfd(c, CONNECTION_EVENTFD);
}

int main(void)
{
	const struct hv_input_connect_port good =
		hv_connection_to(CONNECTION, PORT, HV_PORT_TYPE_MESSAGE);
	const struct hv_status_test test = {
		.name = "connect",
		.code = HVCALL_CONNECT_PORT,
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
	setup(&c);
	hv_status_run(&c, &test);
	hv_caller_free(&c);

	ksft_finished();
}
