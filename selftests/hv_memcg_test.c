// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM's ports need is charged to its memory cgroup, and comes back when
 * the VM is gone, even if others still refer to it.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv_call_util.h"
#include "hv_doorbell_util.h"
#include "hv_host_util.h"
#include "hv_memory_util.h"

#define PORT		0x100
#define PORTS		1024
#define SINT		2

/* 16 buffers of 256 bytes, and what is needed to keep and to find them */
#define PORT_MIN	(16 * 256L)
#define PORT_MAX	(2 * PORT_MIN)

#define VPS		HV_TEST_MAX_VCPUS
/* A bit for each event flag that is on its way */
#define VP_MIN		(15 * 2048L / 8)
/* Its partition and a port of it, and what waits for RCU, but not its VPs */
#define LEFT_MAX	(VPS * VP_MIN * 2 / 3)

static struct hv_cgroup group;
static int dev;

/* In the child: one byte each way per step */
static int to_child[2], to_parent[2];

/* How a neighbour keeps hold of a VM; shared with the child */
enum hold {
	HOLD_NOTHING,
	/* Its port is there for the VM to connect. */
	HOLD_PORT,
	/* The VM has made a connection of its. */
	HOLD_CONNECTION,
	NR_HOLDS,
};

static struct {
	enum hold hold;
	u64 vm;
	u64 neighbour;
} *shared;

static void guest_code(struct hv_test_vp *vp)
{
	u64 id;
	u32 i;

	hv_guest_init(vp);
	/* Attach, so that what every VM needs is there. */
	HV_ASSERT_OK(hv_call(HVCALL_GET_PARTITION_ID, 0, vp->out.gpa));
	id = *(u64 *)vp->out.gva;
	GUEST_ASSERT(id);
	GUEST_SYNC(0);
	for (i = 0; i < PORTS; i++)
		HV_ASSERT_OK(hv_create_port(vp, hv_message_port(PORT + i, SINT, 0)));
	GUEST_SYNC(1);
	for (i = 0; i < PORTS; i++)
		HV_ASSERT_OK(hv_delete_port(PORT + i));
	GUEST_SYNC(2);
	for (i = 0; i < PORTS; i++)
		HV_ASSERT_OK(hv_create_port(vp, hv_message_port(PORT + i, SINT, 0)));
	GUEST_DONE();
}

static void report_and_wait(void)
{
	char c = 'x';

	TEST_ASSERT_EQ(write(to_parent[1], &c, 1), 1);
	TEST_ASSERT_EQ(read(to_child[0], &c, 1), 1);
}

static void child(void)
{
	void *code[] = { guest_code };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = hv_test_create(1, code, &vcpu);
	hv_test_step(vcpu, 0);
	report_and_wait();
	hv_test_step(vcpu, 1);
	report_and_wait();
	hv_test_step(vcpu, 2);
	report_and_wait();
	hv_test_finish(vcpu);
	report_and_wait();
	kvm_vm_free(vm);
	report_and_wait();
}

static void await_child(void)
{
	char c;

	TEST_ASSERT_EQ(read(to_parent[0], &c, 1), 1);
}

static void let_child_go_on(void)
{
	char c = 'x';

	TEST_ASSERT_EQ(write(to_child[1], &c, 1), 1);
}

/* In the group from the beginning */
static pid_t start_child(void (*code)(void))
{
	pid_t pid;

	TEST_ASSERT(!pipe(to_child) && !pipe(to_parent), "pipe");
	fflush(stdout);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		close(to_child[1]);
		close(to_parent[0]);
		hv_cgroup_enter(&group);
		code();
		_exit(0);
	}
	close(to_child[0]);
	close(to_parent[1]);
	return pid;
}

static void end_child(pid_t pid)
{
	int status;

	TEST_ASSERT_EQ(waitpid(pid, &status, 0), pid);
	TEST_ASSERT(WIFEXITED(status) && !WEXITSTATUS(status), "the child's status is %d", status);
	close(to_child[1]);
	close(to_parent[0]);
}

static bool is_what_ports_need(long bytes)
{
	ksft_print_msg("%ld bytes per port\n", bytes / PORTS);
	return bytes >= PORTS * PORT_MIN && bytes <= PORTS * PORT_MAX;
}

/* Freeing takes a grace period, and the kernel's own caches of charges. */
static bool await_given_back(long before)
{
	long slab = 0;
	int i;

	for (i = 0; i < 1000; i++) {
		slab = hv_cgroup_slab(&group);
		if (slab < before + PORTS * PORT_MIN / 20)
			return true;
		usleep(10000);
	}
	ksft_print_msg("%ld bytes are charged, %ld before\n", slab, before);
	return false;
}

#define NR_TESTS_PORTS	4

static void test_ports(void)
{
	long attached;
	pid_t pid;

	pid = start_child(child);
	await_child();
	attached = hv_cgroup_slab(&group);
	let_child_go_on();
	await_child();
	ksft_test_result(is_what_ports_need(hv_cgroup_slab(&group) - attached),
			 "%d ports are charged to the VM\n", PORTS);
	let_child_go_on();
	await_child();
	ksft_test_result(await_given_back(attached), "not any more when deleted\n");
	let_child_go_on();
	await_child();
	ksft_test_result(is_what_ports_need(hv_cgroup_slab(&group) - attached), "charged again\n");
	let_child_go_on();
	await_child();
	ksft_test_result(await_given_back(attached), "not any more when the VM is gone\n");
	let_child_go_on();
	end_child(pid);
}

/* A VM with many VPs that somebody else does not let go of */

static void child_to_be_held(void)
{
	struct hv_input_create_port in = hv_message_port(PORT, SINT, 0);
	struct hv_caller c;
	int fd;

	hv_caller_init(&c, VPS);
	fd = hv_dev_attach(dev, c.vm->fd, &shared->vm);
	report_and_wait();
	if (shared->hold == HOLD_CONNECTION) {
		in.connection_partition_id = shared->neighbour;
		HV_TEST_ASSERT_OK(hv_caller_create_port(&c, in));
	}
	report_and_wait();
	close(fd);
	hv_caller_free(&c);
}

/* What is left of a VM, of which nothing but that neighbour knows any more */
static void hold_vm(struct hv_caller *neighbour, enum hold hold)
{
	struct hv_input_create_port in = hv_message_port(PORT, SINT, 0);
	pid_t pid;

	shared->hold = hold;
	pid = start_child(child_to_be_held);
	await_child();
	if (hold != HOLD_NOTHING)
		hv_dev_link(dev, shared->vm, shared->neighbour);
	if (hold == HOLD_PORT) {
		in.connection_partition_id = shared->vm;
		HV_TEST_ASSERT_OK(hv_caller_create_port(neighbour, in));
	}
	let_child_go_on();
	await_child();
	let_child_go_on();
	end_child(pid);
}

/* Whether the neighbour has what it is to have, which it then gives up */
static bool let_vm_go(struct hv_caller *neighbour, enum hold hold)
{
	if (hold == HOLD_PORT)
		return !hv_caller_delete_port(neighbour, PORT);
	return hv_caller_post(neighbour, PORT) == HV_STATUS_INVALID_PORT_ID &&
	       !hv_caller_disconnect_port(neighbour, PORT);
}

#define NR_TESTS_HELD	2

static void test_held(void)
{
	static const char * const names[] = {
		[HOLD_PORT] = "a neighbour has a port for it",
		[HOLD_CONNECTION] = "a neighbour has a connection of its making",
	};
	struct hv_caller neighbour;
	enum hold hold;
	long before;
	bool gone;
	int fd;

	hv_caller_init(&neighbour, 1);
	fd = hv_dev_attach(dev, neighbour.vm->fd, &shared->neighbour);
	/* The first time, others allocate what they keep. */
	hold_vm(&neighbour, HOLD_NOTHING);
	hv_cgroup_drain(&group);
	before = hv_cgroup_slab(&group);
	for (hold = HOLD_PORT; hold < NR_HOLDS; hold++) {
		hold_vm(&neighbour, hold);
		gone = hv_cgroup_await_slab(&group, before + LEFT_MAX);
		ksft_print_msg("%ld bytes are left\n", hv_cgroup_slab(&group) - before);
		ksft_test_result(let_vm_go(&neighbour, hold) && gone,
				 "the VPs of a VM go with it: %s\n", names[hold]);
	}
	close(fd);
	hv_caller_free(&neighbour);
}

/*
 * One kind of object at a time, and so many that it does not matter how late the
 * kernel adds up.  A doorbell is a connection and more: neither would do alone.
 */
enum kind {
	EVENT_PORTS,
	CONNECTIONS,
	BELL_GPAS,
	BELL_VALUES,
	PARTITIONS,
	VIRTUAL_PROCESSORS,
};

#define OBJECTS		(16384 / HV_TEST_SCALE)
/* Few, since each takes a grace period to go */
#define HOSTS		256
#define VMS		24

static const struct {
	const char *name;
	long count;
	/* Without the index that finds them */
	long bytes;
} kinds[] = {
	[EVENT_PORTS] = { "event ports", OBJECTS, 200 },
	[CONNECTIONS] = { "connections", OBJECTS, 80 },
	[BELL_GPAS] = { "doorbells at an address each", OBJECTS, 200 },
	[BELL_VALUES] = { "doorbells for a value each", OBJECTS, 160 },
	[PARTITIONS] = { "partitions of the host's", HOSTS, 1024 },
	[VIRTUAL_PROCESSORS] = { "virtual processors", VMS * VPS, 4096 },
};

static enum kind kind;

static void guest_open(struct hv_test_vp *vp, u32 i)
{
	struct hv_bell bell = { .gpa = HV_BELL_GPA };

	if (hv_test_arg == CONNECTIONS) {
		HV_ASSERT_OK(hv_connect_port(vp, hv_connection_to(PORT + i, PORT + i,
								  HV_PORT_TYPE_EVENT)));
		return;
	}
	if (hv_test_arg == BELL_VALUES) {
		bell.value = i;
	} else {
		bell.gpa += i;
		bell.flags = HV_BELL_ANY_VALUE;
	}
	HV_ASSERT_OK(hv_connect_port(vp, hv_doorbell_to(PORT + i, PORT + i, bell)));
}

static void guest_objects(struct hv_test_vp *vp)
{
	const bool bells = hv_test_arg == BELL_GPAS || hv_test_arg == BELL_VALUES;
	u32 i;

	hv_guest_init(vp);
	HV_ASSERT_OK(hv_call(HVCALL_GET_PARTITION_ID, 0, vp->out.gpa));
	if (hv_test_arg == EVENT_PORTS)
		GUEST_SYNC(0);
	for (i = 0; i < OBJECTS; i++)
		HV_ASSERT_OK(hv_create_port(vp, bells ? hv_doorbell_port(PORT + i, SINT, 0) :
						hv_event_port(PORT + i, SINT, 0, 0, 1)));
	if (hv_test_arg != EVENT_PORTS) {
		GUEST_SYNC(0);
		for (i = 0; i < OBJECTS; i++)
			guest_open(vp, i);
	}
	GUEST_DONE();
}

static void child_with_objects(void)
{
	void *code[] = { guest_objects };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = hv_test_create(1, code, &vcpu);
	hv_test_arg = kind;
	sync_global_to_guest(vm, hv_test_arg);
	hv_test_step(vcpu, 0);
	report_and_wait();
	hv_test_finish(vcpu);
	report_and_wait();
	kvm_vm_free(vm);
}

static void child_with_hosts(void)
{
	u64 id;
	int i;

	report_and_wait();
	for (i = 0; i < HOSTS; i++)
		hv_dev_create_host(dev, &id);
	report_and_wait();
}

static void child_with_vps(void)
{
	static struct hv_caller vms[VMS];
	u64 id;
	int i;

	for (i = 0; i < VMS; i++)
		hv_caller_init(&vms[i], VPS);
	report_and_wait();
	for (i = 0; i < VMS; i++)
		hv_dev_attach(dev, vms[i].vm->fd, &id);
	report_and_wait();
}

/* The kernel adds up now and then. */
static bool await_charged(long before)
{
	const time_t give_up = time(NULL) + 10;
	long bytes;

	do {
		bytes = (hv_cgroup_slab(&group) - before) / kinds[kind].count;
		if (bytes >= kinds[kind].bytes)
			break;
		usleep(100000);
	} while (time(NULL) < give_up);
	ksft_print_msg("%ld bytes for each of the %s\n", bytes, kinds[kind].name);
	return bytes >= kinds[kind].bytes;
}

/* In a group of its own, where nothing is given back meanwhile */
static void test_kind(void)
{
	long before;
	pid_t pid;

	TEST_ASSERT(hv_cgroup_create(&group, "hv_memcg_kinds"), "no cgroup");
	pid = start_child(kind == PARTITIONS ? child_with_hosts :
			  kind == VIRTUAL_PROCESSORS ? child_with_vps : child_with_objects);
	await_child();
	before = hv_cgroup_slab(&group);
	let_child_go_on();
	await_child();
	ksft_test_result(await_charged(before), "%ld %s are charged\n", kinds[kind].count,
			 kinds[kind].name);
	let_child_go_on();
	end_child(pid);
	hv_cgroup_remove(&group);
}

int main(void)
{
	if (!hv_cgroup_create(&group, "hv_memcg_test"))
		ksft_exit_skip("no cgroup v2\n");
	shared = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	TEST_ASSERT(shared != MAP_FAILED, "mmap");
	dev = hv_dev_open();

	ksft_print_header();
	ksft_set_plan(NR_TESTS_PORTS + NR_TESTS_HELD + ARRAY_SIZE(kinds));
	test_ports();
	test_held();
	hv_cgroup_remove(&group);

	hv_module_set("max_ports", OBJECTS);
	hv_module_set("max_connections", OBJECTS);
	for (kind = EVENT_PORTS; kind <= VIRTUAL_PROCESSORS; kind++)
		test_kind();
	close(dev);
	ksft_finished();
}
