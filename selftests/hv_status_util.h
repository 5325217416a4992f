/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which status a hypercall answers with, when: a table for each call, in the
 * order in which the checks are made.
 *
 * Each row says what it changes in an input that is good, and the status.  All
 * rows are tried one by one; then all pairs of rows that can be had in one
 * call, where the status must be that of the row that comes first.  Everything
 * is done in each form that the call has.
 */
#ifndef SELFTEST_HV_STATUS_UTIL_H
#define SELFTEST_HV_STATUS_UTIL_H

#include "hv_call_util.h"

#define HV_ROW_FIELDS		5

/* A field of the input */
struct hv_field {
	u16 at;
	u16 size;
	u64 value;
};

#define HV_SIZEOF(type, ...)	sizeof(((type *)NULL)->__VA_ARGS__)
/* HV_FIELD(value, type, field) */
#define HV_FIELD(val, ...)	{ offsetof(__VA_ARGS__), HV_SIZEOF(__VA_ARGS__), val }

/* Rows for some calls or forms only */
#define HV_ROW_SLOW		BIT(0)
#define HV_ROW_HAS_INPUT	BIT(1)
#define HV_ROW_NO_INPUT		BIT(2)
#define HV_ROW_HAS_OUTPUT	BIT(3)
#define HV_ROW_NO_OUTPUT	BIT(4)
#define HV_ROW_NOT_FAST		BIT(5)
#define HV_ROW_CROSSES		BIT(6)

struct hv_row {
	const char *name;
	u64 status;
	struct hv_field set[HV_ROW_FIELDS];
	/* Bits of the control word */
	u64 control;
	/* Where the input is: in the caller's input pages, or elsewhere */
	u32 in_at;
	u64 in_gpa;
	u64 out_gpa;
	u32 when;
	/* User space is asked, and the status is its own. */
	bool by_user;
};

struct hv_status_test {
	const char *name;
	u16 code;
	u16 size;
	bool has_fast;
	bool has_output;
	/* A fast form goes on to KVM, whatever that makes of it. */
	bool fast_is_not_ours;
	/* An input that succeeds */
	const void *good;
	const struct hv_row *rows;
	int nr_rows;
	/* Whether the call had its effect, which is undone */
	bool (*happened)(struct hv_caller *c, const void *in);
};

#define HV_GPA_READONLY		0x120000000ULL
#define HV_SLOT_READONLY	20

#define HV_CONTROL_VARHEAD(n)	((u64)(n) << 17)
#define HV_CONTROL_REP_COUNT(n)	((u64)(n) << 32)
#define HV_CONTROL_REP_START(n)	((u64)(n) << 48)

static const struct hv_row hv_generic_rows[] = {
	/* ACCESS_DENIED: see hv_privilege_test */
	{ "control bit 27", HV_STATUS_INVALID_HYPERCALL_INPUT, .control = BIT_ULL(27) },
	{ "control bit 31", HV_STATUS_INVALID_HYPERCALL_INPUT, .control = BIT_ULL(31) },
	{ "control bit 44", HV_STATUS_INVALID_HYPERCALL_INPUT, .control = BIT_ULL(44) },
	{ "control bit 47", HV_STATUS_INVALID_HYPERCALL_INPUT, .control = BIT_ULL(47) },
	{ "control bit 60", HV_STATUS_INVALID_HYPERCALL_INPUT, .control = BIT_ULL(60) },
	{ "control bit 63", HV_STATUS_INVALID_HYPERCALL_INPUT, .control = BIT_ULL(63) },
	/* INVALID_HYPERCALL_CODE: see hv_callers_test */
	{ "rep count 1", HV_STATUS_INVALID_HYPERCALL_INPUT,
	  .control = HV_CONTROL_REP_COUNT(1) },
	{ "rep count 4095", HV_STATUS_INVALID_HYPERCALL_INPUT,
	  .control = HV_CONTROL_REP_COUNT(0xfff) },
	{ "rep start 1", HV_STATUS_INVALID_HYPERCALL_INPUT,
	  .control = HV_CONTROL_REP_START(1) },
	{ "variable header 1", HV_STATUS_INVALID_HYPERCALL_INPUT,
	  .control = HV_CONTROL_VARHEAD(1) },
	{ "variable header 512", HV_STATUS_INVALID_HYPERCALL_INPUT,
	  .control = HV_CONTROL_VARHEAD(0x200) },
	{ "fast", HV_STATUS_INVALID_HYPERCALL_INPUT, .control = HV_HYPERCALL_FAST_BIT,
	  .when = HV_ROW_NOT_FAST },
	{ "input at 1", HV_STATUS_INVALID_ALIGNMENT, .in_at = 1,
	  .when = HV_ROW_SLOW | HV_ROW_HAS_INPUT },
	{ "input at 4", HV_STATUS_INVALID_ALIGNMENT, .in_at = 4,
	  .when = HV_ROW_SLOW | HV_ROW_HAS_INPUT },
	{ "input crosses a page", HV_STATUS_INVALID_ALIGNMENT, .in_at = 4096 - 8,
	  .when = HV_ROW_SLOW | HV_ROW_HAS_INPUT | HV_ROW_CROSSES },
	{ "input not memory", HV_STATUS_INVALID_ALIGNMENT, .in_gpa = HV_GPA_UNBACKED,
	  .when = HV_ROW_SLOW | HV_ROW_HAS_INPUT },
	{ "input at the end of all", HV_STATUS_INVALID_ALIGNMENT, .in_gpa = -4096ULL,
	  .when = HV_ROW_SLOW | HV_ROW_HAS_INPUT },
	{ "output at 4", HV_STATUS_INVALID_ALIGNMENT, .out_gpa = HV_GPA_READONLY + 4,
	  .when = HV_ROW_SLOW | HV_ROW_HAS_OUTPUT },
	{ "output not memory", HV_STATUS_INVALID_ALIGNMENT, .out_gpa = HV_GPA_UNBACKED,
	  .when = HV_ROW_SLOW | HV_ROW_HAS_OUTPUT },
	{ "output read-only", HV_STATUS_INVALID_ALIGNMENT, .out_gpa = HV_GPA_READONLY,
	  .when = HV_ROW_SLOW | HV_ROW_HAS_OUTPUT },
	/* Those that make no difference come last, so that all can go first. */
	{ "input at a page's end", HV_STATUS_SUCCESS, .in_at = 4096,
	  .when = HV_ROW_SLOW | HV_ROW_HAS_INPUT },
	{ "unused input at 3", HV_STATUS_SUCCESS, .in_gpa = 3,
	  .when = HV_ROW_SLOW | HV_ROW_NO_INPUT },
	{ "unused input not memory", HV_STATUS_SUCCESS, .in_gpa = HV_GPA_UNBACKED,
	  .when = HV_ROW_SLOW | HV_ROW_NO_INPUT },
	{ "unused output at 3", HV_STATUS_SUCCESS, .out_gpa = 3,
	  .when = HV_ROW_SLOW | HV_ROW_NO_OUTPUT },
	{ "unused output not memory", HV_STATUS_SUCCESS, .out_gpa = HV_GPA_UNBACKED,
	  .when = HV_ROW_SLOW | HV_ROW_NO_OUTPUT },
};

/* Generic rows, then the call's own */
static inline int hv_status_nr_rows(const struct hv_status_test *t)
{
	return ARRAY_SIZE(hv_generic_rows) + t->nr_rows;
}

static inline const struct hv_row *hv_status_row(const struct hv_status_test *t, int i)
{
	if (i < ARRAY_SIZE(hv_generic_rows))
		return &hv_generic_rows[i];
	return &t->rows[i - ARRAY_SIZE(hv_generic_rows)];
}

static inline bool hv_row_applies(const struct hv_status_test *t, const struct hv_row *row,
				  bool fast)
{
	const u32 when = row->when;

	return !((when & HV_ROW_SLOW) && fast) &&
	       !((when & HV_ROW_HAS_INPUT) && !t->size) &&
	       !((when & HV_ROW_NO_INPUT) && t->size) &&
	       !((when & HV_ROW_HAS_OUTPUT) && !t->has_output) &&
	       !((when & HV_ROW_NO_OUTPUT) && t->has_output) &&
	       !((when & HV_ROW_NOT_FAST) && (t->has_fast || t->fast_is_not_ours)) &&
	       !((when & HV_ROW_CROSSES) && t->size <= 8);
}

static inline bool hv_fields_clash(const struct hv_field *a, const struct hv_field *b)
{
	if (!a->size || !b->size)
		return false;
	if (a->at == b->at && a->size == b->size && a->value == b->value)
		return false;
	return a->at < b->at + b->size && b->at < a->at + a->size;
}

/* Whether no call can have both */
static inline bool hv_rows_clash(const struct hv_row *a, const struct hv_row *b)
{
	int i, j;

	if (((a->in_at || a->in_gpa) && (b->in_at || b->in_gpa)) ||
	    (a->out_gpa && b->out_gpa))
		return true;

	for (i = 0; i < HV_ROW_FIELDS; i++)
		for (j = 0; j < HV_ROW_FIELDS; j++)
			if (hv_fields_clash(&a->set[i], &b->set[j]))
				return true;
	return false;
}

static inline void hv_row_apply(const struct hv_row *row, struct hv_row *call, u8 *in)
{
	int i;

	for (i = 0; i < HV_ROW_FIELDS; i++)
		memcpy(in + row->set[i].at, &row->set[i].value, row->set[i].size);
	call->control |= row->control;
	call->in_at += row->in_at;
	call->in_gpa |= row->in_gpa;
	call->out_gpa |= row->out_gpa;
}

static inline u64 hv_status_call_slow(struct hv_caller *c, const struct hv_status_test *t,
				      const struct hv_row *call, const u8 *in)
{
	u64 at = call->in_at == 4096 ? 4096 - t->size : call->in_at;

	memset(c->in, 0, HV_CALLER_INPUT_PAGES * getpagesize());
	memcpy(c->in + at, in, t->size);
	return hv_caller_call(c, t->code | call->control, call->in_gpa ?: c->in_gpa + at,
			      call->out_gpa ?: c->out_gpa);
}

/* One call that has everything that the two rows say; @b may be NULL. */
static inline bool hv_status_try(struct hv_caller *c, const struct hv_status_test *t,
				 const struct hv_row *a, const struct hv_row *b, bool fast)
{
	const struct hv_row *first = !b || a->status ? a : b;
	u32 exits = hv_test_user_hypercalls;
	struct hv_row call = {};
	u8 in[256] = {};
	bool happened;
	u64 status;

	memcpy(in, t->good, t->size);
	hv_row_apply(a, &call, in);
	if (b)
		hv_row_apply(b, &call, in);

	if (fast)
		status = hv_caller_fast(c, t->code | call.control, in, t->size);
	else
		status = hv_status_call_slow(c, t, &call, in);

	exits = hv_test_user_hypercalls - exits;
	happened = t->happened(c, in);
	if (status == first->status && exits == first->by_user && happened == !first->status)
		return true;

	ksft_print_msg("%s%s%s: status %llu, wanted %llu; %s effect; %u exits\n", a->name,
		       b ? " and " : "", b ? b->name : "", (unsigned long long)status,
		       (unsigned long long)first->status, happened ? "with" : "without",
		       exits);
	return false;
}

static inline void hv_status_test_rows(struct hv_caller *c, const struct hv_status_test *t,
				       bool fast)
{
	const struct hv_row *row;
	int i;

	for (i = 0; i < hv_status_nr_rows(t); i++) {
		row = hv_status_row(t, i);
		if (hv_row_applies(t, row, fast))
			ksft_test_result(hv_status_try(c, t, row, NULL, fast),
					 "%s, %s: %s: status %llu\n", t->name,
					 fast ? "fast" : "slow", row->name,
					 (unsigned long long)row->status);
	}
}

/* All pairs with one row; a few of them where that takes long */
static inline bool hv_status_try_row(struct hv_caller *c, const struct hv_status_test *t,
				     int first, bool fast, int *pairs)
{
	const struct hv_row *a = hv_status_row(t, first), *b;
	bool ok = true;
	int i;

	if (!hv_row_applies(t, a, fast))
		return true;

	for (i = first + 1; i < hv_status_nr_rows(t); i++) {
		b = hv_status_row(t, i);
		if (!hv_row_applies(t, b, fast) || hv_rows_clash(a, b) ||
		    (first + i) % HV_TEST_SCALE)
			continue;
		ok &= hv_status_try(c, t, a, b, fast);
		(*pairs)++;
	}
	return ok;
}

static inline void hv_status_test_order(struct hv_caller *c, const struct hv_status_test *t,
					bool fast)
{
	int pairs = 0, i;
	bool ok = true;

	for (i = 0; i < hv_status_nr_rows(t); i++)
		ok &= hv_status_try_row(c, t, i, fast, &pairs);
	ksft_test_result(ok && pairs, "%s, %s: order of checks: %d pairs\n", t->name,
			 fast ? "fast" : "slow", pairs);
}

static inline int hv_status_plan(const struct hv_status_test *t, bool fast)
{
	int plan = 1, i;

	for (i = 0; i < hv_status_nr_rows(t); i++)
		plan += hv_row_applies(t, hv_status_row(t, i), fast);
	return plan;
}

/* All results of a call */
static inline int hv_status_results(const struct hv_status_test *t)
{
	return hv_status_plan(t, false) + (t->has_fast ? hv_status_plan(t, true) : 0);
}

static inline void hv_status_run(struct hv_caller *c, const struct hv_status_test *t)
{
	int fast;

	for (fast = 0; fast <= t->has_fast; fast++) {
		hv_status_test_rows(c, t, fast);
		hv_status_test_order(c, t, fast);
	}
}

static inline void hv_status_init(struct hv_caller *c, int nr_vcpus)
{
	hv_caller_create(c, nr_vcpus);
	vm_userspace_mem_region_add(c->vm, VM_MEM_SRC_ANONYMOUS, HV_GPA_READONLY,
				    HV_SLOT_READONLY, 1, KVM_MEM_READONLY);
	hv_caller_start(c);
}

#endif /* SELFTEST_HV_STATUS_UTIL_H */
