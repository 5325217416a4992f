/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/hv_ports: the host's interface to Hyper-V ports and connections
 *
 * Every ioctl takes a structure whose first member is its size as the caller
 * knows it, and whose second are flags.  A kernel that knows more members takes
 * those that are missing as 0; one that knows fewer wants those that it does not
 * know to be 0, and answers E2BIG if they are not.  What comes back is written as
 * far as the caller's size reaches.
 *
 * Three kinds of files:
 *  - the device: root's view of everything, and where the others come from;
 *  - a partition: a VM's, from HV_PORTS_ATTACH_VM, or one of the host's own, from
 *    HV_PORTS_CREATE_HOST, which lives as long as the file;
 *  - a host partition's port or connection, which lives as long as its file, or
 *    until the partition's file is closed.
 *
 * Errors that all calls have: EFAULT (bad pointer), EINVAL (a size below that of
 * the first version of the structure, an unknown flag, a reserved member that is
 * not 0), E2BIG (see above), ENOTTY (no ioctl of this kind of file), ENOMEM.  Those
 * that give a file: EMFILE, ENFILE.
 */
#ifndef _UAPI_LINUX_HV_PORTS_H
#define _UAPI_LINUX_HV_PORTS_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HV_PORTS_VERSION	1
#define HV_PORTS_TYPE		0xBA
#define HV_PORTS_NAME_SIZE	32

/* enum hv_port_type of the specification */
#define HV_PORTS_MESSAGE	1
#define HV_PORTS_EVENT		2
#define HV_PORTS_DOORBELL	4

/**
 * struct hv_ports_message - what is read from a message port, and written to a
 *	connection
 * @type: any value but 0 whose top bit is clear
 * @payload_size: 0 to 240
 * @flags: 0
 * @reserved: 0
 * @port: read: the port's id; written: 0
 * @payload: @payload_size bytes are read and written, no more
 *
 * A read takes one message.  If the buffer is too small for it the answer is
 * EMSGSIZE, and the message stays; 0 is read once the port is gone.  A write of
 * anything but 16 + @payload_size bytes is EINVAL.  For readv() and writev(), each
 * element is a read or write of its own.
 */
struct hv_ports_message {
	__u32 type;
	__u8 payload_size;
	__u8 flags;
	__u8 reserved[2];
	__u64 port;
	__u8 payload[240];
};

/**
 * struct hv_ports_get_info - device: what this kernel can do
 * @size: sizeof(struct hv_ports_get_info)
 * @flags: 0
 * @version: HV_PORTS_VERSION
 * @port_types: a bit for each HV_PORTS_MESSAGE, ...
 * @buffers: messages that a port can hold
 * @reserved: 0
 */
struct hv_ports_get_info {
	__u32 size;
	__u32 flags;
	__u32 version;
	__u32 port_types;
	__u32 buffers;
	__u32 reserved;
};

#define HV_PORTS_GET_INFO	_IO(HV_PORTS_TYPE, 0x80)

/**
 * struct hv_ports_attach_vm - device: the partition of a VM
 * @size: sizeof(struct hv_ports_attach_vm)
 * @flags: 0
 * @vm_fd: KVM's file of the VM
 * @fd: the partition's file
 * @id: the partition's id
 *
 * Makes the VM a partition, which its first port call would do, too.  The
 * partition ends with the VM and not with this file.
 *
 * Errors: EBADF (not open), EINVAL (not a VM), EBUSY (somebody has a file of this
 * partition), ENODEV (the VM's memory is encrypted, or the module is on its way out).
 */
struct hv_ports_attach_vm {
	__u32 size;
	__u32 flags;
	__s32 vm_fd;
	__s32 fd;
	__u64 id;
};

#define HV_PORTS_ATTACH_VM	_IO(HV_PORTS_TYPE, 0x81)

/**
 * struct hv_ports_create_host - device: a partition of the host's own
 * @size: sizeof(struct hv_ports_create_host)
 * @flags: 0
 * @fd: the partition's file
 * @reserved: 0
 * @id: the partition's id
 */
struct hv_ports_create_host {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 reserved;
	__u64 id;
};

#define HV_PORTS_CREATE_HOST	_IO(HV_PORTS_TYPE, 0x82)

/**
 * struct hv_ports_link - device: let two partitions know each other, or no more
 * @size: sizeof(struct hv_ports_link)
 * @flags: HV_PORTS_LINK_BY_ID or 0
 * @a: a partition's file, or with HV_PORTS_LINK_BY_ID its id
 * @b: the other one's
 *
 * What is linked can name the other as PortPartition and ConnectionPartition;
 * ports still have to be made for it.  A link lives until it is removed or one
 * of the two goes.  Without it, the connections between the two answer
 * HV_STATUS_INVALID_PORT_ID, and the host's have EPIPE and POLLHUP, until they know
 * each other again: then they work as before.
 *
 * Errors: EPERM (HV_PORTS_LINK_BY_ID without CAP_SYS_ADMIN), EBADF, EINVAL (no
 * partition's file, or twice the same partition), ESRCH (no such id), ENODEV (one
 * is on its way out), EEXIST (linked already), ENOENT (not linked).
 */
struct hv_ports_link {
	__u32 size;
	__u32 flags;
	__u64 a;
	__u64 b;
};

#define HV_PORTS_LINK_BY_ID	1
#define HV_PORTS_LINK		_IO(HV_PORTS_TYPE, 0x83)
#define HV_PORTS_UNLINK		_IO(HV_PORTS_TYPE, 0x84)

/**
 * struct hv_ports_partition - device: the partition with that id or the next one
 * @size: sizeof(struct hv_ports_partition)
 * @flags: 0
 * @id: in: the smallest of interest; out: the one found
 * @parent: id of the parent, or 0
 * @pid: in the initial PID namespace; VM: of the thread that made it, which need not
 *	be its process's first one; host: of the process that made it
 * @kind: HV_PORTS_VM or HV_PORTS_HOST
 * @nr_ports: how many there are
 * @nr_connections: of all kinds, without the automatic ones that others made here
 * @max_ports: quota
 * @max_connections: quota
 * @privileges: HV_PORTS_MAY_...
 * @reserved: 0
 * @dropped: messages that had not been delivered when their port was deleted
 * @name: with its terminating 0
 *
 * Errors: ENOENT (no such id, nor a larger one).
 */
struct hv_ports_partition {
	__u32 size;
	__u32 flags;
	__u64 id;
	__u64 parent;
	__s32 pid;
	__u32 kind;
	__u32 nr_ports;
	__u32 nr_connections;
	__u32 max_ports;
	__u32 max_connections;
	__u32 privileges;
	__u32 reserved;
	__u64 dropped;
	char name[HV_PORTS_NAME_SIZE];
};

#define HV_PORTS_VM		1
#define HV_PORTS_HOST		2
#define HV_PORTS_MAY_CREATE	1	/* and delete, and ask for properties */
#define HV_PORTS_MAY_CONNECT	2	/* and disconnect */
#define HV_PORTS_MAY_POST	4
#define HV_PORTS_MAY_SIGNAL	8
#define HV_PORTS_MAY_ALL	15
#define HV_PORTS_NEXT_PARTITION	_IO(HV_PORTS_TYPE, 0x85)

/**
 * struct hv_ports_port - device: the port with that id or the next one
 * @size: sizeof(struct hv_ports_port)
 * @flags: 0
 * @partition: whose
 * @id: in: the smallest of interest; out: the one found
 * @type: HV_PORTS_MESSAGE, ...
 * @sint: where it arrives, in a VM
 * @target_vp: at which VP, or 0xffffffff for any
 * @connection_partition: who may connect
 * @posted: messages taken, or events and doorbells rung
 * @delivered: messages that were put into a slot, or read
 * @busy: how often a message of this port found its slot taken
 * @refused: messages refused for want of a buffer
 * @connected: whether a connection is there
 * @queued: messages not delivered yet
 *
 * Errors: ESRCH (no such partition), ENOENT (no such port, nor a larger one).
 */
struct hv_ports_port {
	__u32 size;
	__u32 flags;
	__u64 partition;
	__u32 id;
	__u32 type;
	__u32 sint;
	__u32 target_vp;
	__u64 connection_partition;
	__u64 posted;
	__u64 delivered;
	__u64 busy;
	__u64 refused;
	__u32 connected;
	__u32 queued;
};

#define HV_PORTS_NEXT_PORT	_IO(HV_PORTS_TYPE, 0x86)

/**
 * struct hv_ports_connection - device: the connection with that id or the next
 * @size: sizeof(struct hv_ports_connection)
 * @flags: in: HV_PORTS_DOORBELLS: those, which have an id space of their own
 * @partition: whose
 * @id: in: the smallest of interest; out: the one found
 * @type: HV_PORTS_MESSAGE, ...
 * @port_partition: whose port it is; 0 if the port is gone
 * @port: the port's id
 * @automatic: whether CreatePort made it
 * @sent: messages, events and rings that succeeded
 * @refused: messages and events that did not
 * @gpa: what a doorbell watches
 * @value: for which value
 * @doorbell_flags: of which size, and whether for any value
 *
 * Errors: ESRCH (no such partition), ENOENT (none, nor a larger one).
 */
struct hv_ports_connection {
	__u32 size;
	__u32 flags;
	__u64 partition;
	__u32 id;
	__u32 type;
	__u64 port_partition;
	__u32 port;
	__u32 automatic;
	__u64 sent;
	__u64 refused;
	__u64 gpa;
	__u64 value;
	__u64 doorbell_flags;
};

#define HV_PORTS_DOORBELLS		1
#define HV_PORTS_NEXT_CONNECTION	_IO(HV_PORTS_TYPE, 0x87)

/**
 * struct hv_ports_next_link - device: that link or the next one
 * @size: sizeof(struct hv_ports_next_link)
 * @flags: 0
 * @a: the smaller id; in: the smallest of interest
 * @b: the larger id; in: the smallest of interest for that @a
 *
 * Errors: ENOENT (no more).
 */
struct hv_ports_next_link {
	__u32 size;
	__u32 flags;
	__u64 a;
	__u64 b;
};

#define HV_PORTS_NEXT_LINK	_IO(HV_PORTS_TYPE, 0x88)

/**
 * struct hv_ports_set_partition - partition: change it
 * @size: sizeof(struct hv_ports_set_partition)
 * @flags: which of these to change, HV_PORTS_SET_...; all or none are changed
 * @id: not 0, 1, or all ones; only while it has neither ports nor connections of its
 *	own, nor links, nor children, nor a parent
 * @parent_fd: file of the partition that may act on this one's behalf, or -1
 * @max_ports: quota; what is there already stays
 * @max_connections: quota; likewise
 * @privileges: HV_PORTS_MAY_...; without effect on a host partition
 * @name: with a terminating 0
 *
 * Errors: EINVAL (also: a host partition cannot have a parent; a partition cannot
 * be its own ancestor), EBADF, EEXIST (the id is in use), EBUSY (see @id), ENODEV
 * (the VM is gone).
 */
struct hv_ports_set_partition {
	__u32 size;
	__u32 flags;
	__u64 id;
	__s32 parent_fd;
	__u32 max_ports;
	__u32 max_connections;
	__u32 privileges;
	char name[HV_PORTS_NAME_SIZE];
};

#define HV_PORTS_SET_ID			1
#define HV_PORTS_SET_PARENT		2
#define HV_PORTS_SET_MAX_PORTS		4
#define HV_PORTS_SET_MAX_CONNECTIONS	8
#define HV_PORTS_SET_PRIVILEGES		16
#define HV_PORTS_SET_NAME		32
#define HV_PORTS_SET_PARTITION	_IO(HV_PORTS_TYPE, 0x90)

/**
 * struct hv_ports_create_port - host partition: make a port
 * @size: sizeof(struct hv_ports_create_port)
 * @flags: 0
 * @id: 24 bits; not 0 for a doorbell
 * @type: HV_PORTS_MESSAGE, ...
 * @connection_partition: who may connect; events and messages are connected
 *	under @id there, if that is free and the quota allows.  0: the partition
 *	itself, and nothing is connected
 * @eventfd: event and doorbell: is signalled; message: -1
 * @flag_count: event: how many flags may be signalled, 1 to 2048; else 0
 * @fd: the port's file, which reads messages
 * @reserved: 0
 *
 * Errors: EINVAL, EBADF (no eventfd), ESRCH (no such partition, or not linked),
 * EEXIST (the id is in use), EDQUOT, ENODEV (one of the two is on its way out).
 */
struct hv_ports_create_port {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 type;
	__u64 connection_partition;
	__s32 eventfd;
	__u32 flag_count;
	__s32 fd;
	__u32 reserved;
};

#define HV_PORTS_CREATE_PORT	_IO(HV_PORTS_TYPE, 0x91)

/**
 * struct hv_ports_connect - host partition: connect to a port
 * @size: sizeof(struct hv_ports_connect)
 * @flags: 0
 * @id: of the connection, 24 bits
 * @type: HV_PORTS_MESSAGE or HV_PORTS_EVENT
 * @port_partition: whose port
 * @port: the port's id
 * @fd: the connection's file
 *
 * A write to a message connection posts a struct hv_ports_message: EAGAIN, or
 * waiting, if the port's buffers are all queued.  A write to an event connection
 * is a __u32 flag number.  Both fail with EPIPE (the port is gone), EHOSTDOWN
 * (the target's SynIC is off, or the VP is gone; event: the SINT is masked), or
 * EINVAL.
 *
 * Errors: EINVAL (also: the port's type is another), ESRCH (no such partition, or
 * not linked), ENOENT (no such port for us, or it is connected), EEXIST (the id is
 * in use), EDQUOT, ENODEV (one of the two is on its way out).
 */
struct hv_ports_connect {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 type;
	__u64 port_partition;
	__u32 port;
	__s32 fd;
};

#define HV_PORTS_CONNECT	_IO(HV_PORTS_TYPE, 0x92)

#endif /* _UAPI_LINUX_HV_PORTS_H */
