/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer's oracle, first part: memory, ports and connections, and how
 * messages and event flags reach the guest.
 *
 * It is made from Documentation/guest-abi.rst and shares nothing with the
 * module but the layouts of hv_tlfs.h.  Where the contract leaves a choice, the
 * model has the one that the module makes, and says CHOICE.
 */
#ifndef SELFTEST_HV_FUZZ_MODEL_H
#define SELFTEST_HV_FUZZ_MODEL_H

#include <stdlib.h>

#include "hv_fuzz.h"

#define FZ_PORTS		64
#define FZ_CONNECTIONS		192
#define FZ_BUFFERS		16
#define FZ_FLAGS		2048
#define FZ_FLAG_WORDS		(FZ_FLAGS / 64)
#define FZ_SLOT_SIZE		256

struct fz_port {
	bool used;
	u32 id;
	u32 type;
	u32 sint;
	u32 vp;
	u32 base;
	u32 count;
	u64 preferred;
	u64 posts;
	u32 queued;
	struct fz_connection *connection;
};

struct fz_connection {
	bool used;
	bool doorbell;
	bool automatic;
	u32 id;
	/* NULL if it was deleted */
	struct fz_port *port;
	u64 gpa;
	u64 value;
	u64 flags;
};

/* A message that waits for its slot */
struct fz_message {
	struct fz_message *next;
	struct fz_port *port;
	struct hv_port_message msg;
};

struct fz_vp {
	u64 scontrol;
	u64 simp;
	u64 siefp;
	u64 sint[FZ_SINTS];
	struct fz_message *queue[FZ_SINTS];
	/* Event flags that are not yet in memory */
	u64 flags[FZ_SINTS][FZ_FLAG_WORDS];
	/* There is something to be done before the guest goes on. */
	bool request;
	/* There was no memory where it was to be done: when memory comes or goes */
	bool missed;
	/* Interrupts that wait, by vector */
	u64 interrupts[4];
};

struct fz_model {
	/* What the VM is like */
	u64 partition;
	u64 low_memory;
	u32 gpa_bits;
	u32 privileges;
	u32 max_ports;
	u32 max_connections;
	bool zeroes_pages;

	u8 memory[FZ_PAGES][FZ_PAGE_SIZE];
	u8 kind[FZ_PAGES];
	struct fz_vp vps[FZ_VPS];
	struct fz_port ports[FZ_PORTS];
	u32 nr_ports;
	struct fz_connection connections[FZ_CONNECTIONS];
	u32 nr_connections;

	/* Of the connection ids below, those that have an eventfd */
	u32 eventfds;
	u64 signalled;
	struct fz_exits exits;
};

/* Connection ids that may have an eventfd */
#define FZ_EVENTFDS		4

/* Memory */

static inline bool fz_can_read(const struct fz_model *m, u64 gpa)
{
	int page = fz_page_of(gpa);

	return page >= 0 && m->kind[page] != FZ_HOLE;
}

static inline bool fz_can_write(const struct fz_model *m, u64 gpa)
{
	int page = fz_page_of(gpa);

	return page >= 0 && m->kind[page] == FZ_RAM;
}

static inline bool fz_is_memory(const struct fz_model *m, u64 gpa)
{
	return gpa < m->low_memory || fz_can_read(m, gpa);
}

static inline void *fz_at(struct fz_model *m, u64 gpa)
{
	return &m->memory[fz_page_of(gpa)][gpa % FZ_PAGE_SIZE];
}

static inline void fz_set_memory(struct fz_model *m, int page, u8 kind)
{
	int i;

	for (i = 0; i < FZ_VPS && (kind != FZ_HOLE || m->kind[page] != FZ_HOLE); i++) {
		m->vps[i].request |= m->vps[i].missed;
		m->vps[i].missed = false;
	}
	m->kind[page] = kind;
	memset(m->memory[page], 0, FZ_PAGE_SIZE);
}

/* Messages and flags on their way */

static inline bool fz_is_on(u64 msr)
{
	return msr & HV_ENABLE;
}

static inline u64 fz_page_of_msr(u64 msr)
{
	return msr & ~(FZ_PAGE_SIZE - 1);
}

static inline bool fz_has_flags(const struct fz_vp *vp)
{
	int sint, word;

	for (sint = 0; sint < FZ_SINTS; sint++)
		for (word = 0; word < FZ_FLAG_WORDS; word++)
			if (vp->flags[sint][word])
				return true;
	return false;
}

static inline bool fz_has_messages(const struct fz_vp *vp)
{
	int sint;

	for (sint = 0; sint < FZ_SINTS; sint++)
		if (vp->queue[sint])
			return true;
	return false;
}

static inline void fz_raise(struct fz_vp *vp, int sint)
{
	const u8 vector = vp->sint[sint];

	if (!(vp->sint[sint] & (HV_SINT_MASKED | HV_SINT_POLLING)))
		vp->interrupts[vector / 64] |= BIT_ULL(vector % 64);
}

static inline void fz_deliver_flags(struct fz_model *m, struct fz_vp *vp, int sint)
{
	const u64 gpa = fz_page_of_msr(vp->siefp) + sint * FZ_FLAGS / 8;
	bool new = false;
	u64 *there;
	int word;

	if (!fz_can_write(m, gpa)) {
		vp->missed |= fz_has_flags(vp);
		return;
	}
	there = fz_at(m, gpa);
	for (word = 0; word < FZ_FLAG_WORDS; word++) {
		new |= vp->flags[sint][word] & ~there[word];
		there[word] |= vp->flags[sint][word];
		vp->flags[sint][word] = 0;
	}
	if (new)
		fz_raise(vp, sint);
}

/* Take the first message out of the queue, to where its slot is. */
static inline void fz_fill_slot(struct fz_vp *vp, int sint, struct hv_port_message *slot)
{
	struct fz_message *first = vp->queue[sint];

	vp->queue[sint] = first->next;
	if (vp->queue[sint])
		first->msg.message_flags = HV_PORT_MESSAGE_PENDING;
	/* What is beyond the payload stays as it is. */
	memcpy(slot, &first->msg,
	       offsetof(struct hv_port_message, payload) + first->msg.payload_size);
	first->port->queued--;
	free(first);
	fz_raise(vp, sint);
}

static inline void fz_deliver_message(struct fz_model *m, struct fz_vp *vp, int sint)
{
	const u64 gpa = fz_page_of_msr(vp->simp) + sint * FZ_SLOT_SIZE;
	struct hv_port_message *slot;

	if (!vp->queue[sint])
		return;
	if (!fz_can_write(m, gpa)) {
		vp->missed = true;
		return;
	}
	slot = fz_at(m, gpa);
	if (slot->message_type)
		slot->message_flags = HV_PORT_MESSAGE_PENDING;
	else
		fz_fill_slot(vp, sint, slot);
}

/*
 * What happens before the guest goes on, if it was asked for.  CHOICE: whatever
 * is the reason, all SINTs' slots are looked at; flags go before messages.
 */
static inline void fz_deliver(struct fz_model *m, struct fz_vp *vp)
{
	int sint;

	if (!vp->request)
		return;
	vp->request = false;
	if (!fz_is_on(vp->scontrol))
		return;

	for (sint = 0; sint < FZ_SINTS; sint++)
		if (fz_is_on(vp->siefp))
			fz_deliver_flags(m, vp, sint);
	for (sint = 0; sint < FZ_SINTS; sint++)
		if (fz_is_on(vp->simp))
			fz_deliver_message(m, vp, sint);
}

static inline void fz_set_flag(struct fz_vp *vp, u32 sint, u32 flag)
{
	u64 *word = &vp->flags[sint][flag / 64];

	/* On its way already: there is nothing to be done. */
	if (*word & BIT_ULL(flag % 64))
		return;
	*word |= BIT_ULL(flag % 64);
	vp->request = true;
}

static inline void fz_enqueue(struct fz_vp *vp, struct fz_port *port,
			      const struct hv_port_post_message *in)
{
	struct fz_message *message = calloc(1, sizeof(*message)), **last;

	message->port = port;
	message->msg.message_type = in->message_type;
	message->msg.payload_size = in->payload_size;
	message->msg.port_id = port->id;
	memcpy(message->msg.payload, in->payload, in->payload_size);
	for (last = &vp->queue[port->sint]; *last; last = &(*last)->next)
		;
	*last = message;
	port->queued++;
	port->posts++;
	vp->request = true;
}

/* Drop the messages of a port, or all. */
static inline void fz_purge_queue(struct fz_message **queue, const struct fz_port *port)
{
	struct fz_message *message;

	while (*queue) {
		message = *queue;
		if (port && message->port != port) {
			queue = &message->next;
			continue;
		}
		*queue = message->next;
		free(message);
	}
}

static inline void fz_purge(struct fz_model *m, const struct fz_port *port)
{
	int i, sint;

	for (i = 0; i < FZ_VPS; i++)
		for (sint = 0; sint < FZ_SINTS; sint++)
			fz_purge_queue(&m->vps[i].queue[sint], port);
}

/* The table */

static inline struct fz_port *fz_find_port(struct fz_model *m, u32 id)
{
	int i;

	for (i = 0; i < FZ_PORTS; i++)
		if (m->ports[i].used && m->ports[i].id == id)
			return &m->ports[i];
	return NULL;
}

static inline struct fz_connection *fz_find_connection(struct fz_model *m, u32 id,
						       bool doorbell)
{
	int i;

	for (i = 0; i < FZ_CONNECTIONS; i++)
		if (m->connections[i].used && m->connections[i].id == id &&
		    m->connections[i].doorbell == doorbell)
			return &m->connections[i];
	return NULL;
}

static inline struct fz_port *fz_add_port(struct fz_model *m)
{
	int i;

	for (i = 0; i < FZ_PORTS; i++) {
		if (!m->ports[i].used) {
			memset(&m->ports[i], 0, sizeof(m->ports[i]));
			m->ports[i].used = true;
			m->nr_ports++;
			return &m->ports[i];
		}
	}
	TEST_FAIL("The model has no room for another port");
	return NULL;
}

static inline struct fz_connection *fz_add_connection(struct fz_model *m, u32 id,
						      struct fz_port *port)
{
	int i;

	for (i = 0; i < FZ_CONNECTIONS; i++) {
		if (!m->connections[i].used) {
			m->connections[i] = (struct fz_connection) {
				.used = true,
				.id = id,
				.port = port,
				.doorbell = port->type == HV_PORT_TYPE_DOORBELL,
			};
			port->connection = &m->connections[i];
			m->nr_connections++;
			return &m->connections[i];
		}
	}
	TEST_FAIL("The model has no room for another connection");
	return NULL;
}

static inline void fz_remove_connection(struct fz_model *m, struct fz_connection *c)
{
	if (c->port)
		c->port->connection = NULL;
	c->used = false;
	m->nr_connections--;
}

static inline void fz_remove_port(struct fz_model *m, struct fz_port *port)
{
	fz_purge(m, port);
	if (port->connection)
		port->connection->port = NULL;
	port->used = false;
	m->nr_ports--;
}

/* Whom a port's messages or events go to */

/* CHOICE: of those that have nothing queued for the SINT, or of all, the first. */
static inline struct fz_vp *fz_any_vp(struct fz_model *m, const struct fz_port *port,
				      bool (*is_ready)(const struct fz_vp *vp, u32 sint))
{
	struct fz_vp *first = NULL;
	int i;

	if (port->preferred < FZ_VPS && is_ready(&m->vps[port->preferred], port->sint))
		return &m->vps[port->preferred];
	for (i = 0; i < FZ_VPS; i++) {
		if (!is_ready(&m->vps[i], port->sint))
			continue;
		if (!m->vps[i].queue[port->sint])
			return &m->vps[i];
		if (!first)
			first = &m->vps[i];
	}
	return first;
}

static inline bool fz_takes_messages(const struct fz_vp *vp, u32 sint)
{
	return fz_is_on(vp->scontrol) && fz_is_on(vp->simp);
}

static inline bool fz_takes_events(const struct fz_vp *vp, u32 sint)
{
	return fz_is_on(vp->scontrol) && fz_is_on(vp->siefp) &&
	       !(vp->sint[sint] & HV_SINT_MASKED);
}

/* NULL if nobody is ready */
static inline struct fz_vp *fz_target(struct fz_model *m, const struct fz_port *port)
{
	bool (*is_ready)(const struct fz_vp *vp, u32 sint) =
		port->type == HV_PORT_TYPE_MESSAGE ? fz_takes_messages : fz_takes_events;

	if (port->vp == HV_ANY_VP)
		return fz_any_vp(m, port, is_ready);
	return is_ready(&m->vps[port->vp], port->sint) ? &m->vps[port->vp] : NULL;
}

static inline void fz_model_reset(struct fz_model *m)
{
	int i, sint;

	fz_purge(m, NULL);
	memset(m, 0, sizeof(*m));
	for (i = 0; i < FZ_PAGES; i++)
		m->kind[i] = i < FZ_RO_PAGE ? FZ_RAM : i < FZ_HOLE_PAGE ? FZ_RO : FZ_HOLE;
	for (i = 0; i < FZ_VPS; i++) {
		/* KVM's, at activation */
		m->vps[i].scontrol = HV_ENABLE;
		for (sint = 0; sint < FZ_SINTS; sint++)
			m->vps[i].sint[sint] = HV_SINT_MASKED;
	}
}

#endif /* SELFTEST_HV_FUZZ_MODEL_H */
