/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Steps as they are made by a guest and its host, and compared with what the
 * oracle says.
 */
#ifndef SELFTEST_HV_FUZZ_RUN_H
#define SELFTEST_HV_FUZZ_RUN_H

#include <sys/eventfd.h>

#include "hv_call32_util.h"
#include "hv_fuzz_gen.h"
#include "hv_fuzz_print.h"

#define FZ_SLOT_RAM		20
#define FZ_SLOT_RO		21
#define FZ_SLOT_MOVING		22

/* What a VM is like; follows from the seed */
struct fz_config {
	u32 max_ports;
	u32 max_connections;
	u32 privileges;
	bool enforce;
	bool zeroes_pages;
};

struct fz_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[FZ_VPS];
	struct fz_batch *batches[FZ_VPS];
	struct fz_exits exits[FZ_VPS];
	u8 *memory[FZ_PAGES];
	int eventfd;
	u64 signalled;
	u64 partition;
};

/* Guest */

static struct fz_batch *fz_batches[FZ_VPS];
static u64 fz_interrupts[FZ_VPS];

static inline void *fz_gva(u64 gpa)
{
	return (void *)(FZ_GVA + (gpa - FZ_GPA));
}

static inline void fz_interrupt(struct ex_regs *regs)
{
	u64 *sum = &fz_interrupts[rdmsr(HV_X64_MSR_VP_INDEX)];

	*sum = fz_count_interrupt(*sum, regs->vector);
	x2apic_write_reg(APIC_EOI, 0);
}

static inline void fz_make_call(struct fz_step *s, struct fz_outcome *o)
{
	if (s->size)
		memcpy(fz_gva(s->gpa), s->input, s->size);
	if (s->control & HV_HYPERCALL_FAST_BIT)
		hyperv_write_xmm_input(s->input, FZ_XMM_SIZE / sizeof(sse128_t));
	if (s->code32)
		o->result = hv_call32(s->control, s->in, s->out);
	else
		o->vector = __hyperv_hypercall(s->control, s->in, s->out, &o->result);
}

static inline u64 fz_make_free(u64 gpa)
{
	u32 *type = fz_gva(gpa + offsetof(struct hv_port_message, message_type));
	u8 *flags = fz_gva(gpa + offsetof(struct hv_port_message, message_flags));

	__atomic_store_n(type, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(hv_load(flags) & HV_PORT_MESSAGE_PENDING))
		return false;
	wrmsr(HV_X64_MSR_EOM, 0);
	return true;
}

static inline void fz_exit(void)
{
	u32 ignored;

	cpuid(0, &ignored, &ignored, &ignored, &ignored);
}

static inline void fz_open_window(void)
{
	asm volatile("sti; nop; nop; cli" : : : "memory");
}

/*
 * Until there are no more: an EOI may bring the next.  An emulated CPU may lose the
 * request to exit for one that waits; it has it again after the next exit.
 */
static inline u64 fz_make_window(u64 *sum)
{
	u64 before;

	hv_store(sum, 0);
	do {
		before = hv_load(sum);
		fz_open_window();
		fz_exit();
		fz_open_window();
	} while (hv_load(sum) != before);
	return before;
}

/*
 * An MSR that refuses makes KVM inject an exception.  An emulated CPU does not take the
 * exception's type out of the VMCB before the next exit, and 7.x, which looks at the
 * type only, would take that exit for one during the delivery of an event: an access
 * to a hole, next, would not be emulated.  CPUID exits, too, and is none.
 */
static inline u8 fz_make_wrmsr(u32 msr, u64 value)
{
	const u8 vector = wrmsr_safe(msr, value);

	if (vector)
		fz_exit();
	return vector;
}

static inline void fz_make(u64 vp, struct fz_step *s, struct fz_outcome *o)
{
	o->result = 0;
	o->vector = 0;
	switch (s->op) {
	case FZ_CALL:
		fz_make_call(s, o);
		break;
	case FZ_WRMSR:
		o->vector = fz_make_wrmsr(s->control, s->in);
		break;
	case FZ_STORE:
		hv_write(fz_gva(s->gpa), s->len, s->in);
		break;
	case FZ_FREE:
		o->result = fz_make_free(s->gpa);
		break;
	case FZ_WINDOW:
		o->result = fz_make_window(&fz_interrupts[vp]);
		break;
	}
}

static void fz_guest(u64 vp)
{
	struct fz_batch *batch = fz_batches[vp];
	u64 i;

	asm volatile("cli");
	x2apic_enable();
	wrmsr(HV_X64_MSR_GUEST_OS_ID, HYPERV_LINUX_OS_ID);
	for (;;) {
		hv_store(&batch->done, 1);
		GUEST_SYNC(0);
		for (i = 0; i < hv_load(&batch->nr); i++)
			fz_make(vp, &batch->steps[i], &batch->outcomes[i]);
	}
}

/* Host: a VM */

/* True if the vCPU goes on */
static inline bool fz_handle_exit(struct fz_vm *v, struct kvm_vcpu *vcpu)
{
	struct fz_exits *exits = &v->exits[vcpu->id];
	struct kvm_run *run = vcpu->run;
	u64 value = 0;
	struct ucall uc;

	switch (run->exit_reason) {
	case KVM_EXIT_HYPERV:
		if (run->hyperv.type != KVM_EXIT_HYPERV_HCALL)
			return true;
		fz_add_exit(exits, FZ_EXIT_CALL, run->hyperv.u.hcall.input,
			    run->hyperv.u.hcall.params[0], run->hyperv.u.hcall.params[1]);
		run->hyperv.u.hcall.result = FZ_USER_STATUS;
		return true;
	case KVM_EXIT_MMIO:
		if (run->mmio.is_write)
			memcpy(&value, run->mmio.data, run->mmio.len);
		else
			memset(run->mmio.data, 0, run->mmio.len);
		fz_add_exit(exits, run->mmio.is_write ? FZ_EXIT_WRITE : FZ_EXIT_READ,
			    run->mmio.phys_addr, run->mmio.len, value);
		return true;
	case KVM_EXIT_INTERNAL_ERROR:
		TEST_FAIL("internal error %u: %llx %llx %llx %llx", run->internal.suberror,
			  run->internal.data[0], run->internal.data[1],
			  run->internal.data[2], run->internal.data[3]);
	}

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
	/* Another thread may be changing what get_ucall() looks at. */
	if (hv_load(&v->batches[vcpu->id]->done))
		return false;
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT(uc);
	TEST_FAIL("ucall %lu", uc.cmd);
	return false;
}

static inline void fz_run_vcpu(struct fz_vm *v, int vp)
{
	v->exits[vp].nr = 0;
	hv_store(&v->batches[vp]->done, 0);
	do {
		vcpu_run(v->vcpus[vp]);
	} while (fz_handle_exit(v, v->vcpus[vp]));
}

static inline void fz_create_world(struct fz_vm *v)
{
	int i;

	vm_userspace_mem_region_add(v->vm, VM_MEM_SRC_ANONYMOUS, FZ_GPA, FZ_SLOT_RAM,
				    FZ_RAM_PAGES, 0);
	vm_userspace_mem_region_add(v->vm, VM_MEM_SRC_ANONYMOUS, fz_page_gpa(FZ_RO_PAGE),
				    FZ_SLOT_RO, FZ_RO_PAGES, KVM_MEM_READONLY);
	virt_map(v->vm, FZ_GVA, FZ_GPA, FZ_PAGES);
	for (i = 0; i < FZ_PAGES; i++)
		v->memory[i] = i < FZ_HOLE_PAGE ? addr_gpa2hva(v->vm, fz_page_gpa(i)) : NULL;
}

static inline void fz_create_vcpu(struct fz_vm *v, const struct fz_config *config, int i)
{
	struct kvm_cpuid_entry2 *entry;
	struct kvm_vcpu *vcpu;
	gva_t gva;

	vcpu = vm_vcpu_add(v->vm, i, fz_guest);
	vcpu_args_set(vcpu, 1, (u64)i);
	vcpu_set_hv_cpuid(vcpu);
	entry = vcpu_get_cpuid_entry(vcpu, HYPERV_CPUID_FEATURES);
	entry->ebx = (entry->ebx & ~FZ_MAY_ALL) | config->privileges;
	vcpu_set_cpuid(vcpu);
	vcpu_enable_cap(vcpu, config->zeroes_pages ? KVM_CAP_HYPERV_SYNIC :
						     KVM_CAP_HYPERV_SYNIC2, 0);
	if (config->enforce)
		vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_ENFORCE_CPUID, 1);

	gva = vm_alloc(v->vm, sizeof(struct fz_batch), KVM_UTIL_MIN_VADDR);
	v->vcpus[i] = vcpu;
	v->batches[i] = addr_gva2hva(v->vm, gva);
	fz_batches[i] = (struct fz_batch *)gva;
}

/* The id of the partition, which the model cannot know */
static inline u64 fz_ask_partition_id(struct fz_vm *v)
{
	struct fz_batch *batch = v->batches[0];

	batch->nr = 1;
	batch->steps[0] = (struct fz_step) {
		.op = FZ_CALL,
		.control = HVCALL_GET_PARTITION_ID,
		.out = FZ_GPA,
	};
	fz_run_vcpu(v, 0);
	return *(u64 *)v->memory[0];
}

static inline void fz_vm_create(struct fz_vm *v, const struct fz_config *config)
{
	int i;

	hv_module_set("max_ports", config->max_ports);
	hv_module_set("max_connections", config->max_connections);
	memset(v, 0, sizeof(*v));
	v->eventfd = eventfd(0, EFD_NONBLOCK);
	v->vm = vm_create(FZ_VPS);
	for (i = 0; i < FZ_VPS; i++)
		fz_create_vcpu(v, config, i);
	for (i = 0; i < FZ_SINTS; i++)
		vm_install_exception_handler(v->vm, FZ_VECTOR + i, fz_interrupt);
	fz_create_world(v);
	hv_setup_call32(v->vm, v->vcpus[0]);
	sync_global_to_guest(v->vm, fz_batches);
	for (i = 0; i < FZ_VPS; i++)
		fz_run_vcpu(v, i);
	v->partition = fz_ask_partition_id(v);
}

static inline void fz_vm_free(struct fz_vm *v)
{
	kvm_vm_free(v->vm);
	close(v->eventfd);
}

/* Host: its own steps */

static inline void fz_host_eventfd(struct fz_vm *v, const struct fz_step *s)
{
	struct kvm_hyperv_eventfd args = {
		.conn_id = s->in,
		.fd = v->eventfd,
		.flags = s->len ? 0 : KVM_HYPERV_EVENTFD_DEASSIGN,
	};

	/* In chaos the other VP's host may have done so already. */
	__vm_ioctl(v->vm, KVM_HYPERV_EVENTFD, &args);
}

/* Not vcpu_set_msr(), which looks for the value: the guest may change it. */
static inline void fz_host_msr(struct kvm_vcpu *vcpu, u32 msr, u64 value)
{
	TEST_ASSERT(_vcpu_set_msr(vcpu, msr, value) == 1, "MSR %#x to %#lx", msr, value);
}

static inline void fz_move_memory(struct fz_vm *v, u8 kind)
{
	const u64 gpa = fz_page_gpa(FZ_MOVING_PAGE);

	if (v->memory[FZ_MOVING_PAGE])
		vm_mem_region_delete(v->vm, FZ_SLOT_MOVING);
	v->memory[FZ_MOVING_PAGE] = NULL;
	if (kind == FZ_HOLE)
		return;
	vm_userspace_mem_region_add(v->vm, VM_MEM_SRC_ANONYMOUS, gpa, FZ_SLOT_MOVING, 1,
				    kind == FZ_RO ? KVM_MEM_READONLY : 0);
	v->memory[FZ_MOVING_PAGE] = addr_gpa2hva(v->vm, gpa);
}

static inline void fz_host_memory(struct fz_vm *v, u8 kind)
{
	/* The library has no locks. */
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	fz_move_memory(v, kind);
	pthread_mutex_unlock(&lock);
}

static inline void fz_host_make(struct fz_vm *v, const struct fz_step *s)
{
	switch (s->op) {
	case FZ_HOST_MSR:
		fz_host_msr(v->vcpus[s->vp], s->control, s->in);
		break;
	case FZ_EVENTFD:
		fz_host_eventfd(v, s);
		break;
	case FZ_MEMORY:
		fz_host_memory(v, s->len);
		break;
	}
}

/* Host: where what happened is not what was said */

struct fz_mismatch {
	/* Step, or -1 */
	int at;
	char what[200];
};

/* What was expected of the steps in a batch */
struct fz_expected {
	int vp;
	int nr;
	int number[FZ_BATCH];
	struct fz_outcome outcomes[FZ_BATCH];
};

static inline __printf(3, 4) void fz_differ(struct fz_mismatch *mismatch, int step,
					    const char *format, ...)
{
	va_list args;

	mismatch->at = step;
	va_start(args, format);
	vsnprintf(mismatch->what, sizeof(mismatch->what), format, args);
	va_end(args);
}

static inline bool fz_outcomes_agree(const struct fz_batch *batch,
				     const struct fz_expected *e, struct fz_mismatch *mismatch)
{
	const struct fz_outcome *want, *got;
	int i;

	for (i = 0; i < e->nr; i++) {
		want = &e->outcomes[i];
		got = &batch->outcomes[i];
		if (want->result == got->result && want->vector == got->vector)
			continue;
		fz_differ(mismatch, e->number[i],
			  "result %#lx vector %lu, expected %#lx vector %lu",
			  got->result, got->vector, want->result, want->vector);
		return false;
	}
	return true;
}

static inline bool fz_exits_agree(const struct fz_exits *got, const struct fz_exits *want,
				  struct fz_mismatch *mismatch, int number)
{
	static const struct fz_exit none;
	const struct fz_exit *a, *b;
	int i;

	for (i = 0; i < got->nr || i < want->nr; i++) {
		a = i < got->nr ? &got->list[i] : &none;
		b = i < want->nr ? &want->list[i] : &none;
		if (!memcmp(a, b, sizeof(*a)))
			continue;
		fz_differ(mismatch, number,
			  "exit %lu %lx %lx %lx, expected %lu %lx %lx %lx",
			  a->kind, a->args[0], a->args[1], a->args[2],
			  b->kind, b->args[0], b->args[1], b->args[2]);
		return false;
	}
	return true;
}

static inline bool fz_page_agrees(const u8 *got, const u8 *want, int page,
				  struct fz_mismatch *mismatch, int number)
{
	int i = 0;

	if (!memcmp(got, want, FZ_PAGE_SIZE))
		return true;
	while (got[i] == want[i])
		i++;
	i &= ~7;
	fz_differ(mismatch, number, "memory at %#lx: %016lx, expected %016lx",
		  fz_page_gpa(page) + i, *(u64 *)(got + i), *(u64 *)(want + i));
	return false;
}

static inline bool fz_memory_agrees(const struct fz_vm *v, const struct fz_model *m,
				    u32 pages, struct fz_mismatch *mismatch, int number)
{
	int i;

	for (i = 0; i < FZ_PAGES; i++)
		if (pages & BIT(i) && v->memory[i] &&
		    !fz_page_agrees(v->memory[i], m->memory[i], i, mismatch, number))
			return false;
	return true;
}

static inline bool fz_eventfd_agrees(struct fz_vm *v, const struct fz_model *m,
				     struct fz_mismatch *mismatch, int number)
{
	u64 count;

	if (read(v->eventfd, &count, sizeof(count)) == sizeof(count))
		v->signalled += count;
	if (v->signalled == m->signalled)
		return true;
	fz_differ(mismatch, number, "%lu events, expected %lu", v->signalled, m->signalled);
	return false;
}

/* Host: a run */

/**
 * struct fz_run - steps, made and compared
 * @gen: makes steps; NULL: those that are there are made again
 * @steps: all of them
 * @failed: those that are calls that have no effect
 * @dropped: of steps that are made again, those that are not
 * @nr_steps: how many there are
 * @limit: how many there are to be
 * @next: which is next
 * @batch_size: how many are made at once
 * @print_from: say what is done from this step on
 * @chaos: others make steps too, so that little can be expected
 * @pages: of memory, what is the steps' alone
 * @calls: hypercalls so far
 * @flushes: batches so far
 */
struct fz_run {
	struct fz_vm *v;
	struct fz_model *model;
	struct fz_gen *gen;
	struct fz_step *steps;
	bool *failed;
	bool *dropped;
	int nr_steps;
	int limit;
	int next;
	int batch_size;
	int print_from;
	bool chaos;
	u32 pages;
	u64 calls;
	u32 flushes;
	struct fz_expected expected;
	struct fz_mismatch mismatch;
};

static inline void fz_model_init(struct fz_model *m, const struct fz_vm *v,
				 const struct fz_config *config)
{
	fz_model_reset(m);
	m->partition = v->partition;
	m->low_memory = memslot2region(v->vm, 0)->region.memory_size;
	m->gpa_bits = v->vm->pa_bits;
	m->privileges = config->enforce ? config->privileges : FZ_MAY_ALL;
	m->max_ports = config->max_ports;
	m->max_connections = config->max_connections;
	m->zeroes_pages = config->zeroes_pages;
	/* What asking for the partition's id has left behind */
	memcpy(m->memory[0], v->memory[0], sizeof(u64));
}

/* A step that makes sense only after another one, which may have been dropped */
static inline bool fz_is_sane(const struct fz_model *m, const struct fz_step *s)
{
	switch (s->op) {
	case FZ_CALL:
		return !s->size || fz_can_write(m, s->gpa);
	case FZ_FREE:
		return fz_can_write(m, s->gpa);
	case FZ_EVENTFD:
		return !(m->eventfds & BIT(s->in)) == !!s->len;
	default:
		return true;
	}
}

/* The next one to be made, or NULL */
static inline struct fz_step *fz_next(struct fz_run *r)
{
	struct fz_step *s;

	while (r->next < r->limit) {
		s = &r->steps[r->next];
		if (r->next == r->nr_steps) {
			if (!r->gen)
				return NULL;
			fz_generate(r->gen, s);
			r->nr_steps++;
		}
		r->next++;
		if (!(r->dropped && r->dropped[r->next - 1]) && fz_is_sane(r->model, s))
			return s;
	}
	return NULL;
}

/* The step with the partition's id in it */
static inline void fz_resolve(const struct fz_vm *v, struct fz_step *s)
{
	const bool fast = s->control & HV_HYPERCALL_FAST_BIT;
	u64 * const words[] = {
		fast ? &s->in : (u64 *)s->input,
		fast ? (u64 *)s->input : (u64 *)s->input + 2,
	};
	const u64 ids[] = { 0, v->partition, v->partition + 1, v->partition - 1 };
	int i;

	for (i = 0; s->op == FZ_CALL && i < 2; i++)
		if (s->partition[i] != FZ_AS_IS)
			*words[i] = ids[s->partition[i]];
}

static inline bool fz_outcomes_documented(const struct fz_batch *batch,
					  const struct fz_expected *e,
					  struct fz_mismatch *mismatch)
{
	const struct fz_outcome *o;
	int i;

	for (i = 0; i < e->nr; i++) {
		o = &batch->outcomes[i];
		if (fz_is_documented(&batch->steps[i], o))
			continue;
		fz_differ(mismatch, e->number[i], "result %#lx vector %lu of call %#lx",
			  o->result, o->vector, batch->steps[i].control);
		return false;
	}
	return true;
}

/* Looking at memory costs more than looking at the rest. */
#define FZ_MEMORY_EVERY		8

static inline bool fz_agrees(struct fz_run *r)
{
	const struct fz_expected *e = &r->expected;
	const struct fz_batch *batch = r->v->batches[e->vp];
	const int last = e->number[e->nr - 1];
	const bool all = r->next >= r->limit || r->flushes++ % FZ_MEMORY_EVERY == 0;

	if (r->chaos)
		return fz_outcomes_documented(batch, e, &r->mismatch);
	return fz_outcomes_agree(batch, e, &r->mismatch) &&
	       fz_exits_agree(&r->v->exits[e->vp], &r->model->exits, &r->mismatch, last) &&
	       fz_eventfd_agrees(r->v, r->model, &r->mismatch, last) &&
	       (!all || fz_memory_agrees(r->v, r->model, r->pages, &r->mismatch, last));
}

/* Make the steps of the batch; false if something is not as expected. */
static inline bool fz_flush(struct fz_run *r)
{
	struct fz_expected *e = &r->expected;
	bool agree;

	if (!e->nr)
		return true;
	r->v->batches[e->vp]->nr = e->nr;
	fz_run_vcpu(r->v, e->vp);
	agree = fz_agrees(r);
	r->model->exits.nr = 0;
	e->nr = 0;
	return agree;
}

static inline void fz_add(struct fz_run *r, const struct fz_step *step)
{
	struct fz_expected *e = &r->expected;
	struct fz_step *s = &r->v->batches[step->vp]->steps[e->nr];

	*s = *step;
	fz_resolve(r->v, s);
	e->vp = s->vp;
	e->number[e->nr] = r->next - 1;
	e->outcomes[e->nr] = fz_predict(r->model, s);
	r->calls += s->op == FZ_CALL;
	r->failed[r->next - 1] = s->op == FZ_CALL && e->outcomes[e->nr].result;
	if (r->next > r->print_from)
		fz_print_step(r->next - 1, s, &e->outcomes[e->nr]);
	e->nr++;
}

static inline bool fz_one_step(struct fz_run *r, const struct fz_step *s)
{
	const bool host = fz_is_host_step(s);
	const struct fz_expected *e = &r->expected;

	if (e->nr && (host || s->vp != e->vp || e->nr >= r->batch_size) && !fz_flush(r))
		return false;
	if (!host) {
		fz_add(r, s);
		return true;
	}
	fz_predict(r->model, s);
	fz_host_make(r->v, s);
	if (r->next > r->print_from)
		fz_print_step(r->next - 1, s, NULL);
	return true;
}

/* True if all went as expected */
static inline bool fz_play(struct fz_run *r)
{
	const struct fz_step *s;

	r->mismatch.at = -1;
	r->expected.nr = 0;
	while ((s = fz_next(r)))
		if (!fz_one_step(r, s))
			return false;
	return fz_flush(r);
}

#endif /* SELFTEST_HV_FUZZ_RUN_H */
