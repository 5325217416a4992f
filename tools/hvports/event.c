// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events and doorbells
 */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hvports.h"

#define LOOK_AGAIN_MS	500
#define MAX_FLAG	2047

static void signal_flag(int fd, uint32_t flag)
{
	if (write(fd, &flag, sizeof(flag)) >= 0)
		return;
	if (errno == EPIPE)
		die(STATUS_FAILED, "the port, or the link to it, is gone");
	if (errno == EHOSTDOWN)
		die(STATUS_FAILED, "the guest does not take events: SynIC off, or SINT masked");
	if (errno == EINVAL)
		die(STATUS_FAILED, "the port has no flag %u", flag);
	die(STATUS_FAILED, "signalling: %s", strerror(errno));
}

/**
 * verb_event_send - signal an event port
 * @o: options; the arguments are the partition, the port's id, and flags
 */
int verb_event_send(const struct options *o)
{
	const uint32_t port = port_argument(o->args[1]);
	struct host host;
	uint64_t flag;
	int fd, i;

	for (i = 2; i < o->nr_args; i++)
		if (!parse_number(o->args[i], MAX_FLAG, &flag))
			die(STATUS_USAGE, "\"%s\" is no number from 0 to %d", o->args[i],
			    MAX_FLAG);

	host_open(&host, o);
	fd = host_connect(&host, HV_PORTS_EVENT, port);
	if (o->nr_args == 2)
		signal_flag(fd, 0);
	for (i = 2; i < o->nr_args; i++) {
		parse_number(o->args[i], MAX_FLAG, &flag);
		signal_flag(fd, flag);
	}
	return STATUS_OK;
}

/* How often the peer signalled since the last time; this waits for it. */
static uint64_t wait_event(struct host *host, int fd, uint32_t port)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	static bool was_connected;
	bool has_peer = true;
	uint64_t times;

	while (read(fd, &times, sizeof(times)) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			die(STATUS_FAILED, "eventfd: %s", strerror(errno));
		/* It may have signalled before it went. */
		if (!has_peer)
			die(STATUS_FAILED, "the peer is gone");
		if (!poll(&pollfd, 1, host_wait_ms(host, LOOK_AGAIN_MS)))
			has_peer = host_has_peer(host, port, &was_connected);
	}
	host_progress(host);
	return times;
}

/**
 * verb_event_recv - a line with a number whenever the peer signals
 * @o: options; the argument is the peer
 */
int verb_event_recv(const struct options *o)
{
	const bool doorbell = has_option(o, OPTION(DOORBELL));
	uint64_t left = o->number[OPTION_COUNT] ?: UINT64_MAX, times;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct host host;
	uint32_t port;

	if (fd < 0)
		die(STATUS_FAILED, "eventfd: %s", strerror(errno));
	host_open(&host, o);
	host_create_port(&host, doorbell ? HV_PORTS_DOORBELL : HV_PORTS_EVENT, fd, &port);

	while (left) {
		times = wait_event(&host, fd, port);
		printf("%llu\n", (unsigned long long)times);
		finish_output();
		left -= times < left ? times : left;
	}
	return STATUS_OK;
}
