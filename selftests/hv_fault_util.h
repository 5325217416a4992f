/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocations that fail on demand: the n-th that the calling thread makes, or
 * that one and all after it.  The latter because who is refused may try again,
 * as an xarray does.
 */
#ifndef SELFTEST_HV_FAULT_UTIL_H
#define SELFTEST_HV_FAULT_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "hv_memory_util.h"

#define HV_DEBUGFS	"/sys/kernel/debug"

enum hv_fault {
	HV_FAULT_NTH,
	HV_FAULT_FROM_NTH,
	HV_NR_FAULTS,
};

/* Of the thread that opened them */
static int hv_fail_nth_fd, hv_make_it_fail_fd;

static inline bool hv_fault_possible(void)
{
	if (access(HV_DEBUGFS "/failslab", F_OK))
		mount("debugfs", HV_DEBUGFS, "debugfs", 0, NULL);
	return !access(HV_DEBUGFS "/failslab", F_OK) &&
	       !access(HV_DEBUGFS "/fail_page_alloc", F_OK) &&
	       !access("/proc/thread-self/fail-nth", F_OK);
}

static inline void hv_fault_set(const char *kind, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), HV_DEBUGFS "/%s/%s", kind, name);
	hv_write_file(path, value);
}

/* Every allocation of a task that asks for it; of others, none. */
static inline void hv_fault_set_up(void)
{
	static const char * const kinds[] = { "failslab", "fail_page_alloc" };
	int i;

	for (i = 0; i < 2; i++) {
		hv_fault_set(kinds[i], "task-filter", "Y");
		hv_fault_set(kinds[i], "probability", "100");
		hv_fault_set(kinds[i], "interval", "1");
		hv_fault_set(kinds[i], "times", "-1");
		hv_fault_set(kinds[i], "space", "0");
		hv_fault_set(kinds[i], "verbose", "0");
		hv_fault_set(kinds[i], "ignore-gfp-wait", "N");
	}
	hv_fault_set("fail_page_alloc", "min-order", "0");
}

static inline int hv_fault_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	TEST_ASSERT(fd >= 0, "open %s: %s", path, strerror(errno));
	return fd;
}

/* The calling thread is the one that will be refused. */
static inline void hv_fault_open_thread(void)
{
	hv_fail_nth_fd = hv_fault_open("/proc/thread-self/fail-nth");
	hv_make_it_fail_fd = hv_fault_open("/proc/thread-self/make-it-fail");
}

static inline void hv_fault_write(int fd, u32 number)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", number);

	TEST_ASSERT(pwrite(fd, text, len, 0) == len, "arm a fault: %s", strerror(errno));
}

static inline void hv_fault_arm(enum hv_fault fault, u32 nth)
{
	/* In this order: with no n to count down, all fail at once. */
	hv_fault_write(hv_fail_nth_fd, nth);
	if (fault == HV_FAULT_FROM_NTH)
		hv_fault_write(hv_make_it_fail_fd, 1);
}

/* True if there was an n-th allocation, so that it failed. */
static inline bool hv_fault_disarm(void)
{
	char left[16] = "";

	hv_fault_write(hv_make_it_fail_fd, 0);
	TEST_ASSERT(pread(hv_fail_nth_fd, left, sizeof(left) - 1, 0) > 0, "read fail-nth");
	hv_fault_write(hv_fail_nth_fd, 0);
	return !atoi(left);
}

#endif /* SELFTEST_HV_FAULT_UTIL_H */
