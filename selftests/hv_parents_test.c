// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many generations of partitions: each is the parent of the next one, and gone
 * when that one is there.  If the dead kept each other, the end of the last would
 * be that of all at once, one inside the other.
 */
#include "hv_host_util.h"
#include "hv_memory_util.h"
#include "kvm_util.h"

/* machine: self timeout=300 */

/* More than a stack has room for, one inside the other */
#define GENERATIONS	(HV_TEST_SCALE > 1 ? 500 : 2000)

static int kvm, dev;

struct generation {
	int vm;
	int partition;
};

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

static void run(int nr)
{
	struct generation parent, child;
	int i;

	hv_module_load("");
	dev = hv_dev_open();
	parent = beget(NULL);
	for (i = 1; i < nr; i++) {
		child = beget(&parent);
		bury(&parent);
		parent = child;
	}
	bury(&parent);
	close(dev);
	hv_module_unload();
}

int main(void)
{
	struct hv_caches before;

	hv_module_require();
	ksft_print_header();
	ksft_set_plan(2);
	kvm = open_kvm_dev_path_or_exit();
	/* The first ones allocate what others keep. */
	run(10);
	hv_caches_read_settled(&before);
	run(GENERATIONS);
	ksft_test_result_pass("%d generations\n", GENERATIONS);
	ksft_test_result(hv_caches_await(&before, GENERATIONS / 10), "nobody is left\n");
	ksft_finished();
}
