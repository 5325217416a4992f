/* SPDX-License-Identifier: GPL-2.0-only */
/* What boot.S and lib.c know of each other */
#ifndef GUEST_BOOT_H
#define GUEST_BOOT_H

#include <linux/types.h>

struct interrupt_frame {
	u64 regs[15];
	u64 vector;
	u64 error_code;
	u64 rip;
	u64 cs;
	u64 rflags;
	u64 rsp;
	u64 ss;
};

extern const u8 trampoline[], trampoline_end[];
extern const u8 interrupt_stubs[256][16];

void vp0_main(void);
void vp1_main(void);
void interrupt(struct interrupt_frame *frame);

#endif /* GUEST_BOOT_H */
