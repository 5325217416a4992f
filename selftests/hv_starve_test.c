// SPDX-License-Identifier: GPL-2.0-only
/*
 * Somebody signals so fast that there is another event whenever a vCPU has delivered one
 * and is about to enter its guest.  That must not keep it out for good: after some
 * deliveries without an entry, the next has to wait for a tick.
 *
 * Here a signal that stays pending keeps the vCPU out each time, and the sender sends
 * meanwhile; so it does not depend on who is how fast.
 */
#include <signal.h>
#include <time.h>

#include "hv_case_util.h"
#include "hv_host_util.h"

#define SINT		3
#define PORT		0x100
#define CONNECTION	1
#define FLAGS		64
#define SENT		400
/* Seconds, so that what does not come is a failure and not a hang */
#define PATIENCE	20

/* The guest's */
static u64 host_id;

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;
static int connection;
static u64 stage;

static void guest_code(struct hv_test_vp *vp)
{
	struct hv_input_create_port in = hv_event_port(PORT, SINT, 0, 0, FLAGS);
	u64 i;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	GUEST_SYNC(0);
	in.connection_partition_id = host_id;
	HV_ASSERT_OK(hv_create_port(vp, in));
	for (i = 1; ; i++)
		GUEST_SYNC(i);
}

static void create(void)
{
	static void *code[] = { guest_code };
	int dev = hv_dev_open();
	int host = hv_dev_create_host(dev, &host_id);
	u64 vm_id;

	vm = hv_test_create(1, code, &vcpu);
	hv_test_step(vcpu, stage++);
	close(hv_dev_attach(dev, vm->fd, &vm_id));
	hv_dev_link(dev, host_id, vm_id);
	sync_global_to_guest(vm, host_id);
	hv_test_step(vcpu, stage++);
	connection = hv_host_connect(host, CONNECTION, HV_PORTS_EVENT, vm_id, PORT);
}

static void keep_out(void)
{
	struct {
		struct kvm_signal_mask mask;
		u64 set;
	} none = { .mask.len = sizeof(none.set) };
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	TEST_ASSERT(!sigprocmask(SIG_BLOCK, &usr1, NULL), "sigprocmask");
	vcpu_ioctl(vcpu, KVM_SET_SIGNAL_MASK, &none.mask);
	raise(SIGUSR1);
}

static void let_in(void)
{
	sigset_t usr1;
	int sig;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	TEST_ASSERT(!sigwait(&usr1, &sig), "sigwait");
}

/* As far as to where it would enter the guest */
static void run_outside(void)
{
	TEST_ASSERT(__vcpu_run(vcpu) == -1 && errno == EINTR, "the vCPU entered its guest");
}

static void run_inside(void)
{
	hv_test_step(vcpu, stage++);
}

/* Takes it if it is there. */
static bool has_flag(u32 flag)
{
	u64 *flags = (u64 *)addr_gva2hva(vm, (gva_t)hv_test_vp(vm, 0)->sief.gva) + SINT * 32;
	u64 old = __atomic_fetch_and(flags, ~BIT_ULL(flag), __ATOMIC_SEQ_CST);

	TEST_ASSERT(!(old & ~BIT_ULL(flag)), "flags that were not signalled: %lx", old);
	return old;
}

static bool arrives_at_once(u32 flag, void (*run)(void))
{
	TEST_ASSERT(write(connection, &flag, sizeof(flag)) == sizeof(flag), "write");
	run();
	return has_flag(flag);
}

/* Returns how many did not come at once; all come. */
static int send(void (*run)(void))
{
	int i, late = 0;
	time_t give_up;
	u32 flag;

	for (i = 0; i < SENT; i++) {
		flag = i % FLAGS;
		if (arrives_at_once(flag, run))
			continue;
		late++;
		give_up = time(NULL) + PATIENCE;
		do {
			TEST_ASSERT(time(NULL) < give_up, "event %d does not come", i);
			run();
		} while (!has_flag(flag));
	}
	ksft_print_msg("%d of %d came late\n", late, SENT);
	return late;
}

int main(void)
{
	int late;

	ksft_print_header();
	ksft_set_plan(2);
	create();
	keep_out();
	late = send(run_outside);
	ksft_test_result(late && late < SENT / 20, "a vCPU that cannot enter rests now and then\n");
	let_in();
	ksft_test_result(!send(run_inside), "one that enters does not\n");
	ksft_finished();
}
