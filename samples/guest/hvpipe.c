// SPDX-License-Identifier: GPL-2.0-only
/*
 * hvpipe: a pipe from one VM to another, through a message port
 *
 *   hvpipe recv PORT PARTITION	makes the port for the partition; to standard output
 *   hvpipe send PORT PARTITION	connects to the partition's port; from standard input
 *
 * An empty message is the end of the data, as it is for the host's "hvports send" and
 * "hvports recv".
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hvport.h"

#define HEADER	offsetof(struct hvport_message, payload)

#define DATA	1	/* type of the messages */

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "hvpipe: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Any device that nobody has open */
static int open_device(void)
{
	char path[32];
	int fd = -1, i;

	errno = EBUSY;
	for (i = 0; fd < 0 && errno == EBUSY; i++) {
		snprintf(path, sizeof(path), "/dev/hvport%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (fd < 0)
		die(path);
	return fd;
}

static void write_all(const __u8 *data, size_t size)
{
	ssize_t n;

	for (; size; data += n, size -= n) {
		n = write(STDOUT_FILENO, data, size);
		if (n < 0)
			die("standard output");
	}
}

static void receive(int fd, __u32 port, __u64 partition)
{
	const struct hvport_create create = {
		.type = HVPORT_MESSAGE,
		.id = port,
		.partition = partition,
	};
	struct hvport_message msg;

	if (ioctl(fd, HVPORT_CREATE, &create))
		die("create");
	fprintf(stderr, "hvpipe: listening\n");
	for (;;) {
		if (read(fd, &msg, sizeof(msg)) < 0)
			die("receive");
		if (!msg.payload_size)
			return;
		write_all(msg.payload, msg.payload_size);
	}
}

static void post(int fd, struct hvport_message *msg)
{
	if (write(fd, msg, HEADER + msg->payload_size) < 0)
		die("send");
}

static void transmit(int fd, __u32 port, __u64 partition)
{
	const struct hvport_connect connect = {
		.type = HVPORT_MESSAGE,
		.id = port,
		.partition = partition,
		.port = port,
	};
	struct hvport_message msg = { .type = DATA };
	ssize_t n;

	if (ioctl(fd, HVPORT_CONNECT, &connect))
		die("connect");
	while ((n = read(STDIN_FILENO, msg.payload, sizeof(msg.payload))) > 0) {
		msg.payload_size = n;
		post(fd, &msg);
	}
	if (n < 0)
		die("standard input");
	msg.payload_size = 0;
	post(fd, &msg);
}

int main(int argc, char **argv)
{
	__u64 partition;
	__u32 port;

	if (argc != 4 || (strcmp(argv[1], "recv") && strcmp(argv[1], "send"))) {
		fprintf(stderr, "usage: hvpipe recv|send PORT PARTITION\n");
		return 2;
	}
	port = strtoul(argv[2], NULL, 0);
	partition = strtoull(argv[3], NULL, 0);
	if (argv[1][0] == 'r')
		receive(open_device(), port, partition);
	else
		transmit(open_device(), port, partition);
	return 0;
}
