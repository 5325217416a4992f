/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that the module is built for.
 *
 * The sources are written for the newest one; here the older ones get what they
 * lack, under its name.  No other file asks which kernel it has.
 */
#ifndef HV_PORTS_COMPAT_H
#define HV_PORTS_COMPAT_H

#include <linux/eventfd.h>
#include <linux/slab.h>
#include <linux/version.h>

/* Since 6.8 it adds 1 without being told. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define eventfd_signal(ctx)	eventfd_signal(ctx, 1)
#endif

/* Since 6.5. */
#ifndef SLAB_NO_MERGE
#define SLAB_NO_MERGE	0
#endif

/* Since 7.0. */
#ifndef kzalloc_obj
#define kzalloc_obj(obj, gfp)	kzalloc(sizeof(obj), gfp)
#endif

#endif /* HV_PORTS_COMPAT_H */
