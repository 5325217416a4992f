/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that lose the CPU in the middle of a call
 *
 * One has the lowest of priorities.  One of a higher priority takes its CPU away,
 * wherever it is.  Only a kernel that preempts itself at once does that within a call.
 */
#ifndef SELFTEST_HV_PREEMPT_UTIL_H
#define SELFTEST_HV_PREEMPT_UTIL_H

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>

#include "hv_ports_util.h"

/* One that says PREEMPT may put it off until the call is over, but not a debug kernel. */
static inline bool hv_kernel_preempts_itself(void)
{
	struct utsname name;

	return HV_TEST_SCALE > 1 && !uname(&name) && strstr(name.version, "PREEMPT");
}

/* In ns */
static inline u64 hv_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static inline void hv_run_on(int cpu, int policy)
{
	const struct sched_param param = {};
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(cpus), &cpus), "sched_setaffinity");
	TEST_ASSERT(!sched_setscheduler(0, policy, &param), "sched_setscheduler");
}

/*
 * Leaves who has SCHED_IDLE one part in 10000, and what the kernel has to do one in
 * 30.
 */
static inline void hv_be_greedy(void)
{
	TEST_ASSERT(!setpriority(PRIO_PROCESS, 0, -15), "setpriority");
}

/* Whether a thread of ours that does not run is in that function of the kernel's */
static inline bool hv_thread_is_in(pid_t tid, const char *function)
{
	char path[64], stack[4096] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stack", tid);
	file = fopen(path, "r");
	TEST_ASSERT(file, "open %s", path);
	stack[fread(stack, 1, sizeof(stack) - 1, file)] = 0;
	fclose(file);
	return strstr(stack, function);
}

#endif /* SELFTEST_HV_PREEMPT_UTIL_H */
