// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's own end: messages read and written through files, eventfds, poll,
 * four readers, signals; and what closing and unlinking take along.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>

#include "hv_case_util.h"
#include "hv_call_util.h"
#include "hv_host_util.h"
#include "hv_userfault_util.h"

/* machine: ports timeout=200 */

#define SINT		2
#define PORT		0x100
#define GUEST_PORT	0x200
#define TYPE		0x77
#define BUFFERS		16

/* Nothing is there; the compiler need not know. */
static void *volatile nowhere = (void *)8;

static int dev, host, vm_fd;
static u64 host_id, vm_id;
static struct hv_caller c;

static void setup(void)
{
	hv_caller_init(&c, 1);
	vm_fd = hv_dev_attach(dev, c.vm->fd, &vm_id);
	host = hv_dev_create_host(dev, &host_id);
	hv_dev_link(dev, host_id, vm_id);
}

static void teardown(void)
{
	if (host >= 0)
		close(host);
	close(vm_fd);
	hv_caller_free(&c);
}

/* The guest's post of a number */
static u64 post(u32 connection, u64 number)
{
	struct hv_port_post_message in = {
		.connection_id = connection,
		.message_type = TYPE,
		.payload_size = sizeof(number),
	};

	memcpy(in.payload, &number, sizeof(number));
	return hv_caller_slow(&c, HVCALL_POST_MESSAGE, &in, sizeof(in));
}

static u64 connect_guest(u32 id, u32 port, u32 type)
{
	struct hv_input_connect_port in = hv_connection_to(id, port, type);

	in.port_partition_id = host_id;
	return hv_caller_connect_port(&c, in);
}

static void create_guest_port(struct hv_input_create_port in)
{
	in.connection_partition_id = host_id;
	HV_TEST_ASSERT_OK(hv_caller_create_port(&c, in));
}

static bool reads_number(int fd, u64 number)
{
	struct hv_ports_message msg = {};

	return read(fd, &msg, sizeof(msg)) == HV_HOST_MESSAGE_SIZE(sizeof(number)) &&
	       msg.type == TYPE && msg.payload_size == sizeof(number) && !msg.flags &&
	       msg.port == PORT && !memcmp(msg.payload, &number, sizeof(number));
}

static bool reads_errno(int fd, size_t size, int error)
{
	struct hv_ports_message msg;

	return read(fd, &msg, size) == -1 && errno == error;
}

/* Who waits for nothing else; an epoll file looks at ours only when that wakes it. */
static int watch(int fd, u32 event)
{
	struct epoll_event what = { .events = event };
	int ep = epoll_create1(0);

	TEST_ASSERT(ep >= 0 && !epoll_ctl(ep, EPOLL_CTL_ADD, fd, &what), "epoll");
	TEST_ASSERT(!epoll_wait(ep, &what, 1, 0), "ready before it is");
	return ep;
}

static bool is_woken(int ep, u32 event)
{
	struct epoll_event what;
	bool woken = epoll_wait(ep, &what, 1, 10000) == 1 && what.events == event;

	close(ep);
	return woken;
}

static void test_reading(void)
{
	int fd = hv_host_port(host, PORT, HV_PORTS_MESSAGE, vm_id, -1);
	int ep = watch(fd, EPOLLRDNORM);
	struct hv_ports_port port;
	u64 i;

	hv_host_set_nonblock(fd);
	ksft_test_result(reads_errno(fd, 256, EAGAIN) && !hv_host_poll(fd, POLLIN, false),
			 "read: nothing yet\n");

	for (i = 0; i < BUFFERS; i++)
		HV_TEST_ASSERT_OK(post(PORT, i));
	ksft_test_result(is_woken(ep, EPOLLRDNORM), "read: who polls by the other name\n");
	ksft_test_result(post(PORT, i) == HV_STATUS_INSUFFICIENT_BUFFERS,
			 "read: a port has %d buffers\n", BUFFERS);
	ksft_test_result(hv_host_poll(fd, POLLIN, false) == POLLIN, "read: poll\n");
	port = hv_dev_port(dev, host_id, PORT);
	ksft_test_result(port.posted == BUFFERS && port.queued == BUFFERS &&
			 !port.delivered && port.refused == 1 && port.connected &&
			 port.connection_partition == vm_id, "read: counted\n");

	ksft_test_result(reads_errno(fd, 23, EMSGSIZE) &&
			 read(fd, nowhere, 256) == -1 && errno == EFAULT,
			 "read: what cannot be read stays\n");
	for (i = 0; i < BUFFERS; i++)
		if (!reads_number(fd, i))
			break;
	ksft_test_result(i == BUFFERS, "read: in order\n");
	ksft_test_result(post(PORT, 99) == HV_STATUS_SUCCESS && reads_number(fd, 99),
			 "read: buffers come back\n");
	port = hv_dev_port(dev, host_id, PORT);
	ksft_test_result(port.delivered == BUFFERS + 1 && !port.queued,
			 "read: counted, too\n");
	close(fd);
	ksft_test_result(post(PORT, 0) == HV_STATUS_INVALID_PORT_ID, "read: closed\n");
}

/* Who waits, or is about to */
static pid_t waiter;

static void *read_one(void *fd)
{
	hv_store(&waiter, (pid_t)syscall(SYS_gettid));
	return (void *)(long)reads_number((long)fd, 5);
}

static void test_wait(void)
{
	int fd = hv_host_port(host, PORT, HV_PORTS_MESSAGE, vm_id, -1);
	pthread_t thread;
	void *got;

	TEST_ASSERT(!pthread_create(&thread, NULL, read_one, (void *)(long)fd),
		    "pthread_create");
	HV_TEST_ASSERT_OK(post(PORT, 5));
	pthread_join(thread, &got);
	ksft_test_result(got, "a reader that waits\n");
	close(fd);
}

/* By how many readers each message was read */
#define MANY		4000
#define READERS		4

static u8 times_read[MANY];
static int many_fd;

static void *read_many(void *unused)
{
	struct hv_ports_message msg;
	long count = 0;
	u64 number;

	while (read(many_fd, &msg, sizeof(msg)) > 0) {
		memcpy(&number, msg.payload, sizeof(number));
		TEST_ASSERT(number < MANY, "number %lu", (unsigned long)number);
		__atomic_fetch_add(&times_read[number], 1, __ATOMIC_SEQ_CST);
		count++;
	}
	return (void *)count;
}

static void test_readers(void)
{
	pthread_t threads[READERS];
	long total = 0, busy = 0;
	u64 i, status;
	void *count;

	many_fd = hv_host_port(host, PORT, HV_PORTS_MESSAGE, vm_id, -1);
	for (i = 0; i < READERS; i++)
		TEST_ASSERT(!pthread_create(&threads[i], NULL, read_many, NULL),
			    "pthread_create");
	for (i = 0; i < MANY; i++) {
		while ((status = post(PORT, i)) == HV_STATUS_INSUFFICIENT_BUFFERS)
			sched_yield();
		HV_TEST_ASSERT_OK(status);
	}
	while (hv_dev_port(dev, host_id, PORT).delivered < MANY)
		sched_yield();
	/* The port goes with its partition, and the readers find the end. */
	close(host);
	host = -1;
	for (i = 0; i < READERS; i++) {
		pthread_join(threads[i], &count);
		total += (long)count;
		busy += !!count;
	}
	for (i = 0; i < MANY && times_read[i] == 1; i++)
		;
	ksft_test_result(i == MANY && total == MANY, "%d readers: each message once\n",
			 READERS);
	ksft_test_result(busy > 1, "%d readers: %ld of them read\n", READERS, busy);
	close(many_fd);
}

static void *write_one(void *fd)
{
	u64 number = 99;

	hv_store(&waiter, (pid_t)syscall(SYS_gettid));
	return (void *)(long)(hv_host_send((long)fd, TYPE, &number, 8) == 24);
}

/* A thread that sleeps in what @code does with a file */
static pthread_t start_waiter(void *(*code)(void *fd), int fd)
{
	char path[64], state = 0;
	pthread_t thread;
	FILE *file;

	hv_store(&waiter, 0);
	TEST_ASSERT(!pthread_create(&thread, NULL, code, (void *)(long)fd), "pthread_create");
	while (!hv_load(&waiter))
		sched_yield();
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", waiter);
	while (state != 'S') {
		file = fopen(path, "r");
		TEST_ASSERT(file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1, "%s", path);
		fclose(file);
	}
	return thread;
}

/* A connection whose port has no buffer left */
static int connect_and_fill(void)
{
	u64 i;
	int fd;

	create_guest_port(hv_message_port(GUEST_PORT, SINT, 0));
	fd = hv_host_connect(host, 9, HV_PORTS_MESSAGE, vm_id, GUEST_PORT);
	for (i = 0; i < BUFFERS; i++)
		TEST_ASSERT_EQ(hv_host_send(fd, TYPE, &i, 8), 24);
	return fd;
}

static void test_waiting_writer(void)
{
	const int fd = connect_and_fill();
	pthread_t thread = start_waiter(write_one, fd);
	void *wrote;
	u64 i;

	hv_caller_get_partition_id(&c, &i);
	pthread_join(thread, &wrote);
	ksft_test_result(wrote && hv_dev_port(dev, vm_id, GUEST_PORT).posted == BUFFERS + 1,
			 "a writer that waits\n");
	close(fd);
}

static void *write_errno(void *fd)
{
	hv_store(&waiter, (pid_t)syscall(SYS_gettid));
	return (void *)(long)(hv_host_send((long)fd, TYPE, "", 0) == -1 ? errno : 0);
}

static bool ends_soon(pthread_t thread, void **returned)
{
	struct timespec give_up;

	clock_gettime(CLOCK_REALTIME, &give_up);
	give_up.tv_sec += 20;
	return !pthread_timedjoin_np(thread, returned, &give_up);
}

/* His partition's file is closed, and nobody will ever make room for him. */
static void test_writer_left_alone(void)
{
	const int fd = connect_and_fill();
	pthread_t thread = start_waiter(write_errno, fd);
	void *error;

	close(host);
	host = -1;
	ksft_test_result(ends_soon(thread, &error) && (long)error == EPIPE,
			 "a writer that waits: closed\n");
	ksft_test_result(hv_host_poll(fd, POLLOUT, false) == (POLLHUP | POLLERR),
			 "a writer that waits: poll\n");
	close(fd);
}

/* The same if the link is removed; but that may come back, and all is well again. */
static void test_unlinked(void)
{
	const int fd = connect_and_fill();
	pthread_t thread = start_waiter(write_errno, fd);
	int ep = watch(fd, 0);
	void *error;
	u64 i = 0;

	hv_dev_unlink(dev, host_id, vm_id);
	ksft_test_result(ends_soon(thread, &error) && (long)error == EPIPE,
			 "unlinked: a writer that waits\n");
	ksft_test_result(is_woken(ep, EPOLLHUP | EPOLLERR), "unlinked: who polls\n");
	hv_dev_link(dev, host_id, vm_id);
	hv_caller_get_partition_id(&c, &i);
	ksft_test_result(hv_host_poll(fd, POLLOUT, false) == POLLOUT &&
			 hv_host_send(fd, TYPE, &i, 8) == 24, "unlinked: linked again\n");
	close(fd);
}

static int nr_signals;

static void take_signal(int unused)
{
	hv_inc(&nr_signals);
}

/* The handler has run when this returns. */
static void interrupt_waiter(int flags)
{
	struct sigaction action = { .sa_handler = take_signal, .sa_flags = flags };
	const int before = hv_load(&nr_signals);

	TEST_ASSERT(!sigaction(SIGUSR1, &action, NULL) &&
		    !syscall(SYS_tgkill, getpid(), waiter, SIGUSR1), "tgkill");
	while (hv_load(&nr_signals) == before)
		sched_yield();
}

static void *read_errno(void *fd)
{
	hv_store(&waiter, (pid_t)syscall(SYS_gettid));
	return (void *)(long)(read((long)fd, &(struct hv_ports_message){}, 256) < 0 ? errno : 0);
}

static void test_reader_and_signal(void)
{
	const int fd = hv_host_port(host, PORT, HV_PORTS_MESSAGE, vm_id, -1);
	pthread_t thread = start_waiter(read_errno, fd);
	void *got;

	interrupt_waiter(0);
	ksft_test_result(ends_soon(thread, &got) && (long)got == EINTR,
			 "a signal: a reader gives up\n");
	thread = start_waiter(read_one, fd);
	interrupt_waiter(SA_RESTART);
	HV_TEST_ASSERT_OK(post(PORT, 5));
	ksft_test_result(ends_soon(thread, &got) && got, "a signal: a reader goes on\n");
	close(fd);
}

static void *nothing_yet;

static void *read_slowly(void *fd)
{
	return (void *)(long)(read((long)fd, nothing_yet, 256) == 24);
}

/* Who waits for another reader, whose memory is not there yet */
static void test_second_reader_and_signal(void)
{
	const int fd = hv_host_port(host, PORT, HV_PORTS_MESSAGE, vm_id, -1);
	pthread_t first, second;
	void *page, *got;
	int fault;

	nothing_yet = hv_test_alloc_memory(getpagesize());
	page = hv_test_alloc_memory(getpagesize());
	fault = hv_userfault_open_missing(nothing_yet, getpagesize());
	HV_TEST_ASSERT_OK(post(PORT, 5));
	TEST_ASSERT(!pthread_create(&first, NULL, read_slowly, (void *)(long)fd),
		    "pthread_create");
	hv_userfault_await(fault);
	second = start_waiter(read_errno, fd);
	interrupt_waiter(0);
	ksft_test_result(ends_soon(second, &got) && (long)got == EINTR,
			 "a signal: a second reader gives up\n");
	hv_userfault_resolve(fault, nothing_yet, page);
	ksft_test_result(ends_soon(first, &got) && got, "a signal: the first one does not\n");
	close(fault);
	munmap(nothing_yet, getpagesize());
	munmap(page, getpagesize());
	close(fd);
}

static void test_writer_and_signal(void)
{
	const int fd = connect_and_fill();
	pthread_t thread = start_waiter(write_errno, fd);
	void *got;
	u64 i;

	interrupt_waiter(0);
	ksft_test_result(ends_soon(thread, &got) && (long)got == EINTR &&
			 hv_dev_port(dev, vm_id, GUEST_PORT).posted == BUFFERS,
			 "a signal: a writer gives up\n");
	thread = start_waiter(write_one, fd);
	interrupt_waiter(SA_RESTART);
	hv_caller_get_partition_id(&c, &i);
	ksft_test_result(ends_soon(thread, &got) && got &&
			 hv_dev_port(dev, vm_id, GUEST_PORT).posted == BUFFERS + 1,
			 "a signal: a writer goes on\n");
	close(fd);
}

static void test_writing(void)
{
	u64 number = 7, i, from;
	int fd, ep;

	create_guest_port(hv_message_port(GUEST_PORT, SINT, 0));
	fd = hv_host_connect(host, 9, HV_PORTS_MESSAGE, vm_id, GUEST_PORT);
	hv_host_set_nonblock(fd);
	ksft_test_result(hv_host_send(fd, TYPE, &number, 8) == 24, "write\n");
	hv_caller_get_partition_id(&c, &i);
	ksft_test_result(!memcmp(((struct hv_port_message *)c.sim + SINT)->payload, &number, 8) &&
			 hv_caller_take_message(&c, SINT, &from) && from == GUEST_PORT,
			 "write: it arrives\n");

	for (i = 0; hv_host_send(fd, TYPE, &i, 8) == 24; i++)
		;
	ksft_test_result(i == BUFFERS && errno == EAGAIN &&
			 !hv_host_poll(fd, POLLOUT, false), "write: no buffer\n");
	ep = watch(fd, EPOLLWRNORM);
	hv_caller_get_partition_id(&c, &i);
	ksft_test_result(hv_host_poll(fd, POLLOUT, true) == POLLOUT, "write: a buffer\n");
	ksft_test_result(is_woken(ep, EPOLLWRNORM), "write: who polls by the other name\n");

	HV_TEST_ASSERT_OK(hv_caller_delete_port(&c, GUEST_PORT));
	ksft_test_result(hv_host_send(fd, TYPE, &i, 8) == -1 && errno == EPIPE &&
			 hv_host_poll(fd, POLLOUT, false) & POLLHUP,
			 "write: the port is gone\n");
	close(fd);
}

/* What is not a message; none of it is sent. */
static void test_bad_write(void)
{
	union {
		struct hv_ports_message msg;
		u8 bytes[sizeof(struct hv_ports_message) + 1];
	} u = { .msg = { .type = TYPE, .payload_size = 8 } };
	int fd;

	create_guest_port(hv_message_port(GUEST_PORT, SINT, 0));
	fd = hv_host_connect(host, 9, HV_PORTS_MESSAGE, vm_id, GUEST_PORT);

#define BAD_WRITE(change, size, error, what)					\
do {										\
	struct hv_ports_message good = u.msg;					\
										\
	change;									\
	ksft_test_result(write(fd, &u, size) == -1 && errno == (error),	\
			 "bad write: " what "\n");				\
	u.msg = good;								\
} while (0)
	BAD_WRITE(, 15, EINVAL, "no header");
	BAD_WRITE(, 23, EINVAL, "too short");
	BAD_WRITE(, 25, EINVAL, "too long");
	BAD_WRITE(, 257, EINVAL, "longer than any");
	BAD_WRITE(u.msg.payload_size = 241, 257, EINVAL, "payload too long");
	BAD_WRITE(u.msg.flags = 1, 24, EINVAL, "flags");
	BAD_WRITE(u.msg.reserved[0] = 1, 24, EINVAL, "reserved");
	BAD_WRITE(u.msg.reserved[1] = 1, 24, EINVAL, "reserved, too");
	BAD_WRITE(u.msg.port = 1, 24, EINVAL, "port");
	BAD_WRITE(u.msg.type = 0, 24, EINVAL, "type 0");
	BAD_WRITE(u.msg.type = 0x80000000, 24, EINVAL, "type of the hypervisor's");
	hv_host_set_synic(&c, 0, false);
	BAD_WRITE(, 24, EHOSTDOWN, "SynIC off");
	vcpu_set_msr(c.vcpus[0], HV_X64_MSR_VP_INDEX, 7);
	BAD_WRITE(, 24, EHOSTDOWN, "the VP is gone");
	ksft_test_result(write(fd, nowhere, 24) == -1 && errno == EFAULT,
			 "bad write: pointer\n");
	ksft_test_result(!hv_dev_port(dev, vm_id, GUEST_PORT).posted,
			 "bad write: nothing was sent\n");
	close(fd);
}

static void test_events(void)
{
	int event = eventfd(0, EFD_NONBLOCK);
	int fd = hv_host_port(host, PORT, HV_PORTS_EVENT, vm_id, event);
	u64 count;
	u32 flag;

	HV_TEST_ASSERT_OK(hv_caller_signal(&c, PORT, 3));
	HV_TEST_ASSERT_OK(hv_caller_signal(&c, PORT, 15));
	ksft_test_result(read(event, &count, 8) == 8 && count == 2, "events to the host\n");
	ksft_test_result(hv_caller_signal(&c, PORT, 16) == HV_STATUS_INVALID_PARAMETER &&
			 read(event, &count, 8) == -1, "events to the host: none such\n");
	ksft_test_result(reads_errno(fd, 256, EINVAL), "events to the host: not to be read\n");
	close(fd);

	hv_host_set_sint(&c, 0, SINT, 0);
	create_guest_port(hv_event_port(GUEST_PORT, SINT, 0, 64, 8));
	fd = hv_host_connect(host, 9, HV_PORTS_EVENT, vm_id, GUEST_PORT);
	flag = 5;
	ksft_test_result(hv_host_poll(fd, POLLOUT, false) == POLLOUT &&
			 write(fd, &flag, 4) == 4, "event from the host\n");
	hv_caller_get_partition_id(&c, &count);
	ksft_test_result(hv_caller_take_flag(&c, SINT, 69), "event from the host: it arrives\n");
	flag = 8;
	ksft_test_result(write(fd, &flag, 4) == -1 && errno == EINVAL &&
			 write(fd, &flag, 2) == -1 && errno == EINVAL,
			 "event from the host: none such\n");
	flag = 0x10005;
	ksft_test_result(write(fd, &flag, 4) == -1 && errno == EINVAL,
			 "event from the host: more than 16 bits\n");
	ksft_test_result(write(fd, nowhere, 4) == -1 && errno == EFAULT,
			 "event from the host: pointer\n");
	flag = 5;
	hv_host_set_sint(&c, 0, SINT, HV_SINT_MASKED);
	ksft_test_result(write(fd, &flag, 4) == -1 && errno == EHOSTDOWN,
			 "event from the host: masked\n");
	close(host);
	host = -1;
	ksft_test_result(write(fd, &flag, 4) == -1 && errno == EPIPE &&
			 hv_host_poll(fd, POLLOUT, false) == (POLLHUP | POLLERR),
			 "event from the host: closed\n");
	close(fd);
	close(event);
}

/* What the host takes from itself it has all the same. */
static void test_no_privileges(void)
{
	struct hv_ports_set_partition set = {
		.size = sizeof(set),
		.flags = HV_PORTS_SET_PRIVILEGES,
	};
	const u32 flag = 5;
	int fd;

	HV_DEV_OK(host, HV_PORTS_SET_PARTITION, &set);
	create_guest_port(hv_message_port(GUEST_PORT, SINT, 0));
	fd = hv_host_connect(host, 9, HV_PORTS_MESSAGE, vm_id, GUEST_PORT);
	ksft_test_result(hv_host_send(fd, TYPE, "", 0) == HV_HOST_MESSAGE_SIZE(0),
			 "no privileges: a message\n");
	close(fd);

	hv_host_set_sint(&c, 0, SINT, 0);
	create_guest_port(hv_event_port(GUEST_PORT + 1, SINT, 0, 64, 8));
	fd = hv_host_connect(host, 9, HV_PORTS_EVENT, vm_id, GUEST_PORT + 1);
	ksft_test_result(write(fd, &flag, 4) == 4, "no privileges: an event\n");
	close(fd);
}

static void test_closed_partition(void)
{
	int fd = hv_host_port(host, PORT, HV_PORTS_MESSAGE, vm_id, -1);
	int out;

	create_guest_port(hv_message_port(GUEST_PORT, SINT, 0));
	out = hv_host_connect(host, 9, HV_PORTS_MESSAGE, vm_id, GUEST_PORT);
	HV_TEST_ASSERT_OK(post(PORT, 1));
	close(host);
	host = -1;
	ksft_test_result(post(PORT, 2) == HV_STATUS_INVALID_PORT_ID, "closed: its ports\n");
	ksft_test_result(!read(fd, &(struct hv_ports_message){}, 256) &&
			 hv_host_poll(fd, POLLIN, false) == POLLHUP, "closed: a reader\n");
	ksft_test_result(hv_host_send(out, TYPE, "", 0) == -1 && errno == EPIPE,
			 "closed: a writer\n");
	ksft_test_result(connect_guest(1, PORT, HV_PORT_TYPE_MESSAGE) ==
			 HV_STATUS_INVALID_PARTITION_ID, "closed: its id\n");
	close(out);
	close(fd);
}

int main(void)
{
	static void (*const tests[])(void) = {
		test_reading, test_wait, test_readers, test_writing, test_waiting_writer,
		test_writer_left_alone, test_unlinked, test_reader_and_signal,
		test_second_reader_and_signal, test_writer_and_signal, test_bad_write, test_events,
		test_no_privileges, test_closed_partition,
	};
	u32 i;

	dev = hv_dev_open();
	ksft_print_header();
	ksft_set_plan(62);
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		setup();
		tests[i]();
		teardown();
	}
	ksft_finished();
}
