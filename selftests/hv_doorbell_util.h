/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Doorbells: the hypercalls, writes that trap, and what user space sees of them
 */
#ifndef SELFTEST_HV_DOORBELL_UTIL_H
#define SELFTEST_HV_DOORBELL_UTIL_H

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "hv_case_util.h"

/* Nobody's memory, and where the guest has it mapped */
#define HV_BELL_GPA		0x180000000ULL
#define HV_BELL_GVA		0x100000000000ULL

#define HV_BELL_ANY_VALUE	HV_DOORBELL_FLAG_TRIGGER_ANY_VALUE

/* What a doorbell watches */
struct hv_bell {
	u64 gpa;
	u64 value;
	u64 flags;
};

/* Bytes that a doorbell watches; 0: any size */
static inline u32 hv_bell_bytes(const struct hv_bell *bell)
{
	static const u32 bytes[] = { 0, 1, 2, 4, 8 };

	return bytes[bell->flags & HV_DOORBELL_FLAG_TRIGGER_SIZE_MASK];
}

static inline struct hv_input_create_port hv_doorbell_port(u32 id, u32 sint, u32 vp)
{
	return (struct hv_input_create_port) {
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = id,
		.port_info = {
			.port_type = HV_PORT_TYPE_DOORBELL,
			.doorbell_port_info = { .target_sint = sint, .target_vp = vp },
		},
	};
}

static inline struct hv_input_connect_port hv_doorbell_to(u32 id, u32 port,
							  struct hv_bell bell)
{
	struct hv_input_connect_port in = hv_connection_to(id, port, HV_PORT_TYPE_DOORBELL);

	in.connection_info.doorbell_connection_info.gpa = bell.gpa;
	in.connection_info.doorbell_connection_info.trigger_value = bell.value;
	in.connection_info.doorbell_connection_info.flags = bell.flags;
	return in;
}

static inline struct hv_input_disconnect_port hv_doorbell_disconnection(u32 id)
{
	return (struct hv_input_disconnect_port) {
		.connection_partition_id = HV_PARTITION_ID_SELF,
		.connection_id = id,
		.flags = HV_DISCONNECT_DOORBELL,
	};
}

/* Guest */

static inline u64 hv_disconnect_doorbell(u32 id)
{
	struct hv_input_disconnect_port in = hv_doorbell_disconnection(id);

	return hv_call_fast(HVCALL_DISCONNECT_PORT, &in, sizeof(in));
}

/* A port and a doorbell of the same id */
static inline void hv_open_doorbell(struct hv_test_vp *vp, u32 id, u32 sint, u32 target,
				    struct hv_bell bell)
{
	HV_ASSERT_OK(hv_create_port(vp, hv_doorbell_port(id, sint, target)));
	HV_ASSERT_OK(hv_connect_port(vp, hv_doorbell_to(id, id, bell)));
}

static inline void hv_close_doorbell(u32 id)
{
	HV_ASSERT_OK(hv_disconnect_doorbell(id));
	HV_ASSERT_OK(hv_delete_port(id));
}

/* One instruction that writes that many bytes */
static inline void hv_write(void *gva, u32 len, u64 value)
{
	switch (len) {
	case 1:
		asm volatile("movb %b1, (%0)" : : "r"(gva), "q"(value) : "memory");
		break;
	case 2:
		asm volatile("movw %w1, (%0)" : : "r"(gva), "r"(value) : "memory");
		break;
	case 4:
		asm volatile("movl %k1, (%0)" : : "r"(gva), "r"(value) : "memory");
		break;
	case 8:
		asm volatile("movq %1, (%0)" : : "r"(gva), "r"(value) : "memory");
		break;
	default:
		GUEST_FAIL("no writes of %u bytes", len);
	}
}

static inline void *hv_bell_gva(u64 gpa)
{
	return (void *)(HV_BELL_GVA + (gpa - HV_BELL_GPA));
}

static inline void hv_bell_write(u64 gpa, u32 len, u64 value)
{
	hv_write(hv_bell_gva(gpa), len, value);
}

static inline u64 hv_bell_read(u64 gpa)
{
	u64 value;

	asm volatile("movq (%1), %0" : "=r"(value) : "r"(hv_bell_gva(gpa)) : "memory");
	return value;
}

/* Host: addresses that trap */

static inline void hv_bell_map(struct kvm_vm *vm, int pages)
{
	virt_map(vm, HV_BELL_GVA, HV_BELL_GPA, pages);
}

/*
 * What user space saw: by vCPU, the last accesses, and how many.  The host
 * writes it before the vCPU goes on, so the guest needs no waiting.
 */
#define HV_MMIO_ACCESSES	8

struct hv_mmio_access {
	u64 gpa;
	u64 value;
	u32 len;
	u32 is_write;
};

struct hv_mmio_log {
	u64 nr;
	struct hv_mmio_access last[HV_MMIO_ACCESSES];
};

static struct hv_mmio_log hv_mmio_logs[HV_TEST_MAX_VCPUS];

/* What reads find */
#define HV_MMIO_READ_VALUE	0x0123456789abcdefULL

/* An hv_test_exit */
static inline bool hv_mmio_exit(struct kvm_vcpu *vcpu)
{
	struct hv_mmio_access access = {};
	u64 value = HV_MMIO_READ_VALUE;
	struct hv_mmio_log *log;

	if (vcpu->run->exit_reason != KVM_EXIT_MMIO)
		return false;

	access.gpa = vcpu->run->mmio.phys_addr;
	access.len = vcpu->run->mmio.len;
	access.is_write = vcpu->run->mmio.is_write;
	TEST_ASSERT(access.len <= sizeof(value), "%u bytes", access.len);
	if (access.is_write)
		memcpy(&access.value, vcpu->run->mmio.data, access.len);
	else
		memcpy(vcpu->run->mmio.data, &value, access.len);

	log = addr_gva2hva(vcpu->vm, (gva_t)&hv_mmio_logs[vcpu->id]);
	log->last[log->nr % HV_MMIO_ACCESSES] = access;
	hv_store(&log->nr, log->nr + 1);
	return true;
}

/* An hv_test_case.host: all vCPUs at once, with a page that traps */
static inline void hv_bell_host(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	hv_test_exit = hv_mmio_exit;
	hv_bell_map(vm, 1);
	hv_test_run_all(hv_test_nr_vcpus, vcpus);
}

/* Guest: how many accesses of this vCPU user space saw */
static inline u64 hv_mmio_count(struct hv_test_vp *vp)
{
	return hv_load(&hv_mmio_logs[vp->index].nr);
}

/* Guest: access number @nr */
static inline struct hv_mmio_access hv_mmio_access(struct hv_test_vp *vp, u64 nr)
{
	barrier();
	return hv_mmio_logs[vp->index].last[nr % HV_MMIO_ACCESSES];
}

/* Host: the module */

#define HV_MODULE_DIR	"/sys/module/kvm_hv_ports/"

/* Of VMs that make their first port call from now on */
static inline void hv_module_set(const char *parameter, u32 value)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), HV_MODULE_DIR "parameters/%s", parameter);
	file = fopen(path, "w");
	TEST_ASSERT(file, "open %s: %s", path, strerror(errno));
	fprintf(file, "%u\n", value);
	TEST_ASSERT(!fclose(file), "write %s: %s", path, strerror(errno));
}

static inline int hv_module_refcount(void)
{
	FILE *file = fopen(HV_MODULE_DIR "refcnt", "r");
	int count;

	TEST_ASSERT(file, "open " HV_MODULE_DIR "refcnt: %s", strerror(errno));
	TEST_ASSERT(fscanf(file, "%d", &count) == 1, "no reference count");
	fclose(file);
	return count;
}

/* The VM that used it is gone; its last file may be closed by a worker. */
static inline void hv_module_await_unused(void)
{
	const time_t give_up = time(NULL) + 30;

	while (hv_module_refcount()) {
		TEST_ASSERT(time(NULL) < give_up, "%d references to the module are left",
			    hv_module_refcount());
		sched_yield();
	}
}

#endif /* SELFTEST_HV_DOORBELL_UTIL_H */
