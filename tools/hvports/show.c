// SPDX-License-Identifier: GPL-2.0-only
/*
 * What there is: partitions, ports, connections, links
 */
#include "hvports.h"

#define DOORBELL_SIZE_MASK	7
#define DOORBELL_ANY_VALUE	0x80000000U

static const struct column info_columns[] = {
	{ "interface", "INTERFACE", false },
	{ "port_types", "PORT TYPES", false },
	{ "buffers", "BUFFERS", false },
};

static const struct column partition_columns[] = {
	{ "id", "ID", false },
	{ "name", "NAME", false },
	{ "kind", "KIND", false },
	{ "pid", "PID", false },
	{ "parent", "PARENT", false },
	{ "ports", "PORTS", false },
	{ "connections", "CONNECTIONS", false },
	{ "max_ports", "MAX PORTS", true },
	{ "max_connections", "MAX CONNECTIONS", true },
	{ "dropped", "DROPPED", false },
	{ "privileges", "PRIVILEGES", true },
};

static const struct column port_columns[] = {
	{ "partition", "PARTITION", false },
	{ "id", "PORT", false },
	{ "type", "TYPE", false },
	{ "sint", "SINT", false },
	{ "target_vp", "VP", false },
	{ "connection_partition", "FOR", false },
	{ "connected", "CONNECTED", false },
	{ "posted", "POSTED", false },
	{ "delivered", "DELIVERED", false },
	{ "queued", "QUEUED", false },
	{ "busy", "BUSY", false },
	{ "refused", "REFUSED", false },
};

static const struct column connection_columns[] = {
	{ "partition", "PARTITION", false },
	{ "id", "CONNECTION", false },
	{ "type", "TYPE", false },
	{ "port_partition", "TO", false },
	{ "port", "PORT", false },
	{ "automatic", "AUTOMATIC", false },
	{ "sent", "SENT", false },
	{ "refused", "REFUSED", false },
	{ "gpa", "ADDRESS", false },
	{ "size", "SIZE", true },
	{ "value", "VALUE", true },
};

static const struct column link_columns[] = {
	{ "a", "A", false },
	{ "b", "B", false },
};

static void type_names(uint32_t bits, char *names, size_t size)
{
	uint32_t type;

	names[0] = '\0';
	for (type = 0; type < 32; type++)
		if (bits & 1U << type)
			snprintf(names + strlen(names), size - strlen(names), "%s%s",
				 names[0] ? "," : "", type_name(type));
}

/**
 * verb_info - what the module can do
 * @o: options
 */
int verb_info(const struct options *o)
{
	struct hv_ports_get_info info = { .size = sizeof(info) };
	struct table t = TABLE(info_columns);
	char names[512];
	int error;

	error = device_errno(device(), HV_PORTS_GET_INFO, &info);
	if (error)
		device_fail(error, "asking what the module can do");

	type_names(info.port_types, names, sizeof(names));
	add_number(&t, CELL_NUMBER, info.version);
	add_text(&t, CELL_WORDS, names);
	add_number(&t, CELL_NUMBER, info.buffers);
	table_print_one(&t, has_option(o, OPTION(JSON)));
	table_free(&t);
	return STATUS_OK;
}

/* Partitions */

/**
 * add_partition - a row of partition_columns
 * @t: the table
 * @partition: to add
 */
void add_partition(struct table *t, const struct hv_ports_partition *partition)
{
	add_number(t, CELL_NUMBER, partition->id);
	add_text(t, CELL_TEXT, partition->name);
	add_text(t, CELL_TEXT, partition->kind == HV_PORTS_VM ? "vm" :
			       partition->kind == HV_PORTS_HOST ? "host" : "unknown");
	add_number(t, CELL_NUMBER, partition->pid);
	if (partition->parent)
		add_number(t, CELL_PARTITION, partition->parent);
	else
		add_text(t, CELL_NULL, "-");
	add_number(t, CELL_NUMBER, partition->nr_ports);
	add_number(t, CELL_NUMBER, partition->nr_connections);
	add_number(t, CELL_NUMBER, partition->max_ports);
	add_number(t, CELL_NUMBER, partition->max_connections);
	add_number(t, CELL_NUMBER, partition->dropped);
	add_text(t, CELL_WORDS, privilege_names(partition->privileges));
}

/**
 * verb_partition_list - all partitions
 * @o: options
 */
int verb_partition_list(const struct options *o)
{
	const struct partitions *all = partitions_read();
	struct table t = TABLE(partition_columns);
	size_t i;

	for (i = 0; i < all->nr; i++)
		add_partition(&t, &all->item[i]);
	table_print(&t, has_option(o, OPTION(JSON)));
	table_free(&t);
	return STATUS_OK;
}

/**
 * print_partition - everything about one
 * @id: of the partition
 * @json: as JSON
 */
void print_partition(uint64_t id, bool json)
{
	struct table t = TABLE(partition_columns);
	struct hv_ports_partition partition;

	if (!next_partition(id, &partition) || partition.id != id)
		die(STATUS_ABSENT, "partition %llu is gone", (unsigned long long)id);
	add_partition(&t, &partition);
	table_print_one(&t, json);
	table_free(&t);
}

/**
 * verb_partition_show - one partition
 * @o: options; the argument is the partition
 */
int verb_partition_show(const struct options *o)
{
	print_partition(partition_argument(o->args[0]), has_option(o, OPTION(JSON)));
	return STATUS_OK;
}

/* Ports */

static void add_port(struct table *t, const struct hv_ports_port *port)
{
	add_number(t, CELL_PARTITION, port->partition);
	add_number(t, CELL_HEX, port->id);
	add_text(t, CELL_TEXT, type_name(port->type));
	if (port->sint)
		add_number(t, CELL_NUMBER, port->sint);
	else
		add_text(t, CELL_NULL, "-");
	if (port->target_vp != ANY_VP)
		add_number(t, CELL_NUMBER, port->target_vp);
	else
		add_text(t, CELL_NULL, port->sint ? "any" : "-");
	add_number(t, CELL_PARTITION, port->connection_partition);
	add_number(t, CELL_BOOL, port->connected);
	add_number(t, CELL_NUMBER, port->posted);
	add_number(t, CELL_NUMBER, port->delivered);
	add_number(t, CELL_NUMBER, port->queued);
	add_number(t, CELL_NUMBER, port->busy);
	add_number(t, CELL_NUMBER, port->refused);
}

static void add_ports(struct table *t, uint64_t partition)
{
	struct hv_ports_port port;
	uint64_t id = 0;

	while (next_port(partition, id, &port)) {
		add_port(t, &port);
		id = (uint64_t)port.id + 1;
	}
}

/* Fill the table with what the partition of the argument has, or all have. */
static void add_of_all(struct table *t, const struct options *o,
		       void (*add)(struct table *t, uint64_t partition))
{
	const struct partitions *all;
	size_t i;

	if (o->nr_args) {
		add(t, partition_argument(o->args[0]));
		return;
	}
	all = partitions_read();
	for (i = 0; i < all->nr; i++)
		add(t, all->item[i].id);
}

/**
 * verb_port_list - all ports
 * @o: options; the argument, if any, is a partition
 */
int verb_port_list(const struct options *o)
{
	struct table t = TABLE(port_columns);

	add_of_all(&t, o, add_ports);
	table_print(&t, has_option(o, OPTION(JSON)));
	table_free(&t);
	return STATUS_OK;
}

/**
 * verb_port_show - one port
 * @o: options; the arguments are the partition and the port's id
 */
int verb_port_show(const struct options *o)
{
	const uint32_t id = port_argument(o->args[1]);
	const uint64_t partition = partition_argument(o->args[0]);
	struct table t = TABLE(port_columns);
	struct hv_ports_port port;

	if (!next_port(partition, id, &port) || port.id != id)
		die(STATUS_ABSENT, "partition %s has no port 0x%x", o->args[0], id);
	add_port(&t, &port);
	table_print_one(&t, has_option(o, OPTION(JSON)));
	table_free(&t);
	return STATUS_OK;
}

/* Connections */

static void add_doorbell(struct table *t, const struct hv_ports_connection *connection)
{
	const uint32_t size = connection->doorbell_flags & DOORBELL_SIZE_MASK;

	if (connection->type != HV_PORTS_DOORBELL) {
		add_text(t, CELL_NULL, "-");
		add_text(t, CELL_NULL, "-");
		add_text(t, CELL_NULL, "-");
		return;
	}

	add_number(t, CELL_HEX, connection->gpa);
	if (size)
		add_number(t, CELL_NUMBER, 1U << (size - 1));
	else
		add_text(t, CELL_NULL, "any");
	if (connection->doorbell_flags & DOORBELL_ANY_VALUE)
		add_text(t, CELL_NULL, "any");
	else
		add_number(t, CELL_HEX, connection->value);
}

static void add_connection(struct table *t, const struct hv_ports_connection *connection)
{
	add_number(t, CELL_PARTITION, connection->partition);
	add_number(t, CELL_HEX, connection->id);
	add_text(t, CELL_TEXT, type_name(connection->type));
	if (connection->port_partition)
		add_number(t, CELL_PARTITION, connection->port_partition);
	else
		add_text(t, CELL_NULL, "(gone)");
	add_number(t, CELL_HEX, connection->port);
	add_number(t, CELL_BOOL, connection->automatic);
	add_number(t, CELL_NUMBER, connection->sent);
	add_number(t, CELL_NUMBER, connection->refused);
	add_doorbell(t, connection);
}

static void add_connections(struct table *t, uint64_t partition)
{
	struct hv_ports_connection connection;
	int doorbells;
	uint64_t id;

	for (doorbells = 0; doorbells < 2; doorbells++) {
		id = 0;
		while (next_connection(partition, id, doorbells, &connection)) {
			add_connection(t, &connection);
			id = (uint64_t)connection.id + 1;
		}
	}
}

/**
 * verb_connection_list - all connections
 * @o: options; the argument, if any, is a partition
 */
int verb_connection_list(const struct options *o)
{
	struct table t = TABLE(connection_columns);

	add_of_all(&t, o, add_connections);
	table_print(&t, has_option(o, OPTION(JSON)));
	table_free(&t);
	return STATUS_OK;
}

/**
 * verb_connection_show - one connection
 * @o: options; the arguments are the partition and the connection's id
 */
int verb_connection_show(const struct options *o)
{
	const bool doorbell = has_option(o, OPTION(DOORBELL));
	const uint32_t id = port_argument(o->args[1]);
	const uint64_t partition = partition_argument(o->args[0]);
	struct table t = TABLE(connection_columns);
	struct hv_ports_connection connection;

	if (!next_connection(partition, id, doorbell, &connection) || connection.id != id)
		die(STATUS_ABSENT, "partition %s has no %s 0x%x", o->args[0],
		    doorbell ? "doorbell" : "connection", id);
	add_connection(&t, &connection);
	table_print_one(&t, has_option(o, OPTION(JSON)));
	table_free(&t);
	return STATUS_OK;
}

/* Links */

/**
 * verb_link_list - which partitions know each other
 * @o: options
 */
int verb_link_list(const struct options *o)
{
	struct table t = TABLE(link_columns);
	struct hv_ports_next_link link;
	uint64_t a = 0, b = 0;

	while (next_link(a, b, &link)) {
		add_number(&t, CELL_PARTITION, link.a);
		add_number(&t, CELL_PARTITION, link.b);
		a = link.a;
		b = link.b + 1;
	}
	table_print(&t, has_option(o, OPTION(JSON)));
	table_free(&t);
	return STATUS_OK;
}

static int change_link(const struct options *o, unsigned long request, const char *what)
{
	struct hv_ports_link link = {
		.size = sizeof(link),
		.flags = HV_PORTS_LINK_BY_ID,
		.a = partition_argument(o->args[0]),
		.b = partition_argument(o->args[1]),
	};
	int error = device_errno(device(), request, &link);

	if (error == EINVAL && link.a == link.b)
		die(STATUS_FAILED, "%s: these are the same partition", what);
	if (error == EEXIST)
		die(STATUS_FAILED, "%s: they are linked already", what);
	if (error == ENOENT)
		die(STATUS_ABSENT, "%s: they are not linked", what);
	if (error)
		device_fail(error, what);
	return STATUS_OK;
}

/**
 * verb_link_add - let two partitions know each other
 * @o: options; the arguments are the two
 */
int verb_link_add(const struct options *o)
{
	return change_link(o, HV_PORTS_LINK, "link add");
}

/**
 * verb_link_del - the opposite of verb_link_add()
 * @o: options; the arguments are the two
 */
int verb_link_del(const struct options *o)
{
	return change_link(o, HV_PORTS_UNLINK, "link del");
}
