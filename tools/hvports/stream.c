// SPDX-License-Identifier: GPL-2.0-only
/*
 * Standard input to a message port, and from one to standard output
 *
 * An empty message is the end.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "hvports.h"

#define LOOK_AGAIN_MS	500
#define HEADER_SIZE	offsetof(struct hv_ports_message, payload)
#define PAYLOAD_SIZE	sizeof(((struct hv_ports_message *)0)->payload)

static void set_nonblocking(int fd)
{
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK))
		die(STATUS_FAILED, "O_NONBLOCK: %s", strerror(errno));
}

/* Send */

/* While all buffers are taken, somebody has to look whether the link is there. */
static void post(struct host *host, int fd, const struct hv_ports_message *message)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

	while (write(fd, message, HEADER_SIZE + message->payload_size) < 0) {
		if (errno == EPIPE)
			die(STATUS_FAILED, "the port, or the link to it, is gone");
		if (errno == EHOSTDOWN)
			die(STATUS_FAILED, "the guest does not take messages: its SynIC is off");
		if (errno != EAGAIN && errno != EINTR)
			die(STATUS_FAILED, "posting: %s", strerror(errno));
		poll(&pollfd, 1, host_wait_ms(host, LOOK_AGAIN_MS));
	}
	host_progress(host);
}

/* A message's worth of standard input; 0 at its end */
static ssize_t read_some(char *to)
{
	ssize_t n;

	do {
		n = read(STDIN_FILENO, to, PAYLOAD_SIZE);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		die(STATUS_FAILED, "standard input: %s", strerror(errno));
	return n;
}

/* A line, with what ends it, or as much of it as there is room for */
static ssize_t read_line(char *to)
{
	size_t n = 0;
	int c;

	while (n < PAYLOAD_SIZE && (c = getchar()) != EOF) {
		to[n++] = c;
		if (c == '\n')
			break;
	}
	if (ferror(stdin))
		die(STATUS_FAILED, "standard input: %s", strerror(errno));
	return n;
}

static void check_stream_options(const struct options *o)
{
	if (has_option(o, OPTION(RAW)) && has_option(o, OPTION(LINES)))
		die(STATUS_USAGE, "--raw and --lines contradict each other");
}

/**
 * verb_send - standard input to a message port
 * @o: options; the arguments are the partition and the port's id
 */
int verb_send(const struct options *o)
{
	const uint32_t port = port_argument(o->args[1]);
	struct hv_ports_message message = { .type = o->number[OPTION_TYPE] ?: 1 };
	uint64_t left = o->number[OPTION_COUNT] ?: UINT64_MAX;
	struct host host;
	ssize_t size;
	int fd;

	check_stream_options(o);
	host_open(&host, o);
	fd = host_connect(&host, HV_PORTS_MESSAGE, port);
	set_nonblocking(fd);

	while (left--) {
		size = has_option(o, OPTION(LINES)) ? read_line((char *)message.payload) :
						      read_some((char *)message.payload);
		if (!size)
			break;
		/* Waiting for input is not waiting for the peer. */
		host_progress(&host);
		message.payload_size = size;
		post(&host, fd, &message);
	}
	message.payload_size = 0;
	if (!has_option(o, OPTION(KEEP_OPEN)))
		post(&host, fd, &message);
	return STATUS_OK;
}

/* Receive */

static void write_all(const unsigned char *data, size_t size)
{
	ssize_t n;

	while (size) {
		n = write(STDOUT_FILENO, data, size);
		if (n < 0 && errno != EINTR)
			die(STATUS_FAILED, "standard output: %s", strerror(errno));
		if (n < 0)
			continue;
		data += n;
		size -= n;
	}
}

/* False if there is none at this moment */
static bool read_message(int fd, struct hv_ports_message *message)
{
	ssize_t size = read(fd, message, sizeof(*message));

	if (size > 0)
		return true;
	if (!size)
		die(STATUS_FAILED, "the port is gone");
	if (errno != EAGAIN && errno != EINTR)
		die(STATUS_FAILED, "receiving: %s", strerror(errno));
	return false;
}

/* The next message, for which this waits */
static void receive(struct host *host, int fd, uint32_t port,
		    struct hv_ports_message *message)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	static bool was_connected;
	bool has_peer = true;

	while (!read_message(fd, message)) {
		/* It may have sent something before it went. */
		if (!has_peer)
			die(STATUS_FAILED, "the peer went without saying that this is the end");
		if (!poll(&pollfd, 1, host_wait_ms(host, LOOK_AGAIN_MS)))
			has_peer = host_has_peer(host, port, &was_connected);
	}
	host_progress(host);
}

static void write_message(const struct options *o, const struct hv_ports_message *message)
{
	const size_t size = message->payload_size;

	write_all(message->payload, size);
	if (has_option(o, OPTION(LINES)) && (!size || message->payload[size - 1] != '\n'))
		write_all((const unsigned char *)"\n", 1);
}

/**
 * verb_recv - what the peer sends to standard output
 * @o: options; the argument is the peer
 */
int verb_recv(const struct options *o)
{
	uint64_t left = o->number[OPTION_COUNT] ?: UINT64_MAX;
	struct hv_ports_message message;
	struct host host;
	uint32_t port;
	int fd;

	check_stream_options(o);
	host_open(&host, o);
	fd = host_create_port(&host, HV_PORTS_MESSAGE, -1, &port);
	set_nonblocking(fd);

	while (left) {
		receive(&host, fd, port, &message);
		if (has_option(o, OPTION(TYPE)) && message.type != o->number[OPTION_TYPE])
			continue;
		if (!message.payload_size && !has_option(o, OPTION(KEEP_OPEN)))
			break;
		write_message(o, &message);
		left--;
	}
	return STATUS_OK;
}
