// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/hv_ports and bad input: each has its errno, and leaves nothing behind.
 */
#include <dirent.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <linux/capability.h>

#include "hv_call_util.h"
#include "hv_case_util.h"
#include "hv_host_util.h"

#define CLOSED_FD	1234

static int dev, host, partition;
static u64 host_id, vm_id;
static struct hv_caller c;

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static u32 count_partitions(void)
{
	struct hv_ports_partition arg = { .size = sizeof(arg) };
	u32 count = 0;

	while (!hv_dev_errno(dev, HV_PORTS_NEXT_PARTITION, &arg)) {
		count++;
		arg.id++;
	}
	return count;
}

/* An ioctl, its argument that works, and whether it makes a file */
struct call {
	const char *name;
	unsigned long cmd;
	u32 size;
	int *file;
	union {
		u32 head[2];
		struct hv_ports_get_info info;
		struct hv_ports_attach_vm attach;
		struct hv_ports_create_host create_host;
		struct hv_ports_link link;
		struct hv_ports_partition partition;
		struct hv_ports_port port;
		struct hv_ports_connection connection;
		struct hv_ports_next_link next_link;
		struct hv_ports_set_partition set;
		struct hv_ports_create_port create_port;
		struct hv_ports_connect connect;
		u8 bytes[512];
	};
};

#define CALL(ioctl, on, member) \
	.name = #ioctl, .cmd = ioctl, .file = &(on), .size = sizeof(((struct call *)0)->member)

static struct call calls[] = {
	{ CALL(HV_PORTS_GET_INFO, dev, info) },
	{ CALL(HV_PORTS_ATTACH_VM, dev, attach) },
	{ CALL(HV_PORTS_CREATE_HOST, dev, create_host) },
	{ CALL(HV_PORTS_LINK, dev, link), .link.flags = HV_PORTS_LINK_BY_ID },
	{ CALL(HV_PORTS_UNLINK, dev, link), .link.flags = HV_PORTS_LINK_BY_ID },
	{ CALL(HV_PORTS_NEXT_PARTITION, dev, partition) },
	{ CALL(HV_PORTS_NEXT_PORT, dev, port) },
	{ CALL(HV_PORTS_NEXT_CONNECTION, dev, connection) },
	{ CALL(HV_PORTS_NEXT_LINK, dev, next_link) },
	{ CALL(HV_PORTS_SET_PARTITION, partition, set) },
	{ CALL(HV_PORTS_CREATE_PORT, host, create_port),
	  .create_port = { .id = 1, .type = HV_PORTS_MESSAGE, .eventfd = -1 } },
	{ CALL(HV_PORTS_CONNECT, host, connect),
	  .connect = { .id = 1, .type = HV_PORTS_MESSAGE } },
};

static int try(const struct call *call, u32 size, int (*change)(struct call *arg))
{
	struct call arg = *call;

	arg.head[0] = size;
	if (change)
		change(&arg);
	return hv_dev_errno(*call->file, call->cmd, arg.bytes);
}

static int unknown_flag(struct call *arg)
{
	arg->head[1] |= 0x80000000;
	return 0;
}

static int unknown_member(struct call *arg)
{
	arg->bytes[arg->size + 3] = 1;
	return 0;
}

static void test_common(const struct call *call)
{
	const int fds = count_fds(), partitions = count_partitions();
	int read_only = open("/dev/null", O_RDONLY);

	ksft_test_result(try(call, 0, NULL) == EINVAL && try(call, 4, NULL) == EINVAL &&
			 try(call, call->size - 1, NULL) == EINVAL, "%s: size too small\n",
			 call->name);
	ksft_test_result(try(call, 0xffffffff, NULL) == E2BIG, "%s: size absurd\n", call->name);
	ksft_test_result(try(call, call->size + 8, unknown_member) == E2BIG,
			 "%s: a member that is not known\n", call->name);
	ksft_test_result(try(call, call->size, unknown_flag) == EINVAL,
			 "%s: a flag that is not known\n", call->name);
	ksft_test_result(hv_dev_errno(*call->file, call->cmd, NULL) == EFAULT,
			 "%s: no argument\n", call->name);
	ksft_test_result(hv_dev_errno(read_only, call->cmd, NULL) == ENOTTY &&
			 (call->file == &dev ||
			  hv_dev_errno(dev, call->cmd, NULL) == ENOTTY) &&
			 hv_dev_errno(partition, call->cmd, NULL) ==
			 (call->file == &partition ? EFAULT : ENOTTY),
			 "%s: other files\n", call->name);
	close(read_only);
	ksft_test_result(count_fds() == fds && count_partitions() == partitions,
			 "%s: nothing left behind\n", call->name);
}

/* What was read can be written back, as a rule. */
static void test_read_only(void)
{
	static const unsigned long cmds[] = {
		HV_PORTS_GET_INFO, HV_PORTS_CREATE_HOST, HV_PORTS_CREATE_PORT,
	};
	struct call *arg = hv_test_alloc_memory(getpagesize());
	const int fds = count_fds(), partitions = count_partitions();
	u32 i, cmd;

	for (i = cmd = 0; i < ARRAY_SIZE(calls); i++) {
		if (cmd == ARRAY_SIZE(cmds) || calls[i].cmd != cmds[cmd])
			continue;
		cmd++;
		*arg = calls[i];
		arg->head[0] = arg->size;
		mprotect(arg, getpagesize(), PROT_READ);
		ksft_test_result(hv_dev_errno(*arg->file, arg->cmd, arg->bytes) == EFAULT &&
				 count_fds() == fds && count_partitions() == partitions,
				 "%s: no reply\n", arg->name);
		mprotect(arg, getpagesize(), PROT_READ | PROT_WRITE);
	}
	munmap(arg, getpagesize());
}

/* A structure of tomorrow's whose new members are 0 is fine. */
static void test_larger(void)
{
	struct {
		struct hv_ports_get_info info;
		u64 more[4];
	} arg = { .info.size = sizeof(arg) };

	ksft_test_result(!hv_dev_errno(dev, HV_PORTS_GET_INFO, &arg) &&
			 arg.info.version == HV_PORTS_VERSION && arg.info.buffers == 16,
			 "a structure with more members\n");
}

static void test_reserved(void)
{
	struct hv_ports_get_info info = { .size = sizeof(info), .reserved = 1 };
	struct hv_ports_create_host create = { .size = sizeof(create), .reserved = 1 };
	struct hv_ports_partition next = { .size = sizeof(next), .reserved = 1 };

	ksft_test_result(hv_dev_errno(dev, HV_PORTS_GET_INFO, &info) == EINVAL,
			 "reserved: HV_PORTS_GET_INFO\n");
	ksft_test_result(hv_dev_errno(dev, HV_PORTS_CREATE_HOST, &create) == EINVAL,
			 "reserved: HV_PORTS_CREATE_HOST\n");
	ksft_test_result(hv_dev_errno(dev, HV_PORTS_NEXT_PARTITION, &next) == EINVAL,
			 "reserved: HV_PORTS_NEXT_PARTITION\n");
}

static int attach(int fd)
{
	struct hv_ports_attach_vm arg = { .size = sizeof(arg), .vm_fd = fd };

	return hv_dev_errno(dev, HV_PORTS_ATTACH_VM, &arg);
}

static void test_attach(void)
{
	ksft_test_result(attach(CLOSED_FD) == EBADF && attach(-1) == EBADF, "attach: closed\n");
	ksft_test_result(attach(dev) == EINVAL && attach(c.vcpus[0]->fd) == EINVAL &&
			 attach(c.vm->kvm_fd) == EINVAL, "attach: no VM\n");
	ksft_test_result(attach(c.vm->fd) == EBUSY, "attach: twice\n");
	close(partition);
	partition = hv_dev_attach(dev, c.vm->fd, &vm_id);
	ksft_test_result(partition >= 0, "attach: once more, when it was closed\n");
}

static void test_link(void)
{
	struct hv_ports_link arg = { .size = sizeof(arg), .a = host, .b = CLOSED_FD };

	ksft_test_result(hv_dev_link_errno(dev, host_id, host_id, true) == EINVAL,
			 "link: with itself\n");
	ksft_test_result(hv_dev_link_errno(dev, host_id, 0x123456, true) == ESRCH,
			 "link: with nobody\n");
	ksft_test_result(hv_dev_link_errno(dev, host_id, vm_id, false) == ENOENT,
			 "link: removed when there is none\n");
	hv_dev_link(dev, host_id, vm_id);
	ksft_test_result(hv_dev_link_errno(dev, vm_id, host_id, true) == EEXIST,
			 "link: twice\n");
	ksft_test_result(hv_dev_errno(dev, HV_PORTS_LINK, &arg) == EBADF, "link: closed file\n");
	arg.b = dev;
	ksft_test_result(hv_dev_errno(dev, HV_PORTS_LINK, &arg) == EINVAL, "link: other file\n");
	arg.b = ~0ULL;
	ksft_test_result(hv_dev_errno(dev, HV_PORTS_LINK, &arg) == EBADF, "link: no file\n");
	arg.b = partition;
	arg.a = CLOSED_FD;
	ksft_test_result(hv_dev_errno(dev, HV_PORTS_LINK, &arg) == EBADF,
			 "link: closed file, the first\n");
	arg.a = host;
	ksft_test_result(!hv_dev_errno(dev, HV_PORTS_UNLINK, &arg) &&
			 !hv_dev_errno(dev, HV_PORTS_LINK, &arg), "link: by files\n");
}

static void test_next(void)
{
	struct hv_ports_next_link link = { .size = sizeof(link) };
	struct hv_ports_port port = { .size = sizeof(port), .partition = 0x123456 };
	struct hv_ports_connection connection = {
		.size = sizeof(connection),
		.partition = 0x123456,
	};

	ksft_test_result(!hv_dev_errno(dev, HV_PORTS_NEXT_LINK, &link) &&
			 link.a == min(host_id, vm_id) && link.b == max(host_id, vm_id),
			 "next: the link\n");
	link.b++;
	ksft_test_result(hv_dev_errno(dev, HV_PORTS_NEXT_LINK, &link) == ENOENT,
			 "next: no more links\n");
	ksft_test_result(hv_dev_errno(dev, HV_PORTS_NEXT_PORT, &port) == ESRCH &&
			 hv_dev_errno(dev, HV_PORTS_NEXT_CONNECTION, &connection) == ESRCH,
			 "next: nobody's\n");
	port.partition = host_id;
	connection.partition = host_id;
	ksft_test_result(hv_dev_errno(dev, HV_PORTS_NEXT_PORT, &port) == ENOENT &&
			 hv_dev_errno(dev, HV_PORTS_NEXT_CONNECTION, &connection) == ENOENT,
			 "next: none\n");
}

static int create_port(struct hv_ports_create_port arg)
{
	int r;

	arg.size = sizeof(arg);
	r = hv_dev_errno(host, HV_PORTS_CREATE_PORT, &arg);
	if (!r)
		close(arg.fd);
	return r;
}

#define PORT_ERRNO(error, what, ...)							\
	ksft_test_result(create_port((struct hv_ports_create_port) { __VA_ARGS__ }) ==	\
			 (error), "create port: " what "\n")

static void test_create_port(void)
{
	int event = eventfd(0, 0);
	int fd = hv_host_port(host, 9, HV_PORTS_MESSAGE, 0, -1);

	PORT_ERRNO(0, "a message port", .id = 1, .type = 1, .eventfd = -1);
	PORT_ERRNO(EINVAL, "type", .id = 1, .type = 3, .eventfd = -1);
	PORT_ERRNO(EINVAL, "id", .id = 0x1000000, .type = 1, .eventfd = -1);
	PORT_ERRNO(EINVAL, "eventfd for messages", .id = 1, .type = 1, .eventfd = event);
	PORT_ERRNO(EINVAL, "flags for messages", .id = 1, .type = 1, .eventfd = -1,
		   .flag_count = 1);
	PORT_ERRNO(EINVAL, "no flags", .id = 1, .type = 2, .eventfd = event);
	PORT_ERRNO(EINVAL, "too many flags", .id = 1, .type = 2, .eventfd = event,
		   .flag_count = 2049);
	PORT_ERRNO(0, "all flags", .id = 1, .type = 2, .eventfd = event, .flag_count = 2048);
	PORT_ERRNO(EBADF, "no eventfd", .id = 1, .type = 2, .eventfd = -1, .flag_count = 1);
	PORT_ERRNO(EBADF, "no eventfd but a file", .id = 1, .type = 4, .eventfd = dev);
	PORT_ERRNO(EINVAL, "doorbell 0", .id = 0, .type = 4, .eventfd = event);
	PORT_ERRNO(0, "doorbell", .id = 1, .type = 4, .eventfd = event);
	PORT_ERRNO(EEXIST, "id in use", .id = 9, .type = 1, .eventfd = -1);
	PORT_ERRNO(ESRCH, "for nobody", .id = 1, .type = 1, .eventfd = -1,
		   .connection_partition = 0x123456);
	PORT_ERRNO(EINVAL, "reserved", .id = 1, .type = 1, .eventfd = -1, .reserved = 1);
	close(fd);
	close(event);
}

static int connect_as(u32 id, u32 type, u64 peer, u32 port)
{
	struct hv_ports_connect arg = {
		.size = sizeof(arg),
		.id = id,
		.type = type,
		.port_partition = peer,
		.port = port,
	};
	int r = hv_dev_errno(host, HV_PORTS_CONNECT, &arg);

	if (!r)
		close(arg.fd);
	return r;
}

static int connect_errno(u32 type, u64 peer, u32 port)
{
	return connect_as(5, type, peer, port);
}

static void test_connect(void)
{
	struct hv_input_create_port in = hv_message_port(0x100, 2, 0);
	int fd;

	in.connection_partition_id = host_id;
	HV_TEST_ASSERT_OK(hv_caller_create_port(&c, in));
	ksft_test_result(!connect_errno(HV_PORTS_MESSAGE, vm_id, 0x100), "connect\n");
	ksft_test_result(connect_errno(HV_PORTS_EVENT, vm_id, 0x100) == EINVAL,
			 "connect: the port is of another type\n");
	ksft_test_result(connect_errno(HV_PORTS_DOORBELL, vm_id, 0x100) == EINVAL,
			 "connect: no doorbells\n");
	ksft_test_result(connect_errno(HV_PORTS_MESSAGE, vm_id, 0x101) == ENOENT,
			 "connect: no such port\n");
	ksft_test_result(connect_errno(HV_PORTS_MESSAGE, 0x123456, 0x100) == ESRCH,
			 "connect: no such partition\n");
	ksft_test_result(connect_as(0x1000005, HV_PORTS_MESSAGE, vm_id, 0x100) == EINVAL,
			 "connect: id\n");
	fd = hv_host_connect(host, 5, HV_PORTS_MESSAGE, vm_id, 0x100);
	ksft_test_result(connect_errno(HV_PORTS_MESSAGE, vm_id, 0x100) == EEXIST,
			 "connect: id in use\n");
	close(fd);
}

static int set_errno_of(int fd, struct hv_ports_set_partition arg)
{
	arg.size = sizeof(arg);
	return hv_dev_errno(fd, HV_PORTS_SET_PARTITION, &arg);
}

static int set_errno(struct hv_ports_set_partition arg)
{
	return set_errno_of(partition, arg);
}

/* How many ports and connections the host's own partition may have */
static void set_quotas(u32 max)
{
	struct hv_ports_set_partition arg = {
		.flags = HV_PORTS_SET_MAX_PORTS | HV_PORTS_SET_MAX_CONNECTIONS,
		.max_ports = max,
		.max_connections = max,
	};

	TEST_ASSERT_EQ(set_errno_of(host, arg), 0);
}

static void test_quotas(void)
{
	int one = hv_host_port(host, 1, HV_PORTS_MESSAGE, 0, -1);
	int two = hv_host_port(host, 2, HV_PORTS_MESSAGE, 0, -1);
	int fd = hv_host_connect(host, 1, HV_PORTS_MESSAGE, host_id, 1);

	set_quotas(1);
	PORT_ERRNO(EDQUOT, "too many", .id = 3, .type = 1, .eventfd = -1);
	ksft_test_result(connect_errno(HV_PORTS_MESSAGE, host_id, 2) == EDQUOT,
			 "connect: too many\n");
	set_quotas(3);
	PORT_ERRNO(0, "not too many", .id = 3, .type = 1, .eventfd = -1);
	ksft_test_result(!connect_errno(HV_PORTS_MESSAGE, host_id, 2),
			 "connect: not too many\n");
	close(fd);
	close(two);
	close(one);
}

/* An id that somebody was given before its time */
static void test_next_id(void)
{
	struct hv_ports_set_partition arg = { .flags = HV_PORTS_SET_ID };
	int first, second;
	u64 id, next;

	first = hv_dev_create_host(dev, &id);
	arg.id = id + 1;
	TEST_ASSERT_EQ(set_errno_of(first, arg), 0);
	second = hv_dev_create_host(dev, &next);
	ksft_test_result(next == id + 2, "an id that is taken is left out\n");
	close(second);
	close(first);
}

/* Who ends just then is not found, as a rule, or looked at before he ends. */
#define ENDS	2000

static int (*leaving_call)(u64 peer);
static u32 leaving_calls;

static int create_for(u64 peer)
{
	return create_port((struct hv_ports_create_port) {
		.id = 1, .type = HV_PORTS_MESSAGE, .eventfd = -1, .connection_partition = peer });
}

static int connect_to(u64 peer)
{
	return connect_errno(HV_PORTS_MESSAGE, peer, 1);
}

static void *call_until_gone(void *peer)
{
	int error;

	do {
		error = leaving_call(*(u64 *)peer);
		hv_inc(&leaving_calls);
	} while (error != ENODEV && error != ESRCH);
	return (void *)(long)error;
}

/* Until a partition ended between being found and being looked at */
static bool meets_leaving(int (*call)(u64 peer))
{
	pthread_t thread;
	int i, leaving;
	void *error;
	u64 peer;

	leaving_call = call;
	for (i = 0; i < ENDS; i++) {
		leaving = hv_dev_create_host(dev, &peer);
		hv_dev_link(dev, host_id, peer);
		hv_store(&leaving_calls, 0);
		TEST_ASSERT(!pthread_create(&thread, NULL, call_until_gone, &peer),
			    "pthread_create");
		while (!hv_load(&leaving_calls))
			sched_yield();
		close(leaving);
		pthread_join(thread, &error);
		if ((long)error == ENODEV) {
			ksft_print_msg("%d ends\n", i + 1);
			return true;
		}
	}
	return false;
}

static void test_leaving(void)
{
	ksft_test_result(meets_leaving(create_for), "create port: for one that is leaving\n");
	ksft_test_result(meets_leaving(connect_to), "connect: to one that is leaving\n");
}

static const char *name_of(u64 id)
{
	static struct hv_ports_partition found;

	found = (struct hv_ports_partition) { .size = sizeof(found), .id = id };
	HV_DEV_OK(dev, HV_PORTS_NEXT_PARTITION, &found);
	TEST_ASSERT_EQ(found.id, id);
	return found.name;
}

#define SET_ERRNO(error, what, ...)							\
	ksft_test_result(set_errno((struct hv_ports_set_partition) { __VA_ARGS__ }) ==	\
			 (error), "set: " what "\n")

static void test_set(void)
{
	struct hv_ports_partition found = { .size = sizeof(found), .id = vm_id };
	struct hv_ports_set_partition name = { .flags = HV_PORTS_SET_NAME };

	SET_ERRNO(EINVAL, "id of all ones", .flags = HV_PORTS_SET_ID, .id = ~0ULL);
	SET_ERRNO(EINVAL, "id 0", .flags = HV_PORTS_SET_ID);
	SET_ERRNO(EINVAL, "privileges", .flags = HV_PORTS_SET_PRIVILEGES, .privileges = 16);
	SET_ERRNO(EBADF, "no parent", .flags = HV_PORTS_SET_PARENT, .parent_fd = CLOSED_FD);
	SET_ERRNO(EINVAL, "a parent that is none", .flags = HV_PORTS_SET_PARENT, .parent_fd = dev);
	SET_ERRNO(EINVAL, "its own parent", .flags = HV_PORTS_SET_PARENT,
		  .parent_fd = partition);
	ksft_test_result(set_errno_of(host, (struct hv_ports_set_partition) {
				.flags = HV_PORTS_SET_PARENT, .parent_fd = partition }) == EINVAL,
			 "set: no parent for the host's own\n");
	memset(name.name, 'x', sizeof(name.name));
	ksft_test_result(set_errno(name) == EINVAL, "set: a name without an end\n");
	/* The name is fine, the id is not: neither is set. */
	snprintf(name.name, sizeof(name.name), "nothing");
	name.flags |= HV_PORTS_SET_ID;
	name.id = host_id;
	ksft_test_result(set_errno(name) == EBUSY && !name_of(vm_id)[0],
			 "set: all or nothing\n");
	name.flags = HV_PORTS_SET_NAME;
	snprintf(name.name, sizeof(name.name), "something");
	ksft_test_result(!set_errno(name), "set: a name\n");
	HV_DEV_OK(dev, HV_PORTS_NEXT_PARTITION, &found);
	ksft_test_result(found.id == vm_id && found.kind == HV_PORTS_VM &&
			 found.pid == getpid() && !strcmp(found.name, "something") &&
			 found.privileges == HV_PORTS_MAY_ALL, "set: seen\n");
}

static void test_no_privilege(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	TEST_ASSERT(!syscall(SYS_capset, &header, data), "capset");
	ksft_test_result(hv_dev_link_errno(dev, host_id, vm_id, false) == EPERM,
			 "link: by id takes privilege\n");
}

static void test_vm_gone(void)
{
	struct hv_ports_link link = { .size = sizeof(link), .a = host, .b = partition };
	struct hv_ports_set_partition child = {
		.size = sizeof(child),
		.flags = HV_PORTS_SET_PARENT,
		.parent_fd = partition,
	};
	struct kvm_vm *other = vm_create_barebones();
	u64 other_id;
	int other_fd = hv_dev_attach(dev, other->fd, &other_id);

	hv_caller_free(&c);
	ksft_test_result(set_errno((struct hv_ports_set_partition) {
				.flags = HV_PORTS_SET_NAME }) == ENODEV,
			 "VM gone: its partition's file\n");
	ksft_test_result(connect_errno(HV_PORTS_MESSAGE, vm_id, 0x100) == ESRCH,
			 "VM gone: its ports\n");
	ksft_test_result(hv_dev_link_errno(dev, host_id, vm_id, true) == ESRCH,
			 "VM gone: its id\n");
	ksft_test_result(hv_dev_errno(dev, HV_PORTS_LINK, &link) == ENODEV,
			 "VM gone: it is linked with nobody\n");
	link.a = partition;
	link.b = host;
	ksft_test_result(hv_dev_errno(dev, HV_PORTS_LINK, &link) == ENODEV,
			 "VM gone: nor anybody with it\n");
	ksft_test_result(hv_dev_errno(other_fd, HV_PORTS_SET_PARTITION, &child) == ENODEV,
			 "VM gone: it is nobody's parent\n");
	close(other_fd);
	kvm_vm_free(other);
}

int main(void)
{
	u32 i;

	dev = hv_dev_open();
	hv_caller_init(&c, 1);
	partition = hv_dev_attach(dev, c.vm->fd, &vm_id);
	host = hv_dev_create_host(dev, &host_id);

	ksft_print_header();
	ksft_set_plan(7 * ARRAY_SIZE(calls) + 71);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		test_common(&calls[i]);
	test_larger();
	test_read_only();
	test_reserved();
	test_attach();
	test_link();
	test_next();
	test_create_port();
	test_connect();
	test_set();
	test_quotas();
	test_next_id();
	test_leaving();
	test_vm_gone();
	test_no_privilege();
	ksft_finished();
}
