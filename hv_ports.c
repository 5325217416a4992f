// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports and connections: create, delete, connect, disconnect, properties, and
 * the way from a connection to the VP that hears of it
 *
 * The order of checks in each call is part of the ABI, see
 * Documentation/guest-abi.rst.
 */
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "hv_ports.h"

/* Ports and connections of a partition that may wait for a grace period at once */
#define HV_MAX_UNFREED		1024

static struct kmem_cache *hv_port_buffers;

/* Lookup */

static struct hv_port *hv_port_find_rcu(struct hv_partition *partition, u32 id)
{
	return xa_load(&partition->ports, id);
}

static struct hv_connection *hv_connection_find_rcu(struct hv_partition *partition, u32 id)
{
	return partition ? xa_load(&partition->connections, id) : NULL;
}

static struct hv_port *hv_port_get(struct hv_partition *partition, u32 id)
{
	struct hv_port *port;

	rcu_read_lock();
	port = hv_port_find_rcu(partition, id);
	if (port && !kref_get_unless_zero(&port->ref))
		port = NULL;
	rcu_read_unlock();

	return port;
}

static void hv_port_free_rcu(struct rcu_head *rcu)
{
	struct hv_port *port = container_of(rcu, struct hv_port, rcu);

	if (port->buffers)
		kmem_cache_free(hv_port_buffers, port->buffers);
	if (port->eventfd)
		eventfd_ctx_put(port->eventfd);
	kfree(port);
}

static void hv_port_release(struct kref *ref)
{
	struct hv_port *port = container_of(ref, struct hv_port, ref);

	call_rcu(&port->rcu, hv_port_free_rcu);
}

/**
 * hv_port_put - let go of a port
 * @port: was counted
 *
 * Context: any; does not sleep.
 */
void hv_port_put(struct hv_port *port)
{
	kref_put(&port->ref, hv_port_release);
}

/* Data path: from a connection to a VP */

static bool hv_port_is_host(const struct hv_port *port)
{
	return !port->partition->kvm;
}

static bool hv_port_is_gone(const struct hv_port *port)
{
	return READ_ONCE(port->dead) || READ_ONCE(port->revoked);
}

/* @page: which page of the VP's SynIC has to be on */
static bool hv_vp_state_is_ready(const struct kvm_hv_port_vp *state,
				 const struct hv_port *port, u32 page)
{
	const u32 on = KVM_HV_PORT_VP_SYNIC | page;

	if (!state->data || (state->state & on) != on)
		return false;
	/* Messages only lose their interrupt where the SINT is masked. */
	return port->type == HV_PORT_TYPE_MESSAGE || !(state->sint & HV_SYNIC_SINT_MASKED);
}

static bool hv_vp_is_ready(struct kvm_vcpu *vcpu, const struct hv_port *port,
			   u32 page, struct hv_vp **vp)
{
	struct kvm_hv_port_vp state;

	if (!hv_kvm->get_vp(vcpu, port->sint, &state) ||
	    !hv_vp_state_is_ready(&state, port, page))
		return false;

	*vp = state.data;
	return true;
}

/*
 * The vCPU that has the index of a fixed target, or NULL.  User space can change
 * that, but mostly it is the one of the last time.
 */
static struct kvm_vcpu *hv_port_fixed_vcpu_rcu(struct hv_port *port,
					       struct kvm_hv_port_vp *state)
{
	struct kvm_vcpu *vcpu = READ_ONCE(port->vcpu);

	if (vcpu && hv_kvm->get_vp(vcpu, port->sint, state) &&
	    state->index == port->target_vp)
		return vcpu;

	vcpu = hv_kvm->find_vcpu(port->partition->kvm, port->target_vp);
	if (vcpu && !hv_kvm->get_vp(vcpu, port->sint, state))
		memset(state, 0, sizeof(*state));
	WRITE_ONCE(port->vcpu, vcpu);
	return vcpu;
}

/* If there was no memory for the VP of a vCPU when that came, it is to try again. */
static void hv_port_retry_vps_rcu(struct hv_port *port)
{
	struct kvm_hv_port_vp state;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, port->partition->kvm) {
		if (hv_kvm->get_vp(vcpu, port->sint, &state) && !state.data &&
		    state.state & KVM_HV_PORT_VP_SYNIC)
			hv_kvm->request_deliver(vcpu);
	}
}

/* Whom to ask for HV_ANY_VP: the preferred one, then one with a free queue. */
static u64 hv_port_any_vp_rcu(struct hv_port *port, u32 page, struct hv_vp **target)
{
	const u32 preferred = READ_ONCE(port->preferred_vp);
	struct hv_partition *partition = port->partition;
	struct hv_vp *vp, *ready;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	vcpu = hv_kvm->find_vcpu(partition->kvm, preferred);
	if (vcpu && hv_vp_is_ready(vcpu, port, page, target))
		return HV_STATUS_SUCCESS;

	*target = NULL;
	xa_for_each(&partition->vps, i, vp) {
		if (!hv_vp_is_ready(vp->vcpu, port, page, &ready))
			continue;
		if (!*target)
			*target = ready;
		if (!test_bit(port->sint, &ready->msg_sints)) {
			*target = ready;
			break;
		}
	}
	if (*target)
		return HV_STATUS_SUCCESS;

	hv_port_retry_vps_rcu(port);
	return HV_STATUS_INVALID_SYNIC_STATE;
}

static u64 hv_port_target_rcu(struct hv_port *port, u32 page, struct hv_vp **target)
{
	struct kvm_hv_port_vp state;

	if (port->target_vp == HV_ANY_VP)
		return hv_port_any_vp_rcu(port, page, target);

	if (!hv_port_fixed_vcpu_rcu(port, &state))
		return HV_STATUS_INVALID_VP_INDEX;
	if (!hv_vp_state_is_ready(&state, port, page))
		return HV_STATUS_INVALID_SYNIC_STATE;

	*target = state.data;
	return HV_STATUS_SUCCESS;
}

/*
 * A ring cannot be refused, so a VP whose SINT is masked or whose SynIC is off
 * will do: it finds the flag, when its page is on again at the latest.  NULL if
 * there is none with that index any more.
 */
static struct hv_vp *hv_port_doorbell_vp_rcu(struct hv_port *port)
{
	struct hv_partition *partition = port->partition;
	struct kvm_hv_port_vp state;
	struct kvm_vcpu *vcpu;
	unsigned long i = 0;
	struct hv_vp *vp;

	if (port->target_vp != HV_ANY_VP) {
		vcpu = hv_port_fixed_vcpu_rcu(port, &state);
		if (!vcpu)
			return NULL;
		/* There is no data if its SynIC was never on. */
		return state.data ?: xa_load(&partition->vps, vcpu->vcpu_idx);
	}

	if (hv_port_any_vp_rcu(port, KVM_HV_PORT_VP_SIEFP, &vp) == HV_STATUS_SUCCESS)
		return vp;
	return xa_find(&partition->vps, &i, ULONG_MAX, XA_PRESENT);
}

/**
 * hv_port_ring_rcu - ring a doorbell
 * @port: a doorbell port
 *
 * Context: under RCU; does not sleep.
 * Return: false if the port is gone, and nobody heard of it.
 */
bool hv_port_ring_rcu(struct hv_port *port)
{
	struct hv_vp *vp;

	if (hv_port_is_gone(port))
		return false;

	atomic64_inc(&port->rings);
	if (port->eventfd) {
		eventfd_signal(port->eventfd);
		return true;
	}

	vp = hv_port_doorbell_vp_rcu(port);
	if (vp)
		hv_event_signal(vp, port->sint, port->id % HV_EVENT_FLAGS_COUNT);
	return vp;
}

/* The host may take privileges from guests; it has its own in any case. */
static bool hv_partition_may(const struct hv_partition *caller, u32 privilege)
{
	return !caller->kvm || READ_ONCE(caller->privileges) & privilege;
}

static void hv_connection_count(struct hv_connection *connection, u64 status)
{
	atomic64_inc(status == HV_STATUS_SUCCESS ? &connection->sent :
						   &connection->failed);
}

static u64 hv_port_post_rcu(struct hv_port *port, const struct hv_port_post_message *in)
{
	struct hv_vp *vp;
	u64 status;

	if (hv_port_is_gone(port) || port->type != HV_PORT_TYPE_MESSAGE)
		return HV_STATUS_INVALID_PORT_ID;

	if (in->rsvdz || !in->message_type || (in->message_type & BIT(31)) ||
	    in->payload_size > HV_MESSAGE_PAYLOAD_BYTE_COUNT)
		return HV_STATUS_INVALID_PARAMETER;

	if (hv_port_is_host(port))
		return hv_msg_post_host(port, in);

	status = hv_port_target_rcu(port, KVM_HV_PORT_VP_SIMP, &vp);
	if (status == HV_STATUS_SUCCESS)
		status = hv_msg_post(port, vp, in);
	return status;
}

/**
 * hv_post_message - HvCallPostMessage
 * @caller: the caller's partition, or NULL if it has no ports
 * @input: struct hv_port_post_message
 * @status: receives the status
 *
 * Context: does not sleep.
 * Return: true, or false if the caller has no such connection.
 */
bool hv_post_message(struct hv_partition *caller, const void *input, u64 *status)
{
	const struct hv_port_post_message *in = input;
	struct hv_connection *connection;

	rcu_read_lock();
	connection = hv_connection_find_rcu(caller, in->connection_id);
	if (connection) {
		*status = hv_partition_may(caller, HV_PORTS_MAY_POST) ?
			  hv_port_post_rcu(connection->port, in) :
			  HV_STATUS_ACCESS_DENIED;
		hv_connection_count(connection, *status);
	}
	rcu_read_unlock();

	return connection;
}

static u64 hv_port_signal_rcu(struct hv_port *port, const struct hv_port_signal_event *in)
{
	struct hv_vp *vp;
	u64 status;
	u32 flag;

	if (hv_port_is_gone(port) || port->type != HV_PORT_TYPE_EVENT)
		return HV_STATUS_INVALID_PORT_ID;

	if (in->rsvdz || in->flag_number >= port->flag_count)
		return HV_STATUS_INVALID_PARAMETER;
	flag = array_index_nospec(in->flag_number, port->flag_count);

	if (port->eventfd) {
		eventfd_signal(port->eventfd);
		atomic64_inc(&port->rings);
		return HV_STATUS_SUCCESS;
	}

	status = hv_port_target_rcu(port, KVM_HV_PORT_VP_SIEFP, &vp);
	if (status == HV_STATUS_SUCCESS) {
		hv_event_signal(vp, port->sint, port->base_flag + flag);
		atomic64_inc(&port->rings);
	}
	return status;
}

/**
 * hv_signal_event - HvCallSignalEvent
 * @caller: the caller's partition, or NULL if it has no ports
 * @input: struct hv_port_signal_event
 * @status: receives the status
 *
 * Context: does not sleep.
 * Return: true, or false if the caller has no such connection.
 */
bool hv_signal_event(struct hv_partition *caller, const void *input, u64 *status)
{
	const struct hv_port_signal_event *in = input;
	struct hv_connection *connection;

	rcu_read_lock();
	connection = hv_connection_find_rcu(caller, in->connection_id);
	if (connection) {
		*status = hv_partition_may(caller, HV_PORTS_MAY_SIGNAL) ?
			  hv_port_signal_rcu(connection->port, in) :
			  HV_STATUS_ACCESS_DENIED;
		hv_connection_count(connection, *status);
	}
	rcu_read_unlock();

	return connection;
}

/* Control path: connections */

/* Doorbells have an id space of their own. */
static struct xarray *hv_connection_table(struct hv_partition *partition, bool doorbell)
{
	return doorbell ? &partition->doorbells : &partition->connections;
}

static struct xarray *hv_connection_table_of(struct hv_partition *partition,
					     const struct hv_connection *connection)
{
	return hv_connection_table(partition,
				   connection->port->type == HV_PORT_TYPE_DOORBELL);
}

static struct hv_connection *hv_connection_alloc(u32 id, struct hv_port *port,
						 bool automatic)
{
	struct hv_connection *connection;

	connection = kzalloc_obj(*connection, GFP_KERNEL_ACCOUNT);
	if (!connection)
		return NULL;

	connection->id = id;
	connection->automatic = automatic;
	connection->port = port;
	kref_get(&port->ref);
	return connection;
}

static void hv_connection_free(struct hv_connection *connection)
{
	if (connection->sponsor) {
		atomic_dec(&connection->sponsor->nr_sponsored);
		hv_partition_put(connection->sponsor);
	}
	hv_port_put(connection->port);
	kfree_rcu(connection, rcu);
}

/*
 * What somebody makes in another's table is at his own expense, lest he fill it.
 * False if he has no more to spend.
 */
static bool hv_connection_set_sponsor(struct hv_connection *connection,
				      struct hv_partition *sponsor)
{
	kref_get(&sponsor->ref);
	connection->sponsor = sponsor;
	return atomic_inc_return(&sponsor->nr_sponsored) <=
	       READ_ONCE(sponsor->max_connections);
}

/* The connection is out of the table already. */
static void hv_connection_drop(struct hv_partition *partition,
			       struct hv_connection *connection)
{
	struct hv_port *port = connection->port;

	lockdep_assert_held(&partition->lock);

	if (!connection->sponsor)
		partition->nr_connections--;
	partition->nr_freed++;

	spin_lock(&port->lock);
	if (port->connection == connection)
		port->connection = NULL;
	spin_unlock(&port->lock);

	/* A writer of the host's, who waits for a buffer */
	wake_up_all(&port->wait);
	hv_connection_free(connection);
}

/*
 * Whoever makes things and deletes them, again and again, is to have no more
 * memory than who keeps them: wait until what he deleted can be freed.
 */
static void hv_partition_unlock(struct hv_partition *partition)
{
	const u32 nr_freed = partition->nr_freed;

	mutex_unlock(&partition->lock);
	if (nr_freed < HV_MAX_UNFREED)
		return;

	synchronize_rcu();
	mutex_lock(&partition->lock);
	/* Others may have waited for the same. */
	partition->nr_freed -= min(nr_freed, partition->nr_freed);
	mutex_unlock(&partition->lock);
}

/*
 * Make @connection the one that is connected to its port.  The caller holds the
 * L1 of the partition that may connect, hence what was connected stays there.
 */
static bool hv_port_claim(struct hv_connection *connection,
			  struct hv_connection **replaced)
{
	struct hv_port *port = connection->port;
	bool claimed;

	spin_lock(&port->lock);
	*replaced = port->connection;
	claimed = !port->dead &&
		  (!*replaced || ((*replaced)->automatic && !connection->automatic));
	if (claimed)
		port->connection = connection;
	spin_unlock(&port->lock);

	return claimed;
}

static bool hv_connection_id_is_free(struct hv_partition *partition, u32 id,
				     bool doorbell)
{
	lockdep_assert_held(&partition->lock);

	return !xa_load(hv_connection_table(partition, doorbell), id) &&
	       (doorbell || !partition->kvm ||
		!hv_kvm->conn_has_eventfd(partition->kvm, id));
}

/* Connect a port that may be deleted, or connected to, by somebody else. */
static u64 hv_connection_publish(struct hv_partition *partition,
				 struct hv_connection *connection)
{
	struct xarray *table = hv_connection_table_of(partition, connection);
	struct hv_connection *replaced, *old;

	lockdep_assert_held(&partition->lock);

	if (xa_reserve(table, connection->id, GFP_KERNEL_ACCOUNT))
		return HV_STATUS_INSUFFICIENT_MEMORY;

	if (!hv_port_claim(connection, &replaced)) {
		xa_release(table, connection->id);
		return HV_STATUS_INVALID_PORT_ID;
	}

	/* The id's place is there, so this needs no memory. */
	old = xa_store(table, connection->id, connection, GFP_KERNEL_ACCOUNT);
	if (!connection->sponsor)
		partition->nr_connections++;
	if (replaced) {
		if (replaced != old)
			xa_erase(table, replaced->id);
		hv_connection_drop(partition, replaced);
	}
	if (old && old != replaced)
		hv_connection_drop(partition, old);
	return HV_STATUS_SUCCESS;
}

/* An automatic one does, to its own port, and if another partition made it. */
static bool hv_connection_gives_way(const struct hv_connection *connection,
				    const struct hv_port *port)
{
	return connection && connection->automatic &&
	       (connection->port == port || connection->sponsor);
}

/* @replaces: receives whether a connection of the quota's would give way */
static u64 hv_check_port_for_connect(struct hv_partition *partition,
				     struct hv_port *port, bool *replaces)
{
	bool automatic, available;

	if (!port)
		return HV_STATUS_INVALID_PORT_ID;

	spin_lock(&port->lock);
	automatic = port->connection && port->connection->automatic;
	*replaces = automatic && !port->connection->sponsor;
	available = !hv_port_is_gone(port) && port->connection_partition == partition &&
		    (!port->connection || automatic);
	spin_unlock(&port->lock);

	return available ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_PORT_ID;
}

static void hv_disconnect_locked(struct hv_partition *partition,
				 struct hv_connection *connection)
{
	xa_erase(hv_connection_table_of(partition, connection), connection->id);
	hv_connection_drop(partition, connection);
}

/* What the port, and what is there already, say of the connection. */
static u64 hv_check_connection_info(struct hv_partition *partition,
				    const struct hv_connection_info *info,
				    const struct hv_port *port)
{
	if (info->port_type != port->type)
		return HV_STATUS_INVALID_PARAMETER;
	if (port->type != HV_PORT_TYPE_DOORBELL)
		return HV_STATUS_SUCCESS;

	if (!partition->kvm ||
	    hv_kvm->gpa_has_memslot(partition->kvm, info->doorbell_connection_info.gpa) ||
	    hv_doorbell_collides(partition, info))
		return HV_STATUS_INVALID_PARAMETER;
	return HV_STATUS_SUCCESS;
}

/* Publish a connection; a doorbell comes alive last. */
static u64 hv_connection_start(struct hv_partition *partition,
			       struct hv_connection *connection,
			       const struct hv_connection_info *info)
{
	u64 status;

	if (info->port_type == HV_PORT_TYPE_DOORBELL) {
		connection->doorbell.gpa = info->doorbell_connection_info.gpa;
		connection->doorbell.value = info->doorbell_connection_info.trigger_value;
		connection->doorbell.flags = info->doorbell_connection_info.flags;
	}

	status = hv_connection_publish(partition, connection);
	if (status != HV_STATUS_SUCCESS) {
		hv_connection_free(connection);
		return status;
	}

	if (info->port_type == HV_PORT_TYPE_DOORBELL &&
	    !hv_doorbell_arm(partition, connection)) {
		hv_disconnect_locked(partition, connection);
		return HV_STATUS_INSUFFICIENT_MEMORY;
	}
	return HV_STATUS_SUCCESS;
}

/* The opposite of hv_connection_start() */
static void hv_connection_stop(struct hv_partition *partition,
			       struct hv_connection *connection)
{
	if (connection->port->type == HV_PORT_TYPE_DOORBELL)
		hv_doorbell_disarm(partition, connection);
	hv_disconnect_locked(partition, connection);
}

static bool hv_proximity_is_valid(const struct hv_proximity_info *info)
{
	return !(info->flags & ~(HV_PROXIMITY_PREFERRED | HV_PROXIMITY_INFO_VALID));
}

static u64 hv_check_connect_input(struct hv_partition *partition,
				  const struct hv_input_connect_port *in)
{
	const struct hv_connection_info *info = &in->connection_info;

	if (in->connection_vtl || in->rsvdz0 || in->rsvdz1 || in->reserved2 ||
	    info->padding || !hv_proximity_is_valid(&in->proximity_domain_info))
		return HV_STATUS_INVALID_PARAMETER;

	switch (info->port_type) {
	case HV_PORT_TYPE_MESSAGE:
	case HV_PORT_TYPE_EVENT:
		if (info->rsvdz[0] || info->rsvdz[1] || info->rsvdz[2])
			return HV_STATUS_INVALID_PARAMETER;
		return HV_STATUS_SUCCESS;
	case HV_PORT_TYPE_DOORBELL:
		return hv_doorbell_check_input(partition, info) ?
		       HV_STATUS_SUCCESS : HV_STATUS_INVALID_PARAMETER;
	default:
		return HV_STATUS_INVALID_PARAMETER;
	}
}

static bool hv_partition_is_active(const struct hv_partition *partition)
{
	return !READ_ONCE(partition->dying);
}

/*
 * The caller may act in its own partition, and in its children's.  Under the
 * partition's L1, lest a former parent still act; one that goes has no parent.
 */
static u64 hv_check_caller(const struct hv_partition *caller,
			   const struct hv_partition *partition)
{
	lockdep_assert_held(&partition->lock);

	if (partition == caller || partition->parent == caller)
		return HV_STATUS_SUCCESS;
	return partition->dying ? HV_STATUS_INVALID_PARTITION_ID : HV_STATUS_ACCESS_DENIED;
}

static u64 hv_connect_locked(struct hv_partition *caller,
			     struct hv_partition *partition,
			     const struct hv_input_connect_port *in,
			     struct hv_port *port)
{
	const struct hv_connection_info *info = &in->connection_info;
	const bool doorbell = info->port_type == HV_PORT_TYPE_DOORBELL;
	struct hv_connection *old, *connection;
	bool replaces;
	u64 status;

	lockdep_assert_held(&partition->lock);

	status = hv_check_caller(caller, partition);
	if (status != HV_STATUS_SUCCESS)
		return status;
	if (!hv_partition_is_active(partition))
		return HV_STATUS_INVALID_PARTITION_STATE;

	status = hv_check_connect_input(partition, in);
	if (status != HV_STATUS_SUCCESS)
		return status;

	if (in->connection_id & ~HV_CONNECTION_ID_MASK)
		return HV_STATUS_INVALID_CONNECTION_ID;

	old = xa_load(hv_connection_table(partition, doorbell), in->connection_id);
	if (!hv_connection_gives_way(old, port) &&
	    !hv_connection_id_is_free(partition, in->connection_id, doorbell))
		return HV_STATUS_INVALID_CONNECTION_ID;

	status = hv_check_port_for_connect(partition, port, &replaces);
	if (status != HV_STATUS_SUCCESS)
		return status;

	status = hv_check_connection_info(partition, info, port);
	if (status != HV_STATUS_SUCCESS)
		return status;

	/* A connection that is replaced gives its place in the quota, too. */
	if (!replaces && partition->nr_connections >= partition->max_connections)
		return HV_STATUS_NO_RESOURCES;

	connection = hv_connection_alloc(in->connection_id, port, false);
	if (!connection)
		return HV_STATUS_INSUFFICIENT_MEMORY;

	return hv_connection_start(partition, connection, info);
}

static u64 hv_connect_port_of(struct hv_partition *caller,
			      struct hv_partition *partition,
			      struct hv_partition *port_partition,
			      const struct hv_input_connect_port *in)
{
	struct hv_port *port;
	u64 status;

	/* Whose teardown is not to be waited for */
	if (!hv_partition_is_active(partition) || !hv_partition_is_active(port_partition))
		return HV_STATUS_INVALID_PARTITION_STATE;

	port = hv_port_get(port_partition, in->port_id);

	mutex_lock(&partition->lock);
	status = hv_connect_locked(caller, partition, in, port);
	mutex_unlock(&partition->lock);

	if (port)
		hv_port_put(port);
	return status;
}

/**
 * hv_connection_create - HvCallConnectPort
 * @caller: the caller's partition
 * @input: struct hv_input_connect_port
 * @output: unused
 *
 * Context: not under kvm->srcu; takes L1; sleeps.
 * Return: status.
 */
u64 hv_connection_create(struct hv_partition *caller, const void *input, u64 *output)
{
	const struct hv_input_connect_port *in = input;
	struct hv_partition *partition, *port_partition;
	u64 status = HV_STATUS_INVALID_PARTITION_ID;

	partition = hv_partition_resolve(caller, in->connection_partition_id);
	port_partition = hv_partition_resolve(caller, in->port_partition_id);

	if (partition && port_partition)
		status = hv_connect_port_of(caller, partition, port_partition, in);

	if (port_partition)
		hv_partition_put(port_partition);
	if (partition)
		hv_partition_put(partition);
	return status;
}

static u64 hv_disconnect_checked(struct hv_partition *caller,
				 struct hv_partition *partition,
				 const struct hv_input_disconnect_port *in)
{
	struct hv_connection *connection;
	u64 status;

	status = hv_check_caller(caller, partition);
	if (status != HV_STATUS_SUCCESS)
		return status;
	if (in->flags & ~HV_DISCONNECT_DOORBELL)
		return HV_STATUS_INVALID_PARAMETER;

	connection = xa_load(hv_connection_table(partition, in->flags & HV_DISCONNECT_DOORBELL),
			     in->connection_id);
	if (!connection)
		return HV_STATUS_INVALID_CONNECTION_ID;

	hv_connection_stop(partition, connection);
	return HV_STATUS_SUCCESS;
}

/**
 * hv_connection_delete - HvCallDisconnectPort
 * @caller: the caller's partition
 * @input: struct hv_input_disconnect_port
 * @output: unused
 *
 * Messages that are queued stay queued.
 *
 * Context: not under kvm->srcu; takes L1; sleeps.
 * Return: status.
 */
u64 hv_connection_delete(struct hv_partition *caller, const void *input, u64 *output)
{
	const struct hv_input_disconnect_port *in = input;
	struct hv_partition *partition;
	u64 status;

	partition = hv_partition_resolve(caller, in->connection_partition_id);
	if (!partition)
		return HV_STATUS_INVALID_PARTITION_ID;

	mutex_lock(&partition->lock);
	status = hv_disconnect_checked(caller, partition, in);
	hv_partition_unlock(partition);

	hv_partition_put(partition);
	return status;
}

/**
 * hv_connection_get_port - the port of a connection
 * @partition: whose connection
 * @id: of the connection; not a doorbell's
 *
 * Context: any; does not sleep.
 * Return: the port, counted, or NULL if there is no such connection.
 */
struct hv_port *hv_connection_get_port(struct hv_partition *partition, u32 id)
{
	struct hv_connection *connection;
	struct hv_port *port = NULL;

	rcu_read_lock();
	connection = hv_connection_find_rcu(partition, id);
	if (connection && kref_get_unless_zero(&connection->port->ref))
		port = connection->port;
	rcu_read_unlock();

	return port;
}

/**
 * hv_connection_exists - whether there is a connection
 * @partition: whose connection
 * @id: of the connection; not a doorbell's
 *
 * Context: any; does not sleep.
 * Return: whether there is; it may be gone by the time the caller looks at it.
 */
bool hv_connection_exists(struct hv_partition *partition, u32 id)
{
	bool exists;

	rcu_read_lock();
	exists = hv_connection_find_rcu(partition, id);
	rcu_read_unlock();

	return exists;
}

/* Control path: ports */

static bool hv_sint_is_valid(u32 sint)
{
	return sint >= HV_PORT_SINT_MIN && sint <= HV_PORT_SINT_MAX;
}

static bool hv_port_info_is_valid(const struct hv_port_info *info)
{
	bool valid = false;

	if (info->port_type == HV_PORT_TYPE_MESSAGE) {
		valid = !info->message_port_info.rsvdz &&
			hv_sint_is_valid(info->message_port_info.target_sint);
	} else if (info->port_type == HV_PORT_TYPE_DOORBELL) {
		valid = !info->doorbell_port_info.rsvdz &&
			hv_sint_is_valid(info->doorbell_port_info.target_sint);
	} else if (info->port_type == HV_PORT_TYPE_EVENT) {
		const u32 base = info->event_port_info.base_flag_number;
		const u32 count = info->event_port_info.flag_count;

		valid = !info->event_port_info.rsvdz && count &&
			base + count <= HV_EVENT_FLAGS_COUNT &&
			hv_sint_is_valid(info->event_port_info.target_sint);
	}

	return valid && !info->padding;
}

static struct hv_port *hv_port_alloc(struct hv_partition *partition,
				     struct hv_partition *connection_partition,
				     const struct hv_input_create_port *in)
{
	const struct hv_port_info *info = &in->port_info;
	struct hv_port *port;

	port = kzalloc_obj(*port, GFP_KERNEL_ACCOUNT);
	if (!port)
		return NULL;

	kref_init(&port->ref);
	spin_lock_init(&port->lock);
	init_waitqueue_head(&port->wait);
	port->partition = partition;
	port->connection_partition = connection_partition;
	port->id = in->port_id;
	port->type = info->port_type;
	port->preferred_vp = HV_ANY_VP;
	/* All three have these two at the same place. */
	port->sint = info->message_port_info.target_sint;
	port->target_vp = info->message_port_info.target_vp;

	if (port->type == HV_PORT_TYPE_MESSAGE) {
		port->buffers = kmem_cache_zalloc(hv_port_buffers, GFP_KERNEL_ACCOUNT);
		if (!port->buffers) {
			kfree(port);
			return NULL;
		}
	} else if (port->type == HV_PORT_TYPE_EVENT) {
		port->base_flag = info->event_port_info.base_flag_number;
		port->flag_count = info->event_port_info.flag_count;
	}
	hv_msg_init_buffers(port);
	return port;
}

static u64 hv_check_create(struct hv_partition *partition,
			   struct hv_partition *connection_partition,
			   const struct hv_input_create_port *in)
{
	const struct hv_proximity_info *proximity = &in->proximity_domain_info;

	if (!hv_partition_is_active(partition) ||
	    !hv_partition_is_active(connection_partition))
		return HV_STATUS_INVALID_PARTITION_STATE;

	if (in->port_vtl || in->min_connection_vtl || in->padding ||
	    !hv_proximity_is_valid(proximity) || !hv_port_info_is_valid(&in->port_info))
		return HV_STATUS_INVALID_PARAMETER;

	if ((in->port_id & ~HV_PORT_ID_MASK) || xa_load(&partition->ports, in->port_id))
		return HV_STATUS_INVALID_PORT_ID;
	/* 0 says "empty" in the event ring. */
	if (in->port_info.port_type == HV_PORT_TYPE_DOORBELL && !in->port_id)
		return HV_STATUS_INVALID_PORT_ID;
	return HV_STATUS_SUCCESS;
}

/* The target must be able to remember what comes before its SynIC is on. */
static u64 hv_check_target(struct hv_partition *partition, u32 target_vp)
{
	struct kvm_vcpu *vcpu = NULL;

	if (partition->kvm)
		vcpu = hv_kvm->find_vcpu(partition->kvm, target_vp);
	if (!vcpu && target_vp != HV_ANY_VP)
		return HV_STATUS_INVALID_VP_INDEX;
	if (partition->nr_ports >= partition->max_ports)
		return HV_STATUS_NO_RESOURCES;
	if (vcpu && !hv_partition_add_vp(partition, vcpu))
		return HV_STATUS_INSUFFICIENT_MEMORY;
	return HV_STATUS_SUCCESS;
}

/*
 * The caller gets a reference: somebody may delete the port at once.  The port
 * gets the eventfd, if it is seen at all.
 */
static u64 hv_port_publish(struct hv_port *port, struct eventfd_ctx **eventfd)
{
	struct hv_partition *partition = port->partition;

	lockdep_assert_held(&partition->lock);

	port->eventfd = *eventfd;
	kref_get(&port->ref);
	if (xa_err(xa_store(&partition->ports, port->id, port, GFP_KERNEL_ACCOUNT))) {
		port->eventfd = NULL;
		hv_port_put(port);
		hv_port_put(port);
		return HV_STATUS_INSUFFICIENT_MEMORY;
	}
	*eventfd = NULL;
	kref_get(&port->connection_partition->ref);
	partition->nr_ports++;
	return HV_STATUS_SUCCESS;
}

static u64 hv_create_locked(struct hv_partition *partition,
			    struct hv_partition *connection_partition,
			    const struct hv_input_create_port *in,
			    struct eventfd_ctx **eventfd, struct hv_port **created)
{
	struct hv_port *port;
	u64 status;

	lockdep_assert_held(&partition->lock);

	status = hv_check_create(partition, connection_partition, in);
	if (status == HV_STATUS_SUCCESS)
		status = hv_check_target(partition,
					 in->port_info.message_port_info.target_vp);
	if (status != HV_STATUS_SUCCESS)
		return status;

	port = hv_port_alloc(partition, connection_partition, in);
	if (!port)
		return HV_STATUS_INSUFFICIENT_MEMORY;

	status = hv_port_publish(port, eventfd);
	if (status == HV_STATUS_SUCCESS)
		*created = port;
	return status;
}

/*
 * Whether a new port may be connected under its id, for which @owner asked.  Once a
 * link is gone, hv_ports_review() has had the L1 that is held here.
 */
static bool hv_auto_connect_may(struct hv_partition *partition, struct hv_partition *owner,
				struct hv_port *port)
{
	if (!hv_partition_knows(partition, owner))
		return false;
	/* What others made here gives way. */
	if (owner == partition &&
	    hv_connection_gives_way(xa_load(&partition->connections, port->id), port))
		return true;
	return hv_connection_id_is_free(partition, port->id, false);
}

/*
 * Connect a new port of @owner's under its own id.  That there is no room for the
 * connection is no error, that there is no memory for it is.
 */
static u64 hv_auto_connect(struct hv_partition *partition, struct hv_partition *owner,
			   struct hv_port *port)
{
	struct hv_connection *connection;
	u64 status = HV_STATUS_SUCCESS;
	bool allowed;

	if (!hv_partition_is_active(partition))
		return HV_STATUS_INVALID_PARTITION_STATE;

	connection = hv_connection_alloc(port->id, port, true);
	if (!connection)
		return HV_STATUS_INSUFFICIENT_MEMORY;

	mutex_lock(&partition->lock);
	if (owner != partition)
		allowed = hv_connection_set_sponsor(connection, owner);
	else
		allowed = partition->nr_connections < partition->max_connections;
	if (!hv_partition_is_active(partition))
		status = HV_STATUS_INVALID_PARTITION_STATE;
	if (status != HV_STATUS_SUCCESS || !allowed ||
	    !hv_auto_connect_may(partition, owner, port))
		goto unlock;

	status = hv_connection_publish(partition, connection);
	if (status == HV_STATUS_SUCCESS)
		connection = NULL;
	/* Somebody connected to the port, or deleted it, before us. */
	if (status == HV_STATUS_INVALID_PORT_ID)
		status = HV_STATUS_SUCCESS;
unlock:
	mutex_unlock(&partition->lock);

	if (connection)
		hv_connection_free(connection);
	return status;
}

/*
 * No message is taken by the port, and none is queued, once this returns.  Under
 * the owner's L1, so that its VPs are there.
 */
static void hv_port_kill(struct hv_port *port)
{
	spin_lock(&port->lock);
	WRITE_ONCE(port->dead, true);
	port->connection = NULL;
	spin_unlock(&port->lock);

	port->partition->dropped += hv_msg_purge(port);
	wake_up_all(&port->wait);
	hv_partition_put(port->connection_partition);
	hv_port_put(port);
}

/* Delete the port with that id, or only if it is (still) @which. */
static bool hv_port_erase_locked(struct hv_partition *partition, u32 id,
				 const struct hv_port *which)
{
	struct hv_port *port = xa_load(&partition->ports, id);

	lockdep_assert_held(&partition->lock);

	if (!port || (which && port != which))
		return false;

	xa_erase(&partition->ports, id);
	partition->nr_ports--;
	partition->nr_freed++;
	hv_port_kill(port);
	return true;
}

static bool hv_port_erase(struct hv_partition *partition, const struct hv_port *port)
{
	bool erased;

	mutex_lock(&partition->lock);
	erased = hv_port_erase_locked(partition, port->id, port);
	hv_partition_unlock(partition);

	return erased;
}

/* @peer: receives who may connect, counted, or NULL, whatever is returned */
static u64 hv_port_make_locked(struct hv_partition *caller, struct hv_partition *partition,
			       const struct hv_input_create_port *in,
			       struct eventfd_ctx **eventfd, struct hv_port **port,
			       struct hv_partition **peer)
{
	const u64 id = in->connection_partition_id;
	u64 status;

	*peer = NULL;
	status = hv_check_caller(caller, partition);
	if (status != HV_STATUS_SUCCESS)
		return status;

	*peer = hv_partition_resolve(id ? caller : partition, id ?: HV_PARTITION_ID_SELF);
	/*
	 * The port's partition has to know it, too.  If it will not any more,
	 * hv_ports_review() waits for the L1 that is held here, and sees the port.
	 */
	if (!*peer || !hv_partition_knows(partition, *peer))
		return HV_STATUS_INVALID_PARTITION_ID;
	return hv_create_locked(partition, *peer, in, eventfd, port);
}

static u64 hv_port_make(struct hv_partition *caller,
			const struct hv_input_create_port *in,
			struct eventfd_ctx **eventfd, struct hv_port **port)
{
	struct hv_partition *partition, *peer;
	u64 status;

	partition = hv_partition_resolve(caller, in->port_partition_id);
	if (!partition)
		return HV_STATUS_INVALID_PARTITION_ID;

	mutex_lock(&partition->lock);
	status = hv_port_make_locked(caller, partition, in, eventfd, port, &peer);
	mutex_unlock(&partition->lock);

	/* A doorbell needs an address, which only ConnectPort has. */
	if (status == HV_STATUS_SUCCESS && in->connection_partition_id &&
	    (*port)->type != HV_PORT_TYPE_DOORBELL) {
		status = hv_auto_connect(peer, partition, *port);
		if (status != HV_STATUS_SUCCESS) {
			hv_port_erase(partition, *port);
			hv_port_put(*port);
		}
	}

	if (peer)
		hv_partition_put(peer);
	hv_partition_put(partition);
	return status;
}

/**
 * hv_port_create - HvCallCreatePort
 * @caller: the caller's partition
 * @input: struct hv_input_create_port
 * @output: unused
 *
 * Context: not under kvm->srcu; takes L1; sleeps.
 * Return: status.
 */
u64 hv_port_create(struct hv_partition *caller, const void *input, u64 *output)
{
	struct eventfd_ctx *none = NULL;
	struct hv_port *port;
	u64 status;

	status = hv_port_make(caller, input, &none, &port);
	if (status == HV_STATUS_SUCCESS)
		hv_port_put(port);
	return status;
}

/**
 * hv_port_create_host - a port of the host's own
 * @host: a partition of the host's own
 * @in: with HV_ANY_VP and any SINT
 * @eventfd: event and doorbell ports: who is signalled; NULL afterwards if the
 *	port took it
 * @port: receives the port, counted
 *
 * Context: takes L1; sleeps.
 * Return: status.
 */
u64 hv_port_create_host(struct hv_partition *host, const struct hv_input_create_port *in,
			struct eventfd_ctx **eventfd, struct hv_port **port)
{
	return hv_port_make(host, in, eventfd, port);
}

/**
 * hv_port_delete_host - delete a port that may be deleted already
 * @host: a partition of the host's own
 * @port: that was made in it
 *
 * Context: takes L1; sleeps.
 * Return: whether it was there.
 */
bool hv_port_delete_host(struct hv_partition *host, struct hv_port *port)
{
	return hv_port_erase(host, port);
}

/**
 * hv_port_delete - HvCallDeletePort
 * @caller: the caller's partition
 * @input: struct hv_input_delete_port
 * @output: unused
 *
 * Queued messages are dropped.  A connection to the port stays, and answers
 * HV_STATUS_INVALID_PORT_ID.
 *
 * Context: not under kvm->srcu; takes L1; sleeps.
 * Return: status.
 */
u64 hv_port_delete(struct hv_partition *caller, const void *input, u64 *output)
{
	const struct hv_input_delete_port *in = input;
	struct hv_partition *partition;
	u64 status;

	partition = hv_partition_resolve(caller, in->port_partition_id);
	if (!partition)
		return HV_STATUS_INVALID_PARTITION_ID;

	mutex_lock(&partition->lock);
	status = hv_check_caller(caller, partition);
	if (status == HV_STATUS_SUCCESS &&
	    !hv_port_erase_locked(partition, in->port_id, NULL))
		status = HV_STATUS_INVALID_PORT_ID;
	hv_partition_unlock(partition);

	hv_partition_put(partition);
	return status;
}

/* Control path: properties */

static u64 hv_port_read_property(struct hv_port *port, u32 code, u64 *value)
{
	switch (code) {
	case HV_PORT_PROPERTY_POST_COUNT:
		spin_lock(&port->lock);
		*value = port->post_count;
		spin_unlock(&port->lock);
		return HV_STATUS_SUCCESS;
	case HV_PORT_PROPERTY_PREFERRED_TARGET_VP:
		*value = port->target_vp == HV_ANY_VP ?
			 READ_ONCE(port->preferred_vp) : port->target_vp;
		return HV_STATUS_SUCCESS;
	default:
		return HV_STATUS_UNKNOWN_PROPERTY;
	}
}

static u64 hv_port_write_property(struct hv_partition *partition, struct hv_port *port,
				  u32 code, u64 value)
{
	switch (code) {
	case HV_PORT_PROPERTY_POST_COUNT:
		return HV_STATUS_OPERATION_DENIED;
	case HV_PORT_PROPERTY_PREFERRED_TARGET_VP:
		if (port->target_vp != HV_ANY_VP)
			return HV_STATUS_OPERATION_DENIED;
		if (value != HV_ANY_VP &&
		    (value > U32_MAX || !hv_kvm->find_vcpu(partition->kvm, value)))
			return HV_STATUS_INVALID_VP_INDEX;
		WRITE_ONCE(port->preferred_vp, value);
		return HV_STATUS_SUCCESS;
	default:
		return HV_STATUS_UNKNOWN_PROPERTY;
	}
}

static u64 hv_property_locked(struct hv_partition *caller,
			      struct hv_partition *partition,
			      const struct hv_input_get_port_property *in,
			      const u64 *set, u64 *value)
{
	struct hv_port *port;
	u64 status;

	status = hv_check_caller(caller, partition);
	if (status != HV_STATUS_SUCCESS)
		return status;

	port = xa_load(&partition->ports, in->port_id);
	if (!port)
		return HV_STATUS_INVALID_PORT_ID;

	if (set)
		status = hv_port_write_property(partition, port, in->property_code, *set);
	if (status == HV_STATUS_SUCCESS)
		status = hv_port_read_property(port, in->property_code, value);
	return status;
}

static u64 hv_port_property(struct hv_partition *caller,
			    const struct hv_input_get_port_property *in,
			    const u64 *set, u64 *value)
{
	struct hv_partition *partition;
	u64 status;

	partition = hv_partition_resolve(caller, in->port_partition_id);
	if (!partition)
		return HV_STATUS_INVALID_PARTITION_ID;

	mutex_lock(&partition->lock);
	status = hv_property_locked(caller, partition, in, set, value);
	mutex_unlock(&partition->lock);

	hv_partition_put(partition);
	return status;
}

/**
 * hv_port_get_property - HvCallGetPortProperty
 * @caller: the caller's partition
 * @input: struct hv_input_get_port_property
 * @output: receives the property's value
 *
 * Context: not under kvm->srcu; takes L1; sleeps.
 * Return: status.
 */
u64 hv_port_get_property(struct hv_partition *caller, const void *input, u64 *output)
{
	return hv_port_property(caller, input, NULL, output);
}

/**
 * hv_port_set_property - HvCallSetPortProperty
 * @caller: the caller's partition
 * @input: struct hv_input_set_port_property
 * @output: receives the value now in force
 *
 * Context: not under kvm->srcu; takes L1; sleeps.
 * Return: status.
 */
u64 hv_port_set_property(struct hv_partition *caller, const void *input, u64 *output)
{
	const struct hv_input_set_port_property *in = input;

	return hv_port_property(caller, &in->get, &in->value, output);
}

/* Control path: the host's view */

static void hv_ports_review_one(struct hv_partition *owner, struct hv_partition *other)
{
	struct hv_port *port;
	unsigned long i;

	mutex_lock(&owner->lock);
	xa_for_each(&owner->ports, i, port)
		if (port->connection_partition == other) {
			WRITE_ONCE(port->revoked, !hv_partition_knows(owner, other));
			wake_up_all(&port->wait);
			cond_resched();
		}
	mutex_unlock(&owner->lock);
}

/**
 * hv_ports_review - two partitions may have come to know each other, or not
 * @a: a partition
 * @b: another one
 *
 * If they do not any more, nothing is sent between them once this returns; what
 * is queued still arrives.
 *
 * Context: process; takes L1; sleeps.
 */
void hv_ports_review(struct hv_partition *a, struct hv_partition *b)
{
	hv_ports_review_one(a, b);
	hv_ports_review_one(b, a);
	synchronize_rcu();
}

static void hv_port_describe(struct hv_port *port, struct hv_ports_port *info)
{
	u32 i;

	info->id = port->id;
	info->type = port->type;
	info->sint = port->partition->kvm ? port->sint : 0;
	info->target_vp = port->target_vp;

	spin_lock(&port->lock);
	info->connection_partition = READ_ONCE(port->connection_partition->id);
	info->posted = port->post_count + atomic64_read(&port->rings);
	info->delivered = port->delivered;
	info->busy = port->busy;
	info->refused = port->refused;
	info->connected = !!port->connection;
	info->queued = 0;
	for (i = 0; port->buffers && i < HV_PORT_BUFFERS; i++)
		info->queued += port->buffers[i].queued;
	spin_unlock(&port->lock);
}

/**
 * hv_ports_next_port - describe the port with an id, or with the next one
 * @partition: whose
 * @info: in: @id; out: all but @size, @flags and @partition
 *
 * Context: process; takes L1; sleeps.
 * Return: false if there are no more.
 */
bool hv_ports_next_port(struct hv_partition *partition, struct hv_ports_port *info)
{
	unsigned long i = info->id;
	struct hv_port *port;

	mutex_lock(&partition->lock);
	port = xa_find(&partition->ports, &i, ULONG_MAX, XA_PRESENT);
	if (port)
		hv_port_describe(port, info);
	mutex_unlock(&partition->lock);

	return port;
}

static void hv_connection_describe(struct hv_connection *connection,
				   struct hv_ports_connection *info)
{
	struct hv_port *port = connection->port;

	info->id = connection->id;
	info->type = port->type;
	info->port = port->id;
	info->automatic = connection->automatic;
	info->sent = atomic64_read(&connection->sent);
	info->refused = atomic64_read(&connection->failed);
	info->gpa = connection->doorbell.gpa;
	info->value = connection->doorbell.value;
	info->doorbell_flags = connection->doorbell.flags;

	rcu_read_lock();
	info->port_partition = READ_ONCE(port->dead) ? 0 : READ_ONCE(port->partition->id);
	rcu_read_unlock();
}

/**
 * hv_ports_next_connection - describe the connection with an id, or the next one
 * @partition: whose
 * @info: in: @id and @flags; out: all but @size, @flags and @partition
 *
 * Context: process; takes L1; sleeps.
 * Return: false if there are no more.
 */
bool hv_ports_next_connection(struct hv_partition *partition,
			      struct hv_ports_connection *info)
{
	struct hv_connection *connection;
	unsigned long i = info->id;
	struct xarray *table;

	table = hv_connection_table(partition, info->flags & HV_PORTS_DOORBELLS);

	mutex_lock(&partition->lock);
	connection = xa_find(table, &i, ULONG_MAX, XA_PRESENT);
	if (connection)
		hv_connection_describe(connection, info);
	mutex_unlock(&partition->lock);

	return connection;
}

/**
 * hv_ports_teardown - disconnect and delete all that a partition has
 * @partition: on its way out, hidden
 *
 * Others may be sending to its ports until a grace period has passed.
 *
 * Context: process; takes L1; sleeps.
 */
void hv_ports_teardown(struct hv_partition *partition)
{
	struct hv_connection *connection;
	struct hv_port *port;
	unsigned long i;

	mutex_lock(&partition->lock);
	xa_for_each(&partition->doorbells, i, connection) {
		hv_connection_stop(partition, connection);
		cond_resched();
	}
	xa_for_each(&partition->connections, i, connection) {
		hv_connection_stop(partition, connection);
		cond_resched();
	}
	xa_for_each(&partition->ports, i, port) {
		xa_erase(&partition->ports, i);
		partition->nr_ports--;
		hv_port_kill(port);
		cond_resched();
	}
	mutex_unlock(&partition->lock);
}

/**
 * hv_ports_cache_init - set up the cache of message buffers
 *
 * Context: the module is being loaded; sleeps.
 * Return: 0 or -ENOMEM.
 */
int __init hv_ports_cache_init(void)
{
	/*
	 * Not shared: 7.3 makes a cache even if there is no memory for the name that
	 * shared ones get, but complains when it is destroyed.
	 */
	hv_port_buffers = kmem_cache_create("hv_port_buffers",
					    HV_PORT_BUFFERS * sizeof(struct hv_msg_buf),
					    0, SLAB_NO_MERGE, NULL);
	return hv_port_buffers ? 0 : -ENOMEM;
}

/**
 * hv_ports_cache_exit - the opposite of hv_ports_cache_init()
 *
 * Context: process; every port has been freed, and rcu_barrier() has seen to it;
 * sleeps.
 */
void hv_ports_cache_exit(void)
{
	kmem_cache_destroy(hv_port_buffers);
}
