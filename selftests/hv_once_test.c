// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exactly once: two vCPUs post, one or two receive, and while messages flow the
 * receivers do everything that a guest may do to its SynIC, and vCPUs are kicked
 * out of the kernel.  No message is lost, doubled, torn, or, where the target is
 * fixed, overtaken.
 *
 * The first argument says how many messages.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "hv_payload_util.h"

/* machine: ports timeout=300 */

#define MESSAGES	(100000 / HV_TEST_SCALE)
#define TYPE		0x77
#define PORT		0x100
#define CONNECTION	1
#define POSTERS		2
#define MAX_POLLED	4	/* at once */

/* One bit a message, in memory of its own */
#define SEEN_GPA	0x1c0000000ULL
#define SEEN_GVA	0x180000000000ULL
#define SEEN_SLOT	21

/* hv_test_arg: how many receive; they are the first VPs. */
#define RECEIVERS	((u32)hv_test_arg)

enum port {
	EOI_PORT,	/* to the first receiver */
	AUTO_EOI_PORT,	/* to the last */
	ANY_PORT,
	PORTS,
};

static const struct {
	u32 sint;
	u64 flags;
} sints[PORTS] = {
	[EOI_PORT] = { 2, 0 },
	[AUTO_EOI_PORT] = { 3, HV_SINT_AUTO_EOI },
	[ANY_PORT] = { 4, 0 },
};

/* What a receiver does about an interrupt */
enum how {
	TAKE,		/* take the message, EOM if need be, EOI */
	EOI_BEFORE,	/* EOI while the slot is taken, then take the message */
	EOI_ONLY,	/* take the message and leave the retry to the EOI */
	LATE_EOM,	/* the same, and EOM some time after */
	LATE,		/* leave the message in the slot for now */
	HOWS,
};

/* What has been provoked */
static struct {
	u64 interrupts;
	u64 hows[HOWS];
	u64 polled;		/* messages found without an interrupt */
	u64 busy;		/* MessagePending came while the slot was taken */
	u64 masked;
	u64 polling;
	u64 sim_off;
	u64 synic_off;
	u64 waited;		/* messages that came when the SynIC was on again */
	u64 refused;		/* posts, because it was off */
	u64 out_of_buffers;	/* posts */
} counts;

/* A receiver's own; its handler is kept out where the rest uses it. */
static struct receiver {
	struct receiver *self;	/* at GS:0, since reading the VP index is an exit */
	struct hv_test_vp *vp;
	u64 random;
	bool eom;
	bool left[PORTS];
	u32 next_seq[POSTERS * PORTS];
} receivers[HV_TEST_MAX_VCPUS];

static u32 per_poster;
static u64 received;
/* What the posters were told last, for whoever has to find out why nothing goes on */
static u32 last_port[POSTERS];
static u64 last_status[POSTERS];
static u32 ready;
/* Posters that HV_ANY_VP does not find any more */
static u32 hidden;

static struct receiver *this_receiver(void)
{
	struct receiver *r;

	asm volatile("mov %%gs:0, %0" : "=r"(r));
	return r;
}

static void init_receiver(struct hv_test_vp *vp)
{
	struct receiver *r = &receivers[vp->index];

	r->self = r;
	r->vp = vp;
	r->random = vp->index + 1;
	wrmsr(MSR_GS_BASE, (u64)r);
}

static u32 next_random(struct receiver *r)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return r->random >> 32;
}

/* Receiving */

static void mark_as_seen(const struct hv_payload *p)
{
	const u64 number = (u64)(p->stream / PORTS) * per_poster + p->seq;
	const u64 bit = BIT_ULL(number % 64);
	u64 *word = (u64 *)SEEN_GVA + number / 64;

	GUEST_ASSERT(!(__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST) & bit));
}

static void account(struct receiver *r, u32 port, const struct hv_payload *p)
{
	const u32 port_of_stream = p->stream % PORTS;

	GUEST_ASSERT(p->stream < POSTERS * PORTS);
	GUEST_ASSERT_EQ(port_of_stream, port);
	GUEST_ASSERT(p->seq < per_poster);
	mark_as_seen(p);
	if (port != ANY_PORT) {
		GUEST_ASSERT(p->seq >= r->next_seq[p->stream]);
		r->next_seq[p->stream] = p->seq + 1;
	}
	hv_inc(&received);
}

/* Read the message, which stays in the slot; false if there is none. */
static bool read_message(struct hv_test_vp *vp, enum port port)
{
	struct receiver *r = &receivers[vp->index];
	const u32 sint = sints[port].sint;
	struct hv_payload p;

	if (!hv_slot_type(vp, sint))
		return false;

	GUEST_ASSERT_EQ(hv_slot_type(vp, sint), TYPE);
	GUEST_ASSERT_EQ(hv_slot(vp, sint)->port_id, PORT + port);
	if (r->left[port] && hv_slot_pending(vp, sint))
		hv_inc(&counts.busy);
	r->left[port] = false;
	hv_payload_read(vp, sint, &p);
	account(r, port, &p);
	return true;
}

static void take_message(struct hv_test_vp *vp, enum port port)
{
	if (read_message(vp, port))
		hv_slot_free(vp, sints[port].sint);
}

/* Free the slot and write no EOM, whether or not one is due. */
static void take_without_eom(struct hv_test_vp *vp, enum port port)
{
	if (read_message(vp, port))
		hv_slot(vp, sints[port].sint)->message_type = 0;
}

static void leave_message(struct hv_test_vp *vp, enum port port)
{
	const u32 sint = sints[port].sint;

	/* Counts as busy if it is pending later, and is not now. */
	receivers[vp->index].left[port] = hv_slot_type(vp, sint) &&
					  !hv_slot_pending(vp, sint);
}

static void eoi(enum port port)
{
	if (!(sints[port].flags & HV_SINT_AUTO_EOI))
		x2apic_write_reg(APIC_EOI, 0);
}

static void handle(struct hv_test_vp *vp, enum port port, enum how how)
{
	switch (how) {
	case EOI_BEFORE:
		eoi(port);
		take_message(vp, port);
		return;
	case LATE_EOM:
		receivers[vp->index].eom = true;
		fallthrough;
	case EOI_ONLY:
		take_without_eom(vp, port);
		break;
	case LATE:
		leave_message(vp, port);
		break;
	default:
		take_message(vp, port);
	}
	eoi(port);
}

static void on_interrupt(struct ex_regs *regs)
{
	struct receiver *r = this_receiver();
	enum how how = next_random(r) % HOWS;
	enum port port = 0;

	while (HV_TEST_VECTOR(sints[port].sint) != regs->vector)
		port++;
	/* There is no EOI to leave it to. */
	if (how == EOI_ONLY && (sints[port].flags & HV_SINT_AUTO_EOI))
		how = TAKE;
	hv_inc(&counts.interrupts);
	hv_inc(&counts.hows[how]);
	handle(r->vp, port, how);
}

/* What the receivers do besides.  Interrupts are off. */

static void poll_slot(struct hv_test_vp *vp, enum port port)
{
	u32 i;

	for (i = 0; i < MAX_POLLED && read_message(vp, port); i++) {
		hv_inc(&counts.polled);
		/* The next one is there at once, if EOM was written. */
		hv_slot_free(vp, sints[port].sint);
	}
}

static void poll(struct hv_test_vp *vp)
{
	enum port port;

	for (port = 0; port < PORTS; port++)
		poll_slot(vp, port);
}

static void late_eom(struct hv_test_vp *vp)
{
	if (!receivers[vp->index].eom)
		return;
	receivers[vp->index].eom = false;
	wrmsr(HV_X64_MSR_EOM, 0);
}

static void change_sint(struct hv_test_vp *vp, enum port port, u64 flag, u64 *count)
{
	hv_set_sint(sints[port].sint, sints[port].flags | flag);
	asm volatile("sti");
	hv_yield();
	asm volatile("cli");
	poll(vp);
	hv_set_sint(sints[port].sint, sints[port].flags);
	/* While it is masked, an EOI of its vector is nobody's. */
	receivers[vp->index].eom = true;
	hv_inc(count);
}

/*
 * Off and on again.  Meanwhile nothing is written; and if the slot was free and
 * messages were queued, one of them is there right after.
 */
static void turn_off(struct hv_test_vp *vp, enum port port, u32 msr, u64 *count)
{
	const u32 sint = sints[port].sint;
	const u64 on = rdmsr(msr);
	bool queued = false;
	u32 type;

	if (read_message(vp, port)) {
		queued = hv_slot_pending(vp, sint);
		hv_slot(vp, sint)->message_type = 0;
	}
	wrmsr(msr, on & ~HV_ENABLE);
	type = hv_slot_type(vp, sint);
	hv_yield();
	GUEST_ASSERT_EQ(hv_slot_type(vp, sint), type);
	wrmsr(msr, on);
	if (queued && !type) {
		GUEST_ASSERT_EQ(hv_slot_type(vp, sint), TYPE);
		hv_inc(&counts.waited);
	}
	hv_inc(count);
}

static void disturb(struct hv_test_vp *vp)
{
	const u32 random = next_random(&receivers[vp->index]);
	const enum port port = (random >> 8) % PORTS;

	switch (random % 32) {
	case 0:
		change_sint(vp, port, HV_SINT_MASKED, &counts.masked);
		break;
	case 1:
		change_sint(vp, port, HV_SINT_POLLING, &counts.polling);
		break;
	case 2:
		turn_off(vp, port, HV_X64_MSR_SIMP, &counts.sim_off);
		break;
	case 3:
		turn_off(vp, port, HV_X64_MSR_SCONTROL, &counts.synic_off);
		break;
	}
}

/* Time without a message */
struct patience {
	u64 received;
	u64 since;
	u64 loops;
};

static void show_state(struct hv_test_vp *vp)
{
	enum port port;
	u32 i;

	for (port = 0; port < PORTS; port++)
		GUEST_PRINTF("# VP %u, SINT %u: type %x, pending %u\n", vp->index,
			     sints[port].sint, hv_slot_type(vp, sints[port].sint),
			     hv_slot_pending(vp, sints[port].sint));
	for (i = 0; i < POSTERS; i++)
		GUEST_PRINTF("# poster %u, port %u: status %lu\n", i, last_port[i],
			     last_status[i]);
}

static void check_progress(struct hv_test_vp *vp, struct patience *p)
{
	const u64 now = hv_load(&received);

	if (now != p->received || !p->since)
		*p = (struct patience) { .received = now, .since = rdtsc() };
	if (p->loops++ < HV_AWAIT_YIELDS || rdtsc() - p->since < HV_AWAIT_CYCLES)
		return;
	show_state(vp);
	GUEST_FAIL("nothing goes on");
}

static void receive_all(struct hv_test_vp *vp)
{
	struct patience patience = {};

	while (hv_load(&received) < (u64)per_poster * POSTERS) {
		asm volatile("cli");
		disturb(vp);
		late_eom(vp);
		poll(vp);
		asm volatile("sti");
		hv_yield();
		check_progress(vp, &patience);
	}
}

static u32 target_of(enum port port)
{
	return port == EOI_PORT ? 0 : port == AUTO_EOI_PORT ? RECEIVERS - 1 : HV_ANY_VP;
}

static void guest_receiver(struct hv_test_vp *vp)
{
	enum port port;

	init_receiver(vp);
	hv_guest_init(vp);
	for (port = 0; port < PORTS; port++) {
		hv_set_sint(sints[port].sint, sints[port].flags);
		if (!vp->index)
			hv_open_port(vp, hv_message_port(PORT + port, sints[port].sint,
							 target_of(port)), CONNECTION + port);
	}
	hv_inc(&ready);
	receive_all(vp);
	for (port = 0; port < PORTS; port++)
		hv_check_slot_stays_free(vp, sints[port].sint);
	GUEST_ASSERT_EQ(hv_load(&received), (u64)per_poster * POSTERS);
	GUEST_DONE();
}

/* Posting */

static void post(struct hv_test_vp *vp, enum port port, const struct hv_payload *p)
{
	const u32 poster = vp->index - RECEIVERS;
	u64 status, attempts = 0;

	last_port[poster] = port;
	for (;;) {
		status = hv_post(vp, CONNECTION + port, TYPE, p, hv_payload_size(p->seq));
		last_status[poster] = status;
		if (status == HV_STATUS_SUCCESS)
			return;
		if (status == HV_STATUS_INVALID_SYNIC_STATE)
			hv_inc(&counts.refused);
		else if (status == HV_STATUS_INSUFFICIENT_BUFFERS)
			hv_inc(&counts.out_of_buffers);
		else
			GUEST_FAIL("status %lu", status);
		hv_await_buffer(&attempts);
	}
}

static void guest_poster(struct hv_test_vp *vp)
{
	const u32 poster = vp->index - RECEIVERS;
	struct hv_payload p;
	enum port port;
	u32 seq;

	hv_guest_init(vp);
	/* Only receivers are to be found by HV_ANY_VP. */
	wrmsr(HV_X64_MSR_SCONTROL, 0);
	hv_inc(&hidden);
	hv_await(hv_load(&hidden) == POSTERS);
	hv_await(hv_load(&ready) == RECEIVERS);
	for (seq = 0; seq < per_poster; seq++) {
		port = (seq * 0x9e3779b9u >> 16) % PORTS;
		hv_payload_fill(&p, poster * PORTS + port, seq);
		post(vp, port, &p);
	}
	GUEST_DONE();
}

/* Host */

static u64 messages = MESSAGES;
static _Atomic u32 running;
static _Atomic u64 kicked_out;

static void *run_vcpu(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	s64 stage = 0;
	int r;

	while (stage != -1) {
		r = __vcpu_run(vcpu);
		if (r == -1 && errno == EINTR) {
			vcpu->run->immediate_exit = 0;
			atomic_fetch_add(&kicked_out, 1);
			continue;
		}
		TEST_ASSERT(!r, KVM_IOCTL_ERROR(KVM_RUN, r));
		hv_test_handle_exit(vcpu, &stage);
	}
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static void no_handler(int signal)
{
}

/* How often is a matter of taste: they are to get something done as well. */
static void kick_all(struct kvm_vcpu *vcpus[], pthread_t threads[])
{
	int i;

	while (atomic_load(&running)) {
		for (i = 0; i < hv_test_nr_vcpus; i++) {
			vcpus[i]->run->immediate_exit = 1;
			pthread_kill(threads[i], SIGUSR1);
			usleep(5000);
		}
	}
}

static void run_all(struct kvm_vcpu *vcpus[])
{
	pthread_t threads[HV_TEST_MAX_VCPUS];
	int i;

	atomic_store(&running, hv_test_nr_vcpus);
	atomic_store(&kicked_out, 0);
	for (i = 0; i < hv_test_nr_vcpus; i++)
		TEST_ASSERT(!pthread_create(&threads[i], NULL, run_vcpu, vcpus[i]),
			    "pthread_create");
	kick_all(vcpus, threads);
	for (i = 0; i < hv_test_nr_vcpus; i++)
		pthread_join(threads[i], NULL);
}

static void check_count(const char *name, u64 count)
{
	ksft_print_msg("%s: %lu\n", name, (unsigned long)count);
	TEST_ASSERT(count, "%s: none", name);
}

static void check_counts(struct kvm_vm *vm)
{
	sync_global_from_guest(vm, counts);
	check_count("interrupts", counts.interrupts);
	check_count("taken, EOM, EOI", counts.hows[TAKE]);
	check_count("EOI before", counts.hows[EOI_BEFORE]);
	check_count("EOI only", counts.hows[EOI_ONLY]);
	check_count("EOM late", counts.hows[LATE_EOM]);
	check_count("left in the slot", counts.hows[LATE]);
	check_count("found without an interrupt", counts.polled);
	check_count("busy slots", counts.busy);
	check_count("SINT masked", counts.masked);
	check_count("SINT in polling mode", counts.polling);
	check_count("SIM page off", counts.sim_off);
	check_count("SynIC off", counts.synic_off);
	check_count("messages that waited for it", counts.waited);
	check_count("posts that it refused", counts.refused);
	check_count("posts without a buffer", counts.out_of_buffers);
	check_count("vCPUs kicked out", atomic_load(&kicked_out));
}

static void check_all_seen(const u64 *seen, u64 total)
{
	u64 i;

	for (i = 0; i < total; i++)
		TEST_ASSERT(seen[i / 64] & BIT_ULL(i % 64), "message %lu is missing",
			    (unsigned long)i);
}

static void host(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	const u64 total = messages / 2 / POSTERS * POSTERS;
	const u64 pages = total / 8 / getpagesize() + 1;
	const time_t began = time(NULL);

	per_poster = total / POSTERS;
	sync_global_to_guest(vm, per_poster);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, SEEN_GPA, SEEN_SLOT, pages, 0);
	virt_map(vm, SEEN_GVA, SEEN_GPA, pages);

	run_all(vcpus);
	check_counts(vm);
	check_all_seen(addr_gpa2hva(vm, SEEN_GPA), total);
	ksft_print_msg("%lu messages in %ld s\n", (unsigned long)total,
		       (long)(time(NULL) - began));
}

static const struct hv_test_case cases[] = {
	{
		.name = "one receiver",
		.code = { guest_receiver, guest_poster, guest_poster },
		.handler = on_interrupt,
		.host = host,
		.arg = 1,
	}, {
		.name = "two receivers",
		.code = { guest_receiver, guest_receiver, guest_poster, guest_poster },
		.handler = on_interrupt,
		.host = host,
		.arg = 2,
	},
};

int main(int argc, char *argv[])
{
	if (argc > 1)
		messages = strtoull(argv[1], NULL, 0);
	TEST_ASSERT(messages >= 1000 && messages < 1ULL << 32, "%lu messages",
		    (unsigned long)messages);
	signal(SIGUSR1, no_handler);
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
