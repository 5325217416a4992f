// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages: queues per VP and SINT, and the protocol of the SIM page's slots
 *
 * A slot is free if its MessageType is zero.  The guest frees it, then reads
 * MessagePending, and if that is set writes EOM.
 */
#include <linux/bitops.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "hv_ports.h"
#include "hv_ports_trace.h"

#define MSG_HEADER_SIZE		offsetof(struct hv_port_message, payload)

/**
 * hv_msg_init_buffers - put all buffers of a new port on its free list
 * @port: not yet published
 *
 * Context: any; does not sleep.
 */
void hv_msg_init_buffers(struct hv_port *port)
{
	int i;

	INIT_LIST_HEAD(&port->free);
	INIT_LIST_HEAD(&port->queue);
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
	struct hv_msg_buf *buf;

	lockdep_assert_held(&port->lock);

	if (port->dead) {
		*status = HV_STATUS_INVALID_PORT_ID;
		return NULL;
	}

	buf = list_first_entry_or_null(&port->free, struct hv_msg_buf, node);
	if (!buf) {
		port->refused++;
		*status = HV_STATUS_INSUFFICIENT_BUFFERS;
		return NULL;
	}

	buf->vp = vp;
	buf->queued = true;
	list_del(&buf->node);
	port->post_count++;
	*status = HV_STATUS_SUCCESS;
	return buf;
}

/* What is behind the payload stays as it is: nobody copies it. */
static void hv_msg_fill(struct hv_msg_buf *buf, const struct hv_port_post_message *post)
{
	struct hv_port_message *msg = &buf->msg;

	msg->message_type = post->message_type;
	msg->payload_size = post->payload_size;
	msg->message_flags = 0;
	memset(msg->reserved, 0, sizeof(msg->reserved));
	msg->port_id = buf->port->id;
	memcpy(msg->payload, post->payload, post->payload_size);
}

static void hv_msg_free_buffer(struct hv_msg_buf *buf)
{
	struct hv_port *port = buf->port;

	lockdep_assert_held(&port->lock);

	buf->vp = NULL;
	buf->queued = false;
	list_add_tail(&buf->node, &port->free);
}

/* The port is still there: counted, or RCU waits for the spinlock that is held. */
static void hv_msg_wake_writers(struct hv_port *port)
{
	if (wq_has_sleeper(&port->wait))
		wake_up_interruptible_poll(&port->wait, EPOLLOUT | EPOLLWRNORM);
}

/* Unlink a queued message and give its buffer back. */
static void hv_msg_dequeue(struct hv_vp *vp, struct hv_msg_buf *buf, bool delivered)
{
	struct hv_port *port = buf->port;

	lockdep_assert_held(&vp->lock);

	list_del(&buf->node);
	if (list_empty(&vp->queue[port->sint]))
		__clear_bit(port->sint, &vp->msg_sints);
	if (vp->delivering == buf)
		vp->delivering = NULL;

	spin_lock(&port->lock);
	hv_msg_free_buffer(buf);
	port->delivered += delivered;
	spin_unlock(&port->lock);
	hv_msg_wake_writers(port);
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
	spin_lock(&port->lock);
	buf = hv_msg_take_buffer(port, vp, &status);
	spin_unlock(&port->lock);
	if (buf) {
		hv_msg_fill(buf, post);
		list_add_tail(&buf->node, &vp->queue[port->sint]);
		__set_bit(port->sint, &vp->msg_sints);
	}
	spin_unlock(&vp->lock);

	if (buf)
		hv_kvm->request_deliver(vp->vcpu);
	return status;
}

/**
 * hv_msg_post_host - queue a message for the host
 * @port: a message port of the host's
 * @post: checked input of HvCallPostMessage
 *
 * Context: under RCU; does not sleep.
 * Return: as hv_msg_post().
 */
u64 hv_msg_post_host(struct hv_port *port, const struct hv_port_post_message *post)
{
	struct hv_msg_buf *buf;
	u64 status;

	spin_lock(&port->lock);
	buf = hv_msg_take_buffer(port, NULL, &status);
	if (buf) {
		hv_msg_fill(buf, post);
		list_add_tail(&buf->node, &port->queue);
	}
	spin_unlock(&port->lock);

	if (buf)
		wake_up_interruptible_poll(&port->wait, EPOLLIN | EPOLLRDNORM);
	return status;
}

/**
 * hv_msg_peek_host - copy the next message for the host, which stays
 * @port: a message port of the host's
 * @msg: receives the message, as far as it is one
 *
 * Context: one reader of the port at a time.
 * Return: its buffer, for hv_msg_take_host(), or NULL if there is none.
 */
struct hv_msg_buf *hv_msg_peek_host(struct hv_port *port, struct hv_port_message *msg)
{
	struct hv_msg_buf *buf;

	spin_lock(&port->lock);
	buf = list_first_entry_or_null(&port->queue, struct hv_msg_buf, node);
	if (buf)
		memcpy(msg, &buf->msg, MSG_HEADER_SIZE + buf->msg.payload_size);
	spin_unlock(&port->lock);

	return buf;
}

/**
 * hv_msg_take_host - the host has the message
 * @port: a message port of the host's
 * @buf: what hv_msg_peek_host() returned; no other reader came between
 *
 * Context: process, one reader of the port at a time; takes L4; does not sleep.
 */
void hv_msg_take_host(struct hv_port *port, struct hv_msg_buf *buf)
{
	spin_lock(&port->lock);
	/* Purged meanwhile? */
	if (buf->queued) {
		list_del(&buf->node);
		hv_msg_free_buffer(buf);
		port->delivered++;
	}
	spin_unlock(&port->lock);

	hv_msg_wake_writers(port);
}

/**
 * hv_msg_poll_host - what the host can do with a port
 * @port: of any type, and anybody's
 *
 * Context: process; takes L4; does not sleep.
 * Return: EPOLLIN: there is a message for the host; EPOLLOUT: there is a buffer;
 * EPOLLHUP: the port is gone.
 */
__poll_t hv_msg_poll_host(struct hv_port *port)
{
	__poll_t mask = 0;

	spin_lock(&port->lock);
	if (!list_empty(&port->queue))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (!list_empty(&port->free))
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (port->dead)
		mask |= EPOLLHUP;
	spin_unlock(&port->lock);

	return mask;
}

static bool hv_msg_purge_host(struct hv_port *port, struct hv_msg_buf *buf)
{
	bool queued;

	spin_lock(&port->lock);
	queued = buf->queued;
	if (queued) {
		list_del(&buf->node);
		hv_msg_free_buffer(buf);
	}
	spin_unlock(&port->lock);

	return queued;
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
		return hv_msg_purge_host(port, buf);

	spin_lock(&vp->lock);
	queued = buf->vp;
	if (queued)
		hv_msg_dequeue(vp, buf, false);
	spin_unlock(&vp->lock);

	return queued;
}

/**
 * hv_msg_purge - drop what a port has queued
 * @port: dead, so that nothing is queued any more
 *
 * A message that its vCPU is copying at this moment still arrives.
 *
 * Context: process; the L1 of the port's partition, whose VPs are there.
 * Return: how many were dropped.
 */
u32 hv_msg_purge(struct hv_port *port)
{
	u32 dropped = 0;
	int i;

	if (!port->buffers)
		return 0;

	for (i = 0; i < HV_PORT_BUFFERS; i++)
		dropped += hv_msg_purge_one(port, &port->buffers[i]);
	if (dropped)
		trace_hv_ports_drop(port->partition->id, port->id, dropped);
	return dropped;
}

/*
 * 0 if the slot is free.  Otherwise -EBUSY, and the guest has been told; or
 * -EFAULT.
 */
static int hv_slot_claim(struct hv_port_message __user *slot, u32 *type)
{
	if (get_user(*type, &slot->message_type))
		return -EFAULT;
	if (!*type)
		return 0;

	/* One byte: the guest may be writing MessageType meanwhile. */
	if (put_user(HV_PORT_MESSAGE_PENDING, &slot->message_flags))
		return -EFAULT;

	/*
	 * Pairs with the guest's barrier between MessageType = 0 and its look
	 * at MessagePending: either it sees the flag, and writes EOM, or we see
	 * the slot free.
	 */
	smp_mb();
	if (get_user(*type, &slot->message_type))
		return -EFAULT;
	return *type ? -EBUSY : 0;
}

/* The guest may look at any time; it must find the type only with the rest. */
static int hv_slot_fill(struct hv_port_message __user *slot,
			const struct hv_port_message *msg)
{
	const u32 rest = sizeof(msg->message_type);

	if (copy_to_user((void __user *)slot + rest, (const void *)msg + rest,
			 MSG_HEADER_SIZE - rest + msg->payload_size))
		return -EFAULT;

	/* Pairs with the guest's reading MessageType before anything else. */
	smp_wmb();
	return put_user(msg->message_type, &slot->message_type);
}

static int hv_slot_put(struct hv_vp *vp, u32 sint, const struct hv_port_message *msg)
{
	struct hv_port_message __user *slot = hv_kvm->map_msg_slot(vp->vcpu, sint);
	u32 type;
	int r;

	if (!slot)
		return -EFAULT;

	r = hv_slot_claim(slot, &type);
	if (!r)
		r = hv_slot_fill(slot, msg);
	else if (r == -EBUSY)
		trace_hv_ports_busy(vp->vcpu->vcpu_id, sint, type);
	hv_kvm->mark_msg_slot(vp->vcpu);
	return r;
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

static void hv_msg_count_busy(struct hv_port *port)
{
	spin_lock(&port->lock);
	port->busy++;
	spin_unlock(&port->lock);
}

/* @r: what became of the head, which may have been purged meanwhile. */
static void hv_msg_settle(struct hv_vp *vp, struct hv_msg_buf *buf, int r)
{
	spin_lock(&vp->lock);
	if (vp->delivering && !r)
		hv_msg_dequeue(vp, buf, true);
	else if (vp->delivering && r == -EBUSY)
		hv_msg_count_busy(buf->port);
	vp->delivering = NULL;
	spin_unlock(&vp->lock);
}

/* True if a message was put into the slot. */
static bool hv_msg_deliver_sint(struct hv_vp *vp, u32 sint)
{
	const u32 on = KVM_HV_PORT_VP_SYNIC | KVM_HV_PORT_VP_SIMP;
	struct hv_port_message *msg = &vp->bounce;
	struct kvm_hv_port_vp state;
	struct hv_msg_buf *buf;
	int r;

	if (!hv_kvm->get_vp(vp->vcpu, sint, &state) || (state.state & on) != on)
		return false;

	buf = hv_msg_peek(vp, sint, msg);
	if (!buf)
		return false;

	r = hv_slot_put(vp, sint, msg);
	hv_msg_settle(vp, buf, r);
	if (r)
		return false;

	trace_hv_ports_deliver(vp->vcpu->vcpu_id, sint, msg);
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
	unsigned long sints = READ_ONCE(vp->msg_sints);
	u32 sint, filled = 0;

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
