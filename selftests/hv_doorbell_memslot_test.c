// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells and what else may be at their address: memory that comes later,
 * ioeventfds, coalesced writes, KVM's APICs, and user space, which gets what is left.
 */
#include <sys/eventfd.h>

#include "hv_doorbell_util.h"

/* machine: ports timeout=200 */

#define SINT		2
#define PORT		0x100
#define FLAG		PORT
#define GPA		(HV_BELL_GPA + 0x100)
#define ELSEWHERE	(HV_BELL_GPA + 0x200)
#define IO_APIC		0xfec00000ULL
#define SLOT		20
#define VALUE		0x55667788

/* What the guest does each time that it is run */
enum action {
	WRITE,		/* hv_test_gpa, hv_test_len, hv_test_value */
	READ,
	CONNECT,	/* hv_test_bell */
	DISCONNECT,
};

struct command {
	u64 action;
	u64 gpa;
	u64 value;
	u32 len;
	struct hv_bell bell;
	/* What came of it */
	u64 status;
	u64 read;
	u64 exits;
	u32 rung;
	u32 interrupts;
	struct hv_mmio_access exit;
};

static struct command command;

static u64 execute(struct hv_test_vp *vp)
{
	switch (command.action) {
	case WRITE:
		hv_bell_write(command.gpa, command.len, command.value);
		return HV_STATUS_SUCCESS;
	case READ:
		command.read = hv_bell_read(command.gpa);
		return HV_STATUS_SUCCESS;
	case CONNECT:
		return hv_connect_port(vp, hv_doorbell_to(PORT, PORT, command.bell));
	default:
		return hv_disconnect_doorbell(PORT);
	}
}

static void guest_code(struct hv_test_vp *vp)
{
	u32 interrupts;
	u64 exits;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	HV_ASSERT_OK(hv_create_port(vp, hv_doorbell_port(PORT, SINT, 0)));
	for (;;) {
		GUEST_SYNC(0);
		interrupts = vp->interrupts[SINT];
		exits = hv_mmio_count(vp);
		command.status = execute(vp);
		command.rung = hv_flag_is_set(vp, SINT, FLAG);
		hv_flag_clear(vp, SINT, FLAG);
		command.interrupts = vp->interrupts[SINT] - interrupts;
		command.exits = hv_mmio_count(vp) - exits;
		if (command.exits)
			command.exit = hv_mmio_access(vp, exits);
	}
}

/* Host */

static void run_command(struct kvm_vcpu *vcpu, struct command c)
{
	command = c;
	sync_global_to_guest(vcpu->vm, command);
	hv_test_step(vcpu, 0);
	sync_global_from_guest(vcpu->vm, command);
	TEST_ASSERT_EQ(command.rung, command.interrupts);
	/* Nobody but one hears of an access. */
	TEST_ASSERT(command.exits + command.rung <= 1, "%lu exits, %s", command.exits,
		    command.rung ? "and rung" : "not rung");
}

static void connect_bell(struct kvm_vcpu *vcpu, struct hv_bell bell, u64 status)
{
	run_command(vcpu, (struct command) { CONNECT, .bell = bell });
	TEST_ASSERT_EQ(command.status, status);
}

static void disconnect_bell(struct kvm_vcpu *vcpu)
{
	run_command(vcpu, (struct command) { DISCONNECT });
	TEST_ASSERT_EQ(command.status, HV_STATUS_SUCCESS);
}

static void do_write(struct kvm_vcpu *vcpu, u64 gpa, u32 len, u64 value)
{
	run_command(vcpu, (struct command) { WRITE, gpa, value, len });
}

static void write_rings(struct kvm_vcpu *vcpu, u64 gpa, u32 len, u64 value)
{
	do_write(vcpu, gpa, len, value);
	TEST_ASSERT(command.rung, "write of %u at 0x%lx does not ring", len, gpa);
}

static void write_exits(struct kvm_vcpu *vcpu, u64 gpa, u32 len, u64 value)
{
	do_write(vcpu, gpa, len, value);
	TEST_ASSERT_EQ(command.exits, 1);
	TEST_ASSERT_EQ(command.exit.gpa, gpa);
	TEST_ASSERT_EQ(command.exit.len, len);
	TEST_ASSERT_EQ(command.exit.value, value);
	TEST_ASSERT_EQ(command.exit.is_write, true);
}

/* Somebody in the kernel takes it, and that is not the doorbell. */
static void write_silent(struct kvm_vcpu *vcpu, u64 gpa, u32 len, u64 value)
{
	do_write(vcpu, gpa, len, value);
	TEST_ASSERT(!command.exits && !command.rung, "%lu exits, rung: %u", command.exits,
		    command.rung);
}

static void read_exits(struct kvm_vcpu *vcpu, u64 gpa)
{
	run_command(vcpu, (struct command) { READ, gpa });
	TEST_ASSERT_EQ(command.exits, 1);
	TEST_ASSERT_EQ(command.exit.gpa, gpa);
	TEST_ASSERT_EQ(command.exit.len, 8);
	TEST_ASSERT_EQ(command.exit.is_write, false);
	TEST_ASSERT_EQ(command.read, HV_MMIO_READ_VALUE);
}

static void start(struct kvm_vm *vm, struct kvm_vcpu *vcpu)
{
	hv_test_exit = hv_mmio_exit;
	hv_bell_map(vm, 1);
	hv_test_step(vcpu, 0);
}

/* Memory */

static const struct hv_bell bell = { GPA, VALUE, 3 };

static u64 *add_memory(struct kvm_vm *vm, u32 flags)
{
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, HV_BELL_GPA, SLOT, 1, flags);
	return addr_gpa2hva(vm, GPA);
}

static void host_memory(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	u64 *memory;
	int i;

	start(vm, vcpus[0]);
	connect_bell(vcpus[0], bell, HV_STATUS_SUCCESS);
	write_rings(vcpus[0], GPA, 4, VALUE);

	for (i = 0; i < 5; i++) {
		memory = add_memory(vm, 0);
		write_silent(vcpus[0], GPA, 4, VALUE);
		TEST_ASSERT_EQ(*memory, VALUE);
		run_command(vcpus[0], (struct command) { READ, GPA });
		TEST_ASSERT_EQ(command.exits, 0);
		TEST_ASSERT_EQ(command.read, VALUE);

		vm_mem_region_delete(vm, SLOT);
		write_rings(vcpus[0], GPA, 4, VALUE);
		write_exits(vcpus[0], GPA, 4, VALUE + 1);
		read_exits(vcpus[0], GPA);
	}
}

/* While the memory is there, doorbells may go, but not come. */
static void host_memory_disconnect(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	start(vm, vcpus[0]);
	connect_bell(vcpus[0], bell, HV_STATUS_SUCCESS);
	add_memory(vm, 0);
	disconnect_bell(vcpus[0]);
	connect_bell(vcpus[0], bell, HV_STATUS_INVALID_PARAMETER);
	write_silent(vcpus[0], GPA, 4, VALUE);
	vm_mem_region_delete(vm, SLOT);
	write_exits(vcpus[0], GPA, 4, VALUE);
	connect_bell(vcpus[0], bell, HV_STATUS_SUCCESS);
	write_rings(vcpus[0], GPA, 4, VALUE);
}

/* Writes to read-only memory are user space's, as ever. */
static void host_readonly_memory(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	start(vm, vcpus[0]);
	connect_bell(vcpus[0], bell, HV_STATUS_SUCCESS);
	add_memory(vm, KVM_MEM_READONLY);
	write_exits(vcpus[0], GPA, 4, VALUE);
	vm_mem_region_delete(vm, SLOT);
	write_rings(vcpus[0], GPA, 4, VALUE);
}

/* ioeventfds */

static int add_ioeventfd(struct kvm_vm *vm, u64 gpa, u32 len, const u64 *value)
{
	struct kvm_ioeventfd args = {
		.addr = gpa,
		.len = len,
		.fd = eventfd(0, EFD_NONBLOCK),
		.datamatch = value ? *value : 0,
		.flags = value ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0,
	};

	vm_ioctl(vm, KVM_IOEVENTFD, &args);
	return args.fd;
}

static bool eventfd_signalled(int fd)
{
	eventfd_t value;

	return !eventfd_read(fd, &value);
}

static void write_signals(struct kvm_vcpu *vcpu, int fd, u64 gpa, u32 len, u64 value)
{
	write_silent(vcpu, gpa, len, value);
	TEST_ASSERT(eventfd_signalled(fd), "no ioeventfd for %u bytes at 0x%lx", len, gpa);
}

static void host_ioeventfd(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	int any, own;

	start(vm, vcpus[0]);
	any = add_ioeventfd(vm, GPA, 4, NULL);
	own = add_ioeventfd(vm, GPA, 2, (const u64 []) { 0x1234 });
	write_signals(vcpus[0], any, GPA, 4, VALUE);

	/* The doorbell wins, and the ioeventfd has all the rest. */
	connect_bell(vcpus[0], bell, HV_STATUS_SUCCESS);
	write_rings(vcpus[0], GPA, 4, VALUE);
	TEST_ASSERT(!eventfd_signalled(any), "doorbell and ioeventfd");
	write_signals(vcpus[0], any, GPA, 4, VALUE + 1);
	write_signals(vcpus[0], own, GPA, 2, 0x1234);
	write_exits(vcpus[0], GPA, 2, 0x1235);
	write_exits(vcpus[0], GPA, 8, VALUE);
	read_exits(vcpus[0], GPA);

	disconnect_bell(vcpus[0]);
	write_signals(vcpus[0], any, GPA, 4, VALUE);
	TEST_ASSERT(!eventfd_signalled(own), "ioeventfd of another size");
}

/* One that is there for any size, which some hosts find without decoding. */
static void host_wildcard_ioeventfd(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	int any;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD_ANY_LENGTH));
	start(vm, vcpus[0]);
	any = add_ioeventfd(vm, GPA, 0, NULL);
	connect_bell(vcpus[0], (struct hv_bell) { GPA, 0, HV_BELL_ANY_VALUE | 2 },
		     HV_STATUS_SUCCESS);
	write_rings(vcpus[0], GPA, 2, 1);
	TEST_ASSERT(!eventfd_signalled(any), "doorbell and ioeventfd");
	write_signals(vcpus[0], any, GPA, 1, 1);
	write_signals(vcpus[0], any, GPA, 4, 1);
	disconnect_bell(vcpus[0]);
	write_signals(vcpus[0], any, GPA, 2, 1);
}

/* An ioeventfd that came later, and others all over the page */
static void host_ioeventfds_around(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	int fds[32], later, i;

	start(vm, vcpus[0]);
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = add_ioeventfd(vm, ELSEWHERE + 8 * i, 4, NULL);
	connect_bell(vcpus[0], bell, HV_STATUS_SUCCESS);
	later = add_ioeventfd(vm, GPA, 4, (const u64 []) { VALUE });

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		write_signals(vcpus[0], fds[i], ELSEWHERE + 8 * i, 4, VALUE);
		write_rings(vcpus[0], GPA, 4, VALUE);
	}
	TEST_ASSERT(!eventfd_signalled(later), "doorbell and ioeventfd");
	write_exits(vcpus[0], ELSEWHERE + 8 * i, 4, VALUE);
	disconnect_bell(vcpus[0]);
	write_signals(vcpus[0], later, GPA, 4, VALUE);
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		write_signals(vcpus[0], fds[i], ELSEWHERE + 8 * i, 4, VALUE);
}

/* Coalesced writes */

static void host_coalesced(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	struct kvm_coalesced_mmio_zone zone = { .addr = HV_BELL_GPA, .size = 4096 };
	struct kvm_coalesced_mmio_ring *ring;
	const u32 at = kvm_check_cap(KVM_CAP_COALESCED_MMIO);

	TEST_REQUIRE(at);
	start(vm, vcpus[0]);
	ring = (void *)vcpus[0]->run + at * getpagesize();
	vm_ioctl(vm, KVM_REGISTER_COALESCED_MMIO, &zone);

	connect_bell(vcpus[0], bell, HV_STATUS_SUCCESS);
	write_rings(vcpus[0], GPA, 4, VALUE);
	TEST_ASSERT_EQ(ring->last, 0);
	write_silent(vcpus[0], GPA, 4, VALUE + 1);
	TEST_ASSERT_EQ(ring->last, 1);
	TEST_ASSERT_EQ(ring->coalesced_mmio[0].phys_addr, GPA);
	disconnect_bell(vcpus[0]);
	write_silent(vcpus[0], GPA, 4, VALUE);
	TEST_ASSERT_EQ(ring->last, 2);
}

/* KVM's APICs */

static void map_device(struct kvm_vm *vm, u64 gpa)
{
	virt_map(vm, (gva_t)hv_bell_gva(gpa), gpa, 1);
}

static void host_io_apic(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	struct hv_bell io_apic = { IO_APIC, VALUE, 3 };

	start(vm, vcpus[0]);
	map_device(vm, IO_APIC);
	write_silent(vcpus[0], IO_APIC, 4, VALUE);
	connect_bell(vcpus[0], io_apic, HV_STATUS_SUCCESS);
	write_rings(vcpus[0], IO_APIC, 4, VALUE);
	write_silent(vcpus[0], IO_APIC, 4, VALUE + 1);
}

/* The vCPU is in x2APIC mode.  Where the CPU virtualises APICs, KVM has a slot there. */
static void host_local_apic(struct kvm_vm *vm, struct kvm_vcpu *vcpus[])
{
	struct hv_bell local_apic = { APIC_DEFAULT_GPA, VALUE, 3 };
	bool connected;

	start(vm, vcpus[0]);
	map_device(vm, APIC_DEFAULT_GPA);
	run_command(vcpus[0], (struct command) { CONNECT, .bell = local_apic });
	connected = command.status == HV_STATUS_SUCCESS;
	TEST_ASSERT(connected || command.status == HV_STATUS_INVALID_PARAMETER, "status %lu",
		    command.status);
	write_silent(vcpus[0], APIC_DEFAULT_GPA, 4, VALUE);
	if (!connected)
		return;
	vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_LAPIC_MMIO_HOLE);
	write_rings(vcpus[0], APIC_DEFAULT_GPA, 4, VALUE);
}

static const struct hv_test_case cases[] = {
	{ "memory over a doorbell", { guest_code }, .host = host_memory },
	{ "disconnected under memory", { guest_code }, .host = host_memory_disconnect },
	{ "ioeventfd at the address", { guest_code }, .host = host_ioeventfd },
	{ "ioeventfd of any size", { guest_code }, .host = host_wildcard_ioeventfd },
	{ "ioeventfds in the page", { guest_code }, .host = host_ioeventfds_around },
	{ "coalesced writes", { guest_code }, .host = host_coalesced },
	{ "read-only memory over a doorbell", { guest_code }, .host = host_readonly_memory },
	{ "I/O APIC", { guest_code }, .host = host_io_apic },
	{ "local APIC", { guest_code }, .host = host_local_apic },
};

int main(void)
{
	hv_test_cases(cases, ARRAY_SIZE(cases));
}
