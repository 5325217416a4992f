/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much memory the kernel has given to VMs: objects by cache, and what is
 * charged to a memory cgroup.
 */
#ifndef SELFTEST_HV_MEMORY_UTIL_H
#define SELFTEST_HV_MEMORY_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hv_module_util.h"
#include "kselftest.h"
#include "hv_compat_util.h"

static inline void hv_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	TEST_ASSERT(fd >= 0, "open %s: %s", path, strerror(errno));
	TEST_ASSERT(write(fd, text, strlen(text)) == (ssize_t)strlen(text),
		    "write \"%s\" to %s: %s", text, path, strerror(errno));
	close(fd);
}

/* Objects in use */

#define HV_CACHES	64

struct hv_caches {
	int nr;
	struct {
		char name[48];
		long active;
	} cache[HV_CACHES];
};

/* Those that a guest can make the module allocate from */
static inline bool hv_cache_is_ours(const char *name)
{
	return !strncmp(name, "kmalloc-cg-", 11) || !strcmp(name, "radix_tree_node") ||
	       !strcmp(name, "hv_port_buffers");
}

/* Free objects that a CPU keeps for itself count as active until a shrink. */
static inline void hv_cache_shrink(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", name);
	hv_write_file(path, "1");
}

static inline void hv_caches_list(struct hv_caches *caches)
{
	FILE *file = fopen("/proc/slabinfo", "r");
	char line[512], name[48];
	long active;

	TEST_ASSERT(file, "open /proc/slabinfo: %s", strerror(errno));
	caches->nr = 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%47s %ld", name, &active) != 2 || !hv_cache_is_ours(name))
			continue;
		TEST_ASSERT(caches->nr < HV_CACHES, "too many caches");
		snprintf(caches->cache[caches->nr].name, sizeof(name), "%s", name);
		caches->cache[caches->nr++].active = active;
	}
	fclose(file);
	TEST_ASSERT(caches->nr, "nothing of ours in /proc/slabinfo");
}

static inline void hv_caches_read(struct hv_caches *caches)
{
	int i;

	hv_caches_list(caches);
	for (i = 0; i < caches->nr; i++)
		hv_cache_shrink(caches->cache[i].name);
	hv_caches_list(caches);
}

/*
 * Have what was given to kfree_rcu() freed.  It waits in batches, and those in the
 * sheaves of a cache until they are full, however long that takes: a shrink, of
 * everything and of the cache, sends both on their way.  Unloading the module waits
 * for RCU's callbacks.  Those of 6.1 leave it to a work item, which comes before one
 * that is queued now.
 */
static inline void hv_caches_flush(const struct hv_caches *caches)
{
	int i;

	hv_write_file("/proc/sys/vm/drop_caches", "2");
	for (i = 0; i < caches->nr; i++)
		hv_cache_shrink(caches->cache[i].name);
	hv_module_load("");
	hv_module_unload();
	hv_write_file("/proc/sys/vm/stat_refresh", "1");
}

/*
 * Without what others gave back before; the module must not be loaded.  A batch may
 * have to wait for the one before it, hence twice.
 */
static inline void hv_caches_read_settled(struct hv_caches *caches)
{
	hv_caches_list(caches);
	hv_caches_flush(caches);
	hv_caches_flush(caches);
	hv_caches_read(caches);
}

static inline long hv_cache_active(const struct hv_caches *caches, const char *name)
{
	int i;

	for (i = 0; i < caches->nr; i++)
		if (!strcmp(caches->cache[i].name, name))
			return caches->cache[i].active;
	return 0;
}

static inline long hv_cache_read(const char *name)
{
	struct hv_caches caches;

	hv_cache_shrink(name);
	hv_caches_list(&caches);
	return hv_cache_active(&caches, name);
}

/* The largest difference, either way: what is freed twice is missing. */
static inline long hv_caches_compare(const struct hv_caches *before,
				     const struct hv_caches *after, bool show)
{
	long change, largest = 0;
	int i;

	for (i = 0; i < after->nr; i++) {
		change = after->cache[i].active -
			 hv_cache_active(before, after->cache[i].name);
		if (show && change)
			ksft_print_msg("%s: %+ld objects\n", after->cache[i].name, change);
		if (labs(change) > largest)
			largest = labs(change);
	}
	return largest;
}

/*
 * Wait until no cache differs by more than @tolerance.  Others free what VMs
 * had, some after a grace period.
 */
static inline bool hv_caches_await(const struct hv_caches *before, long tolerance)
{
	const time_t give_up = time(NULL) + 20;
	struct hv_caches now;

	do {
		hv_caches_read(&now);
		if (hv_caches_compare(before, &now, false) <= tolerance)
			break;
		usleep(50000);
	} while (time(NULL) < give_up);
	return hv_caches_compare(before, &now, true) <= tolerance;
}

/* A memory cgroup */

#define HV_CGROUP_ROOT	"/sys/fs/cgroup"

struct hv_cgroup {
	char path[128];
};

static inline bool hv_cgroup_create(struct hv_cgroup *group, const char *name)
{
	if (access(HV_CGROUP_ROOT "/cgroup.controllers", F_OK))
		return false;
	hv_write_file(HV_CGROUP_ROOT "/cgroup.subtree_control", "+memory");
	snprintf(group->path, sizeof(group->path), HV_CGROUP_ROOT "/%s", name);
	TEST_ASSERT(!mkdir(group->path, 0755) || errno == EEXIST, "mkdir %s: %s",
		    group->path, strerror(errno));
	return true;
}

static inline void hv_cgroup_move(const char *path)
{
	char file[160], pid[32];

	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	snprintf(pid, sizeof(pid), "%d", getpid());
	hv_write_file(file, pid);
}

/* The calling process, and its children from now on */
static inline void hv_cgroup_enter(const struct hv_cgroup *group)
{
	hv_cgroup_move(group->path);
}

static inline void hv_cgroup_leave(void)
{
	hv_cgroup_move(HV_CGROUP_ROOT);
}

/* CPUs keep charges for themselves, and unused dentries stay: make both go. */
static inline void hv_cgroup_drain(const struct hv_cgroup *group)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/memory.high", group->path);
	hv_write_file(path, "0");
	hv_write_file(path, "max");
}

/* Bytes of kernel objects that are charged to the group */
static inline long hv_cgroup_slab(const struct hv_cgroup *group)
{
	char path[160], line[128];
	long slab = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.stat", group->path);
	file = fopen(path, "r");
	TEST_ASSERT(file, "open %s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "slab %ld", &slab) == 1)
			break;
	fclose(file);
	TEST_ASSERT(slab >= 0, "no slab in %s", path);
	return slab;
}

/* Wait until no more than that is charged; the kernel adds up now and then. */
static inline bool hv_cgroup_await_slab(const struct hv_cgroup *group, long bytes)
{
	const time_t give_up = time(NULL) + 20;
	long slab;

	do {
		hv_cgroup_drain(group);
		slab = hv_cgroup_slab(group);
		if (slab <= bytes)
			return true;
		usleep(100000);
	} while (time(NULL) < give_up);
	ksft_print_msg("%ld bytes are charged\n", slab);
	return false;
}

static inline void hv_cgroup_remove(const struct hv_cgroup *group)
{
	TEST_ASSERT(!rmdir(group->path), "rmdir %s: %s", group->path, strerror(errno));
}

#endif /* SELFTEST_HV_MEMORY_UTIL_H */
