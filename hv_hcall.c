// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hypercalls: which are ours, where their input is, and who answers them
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "hv_ports.h"
#include "hv_ports_trace.h"

/* Registers hold the first 16 bytes of a fast input, XMM0 to 5 the rest. */
#define HV_FAST_INPUT_SIZE	16
#define HV_XMM_INPUT_SIZE	112

union hv_input {
	struct hv_input_create_port create_port;
	struct hv_input_delete_port delete_port;
	struct hv_input_connect_port connect_port;
	struct hv_input_disconnect_port disconnect_port;
	struct hv_port_post_message post_message;
	struct hv_port_signal_event signal_event;
	struct hv_input_get_port_property get_port_property;
	struct hv_input_set_port_property set_port_property;
	u64 words[sizeof(struct hv_port_post_message) / sizeof(u64)];
};

/* Where an input has its ids; all are behind something else or at 0. */
#define NO_ID	-1

/**
 * struct hv_hcall_desc - a hypercall of ours
 * @code: call code
 * @input_size: bytes
 * @fast_size: the largest fast form that the code has, in bytes
 * @output_size: bytes
 * @privilege: HV_PORTS_MAY_..., or 0; of @control, @data looks at it itself
 * @port_at: offset of the port id in the input, or NO_ID
 * @connection_at: offset of the connection id in the input, or NO_ID
 * @control: the handler, if it takes L1: called without kvm->srcu, for a VM
 *	that is attached
 * @data: the handler, if it does not: called under kvm->srcu, for any VM;
 *	false if somebody else may know the connection
 */
struct hv_hcall_desc {
	u16 code;
	u16 input_size;
	u8 fast_size;
	u8 output_size;
	u8 privilege;
	s8 port_at;
	s8 connection_at;
	u64 (*control)(struct hv_partition *caller, const void *input, u64 *output);
	bool (*data)(struct hv_partition *caller, const void *input, u64 *status);
};

static u64 hv_get_partition_id(struct hv_partition *caller, const void *input,
			       u64 *output)
{
	*output = READ_ONCE(caller->id);
	return HV_STATUS_SUCCESS;
}

static const struct hv_hcall_desc hv_hcalls[] = {
	{
		.code = HVCALL_POST_MESSAGE,
		.input_size = sizeof(struct hv_port_post_message),
		.port_at = NO_ID,
		.connection_at = offsetof(struct hv_port_post_message, connection_id),
		.data = hv_post_message,
	}, {
		.code = HVCALL_SIGNAL_EVENT,
		.input_size = sizeof(struct hv_port_signal_event),
		.fast_size = HV_FAST_INPUT_SIZE,
		.port_at = NO_ID,
		.connection_at = offsetof(struct hv_port_signal_event, connection_id),
		.data = hv_signal_event,
	}, {
		.code = HVCALL_GET_PARTITION_ID,
		.output_size = sizeof(u64),
		.port_at = NO_ID,
		.connection_at = NO_ID,
		.control = hv_get_partition_id,
	}, {
		.code = HVCALL_CREATE_PORT,
		.privilege = HV_PORTS_MAY_CREATE,
		.input_size = sizeof(struct hv_input_create_port),
		.fast_size = HV_XMM_INPUT_SIZE,
		.port_at = offsetof(struct hv_input_create_port, port_id),
		.connection_at = NO_ID,
		.control = hv_port_create,
	}, {
		.code = HVCALL_DELETE_PORT,
		.privilege = HV_PORTS_MAY_CREATE,
		.input_size = sizeof(struct hv_input_delete_port),
		.fast_size = HV_FAST_INPUT_SIZE,
		.port_at = offsetof(struct hv_input_delete_port, port_id),
		.connection_at = NO_ID,
		.control = hv_port_delete,
	}, {
		.code = HVCALL_CONNECT_PORT,
		.privilege = HV_PORTS_MAY_CONNECT,
		.input_size = sizeof(struct hv_input_connect_port),
		.fast_size = HV_XMM_INPUT_SIZE,
		.port_at = offsetof(struct hv_input_connect_port, port_id),
		.connection_at = offsetof(struct hv_input_connect_port, connection_id),
		.control = hv_connection_create,
	}, {
		.code = HVCALL_DISCONNECT_PORT,
		.privilege = HV_PORTS_MAY_CONNECT,
		.input_size = sizeof(struct hv_input_disconnect_port),
		.fast_size = HV_FAST_INPUT_SIZE,
		.port_at = NO_ID,
		.connection_at = offsetof(struct hv_input_disconnect_port, connection_id),
		.control = hv_connection_delete,
	}, {
		.code = HVCALL_GET_PORT_PROPERTY,
		.privilege = HV_PORTS_MAY_CREATE,
		.input_size = sizeof(struct hv_input_get_port_property),
		.output_size = sizeof(u64),
		.port_at = offsetof(struct hv_input_get_port_property, port_id),
		.connection_at = NO_ID,
		.control = hv_port_get_property,
	}, {
		.code = HVCALL_SET_PORT_PROPERTY,
		.privilege = HV_PORTS_MAY_CREATE,
		.input_size = sizeof(struct hv_input_set_port_property),
		.output_size = sizeof(u64),
		.port_at = offsetof(struct hv_input_set_port_property, get.port_id),
		.connection_at = NO_ID,
		.control = hv_port_set_property,
	},
};

static const struct hv_hcall_desc *hv_hcall_find(u16 code)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(hv_hcalls); i++)
		if (hv_hcalls[i].code == code)
			return &hv_hcalls[i];
	return NULL;
}

static bool hv_gpa_is_aligned(u64 gpa, u32 size)
{
	return IS_ALIGNED(gpa, sizeof(u64)) && offset_in_page(gpa) + size <= PAGE_SIZE;
}

static void hv_read_registers(const struct kvm_hv_port_hcall *hc, u32 size,
			      union hv_input *in)
{
	in->words[0] = hc->ingpa;
	in->words[1] = hc->outgpa;
	if (size > HV_FAST_INPUT_SIZE)
		memcpy(&in->words[2], hc->xmm, size - HV_FAST_INPUT_SIZE);
}

/* Everything about the call that can be said without knowing what it means. */
static u64 hv_read_input(struct kvm_vcpu *vcpu, struct hv_partition *caller,
			 const struct hv_hcall_desc *desc,
			 const struct kvm_hv_port_hcall *hc, union hv_input *in)
{
	if (caller && (READ_ONCE(caller->privileges) & desc->privilege) != desc->privilege)
		return HV_STATUS_ACCESS_DENIED;

	if (hc->rep_cnt || hc->rep_idx || hc->var_cnt)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;

	if (hc->fast) {
		if (desc->input_size > desc->fast_size || desc->output_size)
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
		hv_read_registers(hc, desc->input_size, in);
		return HV_STATUS_SUCCESS;
	}

	if (desc->input_size &&
	    (!hv_gpa_is_aligned(hc->ingpa, desc->input_size) ||
	     hv_kvm->read_guest(vcpu, hc->ingpa, in, desc->input_size)))
		return HV_STATUS_INVALID_ALIGNMENT;

	/* Before the call has an effect, as far as can be known by then. */
	if (desc->output_size &&
	    (!hv_gpa_is_aligned(hc->outgpa, desc->output_size) ||
	     !hv_kvm->gpa_is_writable(vcpu, hc->outgpa)))
		return HV_STATUS_INVALID_ALIGNMENT;

	return HV_STATUS_SUCCESS;
}

/* False if there is nobody to answer, because the module is being unloaded. */
static bool hv_call_control(struct kvm_vcpu *vcpu, const struct hv_hcall_desc *desc,
			    const union hv_input *in, u64 *output, u64 *status)
	__must_hold(&vcpu->kvm->srcu)
{
	struct hv_partition *caller;

	kvm_vcpu_srcu_read_unlock(vcpu);
	caller = hv_partition_attach(vcpu->kvm);
	if (!IS_ERR(caller))
		*status = desc->control(caller, in, output);
	else
		*status = HV_STATUS_INSUFFICIENT_MEMORY;
	kvm_vcpu_srcu_read_lock(vcpu);

	return caller != ERR_PTR(-ENODEV);
}

static u64 hv_write_output(struct kvm_vcpu *vcpu, const struct hv_hcall_desc *desc,
			   const struct kvm_hv_port_hcall *hc, const u64 *output)
{
	if (desc->output_size &&
	    hv_kvm->write_guest(vcpu, hc->outgpa, output, desc->output_size))
		return HV_STATUS_INVALID_ALIGNMENT;
	return HV_STATUS_SUCCESS;
}

static void hv_hcall_trace(struct kvm_vcpu *vcpu, const struct hv_hcall_desc *desc,
			   const struct kvm_hv_port_hcall *hc,
			   const union hv_input *in, u64 status)
{
	const struct hv_partition *caller = hv_kvm->vm_data(vcpu->kvm);
	u32 port = 0, connection = 0;

	if (desc->port_at != NO_ID)
		memcpy(&port, (const u8 *)in + desc->port_at, sizeof(port));
	if (desc->connection_at != NO_ID)
		memcpy(&connection, (const u8 *)in + desc->connection_at,
		       sizeof(connection));

	trace_hv_ports_hypercall(caller ? READ_ONCE(caller->id) : 0, vcpu->vcpu_id, hc->code,
				 hc->fast, port, connection, status);
}

/**
 * hv_hcall - answer a hypercall
 * @vcpu: the caller
 * @caller: its partition, or NULL if its VM is not attached
 * @hc: the call as KVM decoded it
 * @status: receives the status, see Documentation/guest-abi.rst
 *
 * Context: the vCPU's task, under kvm->srcu, which may be dropped meanwhile;
 * sleeps.
 * Return: true if the call is answered; false if KVM is to go on with it.
 */
bool hv_hcall(struct kvm_vcpu *vcpu, struct hv_partition *caller,
	      const struct kvm_hv_port_hcall *hc, u64 *status)
{
	const struct hv_hcall_desc *desc = hv_hcall_find(hc->code);
	/* Nobody reads more of it than hv_read_input() has put there. */
	union hv_input in __uninitialized;
	u64 output = 0;

	if (!desc || (hc->fast && hc->code == HVCALL_POST_MESSAGE))
		return false;

	*status = hv_read_input(vcpu, caller, desc, hc, &in);
	if (*status != HV_STATUS_SUCCESS)
		memset(&in, 0, sizeof(in));
	else if (desc->data && !desc->data(caller, &in, status))
		return false;
	else if (desc->control && !hv_call_control(vcpu, desc, &in, &output, status))
		return false;

	if (*status == HV_STATUS_SUCCESS)
		*status = hv_write_output(vcpu, desc, hc, &output);

	if (trace_hv_ports_hypercall_enabled())
		hv_hcall_trace(vcpu, desc, hc, &in, *status);
	return true;
}
