// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only program of a guest: its PID 1.  Loads the driver, tells the host that it
 * is there, and does what the host says until that is "bye".  Which guest this is,
 * the kernel's command line says: guest=A or guest=B.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "hvport.h"
#include "two_guests.h"

#define HEADER	offsetof(struct hvport_message, payload)

static char name;
static int control;

static void say(const char *fmt, ...) __printf(1, 2);
static void fail(const char *fmt, ...) __printf(1, 2) __noreturn;

/* It is out before anything else is done, so that the transcript is in order. */
static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
}

static void power_off(void)
{
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* The host hears of it as the guest ends without a goodbye. */
static void fail(const char *fmt, ...)
{
	va_list ap;

	printf("FAILED: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(": %s\n", strerror(errno));
	fflush(stdout);
	power_off();
	abort();
}

/* Devices */

static int open_device(int number)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/hvport%d", number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail("%s", path);
	return fd;
}

static void create(int fd, const char *what, struct hvport_create port)
{
	if (ioctl(fd, HVPORT_CREATE, &port))
		fail("creating %s port 0x%x", what, port.id);
	say("created %s port 0x%x for partition %llu", what, port.id,
	    port.partition);
}

static void connect(int fd, const char *what, struct hvport_connect connection)
{
	if (ioctl(fd, HVPORT_CONNECT, &connection))
		fail("connecting to %s port 0x%x", what, connection.port);
	say("connected to %s port 0x%x of partition %llu", what, connection.port,
	    connection.partition);
}

static void refuse(int fd, __u64 partition, __u32 port, int want)
{
	const struct hvport_connect connection = {
		.type = HVPORT_MESSAGE,
		.id = UNUSED,
		.partition = partition,
		.port = port,
	};

	errno = 0;
	if (!ioctl(fd, HVPORT_CONNECT, &connection) || errno != want)
		fail("connecting to port %u of partition %llu", port, partition);
	say("port %u of partition %llu is refused: %s", port, partition, strerror(want));
}

static void tell_host(const char *fmt, ...) __printf(1, 2);
static void tell_host(const char *fmt, ...)
{
	struct hvport_message msg = { .type = TEXT };
	va_list ap;

	va_start(ap, fmt);
	msg.payload_size = vsnprintf((char *)msg.payload, sizeof(msg.payload), fmt, ap);
	va_end(ap);
	say("to the host: \"%s\"", msg.payload);
	if (write(control, &msg, HEADER + msg.payload_size) < 0)
		fail("a message to the host");
}

static void hear_host(char *text, size_t size)
{
	struct pollfd pollfd = { .fd = control, .events = POLLIN };
	struct hvport_message msg;

	if (poll(&pollfd, 1, -1) != 1 || pollfd.revents != POLLIN)
		fail("poll");
	if (read(control, &msg, sizeof(msg)) < (ssize_t)HEADER)
		fail("a message from the host");
	snprintf(text, size, "%.*s", msg.payload_size, msg.payload);
	say("from the host: \"%s\"", text);
}

/* The file, which hvpipe carries */

static void make_file(const char *path)
{
	FILE *file = fopen(path, "we");
	__u64 state = FILE_SEED;
	int i;

	for (i = 0; file && i < FILE_SIZE; i++)
		fputc(next_byte(&state), file);
	if (!file || fclose(file))
		fail("%s", path);
}

static void tell_checksum(const char *done, const char *path)
{
	FILE *file = fopen(path, "re");
	__u64 sum = FNV_START;
	long size = 0;
	int c;

	if (!file)
		fail("%s", path);
	for (; (c = fgetc(file)) != EOF; size++)
		sum = checksum(sum, c);
	fclose(file);
	tell_host("%s %ld bytes, checksum %016llx", done, size, sum);
}

/* The ports are CPU 0's.  A guest that has another one is to read there. */
static void leave_cpu_0(void)
{
	cpu_set_t others;

	CPU_ZERO(&others);
	CPU_SET(1, &others);
	sched_setaffinity(0, sizeof(others), &others);
}

/* What it says comes out of the file that is returned. */
static FILE *start_hvpipe(const char *how, int peer, const char *in, const char *out)
{
	char port[16], partition[16];
	int fds[2];

	snprintf(port, sizeof(port), "0x%x", PORT_DATA);
	snprintf(partition, sizeof(partition), "%d", peer);
	if (pipe2(fds, O_CLOEXEC))
		fail("a pipe");
	if (!fork()) {
		dup2(open(in, O_RDONLY), STDIN_FILENO);
		dup2(open(out, O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		leave_cpu_0();
		execl("/hvpipe", "hvpipe", how, port, partition, NULL);
		_exit(127);
	}
	close(fds[1]);
	say("hvpipe %s %s %s", how, port, partition);
	return fdopen(fds[0], "r");
}

/* A line of what it says, or nothing if it has ended */
static bool pass_on(FILE *said)
{
	char line[128];

	if (!fgets(line, sizeof(line), said))
		return false;
	printf("%s", line);
	return true;
}

static void end_hvpipe(FILE *said)
{
	int status;

	while (pass_on(said))
		;
	fclose(said);
	if (wait(&status) < 0 || status)
		fail("hvpipe: status 0x%x", status);
}

/* The two roles */

static void receiver(void)
{
	const struct hvport_create event = {
		.type = HVPORT_EVENT,
		.id = PORT_EVENT,
		.partition = GUEST_A,
		.flag_count = EVENT_FLAGS,
	}, doorbell = {
		.type = HVPORT_DOORBELL,
		.id = PORT_DOORBELL,
		.partition = GUEST_A,
	};
	int events = open_device(1), bells = open_device(2);
	FILE *said;
	__u32 flag;

	create(events, "event", event);
	create(bells, "doorbell", doorbell);
	said = start_hvpipe("recv", GUEST_A, "/dev/null", "/file");
	/* It speaks as soon as it has its port. */
	if (pass_on(said))
		tell_host("ready");
	end_hvpipe(said);
	tell_checksum("received", "/file");

	if (read(events, &flag, sizeof(flag)) != sizeof(flag))
		fail("an event");
	tell_host("event flag %u", flag);
	if (read(bells, &flag, sizeof(flag)) != sizeof(flag))
		fail("a doorbell");
	tell_host("doorbell 0x%x", flag);
	close(events);
	close(bells);
}

static void sender(void)
{
	const struct hvport_connect event = {
		.type = HVPORT_EVENT,
		.id = PORT_EVENT,
		.partition = GUEST_B,
		.port = PORT_EVENT,
	}, doorbell = {
		.type = HVPORT_DOORBELL,
		.id = PORT_DOORBELL,
		.partition = GUEST_B,
		.port = PORT_DOORBELL,
		.flags = 3,	/* 4 bytes, of this value */
		.gpa = BELL_GPA,
		.value = BELL_VALUE,
	};
	const __u32 flag = EVENT_FLAG, value = BELL_VALUE;
	int events = open_device(1), bells = open_device(2);

	make_file("/file");
	end_hvpipe(start_hvpipe("send", GUEST_B, "/file", "/dev/null"));
	tell_checksum("sent", "/file");

	/* There is none with that id, and one that is B's. */
	refuse(events, NOBODY, 1, ESRCH);
	refuse(events, HOST, PORT_FROM_B, ENOENT);
	connect(events, "event", event);
	connect(bells, "doorbell", doorbell);
	say("signals event flag %u", flag);
	if (write(events, &flag, sizeof(flag)) < 0)
		fail("signalling");
	say("writes 0x%x to 0x%x", value, BELL_GPA);
	if (write(bells, &value, sizeof(value)) < 0)
		fail("ringing");
	close(events);
	close(bells);
}

static void meet_host(void)
{
	const struct hvport_create from_host = {
		.type = HVPORT_MESSAGE,
		.id = PORT_CONTROL,
		.partition = HOST,
	};
	const __u32 port = name == 'A' ? PORT_FROM_A : PORT_FROM_B;
	const struct hvport_connect to_host = {
		.type = HVPORT_MESSAGE,
		.id = port,
		.partition = HOST,
		.port = port,
	};
	__u64 id;

	control = open_device(0);
	if (ioctl(control, HVPORT_GET_ID, &id))
		fail("asking for the partition's id");
	create(control, "message", from_host);
	connect(control, "message", to_host);
	tell_host("hello from %c, partition %llu", name, id);
}

static void load_driver(void)
{
	int fd = open("/hvport.ko", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		fail("hvport.ko");
	say("hvport is loaded");
	close(fd);
}

int main(void)
{
	const char *guest = getenv("guest");
	char command[64];

	name = guest ? guest[0] : '?';
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL))
		fail("/dev");
	load_driver();
	meet_host();
	for (;;) {
		hear_host(command, sizeof(command));
		if (!strcmp(command, "receive"))
			receiver();
		else if (!strcmp(command, "send"))
			sender();
		else
			break;
	}
	close(control);
	if (syscall(SYS_delete_module, "hvport", O_NONBLOCK))
		fail("unloading hvport");
	say("hvport is unloaded");
	power_off();
}
