// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_CAP_HYPERV_ENFORCE_CPUID: each call needs its bit of CPUID 0x40000003
 * EBX, and no other, and EDX says whether it may use XMM registers; without the
 * capability the bits are no gate.
 */
#include "hv_call_util.h"

#define ACCESS_PARTITION_ID	BIT(1)
#define POST_MESSAGES		BIT(4)
#define SIGNAL_EVENTS		BIT(5)
#define CREATE_PORT		BIT(6)
#define CONNECT_PORT		BIT(7)

/* EDX */
#define XMM_INPUT		BIT(4)

#define DENIED			HV_STATUS_ACCESS_DENIED

/* Bits of the control word that no call may have, so none gets any further */
#define RESERVED		BIT_ULL(63)

static const u32 bits[] = {
	ACCESS_PARTITION_ID, POST_MESSAGES, SIGNAL_EVENTS, CREATE_PORT, CONNECT_PORT,
};

static const struct {
	const char *name;
	u16 code;
	u32 needs;
} calls[] = {
	{ "get partition id", HVCALL_GET_PARTITION_ID, ACCESS_PARTITION_ID },
	{ "post", HVCALL_POST_MESSAGE, POST_MESSAGES },
	{ "signal", HVCALL_SIGNAL_EVENT, SIGNAL_EVENTS },
	{ "create", HVCALL_CREATE_PORT, CREATE_PORT },
	{ "delete", HVCALL_DELETE_PORT, CREATE_PORT },
	{ "get property", HVCALL_GET_PORT_PROPERTY, CREATE_PORT },
	{ "set property", HVCALL_SET_PORT_PROPERTY, CREATE_PORT },
	{ "connect", HVCALL_CONNECT_PORT, CONNECT_PORT },
	{ "disconnect", HVCALL_DISCONNECT_PORT, CONNECT_PORT },
};

#define ALL	(ACCESS_PARTITION_ID | POST_MESSAGES | SIGNAL_EVENTS | CREATE_PORT | CONNECT_PORT)

/* Whether the caller is stopped at the gate, behind which is another check */
static u64 call_status(struct hv_caller *c, int call)
{
	return hv_caller_call(c, calls[call].code | RESERVED, c->in_gpa, c->out_gpa);
}

static void start(struct hv_caller *c, u32 features, bool enforce)
{
	struct kvm_cpuid_entry2 *entry;

	entry = vcpu_get_cpuid_entry(c->vcpus[0], HYPERV_CPUID_FEATURES);
	entry->ebx = (entry->ebx & ~ALL) | features;
	vcpu_set_cpuid(c->vcpus[0]);
	if (enforce)
		vcpu_enable_cap(c->vcpus[0], KVM_CAP_HYPERV_ENFORCE_CPUID, 1);
	hv_caller_start(c);
}

/* Whether each call says what it must of these features */
static void test_features(u32 features, bool enforce)
{
	u64 status, wanted;
	struct hv_caller c;
	int i;

	hv_caller_create(&c, 1);
	start(&c, features, enforce);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		status = call_status(&c, i);
		wanted = enforce && !(features & calls[i].needs) ?
			 DENIED : HV_STATUS_INVALID_HYPERCALL_INPUT;
		ksft_test_result(status == wanted, "%s, EBX %#x: %s: status %llu\n",
				 enforce ? "enforced" : "not enforced", features,
				 calls[i].name, (unsigned long long)wanted);
	}
	hv_caller_free(&c);
}

/* Who has no ports gets the answers of today, and the new calls are no calls. */
static void test_no_synic(void)
{
	u64 status, wanted;
	struct hv_caller c;
	int i;

	hv_caller_create_no_synic(&c);
	start(&c, 0, true);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		status = hv_caller_call(&c, calls[i].code, c.in_gpa, c.out_gpa);
		wanted = calls[i].needs & (POST_MESSAGES | SIGNAL_EVENTS) ?
			 DENIED : HV_STATUS_INVALID_HYPERCALL_CODE;
		ksft_test_result(status == wanted, "no SynIC: %s: status %llu\n",
				 calls[i].name, (unsigned long long)wanted);
	}
	hv_caller_free(&c);
}

#define NR_TESTS_WORK	5

/* Calls that are well-formed, from a caller with these features */
static void test_work(u32 features, bool enforce, bool allowed)
{
	const u64 wanted = allowed ? HV_STATUS_SUCCESS : DENIED;
	const char *who = allowed ? "allowed" : "denied";
	struct hv_caller c;
	u64 id;

	hv_caller_create(&c, 1);
	start(&c, features, enforce);
	ksft_test_result(hv_caller_get_partition_id(&c, &id) == wanted,
			 "%s: get partition id\n", who);
	ksft_test_result(hv_caller_create_port(&c, hv_message_port(1, 2, 0)) == wanted,
			 "%s: create\n", who);
	ksft_test_result(hv_caller_connect_port(&c, hv_connection_to(1, 1,
								     HV_PORT_TYPE_MESSAGE)) ==
			 wanted, "%s: connect\n", who);
	ksft_test_result(hv_caller_post(&c, 1) == wanted, "%s: post\n", who);
	ksft_test_result(hv_caller_delete_port(&c, 1) == wanted, "%s: delete\n", who);
	hv_caller_free(&c);
}

/* The exception that a call in registers ends with, or 0 */
static u64 fast_vector(struct hv_caller *c, u16 code)
{
	hv_guest_call.control = code | HV_HYPERCALL_FAST_BIT;
	sync_global_to_guest(c->vm, hv_guest_call);
	TEST_ASSERT_EQ(hv_test_run(c->vcpus[0]), 0);
	sync_global_from_guest(c->vm, hv_guest_call);
	return hv_guest_call.vector;
}

#define NR_TESTS_XMM	3

static void test_xmm(bool available, bool enforce)
{
	const u64 wanted = enforce && !available ? UD_VECTOR : 0;
	struct kvm_cpuid_entry2 *entry;
	struct hv_caller c;

	hv_caller_create(&c, 1);
	entry = vcpu_get_cpuid_entry(c.vcpus[0], HYPERV_CPUID_FEATURES);
	entry->edx = (entry->edx & ~XMM_INPUT) | (available ? XMM_INPUT : 0);
	start(&c, ALL, enforce);
	ksft_test_result(fast_vector(&c, HVCALL_CREATE_PORT) == wanted &&
			 fast_vector(&c, HVCALL_CONNECT_PORT) == wanted &&
			 !fast_vector(&c, HVCALL_DELETE_PORT),
			 "%s, %s XMM input: vector %llu\n", enforce ? "enforced" : "not enforced",
			 available ? "with" : "without", (unsigned long long)wanted);
	hv_caller_free(&c);
}

int main(void)
{
	int i;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_HYPERV_ENFORCE_CPUID));

	ksft_print_header();
	ksft_set_plan((2 * ARRAY_SIZE(bits) + 4) * ARRAY_SIZE(calls) + 3 * NR_TESTS_WORK +
		      NR_TESTS_XMM);

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		test_features(bits[i], true);
		test_features(ALL & ~bits[i], true);
	}
	test_features(0, true);
	test_features(ALL, true);
	test_features(0, false);
	test_no_synic();

	test_work(ALL, true, true);
	test_work(0, true, false);
	test_work(0, false, true);

	test_xmm(true, true);
	test_xmm(false, true);
	test_xmm(false, false);

	ksft_finished();
}
