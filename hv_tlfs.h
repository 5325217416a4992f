/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Guest ABI of Hyper-V ports and connections that the kernel's own Hyper-V
 * headers lack.  Names follow upstream's hyperv headers; numbers come from the
 * Hyper-V Top Level Functional Specification, chapters "Hypercall Interface"
 * and "Inter-Partition Communication".
 *
 * The header needs only fixed-width types and static_assert, so that guests
 * and tests can include it too.
 */
#ifndef HV_TLFS_H
#define HV_TLFS_H

#include <linux/types.h>
#include <linux/build_bug.h>

/* Hypercall codes */
#ifndef HVCALL_GET_PARTITION_ID
#define HVCALL_GET_PARTITION_ID		0x0046
#endif
#ifndef HVCALL_DELETE_PORT
#define HVCALL_DELETE_PORT		0x0058
#endif
#ifndef HVCALL_GET_PORT_PROPERTY
#define HVCALL_GET_PORT_PROPERTY	0x005a
#endif
#ifndef HVCALL_DISCONNECT_PORT
#define HVCALL_DISCONNECT_PORT		0x005b
#endif
#ifndef HVCALL_POST_MESSAGE
#define HVCALL_POST_MESSAGE		0x005c
#endif
#ifndef HVCALL_SIGNAL_EVENT
#define HVCALL_SIGNAL_EVENT		0x005d
#endif
#ifndef HVCALL_SET_PORT_PROPERTY
#define HVCALL_SET_PORT_PROPERTY	0x0070
#endif
#ifndef HVCALL_NOTIFY_PORT_RING_EMPTY
#define HVCALL_NOTIFY_PORT_RING_EMPTY	0x008b
#endif
#ifndef HVCALL_CREATE_PORT
#define HVCALL_CREATE_PORT		0x0095
#endif
#ifndef HVCALL_CONNECT_PORT
#define HVCALL_CONNECT_PORT		0x0096
#endif

/* Status codes */
#ifndef HV_STATUS_SUCCESS
#define HV_STATUS_SUCCESS			0
#endif
#ifndef HV_STATUS_INVALID_HYPERCALL_CODE
#define HV_STATUS_INVALID_HYPERCALL_CODE	2
#endif
#ifndef HV_STATUS_INVALID_HYPERCALL_INPUT
#define HV_STATUS_INVALID_HYPERCALL_INPUT	3
#endif
#ifndef HV_STATUS_INVALID_ALIGNMENT
#define HV_STATUS_INVALID_ALIGNMENT		4
#endif
#ifndef HV_STATUS_INVALID_PARAMETER
#define HV_STATUS_INVALID_PARAMETER		5
#endif
#ifndef HV_STATUS_ACCESS_DENIED
#define HV_STATUS_ACCESS_DENIED			6
#endif
#ifndef HV_STATUS_INVALID_PARTITION_STATE
#define HV_STATUS_INVALID_PARTITION_STATE	7
#endif
#ifndef HV_STATUS_OPERATION_DENIED
#define HV_STATUS_OPERATION_DENIED		8
#endif
#ifndef HV_STATUS_UNKNOWN_PROPERTY
#define HV_STATUS_UNKNOWN_PROPERTY		9
#endif
#ifndef HV_STATUS_INSUFFICIENT_MEMORY
#define HV_STATUS_INSUFFICIENT_MEMORY		11
#endif
#ifndef HV_STATUS_INVALID_PARTITION_ID
#define HV_STATUS_INVALID_PARTITION_ID		13
#endif
#ifndef HV_STATUS_INVALID_VP_INDEX
#define HV_STATUS_INVALID_VP_INDEX		14
#endif
#ifndef HV_STATUS_INVALID_PORT_ID
#define HV_STATUS_INVALID_PORT_ID		17
#endif
#ifndef HV_STATUS_INVALID_CONNECTION_ID
#define HV_STATUS_INVALID_CONNECTION_ID		18
#endif
#ifndef HV_STATUS_INSUFFICIENT_BUFFERS
#define HV_STATUS_INSUFFICIENT_BUFFERS		19
#endif
#ifndef HV_STATUS_INVALID_SYNIC_STATE
#define HV_STATUS_INVALID_SYNIC_STATE		24
#endif
#ifndef HV_STATUS_NO_RESOURCES
#define HV_STATUS_NO_RESOURCES			29
#endif

#ifndef HV_ANY_VP
#define HV_ANY_VP			((__u32)-1)
#endif
#ifndef HV_PARTITION_ID_ROOT
#define HV_PARTITION_ID_ROOT		1
#endif
#ifndef HV_PARTITION_ID_SELF
#define HV_PARTITION_ID_SELF		((__u64)-1)
#endif

/* Ids are 24 bits wide; the high byte must be zero. */
#define HV_PORT_ID_MASK			0x00ffffff
#define HV_CONNECTION_ID_MASK		0x00ffffff

/* A SINT whose messages and flags are looked for, not announced */
#define HV_SYNIC_SINT_POLLING		0x40000ULL

/* SINT 0 belongs to the hypervisor. */
#define HV_PORT_SINT_MIN		1
#define HV_PORT_SINT_MAX		15

#ifndef _HV_HVHDK_H
enum hv_port_type {
	HV_PORT_TYPE_MESSAGE	= 1,
	HV_PORT_TYPE_EVENT	= 2,
	HV_PORT_TYPE_MONITOR	= 3,
	HV_PORT_TYPE_DOORBELL	= 4,
};
#else
/*
 * A kernel with <hyperv/hvhdk.h> has these, too, with unions for ids and without
 * some of the reserved fields: there, ours go by other names.
 */
#define hv_port_info			hv_ports_port_info
#define hv_connection_info		hv_ports_connection_info
#define hv_input_create_port		hv_ports_input_create_port
#define hv_input_delete_port		hv_ports_input_delete_port
#define hv_input_connect_port		hv_ports_input_connect_port
#define hv_input_disconnect_port	hv_ports_input_disconnect_port
#endif

enum hv_port_property_code {
	HV_PORT_PROPERTY_POST_COUNT		= 0,
	HV_PORT_PROPERTY_PREFERRED_TARGET_VP	= 1,
};

/* struct hv_connection_info, doorbell_connection_info.flags */
#ifndef HV_DOORBELL_FLAG_TRIGGER_SIZE_MASK
#define HV_DOORBELL_FLAG_TRIGGER_SIZE_MASK	0x00000007
#define HV_DOORBELL_FLAG_TRIGGER_SIZE_ANY	0
#define HV_DOORBELL_FLAG_TRIGGER_SIZE_BYTE	1
#define HV_DOORBELL_FLAG_TRIGGER_SIZE_WORD	2
#define HV_DOORBELL_FLAG_TRIGGER_SIZE_DWORD	3
#define HV_DOORBELL_FLAG_TRIGGER_SIZE_QWORD	4
#define HV_DOORBELL_FLAG_TRIGGER_ANY_VALUE	0x80000000
#endif
#define HV_DOORBELL_SIZES			5

/* ProximityDomainInfo.flags */
#define HV_PROXIMITY_PREFERRED		0x00000001
#define HV_PROXIMITY_INFO_VALID		0x80000000

struct hv_proximity_info {
	__u32 domain_id;
	__u32 flags;
} __packed;

struct hv_port_info {
	__u32 port_type;
	__u32 padding;
	union {
		struct {
			__u32 target_sint;
			__u32 target_vp;
			__u64 rsvdz;
		} message_port_info;
		struct {
			__u32 target_sint;
			__u32 target_vp;
			__u16 base_flag_number;
			__u16 flag_count;
			__u32 rsvdz;
		} event_port_info;
		struct {
			__u64 monitor_address;
			__u64 rsvdz;
		} monitor_port_info;
		struct {
			__u32 target_sint;
			__u32 target_vp;
			__u64 rsvdz;
		} doorbell_port_info;
	};
} __packed;

struct hv_connection_info {
	__u32 port_type;
	__u32 padding;
	union {
		__u64 rsvdz[3];
		struct {
			__u64 monitor_address;
			__u64 rsvdz[2];
		} monitor_connection_info;
		struct {
			__u64 gpa;
			__u64 trigger_value;
			__u64 flags;
		} doorbell_connection_info;
	};
} __packed;

/* HvCallCreatePort; up to 112 bytes of it may come in registers */
struct hv_input_create_port {
	__u64 port_partition_id;
	__u32 port_id;
	__u8 port_vtl;
	__u8 min_connection_vtl;
	__u16 padding;
	__u64 connection_partition_id;
	struct hv_port_info port_info;
	struct hv_proximity_info proximity_domain_info;
} __packed;

/* HvCallDeletePort */
struct hv_input_delete_port {
	__u64 port_partition_id;
	__u32 port_id;
	__u32 reserved;
} __packed;

/* HvCallConnectPort */
struct hv_input_connect_port {
	__u64 connection_partition_id;
	__u32 connection_id;
	__u8 connection_vtl;
	__u8 rsvdz0;
	__u16 rsvdz1;
	__u64 port_partition_id;
	__u32 port_id;
	__u32 reserved2;
	struct hv_connection_info connection_info;
	struct hv_proximity_info proximity_domain_info;
} __packed;

/* HvCallDisconnectPort */
#define HV_DISCONNECT_DOORBELL		0x00000001

struct hv_input_disconnect_port {
	__u64 connection_partition_id;
	__u32 connection_id;
	__u32 flags;
} __packed;

/* HvCallPostMessage */
#ifndef HV_MESSAGE_PAYLOAD_BYTE_COUNT
#define HV_MESSAGE_PAYLOAD_BYTE_COUNT	240
#endif

struct hv_port_post_message {
	__u32 connection_id;
	__u32 rsvdz;
	__u32 message_type;
	__u32 payload_size;
	__u8 payload[HV_MESSAGE_PAYLOAD_BYTE_COUNT];
} __packed;

/* HvCallSignalEvent */
struct hv_port_signal_event {
	__u32 connection_id;
	__u16 flag_number;
	__u16 rsvdz;
} __packed;

/* HvCallGetPortProperty; HvCallSetPortProperty has the value after it */
struct hv_input_get_port_property {
	__u64 port_partition_id;
	__u32 port_id;
	__u32 reserved0;
	__u32 property_code;
	__u32 reserved1;
} __packed;

struct hv_input_set_port_property {
	struct hv_input_get_port_property get;
	__u64 value;
} __packed;

/*
 * One slot of the SIM page.  Bytes 4 to 7 are ordered as every Linux guest
 * has them; the old specification prints another order.
 */
struct hv_port_message {
	__u32 message_type;
	__u8 payload_size;
	__u8 message_flags;
	__u8 reserved[2];
	__u64 port_id;
	__u8 payload[HV_MESSAGE_PAYLOAD_BYTE_COUNT];
} __packed;

#define HV_PORT_MESSAGE_PENDING		0x01

/* Where the specification has every member, lest two of them change places */
#define HV_ASSERT_SIZE(type, size)	static_assert(sizeof(struct type) == (size))
#define HV_ASSERT_AT(type, member, at)						\
	static_assert(__builtin_offsetof(struct type, member) == (at))

HV_ASSERT_SIZE(hv_proximity_info, 8);
HV_ASSERT_AT(hv_proximity_info, domain_id, 0);
HV_ASSERT_AT(hv_proximity_info, flags, 4);

HV_ASSERT_SIZE(hv_port_info, 24);
HV_ASSERT_AT(hv_port_info, port_type, 0);
HV_ASSERT_AT(hv_port_info, padding, 4);
HV_ASSERT_AT(hv_port_info, message_port_info.target_sint, 8);
HV_ASSERT_AT(hv_port_info, message_port_info.target_vp, 12);
HV_ASSERT_AT(hv_port_info, message_port_info.rsvdz, 16);
HV_ASSERT_AT(hv_port_info, event_port_info.target_sint, 8);
HV_ASSERT_AT(hv_port_info, event_port_info.target_vp, 12);
HV_ASSERT_AT(hv_port_info, event_port_info.base_flag_number, 16);
HV_ASSERT_AT(hv_port_info, event_port_info.flag_count, 18);
HV_ASSERT_AT(hv_port_info, event_port_info.rsvdz, 20);
HV_ASSERT_AT(hv_port_info, monitor_port_info.monitor_address, 8);
HV_ASSERT_AT(hv_port_info, monitor_port_info.rsvdz, 16);
HV_ASSERT_AT(hv_port_info, doorbell_port_info.target_sint, 8);
HV_ASSERT_AT(hv_port_info, doorbell_port_info.target_vp, 12);
HV_ASSERT_AT(hv_port_info, doorbell_port_info.rsvdz, 16);

HV_ASSERT_SIZE(hv_connection_info, 32);
HV_ASSERT_AT(hv_connection_info, port_type, 0);
HV_ASSERT_AT(hv_connection_info, padding, 4);
HV_ASSERT_AT(hv_connection_info, rsvdz, 8);
HV_ASSERT_AT(hv_connection_info, monitor_connection_info.monitor_address, 8);
HV_ASSERT_AT(hv_connection_info, monitor_connection_info.rsvdz, 16);
HV_ASSERT_AT(hv_connection_info, doorbell_connection_info.gpa, 8);
HV_ASSERT_AT(hv_connection_info, doorbell_connection_info.trigger_value, 16);
HV_ASSERT_AT(hv_connection_info, doorbell_connection_info.flags, 24);

HV_ASSERT_SIZE(hv_input_create_port, 56);
HV_ASSERT_AT(hv_input_create_port, port_partition_id, 0);
HV_ASSERT_AT(hv_input_create_port, port_id, 8);
HV_ASSERT_AT(hv_input_create_port, port_vtl, 12);
HV_ASSERT_AT(hv_input_create_port, min_connection_vtl, 13);
HV_ASSERT_AT(hv_input_create_port, padding, 14);
HV_ASSERT_AT(hv_input_create_port, connection_partition_id, 16);
HV_ASSERT_AT(hv_input_create_port, port_info, 24);
HV_ASSERT_AT(hv_input_create_port, proximity_domain_info, 48);

HV_ASSERT_SIZE(hv_input_delete_port, 16);
HV_ASSERT_AT(hv_input_delete_port, port_partition_id, 0);
HV_ASSERT_AT(hv_input_delete_port, port_id, 8);
HV_ASSERT_AT(hv_input_delete_port, reserved, 12);

HV_ASSERT_SIZE(hv_input_connect_port, 72);
HV_ASSERT_AT(hv_input_connect_port, connection_partition_id, 0);
HV_ASSERT_AT(hv_input_connect_port, connection_id, 8);
HV_ASSERT_AT(hv_input_connect_port, connection_vtl, 12);
HV_ASSERT_AT(hv_input_connect_port, rsvdz0, 13);
HV_ASSERT_AT(hv_input_connect_port, rsvdz1, 14);
HV_ASSERT_AT(hv_input_connect_port, port_partition_id, 16);
HV_ASSERT_AT(hv_input_connect_port, port_id, 24);
HV_ASSERT_AT(hv_input_connect_port, reserved2, 28);
HV_ASSERT_AT(hv_input_connect_port, connection_info, 32);
HV_ASSERT_AT(hv_input_connect_port, proximity_domain_info, 64);

HV_ASSERT_SIZE(hv_input_disconnect_port, 16);
HV_ASSERT_AT(hv_input_disconnect_port, connection_partition_id, 0);
HV_ASSERT_AT(hv_input_disconnect_port, connection_id, 8);
HV_ASSERT_AT(hv_input_disconnect_port, flags, 12);

HV_ASSERT_SIZE(hv_port_post_message, 256);
HV_ASSERT_AT(hv_port_post_message, connection_id, 0);
HV_ASSERT_AT(hv_port_post_message, rsvdz, 4);
HV_ASSERT_AT(hv_port_post_message, message_type, 8);
HV_ASSERT_AT(hv_port_post_message, payload_size, 12);
HV_ASSERT_AT(hv_port_post_message, payload, 16);

HV_ASSERT_SIZE(hv_port_signal_event, 8);
HV_ASSERT_AT(hv_port_signal_event, connection_id, 0);
HV_ASSERT_AT(hv_port_signal_event, flag_number, 4);
HV_ASSERT_AT(hv_port_signal_event, rsvdz, 6);

HV_ASSERT_SIZE(hv_input_get_port_property, 24);
HV_ASSERT_AT(hv_input_get_port_property, port_partition_id, 0);
HV_ASSERT_AT(hv_input_get_port_property, port_id, 8);
HV_ASSERT_AT(hv_input_get_port_property, reserved0, 12);
HV_ASSERT_AT(hv_input_get_port_property, property_code, 16);
HV_ASSERT_AT(hv_input_get_port_property, reserved1, 20);

HV_ASSERT_SIZE(hv_input_set_port_property, 32);
HV_ASSERT_AT(hv_input_set_port_property, get, 0);
HV_ASSERT_AT(hv_input_set_port_property, value, 24);

HV_ASSERT_SIZE(hv_port_message, 256);
HV_ASSERT_AT(hv_port_message, message_type, 0);
HV_ASSERT_AT(hv_port_message, payload_size, 4);
HV_ASSERT_AT(hv_port_message, message_flags, 5);
HV_ASSERT_AT(hv_port_message, reserved, 6);
HV_ASSERT_AT(hv_port_message, port_id, 8);
HV_ASSERT_AT(hv_port_message, payload, 16);

#undef HV_ASSERT_SIZE
#undef HV_ASSERT_AT

#endif /* HV_TLFS_H */
