// SPDX-License-Identifier: GPL-2.0-only
/*
 * Partitions: the VMs that have ports, and the host's own; which of them know
 * each other; their virtual processors.  Calls nobody.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "hv_ports.h"

static uint max_ports = 1024;
module_param(max_ports, uint, 0644);
MODULE_PARM_DESC(max_ports, "Ports a partition may have; read when it is made (default 1024)");

static uint max_connections = 4096;
module_param(max_connections, uint, 0644);
MODULE_PARM_DESC(max_connections, "Connections a partition may have; read when it is made (default 4096)");

/* L0 */
static DEFINE_MUTEX(hv_partitions_lock);

/* By id, until nobody refers to them any more; written with its own lock */
static DEFINE_XARRAY(hv_partitions);

/*
 * Whether VMs may attach: they stay attached, hence not before it is sure that
 * the module stays, too.
 */
static bool hv_partitions_started;

/* Hyper-V calls its root partition 1. */
static atomic64_t hv_last_partition_id = ATOMIC64_INIT(HV_PARTITION_ID_ROOT);

/* Virtual processors */

/* Flags that rested ask for delivery again. */
static void hv_vp_end_rest(struct timer_list *timer)
{
	struct hv_vp *vp = container_of(timer, struct hv_vp, rest);

	WRITE_ONCE(vp->resting, false);
	hv_kvm->request_deliver(vp->vcpu);
}

static struct hv_vp *hv_vp_alloc(struct kvm_vcpu *vcpu)
{
	struct hv_vp *vp;
	int i;

	vp = kzalloc_obj(*vp, GFP_KERNEL_ACCOUNT);
	if (!vp)
		return NULL;

	vp->vcpu = vcpu;
	spin_lock_init(&vp->lock);
	timer_setup(&vp->rest, hv_vp_end_rest, 0);
	for (i = 0; i < ARRAY_SIZE(vp->queue); i++)
		INIT_LIST_HEAD(&vp->queue[i]);
	return vp;
}

/* Its vCPU does not run any more, if it was seen at all. */
static void hv_vp_free(struct hv_vp *vp)
{
	timer_shutdown_sync(&vp->rest);
	kfree(vp);
}

/* The VP of a vCPU, which is made if need be. */
static struct hv_vp *hv_partition_get_vp(struct hv_partition *partition,
					 struct kvm_vcpu *vcpu)
{
	struct hv_vp *vp, *other;

	vp = xa_load(&partition->vps, vcpu->vcpu_idx);
	if (vp)
		return vp;

	vp = hv_vp_alloc(vcpu);
	if (!vp)
		return NULL;

	other = xa_cmpxchg(&partition->vps, vcpu->vcpu_idx, NULL, vp,
			   GFP_KERNEL_ACCOUNT);
	if (!other)
		return vp;

	hv_vp_free(vp);
	return xa_is_err(other) ? NULL : other;
}

/**
 * hv_partition_add_vp - make a vCPU a target
 * @partition: the vCPU's
 * @vcpu: a vCPU
 *
 * Context: the vCPU's task, or the attaching one, or under L1; sleeps.
 * Return: the VP, or NULL if memory ran out.
 */
struct hv_vp *hv_partition_add_vp(struct hv_partition *partition,
				  struct kvm_vcpu *vcpu)
{
	struct hv_vp *vp = hv_partition_get_vp(partition, vcpu);

	/* Fails if it was done before, or the vCPU has no Hyper-V state yet. */
	if (vp)
		hv_kvm->attach_vcpu(vcpu, vp);
	return vp;
}

/**
 * hv_partition_free_vps - free the VPs
 * @partition: its VM, if it was seen at all, has no vCPU that runs and no port
 *
 * Context: process; a grace period after the last port died.
 */
void hv_partition_free_vps(struct hv_partition *partition)
{
	struct hv_vp *vp;
	unsigned long i;

	xa_for_each(&partition->vps, i, vp)
		hv_vp_free(vp);
	xa_destroy(&partition->vps);
}

/* Lifetime */

/* An id for it, which no other partition has. */
static int hv_partition_register(struct hv_partition *partition)
{
	int r;

	do {
		partition->id = atomic64_inc_return(&hv_last_partition_id);
		r = xa_insert(&hv_partitions, partition->id, NULL, GFP_KERNEL_ACCOUNT);
	} while (r == -EBUSY);
	return r;
}

/* From here on it is found.  Its place is reserved: this needs no memory. */
static void hv_partition_publish(struct hv_partition *partition)
{
	xa_store(&hv_partitions, partition->id, partition, GFP_KERNEL_ACCOUNT);
}

static struct hv_partition *hv_partition_alloc(struct kvm *kvm)
{
	struct hv_partition *partition;

	partition = kzalloc_obj(*partition, GFP_KERNEL_ACCOUNT);
	if (!partition)
		return NULL;

	kref_init(&partition->ref);
	partition->kvm = kvm;
	partition->pid = kvm ? kvm->userspace_pid : task_tgid_nr(current);
	partition->privileges = HV_PORTS_MAY_ALL;
	mutex_init(&partition->lock);
	xa_init_flags(&partition->links, XA_FLAGS_ACCOUNT);
	xa_init_flags(&partition->ports, XA_FLAGS_ACCOUNT);
	xa_init_flags(&partition->connections, XA_FLAGS_ACCOUNT);
	xa_init_flags(&partition->doorbells, XA_FLAGS_ACCOUNT);
	xa_init_flags(&partition->doorbell_gpas, XA_FLAGS_ACCOUNT);
	xa_init_flags(&partition->vps, XA_FLAGS_ACCOUNT);
	partition->max_ports = READ_ONCE(max_ports);
	partition->max_connections = READ_ONCE(max_connections);
	if (hv_partition_register(partition)) {
		partition->id = 0;
		hv_partition_put(partition);
		return NULL;
	}
	return partition;
}

static void hv_partition_release(struct kref *ref)
{
	struct hv_partition *partition = container_of(ref, struct hv_partition, ref);

	if (partition->id)
		xa_erase(&hv_partitions, partition->id);
	hv_partition_free_vps(partition);
	xa_destroy(&partition->doorbell_gpas);
	xa_destroy(&partition->doorbells);
	xa_destroy(&partition->connections);
	xa_destroy(&partition->ports);
	xa_destroy(&partition->links);
	mutex_destroy(&partition->lock);
	kfree_rcu(partition, rcu);
}

/**
 * hv_partition_put - let go of a partition
 * @partition: was counted
 *
 * Context: process.
 */
void hv_partition_put(struct hv_partition *partition)
{
	kref_put(&partition->ref, hv_partition_release);
}

/**
 * hv_partitions_start - let VMs attach
 *
 * Context: the last step of loading the module, which cannot fail any more.
 */
void hv_partitions_start(void)
{
	WRITE_ONCE(hv_partitions_started, true);
}

/**
 * hv_partitions_exit - free what is left of the table of partitions
 *
 * An insertion that ran out of memory half way leaves nodes without entries.
 *
 * Context: there are no partitions any more.
 */
void hv_partitions_exit(void)
{
	xa_destroy(&hv_partitions);
}

/**
 * hv_partition_attach - the partition of a VM, which becomes one if need be
 * @kvm: the caller's VM, or one that the caller has a reference to
 *
 * Attaching pins the module until the VM goes.  vCPUs that are here get their
 * VP now; others when they turn their SynIC on.
 *
 * Context: process, not under kvm->srcu; takes L1, then L0; sleeps.
 * Return: the partition, which is the VM's and not counted; -ENOMEM; or -ENODEV
 * if the module is being loaded or unloaded, or the VM's memory is encrypted.
 */
struct hv_partition *hv_partition_attach(struct kvm *kvm)
{
	struct hv_partition *partition = hv_kvm->vm_data(kvm);
	struct kvm_vcpu *vcpu;
	unsigned long i;
	int r = 0;

	if (partition)
		return partition;
	if (!READ_ONCE(hv_partitions_started))
		return ERR_PTR(-ENODEV);

	partition = hv_partition_alloc(kvm);
	if (!partition)
		return ERR_PTR(-ENOMEM);

	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (!hv_partition_get_vp(partition, vcpu)) {
			r = -ENOMEM;
			goto free;
		}
	}

	/*
	 * Whoever finds the VM attached neither links it before others can find it,
	 * nor makes a port before its VPs are there.
	 */
	mutex_lock(&partition->lock);
	mutex_lock(&hv_partitions_lock);
	r = hv_kvm->attach_vm(kvm, partition);
	if (!r)
		hv_partition_publish(partition);
	mutex_unlock(&hv_partitions_lock);
	if (!r)
		kvm_for_each_vcpu(i, vcpu, kvm)
			hv_partition_add_vp(partition, vcpu);
	mutex_unlock(&partition->lock);
	if (!r)
		return partition;

free:
	hv_partition_put(partition);
	return r == -EBUSY ? hv_kvm->vm_data(kvm) : ERR_PTR(r);
}

/**
 * hv_partition_create_host - a partition of the host's own
 *
 * Context: process; sleeps.
 * Return: the partition, counted, or NULL if memory ran out.
 */
struct hv_partition *hv_partition_create_host(void)
{
	struct hv_partition *partition = hv_partition_alloc(NULL);

	if (partition)
		hv_partition_publish(partition);
	return partition;
}

/* Who knows whom */

static void hv_partition_unlink_locked(struct hv_partition *a, struct hv_partition *b)
{
	xa_erase(&a->links, b->id);
	xa_erase(&b->links, a->id);
}

/**
 * hv_partition_hide - from here on nobody finds a partition
 * @partition: on its way out
 *
 * Whoever found it before finds @dying, under L1.  It has no parent any more, lest
 * the dead keep each other in a chain of any length.
 *
 * Context: process; takes L1, then L0; sleeps.
 */
void hv_partition_hide(struct hv_partition *partition)
{
	struct hv_partition *other, *parent;
	unsigned long id;
	void *entry;

	mutex_lock(&partition->lock);
	mutex_lock(&hv_partitions_lock);
	WRITE_ONCE(partition->dying, true);
	parent = partition->parent;
	WRITE_ONCE(partition->parent, NULL);
	xa_for_each(&partition->links, id, entry) {
		other = xa_load(&hv_partitions, id);
		hv_partition_unlink_locked(partition, other);
	}
	mutex_unlock(&hv_partitions_lock);
	mutex_unlock(&partition->lock);

	if (parent)
		hv_partition_put(parent);
}

/**
 * hv_partition_knows - whether a partition may name another one
 * @partition: who names
 * @other: who is named
 *
 * Context: under RCU, or whatever else keeps both.
 * Return: whether it may.
 */
bool hv_partition_knows(struct hv_partition *partition, struct hv_partition *other)
{
	return partition == other || xa_load(&partition->links, READ_ONCE(other->id)) ||
	       READ_ONCE(partition->parent) == other ||
	       READ_ONCE(other->parent) == partition;
}

/**
 * hv_partition_find - the partition with an id
 * @id: of the partition
 *
 * Context: any; does not sleep.
 * Return: the partition, counted, or NULL if there is none or it is on its way
 * out.
 */
struct hv_partition *hv_partition_find(u64 id)
{
	struct hv_partition *partition;

	rcu_read_lock();
	partition = xa_load(&hv_partitions, id);
	if (partition && (READ_ONCE(partition->dying) ||
			  !kref_get_unless_zero(&partition->ref)))
		partition = NULL;
	rcu_read_unlock();

	return partition;
}

/**
 * hv_partition_find_next - the partition with an id, or with the next one
 * @id: in: the smallest of interest; out: the one found
 *
 * Context: any; does not sleep.
 * Return: the partition, counted, or NULL if there are no more.
 */
struct hv_partition *hv_partition_find_next(u64 *id)
{
	struct hv_partition *partition;
	unsigned long i = *id;

	rcu_read_lock();
	for (partition = xa_find(&hv_partitions, &i, ULONG_MAX, XA_PRESENT); partition;
	     partition = xa_find_after(&hv_partitions, &i, ULONG_MAX, XA_PRESENT))
		if (!READ_ONCE(partition->dying) &&
		    kref_get_unless_zero(&partition->ref))
			break;
	rcu_read_unlock();

	*id = i;
	return partition;
}

/**
 * hv_partition_resolve - what a partition id means to a caller
 * @caller: who names it
 * @id: partition id or HV_PARTITION_ID_SELF
 *
 * Absent and forbidden look the same, so that a guest cannot enumerate its
 * neighbours.
 *
 * Context: process, since it may be the last to let go of one; does not sleep.
 * Return: the partition, counted, or NULL.
 */
struct hv_partition *hv_partition_resolve(struct hv_partition *caller, u64 id)
{
	struct hv_partition *partition;

	if (id == HV_PARTITION_ID_SELF || id == READ_ONCE(caller->id)) {
		kref_get(&caller->ref);
		return caller;
	}

	partition = hv_partition_find(id);
	if (partition && !hv_partition_knows(caller, partition)) {
		hv_partition_put(partition);
		partition = NULL;
	}
	return partition;
}

/**
 * hv_partition_link - let two partitions know each other, or no more
 * @a: a partition
 * @b: another one
 * @link: which of the two
 *
 * The caller then has hv_ports_review() look at their ports.
 *
 * Context: process; takes L0; sleeps.
 * Return: 0, -EINVAL if they are the same, -ENODEV if one is on its way out,
 * -EEXIST if they are linked, -ENOENT if they are not, -ENOMEM.
 */
int hv_partition_link(struct hv_partition *a, struct hv_partition *b, bool link)
{
	bool linked;
	int r = 0;

	if (a == b)
		return -EINVAL;

	mutex_lock(&hv_partitions_lock);
	linked = xa_load(&a->links, b->id);
	if (a->dying || b->dying)
		r = -ENODEV;
	else if (link && linked)
		r = -EEXIST;
	else if (!link && !linked)
		r = -ENOENT;
	else if (link)
		r = xa_reserve(&a->links, b->id, GFP_KERNEL) ?:
		    xa_reserve(&b->links, a->id, GFP_KERNEL);

	if (link && !r) {
		/* Their places are there: this needs no memory. */
		xa_store(&a->links, b->id, xa_mk_value(1), GFP_KERNEL);
		xa_store(&b->links, a->id, xa_mk_value(1), GFP_KERNEL);
	} else if (!link || r == -ENOMEM) {
		hv_partition_unlink_locked(a, b);
	}
	mutex_unlock(&hv_partitions_lock);

	return r;
}

/**
 * hv_partition_next_link - the link between two partitions, or the next one
 * @a: the smaller id; in: the smallest of interest; out: found
 * @b: the larger one; in: the smallest of interest with that @a; out: found
 *
 * Context: any; does not sleep.
 * Return: whether there is one.
 */
bool hv_partition_next_link(u64 *a, u64 *b)
{
	struct hv_partition *partition;
	unsigned long i, j;
	bool found = false;

	rcu_read_lock();
	xa_for_each_start(&hv_partitions, i, partition, *a) {
		j = i == *a ? max_t(u64, *b, i) : i;
		if (xa_find(&partition->links, &j, ULONG_MAX, XA_PRESENT)) {
			*a = i;
			*b = j;
			found = true;
			break;
		}
	}
	rcu_read_unlock();

	return found;
}

/**
 * hv_partition_parent_id - who may act on a partition's behalf
 * @partition: the child
 *
 * Context: any; does not sleep.
 * Return: the parent's id, or 0 if there is none.
 */
u64 hv_partition_parent_id(struct hv_partition *partition)
{
	struct hv_partition *parent;
	u64 id = 0;

	rcu_read_lock();
	parent = READ_ONCE(partition->parent);
	if (parent)
		id = READ_ONCE(parent->id);
	rcu_read_unlock();

	return id;
}

/* Changes */

static bool hv_partition_is_ancestor(struct hv_partition *which, struct hv_partition *of)
{
	for (; of; of = of->parent)
		if (of == which)
			return true;
	return false;
}

static bool hv_partition_has_children(struct hv_partition *partition)
{
	struct hv_partition *other;
	bool found = false;
	unsigned long i;

	rcu_read_lock();
	xa_for_each(&hv_partitions, i, other)
		found |= READ_ONCE(other->parent) == partition;
	rcu_read_unlock();

	return found;
}

/* Under L1 and L0.  The new place is taken before the old one is given up. */
static int hv_partition_move(struct hv_partition *partition, u64 id)
{
	unsigned long link = 0;
	int r;

	if (id == partition->id)
		return 0;
	if (partition->nr_ports || partition->nr_connections || partition->parent ||
	    xa_find(&partition->links, &link, ULONG_MAX, XA_PRESENT) ||
	    hv_partition_has_children(partition))
		return -EBUSY;

	r = xa_insert(&hv_partitions, id, partition, GFP_KERNEL_ACCOUNT);
	if (r)
		return r == -EBUSY ? -EEXIST : r;
	xa_erase(&hv_partitions, partition->id);
	WRITE_ONCE(partition->id, id);
	return 0;
}

static int hv_partition_check_changes(struct hv_partition *partition,
				      const struct hv_ports_set_partition *set,
				      struct hv_partition *parent)
{
	if (partition->dying || (parent && parent->dying))
		return -ENODEV;
	if ((set->flags & HV_PORTS_SET_PARENT) && parent &&
	    (!partition->kvm || hv_partition_is_ancestor(partition, parent)))
		return -EINVAL;
	if (set->flags & HV_PORTS_SET_ID)
		return hv_partition_move(partition, set->id);
	return 0;
}

/**
 * hv_partition_change - change what the host may change
 * @partition: to change
 * @set: to what; its members are in range
 * @parent: the new parent, or NULL
 * @old_parent: receives the old parent, counted, or NULL
 *
 * The caller then has hv_ports_review() look at the ports between the partition
 * and either parent.
 *
 * Context: process; takes L1, then L0; sleeps.
 * Return: 0, -ENODEV, -EINVAL, -EBUSY, -EEXIST or -ENOMEM; then nothing changed.
 */
int hv_partition_change(struct hv_partition *partition,
			const struct hv_ports_set_partition *set,
			struct hv_partition *parent, struct hv_partition **old_parent)
{
	int r;

	*old_parent = NULL;
	mutex_lock(&partition->lock);
	mutex_lock(&hv_partitions_lock);
	r = hv_partition_check_changes(partition, set, parent);
	if (r)
		goto unlock;

	if (set->flags & HV_PORTS_SET_PARENT) {
		*old_parent = partition->parent;
		if (parent)
			kref_get(&parent->ref);
		WRITE_ONCE(partition->parent, parent);
	}
	if (set->flags & HV_PORTS_SET_MAX_PORTS)
		partition->max_ports = set->max_ports;
	if (set->flags & HV_PORTS_SET_MAX_CONNECTIONS)
		WRITE_ONCE(partition->max_connections, set->max_connections);
	if (set->flags & HV_PORTS_SET_PRIVILEGES)
		WRITE_ONCE(partition->privileges, set->privileges);
	if (set->flags & HV_PORTS_SET_NAME)
		strscpy(partition->name, set->name, sizeof(partition->name));
unlock:
	mutex_unlock(&hv_partitions_lock);
	mutex_unlock(&partition->lock);

	return r;
}
