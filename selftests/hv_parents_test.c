// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many generations of partitions, each the parent of the next one, of which in the
 * end only the last is there.  It does not keep those before it: they would all end
 * at once with it, one inside the other.
 */
#include <sys/resource.h>

#include "hv_host_util.h"
#include "hv_memory_util.h"
#include "hv_ports_util.h"

/* machine: self timeout=300 */

#define GENERATIONS	(HV_TEST_SCALE > 1 ? 100 : 400)
/* Nobody is kept; others have a few more or fewer objects meanwhile. */
#define OBJECTS_SPARE	(GENERATIONS * 3 / 4)
/* Each end takes some grace periods, which several may wait for together. */
#define BURIERS		16

struct generation {
	int vm;
	int partition;
};

static struct generation generations[GENERATIONS];
static int nr_generations;
static int kvm, dev;

/* A VM without vCPUs, which is enough for a partition */
static struct generation beget(const struct generation *parent)
{
	struct hv_ports_set_partition set = {
		.size = sizeof(set),
		.flags = HV_PORTS_SET_PARENT,
	};
	struct generation child;
	u64 id;

	child.vm = ioctl(kvm, KVM_CREATE_VM, 0);
	TEST_ASSERT(child.vm >= 0, "KVM_CREATE_VM: %s", strerror(errno));
	child.partition = hv_dev_attach(dev, child.vm, &id);
	if (parent) {
		set.parent_fd = parent->partition;
		HV_DEV_OK(child.partition, HV_PORTS_SET_PARTITION, &set);
	}
	return child;
}

static void bury(const struct generation *generation)
{
	close(generation->vm);
	close(generation->partition);
}

/* All but the last one */
static void *bury_some(void *first)
{
	int i;

	for (i = (long)first; i < nr_generations - 1; i += BURIERS)
		bury(&generations[i]);
	return NULL;
}

static void bury_parents(void)
{
	pthread_t threads[BURIERS];
	long i;

	for (i = 0; i < BURIERS; i++)
		TEST_ASSERT(!pthread_create(&threads[i], NULL, bury_some, (void *)i),
			    "pthread_create");
	for (i = 0; i < BURIERS; i++)
		pthread_join(threads[i], NULL);
}

static void raise_all(int nr)
{
	int i;

	nr_generations = nr;
	hv_module_load("");
	dev = hv_dev_open();
	for (i = 0; i < nr; i++)
		generations[i] = beget(i ? &generations[i - 1] : NULL);
}

static void bury_last(void)
{
	bury(&generations[nr_generations - 1]);
	close(dev);
	hv_module_unload();
}

int main(void)
{
	struct rlimit files = { 2 * GENERATIONS + 100, 2 * GENERATIONS + 100 };
	struct hv_caches before;

	hv_module_require();
	TEST_ASSERT(!setrlimit(RLIMIT_NOFILE, &files), "setrlimit: %s", strerror(errno));
	ksft_print_header();
	ksft_set_plan(2);
	kvm = open_kvm_dev_path_or_exit();
	/* The first ones allocate what others keep. */
	raise_all(3 * BURIERS);
	bury_parents();
	bury_last();

	hv_caches_read_settled(&before);
	raise_all(GENERATIONS);
	bury_parents();
	ksft_test_result(hv_caches_await(&before, OBJECTS_SPARE),
			 "the last of %d generations keeps none of the others\n", GENERATIONS);
	bury_last();
	ksft_test_result(hv_caches_await(&before, OBJECTS_SPARE), "nobody is left\n");
	ksft_finished();
}
