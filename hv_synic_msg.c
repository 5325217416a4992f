// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages: queues per VP and SINT, and the protocol of the SIM page's slots
 *
 * A slot is free if its MessageType is zero.  The guest frees it, then reads
 * MessagePending, and if that is set writes EOM.
 */
#include <linux/bitops.h>
#include <linux/slab.h>

#include "hv_ports.h"
#include "hv_ports_trace.h"

#define MSG_HEADER_SIZE		offsetof(struct hv_port_message, payload)

/**
 * hv_msg_init_buffers - put all buffers of a new port on its free list
 * @port: not yet published
 */
void hv_msg_init_buffers(struct hv_port *port)
{
	int i;

	INIT_LIST_HEAD(&port->free);
	if (!port->buffers)
		return;

	for (i = 0; i < HV_PORT_BUFFERS; i++) {
		port->buffers[i].port = port;
		list_add_tail(&port->buffers[i].node, &port->free);
	}
}

static struct hv_msg_buf *hv_msg_take_buffer(struct hv_port *port,
					     struct hv_vp *vp, u64 *status)
{
	struct hv_msg_buf *buf = NULL;

	lockdep_assert_held(&vp->lock);

	spin_lock(&port->lock);
	if (port->dead) {
		*status = HV_STATUS_INVALID_PORT_ID;
	} else {
		buf = list_first_entry_or_null(&port->free, struct hv_msg_buf, node);
		if (buf) {
			buf->vp = vp;
			list_del(&buf->node);
			port->post_count++;
		}
		*status = buf ? HV_STATUS_SUCCESS : HV_STATUS_INSUFFICIENT_BUFFERS;
	}
	spin_unlock(&port->lock);

	return buf;
}

/* Unlink a queued message and give its buffer back. */
static void hv_msg_dequeue(struct hv_vp *vp, struct hv_msg_buf *buf)
{
	struct hv_port *port = buf->port;

	lockdep_assert_held(&vp->lock);

	list_del(&buf->node);
	if (list_empty(&vp->queue[port->sint]))
		__clear_bit(port->sint, &vp->msg_sints);
	if (vp->delivering == buf)
		vp->delivering = NULL;

	spin_lock(&port->lock);
	buf->vp = NULL;
	list_add_tail(&buf->node, &port->free);
	spin_unlock(&port->lock);
}

/**
 * hv_msg_post - queue a message for a VP
 * @port: a message port
 * @vp: a VP of the port's partition
 * @post: checked input of HvCallPostMessage
 *
 * Context: under RCU; does not sleep.
 * Return: HV_STATUS_SUCCESS, HV_STATUS_INSUFFICIENT_BUFFERS if all buffers are
 * queued, HV_STATUS_INVALID_PORT_ID if the port was deleted.
 */
u64 hv_msg_post(struct hv_port *port, struct hv_vp *vp,
		const struct hv_port_post_message *post)
{
	struct hv_msg_buf *buf;
	u64 status;

	spin_lock(&vp->lock);
	buf = hv_msg_take_buffer(port, vp, &status);
	if (buf) {
		buf->msg = (struct hv_port_message) {
			.message_type = post->message_type,
			.payload_size = post->payload_size,
			.port_id = port->id,
		};
		memcpy(buf->msg.payload, post->payload, post->payload_size);
		list_add_tail(&buf->node, &vp->queue[port->sint]);
		__set_bit(port->sint, &vp->msg_sints);
	}
	spin_unlock(&vp->lock);

	if (buf)
		hv_kvm->request_deliver(vp->vcpu);
	return status;
}

/* Take a buffer of a dead port out of whatever queue it is in. */
static bool hv_msg_purge_one(struct hv_port *port, struct hv_msg_buf *buf)
{
	struct hv_vp *vp;
	bool queued;

	spin_lock(&port->lock);
	vp = buf->vp;
	spin_unlock(&port->lock);
	if (!vp)
		return false;

	spin_lock(&vp->lock);
	queued = buf->vp;
	if (queued)
		hv_msg_dequeue(vp, buf);
	spin_unlock(&vp->lock);

	return queued;
}

/**
 * hv_msg_purge - drop what a port has queued
 * @port: dead, so that nothing is queued any more
 *
 * A message that its vCPU is copying at this moment still arrives.
 *
 * Context: process; the port's partition is alive.
 */
void hv_msg_purge(struct hv_port *port)
{
	u32 dropped = 0;
	int i;

	if (!port->buffers)
		return;

	for (i = 0; i < HV_PORT_BUFFERS; i++)
		dropped += hv_msg_purge_one(port, &port->buffers[i]);
	if (dropped)
		trace_hv_ports_drop(port->partition->id, port->id, dropped);
}

static bool hv_slot_read_type(struct hv_vp *vp, u32 sint, u32 *type)
{
	return !hv_kvm->read_msg_slot(vp->vcpu, sint,
				      offsetof(struct hv_port_message, message_type),
				      type, sizeof(*type));
}

/*
 * Whether the slot can be written.  If not, the guest has been told, or the
 * page is not there.
 */
static bool hv_slot_claim(struct hv_vp *vp, u32 sint)
{
	u8 flags = HV_PORT_MESSAGE_PENDING;
	u32 type;

	if (!hv_slot_read_type(vp, sint, &type))
		return false;
	if (!type)
		return true;

	/* One byte: the guest may be writing MessageType meanwhile. */
	if (hv_kvm->write_msg_slot(vp->vcpu, sint,
				   offsetof(struct hv_port_message, message_flags),
				   &flags, sizeof(flags)))
		return false;

	/*
	 * Pairs with the guest's barrier between MessageType = 0 and its look
	 * at MessagePending: either it sees the flag, and writes EOM, or we see
	 * the slot free.
	 */
	smp_mb();
	if (!hv_slot_read_type(vp, sint, &type))
		return false;
	if (type)
		trace_hv_ports_busy(vp->vcpu->vcpu_id, sint, type);
	return !type;
}

/* Copy the head of the queue, which stays where it is. */
static struct hv_msg_buf *hv_msg_peek(struct hv_vp *vp, u32 sint,
				      struct hv_port_message *msg)
{
	struct list_head *queue = &vp->queue[sint];
	struct hv_msg_buf *buf;

	spin_lock(&vp->lock);
	buf = list_first_entry_or_null(queue, struct hv_msg_buf, node);
	if (buf) {
		memcpy(msg, &buf->msg, MSG_HEADER_SIZE + buf->msg.payload_size);
		if (!list_is_singular(queue))
			msg->message_flags |= HV_PORT_MESSAGE_PENDING;
	}
	vp->delivering = buf;
	spin_unlock(&vp->lock);

	return buf;
}

/* The guest may look at any time; it must find the type only with the rest. */
static int hv_slot_fill(struct hv_vp *vp, u32 sint, const struct hv_port_message *msg)
{
	const u32 rest = sizeof(msg->message_type);
	int r;

	r = hv_kvm->write_msg_slot(vp->vcpu, sint, rest, (const void *)msg + rest,
				   MSG_HEADER_SIZE - rest + msg->payload_size);
	if (r)
		return r;

	/* Pairs with the guest's reading MessageType before anything else. */
	smp_wmb();
	return hv_kvm->write_msg_slot(vp->vcpu, sint, 0, &msg->message_type,
				      sizeof(msg->message_type));
}

/* True if a message was put into the slot. */
static bool hv_msg_deliver_sint(struct hv_vp *vp, u32 sint)
{
	struct hv_port_message *msg = &vp->bounce;
	struct kvm_hv_port_vp state;
	struct hv_msg_buf *buf;
	bool filled;

	if (!hv_slot_claim(vp, sint))
		return false;

	buf = hv_msg_peek(vp, sint, msg);
	if (!buf)
		return false;

	filled = !hv_slot_fill(vp, sint, msg);

	spin_lock(&vp->lock);
	if (filled && vp->delivering)
		hv_msg_dequeue(vp, buf);
	vp->delivering = NULL;
	spin_unlock(&vp->lock);

	if (!filled)
		return false;

	trace_hv_ports_deliver(vp->vcpu->vcpu_id, sint, msg);
	hv_kvm->get_vp(vp->vcpu, sint, &state);
	if (!(state.sint & (HV_SYNIC_SINT_MASKED | HV_SYNIC_SINT_POLLING)))
		hv_kvm->raise_sint(vp->vcpu, sint);
	return true;
}

/**
 * hv_msg_deliver - put waiting messages into free slots
 * @vp: the VP
 *
 * One message a SINT at the most, since the next one finds the slot taken.
 *
 * Context: the vCPU's task, under kvm->srcu; sleeps.
 * Return: the SINTs whose slot was filled.
 */
u32 hv_msg_deliver(struct hv_vp *vp)
{
	const u32 on = KVM_HV_PORT_VP_SYNIC | KVM_HV_PORT_VP_SIMP;
	unsigned long sints = READ_ONCE(vp->msg_sints);
	struct kvm_hv_port_vp state;
	u32 sint, filled = 0;

	if (!sints || !hv_kvm->get_vp(vp->vcpu, 0, &state) ||
	    (state.state & on) != on)
		return 0;

	for_each_set_bit(sint, &sints, HV_SYNIC_SINT_COUNT)
		if (hv_msg_deliver_sint(vp, sint))
			filled |= BIT(sint);
	return filled;
}

/**
 * hv_msg_sint_acked - try again where a message waits for the slot
 * @vp: the VP
 * @sint: the SINT that was acknowledged
 *
 * Context: the vCPU's task; does not sleep.
 */
void hv_msg_sint_acked(struct hv_vp *vp, u32 sint)
{
	if (!test_bit(sint, &vp->msg_sints))
		return;

	trace_hv_ports_retry(vp->vcpu->vcpu_id, sint);
	hv_kvm->request_deliver(vp->vcpu);
}
