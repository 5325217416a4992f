// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hyper-V ports for the user space of a Linux guest: /dev/hvport0, ...
 *
 * Each device has a SINT of its own, and so a message slot and an array of event
 * flags of its own in the pages that the guest shares with KVM.  That makes read()
 * simple: what is there is in the slot or in the array, and stays until it is
 * taken.  A reader that is slow leaves its slot taken, which fills its port's
 * buffers and nobody else's, until the sender has to wait.
 *
 * All ports are CPU 0's, so messages arrive in the order in which they were posted.
 * Linux does not take it offline, but before 6.5, if booted with cpu0_hotplug.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitmap.h>
#include <linux/cpufeature.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <asm/hw_irq.h>
#include <asm/irqdomain.h>
#include <asm/kvm_para.h>

#include "hvport_compat.h"
#include "hv_tlfs.h"
#include "hvport.h"

/* Named by number: where the kernel's own headers have them changes. */
#define MSR_GUEST_OS_ID		0x40000000
#define MSR_VP_INDEX		0x40000002
#define MSR_SCONTROL		0x40000080
#define MSR_SIEFP		0x40000082
#define MSR_SIMP		0x40000083
#define MSR_EOM			0x40000084
#define MSR_SINT0		0x40000090
#define MSR_ON			BIT_ULL(0)
#define SINT_MASKED		BIT_ULL(16)

#define CPUID_INTERFACE		0x40000001
#define CPUID_FEATURES		0x40000003
#define INTERFACE_HV1		0x31237648
#define FEATURES_WANTED		(BIT(2) | BIT(5) | BIT(6))	/* SynIC, hypercalls, VP index */

/* Open source, Linux */
#define OUR_GUEST_OS_ID		(0x8100ULL << 48)

#define CALL_FAST		BIT_ULL(16)

#define CPU			0
/* The lower ones are where VMBus and the kernel's own timers have theirs. */
#define FIRST_SINT		8
#define NR_DEVICES		8
#define FLAGS			2048
/* A power of 2, so that kmalloc() aligns it and no page boundary is inside */
#define INPUT_SIZE		sizeof(struct hv_port_post_message)

struct hvport {
	struct miscdevice misc;
	char name[12];
	unsigned int sint;
	struct hv_port_message *slot;
	unsigned long *flags;
	wait_queue_head_t wait;
	unsigned long open;		/* bit 0 */

	struct mutex reading;		/* below, and the slot's and the flags' taking */
	u32 port_type;			/* or 0 */
	u32 port_id;

	struct mutex writing;		/* below */
	u32 connection_type;		/* or 0 */
	u32 connection_id;
	void __iomem *bell;
	u64 bell_gpa;
	void *input;			/* of a hypercall, or output */
};

static struct hvport devices[NR_DEVICES];
static void *message_page, *flag_page;
static u32 vp_index;
static u64 old_guest_os_id;
static struct fwnode_handle *irq_node;
static struct irq_domain *irq_domain;
static int irq;

/* CPU 0's MSRs */

static u64 hv_get(u32 msr)
{
	u64 value = 0;

	rdmsrq_on_cpu(CPU, msr, &value);
	return value;
}

static void hv_set(u32 msr, u64 value)
{
	wrmsrq_on_cpu(CPU, msr, value);
}

/* Hypercalls.  KVM takes the instruction itself as it takes the hypercall page. */

static u16 hv_call(u64 control, u64 input, u64 output)
{
	register u64 r8 asm("r8") = output;
	u64 status;

	asm volatile(KVM_HYPERCALL
		     : "=a"(status), "+c"(control), "+d"(input), "+r"(r8)
		     :
		     : "cc", "memory", "r9", "r10", "r11");
	return status;
}

/* An unknown id, that is, to a sender; create and connect say EEXIST or ENOENT. */
static int hv_errno(u16 status)
{
	switch (status) {
	case HV_STATUS_SUCCESS:
		return 0;
	case HV_STATUS_INVALID_PARTITION_ID:
		return -ESRCH;
	case HV_STATUS_INVALID_PORT_ID:
	case HV_STATUS_INVALID_CONNECTION_ID:
		return -EPIPE;
	case HV_STATUS_INVALID_PARAMETER:
	case HV_STATUS_INVALID_ALIGNMENT:
		return -EINVAL;
	case HV_STATUS_INSUFFICIENT_BUFFERS:
		return -EAGAIN;
	case HV_STATUS_INVALID_VP_INDEX:
	case HV_STATUS_INVALID_SYNIC_STATE:
		return -EHOSTDOWN;
	case HV_STATUS_ACCESS_DENIED:
		return -EACCES;
	case HV_STATUS_INSUFFICIENT_MEMORY:
		return -ENOMEM;
	case HV_STATUS_NO_RESOURCES:
		return -EDQUOT;
	case HV_STATUS_INVALID_HYPERCALL_CODE:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

static u16 hv_call_input(struct hvport *hvport, u16 code)
{
	return hv_call(code, virt_to_phys(hvport->input), 0);
}

static u16 hv_create_port(struct hvport *hvport, const struct hvport_create *arg)
{
	struct hv_input_create_port *in = hvport->input;

	*in = (struct hv_input_create_port) {
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = arg->id,
		.connection_partition_id = arg->partition,
		.port_info = {
			.port_type = arg->type,
			.event_port_info = {
				.target_sint = hvport->sint,
				.target_vp = vp_index,
				.flag_count = arg->flag_count,
			},
		},
	};
	return hv_call_input(hvport, HVCALL_CREATE_PORT);
}

static u16 hv_connect_port(struct hvport *hvport, const struct hvport_connect *arg)
{
	struct hv_input_connect_port *in = hvport->input;

	*in = (struct hv_input_connect_port) {
		.connection_partition_id = HV_PARTITION_ID_SELF,
		.connection_id = arg->id,
		.port_partition_id = arg->partition,
		.port_id = arg->port,
		.connection_info = {
			.port_type = arg->type,
			.doorbell_connection_info = {
				.gpa = arg->gpa,
				.trigger_value = arg->value,
				.flags = arg->flags,
			},
		},
	};
	return hv_call_input(hvport, HVCALL_CONNECT_PORT);
}

/* The port: the reader's side */

static bool hvport_readable(struct hvport *hvport)
{
	if (hvport->port_type == HVPORT_MESSAGE)
		return READ_ONCE(hvport->slot->message_type);
	return !bitmap_empty(hvport->flags, FLAGS);
}

static void hvport_free_slot(struct hvport *hvport)
{
	/* What was read of the slot was read before it is free. */
	smp_store_release(&hvport->slot->message_type, 0);
	/* KVM sets the flag and then looks at the type, and one sees the other. */
	smp_mb();
	if (READ_ONCE(hvport->slot->message_flags) & HV_PORT_MESSAGE_PENDING)
		hv_set(MSR_EOM, 0);
}

/* 0: there is none */
static ssize_t hvport_read_message(struct hvport *hvport, char __user *to, size_t count)
{
	struct hv_port_message *slot = hvport->slot;
	struct hvport_message msg = {};
	size_t size;

	/* KVM writes the type last. */
	msg.type = smp_load_acquire(&slot->message_type);
	if (!msg.type)
		return 0;

	/* Of a port that could not be deleted, or that a parent made here */
	if (slot->port_id != hvport->port_id) {
		hvport_free_slot(hvport);
		return 0;
	}

	msg.payload_size = min_t(u8, slot->payload_size, sizeof(msg.payload));
	msg.port = slot->port_id;
	memcpy(msg.payload, slot->payload, msg.payload_size);
	size = offsetof(struct hvport_message, payload) + msg.payload_size;
	if (count < size)
		return -EMSGSIZE;
	if (copy_to_user(to, &msg, size))
		return -EFAULT;
	hvport_free_slot(hvport);
	return size;
}

static ssize_t hvport_read_flag(struct hvport *hvport, char __user *to, size_t count)
{
	u32 flag = find_first_bit(hvport->flags, FLAGS);

	if (flag >= FLAGS)
		return 0;
	if (count < sizeof(flag))
		return -EMSGSIZE;
	if (copy_to_user(to, &flag, sizeof(flag)))
		return -EFAULT;
	clear_bit(flag, hvport->flags);
	return sizeof(flag);
}

static ssize_t hvport_read_one(struct hvport *hvport, char __user *to, size_t count)
{
	ssize_t r;

	mutex_lock(&hvport->reading);
	if (!hvport->port_type)
		r = -ENOTCONN;
	else if (hvport->port_type == HVPORT_MESSAGE)
		r = hvport_read_message(hvport, to, count);
	else
		r = hvport_read_flag(hvport, to, count);
	mutex_unlock(&hvport->reading);
	return r;
}

static struct hvport *to_hvport(struct file *file)
{
	return container_of(file->private_data, struct hvport, misc);
}

static ssize_t hvport_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	struct hvport *hvport = to_hvport(file);
	ssize_t r;

	for (;;) {
		r = hvport_read_one(hvport, to, count);
		if (r)
			return r;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(hvport->wait, hvport_readable(hvport)))
			return -ERESTARTSYS;
	}
}

static irqreturn_t hvport_interrupt(int number, void *unused)
{
	int i;

	for (i = 0; i < NR_DEVICES; i++)
		wake_up_interruptible(&devices[i].wait);
	return IRQ_HANDLED;
}

static int hvport_create_locked(struct hvport *hvport, const struct hvport_create *arg)
{
	u16 status;

	if (hvport->port_type)
		return -EBUSY;
	status = hv_create_port(hvport, arg);
	if (status == HV_STATUS_INVALID_PORT_ID)
		return -EEXIST;
	if (status)
		return hv_errno(status);
	hvport->port_type = arg->type;
	hvport->port_id = arg->id;
	return 0;
}

static int hvport_create(struct hvport *hvport, const void __user *from)
{
	struct hvport_create arg;
	int r;

	if (copy_from_user(&arg, from, sizeof(arg)))
		return -EFAULT;
	if (arg.reserved || arg.id & ~HV_PORT_ID_MASK ||
	    (arg.type == HVPORT_DOORBELL && !arg.id) ||
	    arg.flag_count > (arg.type == HVPORT_EVENT ? FLAGS : 0))
		return -EINVAL;

	mutex_lock(&hvport->reading);
	mutex_lock(&hvport->writing);
	r = hvport_create_locked(hvport, &arg);
	mutex_unlock(&hvport->writing);
	mutex_unlock(&hvport->reading);
	return r;
}

/* False if there still is a port at this device's SINT. */
static bool hvport_delete(struct hvport *hvport)
{
	u16 status;

	if (!hvport->port_type)
		return true;
	status = hv_call(HVCALL_DELETE_PORT | CALL_FAST, HV_PARTITION_ID_SELF,
			 hvport->port_id);
	hvport->port_type = 0;

	/*
	 * What was delivered before the port went is still there, or on its way:
	 * this may be another CPU than the one that is written to.  That one exits
	 * for its MSR, and KVM finishes what it has for it before it enters again.
	 */
	hv_get(MSR_SCONTROL);
	bitmap_zero(hvport->flags, FLAGS);
	if (READ_ONCE(hvport->slot->message_type))
		hvport_free_slot(hvport);
	return !status || status == HV_STATUS_INVALID_PORT_ID;
}

/* The connection: the writer's side */

static int hvport_post(struct hvport *hvport, const char __user *from, size_t count)
{
	struct hv_port_post_message *post = hvport->input;
	struct hvport_message msg;

	if (count < offsetof(struct hvport_message, payload) || count > sizeof(msg))
		return -EINVAL;
	if (copy_from_user(&msg, from, count))
		return -EFAULT;
	if (count != offsetof(struct hvport_message, payload) + msg.payload_size ||
	    msg.flags || msg.reserved[0] || msg.reserved[1] || msg.port)
		return -EINVAL;

	post->connection_id = hvport->connection_id;
	post->rsvdz = 0;
	post->message_type = msg.type;
	post->payload_size = msg.payload_size;
	memcpy(post->payload, msg.payload, msg.payload_size);
	return hv_errno(hv_call_input(hvport, HVCALL_POST_MESSAGE));
}

static int hvport_signal(struct hvport *hvport, const char __user *from, size_t count)
{
	u32 flag;

	if (count != sizeof(flag))
		return -EINVAL;
	if (copy_from_user(&flag, from, sizeof(flag)))
		return -EFAULT;
	if (flag >= FLAGS)
		return -EINVAL;
	return hv_errno(hv_call(HVCALL_SIGNAL_EVENT | CALL_FAST,
				hvport->connection_id | (u64)flag << 32, 0));
}

static int hvport_ring(struct hvport *hvport, const char __user *from, size_t count)
{
	u64 value = 0;

	if (count > sizeof(value) || !is_power_of_2(count))
		return -EINVAL;
	if (copy_from_user(&value, from, count))
		return -EFAULT;
	switch (count) {
	case 1:
		writeb(value, hvport->bell);
		break;
	case 2:
		writew(value, hvport->bell);
		break;
	case 4:
		writel(value, hvport->bell);
		break;
	default:
		writeq(value, hvport->bell);
		break;
	}
	return 0;
}

static int hvport_write_one(struct hvport *hvport, const char __user *from, size_t count)
{
	int r = -ENOTCONN;

	mutex_lock(&hvport->writing);
	if (hvport->connection_type == HVPORT_MESSAGE)
		r = hvport_post(hvport, from, count);
	else if (hvport->connection_type == HVPORT_EVENT)
		r = hvport_signal(hvport, from, count);
	else if (hvport->connection_type == HVPORT_DOORBELL)
		r = hvport_ring(hvport, from, count);
	mutex_unlock(&hvport->writing);
	return r;
}

/* Nobody tells a guest that a port has room again, so a writer tries again. */
static ssize_t hvport_write(struct file *file, const char __user *from, size_t count,
			    loff_t *pos)
{
	struct hvport *hvport = to_hvport(file);
	unsigned int delay = 50;
	int r;

	for (;;) {
		r = hvport_write_one(hvport, from, count);
		if (r != -EAGAIN || file->f_flags & O_NONBLOCK)
			return r ?: count;
		if (signal_pending(current))
			return -ERESTARTSYS;
		usleep_range(delay, 2 * delay);
		delay = min(2 * delay, 4000u);
	}
}

static int hvport_map_bell(struct hvport *hvport, const struct hvport_connect *arg)
{
	if (arg->type != HVPORT_DOORBELL)
		return 0;
	/*
	 * RAM is taken, and so is what a driver has claimed.  A device without a
	 * driver is not: who connects has to know.
	 */
	if (!request_mem_region(arg->gpa, sizeof(u64), hvport->name))
		return -EBUSY;
	hvport->bell = ioremap(arg->gpa, sizeof(u64));
	hvport->bell_gpa = arg->gpa;
	if (hvport->bell)
		return 0;
	release_mem_region(arg->gpa, sizeof(u64));
	return -ENOMEM;
}

static void hvport_unmap_bell(struct hvport *hvport)
{
	if (!hvport->bell)
		return;
	iounmap(hvport->bell);
	release_mem_region(hvport->bell_gpa, sizeof(u64));
	hvport->bell = NULL;
}

static int hvport_connect_locked(struct hvport *hvport, const struct hvport_connect *arg)
{
	u16 status;
	int r;

	if (hvport->connection_type)
		return -EBUSY;
	r = hvport_map_bell(hvport, arg);
	if (r)
		return r;

	status = hv_connect_port(hvport, arg);
	if (!status) {
		hvport->connection_type = arg->type;
		hvport->connection_id = arg->id;
		return 0;
	}
	hvport_unmap_bell(hvport);
	if (status == HV_STATUS_INVALID_PORT_ID)
		return -ENOENT;
	if (status == HV_STATUS_INVALID_CONNECTION_ID)
		return -EEXIST;
	return hv_errno(status);
}

static int hvport_connect(struct hvport *hvport, const void __user *from)
{
	struct hvport_connect arg;
	int r;

	if (copy_from_user(&arg, from, sizeof(arg)))
		return -EFAULT;
	if (arg.id & ~HV_CONNECTION_ID_MASK)
		return -EINVAL;

	mutex_lock(&hvport->writing);
	r = hvport_connect_locked(hvport, &arg);
	mutex_unlock(&hvport->writing);
	return r;
}

/* False if the connection is still there. */
static bool hvport_disconnect(struct hvport *hvport)
{
	u64 flags = 0;
	u16 status;

	if (!hvport->connection_type)
		return true;
	if (hvport->connection_type == HVPORT_DOORBELL)
		flags = HV_DISCONNECT_DOORBELL;
	status = hv_call(HVCALL_DISCONNECT_PORT | CALL_FAST, HV_PARTITION_ID_SELF,
			 hvport->connection_id | flags << 32);
	hvport->connection_type = 0;
	hvport_unmap_bell(hvport);
	return !status || status == HV_STATUS_INVALID_CONNECTION_ID;
}

/* The file */

static int hvport_get_id(struct hvport *hvport, u64 __user *to)
{
	u16 status;
	u64 id;

	mutex_lock(&hvport->writing);
	status = hv_call(HVCALL_GET_PARTITION_ID, 0, virt_to_phys(hvport->input));
	id = *(u64 *)hvport->input;
	mutex_unlock(&hvport->writing);
	return status ? hv_errno(status) : put_user(id, to);
}

static long hvport_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct hvport *hvport = to_hvport(file);

	switch (cmd) {
	case HVPORT_CREATE:
		return hvport_create(hvport, (void __user *)arg);
	case HVPORT_CONNECT:
		return hvport_connect(hvport, (void __user *)arg);
	case HVPORT_GET_ID:
		return hvport_get_id(hvport, (u64 __user *)arg);
	default:
		return -ENOTTY;
	}
}

static __poll_t hvport_poll(struct file *file, poll_table *wait)
{
	struct hvport *hvport = to_hvport(file);
	__poll_t mask = 0;

	poll_wait(file, &hvport->wait, wait);
	if (READ_ONCE(hvport->port_type) && hvport_readable(hvport))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(hvport->connection_type))
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

static int hvport_open(struct inode *inode, struct file *file)
{
	if (test_and_set_bit_lock(0, &to_hvport(file)->open))
		return -EBUSY;
	return stream_open(inode, file);
}

static int hvport_release(struct inode *inode, struct file *file)
{
	struct hvport *hvport = to_hvport(file);
	bool disconnected = hvport_disconnect(hvport);

	/* What is left would be the next one's. */
	if (hvport_delete(hvport) && disconnected)
		clear_bit_unlock(0, &hvport->open);
	else
		pr_warn_once("%s stays in use: the hypervisor refused to let its port or connection go\n",
			     hvport->name);
	return 0;
}

static const struct file_operations hvport_fops = {
	.owner = THIS_MODULE,
	.open = hvport_open,
	.read = hvport_read,
	.write = hvport_write,
	.poll = hvport_poll,
	.unlocked_ioctl = hvport_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = hvport_release,
};

static int hvport_add(struct hvport *hvport, int number)
{
	hvport->sint = FIRST_SINT + number;
	hvport->slot = (struct hv_port_message *)message_page + hvport->sint;
	hvport->flags = flag_page + hvport->sint * (FLAGS / 8);
	snprintf(hvport->name, sizeof(hvport->name), "hvport%d", number);
	hvport->misc.minor = MISC_DYNAMIC_MINOR;
	hvport->misc.name = hvport->name;
	hvport->misc.fops = &hvport_fops;
	hvport->misc.mode = 0600;
	hvport->input = kmalloc(INPUT_SIZE, GFP_KERNEL);
	return hvport->input ? misc_register(&hvport->misc) : -ENOMEM;
}

static void hvport_remove_all(void)
{
	int i;

	for (i = 0; i < NR_DEVICES; i++) {
		if (!list_empty(&devices[i].misc.list))
			misc_deregister(&devices[i].misc);
		kfree(devices[i].input);
	}
}

/* One may be open before the next one is there, so none of them goes again. */
static int hvport_add_all(void)
{
	int i, r;

	for (i = 0; i < NR_DEVICES; i++) {
		r = hvport_add(&devices[i], i);
		if (r)
			break;
	}
	if (i == NR_DEVICES)
		return 0;
	if (i) {
		pr_warn("only %d devices: error %d\n", i, r);
		return 0;
	}
	hvport_remove_all();
	return r;
}

static void hvport_prepare_all(void)
{
	struct hvport *hvport;

	for (hvport = devices; hvport < devices + NR_DEVICES; hvport++) {
		mutex_init(&hvport->reading);
		mutex_init(&hvport->writing);
		init_waitqueue_head(&hvport->wait);
		INIT_LIST_HEAD(&hvport->misc.list);
	}
}

/*
 * An interrupt that no device raises: a vector of CPU 0's, which stays what it is
 * because nothing here could change it.
 */

static struct irq_chip hvport_chip = {
	.name = "hvport",
	.irq_ack = irq_chip_ack_parent,
};

static int hvport_irq_alloc(struct irq_domain *domain, unsigned int number,
			    unsigned int count, void *info)
{
	int r = irq_domain_alloc_irqs_parent(domain, number, count, info);

	if (!r)
		irq_domain_set_info(domain, number, 0, &hvport_chip, NULL,
				    handle_edge_irq, NULL, "edge");
	return r;
}

static const struct irq_domain_ops hvport_irq_ops = {
	.alloc = hvport_irq_alloc,
	.free = irq_domain_free_irqs_common,
};

static void hvport_free_irq(void)
{
	if (irq > 0)
		irq_dispose_mapping(irq);
	if (irq_domain)
		irq_domain_remove(irq_domain);
	if (irq_node)
		irq_domain_free_fwnode(irq_node);
}

static int hvport_get_irq(void)
{
	/* A vector elsewhere would be taken otherwise when the IRQ is activated. */
	static struct irq_affinity_desc affinity;
	struct irq_alloc_info info = { .mask = &affinity.mask };
	int r;

	cpumask_copy(&affinity.mask, cpumask_of(CPU));
	irq_node = irq_domain_alloc_named_fwnode("hvport");
	if (irq_node)
		irq_domain = irq_domain_create_hierarchy(x86_vector_domain, 0, 0, irq_node,
							 &hvport_irq_ops, NULL);
	irq = -ENOMEM;
	if (irq_domain)
		irq = __irq_domain_alloc_irqs(irq_domain, -1, 1, NUMA_NO_NODE, &info,
					      false, &affinity);
	r = irq;
	if (irq > 0)
		r = request_irq(irq, hvport_interrupt, IRQF_NOBALANCING, "hvport", NULL);
	if (r)
		hvport_free_irq();
	return r;
}

static void hvport_put_irq(void)
{
	free_irq(irq, NULL);
	hvport_free_irq();
}

/* The SynIC of CPU 0 */

static void hvport_stop_synic(void)
{
	int i;

	for (i = 0; i < NR_DEVICES; i++)
		hv_set(MSR_SINT0 + FIRST_SINT + i, SINT_MASKED);
	hv_set(MSR_SIMP, 0);
	hv_set(MSR_SIEFP, 0);
	hv_set(MSR_SCONTROL, 0);
	hv_set(MSR_GUEST_OS_ID, old_guest_os_id);
}

/* The hypervisor may put pages of its own over these, so they are cleared after. */
static void hvport_start_synic(void)
{
	u32 vector = irqd_cfg(irq_get_irq_data(irq))->vector;
	int i;

	if (!old_guest_os_id)
		hv_set(MSR_GUEST_OS_ID, OUR_GUEST_OS_ID);
	vp_index = hv_get(MSR_VP_INDEX);
	hv_set(MSR_SIMP, virt_to_phys(message_page) | MSR_ON);
	hv_set(MSR_SIEFP, virt_to_phys(flag_page) | MSR_ON);
	memset(message_page, 0, PAGE_SIZE);
	memset(flag_page, 0, PAGE_SIZE);
	hv_set(MSR_SCONTROL, MSR_ON);
	for (i = 0; i < NR_DEVICES; i++)
		hv_set(MSR_SINT0 + FIRST_SINT + i, vector);
}

static int hvport_check(void)
{
	u64 simp, siefp;

	/* The VMM may say that there is a SynIC, and not have turned it on. */
	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR) ||
	    cpuid_eax(CPUID_INTERFACE) != INTERFACE_HV1 ||
	    ~cpuid_eax(CPUID_FEATURES) & FEATURES_WANTED ||
	    rdmsrq_safe_on_cpu(CPU, MSR_SIMP, &simp) ||
	    rdmsrq_safe_on_cpu(CPU, MSR_SIEFP, &siefp)) {
		pr_err("no SynIC: QEMU wants -cpu ...,hv-vpindex,hv-synic\n");
		return -ENODEV;
	}
	/* KVM's own hypercalls are Hyper-V's once there is a guest OS id. */
	if (kvm_para_available()) {
		pr_err("this kernel uses KVM's hypercalls: QEMU wants -cpu ...,kvm=off\n");
		return -ENODEV;
	}

	old_guest_os_id = hv_get(MSR_GUEST_OS_ID);
	if ((simp | siefp) & MSR_ON) {
		pr_err("somebody else uses the SynIC\n");
		return -EBUSY;
	}
	return 0;
}

static void hvport_free_pages(void)
{
	free_page((unsigned long)message_page);
	free_page((unsigned long)flag_page);
}

static int hvport_alloc_pages(void)
{
	message_page = (void *)get_zeroed_page(GFP_KERNEL);
	flag_page = (void *)get_zeroed_page(GFP_KERNEL);
	if (message_page && flag_page)
		return 0;
	hvport_free_pages();
	return -ENOMEM;
}

static int __init hvport_init(void)
{
	int r = hvport_check();

	if (!r)
		r = hvport_alloc_pages();
	if (r)
		return r;

	hvport_prepare_all();
	r = hvport_get_irq();
	if (r)
		goto out_pages;
	hvport_start_synic();
	r = hvport_add_all();
	if (!r)
		return 0;

	hvport_stop_synic();
	hvport_put_irq();
out_pages:
	hvport_free_pages();
	return r;
}
module_init(hvport_init);

static void __exit hvport_exit(void)
{
	hvport_remove_all();
	hvport_stop_synic();
	hvport_put_irq();
	hvport_free_pages();
}
module_exit(hvport_exit);

MODULE_DESCRIPTION("Hyper-V ports for user space");
MODULE_LICENSE("GPL");
