// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters, once or again and again
 */
#include <stdlib.h>
#include <time.h>

#include "hvports.h"

static const struct column partition_columns[] = {
	{ "partition", "PARTITION", false },
	{ "dropped", "DROPPED", false },
};

static const struct column port_columns[] = {
	{ "partition", "PARTITION", false },
	{ "id", "PORT", false },
	{ "type", "TYPE", false },
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
	{ "sent", "SENT", false },
	{ "refused", "REFUSED", false },
};

/**
 * struct sample - all counters at one time
 * @nr_partitions: how many
 * @partitions: they
 * @nr_ports: how many
 * @ports: they
 * @nr_connections: how many
 * @connections: they
 */
struct sample {
	size_t nr_partitions;
	struct hv_ports_partition *partitions;
	size_t nr_ports;
	struct hv_ports_port *ports;
	size_t nr_connections;
	struct hv_ports_connection *connections;
};

/* Taking a sample */

static void take_partition(struct sample *s, const struct hv_ports_partition *partition)
{
	s->partitions = grow(s->partitions, s->nr_partitions, sizeof(*partition));
	s->partitions[s->nr_partitions++] = *partition;
}

static void take_ports(struct sample *s, uint64_t partition)
{
	struct hv_ports_port port;
	uint64_t id = 0;

	while (next_port(partition, id, &port)) {
		s->ports = grow(s->ports, s->nr_ports, sizeof(port));
		s->ports[s->nr_ports++] = port;
		id = (uint64_t)port.id + 1;
	}
}

static void take_connections(struct sample *s, uint64_t partition, bool doorbells)
{
	struct hv_ports_connection connection;
	uint64_t id = 0;

	while (next_connection(partition, id, doorbells, &connection)) {
		s->connections = grow(s->connections, s->nr_connections, sizeof(connection));
		s->connections[s->nr_connections++] = connection;
		id = (uint64_t)connection.id + 1;
	}
}

/* @only: one partition, or NULL */
static struct sample take_sample(const uint64_t *only)
{
	const struct partitions *all = partitions_read();
	struct sample s = {};
	size_t i;

	for (i = 0; i < all->nr; i++) {
		if (only && all->item[i].id != *only)
			continue;
		take_partition(&s, &all->item[i]);
		take_ports(&s, all->item[i].id);
		take_connections(&s, all->item[i].id, false);
		take_connections(&s, all->item[i].id, true);
	}
	return s;
}

static void free_sample(struct sample *s)
{
	free(s->partitions);
	free(s->ports);
	free(s->connections);
}

/* What was added since another sample: all of it, if the object is a new one */

static void subtract(__u64 *value, uint64_t old)
{
	if (*value >= old)
		*value -= old;
}

static void subtract_partition(struct hv_ports_partition *partition, const struct sample *old)
{
	size_t i;

	for (i = 0; i < old->nr_partitions; i++)
		if (old->partitions[i].id == partition->id)
			subtract(&partition->dropped, old->partitions[i].dropped);
}

static void subtract_port(struct hv_ports_port *port, const struct sample *old)
{
	const struct hv_ports_port *other;
	size_t i;

	for (i = 0; i < old->nr_ports; i++) {
		other = &old->ports[i];
		if (other->partition != port->partition || other->id != port->id ||
		    other->posted > port->posted)
			continue;
		subtract(&port->posted, other->posted);
		subtract(&port->delivered, other->delivered);
		subtract(&port->busy, other->busy);
		subtract(&port->refused, other->refused);
	}
}

static void subtract_connection(struct hv_ports_connection *connection,
				const struct sample *old)
{
	const struct hv_ports_connection *other;
	size_t i;

	for (i = 0; i < old->nr_connections; i++) {
		other = &old->connections[i];
		if (other->partition != connection->partition ||
		    other->id != connection->id || other->flags != connection->flags ||
		    other->sent > connection->sent)
			continue;
		subtract(&connection->sent, other->sent);
		subtract(&connection->refused, other->refused);
	}
}

/* Showing a sample */

static void add_partitions(struct table *t, const struct sample *s, const struct sample *old)
{
	struct hv_ports_partition partition;
	size_t i;

	for (i = 0; i < s->nr_partitions; i++) {
		partition = s->partitions[i];
		subtract_partition(&partition, old);
		add_number(t, CELL_PARTITION, partition.id);
		add_number(t, CELL_NUMBER, partition.dropped);
	}
}

static void add_ports(struct table *t, const struct sample *s, const struct sample *old)
{
	struct hv_ports_port port;
	size_t i;

	for (i = 0; i < s->nr_ports; i++) {
		port = s->ports[i];
		subtract_port(&port, old);
		add_number(t, CELL_PARTITION, port.partition);
		add_number(t, CELL_HEX, port.id);
		add_text(t, CELL_TEXT, type_name(port.type));
		add_number(t, CELL_NUMBER, port.posted);
		add_number(t, CELL_NUMBER, port.delivered);
		add_number(t, CELL_NUMBER, port.queued);
		add_number(t, CELL_NUMBER, port.busy);
		add_number(t, CELL_NUMBER, port.refused);
	}
}

static void add_connections(struct table *t, const struct sample *s, const struct sample *old)
{
	struct hv_ports_connection connection;
	size_t i;

	for (i = 0; i < s->nr_connections; i++) {
		connection = s->connections[i];
		subtract_connection(&connection, old);
		add_number(t, CELL_PARTITION, connection.partition);
		add_number(t, CELL_HEX, connection.id);
		add_text(t, CELL_TEXT, type_name(connection.type));
		add_number(t, CELL_NUMBER, connection.sent);
		add_number(t, CELL_NUMBER, connection.refused);
	}
}

static void print_json(const struct table *partitions, const struct table *ports,
		       const struct table *connections)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	printf("{\"time\": %lld.%03ld,\n\"partitions\": ", (long long)ts.tv_sec,
	       ts.tv_nsec / 1000000);
	table_json(partitions);
	printf(",\n\"ports\": ");
	table_json(ports);
	printf(",\n\"connections\": ");
	table_json(connections);
	putchar('}');
}

static void print_tables(const struct table *partitions, const struct table *ports,
			 const struct table *connections)
{
	table_print(ports, false);
	putchar('\n');
	table_print(connections, false);
	putchar('\n');
	table_print(partitions, false);
}

static void print_sample(const struct sample *s, const struct sample *old, bool json)
{
	struct table partitions = TABLE(partition_columns);
	struct table ports = TABLE(port_columns);
	struct table connections = TABLE(connection_columns);

	add_partitions(&partitions, s, old);
	add_ports(&ports, s, old);
	add_connections(&connections, s, old);
	(json ? print_json : print_tables)(&partitions, &ports, &connections);
	table_free(&partitions);
	table_free(&ports);
	table_free(&connections);
}

/* Until the time is over, or a signal comes */
static void wait_until(double when)
{
	struct timespec ts = { .tv_sec = when, .tv_nsec = (when - (long)when) * 1e9 };

	while (!interrupted && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL))
		;
}

/* The first shows what was counted so far, and the others what was added. */
static void print_samples(const struct options *o, const uint64_t *only)
{
	const bool json = has_option(o, OPTION(JSON));
	uint64_t i, count = o->number[OPTION_COUNT] ?: UINT64_MAX;
	struct sample s, old = {};
	double when = now();

	catch_signals();
	for (i = 0; i < count && !interrupted; i++) {
		if (i)
			puts(json ? "," : "");
		s = take_sample(only);
		print_sample(&s, &old, json);
		finish_output();
		free_sample(&old);
		old = s;
		when += o->seconds[OPTION_INTERVAL];
		if (i + 1 < count)
			wait_until(when);
	}
	free_sample(&old);
}

/**
 * verb_stats - counters
 * @o: options; the argument, if any, is a partition
 */
int verb_stats(const struct options *o)
{
	const bool json = has_option(o, OPTION(JSON));
	const bool many = has_option(o, OPTION(INTERVAL));
	static const struct sample nothing;
	uint64_t partition, *only = NULL;
	struct sample s;

	if (has_option(o, OPTION(COUNT)) && !many)
		die(STATUS_USAGE, "--count needs --interval");
	if (o->nr_args) {
		partition = partition_argument(o->args[0]);
		only = &partition;
	}

	if (json && many)
		puts("[");
	if (many) {
		print_samples(o, only);
	} else {
		s = take_sample(only);
		print_sample(&s, &nothing, json);
		free_sample(&s);
	}
	if (json)
		puts(many ? "\n]" : "");
	return STATUS_OK;
}
