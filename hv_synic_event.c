// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event flags: bits on their way to a VP's SIEF page
 *
 * Setting a flag cannot fail and needs no memory.  Whoever signals sets the
 * flag, then the bit that says which word, then the one that says which SINT;
 * the vCPU takes them in the opposite order.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/jiffies.h>

#include "hv_ports.h"
#include "hv_ports_trace.h"

/*
 * Deliveries without the vCPU entering its guest between them.  A vCPU that signals
 * itself has many, too, if one instruction writes to many doorbells.
 */
#define HV_EVENT_TRIES	64

static void hv_event_add(struct hv_vp *vp, u32 sint, u32 word)
{
	/* Pairs with the xchg() of the word in hv_event_deliver_sint(). */
	smp_mb__before_atomic();
	set_bit(word, &vp->flag_words[sint]);
	/* Pairs with the clearing of the SINT in hv_event_deliver_sint(). */
	smp_mb__before_atomic();
	set_bit(sint, &vp->flag_sints);
}

/**
 * hv_event_signal - set an event flag of a VP
 * @vp: the VP
 * @sint: 1 to 15
 * @flag: 0 to 2047
 *
 * Context: any; does not sleep.
 */
void hv_event_signal(struct hv_vp *vp, u32 sint, u32 flag)
{
	set_bit(flag, (unsigned long *)vp->flags[sint]);
	hv_event_add(vp, sint, flag / 64);
	/* Pairs with the barrier of request_deliver() in hv_vp_end_rest(). */
	smp_mb__after_atomic();
	/* Even if the flag was set: it may wait for memory that is back by now. */
	if (!READ_ONCE(vp->resting))
		hv_kvm->request_deliver(vp->vcpu);
}

/*
 * Each request keeps the vCPU from entering its guest once, so whoever signals fast
 * enough would keep it out for good.  Then requests rest for a tick.
 */
static bool hv_event_must_rest(struct hv_vp *vp)
{
	const u64 exits = vp->vcpu->stat.exits;

	if (READ_ONCE(vp->resting))
		return true;
	if (exits != vp->exits)
		vp->tries = 0;
	vp->exits = exits;
	if (vp->tries++ < HV_EVENT_TRIES)
		return false;

	vp->tries = 0;
	WRITE_ONCE(vp->resting, true);
	mod_timer(&vp->rest, jiffies + 1);
	return true;
}

/* True if the guest has a flag that it had not before. */
static bool hv_event_deliver_word(struct hv_vp *vp, u32 sint, u32 word)
{
	u64 mask = xchg(&vp->flags[sint][word], 0);
	u64 old;
	int r;

	if (!mask)
		return false;

	r = hv_kvm->set_event_flags(vp->vcpu, sint, word, mask, &old);
	if (r) {
		/* The page is off: keep them until it is on. */
		atomic64_or(mask, (atomic64_t *)&vp->flags[sint][word]);
		hv_event_add(vp, sint, word);
		/* Or it is contended for: the vCPU may have other things to do. */
		if (r == -EAGAIN)
			hv_kvm->request_deliver(vp->vcpu);
		return false;
	}

	trace_hv_ports_event(vp->vcpu->vcpu_id, sint, word, mask, old);
	return mask & ~old;
}

/* True if the page may have changed. */
static bool hv_event_deliver_sint(struct hv_vp *vp, u32 sint)
{
	const u32 on = KVM_HV_PORT_VP_SYNIC | KVM_HV_PORT_VP_SIEFP;
	struct kvm_hv_port_vp state;
	unsigned long words;
	bool raise = false;
	u32 word;

	if (!hv_kvm->get_vp(vp->vcpu, sint, &state) || (state.state & on) != on ||
	    !test_and_clear_bit(sint, &vp->flag_sints))
		return false;

	words = xchg(&vp->flag_words[sint], 0);
	for_each_set_bit(word, &words, HV_EVENT_FLAG_WORDS)
		raise |= hv_event_deliver_word(vp, sint, word);

	if (raise && !(state.sint & (HV_SYNIC_SINT_MASKED | HV_SYNIC_SINT_POLLING)))
		hv_kvm->raise_sint(vp->vcpu, sint);
	return true;
}

/**
 * hv_event_deliver - put waiting flags into the SIEF page
 * @vp: the VP
 *
 * Context: the vCPU's task, under kvm->srcu; sleeps.
 */
void hv_event_deliver(struct hv_vp *vp)
{
	unsigned long sints = READ_ONCE(vp->flag_sints);
	bool changed = false;
	u32 sint;

	if (!sints || hv_event_must_rest(vp))
		return;

	for_each_set_bit(sint, &sints, HV_SYNIC_SINT_COUNT)
		changed |= hv_event_deliver_sint(vp, sint);

	/* Once: each time takes an entry of a dirty ring, which may be full. */
	if (changed)
		hv_kvm->mark_event_page(vp->vcpu);
}
