// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells: guest-physical writes that become event flags
 *
 * A doorbell watches one address of its connection's partition, for writes of
 * one size or any, of one value or any.  The look-up goes by address, then by
 * value, then by size, each a step of constant cost; that two doorbells never
 * match the same write is settled when the second one is armed.
 *
 * Why this is not a device on kvm_io_bus: see Documentation/design.rst.
 */
#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "hv_ports.h"
#include "hv_ports_trace.h"

/* A read cannot be told from a write then, and the contract is about writes. */
static bool fast_doorbells;
module_param(fast_doorbells, bool, 0644);
MODULE_PARM_DESC(fast_doorbells, "Where KVM offers it (Intel; AMD since 7.x): ring any-size any-value doorbells without decoding the instruction; a read rings them too (default N)");

/**
 * struct hv_doorbell_value - the doorbells of one address that want one value
 * @rcu: for freeing
 * @nr: how many; under L1
 * @by_size: by size code; written under L1, read under RCU
 */
struct hv_doorbell_value {
	struct rcu_head rcu;
	u32 nr;
	struct hv_connection *by_size[HV_DOORBELL_SIZES];
};

/**
 * struct hv_doorbell_gpa - the doorbells of one address
 * @rcu: for freeing
 * @nr: how many want some value, by size code; under L1
 * @any: those that take any value
 * @values: struct hv_doorbell_value by value; written under L1, read under RCU
 */
struct hv_doorbell_gpa {
	struct rcu_head rcu;
	u32 nr[HV_DOORBELL_SIZES];
	struct hv_doorbell_value any;
	struct xarray values;
};

/* Predicate */

static u32 hv_doorbell_size_code(u64 flags)
{
	return flags & HV_DOORBELL_FLAG_TRIGGER_SIZE_MASK;
}

/* Bytes watched; of "any size", the one at the address. */
static u32 hv_doorbell_bytes(u32 size)
{
	return size ? 1U << (size - 1) : 1;
}

static bool hv_doorbell_any_value(const struct hv_connection *connection)
{
	return connection->doorbell.flags & HV_DOORBELL_FLAG_TRIGGER_ANY_VALUE;
}

/* The size code that a write of that many bytes has besides "any". */
static u32 hv_doorbell_code_of_len(int len)
{
	return len > 0 && is_power_of_2(len) ? ilog2(len) + 1 :
					       HV_DOORBELL_FLAG_TRIGGER_SIZE_ANY;
}

static struct hv_connection *
hv_doorbell_pick_rcu(const struct hv_doorbell_value *value, u32 size)
{
	struct hv_connection *connection = NULL;

	if (value)
		connection = READ_ONCE(value->by_size[HV_DOORBELL_FLAG_TRIGGER_SIZE_ANY]);
	if (value && !connection)
		connection = READ_ONCE(value->by_size[size]);
	return connection;
}

static struct hv_connection *hv_doorbell_find_rcu(struct hv_partition *partition,
						  gpa_t gpa, int len, u64 value)
{
	struct hv_doorbell_gpa *at = xa_load(&partition->doorbell_gpas, gpa);
	const u32 size = hv_doorbell_code_of_len(len);
	struct hv_connection *connection;

	if (!at)
		return NULL;
	if (!len)
		return READ_ONCE(at->any.by_size[HV_DOORBELL_FLAG_TRIGGER_SIZE_ANY]);

	connection = hv_doorbell_pick_rcu(&at->any, size);
	if (!connection)
		connection = hv_doorbell_pick_rcu(xa_load(&at->values, value), size);
	return connection;
}

/* Data path */

/*
 * Memory that came later wins, even if a write to it traps.  What was decoded and
 * found memory that can be written trapped before that came.  What was not decoded
 * may have trapped by an old entry of the MMU's, which only goes if KVM looks at it.
 */
static bool hv_doorbell_is_covered(struct kvm_vcpu *vcpu, gpa_t gpa, int len)
{
	return len ? hv_kvm->gpa_is_readonly(vcpu, gpa) :
		     hv_kvm->gpa_has_memslot(vcpu->kvm, gpa);
}

/**
 * hv_doorbell_write - offer a trapped write to a partition's doorbells
 * @vcpu: who wrote
 * @partition: its partition
 * @gpa: where
 * @len: how many bytes, 1 to 8; or 0, if it is not known what is accessed how
 * @data: what
 *
 * Context: the vCPU's task; does not sleep.
 * Return: true if the write is consumed.
 */
bool hv_doorbell_write(struct kvm_vcpu *vcpu, struct hv_partition *partition,
		       gpa_t gpa, int len, const void *data)
{
	struct hv_connection *connection;
	u64 value = 0;

	if (!len && !READ_ONCE(fast_doorbells))
		return false;

	if (len)
		memcpy(&value, data, len);

	rcu_read_lock();
	connection = hv_doorbell_find_rcu(partition, gpa, len, value);
	if (connection && hv_doorbell_is_covered(vcpu, gpa, len))
		connection = NULL;
	if (connection) {
		trace_hv_ports_ring(READ_ONCE(partition->id), vcpu->vcpu_id, gpa, len, value,
				    connection->port->id);
		/* Consumed even if nobody is there to hear it */
		if (hv_port_ring_rcu(connection->port))
			atomic64_inc(&connection->sent);
	}
	rcu_read_unlock();

	return connection;
}

/* Control path */

/**
 * hv_doorbell_check_input - what the input alone says of a doorbell
 * @partition: that is to watch
 * @info: connection info of port type HV_PORT_TYPE_DOORBELL
 *
 * Context: L1, under which @partition was seen not to be dying; does not sleep.
 * Return: true if it is acceptable.
 */
bool hv_doorbell_check_input(struct hv_partition *partition,
			     const struct hv_connection_info *info)
{
	const u64 flags = info->doorbell_connection_info.flags;
	const u64 gpa = info->doorbell_connection_info.gpa;
	const u64 known = HV_DOORBELL_FLAG_TRIGGER_SIZE_MASK |
			  HV_DOORBELL_FLAG_TRIGGER_ANY_VALUE;
	const u32 size = hv_doorbell_size_code(flags);

	if (flags & ~known)
		return false;
	if (size >= HV_DOORBELL_SIZES)
		return false;
	return offset_in_page(gpa) + hv_doorbell_bytes(size) <= PAGE_SIZE &&
	       partition->kvm && hv_kvm->gpa_is_valid(partition->kvm, gpa);
}

static bool hv_doorbell_sizes_meet(const struct hv_doorbell_value *value, u32 size)
{
	u32 i;

	if (!value || !value->nr)
		return false;
	if (size != HV_DOORBELL_FLAG_TRIGGER_SIZE_ANY)
		return hv_doorbell_pick_rcu(value, size);

	for (i = 0; i < HV_DOORBELL_SIZES; i++)
		if (value->by_size[i])
			return true;
	return false;
}

/* Would an exact value of some doorbell meet "any value" of this size? */
static bool hv_doorbell_values_meet(const struct hv_doorbell_gpa *at, u32 size)
{
	u32 i;

	if (size != HV_DOORBELL_FLAG_TRIGGER_SIZE_ANY)
		return at->nr[HV_DOORBELL_FLAG_TRIGGER_SIZE_ANY] || at->nr[size];

	for (i = 0; i < HV_DOORBELL_SIZES; i++)
		if (at->nr[i])
			return true;
	return false;
}

/**
 * hv_doorbell_collides - whether some write could match two doorbells
 * @partition: that is to watch
 * @info: accepted by hv_doorbell_check_input()
 *
 * Context: L1.
 * Return: true if a doorbell of the partition could match the same write.
 */
bool hv_doorbell_collides(struct hv_partition *partition,
			  const struct hv_connection_info *info)
{
	const u64 flags = info->doorbell_connection_info.flags;
	const u32 size = hv_doorbell_size_code(flags);
	struct hv_doorbell_gpa *at;

	lockdep_assert_held(&partition->lock);

	at = xa_load(&partition->doorbell_gpas, info->doorbell_connection_info.gpa);
	if (!at)
		return false;
	if (hv_doorbell_sizes_meet(&at->any, size))
		return true;
	if (flags & HV_DOORBELL_FLAG_TRIGGER_ANY_VALUE)
		return hv_doorbell_values_meet(at, size);
	return hv_doorbell_sizes_meet(xa_load(&at->values,
					      info->doorbell_connection_info.trigger_value),
				      size);
}

/* Writes to pages where nobody watches never get here. */
static void hv_doorbell_count_page(struct hv_partition *partition, u64 gpa, int by)
{
	const u32 bit = KVM_HV_PORT_PAGE_BIT(gpa);

	partition->doorbell_pages[bit] += by;
	hv_kvm->watch_page(partition->kvm, bit, partition->doorbell_pages[bit]);
}

static struct hv_doorbell_gpa *hv_doorbell_get_gpa(struct hv_partition *partition,
						   u64 gpa)
{
	struct hv_doorbell_gpa *at = xa_load(&partition->doorbell_gpas, gpa);

	if (at)
		return at;

	at = kzalloc_obj(*at, GFP_KERNEL_ACCOUNT);
	if (!at)
		return NULL;
	xa_init_flags(&at->values, XA_FLAGS_ACCOUNT);
	if (xa_err(xa_store(&partition->doorbell_gpas, gpa, at, GFP_KERNEL_ACCOUNT))) {
		kfree(at);
		return NULL;
	}
	hv_doorbell_count_page(partition, gpa, 1);
	return at;
}

static struct hv_doorbell_value *hv_doorbell_get_value(struct hv_doorbell_gpa *at,
						       const struct hv_connection *connection)
{
	const u64 wanted = connection->doorbell.value;
	struct hv_doorbell_value *value;

	if (hv_doorbell_any_value(connection))
		return &at->any;

	value = xa_load(&at->values, wanted);
	if (value)
		return value;

	value = kzalloc_obj(*value, GFP_KERNEL_ACCOUNT);
	if (!value)
		return NULL;
	if (xa_err(xa_store(&at->values, wanted, value, GFP_KERNEL_ACCOUNT))) {
		kfree(value);
		return NULL;
	}
	return value;
}

static bool hv_doorbell_gpa_is_watched(const struct hv_doorbell_gpa *at)
{
	u32 i;

	for (i = 0; i < HV_DOORBELL_SIZES; i++)
		if (at->nr[i])
			return true;
	return at->any.nr;
}

/* Let go of an address that nobody watches any more. */
static void hv_doorbell_put_gpa(struct hv_partition *partition, u64 gpa,
				struct hv_doorbell_gpa *at)
{
	if (hv_doorbell_gpa_is_watched(at))
		return;

	hv_doorbell_count_page(partition, gpa, -1);
	xa_erase(&partition->doorbell_gpas, gpa);
	/* A store that ran out of memory half way leaves nodes without entries. */
	xa_destroy(&at->values);
	kfree_rcu(at, rcu);
}

/**
 * hv_doorbell_arm - start watching
 * @partition: that watches
 * @connection: a doorbell that collides with none
 *
 * From here on the doorbell rings, so what it rings must be complete.
 *
 * Context: L1; sleeps.
 * Return: false if memory ran out.
 */
bool hv_doorbell_arm(struct hv_partition *partition, struct hv_connection *connection)
{
	const u32 size = hv_doorbell_size_code(connection->doorbell.flags);
	const u64 gpa = connection->doorbell.gpa;
	struct hv_doorbell_value *value;
	struct hv_doorbell_gpa *at;

	lockdep_assert_held(&partition->lock);

	at = hv_doorbell_get_gpa(partition, gpa);
	if (!at)
		return false;

	value = hv_doorbell_get_value(at, connection);
	if (!value) {
		hv_doorbell_put_gpa(partition, gpa, at);
		return false;
	}

	value->nr++;
	if (value != &at->any)
		at->nr[size]++;
	/* Pairs with the dependent reads of hv_doorbell_pick_rcu(). */
	smp_store_release(&value->by_size[size], connection);
	return true;
}

/**
 * hv_doorbell_disarm - stop watching
 * @partition: that watches
 * @connection: an armed doorbell
 *
 * A write that is under way may still ring until a grace period has passed.
 *
 * Context: L1.
 */
void hv_doorbell_disarm(struct hv_partition *partition, struct hv_connection *connection)
{
	const u32 size = hv_doorbell_size_code(connection->doorbell.flags);
	const u64 gpa = connection->doorbell.gpa;
	struct hv_doorbell_value *value;
	struct hv_doorbell_gpa *at;

	lockdep_assert_held(&partition->lock);

	at = xa_load(&partition->doorbell_gpas, gpa);
	value = hv_doorbell_any_value(connection) ?
		&at->any : xa_load(&at->values, connection->doorbell.value);

	WRITE_ONCE(value->by_size[size], NULL);
	value->nr--;
	if (value != &at->any) {
		at->nr[size]--;
		if (!value->nr) {
			xa_erase(&at->values, connection->doorbell.value);
			kfree_rcu(value, rcu);
		}
	}
	hv_doorbell_put_gpa(partition, gpa, at);
}
