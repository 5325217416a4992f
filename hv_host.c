// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's files: partitions, and the ports and connections of the host's own
 *
 * See include/uapi/linux/hv_ports.h.  Hypercalls' statuses become errnos here
 * and nowhere else.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hv_ports.h"

#define HV_MESSAGE_HEADER	offsetof(struct hv_ports_message, payload)

static_assert(sizeof(struct hv_ports_message) == sizeof(struct hv_port_message));
static_assert(offsetof(struct hv_port_message, payload) == HV_MESSAGE_HEADER);

/**
 * struct hv_host_port - a file of a port
 * @partition: whose; counted
 * @port: counted
 * @readers: one at a time, so that a message is there until it was read
 */
struct hv_host_port {
	struct hv_partition *partition;
	struct hv_port *port;
	struct mutex readers;	/* outside of all others */
};

/**
 * struct hv_host_connection - a file of a connection
 * @partition: whose; counted
 * @port: what is connected; counted
 * @id: of the connection
 */
struct hv_host_connection {
	struct hv_partition *partition;
	struct hv_port *port;
	u32 id;
};

/* Status to errno */

enum hv_host_action {
	HV_HOST_CREATE,
	HV_HOST_CONNECT,
	HV_HOST_SEND,
	HV_HOST_ACTIONS,
};

struct hv_host_error {
	u64 status;
	int error[HV_HOST_ACTIONS];
};

static const struct hv_host_error hv_host_errors[] = {
	{ HV_STATUS_INVALID_PARAMETER,		{ -EINVAL, -EINVAL, -EINVAL } },
	{ HV_STATUS_INVALID_PARTITION_ID,	{ -ESRCH, -ESRCH } },
	{ HV_STATUS_INVALID_PARTITION_STATE,	{ -ENODEV, -ENODEV } },
	{ HV_STATUS_INVALID_PORT_ID,		{ -EEXIST, -ENOENT, -EPIPE } },
	{ HV_STATUS_INVALID_CONNECTION_ID,	{ 0, -EEXIST, -EPIPE } },
	{ HV_STATUS_NO_RESOURCES,		{ -EDQUOT, -EDQUOT } },
	{ HV_STATUS_INSUFFICIENT_MEMORY,	{ -ENOMEM, -ENOMEM } },
	{ HV_STATUS_INSUFFICIENT_BUFFERS,	{ 0, 0, -EAGAIN } },
	{ HV_STATUS_INVALID_VP_INDEX,		{ 0, 0, -EHOSTDOWN } },
	{ HV_STATUS_INVALID_SYNIC_STATE,	{ 0, 0, -EHOSTDOWN } },
};

static int hv_host_errno(u64 status, enum hv_host_action action)
{
	int i, error = 0;

	for (i = 0; i < ARRAY_SIZE(hv_host_errors); i++)
		if (hv_host_errors[i].status == status)
			error = hv_host_errors[i].error[action];

	return WARN_ON_ONCE(!error && status != HV_STATUS_SUCCESS) ? -EIO : error;
}

/* What all calls do */

/* Any of the arguments that an ioctl has */
union hv_host_arg {
	struct {
		u32 size;
		u32 flags;
	};
	struct hv_ports_get_info get_info;
	struct hv_ports_attach_vm attach_vm;
	struct hv_ports_create_host create_host;
	struct hv_ports_link link;
	struct hv_ports_partition partition;
	struct hv_ports_port port;
	struct hv_ports_connection connection;
	struct hv_ports_next_link next_link;
	struct hv_ports_set_partition set_partition;
	struct hv_ports_create_port create_port;
	struct hv_ports_connect connect;
};

static long hv_host_copy_in(union hv_host_arg *arg, const struct hv_host_call *call,
			    const void __user *user)
{
	u32 user_size;
	long r;

	if (get_user(user_size, (const u32 __user *)user))
		return -EFAULT;
	if (user_size < call->size)
		return -EINVAL;
	if (user_size > PAGE_SIZE)
		return -E2BIG;
	r = copy_struct_from_user(arg, call->size, user, user_size);
	/* Not what somebody writes there meanwhile. */
	arg->size = user_size;
	if (!r && arg->flags & ~call->flags)
		r = -EINVAL;
	return r;
}

/* As far as the caller knows it */
static long hv_host_copy_out(void __user *to, const void *from, size_t size)
{
	u32 user_size = *(const u32 *)from;

	return copy_to_user(to, from, min_t(size_t, size, user_size)) ? -EFAULT : 0;
}

/**
 * hv_host_ioctl - find an ioctl, and call it with its argument
 * @calls: those that the file has
 * @nr: how many
 * @context: for them
 * @cmd: which
 * @user: the argument, which starts with its size as the caller knows it
 *
 * Context: the caller's task, with no lock of ours; sleeps.
 * Return: what it returns; -ENOTTY if there is none, -EFAULT, -EINVAL or -E2BIG if
 * the argument is not one.
 */
long hv_host_ioctl(const struct hv_host_call *calls, int nr, void *context,
		   unsigned int cmd, void __user *user)
{
	union hv_host_arg arg;
	int i;
	long r;

	for (i = 0; i < nr && calls[i].cmd != cmd; i++)
		;
	if (i == nr)
		return -ENOTTY;

	r = hv_host_copy_in(&arg, &calls[i], user);
	if (!r)
		r = calls[i].call(context, &arg, user);
	if (!r && calls[i].replies)
		r = hv_host_copy_out(user, &arg, calls[i].size);
	return r;
}

/*
 * Tell the caller of a new file, in the member @fd of @arg.  If that fails nobody
 * has seen the file, and its release undoes what was done.
 */
static long hv_host_give(struct file *file, s32 *fd, void *arg, size_t size,
			 void __user *to)
{
	long r;

	*fd = get_unused_fd_flags(O_CLOEXEC);
	r = *fd < 0 ? *fd : hv_host_copy_out(to, arg, size);
	if (!r) {
		fd_install(*fd, file);
		return 0;
	}

	if (*fd >= 0)
		put_unused_fd(*fd);
	fput(file);
	return r;
}

/* A port's file */

static bool hv_host_has_message(struct hv_port *port)
{
	return hv_msg_poll_host(port) & (EPOLLIN | EPOLLHUP);
}

/* 0: there is none, or there are no more; the message stays if it is not read. */
static ssize_t hv_host_read_one(struct hv_host_port *host, char __user *to, size_t count)
{
	struct hv_port_message msg;
	struct hv_msg_buf *buf;
	size_t size;

	buf = hv_msg_peek_host(host->port, &msg);
	if (!buf)
		return 0;

	size = HV_MESSAGE_HEADER + msg.payload_size;
	if (count < size)
		return -EMSGSIZE;
	if (copy_to_user(to, &msg, size))
		return -EFAULT;
	hv_msg_take_host(host->port, buf);
	return size;
}

static ssize_t hv_host_port_read(struct file *file, char __user *to, size_t count,
				 loff_t *pos)
{
	struct hv_host_port *host = file->private_data;
	struct hv_port *port = host->port;
	ssize_t r;

	if (port->type != HV_PORT_TYPE_MESSAGE)
		return -EINVAL;

	for (;;) {
		if (mutex_lock_interruptible(&host->readers))
			return -ERESTARTSYS;
		r = hv_host_read_one(host, to, count);
		mutex_unlock(&host->readers);
		if (r || READ_ONCE(port->dead))
			return r;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(port->wait, hv_host_has_message(port)))
			return -ERESTARTSYS;
	}
}

static __poll_t hv_host_port_poll(struct file *file, poll_table *wait)
{
	struct hv_host_port *host = file->private_data;

	poll_wait(file, &host->port->wait, wait);
	return hv_msg_poll_host(host->port) & (EPOLLIN | EPOLLRDNORM | EPOLLHUP);
}

static void hv_host_port_free(struct hv_host_port *host)
{
	hv_port_delete_host(host->partition, host->port);
	hv_port_put(host->port);
	hv_partition_put(host->partition);
	mutex_destroy(&host->readers);
	kfree(host);
}

static int hv_host_port_release(struct inode *inode, struct file *file)
{
	hv_host_port_free(file->private_data);
	return 0;
}

static const struct file_operations hv_host_port_fops = {
	.owner = THIS_MODULE,
	.read = hv_host_port_read,
	.poll = hv_host_port_poll,
	.release = hv_host_port_release,
};

/* A connection's file */

static ssize_t hv_host_post(struct hv_host_connection *host, const char __user *from,
			    size_t count, u64 *status)
{
	struct hv_port_post_message post = { .connection_id = host->id };
	struct hv_ports_message msg;

	if (count < HV_MESSAGE_HEADER || count > sizeof(msg))
		return -EINVAL;
	if (copy_from_user(&msg, from, count))
		return -EFAULT;
	if (count != HV_MESSAGE_HEADER + msg.payload_size || msg.flags ||
	    msg.reserved[0] || msg.reserved[1] || msg.port)
		return -EINVAL;

	post.message_type = msg.type;
	post.payload_size = msg.payload_size;
	memcpy(post.payload, msg.payload, msg.payload_size);
	if (!hv_post_message(host->partition, &post, status))
		*status = HV_STATUS_INVALID_CONNECTION_ID;
	return 0;
}

static ssize_t hv_host_signal(struct hv_host_connection *host, const char __user *from,
			      size_t count, u64 *status)
{
	struct hv_port_signal_event signal = { .connection_id = host->id };
	u32 flag;

	if (count != sizeof(flag))
		return -EINVAL;
	if (copy_from_user(&flag, from, sizeof(flag)))
		return -EFAULT;
	if (flag >= HV_EVENT_FLAGS_COUNT)
		return -EINVAL;

	signal.flag_number = flag;
	if (!hv_signal_event(host->partition, &signal, status))
		*status = HV_STATUS_INVALID_CONNECTION_ID;
	return 0;
}

/* It goes with the file of its partition, too. */
static bool hv_host_is_connected(const struct hv_host_connection *host)
{
	return !READ_ONCE(host->port->revoked) &&
	       hv_connection_exists(host->partition, host->id);
}

/* Or what else ends a writer's waiting */
static bool hv_host_has_buffer(const struct hv_host_connection *host)
{
	return !hv_host_is_connected(host) ||
	       hv_msg_poll_host(host->port) & (EPOLLOUT | EPOLLHUP);
}

static ssize_t hv_host_connection_write(struct file *file, const char __user *from,
					size_t count, loff_t *pos)
{
	struct hv_host_connection *host = file->private_data;
	struct hv_port *port = host->port;
	u64 status;
	ssize_t r;

	for (;;) {
		if (port->type == HV_PORT_TYPE_MESSAGE)
			r = hv_host_post(host, from, count, &status);
		else
			r = hv_host_signal(host, from, count, &status);
		if (!r)
			r = hv_host_errno(status, HV_HOST_SEND);
		if (r != -EAGAIN || file->f_flags & O_NONBLOCK)
			return r ?: count;
		if (wait_event_interruptible(port->wait, hv_host_has_buffer(host)))
			return -ERESTARTSYS;
	}
}

static __poll_t hv_host_connection_poll(struct file *file, poll_table *wait)
{
	struct hv_host_connection *host = file->private_data;
	struct hv_port *port = host->port;
	__poll_t mask;

	poll_wait(file, &port->wait, wait);
	mask = hv_msg_poll_host(port) & (EPOLLOUT | EPOLLWRNORM | EPOLLHUP);
	if (port->type == HV_PORT_TYPE_EVENT)
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (mask & EPOLLHUP || !hv_host_is_connected(host))
		return EPOLLHUP | EPOLLERR;
	return mask;
}

static void hv_host_connection_free(struct hv_host_connection *host)
{
	const struct hv_input_disconnect_port in = {
		.connection_partition_id = HV_PARTITION_ID_SELF,
		.connection_id = host->id,
	};

	hv_connection_delete(host->partition, &in, NULL);
	hv_port_put(host->port);
	hv_partition_put(host->partition);
	kfree(host);
}

static int hv_host_connection_release(struct inode *inode, struct file *file)
{
	hv_host_connection_free(file->private_data);
	return 0;
}

static const struct file_operations hv_host_connection_fops = {
	.owner = THIS_MODULE,
	.write = hv_host_connection_write,
	.poll = hv_host_connection_poll,
	.release = hv_host_connection_release,
};

/* A partition's file */

static long hv_host_check_create(const struct hv_ports_create_port *arg)
{
	const bool event = arg->type == HV_PORTS_EVENT;

	if (arg->reserved || arg->id & ~HV_PORT_ID_MASK)
		return -EINVAL;
	if (arg->type != HV_PORTS_MESSAGE && !event && arg->type != HV_PORTS_DOORBELL)
		return -EINVAL;
	if (arg->type == HV_PORTS_MESSAGE && arg->eventfd != -1)
		return -EINVAL;
	if (arg->type == HV_PORTS_DOORBELL && !arg->id)
		return -EINVAL;
	if (event ? !arg->flag_count || arg->flag_count > HV_EVENT_FLAGS_COUNT :
		    arg->flag_count)
		return -EINVAL;
	return 0;
}

/* The SINT says nothing here, but has to be one. */
static struct hv_input_create_port
hv_host_create_input(const struct hv_ports_create_port *arg)
{
	struct hv_input_create_port in = {
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = arg->id,
		.connection_partition_id = arg->connection_partition,
		.port_info = {
			.port_type = arg->type,
			.message_port_info = {
				.target_sint = HV_PORT_SINT_MIN,
				.target_vp = HV_ANY_VP,
			},
		},
	};

	if (arg->type == HV_PORTS_EVENT)
		in.port_info.event_port_info.flag_count = arg->flag_count;
	return in;
}

static long hv_host_create(struct hv_partition *partition,
			   const struct hv_ports_create_port *arg, struct hv_port **port)
{
	const struct hv_input_create_port in = hv_host_create_input(arg);
	struct eventfd_ctx *eventfd = NULL;
	long r;

	if (arg->type != HV_PORTS_MESSAGE) {
		eventfd = eventfd_ctx_fdget(arg->eventfd);
		if (IS_ERR(eventfd))
			return -EBADF;
	}

	r = hv_host_errno(hv_port_create_host(partition, &in, &eventfd, port),
			  HV_HOST_CREATE);
	/* The port has it, even if it did not live to see the end. */
	if (eventfd)
		eventfd_ctx_put(eventfd);
	return r;
}

static long hv_host_create_port(void *context, void *data, void __user *to)
{
	struct hv_partition *partition = context;
	struct hv_ports_create_port *arg = data;
	struct hv_host_port *host;
	struct file *file;
	long r;

	r = hv_host_check_create(arg);
	if (r)
		return r;

	host = kzalloc_obj(*host, GFP_KERNEL_ACCOUNT);
	if (!host)
		return -ENOMEM;

	r = hv_host_create(partition, arg, &host->port);
	if (r) {
		kfree(host);
		return r;
	}

	mutex_init(&host->readers);
	kref_get(&partition->ref);
	host->partition = partition;
	file = anon_inode_getfile("hv_port", &hv_host_port_fops, host, O_RDWR);
	if (IS_ERR(file)) {
		hv_host_port_free(host);
		return PTR_ERR(file);
	}
	return hv_host_give(file, &arg->fd, arg, sizeof(*arg), to);
}

static long hv_host_make_connection(struct hv_partition *partition,
				    const struct hv_ports_connect *arg)
{
	const struct hv_input_connect_port in = {
		.connection_partition_id = HV_PARTITION_ID_SELF,
		.connection_id = arg->id,
		.port_partition_id = arg->port_partition,
		.port_id = arg->port,
		.connection_info = { .port_type = arg->type },
	};

	return hv_host_errno(hv_connection_create(partition, &in, NULL), HV_HOST_CONNECT);
}

static long hv_host_connect(void *context, void *data, void __user *to)
{
	struct hv_partition *partition = context;
	struct hv_ports_connect *arg = data;
	struct hv_host_connection *host;
	struct file *file;
	long r;

	if (arg->id & ~HV_CONNECTION_ID_MASK ||
	    (arg->type != HV_PORTS_MESSAGE && arg->type != HV_PORTS_EVENT))
		return -EINVAL;

	host = kzalloc_obj(*host, GFP_KERNEL_ACCOUNT);
	if (!host)
		return -ENOMEM;

	r = hv_host_make_connection(partition, arg);
	if (r) {
		kfree(host);
		return r;
	}

	/* Nobody but its file, and the partition's, removes it. */
	host->port = hv_connection_get_port(partition, arg->id);
	kref_get(&partition->ref);
	host->partition = partition;
	host->id = arg->id;
	file = anon_inode_getfile("hv_connection", &hv_host_connection_fops, host, O_RDWR);
	if (IS_ERR(file)) {
		hv_host_connection_free(host);
		return PTR_ERR(file);
	}
	return hv_host_give(file, &arg->fd, arg, sizeof(*arg), to);
}

static long hv_host_check_set(const struct hv_ports_set_partition *arg)
{
	const u32 flags = arg->flags;

	if (flags & HV_PORTS_SET_ID &&
	    (arg->id <= HV_PARTITION_ID_ROOT || arg->id == HV_PARTITION_ID_SELF))
		return -EINVAL;
	if (flags & HV_PORTS_SET_PRIVILEGES && arg->privileges & ~HV_PORTS_MAY_ALL)
		return -EINVAL;
	if (flags & HV_PORTS_SET_NAME &&
	    strnlen(arg->name, sizeof(arg->name)) == sizeof(arg->name))
		return -EINVAL;
	return 0;
}

static long hv_host_set(void *context, void *data, void __user *to)
{
	struct hv_partition *partition = context, *parent = NULL, *old_parent;
	const struct hv_ports_set_partition *arg = data;
	long r;

	r = hv_host_check_set(arg);
	if (r)
		return r;

	if (arg->flags & HV_PORTS_SET_PARENT && arg->parent_fd != -1) {
		parent = hv_host_partition_get(arg->parent_fd);
		if (IS_ERR(parent))
			return PTR_ERR(parent);
	}

	r = hv_partition_change(partition, arg, parent, &old_parent);
	if (!r && parent)
		hv_ports_review(partition, parent);
	if (old_parent) {
		hv_ports_review(partition, old_parent);
		hv_partition_put(old_parent);
	}
	if (parent)
		hv_partition_put(parent);
	return r;
}

#define HV_HOST_SET_FLAGS						\
	(HV_PORTS_SET_ID | HV_PORTS_SET_PARENT | HV_PORTS_SET_MAX_PORTS |	\
	 HV_PORTS_SET_MAX_CONNECTIONS | HV_PORTS_SET_PRIVILEGES | HV_PORTS_SET_NAME)

/* Only the first is for a VM's, too. */
static const struct hv_host_call hv_host_calls[] = {
	HV_HOST_CALL(HV_PORTS_SET_PARTITION, hv_ports_set_partition, HV_HOST_SET_FLAGS,
		     false, hv_host_set),
	HV_HOST_CALL(HV_PORTS_CREATE_PORT, hv_ports_create_port, 0, false,
		     hv_host_create_port),
	HV_HOST_CALL(HV_PORTS_CONNECT, hv_ports_connect, 0, false, hv_host_connect),
};

static long hv_host_partition_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct hv_partition *partition = file->private_data;

	return hv_host_ioctl(hv_host_calls, partition->kvm ? 1 : ARRAY_SIZE(hv_host_calls),
			     partition, cmd, (void __user *)arg);
}

/* A VM's partition goes on; one of the host's own ends here. */
static void hv_host_partition_free(struct hv_partition *partition)
{
	if (partition->kvm) {
		clear_bit_unlock(0, &partition->claimed);
	} else {
		hv_partition_hide(partition);
		hv_ports_teardown(partition);
		synchronize_rcu();
	}
	hv_partition_put(partition);
}

static int hv_host_partition_release(struct inode *inode, struct file *file)
{
	hv_host_partition_free(file->private_data);
	return 0;
}

static const struct file_operations hv_host_partition_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = hv_host_partition_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = hv_host_partition_release,
};

/**
 * hv_host_give_partition - make a file of a partition, and reply to an ioctl
 * @partition: counted, and the file's from here on
 * @fd: member of @arg that receives the file's number
 * @arg: to be written back
 * @size: of @arg
 * @to: where to
 *
 * Context: the caller's task; takes L1, then L0, to end a partition of the host's
 * that it cannot give; sleeps.
 * Return: 0, -EFAULT, -EMFILE or -ENOMEM.
 */
long hv_host_give_partition(struct hv_partition *partition, s32 *fd, void *arg,
			    size_t size, void __user *to)
{
	struct file *file;

	file = anon_inode_getfile("hv_partition", &hv_host_partition_fops, partition, O_RDWR);
	if (IS_ERR(file)) {
		hv_host_partition_free(partition);
		return PTR_ERR(file);
	}
	return hv_host_give(file, fd, arg, size, to);
}

/**
 * hv_host_partition_get - the partition of a file
 * @fd: of the file
 *
 * Context: the task that has the file; does not sleep.
 * Return: the partition, counted; -EBADF if nothing is open there, -EINVAL if it
 * is no partition's.
 */
struct hv_partition *hv_host_partition_get(int fd)
{
	struct hv_partition *partition = ERR_PTR(-EINVAL);
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);

	if (file->f_op == &hv_host_partition_fops) {
		partition = file->private_data;
		kref_get(&partition->ref);
	}
	fput(file);
	return partition;
}
