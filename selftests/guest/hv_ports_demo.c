// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports and connections as a guest uses them: messages, events and a doorbell
 * between its two vCPUs, and what happens when the receiver is slow or the call is wrong.
 * Every step is printed, checked, and waited for a bounded time only.
 */
#include "lib.h"

/* A SINT's vector says which SINT it is. */
#define VECTOR_SINT0		0x40

enum {
	SINT_TO_VP1	= 2,
	SINT_TO_VP0	= 3,	/* with AutoEOI */
	SINT_EVENT	= 4,
};

enum {
	PORT_TO_VP1	= 1,
	PORT_TO_VP0	= 2,
	PORT_EVENT	= 3,
	PORT_DOORBELL	= 4,
};

/* Another number space: nothing makes them equal to the port's id. */
enum {
	CONN_TO_VP1	= 0x101,
	CONN_TO_VP0	= 0x102,
	CONN_EVENT	= 0x103,
	CONN_UNKNOWN	= 0x999,
	/* Yet another number space */
	DOORBELL	= 0x101,
};

/* Nothing is there: neither memory nor a device. */
#define DOORBELL_GPA		0x40000000ULL
#define DOORBELL_VALUE		0xd00bUL

#define EVENT_BASE		64
#define EVENT_COUNT		16

#define MESSAGE_TYPE		1
#define PORT_BUFFERS		16

#define MAX_MESSAGES		64

struct inbox {
	u32 count;
	bool hold;		/* leave the slot taken */
	bool quiet;
	struct hv_port_message messages[MAX_MESSAGES];
};

static struct inbox inboxes[NR_VPS];
static u32 events_seen;
static u32 last_event;
static u32 posted[PORT_EVENT + 1];
static bool have_xmm;

/* Hypercalls: made and printed in one piece, before whatever they cause */

static void call_begin(void)
{
	console_lock();
}

#define call_end(status, want, fmt, ...)				\
do {									\
	u16 __status = (status);					\
	u16 __want = (want);						\
									\
	say(fmt " = %s", ##__VA_ARGS__, hv_status_name(__status));	\
	if (__status != __want)						\
		fail("status 0x%x instead of %s (0x%x)", __status,	\
		     hv_status_name(__want), __want);			\
	console_unlock();						\
} while (0)

static u16 create_port(u32 port, const struct hv_port_info *info, bool xmm)
{
	struct hv_input_create_port *in = hv_input();

	in->port_partition_id = HV_PARTITION_ID_SELF;
	in->port_id = port;
	in->port_info = *info;
	return xmm ? hv_call_xmm(HVCALL_CREATE_PORT, in) :
		     hv_call(HVCALL_CREATE_PORT, in, NULL);
}

static void create_message_port(u32 port, u32 sint, u32 vp, u16 want)
{
	struct hv_port_info info = {
		.port_type = HV_PORT_TYPE_MESSAGE,
		.message_port_info = { .target_sint = sint, .target_vp = vp },
	};

	call_begin();
	call_end(create_port(port, &info, false), want,
		 "HvCallCreatePort(port %u, message, SINT %u -> VP %u)",
		 port, sint, vp);
}

static void create_event_port(u32 port, u32 sint, u32 vp, u16 want)
{
	struct hv_port_info info = {
		.port_type = HV_PORT_TYPE_EVENT,
		.event_port_info = {
			.target_sint = sint,
			.target_vp = vp,
			.base_flag_number = EVENT_BASE,
			.flag_count = EVENT_COUNT,
		},
	};

	call_begin();
	call_end(create_port(port, &info, have_xmm), want,
		 "HvCallCreatePort(port %u, event, flags %u to %u, SINT %u -> VP %u)%s",
		 port, EVENT_BASE, EVENT_BASE + EVENT_COUNT - 1, sint, vp,
		 have_xmm ? " in XMM registers" : "");
}

static void create_doorbell_port(u32 port, u32 sint, u32 vp, u16 want)
{
	struct hv_port_info info = {
		.port_type = HV_PORT_TYPE_DOORBELL,
		.doorbell_port_info = { .target_sint = sint, .target_vp = vp },
	};

	call_begin();
	call_end(create_port(port, &info, false), want,
		 "HvCallCreatePort(port %u, doorbell, SINT %u -> VP %u)",
		 port, sint, vp);
}

static void connect_doorbell(u32 doorbell, u32 port, u64 gpa, u64 value,
			     u16 want)
{
	struct hv_input_connect_port *in;

	call_begin();
	in = hv_input();
	in->connection_partition_id = HV_PARTITION_ID_SELF;
	in->connection_id = doorbell;
	in->port_partition_id = HV_PARTITION_ID_SELF;
	in->port_id = port;
	in->connection_info.port_type = HV_PORT_TYPE_DOORBELL;
	in->connection_info.doorbell_connection_info.gpa = gpa;
	in->connection_info.doorbell_connection_info.trigger_value = value;
	in->connection_info.doorbell_connection_info.flags =
		HV_DOORBELL_FLAG_TRIGGER_SIZE_DWORD;
	call_end(hv_call(HVCALL_CONNECT_PORT, in, NULL), want,
		 "HvCallConnectPort(doorbell 0x%x -> port %u, 4 bytes 0x%lx written to 0x%lx)",
		 doorbell, port, value, gpa);
}

static void disconnect_doorbell(u32 doorbell, u16 want)
{
	call_begin();
	call_end(hv_call_fast(HVCALL_DISCONNECT_PORT, HV_PARTITION_ID_SELF,
			      doorbell | (u64)HV_DISCONNECT_DOORBELL << 32),
		 want, "HvCallDisconnectPort(doorbell 0x%x) fast", doorbell);
}

static void connect_port(u32 connection, u32 port, u32 type, u16 want)
{
	struct hv_input_connect_port *in;

	call_begin();
	in = hv_input();
	in->connection_partition_id = HV_PARTITION_ID_SELF;
	in->connection_id = connection;
	in->port_partition_id = HV_PARTITION_ID_SELF;
	in->port_id = port;
	in->connection_info.port_type = type;
	call_end(hv_call(HVCALL_CONNECT_PORT, in, NULL), want,
		 "HvCallConnectPort(connection 0x%x -> port %u, %s)",
		 connection, port,
		 type == HV_PORT_TYPE_EVENT ? "event" : "message");
}

static void disconnect_port(u32 connection, u16 want)
{
	call_begin();
	call_end(hv_call_fast(HVCALL_DISCONNECT_PORT, HV_PARTITION_ID_SELF,
			      connection), want,
		 "HvCallDisconnectPort(connection 0x%x) fast", connection);
}

static void delete_port(u32 port, u16 want)
{
	call_begin();
	call_end(hv_call_fast(HVCALL_DELETE_PORT, HV_PARTITION_ID_SELF, port),
		 want, "HvCallDeletePort(port %u) fast", port);
}

static void post(u32 connection, const char *text, u16 want)
{
	u32 size = strlen(text);

	call_begin();
	call_end(hv_post_message(connection, MESSAGE_TYPE, text, size), want,
		 "HvCallPostMessage(connection 0x%x, type 0x%x, size %u \"%s\")",
		 connection, MESSAGE_TYPE, size, text);
	if (connection == CONN_TO_VP1)
		posted[PORT_TO_VP1] += !want;
	if (connection == CONN_TO_VP0)
		posted[PORT_TO_VP0] += !want;
}

static void post_silently(u32 connection, const char *text)
{
	u16 status = hv_post_message(connection, MESSAGE_TYPE, text,
				     strlen(text));

	if (status != HV_STATUS_SUCCESS)
		fail("HvCallPostMessage(connection 0x%x, \"%s\") = %s",
		     connection, text, hv_status_name(status));
	posted[PORT_TO_VP1]++;
}

static void post_bad(u32 connection, u32 type, u32 size, u16 want)
{
	call_begin();
	call_end(hv_post_message(connection, type, "", size), want,
		 "HvCallPostMessage(connection 0x%x, type 0x%x, size %u)",
		 connection, type, size);
}

static void signal_fast(u32 connection, u32 flag, u16 want)
{
	call_begin();
	call_end(hv_call_fast(HVCALL_SIGNAL_EVENT,
			      connection | (u64)flag << 32, 0), want,
		 "HvCallSignalEvent(connection 0x%x, flag %u) fast",
		 connection, flag);
}

static void signal_slow(u32 connection, u32 flag, u16 want)
{
	struct hv_port_signal_event *in;

	call_begin();
	in = hv_input();
	in->connection_id = connection;
	in->flag_number = flag;
	call_end(hv_call(HVCALL_SIGNAL_EVENT, in, NULL), want,
		 "HvCallSignalEvent(connection 0x%x, flag %u)",
		 connection, flag);
}

static void check_post_count(u32 port)
{
	static u64 output[NR_VPS];
	struct hv_input_get_port_property *in;
	u64 *count = &output[this_vp()];

	call_begin();
	in = hv_input();
	in->port_partition_id = HV_PARTITION_ID_SELF;
	in->port_id = port;
	in->property_code = HV_PORT_PROPERTY_POST_COUNT;
	call_end(hv_call(HVCALL_GET_PORT_PROPERTY, in, count),
		 HV_STATUS_SUCCESS,
		 "HvCallGetPortProperty(port %u, PostCount)", port);
	say("port %u: PostCount is %lu", port, *count);
	if (*count != posted[port])
		fail("PostCount %lu instead of %u", *count, posted[port]);
}

static void get_partition_id(void)
{
	static u64 id;
	u16 status;

	console_lock();
	status = hv_call(HVCALL_GET_PARTITION_ID, NULL, &id);
	say("HvCallGetPartitionId = %s", hv_status_name(status));
	if (status == HV_STATUS_INVALID_HYPERCALL_CODE) {
		say("no port service");
		finish(GUEST_NO_PORTS);
	}
	if (status != HV_STATUS_SUCCESS)
		fail("status 0x%x", status);
	say("this partition is 0x%lx", id);
	console_unlock();
}

/* The receiving side, in interrupts */

static void message_interrupt(unsigned int vector)
{
	unsigned int vp = this_vp(), sint = vector - VECTOR_SINT0;
	struct hv_port_message *slot = synic_message(vp, sint);
	struct inbox *inbox = &inboxes[vp];
	struct hv_port_message *message;

	if (!READ_ONCE(slot->message_type)) {
		say("SINT %u interrupt: the slot is empty", sint);
		goto out;
	}
	if (inbox->count == MAX_MESSAGES)
		fail("more messages than were ever posted");

	message = &inbox->messages[inbox->count];
	memcpy(message, slot, sizeof(*message));
	if (!inbox->quiet)
		say("SINT %u interrupt: message type 0x%x port %lu size %u \"%.*s\" pending %u%s",
		    sint, message->message_type, message->port_id,
		    message->payload_size, message->payload_size,
		    (const char *)message->payload,
		    message->message_flags & HV_PORT_MESSAGE_PENDING,
		    inbox->hold ? ", slot left taken" : "");
	WRITE_ONCE(inbox->count, inbox->count + 1);
	if (!inbox->hold)
		synic_free_message(sint);
out:
	if (sint != SINT_TO_VP0)
		end_of_interrupt();
}

static void event_interrupt(unsigned int vector)
{
	unsigned int sint = vector - VECTOR_SINT0;
	u64 *words = synic_flags(this_vp(), sint);
	unsigned int i, bit;

	for (i = 0; i < HV_EVENT_FLAGS / 64; i++) {
		u64 word = READ_ONCE(words[i]) ? xchg64(&words[i], 0) : 0;

		for (bit = 0; bit < 64; bit++) {
			if (!(word >> bit & 1))
				continue;
			say("SINT %u interrupt: event flag %u of the SIEF page is set",
			    sint, i * 64 + bit);
			WRITE_ONCE(last_event, i * 64 + bit);
			WRITE_ONCE(events_seen, events_seen + 1);
		}
	}
	end_of_interrupt();
}

static void synic_start(void *unused)
{
	synic_init();
	synic_set_sint(SINT_TO_VP1, VECTOR_SINT0 + SINT_TO_VP1, 0);
	synic_set_sint(SINT_TO_VP0, VECTOR_SINT0 + SINT_TO_VP0,
		       HV_SINT_AUTO_EOI);
	synic_set_sint(SINT_EVENT, VECTOR_SINT0 + SINT_EVENT, 0);
	say("SynIC on: SINT %u vector 0x%x, SINT %u vector 0x%x AutoEOI, SINT %u vector 0x%x",
	    SINT_TO_VP1, VECTOR_SINT0 + SINT_TO_VP1,
	    SINT_TO_VP0, VECTOR_SINT0 + SINT_TO_VP0,
	    SINT_EVENT, VECTOR_SINT0 + SINT_EVENT);
}

/* Waits for message number @n (from 0) and checks all of its header. */
static void expect_message(u32 vp, u32 n, u32 port, const char *text,
			   u32 pending)
{
	struct inbox *inbox = &inboxes[vp];
	const struct hv_port_message *m = &inbox->messages[n];

	if (!wait_for(READ_ONCE(inbox->count) > n))
		fail("message %u never came to VP %u", n, vp);
	if (m->message_type != MESSAGE_TYPE || m->port_id != port)
		fail("message %u: type 0x%x port 0x%lx", n, m->message_type,
		     m->port_id);
	if (m->message_flags != pending || m->reserved[0] || m->reserved[1])
		fail("message %u: flags 0x%x instead of 0x%x", n,
		     m->message_flags, pending);
	if (m->payload_size != strlen(text) ||
	    memcmp(m->payload, text, m->payload_size))
		fail("message %u: not \"%s\"", n, text);
}

static void expect_flag(u32 count, u32 flag)
{
	if (!wait_for(READ_ONCE(events_seen) == count))
		fail("%u events instead of %u", READ_ONCE(events_seen), count);
	if (last_event != flag)
		fail("event flag %u instead of %u", last_event, flag);
}

static void expect_event(u32 count, u32 flag)
{
	expect_flag(count, EVENT_BASE + flag);
}

static void forget_messages(u32 vp)
{
	memset(&inboxes[vp], 0, sizeof(inboxes[vp]));
}

/* The scenes */

static void make_ports(void)
{
	print("--- ports and connections");
	create_message_port(PORT_TO_VP1, SINT_TO_VP1, 1, HV_STATUS_SUCCESS);
	create_message_port(PORT_TO_VP0, SINT_TO_VP0, 0, HV_STATUS_SUCCESS);
	create_event_port(PORT_EVENT, SINT_EVENT, 1, HV_STATUS_SUCCESS);
	connect_port(CONN_TO_VP1, PORT_TO_VP1, HV_PORT_TYPE_MESSAGE,
		     HV_STATUS_SUCCESS);
	connect_port(CONN_TO_VP0, PORT_TO_VP0, HV_PORT_TYPE_MESSAGE,
		     HV_STATUS_SUCCESS);
	connect_port(CONN_EVENT, PORT_EVENT, HV_PORT_TYPE_EVENT,
		     HV_STATUS_SUCCESS);
}

static void post_from_vp1(void *text)
{
	post(CONN_TO_VP0, text, HV_STATUS_SUCCESS);
}

static void messages_both_ways(void)
{
	print("--- messages both ways");
	post(CONN_TO_VP1, "hello from 0", HV_STATUS_SUCCESS);
	expect_message(1, 0, PORT_TO_VP1, "hello from 0", 0);

	/* The second one shows that the first left nothing in service. */
	on_vp(1, post_from_vp1, "hello from 1");
	expect_message(0, 0, PORT_TO_VP0, "hello from 1", 0);
	on_vp(1, post_from_vp1, "and once more");
	expect_message(0, 1, PORT_TO_VP0, "and once more", 0);
	if (interrupt_in_service(VECTOR_SINT0 + SINT_TO_VP0))
		fail("the AutoEOI vector is still in service");

	post(CONN_TO_VP0, "a note to self", HV_STATUS_SUCCESS);
	expect_message(0, 2, PORT_TO_VP0, "a note to self", 0);
	forget_messages(0);
	forget_messages(1);
}

static void free_held_slot(void *unused)
{
	inboxes[1].hold = false;
	console_lock();
	if (!synic_free_message(SINT_TO_VP1))
		fail("nothing was pending in the freed slot");
	say("SINT %u: slot freed, MessagePending was set, EOM written",
	    SINT_TO_VP1);
	console_unlock();
}

static void expect_pending(void)
{
	struct hv_port_message *slot = synic_message(1, SINT_TO_VP1);

	if (!wait_for(READ_ONCE(slot->message_flags) &
		      HV_PORT_MESSAGE_PENDING))
		fail("MessagePending never comes on in VP 1's taken slot");
}

static void busy_slot(void)
{
	struct hv_port_message *slot = synic_message(1, SINT_TO_VP1);

	print("--- a receiver that keeps its slot");
	inboxes[1].hold = true;
	post(CONN_TO_VP1, "first", HV_STATUS_SUCCESS);
	expect_message(1, 0, PORT_TO_VP1, "first", 0);
	post(CONN_TO_VP1, "second", HV_STATUS_SUCCESS);
	post(CONN_TO_VP1, "third", HV_STATUS_SUCCESS);
	expect_pending();
	if (READ_ONCE(inboxes[1].count) != 1 ||
	    memcmp(slot->payload, "first", 5))
		fail("a taken slot was written over");
	say("VP 1's slot still holds \"first\", MessagePending is set");

	on_vp(1, free_held_slot, NULL);
	expect_message(1, 1, PORT_TO_VP1, "second", HV_PORT_MESSAGE_PENDING);
	expect_message(1, 2, PORT_TO_VP1, "third", 0);
	forget_messages(1);
}

/* "nr 01" and so on, so that their order shows */
static const char *numbered(u32 n)
{
	static char text[6];

	memcpy(text, "nr 00", sizeof(text));
	text[3] += n / 10;
	text[4] += n % 10;
	return text;
}

static void full_queue(void)
{
	u32 n;

	print("--- a receiver that never frees its slot");
	inboxes[1].hold = true;
	post(CONN_TO_VP1, numbered(1), HV_STATUS_SUCCESS);
	expect_message(1, 0, PORT_TO_VP1, numbered(1), 0);
	for (n = 2; n <= PORT_BUFFERS + 1; n++)
		post_silently(CONN_TO_VP1, numbered(n));
	say("HvCallPostMessage(connection 0x%x) = SUCCESS, %u times more, to \"%s\"",
	    CONN_TO_VP1, PORT_BUFFERS, numbered(n - 1));
	post(CONN_TO_VP1, numbered(n), HV_STATUS_INSUFFICIENT_BUFFERS);
	check_post_count(PORT_TO_VP1);
	expect_pending();

	inboxes[1].quiet = true;
	on_vp(1, free_held_slot, NULL);
	for (n = 2; n <= PORT_BUFFERS + 1; n++)
		expect_message(1, n - 1, PORT_TO_VP1, numbered(n),
			       n <= PORT_BUFFERS ? HV_PORT_MESSAGE_PENDING : 0);
	say("VP 1 took all %u in order, MessagePending set in each but the first and the last",
	    PORT_BUFFERS + 1);
	forget_messages(1);

	post(CONN_TO_VP1, "there is room again", HV_STATUS_SUCCESS);
	expect_message(1, 0, PORT_TO_VP1, "there is room again", 0);
	forget_messages(1);
}

static void signal_events(void)
{
	print("--- events");
	signal_fast(CONN_EVENT, 0, HV_STATUS_SUCCESS);
	expect_event(1, 0);
	signal_fast(CONN_EVENT, EVENT_COUNT - 1, HV_STATUS_SUCCESS);
	expect_event(2, EVENT_COUNT - 1);
	signal_slow(CONN_EVENT, 5, HV_STATUS_SUCCESS);
	expect_event(3, 5);
}

static void write_to_doorbell(u64 gpa, u32 value)
{
	say("writes 0x%x to 0x%lx", value, gpa);
	WRITE_ONCE(*(u32 *)gpa, value);
}

/* The fourth event, after three by SignalEvent */
static void ring_doorbell(void)
{
	print("--- a doorbell");
	create_doorbell_port(PORT_DOORBELL, SINT_EVENT, 1, HV_STATUS_SUCCESS);
	connect_doorbell(DOORBELL, PORT_DOORBELL, (u64)inboxes, DOORBELL_VALUE,
			 HV_STATUS_INVALID_PARAMETER);
	connect_doorbell(DOORBELL, PORT_DOORBELL, DOORBELL_GPA, DOORBELL_VALUE,
			 HV_STATUS_SUCCESS);
	write_to_doorbell(DOORBELL_GPA, DOORBELL_VALUE + 1);
	write_to_doorbell(DOORBELL_GPA, DOORBELL_VALUE);
	expect_flag(4, PORT_DOORBELL);
	disconnect_doorbell(DOORBELL, HV_STATUS_SUCCESS);
	disconnect_doorbell(DOORBELL, HV_STATUS_INVALID_CONNECTION_ID);
	delete_port(PORT_DOORBELL, HV_STATUS_SUCCESS);
}

static void refused_calls(void)
{
	print("--- calls that must be refused");
	create_message_port(PORT_TO_VP1, SINT_TO_VP1, 1,
			    HV_STATUS_INVALID_PORT_ID);
	create_message_port(9, 0, 1, HV_STATUS_INVALID_PARAMETER);
	create_message_port(9, SINT_TO_VP1, 77, HV_STATUS_INVALID_VP_INDEX);
	connect_port(0x109, 9, HV_PORT_TYPE_MESSAGE, HV_STATUS_INVALID_PORT_ID);
	connect_port(0x109, PORT_TO_VP1, HV_PORT_TYPE_MESSAGE,
		     HV_STATUS_INVALID_PORT_ID);
	connect_port(CONN_TO_VP1, PORT_TO_VP1, HV_PORT_TYPE_MESSAGE,
		     HV_STATUS_INVALID_CONNECTION_ID);
	post_bad(CONN_TO_VP1, MESSAGE_TYPE, 241, HV_STATUS_INVALID_PARAMETER);
	post_bad(CONN_TO_VP1, 0, 0, HV_STATUS_INVALID_PARAMETER);
	post_bad(CONN_EVENT, MESSAGE_TYPE, 0, HV_STATUS_INVALID_PORT_ID);
	signal_fast(CONN_EVENT, EVENT_COUNT, HV_STATUS_INVALID_PARAMETER);
	signal_fast(CONN_TO_VP1, 0, HV_STATUS_INVALID_PORT_ID);
	/* KVM and QEMU are asked too before the guest hears of these two. */
	post_bad(CONN_UNKNOWN, MESSAGE_TYPE, 0,
		 HV_STATUS_INVALID_CONNECTION_ID);
	signal_fast(CONN_UNKNOWN, 0, HV_STATUS_INVALID_CONNECTION_ID);
	check_post_count(PORT_TO_VP1);
}

static void tear_down(void)
{
	print("--- teardown");
	disconnect_port(CONN_TO_VP1, HV_STATUS_SUCCESS);
	post_bad(CONN_TO_VP1, MESSAGE_TYPE, 0, HV_STATUS_INVALID_CONNECTION_ID);
	delete_port(PORT_TO_VP1, HV_STATUS_SUCCESS);
	delete_port(PORT_TO_VP0, HV_STATUS_SUCCESS);
	post_bad(CONN_TO_VP0, MESSAGE_TYPE, 0, HV_STATUS_INVALID_PORT_ID);
	disconnect_port(CONN_TO_VP0, HV_STATUS_SUCCESS);
	disconnect_port(CONN_EVENT, HV_STATUS_SUCCESS);
	disconnect_port(CONN_EVENT, HV_STATUS_INVALID_CONNECTION_ID);
	delete_port(PORT_EVENT, HV_STATUS_SUCCESS);
	delete_port(PORT_EVENT, HV_STATUS_INVALID_PORT_ID);
}

static void say_privileges(void)
{
	u32 ebx = cpuid(HV_CPUID_FEATURES).ebx;

	say("may AccessPartitionId %u PostMessages %u SignalEvents %u CreatePort %u ConnectPort %u",
	    !!(ebx & HV_PRIVILEGE_PARTITION_ID),
	    !!(ebx & HV_PRIVILEGE_POST_MESSAGES),
	    !!(ebx & HV_PRIVILEGE_SIGNAL_EVENTS),
	    !!(ebx & HV_PRIVILEGE_CREATE_PORT),
	    !!(ebx & HV_PRIVILEGE_CONNECT_PORT));
}

static void say_hello(void *unused)
{
	say("running");
}

void guest_main(void)
{
	print("--- a guest with two vCPUs");
	start_second_vp();
	say_hello(NULL);
	on_vp(1, say_hello, NULL);
	hv_require();
	say_privileges();
	have_xmm = cpuid(HV_CPUID_FEATURES).edx & HV_FEATURE_XMM_INPUT;
	hv_init();

	set_interrupt(VECTOR_SINT0 + SINT_TO_VP1, message_interrupt);
	set_interrupt(VECTOR_SINT0 + SINT_TO_VP0, message_interrupt);
	set_interrupt(VECTOR_SINT0 + SINT_EVENT, event_interrupt);
	synic_start(NULL);
	on_vp(1, synic_start, NULL);
	get_partition_id();

	make_ports();
	messages_both_ways();
	busy_slot();
	full_queue();
	signal_events();
	ring_doorbell();
	refused_calls();
	tear_down();
	print("--- all as it should be");
}
