/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests that load and unload the module themselves: it is HV_PORTS_KO.
 */
#ifndef SELFTEST_HV_MODULE_UTIL_H
#define SELFTEST_HV_MODULE_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hv_compat_util.h"

#define HV_MODULE_NAME	"kvm_hv_ports"

static inline void hv_module_require(void)
{
	TEST_REQUIRE(getenv("HV_PORTS_KO"));
}

static inline void hv_module_load(const char *parameters)
{
	const char *path = getenv("HV_PORTS_KO");
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	TEST_ASSERT(fd >= 0, "open %s: %s", path, strerror(errno));
	TEST_ASSERT(!syscall(SYS_finit_module, fd, parameters, 0), "finit_module: %s",
		    strerror(errno));
	close(fd);
}

/* A VM may go a moment after its last file was closed. */
static inline void hv_module_unload(void)
{
	const time_t give_up = time(NULL) + 20;

	while (syscall(SYS_delete_module, HV_MODULE_NAME, O_NONBLOCK)) {
		TEST_ASSERT((errno == EAGAIN || errno == EBUSY) && time(NULL) < give_up,
			    "delete_module: %s", strerror(errno));
		sched_yield();
	}
}

#endif /* SELFTEST_HV_MODULE_UTIL_H */
