// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM gets messages from a neighbour while another neighbour floods it with as
 * many messages, or events, as it can send.  All of the former arrive; how much
 * longer that takes is printed.
 */
#include <pthread.h>
#include <time.h>

#include "hv_case_util.h"
#include "hv_host_util.h"

/* machine: ports timeout=300 */

#define TYPE		0x77
#define PORT		0x100
#define FLOOD_PORT	0x200
#define SINT		2
#define FLOOD_SINT	3
#define MESSAGES	(1600 / HV_TEST_SCALE)

enum flood {
	NO_FLOOD,
	SAME_SINT,
	OTHER_SINT,
	EVENTS,
	NR_FLOODS,
};

static const char *const names[] = {
	"no flood",
	"messages at the same SINT",
	"messages at another SINT",
	"events",
};

/* Of the three VMs' guests */
static u64 flood;
static u64 friend_id;
static u64 flooder_id;
static u64 received;
static u64 flooded;
static u64 stop;
static u64 sent;
static u64 refused;

/* The victim */

static void receive(struct ex_regs *regs)
{
	const u32 sint = regs->vector - HV_TEST_VECTOR(0);
	struct hv_test_vp *vp = hv_test_vps[0];

	if (hv_slot_type(vp, sint)) {
		if (hv_slot(vp, sint)->port_id == PORT) {
			GUEST_ASSERT_EQ(hv_slot_number(vp, sint), received);
			hv_inc(&received);
		} else {
			hv_inc(&flooded);
		}
		hv_slot_free(vp, sint);
	} else {
		hv_flags(vp, sint)[0] = 0;
		hv_inc(&flooded);
	}
	x2apic_write_reg(APIC_EOI, 0);
}

static struct hv_input_create_port flood_port(void)
{
	struct hv_input_create_port in = hv_message_port(FLOOD_PORT, FLOOD_SINT, 0);

	if (flood == SAME_SINT)
		in = hv_message_port(FLOOD_PORT, SINT, 0);
	else if (flood == EVENTS)
		in = hv_event_port(FLOOD_PORT, FLOOD_SINT, 0, 0, 64);
	in.connection_partition_id = flooder_id;
	return in;
}

static void guest_victim(struct hv_test_vp *vp)
{
	struct hv_input_create_port in = hv_message_port(PORT, SINT, 0);

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	hv_set_sint(FLOOD_SINT, 0);
	GUEST_SYNC(1);
	in.connection_partition_id = friend_id;
	HV_ASSERT_OK(hv_create_port(vp, in));
	HV_ASSERT_OK(hv_create_port(vp, flood_port()));
	GUEST_SYNC(2);
	while (hv_load(&received) < MESSAGES)
		hv_yield();
	GUEST_DONE();
}

/* The neighbours */

static void guest_friend(struct hv_test_vp *vp)
{
	u64 i;

	hv_guest_init(vp);
	GUEST_SYNC(1);
	for (i = 0; i < MESSAGES; i++)
		hv_post_number_retry(vp, PORT, TYPE, i);
	GUEST_DONE();
}

static void guest_flooder(struct hv_test_vp *vp)
{
	u64 status;

	hv_guest_init(vp);
	GUEST_SYNC(1);
	while (!hv_load(&stop)) {
		if (flood == EVENTS)
			status = hv_signal(FLOOD_PORT, sent % 64);
		else
			status = hv_post_number(vp, FLOOD_PORT, TYPE, sent);
		if (status == HV_STATUS_SUCCESS)
			sent++;
		else
			refused++;
	}
	GUEST_DONE();
}

/* Host */

enum { VICTIM, FRIEND, FLOODER, NR_VMS };

struct machine {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	u64 id;
	int fd;
};

static void create(int dev, struct machine *m, void *code)
{
	m->vm = hv_test_create(1, &code, &m->vcpu);
	vm_install_exception_handler(m->vm, HV_TEST_VECTOR(SINT), receive);
	vm_install_exception_handler(m->vm, HV_TEST_VECTOR(FLOOD_SINT), receive);
	sync_global_to_guest(m->vm, flood);
	hv_test_step(m->vcpu, 1);
	m->fd = hv_dev_attach(dev, m->vm->fd, &m->id);
}

static void set_stop(struct kvm_vm *vm)
{
	hv_store((u64 *)addr_gva2hva(vm, (gva_t)&stop), 1);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* How long it takes until all that the friend sends has arrived */
static double run(struct machine m[])
{
	pthread_t threads[NR_VMS];
	double began = seconds();
	int i, nr = flood == NO_FLOOD ? FLOODER : NR_VMS;

	for (i = 0; i < nr; i++)
		TEST_ASSERT(!pthread_create(&threads[i], NULL, hv_test_thread, m[i].vcpu),
			    "pthread_create");
	pthread_join(threads[VICTIM], NULL);
	began = seconds() - began;
	pthread_join(threads[FRIEND], NULL);
	set_stop(m[FLOODER].vm);
	if (nr == NR_VMS)
		pthread_join(threads[FLOODER], NULL);
	return began;
}

static double test_one(int dev, enum flood which)
{
	static void *const code[] = { guest_victim, guest_friend, guest_flooder };
	struct machine m[NR_VMS];
	double took;
	int i;

	flood = which;
	for (i = 0; i < NR_VMS; i++)
		create(dev, &m[i], code[i]);
	hv_dev_link(dev, m[VICTIM].id, m[FRIEND].id);
	hv_dev_link(dev, m[VICTIM].id, m[FLOODER].id);
	friend_id = m[FRIEND].id;
	flooder_id = m[FLOODER].id;
	sync_global_to_guest(m[VICTIM].vm, friend_id);
	sync_global_to_guest(m[VICTIM].vm, flooder_id);
	hv_test_step(m[VICTIM].vcpu, 2);

	took = run(m);
	sync_global_from_guest(m[FLOODER].vm, sent);
	sync_global_from_guest(m[FLOODER].vm, refused);
	for (i = 0; i < NR_VMS; i++) {
		close(m[i].fd);
		kvm_vm_free(m[i].vm);
	}
	return took;
}

int main(void)
{
	int dev = hv_dev_open();
	double quiet = 0, took;
	int i;

	ksft_print_header();
	ksft_set_plan(NR_FLOODS);
	for (i = 0; i < NR_FLOODS; i++) {
		took = test_one(dev, i);
		if (!i)
			quiet = took;
		ksft_print_msg("%s: %.2f of the throughput; %lu sent, %lu refused\n",
			       names[i], quiet / took, sent, refused);
		/* Or it was none */
		ksft_test_result(!i || sent > MESSAGES / 10, "%s\n", names[i]);
	}
	ksft_finished();
}
