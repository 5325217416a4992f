// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which VM is which partition, and its virtual processors.  Calls nobody.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "hv_ports.h"

static uint max_ports = 1024;
module_param(max_ports, uint, 0644);
MODULE_PARM_DESC(max_ports, "Ports a VM may have; read when it makes its first port call (default 1024)");

static uint max_connections = 4096;
module_param(max_connections, uint, 0644);
MODULE_PARM_DESC(max_connections, "Connections a VM may have; read when it makes its first port call (default 4096)");

/* Hyper-V calls its root partition 1; leave that to the host. */
static atomic64_t hv_last_partition_id = ATOMIC64_INIT(1);

static struct hv_vp *hv_vp_alloc(struct kvm_vcpu *vcpu)
{
	struct hv_vp *vp;
	int i;

	vp = kzalloc(sizeof(*vp), GFP_KERNEL_ACCOUNT);
	if (!vp)
		return NULL;

	vp->vcpu = vcpu;
	spin_lock_init(&vp->lock);
	for (i = 0; i < ARRAY_SIZE(vp->queue); i++)
		INIT_LIST_HEAD(&vp->queue[i]);
	return vp;
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

	kfree(vp);
	return xa_is_err(other) ? NULL : other;
}

/**
 * hv_partition_add_vp - make a vCPU a target
 * @partition: the vCPU's
 * @vcpu: a vCPU
 *
 * Context: the vCPU's task, or the attaching one; sleeps.
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

static struct hv_partition *hv_partition_alloc(struct kvm *kvm)
{
	struct hv_partition *partition;

	partition = kzalloc(sizeof(*partition), GFP_KERNEL_ACCOUNT);
	if (!partition)
		return NULL;

	partition->id = atomic64_inc_return(&hv_last_partition_id);
	partition->kvm = kvm;
	mutex_init(&partition->lock);
	xa_init_flags(&partition->ports, XA_FLAGS_ACCOUNT);
	xa_init_flags(&partition->connections, XA_FLAGS_ACCOUNT);
	xa_init_flags(&partition->doorbells, XA_FLAGS_ACCOUNT);
	xa_init_flags(&partition->doorbell_gpas, XA_FLAGS_ACCOUNT);
	xa_init_flags(&partition->vps, XA_FLAGS_ACCOUNT);
	partition->max_ports = READ_ONCE(max_ports);
	partition->max_connections = READ_ONCE(max_connections);
	return partition;
}

/**
 * hv_partition_free - free a partition without ports and connections
 * @partition: nobody's any more; a grace period has passed since it had ports
 *
 * Context: process.
 */
void hv_partition_free(struct hv_partition *partition)
{
	struct hv_vp *vp;
	unsigned long i;

	xa_for_each(&partition->vps, i, vp)
		kfree(vp);
	xa_destroy(&partition->vps);
	xa_destroy(&partition->doorbell_gpas);
	xa_destroy(&partition->doorbells);
	xa_destroy(&partition->connections);
	xa_destroy(&partition->ports);
	mutex_destroy(&partition->lock);
	kfree(partition);
}

/**
 * hv_partition_attach - the partition of a VM, which becomes one if need be
 * @kvm: the caller's VM
 *
 * Attaching pins the module until the VM goes.  vCPUs that are here get their
 * VP now; others when they turn their SynIC on.
 *
 * Context: a vCPU's task, not under kvm->srcu; sleeps.
 * Return: the partition, -ENOMEM, or -ENODEV if the module is being unloaded.
 */
struct hv_partition *hv_partition_attach(struct kvm *kvm)
{
	struct hv_partition *partition = hv_kvm->vm_data(kvm);
	struct kvm_vcpu *vcpu;
	unsigned long i;
	int r = 0;

	if (partition)
		return partition;

	partition = hv_partition_alloc(kvm);
	if (!partition)
		return ERR_PTR(-ENOMEM);

	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (!hv_partition_get_vp(partition, vcpu)) {
			r = -ENOMEM;
			goto free;
		}
	}

	r = hv_kvm->attach_vm(kvm, partition);
	if (r)
		goto free;

	kvm_for_each_vcpu(i, vcpu, kvm)
		hv_partition_add_vp(partition, vcpu);
	return partition;

free:
	hv_partition_free(partition);
	return r == -EBUSY ? hv_kvm->vm_data(kvm) : ERR_PTR(r);
}

/**
 * hv_partition_resolve - what a partition id means to a caller
 * @caller: who names it
 * @id: partition id or HV_PARTITION_ID_SELF
 *
 * Absent and forbidden look the same, so that a guest cannot enumerate its
 * neighbours.
 *
 * Return: the partition or NULL.
 */
struct hv_partition *hv_partition_resolve(struct hv_partition *caller, u64 id)
{
	if (id == HV_PARTITION_ID_SELF || id == caller->id)
		return caller;
	return NULL;
}
