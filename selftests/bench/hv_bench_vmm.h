/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The least that a user space could do to give a guest messages and events
 * without the module: what the benchmark compares with.
 *
 * Messages: HvCallPostMessage exits to the vCPU's thread, which writes the
 * message slot and an irqfd that is routed to the SINT.  Events and doorbells:
 * a thread reads the eventfd, sets the flag and writes the irqfd.  There is one
 * connection and one eventfd: no table of connections, no epoll, no locks, all
 * of which a real one has.  Messages from one VM to another: the same, with the
 * slot and the irqfd of the other VM, which the same process has.
 */
#ifndef SELFTEST_HV_BENCH_VMM_H
#define SELFTEST_HV_BENCH_VMM_H

#include <pthread.h>
#include <sys/eventfd.h>

#include "hv_bench_guest.h"

/* GSIs that are routed to SINTs */
#define VMM_GSI(sint)		(24 + (sint))

struct bench_vmm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	/* Guest memory: where it is, by address */
	u8 *memory;
	/* The vCPU's pages */
	struct hv_port_message *sim;
	u64 *sief;
	/* By SINT */
	int irqfd[16];
	/* What the SINT's interrupt is for: messages of this connection */
	u32 sint;
	/* Who gets them */
	struct bench_vmm *to;
	/* With the module: whose the other end of its ports is, or 0 */
	u64 peer;
	/* Memory that it has in common with another VM */
	void *shared;
	/* The thread that serves an eventfd, if there is one */
	pthread_t thread;
	int eventfd;
};

static inline void vmm_route(struct bench_vmm *vmm)
{
	struct kvm_irq_routing *routing = kvm_gsi_routing_create();
	u32 sint;

	for (sint = BENCH_SINT_EOI; sint <= BENCH_SINT_AUTO_EOI; sint++)
		routing->entries[routing->nr++] = (struct kvm_irq_routing_entry) {
			.gsi = VMM_GSI(sint),
			.type = KVM_IRQ_ROUTING_HV_SINT,
			.u.hv_sint = { .vcpu = vmm->vcpu->id, .sint = sint },
		};
	kvm_gsi_routing_write(vmm->vm, routing);
}

static inline int vmm_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	TEST_ASSERT(fd >= 0, "eventfd: %s", strerror(errno));
	return fd;
}

/* Forget what was signalled while nobody listened. */
static inline void vmm_drain(int fd)
{
	u64 count = 1;

	TEST_ASSERT(write(fd, &count, sizeof(count)) == sizeof(count) &&
		    read(fd, &count, sizeof(count)) == sizeof(count), "eventfd: %s",
		    strerror(errno));
}

static inline void vmm_irqfd(struct bench_vmm *vmm, int fd, u32 sint, u32 flags)
{
	struct kvm_irqfd irqfd = { .fd = fd, .gsi = VMM_GSI(sint), .flags = flags };

	if (!flags)
		vmm_drain(fd);
	vm_ioctl(vmm->vm, KVM_IRQFD, &irqfd);
}

static inline void vmm_hypercall_eventfd(struct bench_vmm *vmm, u32 connection, int fd,
					 u32 flags)
{
	struct kvm_hyperv_eventfd args = { .conn_id = connection, .fd = fd, .flags = flags };

	vm_ioctl(vmm->vm, KVM_HYPERV_EVENTFD, &args);
}

static inline void vmm_ioeventfd(struct bench_vmm *vmm, u32 id, int fd, u32 flags)
{
	struct kvm_ioeventfd args = {
		.addr = HV_BELL_GPA + (u64)id * BENCH_BELL_STRIDE,
		.len = sizeof(u32),
		.fd = fd,
		.flags = flags,
	};

	vm_ioctl(vmm->vm, KVM_IOEVENTFD, &args);
}

static inline void vmm_raise(struct bench_vmm *vmm, u32 sint)
{
	u64 one = 1;

	TEST_ASSERT(write(vmm->irqfd[sint], &one, sizeof(one)) == sizeof(one), "irqfd: %s",
		    strerror(errno));
}

/* HvCallPostMessage, in the vCPU's thread */
static inline u64 vmm_post(struct bench_vmm *vmm, u64 gpa)
{
	const struct hv_port_post_message *in = (void *)(vmm->memory + gpa);
	struct hv_port_message *slot = &vmm->to->sim[vmm->sint];

	if (!vmm->sint || in->payload_size > sizeof(in->payload))
		return HV_STATUS_SUCCESS;
	if (hv_load(&slot->message_type))
		return HV_STATUS_INSUFFICIENT_BUFFERS;

	memcpy(slot->payload, in->payload, in->payload_size);
	slot->payload_size = in->payload_size;
	slot->message_flags = 0;
	slot->port_id = in->connection_id;
	hv_store(&slot->message_type, in->message_type);
	vmm_raise(vmm->to, vmm->sint);
	return HV_STATUS_SUCCESS;
}

static inline void vmm_hypercall(struct bench_vmm *vmm)
{
	struct kvm_hyperv_exit *hyperv = &vmm->vcpu->run->hyperv;

	if (hyperv->type != KVM_EXIT_HYPERV_HCALL)
		return;
	TEST_ASSERT((hyperv->u.hcall.input & 0xffff) == HVCALL_POST_MESSAGE,
		    "hypercall 0x%llx", hyperv->u.hcall.input);
	hyperv->u.hcall.result = vmm_post(vmm, hyperv->u.hcall.params[0]);
}

/* Runs the vCPU until it has done what it was told. */
static inline void vmm_run(struct bench_vmm *vmm)
{
	struct kvm_run *run = vmm->vcpu->run;
	struct ucall uc;

	for (;;) {
		TEST_ASSERT(!ioctl(vmm->vcpu->fd, KVM_RUN, NULL) || errno == EINTR,
			    "KVM_RUN: %s", strerror(errno));
		if (run->exit_reason == KVM_EXIT_HYPERV) {
			vmm_hypercall(vmm);
			continue;
		}
		/* Nobody's address; a write, answered by doing nothing */
		if (run->exit_reason == KVM_EXIT_MMIO)
			continue;
		if (get_ucall(vmm->vcpu, &uc) == UCALL_SYNC)
			return;
		if (uc.cmd == UCALL_ABORT)
			REPORT_GUEST_ASSERT(uc);
		TEST_FAIL("exit %u (%s)", run->exit_reason,
			  exit_reason_str(run->exit_reason));
	}
}

static inline bool vmm_set_flag(struct bench_vmm *vmm)
{
	u64 *word = vmm->sief + vmm->sint * (BENCH_FLAGS / 64);

	return !(__atomic_fetch_or(word, 1, __ATOMIC_SEQ_CST) & 1);
}

/* A count as large as this is the word to stop. */
#define VMM_STOP	BIT_ULL(32)

static inline void *vmm_thread(void *arg)
{
	struct bench_vmm *vmm = arg;
	u64 count;

	while (read(vmm->eventfd, &count, sizeof(count)) == sizeof(count)) {
		if (count >= VMM_STOP)
			break;
		if (vmm_set_flag(vmm))
			vmm_raise(vmm, vmm->sint);
	}
	return NULL;
}

/* Have a thread answer the eventfd with flag 0 and the SINT's interrupt. */
static inline void vmm_start_thread(struct bench_vmm *vmm, int fd, u32 sint)
{
	vmm_drain(fd);
	vmm->eventfd = fd;
	vmm->sint = sint;
	TEST_ASSERT(!pthread_create(&vmm->thread, NULL, vmm_thread, vmm), "pthread_create");
}

static inline void vmm_stop_thread(struct bench_vmm *vmm)
{
	u64 stop = VMM_STOP;

	TEST_ASSERT(write(vmm->eventfd, &stop, sizeof(stop)) == sizeof(stop), "eventfd: %s",
		    strerror(errno));
	pthread_join(vmm->thread, NULL);
	vmm->sint = 0;
}

static inline void vmm_create(struct bench_vmm *vmm)
{
	void *code[] = { bench_guest };
	struct hv_test_vp *vp;
	u32 sint;

	*vmm = (struct bench_vmm) { .to = vmm };
	vmm->vm = hv_test_create(1, code, &vmm->vcpu);
	for (sint = BENCH_SINT_EOI; sint <= BENCH_SINT_AUTO_EOI; sint++)
		vm_install_exception_handler(vmm->vm, HV_TEST_VECTOR(sint), bench_interrupt);
	vp = hv_test_vp(vmm->vm, 0);
	vmm->memory = addr_gpa2hva(vmm->vm, 0);
	vmm->sim = addr_gpa2hva(vmm->vm, vp->sim.gpa);
	vmm->sief = addr_gpa2hva(vmm->vm, vp->sief.gpa);
	hv_bell_map(vmm->vm, BENCH_BELL_PAGES);
	vmm_route(vmm);
	for (sint = BENCH_SINT_EOI; sint <= BENCH_SINT_AUTO_EOI; sint++) {
		vmm->irqfd[sint] = vmm_eventfd();
		vmm_irqfd(vmm, vmm->irqfd[sint], sint, 0);
	}
	vmm_run(vmm);
}

static inline void vmm_free(struct bench_vmm *vmm)
{
	u32 sint;

	for (sint = BENCH_SINT_EOI; sint <= BENCH_SINT_AUTO_EOI; sint++) {
		vmm_irqfd(vmm, vmm->irqfd[sint], sint, KVM_IRQFD_FLAG_DEASSIGN);
		close(vmm->irqfd[sint]);
	}
	kvm_vm_free(vmm->vm);
}

#endif /* SELFTEST_HV_BENCH_VMM_H */
