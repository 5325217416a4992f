// SPDX-License-Identifier: GPL-2.0-only
/*
 * hvports, the command: what it prints of two VMs, what it changes, what it
 * carries, and how it fails
 */
#include <dirent.h>
#include <sys/mman.h>

#include "hv_call_util.h"
#include "hv_case_util.h"
#include "hv_doorbell_util.h"
#include "hv_host_util.h"
#include "hv_module_util.h"
#include "hv_tool_util.h"

/* machine: self timeout=400 */

#define SINT		2
#define PORT		0x10
#define INSTANCES	"/sys/kernel/tracing/instances"
#define NOBODY		65534

#define TESTS		20

static struct hv_caller a, b;
static u64 a_id, b_id;

/* Before there is anything */

static const char *const verbs[] = {
	"info", "partition list", "partition show 1", "port list", "port show 1 1",
	"connection list", "connection show 1 1", "link list", "link add 1 2",
	"link del 1 2", "send 1 1", "recv 1", "event send 1 1", "event recv 1", "stats",
	"monitor",
};

static void test_unavailable(uid_t uid, const char *why)
{
	struct hv_tool tool;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		tool = (struct hv_tool) { .uid = uid };
		snprintf(tool.line, sizeof(tool.line), "%s", verbs[i]);
		tool.out = hv_tool_file();
		tool.err = hv_tool_file();
		tool.pid = fork();
		if (!tool.pid)
			hv_tool_exec(&tool, -1, -1);
		hv_tool_finish(&tool, HV_TOOL_UNAVAILABLE);
		TEST_ASSERT(hv_tool_said(tool.err, why), "hvports %s: no \"%s\"", tool.line,
			    why);
		TEST_ASSERT(!*hv_tool_text(tool.out), "hvports %s fails and prints", tool.line);
		hv_tool_close(&tool);
	}
}

static const char *const misuses[] = {
	"", "nonsense", "--nonsense", "info x", "info --nonsense", "partition",
	"partition nonsense", "partition list x", "partition show", "partition show 1 2",
	"partition show --vm 1 1", "port", "port list 1 2", "port show", "port show 1",
	"port show 1 x", "port show 1 0x1000000", "port show 1 -1", "port show 1 +1",
	"port show 1 1x", "port show 1 0x", "port show 1 1 1", "connection",
	"connection list 1 2", "connection show 1", "connection show 1 16777216",
	"link", "link list x", "link list -q", "link add", "link add 1", "link add 1 2 3",
	"link add -j 1 2", "link del 1", "attach", "attach 1", "attach --pid", "attach --pid x",
	"attach --pid 0", "attach --pid 99999999999", "attach --pid 1 2",
	"attach --pid 1 --vm x", "attach --pid 1 --id 0", "attach --pid 1 --id 1",
	"attach --pid 1 --id 18446744073709551615", "attach --pid 1 --id 18446744073709551616",
	"attach --pid 1 --name 5", "attach --pid 1 --name 0x5",
	"attach --pid 1 --name 01234567890123456789012345678901",
	"attach --pid 1 --name a\tb", "attach --pid 1 --max-ports 4294967296",
	"attach --pid 1 --max-connections -1", "attach --pid 1 --privileges x",
	"attach --pid 1 --privileges create,", "attach --pid 1 --privileges ,",
	"attach --pid 1 --parent-vm 3", "attach --pid 1 --parent-pid 1 --no-parent",
	"send", "send 1", "send 1 2 3", "send 1 x", "send 1 1 --type 0",
	"send 1 1 --type 2147483648", "send 1 1 --count 0", "send 1 1 --raw --lines",
	"send 1 1 --port 1", "send 1 1 --timeout 0", "send 1 1 --timeout -1",
	"send 1 1 --timeout 1x", "send 1 1 --timeout inf", "recv", "recv 1 2",
	"recv 1 --port 0x1000000", "recv 1 --raw --lines", "recv 1 --interval 1", "event",
	"event nonsense", "event send 1", "event send 1 1 2048", "event send 1 1 x",
	"event recv", "event recv 1 1", "event recv 1 --lines", "monitor x", "monitor -j",
	"monitor --count x", "stats 1 2", "stats --interval x", "stats --count 3",
};

static void test_usage(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(misuses); i++)
		hv_tool_fails(HV_TOOL_USAGE, "hvports --help", "%s", misuses[i]);
}

static void check_help(const char *verb)
{
	char *text = hv_tool_run(HV_TOOL_OK, "%s --help", verb);

	TEST_ASSERT(strstr(text, "--help"), "%s --help does not help: %s", verb, text);
	free(text);
}

static void test_help(void)
{
	char *all = hv_tool_run(HV_TOOL_OK, "--help"), *text, verb[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		snprintf(verb, sizeof(verb), "%s", verbs[i]);
		verb[strcspn(verb, "0123456789")] = '\0';
		check_help(verb);
		verb[strcspn(verb, " ")] = '\0';
		TEST_ASSERT(strstr(all, verb), "--help does not know %s", verb);
	}
	check_help("attach");
	TEST_ASSERT(!strncmp(hv_tool_run(HV_TOOL_OK, "--version"), "hvports ", 8), "--version");
	text = hv_tool_run(HV_TOOL_OK, "attach -h");
	TEST_ASSERT(strstr(text, "--privileges LIST"), "attach -h: %s", text);
}

static void test_nothing(void)
{
	static const char *const lists[] = { "partition", "port", "connection", "link" };
	struct hv_json *json;
	unsigned int i;
	char *text;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		json = hv_tool_json("%s list --json", lists[i]);
		TEST_ASSERT_EQ(hv_json_count(json), 0);
		text = hv_tool_run(HV_TOOL_OK, "%s list", lists[i]);
		TEST_ASSERT(strchr(text, '\n') == text + strlen(text) - 1,
			    "more than titles: %s", text);
	}
	json = hv_tool_json("info -j");
	TEST_ASSERT_EQ(hv_json_get_u64(json, "interface"), HV_PORTS_VERSION);
	TEST_ASSERT_EQ(hv_json_get_u64(json, "buffers"), 16);
	TEST_ASSERT_EQ(hv_json_count(hv_json_get(json, "port_types")), 3);
	hv_tool_fails(HV_TOOL_ABSENT, "\"77\"", "partition show 77");
	hv_tool_fails(HV_TOOL_ABSENT, "\"alpha\"", "partition show alpha");
	hv_tool_fails(HV_TOOL_ABSENT, "\"77\"", "port list 77");
}

/* Attach */

static pid_t holder[2];

/* A process that has a VM and does nothing with it */
static pid_t start_holder(void)
{
	pid_t pid = fork();
	int kvm;

	TEST_ASSERT(pid >= 0, "fork");
	if (pid)
		return pid;
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0 || ioctl(kvm, KVM_CREATE_VM, 0) < 0)
		_exit(1);
	for (;;)
		pause();
}

static bool has_vm(pid_t pid)
{
	char path[300], link[32];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, entry->d_name);
		memset(link, 0, sizeof(link));
		found |= readlink(path, link, sizeof(link) - 1) > 0 &&
			 !strcmp(link, "anon_inode:kvm-vm");
	}
	if (dir)
		closedir(dir);
	return found;
}

static void check_attached(const struct hv_json *p)
{
	TEST_ASSERT_EQ(hv_json_get_u64(p, "id"), 77);
	TEST_ASSERT(!strcmp(hv_json_get_text(p, "name"), "child"), "name");
	TEST_ASSERT(!strcmp(hv_json_get_text(p, "kind"), "vm"), "kind");
	TEST_ASSERT_EQ(hv_json_get_u64(p, "pid"), holder[0]);
	TEST_ASSERT(hv_json_get_null(p, "parent"), "parent");
	TEST_ASSERT_EQ(hv_json_get_u64(p, "ports"), 0);
	TEST_ASSERT_EQ(hv_json_get_u64(p, "connections"), 0);
	TEST_ASSERT_EQ(hv_json_get_u64(p, "max_ports"), 3);
	TEST_ASSERT_EQ(hv_json_get_u64(p, "max_connections"), 5);
	TEST_ASSERT_EQ(hv_json_get_u64(p, "dropped"), 0);
	p = hv_json_get(p, "privileges");
	TEST_ASSERT_EQ(hv_json_count(p), 2);
	TEST_ASSERT(!strcmp(hv_json_at(p, 0)->text, "create"), "privileges");
	TEST_ASSERT(!strcmp(hv_json_at(p, 1)->text, "post"), "privileges");
}

static void test_attach(void)
{
	struct hv_json *json;
	int i;

	for (i = 0; i < 2; i++)
		holder[i] = start_holder();
	hv_tool_await(has_vm(holder[0]) && has_vm(holder[1]));

	hv_tool_run(HV_TOOL_OK, "attach -p %d --id 77 --max-ports 3 --max-connections 5",
		    holder[0]);
	check_attached(hv_tool_json("attach -j --pid %d --name child --privileges post,create",
				    holder[0]));
	check_attached(hv_tool_json("attach --json -p %d", holder[0]));
	check_attached(hv_tool_json("partition show 77 -j"));
	check_attached(hv_tool_json("partition show -j child"));
	check_attached(hv_json_at(hv_tool_json("partition list -j"), 0));

	json = hv_tool_json("attach -j -p %d --privileges none", holder[0]);
	TEST_ASSERT_EQ(hv_json_count(hv_json_get(json, "privileges")), 0);
	json = hv_tool_json("attach -j -p %d --privileges all --name \"\\\xc3\xa9\xff",
			    holder[0]);
	TEST_ASSERT_EQ(hv_json_count(hv_json_get(json, "privileges")), 4);
	TEST_ASSERT(!strcmp(hv_json_get_text(json, "name"), "\"\\\xc3\xa9?"), "name is %s",
		    hv_json_get_text(json, "name"));
	TEST_ASSERT_EQ(hv_json_get_u64(json, "max_ports"), 3);
}

static void test_parent(void)
{
	struct hv_json *json;
	u64 parent;
	char *text;

	json = hv_tool_json("attach -j --pid %d --name child --parent-pid %d", holder[0],
			    holder[1]);
	parent = hv_json_get_u64(json, "parent");
	json = hv_tool_json("attach -j --pid %d --name mother", holder[1]);
	TEST_ASSERT_EQ(hv_json_get_u64(json, "id"), parent);
	text = hv_tool_run(HV_TOOL_OK, "partition show child");
	TEST_ASSERT(strstr(text, "mother\n"), "the parent's name is missing: %s", text);

	hv_tool_fails(HV_TOOL_FAILED, "ancestor", "attach --pid %d --parent-pid %d", holder[1],
		      holder[0]);
	hv_tool_fails(HV_TOOL_FAILED, "another program", "attach --pid %d --parent-pid %d",
		      holder[1], holder[1]);
	hv_tool_fails(HV_TOOL_FAILED, "relatives", "attach --pid %d --id 500", holder[1]);
	json = hv_tool_json("attach -j --pid %d --no-parent", holder[0]);
	TEST_ASSERT(hv_json_get_null(json, "parent"), "parent");
	TEST_ASSERT_EQ(hv_json_get_u64(hv_tool_json("attach -j -p %d --id 500", holder[1]),
				       "id"), 500);
	hv_tool_fails(HV_TOOL_FAILED, "taken", "attach --pid %d --id 500", holder[0]);
}

/* Both have the same name. */
static void test_names(void)
{
	struct hv_json *json;
	char *text;

	hv_tool_run(HV_TOOL_OK, "attach -p %d --name child", holder[1]);
	hv_tool_fails(HV_TOOL_FAILED, "2 partitions", "partition show child");
	json = hv_tool_json("partition list -j");
	TEST_ASSERT_EQ(hv_json_count(json), 2);
	TEST_ASSERT(hv_json_find(json, "id", 77) && hv_json_find(json, "id", 500), "ids");
	hv_tool_run(HV_TOOL_OK, "link add 500 77");
	text = hv_tool_run(HV_TOOL_OK, "link list");
	TEST_ASSERT(strstr(text, "77  500"), "no ids: %s", text);
	hv_tool_run(HV_TOOL_OK, "attach -p %d --name other", holder[1]);
	text = hv_tool_run(HV_TOOL_OK, "link list");
	TEST_ASSERT(strstr(text, "child  other"), "no names: %s", text);
}

static void end_holders(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		kill(holder[i], SIGKILL);
		waitpid(holder[i], NULL, 0);
	}
	hv_tool_await(!hv_json_count(hv_tool_json("partition list -j")));
	TEST_ASSERT_EQ(hv_json_count(hv_tool_json("link list -j")), 0);
}

/* Two VMs in this process */
static void test_several_vms(void)
{
	struct hv_json *json;
	char first[16], second[16], *err;
	struct hv_tool tool;
	int dev, fd;
	u64 id;

	hv_caller_init(&a, 1);
	hv_caller_init(&b, 1);
	snprintf(first, sizeof(first), " %d", a.vm->fd);
	snprintf(second, sizeof(second), " %d", b.vm->fd);
	hv_tool_start(&tool, -1, -1, "attach --pid %d", getpid());
	hv_tool_finish(&tool, HV_TOOL_FAILED);
	err = hv_tool_text(tool.err);
	TEST_ASSERT(strstr(err, "--vm") && strstr(err, first) && strstr(err, second),
		    "not both are listed: %s", err);
	hv_tool_close(&tool);

	json = hv_tool_json("attach -j --pid %d --vm %d --name alpha", getpid(), a.vm->fd);
	a_id = hv_json_get_u64(json, "id");
	json = hv_tool_json("attach -j --pid %d --vm %d --name beta", getpid(), b.vm->fd);
	b_id = hv_json_get_u64(json, "id");
	TEST_ASSERT(a_id != b_id, "both have id %lu", (unsigned long)a_id);

	hv_tool_fails(HV_TOOL_FAILED, "no VM", "attach --pid %d --vm 0", getpid());
	hv_tool_fails(HV_TOOL_FAILED, "9999", "attach --pid %d --vm 9999", getpid());
	hv_tool_fails(HV_TOOL_ABSENT, "no VM", "attach --pid 1");
	hv_tool_fails(HV_TOOL_ABSENT, "process", "attach --pid 4000000");

	dev = hv_dev_open();
	fd = hv_dev_attach(dev, a.vm->fd, &id);
	TEST_ASSERT_EQ(id, a_id);
	hv_tool_fails(HV_TOOL_FAILED, "another program", "attach --pid %d --vm %d", getpid(),
		      a.vm->fd);
	close(fd);
	close(dev);
}

static void test_links(void)
{
	struct hv_json *json;

	hv_tool_run(HV_TOOL_OK, "link add alpha %lu", (unsigned long)b_id);
	json = hv_tool_json("link list -j");
	TEST_ASSERT_EQ(hv_json_count(json), 1);
	TEST_ASSERT_EQ(hv_json_get_u64(hv_json_at(json, 0), "a"), min(a_id, b_id));
	TEST_ASSERT_EQ(hv_json_get_u64(hv_json_at(json, 0), "b"), max(a_id, b_id));

	hv_tool_fails(HV_TOOL_FAILED, "already", "link add beta alpha");
	hv_tool_fails(HV_TOOL_FAILED, "same", "link add alpha alpha");
	hv_tool_fails(HV_TOOL_ABSENT, "\"gamma\"", "link add alpha gamma");
	hv_tool_fails(HV_TOOL_ABSENT, "\"4711\"", "link del alpha 4711");
	hv_tool_run(HV_TOOL_OK, "link del beta alpha");
	TEST_ASSERT_EQ(hv_json_count(hv_tool_json("link list -j")), 0);
	hv_tool_fails(HV_TOOL_ABSENT, "not linked", "link del alpha beta");
	hv_tool_run(HV_TOOL_OK, "link add %lu beta", (unsigned long)a_id);
}

/* Ports and connections */

static void post_from_b(int times, u64 status)
{
	while (times--)
		HV_TEST_ASSERT_STATUS(hv_caller_post(&b, PORT), status);
}

static void make_doorbell(void)
{
	struct hv_input_create_port port = {
		.port_partition_id = HV_PARTITION_ID_SELF,
		.port_id = PORT + 2,
		.port_info = {
			.port_type = HV_PORT_TYPE_DOORBELL,
			.doorbell_port_info = { .target_sint = SINT, .target_vp = 0 },
		},
	};
	struct hv_input_connect_port in = hv_connection_to(PORT + 3, PORT + 2,
							   HV_PORT_TYPE_DOORBELL);

	HV_TEST_ASSERT_OK(hv_caller_create_port(&a, port));
	in.connection_info.doorbell_connection_info.gpa = HV_GPA_UNBACKED;
	in.connection_info.doorbell_connection_info.trigger_value = 0x1234;
	in.connection_info.doorbell_connection_info.flags = HV_DOORBELL_FLAG_TRIGGER_SIZE_DWORD;
	HV_TEST_ASSERT_OK(hv_caller_connect_port(&a, in));
}

static void make_ports(void)
{
	struct hv_input_create_port in = hv_message_port(PORT, SINT, 0);

	in.connection_partition_id = b_id;
	HV_TEST_ASSERT_OK(hv_caller_create_port(&a, in));
	HV_TEST_ASSERT_OK(hv_caller_create_port(&a, hv_event_port(PORT + 1, SINT + 1, HV_ANY_VP,
								  0, 8)));
	make_doorbell();
	post_from_b(16, HV_STATUS_SUCCESS);
	post_from_b(4, HV_STATUS_INSUFFICIENT_BUFFERS);
}

static void check_message_port(const struct hv_json *port)
{
	TEST_ASSERT_EQ(hv_json_get_u64(port, "partition"), a_id);
	TEST_ASSERT_EQ(hv_json_get_u64(port, "id"), PORT);
	TEST_ASSERT(!strcmp(hv_json_get_text(port, "type"), "message"), "type");
	TEST_ASSERT_EQ(hv_json_get_u64(port, "sint"), SINT);
	TEST_ASSERT_EQ(hv_json_get_u64(port, "target_vp"), 0);
	TEST_ASSERT_EQ(hv_json_get_u64(port, "connection_partition"), b_id);
	TEST_ASSERT(hv_json_get_bool(port, "connected"), "connected");
}

static void check_port_counters(const struct hv_json *port, u64 posted, u64 delivered,
				u64 queued, u64 refused)
{
	TEST_ASSERT_EQ(hv_json_get_u64(port, "posted"), posted);
	TEST_ASSERT_EQ(hv_json_get_u64(port, "delivered"), delivered);
	TEST_ASSERT_EQ(hv_json_get_u64(port, "queued"), queued);
	TEST_ASSERT_EQ(hv_json_get_u64(port, "refused"), refused);
}

static void test_ports(void)
{
	struct hv_json *json, *port;

	make_ports();
	json = hv_tool_json("port list -j alpha");
	TEST_ASSERT_EQ(hv_json_count(json), 3);
	TEST_ASSERT_EQ(hv_json_count(hv_tool_json("port list -j")), 3);
	TEST_ASSERT_EQ(hv_json_count(hv_tool_json("port list -j beta")), 0);
	check_message_port(hv_json_find(json, "id", PORT));
	port = hv_tool_json("port show alpha 0x10 -j");
	check_message_port(port);
	check_port_counters(port, 16, 0, 16, 4);

	port = hv_tool_json("port show alpha 17 -j");
	TEST_ASSERT(!strcmp(hv_json_get_text(port, "type"), "event"), "type");
	TEST_ASSERT_EQ(hv_json_get_u64(port, "sint"), SINT + 1);
	TEST_ASSERT(hv_json_get_null(port, "target_vp"), "target_vp");
	TEST_ASSERT_EQ(hv_json_get_u64(port, "connection_partition"), a_id);
	TEST_ASSERT(!hv_json_get_bool(port, "connected"), "connected");
	hv_tool_fails(HV_TOOL_ABSENT, "0xf", "port show alpha 15");
	hv_tool_fails(HV_TOOL_ABSENT, "0x13", "port show alpha 19");
	hv_tool_fails(HV_TOOL_ABSENT, "0x10", "port show beta 16");
}

static void test_connections(void)
{
	struct hv_json *json = hv_tool_json("connection list -j"), *c;

	TEST_ASSERT_EQ(hv_json_count(json), 2);
	TEST_ASSERT_EQ(hv_json_count(hv_tool_json("connection list -j beta")), 1);
	c = hv_tool_json("connection show -j beta 0x10");
	TEST_ASSERT_EQ(hv_json_get_u64(c, "partition"), b_id);
	TEST_ASSERT_EQ(hv_json_get_u64(c, "id"), PORT);
	TEST_ASSERT(!strcmp(hv_json_get_text(c, "type"), "message"), "type");
	TEST_ASSERT_EQ(hv_json_get_u64(c, "port_partition"), a_id);
	TEST_ASSERT_EQ(hv_json_get_u64(c, "port"), PORT);
	TEST_ASSERT(hv_json_get_bool(c, "automatic"), "automatic");
	TEST_ASSERT_EQ(hv_json_get_u64(c, "sent"), 16);
	TEST_ASSERT_EQ(hv_json_get_u64(c, "refused"), 4);
	TEST_ASSERT(hv_json_get_null(c, "gpa"), "gpa");

	c = hv_tool_json("connection show -j alpha 0x13 --doorbell");
	TEST_ASSERT(!strcmp(hv_json_get_text(c, "type"), "doorbell"), "type");
	TEST_ASSERT_EQ(hv_json_get_u64(c, "port"), PORT + 2);
	TEST_ASSERT(!hv_json_get_bool(c, "automatic"), "automatic");
	TEST_ASSERT_EQ(hv_json_get_u64(c, "gpa"), HV_GPA_UNBACKED);
	TEST_ASSERT_EQ(hv_json_get_u64(c, "size"), 4);
	TEST_ASSERT_EQ(hv_json_get_u64(c, "value"), 0x1234);
	hv_tool_fails(HV_TOOL_ABSENT, "no connection 0x13", "connection show alpha 0x13");
	hv_tool_fails(HV_TOOL_ABSENT, "no doorbell 0x10", "connection show -d beta 0x10");
}

/* Numbers end where their title ends, and partitions have their names. */
static void test_table(void)
{
	char *text = hv_tool_run(HV_TOOL_OK, "port list"), *line, *save, *row = NULL;
	size_t end;

	line = strtok_r(text, "\n", &save);
	end = strstr(line, "POSTED") + strlen("POSTED") - line;
	while ((line = strtok_r(NULL, "\n", &save))) {
		TEST_ASSERT(!strncmp(line, "alpha ", 6), "whose port? %s", line);
		TEST_ASSERT(strlen(line) > end, "a short row: %s", line);
		TEST_ASSERT(line[end - 1] != ' ' && line[end] == ' ', "not aligned: %s", line);
		if (strstr(line, "0x10 "))
			row = line;
	}
	TEST_ASSERT(row && !strncmp(row + end - 3, " 16", 3), "posted? %s", row);
	TEST_ASSERT(strstr(row, " beta "), "for whom? %s", row);
}

static void check_stats(const struct hv_json *stats, u64 posted, u64 refused, u64 queued)
{
	struct hv_json *port, *connection;

	port = hv_json_find(hv_json_get(stats, "ports"), "id", PORT);
	check_port_counters(port, posted, 0, queued, refused);
	connection = hv_json_find(hv_json_get(stats, "connections"), "partition", b_id);
	TEST_ASSERT_EQ(hv_json_get_u64(connection, "sent"), posted);
	TEST_ASSERT_EQ(hv_json_get_u64(connection, "refused"), refused);
	TEST_ASSERT(hv_json_get(stats, "time")->type == HV_JSON_NUMBER, "time");
}

static void check_dropped(u64 dropped)
{
	struct hv_json *p = hv_json_get(hv_tool_json("stats -j alpha"), "partitions");

	TEST_ASSERT_EQ(hv_json_count(p), 1);
	TEST_ASSERT_EQ(hv_json_get_u64(hv_json_at(p, 0), "dropped"), dropped);
	TEST_ASSERT_EQ(hv_json_get_u64(hv_tool_json("partition show -j alpha"), "dropped"),
		       dropped);
}

/* The first sample has all, and the others what was added, once. */
static void check_samples(const struct hv_json *samples)
{
	int i, count = hv_json_count(samples), added = 0;
	struct hv_json *port;

	check_stats(hv_json_at(samples, 0), 16, 4, 16);
	for (i = 1; i < count; i++) {
		port = hv_json_find(hv_json_get(hv_json_at(samples, i), "ports"), "id", PORT);
		added += hv_json_get_u64(port, "refused");
		check_stats(hv_json_at(samples, i), 0, hv_json_get_u64(port, "refused"), 16);
	}
	TEST_ASSERT_EQ(added, 1);
}

/* Until it is interrupted */
static void test_interval(void)
{
	struct hv_tool tool;

	hv_tool_start(&tool, -1, -1, "stats -j --interval 0.5");
	hv_tool_await(hv_tool_said(tool.out, "ports"));
	post_from_b(1, HV_STATUS_INSUFFICIENT_BUFFERS);
	hv_tool_await(hv_tool_said(tool.out, "\"sent\": 0, \"refused\": 1"));
	kill(tool.pid, SIGINT);
	hv_tool_finish(&tool, HV_TOOL_OK);
	check_samples(hv_json_parse(hv_tool_text(tool.out)));
	hv_tool_close(&tool);
}

static void await_no_partition(void)
{
	hv_tool_await(!hv_json_count(hv_tool_json("partition list -j")));
}

static void test_stats(void)
{
	struct hv_json *samples, *connection;

	check_stats(hv_tool_json("stats -j"), 16, 4, 16);
	check_dropped(0);
	test_interval();
	samples = hv_tool_json("stats -j --interval 0.1 --count 3");
	TEST_ASSERT_EQ(hv_json_count(samples), 3);
	TEST_ASSERT(strstr(hv_tool_run(HV_TOOL_OK, "stats beta"), "CONNECTION"), "stats beta");

	HV_TEST_ASSERT_OK(hv_caller_delete_port(&a, PORT));
	check_dropped(15);
	connection = hv_tool_json("connection show -j beta 0x10");
	TEST_ASSERT(hv_json_get_null(connection, "port_partition"), "the port is gone");
	hv_caller_free(&a);
	hv_caller_free(&b);
	await_no_partition();
}

/* Streams */

static u8 data[1 << 18];

static void make_data(void)
{
	u64 x = 88172645463325252ULL;
	size_t i;

	for (i = 0; i < sizeof(data); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		data[i] = x;
	}
}

static u64 add_to_checksum(u64 sum, const u8 *from, size_t size)
{
	while (size--)
		sum = (sum ^ *from++) * 0x100000001b3ULL;
	return sum;
}

static void make_pipe(int *fds)
{
	TEST_ASSERT(!pipe2(fds, O_CLOEXEC), "pipe2");
}

/* A process that writes @size bytes of the data into a pipe; its other end */
static int start_writer(size_t size, pid_t *pid)
{
	const u8 *from = data;
	int fds[2];
	ssize_t n;

	make_pipe(fds);
	*pid = fork();
	TEST_ASSERT(*pid >= 0, "fork");
	if (*pid) {
		close(fds[1]);
		return fds[0];
	}
	close(fds[0]);
	for (; size; size -= n, from += n) {
		n = write(fds[1], from, min_t(size_t, size, 7777));
		if (n < 0)
			_exit(1);
	}
	_exit(0);
}

/* Read the data from a pipe, to its end. */
static void check_reader(int fd, size_t expected)
{
	u64 sum = 0, size = 0;
	u8 some[5000];
	ssize_t n;

	while ((n = read(fd, some, sizeof(some))) > 0) {
		sum = add_to_checksum(sum, some, n);
		size += n;
	}
	TEST_ASSERT(!n, "read: %s", strerror(errno));
	TEST_ASSERT_EQ(size, (u64)expected);
	TEST_ASSERT(sum == add_to_checksum(0, data, expected), "the checksum is wrong");
}

static void end_writer(pid_t pid)
{
	int status;

	TEST_ASSERT_EQ(waitpid(pid, &status, 0), pid);
	TEST_ASSERT_EQ(status, 0);
}

/* From a pipe to a pipe */
static void test_stream(void)
{
	struct hv_tool from, to;
	int in, out[2];
	pid_t writer;

	in = start_writer(sizeof(data), &writer);
	make_pipe(out);
	hv_tool_start(&from, in, -1, "send 2002 5 --id 2001 --name from --timeout 60");
	hv_tool_start(&to, -1, out[1], "recv from --id 2002 --port 5 --timeout 60");
	check_reader(out[0], sizeof(data));
	close(out[0]);
	hv_tool_finish(&from, HV_TOOL_OK);
	hv_tool_finish(&to, HV_TOOL_OK);
	end_writer(writer);
	TEST_ASSERT(hv_tool_said(from.err, "partition=2001\n"), "sender's partition");
	/* What else it says depends on who comes first. */
	TEST_ASSERT(hv_tool_said(to.err, "partition=2002\n"), "receiver's partition");
	TEST_ASSERT(hv_tool_said(to.err, "port=0x5\n"), "receiver's port");
	hv_tool_close(&from);
	hv_tool_close(&to);
	await_no_partition();
}

/* Text, from one to the other, with options; what arrives */
static char *carry(const char *text, const char *send, const char *recv)
{
	struct hv_tool from, to;
	int in[2];

	make_pipe(in);
	TEST_ASSERT_EQ(write(in[1], text, strlen(text)), (ssize_t)strlen(text));
	close(in[1]);
	hv_tool_start(&to, -1, -1, "recv 2001 --id 2002 --port 5 --timeout 60 %s", recv);
	hv_tool_start(&from, in[0], -1, "send 2002 5 --id 2001 --timeout 60 %s", send);
	hv_tool_finish(&to, HV_TOOL_OK);
	hv_tool_finish(&from, HV_TOOL_OK);
	hv_tool_close(&from);
	close(to.err);
	text = hv_tool_text(to.out);
	close(to.out);
	return (char *)text;
}

static void check_carry(const char *text, const char *send, const char *recv,
			const char *expected)
{
	char *arrived = carry(text, send, recv);

	TEST_ASSERT(!strcmp(arrived, expected), "%s / %s: \"%s\" arrives, not \"%s\"", send,
		    recv, arrived, expected);
	free(arrived);
}

static void test_stream_options(void)
{
	check_carry("one\n\ntwo\nthree", "", "", "one\n\ntwo\nthree");
	check_carry("one\n\ntwo\nthree", "--lines", "", "one\n\ntwo\nthree");
	check_carry("one\n\ntwo\nthree", "-l", "-l", "one\n\ntwo\nthree\n");
	check_carry("one\n\ntwo\nthree\n", "-l -n 3", "--raw", "one\n\ntwo\n");
	check_carry("one\ntwo\n", "-l --keep-open", "--count 2", "one\ntwo\n");
	check_carry("one", "--keep-open", "-n 1", "one");
	check_carry("", "", "", "");
	check_carry("", "", "-k -l -n 1", "\n");
	check_carry("one\n", "--type 7", "--type 7", "one\n");
}

/* A pair, of which one is to end otherwise than well */
static void start_pair(struct hv_tool *from, struct hv_tool *to, int *in,
		       const char *send, const char *recv)
{
	int fds[2];

	make_pipe(fds);
	*in = fds[1];
	hv_tool_start(to, -1, -1, "recv 2001 --id 2002 --port 5 %s", recv);
	hv_tool_start(from, fds[0], -1, "send 2002 5 --id 2001 %s", send);
	hv_tool_await(hv_tool_said(to->err, "port="));
	TEST_ASSERT_EQ(write(*in, "x", 1), 1);
	hv_tool_await(hv_tool_said(to->out, "x"));
}

static void end_pair(struct hv_tool *from, struct hv_tool *to)
{
	hv_tool_close(from);
	hv_tool_close(to);
	await_no_partition();
}

static void kill_tool(struct hv_tool *tool)
{
	kill(tool->pid, SIGKILL);
	waitpid(tool->pid, NULL, 0);
}

static void test_stream_failures(void)
{
	struct hv_tool from, to;
	int in;

	hv_tool_fails(HV_TOOL_ABSENT, "\"2001\"", "recv 2001 --no-wait");
	hv_tool_fails(HV_TOOL_ABSENT, "\"mary\"", "send mary 1 --no-wait");
	hv_tool_fails(HV_TOOL_TIMEOUT, "0.2 seconds", "send 2001 1 --timeout 0.2");
	hv_tool_fails(HV_TOOL_TIMEOUT, "0.2 seconds", "recv mary --timeout 0.2");
	hv_tool_fails(HV_TOOL_FAILED, "this one", "recv 2001 --id 2001");

	start_pair(&from, &to, &in, "", "--timeout 4");
	hv_tool_fails(HV_TOOL_FAILED, "taken", "recv 1 --id 2001");
	hv_tool_fails(HV_TOOL_ABSENT, "no port 0x6", "send 2002 6 --no-wait");
	hv_tool_finish(&to, HV_TOOL_TIMEOUT);
	TEST_ASSERT_EQ(write(in, "y", 1), 1);
	hv_tool_finish(&from, HV_TOOL_FAILED);
	close(in);
	end_pair(&from, &to);

	start_pair(&from, &to, &in, "", "");
	kill_tool(&from);
	hv_tool_finish(&to, HV_TOOL_FAILED);
	TEST_ASSERT(hv_tool_said(to.err, "end"), "why?");
	close(in);
	end_pair(&from, &to);

	start_pair(&from, &to, &in, "", "");
	hv_tool_run(HV_TOOL_OK, "link del 2001 2002");
	TEST_ASSERT_EQ(write(in, "y", 1), 1);
	hv_tool_finish(&from, HV_TOOL_FAILED);
	hv_tool_finish(&to, HV_TOOL_FAILED);
	close(in);
	end_pair(&from, &to);
}

/* The first id that the peer can be connected under, unless another is asked for */
static void test_port_choice(void)
{
	struct hv_tool peer, first;
	char *err;

	hv_tool_start(&peer, -1, -1, "send 2002 5 --id 2001");
	hv_tool_start(&first, -1, -1, "recv 2001 --id 2002");
	hv_tool_await(hv_tool_said(first.err, "port=0x1000\n"));
	TEST_ASSERT(!hv_tool_said(first.err, "connect itself"), "the peer is connected");
	hv_tool_fails(HV_TOOL_TIMEOUT, "port=0x1001\n", "recv 2001 --timeout 0.2");
	hv_tool_fails(HV_TOOL_TIMEOUT, "connect itself", "recv 2001 --port 0x1000 --timeout 0.2");

	/* The second one's port is gone, and the peer's connection still there. */
	err = hv_tool_run(HV_TOOL_OK, "connection list 2001");
	TEST_ASSERT(strstr(err, "(gone)"), "the dead connection is missing: %s", err);
	kill_tool(&peer);
	hv_tool_finish(&first, HV_TOOL_FAILED);
	hv_tool_close(&peer);
	hv_tool_close(&first);
	await_no_partition();
}

/* A guest between two host ends: what the one sends, it posts to the other. */

#define ECHO_SIZE	30000
#define ECHO_IN		0x20
#define ECHO_OUT	0x30
#define ECHO_FROM	3001
#define ECHO_TO		3002

static void echo_code(struct hv_test_vp *vp)
{
	struct hv_input_create_port in = hv_message_port(ECHO_IN, SINT, 0);
	u64 status, loops = 0;
	u8 payload[240], size;

	hv_guest_init(vp);
	hv_set_sint(SINT, 0);
	in.connection_partition_id = ECHO_FROM;
	HV_ASSERT_OK(hv_create_port(vp, in));
	do {
		hv_await(hv_slot_type(vp, SINT));
		size = hv_slot(vp, SINT)->payload_size;
		memcpy(payload, (void *)hv_slot(vp, SINT)->payload, size);
		hv_slot_free(vp, SINT);
		while ((status = hv_post(vp, ECHO_OUT, 1, payload, size)) ==
		       HV_STATUS_INSUFFICIENT_BUFFERS)
			hv_await_buffer(&loops);
		GUEST_ASSERT_EQ(status, (u64)HV_STATUS_SUCCESS);
	} while (size);
	GUEST_DONE();
}

static void test_guest_stream(void)
{
	void *code[] = { echo_code };
	struct hv_tool from, to;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int in, out[2];
	pid_t writer;

	vm = hv_test_create(1, code, &vcpu);
	hv_tool_run(HV_TOOL_OK, "attach --pid %d --name echo", getpid());
	in = start_writer(ECHO_SIZE, &writer);
	make_pipe(out);
	hv_tool_start(&from, in, -1, "send echo 0x%x --id %d --timeout 60", ECHO_IN, ECHO_FROM);
	hv_tool_start(&to, -1, out[1], "recv echo --port 0x%x --id %d --timeout 60", ECHO_OUT,
		      ECHO_TO);
	hv_tool_await(hv_tool_said(to.err, "port=") && hv_tool_said(from.err, "waiting"));

	hv_test_run_all(1, &vcpu);
	check_reader(out[0], ECHO_SIZE);
	close(out[0]);
	hv_tool_finish(&from, HV_TOOL_OK);
	hv_tool_finish(&to, HV_TOOL_OK);
	end_writer(writer);
	hv_tool_close(&from);
	hv_tool_close(&to);
	kvm_vm_free(vm);
}

/* Events */

static void test_events(void)
{
	struct hv_tool to;

	hv_tool_start(&to, -1, -1, "event recv 2001 --id 2002 --port 9 --count 3 --timeout 60");
	hv_tool_run(HV_TOOL_OK, "event send 2002 9 0 7 2047 --id 2001 --timeout 60");
	hv_tool_finish(&to, HV_TOOL_OK);
	TEST_ASSERT(atoi(hv_tool_text(to.out)) > 0, "no number");
	hv_tool_close(&to);

	hv_tool_start(&to, -1, -1, "event recv 2001 --id 2002 --port 9 --timeout 60");
	hv_tool_fails(HV_TOOL_FAILED, "another type", "send 2002 9 --id 2001 --timeout 60");
	hv_tool_finish(&to, HV_TOOL_FAILED);
	hv_tool_close(&to);
	hv_tool_fails(HV_TOOL_TIMEOUT, "0.2", "event send 2002 9 --timeout 0.2");
}

/* A guest that rings twice */
#define BELL_PORT	9
#define BELL_OWNER	3003

static void bell_code(struct hv_test_vp *vp)
{
	const struct hv_bell bell = { .gpa = HV_BELL_GPA, .flags = HV_BELL_ANY_VALUE };
	struct hv_input_connect_port in = hv_doorbell_to(1, BELL_PORT, bell);

	hv_guest_init(vp);
	in.port_partition_id = BELL_OWNER;
	HV_ASSERT_OK(hv_connect_port(vp, in));
	hv_write((void *)HV_BELL_GVA, 4, 1);
	hv_write((void *)HV_BELL_GVA, 8, 2);
	GUEST_DONE();
}

static void test_doorbell(void)
{
	void *code[] = { bell_code };
	struct kvm_vcpu *vcpu;
	struct hv_tool owner;
	struct hv_json *json;
	struct kvm_vm *vm;

	vm = hv_test_create(1, code, &vcpu);
	virt_map(vm, HV_BELL_GVA, HV_BELL_GPA, 1);
	hv_tool_run(HV_TOOL_OK, "attach --pid %d --name bell", getpid());
	hv_tool_start(&owner, -1, -1,
		      "event recv bell --doorbell --port %d --id %d --count 2 --timeout 60",
		      BELL_PORT, BELL_OWNER);
	hv_tool_await(hv_tool_said(owner.err, "port=0x9\n"));
	hv_test_run_all(1, &vcpu);
	hv_tool_finish(&owner, HV_TOOL_OK);
	hv_tool_close(&owner);

	json = hv_tool_json("connection show bell 1 -d -j");
	TEST_ASSERT(hv_json_get_null(json, "size") && hv_json_get_null(json, "value"),
		    "any size, any value");
	TEST_ASSERT_EQ(hv_json_get_u64(json, "sent"), 2);
	kvm_vm_free(vm);
}

/* The monitor */

static int count_instances(void)
{
	DIR *dir = opendir(INSTANCES);
	struct dirent *entry;
	int count = 0;

	TEST_ASSERT(dir, "no " INSTANCES);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static bool events_enabled(pid_t pid)
{
	char path[128], state = 0;
	int fd;

	snprintf(path, sizeof(path), INSTANCES "/hvports.%d/events/hv_ports/enable", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	TEST_ASSERT_EQ(read(fd, &state, 1), 1);
	close(fd);
	return state == '1';
}

static void start_monitor(struct hv_tool *tool, int out, const char *options)
{
	hv_tool_start(tool, -1, out, "monitor %s", options);
	hv_tool_await(events_enabled(tool->pid));
}

static void end_monitor(struct hv_tool *tool, enum hv_tool_status status)
{
	hv_tool_finish(tool, status);
	hv_tool_close(tool);
	TEST_ASSERT_EQ(count_instances(), 0);
}

static void test_monitor(void)
{
	struct hv_tool tool;
	int out[2];
	char *text;

	hv_caller_init(&a, 1);
	start_monitor(&tool, -1, "");
	HV_TEST_ASSERT_OK(hv_caller_create_port(&a, hv_message_port(PORT, SINT, 0)));
	hv_tool_await(hv_tool_said(tool.out, "CreatePort port 0x10"));
	kill(tool.pid, SIGINT);
	end_monitor(&tool, HV_TOOL_OK);

	start_monitor(&tool, -1, "--count 1");
	HV_TEST_ASSERT_OK(hv_caller_delete_port(&a, PORT));
	hv_tool_finish(&tool, HV_TOOL_OK);
	text = hv_tool_text(tool.out);
	TEST_ASSERT(strchr(text, '\n') == text + strlen(text) - 1, "not one line: %s", text);
	hv_tool_close(&tool);

	/* Its reader goes. */
	make_pipe(out);
	start_monitor(&tool, out[1], "");
	close(out[0]);
	end_monitor(&tool, HV_TOOL_OK);

	/* What cannot clean up is cleaned up after. */
	start_monitor(&tool, -1, "");
	kill_tool(&tool);
	hv_tool_close(&tool);
	TEST_ASSERT_EQ(count_instances(), 1);
	hv_tool_fails(HV_TOOL_TIMEOUT, "0.2", "monitor --timeout 0.2");
	TEST_ASSERT_EQ(count_instances(), 0);
	hv_caller_free(&a);
}

int main(void)
{
	hv_module_require();
	make_data();
	ksft_print_header();
	ksft_set_plan(TESTS + 2);

	test_unavailable(0, "kvm_hv_ports loaded?");
	ksft_test_result_pass("without the module\n");
	hv_module_load("");
	test_unavailable(NOBODY, "Permission denied");
	ksft_test_result_pass("without permission\n");

#define RUN(test)								\
do {										\
	test();									\
	ksft_test_result_pass(#test "\n");					\
} while (0)

	RUN(test_usage);
	RUN(test_help);
	RUN(test_nothing);
	RUN(test_attach);
	RUN(test_parent);
	RUN(test_names);
	end_holders();
	RUN(test_several_vms);
	RUN(test_links);
	RUN(test_ports);
	RUN(test_connections);
	RUN(test_table);
	RUN(test_stats);
	RUN(test_stream);
	RUN(test_stream_options);
	RUN(test_stream_failures);
	RUN(test_port_choice);
	RUN(test_guest_stream);
	RUN(test_events);
	RUN(test_doorbell);
	RUN(test_monitor);
	hv_module_unload();
	ksft_finished();
}
