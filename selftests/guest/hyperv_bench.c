// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a message costs in an ordinary QEMU: through its own hyperv-testdev,
 * which sends back what it is sent, and, in the same loop, through a port.
 *
 * The lines that start with "bench:" are as those of hv_ports_bench.c.
 */
#include "lib.h"

#define TESTDEV_PORT		0x3000
#define TESTDEV_MESSAGE_CREATE	4

/* hv-vapic: an EOI that is not an MMIO access */
#define HV_MSR_EOI		0x40000070

#define NULL_CALL		0x7ffe
#define VECTOR_SINT0		0x40
/* The device has an ear for the EOIs of its SINTs, so ports have others. */
#define TESTDEV_SINT		2
#define PORT_SINT		4
#define AUTO_EOI_SINT(sint)	((sint) + 1)
#define TESTDEV_CONNECTION	0x11
#define PORT_CONNECTION		0x100

#define ROUNDS			2
#define SAMPLES			301
#define WARM_UP			32
#define PATIENCE		20000	/* ticks */

struct loop {
	const char *name;
	u32 connection;
	u32 sint;
	u32 payload;
};

/* As measure_post() made it, but for the connection */
static struct hv_port_post_message *input;
static u32 interrupts;
static u32 refused;

static void sint_interrupt(unsigned int vector)
{
	WRITE_ONCE(interrupts, interrupts + 1);
	/* The odd ones have AutoEOI. */
	if (!(vector & 1))
		wrmsr(HV_MSR_EOI, 0);
}

static u64 one_null(const struct loop *l)
{
	u64 start = rdtsc();

	hv_call_fast(NULL_CALL, 0, 0);
	return rdtsc() - start;
}

/*
 * The device refuses a message until QEMU's main loop is through with the one
 * before.  What is counted is the one that it takes; neither the attempts before
 * nor what the main loop does meanwhile.
 */
static u64 accepted_post(const struct loop *l)
{
	u64 start;
	u16 status;

	for (;;) {
		start = rdtsc();
		status = hv_call(HVCALL_POST_MESSAGE, input, NULL);
		if (status != HV_STATUS_INSUFFICIENT_BUFFERS)
			break;
		refused++;
		wait_ticks(false, PATIENCE);
	}
	if (status != HV_STATUS_SUCCESS)
		fail("%s: %s", l->name, hv_status_name(status));
	return start;
}

static u64 one_post(const struct loop *l)
{
	u32 before = READ_ONCE(interrupts);
	u64 start;

	input->connection_id = l->connection;
	start = accepted_post(l);
	if (!wait_for(READ_ONCE(interrupts) != before))
		fail("%s: no interrupt", l->name);
	if (synic_message(0, l->sint)->message_type != 1)
		fail("%s: no message", l->name);
	synic_free_message(l->sint);
	return rdtsc() - start;
}

static void sort(u64 *samples, u32 n)
{
	u32 i, j;

	for (i = 1; i < n; i++) {
		u64 sample = samples[i];

		for (j = i; j && samples[j - 1] > sample; j--)
			samples[j] = samples[j - 1];
		samples[j] = sample;
	}
}

static void measure(const struct loop *l, u32 round, u64 (*one)(const struct loop *l))
{
	static u64 samples[SAMPLES];
	u64 sum = 0;
	u32 i;

	for (i = 0; i < WARM_UP; i++)
		one(l);
	refused = 0;
	for (i = 0; i < SAMPLES; i++) {
		samples[i] = one(l);
		sum += samples[i];
	}
	sort(samples, SAMPLES);
	print("bench: %s %u %lu %lu %lu %lu %lu", l->name, round, samples[SAMPLES / 2],
	      samples[SAMPLES * 9 / 10], samples[SAMPLES * 99 / 100],
	      samples[SAMPLES - 1], sum / SAMPLES);
	if (refused)
		print("%s: refused %u times", l->name, refused);
}

static void measure_post(const struct loop *l)
{
	u32 round;

	input = hv_input();
	input->message_type = 1;
	input->payload_size = l->payload;
	for (round = 1; round <= ROUNDS; round++)
		measure(l, round, one_post);
}

static void open_port(u32 sint)
{
	struct hv_input_create_port *port = hv_input();
	struct hv_input_connect_port *connection;

	port->port_partition_id = HV_PARTITION_ID_SELF;
	port->port_id = sint;
	port->port_info.port_type = HV_PORT_TYPE_MESSAGE;
	port->port_info.message_port_info.target_sint = sint;
	if (hv_call(HVCALL_CREATE_PORT, port, NULL))
		fail("no port");

	connection = hv_input();
	connection->connection_partition_id = HV_PARTITION_ID_SELF;
	connection->connection_id = PORT_CONNECTION + sint;
	connection->port_partition_id = HV_PARTITION_ID_SELF;
	connection->port_id = sint;
	connection->connection_info.port_type = HV_PORT_TYPE_MESSAGE;
	if (hv_call(HVCALL_CONNECT_PORT, connection, NULL))
		fail("no connection");
}

static void measure_sint(u32 sint, u32 connection, const char *name8, const char *name239)
{
	/* The device is not made for a message of all 240 bytes. */
	const struct loop loops[] = {
		{ name8, connection, sint, 8 },
		{ name239, connection, sint, 239 },
	};

	synic_set_sint(sint, VECTOR_SINT0 + sint, (sint & 1) ? HV_SINT_AUTO_EOI : 0);
	set_interrupt(VECTOR_SINT0 + sint, sint_interrupt);
	measure_post(&loops[0]);
	measure_post(&loops[1]);
}

static void measure_testdev(u32 sint, const char *name8, const char *name239)
{
	const u32 connection = TESTDEV_CONNECTION + sint;

	outl(TESTDEV_PORT, connection << 24 | TESTDEV_MESSAGE_CREATE << 16 | sint);
	measure_sint(sint, connection, name8, name239);
}

static void measure_port(u32 sint, const char *name8, const char *name239)
{
	open_port(sint);
	measure_sint(sint, PORT_CONNECTION + sint, name8, name239);
}

void guest_main(void)
{
	static const struct loop null = { .name = "null.qemu" };
	u32 round;

	hv_require();
	hv_init();
	synic_init();
	for (round = 1; round <= ROUNDS; round++)
		measure(&null, round, one_null);
	measure_testdev(TESTDEV_SINT, "post-eoi.8.qemu", "post-eoi.239.qemu");
	measure_testdev(AUTO_EOI_SINT(TESTDEV_SINT), "post-auto.8.qemu", "post-auto.239.qemu");
	measure_port(PORT_SINT, "post-eoi.8.module-qemu", "post-eoi.239.module-qemu");
	measure_port(AUTO_EOI_SINT(PORT_SINT), "post-auto.8.module-qemu",
		     "post-auto.239.module-qemu");
}
