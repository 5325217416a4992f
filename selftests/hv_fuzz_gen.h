/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer's generator: what a guest does that knows how calls are made, and
 * what it has, and gets some of it wrong.
 */
#ifndef SELFTEST_HV_FUZZ_GEN_H
#define SELFTEST_HV_FUZZ_GEN_H

#include "hv_fuzz_oracle.h"

struct fz_gen {
	u64 rng;
	/* What it knows of the world */
	const struct fz_model *model;
	/* The VP whose turn it is, and whether it is always this one's */
	u8 vp;
	bool fixed_vp;
	/* It keeps away from what others have, of which the model knows nothing. */
	bool alone;
	/* So far */
	u32 nr_steps;
};

/* Chance */

static inline u64 fz_random(struct fz_gen *g)
{
	u64 z = g->rng += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline u32 fz_below(struct fz_gen *g, u32 limit)
{
	return (fz_random(g) >> 32) % limit;
}

static inline bool fz_percent(struct fz_gen *g, u32 percent)
{
	return fz_below(g, 100) < percent;
}

#define fz_pick(g, ...)								\
({										\
	static const u64 choices[] = { __VA_ARGS__ };				\
	choices[fz_below(g, ARRAY_SIZE(choices))];				\
})

/* Ids */

#define FZ_IDS		24

/* Who is alone has ids that have this bit as his VP index. */
#define FZ_OWNER_BIT	12

static inline u32 fz_own_id(const struct fz_gen *g, u32 id)
{
	if (!g->alone)
		return id;
	return (id & ~BIT(FZ_OWNER_BIT)) | g->vp << FZ_OWNER_BIT;
}

static inline u32 fz_gen_id(struct fz_gen *g)
{
	if (fz_percent(g, 88))
		return fz_below(g, FZ_IDS);
	if (fz_percent(g, 60))
		return fz_pick(g, 0x800, 0x801, 0x7ff, 0xfffffe, 0xffffff);
	return fz_pick(g, 0x1000000, 0x1000001, 0x80000003, 0xffffffff);
}

static inline const struct fz_port *fz_gen_port(struct fz_gen *g, u32 type)
{
	const u32 from = fz_below(g, FZ_PORTS);
	const struct fz_port *port;
	int i;

	for (i = 0; i < FZ_PORTS; i++) {
		port = &g->model->ports[(from + i) % FZ_PORTS];
		if (port->used && (!type || port->type == type))
			return port;
	}
	return NULL;
}

static inline const struct fz_connection *fz_gen_connection(struct fz_gen *g, u32 type)
{
	const u32 from = fz_below(g, FZ_CONNECTIONS);
	const struct fz_connection *c;
	int i;

	for (i = 0; i < FZ_CONNECTIONS; i++) {
		c = &g->model->connections[(from + i) % FZ_CONNECTIONS];
		if (c->used && (!type || (c->port && c->port->type == type)))
			return c;
	}
	return NULL;
}

/* One that can be connected to, if there is one */
static inline const struct fz_port *fz_gen_free_port(struct fz_gen *g)
{
	const struct fz_port *port = fz_gen_port(g, 0);
	int tries;

	for (tries = 0; tries < 4; tries++) {
		if (!port || !port->connection || port->connection->automatic)
			break;
		port = fz_gen_port(g, 0);
	}
	return port;
}

static inline u32 fz_gen_port_id(struct fz_gen *g)
{
	const struct fz_port *port = fz_percent(g, 85) ? fz_gen_port(g, 0) : NULL;

	return port ? port->id : fz_gen_id(g);
}

static inline u32 fz_gen_connection_id(struct fz_gen *g, u32 type)
{
	const struct fz_connection *c = NULL;

	if (fz_percent(g, 95))
		c = fz_gen_connection(g, fz_percent(g, 90) ? type : 0);
	return c ? c->id : fz_gen_id(g);
}

/* Partitions: the value, or, with SELF, how it is to be replaced */
static inline u64 fz_gen_partition(struct fz_gen *g, u8 *partition)
{
	if (fz_percent(g, 95))
		*partition = fz_percent(g, 50) ? FZ_AS_IS : FZ_OWN;
	else
		*partition = fz_pick(g, FZ_AS_IS, FZ_NEXT, FZ_PREVIOUS);
	if (*partition == FZ_AS_IS && fz_percent(g, 2))
		return fz_pick(g, 0, 1, 0xffffffff, 0xfffffffffffffffe);
	return HV_PARTITION_ID_SELF;
}

/* Inputs that could be right */

static inline u32 fz_gen_vp(struct fz_gen *g)
{
	if (fz_percent(g, 3))
		return fz_pick(g, 2, 63, 0x7fffffff, 0xfffffffe);
	if (g->alone)
		return g->vp;
	return fz_percent(g, 40) ? HV_ANY_VP : fz_below(g, FZ_VPS);
}

/* Few, so that ports share them */
static inline u32 fz_gen_sint(struct fz_gen *g)
{
	if (fz_percent(g, 3))
		return fz_pick(g, 0, 16, 0x10001);
	return fz_percent(g, 80) ? fz_pick(g, 1, 2, 15) : 1 + fz_below(g, 15);
}

static inline struct hv_proximity_info fz_gen_proximity(struct fz_gen *g)
{
	return (struct hv_proximity_info) {
		.domain_id = fz_percent(g, 20) ? fz_random(g) : 0,
		.flags = fz_percent(g, 20) ?
			 fz_pick(g, 0x80000000, 0x80000001, 1, 0, 0x80000000, 2) : 0,
	};
}

static inline u32 fz_gen_type(struct fz_gen *g)
{
	return fz_percent(g, 96) ?
	       fz_pick(g, HV_PORT_TYPE_MESSAGE, HV_PORT_TYPE_MESSAGE, HV_PORT_TYPE_EVENT,
		       HV_PORT_TYPE_DOORBELL) :
	       fz_pick(g, 0, HV_PORT_TYPE_MONITOR, 5, 0x80000001);
}

static inline void fz_gen_create(struct fz_gen *g, struct fz_step *s, void *input)
{
	struct hv_input_create_port *in = input;
	struct hv_port_info *info = &in->port_info;

	in->port_partition_id = fz_gen_partition(g, &s->partition[0]);
	in->port_id = fz_gen_id(g);
	if (fz_percent(g, 60))
		in->connection_partition_id = fz_gen_partition(g, &s->partition[1]);
	in->proximity_domain_info = fz_gen_proximity(g);
	info->port_type = fz_gen_type(g);
	info->message_port_info.target_sint = fz_gen_sint(g);
	info->message_port_info.target_vp = fz_gen_vp(g);
	if (info->port_type == HV_PORT_TYPE_EVENT) {
		info->event_port_info.base_flag_number =
			fz_pick(g, 0, 1, 63, 64, 1000, 2047, 2048, 0xffff);
		info->event_port_info.flag_count =
			fz_pick(g, 1, 1, 2, 64, 1048, 2047, 2048, 0);
	}
}

static inline void fz_gen_delete(struct fz_gen *g, struct fz_step *s, void *input)
{
	struct hv_input_delete_port *in = input;

	in->port_partition_id = fz_gen_partition(g, &s->partition[0]);
	in->port_id = fz_gen_port_id(g);
	in->reserved = fz_percent(g, 50) ? fz_random(g) : 0;
}

/* Pages where doorbells can ring; who is alone has two of his own. */
static inline u64 fz_gen_hole(struct fz_gen *g)
{
	const u32 page = g->alone ? FZ_HOLE_PAGE + 2 * g->vp + fz_below(g, 2) :
				    FZ_HOLE_PAGE + fz_below(g, FZ_HOLE_PAGES);

	return fz_page_gpa(page) + fz_pick(g, 0, 0, 0, 4, 8, 0xff8, 0xffc, 0xffe, 0xfff);
}

static inline u64 fz_gen_doorbell_gpa(struct fz_gen *g)
{
	if (fz_percent(g, 90))
		return fz_gen_hole(g);
	return fz_pick(g, 0, 0x1000, FZ_GPA, FZ_GPA + FZ_RO_PAGE * FZ_PAGE_SIZE,
		       FZ_GPA + FZ_HOLE_PAGE * FZ_PAGE_SIZE - 1, FZ_GPA_NOWHERE,
		       0xfec00000, BIT_ULL(52) - 1, BIT_ULL(52), BIT_ULL(63), -1ULL);
}

static inline u64 fz_gen_value(struct fz_gen *g)
{
	return fz_pick(g, 0, 0, 1, 1, 0x12, 0xff, 0x1234, 0x12345678, 0x100000000, -1ULL);
}

static inline void fz_gen_doorbell(struct fz_gen *g, struct hv_connection_info *info)
{
	info->doorbell_connection_info.gpa = fz_gen_doorbell_gpa(g);
	info->doorbell_connection_info.trigger_value = fz_gen_value(g);
	info->doorbell_connection_info.flags =
		fz_below(g, fz_percent(g, 95) ? HV_DOORBELL_SIZES : 8) |
		(fz_percent(g, 50) ? HV_DOORBELL_FLAG_TRIGGER_ANY_VALUE : 0);
}

static inline void fz_gen_connect(struct fz_gen *g, struct fz_step *s, void *input)
{
	const struct fz_port *port = fz_percent(g, 95) ? fz_gen_free_port(g) : NULL;
	struct hv_input_connect_port *in = input;
	struct hv_connection_info *info = &in->connection_info;

	in->connection_partition_id = fz_gen_partition(g, &s->partition[0]);
	in->connection_id = fz_gen_id(g);
	in->port_partition_id = fz_gen_partition(g, &s->partition[1]);
	in->port_id = port ? port->id : fz_gen_id(g);
	in->proximity_domain_info = fz_gen_proximity(g);
	info->port_type = port && fz_percent(g, 95) ? port->type : fz_gen_type(g);
	if (info->port_type == HV_PORT_TYPE_DOORBELL)
		fz_gen_doorbell(g, info);
}

static inline void fz_gen_disconnect(struct fz_gen *g, struct fz_step *s, void *input)
{
	const struct fz_connection *c = fz_percent(g, 90) ? fz_gen_connection(g, 0) : NULL;
	struct hv_input_disconnect_port *in = input;

	in->connection_partition_id = fz_gen_partition(g, &s->partition[0]);
	in->connection_id = c ? c->id : fz_gen_id(g);
	in->flags = c ? c->doorbell : fz_below(g, 2);
	if (fz_percent(g, 3))
		in->flags = fz_pick(g, 0, 1, 2, 3, 0x80000001);
}

static inline void fz_gen_post(struct fz_gen *g, struct fz_step *s, void *input)
{
	struct hv_port_post_message *in = input;
	u64 word;
	u32 i;

	in->connection_id = fz_gen_connection_id(g, HV_PORT_TYPE_MESSAGE);
	in->message_type = fz_percent(g, 97) ? fz_pick(g, 1, 0x77, 0x7fffffff) :
					       fz_pick(g, 0, 0x80000000, 0xffffffff);
	in->payload_size = fz_percent(g, 97) ? fz_pick(g, 0, 1, 8, 8, 17, 100, 239, 240) :
					       fz_pick(g, 241, 256, 0x100, 0xffffffff);
	for (i = 0; i < in->payload_size && i < sizeof(in->payload); i += sizeof(word)) {
		word = fz_random(g);
		memcpy(in->payload + i, &word, sizeof(word));
	}
}

static inline void fz_gen_signal(struct fz_gen *g, struct fz_step *s, void *input)
{
	const struct fz_connection *c = fz_gen_connection(g, HV_PORT_TYPE_EVENT);
	struct hv_port_signal_event *in = input;

	in->connection_id = fz_gen_connection_id(g, HV_PORT_TYPE_EVENT);
	if (c && fz_percent(g, 70)) {
		in->connection_id = c->id;
		in->flag_number = fz_below(g, c->port->count + fz_percent(g, 10));
	} else if (fz_percent(g, 30)) {
		in->flag_number = fz_random(g);
	}
	if (fz_percent(g, 2))
		in->rsvdz = fz_random(g);
}

static inline void fz_gen_get_property(struct fz_gen *g, struct fz_step *s, void *input)
{
	struct hv_input_get_port_property *in = input;

	in->port_partition_id = fz_gen_partition(g, &s->partition[0]);
	in->port_id = fz_gen_port_id(g);
	in->property_code = fz_percent(g, 97) ? fz_below(g, 2) :
						fz_pick(g, 2, 0x10000, 0xffffffff);
}

static inline void fz_gen_set_property(struct fz_gen *g, struct fz_step *s, void *input)
{
	struct hv_input_set_port_property *in = input;

	fz_gen_get_property(g, s, &in->get);
	if (fz_percent(g, 70))
		in->get.property_code = HV_PORT_PROPERTY_PREFERRED_TARGET_VP;
	in->value = fz_percent(g, 90) ? fz_gen_vp(g) :
					fz_pick(g, 0x100000000, 0x100000001, -1ULL);
}

/* Which call, how often, and how its input is made */
static const struct fz_gen_call {
	u16 code;
	u8 weight;
	void (*make)(struct fz_gen *g, struct fz_step *s, void *input);
} fz_gen_calls[] = {
	{ HVCALL_CREATE_PORT, 18, fz_gen_create },
	{ HVCALL_DELETE_PORT, 7, fz_gen_delete },
	{ HVCALL_CONNECT_PORT, 16, fz_gen_connect },
	{ HVCALL_DISCONNECT_PORT, 8, fz_gen_disconnect },
	{ HVCALL_POST_MESSAGE, 25, fz_gen_post },
	{ HVCALL_SIGNAL_EVENT, 14, fz_gen_signal },
	{ HVCALL_GET_PORT_PROPERTY, 5, fz_gen_get_property },
	{ HVCALL_SET_PORT_PROPERTY, 5, fz_gen_set_property },
	{ HVCALL_GET_PARTITION_ID, 2, NULL },
};

static inline const struct fz_gen_call *fz_gen_call_by_weight(struct fz_gen *g)
{
	u32 at = fz_below(g, 100);
	int i;

	for (i = 0; at >= fz_gen_calls[i].weight; i++)
		at -= fz_gen_calls[i].weight;
	return &fz_gen_calls[i];
}

/* Whether it is likely to be of use */
static inline bool fz_gen_is_useful(struct fz_gen *g, u16 code)
{
	if (code == HVCALL_POST_MESSAGE)
		return fz_gen_connection(g, HV_PORT_TYPE_MESSAGE);
	if (code == HVCALL_SIGNAL_EVENT)
		return fz_gen_connection(g, HV_PORT_TYPE_EVENT);
	return true;
}

/* Whether the model has room for what it makes */
static inline bool fz_gen_has_room(const struct fz_model *m, u16 code)
{
	if (code == HVCALL_CREATE_PORT && m->nr_ports >= FZ_PORTS)
		return false;
	return (code != HVCALL_CREATE_PORT && code != HVCALL_CONNECT_PORT) ||
	       m->nr_connections < FZ_CONNECTIONS;
}

static inline const struct fz_gen_call *fz_gen_which_call(struct fz_gen *g)
{
	const struct fz_gen_call *call;

	do {
		call = fz_gen_call_by_weight(g);
	} while (!fz_gen_has_room(g->model, call->code) ||
		 (fz_percent(g, 95) && !fz_gen_is_useful(g, call->code)));
	return call;
}

/* What goes wrong with them */

/* Of calls that KVM knows itself, the next ones are not for us to judge. */
static inline bool fz_is_kvms(u16 code)
{
	switch (code) {
	case 0x0002 ... 0x0003:
	case 0x0008:
	case 0x000b:
	case 0x0013 ... 0x0015:
	case 0x0069 ... 0x006b:
		return true;
	default:
		return code >= 0x8000;
	}
}

static inline u16 fz_gen_strange_code(struct fz_gen *g)
{
	u16 code;

	do {
		code = fz_percent(g, 50) ? fz_pick(g, 0, 1, 0x45, 0x47, 0x57, 0x59, 0x5e, 0x71,
						   0x8b, 0x94, 0x97, 0x1095) : fz_random(g);
	} while (fz_is_kvms(code) || fz_find_code(code));
	return code;
}

static inline void fz_mutate_control(struct fz_gen *g, struct fz_step *s)
{
	switch (fz_below(g, 5)) {
	case 0:
		s->control |= 1ULL << (16 + fz_below(g, 48));
		break;
	case 1:
		s->control |= FZ_CONTROL_REP & fz_random(g);
		break;
	case 2:
		s->control |= FZ_CONTROL_VARHEAD & fz_random(g);
		break;
	case 3:
		s->control = (s->control & ~0xffffULL) | fz_gen_strange_code(g);
		break;
	case 4:
		s->control ^= HV_HYPERCALL_FAST_BIT;
		break;
	}
}

/* Addresses where there was input: nowhere near the guest's own memory */
static inline void fz_fix_registers(struct fz_gen *g, struct fz_step *s)
{
	s->in = fz_page_gpa(FZ_HOLE_PAGE) + fz_random(g) % FZ_PAGE_SIZE;
	s->out = fz_page_gpa(FZ_HOLE_PAGE) + fz_random(g) % FZ_PAGE_SIZE;
}

static inline void fz_mutate_input(struct fz_gen *g, u8 *input, u32 size)
{
	const u32 at = fz_below(g, size);

	switch (fz_below(g, 4)) {
	case 0:
		input[at] ^= BIT(fz_below(g, 8));
		break;
	case 1:
		input[at] = fz_random(g);
		break;
	case 2:
		*(u32 *)(input + at / 4 * 4) = fz_pick(g, 0, 1, 2, 0xff, 0x7fffffff, 0x80000000,
						       0xffffffff);
		break;
	case 3:
		memset(input + at, fz_percent(g, 50) ? 0 : 0xff, size - at);
		break;
	}
}

static inline void fz_gen_garbage(struct fz_gen *g, u8 *input, u32 size)
{
	u32 i;

	for (i = 0; i < size; i++)
		input[i] = fz_percent(g, 60) ? 0 : fz_below(g, fz_percent(g, 50) ? 8 : 256);
}

/* An address that is not where the input or the output should be */
static inline u64 fz_gen_bad_gpa(struct fz_gen *g, u64 gpa)
{
	switch (fz_below(g, g->alone ? 4 : 6)) {
	case 0:
		return gpa + fz_pick(g, 1, 2, 4, 7);
	case 1:
		return (gpa | (FZ_PAGE_SIZE - 1)) - fz_pick(g, 0, 3, 6);
	case 2:
		return fz_page_gpa(FZ_HOLE_PAGE + fz_below(g, FZ_HOLE_PAGES - 1));
	case 3:
		return fz_pick(g, FZ_GPA_NOWHERE, -4096ULL, -8ULL, BIT_ULL(46), BIT_ULL(52));
	case 4:
		return fz_page_gpa(fz_below(g, FZ_PAGES)) + 8 * fz_below(g, 512);
	default:
		return (gpa | (FZ_PAGE_SIZE - 1)) - 8 * fz_below(g, 32) - 7;
	}
}

/* Nobody else's, if alone */
static inline u64 fz_gen_scratch(struct fz_gen *g)
{
	return fz_page_gpa(g->alone ? 2 * g->vp + fz_below(g, 2) : fz_below(g, 4));
}

/* Who is alone must not touch what the other one has. */
static inline u64 fz_own_doorbell_gpa(const struct fz_gen *g, u64 gpa)
{
	const u64 first = fz_page_gpa(FZ_HOLE_PAGE + 2 * g->vp);

	/* Nobody can have a doorbell there. */
	if (gpa < g->model->low_memory || gpa >= BIT_ULL(52))
		return gpa;
	return first + gpa % (2 * FZ_PAGE_SIZE);
}

static inline void fz_keep_apart(const struct fz_gen *g, u16 code, void *input)
{
	struct hv_input_connect_port *connect = input;
	struct hv_connection_info *info = &connect->connection_info;
	struct hv_input_create_port *create = input;
	u32 *id = input, vp;

	if (!g->alone)
		return;
	if (code == HVCALL_POST_MESSAGE || code == HVCALL_SIGNAL_EVENT)
		id[0] = fz_own_id(g, id[0]);
	else
		id[2] = fz_own_id(g, id[2]);
	vp = create->port_info.message_port_info.target_vp;
	if (code == HVCALL_CREATE_PORT && (vp < FZ_VPS || vp == HV_ANY_VP))
		create->port_info.message_port_info.target_vp = g->vp;
	if (code != HVCALL_CONNECT_PORT)
		return;
	id[6] = fz_own_id(g, id[6]);
	if (info->port_type == HV_PORT_TYPE_DOORBELL)
		info->doorbell_connection_info.gpa =
			fz_own_doorbell_gpa(g, info->doorbell_connection_info.gpa);
}

/* Calls */

static inline void fz_place_fast(struct fz_gen *g, struct fz_step *s, u8 *input)
{
	u64 *words = (u64 *)input;

	s->control |= HV_HYPERCALL_FAST_BIT;
	s->in = words[0];
	s->out = words[1];
	memcpy(s->input, input + 16, FZ_XMM_SIZE);
}

static inline void fz_place_slow(struct fz_gen *g, struct fz_step *s, const u8 *input, u32 size)
{
	const u32 room = FZ_PAGE_SIZE - size;

	s->gpa = fz_gen_scratch(g);
	s->gpa += fz_percent(g, 15) ? room : fz_below(g, room / 8 + 1) * 8;
	s->size = size;
	s->in = s->gpa;
	s->out = fz_gen_scratch(g);
	s->out += fz_percent(g, 15) ? FZ_PAGE_SIZE - 8 : fz_below(g, 512) * 8;
	memcpy(s->input, input, size);
	if (fz_percent(g, 3))
		s->in = fz_gen_bad_gpa(g, s->in);
	if (fz_percent(g, 3))
		s->out = fz_gen_bad_gpa(g, s->out);
}

static inline void fz_place(struct fz_gen *g, struct fz_step *s, u8 *input,
			    const struct fz_code *code)
{
	bool fast;

	if (code->fast && !code->output && fz_percent(g, 50))
		fz_place_fast(g, s, input);
	else
		fz_place_slow(g, s, input, code->size);
	fast = s->control & HV_HYPERCALL_FAST_BIT;
	if (fz_percent(g, 3))
		fz_mutate_control(g, s);
	if (fast && !(s->control & HV_HYPERCALL_FAST_BIT))
		fz_fix_registers(g, s);
	/* A bad address, taken for input, may have somebody else's id in it. */
	if (g->alone && !fast && s->control & HV_HYPERCALL_FAST_BIT) {
		s->in = s->gpa;
		s->out = s->gpa;
	}
}

static inline void fz_gen_call(struct fz_gen *g, struct fz_step *s)
{
	const struct fz_gen_call *call = fz_gen_which_call(g);
	const struct fz_code *code = fz_find_code(call->code);
	u8 input[256] __aligned(8) = {};

	s->op = FZ_CALL;
	s->control = code->code;
	s->code32 = fz_percent(g, 15);
	if (!call->make)
		;
	else if (fz_percent(g, 97))
		call->make(g, s, input);
	else
		fz_gen_garbage(g, input, code->size);
	while (code->size && fz_percent(g, 8))
		fz_mutate_input(g, input, code->size);
	fz_keep_apart(g, code->code, input);
	fz_place(g, s, input, code);
}

/* Stores */

static inline void fz_gen_ring(struct fz_gen *g, struct fz_step *s)
{
	const struct fz_connection *c = fz_gen_connection(g, HV_PORT_TYPE_DOORBELL);

	s->op = FZ_STORE;
	s->gpa = fz_gen_hole(g);
	s->len = fz_pick(g, 1, 2, 4, 8);
	s->in = fz_gen_value(g);
	if (c && fz_page_of(c->gpa) >= FZ_RO_PAGE && fz_percent(g, 90)) {
		s->gpa = c->gpa;
		s->in = fz_percent(g, 85) ? c->value : fz_gen_value(g);
		if (fz_doorbell_bytes(c->flags) && fz_percent(g, 90))
			s->len = fz_doorbell_bytes(c->flags);
	}
	/* Not out of the world, nor into what is not ours */
	if (s->gpa + s->len > fz_page_gpa(g->alone ? FZ_HOLE_PAGE + 2 * g->vp + 2 : FZ_PAGES))
		s->gpa &= ~7ULL;
}

static inline void fz_gen_poke(struct fz_gen *g, struct fz_step *s)
{
	const u32 page = g->alone ? 4 + 4 * g->vp + fz_below(g, 4) : fz_below(g, FZ_HOLE_PAGE);

	s->op = FZ_STORE;
	s->len = fz_pick(g, 1, 2, 4, 8);
	s->gpa = fz_page_gpa(page) + FZ_SLOT_SIZE * fz_below(g, 16);
	s->gpa += fz_percent(g, 70) ? fz_pick(g, 0, 0, 4, 5) : 8 * fz_below(g, 32);
	s->in = fz_percent(g, 70) ? 0 : fz_random(g);
}

/* The SynIC */

/* The first of four pages: two for messages, two for flags */
static inline u64 fz_gen_synic_page(struct fz_gen *g, u8 vp, u32 which)
{
	if (fz_percent(g, g->alone ? 97 : 92))
		return fz_page_gpa(4 + 4 * vp + which + fz_below(g, 2));
	if (g->alone)
		return fz_page_gpa(FZ_RO_PAGE);
	return fz_pick(g, FZ_GPA + FZ_RO_PAGE * FZ_PAGE_SIZE,
		       FZ_GPA + FZ_HOLE_PAGE * FZ_PAGE_SIZE,
		       FZ_GPA + FZ_MOVING_PAGE * FZ_PAGE_SIZE, FZ_GPA_NOWHERE, 0xfec00000,
		       0xfffffffffffff000);
}

static inline u64 fz_gen_sint_value(struct fz_gen *g, u32 sint)
{
	u64 value = FZ_VECTOR + sint;

	if (fz_percent(g, 20))
		value = FZ_VECTOR + (sint ^ 1);
	if (fz_percent(g, 20))
		value |= HV_SINT_MASKED;
	if (fz_percent(g, 20))
		value |= HV_SINT_POLLING;
	if (fz_percent(g, 20))
		value |= HV_SINT_AUTO_EOI;
	if (fz_percent(g, 2))
		value = fz_pick(g, 0, HV_SINT_MASKED, 15, 15 | HV_SINT_MASKED,
				0xffffffffffff0000 | FZ_VECTOR);
	return value;
}

static inline void fz_gen_wrmsr(struct fz_gen *g, struct fz_step *s, u8 vp, u32 which)
{
	const u64 on = fz_percent(g, 85) ? HV_ENABLE : 0;
	u32 sint;

	switch (which) {
	case 0:
		s->control = HV_X64_MSR_SCONTROL;
		s->in = on | (fz_percent(g, 5) ? fz_random(g) & ~HV_ENABLE : 0);
		break;
	case 1:
		s->control = HV_X64_MSR_SIMP;
		s->in = fz_gen_synic_page(g, vp, 0) | on;
		break;
	case 2:
		s->control = HV_X64_MSR_SIEFP;
		s->in = fz_gen_synic_page(g, vp, 2) | on;
		break;
	case 3:
		s->control = HV_X64_MSR_EOM;
		s->in = fz_percent(g, 80) ? 0 : fz_random(g);
		break;
	default:
		sint = fz_percent(g, 75) ? fz_pick(g, 1, 2, 15) : fz_below(g, FZ_SINTS);
		s->control = HV_X64_MSR_SINT0 + sint;
		s->in = fz_gen_sint_value(g, sint);
		break;
	}
}

#define FZ_GEN_MSRS	9

static inline void fz_gen_free(struct fz_gen *g, struct fz_step *s)
{
	const u64 gpa = fz_page_of_msr(g->model->vps[g->vp].simp);
	const u32 sint = fz_percent(g, 80) ? fz_pick(g, 1, 2, 15) : fz_below(g, FZ_SINTS);

	s->op = FZ_FREE;
	s->gpa = fz_can_write(g->model, gpa) ? gpa : fz_page_gpa(4 + 4 * g->vp);
	s->gpa += sint * FZ_SLOT_SIZE;
}

/* What the host does meanwhile */
static inline void fz_gen_host(struct fz_gen *g, struct fz_step *s)
{
	const u32 eventfd = fz_below(g, FZ_EVENTFDS);

	switch (fz_below(g, 4)) {
	case 0:
		s->op = FZ_EVENTFD;
		s->in = eventfd;
		s->len = !(g->model->eventfds & BIT(eventfd));
		break;
	case 1:
		s->op = FZ_MEMORY;
		s->len = fz_pick(g, FZ_HOLE, FZ_HOLE, FZ_RAM, FZ_RO);
		break;
	default:
		s->op = FZ_HOST_MSR;
		s->vp = fz_below(g, FZ_VPS);
		fz_gen_wrmsr(g, s, s->vp, fz_pick(g, 0, 1, 2, 4));
		/* User space may set vectors that are exceptions, which is not ours. */
		if (s->control >= HV_X64_MSR_SINT0 && (u8)s->in < 16)
			s->in |= HV_SINT_MASKED;
		break;
	}
}

/* A look at the whole table */

/* Ids of the pool, and as many others that there are */
#define FZ_SWEEP_IDS		40
#define FZ_SWEEP_CALLS		6
#define FZ_SWEEP_STEPS		(FZ_SWEEP_IDS * FZ_SWEEP_CALLS)
#define FZ_SWEEP_EVERY		2500

static inline u32 fz_gen_sweep_id(struct fz_gen *g, u32 i)
{
	const struct fz_connection *c;
	const struct fz_port *port;

	if (i < FZ_IDS)
		return fz_own_id(g, i);
	port = fz_gen_port(g, 0);
	c = fz_gen_connection(g, 0);
	if (i % 2)
		return port ? port->id : fz_own_id(g, i);
	return c ? c->id : fz_own_id(g, i);
}

/* An id that is in use is refused before one that cannot be. */
static inline void fz_gen_probe(struct fz_step *s, u32 id, u32 type)
{
	const struct hv_input_connect_port in = hv_connection_to(id, -1, type);

	s->control = HVCALL_CONNECT_PORT;
	s->size = sizeof(in);
	memcpy(s->input, &in, sizeof(in));
}

static inline void fz_gen_look(struct fz_step *s, u32 id, u32 property)
{
	const struct hv_input_get_port_property in = {
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = id,
		.property_code = property,
	};

	s->control = HVCALL_GET_PORT_PROPERTY;
	s->size = sizeof(in);
	memcpy(s->input, &in, sizeof(in));
}

/* A message, or an event, that can be none */
static inline void fz_gen_tap(struct fz_step *s, u32 id, bool signal)
{
	s->control = signal ? HVCALL_SIGNAL_EVENT : HVCALL_POST_MESSAGE;
	s->size = signal ? sizeof(struct hv_port_signal_event) :
			   sizeof(struct hv_port_post_message);
	memcpy(s->input, &id, sizeof(id));
	/* Reserved in both */
	s->input[7] = 1;
}

static inline bool fz_gen_sweep(struct fz_gen *g, struct fz_step *s)
{
	const u32 left = FZ_SWEEP_EVERY - 1 - g->nr_steps % FZ_SWEEP_EVERY;
	u32 id;

	if (left >= FZ_SWEEP_STEPS)
		return false;

	id = fz_gen_sweep_id(g, left / FZ_SWEEP_CALLS);
	s->op = FZ_CALL;
	s->vp = g->vp;
	s->gpa = fz_page_gpa(2 * g->vp);
	s->in = s->gpa;
	s->out = fz_page_gpa(2 * g->vp + 1);
	if (left % FZ_SWEEP_CALLS < 2)
		fz_gen_look(s, id, left % 2);
	else if (left % FZ_SWEEP_CALLS < 4)
		fz_gen_tap(s, id, left % 2);
	else
		fz_gen_probe(s, id, left % 2 ? HV_PORT_TYPE_EVENT : HV_PORT_TYPE_DOORBELL);
	return true;
}

/* Most of the SynIC on, so that there is something to go wrong */
static inline bool fz_gen_first(struct fz_gen *g, struct fz_step *s)
{
	static const u8 which[] = { 1, 2, 4, 4, 4, 4, 4, 0 };

	if (g->nr_steps >= FZ_VPS * ARRAY_SIZE(which))
		return false;
	if (!g->fixed_vp)
		g->vp = g->nr_steps / ARRAY_SIZE(which);
	s->vp = g->vp;
	s->op = FZ_WRMSR;
	fz_gen_wrmsr(g, s, g->vp, which[g->nr_steps % ARRAY_SIZE(which)]);
	return true;
}

static inline void fz_gen_guest(struct fz_gen *g, struct fz_step *s)
{
	const u32 what = fz_below(g, 100);
	const bool ring = fz_gen_connection(g, HV_PORT_TYPE_DOORBELL) || fz_percent(g, 10);

	if (what < 70 || (what < 80 && !ring)) {
		fz_gen_call(g, s);
	} else if (what < 80) {
		fz_gen_ring(g, s);
	} else if (what < 82) {
		fz_gen_poke(g, s);
	} else if (what < 93) {
		fz_gen_free(g, s);
	} else if (what < 97) {
		s->op = FZ_WRMSR;
		fz_gen_wrmsr(g, s, g->vp, fz_below(g, FZ_GEN_MSRS));
	} else {
		s->op = FZ_WINDOW;
	}
}

static inline void fz_gen_any(struct fz_gen *g, struct fz_step *s)
{
	if (!g->fixed_vp && fz_percent(g, 2))
		g->vp = fz_below(g, FZ_VPS);
	s->vp = g->vp;
	if (!g->alone && fz_below(g, 1000) < 3)
		fz_gen_host(g, s);
	else
		fz_gen_guest(g, s);
}

/* The next step, in view of what the model knows */
static inline void fz_generate(struct fz_gen *g, struct fz_step *s)
{
	memset(s, 0, sizeof(*s));
	if (!fz_gen_first(g, s) && !fz_gen_sweep(g, s))
		fz_gen_any(g, s);
	g->nr_steps++;
}

#endif /* SELFTEST_HV_FUZZ_GEN_H */
