// SPDX-License-Identifier: GPL-2.0-only
/*
 * fast_doorbells: with EPT, and since 7.x with NPT, KVM asks for a doorbell before it
 * decodes the instruction.  Only one that takes any value of any size can be had so, and
 * then a read rings it.  Elsewhere the parameter changes nothing.
 */
#include <sys/utsname.h>

#include "hv_doorbell_util.h"

/* machine: ports */

#define SINT	2

/* hv_test_arg: do reads ring? */

static const struct hv_bell any = { HV_BELL_GPA, 0, HV_BELL_ANY_VALUE };
/* A look-up that does not know the value must not take it for 0. */
static const struct hv_bell zero = { HV_BELL_GPA + 8, 0, 0 };
static const struct hv_bell four = { HV_BELL_GPA + 16, 0, HV_BELL_ANY_VALUE | 3 };

static bool take_ring(struct hv_test_vp *vp, u32 id)
{
	bool rang = hv_flag_is_set(vp, SINT, id);

	hv_flag_clear(vp, SINT, id);
	return rang;
}

static void check_read(struct hv_test_vp *vp, u32 id, const struct hv_bell *bell, bool rings)
{
	u64 seen = hv_mmio_count(vp);
	u64 value = hv_bell_read(bell->gpa);

	GUEST_ASSERT_EQ(take_ring(vp, id), rings);
	GUEST_ASSERT_EQ(hv_mmio_count(vp), seen + !rings);
	if (!rings)
		GUEST_ASSERT_EQ(value, HV_MMIO_READ_VALUE);
}

static void check_write(struct hv_test_vp *vp, u32 id, const struct hv_bell *bell, u32 len,
			u64 value, bool rings)
{
	u64 seen = hv_mmio_count(vp);

	hv_bell_write(bell->gpa, len, value);
	GUEST_ASSERT_EQ(take_ring(vp, id), rings);
	GUEST_ASSERT_EQ(hv_mmio_count(vp), seen + !rings);
}

static void guest_code(struct hv_test_vp *vp)
{
	u32 len;

	hv_guest_init(vp);
	hv_open_doorbell(vp, 1, SINT, 0, any);
	hv_open_doorbell(vp, 2, SINT, 0, zero);
	hv_open_doorbell(vp, 3, SINT, 0, four);

	for (len = 1; len <= 8; len *= 2) {
		check_write(vp, 1, &any, len, 0, true);
		check_write(vp, 1, &any, len, 0x55, true);
		check_write(vp, 2, &zero, len, 0, true);
		check_write(vp, 2, &zero, len, 0x55, false);
		check_write(vp, 3, &four, len, 0x55, len == 4);
	}
	check_read(vp, 1, &any, hv_test_arg);
	check_read(vp, 2, &zero, false);
	check_read(vp, 3, &four, false);

	hv_close_doorbell(1);
	check_write(vp, 1, &any, 4, 0, false);
	check_read(vp, 1, &any, false);
	GUEST_DONE();
}

/* An entry of EPT's, or of NPT's, is what traps on MMIO then. */
static bool kvm_is_fast(void)
{
	struct utsname name;

	if (!kvm_is_tdp_enabled())
		return false;
	if (host_cpu_is_intel)
		return true;
	return !uname(&name) && atoi(name.release) >= 7 && get_kvm_amd_param_bool("nrips");
}

static void host_code(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	hv_module_set("fast_doorbells", hv_test_arg);
	hv_test_arg = hv_test_arg && kvm_is_fast();
	sync_global_to_guest(vm, hv_test_arg);
	hv_bell_host(vm, vcpus);
}

int main(void)
{
	static const struct hv_test_case cases[] = {
		{ "fast_doorbells=0", { guest_code }, NULL, host_code, 0 },
		{ "fast_doorbells=1", { guest_code }, NULL, host_code, 1 },
	};

	hv_test_cases(cases, ARRAY_SIZE(cases));
}
