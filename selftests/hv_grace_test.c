// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM is destroyed while somebody who sends to it has lost the CPU in the middle
 * of a call: what he uses waits for him.
 *
 * The sender has the lowest of priorities.  When it has made some calls, a thread of
 * a higher one takes its CPU away, wherever the sender is, and keeps it until the VM is
 * gone, or for so long that the VM must be waiting for the sender.  Only a kernel that
 * preempts itself at once does that within a call.
 */
#include <semaphore.h>
#include <stdlib.h>

#include "hv_case_util.h"
#include "hv_call_util.h"
#include "hv_host_util.h"
#include "hv_preempt_util.h"

/* machine: ports timeout=60 */

#define SINT		2
#define PORT		0x200
#define CONNECTION	9
#define FLAGS		64
#define ROUNDS		200
/* How often the VM has to have waited */
#define WAITS		6
/* How many times longer than usual nobody takes without reason */
#define LONG		10

static struct hv_caller c;
static int dev, host, connection;
static u64 host_id;

static sem_t take_cpu;
static u64 sent;
static u32 taken, gone;
/* How long destroying a VM takes that nobody holds up, in ns */
static u64 usual;

/* Returns what a call failed with. */
static void *send_until_gone(void *unused)
{
	u32 flag = 0;

	hv_run_on(1, SCHED_IDLE);
	while (write(connection, &flag, sizeof(flag)) == sizeof(flag)) {
		flag = (flag + 1) % FLAGS;
		hv_inc(&sent);
	}
	return (void *)(long)errno;
}

/* Returns whether the VM was still there at the end. */
static void *keep_cpu(void *unused)
{
	u64 end;

	hv_run_on(1, SCHED_OTHER);
	hv_be_greedy();
	sem_wait(&take_cpu);
	hv_store(&taken, 1);
	for (end = hv_now() + LONG * usual; hv_now() < end; )
		if (hv_load(&gone))
			return (void *)false;
	return (void *)true;
}

static void create(void)
{
	struct hv_input_create_port in = hv_event_port(PORT, SINT, 0, 0, FLAGS);
	int vm_fd;
	u64 id;

	hv_caller_init(&c, 1);
	hv_host_set_sint(&c, 0, SINT, 0);
	vm_fd = hv_dev_attach(dev, c.vm->fd, &id);
	hv_dev_link(dev, host_id, id);
	close(vm_fd);
	in.connection_partition_id = host_id;
	HV_TEST_ASSERT_OK(hv_caller_create_port(&c, in));
	connection = hv_host_connect(host, CONNECTION, HV_PORTS_EVENT, id, PORT);
}

/* Was the VM held up? */
static bool destroy_under_sender(void)
{
	pthread_t sender, keeper;
	void *error, *held_up;
	u64 least = 1 + random() % 32;

	create();
	hv_store(&sent, 0);
	hv_store(&taken, 0);
	hv_store(&gone, 0);
	TEST_ASSERT(!pthread_create(&keeper, NULL, keep_cpu, NULL) &&
		    !pthread_create(&sender, NULL, send_until_gone, NULL), "pthread_create");
	while (hv_load(&sent) < least)
		sched_yield();
	sem_post(&take_cpu);
	while (!hv_load(&taken))
		sched_yield();
	hv_caller_free(&c);
	hv_store(&gone, 1);

	pthread_join(keeper, &held_up);
	pthread_join(sender, &error);
	TEST_ASSERT((long)error == EPIPE, "the last call: %s", strerror((long)error));
	close(connection);
	return held_up;
}

static void measure(void)
{
	u64 began;

	create();
	began = hv_now();
	hv_caller_free(&c);
	usual = hv_now() - began;
	close(connection);
}

int main(void)
{
	int round, waits = 0;

	if (!hv_kernel_preempts_itself())
		ksft_exit_skip("nobody is sure to lose the CPU within a call on this kernel\n");
	dev = hv_dev_open();
	host = hv_dev_create_host(dev, &host_id);
	sem_init(&take_cpu, 0, 0);
	hv_run_on(0, SCHED_OTHER);
	srandom(1);

	ksft_print_header();
	ksft_set_plan(1);
	measure();
	for (round = 0; round < ROUNDS && waits < WAITS; round++)
		waits += destroy_under_sender();
	ksft_print_msg("a VM is destroyed within %lu us\n", (unsigned long)usual / 1000);
	ksft_test_result(waits == WAITS, "%d VMs, of which %d waited for a sender\n", round,
			 waits);
	ksft_finished();
}
