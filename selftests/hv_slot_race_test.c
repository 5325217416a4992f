// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to a slot while KVM is in the middle of writing it.
 *
 * VP 0's SIM page is write-protected through userfaultfd, so that KVM stops at
 * its next write to it, at an address that is known.  Meanwhile the host does
 * through another mapping what a guest's other vCPU could do to the slot, or
 * VP 1 runs, and then the write goes on.
 */
#include <linux/membarrier.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "hv_case_util.h"
#include "hv_userfault_util.h"

/* machine: ports timeout=200 */

#define SINT		2
#define TYPE		0x77
#define PORT		0x100
#define CONNECTION	1
#define BUFFERS		16

#define SIM_GPA		0x10000000ULL
#define SIM_GVA		0x10000000ULL
#define SIM_SLOT	20

/* What the guest syncs with when KVM's writes are to be stopped from now on. */
#define STOP		1

static int uffd;

/* Host: the SIM page */

static void protect(struct kvm_vm *vm, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { (u64)addr_gpa2hva(vm, SIM_GPA), getpagesize() },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	TEST_ASSERT(!ioctl(uffd, UFFDIO_WRITEPROTECT, &wp), "UFFDIO_WRITEPROTECT");
}

static void open_uffd(struct kvm_vm *vm)
{
	const u64 features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_EXACT_ADDRESS |
			     UFFD_FEATURE_WP_HUGETLBFS_SHMEM;

	uffd = hv_userfault_open(addr_gpa2hva(vm, SIM_GPA), getpagesize(), features,
				 UFFDIO_REGISTER_MODE_WP);
}

static void put_sim_into_slot(struct kvm_vm *vm)
{
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_SHMEM, SIM_GPA, SIM_SLOT, 1, 0);
	virt_map(vm, SIM_GVA, SIM_GPA, 1);
	memset(addr_gpa2hva(vm, SIM_GPA), 0, getpagesize());
	hv_test_vp(vm, 0)->sim = (struct hv_test_page){ (void *)SIM_GVA, SIM_GPA };
	open_uffd(vm);
}

/* The slot as another vCPU sees it, protected or not */
static struct hv_port_message *other_view(struct kvm_vm *vm)
{
	return (struct hv_port_message *)addr_gpa2alias(vm, SIM_GPA) + SINT;
}

/* Wait until KVM has stopped; which byte of the slot it is about to write. */
static u64 await_write(struct kvm_vm *vm)
{
	const struct uffd_msg msg = hv_userfault_await(uffd);

	TEST_ASSERT(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP, "not a write");
	return msg.arg.pagefault.address - (u64)addr_gpa2hva(vm, SIM_GPA) -
	       SINT * sizeof(struct hv_port_message);
}

/*
 * Run VP 0 until it asks for it, protect the page, and run it on in a thread
 * until KVM has stopped.
 */
static pthread_t run_until_write(struct kvm_vm *vm, struct kvm_vcpu *vcpu, u64 *byte)
{
	pthread_t thread;

	put_sim_into_slot(vm);
	hv_test_step(vcpu, STOP);
	protect(vm, true);
	TEST_ASSERT(!pthread_create(&thread, NULL, hv_test_thread, vcpu), "pthread_create");
	*byte = await_write(vm);
	return thread;
}

static void resume(struct kvm_vm *vm, pthread_t thread)
{
	protect(vm, false);
	pthread_join(thread, NULL);
	close(uffd);
}

/* Guest */

static void guest_init(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_MASKED);
}

static void guest_open(struct hv_test_vp *vp)
{
	guest_init(vp);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);
}

/* The second message finds the first in the slot, and KVM is stopped at that. */
static void guest_busy(struct hv_test_vp *vp)
{
	guest_open(vp);
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, 1));
	hv_check_slot(vp, SINT, PORT, 1, false);
	GUEST_SYNC(STOP);
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, 2));
}

/*
 * Slot freed before MessagePending is set: whoever freed it saw no flag and
 * writes no EOM.  The message is KVM's to deliver.
 */
static void guest_freed(struct hv_test_vp *vp)
{
	guest_busy(vp);
	hv_take_number(vp, SINT, PORT, 2, false);
	hv_check_slot_stays_free(vp, SINT);
	GUEST_DONE();
}

static void host_freed(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	struct hv_port_message *slot;
	pthread_t thread;
	u64 byte;

	thread = run_until_write(vm, vcpus[0], &byte);
	slot = other_view(vm);
	TEST_ASSERT_EQ(byte, offsetof(struct hv_port_message, message_flags));
	TEST_ASSERT_EQ(slot->message_type, TYPE);
	hv_store(&slot->message_type, 0);
	TEST_ASSERT_EQ(hv_load(&slot->message_flags), 0);
	resume(vm, thread);
}

/* Not freed: it is the guest's turn, and its EOM brings the message. */
static void guest_kept(struct hv_test_vp *vp)
{
	guest_busy(vp);
	hv_take_number(vp, SINT, PORT, 1, true);
	hv_take_number(vp, SINT, PORT, 2, false);
	GUEST_DONE();
}

static void host_kept(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	pthread_t thread;
	u64 byte;

	thread = run_until_write(vm, vcpus[0], &byte);
	resume(vm, thread);
}

/* A message of somebody else's, from the VMM say, is in the slot by then. */
static void guest_taken(struct hv_test_vp *vp)
{
	guest_busy(vp);
	GUEST_ASSERT_EQ(hv_slot_type(vp, SINT), (u32)TYPE + 1);
	GUEST_ASSERT(hv_slot_free(vp, SINT));
	hv_take_number(vp, SINT, PORT, 2, false);
	GUEST_DONE();
}

static void host_taken(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	pthread_t thread;
	u64 byte;

	thread = run_until_write(vm, vcpus[0], &byte);
	hv_store(&other_view(vm)->message_type, TYPE + 1);
	resume(vm, thread);
}

/*
 * The slot is being filled while the port is deleted, and made again.  What is
 * being copied arrives; what was behind it does not; what comes after does.
 */
static void guest_owner(struct hv_test_vp *vp)
{
	guest_open(vp);
	GUEST_SYNC(STOP);
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, 1));
	hv_take_number(vp, SINT, PORT, 1, true);
	hv_take_number(vp, SINT, PORT, 10, true);
	hv_take_number(vp, SINT, PORT, 11, false);
	hv_check_slot_stays_free(vp, SINT);
	GUEST_DONE();
}

static void guest_deleter(struct hv_test_vp *vp)
{
	guest_init(vp);
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, 2));
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, 3));
	HV_ASSERT_OK(hv_delete_port(PORT));
	HV_ASSERT_OK(hv_disconnect_port(CONNECTION));
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, 10));
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, 11));
	GUEST_DONE();
}

/* A buffer that is being copied is not free yet. */
static void guest_receiver(struct hv_test_vp *vp)
{
	u64 i;

	guest_open(vp);
	GUEST_SYNC(STOP);
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, 0));
	for (i = 0; i < BUFFERS; i++)
		hv_take_number(vp, SINT, PORT, i, i < BUFFERS - 1);
	hv_check_slot_stays_free(vp, SINT);
	GUEST_DONE();
}

static void guest_poster(struct hv_test_vp *vp)
{
	u64 i;

	guest_init(vp);
	for (i = 1; i < BUFFERS; i++)
		HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, i));
	HV_ASSERT_STATUS(hv_post_number(vp, CONNECTION, TYPE, i),
			 HV_STATUS_INSUFFICIENT_BUFFERS);
	GUEST_DONE();
}

/* Grace periods: what is freed after one is free, and KASAN knows. */
static void await_rcu(void)
{
	int i;

	for (i = 0; i < 3; i++)
		TEST_ASSERT(!syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), "membarrier");
}

/* KVM is stopped at the first byte behind MessageType, which comes last. */
static void host_filled(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	pthread_t thread;
	u64 byte;

	thread = run_until_write(vm, vcpus[0], &byte);
	TEST_ASSERT_EQ(byte, sizeof(other_view(vm)->message_type));
	hv_test_finish(vcpus[1]);
	await_rcu();
	TEST_ASSERT_EQ(other_view(vm)->message_type, 0);
	resume(vm, thread);
}

/* The process dies there; unloading the module shows what is left of the VM. */
static void guest_killed(struct hv_test_vp *vp)
{
	guest_busy(vp);
	GUEST_ASSERT(false);
}

static void host_killed(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	int status;
	pid_t pid;

	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		struct kvm_vcpu *vcpu;
		u64 byte;

		vm = hv_test_create(1, (void *[]){ guest_killed }, &vcpu);
		run_until_write(vm, vcpu, &byte);
		kill(getpid(), SIGKILL);
	}
	TEST_ASSERT_EQ(waitpid(pid, &status, 0), pid);
	TEST_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		    "the child's status is %x", status);
}

static void guest_idle(struct hv_test_vp *vp)
{
	GUEST_DONE();
}

int main(void)
{
	static const struct hv_test_case cases[] = {
		{ "slot freed before MessagePending is set",
		  { guest_freed }, NULL, host_freed },
		{ "slot kept while MessagePending is set",
		  { guest_kept }, NULL, host_kept },
		{ "another message by the time MessagePending is set",
		  { guest_taken }, NULL, host_taken },
		{ "port deleted and made again while the slot is filled",
		  { guest_owner, guest_deleter }, NULL, host_filled },
		{ "buffers run out while the slot is filled",
		  { guest_receiver, guest_poster }, NULL, host_filled },
		{ "process killed while MessagePending is set",
		  { guest_idle }, NULL, host_killed },
	};

	hv_test_cases(cases, ARRAY_SIZE(cases));
}
