// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM whose vCPUs send to each other is killed, again and again: the module
 * gives everything back.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv_doorbell_util.h"
#include "hv_memory_util.h"

/* machine: ports timeout=300 */

#define SINT		2
#define TYPE		0x77
#define PORT		0x100
#define KILLS		20
#define SYNC_EVERY	16

#define CACHE		"hv_port_buffers"

/* Shared by parent and child: how often a vCPU came by */
static u64 *progress;
static u32 ready;

/* Frees the slot and posts to the other, which does the same. */
static void guest_loop(struct hv_test_vp *vp)
{
	const u32 other = 1 - vp->index;
	u64 i, status;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	hv_open_port(vp, hv_message_port(PORT + vp->index, SINT, vp->index), vp->index);
	hv_open_port(vp, hv_event_port(PORT + 2 + vp->index, SINT, vp->index, 0, 2048),
		     2 + vp->index);
	hv_inc(&ready);
	hv_await(hv_load(&ready) == 2);

	for (i = 0; ; i++) {
		status = hv_post_number(vp, other, TYPE, i);
		GUEST_ASSERT(status == HV_STATUS_SUCCESS ||
			     status == HV_STATUS_INSUFFICIENT_BUFFERS);
		HV_ASSERT_OK(hv_signal(2 + other, i & 2047));
		hv_flag_clear(vp, SINT, i & 2047);
		/* Leave some queued. */
		if (i % 4 && hv_slot_type(vp, SINT))
			hv_slot_free(vp, SINT);
		if (i % SYNC_EVERY == 0)
			GUEST_SYNC(i);
	}
}

static void *run_forever(void *vcpu)
{
	while (hv_test_run(vcpu) != -1)
		hv_inc(progress);
	return NULL;
}

static void child(void)
{
	void *code[] = { guest_loop, guest_loop };
	struct kvm_vcpu *vcpus[2];
	pthread_t thread;

	hv_test_create(2, code, vcpus);
	TEST_ASSERT(!pthread_create(&thread, NULL, run_forever, vcpus[0]), "pthread_create");
	run_forever(vcpus[1]);
}

/* Wait for more progress, at most 30 s, or until the child ends by itself. */
static void await_progress(pid_t pid, u64 amount)
{
	int i;

	for (i = 0; i < 30000; i++) {
		if (hv_load(progress) >= amount)
			return;
		TEST_ASSERT(!waitpid(pid, NULL, WNOHANG), "the child ended by itself");
		usleep(1000);
	}
	TEST_FAIL("%lu is all there is of progress", (unsigned long)hv_load(progress));
}

static void kill_one(u64 after)
{
	pid_t pid;
	int status;

	hv_store(progress, 0);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		child();
		_exit(1);
	}

	await_progress(pid, after);
	kill(pid, SIGKILL);
	TEST_ASSERT_EQ(waitpid(pid, &status, 0), pid);
	TEST_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		    "the child's status is %d", status);
}

static bool all_given_back(void)
{
	return !hv_module_refcount() && !hv_cache_read(CACHE);
}

/* The last of it goes after a grace period. */
static bool await_all_given_back(void)
{
	int i;

	for (i = 0; i < 1000; i++) {
		if (all_given_back())
			return true;
		usleep(10000);
	}
	ksft_print_msg("module references %d, message buffers %ld\n", hv_module_refcount(),
		       hv_cache_read(CACHE));
	return false;
}

/* What is looked at below does change. */
static void check_counters(void)
{
	pid_t pid;

	hv_store(progress, 0);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		child();
		_exit(1);
	}
	await_progress(pid, 1);
	ksft_test_result(hv_module_refcount() == 1, "a running VM holds a reference\n");
	ksft_test_result(hv_cache_read(CACHE) >= 2, "its ports have buffers\n");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	int i;

	progress = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(progress != MAP_FAILED, "mmap");

	ksft_print_header();
	ksft_set_plan(4);
	check_counters();
	ksft_test_result(await_all_given_back(), "one VM killed\n");
	srandom(1);
	for (i = 0; i < KILLS; i++)
		kill_one(1 + random() % 40);
	ksft_test_result(await_all_given_back(), "%d VMs killed\n", KILLS);
	ksft_finished();
}
