// SPDX-License-Identifier: GPL-2.0-only
/*
 * Three VMs and what they can do to each other: nothing, unless the host has
 * linked them, or made one the other's parent.
 */
#include "hv_call_util.h"
#include "hv_host_util.h"

#define SINT		2
#define PORT		0x100
#define OTHER		0x200
/* Not the module's */
#define EVENTFD		0x300
#define NOBODYS		0x301

#define OK		HV_STATUS_SUCCESS
#define DENIED		HV_STATUS_ACCESS_DENIED
#define BAD_PARTITION	HV_STATUS_INVALID_PARTITION_ID
#define BAD_PORT	HV_STATUS_INVALID_PORT_ID
#define BAD_CONNECTION	HV_STATUS_INVALID_CONNECTION_ID

struct party {
	struct hv_caller c;
	int fd;
	u64 id;
};

static int dev;
static struct party a, b, stranger;

static void join(struct party *p)
{
	hv_caller_init(&p->c, 1);
	p->fd = hv_dev_attach(dev, p->c.vm->fd, &p->id);
}

static void leave(struct party *p)
{
	close(p->fd);
	hv_caller_free(&p->c);
}

static u64 create_for(struct party *p, struct hv_input_create_port in, u64 peer)
{
	in.connection_partition_id = peer;
	return hv_caller_create_port(&p->c, in);
}

static u64 create_message_for(struct party *p, u32 port, u64 peer)
{
	return create_for(p, hv_message_port(port, SINT, 0), peer);
}

/* In the partition @of */
static u64 create_in(struct party *p, u64 of, u32 port, u64 peer)
{
	struct hv_input_create_port in = hv_message_port(port, SINT, 0);

	in.port_partition_id = of;
	return create_for(p, in, peer);
}

static u64 connect_in(struct party *p, u64 of, u32 id, u64 partition, u32 port)
{
	struct hv_input_connect_port in = hv_connection_to(id, port, HV_PORT_TYPE_MESSAGE);

	in.connection_partition_id = of;
	in.port_partition_id = partition;
	return hv_caller_connect_port(&p->c, in);
}

static u64 connect_to(struct party *p, u32 id, u64 partition, u32 port)
{
	return connect_in(p, HV_PARTITION_ID_SELF, id, partition, port);
}

static u64 delete_of(struct party *p, u64 partition, u32 port)
{
	struct hv_input_delete_port in = { partition, port };

	return hv_caller_slow(&p->c, HVCALL_DELETE_PORT, &in, sizeof(in));
}

static u64 disconnect_of(struct party *p, u64 partition, u32 id)
{
	struct hv_input_disconnect_port in = { partition, id };

	return hv_caller_slow(&p->c, HVCALL_DISCONNECT_PORT, &in, sizeof(in));
}

static u64 property_of(struct party *p, u64 partition, u32 port)
{
	struct hv_input_get_port_property in = { partition, port };

	return hv_caller_slow(&p->c, HVCALL_GET_PORT_PROPERTY, &in, sizeof(in));
}

static u64 my_id(struct party *p)
{
	u64 id;

	HV_TEST_ASSERT_OK(hv_caller_get_partition_id(&p->c, &id));
	return id;
}

/* What has been queued for a VM arrives when it runs. */
static bool arrived_from(struct party *p, u32 port)
{
	u64 from;

	my_id(p);
	return hv_caller_take_message(&p->c, SINT, &from) && from == port;
}

static bool posts(struct party *from, u32 connection, struct party *to, u32 port)
{
	return hv_caller_post(&from->c, connection) == OK && arrived_from(to, port);
}

/* Every call that names a partition, against one that is not to be known */
static bool knows_nothing_of(struct party *p, u64 id)
{
	return create_message_for(p, OTHER, id) == BAD_PARTITION &&
	       connect_to(p, OTHER, id, PORT) == BAD_PARTITION &&
	       delete_of(p, id, PORT) == BAD_PARTITION &&
	       disconnect_of(p, id, PORT) == BAD_PARTITION &&
	       property_of(p, id, PORT) == BAD_PARTITION;
}

static void test_strangers(void)
{
	HV_TEST_ASSERT_OK(create_message_for(&b, PORT, 0));
	ksft_test_result(knows_nothing_of(&a, b.id), "strangers: one that is there\n");
	ksft_test_result(knows_nothing_of(&a, 0x123456789), "strangers: one that is not\n");
	ksft_test_result(knows_nothing_of(&a, HV_PARTITION_ID_ROOT),
			 "strangers: the root\n");
}

static void test_id(void)
{
	ksft_test_result(my_id(&a) == a.id && my_id(&b) == b.id && a.id != b.id,
			 "each has an id of its own\n");
}

static void test_messages(void)
{
	HV_TEST_ASSERT_OK(create_message_for(&b, PORT, a.id));
	ksft_test_result(posts(&a, PORT, &b, PORT), "connected automatically\n");
	HV_TEST_ASSERT_OK(connect_to(&a, 7, b.id, PORT));
	ksft_test_result(posts(&a, 7, &b, PORT), "connected explicitly\n");
	ksft_test_result(hv_caller_disconnect_port(&a.c, 7) == OK &&
			 hv_caller_post(&a.c, 7) == BAD_CONNECTION, "disconnected\n");
	ksft_test_result(connect_to(&a, 8, b.id, PORT) == OK && posts(&a, 8, &b, PORT),
			 "connected again\n");
	ksft_test_result(hv_caller_delete_port(&b.c, PORT) == OK &&
			 hv_caller_post(&a.c, 8) == BAD_PORT, "port deleted\n");
}

static void test_both_ways(void)
{
	HV_TEST_ASSERT_OK(create_message_for(&b, PORT, a.id));
	HV_TEST_ASSERT_OK(create_message_for(&a, OTHER, b.id));
	ksft_test_result(posts(&a, PORT, &b, PORT) && posts(&b, OTHER, &a, OTHER),
			 "there and back\n");
}

static void test_not_for_you(void)
{
	HV_TEST_ASSERT_OK(create_message_for(&b, PORT, a.id));
	HV_TEST_ASSERT_OK(create_message_for(&b, OTHER, 0));
	hv_dev_link(dev, b.id, stranger.id);
	ksft_test_result(connect_to(&stranger, 1, b.id, PORT) == BAD_PORT,
			 "a port that was made for somebody else\n");
	ksft_test_result(connect_to(&a, 1, b.id, OTHER) == BAD_PORT,
			 "a port that was made for nobody else\n");
	ksft_test_result(connect_to(&a, 1, b.id, 0x333) == BAD_PORT,
			 "a port that is not there looks the same\n");
	ksft_test_result(connect_to(&b, 1, b.id, PORT) == BAD_PORT,
			 "not even for its owner\n");
}

static void test_denied(void)
{
	HV_TEST_ASSERT_OK(create_message_for(&b, PORT, a.id));
	ksft_test_result(delete_of(&a, b.id, PORT) == DENIED &&
			 property_of(&a, b.id, PORT) == DENIED &&
			 disconnect_of(&a, b.id, PORT) == DENIED,
			 "a link is no right to act for the other\n");
	ksft_test_result(create_in(&a, b.id, OTHER, a.id) == DENIED &&
			 create_in(&a, b.id, OTHER, 0) == DENIED,
			 "a link is no right to make a port in the other\n");
	HV_TEST_ASSERT_OK(create_message_for(&a, OTHER, b.id));
	ksft_test_result(connect_in(&a, b.id, 5, a.id, OTHER) == DENIED &&
			 hv_caller_post(&b.c, 5) == BAD_CONNECTION,
			 "a link is no right to connect in the other\n");
	ksft_test_result(delete_of(&b, b.id, PORT) == OK, "its own id is no other\n");
}

static void test_events(void)
{
	hv_host_set_sint(&b.c, 0, SINT, 0);
	HV_TEST_ASSERT_OK(create_for(&b, hv_event_port(PORT, SINT, 0, 64, 8), a.id));
	HV_TEST_ASSERT_OK(hv_caller_signal(&a.c, PORT, 3));
	my_id(&b);
	ksft_test_result(hv_caller_take_flag(&b.c, SINT, 67), "an event\n");
	ksft_test_result(hv_caller_signal(&a.c, PORT, 8) == HV_STATUS_INVALID_PARAMETER,
			 "an event that the port does not have\n");
}

static void test_unlink(void)
{
	HV_TEST_ASSERT_OK(create_message_for(&b, PORT, a.id));
	HV_TEST_ASSERT_OK(hv_caller_post(&a.c, PORT));
	hv_dev_unlink(dev, a.id, b.id);
	ksft_test_result(hv_caller_post(&a.c, PORT) == BAD_PORT && knows_nothing_of(&a, b.id) &&
			 knows_nothing_of(&b, a.id), "link removed\n");
	ksft_test_result(arrived_from(&b, PORT), "link removed: what was sent arrives\n");
	hv_dev_link(dev, a.id, b.id);
	ksft_test_result(posts(&a, PORT, &b, PORT), "link added again\n");
}

static void test_owner_gone(void)
{
	struct party c;

	join(&c);
	hv_dev_link(dev, a.id, c.id);
	HV_TEST_ASSERT_OK(create_message_for(&c, PORT, a.id));
	HV_TEST_ASSERT_OK(create_message_for(&a, OTHER, c.id));
	HV_TEST_ASSERT_OK(hv_caller_post(&a.c, PORT));
	leave(&c);
	ksft_test_result(hv_caller_post(&a.c, PORT) == BAD_PORT, "the other VM is gone\n");
	ksft_test_result(knows_nothing_of(&a, c.id), "its id means nothing any more\n");
	ksft_test_result(hv_caller_disconnect_port(&a.c, PORT) == OK, "and is let go\n");
}

/* Port in the parent, connection in the child, as a hypervisor in a VM does it */
static void test_parent(void)
{
	HV_TEST_ASSERT_OK(create_message_for(&a, OTHER, stranger.id));
	HV_TEST_ASSERT_OK(disconnect_of(&a, stranger.id, OTHER));
	ksft_test_result(connect_in(&a, stranger.id, 5, HV_PARTITION_ID_SELF, OTHER) == OK &&
			 posts(&stranger, 5, &a, OTHER), "parent: connects its child\n");

	ksft_test_result(create_in(&a, stranger.id, PORT, HV_PARTITION_ID_SELF) == OK &&
			 posts(&a, PORT, &stranger, PORT), "parent: gives its child a port\n");
	ksft_test_result(create_in(&a, stranger.id, 6, b.id) == BAD_PARTITION &&
			 delete_of(&a, stranger.id, 6) == BAD_PORT,
			 "parent: but none for whom the child does not know\n");
	ksft_test_result(create_in(&a, stranger.id, 6, 0) == OK &&
			 connect_to(&a, 6, stranger.id, 6) == BAD_PORT &&
			 connect_to(&stranger, 6, stranger.id, 6) == OK &&
			 posts(&stranger, 6, &stranger, 6),
			 "parent: one for nobody else is the child's own\n");
	ksft_test_result(property_of(&a, stranger.id, PORT) == OK &&
			 delete_of(&a, stranger.id, PORT) == OK &&
			 disconnect_of(&a, stranger.id, 5) == OK,
			 "parent: takes it all away\n");
	ksft_test_result(delete_of(&stranger, a.id, OTHER) == DENIED,
			 "parent: not the other way round\n");
	ksft_test_result(knows_nothing_of(&b, stranger.id), "parent: nobody else's\n");
}

static int set(struct party *p, struct hv_ports_set_partition arg)
{
	arg.size = sizeof(arg);
	return hv_dev_errno(p->fd, HV_PORTS_SET_PARTITION, &arg);
}

static void test_become_parent(void)
{
	struct hv_ports_set_partition arg = {
		.flags = HV_PORTS_SET_PARENT,
		.parent_fd = a.fd,
	};

	TEST_ASSERT_EQ(set(&stranger, arg), 0);
	test_parent();
	ksft_test_result(set(&a, (struct hv_ports_set_partition) {
				.flags = HV_PORTS_SET_PARENT,
				.parent_fd = stranger.fd }) == EINVAL,
			 "nobody is its own ancestor\n");
	arg.parent_fd = -1;
	TEST_ASSERT_EQ(set(&stranger, arg), 0);
	ksft_test_result(knows_nothing_of(&a, stranger.id), "parent no more\n");
}

static int set_parent(struct party *p, int parent_fd)
{
	return set(p, (struct hv_ports_set_partition) {
			.flags = HV_PORTS_SET_PARENT, .parent_fd = parent_fd });
}

static void test_new_id(void)
{
	struct hv_ports_set_partition arg = { .flags = HV_PORTS_SET_ID, .id = 77777 };

	ksft_test_result(set(&stranger, arg) == 0 && my_id(&stranger) == 77777, "a new id\n");
	ksft_test_result(set(&a, arg) == EBUSY, "not while it is linked\n");
	HV_TEST_ASSERT_OK(create_message_for(&stranger, PORT, 0));
	arg.id = 88888;
	ksft_test_result(set(&stranger, arg) == EBUSY, "not while it has ports\n");
	HV_TEST_ASSERT_OK(connect_to(&stranger, 1, 77777, PORT));
	HV_TEST_ASSERT_OK(hv_caller_delete_port(&stranger.c, PORT));
	ksft_test_result(set(&stranger, arg) == EBUSY, "not while it has connections\n");
	arg.id = 77777;
	ksft_test_result(set(&stranger, arg) == 0, "but the one that it has\n");
	arg.id = 88888;
	HV_TEST_ASSERT_OK(hv_caller_disconnect_port(&stranger.c, 1));
	TEST_ASSERT_EQ(set_parent(&stranger, a.fd), 0);
	ksft_test_result(set(&stranger, arg) == EBUSY, "not while it has a parent\n");
	TEST_ASSERT_EQ(set_parent(&stranger, -1), 0);
	TEST_ASSERT_EQ(set_parent(&a, stranger.fd), 0);
	ksft_test_result(set(&stranger, arg) == EBUSY, "not while it has children\n");
	TEST_ASSERT_EQ(set_parent(&a, -1), 0);
	arg.id = a.id;
	ksft_test_result(set(&stranger, arg) == EEXIST, "not somebody else's\n");
	arg.id = 1;
	ksft_test_result(set(&stranger, arg) == EINVAL, "not the root's\n");
}

static void test_privileges(void)
{
	struct hv_ports_set_partition arg = { .flags = HV_PORTS_SET_PRIVILEGES };

	HV_TEST_ASSERT_OK(create_message_for(&b, PORT, a.id));
	arg.privileges = HV_PORTS_MAY_ALL & ~HV_PORTS_MAY_POST;
	TEST_ASSERT_EQ(set(&a, arg), 0);
	ksft_test_result(hv_caller_post(&a.c, PORT) == DENIED, "may not post\n");
	arg.privileges = HV_PORTS_MAY_POST;
	TEST_ASSERT_EQ(set(&a, arg), 0);
	ksft_test_result(posts(&a, PORT, &b, PORT) &&
			 hv_caller_signal(&a.c, PORT, 0) == DENIED &&
			 create_message_for(&a, OTHER, 0) == DENIED &&
			 delete_of(&a, HV_PARTITION_ID_SELF, OTHER) == DENIED &&
			 property_of(&a, HV_PARTITION_ID_SELF, OTHER) == DENIED &&
			 connect_to(&a, 9, b.id, PORT) == DENIED &&
			 hv_caller_disconnect_port(&a.c, PORT) == DENIED, "may only post\n");
	ksft_test_result(my_id(&a) == a.id, "may know its id all the same\n");
}

/* A bit for each call that a partition is denied */
static u32 denied_calls(struct party *p)
{
	u32 denied = 0, i;
	u64 value = 0;
	const u64 statuses[] = {
		create_message_for(p, OTHER, 0),
		delete_of(p, HV_PARTITION_ID_SELF, NOBODYS),
		property_of(p, HV_PARTITION_ID_SELF, NOBODYS),
		hv_caller_set_property(&p->c, NOBODYS, HV_PORT_PROPERTY_POST_COUNT, &value),
		connect_to(p, NOBODYS, HV_PARTITION_ID_SELF, NOBODYS),
		hv_caller_disconnect_port(&p->c, NOBODYS),
		hv_caller_post(&p->c, PORT),
		hv_caller_signal(&p->c, PORT, 0),
	};

	for (i = 0; i < ARRAY_SIZE(statuses); i++)
		denied |= (statuses[i] == DENIED) << i;
	return denied;
}

/* Each taken away, then given, alone */
static void test_each_privilege(void)
{
	static const struct {
		const char *name;
		u32 privilege;
		u32 calls;
	} gates[] = {
		{ "create, delete and properties", HV_PORTS_MAY_CREATE, 0x0f },
		{ "connect and disconnect", HV_PORTS_MAY_CONNECT, 0x30 },
		{ "post", HV_PORTS_MAY_POST, 0x40 },
		{ "signal", HV_PORTS_MAY_SIGNAL, 0x80 },
	};
	struct hv_ports_set_partition arg = { .flags = HV_PORTS_SET_PRIVILEGES };
	u32 i, without, with;

	HV_TEST_ASSERT_OK(create_message_for(&b, PORT, a.id));
	for (i = 0; i < ARRAY_SIZE(gates); i++) {
		arg.privileges = HV_PORTS_MAY_ALL & ~gates[i].privilege;
		TEST_ASSERT_EQ(set(&a, arg), 0);
		without = denied_calls(&a);
		arg.privileges = gates[i].privilege;
		TEST_ASSERT_EQ(set(&a, arg), 0);
		with = denied_calls(&a);
		ksft_test_result(without == gates[i].calls && with == (0xff & ~gates[i].calls),
				 "a privilege of its own: %s\n", gates[i].name);
	}
}

static int assign_eventfd(struct party *p, u32 connection)
{
	struct kvm_hyperv_eventfd args = {
		.conn_id = connection,
		.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
	};

	TEST_ASSERT(args.fd >= 0, "eventfd: %s", strerror(errno));
	vm_ioctl(p->c.vm, KVM_HYPERV_EVENTFD, &args);
	return args.fd;
}

/* What is not the module's is the VMM's, whatever the module's may be denied. */
static void test_privileges_of_others(void)
{
	struct hv_ports_set_partition arg = { .flags = HV_PORTS_SET_PRIVILEGES };
	u32 asked = hv_test_user_hypercalls;
	u64 count = 0;
	int fd;

	HV_TEST_ASSERT_OK(create_message_for(&b, PORT, a.id));
	HV_TEST_ASSERT_OK(create_for(&b, hv_event_port(OTHER, SINT, 0, 0, 8), a.id));
	fd = assign_eventfd(&a, EVENTFD);
	TEST_ASSERT_EQ(set(&a, arg), 0);

	ksft_test_result(hv_caller_post(&a.c, PORT) == DENIED &&
			 hv_caller_signal(&a.c, PORT, 0) == DENIED &&
			 hv_caller_signal(&a.c, OTHER, 0) == DENIED &&
			 hv_test_user_hypercalls == asked, "may nothing with its connections\n");
	ksft_test_result(hv_caller_post(&a.c, NOBODYS) == BAD_CONNECTION &&
			 hv_test_user_hypercalls == asked + 1,
			 "may nothing: a post reaches user space\n");
	ksft_test_result(hv_caller_signal(&a.c, NOBODYS, 0) == BAD_CONNECTION &&
			 hv_test_user_hypercalls == asked + 2,
			 "may nothing: a signal reaches user space\n");
	ksft_test_result(hv_caller_signal(&a.c, EVENTFD, 0) == OK &&
			 hv_test_user_hypercalls == asked + 2 &&
			 read(fd, &count, sizeof(count)) == sizeof(count) && count == 1,
			 "may nothing: a signal reaches the eventfd\n");
	/* Of which nobody asks where its input is. */
	ksft_test_result(hv_caller_call(&a.c, HVCALL_CREATE_PORT, a.c.in_gpa + 1, 0) == DENIED &&
			 hv_caller_call(&a.c, HVCALL_CONNECT_PORT, a.c.in_gpa + 1, 0) == DENIED,
			 "may nothing: other calls are looked at no further\n");
	ksft_test_result(hv_caller_call(&a.c, HVCALL_CREATE_PORT | BIT_ULL(32), a.c.in_gpa, 0) ==
			 DENIED &&
			 hv_caller_call(&a.c, HVCALL_CONNECT_PORT | BIT_ULL(17), a.c.in_gpa, 0) ==
			 DENIED, "may nothing: not even at a rep count or a variable header\n");
	close(fd);
}

static int set_max_connections(struct party *p, u32 max)
{
	return set(p, (struct hv_ports_set_partition) {
			.flags = HV_PORTS_SET_MAX_CONNECTIONS, .max_connections = max });
}

/* What a neighbour has in one's table gives way to what one makes oneself. */
static void test_own_comes_first(void)
{
	TEST_ASSERT_EQ(set_max_connections(&b, 1), 0);
	HV_TEST_ASSERT_OK(create_message_for(&b, PORT, a.id));
	HV_TEST_ASSERT_OK(create_message_for(&a, PORT, HV_PARTITION_ID_SELF));
	ksft_test_result(posts(&a, PORT, &a, PORT) && !arrived_from(&b, PORT),
			 "a neighbour's gives way to that of an own port\n");
	HV_TEST_ASSERT_OK(create_message_for(&b, OTHER, a.id));
	ksft_test_result(posts(&a, OTHER, &b, OTHER),
			 "a neighbour's gives way: it may have another\n");
	ksft_test_result(connect_to(&a, 5, b.id, PORT) == OK && posts(&a, 5, &b, PORT),
			 "a neighbour's gives way: its port can be connected again\n");

	TEST_ASSERT_EQ(set_max_connections(&b, 8), 0);
	HV_TEST_ASSERT_OK(create_message_for(&b, 8, a.id));
	HV_TEST_ASSERT_OK(hv_caller_delete_port(&b.c, 8));
	HV_TEST_ASSERT_OK(create_for(&a, hv_event_port(8, SINT, 0, 64, 8),
				     HV_PARTITION_ID_SELF));
	hv_host_set_sint(&a.c, 0, SINT, 0);
	ksft_test_result(hv_caller_signal(&a.c, 8, 3) == OK &&
			 hv_caller_take_flag(&a.c, SINT, 67),
			 "a neighbour's gives way when its port is deleted\n");

	HV_TEST_ASSERT_OK(create_message_for(&a, 6, HV_PARTITION_ID_SELF));
	HV_TEST_ASSERT_OK(create_message_for(&b, 6, a.id));
	ksft_test_result(posts(&a, 6, &a, 6) && !arrived_from(&b, 6),
			 "an own one does not give way to a neighbour's\n");

	hv_dev_link(dev, a.id, stranger.id);
	HV_TEST_ASSERT_OK(create_message_for(&b, 7, a.id));
	HV_TEST_ASSERT_OK(create_message_for(&stranger, 7, a.id));
	ksft_test_result(posts(&a, 7, &b, 7) && !arrived_from(&stranger, 7),
			 "nor does a neighbour's to another neighbour's\n");
}

/* The same when nothing of the neighbour is left but this */
static void test_own_comes_after(void)
{
	struct party c;

	join(&c);
	hv_dev_link(dev, a.id, c.id);
	HV_TEST_ASSERT_OK(create_message_for(&c, PORT, a.id));
	leave(&c);
	HV_TEST_ASSERT_OK(create_message_for(&a, PORT, HV_PARTITION_ID_SELF));
	ksft_test_result(posts(&a, PORT, &a, PORT), "that of a VM which is gone gives way\n");
}

/* A neighbour cannot fill one's table, nor take one's ids. */
static void test_squatter(void)
{
	struct hv_ports_set_partition arg = {
		.flags = HV_PORTS_SET_MAX_CONNECTIONS,
		.max_connections = 3,
	};
	u32 i;

	TEST_ASSERT_EQ(set(&a, arg), 0);
	TEST_ASSERT_EQ(set(&b, arg), 0);
	for (i = 10; i < 20; i++) {
		HV_TEST_ASSERT_OK(create_message_for(&a, i, b.id));
		HV_TEST_ASSERT_OK(hv_caller_delete_port(&a.c, i));
	}
	ksft_test_result(hv_caller_post(&b.c, 12) == BAD_PORT &&
			 hv_caller_post(&b.c, 13) == BAD_CONNECTION,
			 "automatic connections are at their maker's expense\n");

	for (i = 1; i <= 3; i++)
		HV_TEST_ASSERT_OK(create_message_for(&b, i, 0));
	ksft_test_result(connect_to(&b, 1, b.id, 1) == OK && connect_to(&b, 2, b.id, 2) == OK,
			 "and not at their owner's\n");
	ksft_test_result(connect_to(&b, 10, b.id, 3) == OK && posts(&b, 10, &b, 3),
			 "an id that they had is taken back\n");
	HV_TEST_ASSERT_OK(create_message_for(&a, 30, b.id));
	ksft_test_result(posts(&b, 30, &a, 30), "which lets their maker make another\n");
	HV_TEST_ASSERT_OK(hv_caller_disconnect_port(&b.c, 10));
	ksft_test_result(connect_to(&b, 30, b.id, 3) == OK && posts(&b, 30, &b, 3),
			 "one that is alive gives way, too\n");
	ksft_test_result(connect_to(&b, 40, a.id, 30) == HV_STATUS_NO_RESOURCES &&
			 hv_caller_disconnect_port(&b.c, 1) == OK &&
			 connect_to(&b, 40, a.id, 30) == OK && posts(&b, 40, &a, 30),
			 "its port can be connected again\n");

	HV_TEST_ASSERT_OK(create_message_for(&a, 31, b.id));
	ksft_test_result(connect_to(&b, 41, a.id, 31) == HV_STATUS_NO_RESOURCES &&
			 posts(&b, 31, &a, 31),
			 "whose place in the quota is not their owner's to take\n");
}

static void test_quotas(void)
{
	struct hv_ports_set_partition arg = {
		.flags = HV_PORTS_SET_MAX_PORTS | HV_PORTS_SET_MAX_CONNECTIONS,
		.max_ports = 2,
		.max_connections = 1,
	};

	TEST_ASSERT_EQ(set(&b, arg), 0);
	ksft_test_result(create_message_for(&b, 1, 0) == OK &&
			 create_message_for(&b, 2, 0) == OK &&
			 create_message_for(&b, 3, 0) == HV_STATUS_NO_RESOURCES,
			 "quota of ports\n");
	ksft_test_result(connect_to(&b, 1, b.id, 1) == OK &&
			 connect_to(&b, 2, b.id, 2) == HV_STATUS_NO_RESOURCES,
			 "quota of connections\n");
}

int main(void)
{
	static void (*const tests[])(void) = {
		test_id, test_messages, test_both_ways, test_not_for_you, test_denied,
		test_events, test_unlink, test_owner_gone, test_become_parent,
		test_new_id, test_privileges, test_each_privilege,
		test_privileges_of_others, test_quotas, test_squatter,
		test_own_comes_first, test_own_comes_after,
	};
	u32 i;

	dev = hv_dev_open();
	ksft_print_header();
	ksft_set_plan(73);

	for (i = 0; i <= ARRAY_SIZE(tests); i++) {
		join(&a);
		join(&b);
		join(&stranger);
		if (i == ARRAY_SIZE(tests)) {
			test_strangers();
		} else {
			hv_dev_link(dev, a.id, b.id);
			tests[i]();
		}
		leave(&a);
		leave(&b);
		leave(&stranger);
	}
	ksft_finished();
}
