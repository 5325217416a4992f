// SPDX-License-Identifier: GPL-2.0-only
/*
 * Somebody who makes a port for a VM has lost the CPU in the middle of the call, and
 * meanwhile the VM ends, or the link with it: then the call is refused, or nobody can
 * post to what it made.
 *
 * Where the caller is shows in its stack.  If it is not in the call, it gets the CPU
 * back until it is.
 */
#include <semaphore.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "hv_case_util.h"
#include "hv_call_util.h"
#include "hv_host_util.h"
#include "hv_preempt_util.h"

/* machine: ports timeout=60 */

#define PORT		0x200
/* What the caller is in when it loses the CPU */
#define IN		"hv_port_make"
/* How often the call has to be overtaken */
#define WANTED		10
#define MAX_CATCHES	20000
/* What nobody takes who does not wait for the caller: in ns, and times longer than usual */
#define LOCK_PATIENCE	5000000
#define LONG		3

#define BAD_PARTITION	HV_STATUS_INVALID_PARTITION_ID
#define BAD_STATE	HV_STATUS_INVALID_PARTITION_STATE

static int dev, host;
static u64 host_id;

/* The VM that the host names */
static struct hv_caller c;
static u64 vm_id;

/* The host's port */
static int port_fd;
static u32 port_id;
static bool was_connected;

static sem_t take_cpu;
static u32 taken, keep, done;
static u64 keep_until;

static u32 caller_tid, overtaken;

/* Who is there */

static void setup_vm(void)
{
	hv_caller_init(&c, 1);
	close(hv_dev_attach(dev, c.vm->fd, &vm_id));
	hv_dev_link(dev, host_id, vm_id);
	port_id = PORT;
	port_fd = -1;
}

static void end_vm(void)
{
	hv_caller_free(&c);
}

/* In the VM, automatically, to the last port that was made */
static bool is_connected(void)
{
	struct hv_ports_connection arg = {
		.size = sizeof(arg),
		.partition = vm_id,
		.id = port_id,
	};

	return !hv_dev_errno(dev, HV_PORTS_NEXT_CONNECTION, &arg) && arg.id == port_id;
}

static void unlink_vm(void)
{
	was_connected = is_connected();
	hv_dev_unlink(dev, host_id, vm_id);
}

/* Made again and again, with an id that is free in the VM, so that it is connected there */
static u64 make_port(void)
{
	struct hv_ports_create_port arg = {
		.size = sizeof(arg),
		.id = ++port_id,
		.type = HV_PORTS_MESSAGE,
		.connection_partition = vm_id,
		.eventfd = -1,
	};
	const int error = hv_dev_errno(host, HV_PORTS_CREATE_PORT, &arg);

	port_fd = error ? -1 : arg.fd;
	TEST_ASSERT(!error || error == ESRCH || error == ENODEV, "%s", strerror(error));
	if (error)
		return error == ESRCH ? BAD_PARTITION : BAD_STATE;
	return HV_STATUS_SUCCESS;
}

/* What is left, and whether it is as it should be */

static bool close_port(void)
{
	close(port_fd);
	return true;
}

/*
 * A port that was made all the same is one that nobody can post to, nor is it connected
 * any more.
 */
static bool close_unlinked(void)
{
	const u64 posted = hv_caller_post(&c, port_id);
	const bool refused = (posted == HV_STATUS_INVALID_PORT_ID && was_connected) ||
			     posted == HV_STATUS_INVALID_CONNECTION_ID;

	if (!refused)
		ksft_print_msg("without a link: %sconnected before, a post's status is %lu\n",
			       was_connected ? "" : "not ", (unsigned long)posted);
	close(port_fd);
	hv_caller_free(&c);
	return refused;
}

/**
 * struct race - a call, and what it loses against
 * @name: what is shown
 * @may_wait: the caller may have a lock of the host's, for which that does not wait
 * @overtake: happens while the caller waits for the CPU
 * @finish: what is left ends; false if it is not as it should be
 * @status: which shows that the call was overtaken
 * @rounds: in which that has to happen often enough
 */
struct race {
	const char *name;
	bool may_wait;
	void (*overtake)(void);
	bool (*finish)(void);
	u64 status;
	u32 rounds;
};

static const struct race races[] = {
	{ "VM ended", true, end_vm, close_port, BAD_STATE, 80 },
	{ "link removed", false, unlink_vm, close_unlinked, HV_STATUS_SUCCESS, 250 },
};

/* Returns the status of the call that was overtaken, or of the first after it. */
static void *call_until_overtaken(void *unused)
{
	u64 status;

	hv_run_on(1, SCHED_IDLE);
	hv_store(&caller_tid, syscall(SYS_gettid));
	for (;;) {
		status = make_port();
		if (status || hv_load(&overtaken))
			return (void *)status;
		close(port_fd);
	}
}

static void *keep_cpu(void *unused)
{
	hv_run_on(1, SCHED_OTHER);
	hv_be_greedy();
	for (;;) {
		sem_wait(&take_cpu);
		if (hv_load(&done))
			return NULL;
		hv_store(&taken, 1);
		while (hv_load(&keep) && hv_now() < hv_load(&keep_until))
			;
		hv_store(&taken, 0);
	}
}

static void give_back_cpu(void)
{
	hv_store(&keep, 0);
	while (hv_load(&taken))
		sched_yield();
}

/*
 * Whether the caller, who waits for the CPU, has no partition's lock, for which
 * whatever is to overtake him would wait.  If he has one, he gets the CPU back.
 */
static bool caller_has_no_lock(void)
{
	struct hv_ports_partition partition = { .size = sizeof(partition) };

	hv_store(&keep_until, hv_now() + LOCK_PATIENCE);
	while (!hv_dev_errno(dev, HV_PORTS_NEXT_PARTITION, &partition))
		partition.id++;
	hv_store(&keep_until, ~0ULL);
	return hv_load(&taken);
}

/* Take the CPU until the caller loses it within the call. */
static u32 catch_caller(const struct race *race)
{
	u32 catches, delay;

	while (!hv_load(&caller_tid))
		sched_yield();
	for (catches = 1; catches < MAX_CATCHES; catches++) {
		for (delay = random() % 65536; delay; delay--)
			barrier();
		hv_store(&keep_until, ~0ULL);
		hv_store(&keep, 1);
		sem_post(&take_cpu);
		while (!hv_load(&taken))
			sched_yield();
		if (hv_thread_is_in(caller_tid, IN) &&
		    (race->may_wait || caller_has_no_lock()))
			return catches;
		give_back_cpu();
	}
	TEST_FAIL("%s: the caller is never in " IN, race->name);
	return 0;
}

/* How long it takes when nobody holds it up, in ns */
static u64 measure(const struct race *race)
{
	u64 took;

	setup_vm();
	took = -hv_now();
	race->overtake();
	took += hv_now();
	race->finish();
	return took;
}

static bool run_once(const struct race *race, u64 usual, u64 *status, u32 *catches)
{
	pthread_t caller;
	void *result;

	setup_vm();
	hv_store(&caller_tid, 0);
	hv_store(&overtaken, 0);
	TEST_ASSERT(!pthread_create(&caller, NULL, call_until_overtaken, NULL),
		    "pthread_create");
	*catches += catch_caller(race);
	/* It may have what the other needs. */
	hv_store(&keep_until, hv_now() + LONG * usual);
	race->overtake();
	hv_store(&overtaken, 1);
	give_back_cpu();
	pthread_join(caller, &result);

	*status = (u64)result;
	return race->finish();
}

static void run(const struct race *race)
{
	const u64 usual = measure(race);
	u32 round, overtaken_calls = 0, catches = 0;
	bool ok = true;
	u64 status;

	for (round = 0; ok && round < race->rounds && overtaken_calls < WANTED; round++) {
		ok = run_once(race, usual, &status, &catches);
		overtaken_calls += status == race->status;
		if (!ok)
			ksft_print_msg("%s: status %lu\n", race->name, (unsigned long)status);
	}
	ksft_print_msg("%lu us, CPU taken %u times\n", (unsigned long)usual / 1000, catches);
	ksft_test_result(ok && overtaken_calls == WANTED, "%s: in %u of %u rounds\n",
			 race->name, overtaken_calls, round);
}

int main(void)
{
	pthread_t keeper;
	u32 i;

	if (!hv_kernel_preempts_itself())
		ksft_exit_skip("nobody is sure to lose the CPU within a call on this kernel\n");
	dev = hv_dev_open();
	host = hv_dev_create_host(dev, &host_id);
	sem_init(&take_cpu, 0, 0);
	hv_run_on(0, SCHED_OTHER);
	srandom(1);
	TEST_ASSERT(!pthread_create(&keeper, NULL, keep_cpu, NULL), "pthread_create");

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(races));
	for (i = 0; i < ARRAY_SIZE(races); i++)
		run(&races[i]);

	hv_store(&done, 1);
	sem_post(&take_cpu);
	pthread_join(keeper, NULL);
	ksft_finished();
}
