// SPDX-License-Identifier: GPL-2.0-only
/*
 * A partition of our own, linked with somebody's
 */
#include <poll.h>
#include <time.h>

#include "hvports.h"

#define LOOK_AGAIN_MS	100
#define FIRST_PORT	0x1000

/**
 * now - a clock
 *
 * Return: seconds since some time.
 */
double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/**
 * host_progress - something happened, so --timeout begins anew
 * @host: the host
 */
void host_progress(struct host *host)
{
	host->idle_since = now();
}

/**
 * host_wait_ms - how long to wait at the most; ends with --timeout
 * @host: the host
 * @most: milliseconds
 *
 * Return: milliseconds.
 */
int host_wait_ms(struct host *host, int most)
{
	double left;

	if (!has_option(host->options, OPTION(TIMEOUT)))
		return most;
	left = host->idle_since + host->options->seconds[OPTION_TIMEOUT] - now();
	if (left <= 0)
		die(STATUS_TIMEOUT, "nothing happened for %g seconds",
		    host->options->seconds[OPTION_TIMEOUT]);
	return left * 1000 + 1 < most ? left * 1000 + 1 : most;
}

static void host_pause(struct host *host)
{
	poll(NULL, 0, host_wait_ms(host, LOOK_AGAIN_MS));
}

static void host_set(struct host *host)
{
	struct hv_ports_set_partition set = { .size = sizeof(set), .parent_fd = -1 };
	int error;

	if (has_option(host->options, OPTION(ID))) {
		set.flags |= HV_PORTS_SET_ID;
		set.id = host->options->number[OPTION_ID];
		host->id = set.id;
	}
	if (host->options->name) {
		set.flags |= HV_PORTS_SET_NAME;
		copy_name(set.name, host->options->name);
	}

	error = device_errno(host->fd, HV_PORTS_SET_PARTITION, &set);
	if (error == EEXIST)
		die(STATUS_FAILED,
		    "id %llu is taken, if only by ports or connections for who had it last",
		    (unsigned long long)set.id);
	if (error)
		device_fail(error, "setting up a partition");
}

static void host_find_peer(struct host *host, const char *text)
{
	const bool wait = !has_option(host->options, OPTION(NO_WAIT));
	bool told = false;

	while (!partition_find(text, &host->peer)) {
		if (!wait)
			die(STATUS_ABSENT, "there is no partition \"%s\"", text);
		if (!told)
			warn("waiting for partition \"%s\"", text);
		told = true;
		host_pause(host);
	}
	host_progress(host);
}

/* If the peer is another of these, it may have been faster. */
static void host_link(struct host *host)
{
	struct hv_ports_link link = {
		.size = sizeof(link),
		.flags = HV_PORTS_LINK_BY_ID,
		.a = host->id,
		.b = host->peer,
	};
	int error = device_errno(device(), HV_PORTS_LINK, &link);

	if (error == EINVAL)
		die(STATUS_FAILED, "that partition is this one");
	if (error && error != EEXIST)
		device_fail(error, "linking with the partition");
}

/**
 * host_open - make the partition, and link it with the first argument's
 * @host: receives it
 * @o: options
 */
void host_open(struct host *host, const struct options *o)
{
	struct hv_ports_create_host create = { .size = sizeof(create) };
	int error = device_errno(device(), HV_PORTS_CREATE_HOST, &create);

	if (error)
		device_fail(error, "making a partition");

	*host = (struct host) { .fd = create.fd, .id = create.id, .options = o };
	host_progress(host);
	host_set(host);
	fprintf(stderr, "partition=%llu\n", (unsigned long long)host->id);
	host_find_peer(host, o->args[0]);
	host_link(host);
}

static void host_no_port(struct host *host, uint32_t port)
{
	die(STATUS_ABSENT, "partition %llu has no port 0x%x for partition %llu",
	    (unsigned long long)host->peer, port, (unsigned long long)host->id);
}

/**
 * host_connect - connect to a port of the peer's, which has to be for us
 * @host: the host
 * @type: HV_PORTS_MESSAGE, ...
 * @port: the port's id
 *
 * Return: the connection's file.
 */
int host_connect(struct host *host, uint32_t type, uint32_t port)
{
	struct hv_ports_connect connect = {
		.size = sizeof(connect),
		.id = port,
		.type = type,
		.port_partition = host->peer,
		.port = port,
	};
	bool told = false;
	int error;

	while ((error = device_errno(host->fd, HV_PORTS_CONNECT, &connect)) == ENOENT) {
		if (has_option(host->options, OPTION(NO_WAIT)))
			host_no_port(host, port);
		if (!told)
			warn("waiting for port 0x%x, made for partition %llu", port,
			     (unsigned long long)host->id);
		told = true;
		host_pause(host);
	}
	if (error == EINVAL)
		die(STATUS_FAILED, "port 0x%x is of another type", port);
	if (error)
		device_fail(error, "connecting");
	host_progress(host);
	return connect.fd;
}

/* The peer is connected under the port's id, if that is free there. */
static uint32_t host_choose_port(struct host *host)
{
	struct hv_ports_connection connection;
	uint32_t id = FIRST_PORT;

	if (has_option(host->options, OPTION(PORT)))
		return host->options->number[OPTION_PORT];
	while (next_connection(host->peer, id, false, &connection) && connection.id == id)
		id++;
	return id;
}

static bool port_is_connected(struct host *host, uint32_t id)
{
	struct hv_ports_port port;

	return next_port(host->id, id, &port) && port.id == id && port.connected;
}

/**
 * host_create_port - make a port for the peer
 * @host: the host
 * @type: HV_PORTS_MESSAGE, ...
 * @eventfd: who hears of events and rings, or -1
 * @port: receives the port's id
 *
 * Return: the port's file.
 */
int host_create_port(struct host *host, uint32_t type, int eventfd, uint32_t *port)
{
	struct hv_ports_create_port create = {
		.size = sizeof(create),
		.id = host_choose_port(host),
		.type = type,
		.connection_partition = host->peer,
		.eventfd = eventfd,
		.flag_count = type == HV_PORTS_EVENT ? 2048 : 0,
	};
	int error = device_errno(host->fd, HV_PORTS_CREATE_PORT, &create);

	if (error)
		device_fail(error, "making a port");

	*port = create.id;
	fprintf(stderr, "port=0x%x\n", create.id);
	if (type != HV_PORTS_DOORBELL && !port_is_connected(host, create.id))
		warn("partition %llu has another connection 0x%x: it has to connect itself",
		     (unsigned long long)host->peer, create.id);
	return create.fd;
}

/**
 * host_has_peer - whether somebody may still send to a port of ours
 * @host: the host
 * @port: the port's id
 * @was_connected: whether somebody was connected; false at first
 *
 * Return: false if who was connected is not any more, or the peer is gone.
 */
bool host_has_peer(struct host *host, uint32_t port, bool *was_connected)
{
	if (port_is_connected(host, port)) {
		*was_connected = true;
		return true;
	}
	return !*was_connected && partition_exists(host->peer);
}
