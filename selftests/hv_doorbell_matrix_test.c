// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which writes ring a doorbell, and which user space sees: every size of write,
 * every size of doorbell, values and places in the page, one doorbell or
 * several.
 *
 * What is expected comes from oracle_write(), which knows the guest ABI and
 * nothing else.
 */
#include "hv_doorbell_util.h"

/* machine: ports timeout=400 */

#define SINT		2
#define MAX_BELLS	16
#define PAGES		4
#define MIN_CASES	1000
#define MAX_FAILURES	10

/* The page that most doorbells are in; there is one before it, and one after. */
#define PAGE		(HV_BELL_GPA + 4096)

#define PORT(i)		(0x10 + 0x801 * (i))
#define FLAG(i)		(PORT(i) % 2048)

static const u32 lens[] = { 1, 2, 4, 8 };
static const u64 written[] = { 0x1122334455667788, 0x1122334455667799, 0, ~0ULL };
static const s32 near[] = { -8, -7, -4, -2, -1, 1, 2, 4, 7, 8 };

/* Host and guest: results of the group of cases that just ended */
static u64 nr_cases;
static u64 nr_rung;
static u64 nr_failures;

/* The doorbells that are armed; guest */
static struct hv_bell bells[MAX_BELLS];
static u32 nr_bells;

/* What a write did, or is to do */
struct outcome {
	u32 rung;	/* bells */
	u32 nr_exits;
	struct hv_mmio_access exits[HV_MMIO_ACCESSES];
};

static u64 low_bytes(u64 value, u32 len)
{
	return len < 8 ? value & (BIT_ULL(8 * len) - 1) : value;
}

static bool oracle_matches(const struct hv_bell *bell, u64 gpa, u32 len, u64 value)
{
	if (gpa != bell->gpa)
		return false;
	if (hv_bell_bytes(bell) && hv_bell_bytes(bell) != len)
		return false;
	return (bell->flags & HV_BELL_ANY_VALUE) || bell->value == value;
}

/* An access within a page */
static void oracle_access(struct outcome *o, u64 gpa, u32 len, u64 value)
{
	u32 rung = 0, i;

	value = low_bytes(value, len);
	for (i = 0; i < nr_bells; i++)
		if (oracle_matches(&bells[i], gpa, len, value))
			rung |= BIT(i);
	/* Two that match the same write would not both have been accepted. */
	GUEST_ASSERT(!(rung & (rung - 1)));
	o->rung |= rung;
	if (!rung)
		o->exits[o->nr_exits++] = (struct hv_mmio_access) {
			.gpa = gpa, .len = len, .value = value, .is_write = true,
		};
}

/* A write that crosses a page is two. */
static void oracle_write(struct outcome *o, u64 gpa, u32 len, u64 value)
{
	u32 first = 4096 - gpa % 4096;

	if (first >= len) {
		oracle_access(o, gpa, len, value);
	} else {
		oracle_access(o, gpa, first, value);
		oracle_access(o, gpa + first, len - first, value >> (8 * first));
	}
}

/* The bells whose flags are set; they are cleared.  All others must be clear. */
static u32 take_flags(struct hv_test_vp *vp)
{
	const u64 *words = vp->sief.gva;
	u32 rung = 0, i;

	for (i = 0; i < MAX_BELLS; i++) {
		if (!hv_flag_is_set(vp, SINT, FLAG(i)))
			continue;
		hv_flag_clear(vp, SINT, FLAG(i));
		rung |= BIT(i);
	}
	barrier();
	for (i = 0; i < 512; i++)
		GUEST_ASSERT_EQ(words[i], 0);
	return rung;
}

static void observe_exits(struct hv_test_vp *vp, struct outcome *o, u64 before)
{
	u64 i;

	o->nr_exits = hv_mmio_count(vp) - before;
	GUEST_ASSERT(o->nr_exits <= HV_MMIO_ACCESSES);
	for (i = 0; i < o->nr_exits; i++)
		o->exits[i] = hv_mmio_access(vp, before + i);
}

static bool outcomes_equal(const struct outcome *a, const struct outcome *b)
{
	u32 i;

	if (a->rung != b->rung || a->nr_exits != b->nr_exits)
		return false;
	for (i = 0; i < a->nr_exits; i++)
		if (a->exits[i].gpa != b->exits[i].gpa ||
		    a->exits[i].value != b->exits[i].value ||
		    a->exits[i].len != b->exits[i].len ||
		    a->exits[i].is_write != b->exits[i].is_write)
			return false;
	return true;
}

static void print_outcome(const char *what, const struct outcome *o)
{
	u32 i;

	GUEST_PRINTF("#   %s: bells 0x%x, %u exits\n", what, o->rung, o->nr_exits);
	for (i = 0; i < o->nr_exits; i++)
		GUEST_PRINTF("#     %s of %u at 0x%lx: 0x%lx\n",
			     o->exits[i].is_write ? "write" : "read", o->exits[i].len,
			     o->exits[i].gpa, o->exits[i].value);
}

static void print_bells(void)
{
	u32 i;

	for (i = 0; i < nr_bells; i++)
		GUEST_PRINTF("#   bell %u: gpa 0x%lx value 0x%lx flags 0x%lx\n", i,
			     bells[i].gpa, bells[i].value, bells[i].flags);
}

static void judge(const char *what, const struct outcome *wanted, const struct outcome *got,
		  u32 interrupts)
{
	/* Two at once may be announced once. */
	bool announced = wanted->rung ? interrupts >= 1 && interrupts <= 2 : !interrupts;

	nr_cases++;
	nr_rung += !!wanted->rung;
	if (announced && outcomes_equal(wanted, got))
		return;

	GUEST_PRINTF("# %s, %u interrupts:\n", what, interrupts);
	print_bells();
	print_outcome("wanted", wanted);
	print_outcome("got", got);
	GUEST_ASSERT(++nr_failures < MAX_FAILURES);
}

static void try_write(struct hv_test_vp *vp, u64 gpa, u32 len, u64 value)
{
	struct outcome wanted = {}, got = {};
	u32 interrupts = vp->interrupts[SINT];
	u64 exits = hv_mmio_count(vp);
	u64 failures = nr_failures;

	oracle_write(&wanted, gpa, len, value);

	hv_bell_write(gpa, len, value);

	observe_exits(vp, &got, exits);
	got.rung = take_flags(vp);
	judge("write", &wanted, &got, vp->interrupts[SINT] - interrupts);
	if (nr_failures != failures)
		GUEST_PRINTF("#   write of %u at 0x%lx: 0x%lx\n", len, gpa, value);
}

static void arm(struct hv_test_vp *vp, struct hv_bell bell)
{
	HV_ASSERT_OK(hv_connect_port(vp, hv_doorbell_to(nr_bells, PORT(nr_bells), bell)));
	bells[nr_bells++] = bell;
}

static void disarm_all(void)
{
	while (nr_bells)
		HV_ASSERT_OK(hv_disconnect_doorbell(--nr_bells));
}

/* End of a group of cases; the host takes the results. */
static void end_group(u64 stage)
{
	GUEST_SYNC(stage);
	nr_cases = 0;
	nr_rung = 0;
	nr_failures = 0;
}

/* One doorbell: its size, its value and its place in the page */

static void try_writes_at(struct hv_test_vp *vp, u64 gpa, u32 len)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(written); i++)
		try_write(vp, gpa, len, written[i]);
	for (i = 0; i < ARRAY_SIZE(near); i++)
		try_write(vp, gpa + near[i], len, written[0]);
}

static void try_bell(struct hv_test_vp *vp, struct hv_bell bell)
{
	u32 i;

	if (bell.gpa % 4096 + hv_bell_bytes(&bell) > 4096)
		return;

	arm(vp, bell);
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		try_writes_at(vp, bell.gpa, lens[i]);
	disarm_all();
	try_write(vp, bell.gpa, hv_bell_bytes(&bell) ?: 1, bell.value);
}

static void try_size_at(struct hv_test_vp *vp, u64 gpa, u64 size)
{
	static const u64 triggers[] = {
		0x88, 0x7788, 0x55667788, 0x1122334455667788, 0x1188,
		0, 0xff, 0xffff, 0xffffffff, ~0ULL,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(triggers); i++)
		try_bell(vp, (struct hv_bell) { gpa, triggers[i], size });
	try_bell(vp, (struct hv_bell) { gpa, 0, size | HV_BELL_ANY_VALUE });
	try_bell(vp, (struct hv_bell) { gpa, 0x99, size | HV_BELL_ANY_VALUE });
}

static void try_size(struct hv_test_vp *vp, u64 size)
{
	static const u32 offsets[] = { 0, 1, 4, 8, 100, 101, 4088, 4092, 4095 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++)
		try_size_at(vp, PAGE + offsets[i], size);
}

/* Several doorbells at one address, which no write matches both */

#define B	HV_DOORBELL_FLAG_TRIGGER_SIZE_BYTE
#define W	HV_DOORBELL_FLAG_TRIGGER_SIZE_WORD
#define D	HV_DOORBELL_FLAG_TRIGGER_SIZE_DWORD
#define Q	HV_DOORBELL_FLAG_TRIGGER_SIZE_QWORD
#define ANY	HV_BELL_ANY_VALUE

#define MAX_SET	8

struct set {
	u32 nr;
	struct hv_bell bells[MAX_SET];
};

static const struct set sets[] = {
	{ 4, { { 0, 0, B | ANY }, { 0, 0, W | ANY }, { 0, 0, D | ANY }, { 0, 0, Q | ANY } } },
	{ 4, { { 0, 0x88, B }, { 0, 0x88, W }, { 0, 0x88, D }, { 0, 0x88, Q } } },
	{ 4, { { 0, 0x88, B }, { 0, 0x7788, W }, { 0, 0x55667788, D },
	       { 0, 0x1122334455667788, Q } } },
	{ 6, { { 0, 0x88, 0 }, { 0, 0x7788, 0 }, { 0, 0x55667788, 0 },
	       { 0, 0x1122334455667788, 0 }, { 0, 0, 0 }, { 0, ~0ULL, 0 } } },
	{ 7, { { 0, 0, B | ANY }, { 0, 0x7788, W }, { 0, 0, W }, { 0, 0xffff, W },
	       { 0, 0, D | ANY }, { 0, 0x1122334455667788, Q }, { 0, ~0ULL, Q } } },
	{ 4, { { 0, 0, 0 }, { 0, 0xff, B }, { 0, 0x7788, W }, { 0, 0xffffffff, D } } },
	{ 8, { { 0, 0, D }, { 0, 1, D }, { 0, 0x55667788, D }, { 0, 0x55667799, D },
	       { 0, 0xffffffff, D }, { 0, 0x1122334455667788, D }, { 0, 2, D },
	       { 0, 0x80000000, D } } },
};

static void try_set(struct hv_test_vp *vp, const struct set *set, u64 gpa)
{
	struct hv_bell bell;
	u32 i, j;

	for (i = 0; i < set->nr; i++) {
		bell = set->bells[i];
		bell.gpa = gpa;
		arm(vp, bell);
	}
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		try_writes_at(vp, gpa, lens[i]);
		for (j = 0; j < set->nr; j++)
			try_write(vp, gpa, lens[i], set->bells[j].value);
	}
	disarm_all();
}

static void try_sets(struct hv_test_vp *vp)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		try_set(vp, &sets[i], PAGE + 0x40);
		try_set(vp, &sets[i], PAGE + 4088);
	}
}

/* Doorbells side by side, and writes that start at every byte around them */

static void try_around(struct hv_test_vp *vp, u64 gpa)
{
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(lens); i++)
		for (j = 0; j < 24; j++)
			try_write(vp, gpa - 12 + j, lens[i], written[0]);
}

static void try_neighbours(struct hv_test_vp *vp, u64 gpa, u64 flags)
{
	struct hv_bell bell = { .flags = flags };
	u32 i;

	for (i = 0; i < 8; i++) {
		bell.gpa = gpa - 4 + i;
		if (bell.gpa % 4096 + hv_bell_bytes(&bell) <= 4096)
			arm(vp, bell);
	}
	try_around(vp, gpa);
	disarm_all();
}

static void try_all_neighbours(struct hv_test_vp *vp)
{
	u64 size;

	for (size = 0; size < HV_DOORBELL_SIZES; size++) {
		try_neighbours(vp, PAGE + 0x80, size | ANY);
		/* Between two pages */
		try_neighbours(vp, PAGE, size | ANY);
	}
}

/* A string instruction is as many writes as it has elements. */

static void try_string_at(struct hv_test_vp *vp, u64 gpa, u64 value)
{
	struct outcome wanted = {}, got = {};
	u32 interrupts = vp->interrupts[SINT];
	u64 exits = hv_mmio_count(vp);
	void *gva = hv_bell_gva(gpa);
	u64 count = 4;
	u32 i;

	for (i = 0; i < count; i++)
		oracle_write(&wanted, gpa + i, 1, value);

	asm volatile("rep stosb" : "+D"(gva), "+c"(count) : "a"(value) : "memory");

	observe_exits(vp, &got, exits);
	got.rung = take_flags(vp);
	interrupts = vp->interrupts[SINT] - interrupts;
	/* There may be one after each. */
	judge("string of four", &wanted, &got, min(interrupts, 2u));
}

static void try_strings(struct hv_test_vp *vp)
{
	u32 i;

	arm(vp, (struct hv_bell) { PAGE + 0x101, 0x88, B });
	arm(vp, (struct hv_bell) { PAGE + 0x102, 0, ANY });
	arm(vp, (struct hv_bell) { PAGE + 0x103, 0, W | ANY });
	for (i = 0; i < 16; i++) {
		try_string_at(vp, PAGE + 0xf8 + i, 0x88);
		try_string_at(vp, PAGE + 0xf8 + i, 0x89);
	}
	disarm_all();
}

/* A page of memory next to one of doorbells, both ways */

#define MEMORY_FIRST	(HV_BELL_GVA + 0x100000)
#define BELLS_FIRST	(HV_BELL_GVA + 0x200000)

static void check_memory(const u8 *memory, u32 len, u64 value)
{
	u64 got = 0;

	memcpy(&got, memory, len);
	GUEST_ASSERT_EQ(got, low_bytes(value, len));
}

static void try_beside_memory(struct hv_test_vp *vp, u8 *gva, u32 in_memory, bool memory_first)
{
	const u32 trapped = 8 - in_memory;
	struct outcome wanted = {}, got = {};
	u32 interrupts = vp->interrupts[SINT];
	u64 exits = hv_mmio_count(vp);

	if (memory_first)
		oracle_access(&wanted, PAGE, trapped, written[0] >> (8 * in_memory));
	else
		oracle_access(&wanted, PAGE + 4096 - trapped, trapped, written[0]);

	hv_write(gva, 8, written[0]);

	if (memory_first)
		check_memory(gva, in_memory, written[0]);
	else
		check_memory(gva + trapped, in_memory, written[0] >> (8 * trapped));
	observe_exits(vp, &got, exits);
	got.rung = take_flags(vp);
	judge("write of 8 beside memory", &wanted, &got, vp->interrupts[SINT] - interrupts);
}

static void try_memory(struct hv_test_vp *vp)
{
	u32 i;

	arm(vp, (struct hv_bell) { PAGE, 0, ANY });
	arm(vp, (struct hv_bell) { PAGE + 4095, 0, ANY });
	arm(vp, (struct hv_bell) { PAGE + 4094, 0x7788, W });
	arm(vp, (struct hv_bell) { PAGE + 4092, 0x55667789, D });
	arm(vp, (struct hv_bell) { PAGE + 4091, 0x4455667788, 0 });
	for (i = 1; i < 8; i++) {
		try_beside_memory(vp, (u8 *)MEMORY_FIRST + 4096 - i, i, true);
		try_beside_memory(vp, (u8 *)BELLS_FIRST + 4096 - 8 + i, i, false);
	}
	disarm_all();
}

static const struct {
	const char *name;
	void (*try)(struct hv_test_vp *vp);
} groups[] = {
	{ "several doorbells at one address", try_sets },
	{ "doorbells side by side", try_all_neighbours },
	{ "string instructions", try_strings },
	{ "accesses half in memory", try_memory },
};

static void guest_code(struct hv_test_vp *vp)
{
	u64 size;
	u32 i;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	for (i = 0; i < MAX_BELLS; i++)
		HV_ASSERT_OK(hv_create_port(vp, hv_doorbell_port(PORT(i), SINT, 0)));

	for (size = 0; size < HV_DOORBELL_SIZES; size++) {
		try_size(vp, size);
		end_group(size);
	}
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		groups[i].try(vp);
		end_group(HV_DOORBELL_SIZES + i);
	}

	for (i = 0; i < MAX_BELLS; i++)
		HV_ASSERT_OK(hv_delete_port(PORT(i)));
	GUEST_DONE();
}

static void report_group(struct kvm_vm *vm, const char *name, u64 *all)
{
	sync_global_from_guest(vm, nr_cases);
	sync_global_from_guest(vm, nr_rung);
	sync_global_from_guest(vm, nr_failures);
	*all += nr_cases;
	ksft_test_result(!nr_failures && nr_rung && nr_rung < nr_cases,
			 "%s: %lu writes, of which %lu ring\n", name, nr_cases, nr_rung);
}

static void map_beside_memory(struct kvm_vm *vm)
{
	gpa_t memory = addr_gva2gpa(vm, vm_alloc_page(vm));

	virt_map(vm, MEMORY_FIRST, memory, 1);
	virt_map(vm, MEMORY_FIRST + 4096, PAGE, 1);
	virt_map(vm, BELLS_FIRST, PAGE, 1);
	virt_map(vm, BELLS_FIRST + 4096, memory, 1);
}

static void run(struct kvm_vm *vm, struct kvm_vcpu *vcpu)
{
	u64 all = 0;
	char name[64];
	int i;

	for (i = 0; i < HV_DOORBELL_SIZES; i++) {
		hv_test_step(vcpu, i);
		snprintf(name, sizeof(name), "one doorbell of size code %d", i);
		report_group(vm, name, &all);
	}
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		hv_test_step(vcpu, HV_DOORBELL_SIZES + i);
		report_group(vm, groups[i].name, &all);
	}
	hv_test_finish(vcpu);
	ksft_test_result(all >= MIN_CASES, "%lu writes\n", all);
}

int main(void)
{
	void *code[] = { guest_code };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	ksft_print_header();
	ksft_set_plan(HV_DOORBELL_SIZES + ARRAY_SIZE(groups) + 1);

	hv_test_exit = hv_mmio_exit;
	vm = hv_test_create(1, code, &vcpu);
	hv_bell_map(vm, PAGES);
	map_beside_memory(vm);
	run(vm, vcpu);
	kvm_vm_free(vm);

	ksft_finished();
}
