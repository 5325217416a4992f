// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a message, an event and a doorbell cost, beside what the same costs
 * without the module; and what the module costs those who do not use it.
 *
 * Every line of output that starts with "bench:" is a measurement:
 *
 *	bench: NAME ROUND MEDIAN P90 P99 MAX MEAN
 *
 * in TSC ticks per operation.  Where the machine counts instructions, a sample
 * is a batch of operations, and the median is one that no timer tick fell into.
 * With -t each sample is one operation, for percentiles.
 *
 * With -n the module is there already and stays; what needs it to be absent is
 * left out.  With -c FILE it is a trial: few samples, nothing of which there
 * would be very many, and in the end a look at whether every row of FILE that
 * was to be measured has a figure.
 */
/* machine: self timeout=1500 */
#include <getopt.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "hv_bench_vmm.h"
#include "../hv_host_util.h"
#include "../hv_module_util.h"

/* By the clock, nothing comes twice. */
#define ROUNDS			(timing ? 1 : 2)

/* Whatever the VM has, these are not among it. */
#define EVENTFD_CONNECTION	0x200000
#define IOEVENTFD_BELL		0x7000
#define NOBODYS_BELL		0x7001

#define WARM_UP			32

#define MAX_BELLS		16384
#define MAX_PORTS		100000
/* Of so many ports one takes messages, and the others take events. */
#define MESSAGE_PORT_EVERY	100

static u32 batches = 25;
static u32 loops = 32;
static bool timing;
static bool native;
static const char *rows;

/* What has a figure */
static char measured[256][64];
static int nr_measured;

/* Measuring */

static int compare_u64(const void *a, const void *b)
{
	const u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static void note_measured(const char *name, const char *variant)
{
	TEST_ASSERT(nr_measured < ARRAY_SIZE(measured), "too many measurements");
	snprintf(measured[nr_measured++], sizeof(measured[0]), "%s.%s", name, variant);
}

static void print_samples(const char *name, const char *variant, int round,
			  const struct bench_cmd *cmd, u64 *samples)
{
	double sum = 0, per = cmd->loops * (cmd->ways ?: 1);
	u32 n = cmd->batches, i;

	for (i = 0; i < n; i++)
		sum += samples[i];
	qsort(samples, n, sizeof(*samples), compare_u64);
	TEST_ASSERT(samples[0], "%s.%s took no time", name, variant);
	note_measured(name, variant);
	printf("bench: %s.%s %d %.1f %.1f %.1f %.1f %.1f\n", name, variant, round,
	       samples[n / 2] / per, samples[n * 9 / 10] / per,
	       samples[n * 99 / 100] / per, samples[n - 1] / per, sum / n / per);
	fflush(stdout);
}

static void tell(struct bench_vmm *vmm, struct bench_cmd cmd, u32 nr_batches, u32 nr_loops)
{
	TEST_ASSERT(nr_batches <= BENCH_MAX_BATCHES, "%u batches", nr_batches);
	cmd.batches = nr_batches;
	cmd.loops = nr_loops;
	cmd.peer = vmm->peer;
	bench_cmd = cmd;
	sync_global_to_guest(vmm->vm, bench_cmd);
}

static void run(struct bench_vmm *vmm, struct bench_cmd cmd, u32 nr_batches, u32 nr_loops)
{
	tell(vmm, cmd, nr_batches, nr_loops);
	vmm_run(vmm);
}

static void print_run(struct bench_vmm *vmm, const char *name, const char *variant, int round)
{
	print_samples(name, variant, round, &bench_cmd,
		      addr_gva2hva(vmm->vm, (gva_t)bench_samples));
}

/* What is different the first time, be it of each of many, is not measured. */
static void measure(struct bench_vmm *vmm, const char *name, const char *variant, int round,
		    struct bench_cmd cmd)
{
	run(vmm, cmd, 1, cmd.nr > 1 ? batches * loops : WARM_UP);
	run(vmm, cmd, batches, loops);
	print_run(vmm, name, variant, round);
}

/*
 * Where two threads take part, whether who is woken goes before who woke him is
 * not left to how fair it would be, which depends on what was before.  0: it is.
 */
static void set_priority(pthread_t thread, int priority)
{
	const struct sched_param param = { .sched_priority = priority };
	int error;

	if (timing)
		return;
	error = pthread_setschedparam(thread, priority ? SCHED_FIFO : SCHED_OTHER, &param);
	TEST_ASSERT(!error, "pthread_setschedparam: %s", strerror(error));
}

/* It goes first, which spares the vCPU to halt. */
static void start_thread(struct bench_vmm *vmm, int fd, u32 sint)
{
	set_priority(pthread_self(), 1);
	vmm_start_thread(vmm, fd, sint);
	set_priority(vmm->thread, 2);
}

static void stop_thread(struct bench_vmm *vmm)
{
	vmm_stop_thread(vmm);
	set_priority(pthread_self(), 0);
}

/* Ids first to first + nr - 1, each once */
static void control(struct bench_vmm *vmm, u32 op, u32 type, u32 sint, u32 first, u32 nr)
{
	run(vmm, (struct bench_cmd) {
		.op = op,
		.first = first,
		.nr = nr,
		.step = 1,
		.stride = 1,
		.type = type,
		.sint = sint,
	}, 1, nr);
}

static void open_ports(struct bench_vmm *vmm, u32 type, u32 sint, u32 first, u32 nr)
{
	control(vmm, BENCH_CREATE, type, sint, first, nr);
	control(vmm, BENCH_CONNECT, type, sint, first, nr);
}

/* Far from the one before, so that nobody benefits from the order */
static u32 stride_of(u32 nr)
{
	return nr * 5 / 8 | (nr > 1);
}

static const char *with_number(const char *name, u32 number)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s.%u", name, number);
	return text;
}

/* Exits that have nothing to do with ports */

static void measure_exit(struct bench_vmm *vmm, const char *name, const char *variant,
			 u32 op, u32 id)
{
	int round;

	for (round = 1; round <= ROUNDS; round++)
		measure(vmm, name, variant, round, (struct bench_cmd) {
			.op = op,
			.first = id,
			.sint = BENCH_SINT_EOI,
			.flag = BENCH_NO_FLAG,
		});
}

static void measure_exits(struct bench_vmm *vmm, const char *variant)
{
	int fd = vmm_eventfd();

	measure_exit(vmm, "null", variant, BENCH_NULL, 0);
	measure_exit(vmm, "cpuid", variant, BENCH_CPUID, 0);

	vmm_hypercall_eventfd(vmm, EVENTFD_CONNECTION, fd, 0);
	vmm_ioeventfd(vmm, IOEVENTFD_BELL, fd, 0);
	measure_exit(vmm, "eventfd", variant, BENCH_SIGNAL_ONLY, EVENTFD_CONNECTION);
	measure_exit(vmm, "ioeventfd", variant, BENCH_BELL_ONLY, IOEVENTFD_BELL);
	vmm_irqfd(vmm, fd, BENCH_SINT_EOI, 0);
	measure_exit(vmm, "eventfd-eoi", variant, BENCH_SIGNAL, EVENTFD_CONNECTION);
	vmm_irqfd(vmm, fd, BENCH_SINT_EOI, KVM_IRQFD_FLAG_DEASSIGN);
	vmm_ioeventfd(vmm, IOEVENTFD_BELL, fd, KVM_IOEVENTFD_FLAG_DEASSIGN);
	vmm_hypercall_eventfd(vmm, EVENTFD_CONNECTION, 0, KVM_HYPERV_EVENTFD_DEASSIGN);

	measure_exit(vmm, "mmio", variant, BENCH_BELL_ONLY, NOBODYS_BELL);
	measure_exit(vmm, "post-nowhere", variant, BENCH_POST_ONLY, EVENTFD_CONNECTION);
	close(fd);
}

/* A VM that makes no port call */
static void measure_without_ports(const char *variant)
{
	struct bench_vmm vmm;

	vmm_create(&vmm);
	measure_exits(&vmm, variant);
	vmm_free(&vmm);
}

static void measure_busy(void)
{
	struct bench_vmm vmm;

	vmm_create(&vmm);
	open_ports(&vmm, HV_PORT_TYPE_MESSAGE, BENCH_SINT_EOI, 1, 1000);
	open_ports(&vmm, HV_PORT_TYPE_DOORBELL, BENCH_SINT_EOI, 1001, 1000);
	measure_exits(&vmm, "busy");
	vmm_free(&vmm);
}

/* Messages */

static void measure_post(struct bench_vmm *vmm, const char *variant, u32 sint, u32 connection,
			 u32 payload)
{
	const char *name = sint == BENCH_SINT_EOI ? "post-eoi" : "post-auto";
	char text[64];
	int round;

	snprintf(text, sizeof(text), "%s.%u", name, payload);
	for (round = 1; round <= ROUNDS; round++)
		measure(vmm, text, variant, round, (struct bench_cmd) {
			.op = BENCH_POST,
			.first = connection,
			.sint = sint,
			.payload = payload,
		});
}

static void measure_messages_by_vmm(void)
{
	struct bench_vmm vmm;
	u32 sint;

	vmm_create(&vmm);
	for (sint = BENCH_SINT_EOI; sint <= BENCH_SINT_AUTO_EOI; sint++) {
		vmm.sint = sint;
		measure_post(&vmm, "vmm", sint, 1, 8);
		measure_post(&vmm, "vmm", sint, 1, 240);
	}
	vmm_free(&vmm);
}

static void measure_messages(void)
{
	struct bench_vmm vmm;
	u32 sint;

	vmm_create(&vmm);
	for (sint = BENCH_SINT_EOI; sint <= BENCH_SINT_AUTO_EOI; sint++) {
		open_ports(&vmm, HV_PORT_TYPE_MESSAGE, sint, sint, 1);
		measure_post(&vmm, "module", sint, sint, 8);
		measure_post(&vmm, "module", sint, sint, 240);
	}
	vmm_free(&vmm);
}

/* Events */

static void measure_signal(struct bench_vmm *vmm, const char *variant, u32 sint, u32 connection,
			   u32 flag)
{
	const char *name = sint == BENCH_SINT_EOI ? "signal-eoi" : "signal-auto";
	int round;

	for (round = 1; round <= ROUNDS; round++)
		measure(vmm, name, variant, round, (struct bench_cmd) {
			.op = BENCH_SIGNAL,
			.first = connection,
			.sint = sint,
			.flag = flag,
		});
}

/* KVM_HYPERV_EVENTFD, with a thread behind it or without */
static void measure_events_by_vmm(void)
{
	struct bench_vmm vmm;
	int fd = vmm_eventfd();
	u32 sint;

	vmm_create(&vmm);
	vmm_hypercall_eventfd(&vmm, EVENTFD_CONNECTION, fd, 0);
	for (sint = BENCH_SINT_EOI; sint <= BENCH_SINT_AUTO_EOI; sint++) {
		start_thread(&vmm, fd, sint);
		measure_signal(&vmm, "vmm", sint, EVENTFD_CONNECTION, 0);
		stop_thread(&vmm);

		vmm_irqfd(&vmm, fd, sint, 0);
		measure_signal(&vmm, "irqfd", sint, EVENTFD_CONNECTION, BENCH_NO_FLAG);
		vmm_irqfd(&vmm, fd, sint, KVM_IRQFD_FLAG_DEASSIGN);
	}
	vmm_hypercall_eventfd(&vmm, EVENTFD_CONNECTION, 0, KVM_HYPERV_EVENTFD_DEASSIGN);
	vmm_free(&vmm);
	close(fd);
}

static void measure_events(void)
{
	struct bench_vmm vmm;
	int round;
	u32 sint;

	vmm_create(&vmm);
	for (sint = BENCH_SINT_EOI; sint <= BENCH_SINT_AUTO_EOI; sint++) {
		open_ports(&vmm, HV_PORT_TYPE_EVENT, sint, sint, 1);
		measure_signal(&vmm, "module", sint, sint, 0);
	}
	for (round = 1; round <= ROUNDS; round++)
		measure(&vmm, "signal-set", "module", round, (struct bench_cmd) {
			.op = BENCH_SIGNAL_ONLY,
			.first = BENCH_SINT_AUTO_EOI,
			.sint = BENCH_SINT_AUTO_EOI,
		});
	vmm_free(&vmm);
}

/* Doorbells */

/*
 * One doorbell of @nr, or all of them in turn.  A write to another page than the
 * one before costs KVM a walk through the guest's page tables, whoever takes it.
 */
static void measure_bells(struct bench_vmm *vmm, const char *name, const char *variant,
			  u32 op, u32 nr, u32 flag)
{
	const bool turn = !strcmp(name, "bell-turn");
	int round;

	for (round = 1; round <= ROUNDS; round++)
		measure(vmm, with_number(name, nr), variant, round, (struct bench_cmd) {
			.op = op,
			.first = turn ? 1 : nr / 2 + 1,
			.nr = turn ? nr : 1,
			.step = 1,
			.stride = turn ? stride_of(nr) : 0,
			.sint = BENCH_SINT_AUTO_EOI,
			.flag = flag,
		});
}

static void measure_ioeventfds(u32 nr)
{
	int fd = vmm_eventfd();
	struct bench_vmm vmm;
	u32 id;

	vmm_create(&vmm);
	for (id = 1; id <= nr; id++)
		vmm_ioeventfd(&vmm, id, fd, 0);
	measure_bells(&vmm, "bell-set", "ioeventfd", BENCH_BELL_ONLY, nr, 0);

	start_thread(&vmm, fd, BENCH_SINT_AUTO_EOI);
	measure_bells(&vmm, "bell-auto", "vmm", BENCH_BELL, nr, 0);
	stop_thread(&vmm);

	vmm_irqfd(&vmm, fd, BENCH_SINT_AUTO_EOI, 0);
	measure_bells(&vmm, "bell-auto", "irqfd", BENCH_BELL, nr, BENCH_NO_FLAG);
	if (nr == MAX_BELLS)
		measure_bells(&vmm, "bell-turn", "irqfd", BENCH_BELL, nr, BENCH_NO_FLAG);
	vmm_irqfd(&vmm, fd, BENCH_SINT_AUTO_EOI, KVM_IRQFD_FLAG_DEASSIGN);
	vmm_free(&vmm);
	close(fd);
}

static void measure_doorbells(u32 nr)
{
	u64 *flags;
	struct bench_vmm vmm;

	vmm_create(&vmm);
	open_ports(&vmm, HV_PORT_TYPE_DOORBELL, BENCH_SINT_AUTO_EOI, 1, nr);
	measure_bells(&vmm, "bell-auto", "module", BENCH_BELL, nr, BENCH_FLAG_OF_ID);
	if (nr == MAX_BELLS)
		measure_bells(&vmm, "bell-turn", "module", BENCH_BELL, nr, BENCH_FLAG_OF_ID);

	flags = vmm.sief + BENCH_SINT_AUTO_EOI * (BENCH_FLAGS / 64);
	memset(flags, 0xff, BENCH_FLAGS / 8);
	measure_bells(&vmm, "bell-set", "module", BENCH_BELL_ONLY, nr, 0);
	vmm_free(&vmm);
}

/* Many ports and connections */

/* Every one of a hundred is a message port, from 1 on; the others take events. */
static void open_many(struct bench_vmm *vmm, u32 nr)
{
	struct bench_cmd cmd = {
		.op = BENCH_CREATE_CONNECTED,
		.nr = nr / MESSAGE_PORT_EVERY,
		.step = MESSAGE_PORT_EVERY,
		.stride = 1,
		.sint = BENCH_SINT_AUTO_EOI,
	};

	for (cmd.first = 1; cmd.first <= MESSAGE_PORT_EVERY; cmd.first++) {
		cmd.type = cmd.first == 1 ? HV_PORT_TYPE_MESSAGE : HV_PORT_TYPE_EVENT;
		run(vmm, cmd, 1, cmd.nr);
	}
}

static void measure_sends(struct bench_vmm *vmm, u32 nr)
{
	struct bench_cmd cmd = {
		.nr = nr / MESSAGE_PORT_EVERY ?: 1,
		.step = MESSAGE_PORT_EVERY,
		.stride = stride_of(nr / MESSAGE_PORT_EVERY),
		.sint = BENCH_SINT_AUTO_EOI,
		.payload = 8,
	};
	int round;

	for (round = 1; round <= ROUNDS; round++) {
		cmd.op = BENCH_POST;
		cmd.first = 1;
		measure(vmm, "post-many", with_number("ports", nr), round, cmd);
		cmd.op = BENCH_SIGNAL;
		cmd.first = 2;
		measure(vmm, "signal-many", with_number("ports", nr), round, cmd);
	}
}

static u64 free_vm(struct bench_vmm *vmm)
{
	u64 start = rdtsc();

	vmm_free(vmm);
	return rdtsc() - start;
}

static void measure_many(u32 nr)
{
	struct bench_cmd once = { .batches = 1, .loops = 1 };
	struct bench_vmm vmm;
	u64 took;

	vmm_create(&vmm);
	if (nr == 1) {
		open_ports(&vmm, HV_PORT_TYPE_MESSAGE, BENCH_SINT_AUTO_EOI, 1, 1);
		open_ports(&vmm, HV_PORT_TYPE_EVENT, BENCH_SINT_AUTO_EOI, 2, 1);
	} else {
		open_many(&vmm, nr);
	}
	measure_sends(&vmm, nr);
	took = free_vm(&vmm);
	print_samples("teardown", with_number("ports", nr), 1, &once, &took);
}

/* Creating, connecting, disconnecting, deleting */

static void measure_control(const char *type_name, u32 type)
{
	static const struct {
		const char *name;
		u32 op;
	} ops[] = {
		{ "create", BENCH_CREATE },
		{ "connect", BENCH_CONNECT },
		{ "disconnect", BENCH_DISCONNECT },
		{ "delete", BENCH_DELETE },
	};
	struct bench_cmd cmd = {
		.first = 1,
		.nr = batches * loops,
		.step = 1,
		.stride = 1,
		.type = type,
		.sint = BENCH_SINT_EOI,
	};
	struct bench_vmm vmm;
	int round, i;

	vmm_create(&vmm);
	/*
	 * The first rounds are not shown: the VM is not attached yet, and then
	 * the allocator has not seen the like.
	 */
	for (round = -1; round <= ROUNDS; round++)
		for (i = 0; i < ARRAY_SIZE(ops); i++) {
			cmd.op = ops[i].op;
			run(&vmm, cmd, batches, loops);
			if (round > 0)
				print_run(&vmm, ops[i].name, type_name, round);
			/* Let what was deleted be freed, which takes grace periods. */
			usleep(200 * 1000);
		}
	vmm_free(&vmm);
}

/* From one VM to another, and back, both of which sleep meanwhile */

static void *run_other(void *vmm)
{
	vmm_run(vmm);
	return NULL;
}

/* Its vCPU is run by one and the same thread, or KVM waits for a grace period. */
static pthread_t start_other(struct bench_vmm *vmm, struct bench_cmd cmd, u32 answers)
{
	pthread_t thread;

	cmd.op = BENCH_ANSWER;
	cmd.side = 1;
	tell(vmm, cmd, 1, answers);
	TEST_ASSERT(!pthread_create(&thread, NULL, run_other, vmm), "pthread_create");
	return thread;
}

static void measure_two(struct bench_vmm vmm[2], const char *name, const char *variant,
			struct bench_cmd cmd)
{
	pthread_t other;
	char text[64];
	int round;

	snprintf(text, sizeof(text), "%s-%s", name,
		 cmd.sint == BENCH_SINT_EOI ? "eoi" : "auto");
	if (cmd.payload)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ".%u", cmd.payload);
	cmd.op = BENCH_ASK;
	cmd.ways = 2;
	/* Each runs until it sleeps. */
	set_priority(pthread_self(), 1);
	other = start_other(&vmm[1], cmd, ROUNDS * (WARM_UP + batches * loops));
	for (round = 1; round <= ROUNDS; round++)
		measure(&vmm[0], text, variant, round, cmd);
	pthread_join(other, NULL);
	set_priority(pthread_self(), 0);
}

static void measure_posts_of_two(struct bench_vmm vmm[2], const char *variant, u32 sint, u32 id)
{
	struct bench_cmd cmd = {
		.how = BENCH_POST_ONLY,
		.first = id,
		.sint = sint,
		.payload = 8,
	};

	measure_two(vmm, "vm-post", variant, cmd);
	cmd.payload = 240;
	measure_two(vmm, "vm-post", variant, cmd);
}

/* The same memory for both */
static void share_memory(struct bench_vmm vmm[2])
{
	struct kvm_userspace_memory_region region = {
		.slot = 8,
		.guest_phys_addr = HV_BELL_GPA + BENCH_SHARED_OFFSET,
		.memory_size = getpagesize(),
	};
	void *memory = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	TEST_ASSERT(memory != MAP_FAILED, "mmap: %s", strerror(errno));
	region.userspace_addr = (u64)memory;
	for (i = 0; i < 2; i++) {
		vmm[i].shared = memory;
		vm_ioctl(vmm[i].vm, KVM_SET_USER_MEMORY_REGION, &region);
	}
}

static void create_two(struct bench_vmm vmm[2])
{
	vmm_create(&vmm[0]);
	vmm_create(&vmm[1]);
	share_memory(vmm);
}

static void free_two(struct bench_vmm vmm[2])
{
	void *memory = vmm[0].shared;

	vmm_free(&vmm[0]);
	vmm_free(&vmm[1]);
	munmap(memory, getpagesize());
}

/* Each one's ioeventfd is an irqfd of the other. */
static void wire_two(struct bench_vmm vmm[2], const int fd[2], u32 sint, bool on)
{
	int i;

	for (i = 0; i < 2; i++) {
		vmm_ioeventfd(&vmm[i], IOEVENTFD_BELL, fd[i],
			      on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN);
		vmm_irqfd(&vmm[1 - i], fd[i], sint, on ? 0 : KVM_IRQFD_FLAG_DEASSIGN);
	}
}

static void measure_two_by_vmm(void)
{
	const int fd[2] = { vmm_eventfd(), vmm_eventfd() };
	struct bench_vmm vmm[2];
	u32 sint;

	create_two(vmm);
	vmm[0].to = &vmm[1];
	vmm[1].to = &vmm[0];
	for (sint = BENCH_SINT_EOI; sint <= BENCH_SINT_AUTO_EOI; sint++) {
		vmm[0].sint = sint;
		vmm[1].sint = sint;
		measure_posts_of_two(vmm, "vmm", sint, 1);

		wire_two(vmm, fd, sint, true);
		measure_two(vmm, "vm-bell", "irqfd", (struct bench_cmd) {
			.how = BENCH_BELL_ONLY,
			.first = IOEVENTFD_BELL,
			.sint = sint,
			.flag = BENCH_NO_FLAG,
		});
		wire_two(vmm, fd, sint, false);
	}
	free_two(vmm);
	close(fd[0]);
	close(fd[1]);
}

/* The host's consent to what the two then do */
static void introduce_two(struct bench_vmm vmm[2])
{
	int dev = hv_dev_open();

	close(hv_dev_attach(dev, vmm[0].vm->fd, &vmm[1].peer));
	close(hv_dev_attach(dev, vmm[1].vm->fd, &vmm[0].peer));
	hv_dev_link(dev, vmm[0].peer, vmm[1].peer);
	close(dev);
}

/* A port in each, which the other one connects to by the same number */
static void open_two(struct bench_vmm vmm[2], u32 type, u32 sint, u32 id)
{
	control(&vmm[0], BENCH_CREATE, type, sint, id, 1);
	control(&vmm[1], BENCH_CREATE, type, sint, id, 1);
	control(&vmm[0], BENCH_CONNECT, type, sint, id, 1);
	control(&vmm[1], BENCH_CONNECT, type, sint, id, 1);
}

static void measure_two_by_module(void)
{
	struct bench_vmm vmm[2];
	u32 sint, id = 1;

	create_two(vmm);
	introduce_two(vmm);
	for (sint = BENCH_SINT_EOI; sint <= BENCH_SINT_AUTO_EOI; sint++, id += 3) {
		open_two(vmm, HV_PORT_TYPE_MESSAGE, sint, id);
		measure_posts_of_two(vmm, "module", sint, id);

		open_two(vmm, HV_PORT_TYPE_EVENT, sint, id + 1);
		measure_two(vmm, "vm-signal", "module", (struct bench_cmd) {
			.how = BENCH_SIGNAL_ONLY,
			.first = id + 1,
			.sint = sint,
		});

		open_two(vmm, HV_PORT_TYPE_DOORBELL, sint, id + 2);
		measure_two(vmm, "vm-bell", "module", (struct bench_cmd) {
			.how = BENCH_BELL_ONLY,
			.first = id + 2,
			.sint = sint,
			.flag = BENCH_FLAG_OF_ID,
		});
	}
	free_two(vmm);
}

/* The module */

static void load(void)
{
	char parameters[128];

	if (native) {
		hv_module_set("max_ports", MAX_PORTS + 16);
		hv_module_set("max_connections", MAX_PORTS + 16);
		return;
	}
	snprintf(parameters, sizeof(parameters), "max_ports=%u max_connections=%u",
		 MAX_PORTS + 16, MAX_PORTS + 16);
	hv_module_load(parameters);
}

static void measure_all(void)
{
	static const u32 bells[] = { 1, 1000, MAX_BELLS };
	/* Under emulation, many of anything take too long by the clock. */
	const bool few = timing && (!native || rows);
	const int nr_bells = few ? 1 : ARRAY_SIZE(bells);
	int i;

	if (!native)
		measure_without_ports("absent");
	measure_messages_by_vmm();
	measure_events_by_vmm();
	for (i = 0; i < nr_bells; i++)
		measure_ioeventfds(bells[i]);
	measure_two_by_vmm();

	load();
	measure_without_ports("unused");
	measure_busy();
	measure_messages();
	measure_events();
	for (i = 0; i < nr_bells; i++)
		measure_doorbells(bells[i]);
	measure_many(1);
	measure_many(1000);
	if (!few)
		measure_many(MAX_PORTS);
	measure_control("message", HV_PORT_TYPE_MESSAGE);
	measure_control("event", HV_PORT_TYPE_EVENT);
	measure_control("doorbell", HV_PORT_TYPE_DOORBELL);
	measure_two_by_module();
	if (!native)
		hv_module_unload();
}

/* Whether a trial measures the row: not without the module, not by QEMU, few. */
static bool row_is_tried(const char *name)
{
	return !strchr("#=+", *name) && !strstr(name, ".absent") && !strstr(name, "qemu") &&
	       !strstr(name, ".16384.") && !strstr(name, ".100000") &&
	       !(strstr(name, "bell-") && strstr(name, ".1000."));
}

static bool row_is_measured(const char *name)
{
	int i;

	for (i = 0; i < nr_measured; i++)
		if (!strcmp(measured[i], name))
			return true;
	return false;
}

static void check_rows(void)
{
	FILE *file = fopen(rows, "r");
	char line[256], name[64];
	int nr = 0;

	TEST_ASSERT(file, "%s: %s", rows, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s", name) != 1 || !row_is_tried(name))
			continue;
		TEST_ASSERT(row_is_measured(name), "%s: no figure", name);
		nr++;
	}
	fclose(file);
	TEST_ASSERT(nr, "%s: no rows", rows);
	printf("%d rows have figures\n", nr);
}

static u32 tsc_khz(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = vm_create_with_one_vcpu(&vcpu, bench_guest);
	int khz = __vcpu_ioctl(vcpu, KVM_GET_TSC_KHZ, NULL);

	TEST_ASSERT(khz > 0, "KVM_GET_TSC_KHZ: %s", strerror(errno));
	kvm_vm_free(vm);
	return khz;
}

int main(int argc, char *argv[])
{
	int option;

	while ((option = getopt(argc, argv, "ntc:")) != -1) {
		TEST_ASSERT(option != '?', "hv_ports_bench [-n] [-t] [-c ROWS]");
		native |= option == 'n';
		timing |= option == 't';
		if (option == 'c')
			rows = optarg;
	}
	if (timing) {
		batches = rows ? 50 : 2000;
		loops = 1;
	}
	if (!native)
		hv_module_require();
	printf("bench: info tsc_khz %u\n", tsc_khz());
	measure_all();
	if (rows)
		check_rows();
	return 0;
}
