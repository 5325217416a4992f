/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hyper-V ports and connections for KVM guests: internal structures
 *
 * A partition is a VM with ports, or the host's own end.  A port is a mailbox:
 * messages or event flags sent to it arrive at one SINT of one (or any) of its
 * partition's virtual processors, or in a file of the host's.  A connection is
 * what a partition holds of somebody's port; the hypercalls PostMessage and
 * SignalEvent name connections, never ports.
 *
 * Locking
 * =======
 *
 *	vcpu->mutex (KVM's), held in every hook but vm_destroy
 *	L1 hv_partition.lock	mutex; at most one; never under any kvm->srcu
 *	  L0 hv_partitions_lock	mutex, all partitions': ids, links and parents
 *	-- below: legal under kvm->srcu and RCU, nothing sleeps --
 *	    L3 hv_vp.lock	spinlock; at most one
 *	      L4 hv_port.lock	spinlock; leaf
 *
 * (L2 would be kvm->slots_lock.  Nothing here takes it.)
 *
 * L0 is everybody's, so it is held briefly: no L1 is waited for under it, and no
 * memory allocated on behalf of a guest.
 *
 * L1 serialises whatever changes the partition's tables of ports and
 * connections.  A hypercall arrives with kvm->srcu held, under which L1 must
 * not be taken: it may be another VM's, whose holder may be short of memory or
 * of CPU time, and this VM's memory slots could not change meanwhile.  Hence
 * hv_hcall.c copies the input, drops kvm->srcu, and only then calls what needs
 * L1.
 *
 * PostMessage and SignalEvent take no L1.  They look up the connection under
 * RCU and stay in the same RCU section until the target has been kicked.  The
 * connection holds a counted reference to its port, so the port is there; what
 * the port points to (its partition and that partition's VPs) is there unless
 * the port is dead.  Connections and ports are freed after a grace period.
 *
 * Another VM's partition is counted while a hypercall looks at it, but not its
 * VM: that is there, and stays, only for who holds its L1 and finds it not
 * dying.  vm_destroy sets dying under L1, kills the ports under L1, and waits for
 * a grace period.  Nobody waits for what another VM's guest or VMM does next; for
 * its L1, and thus for a call of the module's to end, whoever names it may.  Who
 * its parent is stays under its L1, too, so a former one does not act in it.
 *
 * L3 protects the message queues of a VP.  Anybody may append; only the VP's
 * own vCPU takes from the head, and only in its own context, because writing
 * guest memory sleeps and belongs to the task that owns the address space.  The
 * head therefore stays queued while it is copied into the guest, marked by
 * hv_vp.delivering, and is unlinked when it got there.  A purge clears the mark.
 *
 * L4 protects the port's free buffers, its dead flag and what is connected to
 * it; and the queue of a port of the host's, which has no VP.  A poster takes
 * the buffer under L3 and L4 and queues it before it drops L3.  Deletion sets
 * the dead flag under L4, after which no buffer is taken any more, and then
 * visits, under their L3, the VPs that hold the port's buffers: when it
 * returns, no queue has any.  Queued messages need no reference.
 *
 * A doorbell is a connection whose signal is a guest write.  The write looks it
 * up under RCU exactly as SignalEvent does; L1 serialises arming, disarming and
 * the search for collisions.
 *
 * Event flags on their way to a VP are bits in hv_vp.flags, set by anybody and
 * taken by the VP's own vCPU, with atomic operations and no lock.  Nothing bounds how
 * often somebody signals: where that keeps the vCPU from its guest, requests to
 * deliver cease until a timer makes one.
 *
 * Lifetimes
 * =========
 *
 *	hv_partition	kref: the VM's, from its first port call to vm_destroy; or
 *			the host's file; then whoever found it, named it as
 *			ConnectionPartition, has a connection that it made
 *			automatically, or is its child.  Then RCU.
 *	hv_vp		as long as its partition
 *	hv_port		kref: one for the table, one per connection; then RCU
 *	hv_connection	until disconnected; then RCU.  Outlives its port's deletion.
 */
#ifndef HV_PORTS_H
#define HV_PORTS_H

#ifndef CONFIG_X86_64
#error "ids and addresses of 64 bits are indices of xarrays"
#endif

#include <linux/eventfd.h>
#include <linux/hv_ports.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include <asm/kvm_hv_ports.h>
#include <asm/mshyperv.h>

#include "compat.h"
#include "hv_tlfs.h"

/* Message buffers of a port; TLFS asks for some, Hyper-V has 16. */
#define HV_PORT_BUFFERS		16

#define HV_EVENT_FLAG_WORDS	(HV_EVENT_FLAGS_COUNT / 64)

struct hv_port;

/**
 * struct hv_msg_buf - a message on its way
 * @node: in &hv_vp.queue (L3), or in &hv_port.free or &hv_port.queue (L4)
 * @port: whose buffer it is; constant
 * @queued: not free; under L4
 * @vp: whose queue it is in, or NULL; written under L3 and L4
 * @msg: what the guest will see, MessagePending excepted; under L3 once queued
 */
struct hv_msg_buf {
	struct list_head node;
	struct hv_port *port;
	bool queued;
	struct hv_vp *vp;
	struct hv_port_message msg;
};

/**
 * struct hv_vp - a virtual processor as a target
 * @vcpu: KVM's; outlives the hv_vp
 * @lock: L3
 * @msg_sints: SINTs whose @queue is not empty; written under L3
 * @queue: messages waiting for the SINT's slot; under L3
 * @delivering: head of a queue that the vCPU is copying, or NULL; under L3
 * @bounce: the copy; belongs to the vCPU's context
 * @flag_sints: SINTs with bits in @flag_words; atomic
 * @flag_words: words of @flags with bits; atomic
 * @flags: event flags not yet in the guest's page; atomic
 * @resting: flags ask for no delivery until @rest expires; READ_ONCE/WRITE_ONCE
 * @rest: the end of that
 * @exits: of the vCPU when flags were last delivered; the vCPU's context
 * @tries: how often they were since; the vCPU's context
 */
struct hv_vp {
	struct kvm_vcpu *vcpu;
	spinlock_t lock;	/* L3 */
	unsigned long msg_sints;
	struct list_head queue[HV_SYNIC_SINT_COUNT];
	struct hv_msg_buf *delivering;
	struct hv_port_message bounce;

	unsigned long flag_sints;
	unsigned long flag_words[HV_SYNIC_SINT_COUNT];
	u64 flags[HV_SYNIC_SINT_COUNT][HV_EVENT_FLAG_WORDS];
	bool resting;
	struct timer_list rest;
	u64 exits;
	u32 tries;
};

/**
 * struct hv_partition - a VM with ports, or the host's own end
 * @ref: see above
 * @rcu: for freeing
 * @id: nobody else's while this is here; written under L0 and L1, see
 *	HV_PORTS_SET_ID
 * @kvm: the VM, there as long as @dying is clear; NULL: the host's own
 * @pid: who made it, in the initial namespace; constant
 * @claimed: there is a file of it
 * @dying: on its way out; written once, under L0 and L1
 * @parent: counted, or NULL; written under L0 and L1
 * @links: ids of the partitions that it may name; written under L0, read under
 *	RCU
 * @privileges: HV_PORTS_MAY_...; written under L1
 * @name: the host's name for it; under L1
 * @lock: L1
 * @ports: struct hv_port by id; written under L1, read under RCU
 * @connections: struct hv_connection by id; written under L1, read under RCU
 * @doorbells: struct hv_connection by id, doorbells; under L1
 * @doorbell_gpas: struct hv_doorbell_gpa by address; written under L1, read under
 *	RCU
 * @doorbell_pages: how many of them, by KVM_HV_PORT_PAGE_BIT(); under L1
 * @dropped: messages whose port was deleted before they were delivered; under L1
 * @nr_freed: ports and connections that were here; under L1
 * @nr_ports: under L1
 * @nr_connections: of both kinds, those with a sponsor not counted; under L1
 * @nr_sponsored: automatic connections that others have of this one's ports
 * @max_ports: under L1
 * @max_connections: written under L1
 * @vps: struct hv_vp by vcpu_idx; only grows, until the VM is gone
 */
struct hv_partition {
	struct kref ref;
	struct rcu_head rcu;
	u64 id;
	struct kvm *kvm;
	pid_t pid;
	unsigned long claimed;
	bool dying;
	struct hv_partition *parent;
	struct xarray links;
	u32 privileges;
	char name[HV_PORTS_NAME_SIZE];

	struct mutex lock;	/* L1 */
	struct xarray ports;
	struct xarray connections;
	struct xarray doorbells;
	struct xarray doorbell_gpas;
	u32 doorbell_pages[BITS_PER_LONG];
	u64 dropped;
	u32 nr_freed;
	u32 nr_ports;
	u32 nr_connections;
	atomic_t nr_sponsored;
	u32 max_ports;
	u32 max_connections;
	struct xarray vps;
};

/**
 * struct hv_port - a mailbox
 * @ref: the table's reference, one per connection, and the host's file
 * @rcu: for freeing
 * @partition: the owner; not to be followed once @dead, and only under RCU
 * @connection_partition: who may connect; counted until @dead, under L4
 * @id: constant
 * @type: enum hv_port_type; constant
 * @sint: 1 to 15; constant
 * @target_vp: VP index or HV_ANY_VP; constant
 * @base_flag: event ports, the first flag; constant
 * @flag_count: event ports, how many; constant
 * @eventfd: events and doorbells of the host's; counted; constant
 * @vcpu: who was last seen with @target_vp; as @partition; READ_ONCE/WRITE_ONCE
 * @preferred_vp: for HV_ANY_VP, who is asked first; READ_ONCE/WRITE_ONCE
 * @revoked: owner and @connection_partition do not know each other any more;
 *	written under L1
 * @lock: L4
 * @dead: written once, under L4
 * @connection: what is connected; written under L4 and the L1 of the partition
 *	that may connect
 * @post_count: messages posted so far; under L4
 * @rings: events and doorbells so far
 * @delivered: messages that arrived; under L4
 * @busy: messages that found their slot taken; under L4
 * @refused: messages for which there was no buffer; under L4
 * @free: buffers not in a queue; under L4
 * @queue: messages for the host; under L4
 * @wait: whoever waits for messages, or for buffers
 * @buffers: message ports, HV_PORT_BUFFERS of them
 */
struct hv_port {
	struct kref ref;
	struct rcu_head rcu;
	struct hv_partition *partition;
	struct hv_partition *connection_partition;
	u32 id;
	u32 type;
	u32 sint;
	u32 target_vp;
	u32 base_flag;
	u32 flag_count;
	struct eventfd_ctx *eventfd;
	struct kvm_vcpu *vcpu;
	u32 preferred_vp;
	bool revoked;

	spinlock_t lock;	/* L4 */
	bool dead;
	struct hv_connection *connection;
	u64 post_count;
	atomic64_t rings;
	u64 delivered;
	u64 busy;
	u64 refused;
	struct list_head free;
	struct list_head queue;
	wait_queue_head_t wait;
	struct hv_msg_buf *buffers;
};

/**
 * struct hv_connection - a partition's end of a port
 * @rcu: for freeing
 * @id: constant
 * @automatic: made by CreatePort, gives way to ConnectPort; constant
 * @sponsor: automatic, and made by another partition: that one, counted; constant
 * @port: counted; may be dead
 * @sent: messages, events and rings that were taken
 * @failed: messages and events that were not
 * @doorbell: port type HV_PORT_TYPE_DOORBELL, what is watched; constant
 */
struct hv_connection {
	struct rcu_head rcu;
	u32 id;
	bool automatic;
	struct hv_partition *sponsor;
	struct hv_port *port;
	atomic64_t sent;
	atomic64_t failed;
	struct {
		u64 gpa;
		u64 value;
		u64 flags;
	} doorbell;
};

/* hv_dev.c */
extern const struct kvm_hv_port_services *hv_kvm;

/* hv_hcall.c */
bool hv_hcall(struct kvm_vcpu *vcpu, struct hv_partition *caller,
	      const struct kvm_hv_port_hcall *hc, u64 *status);

/* hv_partition.c */
void hv_partition_free_vps(struct hv_partition *partition);
struct hv_vp *hv_partition_add_vp(struct hv_partition *partition,
				  struct kvm_vcpu *vcpu);
struct hv_partition *hv_partition_attach(struct kvm *kvm);
struct hv_partition *hv_partition_create_host(void);
void hv_partition_hide(struct hv_partition *partition);
void hv_partition_put(struct hv_partition *partition);
void hv_partitions_start(void);
void hv_partitions_exit(void);
bool hv_partition_knows(struct hv_partition *partition, struct hv_partition *other);
struct hv_partition *hv_partition_find(u64 id);
struct hv_partition *hv_partition_find_next(u64 *id);
struct hv_partition *hv_partition_resolve(struct hv_partition *caller, u64 id);
int hv_partition_link(struct hv_partition *a, struct hv_partition *b, bool link);
bool hv_partition_next_link(u64 *a, u64 *b);
u64 hv_partition_parent_id(struct hv_partition *partition);
int hv_partition_change(struct hv_partition *partition,
			const struct hv_ports_set_partition *set,
			struct hv_partition *parent, struct hv_partition **old_parent);

/* hv_ports.c */
u64 hv_port_create(struct hv_partition *caller, const void *input, u64 *output);
u64 hv_port_create_host(struct hv_partition *host, const struct hv_input_create_port *in,
			struct eventfd_ctx **eventfd, struct hv_port **port);
u64 hv_port_delete(struct hv_partition *caller, const void *input, u64 *output);
bool hv_port_delete_host(struct hv_partition *host, struct hv_port *port);
void hv_port_put(struct hv_port *port);
u64 hv_port_get_property(struct hv_partition *caller, const void *input, u64 *output);
u64 hv_port_set_property(struct hv_partition *caller, const void *input, u64 *output);
u64 hv_connection_create(struct hv_partition *caller, const void *input, u64 *output);
u64 hv_connection_delete(struct hv_partition *caller, const void *input, u64 *output);
struct hv_port *hv_connection_get_port(struct hv_partition *partition, u32 id);
bool hv_connection_exists(struct hv_partition *partition, u32 id);
bool hv_post_message(struct hv_partition *caller, const void *input, u64 *status);
bool hv_signal_event(struct hv_partition *caller, const void *input, u64 *status);
bool hv_port_ring_rcu(struct hv_port *port);
void hv_ports_review(struct hv_partition *a, struct hv_partition *b);
bool hv_ports_next_port(struct hv_partition *partition, struct hv_ports_port *info);
bool hv_ports_next_connection(struct hv_partition *partition,
			      struct hv_ports_connection *info);
void hv_ports_teardown(struct hv_partition *partition);
int hv_ports_cache_init(void);
void hv_ports_cache_exit(void);

/* hv_synic_msg.c */
void hv_msg_init_buffers(struct hv_port *port);
u64 hv_msg_post(struct hv_port *port, struct hv_vp *vp,
		const struct hv_port_post_message *post);
u64 hv_msg_post_host(struct hv_port *port, const struct hv_port_post_message *post);
struct hv_msg_buf *hv_msg_peek_host(struct hv_port *port, struct hv_port_message *msg);
void hv_msg_take_host(struct hv_port *port, struct hv_msg_buf *buf);
__poll_t hv_msg_poll_host(struct hv_port *port);
u32 hv_msg_purge(struct hv_port *port);
u32 hv_msg_deliver(struct hv_vp *vp);
void hv_msg_sint_acked(struct hv_vp *vp, u32 sint);

/* hv_synic_event.c */
void hv_event_signal(struct hv_vp *vp, u32 sint, u32 flag);
void hv_event_deliver(struct hv_vp *vp);

/* hv_doorbell.c */
bool hv_doorbell_write(struct kvm_vcpu *vcpu, struct hv_partition *partition,
		       gpa_t gpa, int len, const void *data);
bool hv_doorbell_check_input(struct hv_partition *partition,
			     const struct hv_connection_info *info);
bool hv_doorbell_collides(struct hv_partition *partition,
			  const struct hv_connection_info *info);
bool hv_doorbell_arm(struct hv_partition *partition, struct hv_connection *connection);
void hv_doorbell_disarm(struct hv_partition *partition, struct hv_connection *connection);

/* hv_host.c */

/**
 * struct hv_host_call - an ioctl
 * @cmd: its number
 * @size: of its argument
 * @flags: that it knows
 * @replies: whether the argument is written back if @call succeeds
 * @call: gets the argument, and where it came from
 */
struct hv_host_call {
	unsigned int cmd;
	u32 size;
	u32 flags;
	bool replies;
	long (*call)(void *context, void *data, void __user *to);
};

#define HV_HOST_CALL(cmd, type, flags, replies, call) \
	{ cmd, sizeof(struct type), flags, replies, call }

long hv_host_ioctl(const struct hv_host_call *calls, int nr, void *context,
		   unsigned int cmd, void __user *user);
long hv_host_give_partition(struct hv_partition *partition, s32 *fd, void *arg,
			    size_t size, void __user *to);
struct hv_partition *hv_host_partition_get(int fd);

#endif /* HV_PORTS_H */
