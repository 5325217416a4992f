// SPDX-License-Identifier: GPL-2.0-only
/*
 * As many doorbells as a VM may be allowed: in few pages, in many, at one
 * address.  Each rings its own flag.  Then the same with the VM killed.
 */
#include <signal.h>
#include <sys/wait.h>

#include "hv_doorbell_util.h"
#include "hv_module_util.h"

/* machine: self timeout=600 */

#define DOORBELLS	(16384 / HV_TEST_SCALE)
#define PER_PAGE	512
#define PAGES		(HV_TEST_SCALE > 1 ? 500 : 2000)
#define VALUES		(4096 / HV_TEST_SCALE)
#define QUOTA		"20000"

/* Or there is too little to tell what grows from what does not. */
static_assert(HV_TEST_SCALE <= 8);

/* Ports of 2048 consecutive ids share a SINT, so that each has its own flag. */
#define FIRST_SINT	2
#define SINTS		(DOORBELLS / 2048)

/* hv_test_arg */
enum layout {
	FEW_PAGES,
	MANY_PAGES,
	ONE_ADDRESS,
	NR_LAYOUTS,
};

static const u32 nr_bells[NR_LAYOUTS] = { DOORBELLS, PAGES, VALUES };

static u32 sint_of(u32 i)
{
	return FIRST_SINT + i / 2048;
}

/* Half of the values are close together, half are not. */
static u64 value_of(u32 i)
{
	return i < VALUES / 2 ? i : i * 0x9e3779b97f4a7c15ULL;
}

static struct hv_bell bell_of(u32 i)
{
	struct hv_bell bell = { .flags = 4 };

	switch (hv_test_arg) {
	case FEW_PAGES:
		bell.gpa = HV_BELL_GPA + i / PER_PAGE * 4096 + i % PER_PAGE * 8;
		bell.flags = i % HV_DOORBELL_SIZES | HV_BELL_ANY_VALUE;
		break;
	case MANY_PAGES:
		bell.gpa = HV_BELL_GPA + i * 4096 + i % PER_PAGE * 8;
		bell.value = i;
		break;
	case ONE_ADDRESS:
		bell.gpa = HV_BELL_GPA + 0x88;
		bell.value = value_of(i);
		break;
	}
	return bell;
}

static void write_to(const struct hv_bell *bell)
{
	hv_bell_write(bell->gpa, hv_bell_bytes(bell) ?: 1, bell->value);
}

static void open_all(struct hv_test_vp *vp)
{
	u32 i;

	for (i = 0; i < nr_bells[hv_test_arg]; i++)
		hv_open_doorbell(vp, i + 1, sint_of(i), 0, bell_of(i));
}

static void ring_all(struct hv_test_vp *vp)
{
	struct hv_bell bell;
	u32 i, sint, flag;

	for (i = 0; i < nr_bells[hv_test_arg]; i++) {
		bell = bell_of(i);
		sint = sint_of(i);
		flag = (i + 1) % 2048;
		GUEST_ASSERT(!hv_flag_is_set(vp, sint, flag));
		write_to(&bell);
		GUEST_ASSERT(hv_flag_is_set(vp, sint, flag));
		GUEST_ASSERT_EQ(vp->interrupts[sint], i % 2048 + 1);
	}
	GUEST_ASSERT_EQ(hv_mmio_count(vp), 0);
}

/* Each flag has been looked at; there must not be others. */
static u32 count_flags(struct hv_test_vp *vp)
{
	const u64 *words = vp->sief.gva;
	u32 flags = 0, i;
	u64 word;

	for (i = 0; i < 512; i++)
		for (word = words[i]; word; word &= word - 1)
			flags++;
	return flags;
}

static void close_all(struct hv_test_vp *vp)
{
	u32 i;

	for (i = 0; i < nr_bells[hv_test_arg]; i++)
		hv_close_doorbell(i + 1);
}

/* User space sees every one, of which a few will do. */
static void write_unarmed(struct hv_test_vp *vp)
{
	struct hv_mmio_access access;
	struct hv_bell bell;
	u64 exits;
	u32 i;

	for (i = 0; i < nr_bells[hv_test_arg]; i += 7) {
		bell = bell_of(i);
		exits = hv_mmio_count(vp);
		write_to(&bell);
		GUEST_ASSERT_EQ(hv_mmio_count(vp), exits + 1);
		access = hv_mmio_access(vp, exits);
		GUEST_ASSERT_EQ(access.gpa, bell.gpa);
		GUEST_ASSERT_EQ(access.value, bell.value);
	}
}

static void guest_start(struct hv_test_vp *vp)
{
	u32 i;

	hv_guest_init(vp);
	for (i = 0; i < SINTS; i++)
		hv_set_sint(FIRST_SINT + i, 0);
	open_all(vp);
}

static void guest_code(struct hv_test_vp *vp)
{
	guest_start(vp);
	ring_all(vp);
	GUEST_ASSERT_EQ(count_flags(vp), nr_bells[hv_test_arg]);
	close_all(vp);
	write_unarmed(vp);
	GUEST_ASSERT_EQ(count_flags(vp), nr_bells[hv_test_arg]);
	GUEST_DONE();
}

static void guest_to_be_killed(struct hv_test_vp *vp)
{
	guest_start(vp);
	ring_all(vp);
	GUEST_SYNC(1);
	GUEST_FAIL("the VM lives on");
}

static struct kvm_vm *create_vm(void *guest, enum layout layout, struct kvm_vcpu **vcpu)
{
	void *code[] = { guest };
	struct kvm_vm *vm;

	hv_test_exit = hv_mmio_exit;
	vm = hv_test_create(1, code, vcpu);
	hv_bell_map(vm, PAGES);
	hv_test_arg = layout;
	sync_global_to_guest(vm, hv_test_arg);
	return vm;
}

static void test_layout(enum layout layout, const char *name)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = create_vm(guest_code, layout, &vcpu);
	hv_test_finish(vcpu);
	kvm_vm_free(vm);
	hv_module_await_unused();
	ksft_test_result_pass("%u doorbells, %s\n", nr_bells[layout], name);
}

static void child(int ready, enum layout layout)
{
	struct kvm_vcpu *vcpu;

	create_vm(guest_to_be_killed, layout, &vcpu);
	hv_test_step(vcpu, 1);
	TEST_ASSERT(write(ready, "", 1) == 1, "write");
	for (;;)
		pause();
}

static void test_killed(enum layout layout, const char *name)
{
	int fds[2], status;
	pid_t pid;
	char byte;

	fflush(stdout);
	TEST_ASSERT(!pipe(fds), "pipe");
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		close(fds[0]);
		child(fds[1], layout);
	}
	close(fds[1]);
	TEST_ASSERT(read(fds[0], &byte, 1) == 1, "the child ended by itself");
	close(fds[0]);

	TEST_ASSERT_EQ(hv_module_refcount(), 1);
	kill(pid, SIGKILL);
	TEST_ASSERT(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "waitpid");
	hv_module_await_unused();
	ksft_test_result_pass("killed with %u doorbells, %s\n", nr_bells[layout], name);
}

int main(void)
{
	static const char * const names[NR_LAYOUTS] = {
		"512 in a page", "each in a page of its own", "all at one address",
	};
	int i;

	hv_module_require();
	ksft_print_header();
	ksft_set_plan(NR_LAYOUTS + 2);
	hv_module_load("max_ports=" QUOTA " max_connections=" QUOTA);

	for (i = 0; i < NR_LAYOUTS; i++)
		test_layout(i, names[i]);
	test_killed(FEW_PAGES, names[FEW_PAGES]);
	test_killed(ONE_ADDRESS, names[ONE_ADDRESS]);

	hv_module_unload();
	ksft_finished();
}
