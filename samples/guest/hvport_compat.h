/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between guests' kernels: the driver uses the newest one's names.
 */
#ifndef HVPORT_COMPAT_H
#define HVPORT_COMPAT_H

#include <linux/processor.h>
#include <asm/msr.h>

/* Since 6.16 these registers are called by their size, and cpuid has a header. */
#ifdef rdmsrq
#include <asm/cpuid/api.h>
#else
#define rdmsrq_on_cpu		rdmsrl_on_cpu
#define wrmsrq_on_cpu		wrmsrl_on_cpu
#define rdmsrq_safe_on_cpu	rdmsrl_safe_on_cpu
#endif

#endif /* HVPORT_COMPAT_H */
