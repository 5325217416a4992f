// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two VMs in two processes send to each other, with their dirty pages logged:
 * every message once, in order and whole; while the link is removed and comes
 * back; and while one of the two is killed.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "hv_case_util.h"
#include "hv_host_util.h"
#include "hv_memory_util.h"

/* machine: self timeout=600 */

#define SINT		2
#define TYPE		0x77
#define PORT(i)		(0x100 + (i))
#define MESSAGES	(HV_TEST_SCALE > 1 ? 4000 : 100000)
#define UNLINKED	(16 / HV_TEST_SCALE + 4)
#define KILLS		(48 / HV_TEST_SCALE + 2)
#define FOREVER		(~0ULL)
/* More than there are buffers */
#define LEAD		1000

/* Between the processes */
struct shared {
	u64 id[2];
	u32 linked;
	/* For who finds the other one gone */
	u32 stop;
	/* For who has all: until then he can be unlinked */
	u32 finish;
	/* How many messages each may have sent */
	u64 credit;
	/* The parent and the two guests see how far they are. */
	u64 received[2];
	/* How often each was told that there is no link */
	u64 refused[2];
};

static struct shared *shared;
static int dev;

/* Guest: which one, who is the other, and how many to send */
static u64 me;
static u64 peer;
static u64 messages;
static u64 credit;
static u64 received;
/* How often there was no buffer, or no link */
static u64 waits[2];

struct payload {
	u64 seq;
	u64 check[29];
};

/* The size varies, and what there is depends on it. */
static u32 payload_size(u64 seq)
{
	return 8 + 8 * (seq * 7 % 30);
}

static u64 check_word(u64 seq, u32 i)
{
	return (seq + 1) * 0x9e3779b97f4a7c15ULL ^ i;
}

static void receive(struct ex_regs *regs)
{
	struct hv_test_vp *vp = hv_test_vps[0];
	struct payload p;
	u32 i;

	GUEST_ASSERT_EQ(hv_slot_type(vp, SINT), TYPE);
	GUEST_ASSERT_EQ(hv_slot(vp, SINT)->port_id, PORT(me));
	memcpy(&p, (void *)hv_slot(vp, SINT)->payload, sizeof(p));
	GUEST_ASSERT_EQ(p.seq, received);
	GUEST_ASSERT_EQ(hv_slot(vp, SINT)->payload_size, payload_size(p.seq));
	for (i = 0; i < payload_size(p.seq) / 8 - 1; i++)
		GUEST_ASSERT_EQ(p.check[i], check_word(p.seq, i));
	hv_store(&received, received + 1);
	hv_slot_free(vp, SINT);
	x2apic_write_reg(APIC_EOI, 0);
}

static u64 send(struct hv_test_vp *vp, u64 seq)
{
	struct payload p = { .seq = seq };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(p.check); i++)
		p.check[i] = check_word(seq, i);
	return hv_post(vp, PORT(1 - me), TYPE, &p, payload_size(seq));
}

/* Until the other has a port for us, there is no connection; see main(). */
static void send_until_taken(struct hv_test_vp *vp, u64 seq)
{
	u64 status;

	for (;;) {
		status = send(vp, seq);
		if (status == HV_STATUS_SUCCESS)
			return;
		if (status == HV_STATUS_INSUFFICIENT_BUFFERS) {
			/* Even so we may be receiving, which the parent wants to know. */
			if (!(waits[0]++ % 64))
				GUEST_SYNC(2);
		} else if (status == HV_STATUS_INVALID_PORT_ID) {
			waits[1]++;
			GUEST_SYNC(3);
		} else {
			GUEST_ASSERT_EQ(status, (u64)HV_STATUS_INVALID_CONNECTION_ID);
		}
		hv_yield();
	}
}

/*
 * Who gets messages as fast as he can take them does nothing but take interrupts: do not
 * get far ahead of him, for he has to send, too.
 */
static void let_catch_up(u64 seq)
{
	u32 i;

	if (seq <= hv_load(&received) + LEAD)
		return;
	for (i = 0; i < LEAD && seq > hv_load(&received) + LEAD; i++)
		hv_yield();
	GUEST_SYNC(2);
}

static void guest_code(struct hv_test_vp *vp)
{
	struct hv_input_create_port in;
	u64 seq;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	GUEST_SYNC(1);

	in = hv_message_port(PORT(me), SINT, 0);
	in.connection_partition_id = peer;
	HV_ASSERT_OK(hv_create_port(vp, in));
	for (seq = 0; seq < messages; seq++) {
		while (seq >= hv_load(&credit))
			GUEST_SYNC(2);
		let_catch_up(seq);
		send_until_taken(vp, seq);
		if (seq % 64 == 0)
			GUEST_SYNC(2);
	}
	/* The parent wants to know how far we are, even if all is sent. */
	while (hv_load(&received) < messages) {
		GUEST_SYNC(2);
		hv_yield();
	}
	hv_check_slot_stays_free(vp, SINT);
	GUEST_ASSERT_EQ(hv_load(&received), messages);
	GUEST_PRINTF("# VM %lu: no buffer %lu times, no link %lu times\n", me, waits[0],
		     waits[1]);
	GUEST_DONE();
}

/* Host: one of the two processes */

static void await(u64 *what, u64 least)
{
	const time_t give_up = time(NULL) + 120;

	while (hv_load(what) < least) {
		TEST_ASSERT(time(NULL) < give_up, "waited in vain");
		usleep(1000);
	}
}

static struct kvm_vm *create(u32 which, u64 count, struct kvm_vcpu **vcpu)
{
	struct kvm_vm *vm = hv_test_create(1, (void *[]){ guest_code }, vcpu);
	u64 id;

	vm_install_exception_handler(vm, HV_TEST_VECTOR(SINT), receive);
	vm_mem_region_set_flags(vm, 0, KVM_MEM_LOG_DIRTY_PAGES);
	hv_test_step(*vcpu, 1);

	hv_dev_attach(dev, vm->fd, &id);
	hv_store(&shared->id[which], id);
	await(&shared->id[1 - which], 1);
	me = which;
	peer = shared->id[1 - which];
	messages = count;
	sync_global_to_guest(vm, me);
	sync_global_to_guest(vm, peer);
	sync_global_to_guest(vm, messages);
	return vm;
}

static void process(u32 which, u64 count)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	s64 stage;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	vm = create(which, count, &vcpu);
	while (!hv_load(&shared->linked))
		usleep(1000);

	do {
		credit = hv_load(&shared->credit);
		sync_global_to_guest(vm, credit);
		stage = hv_test_run(vcpu);
		sync_global_from_guest(vm, received);
		hv_store(&shared->received[which], received);
		if (stage == 3)
			hv_store(&shared->refused[which], shared->refused[which] + 1);
		if (stage == 3 && hv_load(&shared->stop))
			exit(0);
	} while (stage != -1);
	while (!hv_load(&shared->finish))
		usleep(1000);
	exit(0);
}

/* Host: the parent */

static void start(pid_t pids[2], u64 count, u64 credit_at_first)
{
	u32 i;

	memset(shared, 0, sizeof(*shared));
	shared->credit = credit_at_first;
	for (i = 0; i < 2; i++) {
		pids[i] = fork();
		TEST_ASSERT(pids[i] >= 0, "fork");
		if (!pids[i])
			process(i, count);
	}
	await(&shared->id[0], 1);
	await(&shared->id[1], 1);
	hv_dev_link(dev, shared->id[0], shared->id[1]);
	hv_store(&shared->linked, 1);
}

static int wait_for(pid_t pid)
{
	int status;

	TEST_ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static bool both_succeed(pid_t pids[2])
{
	int a, b;

	hv_store(&shared->finish, 1);
	a = wait_for(pids[0]);
	b = wait_for(pids[1]);
	return !a && !b;
}

static void test_traffic(void)
{
	pid_t pids[2];

	start(pids, MESSAGES, FOREVER);
	ksft_test_result(both_succeed(pids), "%d messages each way\n", MESSAGES);
}

static void await_both(u64 counts[2], u64 more)
{
	u64 from[2] = { hv_load(&counts[0]), hv_load(&counts[1]) };

	await(&counts[0], from[0] + more);
	await(&counts[1], from[1] + more);
}

/*
 * In the midst of a share, and for as long as it takes until both have been refused:
 * whoever has sent all of his share gets the next one when the link is gone.
 */
static void test_unlink(void)
{
	const u64 share = MESSAGES / 4 / UNLINKED;
	pid_t pids[2];
	u32 i;

	start(pids, (UNLINKED + 1) * share, share);
	for (i = 0; i < UNLINKED; i++) {
		await(&shared->received[0], i * share + share / 4);
		await(&shared->received[1], i * share + share / 4);
		hv_dev_unlink(dev, shared->id[0], shared->id[1]);
		hv_store(&shared->credit, (i + 2) * share);
		await_both(shared->refused, 1);
		hv_dev_link(dev, shared->id[0], shared->id[1]);
	}
	ksft_test_result(both_succeed(pids), "link removed %d times meanwhile\n", UNLINKED);
}

/* The other one is told by a status, and goes on until it is told to stop. */
static void kill_one(u32 which, u64 after)
{
	pid_t pids[2];
	int status;

	start(pids, FOREVER, FOREVER);
	await_both(shared->received, after);
	kill(pids[which], SIGKILL);
	status = wait_for(pids[which]);
	TEST_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x", status);
	TEST_ASSERT(!waitpid(pids[1 - which], NULL, WNOHANG), "the other one ended, too");
	hv_store(&shared->stop, 1);
	TEST_ASSERT_EQ(wait_for(pids[1 - which]), 0);
}

static long read_number(const char *path)
{
	FILE *file = fopen(path, "r");
	long number;

	TEST_ASSERT(file && fscanf(file, "%ld", &number) == 1, "no number in %s", path);
	fclose(file);
	return number;
}

static bool nobody_is_left(void)
{
	struct hv_ports_partition partition = { .size = sizeof(partition) };

	return hv_dev_errno(dev, HV_PORTS_NEXT_PARTITION, &partition) == ENOENT &&
	       read_number("/sys/module/kvm_hv_ports/refcnt") == 1;
}

static bool await_nobody_left(void)
{
	const time_t give_up = time(NULL) + 60;

	while (!nobody_is_left() && time(NULL) < give_up)
		usleep(10000);
	return nobody_is_left();
}

static void load(void)
{
	hv_module_load("");
	dev = hv_dev_open();
}

static void unload(void)
{
	close(dev);
	hv_module_unload();
}

static void test_kills(void)
{
	struct hv_caches before;
	u32 i;

	TEST_ASSERT(await_nobody_left(), "somebody is left");
	unload();
	hv_caches_read_settled(&before);
	load();
	srandom(1);
	for (i = 0; i < KILLS; i++)
		kill_one(i % 2, 1 + random() % 200);
	ksft_test_result(await_nobody_left(), "one of them killed, %d times\n", KILLS);
	unload();
	/* Less than one object per VM */
	ksft_test_result(hv_caches_await(&before, KILLS / 2), "and all memory is back\n");
}

int main(void)
{
	hv_module_require();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(shared != MAP_FAILED, "mmap");

	ksft_print_header();
	ksft_set_plan(4);
	load();
	test_traffic();
	test_unlink();
	test_kills();
	ksft_finished();
}
