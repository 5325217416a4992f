// SPDX-License-Identifier: GPL-2.0-only
/*
 * User space attaches a VM while KVM waits for a page of the same VM, for as long as
 * whoever provides the page likes: attaching does not wait for it.
 */
#include "hv_case_util.h"
#include "hv_host_util.h"
#include "hv_userfault_util.h"

/* machine: ports timeout=200 */

#define SLOT		20
#define GPA		0x2000000

static int dev, partition;
static u64 partition_id;

/* hv_test_arg: the register that makes KVM write the page */
static void guest_enables_page(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	GUEST_SYNC(0);
	wrmsr(hv_test_arg, GPA | HV_ENABLE);
	GUEST_ASSERT_EQ(rdmsr(hv_test_arg), (u64)GPA | HV_ENABLE);
	HV_ASSERT_OK(hv_call(HVCALL_GET_PARTITION_ID, 0, vp->out.gpa));
	GUEST_DONE();
}

static void *attach(void *vm)
{
	partition = hv_dev_attach(dev, ((struct kvm_vm *)vm)->fd, &partition_id);
	return NULL;
}

static void host(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	void *page = hv_test_alloc_memory(getpagesize());
	void *zeros = hv_test_alloc_memory(getpagesize());
	int fd = hv_userfault_open_missing(page, getpagesize());
	pthread_t runner, attacher;

	hv_test_set_slot(vm, SLOT, GPA, page, getpagesize());
	hv_test_step(vcpus[0], 0);
	TEST_ASSERT(!pthread_create(&runner, NULL, hv_test_thread, vcpus[0]),
		    "pthread_create");
	hv_userfault_await(fd);

	TEST_ASSERT(!pthread_create(&attacher, NULL, attach, vm), "pthread_create");
	TEST_ASSERT(hv_userfault_join(attacher), "HV_PORTS_ATTACH_VM waits for guest memory");

	memset(zeros, 0, getpagesize());
	hv_userfault_resolve(fd, page, zeros);
	pthread_join(runner, NULL);
	TEST_ASSERT_EQ(*(u64 *)addr_gpa2hva(vm, hv_test_vp(vm, 0)->out.gpa), partition_id);
	close(partition);
	close(fd);
}

static const struct hv_test_case cases[] = {
	{ "attach while the hypercall page is written", { guest_enables_page },
	  .host = host, .arg = HV_X64_MSR_HYPERCALL },
	{ "attach while the TSC page is written", { guest_enables_page },
	  .host = host, .arg = HV_X64_MSR_REFERENCE_TSC },
};

int main(void)
{
	dev = hv_dev_open();
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
