// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hyper-V ports and connections for KVM guests: the module and KVM's hooks
 */
#include <linux/module.h>

#include "hv_ports.h"

#define CREATE_TRACE_POINTS
#include "hv_ports_trace.h"

const struct kvm_hv_port_services *hv_kvm;

static bool hv_dev_hypercall(struct kvm_vcpu *vcpu, void *data,
			     const struct kvm_hv_port_hcall *hc, u64 *status)
{
	return hv_hcall(vcpu, data, hc, status);
}

static u32 hv_dev_deliver(struct kvm_vcpu *vcpu, void *data)
{
	hv_event_deliver(data);
	return hv_msg_deliver(data);
}

static void hv_dev_sint_acked(struct kvm_vcpu *vcpu, void *data, u32 sint)
{
	hv_msg_sint_acked(data, sint);
}

static void hv_dev_synic_changed(struct kvm_vcpu *vcpu, void *vm_data)
{
	struct hv_vp *vp = hv_partition_add_vp(vm_data, vcpu);

	if (vp && (READ_ONCE(vp->msg_sints) || READ_ONCE(vp->flag_sints)))
		hv_kvm->request_deliver(vcpu);
}

static bool hv_dev_mmio_write(struct kvm_vcpu *vcpu, void *vm_data, gpa_t gpa,
			      int len, const void *value)
{
	return hv_doorbell_write(vcpu, vm_data, gpa, len, value);
}

/*
 * Nobody calls for this VM any more, but other VMs may be sending to it until
 * its ports are dead and a grace period has passed.
 */
static void hv_dev_vm_destroy(struct kvm *kvm, void *data)
{
	struct hv_partition *partition = data;

	hv_ports_teardown(partition);
	synchronize_rcu();
	hv_partition_free(partition);
}

static const struct kvm_hv_port_ops hv_dev_ops = {
	.abi		= KVM_HV_PORTS_ABI,
	.owner		= THIS_MODULE,
	.hypercall	= hv_dev_hypercall,
	.deliver	= hv_dev_deliver,
	.sint_acked	= hv_dev_sint_acked,
	.synic_changed	= hv_dev_synic_changed,
	.mmio_write	= hv_dev_mmio_write,
	.vm_destroy	= hv_dev_vm_destroy,
};

static int __init hv_dev_init(void)
{
	int r;

	r = hv_ports_cache_init();
	if (r)
		return r;

	r = kvm_hv_ports_register(&hv_dev_ops, &hv_kvm);
	if (r) {
		if (r == -ENOEXEC)
			pr_err("built for another KVM than the one that is loaded\n");
		hv_ports_cache_exit();
	}
	return r;
}

static void __exit hv_dev_exit(void)
{
	hv_kvm->unregister(&hv_dev_ops);
	/* Ports and connections of VMs that are gone */
	rcu_barrier();
	hv_ports_cache_exit();
}

module_init(hv_dev_init);
module_exit(hv_dev_exit);

MODULE_DESCRIPTION("Hyper-V ports and connections for KVM guests");
MODULE_LICENSE("GPL");
