/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hyper-V ports and connections for KVM guests: internal structures
 *
 * A partition is a VM with ports.  A port is a mailbox: messages or event flags
 * sent to it arrive at one SINT of one (or any) of its partition's virtual
 * processors.  A connection is what a partition holds of somebody's port; the
 * hypercalls PostMessage and SignalEvent name connections, never ports.
 *
 * Locking
 * =======
 *
 *	vcpu->mutex (KVM's), held in every hook but vm_destroy
 *	  L1 hv_partition.lock	mutex; at most one; never under any kvm->srcu
 *	-- below: legal under kvm->srcu and RCU, nothing sleeps --
 *	    L3 hv_vp.lock	spinlock; at most one
 *	      L4 hv_port.lock	spinlock; leaf
 *
 * (L2 would be kvm->slots_lock.  Nothing here takes it.)
 *
 * L1 serialises whatever changes the partition's tables of ports and
 * connections.  A hypercall arrives with kvm->srcu held, under which L1 must
 * not be taken, because a holder of L1 may wait for that SRCU; hence hv_hcall.c
 * copies the input, drops kvm->srcu, and only then calls what needs L1.
 *
 * PostMessage and SignalEvent take no L1.  They look up the connection under
 * RCU and stay in the same RCU section until the target has been kicked.  The
 * connection holds a counted reference to its port, so the port is there; what
 * the port points to (its partition and that partition's VPs) is there unless
 * the port is dead.  Connections and ports are freed after a grace period.
 *
 * L3 protects the message queues of a VP.  Anybody may append; only the VP's
 * own vCPU takes from the head, and only in its own context, because writing
 * guest memory sleeps and belongs to the task that owns the address space.  The
 * head therefore stays queued while it is copied into the guest, marked by
 * hv_vp.delivering, and is unlinked when it got there.  A purge clears the mark.
 *
 * L4 protects the port's free buffers, its dead flag and what is connected to
 * it.  A poster takes the buffer under L3 and L4 and queues it before it drops
 * L3.  Deletion sets the dead flag under L4, after which no buffer is taken any
 * more, and then visits, under their L3, the VPs that hold the port's buffers:
 * when it returns, no queue has any.  Queued messages need no reference.
 *
 * A doorbell is a connection whose signal is a guest write.  The write looks it
 * up under RCU exactly as SignalEvent does; L1 serialises arming, disarming and
 * the search for collisions.
 *
 * Event flags on their way to a VP are bits in hv_vp.flags, set by anybody and
 * taken by the VP's own vCPU, with atomic operations and no lock.
 *
 * Lifetimes
 * =========
 *
 *	hv_partition	from the VM's first port call to vm_destroy
 *	hv_vp		as long as its partition
 *	hv_port		kref: one for the table, one per connection; then RCU
 *	hv_connection	until disconnected; then RCU.  Outlives its port's deletion.
 */
#ifndef HV_PORTS_H
#define HV_PORTS_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include <asm/kvm_hv_ports.h>
#include <asm/mshyperv.h>

#include "hv_tlfs.h"

/* Message buffers of a port; TLFS asks for some, Hyper-V has 16. */
#define HV_PORT_BUFFERS		16

#define HV_EVENT_FLAG_WORDS	(HV_EVENT_FLAGS_COUNT / 64)

struct hv_port;

/**
 * struct hv_msg_buf - a message on its way
 * @node: in &hv_vp.queue (L3), or in &hv_port.free (L4)
 * @port: whose buffer it is; constant
 * @vp: whose queue it is in, or NULL; written under L3 and L4
 * @msg: what the guest will see, MessagePending excepted; under L3 once queued
 */
struct hv_msg_buf {
	struct list_head node;
	struct hv_port *port;
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
};

/**
 * struct hv_partition - a VM with ports
 * @id: never reused
 * @kvm: the VM; outlives the partition
 * @lock: L1
 * @ports: struct hv_port by id; written under L1, read under RCU
 * @connections: struct hv_connection by id; written under L1, read under RCU
 * @doorbells: struct hv_connection by id, doorbells; under L1
 * @doorbell_gpas: struct hv_doorbell_gpa by address; written under L1, read under
 *	RCU
 * @nr_ports: under L1
 * @nr_connections: of both kinds; under L1
 * @max_ports: constant
 * @max_connections: constant
 * @vps: struct hv_vp by vcpu_idx; only grows
 */
struct hv_partition {
	u64 id;
	struct kvm *kvm;
	struct mutex lock;	/* L1 */
	struct xarray ports;
	struct xarray connections;
	struct xarray doorbells;
	struct xarray doorbell_gpas;
	u32 nr_ports;
	u32 nr_connections;
	u32 max_ports;
	u32 max_connections;
	struct xarray vps;
};

/**
 * struct hv_port - a mailbox
 * @ref: the table's reference, and one per connection
 * @rcu: for freeing
 * @partition: the owner; not to be followed once @dead, and only under RCU
 * @connection_partition_id: who may connect; constant
 * @id: constant
 * @type: enum hv_port_type; constant
 * @sint: 1 to 15; constant
 * @target_vp: VP index or HV_ANY_VP; constant
 * @base_flag: event ports, the first flag; constant
 * @flag_count: event ports, how many; constant
 * @preferred_vp: for HV_ANY_VP, who is asked first; READ_ONCE/WRITE_ONCE
 * @lock: L4
 * @dead: written once, under L4
 * @connection: what is connected; written under L4 and the L1 of the partition
 *	that may connect
 * @post_count: messages posted so far; under L4
 * @free: buffers not in a queue; under L4
 * @buffers: message ports, HV_PORT_BUFFERS of them
 */
struct hv_port {
	struct kref ref;
	struct rcu_head rcu;
	struct hv_partition *partition;
	u64 connection_partition_id;
	u32 id;
	u32 type;
	u32 sint;
	u32 target_vp;
	u32 base_flag;
	u32 flag_count;
	u32 preferred_vp;

	spinlock_t lock;	/* L4 */
	bool dead;
	struct hv_connection *connection;
	u64 post_count;
	struct list_head free;
	struct hv_msg_buf *buffers;
};

/**
 * struct hv_connection - a partition's end of a port
 * @rcu: for freeing
 * @id: constant
 * @automatic: made by CreatePort, gives way to ConnectPort; constant
 * @port: counted; may be dead
 * @doorbell: port type HV_PORT_TYPE_DOORBELL, what is watched; constant
 */
struct hv_connection {
	struct rcu_head rcu;
	u32 id;
	bool automatic;
	struct hv_port *port;
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
struct hv_partition *hv_partition_attach(struct kvm *kvm);
void hv_partition_free(struct hv_partition *partition);
struct hv_partition *hv_partition_resolve(struct hv_partition *caller, u64 id);
struct hv_vp *hv_partition_add_vp(struct hv_partition *partition,
				  struct kvm_vcpu *vcpu);

/* hv_ports.c */
u64 hv_port_create(struct hv_partition *caller, const void *input, u64 *output);
u64 hv_port_delete(struct hv_partition *caller, const void *input, u64 *output);
u64 hv_port_get_property(struct hv_partition *caller, const void *input, u64 *output);
u64 hv_port_set_property(struct hv_partition *caller, const void *input, u64 *output);
u64 hv_connection_create(struct hv_partition *caller, const void *input, u64 *output);
u64 hv_connection_delete(struct hv_partition *caller, const void *input, u64 *output);
bool hv_post_message(struct hv_partition *caller, const void *input, u64 *status);
bool hv_signal_event(struct hv_partition *caller, const void *input, u64 *status);
struct hv_vp *hv_port_doorbell_vp_rcu(struct hv_port *port);
void hv_ports_teardown(struct hv_partition *partition);
int hv_ports_cache_init(void);
void hv_ports_cache_exit(void);

/* hv_synic_msg.c */
void hv_msg_init_buffers(struct hv_port *port);
u64 hv_msg_post(struct hv_port *port, struct hv_vp *vp,
		const struct hv_port_post_message *post);
void hv_msg_purge(struct hv_port *port);
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

#endif /* HV_PORTS_H */
