/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/hv_ports as tests use it; what has to work fails the test if it does not.
 */
#ifndef SELFTEST_HV_HOST_UTIL_H
#define SELFTEST_HV_HOST_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "include/uapi/linux/hv_ports.h"
#include "hv_compat_util.h"

#define HV_HOST_MESSAGE_SIZE(size)	(offsetof(struct hv_ports_message, payload) + (size))

static inline int hv_dev_open(void)
{
	int fd = open("/dev/hv_ports", O_RDWR | O_CLOEXEC);

	TEST_ASSERT(fd >= 0, "open /dev/hv_ports: %s", strerror(errno));
	return fd;
}

/* 0 or an errno */
static inline int hv_dev_errno(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? errno : 0;
}

#define HV_DEV_OK(fd, cmd, arg)							\
do {										\
	int __errno = hv_dev_errno(fd, cmd, arg);				\
										\
	TEST_ASSERT(!__errno, #cmd ": %s", strerror(__errno));			\
} while (0)

/* A file of the VM's partition, and its id */
static inline int hv_dev_attach(int dev, int vm_fd, u64 *id)
{
	struct hv_ports_attach_vm arg = { .size = sizeof(arg), .vm_fd = vm_fd };

	HV_DEV_OK(dev, HV_PORTS_ATTACH_VM, &arg);
	*id = arg.id;
	return arg.fd;
}

static inline int hv_dev_create_host(int dev, u64 *id)
{
	struct hv_ports_create_host arg = { .size = sizeof(arg) };

	HV_DEV_OK(dev, HV_PORTS_CREATE_HOST, &arg);
	*id = arg.id;
	return arg.fd;
}

static inline int hv_dev_link_errno(int dev, u64 a, u64 b, bool link)
{
	struct hv_ports_link arg = {
		.size = sizeof(arg),
		.flags = HV_PORTS_LINK_BY_ID,
		.a = a,
		.b = b,
	};

	return hv_dev_errno(dev, link ? HV_PORTS_LINK : HV_PORTS_UNLINK, &arg);
}

static inline void hv_dev_link(int dev, u64 a, u64 b)
{
	TEST_ASSERT_EQ(hv_dev_link_errno(dev, a, b, true), 0);
}

static inline void hv_dev_unlink(int dev, u64 a, u64 b)
{
	TEST_ASSERT_EQ(hv_dev_link_errno(dev, a, b, false), 0);
}

/* A port of the host's; eventfd: -1 for messages */
static inline int hv_host_port(int host, u32 id, u32 type, u64 peer, int eventfd)
{
	struct hv_ports_create_port arg = {
		.size = sizeof(arg),
		.id = id,
		.type = type,
		.connection_partition = peer,
		.eventfd = eventfd,
		.flag_count = type == HV_PORTS_EVENT ? 16 : 0,
	};

	HV_DEV_OK(host, HV_PORTS_CREATE_PORT, &arg);
	return arg.fd;
}

static inline int hv_host_connect(int host, u32 id, u32 type, u64 peer, u32 port)
{
	struct hv_ports_connect arg = {
		.size = sizeof(arg),
		.id = id,
		.type = type,
		.port_partition = peer,
		.port = port,
	};

	HV_DEV_OK(host, HV_PORTS_CONNECT, &arg);
	return arg.fd;
}

static inline ssize_t hv_host_send(int fd, u32 type, const void *payload, u8 size)
{
	struct hv_ports_message msg = { .type = type, .payload_size = size };

	memcpy(msg.payload, payload, size);
	return write(fd, &msg, HV_HOST_MESSAGE_SIZE(size));
}

/* The port with that id as /dev/hv_ports describes it */
static inline struct hv_ports_port hv_dev_port(int dev, u64 partition, u32 id)
{
	struct hv_ports_port arg = {
		.size = sizeof(arg),
		.partition = partition,
		.id = id,
	};

	HV_DEV_OK(dev, HV_PORTS_NEXT_PORT, &arg);
	TEST_ASSERT_EQ(arg.id, id);
	return arg;
}

static inline void hv_host_set_nonblock(int fd)
{
	TEST_ASSERT(!fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), "F_SETFL");
}

/* Whether one of @events is there within a minute, or within no time */
static inline short hv_host_poll(int fd, short events, bool wait)
{
	struct pollfd pollfd = { .fd = fd, .events = events };

	TEST_ASSERT(poll(&pollfd, 1, wait ? 60000 : 0) >= 0, "poll");
	return pollfd.revents;
}

#endif /* SELFTEST_HV_HOST_UTIL_H */
