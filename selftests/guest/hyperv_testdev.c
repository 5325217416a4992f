// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connections that QEMU itself serves, as its hyperv-testdev device offers
 * them: they must work the same whether the kernel has ports or not.
 */
/* machine: both -device hyperv-testdev */

#include "lib.h"

#define TESTDEV_PORT		0x3000

enum testdev_command {
	ROUTE_CREATE = 1,
	ROUTE_DESTROY,
	ROUTE_RAISE,
	MESSAGE_CREATE,
	MESSAGE_DESTROY,
	EVENT_CREATE,
	EVENT_DESTROY,
};

#define VECTOR_SINT0		0x40
#define SINT_PLAIN		5
#define SINT_AUTO_EOI		6

/* The device has one byte for it, and takes it for the event flag too. */
#define MESSAGE_CONNECTION(vp)	(0x11 + (vp))
#define EVENT_CONNECTION(vp)	(0x81 + (vp))

/* The device is not made for a message of all 240 bytes. */
#define MAX_PAYLOAD		239

static u32 interrupts[NR_VPS];
static bool was_pending;

static void testdev(enum testdev_command command, u32 vp, u32 sint,
		    u32 connection)
{
	outl(TESTDEV_PORT, connection << 24 | command << 16 | vp << 8 | sint);
}

static void sint_interrupt(unsigned int vector)
{
	u32 *count = &interrupts[this_vp()];

	WRITE_ONCE(*count, *count + 1);
	if (vector != VECTOR_SINT0 + SINT_AUTO_EOI)
		end_of_interrupt();
}

static void synic_start(void *unused)
{
	synic_init();
	synic_set_sint(SINT_PLAIN, VECTOR_SINT0 + SINT_PLAIN, 0);
	synic_set_sint(SINT_AUTO_EOI, VECTOR_SINT0 + SINT_AUTO_EOI,
		       HV_SINT_AUTO_EOI);
}

static void expect_status(u16 status, u16 want, const char *what)
{
	if (status != want)
		fail("%s: %s (0x%x) instead of %s", what,
		     hv_status_name(status), status, hv_status_name(want));
}

static void expect_interrupt(u32 vp, u32 count, const char *what)
{
	if (!wait_for(READ_ONCE(interrupts[vp]) == count))
		fail("%s: VP %u had %u interrupts instead of %u", what, vp,
		     READ_ONCE(interrupts[vp]), count);
}

static u32 interrupts_now(u32 vp)
{
	return READ_ONCE(interrupts[vp]);
}

/* SINT routes */

static void test_route(u32 vp, u32 sint)
{
	u32 i, before = interrupts_now(vp);

	testdev(ROUTE_CREATE, vp, sint, 0);
	for (i = 1; i <= 3; i++) {
		testdev(ROUTE_RAISE, vp, sint, 0);
		expect_interrupt(vp, before + i, "SINT route");
	}
	testdev(ROUTE_DESTROY, vp, sint, 0);
	say("ok SINT route: VP %u SINT %u raised 3 times%s", vp, sint,
	    sint == SINT_AUTO_EOI ? ", AutoEOI" : "");
}

/* Messages: the device posts back what it is sent */

struct message_test {
	u32 vp;
	u32 sint;
	u32 connection;
	u32 poster;
};

struct post {
	u32 connection;
	u32 type;
	u32 size;
	u8 fill;
	u16 status;
};

static void do_post(void *arg)
{
	struct post *p = arg;
	u8 payload[HV_MESSAGE_PAYLOAD_BYTE_COUNT];

	memset(payload, p->fill, sizeof(payload));
	p->status = hv_post_message(p->connection, p->type, payload, p->size);
}

static u16 try_post(const struct message_test *t, u32 type, u32 size)
{
	struct post p = {
		.connection = t->connection,
		.type = type,
		.size = size,
		.fill = type,
	};

	on_vp(t->poster, do_post, &p);
	return p.status;
}

/*
 * The device has one buffer a connection, and gets it back a little after the
 * message is in its slot.
 */
static void post(const struct message_test *t, u32 type, u32 size)
{
	u16 status;

	wait_for((status = try_post(t, type, size)) !=
		 HV_STATUS_INSUFFICIENT_BUFFERS);
	expect_status(status, HV_STATUS_SUCCESS, "HvCallPostMessage");
}

/*
 * After its interrupt only: QEMU writes the type before the rest, and another
 * vCPU may look between the two.
 */
static void expect_message(const struct message_test *t, u32 type, u32 size)
{
	struct hv_port_message *slot = synic_message(t->vp, t->sint);
	u32 i;

	if (slot->message_type != type)
		fail("message 0x%x does not come back, but 0x%x", type,
		     slot->message_type);
	if (slot->payload_size != size)
		fail("message 0x%x: size %u instead of %u", type,
		     slot->payload_size, size);
	for (i = 0; i < size; i++) {
		if (slot->payload[i] != (u8)type)
			fail("message 0x%x: byte %u is 0x%x", type, i,
			     slot->payload[i]);
	}
}

static void free_slot(void *arg)
{
	const struct message_test *t = arg;

	was_pending = synic_free_message(t->sint);
}

static bool free_message(struct message_test *t)
{
	on_vp(t->vp, free_slot, t);
	return was_pending;
}

static void test_echo(struct message_test *t)
{
	static const u32 sizes[] = { 0, 1, 8, MAX_PAYLOAD };
	u32 i, before = interrupts_now(t->vp);

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		post(t, 0x21 + i, sizes[i]);
		expect_interrupt(t->vp, before + i + 1, "message");
		expect_message(t, 0x21 + i, sizes[i]);
		if (free_message(t))
			fail("MessagePending with nothing behind it");
	}
	say("ok messages: VP %u -> connection 0x%x -> VP %u SINT %u, %u sizes",
	    t->poster, t->connection, t->vp, t->sint, i);
}

static void test_busy_slot(struct message_test *t)
{
	struct hv_port_message *slot = synic_message(t->vp, t->sint);
	u32 before = interrupts_now(t->vp);

	post(t, 0x31, 4);
	expect_interrupt(t->vp, before + 1, "first message");
	expect_message(t, 0x31, 4);
	post(t, 0x32, 5);
	if (!wait_for(READ_ONCE(slot->message_flags) &
		      HV_PORT_MESSAGE_PENDING))
		fail("MessagePending does not come on");
	/* The same again, for the device retries with what it was sent last. */
	expect_status(try_post(t, 0x32, 5), HV_STATUS_INSUFFICIENT_BUFFERS,
		      "HvCallPostMessage behind a waiting message");
	if (READ_ONCE(slot->message_type) != 0x31)
		fail("the taken slot was written over");

	if (!free_message(t))
		fail("MessagePending went away");
	expect_interrupt(t->vp, before + 2, "second message");
	expect_message(t, 0x32, 5);
	free_message(t);

	post(t, 0x33, 6);
	expect_interrupt(t->vp, before + 3, "third message");
	expect_message(t, 0x33, 6);
	free_message(t);
	say("ok busy slot: VP %u SINT %u, message pending, EOM, next message",
	    t->vp, t->sint);
}

static void test_messages(u32 vp, u32 sint)
{
	struct message_test t = {
		.vp = vp,
		.sint = sint,
		.connection = MESSAGE_CONNECTION(vp),
	};

	expect_status(try_post(&t, 1, 0), HV_STATUS_INVALID_CONNECTION_ID,
		      "HvCallPostMessage before there is a connection");
	testdev(MESSAGE_CREATE, vp, sint, t.connection);
	for (t.poster = 0; t.poster < NR_VPS; t.poster++)
		test_echo(&t);
	t.poster = 0;
	test_busy_slot(&t);
	testdev(MESSAGE_DESTROY, vp, sint, t.connection);
	expect_status(try_post(&t, 1, 0), HV_STATUS_INVALID_CONNECTION_ID,
		      "HvCallPostMessage after there was a connection");
	say("ok connection 0x%x is unknown before and after", t.connection);
}

/* Events: the device sets the flag that is numbered as the connection */

struct event_test {
	u32 connection;
	bool fast;
	u16 status;
};

static void do_signal(void *arg)
{
	struct event_test *t = arg;
	struct hv_port_signal_event *in;

	if (t->fast) {
		t->status = hv_call_fast(HVCALL_SIGNAL_EVENT, t->connection, 0);
		return;
	}
	in = hv_input();
	in->connection_id = t->connection;
	t->status = hv_call(HVCALL_SIGNAL_EVENT, in, NULL);
}

static void test_signal(u32 vp, u32 sint, u32 poster, struct event_test *t)
{
	u32 before = interrupts_now(vp);
	u64 *word = &synic_flags(vp, sint)[t->connection / 64];

	on_vp(poster, do_signal, t);
	expect_status(t->status, HV_STATUS_SUCCESS, "HvCallSignalEvent");
	if (!wait_for(READ_ONCE(*word) == BIT(t->connection % 64)))
		fail("event flags 0x%lx", READ_ONCE(*word));
	expect_interrupt(vp, before + 1, "event");
	xchg64(word, 0);
}

static void test_events(u32 vp, u32 sint)
{
	/*
	 * Unknown connections in the fast form only: of a slow one KVM hands
	 * user space what it has read for where to read it.
	 */
	struct event_test t = {
		.connection = EVENT_CONNECTION(vp),
		.fast = true,
	};
	u32 poster;

	do_signal(&t);
	expect_status(t.status, HV_STATUS_INVALID_CONNECTION_ID,
		      "HvCallSignalEvent before there is a connection");
	testdev(EVENT_CREATE, vp, sint, t.connection);
	for (poster = 0; poster < NR_VPS; poster++) {
		t.fast = false;
		test_signal(vp, sint, poster, &t);
		t.fast = true;
		test_signal(vp, sint, poster, &t);
		say("ok events: VP %u -> connection 0x%x -> VP %u SINT %u, slow and fast",
		    poster, t.connection, vp, sint);
	}
	testdev(EVENT_DESTROY, vp, sint, t.connection);
	do_signal(&t);
	expect_status(t.status, HV_STATUS_INVALID_CONNECTION_ID,
		      "HvCallSignalEvent after there was a connection");
}

void guest_main(void)
{
	u32 vp;

	start_second_vp();
	hv_require();
	hv_init();
	set_interrupt(VECTOR_SINT0 + SINT_PLAIN, sint_interrupt);
	set_interrupt(VECTOR_SINT0 + SINT_AUTO_EOI, sint_interrupt);
	synic_start(NULL);
	on_vp(1, synic_start, NULL);

	for (vp = 0; vp < NR_VPS; vp++) {
		test_route(vp, SINT_PLAIN);
		test_route(vp, SINT_AUTO_EOI);
		test_messages(vp, SINT_PLAIN);
		test_messages(vp, SINT_AUTO_EOI);
		test_events(vp, SINT_PLAIN);
		test_events(vp, SINT_AUTO_EOI);
	}
	print("passed");
}
