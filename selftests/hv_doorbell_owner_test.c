// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the owner of a doorbell's port hears of a ring, in whatever state its
 * SynIC, its vCPU or the port is.
 *
 * No write may get to user space while there is a doorbell.
 */
#include "hv_doorbell_util.h"

/* machine: ports timeout=300 */

#define SINT		2
#define PORT		0x12345
#define FLAG		(PORT % 2048)
#define GPA		(HV_BELL_GPA + 0x100)
#define ROUNDS		500

#define BELL		((struct hv_bell) { GPA, 0, HV_BELL_ANY_VALUE })

static u32 stage;
static u32 halts;
static u32 woken;

static void ring(void)
{
	hv_bell_write(GPA, 4, 0);
}

/* The flag and nothing else, and it is cleared again */
static void take_flag(struct hv_test_vp *vp, u32 sint, u32 flag)
{
	const u64 *words = vp->sief.gva;
	u32 i;

	GUEST_ASSERT(hv_flag_is_set(vp, sint, flag));
	hv_flag_clear(vp, sint, flag);
	barrier();
	for (i = 0; i < 512; i++)
		GUEST_ASSERT_EQ(words[i], 0);
}

/* Nothing comes, now or later. */
static void check_silence(struct hv_test_vp *vp, u32 interrupts)
{
	hv_exit_often();
	GUEST_ASSERT(!hv_flag_is_set(vp, SINT, FLAG));
	GUEST_ASSERT_EQ(vp->interrupts[SINT], interrupts);
}

/* Rung, and it was consumed, by a VP that listens itself */
static void check_heard(struct hv_test_vp *vp)
{
	u32 interrupts = vp->interrupts[SINT];

	ring();
	take_flag(vp, SINT, FLAG);
	GUEST_ASSERT_EQ(vp->interrupts[SINT], interrupts + 1);
	GUEST_ASSERT_EQ(hv_mmio_count(vp), 0);
}

static void guest_open(struct hv_test_vp *vp, u32 target)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	hv_open_doorbell(vp, PORT, SINT, target, BELL);
}

/* The doorbell goes, and the write is user space's. */
static void guest_close(struct hv_test_vp *vp)
{
	GUEST_ASSERT_EQ(hv_mmio_count(vp), 0);
	hv_close_doorbell(PORT);
	ring();
	GUEST_ASSERT_EQ(hv_mmio_count(vp), 1);
	GUEST_DONE();
}

/* The SINT's state */

static void guest_masked(struct hv_test_vp *vp)
{
	guest_open(vp, 0);
	check_heard(vp);

	hv_set_sint(SINT, HV_SINT_MASKED);
	ring();
	take_flag(vp, SINT, FLAG);
	check_silence(vp, 1);

	/* The interrupt is lost, not late. */
	hv_set_sint(SINT, 0);
	check_silence(vp, 1);
	check_heard(vp);
	guest_close(vp);
}

static void guest_polling(struct hv_test_vp *vp)
{
	guest_open(vp, 0);
	hv_set_sint(SINT, HV_SINT_POLLING);
	ring();
	take_flag(vp, SINT, FLAG);
	check_silence(vp, 0);
	hv_set_sint(SINT, 0);
	check_silence(vp, 0);
	check_heard(vp);
	guest_close(vp);
}

static void guest_auto_eoi(struct hv_test_vp *vp)
{
	u32 i;

	guest_open(vp, 0);
	hv_set_sint(SINT, HV_SINT_AUTO_EOI);
	vp->no_eoi = true;
	for (i = 0; i < 3; i++)
		check_heard(vp);
	guest_close(vp);
}

/* The SynIC's state */

static void check_remembered(struct hv_test_vp *vp)
{
	take_flag(vp, SINT, FLAG);
	GUEST_ASSERT_EQ(vp->interrupts[SINT], 1);
	check_heard(vp);
	guest_close(vp);
}

static void guest_sief_off(struct hv_test_vp *vp)
{
	guest_open(vp, 0);
	wrmsr(HV_X64_MSR_SIEFP, 0);
	ring();
	check_silence(vp, 0);
	hv_enable_sief(vp);
	check_remembered(vp);
}

static void guest_synic_off(struct hv_test_vp *vp)
{
	guest_open(vp, 0);
	wrmsr(HV_X64_MSR_SCONTROL, 0);
	ring();
	check_silence(vp, 0);
	wrmsr(HV_X64_MSR_SCONTROL, HV_ENABLE);
	check_remembered(vp);
}

/* Each of the two alone is not enough. */
static void guest_both_off(struct hv_test_vp *vp)
{
	guest_open(vp, 0);
	wrmsr(HV_X64_MSR_SCONTROL, 0);
	wrmsr(HV_X64_MSR_SIEFP, 0);
	ring();
	hv_enable_sief(vp);
	check_silence(vp, 0);
	wrmsr(HV_X64_MSR_SIEFP, 0);
	wrmsr(HV_X64_MSR_SCONTROL, HV_ENABLE);
	check_silence(vp, 0);
	hv_enable_sief(vp);
	check_remembered(vp);
}

/* Several rings */

static void guest_coalesces(struct hv_test_vp *vp)
{
	guest_open(vp, 0);
	ring();
	ring();
	ring();
	GUEST_ASSERT(hv_flag_is_set(vp, SINT, FLAG));
	/* A flag that is set already announces nothing. */
	GUEST_ASSERT_EQ(vp->interrupts[SINT], 1);
	hv_flag_clear(vp, SINT, FLAG);
	check_silence(vp, 1);
	check_heard(vp);

	/* Neither is one lost that comes with the page off */
	wrmsr(HV_X64_MSR_SIEFP, 0);
	ring();
	ring();
	hv_enable_sief(vp);
	take_flag(vp, SINT, FLAG);
	check_silence(vp, 3);
	guest_close(vp);
}

static void guest_flag_numbers(struct hv_test_vp *vp)
{
	static const u32 ids[] = {
		1, 63, 64, 2047, 2048, 2049, 4096 + 77, 0x7fffff, 0x800000, 0xffffff,
	};
	struct hv_bell bell = { 0, 0, HV_BELL_ANY_VALUE };
	u32 sint = SINT, i;

	hv_guest_init(vp);
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		bell.gpa = GPA + i;
		sint = 1 + i * 7 % 15;
		hv_set_sint(sint, 0);
		hv_open_doorbell(vp, ids[i], sint, 0, bell);
	}
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		sint = 1 + i * 7 % 15;
		hv_bell_write(GPA + i, 1, 0);
		take_flag(vp, sint, ids[i] % 2048);
		GUEST_ASSERT_EQ(vp->interrupts[sint], 1);
	}
	GUEST_ASSERT_EQ(hv_mmio_count(vp), 0);
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		hv_close_doorbell(ids[i]);
	GUEST_DONE();
}

/* The port's state */

static void guest_port_deleted(struct hv_test_vp *vp)
{
	guest_open(vp, 0);
	HV_ASSERT_OK(hv_delete_port(PORT));
	ring();
	check_silence(vp, 0);
	/* The doorbell is that of the old port, and stays. */
	HV_ASSERT_OK(hv_create_port(vp, hv_doorbell_port(PORT, SINT, 0)));
	ring();
	check_silence(vp, 0);
	HV_ASSERT_STATUS(hv_connect_port(vp, hv_doorbell_to(PORT, PORT, BELL)),
			 HV_STATUS_INVALID_CONNECTION_ID);
	HV_ASSERT_STATUS(hv_connect_port(vp, hv_doorbell_to(PORT + 1, PORT, BELL)),
			 HV_STATUS_INVALID_PARAMETER);
	HV_ASSERT_OK(hv_disconnect_doorbell(PORT));
	HV_ASSERT_OK(hv_connect_port(vp, hv_doorbell_to(PORT, PORT, BELL)));
	check_heard(vp);
	guest_close(vp);
}

/* Another vCPU owns the port. */

static void guest_listener_start(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	asm volatile("cli");
	hv_set_sint(SINT, 0);
	hv_store(&stage, 1);
}

static void guest_ringer_start(struct hv_test_vp *vp, u32 target)
{
	hv_wait_until(hv_load(&stage) == 1);
	guest_open(vp, target);
}

static void guest_halts(struct hv_test_vp *vp)
{
	guest_listener_start(vp);
	while (hv_load(&woken) < ROUNDS) {
		hv_inc(&halts);
		hv_guest_sleep();
		take_flag(vp, SINT, FLAG);
		hv_inc(&woken);
		GUEST_ASSERT_EQ(vp->interrupts[SINT], hv_load(&woken));
	}
	GUEST_DONE();
}

static void guest_wakes(struct hv_test_vp *vp)
{
	u32 i, delay;

	guest_ringer_start(vp, 0);
	for (i = 0; i < ROUNDS; i++) {
		hv_wait_until(hv_load(&halts) == i + 1);
		/* Long enough to be asleep in most rounds, and not yet in others */
		for (delay = i * 97 % 65536; delay; delay--)
			barrier();
		ring();
		hv_wait_until(hv_load(&woken) == i + 1);
	}
	guest_close(vp);
}

static void guest_is_busy(struct hv_test_vp *vp)
{
	u32 i;

	guest_listener_start(vp);
	asm volatile("sti");
	for (i = 0; i < ROUNDS; i++) {
		hv_wait_until(vp->interrupts[SINT] == i + 1);
		take_flag(vp, SINT, FLAG);
		hv_inc(&woken);
	}
	GUEST_DONE();
}

static void guest_rings_busy(struct hv_test_vp *vp)
{
	u32 i;

	guest_ringer_start(vp, 0);
	for (i = 0; i < ROUNDS; i++) {
		ring();
		hv_wait_until(hv_load(&woken) == i + 1);
	}
	guest_close(vp);
}

static void guest_stops(struct hv_test_vp *vp)
{
	guest_listener_start(vp);
	asm volatile("sti");
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(vp->interrupts[SINT], 1);
	take_flag(vp, SINT, FLAG);
	check_silence(vp, 1);
	GUEST_DONE();
}

static void guest_rings_stopped(struct hv_test_vp *vp)
{
	guest_ringer_start(vp, 0);
	ring();
	ring();
	guest_close(vp);
}

/* The owner is in user space all the while that the other rings. */
static void host_stopped(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	hv_test_exit = hv_mmio_exit;
	hv_bell_map(vm, 1);
	hv_test_step(vcpus[0], 1);
	hv_test_finish(vcpus[1]);
	hv_test_finish(vcpus[0]);
}

/* Masked: the handler finds its VP by the index. */
static void guest_loses_index(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
	GUEST_SYNC(1);
	take_flag(vp, SINT, FLAG);
	GUEST_SYNC(2);
	check_silence(vp, 0);
	GUEST_SYNC(3);
	take_flag(vp, SINT, FLAG);
	GUEST_DONE();
}

static void guest_rings_index(struct hv_test_vp *vp)
{
	guest_open(vp, 1);
	ring();
	GUEST_SYNC(1);
	ring();
	GUEST_SYNC(2);
	ring();
	guest_close(vp);
}

/* For the second of three rings nobody has the owner's index. */
static void host_takes_index(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	hv_test_exit = hv_mmio_exit;
	hv_bell_map(vm, 1);
	hv_test_step(vcpus[1], 1);
	hv_test_step(vcpus[0], 1);
	hv_test_step(vcpus[1], 2);
	vcpu_set_msr(vcpus[1], HV_X64_MSR_VP_INDEX, 7);
	hv_test_step(vcpus[0], 2);
	hv_test_step(vcpus[1], 3);
	vcpu_set_msr(vcpus[1], HV_X64_MSR_VP_INDEX, 1);
	hv_test_finish(vcpus[0]);
	hv_test_finish(vcpus[1]);
}

/*
 * HV_ANY_VP: vCPU 1 rings, all three listen.  Round i has the stages 10 * i + 1:
 * set up, + 2: listen, + 3: the ring was heard.
 */

/* hv_test_arg: what those who are not to hear have */
#define DEAF_SIEF_OFF	0
#define DEAF_MASKED	1
#define DEAF_NOT_ASKED	2

#define VPS		3

static const u32 hearing[] = { BIT(0), BIT(1), BIT(2), BIT(0) | BIT(2), BIT(1), 7 };

static u32 heard;
static u32 turns;

static void look(struct hv_test_vp *vp)
{
	if (!hv_flag_is_set(vp, SINT, FLAG))
		return;
	take_flag(vp, SINT, FLAG);
	GUEST_ASSERT_EQ(__atomic_fetch_or(&heard, BIT(vp->index), __ATOMIC_SEQ_CST), 0);
}

static void set_hearing(struct hv_test_vp *vp, bool hears)
{
	if (hv_test_arg == DEAF_MASKED)
		hv_set_sint(SINT, hears ? 0 : HV_SINT_MASKED);
	else if (hv_test_arg == DEAF_SIEF_OFF && !hears)
		wrmsr(HV_X64_MSR_SIEFP, 0);
	else
		hv_enable_sief(vp);
	hv_inc(&turns);
}

static void listen_until(struct hv_test_vp *vp, u32 end)
{
	hv_wait_until((look(vp), hv_load(&stage) == end));
	hv_exit_often();
	look(vp);
	hv_inc(&turns);
}

static void guest_listens(struct hv_test_vp *vp)
{
	u32 i;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	for (i = 0; i < ARRAY_SIZE(hearing); i++) {
		hv_wait_until(hv_load(&stage) == 10 * i + 1);
		set_hearing(vp, hearing[i] & BIT(vp->index));
		listen_until(vp, 10 * i + 3);
	}
	GUEST_DONE();
}

static void prefer(struct hv_test_vp *vp, u32 target)
{
	const struct hv_input_set_port_property in = {
		.get = {
			.port_partition_id = HV_PARTITION_ID_SELF,
			.port_id = PORT,
			.property_code = HV_PORT_PROPERTY_PREFERRED_TARGET_VP,
		},
		.value = target,
	};

	HV_ASSERT_OK(hv_call_slow(vp, HVCALL_SET_PORT_PROPERTY, &in, sizeof(in)));
}

static void ring_round(struct hv_test_vp *vp, u32 i)
{
	hv_store(&heard, 0);
	hv_store(&turns, 0);
	hv_store(&stage, 10 * i + 1);
	set_hearing(vp, hearing[i] & BIT(vp->index));
	hv_wait_until(hv_load(&turns) == VPS);

	ring();

	hv_wait_until((look(vp), hv_load(&heard)));
	hv_store(&stage, 10 * i + 3);
	listen_until(vp, 10 * i + 3);
	hv_wait_until(hv_load(&turns) == 2 * VPS);
}

static void guest_rings_any(struct hv_test_vp *vp)
{
	u32 i;

	guest_open(vp, HV_ANY_VP);
	for (i = 0; i < ARRAY_SIZE(hearing); i++) {
		/* Where all could hear, one is asked. */
		if (hv_test_arg == DEAF_NOT_ASKED)
			prefer(vp, __builtin_ctz(hearing[i]));
		ring_round(vp, i);
		if (hv_test_arg == DEAF_NOT_ASKED)
			GUEST_ASSERT_EQ(heard, hearing[i] & -hearing[i]);
		else
			GUEST_ASSERT(!(heard & ~hearing[i]));
	}
	guest_close(vp);
}

static void guest_any_vp_remembers(struct hv_test_vp *vp)
{
	guest_open(vp, HV_ANY_VP);
	wrmsr(HV_X64_MSR_SIEFP, 0);
	ring();
	check_silence(vp, 0);
	hv_enable_sief(vp);
	check_remembered(vp);
}

#define RUN(...)	{ __VA_ARGS__ }, .host = hv_bell_host

static const struct hv_test_case cases[] = {
	{ "SINT masked", RUN(guest_masked) },
	{ "SINT polled", RUN(guest_polling) },
	{ "SINT with AutoEOI", RUN(guest_auto_eoi) },
	{ "SIEF page off", RUN(guest_sief_off) },
	{ "SynIC off", RUN(guest_synic_off) },
	{ "SIEF page and SynIC off", RUN(guest_both_off) },
	{ "several rings", RUN(guest_coalesces) },
	{ "flag numbers and SINTs", RUN(guest_flag_numbers) },
	{ "port deleted", RUN(guest_port_deleted) },
	{ "owner in HLT", RUN(guest_halts, guest_wakes) },
	{ "owner runs", RUN(guest_is_busy, guest_rings_busy) },
	{ "owner outside KVM_RUN", { guest_stops, guest_rings_stopped },
	  .host = host_stopped },
	{ "owner's VP index gone", { guest_rings_index, guest_loses_index },
	  .host = host_takes_index },
	{ "HV_ANY_VP: SIEF page on", RUN(guest_listens, guest_rings_any, guest_listens),
	  .arg = DEAF_SIEF_OFF },
	{ "HV_ANY_VP: preferred", RUN(guest_listens, guest_rings_any, guest_listens),
	  .arg = DEAF_NOT_ASKED },
	{ "HV_ANY_VP: SIEF page off", RUN(guest_any_vp_remembers) },
	{ "HV_ANY_VP: SINT unmasked", RUN(guest_listens, guest_rings_any, guest_listens),
	  .arg = DEAF_MASKED },
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
