// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's ABI in numbers: codes, offsets, types, flags and statuses as the
 * specification has them.  Nothing here goes by a name of hv_tlfs.h, which the other
 * tests share with the module: what is wrong there is right for both.
 */
#include "hv_call_util.h"
#include "hv_doorbell_util.h"
#include "hv_host_util.h"

#define SELF		0xffffffffffffffffULL
#define NOBODY		0x5eed
#define FIELDS		6

struct field {
	u8 at;
	u8 size;
	u64 value;
};

/* A call that changes these fields in an input that is good */
struct call {
	const char *name;
	u16 code;
	u64 status;
	struct field set[FIELDS];
	/* What it answers besides, if it does */
	u64 output;
};

/* By call code */
static const struct input {
	u16 code;
	u16 size;
	bool output;
	struct field good[FIELDS];
} inputs[] = {
	/* DeletePort */
	{ 0x58, 16, false, { { 0, 8, SELF }, { 8, 4, 0x103 } } },
	/* GetPortProperty */
	{ 0x5a, 24, true, { { 0, 8, SELF }, { 8, 4, 0x101 } } },
	/* DisconnectPort */
	{ 0x5b, 16, false, { { 0, 8, SELF }, { 8, 4, 0x13 } } },
	/* PostMessage */
	{ 0x5c, 256, false, { { 0, 4, 0x11 }, { 8, 4, 0x77 }, { 12, 4, 5 },
			      { 16, 8, 0xa8a7a6a5a4a3a2a1ULL } } },
	/* SignalEvent */
	{ 0x5d, 8, false, { { 0, 4, 0x12 }, { 4, 2, 3 } } },
	/* SetPortProperty */
	{ 0x70, 32, true, { { 0, 8, SELF }, { 8, 4, 0x103 }, { 16, 4, 1 }, { 24, 8, 1 } } },
	/* CreatePort */
	{ 0x95, 56, false, { { 0, 8, SELF }, { 8, 4, 0x1ff }, { 24, 4, 1 }, { 32, 4, 2 } } },
	/* ConnectPort */
	{ 0x96, 72, false, { { 0, 8, SELF }, { 8, 4, 0x1f }, { 16, 8, SELF },
			     { 24, 4, 0x105 }, { 32, 4, 1 } } },
};

static const struct call creations[] = {
	{ "create: message port", 0x95, 0, { { 8, 4, 0x101 }, { 48, 4, 0x12345678 },
					     { 52, 4, 0x80000001 } } },
	{ "create: event port", 0x95, 0, { { 8, 4, 0x102 }, { 24, 4, 2 }, { 32, 4, 3 },
					   { 40, 2, 64 }, { 42, 2, 8 } } },
	{ "create: any VP", 0x95, 0, { { 8, 4, 0x103 }, { 36, 4, 0xffffffff } } },
	{ "create: VP 1", 0x95, 0, { { 8, 4, 0x104 }, { 36, 4, 1 } } },
	{ "create: SINT 15", 0x95, 0, { { 8, 4, 0x105 }, { 32, 4, 15 } } },
	{ "create: PortPartition", 0x95, 13, { { 0, 8, NOBODY } } },
	{ "create: ConnectionPartition", 0x95, 13, { { 16, 8, NOBODY } } },
	{ "create: PortVtl", 0x95, 5, { { 12, 1, 1 } } },
	{ "create: MinConnectionVtl", 0x95, 5, { { 13, 1, 1 } } },
	{ "create: ReservedZ0", 0x95, 5, { { 14, 2, 0x100 } } },
	{ "create: monitor port", 0x95, 5, { { 24, 4, 3 } } },
	{ "create: no PortType", 0x95, 5, { { 24, 4, 0 }, { 28, 4, 1 } } },
	{ "create: padding", 0x95, 5, { { 28, 4, 1 } } },
	{ "create: SINT 0", 0x95, 5, { { 32, 4, 0 } } },
	{ "create: SINT 16", 0x95, 5, { { 32, 4, 16 } } },
	{ "create: message port, zero", 0x95, 5, { { 40, 8, 1 } } },
	{ "create: event port, no flags", 0x95, 5, { { 24, 4, 2 }, { 40, 2, 1 } } },
	{ "create: event port, flag 2048", 0x95, 5, { { 24, 4, 2 }, { 40, 2, 2047 },
						      { 42, 2, 2 } } },
	{ "create: event port, zero", 0x95, 5, { { 24, 4, 2 }, { 42, 2, 1 }, { 44, 4, 1 } } },
	{ "create: doorbell port, zero", 0x95, 5, { { 24, 4, 4 }, { 40, 8, 1 } } },
	{ "create: proximity flags", 0x95, 5, { { 52, 4, 2 } } },
	{ "create: id in use", 0x95, 17, { { 8, 4, 0x101 } } },
	{ "create: id bit 24", 0x95, 17, { { 8, 4, 0x1000001 } } },
	{ "create: doorbell port 0", 0x95, 17, { { 8, 4, 0 }, { 24, 4, 4 } } },
	{ "create: no such VP", 0x95, 14, { { 36, 4, 9 } } },
};

static const struct call connections[] = {
	{ "connect: message port", 0x96, 0, { { 8, 4, 0x11 }, { 24, 4, 0x101 },
					      { 64, 4, 0x12345678 },
					      { 68, 4, 0x80000001 } } },
	{ "connect: event port", 0x96, 0, { { 8, 4, 0x12 }, { 24, 4, 0x102 },
					    { 32, 4, 2 } } },
	{ "connect: any VP", 0x96, 0, { { 8, 4, 0x13 }, { 24, 4, 0x103 } } },
	{ "connect: VP 1", 0x96, 0, { { 8, 4, 0x14 }, { 24, 4, 0x104 } } },
	{ "connect: ConnectionPartition", 0x96, 13, { { 0, 8, NOBODY } } },
	{ "connect: PortPartition", 0x96, 13, { { 16, 8, NOBODY } } },
	{ "connect: ConnectionVtl", 0x96, 5, { { 12, 1, 1 } } },
	{ "connect: ReservedZ0", 0x96, 5, { { 13, 1, 1 } } },
	{ "connect: ReservedZ1", 0x96, 5, { { 14, 2, 0x100 } } },
	{ "connect: ReservedZ2", 0x96, 5, { { 28, 4, 1 } } },
	{ "connect: no PortType", 0x96, 5, { { 32, 4, 0 }, { 36, 4, 1 } } },
	{ "connect: padding", 0x96, 5, { { 36, 4, 1 } } },
	{ "connect: zero", 0x96, 5, { { 40, 8, 1 } } },
	{ "connect: the next zero", 0x96, 5, { { 48, 8, 1 } } },
	{ "connect: the last zero", 0x96, 5, { { 56, 8, 1 } } },
	{ "connect: proximity flags", 0x96, 5, { { 68, 4, 2 } } },
	{ "connect: id in use", 0x96, 18, { { 8, 4, 0x11 } } },
	{ "connect: id bit 24", 0x96, 18, { { 8, 4, 0x1000001 } } },
	{ "connect: no such port", 0x96, 17, { { 24, 4, 0x1ff } } },
	{ "connect: connected port", 0x96, 17, { { 24, 4, 0x101 } } },
	{ "connect: port of another type", 0x96, 5, { { 32, 4, 2 } } },
};

static const struct call refusals[] = {
	{ "post: event port", 0x5c, 17, { { 0, 4, 0x12 } } },
	{ "post: RsvdZ", 0x5c, 5, { { 4, 4, 1 } } },
	{ "post: type 0", 0x5c, 5, { { 8, 4, 0 } } },
	{ "post: type bit 31", 0x5c, 5, { { 8, 4, 0x80000001 } } },
	{ "post: size 241", 0x5c, 5, { { 12, 4, 241 } } },
	{ "post: SynIC off", 0x5c, 24, { { 0, 4, 0x14 } } },
	{ "signal: message port", 0x5d, 17, { { 0, 4, 0x11 } } },
	{ "signal: flag 8 of 8", 0x5d, 5, { { 4, 2, 8 } } },
	{ "signal: RsvdZ", 0x5d, 5, { { 6, 2, 1 } } },
	{ "signal: SINT masked", 0x5d, 24 },
};

/* After two messages */
static const struct call properties[] = {
	{ "get: PostCount", 0x5a, 0, { { 12, 4, 0xffffffff }, { 20, 4, 0xffffffff } },
	  .output = 2 },
	{ "get: PreferredTargetVp", 0x5a, 0, { { 8, 4, 0x104 }, { 16, 4, 1 } }, .output = 1 },
	{ "get: any VP", 0x5a, 0, { { 8, 4, 0x103 }, { 16, 4, 1 } }, .output = 0xffffffff },
	{ "get: partition", 0x5a, 13, { { 0, 8, NOBODY } } },
	{ "get: no such port", 0x5a, 17, { { 8, 4, 0x1ff } } },
	{ "get: no such property", 0x5a, 9, { { 16, 4, 2 } } },
	{ "set: VP 1", 0x70, 0, { { 12, 4, 0xffffffff }, { 20, 4, 0xffffffff } },
	  .output = 1 },
	{ "set: partition", 0x70, 13, { { 0, 8, NOBODY } } },
	{ "set: no such port", 0x70, 17, { { 8, 4, 0x1ff } } },
	{ "set: PostCount", 0x70, 8, { { 16, 4, 0 } } },
	{ "set: port with a fixed VP", 0x70, 8, { { 8, 4, 0x104 } } },
	{ "set: no such property", 0x70, 9, { { 16, 4, 2 } } },
	{ "set: no such VP", 0x70, 14, { { 24, 8, 9 } } },
};

static const struct call ends[] = {
	{ "disconnect: partition", 0x5b, 13, { { 0, 8, NOBODY } } },
	{ "disconnect: unknown flags", 0x5b, 5, { { 12, 4, 2 } } },
	{ "disconnect: no such doorbell", 0x5b, 18, { { 12, 4, 1 } } },
	{ "disconnect: a doorbell", 0x5b, 0, { { 8, 4, 0x2b }, { 12, 4, 1 } } },
	{ "disconnect", 0x5b, 0 },
	{ "disconnect: no such connection", 0x5b, 18 },
	{ "delete: partition", 0x58, 13, { { 0, 8, NOBODY } } },
	{ "delete", 0x58, 0, { { 12, 4, 0xffffffff } } },
	{ "delete: no such port", 0x58, 17 },
};

static struct hv_caller c;

static const struct input *input_of(u16 code)
{
	const struct input *in = inputs;

	while (in->code != code)
		in++;
	return in;
}

static void set_fields(const struct field *fields)
{
	int i;

	for (i = 0; i < FIELDS; i++)
		memcpy(c.in + fields[i].at, &fields[i].value, fields[i].size);
}

static bool call(u16 code, u64 status, const struct field *set)
{
	const struct input *in = input_of(code);
	u64 got;

	memset(c.in, 0, in->size);
	set_fields(in->good);
	set_fields(set);
	*c.out = 0;
	got = hv_caller_call(&c, code, c.in_gpa, c.out_gpa);
	if (got != status)
		ksft_print_msg("status %llu, wanted %llu\n", (unsigned long long)got,
			       (unsigned long long)status);
	return got == status;
}

#define CALL(code, status, ...)							\
	call(code, status, (const struct field[FIELDS]) { __VA_ARGS__ })

static void test_calls(const struct call *calls, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		ksft_test_result(call(calls[i].code, calls[i].status, calls[i].set) &&
				 *c.out == calls[i].output, "%s: status %llu\n",
				 calls[i].name, (unsigned long long)calls[i].status);
}

/* Whether a flag of the SIEF page was set, which is then cleared */
static bool took_flag(u32 sint, u32 flag)
{
	u8 *byte = c.sief + sint * 256 + flag / 8, bit = 1 << flag % 8;
	bool set = *byte & bit;

	*byte &= ~bit;
	return set;
}

#define NR_TESTS_SENT	3

static void test_sent(void)
{
	static const u8 message[] = {
		0x77, 0, 0, 0, 5, 0, 0, 0, 0x01, 0x01, 0, 0, 0, 0, 0, 0,
		0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0, 0, 0,
	};
	const u8 *slot = c.sim + 2 * 256;

	ksft_test_result(CALL(0x5c, 0) && !memcmp(slot, message, sizeof(message)),
			 "post: the slot of SINT 2\n");
	ksft_test_result(CALL(0x5c, 0) && slot[4] == 5 && slot[5] == 1,
			 "post: MessagePending\n");
	hv_host_set_sint(&c, 0, 3, 0);
	ksft_test_result(CALL(0x5d, 0) && took_flag(3, 64 + 3), "signal: flag 67 of SINT 3\n");
}

/* The VM and another that it may know */

#define NR_TESTS_OTHER	9

static void set_quotas(int fd, u32 max)
{
	struct hv_ports_set_partition arg = {
		.size = sizeof(arg),
		.flags = HV_PORTS_SET_MAX_PORTS | HV_PORTS_SET_MAX_CONNECTIONS,
		.max_ports = max,
		.max_connections = max,
	};

	HV_DEV_OK(fd, HV_PORTS_SET_PARTITION, &arg);
}

static void test_other(void)
{
	int dev = hv_dev_open(), vm, host;
	u64 id, other;

	vm = hv_dev_attach(dev, c.vm->fd, &id);
	host = hv_dev_create_host(dev, &other);
	hv_dev_link(dev, id, other);

	ksft_test_result(!hv_caller_call(&c, 0x46, 0, c.out_gpa) && *c.out == id,
			 "GetPartitionId\n");
	ksft_test_result(CALL(0x95, 6, { 0, 8, other }), "create: another's port\n");
	ksft_test_result(CALL(0x95, 0, { 8, 4, 0x106 }, { 16, 8, other }),
			 "create: for another\n");
	ksft_test_result(CALL(0x96, 6, { 0, 8, other }), "connect: another's connection\n");
	ksft_test_result(CALL(0x96, 17, { 16, 8, other }), "connect: another's port\n");
	ksft_test_result(CALL(0x58, 6, { 0, 8, other }) && CALL(0x5b, 6, { 0, 8, other }) &&
			 CALL(0x5a, 6, { 0, 8, other }) && CALL(0x70, 6, { 0, 8, other }),
			 "other calls that are for another\n");

	set_quotas(vm, 1);
	ksft_test_result(CALL(0x95, 29), "create: max_ports\n");
	ksft_test_result(CALL(0x96, 29), "connect: max_connections\n");
	set_quotas(vm, 100);
	ksft_test_result(CALL(0x96, 0) && CALL(0x5b, 0, { 8, 4, 0x1f }),
			 "connect: max_connections is more\n");
	close(host);
	close(vm);
	close(dev);
}

/* Doorbells: by size code, then one that takes any value */

#define NR_BELLS	6
#define BELL(i)		(HV_BELL_GPA + 16 * (i))
#define BELL_PORT(i)	(0x926 + (i))
#define BELL_ANY_VALUE	5
#define VALUE		0x12

/* VP 1 writes as it is told, and makes no calls. */
static void guest_code(struct hv_test_vp *vp)
{
	if (!vp->index)
		hv_caller_code(vp);
	for (;;) {
		GUEST_SYNC(0);
		hv_bell_write(hv_guest_call.in, hv_guest_call.control, hv_guest_call.out);
	}
}

/* A bit for each doorbell that this write rings */
static u32 rung_by(u64 gpa, u32 len, u64 value)
{
	u32 rung = 0;
	int i;

	hv_guest_call.in = gpa;
	hv_guest_call.control = len;
	hv_guest_call.out = value;
	sync_global_to_guest(c.vm, hv_guest_call);
	hv_test_run(c.vcpus[1]);
	hv_caller_call(&c, 0x46, 0, c.out_gpa);
	for (i = 0; i < NR_BELLS; i++)
		rung |= took_flag(5, BELL_PORT(i) % 2048) << i;
	return rung;
}

static bool rings_as_it_should(int bell)
{
	u32 code, len, size = bell == BELL_ANY_VALUE ? 1 : bell;
	bool any = bell == BELL_ANY_VALUE, ok = true;

	for (code = 1; code <= 4; code++) {
		len = 1 << (code - 1);
		ok &= rung_by(BELL(bell), len, VALUE) == (!size || size == code) << bell;
		ok &= rung_by(BELL(bell), len, VALUE + 1) == (any && size == code) << bell;
	}
	return ok;
}

static bool open_bell(int i)
{
	const u64 flags = i == BELL_ANY_VALUE ? 0x80000001 : i;

	return CALL(0x95, 0, { 8, 4, BELL_PORT(i) }, { 24, 4, 4 }, { 32, 4, 5 }) &&
	       CALL(0x96, 0, { 8, 4, 0x26 + i }, { 24, 4, BELL_PORT(i) }, { 32, 4, 4 },
		    { 40, 8, BELL(i) }, { 48, 8, VALUE }, { 56, 8, flags });
}

#define NR_TESTS_BELLS	(NR_BELLS + 3)

static void test_bells(void)
{
	int i;

	for (i = 0; i < NR_BELLS; i++)
		TEST_ASSERT(open_bell(i), "doorbell %d", i);
	hv_test_run(c.vcpus[1]);
	for (i = 0; i < NR_BELLS; i++)
		ksft_test_result(rings_as_it_should(i), "doorbell: flags %#x\n",
				 i == BELL_ANY_VALUE ? 0x80000001 : i);

	TEST_ASSERT(CALL(0x95, 0, { 8, 4, 0x107 }, { 24, 4, 4 }), "doorbell port");
	ksft_test_result(CALL(0x96, 5, { 24, 4, 0x107 }, { 32, 4, 4 }, { 40, 8, BELL(9) },
			      { 56, 8, 5 }), "doorbell: size code 5\n");
	ksft_test_result(CALL(0x96, 5, { 24, 4, 0x107 }, { 32, 4, 4 }, { 40, 8, BELL(9) },
			      { 56, 8, 8 }), "doorbell: unknown flags\n");
	ksft_test_result(CALL(0x96, 5, { 24, 4, 0x107 }, { 32, 4, 4 }, { 40, 8, BELL(0) },
			      { 48, 8, VALUE }), "doorbell: collision\n");
}

#define NR_TESTS_REST	3

static void test_rest(void)
{
	bool ok = true;
	int i;

	hv_host_set_synic(&c, 1, true);
	hv_host_set_sim(&c, 1, true);
	for (i = 0; i < 16; i++)
		ok &= CALL(0x5c, 0, { 0, 4, 0x14 });
	ksft_test_result(ok && CALL(0x5c, 19, { 0, 4, 0x14 }), "post: no buffers\n");
	ksft_test_result(hv_caller_call(&c, 0x95 | 1ULL << 32, c.in_gpa, 0) == 3,
			 "create: rep count\n");
	ksft_test_result(hv_caller_call(&c, 0x95, c.in_gpa + 4, 0) == 4,
			 "create: alignment\n");
}

#define TEST_CALLS(calls)	test_calls(calls, ARRAY_SIZE(calls))

int main(void)
{
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(creations) + ARRAY_SIZE(connections) + ARRAY_SIZE(refusals) +
		      ARRAY_SIZE(properties) + ARRAY_SIZE(ends) + NR_TESTS_SENT +
		      NR_TESTS_OTHER + NR_TESTS_BELLS + NR_TESTS_REST);

	hv_test_exit = hv_mmio_exit;
	hv_caller_create_code(&c, 2, guest_code);
	hv_bell_map(c.vm, 1);
	hv_caller_start(&c);

	TEST_CALLS(creations);
	TEST_CALLS(connections);
	TEST_CALLS(refusals);
	test_sent();
	TEST_CALLS(properties);
	test_other();
	test_bells();
	TEST_CALLS(ends);
	test_rest();
	hv_caller_free(&c);

	ksft_finished();
}
