// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the module does not answer is answered as if it were not there: by
 * KVM_HYPERV_EVENTFD, KVM itself and user space.
 */
/* machine: self */
#include <sys/eventfd.h>

#include "hv_call_util.h"
#include "hv_module_util.h"

#define SINT		2
#define MESSAGE		0x100
#define EVENT		0x101
#define EVENTFD		0x102
#define NOBODYS		0x103

/* What user space answers; nobody else would. */
#define USER_STATUS	0x77

#define OK		HV_STATUS_SUCCESS
#define BAD_CONNECTION	HV_STATUS_INVALID_CONNECTION_ID

#define REP_COUNT	BIT_ULL(32)

static int fd;

/* How often the eventfd was signalled since the last time */
static u64 eventfd_count(void)
{
	u64 count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static int eventfd_ioctl(struct hv_caller *c, u32 connection, u32 flags)
{
	struct kvm_hyperv_eventfd args = {
		.conn_id = connection,
		.fd = fd,
		.flags = flags,
	};

	return __vm_ioctl(c->vm, KVM_HYPERV_EVENTFD, &args);
}

static void assign_eventfd(struct hv_caller *c, u32 connection)
{
	TEST_ASSERT_EQ(eventfd_ioctl(c, connection, 0), 0);
}

static void deassign_eventfd(struct hv_caller *c, u32 connection)
{
	TEST_ASSERT_EQ(eventfd_ioctl(c, connection, KVM_HYPERV_EVENTFD_DEASSIGN), 0);
}

/* Calls that are not for the module; the rest of each input is zero. */
static const struct call {
	const char *name;
	/* More than a code for fast calls only */
	u64 control;
	u64 first;
	bool fast;
} calls[] = {
	{ "post", HVCALL_POST_MESSAGE, NOBODYS },
	{ "post, id bit 24", HVCALL_POST_MESSAGE, 0x1000000 | MESSAGE },
	{ "post, reserved field", HVCALL_POST_MESSAGE, NOBODYS | BIT_ULL(32) },
	{ "post, eventfd", HVCALL_POST_MESSAGE, EVENTFD },
	{ "post, fast", HVCALL_POST_MESSAGE, NOBODYS, true },
	{ "post, fast, the module's", HVCALL_POST_MESSAGE, MESSAGE, true },
	{ "post, fast, rep count", HVCALL_POST_MESSAGE | REP_COUNT, MESSAGE, true },
	{ "signal", HVCALL_SIGNAL_EVENT, NOBODYS },
	{ "signal, flag 1", HVCALL_SIGNAL_EVENT, NOBODYS | BIT_ULL(32) },
	{ "signal, reserved field", HVCALL_SIGNAL_EVENT, NOBODYS | BIT_ULL(48) },
	{ "signal, id bit 24", HVCALL_SIGNAL_EVENT, 0x1000000 | EVENT },
	{ "signal, eventfd", HVCALL_SIGNAL_EVENT, EVENTFD },
	{ "signal, eventfd, flag 1", HVCALL_SIGNAL_EVENT, EVENTFD | BIT_ULL(32) },
	{ "signal, fast", HVCALL_SIGNAL_EVENT, NOBODYS, true },
	{ "signal, fast, flag 1", HVCALL_SIGNAL_EVENT, NOBODYS | BIT_ULL(32), true },
	{ "signal, fast, reserved field", HVCALL_SIGNAL_EVENT, NOBODYS | BIT_ULL(48), true },
	{ "signal, fast, id bit 24", HVCALL_SIGNAL_EVENT, 0x1000000 | EVENT, true },
	{ "signal, fast, eventfd", HVCALL_SIGNAL_EVENT, EVENTFD, true },
	{ "signal, fast, eventfd, flag 1", HVCALL_SIGNAL_EVENT, EVENTFD | BIT_ULL(32), true },
};

struct outcome {
	u64 result;
	u64 events;
	u32 exits;
	struct kvm_hyperv_exit exit;
};

static struct outcome make_call(struct hv_caller *c, const struct call *call)
{
	const u32 before = hv_test_user_hypercalls;
	u64 in[32] = { call->first };
	struct outcome o = {};

	memset(&hv_test_user_exit, 0, sizeof(hv_test_user_exit));
	if (call->fast)
		o.result = hv_caller_fast(c, call->control, in, 16);
	else
		o.result = hv_caller_slow(c, call->control, in, sizeof(in));
	o.events = eventfd_count();
	o.exits = hv_test_user_hypercalls - before;
	o.exit = hv_test_user_exit;
	return o;
}

static void get_outcomes(struct outcome o[], void (*setup)(struct hv_caller *c))
{
	struct hv_caller c;
	int i;

	hv_caller_init(&c, 1);
	assign_eventfd(&c, EVENTFD);
	if (setup)
		setup(&c);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		o[i] = make_call(&c, &calls[i]);
	hv_caller_free(&c);
}

static void setup_ports(struct hv_caller *c)
{
	hv_host_set_sint(c, 0, SINT, 0);
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_message_port(MESSAGE, SINT, 0)));
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_event_port(EVENT, SINT, 0, 0, 1)));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(MESSAGE, MESSAGE,
								     HV_PORT_TYPE_MESSAGE)));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(EVENT, EVENT,
								     HV_PORT_TYPE_EVENT)));
}

static bool is_same(const struct outcome *a, const struct outcome *b)
{
	return a->result == b->result && a->events == b->events && a->exits == b->exits &&
	       a->exit.u.hcall.input == b->exit.u.hcall.input &&
	       a->exit.u.hcall.params[0] == b->exit.u.hcall.params[0] &&
	       a->exit.u.hcall.params[1] == b->exit.u.hcall.params[1];
}

static void print_outcome(const char *when, const struct outcome *o)
{
	ksft_print_msg("%s: result %#llx, %llu events, %u exits: %#llx %#llx %#llx\n", when,
		       (unsigned long long)o->result, (unsigned long long)o->events, o->exits,
		       (unsigned long long)o->exit.u.hcall.input,
		       (unsigned long long)o->exit.u.hcall.params[0],
		       (unsigned long long)o->exit.u.hcall.params[1]);
}

static void compare(const struct outcome before[], const struct outcome o[], const char *when)
{
	bool same;
	int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		same = is_same(&before[i], &o[i]);
		if (!same) {
			print_outcome("without the module", &before[i]);
			print_outcome(when, &o[i]);
		}
		ksft_test_result(same, "%s: %s: as without\n", when, calls[i].name);
	}
}

#define NR_TESTS_KNOWN	3

/* That there was something to compare */
static void test_known(const struct outcome o[])
{
	ksft_test_result(o[0].result == USER_STATUS && o[0].exits == 1 &&
			 o[0].exit.u.hcall.input == HVCALL_POST_MESSAGE,
			 "a post reaches user space, whose status is the guest's\n");
	ksft_test_result(o[7].result == USER_STATUS && o[7].exits == 1 &&
			 o[7].exit.u.hcall.input == HVCALL_SIGNAL_EVENT,
			 "a signal reaches user space, whose status is the guest's\n");
	ksft_test_result(o[11].result == OK && !o[11].exits && o[11].events == 1,
			 "a signal reaches the eventfd\n");
}

#define NR_TESTS_EVENTFD	7

static bool signal_arrives(struct hv_caller *c)
{
	return hv_caller_signal(c, EVENT, 0) == OK && hv_caller_take_flag(c, SINT, 0);
}

static void test_eventfd_first(struct hv_caller *c)
{
	assign_eventfd(c, NOBODYS);
	HV_TEST_ASSERT_OK(hv_caller_disconnect_port(c, EVENT));
	ksft_test_result(hv_caller_connect_port(c, hv_connection_to(NOBODYS, EVENT,
								    HV_PORT_TYPE_EVENT)) ==
			 BAD_CONNECTION, "a connection cannot take an eventfd's id\n");
	ksft_test_result(hv_caller_signal(c, NOBODYS, 0) == OK && eventfd_count() == 1,
			 "the eventfd is still there\n");
	deassign_eventfd(c, NOBODYS);
	ksft_test_result(hv_caller_connect_port(c, hv_connection_to(NOBODYS, EVENT,
								    HV_PORT_TYPE_EVENT)) == OK,
			 "without the eventfd it can\n");
	HV_TEST_ASSERT_OK(hv_caller_disconnect_port(c, NOBODYS));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(EVENT, EVENT,
								     HV_PORT_TYPE_EVENT)));
}

static void test_eventfd_later(struct hv_caller *c)
{
	u64 port;

	assign_eventfd(c, EVENT);
	assign_eventfd(c, MESSAGE);
	ksft_test_result(signal_arrives(c) && !eventfd_count(),
			 "an event connection wins over a later eventfd\n");
	ksft_test_result(hv_caller_post(c, MESSAGE) == OK &&
			 hv_caller_take_message(c, SINT, &port) && !eventfd_count(),
			 "a message connection wins over a later eventfd\n");
	ksft_test_result(hv_caller_signal(c, MESSAGE, 0) == HV_STATUS_INVALID_PORT_ID &&
			 !eventfd_count(), "even if it is a signal\n");

	HV_TEST_ASSERT_OK(hv_caller_disconnect_port(c, EVENT));
	ksft_test_result(hv_caller_signal(c, EVENT, 0) == OK && eventfd_count() == 1 &&
			 !hv_caller_take_flag(c, SINT, 0),
			 "after the disconnect the eventfd is signalled\n");
}

static void test_eventfd(void)
{
	struct hv_caller c;

	hv_caller_init(&c, 1);
	setup_ports(&c);
	test_eventfd_first(&c);
	test_eventfd_later(&c);
	hv_caller_free(&c);
}

int main(void)
{
	struct outcome before[ARRAY_SIZE(calls)], o[ARRAY_SIZE(calls)];

	hv_module_require();
	hv_test_user_status = USER_STATUS;
	fd = eventfd(0, EFD_NONBLOCK);
	TEST_ASSERT(fd >= 0, "eventfd");

	ksft_print_header();
	ksft_set_plan(NR_TESTS_KNOWN + 2 * ARRAY_SIZE(calls) + NR_TESTS_EVENTFD);

	get_outcomes(before, NULL);
	test_known(before);

	hv_module_load("");
	get_outcomes(o, NULL);
	compare(before, o, "a VM without ports");
	get_outcomes(o, setup_ports);
	compare(before, o, "a VM with ports");
	test_eventfd();
	hv_module_unload();

	ksft_finished();
}
