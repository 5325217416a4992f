// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statuses of the calls that make and unmake doorbells, the order of the checks,
 * and which doorbells collide
 */
#include <sys/eventfd.h>

#include "hv_doorbell_util.h"
#include "hv_status_util.h"

/* machine: ports timeout=400 */

#define SINT			2
#define PORT			0x100
#define PORT_CONNECTED		0x101
#define PORT_DELETED		0x102
#define PORT_MESSAGE		0x103
#define PORT_EVENT		0x104
#define PORT_MESSAGE_CONNECTED	0x105
#define NO_PORT			0x106
#define NEW_PORT		0x107
#define PORT_SPARE		0x108

#define DOORBELL		0x200
#define DOORBELL_IN_USE		0x201
#define MESSAGES		0x202	/* a connection, no doorbell */
#define EVENTFD			0x203	/* likewise */

#define GPA			(HV_BELL_GPA + 0x100)
#define GPA_IN_USE		(HV_BELL_GPA + 0x200)
#define GPA_END			(HV_BELL_GPA + 0x1000)

#define BAD_PARTITION	HV_STATUS_INVALID_PARTITION_ID
#define BAD_PARAMETER	HV_STATUS_INVALID_PARAMETER
#define BAD_CONNECTION	HV_STATUS_INVALID_CONNECTION_ID
#define BAD_PORT	HV_STATUS_INVALID_PORT_ID
#define BAD_VP		HV_STATUS_INVALID_VP_INDEX

#define ANY		HV_BELL_ANY_VALUE

static u64 connect_doorbell(struct hv_caller *c, u32 id, u32 port, struct hv_bell bell)
{
	return hv_caller_connect_port(c, hv_doorbell_to(id, port, bell));
}

static u64 disconnect_doorbell(struct hv_caller *c, u32 id)
{
	const struct hv_input_disconnect_port in = hv_doorbell_disconnection(id);

	return hv_caller_slow(c, HVCALL_DISCONNECT_PORT, &in, sizeof(in));
}

/* ConnectPort */

#define CONNECT(field, value)	HV_FIELD(value, struct hv_input_connect_port, field)
#define BELL(field, value)	\
	CONNECT(connection_info.doorbell_connection_info.field, value)

static const struct hv_row connect_rows[] = {
	{ "connection's partition absent", BAD_PARTITION,
	  { CONNECT(connection_partition_id, 0x5eed) } },
	{ "port's partition absent", BAD_PARTITION, { CONNECT(port_partition_id, 0x5eed) } },
	{ "VTL 1", BAD_PARAMETER, { CONNECT(connection_vtl, 1) } },
	{ "padding", BAD_PARAMETER, { CONNECT(connection_info.padding, 1) } },
	{ "flag 3", BAD_PARAMETER, { BELL(flags, BIT(3)) } },
	{ "flag 30", BAD_PARAMETER, { BELL(flags, BIT(30)) } },
	{ "flag 32", BAD_PARAMETER, { BELL(flags, BIT_ULL(32)) } },
	{ "flag 63 with ANY_VALUE", BAD_PARAMETER, { BELL(flags, BIT_ULL(63) | ANY) } },
	{ "size code 5", BAD_PARAMETER, { BELL(flags, 5) } },
	{ "size code 6", BAD_PARAMETER, { BELL(flags, 6 | ANY) } },
	{ "size code 7", BAD_PARAMETER, { BELL(flags, 7) } },
	{ "2 bytes cross a page", BAD_PARAMETER,
	  { BELL(gpa, GPA_END - 1), BELL(flags, 2) } },
	{ "4 bytes cross a page", BAD_PARAMETER,
	  { BELL(gpa, GPA_END - 3), BELL(flags, 3 | ANY) } },
	{ "8 bytes cross a page", BAD_PARAMETER,
	  { BELL(gpa, GPA_END - 7), BELL(flags, 4) } },
	{ "GPA has 53 bits", BAD_PARAMETER, { BELL(gpa, BIT_ULL(52) | GPA) } },
	{ "GPA has 64 bits", BAD_PARAMETER, { BELL(gpa, BIT_ULL(63) | GPA) } },
	{ "GPA is the last", BAD_PARAMETER, { BELL(gpa, -1ULL) } },
	{ "id bit 24", BAD_CONNECTION, { CONNECT(connection_id, 0x1000000 | DOORBELL) } },
	{ "id bit 31", BAD_CONNECTION, { CONNECT(connection_id, 0x80000000 | DOORBELL) } },
	/* Of this type: other connections have other ids. */
	{ "id in use", BAD_CONNECTION,
	  { CONNECT(connection_id, DOORBELL_IN_USE),
	    CONNECT(connection_info.port_type, HV_PORT_TYPE_DOORBELL) } },
	{ "port id bit 24", BAD_PORT, { CONNECT(port_id, 0x1000000 | PORT) } },
	{ "no such port", BAD_PORT, { CONNECT(port_id, NO_PORT) } },
	{ "port deleted", BAD_PORT, { CONNECT(port_id, PORT_DELETED) } },
	{ "port connected", BAD_PORT, { CONNECT(port_id, PORT_CONNECTED) } },
	{ "message port connected", BAD_PORT, { CONNECT(port_id, PORT_MESSAGE_CONNECTED) } },
	{ "port is for messages", BAD_PARAMETER,
	  { CONNECT(port_id, PORT_MESSAGE),
	    CONNECT(connection_info.port_type, HV_PORT_TYPE_DOORBELL) } },
	{ "port is for events", BAD_PARAMETER,
	  { CONNECT(port_id, PORT_EVENT),
	    CONNECT(connection_info.port_type, HV_PORT_TYPE_DOORBELL) } },
	{ "connection is for messages", BAD_PARAMETER,
	  { CONNECT(connection_info.port_type, HV_PORT_TYPE_MESSAGE),
	    CONNECT(port_id, PORT), BELL(gpa, 0), BELL(trigger_value, 0), BELL(flags, 0) } },
	{ "connection is for events", BAD_PARAMETER,
	  { CONNECT(connection_info.port_type, HV_PORT_TYPE_EVENT),
	    CONNECT(port_id, PORT), BELL(gpa, 0), BELL(trigger_value, 0), BELL(flags, 0) } },
	{ "GPA 0 is memory", BAD_PARAMETER, { BELL(gpa, 0) } },
	{ "GPA is memory", BAD_PARAMETER, { BELL(gpa, 0x1ff8) } },
	{ "GPA is read-only memory", BAD_PARAMETER, { BELL(gpa, HV_GPA_READONLY + 8) } },
	{ "collision", BAD_PARAMETER, { BELL(gpa, GPA_IN_USE) } },
	/* NO_RESOURCES: see below */
	{ "id 0", 0, { CONNECT(connection_id, 0) } },
	{ "id 0xffffff", 0, { CONNECT(connection_id, 0xffffff) } },
	{ "id of a message connection", 0,
	  { CONNECT(connection_id, MESSAGES),
	    CONNECT(connection_info.port_type, HV_PORT_TYPE_DOORBELL) } },
	{ "id of an eventfd", 0,
	  { CONNECT(connection_id, EVENTFD),
	    CONNECT(connection_info.port_type, HV_PORT_TYPE_DOORBELL) } },
	{ "any size at a page's end", 0, { BELL(gpa, GPA_END - 1), BELL(flags, 0) } },
	{ "1 byte at a page's end", 0, { BELL(gpa, GPA_END - 1), BELL(flags, 1) } },
	{ "2 bytes at a page's end", 0, { BELL(gpa, GPA_END - 2), BELL(flags, 2) } },
	{ "4 bytes at a page's end", 0, { BELL(gpa, GPA_END - 4), BELL(flags, 3 | ANY) } },
	{ "8 bytes at a page's end", 0, { BELL(gpa, GPA_END - 8), BELL(flags, 4) } },
	{ "before the read-only memory", 0, { BELL(gpa, HV_GPA_READONLY - 1) } },
	{ "beside a doorbell", 0, { BELL(gpa, GPA_IN_USE + 1) } },
	{ "any value", 0, { BELL(flags, ANY) } },
	{ "all values", 0, { BELL(trigger_value, -1ULL) } },
	{ "value wider than the size", 0, { BELL(flags, 1), BELL(trigger_value, 0x100) } },
};

static bool connect_happened(struct hv_caller *c, const void *input)
{
	const struct hv_input_connect_port *in = input;

	if (in->connection_id == DOORBELL_IN_USE)
		return false;
	return disconnect_doorbell(c, in->connection_id) == HV_STATUS_SUCCESS;
}

static const struct hv_input_connect_port connect_good = {
	.connection_partition_id = HV_PARTITION_ID_SELF,
	.connection_id = DOORBELL,
	.port_partition_id = HV_PARTITION_ID_SELF,
	.port_id = PORT,
	.connection_info = {
		.port_type = HV_PORT_TYPE_DOORBELL,
		.doorbell_connection_info = { .gpa = GPA },
	},
};

static const struct hv_status_test connect_test = {
	.name = "connect",
	.code = HVCALL_CONNECT_PORT,
	.size = sizeof(connect_good),
	.has_fast = true,
	.good = &connect_good,
	.rows = connect_rows,
	.nr_rows = ARRAY_SIZE(connect_rows),
	.happened = connect_happened,
};

/* CreatePort */

#define CREATE(field, value)	HV_FIELD(value, struct hv_input_create_port, field)
#define PORT_INFO(field, value)	CREATE(port_info.doorbell_port_info.field, value)

static const struct hv_row create_rows[] = {
	{ "partition absent", BAD_PARTITION, { CREATE(port_partition_id, 0x5eed) } },
	{ "connection's partition absent", BAD_PARTITION,
	  { CREATE(connection_partition_id, 0x5eed) } },
	{ "VTL 1", BAD_PARAMETER, { CREATE(port_vtl, 1) } },
	{ "SINT 0", BAD_PARAMETER, { PORT_INFO(target_sint, 0) } },
	{ "SINT 16", BAD_PARAMETER, { PORT_INFO(target_sint, 16) } },
	{ "SINT 0x80000001", BAD_PARAMETER, { PORT_INFO(target_sint, 0x80000001) } },
	{ "zeros, bit 0", BAD_PARAMETER, { PORT_INFO(rsvdz, 1) } },
	{ "zeros, bit 63", BAD_PARAMETER, { PORT_INFO(rsvdz, BIT_ULL(63)) } },
	{ "padding", BAD_PARAMETER, { CREATE(port_info.padding, 1) } },
	{ "id bit 24", BAD_PORT, { CREATE(port_id, 0x1000000 | NEW_PORT) } },
	{ "id in use", BAD_PORT, { CREATE(port_id, PORT) } },
	{ "id in use by a message port", BAD_PORT, { CREATE(port_id, PORT_MESSAGE) } },
	{ "id 0", BAD_PORT, { CREATE(port_id, 0) } },
	{ "VP absent", BAD_VP, { PORT_INFO(target_vp, 1) } },
	{ "VP -2", BAD_VP, { PORT_INFO(target_vp, -2) } },
	{ "HV_ANY_VP", 0, { PORT_INFO(target_vp, HV_ANY_VP) } },
	{ "SINT 1", 0, { PORT_INFO(target_sint, 1) } },
	{ "SINT 15", 0, { PORT_INFO(target_sint, 15) } },
	{ "id 1", 0, { CREATE(port_id, 1) } },
	{ "id 0xffffff", 0, { CREATE(port_id, 0xffffff) } },
	{ "for oneself", 0, { CREATE(connection_partition_id, HV_PARTITION_ID_SELF) } },
};

static bool create_happened(struct hv_caller *c, const void *input)
{
	const struct hv_input_create_port *in = input;

	if (in->port_id == PORT || in->port_id == PORT_MESSAGE)
		return false;
	return hv_caller_delete_port(c, in->port_id) == HV_STATUS_SUCCESS;
}

static const struct hv_input_create_port create_good = {
	.port_partition_id = HV_PARTITION_ID_SELF,
	.port_id = NEW_PORT,
	.port_info = {
		.port_type = HV_PORT_TYPE_DOORBELL,
		.doorbell_port_info = { .target_sint = SINT },
	},
};

static const struct hv_status_test create_test = {
	.name = "create",
	.code = HVCALL_CREATE_PORT,
	.size = sizeof(create_good),
	.has_fast = true,
	.good = &create_good,
	.rows = create_rows,
	.nr_rows = ARRAY_SIZE(create_rows),
	.happened = create_happened,
};

/* DisconnectPort; the doorbell is connected, and will be again */

#define DISCONNECT(field, value) HV_FIELD(value, struct hv_input_disconnect_port, field)

static const struct hv_row disconnect_rows[] = {
	{ "partition absent", BAD_PARTITION, { DISCONNECT(connection_partition_id, 0x5eed) } },
	{ "flag 1", BAD_PARAMETER, { DISCONNECT(flags, 2) } },
	{ "flag 1 with that of doorbells", BAD_PARAMETER, { DISCONNECT(flags, 3) } },
	{ "flag 31", BAD_PARAMETER, { DISCONNECT(flags, BIT(31)) } },
	{ "not as a doorbell", BAD_CONNECTION,
	  { DISCONNECT(connection_id, DOORBELL_IN_USE), DISCONNECT(flags, 0) } },
	{ "id bit 24", BAD_CONNECTION,
	  { DISCONNECT(connection_id, 0x1000000 | DOORBELL_IN_USE) } },
	{ "id bit 31", BAD_CONNECTION,
	  { DISCONNECT(connection_id, 0x80000000 | DOORBELL_IN_USE) } },
	{ "no such connection", BAD_CONNECTION, { DISCONNECT(connection_id, 0xabcdef) } },
	{ "message connection as a doorbell", BAD_CONNECTION,
	  { DISCONNECT(connection_id, MESSAGES), DISCONNECT(flags, 1) } },
};

static bool disconnect_happened(struct hv_caller *c, const void *input)
{
	u64 status = connect_doorbell(c, DOORBELL_IN_USE, PORT_CONNECTED,
				      (struct hv_bell) { GPA_IN_USE, 0, ANY });

	TEST_ASSERT(status == HV_STATUS_SUCCESS || status == BAD_CONNECTION, "status %lu",
		    status);
	return status == HV_STATUS_SUCCESS;
}

static const struct hv_input_disconnect_port disconnect_good = {
	.connection_partition_id = HV_PARTITION_ID_SELF,
	.connection_id = DOORBELL_IN_USE,
	.flags = HV_DISCONNECT_DOORBELL,
};

static const struct hv_status_test disconnect_test = {
	.name = "disconnect",
	.code = HVCALL_DISCONNECT_PORT,
	.size = sizeof(disconnect_good),
	.has_fast = true,
	.good = &disconnect_good,
	.rows = disconnect_rows,
	.nr_rows = ARRAY_SIZE(disconnect_rows),
	.happened = disconnect_happened,
};

/* The guest's physical address width, to the bit */
static void test_address_width(struct hv_caller *c)
{
	const u32 width = vcpu_get_cpuid_entry(c->vcpus[0], 0x80000008)->eax & 0xff;
	u64 inside, outside;

	inside = connect_doorbell(c, DOORBELL, PORT,
				  (struct hv_bell) { BIT_ULL(width) - 8, 0, 4 });
	if (inside == HV_STATUS_SUCCESS)
		HV_TEST_ASSERT_OK(disconnect_doorbell(c, DOORBELL));
	outside = connect_doorbell(c, DOORBELL, PORT,
				   (struct hv_bell) { BIT_ULL(width), 0, 4 });
	ksft_test_result(inside == HV_STATUS_SUCCESS && outside == BAD_PARAMETER,
			 "connect: GPAs have %u bits\n", width);
}

/* User space may claim any width; one that is beyond any address forbids none. */
static void test_claimed_width(u32 width)
{
	struct kvm_cpuid_entry2 *leaf;
	struct hv_caller c;
	u64 status;

	hv_caller_create(&c, 1);
	leaf = vcpu_get_cpuid_entry(c.vcpus[0], 0x80000008);
	leaf->eax = (leaf->eax & ~0xffu) | width;
	vcpu_set_cpuid(c.vcpus[0]);
	hv_caller_start(&c);

	HV_TEST_ASSERT_OK(hv_caller_create_port(&c, hv_doorbell_port(PORT, SINT, 0)));
	status = connect_doorbell(&c, DOORBELL, PORT, (struct hv_bell) { GPA });
	hv_caller_free(&c);
	ksft_test_result(status == HV_STATUS_SUCCESS, "connect: GPAs are said to have %u bits\n",
			 width);
}

/* Connections and doorbells do not see each other. */
static void test_id_spaces(struct hv_caller *c)
{
	bool ok = true;

	/* A message connection that has the id of a doorbell, and goes alone */
	ok &= !hv_caller_connect_port(c, hv_connection_to(DOORBELL_IN_USE, PORT_MESSAGE,
							  HV_PORT_TYPE_MESSAGE));
	ok &= !hv_caller_post(c, DOORBELL_IN_USE);
	ok &= !hv_caller_disconnect_port(c, DOORBELL_IN_USE);
	ok &= connect_doorbell(c, DOORBELL_IN_USE, PORT,
			       (struct hv_bell) { GPA }) == BAD_CONNECTION;
	/* The other way round */
	ok &= !connect_doorbell(c, MESSAGES, PORT, (struct hv_bell) { GPA });
	ok &= !disconnect_doorbell(c, MESSAGES);
	ok &= !hv_caller_post(c, MESSAGES);
	ksft_test_result(ok, "doorbells and connections with the same id\n");
}

/* True if user space was asked, because nobody in the kernel knows the id */
static bool falls_through(struct hv_caller *c, u64 (*call)(struct hv_caller *c))
{
	const u32 exits = hv_test_user_hypercalls;
	const u64 status = call(c);

	return status == hv_test_user_status && hv_test_user_hypercalls == exits + 1;
}

static u64 post_to_doorbell(struct hv_caller *c)
{
	return hv_caller_post(c, DOORBELL_IN_USE);
}

static u64 signal_doorbell(struct hv_caller *c)
{
	return hv_caller_signal(c, DOORBELL_IN_USE, 0);
}

static void test_no_connection(struct hv_caller *c)
{
	hv_test_user_status = 0x77;
	ksft_test_result(falls_through(c, post_to_doorbell), "post to a doorbell's id\n");
	ksft_test_result(falls_through(c, signal_doorbell), "signal a doorbell's id\n");
	hv_test_user_status = HV_STATUS_INVALID_CONNECTION_ID;
}

/* ConnectionPartition is who may connect; nothing is connected. */
static void test_never_automatic(struct hv_caller *c)
{
	struct hv_input_create_port port = hv_doorbell_port(NEW_PORT, SINT, 0);
	bool ok;

	port.connection_partition_id = HV_PARTITION_ID_SELF;
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, port));
	ok = disconnect_doorbell(c, NEW_PORT) == BAD_CONNECTION &&
	     hv_caller_disconnect_port(c, NEW_PORT) == BAD_CONNECTION;
	ok &= !connect_doorbell(c, DOORBELL, NEW_PORT, (struct hv_bell) { GPA });
	ok &= !disconnect_doorbell(c, DOORBELL);
	HV_TEST_ASSERT_OK(hv_caller_delete_port(c, NEW_PORT));
	ksft_test_result(ok, "a doorbell is never connected automatically\n");
}

/* Collisions, as the guest ABI has them */

static bool oracle_sizes_meet(u64 a, u64 b)
{
	a &= HV_DOORBELL_FLAG_TRIGGER_SIZE_MASK;
	b &= HV_DOORBELL_FLAG_TRIGGER_SIZE_MASK;
	return !a || !b || a == b;
}

static bool oracle_collides(const struct hv_bell *a, const struct hv_bell *b)
{
	return a->gpa == b->gpa && oracle_sizes_meet(a->flags, b->flags) &&
	       ((a->flags & ANY) || (b->flags & ANY) || a->value == b->value);
}

/* All kinds that can be told apart: size, and any value or one of three */
#define VALUES		4
#define KINDS		(HV_DOORBELL_SIZES * VALUES)

static struct hv_bell bell_of_kind(u32 kind, u64 gpa)
{
	static const u64 values[VALUES] = { 0, 0, 0x11, 0x100000011 };
	const u32 value = kind % VALUES;

	return (struct hv_bell) {
		.gpa = gpa,
		.value = values[value],
		.flags = kind / VALUES | (value ? 0 : ANY),
	};
}

static bool try_pair(struct hv_caller *c, u32 first, u32 second, u64 distance)
{
	const struct hv_bell a = bell_of_kind(first, GPA);
	const struct hv_bell b = bell_of_kind(second, GPA + distance);
	const u64 wanted = oracle_collides(&a, &b) ? BAD_PARAMETER : HV_STATUS_SUCCESS;
	u64 status;

	HV_TEST_ASSERT_OK(connect_doorbell(c, DOORBELL, PORT, a));
	status = connect_doorbell(c, DOORBELL + 10, PORT_SPARE, b);
	HV_TEST_ASSERT_OK(disconnect_doorbell(c, DOORBELL));
	if (status == HV_STATUS_SUCCESS)
		HV_TEST_ASSERT_OK(disconnect_doorbell(c, DOORBELL + 10));
	if (status == wanted)
		return true;

	ksft_print_msg("flags 0x%lx value 0x%lx, then %lu bytes on 0x%lx 0x%lx: status %lu\n",
		       a.flags, a.value, distance, b.flags, b.value, status);
	return false;
}

/* One after the other, or where that takes long some of them */
static void test_pairs(struct hv_caller *c)
{
	const u32 step = HV_TEST_SCALE > 1 ? 7 : 1;
	bool ok = true;
	u32 i;

	for (i = 0; i < KINDS * KINDS; i += step) {
		ok &= try_pair(c, i / KINDS, i % KINDS, 0);
		ok &= try_pair(c, i / KINDS, i % KINDS, 1);
	}
	ksft_test_result(ok, "collisions of %u pairs of doorbells\n",
			 2 * DIV_ROUND_UP(KINDS * KINDS, step));
}

/*
 * Many doorbells come and go in an order of no meaning.  What is refused depends
 * on those that are there and on nothing else.
 */
#define WALK_PORTS	24
#define WALK_STEPS	(4000 / HV_TEST_SCALE)
#define WALK_PORT(i)	(0x1000 + (i))

static struct hv_bell walk_bells[WALK_PORTS];
static bool walk_connected[WALK_PORTS];

static u32 walk_random(void)
{
	static u64 seed = 0x5eed;

	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return seed >> 33;
}

static bool walk_collides(const struct hv_bell *bell)
{
	u32 i;

	for (i = 0; i < WALK_PORTS; i++)
		if (walk_connected[i] && oracle_collides(&walk_bells[i], bell))
			return true;
	return false;
}

static bool walk_step(struct hv_caller *c, u32 *collisions)
{
	const u32 i = walk_random() % WALK_PORTS;
	struct hv_bell bell;
	u64 status, wanted;

	if (walk_connected[i]) {
		walk_connected[i] = false;
		return disconnect_doorbell(c, WALK_PORT(i)) == HV_STATUS_SUCCESS;
	}

	bell = bell_of_kind(walk_random() % KINDS, GPA + 64 * (walk_random() % 3));
	wanted = walk_collides(&bell) ? BAD_PARAMETER : HV_STATUS_SUCCESS;
	*collisions += !!wanted;
	status = connect_doorbell(c, WALK_PORT(i), WALK_PORT(i), bell);
	walk_connected[i] = status == HV_STATUS_SUCCESS;
	walk_bells[i] = bell;
	return status == wanted;
}

static void test_walk(struct hv_caller *c)
{
	u32 collisions = 0, i;
	bool ok = true;

	for (i = 0; i < WALK_PORTS; i++)
		HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_doorbell_port(WALK_PORT(i),
									    SINT, 0)));
	for (i = 0; ok && i < WALK_STEPS; i++)
		ok = walk_step(c, &collisions);
	if (!ok)
		ksft_print_msg("step %u\n", i);
	for (i = 0; i < WALK_PORTS; i++) {
		if (walk_connected[i])
			HV_TEST_ASSERT_OK(disconnect_doorbell(c, WALK_PORT(i)));
		HV_TEST_ASSERT_OK(hv_caller_delete_port(c, WALK_PORT(i)));
	}
	ksft_test_result(ok && collisions > WALK_STEPS / 20 && collisions < WALK_STEPS / 2,
			 "collisions of doorbells that come and go: %u\n", collisions);
}

/* Quotas, in VMs of their own */

#define QUOTA		3

static struct hv_bell quota_bell(u32 i)
{
	return (struct hv_bell) { .gpa = GPA + i };
}

/* Connections of both kinds count. */
static bool fill_quota(struct hv_caller *c)
{
	u32 i;

	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_message_port(PORT_MESSAGE, SINT, 0)));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(MESSAGES, PORT_MESSAGE,
								     HV_PORT_TYPE_MESSAGE)));
	for (i = 0; i <= QUOTA; i++)
		HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_doorbell_port(PORT_SPARE + i,
									    SINT, 0)));
	for (i = 1; i < QUOTA; i++)
		HV_TEST_ASSERT_OK(connect_doorbell(c, i, PORT_SPARE + i, quota_bell(i)));
	return connect_doorbell(c, QUOTA, PORT_SPARE + QUOTA,
				quota_bell(QUOTA)) == HV_STATUS_NO_RESOURCES;
}

static void test_connection_quota(void)
{
	struct hv_caller c;
	bool ok;

	hv_module_set("max_connections", QUOTA);
	hv_caller_init(&c, 1);
	ok = fill_quota(&c);
	/* Everything else is looked at before. */
	ok &= connect_doorbell(&c, 1, PORT_SPARE + QUOTA, quota_bell(QUOTA)) == BAD_CONNECTION;
	ok &= connect_doorbell(&c, QUOTA, PORT_SPARE + 1, quota_bell(QUOTA)) == BAD_PORT;
	ok &= connect_doorbell(&c, QUOTA, PORT_SPARE + QUOTA, quota_bell(1)) == BAD_PARAMETER;
	/* A failed one leaves nothing behind; one that goes makes room. */
	ok &= !disconnect_doorbell(&c, 1);
	ok &= !connect_doorbell(&c, QUOTA, PORT_SPARE + QUOTA, quota_bell(QUOTA));
	ok &= !hv_caller_disconnect_port(&c, MESSAGES);
	ok &= !connect_doorbell(&c, 1, PORT_SPARE + 1, quota_bell(1));
	ok &= hv_caller_connect_port(&c, hv_connection_to(MESSAGES, PORT_MESSAGE,
							  HV_PORT_TYPE_MESSAGE)) ==
	      HV_STATUS_NO_RESOURCES;
	hv_caller_free(&c);
	ksft_test_result(ok, "quota of connections\n");
}

static void test_port_quota(void)
{
	struct hv_caller c;
	bool ok;

	hv_module_set("max_ports", 1);
	hv_caller_init(&c, 1);
	ok = !hv_caller_create_port(&c, hv_doorbell_port(1, SINT, 0));
	ok &= hv_caller_create_port(&c, hv_doorbell_port(2, SINT, 0)) ==
	      HV_STATUS_NO_RESOURCES;
	ok &= hv_caller_create_port(&c, hv_doorbell_port(1, SINT, 0)) == BAD_PORT;
	ok &= hv_caller_create_port(&c, hv_doorbell_port(0, SINT, 0)) == BAD_PORT;
	ok &= hv_caller_create_port(&c, hv_doorbell_port(2, SINT, 1)) == BAD_VP;
	ok &= !hv_caller_delete_port(&c, 1);
	ok &= !hv_caller_create_port(&c, hv_doorbell_port(2, SINT, 0));
	hv_caller_free(&c);
	ksft_test_result(ok, "quota of ports\n");
}

static void assign_eventfd(struct hv_caller *c)
{
	struct kvm_hyperv_eventfd args = {
		.conn_id = EVENTFD,
		.fd = eventfd(0, 0),
	};

	vm_ioctl(c->vm, KVM_HYPERV_EVENTFD, &args);
	close(args.fd);
}

static void setup(struct hv_caller *c)
{
	const struct hv_input_create_port ports[] = {
		hv_doorbell_port(PORT, SINT, 0),
		hv_doorbell_port(PORT_CONNECTED, SINT, 0),
		hv_doorbell_port(PORT_DELETED, SINT, 0),
		hv_doorbell_port(PORT_SPARE, SINT, 0),
		hv_message_port(PORT_MESSAGE, SINT, HV_ANY_VP),
		hv_message_port(PORT_MESSAGE_CONNECTED, SINT, HV_ANY_VP),
		hv_event_port(PORT_EVENT, SINT, 0, 0, 1),
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(ports); i++)
		HV_TEST_ASSERT_OK(hv_caller_create_port(c, ports[i]));
	HV_TEST_ASSERT_OK(hv_caller_delete_port(c, PORT_DELETED));
	HV_TEST_ASSERT_OK(connect_doorbell(c, DOORBELL_IN_USE, PORT_CONNECTED,
					   (struct hv_bell) { GPA_IN_USE, 0, ANY }));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(MESSAGES,
								     PORT_MESSAGE_CONNECTED,
								     HV_PORT_TYPE_MESSAGE)));
	assign_eventfd(c);
}

int main(void)
{
	struct hv_caller c;

	ksft_print_header();
	ksft_set_plan(hv_status_results(&connect_test) + hv_status_results(&create_test) +
		      hv_status_results(&disconnect_test) + 11);

	hv_status_init(&c, 1);
	setup(&c);
	hv_status_run(&c, &connect_test);
	hv_status_run(&c, &create_test);
	hv_status_run(&c, &disconnect_test);
	test_address_width(&c);
	test_id_spaces(&c);
	test_no_connection(&c);
	test_never_automatic(&c);
	test_pairs(&c);
	test_walk(&c);
	hv_caller_free(&c);

	test_claimed_width(64);
	test_claimed_width(255);
	test_connection_quota();
	test_port_quota();

	ksft_finished();
}
