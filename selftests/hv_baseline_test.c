// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs with all kinds of ports live and die, closed or killed in the middle of
 * their calls, and everything is where it was before: objects, charges,
 * references to the module, and nothing that nobody points to.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "hv_doorbell_util.h"
#include "hv_memory_util.h"
#include "hv_module_util.h"

/* machine: self timeout=300 */

#define VMS		(HV_TEST_SCALE > 1 ? 50 : 100)
#define WARM_UP		10
/* What one object per VM would exceed, even the smallest */
#define OBJECTS_SPARE	(VMS / 3)
#define BYTES_SPARE	(VMS * 64 / 3)

#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
/* It reports nothing that is younger than 5 s. */
#define KMEMLEAK_AGE	7

#define SINT		2
#define TYPE		0x77
#define PORTS_PER_KIND	4
#define MESSAGE_PORT	0x10000
#define EVENT_PORT	0x20000
#define DOORBELL_PORT	0x30000
#define AUTO_PORT	0x40000

/* Guest: a VP's ports are its index times this apart from the other's. */
#define PORT_STRIDE	0x1000

static u32 busy;

static struct hv_bell bell_of(u32 id)
{
	struct hv_bell bell = {
		.gpa = HV_BELL_GPA + (id & (PORT_STRIDE - 1)) * 8 + (id & PORT_STRIDE) / 2,
		.value = id * 0x9e3779b97f4a7c15ULL,
		.flags = id & 1 ? 4 : 4 | HV_BELL_ANY_VALUE,
	};

	return bell;
}

static void open_all(struct hv_test_vp *vp)
{
	const u32 first = vp->index * PORT_STRIDE;
	struct hv_input_create_port in;
	u32 i;

	for (i = first; i < first + PORTS_PER_KIND; i++) {
		hv_open_port(vp, hv_message_port(MESSAGE_PORT + i, SINT, vp->index),
			     MESSAGE_PORT + i);
		hv_open_port(vp, hv_event_port(EVENT_PORT + i, SINT, vp->index, 0, 2048),
			     EVENT_PORT + i);
		hv_open_doorbell(vp, DOORBELL_PORT + i, SINT, vp->index, bell_of(i));
		in = hv_message_port(AUTO_PORT + i, SINT, HV_ANY_VP);
		in.connection_partition_id = HV_PARTITION_ID_SELF;
		HV_ASSERT_OK(hv_create_port(vp, in));
	}
	/* Connections to nothing */
	HV_ASSERT_OK(hv_delete_port(MESSAGE_PORT + first));
	HV_ASSERT_OK(hv_delete_port(EVENT_PORT + first));
}

/* Nobody frees the slot, so all but one stay queued. */
static void use_all(struct hv_test_vp *vp, u64 number)
{
	const u32 i = vp->index * PORT_STRIDE + 1 + number % (PORTS_PER_KIND - 1);
	struct hv_bell bell = bell_of(i);
	u64 status;

	status = hv_post_number(vp, MESSAGE_PORT + i, TYPE, number);
	GUEST_ASSERT(!status || status == HV_STATUS_INSUFFICIENT_BUFFERS);
	status = hv_post_number(vp, AUTO_PORT + i, TYPE, number);
	GUEST_ASSERT(!status || status == HV_STATUS_INSUFFICIENT_BUFFERS);
	HV_ASSERT_OK(hv_signal(EVENT_PORT + i, number & 2047));
	hv_bell_write(bell.gpa, 8, bell.value);
}

static void guest_start(struct hv_test_vp *vp)
{
	u64 i;

	hv_guest_init(vp);
	hv_set_sint(SINT, HV_SINT_POLLING);
	open_all(vp);
	for (i = 0; i < 20; i++)
		use_all(vp, i);
	GUEST_ASSERT_EQ(hv_mmio_count(vp), 0);
}

static void guest_to_be_closed(struct hv_test_vp *vp)
{
	guest_start(vp);
	GUEST_DONE();
}

/* It is in the kernel, or in itself, but never in user space. */
static void guest_to_be_killed(struct hv_test_vp *vp)
{
	u64 i;

	guest_start(vp);
	hv_inc(&busy);
	for (i = 0; ; i++)
		use_all(vp, i);
}

/* Host: a process with a VM */

static struct kvm_vm *create_vm(void *guest, struct kvm_vcpu *vcpus[])
{
	void *code[] = { guest, guest };
	struct kvm_vm *vm;

	hv_test_exit = hv_mmio_exit;
	vm = hv_test_create(2, code, vcpus);
	hv_bell_map(vm, 1);
	return vm;
}

static void tell_parent(int fd)
{
	TEST_ASSERT(write(fd, "", 1) == 1, "write");
}

static void child_to_be_closed(int ready)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm;

	vm = create_vm(guest_to_be_closed, vcpus);
	hv_test_run_all(2, vcpus);
	tell_parent(ready);
	kvm_vm_free(vm);
}

static void child_to_be_killed(int ready)
{
	struct kvm_vcpu *vcpus[2];
	pthread_t threads[2];
	struct kvm_vm *vm;
	u32 *counter;
	int i;

	vm = create_vm(guest_to_be_killed, vcpus);
	counter = addr_gva2hva(vm, (gva_t)&busy);
	for (i = 0; i < 2; i++)
		TEST_ASSERT(!pthread_create(&threads[i], NULL, hv_test_thread, vcpus[i]),
			    "pthread_create");
	while (hv_load(counter) < 2)
		usleep(1000);
	tell_parent(ready);
	pthread_join(threads[0], NULL);
}

static void child(const struct hv_cgroup *group, int ready, bool killed)
{
	hv_cgroup_enter(group);
	if (killed)
		child_to_be_killed(ready);
	else
		child_to_be_closed(ready);
	_exit(0);
}

/* A process whose VM is ready to die; how it has to end is up to the caller. */
static pid_t start_vm(const struct hv_cgroup *group, bool killed)
{
	int fds[2];
	pid_t pid;
	char byte;

	fflush(stdout);
	TEST_ASSERT(!pipe(fds), "pipe");
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		close(fds[0]);
		child(group, fds[1], killed);
	}
	close(fds[1]);
	TEST_ASSERT(read(fds[0], &byte, 1) == 1, "the child ended by itself");
	close(fds[0]);
	return pid;
}

static void end_vm(pid_t pid, bool killed)
{
	int status;

	if (killed)
		kill(pid, SIGKILL);
	TEST_ASSERT_EQ(waitpid(pid, &status, 0), pid);
	if (killed)
		TEST_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
			    "status %x", status);
	else
		TEST_ASSERT(WIFEXITED(status) && !WEXITSTATUS(status), "status %x", status);
}

static void live_and_die(const struct hv_cgroup *group, int vms)
{
	int i;

	for (i = 0; i < vms; i++)
		end_vm(start_vm(group, i & 1), i & 1);
}

/* What is compared does change while there is a VM. */
static void test_counters(const struct hv_cgroup *group, const struct hv_caches *before,
			  long charged)
{
	struct hv_caches now;
	pid_t pid;

	pid = start_vm(group, true);
	ksft_test_result(hv_module_refcount() == 1, "a VM holds a reference to the module\n");
	hv_caches_read(&now);
	ksft_test_result(hv_caches_compare(before, &now, false) > PORTS_PER_KIND &&
			 hv_cache_active(&now, "hv_port_buffers") >= 2 * PORTS_PER_KIND,
			 "it has objects\n");
	ksft_test_result(hv_cgroup_slab(group) > charged + 10 * BYTES_SPARE,
			 "they are charged to it\n");
	end_vm(pid, true);
}

/* Nothing that nobody points to, while the module is there to be named */

static bool is_report_of_ours(void)
{
	FILE *file = fopen(KMEMLEAK, "r");
	bool ours = false;
	char line[512];

	TEST_ASSERT(file, "open " KMEMLEAK);
	while (fgets(line, sizeof(line), file)) {
		if (!strstr(line, "hv_port"))
			continue;
		ours = true;
		ksft_print_msg("%s", line);
	}
	fclose(file);
	return ours;
}

static void test_kmemleak(void)
{
	const time_t end = time(NULL) + KMEMLEAK_AGE;

	if (access(KMEMLEAK, F_OK)) {
		ksft_test_result_skip("no kmemleak in this kernel\n");
		return;
	}
	do {
		hv_write_file(KMEMLEAK, "scan");
	} while (time(NULL) < end);
	/* What a scan finds for the first time has to look the same in the next. */
	hv_write_file(KMEMLEAK, "scan");
	hv_write_file(KMEMLEAK, "scan");
	ksft_test_result(!is_report_of_ours(), "nothing has got lost\n");
}

/* Unloading waits for whatever is freed after a grace period. */
static long settle(const struct hv_cgroup *group, struct hv_caches *caches)
{
	hv_module_await_unused();
	hv_module_unload();
	hv_caches_read_settled(caches);
	hv_cgroup_drain(group);
	return hv_cgroup_slab(group);
}

int main(void)
{
	struct hv_caches before;
	struct hv_cgroup group;
	time_t began;
	long charged;

	hv_module_require();
	if (!hv_cgroup_create(&group, "hv_baseline_test"))
		ksft_exit_skip("no cgroup v2\n");

	ksft_print_header();
	ksft_set_plan(7);
	hv_module_load("");
	live_and_die(&group, WARM_UP);
	charged = settle(&group, &before);

	hv_module_load("");
	test_counters(&group, &before, charged);
	if (!access(KMEMLEAK, F_OK))
		hv_write_file(KMEMLEAK, "clear");
	began = time(NULL);
	live_and_die(&group, VMS);
	ksft_print_msg("%d VMs in %ld s\n", VMS, (long)(time(NULL) - began));
	hv_module_await_unused();
	ksft_test_result_pass("no reference to the module is left\n");
	test_kmemleak();

	hv_module_unload();
	ksft_test_result(hv_caches_await(&before, OBJECTS_SPARE), "no object is left\n");
	ksft_test_result(hv_cgroup_await_slab(&group, charged + BYTES_SPARE),
			 "nothing is charged any more\n");
	hv_cgroup_remove(&group);
	ksft_finished();
}
