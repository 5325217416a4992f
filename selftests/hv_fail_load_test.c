// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading that fails while vCPUs make calls: for each allocation that it makes in
 * the end, when KVM knows of the module already.  It is as if nobody had tried;
 * the same load works right after; and in the end nothing is left.
 */
#include "hv_case_util.h"
#include "hv_fault_util.h"
#include "hv_module_util.h"

/* machine: self timeout=300 */

#define VCPUS		2
/* How many allocations from the last one on: what our own code makes, and more */
#define RANGE		80
/* Each of them, or one in so many where loading takes long */
#define STEP		(HV_TEST_SCALE > 1 ? 2 : 1)
/* How often calls must have come in the middle, and when to give up */
#define ENOUGH		3
#define MAX_SWEEPS	10
#define MANY		1000000
/* Loads leave memory with others, who use it again. */
#define OBJECTS_SPARE	20

static u32 stop;
/* Calls that the module answered without attaching the VM; others; and service */
static u32 answered[VCPUS];
static u32 unanswered[VCPUS];
static u32 served[VCPUS];

static u32 failed, hit;

/* Guest */

/* What is not aligned is told so by the module, and attaches nobody. */
static bool guest_sees_module(struct hv_test_vp *vp)
{
	u64 status = hv_call(HVCALL_GET_PARTITION_ID, 0, vp->out.gpa + 1);

	if (status == HV_STATUS_INVALID_ALIGNMENT)
		return true;
	GUEST_ASSERT_EQ(status, (u64)HV_STATUS_INVALID_HYPERCALL_CODE);
	return false;
}

/* This would attach the VM, and must not before it is sure that the module stays. */
static bool guest_is_served(struct hv_test_vp *vp)
{
	u64 status = hv_call(HVCALL_GET_PARTITION_ID, 0, vp->out.gpa);

	if (status == HV_STATUS_SUCCESS)
		return true;
	GUEST_ASSERT_EQ(status, (u64)HV_STATUS_INVALID_HYPERCALL_CODE);
	return false;
}

static void guest_code(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	while (!hv_load(&stop)) {
		if (guest_is_served(vp))
			hv_inc(&served[vp->index]);
		if (guest_sees_module(vp))
			hv_inc(&answered[vp->index]);
		else
			hv_inc(&unanswered[vp->index]);
	}
	GUEST_DONE();
}

/* Host */

struct caller {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[VCPUS];
	pthread_t threads[VCPUS];
};

static void start_caller(struct caller *c)
{
	void *code[] = { guest_code, guest_code };
	int i;

	c->vm = hv_test_create(VCPUS, code, c->vcpus);
	for (i = 0; i < VCPUS; i++)
		TEST_ASSERT(!pthread_create(&c->threads[i], NULL, hv_test_thread, c->vcpus[i]),
			    "pthread_create");
}

static void stop_caller(struct caller *c)
{
	int i;

	hv_store((u32 *)addr_gva2hva(c->vm, (gva_t)&stop), 1);
	for (i = 0; i < VCPUS; i++)
		pthread_join(c->threads[i], NULL);
	kvm_vm_free(c->vm);
}

static u32 *counter(struct caller *c, u32 *of, int i)
{
	return (u32 *)addr_gva2hva(c->vm, (gva_t)of) + i;
}

static u32 count(struct caller *c, u32 *of)
{
	u32 sum = 0;
	int i;

	for (i = 0; i < VCPUS; i++)
		sum += hv_load(counter(c, of, i));
	return sum;
}

/* Wait until each vCPU has made more of these calls. */
static void await_calls(struct caller *c, u32 *of)
{
	const time_t give_up = time(NULL) + 30;
	u32 before;
	int i;

	for (i = 0; i < VCPUS; i++) {
		before = hv_load(counter(c, of, i));
		while (hv_load(counter(c, of, i)) == before) {
			TEST_ASSERT(time(NULL) < give_up, "vCPU %d makes no calls", i);
			sched_yield();
		}
	}
}

static int open_module(void)
{
	const char *path = getenv("HV_PORTS_KO");
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	TEST_ASSERT(fd >= 0, "open %s: %s", path, strerror(errno));
	return fd;
}

/* 0 or an errno */
static int load(enum hv_fault fault, u32 nth, bool *injected)
{
	int fd = open_module(), r;

	hv_fault_arm(fault, nth);
	r = syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
	*injected = hv_fault_disarm();
	close(fd);
	return r;
}

static void check_absent(void)
{
	static const char * const paths[] = {
		"/sys/module/" HV_MODULE_NAME,
		"/sys/class/misc/hv_ports",
		"/sys/kernel/slab/hv_port_buffers",
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(paths); i++)
		TEST_ASSERT(access(paths[i], F_OK), "%s is left", paths[i]);
}

/*
 * That a failure is reported on the console, where it happens, takes time: in it
 * calls come, to a module of which KVM knows already.
 */
static void report_failures(void)
{
	static const char * const kinds[] = { "failslab", "fail_page_alloc" };
	int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		hv_fault_set(kinds[i], "verbose", "1");
		hv_fault_set(kinds[i], "verbose_ratelimit_interval_ms", "0");
	}
}

/* How many allocations a load makes */
static u32 count_allocations(void)
{
	int fd = open_module();
	char left[16] = "";

	hv_fault_write(hv_fail_nth_fd, MANY);
	TEST_ASSERT(!syscall(SYS_finit_module, fd, "", 0), "finit_module: %s", strerror(errno));
	TEST_ASSERT(pread(hv_fail_nth_fd, left, sizeof(left) - 1, 0) > 0, "read fail-nth");
	hv_fault_write(hv_fail_nth_fd, 0);
	close(fd);
	hv_module_unload();
	return MANY - atoi(left);
}

/* Calls go on as before. */
static void check_failed(struct caller *c, u32 seen)
{
	check_absent();
	failed++;
	hit += count(c, answered) != seen;
	await_calls(c, unanswered);
	TEST_ASSERT_EQ(count(c, served), 0);
}

/* The VM attaches, hence goes before the module can. */
static void check_loaded(struct caller *c)
{
	await_calls(c, served);
	stop_caller(c);
	hv_module_unload();
	check_absent();
	start_caller(c);
}

/* False if loading does not make as many allocations. */
static bool fail_nth(struct caller *c, enum hv_fault fault, u32 nth)
{
	u32 seen = count(c, answered);
	bool injected;
	int r;

	r = load(fault, nth, &injected);
	TEST_ASSERT(!r || (injected && r == ENOMEM), "finit_module: %s", strerror(r));
	if (r)
		check_failed(c, seen);
	else
		check_loaded(c);
	return injected;
}

/* Every so many of them, from that one on */
static void sweep(enum hv_fault fault, u32 from, u32 step)
{
	struct caller c;
	u32 nth;

	start_caller(&c);
	for (nth = from; fail_nth(&c, fault, nth); nth += step)
		TEST_ASSERT(nth < from + 10 * RANGE, "no end");
	stop_caller(&c);
}

int main(void)
{
	struct hv_caches before;
	u32 allocations, from;
	int i;

	hv_module_require();
	if (!hv_fault_possible())
		ksft_exit_skip("the kernel has no fault injection\n");
	hv_fault_set_up();
	report_failures();
	hv_fault_open_thread();

	ksft_print_header();
	ksft_set_plan(3);
	allocations = count_allocations();
	ksft_print_msg("a load makes %u allocations\n", allocations);
	from = allocations - min_t(u32, allocations, RANGE) + 1;

	/* The first time, others allocate what they keep. */
	sweep(HV_FAULT_NTH, from, 4);
	hv_caches_read_settled(&before);
	failed = 0;
	hit = 0;
	for (i = 0; i < HV_NR_FAULTS || (hit < ENOUGH && i < MAX_SWEEPS); i++)
		sweep(i % HV_NR_FAULTS, from, STEP);
	ksft_test_result(failed >= RANGE / 4, "%u loads failed\n", failed);
	ksft_test_result(hit >= ENOUGH, "calls came in the middle of %u of them\n", hit);
	ksft_test_result(hv_caches_await(&before, OBJECTS_SPARE), "no object is left\n");
	ksft_finished();
}
