/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer's oracle, second part: what a step comes to.
 */
#ifndef SELFTEST_HV_FUZZ_ORACLE_H
#define SELFTEST_HV_FUZZ_ORACLE_H

#include "hv_fuzz_model.h"

#define FZ_OK			HV_STATUS_SUCCESS
#define FZ_BAD_CODE		HV_STATUS_INVALID_HYPERCALL_CODE
#define FZ_BAD_INPUT		HV_STATUS_INVALID_HYPERCALL_INPUT
#define FZ_BAD_ALIGNMENT	HV_STATUS_INVALID_ALIGNMENT
#define FZ_BAD_PARAMETER	HV_STATUS_INVALID_PARAMETER
#define FZ_BAD_PARTITION	HV_STATUS_INVALID_PARTITION_ID
#define FZ_BAD_PORT		HV_STATUS_INVALID_PORT_ID
#define FZ_BAD_CONNECTION	HV_STATUS_INVALID_CONNECTION_ID

/* CPUID 0x40000003 EBX */
#define FZ_MAY_ID		BIT(1)
#define FZ_MAY_POST		BIT(4)
#define FZ_MAY_SIGNAL		BIT(5)
#define FZ_MAY_CREATE		BIT(6)
#define FZ_MAY_CONNECT		BIT(7)
#define FZ_MAY_ALL		(FZ_MAY_ID | FZ_MAY_POST | FZ_MAY_SIGNAL | FZ_MAY_CREATE | \
				 FZ_MAY_CONNECT)

/* Conditions in the order in which they are looked at; the first one decides. */
struct fz_check {
	bool fails;
	u64 status;
};

#define fz_first(...)								\
({										\
	const struct fz_check checks[] = { __VA_ARGS__ };			\
	__fz_first(checks, ARRAY_SIZE(checks));					\
})

static inline u64 __fz_first(const struct fz_check *checks, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		if (checks[i].fails)
			return checks[i].status;
	return FZ_OK;
}

static inline bool fz_is_self(const struct fz_model *m, u64 partition)
{
	return partition == HV_PARTITION_ID_SELF || partition == m->partition;
}

static inline bool fz_bad_id(u32 id)
{
	return id & 0xff000000;
}

static inline bool fz_bad_vp(u64 vp)
{
	return vp != HV_ANY_VP && vp >= FZ_VPS;
}

static inline bool fz_bad_proximity(const struct hv_proximity_info *info)
{
	return info->flags & ~0x80000001;
}

static inline bool fz_has_eventfd(const struct fz_model *m, u32 id)
{
	return id < FZ_EVENTFDS && m->eventfds & BIT(id);
}

/* CreatePort */

static inline bool fz_bad_sint(u32 sint)
{
	return sint < 1 || sint > 15;
}

static inline bool fz_bad_port_info(const struct hv_port_info *info)
{
	if (info->padding)
		return true;
	switch (info->port_type) {
	case HV_PORT_TYPE_MESSAGE:
		return info->message_port_info.rsvdz ||
		       fz_bad_sint(info->message_port_info.target_sint);
	case HV_PORT_TYPE_EVENT:
		return info->event_port_info.rsvdz || !info->event_port_info.flag_count ||
		       info->event_port_info.base_flag_number +
		       info->event_port_info.flag_count > FZ_FLAGS ||
		       fz_bad_sint(info->event_port_info.target_sint);
	case HV_PORT_TYPE_DOORBELL:
		return info->doorbell_port_info.rsvdz ||
		       fz_bad_sint(info->doorbell_port_info.target_sint);
	default:
		return true;
	}
}

static inline u64 fz_check_create(struct fz_model *m, const struct hv_input_create_port *in)
{
	const struct hv_port_info *info = &in->port_info;

	return fz_first({ !fz_is_self(m, in->port_partition_id), FZ_BAD_PARTITION },
			{ in->connection_partition_id &&
			  !fz_is_self(m, in->connection_partition_id), FZ_BAD_PARTITION },
			{ in->port_vtl || in->min_connection_vtl || in->padding,
			  FZ_BAD_PARAMETER },
			{ fz_bad_port_info(info), FZ_BAD_PARAMETER },
			{ fz_bad_proximity(&in->proximity_domain_info), FZ_BAD_PARAMETER },
			{ fz_bad_id(in->port_id), FZ_BAD_PORT },
			{ fz_find_port(m, in->port_id), FZ_BAD_PORT },
			{ info->port_type == HV_PORT_TYPE_DOORBELL && !in->port_id,
			  FZ_BAD_PORT },
			{ fz_bad_vp(info->message_port_info.target_vp),
			  HV_STATUS_INVALID_VP_INDEX },
			{ m->nr_ports >= m->max_ports, HV_STATUS_NO_RESOURCES });
}

static inline void fz_auto_connect(struct fz_model *m, struct fz_port *port)
{
	if (port->type == HV_PORT_TYPE_DOORBELL || fz_has_eventfd(m, port->id) ||
	    fz_find_connection(m, port->id, false) ||
	    m->nr_connections >= m->max_connections)
		return;
	fz_add_connection(m, port->id, port)->automatic = true;
}

static inline u64 fz_create(struct fz_model *m, const void *input, u64 *output)
{
	const struct hv_input_create_port *in = input;
	const struct hv_port_info *info = &in->port_info;
	const u64 status = fz_check_create(m, in);
	struct fz_port *port;

	if (status)
		return status;

	port = fz_add_port(m);
	port->id = in->port_id;
	port->type = info->port_type;
	port->sint = info->message_port_info.target_sint;
	port->vp = info->message_port_info.target_vp;
	port->preferred = HV_ANY_VP;
	if (port->type == HV_PORT_TYPE_EVENT) {
		port->base = info->event_port_info.base_flag_number;
		port->count = info->event_port_info.flag_count;
	}
	if (in->connection_partition_id)
		fz_auto_connect(m, port);
	return FZ_OK;
}

/* DeletePort */

static inline u64 fz_delete(struct fz_model *m, const void *input, u64 *output)
{
	const struct hv_input_delete_port *in = input;
	struct fz_port *port = fz_find_port(m, in->port_id);
	const u64 status = fz_first({ !fz_is_self(m, in->port_partition_id), FZ_BAD_PARTITION },
				    { !port, FZ_BAD_PORT });

	if (!status)
		fz_remove_port(m, port);
	return status;
}

/* ConnectPort */

/* Bytes that a doorbell wants; 0 is any number of them. */
static inline u32 fz_doorbell_bytes(u64 flags)
{
	static const u32 bytes[8] = { 0, 1, 2, 4, 8 };

	return bytes[flags & HV_DOORBELL_FLAG_TRIGGER_SIZE_MASK];
}

static inline bool fz_any_value(u64 flags)
{
	return flags & HV_DOORBELL_FLAG_TRIGGER_ANY_VALUE;
}

static inline bool fz_bad_doorbell(const struct fz_model *m,
				   const struct hv_connection_info *info)
{
	const u64 flags = info->doorbell_connection_info.flags;
	const u64 gpa = info->doorbell_connection_info.gpa;
	const u32 bytes = fz_doorbell_bytes(flags) ?: 1;

	return flags & ~0x80000007ULL ||
	       (flags & HV_DOORBELL_FLAG_TRIGGER_SIZE_MASK) > 4 ||
	       gpa % FZ_PAGE_SIZE > FZ_PAGE_SIZE - bytes ||
	       gpa >= BIT_ULL(m->gpa_bits);
}

static inline bool fz_bad_connection_info(const struct fz_model *m,
					  const struct hv_connection_info *info)
{
	if (info->padding)
		return true;
	switch (info->port_type) {
	case HV_PORT_TYPE_MESSAGE:
	case HV_PORT_TYPE_EVENT:
		return info->rsvdz[0] || info->rsvdz[1] || info->rsvdz[2];
	case HV_PORT_TYPE_DOORBELL:
		return fz_bad_doorbell(m, info);
	default:
		return true;
	}
}

static inline bool fz_collide(const struct fz_connection *c,
			      const struct hv_connection_info *info)
{
	const u64 flags = info->doorbell_connection_info.flags;
	const u32 mine = fz_doorbell_bytes(flags), theirs = fz_doorbell_bytes(c->flags);

	return c->used && c->doorbell && c->gpa == info->doorbell_connection_info.gpa &&
	       (!mine || !theirs || mine == theirs) &&
	       (fz_any_value(flags) || fz_any_value(c->flags) ||
		c->value == info->doorbell_connection_info.trigger_value);
}

/* What the port shows */
static inline bool fz_is_no_match(const struct fz_model *m, const struct fz_port *port,
				  const struct hv_connection_info *info)
{
	int i;

	if (port->type != info->port_type)
		return true;
	if (port->type != HV_PORT_TYPE_DOORBELL)
		return false;
	if (fz_is_memory(m, info->doorbell_connection_info.gpa))
		return true;
	for (i = 0; i < FZ_CONNECTIONS; i++)
		if (fz_collide(&m->connections[i], info))
			return true;
	return false;
}

static inline bool fz_id_in_use(struct fz_model *m, const struct hv_input_connect_port *in,
				const struct fz_port *port)
{
	const bool doorbell = in->connection_info.port_type == HV_PORT_TYPE_DOORBELL;
	const struct fz_connection *c = fz_find_connection(m, in->connection_id, doorbell);

	/* The one that is going to be replaced is not in the way. */
	if (c)
		return !c->automatic || !c->port || c->port != port;
	return !doorbell && fz_has_eventfd(m, in->connection_id);
}

static inline u64 fz_check_connect(struct fz_model *m, const struct hv_input_connect_port *in,
				   const struct fz_port *port)
{
	const struct hv_connection_info *info = &in->connection_info;
	const bool taken = port && port->connection && !port->connection->automatic;
	const bool replaces = port && port->connection && port->connection->automatic;

	return fz_first({ !fz_is_self(m, in->connection_partition_id), FZ_BAD_PARTITION },
			{ !fz_is_self(m, in->port_partition_id), FZ_BAD_PARTITION },
			{ in->connection_vtl || in->rsvdz0 || in->rsvdz1 || in->reserved2,
			  FZ_BAD_PARAMETER },
			{ fz_bad_proximity(&in->proximity_domain_info), FZ_BAD_PARAMETER },
			{ fz_bad_connection_info(m, info), FZ_BAD_PARAMETER },
			{ fz_bad_id(in->connection_id), FZ_BAD_CONNECTION },
			{ fz_id_in_use(m, in, port), FZ_BAD_CONNECTION },
			{ fz_bad_id(in->port_id), FZ_BAD_PORT },
			{ !port || taken, FZ_BAD_PORT },
			{ port && fz_is_no_match(m, port, info), FZ_BAD_PARAMETER },
			{ !replaces && m->nr_connections >= m->max_connections,
			  HV_STATUS_NO_RESOURCES });
}

static inline u64 fz_connect(struct fz_model *m, const void *input, u64 *output)
{
	const struct hv_input_connect_port *in = input;
	struct fz_port *port = fz_find_port(m, in->port_id);
	const u64 status = fz_check_connect(m, in, port);
	struct fz_connection *c;

	if (status)
		return status;

	if (port->connection)
		fz_remove_connection(m, port->connection);
	c = fz_add_connection(m, in->connection_id, port);
	c->gpa = in->connection_info.doorbell_connection_info.gpa;
	c->value = in->connection_info.doorbell_connection_info.trigger_value;
	c->flags = in->connection_info.doorbell_connection_info.flags;
	return FZ_OK;
}

/* DisconnectPort */

static inline u64 fz_disconnect(struct fz_model *m, const void *input, u64 *output)
{
	const struct hv_input_disconnect_port *in = input;
	struct fz_connection *c = fz_find_connection(m, in->connection_id, in->flags & 1);
	const u64 status = fz_first({ !fz_is_self(m, in->connection_partition_id),
				      FZ_BAD_PARTITION },
				    { in->flags & ~1, FZ_BAD_PARAMETER },
				    { !c, FZ_BAD_CONNECTION });

	if (!status)
		fz_remove_connection(m, c);
	return status;
}

/* Properties */

static inline u64 fz_property(const struct fz_port *port, u32 code)
{
	if (code == HV_PORT_PROPERTY_POST_COUNT)
		return port->posts;
	return port->vp == HV_ANY_VP ? port->preferred : port->vp;
}

static inline u64 fz_get_property(struct fz_model *m, const void *input, u64 *output)
{
	const struct hv_input_get_port_property *in = input;
	const struct fz_port *port = fz_find_port(m, in->port_id);
	const u64 status = fz_first({ !fz_is_self(m, in->port_partition_id), FZ_BAD_PARTITION },
				    { !port, FZ_BAD_PORT },
				    { in->property_code > 1, HV_STATUS_UNKNOWN_PROPERTY });

	if (!status)
		*output = fz_property(port, in->property_code);
	return status;
}

static inline u64 fz_set_property(struct fz_model *m, const void *input, u64 *output)
{
	const struct hv_input_set_port_property *in = input;
	struct fz_port *port = fz_find_port(m, in->get.port_id);
	const u64 status = fz_first({ !fz_is_self(m, in->get.port_partition_id),
				      FZ_BAD_PARTITION },
				    { !port, FZ_BAD_PORT },
				    { in->get.property_code > 1, HV_STATUS_UNKNOWN_PROPERTY },
				    { in->get.property_code == HV_PORT_PROPERTY_POST_COUNT,
				      HV_STATUS_OPERATION_DENIED },
				    { port && port->vp != HV_ANY_VP,
				      HV_STATUS_OPERATION_DENIED },
				    { fz_bad_vp(in->value), HV_STATUS_INVALID_VP_INDEX });

	if (!status)
		*output = port->preferred = in->value;
	return status;
}

static inline u64 fz_get_partition_id(struct fz_model *m, const void *input, u64 *output)
{
	*output = m->partition;
	return FZ_OK;
}

/* PostMessage and SignalEvent, to a connection that is there */

static inline u64 fz_post(struct fz_model *m, const struct hv_port_post_message *in,
			  struct fz_port *port)
{
	struct fz_vp *vp;

	if (!port || port->type != HV_PORT_TYPE_MESSAGE)
		return FZ_BAD_PORT;
	if (in->rsvdz || !in->message_type || in->message_type >= BIT(31) ||
	    in->payload_size > 240)
		return FZ_BAD_PARAMETER;
	vp = fz_target(m, port);
	if (!vp)
		return HV_STATUS_INVALID_SYNIC_STATE;
	if (port->queued == FZ_BUFFERS)
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	fz_enqueue(vp, port, in);
	return FZ_OK;
}

static inline u64 fz_signal(struct fz_model *m, const struct hv_port_signal_event *in,
			    struct fz_port *port)
{
	struct fz_vp *vp;

	if (!port || port->type != HV_PORT_TYPE_EVENT)
		return FZ_BAD_PORT;
	if (in->rsvdz || in->flag_number >= port->count)
		return FZ_BAD_PARAMETER;
	vp = fz_target(m, port);
	if (!vp)
		return HV_STATUS_INVALID_SYNIC_STATE;
	fz_set_flag(vp, port->sint, port->base + in->flag_number);
	return FZ_OK;
}

/* What KVM itself makes of a signal; true if user space is not asked */
static inline bool fz_signal_eventfd(struct fz_model *m, u64 input, u64 *status)
{
	if (input & 0xffff00000000ULL)
		return false;
	*status = FZ_BAD_INPUT;
	if (input & 0xffff0000ff000000ULL)
		return true;
	if (!fz_has_eventfd(m, input))
		return false;
	m->signalled++;
	*status = FZ_OK;
	return true;
}

/* Hypercalls as such */

struct fz_code {
	u16 code;
	u16 size;
	u16 fast;
	u16 output;
	u32 needs;
	u64 (*call)(struct fz_model *m, const void *input, u64 *output);
};

static const struct fz_code fz_codes[] = {
	{ HVCALL_POST_MESSAGE, 256, 0, 0, FZ_MAY_POST },
	{ HVCALL_SIGNAL_EVENT, 8, 16, 0, FZ_MAY_SIGNAL },
	{ HVCALL_CREATE_PORT, 56, 112, 0, FZ_MAY_CREATE, fz_create },
	{ HVCALL_DELETE_PORT, 16, 16, 0, FZ_MAY_CREATE, fz_delete },
	{ HVCALL_CONNECT_PORT, 72, 112, 0, FZ_MAY_CONNECT, fz_connect },
	{ HVCALL_DISCONNECT_PORT, 16, 16, 0, FZ_MAY_CONNECT, fz_disconnect },
	{ HVCALL_GET_PORT_PROPERTY, 24, 0, 8, FZ_MAY_CREATE, fz_get_property },
	{ HVCALL_SET_PORT_PROPERTY, 32, 0, 8, FZ_MAY_CREATE, fz_set_property },
	{ HVCALL_GET_PARTITION_ID, 0, 0, 8, FZ_MAY_ID, fz_get_partition_id },
};

static inline const struct fz_code *fz_find_code(u16 code)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(fz_codes); i++)
		if (fz_codes[i].code == code)
			return &fz_codes[i];
	return NULL;
}

static inline u64 fz_ask_user(struct fz_model *m, const struct fz_step *s, u64 in)
{
	fz_add_exit(&m->exits, FZ_EXIT_CALL, s->control, in, s->out);
	return FZ_USER_STATUS;
}

static inline u64 fz_call_connection(struct fz_model *m, const struct fz_step *s,
				     const void *input)
{
	const u32 id = *(const u32 *)input;
	const u64 first = *(const u64 *)input;
	const struct fz_connection *c = fz_find_connection(m, id, false);
	const bool signal = (u16)s->control == HVCALL_SIGNAL_EVENT;
	u64 status;

	if (c)
		return signal ? fz_signal(m, input, c->port) : fz_post(m, input, c->port);
	if (signal && fz_signal_eventfd(m, first, &status))
		return status;
	/* KVM has read a signal's input by then. */
	return fz_ask_user(m, s, signal ? first : s->in);
}

static inline bool fz_bad_block(u64 gpa, u32 size)
{
	return gpa % 8 || gpa % FZ_PAGE_SIZE + size > FZ_PAGE_SIZE;
}

/* Whether all but the input's meaning is as it should be */
static inline u64 fz_check_call(const struct fz_model *m, const struct fz_step *s,
				const struct fz_code *code)
{
	const bool fast = s->control & HV_HYPERCALL_FAST_BIT;

	return fz_first({ s->control & (FZ_CONTROL_REP | FZ_CONTROL_VARHEAD), FZ_BAD_INPUT },
			{ fast && (code->size > code->fast || code->output), FZ_BAD_INPUT },
			{ !fast && code->size &&
			  (fz_bad_block(s->in, code->size) || !fz_can_read(m, s->in)),
			  FZ_BAD_ALIGNMENT },
			{ code->output &&
			  (fz_bad_block(s->out, code->output) || !fz_can_write(m, s->out)),
			  FZ_BAD_ALIGNMENT });
}

static inline void fz_read_input(struct fz_model *m, const struct fz_step *s, u32 size,
				 u8 *input)
{
	const u64 registers[] = { s->in, s->out };

	if (s->control & HV_HYPERCALL_FAST_BIT) {
		memcpy(input, registers, sizeof(registers));
		memcpy(input + sizeof(registers), s->input, FZ_XMM_SIZE);
	} else if (size) {
		memcpy(input, fz_at(m, s->in), size);
	}
}

static inline u64 fz_call_ours(struct fz_model *m, const struct fz_step *s,
			       const struct fz_code *code)
{
	u64 status = fz_check_call(m, s, code), output;
	u8 input[256] __aligned(8) = {};

	if (status)
		return status;
	fz_read_input(m, s, code->size, input);
	if (!code->call)
		return fz_call_connection(m, s, input);
	status = code->call(m, input, &output);
	if (!status && code->output)
		memcpy(fz_at(m, s->out), &output, sizeof(output));
	return status;
}

static inline u64 fz_call(struct fz_model *m, const struct fz_step *s)
{
	const struct fz_code *code = fz_find_code(s->control);

	if (code && !(m->privileges & code->needs))
		return HV_STATUS_ACCESS_DENIED;
	if (s->control & FZ_CONTROL_RESERVED)
		return FZ_BAD_INPUT;
	if (!code)
		return FZ_BAD_CODE;
	if (code->code == HVCALL_POST_MESSAGE && s->control & HV_HYPERCALL_FAST_BIT)
		return s->control & (FZ_CONTROL_REP | FZ_CONTROL_VARHEAD) ?
		       FZ_BAD_INPUT : fz_ask_user(m, s, s->in);
	return fz_call_ours(m, s, code);
}

/* The statuses that a call can have at all, as bits, besides user space's */
static inline u64 fz_documented(u16 code)
{
	const u64 all = BIT(FZ_BAD_INPUT) | BIT(HV_STATUS_ACCESS_DENIED);
	const u64 ours = all | BIT(FZ_OK) | BIT(FZ_BAD_ALIGNMENT);
	const u64 send = ours | BIT(FZ_BAD_PORT) | BIT(FZ_BAD_PARAMETER) |
			 BIT(HV_STATUS_INVALID_SYNIC_STATE);
	const u64 port = ours | BIT(FZ_BAD_PARTITION) | BIT(FZ_BAD_PORT);
	const u64 disconnect = ours | BIT(FZ_BAD_PARTITION) | BIT(FZ_BAD_PARAMETER) |
			       BIT(FZ_BAD_CONNECTION);

	switch (code) {
	case HVCALL_POST_MESSAGE:
		return send | BIT(HV_STATUS_INSUFFICIENT_BUFFERS);
	case HVCALL_SIGNAL_EVENT:
		return send;
	case HVCALL_CREATE_PORT:
		return port | BIT(FZ_BAD_PARAMETER) | BIT(HV_STATUS_INVALID_VP_INDEX) |
		       BIT(HV_STATUS_NO_RESOURCES);
	case HVCALL_DELETE_PORT:
		return port;
	case HVCALL_CONNECT_PORT:
		return disconnect | BIT(FZ_BAD_PORT) | BIT(HV_STATUS_NO_RESOURCES);
	case HVCALL_DISCONNECT_PORT:
		return disconnect;
	case HVCALL_GET_PORT_PROPERTY:
		return port | BIT(HV_STATUS_UNKNOWN_PROPERTY);
	case HVCALL_SET_PORT_PROPERTY:
		return port | BIT(HV_STATUS_UNKNOWN_PROPERTY) |
		       BIT(HV_STATUS_OPERATION_DENIED) | BIT(HV_STATUS_INVALID_VP_INDEX);
	case HVCALL_GET_PARTITION_ID:
		return ours;
	default:
		return all | BIT(FZ_BAD_CODE);
	}
}

static inline bool fz_is_documented(const struct fz_step *s, const struct fz_outcome *o)
{
	const u16 code = s->control;

	if (s->op != FZ_CALL)
		return !o->vector || s->op == FZ_WRMSR;
	if (o->vector)
		return false;
	if (o->result == FZ_USER_STATUS)
		return code == HVCALL_POST_MESSAGE || code == HVCALL_SIGNAL_EVENT;
	return o->result < 64 && fz_documented(code) & BIT_ULL(o->result);
}

/* Stores */

static inline struct fz_connection *fz_find_doorbell(struct fz_model *m, u64 gpa, u32 len,
						     u64 value)
{
	struct fz_connection *c;
	int i;

	for (i = 0; i < FZ_CONNECTIONS; i++) {
		c = &m->connections[i];
		if (c->used && c->doorbell && c->gpa == gpa &&
		    (!fz_doorbell_bytes(c->flags) || fz_doorbell_bytes(c->flags) == len) &&
		    (fz_any_value(c->flags) || c->value == value))
			return c;
	}
	return NULL;
}

/* CHOICE: if nobody is ready, HV_ANY_VP's doorbell waits at the first VP. */
static inline void fz_ring(struct fz_model *m, struct fz_port *port)
{
	struct fz_vp *vp;

	if (!port)
		return;
	vp = port->vp == HV_ANY_VP ? fz_target(m, port) : &m->vps[port->vp];
	fz_set_flag(vp ?: &m->vps[0], port->sint, port->id % FZ_FLAGS);
}

/* A write within a page */
static inline void fz_store_page(struct fz_model *m, u64 gpa, u32 len, u64 value)
{
	struct fz_connection *c;

	if (fz_can_write(m, gpa)) {
		memcpy(fz_at(m, gpa), &value, len);
		return;
	}
	c = fz_can_read(m, gpa) ? NULL : fz_find_doorbell(m, gpa, len, value);
	if (c)
		fz_ring(m, c->port);
	else
		fz_add_exit(&m->exits, FZ_EXIT_WRITE, gpa, len, value);
}

static inline void fz_store(struct fz_model *m, u64 gpa, u32 len, u64 value)
{
	const u32 rest = FZ_PAGE_SIZE - gpa % FZ_PAGE_SIZE;

	if (len < 8)
		value &= BIT_ULL(8 * len) - 1;
	if (len <= rest) {
		fz_store_page(m, gpa, len, value);
		return;
	}
	fz_store_page(m, gpa, rest, value & (BIT_ULL(8 * rest) - 1));
	fz_store_page(m, gpa + rest, len - rest, value >> (8 * rest));
}

/* The SynIC */

static inline void fz_synic_changed(struct fz_vp *vp)
{
	if (fz_has_messages(vp) || fz_has_flags(vp))
		vp->request = true;
}

/* A page that is turned on; false if that is refused */
static inline bool fz_zero_page(struct fz_model *m, u64 value, bool by_host)
{
	const u64 gpa = fz_page_of_msr(value);

	if (!fz_is_on(value) || by_host || !m->zeroes_pages)
		return true;
	if (!fz_can_write(m, gpa))
		return false;
	memset(fz_at(m, gpa), 0, FZ_PAGE_SIZE);
	return true;
}

static inline bool fz_wrmsr_page(struct fz_model *m, struct fz_vp *vp, u64 *page,
				 u64 value, bool by_host)
{
	if (!fz_zero_page(m, value, by_host))
		return false;
	*page = value;
	fz_synic_changed(vp);
	return true;
}

static inline bool fz_wrmsr(struct fz_model *m, struct fz_vp *vp, u32 msr, u64 value,
			    bool by_host)
{
	switch (msr) {
	case HV_X64_MSR_SCONTROL:
		vp->scontrol = value;
		fz_synic_changed(vp);
		return true;
	case HV_X64_MSR_SIMP:
		return fz_wrmsr_page(m, vp, &vp->simp, value, by_host);
	case HV_X64_MSR_SIEFP:
		return fz_wrmsr_page(m, vp, &vp->siefp, value, by_host);
	case HV_X64_MSR_EOM:
		vp->request |= fz_has_messages(vp);
		return true;
	case HV_X64_MSR_SINT0 ... HV_X64_MSR_SINT15:
		if ((u8)value < 16 && !(value & HV_SINT_MASKED) && !by_host)
			return false;
		vp->sint[msr - HV_X64_MSR_SINT0] = value;
		return true;
	default:
		return false;
	}
}

/* Free the slot as a guest has to; whether it wrote EOM */
static inline bool fz_free(struct fz_model *m, struct fz_vp *vp, u64 gpa)
{
	struct hv_port_message *slot = fz_at(m, gpa);

	slot->message_type = 0;
	if (!(slot->message_flags & HV_PORT_MESSAGE_PENDING))
		return false;
	return fz_wrmsr(m, vp, HV_X64_MSR_EOM, 0, false);
}

/* Interrupts */

static inline void fz_eoi(struct fz_vp *vp, u8 vector)
{
	int sint;

	for (sint = 0; sint < FZ_SINTS; sint++)
		if ((u8)vp->sint[sint] == vector && !(vp->sint[sint] & HV_SINT_MASKED) &&
		    vp->queue[sint])
			vp->request = true;
}

static inline bool fz_is_auto_eoi(const struct fz_vp *vp, u8 vector)
{
	int sint;

	for (sint = 0; sint < FZ_SINTS; sint++)
		if ((u8)vp->sint[sint] == vector && vp->sint[sint] & HV_SINT_AUTO_EOI &&
		    !(vp->sint[sint] & HV_SINT_MASKED))
			return true;
	return false;
}

/* The vector of the highest interrupt that waits, or -1 */
static inline int fz_next_interrupt(const struct fz_vp *vp)
{
	int i;

	for (i = ARRAY_SIZE(vp->interrupts) - 1; i >= 0; i--)
		if (vp->interrupts[i])
			return 64 * i + 63 - __builtin_clzll(vp->interrupts[i]);
	return -1;
}

/*
 * What the guest makes of the interrupts it takes: which, and in which order.
 * That one comes twice in a row is not told from once, because under emulated
 * SVM it does, if rarely, where nothing has raised it again.
 */
static inline u64 fz_count_interrupt(u64 sum, u8 vector)
{
	return (sum & 0x7f) == vector ? sum : sum << 7 | vector;
}

/* Take them all, those too that come of it. */
static inline u64 fz_window(struct fz_model *m, struct fz_vp *vp)
{
	u64 sum = 0;
	int vector;

	while ((vector = fz_next_interrupt(vp)) >= 0) {
		vp->interrupts[vector / 64] &= ~BIT_ULL(vector % 64);
		sum = fz_count_interrupt(sum, vector);
		if (!fz_is_auto_eoi(vp, vector))
			fz_eoi(vp, vector);
		fz_deliver(m, vp);
	}
	return sum;
}

/* A step */

static inline void fz_eventfd(struct fz_model *m, u64 id, bool assign)
{
	if (assign)
		m->eventfds |= BIT(id);
	else
		m->eventfds &= ~BIT(id);
}

static inline struct fz_outcome fz_host_step(struct fz_model *m, const struct fz_step *s)
{
	switch (s->op) {
	case FZ_HOST_MSR:
		fz_wrmsr(m, &m->vps[s->vp], s->control, s->in, true);
		break;
	case FZ_EVENTFD:
		fz_eventfd(m, s->in, s->len);
		break;
	case FZ_MEMORY:
		fz_set_memory(m, FZ_MOVING_PAGE, s->len);
		break;
	}
	return (struct fz_outcome) {};
}

static inline struct fz_outcome fz_guest_step(struct fz_model *m, const struct fz_step *s)
{
	struct fz_vp *vp = &m->vps[s->vp];
	struct fz_outcome o = {};

	switch (s->op) {
	case FZ_CALL:
		if (s->size)
			memcpy(fz_at(m, s->gpa), s->input, s->size);
		o.result = fz_call(m, s);
		break;
	case FZ_WRMSR:
		o.vector = fz_wrmsr(m, vp, s->control, s->in, false) ? 0 : GP_VECTOR;
		break;
	case FZ_STORE:
		fz_store(m, s->gpa, s->len, s->in);
		break;
	case FZ_FREE:
		o.result = fz_free(m, vp, s->gpa);
		break;
	case FZ_WINDOW:
		o.result = fz_window(m, vp);
		break;
	}
	return o;
}

/* What the step comes to, and what the world is like after it */
static inline struct fz_outcome fz_predict(struct fz_model *m, const struct fz_step *s)
{
	struct fz_vp *vp = &m->vps[s->vp];
	struct fz_outcome o;

	if (fz_is_host_step(s))
		return fz_host_step(m, s);

	/* What the other VP has sent */
	fz_deliver(m, vp);
	o = fz_guest_step(m, s);
	fz_deliver(m, vp);
	return o;
}

#endif /* SELFTEST_HV_FUZZ_ORACLE_H */
