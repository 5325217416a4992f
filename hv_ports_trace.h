/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints.  The only voice the module has about what a guest does.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hv_ports

#if !defined(HV_PORTS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define HV_PORTS_TRACE_H

#include <linux/tracepoint.h>

#include "hv_tlfs.h"

#define hv_ports_show_code(code)					\
	__print_symbolic(code,						\
		{ HVCALL_GET_PARTITION_ID,	"GetPartitionId" },	\
		{ HVCALL_DELETE_PORT,		"DeletePort" },		\
		{ HVCALL_GET_PORT_PROPERTY,	"GetPortProperty" },	\
		{ HVCALL_DISCONNECT_PORT,	"DisconnectPort" },	\
		{ HVCALL_POST_MESSAGE,		"PostMessage" },	\
		{ HVCALL_SIGNAL_EVENT,		"SignalEvent" },	\
		{ HVCALL_SET_PORT_PROPERTY,	"SetPortProperty" },	\
		{ HVCALL_CREATE_PORT,		"CreatePort" },		\
		{ HVCALL_CONNECT_PORT,		"ConnectPort" })

#define hv_ports_show_status(status)						\
	__print_symbolic(status,						\
		{ HV_STATUS_SUCCESS,			"SUCCESS" },		\
		{ HV_STATUS_INVALID_HYPERCALL_INPUT,	"INVALID_HYPERCALL_INPUT" }, \
		{ HV_STATUS_INVALID_ALIGNMENT,		"INVALID_ALIGNMENT" },	\
		{ HV_STATUS_INVALID_PARAMETER,		"INVALID_PARAMETER" },	\
		{ HV_STATUS_ACCESS_DENIED,		"ACCESS_DENIED" },	\
		{ HV_STATUS_OPERATION_DENIED,		"OPERATION_DENIED" },	\
		{ HV_STATUS_UNKNOWN_PROPERTY,		"UNKNOWN_PROPERTY" },	\
		{ HV_STATUS_INSUFFICIENT_MEMORY,	"INSUFFICIENT_MEMORY" }, \
		{ HV_STATUS_INVALID_PARTITION_ID,	"INVALID_PARTITION_ID" }, \
		{ HV_STATUS_INVALID_VP_INDEX,		"INVALID_VP_INDEX" },	\
		{ HV_STATUS_INVALID_PORT_ID,		"INVALID_PORT_ID" },	\
		{ HV_STATUS_INVALID_CONNECTION_ID,	"INVALID_CONNECTION_ID" }, \
		{ HV_STATUS_INSUFFICIENT_BUFFERS,	"INSUFFICIENT_BUFFERS" }, \
		{ HV_STATUS_INVALID_SYNIC_STATE,	"INVALID_SYNIC_STATE" }, \
		{ HV_STATUS_NO_RESOURCES,		"NO_RESOURCES" })

/* A hypercall that the module answered; ids that the call lacks are 0. */
TRACE_EVENT(hv_ports_hypercall,
	TP_PROTO(u64 partition, int vcpu, u16 code, bool fast, u32 port,
		 u32 connection, u64 status),
	TP_ARGS(partition, vcpu, code, fast, port, connection, status),

	TP_STRUCT__entry(
		__field(u64, partition)
		__field(u64, status)
		__field(int, vcpu)
		__field(u32, port)
		__field(u32, connection)
		__field(u16, code)
		__field(bool, fast)
	),

	TP_fast_assign(
		__entry->partition = partition;
		__entry->status = status;
		__entry->vcpu = vcpu;
		__entry->port = port;
		__entry->connection = connection;
		__entry->code = code;
		__entry->fast = fast;
	),

	TP_printk("partition %llu vcpu %d %s%s port 0x%x connection 0x%x status %s",
		  __entry->partition, __entry->vcpu,
		  hv_ports_show_code(__entry->code),
		  __entry->fast ? " fast" : "",
		  __entry->port, __entry->connection,
		  hv_ports_show_status(__entry->status))
);

/* A message was put into a slot of the SIM page. */
TRACE_EVENT(hv_ports_deliver,
	TP_PROTO(int vcpu, u32 sint, const struct hv_port_message *msg),
	TP_ARGS(vcpu, sint, msg),

	TP_STRUCT__entry(
		__field(int, vcpu)
		__field(u32, sint)
		__field(u32, port)
		__field(u32, type)
		__field(u8, size)
		__field(bool, pending)
	),

	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->sint = sint;
		__entry->port = msg->port_id;
		__entry->type = msg->message_type;
		__entry->size = msg->payload_size;
		__entry->pending = msg->message_flags & HV_PORT_MESSAGE_PENDING;
	),

	TP_printk("vcpu %d sint %u port 0x%x type 0x%x size %u pending %d",
		  __entry->vcpu, __entry->sint, __entry->port, __entry->type,
		  __entry->size, __entry->pending)
);

/* A message waits because the slot holds another; the guest has been told. */
TRACE_EVENT(hv_ports_busy,
	TP_PROTO(int vcpu, u32 sint, u32 type),
	TP_ARGS(vcpu, sint, type),

	TP_STRUCT__entry(
		__field(int, vcpu)
		__field(u32, sint)
		__field(u32, type)
	),

	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->sint = sint;
		__entry->type = type;
	),

	TP_printk("vcpu %d sint %u slot holds type 0x%x",
		  __entry->vcpu, __entry->sint, __entry->type)
);

/* The guest acknowledged a SINT for which a message waits. */
TRACE_EVENT(hv_ports_retry,
	TP_PROTO(int vcpu, u32 sint),
	TP_ARGS(vcpu, sint),

	TP_STRUCT__entry(
		__field(int, vcpu)
		__field(u32, sint)
	),

	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->sint = sint;
	),

	TP_printk("vcpu %d sint %u", __entry->vcpu, __entry->sint)
);

/* A port was deleted and what it had queued with it. */
TRACE_EVENT(hv_ports_drop,
	TP_PROTO(u64 partition, u32 port, u32 messages),
	TP_ARGS(partition, port, messages),

	TP_STRUCT__entry(
		__field(u64, partition)
		__field(u32, port)
		__field(u32, messages)
	),

	TP_fast_assign(
		__entry->partition = partition;
		__entry->port = port;
		__entry->messages = messages;
	),

	TP_printk("partition %llu port 0x%x messages %u",
		  __entry->partition, __entry->port, __entry->messages)
);

/* Flags were put into the SIEF page; old is what the guest had set already. */
TRACE_EVENT(hv_ports_event,
	TP_PROTO(int vcpu, u32 sint, u32 word, u64 mask, u64 old),
	TP_ARGS(vcpu, sint, word, mask, old),

	TP_STRUCT__entry(
		__field(int, vcpu)
		__field(u32, sint)
		__field(u32, word)
		__field(u64, mask)
		__field(u64, old)
	),

	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->sint = sint;
		__entry->word = word;
		__entry->mask = mask;
		__entry->old = old;
	),

	TP_printk("vcpu %d sint %u flags from %u mask 0x%llx old 0x%llx",
		  __entry->vcpu, __entry->sint, __entry->word * 64,
		  __entry->mask, __entry->old)
);

/* A guest write rang a doorbell. */
TRACE_EVENT(hv_ports_ring,
	TP_PROTO(u64 partition, int vcpu, u64 gpa, int len, u64 value, u32 port),
	TP_ARGS(partition, vcpu, gpa, len, value, port),

	TP_STRUCT__entry(
		__field(u64, partition)
		__field(u64, gpa)
		__field(u64, value)
		__field(int, vcpu)
		__field(int, len)
		__field(u32, port)
	),

	TP_fast_assign(
		__entry->partition = partition;
		__entry->gpa = gpa;
		__entry->value = value;
		__entry->vcpu = vcpu;
		__entry->len = len;
		__entry->port = port;
	),

	TP_printk("partition %llu vcpu %d gpa 0x%llx len %d value 0x%llx port 0x%x",
		  __entry->partition, __entry->vcpu, __entry->gpa, __entry->len,
		  __entry->value, __entry->port)
);

#endif /* HV_PORTS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE hv_ports_trace

#include <trace/define_trace.h>
