/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer's steps: what a hostile guest does, one thing at a time.
 *
 * A step says everything about itself, so that a list of them can be run again
 * in another VM, as it was or with some of them left out.
 */
#ifndef SELFTEST_HV_FUZZ_H
#define SELFTEST_HV_FUZZ_H

#include "hv_doorbell_util.h"

#define FZ_VPS			2
#define FZ_SINTS		16

/*
 * The world: pages that steps use, one after the other, so that an access that
 * leaves memory of one kind gets into the next.
 */
#define FZ_GPA			0x180000000ULL
#define FZ_GVA			0x100000000000ULL
#define FZ_RAM_PAGES		12
#define FZ_RO_PAGES		2
#define FZ_HOLE_PAGES		6
#define FZ_RO_PAGE		FZ_RAM_PAGES
#define FZ_HOLE_PAGE		(FZ_RO_PAGE + FZ_RO_PAGES)
#define FZ_PAGES		(FZ_HOLE_PAGE + FZ_HOLE_PAGES)
/* A hole where memory comes and goes */
#define FZ_MOVING_PAGE		(FZ_PAGES - 1)
#define FZ_PAGE_SIZE		4096ULL

/* Where no memory is, and more is not known */
#define FZ_GPA_NOWHERE		0x1c0000000ULL

/* What user space answers; nobody else would. */
#define FZ_USER_STATUS		0x7700000077ULL

/* SINT n interrupts by vector FZ_VECTOR + n, or by its neighbour's. */
#define FZ_VECTOR		0x40

#define FZ_CONTROL_RESERVED	0xf000f000f8000000ULL
#define FZ_CONTROL_VARHEAD	0x0000000007fe0000ULL
#define FZ_CONTROL_REP_COUNT	0x00000fff00000000ULL
#define FZ_CONTROL_REP_START	0x0fff000000000000ULL
#define FZ_CONTROL_REP		(FZ_CONTROL_REP_COUNT | FZ_CONTROL_REP_START)

enum fz_op {
	/* The guest's */
	FZ_CALL,	/* a hypercall */
	FZ_WRMSR,	/* control: MSR number, in: value */
	FZ_STORE,	/* of len bytes, in: value, at gpa */
	FZ_FREE,	/* the message slot at gpa, and EOM if it is pending */
	FZ_WINDOW,	/* take the interrupts that wait */
	/* The host's */
	FZ_HOST_MSR,	/* as FZ_WRMSR, by user space */
	FZ_EVENTFD,	/* assign (len) or take away connection id in */
	FZ_MEMORY,	/* memory of kind len at FZ_MOVING_PAGE */
};

enum fz_memory {
	FZ_HOLE,
	FZ_RAM,
	FZ_RO,
};

/* The id of the partition is another one in each VM. */
enum fz_partition {
	FZ_AS_IS,
	FZ_OWN,
	FZ_NEXT,
	FZ_PREVIOUS,
};

#define FZ_INPUT_SIZE		256
#define FZ_XMM_SIZE		96

/**
 * struct fz_step - one thing that happens
 * @input: FZ_CALL: slow: stored before the call; fast: XMM0 to 5
 * @gpa: FZ_CALL: where the input is stored; others: see enum fz_op
 * @control: FZ_CALL: the control word
 * @in: FZ_CALL: the second register
 * @out: FZ_CALL: the third register
 * @size: FZ_CALL: how much is stored
 * @op: enum fz_op
 * @vp: who does it, or whom it is done to
 * @len: see enum fz_op
 * @code32: FZ_CALL: made by 32-bit code
 * @partition: FZ_CALL: what is put into words 0 and 2 of the input
 */
struct fz_step {
	u8 input[FZ_INPUT_SIZE];
	u64 gpa;
	u64 control;
	u64 in;
	u64 out;
	u16 size;
	u8 op;
	u8 vp;
	u8 len;
	u8 code32;
	u8 partition[2];
} __aligned(16);

/* What came of it */
struct fz_outcome {
	u64 result;
	u64 vector;
};

/* Steps that a vCPU makes without leaving the guest in between for our sake */
#define FZ_BATCH		96

struct fz_batch {
	u64 nr;
	/* The guest has made them all. */
	u64 done;
	struct fz_step steps[FZ_BATCH];
	struct fz_outcome outcomes[FZ_BATCH];
};

/* What user space sees of the guest, in the order in which it happens */
enum fz_exit_kind {
	FZ_EXIT_CALL,
	FZ_EXIT_WRITE,
	FZ_EXIT_READ,
};

struct fz_exit {
	u64 kind;
	u64 args[3];
};

/* An 8-byte write that crosses a page is two. */
#define FZ_EXITS		(2 * FZ_BATCH)

struct fz_exits {
	int nr;
	struct fz_exit list[FZ_EXITS];
};

static inline void fz_add_exit(struct fz_exits *exits, u64 kind, u64 a, u64 b, u64 c)
{
	TEST_ASSERT(exits->nr < FZ_EXITS, "More exits than steps can cause");
	exits->list[exits->nr++] = (struct fz_exit) { kind, { a, b, c } };
}

static inline u64 fz_page_gpa(int page)
{
	return FZ_GPA + page * FZ_PAGE_SIZE;
}

/* The page of the world that has this address, or -1 */
static inline int fz_page_of(u64 gpa)
{
	if (gpa < FZ_GPA || gpa >= fz_page_gpa(FZ_PAGES))
		return -1;
	return (gpa - FZ_GPA) / FZ_PAGE_SIZE;
}

/*
 * Who uses a page of RAM: there are two pairs for inputs and outputs, then each
 * VP has two pages for messages and two for event flags.
 */
static inline int fz_owner(int page)
{
	return page < 4 ? page / 2 : (page - 4) / 4;
}

static inline bool fz_is_host_step(const struct fz_step *step)
{
	return step->op >= FZ_HOST_MSR;
}

#endif /* SELFTEST_HV_FUZZ_H */
