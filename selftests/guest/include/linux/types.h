/* SPDX-License-Identifier: GPL-2.0-only */
/* What hv_tlfs.h and the programs need of the kernel's header, no more */
#ifndef GUEST_LINUX_TYPES_H
#define GUEST_LINUX_TYPES_H

#include <stdbool.h>
#include <stddef.h>

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long __u64;

#define __packed		__attribute__((packed))
#define __aligned(x)		__attribute__((aligned(x)))
#define __noreturn		__attribute__((noreturn))
#define __printf(a, b)		__attribute__((format(printf, a, b)))
#define BIT(n)			(1UL << (n))
#define ARRAY_SIZE(x)		(sizeof(x) / sizeof((x)[0]))
#define READ_ONCE(x)		(*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile typeof(x) *)&(x) = (v))

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#endif
