/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer's steps, for people
 */
#ifndef SELFTEST_HV_FUZZ_PRINT_H
#define SELFTEST_HV_FUZZ_PRINT_H

#include <stdarg.h>
#include <stdio.h>

#include "hv_fuzz_oracle.h"

/* A line in the making */
struct fz_line {
	char text[1200];
	int len;
};

static inline __printf(2, 3) void fz_say(struct fz_line *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line->len += vsnprintf(line->text + line->len, sizeof(line->text) - line->len,
			       format, args);
	va_end(args);
	TEST_ASSERT(line->len < sizeof(line->text), "A line of %d characters", line->len);
}

static inline void fz_say_create(struct fz_line *l, const void *input)
{
	const struct hv_input_create_port *in = input;
	const struct hv_port_info *info = &in->port_info;

	fz_say(l, "create port %#x of %llx for %llx, type %u sint %#x vp %#x", in->port_id,
	       in->port_partition_id, in->connection_partition_id, info->port_type,
	       info->message_port_info.target_sint, info->message_port_info.target_vp);
	if (info->port_type == HV_PORT_TYPE_EVENT)
		fz_say(l, " flags %u+%u", info->event_port_info.base_flag_number,
		       info->event_port_info.flag_count);
}

static inline void fz_say_connect(struct fz_line *l, const void *input)
{
	const struct hv_input_connect_port *in = input;
	const struct hv_connection_info *info = &in->connection_info;

	fz_say(l, "connect %#x of %llx to port %#x of %llx, type %u", in->connection_id,
	       in->connection_partition_id, in->port_id, in->port_partition_id,
	       info->port_type);
	if (info->port_type == HV_PORT_TYPE_DOORBELL)
		fz_say(l, " gpa %#llx value %#llx flags %#llx",
		       info->doorbell_connection_info.gpa,
		       info->doorbell_connection_info.trigger_value,
		       info->doorbell_connection_info.flags);
}

static inline void fz_say_post(struct fz_line *l, const void *input)
{
	const struct hv_port_post_message *in = input;

	fz_say(l, "post to %#x type %#x size %u", in->connection_id, in->message_type,
	       in->payload_size);
}

static inline void fz_say_signal(struct fz_line *l, const void *input)
{
	const struct hv_port_signal_event *in = input;

	fz_say(l, "signal %#x flag %u", in->connection_id, in->flag_number);
}

static inline void fz_say_delete(struct fz_line *l, const void *input)
{
	const struct hv_input_delete_port *in = input;

	fz_say(l, "delete port %#x of %llx", in->port_id, in->port_partition_id);
}

static inline void fz_say_disconnect(struct fz_line *l, const void *input)
{
	const struct hv_input_disconnect_port *in = input;

	fz_say(l, "disconnect %#x of %llx flags %#x", in->connection_id,
	       in->connection_partition_id, in->flags);
}

static inline void fz_say_get(struct fz_line *l, const void *input)
{
	const struct hv_input_get_port_property *in = input;

	fz_say(l, "get property %u of port %#x of %llx", in->property_code, in->port_id,
	       in->port_partition_id);
}

static inline void fz_say_set(struct fz_line *l, const void *input)
{
	const struct hv_input_set_port_property *in = input;

	fz_say(l, "set property %u of port %#x of %llx to %#llx", in->get.property_code,
	       in->get.port_id, in->get.port_partition_id, in->value);
}

static const struct {
	u16 code;
	void (*say)(struct fz_line *l, const void *input);
} fz_says[] = {
	{ HVCALL_CREATE_PORT, fz_say_create },
	{ HVCALL_DELETE_PORT, fz_say_delete },
	{ HVCALL_CONNECT_PORT, fz_say_connect },
	{ HVCALL_DISCONNECT_PORT, fz_say_disconnect },
	{ HVCALL_POST_MESSAGE, fz_say_post },
	{ HVCALL_SIGNAL_EVENT, fz_say_signal },
	{ HVCALL_GET_PORT_PROPERTY, fz_say_get },
	{ HVCALL_SET_PORT_PROPERTY, fz_say_set },
};

/* The non-zero words of the input, besides what it means */
static inline void fz_say_words(struct fz_line *l, const u64 *words, u32 nr)
{
	u32 i;

	fz_say(l, " {");
	for (i = 0; i < nr && i < 9; i++)
		if (words[i])
			fz_say(l, " %u:%lx", 8 * i, words[i]);
	fz_say(l, " }");
}

static inline void fz_say_call(struct fz_line *l, const struct fz_step *s)
{
	const bool fast = s->control & HV_HYPERCALL_FAST_BIT;
	u64 input[32] = { s->in, s->out };
	u32 i;

	memcpy(fast ? input + 2 : input, s->input, fast ? FZ_XMM_SIZE : sizeof(input));
	for (i = 0; i < ARRAY_SIZE(fz_says); i++)
		if (fz_says[i].code == (u16)s->control)
			fz_says[i].say(l, input);
	fz_say_words(l, input, fast ? 14 : s->size / 8);
	fz_say(l, " control %#lx%s", s->control, s->code32 ? " 32-bit" : "");
	if (s->partition[0] || s->partition[1])
		fz_say(l, " partitions %u %u", s->partition[0], s->partition[1]);
	if (!fast)
		fz_say(l, " stored at %#lx, in %#lx out %#lx", s->gpa, s->in, s->out);
}

static inline void fz_say_step(struct fz_line *l, const struct fz_step *s)
{
	static const char * const kinds[] = { "nothing", "RAM", "read-only memory" };

	fz_say(l, "vp %u: ", s->vp);
	switch (s->op) {
	case FZ_CALL:
		fz_say_call(l, s);
		break;
	case FZ_WRMSR:
	case FZ_HOST_MSR:
		fz_say(l, "%swrmsr %#lx, %#lx", s->op == FZ_WRMSR ? "" : "user space: ",
		       s->control, s->in);
		break;
	case FZ_STORE:
		fz_say(l, "store %u bytes of %#lx at %#lx", s->len, s->in, s->gpa);
		break;
	case FZ_FREE:
		fz_say(l, "free the slot at %#lx", s->gpa);
		break;
	case FZ_WINDOW:
		fz_say(l, "sti, cli");
		break;
	case FZ_EVENTFD:
		fz_say(l, "user space: eventfd at %lu: %u", s->in, s->len);
		break;
	case FZ_MEMORY:
		fz_say(l, "user space: %s at page %u", kinds[s->len], FZ_MOVING_PAGE);
		break;
	}
}

/* @o: what it is to come to, if that is known */
static inline void fz_print_step(int number, const struct fz_step *s,
				 const struct fz_outcome *o)
{
	struct fz_line line = {};

	fz_say_step(&line, s);
	if (o)
		fz_say(&line, " -> %#lx%s", o->result, o->vector ? " #GP" : "");
	ksft_print_msg("%4d %s\n", number, line.text);
}

static inline int fz_queue_length(const struct fz_message *queue)
{
	int length = 0;

	for (; queue; queue = queue->next)
		length++;
	return length;
}

/* What the oracle takes the VP to be like */
static inline void fz_print_vp(const struct fz_model *m, int i)
{
	const struct fz_vp *vp = &m->vps[i];
	struct fz_line line = {};
	int sint;

	fz_say(&line, "scontrol %lx simp %lx siefp %lx", vp->scontrol, vp->simp, vp->siefp);
	for (sint = 0; sint < FZ_SINTS; sint++)
		if (!(vp->sint[sint] & HV_SINT_MASKED) || vp->queue[sint])
			fz_say(&line, ", %d: %lx %d queued", sint, vp->sint[sint],
			       fz_queue_length(vp->queue[sint]));
	ksft_print_msg("vp %d: %s\n", i, line.text);
}

#endif /* SELFTEST_HV_FUZZ_PRINT_H */
