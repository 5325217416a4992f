// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom a message goes to: HV_ANY_VP, PreferredTargetVp, and VPs whose index the
 * host changes.
 */
#include "hv_case_util.h"

#define SINT		2
#define TYPE		0x77
#define PORT		0x100
#define CONNECTION	1

/* hv_test_arg: prefer VP 2 from now on, and post with success */
#define SET_PREFERRED	0x100

static u64 simp_on(struct hv_test_vp *vp)
{
	return vp->sim.gpa | HV_ENABLE;
}

static u64 set_preferred(struct hv_test_vp *vp, u32 target, u64 *now)
{
	struct hv_input_set_port_property in = {
		.get.port_partition_id = HV_PARTITION_ID_SELF,
		.get.port_id = PORT,
		.get.property_code = HV_PORT_PROPERTY_PREFERRED_TARGET_VP,
		.value = target,
	};
	u64 status = hv_call_slow(vp, HVCALL_SET_PORT_PROPERTY, &in, sizeof(in));

	*now = *(u64 *)vp->out.gva;
	return status;
}

/* The target polls: what is in its slot at each stage is checked by the host. */
static void guest_target(struct hv_test_vp *vp)
{
	u64 stage;

	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	for (stage = 0; ; stage++) {
		GUEST_SYNC(stage);
		hv_exit_often();
	}
}

/* Posts a message per stage, whose status has to be hv_test_arg. */
static void guest_poster(struct hv_test_vp *vp)
{
	u64 stage, now;

	hv_guest_init(vp);
	wrmsr(HV_X64_MSR_SIMP, 0);
	hv_open_port(vp, hv_message_port(PORT, SINT, HV_ANY_VP), CONNECTION);
	for (stage = 0; ; stage++) {
		GUEST_SYNC(stage);
		if (hv_test_arg == SET_PREFERRED) {
			HV_ASSERT_OK(set_preferred(vp, 2, &now));
			GUEST_ASSERT_EQ(now, 2);
			hv_test_arg = 0;
		}
		HV_ASSERT_STATUS(hv_post_number(vp, CONNECTION, TYPE, stage), hv_test_arg);
	}
}

struct vm_state {
	struct kvm_vm *vm;
	struct kvm_vcpu **vcpus;
	u64 stages[3];
};

static void run_stage(struct vm_state *s, int vcpu)
{
	hv_test_step(s->vcpus[vcpu], s->stages[vcpu]++);
}

/* Post, let the targets run, and say who has the message: 1, 2, or 0 if none. */
static int post_and_see(struct vm_state *s, u64 arg)
{
	int i, got = 0;

	hv_test_arg = arg;
	sync_global_to_guest(s->vm, hv_test_arg);
	run_stage(s, 0);
	for (i = 1; i < 3; i++) {
		struct hv_port_message *slot = addr_gva2hva(s->vm,
			(gva_t)hv_test_vp(s->vm, i)->sim.gva);

		slot += SINT;
		run_stage(s, i);
		if (!slot->message_type)
			continue;
		TEST_ASSERT(!got, "VP %d and VP %d have the message", got, i);
		TEST_ASSERT_EQ(slot->message_flags, 0);
		got = i;
		slot->message_type = 0;
	}
	return got;
}

static void start(struct vm_state *s, struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	*s = (struct vm_state) { .vm = vm, .vcpus = vcpus };
	run_stage(s, 0);
	run_stage(s, 1);
	run_stage(s, 2);
}

static void set_sim(struct vm_state *s, int vcpu, bool on)
{
	vcpu_set_msr(s->vcpus[vcpu], HV_X64_MSR_SIMP,
		     on ? simp_on(hv_test_vp(s->vm, vcpu)) : 0);
}

static void set_scontrol(struct vm_state *s, int vcpu, bool on)
{
	vcpu_set_msr(s->vcpus[vcpu], HV_X64_MSR_SCONTROL, on ? HV_ENABLE : 0);
}

/* The poster's own SIM page is off all the time. */
static void host_any(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	struct vm_state s;
	int i;

	start(&s, vm, vcpus);
	for (i = 0; i < 10; i++)
		TEST_ASSERT(post_and_see(&s, 0), "nobody has the message");

	set_sim(&s, 1, false);
	for (i = 0; i < 10; i++)
		TEST_ASSERT_EQ(post_and_see(&s, 0), 2);

	set_sim(&s, 2, false);
	TEST_ASSERT_EQ(post_and_see(&s, HV_STATUS_INVALID_SYNIC_STATE), 0);
	set_sim(&s, 1, true);
	TEST_ASSERT_EQ(post_and_see(&s, 0), 1);

	set_sim(&s, 2, true);
	set_scontrol(&s, 1, false);
	TEST_ASSERT_EQ(post_and_see(&s, 0), 2);
	set_scontrol(&s, 2, false);
	TEST_ASSERT_EQ(post_and_see(&s, HV_STATUS_INVALID_SYNIC_STATE), 0);
	set_scontrol(&s, 1, true);
	TEST_ASSERT_EQ(post_and_see(&s, 0), 1);
}

static void host_preferred(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	struct vm_state s;
	int i;

	start(&s, vm, vcpus);
	TEST_ASSERT_EQ(post_and_see(&s, SET_PREFERRED), 2);
	for (i = 0; i < 10; i++)
		TEST_ASSERT_EQ(post_and_see(&s, 0), 2);

	/* A preference, no more than that */
	set_sim(&s, 2, false);
	TEST_ASSERT_EQ(post_and_see(&s, 0), 1);
	set_sim(&s, 2, true);
	TEST_ASSERT_EQ(post_and_see(&s, 0), 2);

	set_scontrol(&s, 2, false);
	TEST_ASSERT_EQ(post_and_see(&s, 0), 1);
	set_sim(&s, 1, false);
	TEST_ASSERT_EQ(post_and_see(&s, HV_STATUS_INVALID_SYNIC_STATE), 0);
}

/* Ports to VPs 1, 2 and 7, which is there or not as the host has it. */
static void guest_renumber_poster(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	HV_ASSERT_STATUS(hv_create_port(vp, hv_message_port(PORT + 7, SINT, 7)),
			 HV_STATUS_INVALID_VP_INDEX);
	HV_ASSERT_STATUS(hv_create_port(vp, hv_message_port(PORT + 7, SINT, 3)),
			 HV_STATUS_INVALID_VP_INDEX);
	hv_open_port(vp, hv_message_port(PORT + 1, SINT, 1), 1);
	hv_open_port(vp, hv_message_port(PORT + 2, SINT, 2), 2);
	HV_ASSERT_OK(hv_post_number(vp, 1, TYPE, 1));
	HV_ASSERT_OK(hv_post_number(vp, 2, TYPE, 2));
	GUEST_SYNC(0);

	/* VP 2 has become VP 7. */
	HV_ASSERT_STATUS(hv_post_number(vp, 2, TYPE, 2), HV_STATUS_INVALID_VP_INDEX);
	hv_open_port(vp, hv_message_port(PORT + 7, SINT, 7), 7);
	HV_ASSERT_OK(hv_post_number(vp, 1, TYPE, 1));
	HV_ASSERT_OK(hv_post_number(vp, 7, TYPE, 7));
	GUEST_SYNC(1);

	/* The VP 1 of before is VP 2, and the VP 7 of before is VP 1. */
	HV_ASSERT_STATUS(hv_post_number(vp, 7, TYPE, 7), HV_STATUS_INVALID_VP_INDEX);
	HV_ASSERT_OK(hv_post_number(vp, 1, TYPE, 1));
	HV_ASSERT_OK(hv_post_number(vp, 2, TYPE, 2));
	GUEST_DONE();
}

static void guest_take(struct hv_test_vp *vp, u64 number)
{
	hv_take_number(vp, SINT, PORT + number, number, false);
}

static void guest_vcpu1(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	GUEST_SYNC(0);
	guest_take(vp, 1);
	GUEST_SYNC(1);
	guest_take(vp, 1);
	GUEST_SYNC(2);
	guest_take(vp, 2);
	GUEST_DONE();
}

static void guest_vcpu2(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	GUEST_SYNC(0);
	guest_take(vp, 2);
	GUEST_SYNC(1);
	guest_take(vp, 7);
	GUEST_SYNC(2);
	guest_take(vp, 1);
	GUEST_DONE();
}

static void host_renumber(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	hv_test_step(vcpus[1], 0);
	hv_test_step(vcpus[2], 0);
	hv_test_step(vcpus[0], 0);
	hv_test_step(vcpus[1], 1);
	hv_test_step(vcpus[2], 1);

	vcpu_set_msr(vcpus[2], HV_X64_MSR_VP_INDEX, 7);
	hv_test_step(vcpus[0], 1);
	hv_test_step(vcpus[1], 2);
	hv_test_step(vcpus[2], 2);

	vcpu_set_msr(vcpus[1], HV_X64_MSR_VP_INDEX, 2);
	vcpu_set_msr(vcpus[2], HV_X64_MSR_VP_INDEX, 1);
	hv_test_finish(vcpus[0]);
	hv_test_finish(vcpus[1]);
	hv_test_finish(vcpus[2]);
}

/* A vCPU that is added when ports are in use already is a target, too. */
static void guest_posts_to_new(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	HV_ASSERT_STATUS(hv_create_port(vp, hv_message_port(PORT + 1, SINT, 1)),
			 HV_STATUS_INVALID_VP_INDEX);
	GUEST_SYNC(0);
	hv_open_port(vp, hv_message_port(PORT + 1, SINT, 1), 1);
	HV_ASSERT_STATUS(hv_post_number(vp, 1, TYPE, 1), HV_STATUS_INVALID_SYNIC_STATE);
	GUEST_SYNC(1);
	HV_ASSERT_OK(hv_post_number(vp, 1, TYPE, 1));
	GUEST_DONE();
}

static void guest_new(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	GUEST_SYNC(0);
	guest_take(vp, 1);
	GUEST_DONE();
}

static void host_adds(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	hv_test_step(vcpus[0], 0);
	vcpus[1] = vm_vcpu_add(vm, 1, guest_new);
	hv_test_setup_vp(vm, vcpus[1], 1);
	hv_test_step(vcpus[0], 1);
	hv_test_step(vcpus[1], 0);
	hv_test_finish(vcpus[0]);
	hv_test_finish(vcpus[1]);
}

static const struct hv_test_case cases[] = {
	{ "any VP", { guest_poster, guest_target, guest_target }, .host = host_any },
	{ "preferred VP", { guest_poster, guest_target, guest_target }, .host = host_preferred },
	{
		.name = "VPs renumbered by the host",
		.code = { guest_renumber_poster, guest_vcpu1, guest_vcpu2 },
		.host = host_renumber,
	},
	{ "vCPU added later", { guest_posts_to_new }, .host = host_adds },
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
