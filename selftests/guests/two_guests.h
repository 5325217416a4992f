/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host and its two guests have agreed upon
 */
#ifndef TWO_GUESTS_H
#define TWO_GUESTS_H

#include <stddef.h>

#include <linux/types.h>

#define __printf(a, b)	__attribute__((format(printf, a, b)))
#define __noreturn	__attribute__((noreturn))

/* Partitions */
#define HOST		100
#define GUEST_A		10
#define GUEST_B		11
#define NOBODY		12

/* Ports of the host's, one per guest, and every guest's for the host */
#define PORT_FROM_A	1
#define PORT_FROM_B	2
#define PORT_CONTROL	3

/* B's for A; connections have the ids of their ports. */
#define PORT_DATA	0x10
#define PORT_EVENT	0x11
#define PORT_DOORBELL	0x12

/* A connection that nobody has */
#define UNUSED		0x20

#define EVENT_FLAG	5
#define EVENT_FLAGS	16

/* Nothing is there in A: neither memory nor a device. */
#define BELL_GPA	0x40000000
#define BELL_VALUE	0xd00b

#define TEXT		1	/* type of the messages to and from the host */

#define FILE_SEED	2026
#define FILE_SIZE	300000

/* xorshift64 */
static inline __u8 next_byte(__u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 32;
}

#define FNV_START	0xcbf29ce484222325

/* FNV-1a, 64 bits */
static inline __u64 checksum(__u64 sum, __u8 byte)
{
	return (sum ^ byte) * 0x100000001b3;
}

#endif /* TWO_GUESTS_H */
