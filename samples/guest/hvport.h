/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/hvport0, ...: Hyper-V ports for the user space of a Linux guest
 *
 * Each device can have one port, which is read, and one connection, which is
 * written to.  Both live until the file is closed; a device can be open once.  If the
 * host forbids that they go, the device stays in use.
 *
 * read	a message port: one struct hvport_message.
 *	an event or doorbell port: the __u32 number of a flag that was set, and is
 *	not any more.
 * write	a message connection: one struct hvport_message, 16 + payload_size
 *	bytes of it, with @flags, @reserved and @port 0.
 *	an event connection: the __u32 number of a flag.
 *	a doorbell: 1, 2, 4 or 8 bytes, which go to its address as they are.
 *
 * Errors: ESRCH (no such partition, or not linked), ENOENT (no such port for us, or
 * it is connected), EEXIST (the id is in use), EDQUOT, EPIPE (the port is gone),
 * EHOSTDOWN (its owner does not listen), EAGAIN (O_NONBLOCK: nothing to read, or no
 * room), EMSGSIZE (read: the buffer is too small), ENOTCONN (read: no port; write:
 * no connection), EBUSY (open: it is in use; there is a port, or a connection,
 * already; doorbell: something is at its address), EINVAL (an argument that is not
 * one), EACCES (the host forbids it).
 *
 * poll() says EPOLLOUT for every connection: nobody tells a guest that a port has
 * room again.
 */
#ifndef HVPORT_H
#define HVPORT_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HVPORT_TYPE		0xBB

#define HVPORT_MESSAGE		1
#define HVPORT_EVENT		2
#define HVPORT_DOORBELL		4

#define HVPORT_SELF		(~0ULL)

struct hvport_message {
	__u32 type;
	__u8 payload_size;
	__u8 flags;
	__u8 reserved[2];
	__u64 port;
	__u8 payload[240];
};

/**
 * struct hvport_create - make the device's port
 * @type: HVPORT_...
 * @id: 24 bits; not 0 for a doorbell
 * @partition: who may connect, or HVPORT_SELF
 * @flag_count: event: how many flags, 1 to 2048; else 0
 * @reserved: 0
 */
struct hvport_create {
	__u32 type;
	__u32 id;
	__u64 partition;
	__u32 flag_count;
	__u32 reserved;
};

#define HVPORT_CREATE	_IOW(HVPORT_TYPE, 0, struct hvport_create)

/**
 * struct hvport_connect - make the device's connection
 * @type: HVPORT_..., the port's
 * @id: of the connection, 24 bits
 * @partition: whose port, or HVPORT_SELF
 * @port: the port's id
 * @flags: doorbell: HV_DOORBELL_FLAG_...; else 0
 * @gpa: doorbell: guest-physical address where nothing is
 * @value: doorbell: that rings
 */
struct hvport_connect {
	__u32 type;
	__u32 id;
	__u64 partition;
	__u32 port;
	__u32 flags;
	__u64 gpa;
	__u64 value;
};

#define HVPORT_CONNECT	_IOW(HVPORT_TYPE, 1, struct hvport_connect)

/* The id of this VM's partition */
#define HVPORT_GET_ID	_IOR(HVPORT_TYPE, 2, __u64)

#endif /* HVPORT_H */
