// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two vCPUs write to doorbells while a third makes and unmakes them, and while
 * the host puts memory there and elsewhere.
 *
 * Each write has one outcome: it rings, user space sees it, it goes to memory,
 * or, if the port is deleted, nothing.  Which, is certain unless the third vCPU
 * was in the middle of a change; how often it was is counted.
 *
 * At the end, VMs are killed in the middle of all this.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "hv_doorbell_util.h"

/* machine: ports timeout=400 */

#define RINGERS		2
#define CHANGER		RINGERS
#define VCPUS		(RINGERS + 1)
#define SINT(i)		(2 + (i))
#define PORT(i)		(0x100 + (i))
#define WRITES		(15000 / HV_TEST_SCALE)
/* Of each outcome and state; to get them, a ringer writes up to so many times. */
#define ENOUGH		(100 / HV_TEST_SCALE)
#define WRITES_LIMIT	(20 * WRITES)
#define KILLED		10

/* hv_test_arg */
#define DELETE		BIT(0)	/* ports, too */
#define SAME_DOORBELL	BIT(1)	/* for both */
#define MEMORY		BIT(2)	/* comes and goes */
#define FOREVER		BIT(3)

/* Memory that is also there under another address, to see what is written */
#define ALIAS_GPA	(HV_BELL_GPA + 0x10000000)
#define ALIAS_GVA	(HV_BELL_GVA + 0x10000000)
#define ELSEWHERE	(HV_BELL_GPA + 0x20000000)
#define ALIAS_SLOT	20
#define MEMORY_SLOT	21
#define MOVES		60

/* What a doorbell is at the moment; a generation above, so that no two look alike */
enum state {
	CHANGING,
	CONNECTED,
	DISCONNECTED,
	DEAD,
	NR_STATES,
};

#define STATE_BITS	8

static u64 states[RINGERS];

static u32 ready;
static u32 ringers_done;
/* Host: the ringers are not to end yet. */
static u32 hold;

/* By ringer and state (CHANGING: overlaps), and by outcome */
static u64 by_state[RINGERS][NR_STATES];
static u64 rung[RINGERS];
static u64 seen[RINGERS];
static u64 stored[RINGERS];

/* Doorbell @i */

static u32 bell_number(u32 ringer)
{
	return hv_test_arg & SAME_DOORBELL ? 0 : ringer;
}

/*
 * One address and different values; or, where memory is to tell who wrote, any
 * value and different addresses.
 */
static struct hv_bell bell_of(u32 i)
{
	if (hv_test_arg & MEMORY)
		return (struct hv_bell) { HV_BELL_GPA + 0x100 * i, 0, HV_BELL_ANY_VALUE | 4 };
	return (struct hv_bell) { HV_BELL_GPA, i + 1, i ? 0 : 4 };
}

/* Ringers hear of their own doorbells; of one that both ring, the first does. */
static u32 target_of(u32 i)
{
	return i;
}

/* Ringers */

static bool take_flag(struct hv_test_vp *vp, u32 i)
{
	if (!hv_flag_is_set(vp, SINT(i), PORT(i)))
		return false;
	hv_flag_clear(vp, SINT(i), PORT(i));
	return true;
}

static bool is_in_memory(const struct hv_bell *bell, u64 value)
{
	const u64 *alias = (void *)ALIAS_GVA + (bell->gpa - HV_BELL_GPA);

	return (hv_test_arg & MEMORY) && hv_load(alias) == value;
}

/* Between the two looks nothing was changed. */
static enum state stable_state(u64 before, u64 after)
{
	return before == after ? before & (BIT(STATE_BITS) - 1) : CHANGING;
}

static void check_outcome(enum state state, u64 rings, u64 exits, u64 stores)
{
	/* Never two */
	GUEST_ASSERT(rings + exits + stores <= 1);
	/* Never none, unless a port was deleted */
	if (!(hv_test_arg & DELETE))
		GUEST_ASSERT_EQ(rings + exits + stores, 1);

	if (state == CONNECTED)
		GUEST_ASSERT_EQ(rings + stores, 1);
	if (state == DISCONNECTED)
		GUEST_ASSERT_EQ(exits + stores, 1);
	if (state == DEAD)
		GUEST_ASSERT_EQ(rings + exits + stores, 0);
}

/* Flags of a doorbell that both ring do not say who rang it. */
static void check_shared_outcome(enum state state, u64 exits)
{
	GUEST_ASSERT(exits <= 1);
	if (state == CONNECTED || state == DEAD)
		GUEST_ASSERT_EQ(exits, 0);
	if (state == DISCONNECTED)
		GUEST_ASSERT_EQ(exits, 1);
}

static void write_once(struct hv_test_vp *vp, u32 nr)
{
	const u32 i = bell_number(vp->index);
	const struct hv_bell bell = bell_of(i);
	const u64 value = hv_test_arg & MEMORY ? nr + 1 : bell.value;
	u64 exits = hv_mmio_count(vp);
	u64 before = hv_load(&states[i]);
	u64 rings, stores;
	enum state state;

	hv_bell_write(bell.gpa, 8, value);

	state = stable_state(before, hv_load(&states[i]));
	exits = hv_mmio_count(vp) - exits;
	rings = vp->index == target_of(i) ? take_flag(vp, i) : 0;
	stores = is_in_memory(&bell, value);
	if (hv_test_arg & SAME_DOORBELL)
		check_shared_outcome(state, exits);
	else
		check_outcome(state, rings, exits, stores);

	by_state[vp->index][state]++;
	rung[vp->index] += rings;
	seen[vp->index] += exits;
	stored[vp->index] += stores;
}

/* Too little of something, and nothing was tested. */
static bool has_enough(u32 i)
{
	const u64 *times = by_state[i];

	if (times[CHANGING] < ENOUGH || times[CONNECTED] < ENOUGH ||
	    times[DISCONNECTED] < ENOUGH || seen[i] < ENOUGH)
		return false;
	if ((hv_test_arg & DELETE) && times[DEAD] < ENOUGH)
		return false;
	if ((hv_test_arg & MEMORY) && stored[i] < ENOUGH)
		return false;
	return rung[i] >= ENOUGH || i != target_of(bell_number(i));
}

static bool goes_on(u32 i, u32 writes)
{
	if (writes < WRITES || hv_load(&hold) || (hv_test_arg & FOREVER))
		return true;
	return writes < WRITES_LIMIT && !has_enough(i);
}

static void guest_ringer(struct hv_test_vp *vp)
{
	u32 nr;

	hv_guest_init(vp);
	/* No interrupts: flags are looked for. */
	hv_set_sint(SINT(vp->index), HV_SINT_POLLING);
	hv_inc(&ready);
	hv_wait_until(hv_load(&ready) == VCPUS);

	for (nr = 0; goes_on(vp->index, nr); nr++) {
		write_once(vp, nr);
		if ((hv_test_arg & FOREVER) && nr % 100 == 99)
			GUEST_SYNC(nr);
	}
	hv_inc(&ringers_done);
	GUEST_DONE();
}

/* The changer */

static u64 generation;

static void set_state(u32 i, enum state state)
{
	hv_store(&states[i], ++generation << STATE_BITS | state);
}

static enum state get_state(u32 i)
{
	return states[i] & (BIT(STATE_BITS) - 1);
}

/* There may be memory: then there cannot be a doorbell. */
static enum state connect(struct hv_test_vp *vp, u32 i)
{
	u64 status = hv_connect_port(vp, hv_doorbell_to(PORT(i), PORT(i), bell_of(i)));

	if ((hv_test_arg & MEMORY) && status == HV_STATUS_INVALID_PARAMETER)
		return DISCONNECTED;
	HV_ASSERT_OK(status);
	return CONNECTED;
}

static void create(struct hv_test_vp *vp, u32 i)
{
	HV_ASSERT_OK(hv_create_port(vp, hv_doorbell_port(PORT(i), SINT(i), target_of(i))));
}

/* On the way from connected to disconnected, the port is deleted at times. */
static enum state next_state(struct hv_test_vp *vp, u32 i, enum state from)
{
	static u32 departures[RINGERS];

	switch (from) {
	case CONNECTED:
		if ((hv_test_arg & DELETE) && departures[i]++ % 2) {
			HV_ASSERT_OK(hv_delete_port(PORT(i)));
			return DEAD;
		}
		HV_ASSERT_OK(hv_disconnect_doorbell(PORT(i)));
		return DISCONNECTED;
	case DEAD:
		HV_ASSERT_OK(hv_disconnect_doorbell(PORT(i)));
		create(vp, i);
		return DISCONNECTED;
	default:
		return connect(vp, i);
	}
}

static void change(struct hv_test_vp *vp, u32 i)
{
	enum state from = get_state(i), to;

	set_state(i, CHANGING);
	to = next_state(vp, i, from);
	set_state(i, to);
}

/* Let the ringers see a state that lasts, at times. */
static void linger(u32 turn)
{
	u32 delay;

	for (delay = turn * 7919 % (16384 * HV_TEST_SCALE * HV_TEST_SCALE); delay; delay--)
		barrier();
}

static u32 nr_bells(void)
{
	return hv_test_arg & SAME_DOORBELL ? 1 : RINGERS;
}

static void change_until_done(struct hv_test_vp *vp)
{
	u32 turn = 0, i;

	while (hv_load(&ringers_done) < RINGERS) {
		for (i = 0; i < nr_bells(); i++)
			change(vp, i);
		linger(turn++);
	}
}

/* A last look at each doorbell, at rest */
static void close_all(struct hv_test_vp *vp)
{
	struct hv_bell bell;
	u64 exits;
	u32 i;

	for (i = 0; i < nr_bells(); i++) {
		while (get_state(i) != DISCONNECTED)
			change(vp, i);
		HV_ASSERT_OK(hv_delete_port(PORT(i)));
		bell = bell_of(i);
		exits = hv_mmio_count(vp);
		hv_bell_write(bell.gpa, 8, bell.value);
		GUEST_ASSERT_EQ(hv_mmio_count(vp), exits + 1);
	}
}

static void check_tallies(void)
{
	u32 i;

	for (i = 0; i < RINGERS; i++) {
		GUEST_PRINTF("# ringer %u: %lu overlaps, %lu connected, %lu not, %lu dead\n",
			     i, by_state[i][CHANGING], by_state[i][CONNECTED],
			     by_state[i][DISCONNECTED], by_state[i][DEAD]);
		GUEST_PRINTF("# ringer %u: %lu rung, %lu seen by user space, %lu in memory\n",
			     i, rung[i], seen[i], stored[i]);
	}
	for (i = 0; i < RINGERS; i++)
		GUEST_ASSERT(has_enough(i));
}

static void guest_changer(struct hv_test_vp *vp)
{
	u32 i;

	hv_guest_init(vp);
	for (i = 0; i < nr_bells(); i++) {
		create(vp, i);
		set_state(i, DISCONNECTED);
	}
	hv_inc(&ready);
	change_until_done(vp);
	close_all(vp);
	check_tallies();
	GUEST_DONE();
}

/* Host */

/* Not through kvm_util, which the vCPUs' threads read at the same time */
static void set_memory(struct kvm_vm *vm, u32 slot, u64 gpa, u64 size, void *memory)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static void move_memory(struct kvm_vm *vm, void *memory)
{
	int i;

	for (i = 0; i < MOVES; i++) {
		set_memory(vm, MEMORY_SLOT, i % 2 ? HV_BELL_GPA : ELSEWHERE, 4096, memory);
		set_memory(vm, MEMORY_SLOT, 0, 0, memory);
	}
}

static void start_all(struct kvm_vcpu *vcpus[], pthread_t threads[])
{
	int i;

	for (i = 0; i < VCPUS; i++)
		TEST_ASSERT(!pthread_create(&threads[i], NULL, hv_test_thread, vcpus[i]),
			    "pthread_create");
}

static void host_with_memory(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	u32 *wait = addr_gva2hva(vm, (gva_t)&hold);
	pthread_t threads[VCPUS];
	int i;

	TEST_ASSERT(memory != MAP_FAILED, "mmap");
	hv_test_exit = hv_mmio_exit;
	hv_bell_map(vm, 1);
	virt_map(vm, ALIAS_GVA, ALIAS_GPA, 1);
	set_memory(vm, ALIAS_SLOT, ALIAS_GPA, 4096, memory);
	hv_store(wait, 1);

	start_all(vcpus, threads);
	move_memory(vm, memory);
	hv_store(wait, 0);
	for (i = 0; i < VCPUS; i++)
		pthread_join(threads[i], NULL);
}

/* Killed */

static int progress;

static void *report_progress(void *vcpu)
{
	for (;;) {
		hv_test_run(vcpu);
		TEST_ASSERT(write(progress, "", 1) == 1, "write");
	}
	return NULL;
}

static void child(int fd)
{
	void *code[] = { guest_ringer, guest_ringer, guest_changer };
	struct kvm_vcpu *vcpus[VCPUS];
	pthread_t threads[VCPUS];
	struct kvm_vm *vm;
	int i;

	progress = fd;
	hv_test_exit = hv_mmio_exit;
	vm = hv_test_create(VCPUS, code, vcpus);
	hv_bell_map(vm, 1);
	hv_test_arg = DELETE | FOREVER;
	sync_global_to_guest(vm, hv_test_arg);
	for (i = 0; i < VCPUS; i++)
		pthread_create(&threads[i], NULL, report_progress, vcpus[i]);
	for (;;)
		pause();
}

/* Kill a VM after so many hundreds of writes. */
static void kill_after(int hundreds)
{
	int fds[2], status, i;
	pid_t pid;
	char byte;

	fflush(stdout);
	TEST_ASSERT(!pipe(fds), "pipe");
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		close(fds[0]);
		child(fds[1]);
	}
	close(fds[1]);
	for (i = 0; i < hundreds; i++)
		TEST_ASSERT(read(fds[0], &byte, 1) == 1, "the child ended by itself");
	kill(pid, SIGKILL);
	TEST_ASSERT(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "waitpid");
	close(fds[0]);
	hv_module_await_unused();
}

static const struct hv_test_case cases[] = {
	{ "two doorbells at one address, connected and disconnected",
	  { guest_ringer, guest_ringer, guest_changer }, .host = hv_bell_host },
	{ "two doorbells, ports deleted and created",
	  { guest_ringer, guest_ringer, guest_changer }, .host = hv_bell_host,
	  .arg = DELETE },
	{ "one doorbell that two ring, port deleted and created",
	  { guest_ringer, guest_ringer, guest_changer }, .host = hv_bell_host,
	  .arg = DELETE | SAME_DOORBELL },
	{ "memory comes and goes",
	  { guest_ringer, guest_ringer, guest_changer }, .host = host_with_memory,
	  .arg = MEMORY },
};

int main(void)
{
	int i;

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(cases) + KILLED);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		hv_test_one_case(&cases[i]);
		hv_module_await_unused();
		ksft_test_result_pass("%s\n", cases[i].name);
	}
	for (i = 0; i < KILLED; i++) {
		kill_after(1 + 3 * i);
		ksft_test_result_pass("killed, %d\n", i);
	}
	ksft_finished();
}
