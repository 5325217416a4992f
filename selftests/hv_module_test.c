// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading the module: with and without VMs, and while vCPUs are
 * making the calls that it answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hv_case_util.h"
#include "hv_host_util.h"
#include "hv_userfault_util.h"

/* machine: self timeout=300 */

#define PORT		0x100
#define CONNECTION	1
#define SINT		2
#define LOADS		100
#define ATTACHES	25
/* More than are freed in one go after a grace period */
#define HOST_PORTS	4000
#define SLOT		20
#define GPA		0x2000000

#define MODULE		"kvm_hv_ports"

/* 0 or a negative errno */
static int load_module(void)
{
	const char *path = getenv("HV_PORTS_KO");
	int fd, r;

	TEST_ASSERT(path, "HV_PORTS_KO does not say where the module is");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	TEST_ASSERT(fd >= 0, "open %s", path);
	r = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return r;
}

static int unload_module(void)
{
	return syscall(SYS_delete_module, MODULE, O_NONBLOCK) ? -errno : 0;
}

/*
 * KVM itself may keep a VM for a moment after its last file was closed, and the
 * module while it makes a call for a VM that is not attached.
 */
static int unload_module_soon(void)
{
	int i, r = -EWOULDBLOCK;

	for (i = 0; i < 1000 && r == -EWOULDBLOCK; i++) {
		r = unload_module();
		if (r == -EWOULDBLOCK)
			usleep(10000);
	}
	return r;
}

static bool is_loaded(void)
{
	return !access("/sys/module/" MODULE, F_OK);
}

/* Guests */

static u64 get_partition_id(struct hv_test_vp *vp)
{
	return hv_call(HVCALL_GET_PARTITION_ID, 0, vp->out.gpa);
}

/* Stages 0 and 1, each followed by a call that wants to know hv_test_arg. */
static void guest_partition_id(struct hv_test_vp *vp)
{
	u64 stage;

	hv_guest_init(vp);
	for (stage = 0; ; stage++) {
		GUEST_SYNC(stage);
		HV_ASSERT_STATUS(get_partition_id(vp), hv_test_arg);
	}
}

static void guest_message(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	GUEST_SYNC(0);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);
	HV_ASSERT_OK(hv_post_number(vp, CONNECTION, 1, 42));
	hv_take_number(vp, SINT, PORT, 42, false);
	GUEST_ASSERT_EQ(vp->interrupts[SINT], 1);
	GUEST_SYNC(1);
	GUEST_DONE();
}

/* A call whose input is in a page of which the host disposes */
static void guest_input_elsewhere(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	GUEST_SYNC(0);
	HV_ASSERT_OK(hv_call(HVCALL_CREATE_PORT, GPA, 0));
	GUEST_DONE();
}

/* The same, but that the call fails before it attaches the VM */
static void guest_input_in_vain(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	GUEST_SYNC(0);
	HV_ASSERT_STATUS(hv_call(HVCALL_GET_PORT_PROPERTY, GPA, vp->out.gpa + 1),
			 HV_STATUS_INVALID_ALIGNMENT);
	GUEST_DONE();
}

/* Calls that attach no VM: the module's answer, or that of KVM without it */
static u32 stop;
static u64 answered[HV_TEST_MAX_VCPUS];
static u64 unanswered[HV_TEST_MAX_VCPUS];

static void guest_calls_unattached(struct hv_test_vp *vp)
{
	u64 status;

	hv_guest_init(vp);
	while (!hv_load(&stop)) {
		status = hv_call(HVCALL_GET_PARTITION_ID, 0, vp->out.gpa + 1);
		if (status == HV_STATUS_INVALID_ALIGNMENT)
			hv_inc(&answered[vp->index]);
		else if (status == HV_STATUS_INVALID_HYPERCALL_CODE)
			hv_inc(&unanswered[vp->index]);
		else
			GUEST_FAIL("status %lu", status);
		HV_ASSERT_STATUS(hv_signal(77, 0), HV_STATUS_INVALID_CONNECTION_ID);
	}
	GUEST_DONE();
}

/* Until there is service; this attaches the VM. */
static void guest_awaits_service(struct hv_test_vp *vp)
{
	u64 status;

	hv_guest_init(vp);
	while ((status = get_partition_id(vp)) != HV_STATUS_SUCCESS) {
		GUEST_ASSERT_EQ(status, (u64)HV_STATUS_INVALID_HYPERCALL_CODE);
		hv_inc(&unanswered[vp->index]);
	}
	while (!hv_load(&stop))
		HV_ASSERT_OK(get_partition_id(vp));
	GUEST_DONE();
}

/* Host */

static void expect_status(struct kvm_vm *vm, u64 status)
{
	hv_test_arg = status;
	sync_global_to_guest(vm, hv_test_arg);
}

static void test_load_unload(void)
{
	int i;

	for (i = 0; i < 10; i++) {
		TEST_ASSERT_EQ(load_module(), 0);
		TEST_ASSERT_EQ(load_module(), -EEXIST);
		TEST_ASSERT_EQ(unload_module(), 0);
		TEST_ASSERT_EQ(unload_module(), -ENOENT);
	}
	ksft_test_result_pass("load and unload\n");
}

/* A VM whose vCPU has come to its stage 0 */
static struct kvm_vm *start_vm(void *guest, struct kvm_vcpu **vcpu)
{
	struct kvm_vm *vm = hv_test_create(1, &guest, vcpu);

	hv_test_step(*vcpu, 0);
	return vm;
}

static void test_unattached(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	TEST_ASSERT_EQ(load_module(), 0);
	vm = start_vm(guest_partition_id, &vcpu);
	TEST_ASSERT_EQ(unload_module(), 0);
	expect_status(vm, HV_STATUS_INVALID_HYPERCALL_CODE);
	hv_test_step(vcpu, 1);
	kvm_vm_free(vm);
	ksft_test_result_pass("a VM that made no port call does not pin the module\n");
}

static void test_attached(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	TEST_ASSERT_EQ(load_module(), 0);
	vm = start_vm(guest_partition_id, &vcpu);
	expect_status(vm, HV_STATUS_SUCCESS);
	hv_test_step(vcpu, 1);
	TEST_ASSERT_EQ(unload_module(), -EWOULDBLOCK);
	hv_test_step(vcpu, 2);
	TEST_ASSERT_EQ(unload_module(), -EWOULDBLOCK);
	kvm_vm_free(vm);
	TEST_ASSERT_EQ(unload_module_soon(), 0);
	ksft_test_result_pass("a VM that did pins it until it is gone\n");
}

static void test_late_load(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = start_vm(guest_message, &vcpu);
	TEST_ASSERT_EQ(load_module(), 0);
	hv_test_step(vcpu, 1);
	TEST_ASSERT_EQ(unload_module(), -EWOULDBLOCK);
	hv_test_finish(vcpu);
	kvm_vm_free(vm);
	TEST_ASSERT_EQ(unload_module_soon(), 0);
	ksft_test_result_pass("a VM from before the load has ports after it\n");
}

static void test_late_load_refused(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = start_vm(guest_partition_id, &vcpu);
	expect_status(vm, HV_STATUS_INVALID_HYPERCALL_CODE);
	hv_test_step(vcpu, 1);
	TEST_ASSERT_EQ(load_module(), 0);
	expect_status(vm, HV_STATUS_SUCCESS);
	hv_test_step(vcpu, 2);
	kvm_vm_free(vm);
	TEST_ASSERT_EQ(unload_module_soon(), 0);
	ksft_test_result_pass("a VM that was refused before the load is served after it\n");
}

/*
 * Their memory is given back after a grace period, by code of the module.  If it
 * is gone before, the kernel says so, in one way or the other.
 */
static void test_ports_just_closed(void)
{
	static int ports[HOST_PORTS];
	struct rlimit files = { .rlim_cur = HOST_PORTS + 100, .rlim_max = HOST_PORTS + 100 };
	struct hv_ports_set_partition limit = {
		.size = sizeof(limit),
		.flags = HV_PORTS_SET_MAX_PORTS,
		.max_ports = HOST_PORTS,
	};
	int dev, host, i;
	u64 id;

	TEST_ASSERT(!setrlimit(RLIMIT_NOFILE, &files), "setrlimit: %s", strerror(errno));
	TEST_ASSERT_EQ(load_module(), 0);
	dev = hv_dev_open();
	host = hv_dev_create_host(dev, &id);
	HV_DEV_OK(host, HV_PORTS_SET_PARTITION, &limit);
	for (i = 0; i < HOST_PORTS; i++)
		ports[i] = hv_host_port(host, PORT + i, HV_PORTS_MESSAGE, id, -1);
	close(host);
	close(dev);
	TEST_ASSERT_EQ(unload_module(), -EWOULDBLOCK);
	for (i = 0; i < HOST_PORTS; i++)
		close(ports[i]);
	TEST_ASSERT_EQ(unload_module(), 0);
	ksft_test_result_pass("unload when ports were closed a moment ago\n");
}

static void *unload_thread(void *result)
{
	*(int *)result = unload_module();
	return NULL;
}

/*
 * Whoever unloads is told that the module is in use, and does not wait with the vCPU
 * for the input.
 */
static void test_input_missing(void *guest, int unloaded_after, const char *name)
{
	const struct hv_input_create_port port = hv_message_port(PORT, SINT, 0);
	void *page = hv_test_alloc_memory(getpagesize());
	void *input = hv_test_alloc_memory(getpagesize());
	int fd = hv_userfault_open_missing(page, getpagesize());
	pthread_t runner, unloader;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int result = 0;

	TEST_ASSERT_EQ(load_module(), 0);
	vm = start_vm(guest, &vcpu);
	hv_test_set_slot(vm, SLOT, GPA, page, getpagesize());
	TEST_ASSERT(!pthread_create(&runner, NULL, hv_test_thread, vcpu), "pthread_create");
	hv_userfault_await(fd);

	TEST_ASSERT(!pthread_create(&unloader, NULL, unload_thread, &result),
		    "pthread_create");
	TEST_ASSERT(hv_userfault_join(unloader), "delete_module waits for guest memory");
	TEST_ASSERT_EQ(result, -EWOULDBLOCK);

	memcpy(input, &port, sizeof(port));
	hv_userfault_resolve(fd, page, input);
	pthread_join(runner, NULL);
	TEST_ASSERT_EQ(unload_module(), unloaded_after);
	kvm_vm_free(vm);
	TEST_ASSERT_EQ(unload_module_soon(), unloaded_after ? 0 : -ENOENT);
	close(fd);
	ksft_test_result_pass("unload while a vCPU waits for its input, %s\n", name);
}

static void start_threads(int nr, struct kvm_vcpu *vcpus[], pthread_t threads[])
{
	int i;

	for (i = 0; i < nr; i++)
		TEST_ASSERT(!pthread_create(&threads[i], NULL, hv_test_thread, vcpus[i]),
			    "pthread_create");
}

static void stop_threads(struct kvm_vm *vm, int nr, pthread_t threads[])
{
	int i;

	hv_store((u32 *)addr_gva2hva(vm, (gva_t)&stop), 1);
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
}

static u64 guest_counter(struct kvm_vm *vm, u64 *counter)
{
	return hv_load((u64 *)addr_gva2hva(vm, (gva_t)counter));
}

/* Wait until the guest has counted on, at most 30 s. */
static void await_count(struct kvm_vm *vm, u64 *counter)
{
	u64 before = guest_counter(vm, counter);
	int i;

	for (i = 0; i < 300000; i++) {
		if (guest_counter(vm, counter) != before)
			return;
		usleep(100);
	}
	TEST_FAIL("the guest stands still");
}

static void test_calls_in_flight(void)
{
	void *code[] = { guest_calls_unattached, guest_calls_unattached };
	struct kvm_vcpu *vcpus[2];
	pthread_t threads[2];
	struct kvm_vm *vm;
	int i;

	vm = hv_test_create(2, code, vcpus);
	start_threads(2, vcpus, threads);
	for (i = 0; i < LOADS; i++) {
		await_count(vm, &unanswered[i & 1]);
		TEST_ASSERT_EQ(load_module(), 0);
		await_count(vm, &answered[i & 1]);
		TEST_ASSERT_EQ(unload_module_soon(), 0);
	}
	stop_threads(vm, 2, threads);
	ksft_print_msg("%lu calls answered, %lu not\n",
		       (unsigned long)guest_counter(vm, &answered[0]),
		       (unsigned long)guest_counter(vm, &unanswered[0]));
	kvm_vm_free(vm);
	ksft_test_result_pass("load and unload while vCPUs call\n");
}

/* Load for a VM that is calling; unload at once, which works or does not. */
static bool attach_one(void)
{
	void *code[] = { guest_awaits_service, guest_awaits_service };
	struct kvm_vcpu *vcpus[2];
	pthread_t threads[2];
	struct kvm_vm *vm;
	bool attached;
	int r;

	vm = hv_test_create(2, code, vcpus);
	start_threads(2, vcpus, threads);
	await_count(vm, &unanswered[0]);
	await_count(vm, &unanswered[1]);
	TEST_ASSERT_EQ(load_module(), 0);
	r = unload_module();
	TEST_ASSERT(!r || r == -EWOULDBLOCK, "delete_module: %d", r);
	attached = r;
	if (!attached) {
		/* Not a call was answered, and none is now. */
		await_count(vm, &unanswered[0]);
		await_count(vm, &unanswered[1]);
		TEST_ASSERT_EQ(load_module(), 0);
	}
	stop_threads(vm, 2, threads);
	kvm_vm_free(vm);
	TEST_ASSERT_EQ(unload_module_soon(), 0);
	return attached;
}

static void test_attach_in_flight(void)
{
	int i, attached = 0;

	for (i = 0; i < ATTACHES; i++)
		attached += attach_one();
	ksft_print_msg("attached before the unload: %d of %d\n", attached, ATTACHES);
	ksft_test_result_pass("a VM attaches while the module is loaded and unloaded\n");
}

int main(void)
{
	/* The machine loads it for other tests, and expects to find it as it was. */
	bool loaded = is_loaded();

	if (loaded)
		TEST_ASSERT_EQ(unload_module(), 0);

	ksft_print_header();
	ksft_set_plan(10);
	test_load_unload();
	test_unattached();
	test_attached();
	test_late_load();
	test_late_load_refused();
	test_ports_just_closed();
	test_input_missing(guest_input_elsewhere, -EWOULDBLOCK, "which makes a port");
	test_input_missing(guest_input_in_vain, 0, "in vain");
	test_calls_in_flight();
	test_attach_in_flight();
	if (loaded)
		TEST_ASSERT_EQ(load_module(), 0);
	ksft_finished();
}
