// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hyper-V ports and connections for KVM guests: the module, KVM's hooks, and
 * /dev/hv_ports
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
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

	hv_partition_hide(partition);
	hv_ports_teardown(partition);
	synchronize_rcu();
	/* Others may keep the partition, but not at the VM's expense. */
	hv_partition_free_vps(partition);
	hv_partition_put(partition);
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

/* /dev/hv_ports, see include/uapi/linux/hv_ports.h */

static long hv_dev_get_info(void *context, void *data, void __user *to)
{
	struct hv_ports_get_info *arg = data;

	if (arg->reserved)
		return -EINVAL;

	arg->version = HV_PORTS_VERSION;
	arg->port_types = BIT(HV_PORTS_MESSAGE) | BIT(HV_PORTS_EVENT) |
			  BIT(HV_PORTS_DOORBELL);
	arg->buffers = HV_PORT_BUFFERS;
	return 0;
}

/* The partition of a VM, counted */
static struct hv_partition *hv_dev_partition_of(int vm_fd)
{
	struct hv_partition *partition;
	struct file *file;
	struct kvm *kvm;

	file = hv_kvm->get_vm(vm_fd, &kvm);
	if (IS_ERR(file))
		return ERR_CAST(file);

	partition = hv_partition_attach(kvm);
	if (!IS_ERR(partition))
		kref_get(&partition->ref);
	fput(file);
	return partition;
}

static long hv_dev_attach_vm(void *context, void *data, void __user *to)
{
	struct hv_ports_attach_vm *arg = data;
	struct hv_partition *partition;

	partition = hv_dev_partition_of(arg->vm_fd);
	if (IS_ERR(partition))
		return PTR_ERR(partition);

	if (test_and_set_bit_lock(0, &partition->claimed)) {
		hv_partition_put(partition);
		return -EBUSY;
	}
	arg->id = READ_ONCE(partition->id);
	return hv_host_give_partition(partition, &arg->fd, arg, sizeof(*arg), to);
}

static long hv_dev_create_host(void *context, void *data, void __user *to)
{
	struct hv_ports_create_host *arg = data;
	struct hv_partition *partition;

	if (arg->reserved)
		return -EINVAL;

	partition = hv_partition_create_host();
	if (!partition)
		return -ENOMEM;
	arg->id = READ_ONCE(partition->id);
	return hv_host_give_partition(partition, &arg->fd, arg, sizeof(*arg), to);
}

static struct hv_partition *hv_dev_find(u64 which, bool by_id)
{
	struct hv_partition *partition;

	if (!by_id)
		return which > INT_MAX ? ERR_PTR(-EBADF) : hv_host_partition_get(which);

	partition = hv_partition_find(which);
	return partition ?: ERR_PTR(-ESRCH);
}

static long hv_dev_change_link(const struct hv_ports_link *arg, bool link)
{
	const bool by_id = arg->flags & HV_PORTS_LINK_BY_ID;
	struct hv_partition *a, *b;
	long r;

	if (by_id && !capable(CAP_SYS_ADMIN))
		return -EPERM;

	a = hv_dev_find(arg->a, by_id);
	if (IS_ERR(a))
		return PTR_ERR(a);
	b = hv_dev_find(arg->b, by_id);
	if (IS_ERR(b)) {
		hv_partition_put(a);
		return PTR_ERR(b);
	}

	r = hv_partition_link(a, b, link);
	if (!r)
		hv_ports_review(a, b);
	hv_partition_put(b);
	hv_partition_put(a);
	return r;
}

static long hv_dev_link(void *context, void *data, void __user *to)
{
	return hv_dev_change_link(data, true);
}

static long hv_dev_unlink(void *context, void *data, void __user *to)
{
	return hv_dev_change_link(data, false);
}

static void hv_dev_describe(struct hv_partition *partition, struct hv_ports_partition *arg)
{
	arg->parent = hv_partition_parent_id(partition);
	arg->pid = partition->pid;
	arg->kind = partition->kvm ? HV_PORTS_VM : HV_PORTS_HOST;

	mutex_lock(&partition->lock);
	arg->nr_ports = partition->nr_ports;
	arg->nr_connections = partition->nr_connections;
	arg->max_ports = partition->max_ports;
	arg->max_connections = partition->max_connections;
	arg->privileges = partition->privileges;
	arg->dropped = partition->dropped;
	memcpy(arg->name, partition->name, sizeof(arg->name));
	mutex_unlock(&partition->lock);
}

static long hv_dev_next_partition(void *context, void *data, void __user *to)
{
	struct hv_ports_partition *arg = data;
	struct hv_partition *partition;

	if (arg->reserved)
		return -EINVAL;

	partition = hv_partition_find_next(&arg->id);
	if (!partition)
		return -ENOENT;
	hv_dev_describe(partition, arg);
	hv_partition_put(partition);
	return 0;
}

static long hv_dev_next_port(void *context, void *data, void __user *to)
{
	struct hv_ports_port *arg = data;
	struct hv_partition *partition;
	bool found;

	partition = hv_partition_find(arg->partition);
	if (!partition)
		return -ESRCH;
	found = hv_ports_next_port(partition, arg);
	hv_partition_put(partition);
	return found ? 0 : -ENOENT;
}

static long hv_dev_next_connection(void *context, void *data, void __user *to)
{
	struct hv_ports_connection *arg = data;
	struct hv_partition *partition;
	bool found;

	partition = hv_partition_find(arg->partition);
	if (!partition)
		return -ESRCH;
	found = hv_ports_next_connection(partition, arg);
	hv_partition_put(partition);
	return found ? 0 : -ENOENT;
}

static long hv_dev_next_link(void *context, void *data, void __user *to)
{
	struct hv_ports_next_link *arg = data;

	return hv_partition_next_link(&arg->a, &arg->b) ? 0 : -ENOENT;
}

static const struct hv_host_call hv_dev_calls[] = {
	HV_HOST_CALL(HV_PORTS_GET_INFO, hv_ports_get_info, 0, true, hv_dev_get_info),
	HV_HOST_CALL(HV_PORTS_ATTACH_VM, hv_ports_attach_vm, 0, false, hv_dev_attach_vm),
	HV_HOST_CALL(HV_PORTS_CREATE_HOST, hv_ports_create_host, 0, false,
		     hv_dev_create_host),
	HV_HOST_CALL(HV_PORTS_LINK, hv_ports_link, HV_PORTS_LINK_BY_ID, false, hv_dev_link),
	HV_HOST_CALL(HV_PORTS_UNLINK, hv_ports_link, HV_PORTS_LINK_BY_ID, false,
		     hv_dev_unlink),
	HV_HOST_CALL(HV_PORTS_NEXT_PARTITION, hv_ports_partition, 0, true,
		     hv_dev_next_partition),
	HV_HOST_CALL(HV_PORTS_NEXT_PORT, hv_ports_port, 0, true, hv_dev_next_port),
	HV_HOST_CALL(HV_PORTS_NEXT_CONNECTION, hv_ports_connection, HV_PORTS_DOORBELLS, true,
		     hv_dev_next_connection),
	HV_HOST_CALL(HV_PORTS_NEXT_LINK, hv_ports_next_link, 0, true, hv_dev_next_link),
};

static long hv_dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return hv_host_ioctl(hv_dev_calls, ARRAY_SIZE(hv_dev_calls), NULL, cmd,
			     (void __user *)arg);
}

static const struct file_operations hv_dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = hv_dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice hv_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hv_ports",
	.fops = &hv_dev_fops,
	.mode = 0600,
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
			pr_err("refused: built for another KVM than the one that is loaded; build it again\n");
		goto cache_exit;
	}

	r = misc_register(&hv_dev);
	if (r)
		goto unregister;

	hv_partitions_start();
	return 0;

unregister:
	hv_kvm->unregister(&hv_dev_ops);
	rcu_barrier();
cache_exit:
	hv_ports_cache_exit();
	return r;
}

static void __exit hv_dev_exit(void)
{
	misc_deregister(&hv_dev);
	hv_kvm->unregister(&hv_dev_ops);
	/* Ports and connections of VMs that are gone */
	rcu_barrier();
	hv_partitions_exit();
	hv_ports_cache_exit();
}

module_init(hv_dev_init);
module_exit(hv_dev_exit);

MODULE_DESCRIPTION("Hyper-V ports and connections for KVM guests");
MODULE_LICENSE("GPL");
