// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host sees of what a guest does: the counters of partitions, ports and
 * connections, and a line of each tracepoint, to its last field
 */
#include <sys/stat.h>

#include "hv_call_util.h"
#include "hv_doorbell_util.h"
#include "hv_host_util.h"
#include "hv_memory_util.h"

#define INSTANCE	"/sys/kernel/tracing/instances/hv_counters_test"

/* No two numbers are the same, lest one be shown for another. */
#define TARGET		1
#define MESSAGE_SINT	2
#define EVENT_SINT	3
#define BELL_SINT	4
#define MESSAGE_PORT	0x101
#define EVENT_PORT	0x102
#define BELL_PORT	0x103
#define HOST_PORT	0x104
#define MESSAGES	0x11
#define EVENTS		0x12
#define BELL		0x13
#define TYPE		0x77
#define FIRST_FLAG	64
#define FLAGS		8

static struct hv_caller c;
static int dev, vm_fd, host;
static u64 vm_id, host_id;

/* VP 0 makes the calls; this one receives, writes where it is told, and writes EOM. */
static void guest_code(struct hv_test_vp *vp)
{
	u32 sint;

	if (vp->index != TARGET)
		hv_caller_code(vp);

	hv_guest_init(vp);
	for (sint = MESSAGE_SINT; sint <= BELL_SINT; sint++)
		hv_set_sint(sint, HV_SINT_POLLING);
	for (;;) {
		GUEST_SYNC(0);
		if (hv_guest_call.in)
			hv_bell_write(hv_guest_call.in, 4, hv_guest_call.out);
		else
			wrmsr(HV_X64_MSR_EOM, 0);
	}
}

static void run_target(u64 gpa, u64 value)
{
	hv_guest_call.in = gpa;
	hv_guest_call.out = value;
	sync_global_to_guest(c.vm, hv_guest_call);
	hv_test_run(c.vcpus[TARGET]);
}

/* Where nobody watches */
static void let_arrive(void)
{
	run_target(HV_BELL_GPA + 8, 0);
}

static void free_slot(void)
{
	memset(addr_gpa2hva(c.vm, hv_test_vp(c.vm, TARGET)->sim.gpa + MESSAGE_SINT * 256), 0, 4);
	run_target(0, 0);
}

static u64 post(u32 type, u32 size)
{
	struct hv_port_post_message in = {
		.connection_id = MESSAGES,
		.message_type = type,
		.payload_size = size,
	};

	return hv_caller_slow(&c, HVCALL_POST_MESSAGE, &in, sizeof(in));
}

/* Counters */

static bool port_is(u64 partition, u32 id, u64 posted, u64 delivered, u64 busy, u32 queued)
{
	struct hv_ports_port port = hv_dev_port(dev, partition, id);

	if (port.posted == posted && port.delivered == delivered && port.busy == busy &&
	    port.queued == queued && !port.refused)
		return true;
	ksft_print_msg("%#x: %llu posted, %llu delivered, %llu busy, %u queued, %llu refused\n",
		       id, port.posted, port.delivered, port.busy, port.queued, port.refused);
	return false;
}

static bool connection_is(u32 id, u32 flags, u64 sent, u64 refused)
{
	struct hv_ports_connection arg = {
		.size = sizeof(arg),
		.flags = flags,
		.partition = vm_id,
		.id = id,
	};

	HV_DEV_OK(dev, HV_PORTS_NEXT_CONNECTION, &arg);
	if (arg.id == id && arg.sent == sent && arg.refused == refused)
		return true;
	ksft_print_msg("connection %#x: sent %llu, refused %llu\n", arg.id, arg.sent,
		       arg.refused);
	return false;
}

static bool partition_has(u64 id, u32 ports, u32 connections, u64 dropped)
{
	struct hv_ports_partition arg = { .size = sizeof(arg), .id = id };

	HV_DEV_OK(dev, HV_PORTS_NEXT_PARTITION, &arg);
	if (arg.id == id && arg.nr_ports == ports && arg.nr_connections == connections &&
	    arg.dropped == dropped)
		return true;
	ksft_print_msg("partition %llu: %u ports, %u connections, %llu dropped\n", arg.id,
		       arg.nr_ports, arg.nr_connections, arg.dropped);
	return false;
}

/* Tracepoints */

static void start_tracing(void)
{
	TEST_ASSERT(!mkdir(INSTANCE, 0700) || errno == EEXIST, "mkdir " INSTANCE);
	hv_write_file(INSTANCE "/events/hv_ports/enable", "1");
}

static void stop_tracing(void)
{
	hv_write_file(INSTANCE "/events/hv_ports/enable", "0");
	TEST_ASSERT(!rmdir(INSTANCE), "rmdir " INSTANCE);
}

static void forget_lines(void)
{
	int fd = open(INSTANCE "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	TEST_ASSERT(fd >= 0, "open " INSTANCE "/trace");
	close(fd);
}

/* Whether there is one line of the tracepoint, with these fields; all are forgotten. */
static bool traced_line(const char *event, const char *fields)
{
	char line[512], *found;
	int lines = 0, others = 0;
	FILE *file = fopen(INSTANCE "/trace", "r");

	TEST_ASSERT(file, "open " INSTANCE "/trace");
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		found = strstr(line, event);
		if (!found)
			continue;
		lines++;
		if (!strcmp(found + strlen(event), fields))
			continue;
		others++;
		ksft_print_msg("%s\n", found);
	}
	fclose(file);
	forget_lines();
	return lines == 1 && !others;
}

#define traced(event, ...)							\
({										\
	char __fields[256];							\
										\
	snprintf(__fields, sizeof(__fields), __VA_ARGS__);			\
	traced_line("hv_ports_" event ": ", __fields);				\
})

/* What happens, and what is seen of it */

static void set_up(void)
{
	const struct hv_bell bell = { .gpa = HV_BELL_GPA, .flags = HV_BELL_ANY_VALUE };

	hv_test_exit = hv_mmio_exit;
	hv_caller_create_code(&c, TARGET + 1, guest_code);
	hv_bell_map(c.vm, 1);
	hv_caller_start(&c);
	TEST_ASSERT_EQ(hv_test_run(c.vcpus[TARGET]), 0);
	dev = hv_dev_open();
	vm_fd = hv_dev_attach(dev, c.vm->fd, &vm_id);
	host = hv_dev_create_host(dev, &host_id);
	hv_dev_link(dev, host_id, vm_id);

	HV_TEST_ASSERT_OK(hv_caller_create_port(&c, hv_message_port(MESSAGE_PORT, MESSAGE_SINT,
								    TARGET)));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(&c, hv_connection_to(MESSAGES, MESSAGE_PORT,
								      HV_PORT_TYPE_MESSAGE)));
	HV_TEST_ASSERT_OK(hv_caller_create_port(&c, hv_event_port(EVENT_PORT, EVENT_SINT,
								  TARGET, FIRST_FLAG, FLAGS)));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(&c, hv_connection_to(EVENTS, EVENT_PORT,
								      HV_PORT_TYPE_EVENT)));
	HV_TEST_ASSERT_OK(hv_caller_create_port(&c, hv_doorbell_port(BELL_PORT, BELL_SINT,
								     TARGET)));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(&c, hv_doorbell_to(BELL, BELL_PORT, bell)));
}

#define NR_TESTS_MESSAGES	14

static void test_messages(void)
{
	HV_TEST_ASSERT_OK(post(TYPE, 5));
	ksft_test_result(traced("hypercall",
				"partition %llu vcpu 0 PostMessage port 0x0 connection 0x11 status SUCCESS",
				(unsigned long long)vm_id), "post: the hypercall's line\n");
	ksft_test_result(port_is(vm_id, MESSAGE_PORT, 1, 0, 0, 1), "post: counted\n");
	let_arrive();
	ksft_test_result(traced("deliver",
				"vcpu 1 sint 2 port 0x101 type 0x77 size 5 pending 0"),
			 "delivery: its line\n");
	ksft_test_result(port_is(vm_id, MESSAGE_PORT, 1, 1, 0, 0), "delivery: counted\n");

	HV_TEST_ASSERT_OK(post(TYPE + 1, 6));
	let_arrive();
	ksft_test_result(traced("busy", "vcpu 1 sint 2 slot holds type 0x77"),
			 "slot taken: its line\n");
	ksft_test_result(port_is(vm_id, MESSAGE_PORT, 2, 1, 1, 1), "slot taken: counted\n");
	HV_TEST_ASSERT_OK(post(TYPE + 2, 7));
	HV_TEST_ASSERT_OK(post(TYPE + 3, 8));
	let_arrive();
	ksft_test_result(port_is(vm_id, MESSAGE_PORT, 4, 1, 2, 3), "slot taken: counted again\n");

	forget_lines();
	free_slot();
	ksft_test_result(traced("retry", "vcpu 1 sint 2"), "EOM: its line\n");
	forget_lines();
	free_slot();
	ksft_test_result(traced("deliver",
				"vcpu 1 sint 2 port 0x101 type 0x79 size 7 pending 1"),
			 "delivery, and more: its line\n");
	ksft_test_result(port_is(vm_id, MESSAGE_PORT, 4, 3, 2, 1),
			 "delivery, and more: counted\n");

	HV_TEST_ASSERT_OK(post(TYPE, 5));
	HV_TEST_ASSERT_OK(post(TYPE, 5));
	HV_TEST_ASSERT_STATUS(post(0, 5), HV_STATUS_INVALID_PARAMETER);
	ksft_test_result(connection_is(MESSAGES, 0, 6, 1), "messages: sent and refused\n");
	ksft_test_result(partition_has(vm_id, 3, 3, 0), "ports and connections are counted\n");
	HV_TEST_ASSERT_OK(hv_caller_delete_port(&c, MESSAGE_PORT));
	ksft_test_result(traced("drop", "partition %llu port 0x101 messages 3",
				(unsigned long long)vm_id), "port deleted: its line\n");
	ksft_test_result(partition_has(vm_id, 2, 3, 3), "port deleted: counted\n");
}

#define NR_TESTS_EVENTS	6

static void test_events(void)
{
	const int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int fd;

	forget_lines();
	HV_TEST_ASSERT_OK(hv_caller_signal(&c, EVENTS, 3));
	let_arrive();
	ksft_test_result(traced("event", "vcpu 1 sint 3 flags from 64 mask 0x8 old 0x0"),
			 "event: its line\n");
	HV_TEST_ASSERT_OK(hv_caller_signal(&c, EVENTS, 1));
	let_arrive();
	ksft_test_result(traced("event", "vcpu 1 sint 3 flags from 64 mask 0x2 old 0x8"),
			 "another event: its line\n");
	HV_TEST_ASSERT_STATUS(hv_caller_signal(&c, EVENTS, FLAGS), HV_STATUS_INVALID_PARAMETER);
	ksft_test_result(port_is(vm_id, EVENT_PORT, 2, 0, 0, 0), "events: counted\n");
	ksft_test_result(connection_is(EVENTS, 0, 2, 1), "events: sent and refused\n");

	fd = hv_host_port(host, HOST_PORT, HV_PORTS_EVENT, vm_id, event);
	HV_TEST_ASSERT_OK(hv_caller_signal(&c, HOST_PORT, 3));
	ksft_test_result(port_is(host_id, HOST_PORT, 1, 0, 0, 0) &&
			 connection_is(HOST_PORT, 0, 1, 0), "event for the host: counted\n");
	ksft_test_result(partition_has(host_id, 1, 0, 0), "the host's ports are counted\n");
	close(fd);
	close(event);
}

#define NR_TESTS_RINGS	2

static void test_rings(void)
{
	forget_lines();
	run_target(HV_BELL_GPA, 0x1234);
	ksft_test_result(traced("ring",
				"partition %llu vcpu 1 gpa 0x180000000 len 4 value 0x1234 port 0x103",
				(unsigned long long)vm_id), "ring: its line\n");
	run_target(HV_BELL_GPA, 0x1235);
	ksft_test_result(port_is(vm_id, BELL_PORT, 2, 0, 0, 0) &&
			 connection_is(BELL, HV_PORTS_DOORBELLS, 2, 0), "rings: counted\n");
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(NR_TESTS_MESSAGES + NR_TESTS_EVENTS + NR_TESTS_RINGS);

	set_up();
	start_tracing();
	test_messages();
	test_events();
	test_rings();
	stop_tracing();
	close(host);
	close(vm_fd);
	close(dev);
	hv_caller_free(&c);
	ksft_finished();
}
