// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations of /dev/hv_ports that fail: each one by itself, and with all that
 * follow it.  An ioctl that is refused has had no effect, and works right after
 * or is not tried again; in the end nothing is left, nor freed twice.
 */
#include <sys/wait.h>

#include "hv_doorbell_util.h"
#include "hv_fault_util.h"
#include "hv_host_util.h"
#include "hv_module_util.h"

/* machine: self timeout=200 */

#define PORT		0x12345
#define CONNECTION	0x23456
#define QUOTA		"max_ports=1 max_connections=1"
#define ROUNDS		6
#define MAX_NTH		300
/* Files and their directory entries come and go with the operations. */
#define OBJECTS_SPARE	(ROUNDS * 2 / 3)

/* Two partitions of the host's, the first of which has a port */
struct setting {
	int dev;
	int host[2];
	u64 id[2];
	int port;
	int eventfd;
	struct kvm_vm *vm;
};

union argument {
	struct hv_ports_attach_vm attach_vm;
	struct hv_ports_create_host create_host;
	struct hv_ports_link link;
	struct hv_ports_set_partition set_partition;
	struct hv_ports_create_port create_port;
	struct hv_ports_connect connect;
};

/**
 * struct operation - an ioctl that may want memory
 * @name: what is shown
 * @refusals: how often it must at least have been refused in a round
 * @fill: says what is wanted, and of which file
 * @undo: to where it can be done again
 */
struct operation {
	const char *name;
	u32 refusals;
	unsigned long (*fill)(struct setting *s, union argument *arg, int *fd);
	void (*undo)(struct setting *s, const union argument *arg);
};

static u32 injected, refused;
static int round_number;

/* 0, which is standard input: the ioctl gave none. */
static void close_given(int fd)
{
	if (fd)
		close(fd);
}

static unsigned long fill_attach(struct setting *s, union argument *arg, int *fd)
{
	s->vm = vm_create(1);
	*fd = s->dev;
	arg->attach_vm.size = sizeof(arg->attach_vm);
	arg->attach_vm.vm_fd = s->vm->fd;
	return HV_PORTS_ATTACH_VM;
}

static void undo_attach(struct setting *s, const union argument *arg)
{
	close_given(arg->attach_vm.fd);
	kvm_vm_free(s->vm);
}

static unsigned long fill_create_host(struct setting *s, union argument *arg, int *fd)
{
	*fd = s->dev;
	arg->create_host.size = sizeof(arg->create_host);
	return HV_PORTS_CREATE_HOST;
}

static void undo_create_host(struct setting *s, const union argument *arg)
{
	close_given(arg->create_host.fd);
}

static unsigned long fill_link(struct setting *s, union argument *arg, int *fd)
{
	hv_dev_link_errno(s->dev, s->id[0], s->id[1], false);
	*fd = s->dev;
	arg->link = (struct hv_ports_link) {
		.size = sizeof(arg->link),
		.flags = HV_PORTS_LINK_BY_ID,
		.a = s->id[0],
		.b = s->id[1],
	};
	return HV_PORTS_LINK;
}

/* An id far from all others, each time another one */
static unsigned long fill_set_id(struct setting *s, union argument *arg, int *fd)
{
	static u64 number;
	u64 id;

	number++;
	*fd = hv_dev_create_host(s->dev, &id);
	arg->set_partition = (struct hv_ports_set_partition) {
		.size = sizeof(arg->set_partition),
		.flags = HV_PORTS_SET_ID,
		.id = number << 40,
	};
	s->eventfd = *fd;
	return HV_PORTS_SET_PARTITION;
}

static void undo_set_id(struct setting *s, const union argument *arg)
{
	close(s->eventfd);
}

static unsigned long fill_message_port(struct setting *s, union argument *arg, int *fd)
{
	*fd = s->host[1];
	arg->create_port = (struct hv_ports_create_port) {
		.size = sizeof(arg->create_port),
		.id = PORT,
		.type = HV_PORTS_MESSAGE,
		.eventfd = -1,
	};
	return HV_PORTS_CREATE_PORT;
}

static unsigned long fill_event_port(struct setting *s, union argument *arg, int *fd)
{
	s->eventfd = eventfd(0, EFD_CLOEXEC);
	TEST_ASSERT(s->eventfd >= 0, "eventfd: %s", strerror(errno));
	fill_message_port(s, arg, fd);
	arg->create_port.type = HV_PORTS_EVENT;
	arg->create_port.eventfd = s->eventfd;
	arg->create_port.flag_count = 16;
	return HV_PORTS_CREATE_PORT;
}

/* With a connection of the other partition's, which may fail when the port is there */
static unsigned long fill_connected_port(struct setting *s, union argument *arg, int *fd)
{
	fill_event_port(s, arg, fd);
	arg->create_port.connection_partition = s->id[0];
	return HV_PORTS_CREATE_PORT;
}

static void undo_message_port(struct setting *s, const union argument *arg)
{
	close_given(arg->create_port.fd);
}

static void undo_event_port(struct setting *s, const union argument *arg)
{
	close_given(arg->create_port.fd);
	close(s->eventfd);
}

static unsigned long fill_connect(struct setting *s, union argument *arg, int *fd)
{
	*fd = s->host[1];
	arg->connect = (struct hv_ports_connect) {
		.size = sizeof(arg->connect),
		.id = CONNECTION,
		.type = HV_PORTS_MESSAGE,
		.port_partition = s->id[0],
		.port = PORT,
	};
	return HV_PORTS_CONNECT;
}

static void undo_connect(struct setting *s, const union argument *arg)
{
	close_given(arg->connect.fd);
}

static const struct operation operations[] = {
	/* Partition and file */
	{ "attach a VM", 2, fill_attach, undo_attach },
	{ "create a partition", 2, fill_create_host, undo_create_host },
	/* The nodes between it and the others */
	{ "set the id", 2, fill_set_id, undo_set_id },
	/* What the file needs, port and buffers; what they are for; nodes */
	{ "create a message port", 5, fill_message_port, undo_message_port },
	{ "create an event port", 4, fill_event_port, undo_event_port },
	{ "create a connected port", 5, fill_connected_port, undo_event_port },
	{ "connect", 4, fill_connect, undo_connect },
	/* Last, since it disconnects them.  Their ids are small: no nodes */
	{ "link", 0, fill_link, NULL },
};

static int do_ioctl(int fd, unsigned long cmd, union argument *arg, enum hv_fault fault,
		    u32 nth, bool *was_injected)
{
	int r;

	hv_fault_arm(fault, nth);
	r = hv_dev_errno(fd, cmd, arg);
	*was_injected = hv_fault_disarm();
	injected += *was_injected;
	return r;
}

/* False if the ioctl does not make as many allocations. */
static bool fail_nth(struct setting *s, const struct operation *op, enum hv_fault fault,
		     u32 nth)
{
	union argument arg = {}, again;
	bool was_injected;
	unsigned long cmd;
	int fd, r;

	cmd = op->fill(s, &arg, &fd);
	again = arg;
	r = do_ioctl(fd, cmd, &arg, fault, nth, &was_injected);
	if (r) {
		TEST_ASSERT(was_injected && r == ENOMEM, "%s: %s", op->name, strerror(r));
		refused++;
		arg = again;
		/* Every other time, do without. */
		if (round_number & 1)
			HV_DEV_OK(fd, cmd, &arg);
	}
	if (op->undo)
		op->undo(s, &arg);
	return was_injected;
}

static void fail_each(struct setting *s, const struct operation *op)
{
	enum hv_fault fault;
	u32 nth;

	for (fault = 0; fault < HV_NR_FAULTS; fault++)
		for (nth = 1; fail_nth(s, op, fault, nth); nth++)
			TEST_ASSERT(nth < MAX_NTH, "%s: no end", op->name);
}

static void set_up(struct setting *s)
{
	int i;

	hv_module_load(QUOTA);
	s->dev = hv_dev_open();
	for (i = 0; i < 2; i++)
		s->host[i] = hv_dev_create_host(s->dev, &s->id[i]);
	hv_dev_link(s->dev, s->id[0], s->id[1]);
	s->port = hv_host_port(s->host[0], PORT, HV_PORTS_MESSAGE, s->id[1], -1);
}

/* Unloading waits for whatever is freed after a grace period. */
static void tear_down(struct setting *s)
{
	close(s->port);
	close(s->host[0]);
	close(s->host[1]);
	close(s->dev);
	hv_module_await_unused();
	hv_module_unload();
}

static void test_operation(struct setting *s, const struct operation *op, int rounds)
{
	injected = 0;
	refused = 0;
	for (round_number = 0; round_number < rounds; round_number++)
		fail_each(s, op);
	if (rounds == ROUNDS)
		ksft_test_result(refused >= op->refusals * ROUNDS,
				 "%s: %u failures, %u refusals\n", op->name, injected,
				 refused);
}

static void run_rounds(int rounds)
{
	struct setting s;
	int i;

	set_up(&s);
	for (i = 0; i < ARRAY_SIZE(operations); i++)
		test_operation(&s, &operations[i], rounds);
	tear_down(&s);
}

int main(void)
{
	struct hv_caches before;

	hv_module_require();
	if (!hv_fault_possible())
		ksft_exit_skip("the kernel has no fault injection\n");
	hv_fault_set_up();
	hv_fault_open_thread();

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(operations) + 1);
	/* The first time, others allocate what they keep. */
	run_rounds(1);
	hv_caches_read_settled(&before);
	run_rounds(ROUNDS);
	ksft_test_result(hv_caches_await(&before, OBJECTS_SPARE), "no object is left\n");
	ksft_finished();
}
