/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory at which KVM stops, so that something else can happen meanwhile
 */
#ifndef SELFTEST_HV_USERFAULT_UTIL_H
#define SELFTEST_HV_USERFAULT_UTIL_H

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hv_compat_util.h"

#define HV_USERFAULT_PATIENCE	60

/* @mode: UFFDIO_REGISTER_MODE_..., with the UFFD_FEATURE_... that it takes */
static inline int hv_userfault_open(void *memory, u64 size, u64 features, u64 mode)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register range = { .range = { (u64)memory, size }, .mode = mode };
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC);

	TEST_ASSERT(fd >= 0, "userfaultfd");
	TEST_ASSERT(!ioctl(fd, UFFDIO_API, &api), "UFFDIO_API");
	TEST_ASSERT(!ioctl(fd, UFFDIO_REGISTER, &range), "UFFDIO_REGISTER");
	return fd;
}

/* For memory that nobody has touched yet */
static inline int hv_userfault_open_missing(void *memory, u64 size)
{
	return hv_userfault_open(memory, size, 0, UFFDIO_REGISTER_MODE_MISSING);
}

/* Wait until somebody has stopped there. */
static inline struct uffd_msg hv_userfault_await(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	struct uffd_msg msg;

	TEST_ASSERT_EQ(poll(&pollfd, 1, HV_USERFAULT_PATIENCE * 1000), 1);
	TEST_ASSERT_EQ(read(fd, &msg, sizeof(msg)), (ssize_t)sizeof(msg));
	TEST_ASSERT_EQ(msg.event, UFFD_EVENT_PAGEFAULT);
	return msg;
}

/* Missing memory comes, with the contents of @page. */
static inline void hv_userfault_resolve(int fd, void *memory, const void *page)
{
	struct uffdio_copy copy = {
		.dst = (u64)memory,
		.src = (u64)page,
		.len = getpagesize(),
	};

	TEST_ASSERT(!ioctl(fd, UFFDIO_COPY, &copy), "UFFDIO_COPY");
}

/* For a thread that is to end while another one is stopped */
static inline bool hv_userfault_join(pthread_t thread)
{
	struct timespec give_up;

	clock_gettime(CLOCK_REALTIME, &give_up);
	give_up.tv_sec += HV_USERFAULT_PATIENCE / 3;
	return !pthread_timedjoin_np(thread, NULL, &give_up);
}

#endif /* SELFTEST_HV_USERFAULT_UTIL_H */
