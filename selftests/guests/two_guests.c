// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two ordinary QEMUs with a Linux guest each, A and B, and the host between them:
 * lets the three know each other, tells the guests what to do by messages, and
 * compares what they say with what it knows.  In A a file is made that travels to
 * B, then an event flag is signalled and a doorbell rung.
 *
 * machine: ports timeout=240
 *
 * Prints "A", "B" or "H" (the host itself), the time, and a line that was said.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/hv_ports.h>

#include "two_guests.h"

#define HEADER	offsetof(struct hv_ports_message, payload)

struct guest {
	char name;
	const char *cpus;
	__u64 id;
	__u32 port;		/* of the host's, which it sends to */
	pid_t pid;
	int monitor;
	int console;
	int partition;
	int from, to;		/* messages */
	char line[1024];	/* of the console, as far as it has come */
	size_t used;
	double began;
};

static struct guest guests[] = {
	{ .name = 'A', .cpus = "1", .id = GUEST_A, .port = PORT_FROM_A },
	{ .name = 'B', .cpus = "2", .id = GUEST_B, .port = PORT_FROM_B },
};

static struct guest *const guest_a = &guests[0], *const guest_b = &guests[1];
static int dev, host;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static __printf(1, 2) void say(const char *fmt, ...)
{
	va_list ap;

	printf("H %.6f ", now());
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

static void end_guests(void)
{
	size_t i;

	for (i = 0; i < 2; i++)
		if (guests[i].pid > 0)
			kill(guests[i].pid, SIGKILL);
}

static __noreturn __printf(1, 2) void fail(const char *fmt, ...)
{
	va_list ap;

	printf("H %.6f FAILED: ", now());
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	end_guests();
	exit(1);
}

/* /dev/hv_ports */

static void must(int fd, unsigned long cmd, void *arg, const char *what)
{
	if (ioctl(fd, cmd, arg))
		fail("%s: %s", what, strerror(errno));
}

static void set_partition(int fd, __u64 id, const char *name)
{
	struct hv_ports_set_partition set = {
		.size = sizeof(set),
		.flags = HV_PORTS_SET_ID | HV_PORTS_SET_NAME,
		.id = id,
	};

	snprintf(set.name, sizeof(set.name), "%s", name);
	must(fd, HV_PORTS_SET_PARTITION, &set, "HV_PORTS_SET_PARTITION");
	say("\"%s\" is partition %llu", name, id);
}

static void link_partitions(int a, int b, const char *names)
{
	struct hv_ports_link link = { .size = sizeof(link), .a = a, .b = b };

	must(dev, HV_PORTS_LINK, &link, "HV_PORTS_LINK");
	say("linked: %s", names);
}

static void open_host(void)
{
	struct hv_ports_create_host create = { .size = sizeof(create) };

	dev = open("/dev/hv_ports", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		fail("/dev/hv_ports: %s", strerror(errno));
	must(dev, HV_PORTS_CREATE_HOST, &create, "HV_PORTS_CREATE_HOST");
	host = create.fd;
	set_partition(host, HOST, "host");
}

/* A port for what the guest has to say */
static void open_port(struct guest *guest)
{
	struct hv_ports_create_port create = {
		.size = sizeof(create),
		.id = guest->port,
		.type = HV_PORTS_MESSAGE,
		.connection_partition = guest->id,
		.eventfd = -1,
	};

	must(host, HV_PORTS_CREATE_PORT, &create, "HV_PORTS_CREATE_PORT");
	guest->from = create.fd;
	say("created message port 0x%x for %c", guest->port, guest->name);
}

static void open_connection(struct guest *guest)
{
	struct hv_ports_connect connect = {
		.size = sizeof(connect),
		.id = guest->port,
		.type = HV_PORTS_MESSAGE,
		.port_partition = guest->id,
		.port = PORT_CONTROL,
	};

	must(host, HV_PORTS_CONNECT, &connect, "HV_PORTS_CONNECT");
	guest->to = connect.fd;
	say("connected to message port 0x%x of %c", PORT_CONTROL, guest->name);
}

/* A guest's console */

/* A line is as old as its first character. */
static void print_console(struct guest *guest, const char *buf, ssize_t n)
{
	ssize_t i;

	for (i = 0; i < n; i++) {
		if (!guest->used)
			guest->began = now();
		if (buf[i] != '\n' && buf[i] != '\r' && guest->used < sizeof(guest->line) - 1)
			guest->line[guest->used++] = buf[i];
		if (buf[i] != '\n')
			continue;
		guest->line[guest->used] = '\0';
		printf("%c %.6f %s\n", guest->name, guest->began, guest->line);
		guest->used = 0;
	}
}

/* False at its end, which is QEMU's */
static bool follow_console(struct guest *guest)
{
	char buf[512];
	ssize_t n = read(guest->console, buf, sizeof(buf));

	if (n <= 0)
		return false;
	print_console(guest, buf, n);
	return true;
}

/* Messages */

/* Waits for a message of the guest's while both go on talking on their consoles. */
static void wait_for_message(struct guest *guest)
{
	struct pollfd fds[] = {
		{ .fd = guest->from, .events = POLLIN },
		{ .fd = guest_a->console, .events = POLLIN },
		{ .fd = guest_b->console, .events = POLLIN },
	};

	do {
		if (poll(fds, 3, -1) < 0)
			fail("poll: %s", strerror(errno));
		if (fds[1].revents && !follow_console(guest_a))
			fail("A has ended");
		if (fds[2].revents && !follow_console(guest_b))
			fail("B has ended");
	} while (!(fds[0].revents & POLLIN));
}

static void hear(struct guest *guest, char *text, size_t size)
{
	struct hv_ports_message msg;

	wait_for_message(guest);
	if (read(guest->from, &msg, sizeof(msg)) < (ssize_t)HEADER)
		fail("reading a message of %c's: %s", guest->name, strerror(errno));
	snprintf(text, size, "%.*s", msg.payload_size, msg.payload);
	say("from %c: \"%s\"", guest->name, text);
}

static __printf(2, 3)
void expect(struct guest *guest, const char *fmt, ...)
{
	char want[256], text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(want, sizeof(want), fmt, ap);
	va_end(ap);
	hear(guest, text, sizeof(text));
	if (strcmp(text, want))
		fail("instead of \"%s\"", want);
}

static void tell(struct guest *guest, const char *text)
{
	struct hv_ports_message msg = { .type = TEXT, .payload_size = strlen(text) };

	memcpy(msg.payload, text, msg.payload_size);
	if (write(guest->to, &msg, HEADER + msg.payload_size) < 0)
		fail("a message to %c: %s", guest->name, strerror(errno));
	say("to %c: \"%s\"", guest->name, text);
}

/* QEMU */

/* No XSAVE: KVM on an emulated CPU does not learn what the guest turns on. */
static void exec_qemu(const struct guest *guest, int monitor, int console)
{
	char append[160], chardev[48];

	dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	dup2(console, STDOUT_FILENO);
	dup2(console, STDERR_FILENO);
	fcntl(monitor, F_SETFD, 0);
	snprintf(chardev, sizeof(chardev), "socket,id=monitor,fd=%d", monitor);
	snprintf(append, sizeof(append),
		 "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check guest=%c",
		 guest->name);
	execl("/init", "init", "qemu", "-nodefaults", "-no-user-config", "-no-reboot",
	      "-display", "none", "-machine", "q35,accel=kvm,kernel-irqchip=on",
	      "-cpu", "host,-xsave,kvm=off,hv-relaxed,hv-vapic,hv-vpindex,hv-time,hv-synic",
	      "-smp", guest->cpus, "-m", "256M", "-serial", "stdio", "-S", "-chardev", chardev,
	      "-mon", "monitor", "-kernel", "guests/bzImage",
	      "-initrd", "guests/initramfs", "-append", append, NULL);
	_exit(127);
}

/* It prompts when there is a VM. */
static void wait_for_prompt(struct guest *guest)
{
	char text[4096];
	size_t used = 0;
	ssize_t n;

	do {
		n = read(guest->monitor, text + used, sizeof(text) - 1 - used);
		if (n <= 0) {
			follow_console(guest);
			fail("QEMU %c has no monitor", guest->name);
		}
		used += n;
		text[used] = '\0';
	} while (!strstr(text, "(qemu) "));
}

static void start_qemu(struct guest *guest)
{
	int monitor[2], console[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, monitor) ||
	    pipe2(console, O_CLOEXEC))
		fail("a socket or a pipe: %s", strerror(errno));
	guest->pid = fork();
	if (!guest->pid)
		exec_qemu(guest, monitor[1], console[1]);
	close(monitor[1]);
	close(console[1]);
	guest->monitor = monitor[0];
	guest->console = console[0];
	wait_for_prompt(guest);
}

/* The number that KVM's file of the VM has in QEMU */
static int find_vm(const struct guest *guest)
{
	char path[64], target[64];
	struct dirent *entry;
	int found = -1;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", guest->pid);
	dir = opendir(path);
	while (dir && found < 0 && (entry = readdir(dir))) {
		n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (!strcmp(target, "anon_inode:kvm-vm"))
			found = atoi(entry->d_name);
	}
	if (found < 0)
		fail("QEMU %c has no VM", guest->name);
	closedir(dir);
	return found;
}

static void attach(struct guest *guest)
{
	struct hv_ports_attach_vm attach = { .size = sizeof(attach) };
	int pidfd = pidfd_open(guest->pid, 0), number = find_vm(guest);
	char name[] = "guest ?";

	attach.vm_fd = pidfd_getfd(pidfd, number, 0);
	if (attach.vm_fd < 0)
		fail("pidfd_getfd: %s", strerror(errno));
	must(dev, HV_PORTS_ATTACH_VM, &attach, "HV_PORTS_ATTACH_VM");
	close(attach.vm_fd);
	close(pidfd);
	guest->partition = attach.fd;
	name[6] = guest->name;
	say("attached: file %d of process %d", number, guest->pid);
	set_partition(guest->partition, guest->id, name);
}

static void start_guest(struct guest *guest)
{
	start_qemu(guest);
	attach(guest);
	link_partitions(host, guest->partition, guest->name == 'A' ? "host, A" : "host, B");
	open_port(guest);
}

static void resume(struct guest *guest)
{
	if (write(guest->monitor, "cont\n", 5) != 5)
		fail("the monitor of %c: %s", guest->name, strerror(errno));
}

static void end_guest(struct guest *guest)
{
	int status;

	tell(guest, "bye");
	while (follow_console(guest))
		;
	if (waitpid(guest->pid, &status, 0) != guest->pid || status)
		fail("QEMU %c ended with status 0x%x", guest->name, status);
	guest->pid = 0;
	say("%c has ended", guest->name);
}

static __u64 expected_checksum(void)
{
	__u64 state = FILE_SEED, sum = FNV_START;
	int i;

	for (i = 0; i < FILE_SIZE; i++)
		sum = checksum(sum, next_byte(&state));
	return sum;
}

static void start_all(void)
{
	open_host();
	start_guest(guest_a);
	start_guest(guest_b);
	link_partitions(guest_a->partition, guest_b->partition, "A, B");
	resume(guest_a);
	resume(guest_b);
}

static void converse(void)
{
	const __u64 sum = expected_checksum();

	expect(guest_a, "hello from A, partition %u", GUEST_A);
	expect(guest_b, "hello from B, partition %u", GUEST_B);
	open_connection(guest_a);
	open_connection(guest_b);

	tell(guest_b, "receive");
	expect(guest_b, "ready");
	tell(guest_a, "send");
	expect(guest_a, "sent %d bytes, checksum %016llx", FILE_SIZE, sum);
	expect(guest_b, "received %d bytes, checksum %016llx", FILE_SIZE, sum);
	expect(guest_b, "event flag %u", EVENT_FLAG);
	expect(guest_b, "doorbell 0x%x", PORT_DOORBELL);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	start_all();
	converse();
	end_guest(guest_a);
	end_guest(guest_b);
	say("all as it should be");
	return 0;
}
