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
#define SINT_EOI		2
#define SINT_AUTO_EOI		3
#define TESTDEV_CONNECTION	0x11
#define PORT_CONNECTION		0x100

#define ROUNDS			2
#define BATCHES			25
#define LOOPS			32

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
	if (vector != VECTOR_SINT0 + SINT_AUTO_EOI)
		wrmsr(HV_MSR_EOI, 0);
}

static void one_null(const struct loop *l)
{
	hv_call_fast(NULL_CALL, 0, 0);
}

/* The device may still have the message before in its hands. */
static void one_post(const struct loop *l)
{
	u32 before = READ_ONCE(interrupts);
	u16 status;

	input->connection_id = l->connection;
	while ((status = hv_call(HVCALL_POST_MESSAGE, input, NULL)) ==
	       HV_STATUS_INSUFFICIENT_BUFFERS)
		refused++;
	if (status != HV_STATUS_SUCCESS)
		fail("%s: %s", l->name, hv_status_name(status));
	if (!wait_for(READ_ONCE(interrupts) != before))
		fail("%s: no interrupt", l->name);
	if (synic_message(0, l->sint)->message_type != 1)
		fail("%s: no message", l->name);
	synic_free_message(l->sint);
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

static void measure(const struct loop *l, u32 round, void (*one)(const struct loop *l))
{
	u64 samples[BATCHES], sum = 0;
	u32 batch, i;

	for (i = 0; i < LOOPS; i++)
		one(l);
	refused = 0;
	for (batch = 0; batch < BATCHES; batch++) {
		u64 start = rdtsc();

		for (i = 0; i < LOOPS; i++)
			one(l);
		samples[batch] = rdtsc() - start;
		sum += samples[batch];
	}
	sort(samples, BATCHES);
	print("bench: %s %u %lu %lu %lu %lu %lu", l->name, round,
	      samples[BATCHES / 2] / LOOPS, samples[BATCHES * 9 / 10] / LOOPS,
	      samples[BATCHES - 1] / LOOPS, samples[BATCHES - 1] / LOOPS,
	      sum / BATCHES / LOOPS);
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

static void measure_sint(u32 sint, const struct loop loops[4])
{
	u32 i;

	synic_set_sint(sint, VECTOR_SINT0 + sint,
		       sint == SINT_AUTO_EOI ? HV_SINT_AUTO_EOI : 0);
	set_interrupt(VECTOR_SINT0 + sint, sint_interrupt);
	outl(TESTDEV_PORT, (TESTDEV_CONNECTION + sint) << 24 |
	     TESTDEV_MESSAGE_CREATE << 16 | sint);
	open_port(sint);
	for (i = 0; i < 4; i++)
		measure_post(&loops[i]);
}

void guest_main(void)
{
	/* The device is not made for a message of all 240 bytes. */
	static const struct loop eoi[4] = {
		{ "post-eoi.8.qemu", TESTDEV_CONNECTION + SINT_EOI, SINT_EOI, 8 },
		{ "post-eoi.239.qemu", TESTDEV_CONNECTION + SINT_EOI, SINT_EOI, 239 },
		{ "post-eoi.8.module-qemu", PORT_CONNECTION + SINT_EOI, SINT_EOI, 8 },
		{ "post-eoi.239.module-qemu", PORT_CONNECTION + SINT_EOI, SINT_EOI, 239 },
	};
	static const struct loop auto_eoi[4] = {
		{ "post-auto.8.qemu", TESTDEV_CONNECTION + SINT_AUTO_EOI,
		  SINT_AUTO_EOI, 8 },
		{ "post-auto.239.qemu", TESTDEV_CONNECTION + SINT_AUTO_EOI,
		  SINT_AUTO_EOI, 239 },
		{ "post-auto.8.module-qemu", PORT_CONNECTION + SINT_AUTO_EOI,
		  SINT_AUTO_EOI, 8 },
		{ "post-auto.239.module-qemu", PORT_CONNECTION + SINT_AUTO_EOI,
		  SINT_AUTO_EOI, 239 },
	};
	static const struct loop null = { .name = "null.qemu" };
	u32 round;

	hv_require();
	hv_init();
	synic_init();
	for (round = 1; round <= ROUNDS; round++)
		measure(&null, round, one_null);
	measure_sint(SINT_EOI, eoi);
	measure_sint(SINT_AUTO_EOI, auto_eoi);
}
