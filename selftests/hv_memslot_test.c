// SPDX-License-Identifier: GPL-2.0-only
/*
 * User space takes the memory of a SIM or SIEF page away and puts it back, as it
 * does when it moves or splits a memory slot.  What is sent meanwhile arrives when
 * the memory is back, and nobody needs to do anything more for it: no post, no EOM,
 * no EOI.  Of memory that only faults meanwhile nobody hears when it is back: what is
 * sent next has to see to it, be it the same flag.
 */
#include <sys/mman.h>
#include <time.h>

#include "hv_case_util.h"

#define SINT		2
#define PORT		0x100
#define CONNECTION	1
#define TYPE		0x77
#define FLAG		70
#define SLOT		20
#define GPA		0x2000000
#define ROUNDS		40

enum what { MESSAGE, EVENT };

/* The memory that comes and goes */
static u8 *page;

/* What a sleeping guest tells: how often it slept, after how many interrupts */
static u32 sleeps;
static u32 slept_after;
static u32 done;

/* Guests */

/* Exits as often as the host runs it, and does not look at its pages. */
static void guest_runner(struct hv_test_vp *vp)
{
	u64 stage;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	for (stage = 0; ; stage++)
		GUEST_SYNC(stage);
}

/* Sleeps whenever it can. */
static void guest_sleeper(struct hv_test_vp *vp)
{
	hv_guest_init(vp);
	asm volatile("cli");
	hv_set_sint(SINT, 0);
	GUEST_SYNC(0);
	while (!hv_load(&done)) {
		hv_inc(&sleeps);
		hv_store(&slept_after, vp->interrupts[SINT]);
		hv_guest_sleep();
	}
	GUEST_DONE();
}

/* Sends one of what hv_test_arg says each time that it is run. */
static void guest_sender(struct hv_test_vp *vp)
{
	u64 number;

	hv_guest_init(vp);
	hv_open_port(vp, hv_message_port(PORT, SINT, 0), CONNECTION);
	hv_open_port(vp, hv_event_port(PORT + 1, SINT, 0, 0, 2048), CONNECTION + 1);
	for (number = 0; ; number++) {
		GUEST_SYNC(number);
		if (hv_test_arg == MESSAGE)
			HV_ASSERT_OK(hv_post_number(vp, CONNECTION, TYPE, number));
		else
			HV_ASSERT_OK(hv_signal(CONNECTION + 1, FLAG));
	}
}

/* Host: the page */

static void put_page(struct kvm_vm *vm, bool there)
{
	hv_test_set_slot(vm, SLOT, GPA, there ? page : NULL, getpagesize());
}

/* The target's page of the kind that the case is about is the one in the slot. */
static void set_up(struct kvm_vm *vm)
{
	struct hv_test_vp *target = hv_test_vp(vm, 0);

	page = hv_test_alloc_memory(getpagesize());
	if (hv_test_arg == MESSAGE)
		target->sim.gpa = GPA;
	else
		target->sief.gpa = GPA;
}

static bool has_message(u64 number)
{
	struct hv_port_message *slot = (struct hv_port_message *)page + SINT;

	return hv_load(&slot->message_type) == TYPE && slot->port_id == PORT &&
	       !slot->message_flags && !memcmp(slot->payload, &number, sizeof(number));
}

static bool has_flag(void)
{
	return hv_load((u64 *)page + SINT * 32 + FLAG / 64) == BIT_ULL(FLAG % 64);
}

static bool has_arrived(u64 number)
{
	return hv_test_arg == MESSAGE ? has_message(number) : has_flag();
}

static void clear_page(void)
{
	memset(page, 0, getpagesize());
}

/* Host: the cases */

static void host_between_runs(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	struct hv_test_vp *target = hv_test_vp(vm, 0);
	u64 stage = 0, number;
	u32 interrupts;

	set_up(vm);
	hv_test_step(vcpus[0], stage++);
	hv_test_step(vcpus[1], 0);
	for (number = 0; number < ROUNDS; number++) {
		interrupts = target->interrupts[SINT];
		hv_test_step(vcpus[1], number + 1);
		/* It tries. */
		hv_test_step(vcpus[0], stage++);
		put_page(vm, true);
		hv_test_step(vcpus[0], stage++);
		TEST_ASSERT(has_arrived(number), "number %lu is not there", number);
		TEST_ASSERT(target->interrupts[SINT] != interrupts, "no interrupt");
		clear_page();
		put_page(vm, false);
	}
}

static void set_access(int prot)
{
	TEST_ASSERT(!mprotect(page, getpagesize(), prot), "mprotect");
}

static void host_faulting(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	u64 stage = 0, number;

	set_up(vm);
	put_page(vm, true);
	hv_test_step(vcpus[0], stage++);
	hv_test_step(vcpus[1], 0);
	for (number = 0; number < ROUNDS; number++) {
		set_access(PROT_NONE);
		hv_test_step(vcpus[1], number * 2 + 1);
		/* It tries. */
		hv_test_step(vcpus[0], stage++);
		set_access(PROT_READ | PROT_WRITE);
		hv_test_step(vcpus[1], number * 2 + 2);
		hv_test_step(vcpus[0], stage++);
		TEST_ASSERT(has_arrived(number), "number %lu is not there", number);
		clear_page();
	}
}

/* Bounded, so that what does not come is a failure and not a hang */
#define AWAIT(condition)							\
do {										\
	const time_t give_up = time(NULL) + 20;					\
										\
	while (!(condition)) {							\
		TEST_ASSERT(time(NULL) < give_up, "in vain: " #condition);	\
		sched_yield();							\
	}									\
} while (0)

/*
 * A vCPU that is woken to deliver leaves its HLT, whether it can deliver or not:
 * when it sleeps again it has tried.
 */
static void host_halted(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	u32 *sleeping = addr_gva2hva(vm, (gva_t)&sleeps);
	u32 *after = addr_gva2hva(vm, (gva_t)&slept_after);
	struct hv_test_vp *target = hv_test_vp(vm, 0);
	u32 interrupts, slept;
	pthread_t thread;
	u64 number;

	set_up(vm);
	hv_test_step(vcpus[0], 0);
	hv_test_step(vcpus[1], 0);
	TEST_ASSERT(!pthread_create(&thread, NULL, hv_test_thread, vcpus[0]),
		    "pthread_create");
	AWAIT(hv_load(sleeping));
	for (number = 0; number < ROUNDS; number++) {
		AWAIT(hv_load(after) == hv_load(&target->interrupts[SINT]));
		interrupts = hv_load(after);
		slept = hv_load(sleeping);
		hv_test_step(vcpus[1], number + 1);
		/* Or it is about to, when the memory comes. */
		if (number & 1)
			AWAIT(hv_load(sleeping) != slept);
		put_page(vm, true);
		AWAIT(has_arrived(number));
		AWAIT(hv_load(&target->interrupts[SINT]) != interrupts);
		clear_page();
		put_page(vm, false);
	}

	hv_store((u32 *)addr_gva2hva(vm, (gva_t)&done), 1);
	put_page(vm, true);
	hv_test_step(vcpus[1], number + 1);
	pthread_join(thread, NULL);
}

static const struct hv_test_case cases[] = {
	{ "message, between two runs", { guest_runner, guest_sender },
	  .host = host_between_runs, .arg = MESSAGE },
	{ "flag, between two runs", { guest_runner, guest_sender },
	  .host = host_between_runs, .arg = EVENT },
	{ "flag, memory that faults", { guest_runner, guest_sender },
	  .host = host_faulting, .arg = EVENT },
	{ "message, while halted", { guest_sleeper, guest_sender },
	  .host = host_halted, .arg = MESSAGE },
	{ "flag, while halted", { guest_sleeper, guest_sender },
	  .host = host_halted, .arg = EVENT },
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
