// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations that fail: each one that an operation makes, by itself and with
 * all that follow it.  What fails has had no effect, and says why; the same call
 * works right after; and in the end nothing is left, nor freed twice.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "hv_doorbell_util.h"
#include "hv_call_util.h"
#include "hv_fault_util.h"
#include "hv_module_util.h"

/* machine: self timeout=300 */

#define SINT		2
/* Ids for which a table needs nodes of its own */
#define PORT		0x12345
#define CONNECTION	0x23456
#define OTHER_PORT	0x34567
#define TYPE_MESSAGE	HV_PORT_TYPE_MESSAGE
#define TYPE_EVENT	HV_PORT_TYPE_EVENT

/* Just enough, so that what is not given back is soon missing */
#define QUOTA		"max_ports=3 max_connections=2"

#define ROUNDS		(HV_TEST_SCALE > 1 ? 2 : 8)
#define FRESH_ROUNDS	(HV_TEST_SCALE > 1 ? 1 : 2)
#define MAX_NTH		300
/* A leak of one object is made many times in so many rounds. */
#define OBJECTS_SPARE	(HV_TEST_SCALE > 1 ? 2 : ROUNDS / 2)
#define BYTES_SPARE	400

/* What the guest does besides hypercalls, in the place of a control word */
#define DO_WRITE	BIT_ULL(62)
#define DO_WRMSR	BIT_ULL(63)

/* A new address and value each time, so that nothing left of one helps another */
static struct hv_bell bell = { .flags = 4 };
/* At the same address */
static struct hv_bell any_bell = { .flags = 3 | HV_BELL_ANY_VALUE };

/**
 * struct operation - one call that may want memory
 * @name: what is shown
 * @fresh: in a VM of its own, since what it allocates stays
 * @vcpu: who makes it
 * @refusals: by kind of fault, how often it must at least have been refused; 0:
 *	it cannot be
 * @before: what has to be there
 * @call: has the guest told of the call
 * @happened: whether it had its effect
 * @undo: to where @before can be called again
 * @abandon: the same, if the call was refused
 */
struct operation {
	const char *name;
	bool fresh;
	int vcpu;
	u32 refusals[HV_NR_FAULTS];
	void (*before)(struct hv_caller *c);
	void (*call)(struct hv_caller *c);
	bool (*happened)(struct hv_caller *c);
	void (*undo)(struct hv_caller *c);
	void (*abandon)(struct hv_caller *c);
};

/* What came of it; shared with the process that does it */
struct tally {
	u32 injected[HV_NR_FAULTS];
	u32 refused[HV_NR_FAULTS];
	u32 kvm;
};

/* Guest */

/* The guest's: it is about to sleep */
static u32 asleep;

static void do_request(void)
{
	u64 result = 0;

	hv_guest_call.vector = 0;
	if (hv_guest_call.control == DO_WRITE)
		hv_bell_write(hv_guest_call.in, 8, hv_guest_call.out);
	else if (hv_guest_call.control == DO_WRMSR)
		wrmsr(hv_guest_call.in, hv_guest_call.out);
	else
		hv_guest_call.vector = __hyperv_hypercall(hv_guest_call.control,
							  hv_guest_call.in,
							  hv_guest_call.out, &result);
	hv_guest_call.result = result;
}

static void guest_code(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	for (;;) {
		GUEST_SYNC(0);
		do_request();
	}
}

/* Its SynIC is off. */
static void guest_late(struct hv_test_vp *vp)
{
	x2apic_enable();
	wrmsr(HV_X64_MSR_GUEST_OS_ID, HYPERV_LINUX_OS_ID);
	for (;;) {
		GUEST_SYNC(0);
		do_request();
	}
}

/* Its SynIC is the host's business. */
static void guest_idle(struct hv_test_vp *vp)
{
	for (;;)
		GUEST_SYNC(0);
}

static void guest_asleep(struct hv_test_vp *vp)
{
	x2apic_enable();
	GUEST_SYNC(0);
	__atomic_store_n(&asleep, 1, __ATOMIC_SEQ_CST);
	while (!hv_slot(vp, SINT)->message_type)
		hv_guest_sleep();
	GUEST_DONE();
}

/* Host: what to do */

static void tell(struct hv_caller *c, u64 control, u64 in, u64 out)
{
	hv_guest_call.control = control;
	hv_guest_call.in = in;
	hv_guest_call.out = out;
	hv_guest_call.result = ~0ULL;
	sync_global_to_guest(c->vm, hv_guest_call);
}

static void tell_call(struct hv_caller *c, u16 code, const void *in, size_t size)
{
	memcpy(c->in, in, size);
	tell(c, code, c->in_gpa, c->out_gpa);
}

static void tell_create(struct hv_caller *c, struct hv_input_create_port in)
{
	tell_call(c, HVCALL_CREATE_PORT, &in, sizeof(in));
}

static void tell_connect(struct hv_caller *c, struct hv_input_connect_port in)
{
	tell_call(c, HVCALL_CONNECT_PORT, &in, sizeof(in));
}

/* Host: what there is */

static bool port_exists(struct hv_caller *c)
{
	u64 count, status;

	status = hv_caller_get_property(c, PORT, HV_PORT_PROPERTY_POST_COUNT, &count);
	TEST_ASSERT(!status || status == HV_STATUS_INVALID_PORT_ID, "status %lu",
		    (unsigned long)status);
	return !status;
}

static bool port_is_gone(struct hv_caller *c)
{
	return !port_exists(c);
}

static bool takes_messages_at(struct hv_caller *c, u32 connection)
{
	u64 status = hv_caller_post(c, connection), port;

	TEST_ASSERT(!status || status == HV_STATUS_INVALID_CONNECTION_ID, "status %lu",
		    (unsigned long)status);
	TEST_ASSERT(hv_caller_take_message(c, SINT, &port) == !status, "message");
	return !status && port == PORT;
}

static bool takes_messages(struct hv_caller *c)
{
	return takes_messages_at(c, CONNECTION);
}

static bool takes_no_messages(struct hv_caller *c)
{
	return !takes_messages(c);
}

static bool auto_takes_messages(struct hv_caller *c)
{
	return takes_messages_at(c, PORT);
}

static bool takes_events(struct hv_caller *c)
{
	u64 status = hv_caller_signal(c, CONNECTION, 7);

	TEST_ASSERT(!status || status == HV_STATUS_INVALID_CONNECTION_ID, "status %lu",
		    (unsigned long)status);
	TEST_ASSERT(hv_caller_take_flag(c, SINT, 7) == !status, "flag");
	return !status;
}

static bool rang(struct hv_caller *c)
{
	return hv_caller_take_flag(c, SINT, PORT % 2048);
}

static u64 *mmio_count(struct hv_caller *c)
{
	return addr_gva2hva(c->vm, (gva_t)&hv_mmio_logs[0].nr);
}

/* Either the doorbell or user space has the write. */
static bool rings(struct hv_caller *c)
{
	u64 seen = *mmio_count(c);
	bool heard;

	hv_caller_call(c, DO_WRITE, bell.gpa, bell.value);
	heard = rang(c);
	TEST_ASSERT_EQ(*mmio_count(c), seen + !heard);
	return heard;
}

/* Host: how it comes and goes */

static void open_message_port(struct hv_caller *c)
{
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_message_port(PORT, SINT, 0)));
}

static void open_event_port(struct hv_caller *c)
{
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_event_port(PORT, SINT, 0, 0, 64)));
}

static void next_bell(void)
{
	static u64 nr;

	nr++;
	bell.gpa = HV_BELL_GPA + nr % 512 * 8;
	bell.value = nr * 0x9e3779b97f4a7c15ULL;
	any_bell.gpa = bell.gpa;
}

static void open_doorbell_port(struct hv_caller *c)
{
	next_bell();
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_doorbell_port(PORT, SINT, 0)));
}

static void delete_port(struct hv_caller *c)
{
	HV_TEST_ASSERT_OK(hv_caller_delete_port(c, PORT));
}

static void disconnect(struct hv_caller *c)
{
	HV_TEST_ASSERT_OK(hv_caller_disconnect_port(c, CONNECTION));
}

static void disconnect_and_delete(struct hv_caller *c)
{
	disconnect(c);
	delete_port(c);
}

static void connect_messages(struct hv_caller *c)
{
	open_message_port(c);
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(CONNECTION, PORT,
								     TYPE_MESSAGE)));
}

static void connect_events(struct hv_caller *c)
{
	open_event_port(c);
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(CONNECTION, PORT,
								     TYPE_EVENT)));
}

static void connect_doorbell(struct hv_caller *c)
{
	open_doorbell_port(c);
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_doorbell_to(CONNECTION, PORT, bell)));
}

static u64 disconnect_bell(struct hv_caller *c, u32 id)
{
	struct hv_input_disconnect_port in = hv_doorbell_disconnection(id);

	return hv_caller_slow(c, HVCALL_DISCONNECT_PORT, &in, sizeof(in));
}

static void close_doorbell(struct hv_caller *c)
{
	HV_TEST_ASSERT_OK(disconnect_bell(c, CONNECTION));
	delete_port(c);
}

/* Attaching */

static void await_no_vm(struct hv_caller *c)
{
	hv_module_await_unused();
}

static void tell_get_partition_id(struct hv_caller *c)
{
	tell_call(c, HVCALL_GET_PARTITION_ID, "", 0);
}

static bool is_attached(struct hv_caller *c)
{
	return hv_module_refcount() == 1;
}

/* A vCPU that attaching did not find */
static void attach_and_add_code(struct hv_caller *c, void (*code)(struct hv_test_vp *vp))
{
	u64 id;

	HV_TEST_ASSERT_OK(hv_caller_get_partition_id(c, &id));
	c->vcpus[1] = vm_vcpu_add(c->vm, 1, code);
	hv_test_setup_vp(c->vm, c->vcpus[1], 1);
	sync_global_to_guest(c->vm, hv_test_vps);
}

static void attach_and_add_vcpu(struct hv_caller *c)
{
	attach_and_add_code(c, guest_late);
}

static void tell_create_for_late(struct hv_caller *c)
{
	tell_create(c, hv_message_port(PORT, SINT, 1));
}

static void start_late(struct hv_caller *c)
{
	attach_and_add_vcpu(c);
	TEST_ASSERT_EQ(hv_test_run(c->vcpus[1]), 0);
}

static void tell_enable_late(struct hv_caller *c)
{
	tell(c, DO_WRMSR, HV_X64_MSR_SCONTROL, HV_ENABLE);
}

/* Refused or not: whoever needs the VP tries again. */
static bool late_can_be_target(struct hv_caller *c)
{
	u64 port;

	hv_host_set_sim(c, 1, true);
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_message_port(PORT, SINT, 1)));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(CONNECTION, PORT,
								     TYPE_MESSAGE)));
	HV_TEST_ASSERT_OK(hv_caller_post(c, CONNECTION));
	TEST_ASSERT(!hv_caller_take_message(c, SINT, &port), "wrong VP");
	return true;
}

/* CreatePort */

static void tell_create_message(struct hv_caller *c)
{
	tell_create(c, hv_message_port(PORT, SINT, 0));
}

static void tell_create_event(struct hv_caller *c)
{
	tell_create(c, hv_event_port(PORT, SINT, 0, 0, 64));
}

static void tell_create_doorbell(struct hv_caller *c)
{
	tell_create(c, hv_doorbell_port(PORT, SINT, 0));
}

static struct hv_input_create_port auto_port(void)
{
	struct hv_input_create_port in = hv_message_port(PORT, SINT, 0);

	in.connection_partition_id = HV_PARTITION_ID_SELF;
	return in;
}

static void tell_create_auto(struct hv_caller *c)
{
	tell_create(c, auto_port());
}

static bool auto_exists(struct hv_caller *c)
{
	bool exists = port_exists(c);

	TEST_ASSERT_EQ(auto_takes_messages(c), exists);
	return exists;
}

static void close_auto(struct hv_caller *c)
{
	delete_port(c);
	HV_TEST_ASSERT_OK(hv_caller_disconnect_port(c, PORT));
}

/* ConnectPort */

static void tell_connect_message(struct hv_caller *c)
{
	tell_connect(c, hv_connection_to(CONNECTION, PORT, TYPE_MESSAGE));
}

static void tell_connect_event(struct hv_caller *c)
{
	tell_connect(c, hv_connection_to(CONNECTION, PORT, TYPE_EVENT));
}

static void tell_connect_doorbell(struct hv_caller *c)
{
	tell_connect(c, hv_doorbell_to(CONNECTION, PORT, bell));
}

/* Another doorbell has the address already, for other writes. */
static void open_shared_address(struct hv_caller *c)
{
	open_doorbell_port(c);
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_doorbell_port(OTHER_PORT, SINT, 0)));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_doorbell_to(1, OTHER_PORT, any_bell)));
}

static void leave_shared_address(struct hv_caller *c)
{
	delete_port(c);
	HV_TEST_ASSERT_OK(disconnect_bell(c, 1));
	HV_TEST_ASSERT_OK(hv_caller_delete_port(c, OTHER_PORT));
}

static void close_shared_address(struct hv_caller *c)
{
	HV_TEST_ASSERT_OK(disconnect_bell(c, CONNECTION));
	leave_shared_address(c);
}

static void open_auto(struct hv_caller *c)
{
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, auto_port()));
}

static void tell_replace_same_id(struct hv_caller *c)
{
	tell_connect(c, hv_connection_to(PORT, PORT, TYPE_MESSAGE));
}

/* Only an automatic connection gives way to another, which is then undone. */
static bool replaced_same_id(struct hv_caller *c)
{
	u64 status;

	TEST_ASSERT(auto_takes_messages(c), "the connection is lost");
	status = hv_caller_connect_port(c, hv_connection_to(CONNECTION, PORT, TYPE_MESSAGE));
	if (status == HV_STATUS_INVALID_PORT_ID)
		return true;

	HV_TEST_ASSERT_OK(status);
	disconnect_and_delete(c);
	open_auto(c);
	return false;
}

static bool replaced_other_id(struct hv_caller *c)
{
	bool replaced = takes_messages(c);

	TEST_ASSERT_EQ(auto_takes_messages(c), !replaced);
	return replaced;
}

/* Calls that want no memory */

static void tell_post(struct hv_caller *c)
{
	struct hv_port_post_message in = {
		.connection_id = CONNECTION,
		.message_type = 1,
		.payload_size = 240,
	};

	tell_call(c, HVCALL_POST_MESSAGE, &in, sizeof(in));
}

static bool took_message(struct hv_caller *c)
{
	u64 port;

	return hv_caller_take_message(c, SINT, &port) && port == PORT;
}

static void tell_signal(struct hv_caller *c)
{
	struct hv_port_signal_event in = {
		.connection_id = CONNECTION,
		.flag_number = 9,
	};

	tell_call(c, HVCALL_SIGNAL_EVENT, &in, sizeof(in));
}

static bool took_flag(struct hv_caller *c)
{
	return hv_caller_take_flag(c, SINT, 9);
}

static void open_any_port(struct hv_caller *c)
{
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_message_port(PORT, SINT, HV_ANY_VP)));
}

static struct hv_input_set_port_property preferred(u64 vp)
{
	return (struct hv_input_set_port_property) {
		.get = {
			.port_partition_id = HV_PARTITION_ID_SELF,
			.port_id = PORT,
			.property_code = HV_PORT_PROPERTY_PREFERRED_TARGET_VP,
		},
		.value = vp,
	};
}

static void tell_get_property(struct hv_caller *c)
{
	const struct hv_input_set_port_property in = preferred(0);

	*c->out = 0;
	tell_call(c, HVCALL_GET_PORT_PROPERTY, &in.get, sizeof(in.get));
}

static bool got_any_vp(struct hv_caller *c)
{
	return *c->out == HV_ANY_VP;
}

static void tell_set_property(struct hv_caller *c)
{
	const struct hv_input_set_port_property in = preferred(0);

	*c->out = HV_ANY_VP;
	tell_call(c, HVCALL_SET_PORT_PROPERTY, &in, sizeof(in));
}

static bool got_vp_0(struct hv_caller *c)
{
	return !*c->out;
}

static void tell_disconnect(struct hv_caller *c)
{
	struct hv_input_disconnect_port in = {
		.connection_partition_id = HV_PARTITION_ID_SELF,
		.connection_id = CONNECTION,
	};

	tell_call(c, HVCALL_DISCONNECT_PORT, &in, sizeof(in));
}

static void tell_disconnect_doorbell(struct hv_caller *c)
{
	struct hv_input_disconnect_port in = hv_doorbell_disconnection(CONNECTION);

	tell_call(c, HVCALL_DISCONNECT_PORT, &in, sizeof(in));
}

static bool is_silent(struct hv_caller *c)
{
	return !rings(c);
}

/* One message is in the slot, the others are behind it. */
static void queue_messages(struct hv_caller *c)
{
	int i;

	connect_messages(c);
	for (i = 0; i < 4; i++)
		HV_TEST_ASSERT_OK(hv_caller_post(c, CONNECTION));
}

static void tell_delete(struct hv_caller *c)
{
	struct hv_input_delete_port in = {
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = PORT,
	};

	tell_call(c, HVCALL_DELETE_PORT, &in, sizeof(in));
}

static void disconnect_and_empty_slot(struct hv_caller *c)
{
	u64 port;

	disconnect(c);
	TEST_ASSERT(hv_caller_take_message(c, SINT, &port), "the slot is empty");
}

static void tell_ring(struct hv_caller *c)
{
	tell(c, DO_WRITE, bell.gpa, bell.value);
}

static const struct operation operations[] = {
	/* The partition, and its VP; and the table of VPs, if it is not their first */
	{ "attach", true, 0, { 2, 2 },
	  await_no_vm, tell_get_partition_id, is_attached },
	/* The VP, buffers, port; and nodes for VP and port */
	{ "CreatePort for a new vCPU", true, 0, { 3, 5 },
	  attach_and_add_vcpu, tell_create_for_late, port_exists },
	{ "SynIC on of a new vCPU", true, 1, { 0, 0 },
	  start_late, tell_enable_late, late_can_be_target },
	/* Port and buffers; and three nodes */
	{ "CreatePort, messages", false, 0, { 2, 5 },
	  NULL, tell_create_message, port_exists, delete_port },
	{ "CreatePort, events", false, 0, { 1, 4 },
	  NULL, tell_create_event, port_exists, delete_port },
	{ "CreatePort, doorbell", false, 0, { 1, 4 },
	  NULL, tell_create_doorbell, port_exists, delete_port },
	/* A connection as well, and its nodes */
	{ "CreatePort that connects", false, 0, { 3, 9 },
	  NULL, tell_create_auto, auto_exists, close_auto },
	{ "ConnectPort, messages", false, 0, { 1, 4 },
	  open_message_port, tell_connect_message, takes_messages, disconnect_and_delete,
	  delete_port },
	{ "ConnectPort, events", false, 0, { 1, 4 },
	  open_event_port, tell_connect_event, takes_events, disconnect_and_delete,
	  delete_port },
	/* Connection, address, value; and nodes: 3 for the id, 6 and 11 for those */
	{ "ConnectPort, doorbell", false, 0, { 3, 23 },
	  open_doorbell_port, tell_connect_doorbell, rings, close_doorbell,
	  delete_port },
	{ "ConnectPort, doorbell at an address in use", false, 0, { 2, 16 },
	  open_shared_address, tell_connect_doorbell, rings, close_shared_address,
	  leave_shared_address },
	{ "ConnectPort for an automatic one, same id", false, 0, { 1, 1 },
	  open_auto, tell_replace_same_id, replaced_same_id, close_auto,
	  close_auto },
	{ "ConnectPort for an automatic one, other id", false, 0, { 1, 3 },
	  open_auto, tell_connect_message, replaced_other_id, disconnect_and_delete,
	  close_auto },
	{ "PostMessage", false, 0, { 0, 0 },
	  connect_messages, tell_post, took_message, disconnect_and_delete },
	{ "SignalEvent", false, 0, { 0, 0 },
	  connect_events, tell_signal, took_flag, disconnect_and_delete },
	{ "GetPortProperty", false, 0, { 0, 0 },
	  open_any_port, tell_get_property, got_any_vp, delete_port },
	{ "SetPortProperty", false, 0, { 0, 0 },
	  open_any_port, tell_set_property, got_vp_0, delete_port },
	{ "DisconnectPort", false, 0, { 0, 0 },
	  connect_messages, tell_disconnect, takes_no_messages, delete_port },
	{ "DisconnectPort, doorbell", false, 0, { 0, 0 },
	  connect_doorbell, tell_disconnect_doorbell, is_silent, delete_port },
	{ "DeletePort with messages queued", false, 0, { 0, 0 },
	  queue_messages, tell_delete, port_is_gone, disconnect_and_empty_slot },
	{ "ring", false, 0, { 0, 0 },
	  connect_doorbell, tell_ring, rang, close_doorbell },
};

#define NR_OPERATIONS	ARRAY_SIZE(operations)

static int round_number;

/* All that is shared with the process that has the VMs; the last is their end. */
static struct tally *tallies;
#define DESTROY		NR_OPERATIONS

/* How it is done */

/* The vCPU is not where it asks for the next request; KVM may have been refused. */
static void finish_request(struct kvm_vcpu *vcpu, int r, struct tally *tally)
{
	s64 stage;

	if (r) {
		TEST_ASSERT(r == -1 && (errno == ENOMEM || errno == EFAULT),
			    "KVM_RUN: %s", strerror(errno));
		tally->kvm++;
	}
	if (r || !hv_test_handle_exit(vcpu, &stage))
		stage = hv_test_run(vcpu);
	TEST_ASSERT_EQ(stage, 0);
}

/* The status, and whether there was an n-th allocation */
static u64 run_faulty(struct hv_caller *c, int number, enum hv_fault fault, u32 nth,
		      bool *injected)
{
	struct kvm_vcpu *vcpu = c->vcpus[operations[number].vcpu];
	struct tally *tally = &tallies[number];
	int r;

	hv_fault_arm(fault, nth);
	/* Nothing but KVM_RUN */
	r = __vcpu_run(vcpu);
	*injected = hv_fault_disarm();

	finish_request(vcpu, r, tally);
	sync_global_from_guest(c->vm, hv_guest_call);
	TEST_ASSERT_EQ(hv_guest_call.vector, 0);
	tally->injected[fault] += *injected;
	return hv_guest_call.result;
}

static u64 run_sound(struct hv_caller *c, const struct operation *op)
{
	op->call(c);
	TEST_ASSERT_EQ(hv_test_run(c->vcpus[op->vcpu]), 0);
	sync_global_from_guest(c->vm, hv_guest_call);
	return hv_guest_call.result;
}

static void check_refusal(struct hv_caller *c, int number, enum hv_fault fault, u64 status)
{
	const struct operation *op = &operations[number];

	TEST_ASSERT(op->refusals[fault] && status == HV_STATUS_INSUFFICIENT_MEMORY,
		    "%s: status %lu", op->name, (unsigned long)status);
	TEST_ASSERT(!op->happened(c), "%s: refused, and happened", op->name);
	tallies[number].refused[fault]++;
}

/* Whoever is refused tries again; or, every other time, does without. */
static void after_refusal(struct hv_caller *c, const struct operation *op, bool retry)
{
	u64 status;

	if (retry) {
		status = run_sound(c, op);
		TEST_ASSERT(!status, "%s: then status %lu", op->name, (unsigned long)status);
		TEST_ASSERT(op->happened(c), "%s: then nothing happened", op->name);
	}
	if (retry && op->undo)
		op->undo(c);
	if (!retry && op->abandon)
		op->abandon(c);
}

/* False if the call does not make as many allocations. */
static bool fail_nth(struct hv_caller *c, int number, enum hv_fault fault, u32 nth)
{
	const struct operation *op = &operations[number];
	bool injected;
	u64 status;

	if (op->before)
		op->before(c);
	op->call(c);
	status = run_faulty(c, number, fault, nth, &injected);
	if (status) {
		TEST_ASSERT(injected, "%s: status %lu", op->name, (unsigned long)status);
		check_refusal(c, number, fault, status);
		after_refusal(c, op, (round_number + nth) & 1);
		return true;
	}
	TEST_ASSERT(op->happened(c), "%s: nothing happened", op->name);
	if (op->undo)
		op->undo(c);
	return injected;
}

static void create_vm(struct hv_caller *c)
{
	hv_test_exit = hv_mmio_exit;
	hv_caller_create_code(c, 1, guest_code);
	hv_bell_map(c->vm, 1);
	hv_caller_start(c);
	hv_host_set_sint(c, 0, SINT, 0);
}

static bool fail_nth_fresh(int number, enum hv_fault fault, u32 nth)
{
	struct hv_caller c;
	bool injected;

	create_vm(&c);
	injected = fail_nth(&c, number, fault, nth);
	hv_caller_free(&c);
	return injected;
}

static void fail_each(struct hv_caller *c, int number)
{
	const bool fresh = operations[number].fresh;
	enum hv_fault fault;
	u32 nth;

	for (fault = 0; fault < HV_NR_FAULTS; fault++) {
		for (nth = 1; fresh ? fail_nth_fresh(number, fault, nth) :
				      fail_nth(c, number, fault, nth); nth++)
			TEST_ASSERT(nth < MAX_NTH, "%s: no end", operations[number].name);
	}
}

/* The end of a VM */

static void populate(struct hv_caller *c)
{
	queue_messages(c);
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_doorbell_port(OTHER_PORT, SINT, 0)));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_doorbell_to(1, OTHER_PORT, bell)));
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, hv_event_port(1, SINT, 0, 0, 1)));
}

/* In a process of its own: all that kvm_vm_free() does would be too much. */
static void destroy_vm(enum hv_fault fault, u32 nth)
{
	struct hv_caller c;
	bool injected;

	hv_fault_open_thread();
	create_vm(&c);
	populate(&c);
	TEST_ASSERT(!munmap(c.vcpus[0]->run,
			    ioctl(c.vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, NULL)), "munmap");
	close(c.vcpus[0]->fd);

	hv_fault_arm(fault, nth);
	close(c.vm->fd);
	injected = hv_fault_disarm();
	_exit(!injected);
}

static bool destroy_one(enum hv_fault fault, u32 nth)
{
	int status;
	pid_t pid;

	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid)
		destroy_vm(fault, nth);
	TEST_ASSERT_EQ(waitpid(pid, &status, 0), pid);
	TEST_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) <= 1, "status %x", status);
	hv_module_await_unused();
	return !WEXITSTATUS(status);
}

static void destroy_each(void)
{
	enum hv_fault fault;
	u32 nth;

	for (fault = 0; fault < HV_NR_FAULTS; fault++)
		for (nth = 1; destroy_one(fault, nth); nth++)
			tallies[DESTROY].injected[fault]++;
}

/* A VP that there was no memory for, although its SynIC is on */

/* As a migration does it; KVM has the memory that it wants, the module has none. */
static void set_synic_refused(struct kvm_vcpu *vcpu, const struct hv_test_vp *vp)
{
	struct {
		struct kvm_msrs header;
		struct kvm_msr_entry entries[3];
	} msrs = {
		.header.nmsrs = 3,
		.entries = {
			{ .index = HV_X64_MSR_SIMP, .data = vp->sim.gpa | HV_ENABLE },
			{ .index = HV_X64_MSR_SIEFP, .data = vp->sief.gpa | HV_ENABLE },
			{ .index = HV_X64_MSR_SCONTROL, .data = HV_ENABLE },
		},
	};
	bool refused;
	u32 nth = 0;
	int r;

	do {
		nth++;
		TEST_ASSERT(nth < MAX_NTH, "KVM_SET_MSRS: no end");
		hv_fault_arm(HV_FAULT_FROM_NTH, nth);
		r = __vcpu_ioctl(vcpu, KVM_SET_MSRS, &msrs.header);
		refused = hv_fault_disarm();
	} while (r == -1);
	TEST_ASSERT(r == 3 && refused, "KVM_SET_MSRS: %d, %srefused", r, refused ? "" : "not ");
}

/* Two vCPUs: the first cannot be a target, the second's VP is missing. */
static void create_without_vp(struct hv_caller *c, void (*code)(struct hv_test_vp *vp))
{
	struct hv_test_vp *vp;

	hv_caller_init(c, 1);
	attach_and_add_code(c, code);
	TEST_ASSERT_EQ(hv_test_run(c->vcpus[1]), 0);
	hv_host_set_sim(c, 0, false);
	hv_host_set_sief(c, 0, false);
	hv_host_set_sint(c, 1, SINT, 0);

	vp = hv_test_vp(c->vm, 1);
	c->sim = addr_gpa2hva(c->vm, vp->sim.gpa);
	c->sief = addr_gpa2hva(c->vm, vp->sief.gpa);
	set_synic_refused(c->vcpus[1], vp);
}

static void connect_any(struct hv_caller *c, struct hv_input_create_port in)
{
	HV_TEST_ASSERT_OK(hv_caller_create_port(c, in));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(c, hv_connection_to(CONNECTION, PORT,
								     in.port_info.port_type)));
}

static u64 post_any(struct hv_caller *c)
{
	return hv_caller_post(c, CONNECTION);
}

static u64 signal_any(struct hv_caller *c)
{
	return hv_caller_signal(c, CONNECTION, 9);
}

/* The first one has the vCPU ask for its VP again, when it runs. */
static bool is_heard_again(struct hv_caller *c, u64 (*send)(struct hv_caller *c))
{
	u64 first, second;

	first = send(c);
	TEST_ASSERT_EQ(hv_test_run(c->vcpus[1]), 0);
	second = send(c);
	TEST_ASSERT_EQ(hv_test_run(c->vcpus[1]), 0);
	if (first != HV_STATUS_INVALID_SYNIC_STATE || second)
		ksft_print_msg("status %lu, then %lu\n", (unsigned long)first,
			       (unsigned long)second);
	return first == HV_STATUS_INVALID_SYNIC_STATE && !second;
}

static void test_refused_vp_message(void)
{
	struct hv_caller c;

	create_without_vp(&c, guest_idle);
	connect_any(&c, hv_message_port(PORT, SINT, HV_ANY_VP));
	ksft_test_result(is_heard_again(&c, post_any) && took_message(&c),
			 "a VP that was refused is there for the second message\n");
	hv_caller_free(&c);
}

static void test_refused_vp_event(void)
{
	struct hv_caller c;

	create_without_vp(&c, guest_idle);
	connect_any(&c, hv_event_port(PORT, SINT, HV_ANY_VP, 0, 64));
	ksft_test_result(is_heard_again(&c, signal_any) && took_flag(&c),
			 "a VP that was refused is there for the second event\n");
	hv_caller_free(&c);
}

/* Not even if it is preferred */
static void test_refused_vp_preferred(void)
{
	struct hv_caller c;
	u64 vp = 1;

	create_without_vp(&c, guest_idle);
	connect_any(&c, hv_message_port(PORT, SINT, HV_ANY_VP));
	HV_TEST_ASSERT_OK(hv_caller_set_property(&c, PORT, HV_PORT_PROPERTY_PREFERRED_TARGET_VP,
						 &vp));
	ksft_test_result(is_heard_again(&c, post_any) && took_message(&c),
			 "a preferred VP that was refused is there for the second message\n");
	hv_caller_free(&c);
}

static u64 post_until_taken(struct hv_caller *c)
{
	const time_t give_up = time(NULL) + 20;
	u64 status;

	do {
		status = post_any(c);
	} while (status == HV_STATUS_INVALID_SYNIC_STATE && time(NULL) < give_up);
	return status;
}

/* It is not waited for until it wakes by itself. */
static void test_refused_vp_asleep(void)
{
	struct hv_caller c;
	pthread_t thread;
	u32 *sleeps;

	create_without_vp(&c, guest_asleep);
	connect_any(&c, hv_message_port(PORT, SINT, HV_ANY_VP));
	sleeps = addr_gva2hva(c.vm, (gva_t)&asleep);
	TEST_ASSERT(!pthread_create(&thread, NULL, hv_test_thread, c.vcpus[1]),
		    "pthread_create");
	while (!__atomic_load_n(sleeps, __ATOMIC_SEQ_CST))
		sched_yield();
	HV_TEST_ASSERT_OK(post_until_taken(&c));
	pthread_join(thread, NULL);
	ksft_test_result_pass("a VP that was refused is there although its vCPU sleeps\n");
	hv_caller_free(&c);
}

#define NR_TESTS_REFUSED_VP	4

static void test_refused_vp(void)
{
	hv_module_load("");
	hv_fault_open_thread();
	test_refused_vp_message();
	test_refused_vp_event();
	test_refused_vp_preferred();
	test_refused_vp_asleep();
	hv_module_await_unused();
	hv_module_unload();
}

/* All of it, so many times, in the group */

static void do_operations(bool fresh)
{
	struct hv_caller c;
	int i;

	if (!fresh)
		create_vm(&c);
	for (i = 0; i < NR_OPERATIONS; i++)
		if (operations[i].fresh == fresh)
			fail_each(&c, i);
	if (!fresh)
		hv_caller_free(&c);
}

static void do_rounds(const struct hv_cgroup *group, int rounds)
{
	hv_cgroup_enter(group);
	hv_fault_open_thread();
	for (round_number = 0; round_number < rounds; round_number++) {
		do_operations(false);
		if (round_number < FRESH_ROUNDS)
			do_operations(true);
	}
	destroy_each();
}

static void run_rounds(const struct hv_cgroup *group, int rounds)
{
	int status;
	pid_t pid;

	hv_module_load(QUOTA);
	memset(tallies, 0, getpagesize());
	fflush(stdout);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		do_rounds(group, rounds);
		_exit(0);
	}
	TEST_ASSERT_EQ(waitpid(pid, &status, 0), pid);
	TEST_ASSERT(WIFEXITED(status) && !WEXITSTATUS(status), "status %x", status);
	hv_module_await_unused();
	/* Which waits for whatever is freed after a grace period. */
	hv_module_unload();
}

/*
 * Not all that could be need to be: now and then a cache wants a page, which
 * makes one allocation more, and the one that would have been the n-th is missed.
 * One of several may be, and of many a quarter.
 */
static bool was_refused_enough(const struct operation *op, const struct tally *tally)
{
	const u32 rounds = op->fresh ? FRESH_ROUNDS : ROUNDS;
	u32 all, missed;
	int fault;

	for (fault = 0; fault < HV_NR_FAULTS; fault++) {
		all = op->refusals[fault] * rounds;
		missed = all > 1 ? DIV_ROUND_UP(all, 4) : 0;
		if (tally->refused[fault] < all - missed)
			return false;
	}
	return true;
}

static void report(int number)
{
	const struct tally *tally = &tallies[number];
	const bool destroy = number == DESTROY;

	ksft_test_result(destroy || was_refused_enough(&operations[number], tally),
			 "%s: %u + %u failures, %u + %u refusals, %u of KVM's\n",
			 destroy ? "end of a VM" : operations[number].name,
			 tally->injected[0], tally->injected[1], tally->refused[0],
			 tally->refused[1], tally->kvm);
}

int main(void)
{
	struct hv_caches before;
	struct hv_cgroup group;
	long charged;
	int i;

	hv_module_require();
	if (!hv_fault_possible())
		ksft_exit_skip("the kernel has no fault injection\n");
	if (!hv_cgroup_create(&group, "hv_fail_alloc_test"))
		ksft_exit_skip("no cgroup v2\n");
	tallies = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(tallies != MAP_FAILED, "mmap");
	hv_fault_set_up();

	ksft_print_header();
	ksft_set_plan(NR_TESTS_REFUSED_VP + NR_OPERATIONS + 3);
	test_refused_vp();
	/* The first time, others allocate what they keep. */
	run_rounds(&group, 1);
	hv_caches_read_settled(&before);
	hv_cgroup_drain(&group);
	charged = hv_cgroup_slab(&group);
	run_rounds(&group, ROUNDS);
	for (i = 0; i <= NR_OPERATIONS; i++)
		report(i);

	ksft_test_result(hv_caches_await(&before, OBJECTS_SPARE), "no object is left\n");
	ksft_test_result(hv_cgroup_await_slab(&group, charged + BYTES_SPARE),
			 "nothing is charged any more\n");
	hv_cgroup_remove(&group);
	ksft_finished();
}
