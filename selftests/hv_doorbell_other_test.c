// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells that somebody else hears: the host, through an eventfd, or another
 * VM.
 */
#include "hv_doorbell_util.h"
#include "hv_host_util.h"

#define SINT	2
#define PORT	0x123

static const struct hv_bell bell = { HV_BELL_GPA, 0x55, 3 };

/* The guest's: whose port */
static u64 peer;

static int dev;

/* Connects, writes what rings, then what does not, between two stages each. */
static void guest_ringer(struct hv_test_vp *vp)
{
	struct hv_input_connect_port in = hv_doorbell_to(1, PORT, bell);
	u64 seen, stage;

	hv_guest_init(vp);
	GUEST_SYNC(1);
	in.port_partition_id = peer;
	HV_ASSERT_OK(hv_connect_port(vp, in));
	for (stage = 2; stage < 5; stage++) {
		seen = hv_mmio_count(vp);
		hv_bell_write(bell.gpa, 4, bell.value);
		GUEST_ASSERT_EQ(hv_mmio_count(vp), seen);
		GUEST_SYNC(stage);
	}
	hv_bell_write(bell.gpa, 4, bell.value + 1);
	GUEST_ASSERT_EQ(hv_mmio_count(vp), seen + 1);
	HV_ASSERT_OK(hv_disconnect_doorbell(1));
	hv_bell_write(bell.gpa, 4, bell.value);
	GUEST_ASSERT_EQ(hv_mmio_count(vp), seen + 2);
	GUEST_DONE();
}

static void guest_owner(struct hv_test_vp *vp)
{
	struct hv_input_create_port in = hv_doorbell_port(PORT, SINT, 0);

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	GUEST_SYNC(1);
	in.connection_partition_id = peer;
	HV_ASSERT_OK(hv_create_port(vp, in));
	GUEST_SYNC(2);
	/* What rang while we were not running */
	GUEST_ASSERT(hv_flag_is_set(vp, SINT, PORT));
	GUEST_ASSERT_EQ(vp->interrupts[SINT], 1);
	hv_flag_clear(vp, SINT, PORT);
	GUEST_SYNC(3);
	GUEST_ASSERT(!hv_flag_is_set(vp, SINT, PORT));
	GUEST_SYNC(4);
	GUEST_ASSERT(hv_flag_is_set(vp, SINT, PORT));
	GUEST_ASSERT_EQ(vp->interrupts[SINT], 2);
	GUEST_DONE();
}

struct vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	u64 id;
	int fd;
};

static void create(struct vm *v, void *code)
{
	v->vm = hv_test_create(1, &code, &v->vcpu);
	hv_bell_map(v->vm, 1);
	hv_test_step(v->vcpu, 1);
	v->fd = hv_dev_attach(dev, v->vm->fd, &v->id);
}

static void set_peer(struct vm *v, u64 id)
{
	peer = id;
	sync_global_to_guest(v->vm, peer);
}

static void destroy(struct vm *v)
{
	close(v->fd);
	kvm_vm_free(v->vm);
}

static void test_host(void)
{
	int host, port, event = eventfd(0, EFD_NONBLOCK);
	u64 host_id, count = 0;
	struct vm v;

	create(&v, guest_ringer);
	host = hv_dev_create_host(dev, &host_id);
	hv_dev_link(dev, host_id, v.id);
	port = hv_host_port(host, PORT, HV_PORTS_DOORBELL, v.id, event);
	set_peer(&v, host_id);

	hv_test_step(v.vcpu, 2);
	ksft_test_result(read(event, &count, 8) == 8 && count == 1, "the host hears it\n");
	hv_dev_unlink(dev, host_id, v.id);
	hv_test_step(v.vcpu, 3);
	ksft_test_result(read(event, &count, 8) == -1, "not when the link is gone\n");
	hv_dev_link(dev, host_id, v.id);
	close(port);
	hv_test_step(v.vcpu, 4);
	ksft_test_result(read(event, &count, 8) == -1, "not when the port is closed\n");
	hv_test_finish(v.vcpu);
	ksft_test_result_pass("the host: disconnected\n");

	destroy(&v);
	close(host);
	close(event);
}

static void test_vm(void)
{
	struct vm ringer, owner;

	create(&ringer, guest_ringer);
	create(&owner, guest_owner);
	hv_dev_link(dev, ringer.id, owner.id);
	set_peer(&owner, ringer.id);
	set_peer(&ringer, owner.id);
	hv_test_step(owner.vcpu, 2);

	hv_test_step(ringer.vcpu, 2);
	hv_test_step(owner.vcpu, 3);
	ksft_test_result_pass("another VM hears it\n");
	hv_dev_unlink(dev, ringer.id, owner.id);
	hv_test_step(ringer.vcpu, 3);
	hv_test_step(owner.vcpu, 4);
	ksft_test_result_pass("another VM: not when the link is gone\n");
	hv_dev_link(dev, ringer.id, owner.id);
	hv_test_step(ringer.vcpu, 4);
	hv_test_finish(owner.vcpu);
	ksft_test_result_pass("another VM: linked again\n");
	destroy(&owner);
	hv_test_finish(ringer.vcpu);
	ksft_test_result_pass("another VM: it is gone\n");
	destroy(&ringer);
}

int main(void)
{
	dev = hv_dev_open();
	hv_test_exit = hv_mmio_exit;
	ksft_print_header();
	ksft_set_plan(8);
	test_host();
	test_vm();
	ksft_finished();
}
