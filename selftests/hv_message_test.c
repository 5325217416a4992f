// SPDX-License-Identifier: GPL-2.0-only
/*
 * A message arrives: header, port id, payload of every size that matters, in
 * order, and with an interrupt.
 */
#include "hv_ports_util.h"

#define SINT		2
#define PORT		0x123456
#define CONNECTION	7
#define TYPE		0x1234

static const u32 sizes[] = { 0, 1, 8, 239, 240 };

static void check_size(struct hv_test_vp *vp, u32 size)
{
	volatile struct hv_port_message *slot = hv_slot(vp, SINT);
	u32 before = vp->interrupts[SINT];
	u8 payload[240];
	u32 i;

	for (i = 0; i < sizeof(payload); i++)
		payload[i] = i ^ size;
	memset((void *)slot, 0, sizeof(*slot));

	HV_ASSERT_OK(hv_post(vp, CONNECTION, TYPE, payload, size));

	/* Poster and target are the same VP: it is there when the call returns. */
	GUEST_ASSERT_EQ(slot->message_type, TYPE);
	GUEST_ASSERT_EQ(slot->payload_size, size);
	GUEST_ASSERT_EQ(slot->message_flags, 0);
	GUEST_ASSERT_EQ(slot->reserved[0], 0);
	GUEST_ASSERT_EQ(slot->reserved[1], 0);
	GUEST_ASSERT_EQ(slot->port_id, PORT);
	for (i = 0; i < size; i++)
		GUEST_ASSERT_EQ(slot->payload[i], payload[i]);
	for (; i < sizeof(payload); i++)
		GUEST_ASSERT_EQ(slot->payload[i], 0);
	GUEST_ASSERT_EQ(vp->interrupts[SINT], before + 1);
	GUEST_ASSERT(!hv_slot_free(vp, SINT));
}

static void guest_code(struct hv_test_vp *vp)
{
	int i;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	HV_ASSERT_OK(hv_create_port(vp, hv_message_port(PORT, SINT, 0)));
	HV_ASSERT_OK(hv_connect_port(vp, hv_connection_to(CONNECTION, PORT,
							  HV_PORT_TYPE_MESSAGE)));
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		check_size(vp, sizes[i]);

	HV_ASSERT_OK(hv_disconnect_port(CONNECTION));
	HV_ASSERT_OK(hv_delete_port(PORT));
	GUEST_DONE();
}

int main(void)
{
	void *code[] = { guest_code };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = hv_test_create(1, code, &vcpu);
	hv_test_run_all(1, &vcpu);
	kvm_vm_free(vm);
	return 0;
}
