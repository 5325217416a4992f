// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who can make the calls: vCPUs in 64-bit and in 32-bit mode, but only if they
 * have an active SynIC.
 */
#include <sys/eventfd.h>

#include "hv_call32_util.h"
#include "hv_call_util.h"

#define SINT		2
#define PORT		0x100
#define EVENT_PORT	0x101
#define EVENTFD		0x102
#define PAYLOAD		240

#define OK		HV_STATUS_SUCCESS
#define BAD_CODE	HV_STATUS_INVALID_HYPERCALL_CODE
#define BAD_INPUT	HV_STATUS_INVALID_HYPERCALL_INPUT

#define MESSAGE		HV_PORT_TYPE_MESSAGE
#define EVENT		HV_PORT_TYPE_EVENT

#define RESERVED	BIT_ULL(63)
#define REP_COUNT	BIT_ULL(32)

/* Memory whose address needs more than 32 bits */
#define HIGH_GPA	0x180000000ULL
#define HIGH_SLOT	21

static void caller32_code(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	for (;;) {
		GUEST_SYNC(0);
		hyperv_write_xmm_input(hv_guest_call.xmm, 6);
		hv_guest_call.result = hv_call32(hv_guest_call.control, hv_guest_call.in,
						 hv_guest_call.out);
		hv_guest_call.vector = 0;
	}
}

static void caller32_create(struct hv_caller *c)
{
	hv_caller_create_code(c, 1, caller32_code);
	hv_setup_call32(c->vm, c->vcpus[0]);
}

/* Inputs of which both halves of each register matter */

static u64 fast_delete(struct hv_caller *c, u64 partition, u32 id)
{
	struct hv_input_delete_port in = {
		.port_partition_id = partition,
		.port_id = id,
		.reserved = 0x12345678,
	};

	return hv_caller_fast(c, HVCALL_DELETE_PORT, &in, sizeof(in));
}

static u64 fast_disconnect(struct hv_caller *c, u64 partition, u32 id, u32 flags)
{
	struct hv_input_disconnect_port in = {
		.connection_partition_id = partition,
		.connection_id = id,
		.flags = flags,
	};

	return hv_caller_fast(c, HVCALL_DISCONNECT_PORT, &in, sizeof(in));
}

static u64 fast_create(struct hv_caller *c, struct hv_input_create_port in)
{
	return hv_caller_fast(c, HVCALL_CREATE_PORT, &in, sizeof(in));
}

static u64 fast_connect(struct hv_caller *c, struct hv_input_connect_port in)
{
	return hv_caller_fast(c, HVCALL_CONNECT_PORT, &in, sizeof(in));
}

static u64 fast_signal(struct hv_caller *c, u32 connection, u16 flag, u16 reserved)
{
	struct hv_port_signal_event in = {
		.connection_id = connection,
		.flag_number = flag,
		.rsvdz = reserved,
	};

	return hv_caller_fast(c, HVCALL_SIGNAL_EVENT, &in, sizeof(in));
}

#define NR_TESTS_SLOW	8

static void test_slow(struct hv_caller *c, const char *who)
{
	u64 port, value;

	ksft_test_result(hv_caller_create_port(c, hv_message_port(PORT, SINT, 0)) == OK,
			 "%s: create\n", who);
	ksft_test_result(hv_caller_connect_port(c, hv_connection_to(PORT, PORT, MESSAGE)) == OK,
			 "%s: connect\n", who);
	ksft_test_result(hv_caller_post(c, PORT) == OK &&
			 hv_caller_take_message(c, SINT, &port) && port == PORT,
			 "%s: post\n", who);
	value = 77;
	ksft_test_result(hv_caller_get_property(c, PORT, HV_PORT_PROPERTY_POST_COUNT,
						&value) == OK && value == 1,
			 "%s: get property\n", who);
	ksft_test_result(hv_caller_set_property(c, PORT, HV_PORT_PROPERTY_POST_COUNT, &value) ==
			 HV_STATUS_OPERATION_DENIED, "%s: set property\n", who);
	ksft_test_result(hv_caller_get_partition_id(c, &value) == OK && value > 1,
			 "%s: get partition id\n", who);
	ksft_test_result(hv_caller_disconnect_port(c, PORT) == OK, "%s: disconnect\n", who);
	ksft_test_result(hv_caller_delete_port(c, PORT) == OK, "%s: delete\n", who);
}

#define NR_TESTS_FAST	9

static void test_fast(struct hv_caller *c, const char *who)
{
	struct hv_input_connect_port connect = hv_connection_to(PORT, PORT, EVENT);
	u64 id;

	HV_TEST_ASSERT_OK(hv_caller_get_partition_id(c, &id));
	hv_host_set_sint(c, 0, SINT, 0);

	ksft_test_result(fast_create(c, hv_event_port(PORT, SINT, 0, 100, 7)) == OK,
			 "%s: create, XMM\n", who);
	/* The last byte but 7 that the registers have */
	connect.proximity_domain_info.flags = BIT(1);
	ksft_test_result(fast_connect(c, connect) == HV_STATUS_INVALID_PARAMETER,
			 "%s: connect, XMM, refused\n", who);
	connect.proximity_domain_info.flags = 0;
	ksft_test_result(fast_connect(c, connect) == OK, "%s: connect, XMM\n", who);
	ksft_test_result(fast_signal(c, PORT, 6, 0) == OK && hv_caller_take_flag(c, SINT, 106),
			 "%s: signal, fast\n", who);
	ksft_test_result(fast_signal(c, PORT, 6, 1) == HV_STATUS_INVALID_PARAMETER,
			 "%s: signal, fast, refused\n", who);
	ksft_test_result(fast_disconnect(c, id, PORT, BIT(1)) == HV_STATUS_INVALID_PARAMETER,
			 "%s: disconnect, fast, refused\n", who);
	ksft_test_result(fast_disconnect(c, id, PORT, 0) == OK, "%s: disconnect, fast\n", who);
	ksft_test_result(fast_delete(c, id | BIT_ULL(32), PORT) ==
			 HV_STATUS_INVALID_PARTITION_ID, "%s: delete, fast, refused\n", who);
	ksft_test_result(fast_delete(c, id, PORT) == OK, "%s: delete, fast\n", who);
}

#define NR_TESTS_HIGH	4

/* Addresses and control bits that are in the registers of the upper halves */
static void test_high(struct hv_caller *c, const char *who)
{
	const struct hv_input_create_port in = hv_message_port(PORT, SINT, 0);
	u64 *high, id;

	HV_TEST_ASSERT_OK(hv_caller_get_partition_id(c, &id));
	high = addr_gpa2hva(c->vm, HIGH_GPA);
	ksft_test_result(hv_caller_call(c, HVCALL_GET_PARTITION_ID, 0, HIGH_GPA + 4096 - 8) ==
			 OK && high[511] == id, "%s: output above 4 GiB\n", who);
	memcpy(high, &in, sizeof(in));
	ksft_test_result(hv_caller_call(c, HVCALL_CREATE_PORT, HIGH_GPA, 0) == OK &&
			 hv_caller_delete_port(c, PORT) == OK, "%s: input above 4 GiB\n", who);
	ksft_test_result(hv_caller_call(c, HVCALL_GET_PARTITION_ID | REP_COUNT, 0, HIGH_GPA) ==
			 BAD_INPUT, "%s: rep count\n", who);
	ksft_test_result(hv_caller_call(c, HVCALL_GET_PARTITION_ID | RESERVED, 0, HIGH_GPA) ==
			 BAD_INPUT, "%s: reserved bits\n", who);
}

static void test_mode(struct hv_caller *c, const char *who)
{
	vm_userspace_mem_region_add(c->vm, VM_MEM_SRC_ANONYMOUS, HIGH_GPA, HIGH_SLOT, 1, 0);
	hv_caller_start(c);
	test_slow(c, who);
	test_fast(c, who);
	test_high(c, who);
	hv_caller_free(c);
}

#define NR_TESTS_MODE	(NR_TESTS_SLOW + NR_TESTS_FAST + NR_TESTS_HIGH)

static void test_modes(void)
{
	struct hv_caller c;

	hv_caller_create(&c, 1);
	test_mode(&c, "64-bit");
	caller32_create(&c);
	test_mode(&c, "32-bit");
}

/* Callers without SynIC */

static const struct {
	const char *name;
	u16 code;
	bool fast;
} new_calls[] = {
	{ "get partition id", HVCALL_GET_PARTITION_ID },
	{ "create", HVCALL_CREATE_PORT },
	{ "create, XMM", HVCALL_CREATE_PORT, true },
	{ "delete", HVCALL_DELETE_PORT },
	{ "delete, fast", HVCALL_DELETE_PORT, true },
	{ "connect", HVCALL_CONNECT_PORT },
	{ "connect, XMM", HVCALL_CONNECT_PORT, true },
	{ "disconnect", HVCALL_DISCONNECT_PORT },
	{ "disconnect, fast", HVCALL_DISCONNECT_PORT, true },
	{ "get property", HVCALL_GET_PORT_PROPERTY },
	{ "set property", HVCALL_SET_PORT_PROPERTY },
};

/* With everything wrong that is checked later, and nothing that is earlier */
static void test_new_calls(struct hv_caller *c, const char *who)
{
	u64 control, status;
	int i;

	for (i = 0; i < ARRAY_SIZE(new_calls); i++) {
		control = new_calls[i].code | (new_calls[i].fast ? HV_HYPERCALL_FAST_BIT : 0);
		status = hv_caller_call(c, control | REP_COUNT, 3, 3);
		ksft_test_result(status == BAD_CODE &&
				 hv_caller_call(c, control, c->in_gpa, c->out_gpa) == BAD_CODE,
				 "%s: %s: status %u\n", who, new_calls[i].name, BAD_CODE);
		ksft_test_result(hv_caller_call(c, control | RESERVED, 3, 3) == BAD_INPUT,
				 "%s: %s: reserved bits matter first\n", who,
				 new_calls[i].name);
	}
}

#define NR_TESTS_OLD_CALLS	4

/* Not the module's, even if the VM has such a connection */
static void test_old_calls(struct hv_caller *c, const char *who)
{
	struct kvm_hyperv_eventfd args = {
		.conn_id = EVENTFD,
		.fd = eventfd(0, EFD_NONBLOCK),
	};
	const u32 before = hv_test_user_hypercalls;
	u64 count = 0;

	ksft_test_result(hv_caller_post(c, PORT) == BAD_INPUT, "%s: post\n", who);
	ksft_test_result(hv_caller_signal(c, EVENT_PORT, 0) == BAD_INPUT, "%s: signal\n", who);
	vm_ioctl(c->vm, KVM_HYPERV_EVENTFD, &args);
	ksft_test_result(hv_caller_signal(c, EVENTFD, 0) == OK &&
			 read(args.fd, &count, sizeof(count)) == sizeof(count) && count == 1,
			 "%s: signal, eventfd\n", who);
	ksft_test_result(hv_test_user_hypercalls == before, "%s: user space is not asked\n",
			 who);
	close(args.fd);
}

#define NR_TESTS_NO_SYNIC	(2 * ARRAY_SIZE(new_calls) + NR_TESTS_OLD_CALLS)

#define NR_TESTS_ACTIVATION	2

/* The same vCPU, without and with */
static void test_activation(u32 cap, const char *who)
{
	struct hv_caller c;
	u64 id;

	hv_caller_create_no_synic(&c);
	hv_caller_start(&c);
	test_new_calls(&c, who);
	test_old_calls(&c, who);

	vcpu_enable_cap(c.vcpus[0], cap, 0);
	ksft_test_result(hv_caller_get_partition_id(&c, &id) == OK,
			 "%s: activated: get partition id\n", who);
	/* The SynIC is active, though the guest has not turned it on. */
	ksft_test_result(hv_caller_create_port(&c, hv_message_port(PORT, SINT, 0)) == OK &&
			 hv_caller_connect_port(&c, hv_connection_to(PORT, PORT, MESSAGE)) ==
			 OK && hv_caller_post(&c, PORT) == HV_STATUS_INVALID_SYNIC_STATE,
			 "%s: activated: create, connect, post\n", who);
	hv_caller_free(&c);
}

/* A vCPU without SynIC beside one that has ports */
static void test_beside(void)
{
	struct hv_caller c, other;
	struct kvm_vcpu *vcpu;

	hv_caller_init(&c, 1);
	HV_TEST_ASSERT_OK(hv_caller_create_port(&c, hv_message_port(PORT, SINT, 0)));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(&c, hv_connection_to(PORT, PORT, MESSAGE)));
	HV_TEST_ASSERT_OK(hv_caller_create_port(&c, hv_event_port(EVENT_PORT, SINT, 0, 0, 1)));
	HV_TEST_ASSERT_OK(hv_caller_connect_port(&c, hv_connection_to(EVENT_PORT, EVENT_PORT,
								      EVENT)));

	vcpu = vm_vcpu_add(c.vm, 1, hv_caller_no_synic_code);
	vcpu_set_hv_cpuid(vcpu);
	other = c;
	other.vcpus[0] = vcpu;
	hv_caller_start(&other);
	test_new_calls(&other, "beside a SynIC");
	test_old_calls(&other, "beside a SynIC");
	hv_caller_free(&c);
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(2 * NR_TESTS_MODE + 3 * NR_TESTS_NO_SYNIC + 2 * NR_TESTS_ACTIVATION);

	test_modes();
	test_activation(KVM_CAP_HYPERV_SYNIC, "no SynIC");
	test_activation(KVM_CAP_HYPERV_SYNIC2, "no SynIC2");
	test_beside();

	ksft_finished();
}
