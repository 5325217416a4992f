// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM's ports need is charged to its memory cgroup, and comes back when
 * the VM is gone.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv_case_util.h"
#include "hv_memory_util.h"

#define PORT		0x100
#define PORTS		1024
#define SINT		2

/* 16 buffers of 256 bytes, and what is needed to keep and to find them */
#define PORT_MIN	(16 * 256L)
#define PORT_MAX	(2 * PORT_MIN)

static struct hv_cgroup group;

/* In the child: one byte each way per step */
static int to_child[2], to_parent[2];

static void guest_code(struct hv_test_vp *vp)
{
	u64 id;
	u32 i;

	hv_guest_init(vp);
	/* Attach, so that what every VM needs is there. */
	HV_ASSERT_OK(hv_call(HVCALL_GET_PARTITION_ID, 0, vp->out.gpa));
	id = *(u64 *)vp->out.gva;
	GUEST_ASSERT(id);
	GUEST_SYNC(0);
	for (i = 0; i < PORTS; i++)
		HV_ASSERT_OK(hv_create_port(vp, hv_message_port(PORT + i, SINT, 0)));
	GUEST_SYNC(1);
	for (i = 0; i < PORTS; i++)
		HV_ASSERT_OK(hv_delete_port(PORT + i));
	GUEST_SYNC(2);
	for (i = 0; i < PORTS; i++)
		HV_ASSERT_OK(hv_create_port(vp, hv_message_port(PORT + i, SINT, 0)));
	GUEST_DONE();
}

static void report_and_wait(void)
{
	char c = 'x';

	TEST_ASSERT_EQ(write(to_parent[1], &c, 1), 1);
	TEST_ASSERT_EQ(read(to_child[0], &c, 1), 1);
}

static void child(void)
{
	void *code[] = { guest_code };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	hv_cgroup_enter(&group);
	vm = hv_test_create(1, code, &vcpu);
	hv_test_step(vcpu, 0);
	report_and_wait();
	hv_test_step(vcpu, 1);
	report_and_wait();
	hv_test_step(vcpu, 2);
	report_and_wait();
	hv_test_finish(vcpu);
	report_and_wait();
	kvm_vm_free(vm);
	report_and_wait();
}

static void await_child(void)
{
	char c;

	TEST_ASSERT_EQ(read(to_parent[0], &c, 1), 1);
}

static void let_child_go_on(void)
{
	char c = 'x';

	TEST_ASSERT_EQ(write(to_child[1], &c, 1), 1);
}

static bool is_what_ports_need(long bytes)
{
	ksft_print_msg("%ld bytes per port\n", bytes / PORTS);
	return bytes >= PORTS * PORT_MIN && bytes <= PORTS * PORT_MAX;
}

/* Freeing takes a grace period, and the kernel's own caches of charges. */
static bool await_given_back(long before)
{
	long slab = 0;
	int i;

	for (i = 0; i < 1000; i++) {
		slab = hv_cgroup_slab(&group);
		if (slab < before + PORTS * PORT_MIN / 20)
			return true;
		usleep(10000);
	}
	ksft_print_msg("%ld bytes are charged, %ld before\n", slab, before);
	return false;
}

int main(void)
{
	long attached;
	int status;
	pid_t pid;

	if (!hv_cgroup_create(&group, "hv_memcg_test"))
		ksft_exit_skip("no cgroup v2\n");
	TEST_ASSERT(!pipe(to_child) && !pipe(to_parent), "pipe");
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		close(to_child[1]);
		close(to_parent[0]);
		child();
		_exit(0);
	}
	close(to_child[0]);
	close(to_parent[1]);

	ksft_print_header();
	ksft_set_plan(4);
	await_child();
	attached = hv_cgroup_slab(&group);
	let_child_go_on();
	await_child();
	ksft_test_result(is_what_ports_need(hv_cgroup_slab(&group) - attached),
			 "%d ports are charged to the VM\n", PORTS);
	let_child_go_on();
	await_child();
	ksft_test_result(await_given_back(attached), "not any more when deleted\n");
	let_child_go_on();
	await_child();
	ksft_test_result(is_what_ports_need(hv_cgroup_slab(&group) - attached), "charged again\n");
	let_child_go_on();
	await_child();
	ksft_test_result(await_given_back(attached), "not any more when the VM is gone\n");
	let_child_go_on();

	TEST_ASSERT_EQ(waitpid(pid, &status, 0), pid);
	TEST_ASSERT(WIFEXITED(status) && !WEXITSTATUS(status), "the child's status is %d", status);
	hv_cgroup_remove(&group);
	ksft_finished();
}
