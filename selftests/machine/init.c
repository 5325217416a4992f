// SPDX-License-Identifier: GPL-2.0
/*
 * The one program of the test machine: its PID 1.
 *
 * It mounts what a test may want, loads KVM, does what hv.mode= on the kernel's
 * command line says, and powers off.  It speaks to the host through two
 * virtio-serial ports and never through the console, which belongs to the
 * kernel:
 *
 *   hv.results    what the mode found out; its last line is END_MARKER
 *   hv.heartbeat  one line a second, from each CPU in turn, so that a machine
 *                 that stops is told from a test that takes long
 *
 * Modes:
 *   check   run the tests of /tests/list, KTAP out
 *   run     run a demonstration with the module's tracepoints on: hv.demo=two for
 *           two guests, each in a QEMU, or hv.demo=single for one without Linux
 *   shell   a shell on the console, in the host's own files (read-only)
 *
 * The same program is started again by itself, not as PID 1, for three kinds of
 * test: "guest", which runs a guest in an ordinary QEMU taken from the host's
 * files; "qemu", which becomes that QEMU with the options that are given; and
 * "provoke", the mishaps with which the machine tests itself.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define END_MARKER	"# machine: end"
#define PORTS_KO	"/lib/modules/kvm_hv_ports.ko"
#define QEMU		"/usr/bin/qemu-system-x86_64"
#define TRACING		"/sys/kernel/tracing"
#define KSFT_SKIP	4
#define OUTPUT_LIMIT	(256 << 10)	/* bytes of one test's output */

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

static int results = STDERR_FILENO;
static pid_t heartbeat_pid;

/* ---- small things ---- */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf += n;
		len -= n;
	}
}

/* One line to the host. */
static __attribute__((format(printf, 1, 2))) void tell(const char *fmt, ...)
{
	char line[8192];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	write_all(results, line, n);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static bool read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	buf[0] = '\0';
	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return false;
	buf[n] = '\0';
	while (n && buf[n - 1] == '\n')
		buf[--n] = '\0';
	return true;
}

/* A line in the kernel's log, so that what is found there has an owner. */
static __attribute__((format(printf, 1, 2))) void kmsg(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	write_file("/dev/kmsg", line);
}

/* The value of NAME= on the kernel's command line, or what it is without. */
static const char *argument(const char *name, const char *otherwise)
{
	static char cmdline[4096], value[256];
	size_t len = strlen(name);
	char *p;

	if (!cmdline[0])
		read_file("/proc/cmdline", cmdline, sizeof(cmdline));
	for (p = cmdline; (p = strstr(p, name)); p += len) {
		if ((p == cmdline || p[-1] == ' ') && p[len] == '=') {
			snprintf(value, sizeof(value), "%s", p + len + 1);
			value[strcspn(value, " ")] = '\0';
			return value;
		}
	}
	return otherwise;
}

/* ---- the end ---- */

static void __attribute__((noreturn)) power_off(void)
{
	sync();
	if (heartbeat_pid)
		kill(heartbeat_pid, SIGKILL);
	/* The host reads a file: what was written to the port is in it. */
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void __attribute__((noreturn, format(printf, 1, 2)))
give_up(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* No end marker: the host takes this run as failed. */
	tell("Bail out! %s", line);
	kmsg("<3>machine: %s", line);
	power_off();
}

/* ---- ports and heartbeat ---- */

static int open_port(const char *name)
{
	char path[300], found[64];
	struct dirent *entry;
	int fd = -1;
	DIR *dir;

	dir = opendir("/sys/class/virtio-ports");
	if (!dir)
		return -1;
	while (fd < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name",
			 entry->d_name);
		if (!read_file(path, found, sizeof(found)) || strcmp(found, name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	closedir(dir);
	return fd;
}

static int wait_for_port(const char *name)
{
	int fd, tries;

	for (tries = 0; tries < 500; tries++) {
		fd = open_port(name);
		if (fd >= 0)
			return fd;
		usleep(20 * 1000);
	}
	return -1;
}

static void start_heartbeat(void)
{
	struct sched_param param = { .sched_priority = 50 };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), beat;
	int port = wait_for_port("hv.heartbeat");

	if (port < 0)
		give_up("no heartbeat port");
	heartbeat_pid = fork();
	if (heartbeat_pid)
		return;
	/* The tests' load must not look like a stop. */
	sched_setscheduler(0, SCHED_FIFO, &param);
	for (beat = 0;; beat++) {
		cpu_set_t set;
		char line[64];

		CPU_ZERO(&set);
		CPU_SET(beat % cpus, &set);
		sched_setaffinity(0, sizeof(set), &set);
		snprintf(line, sizeof(line), "beat %ld at %.0f s\n", beat, now());
		write_all(port, line, strlen(line));
		sleep(1);
	}
}

/* ---- mounts and modules ---- */

static void must_mount(const char *what, const char *where, const char *type,
		       unsigned long flags, const char *data)
{
	mkdir(where, 0755);
	if (mount(what, where, type, flags, data))
		give_up("mounting %s on %s: %s", type, where, strerror(errno));
}

static void mount_all(void)
{
	must_mount("proc", "/proc", "proc", 0, NULL);
	must_mount("sysfs", "/sys", "sysfs", 0, NULL);
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) && errno != EBUSY)
		give_up("mounting /dev: %s", strerror(errno));
	must_mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL);
	must_mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
	must_mount("tmpfs", "/run", "tmpfs", 0, NULL);
	must_mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	must_mount("tracefs", TRACING, "tracefs", 0, NULL);
	must_mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL);
}

/* The host's files, read-only, with places of ours where something is written. */
static bool mount_host(void)
{
	static const char *const tmp[] = { "/host/tmp", "/host/run" };
	static const char *const bound[] = { "/proc", "/sys", "/dev" };
	char path[64];
	unsigned int i;

	if (!access("/host/usr/bin", F_OK))
		return true;
	mkdir("/host", 0755);
	if (mount("hostroot", "/host", "9p", MS_RDONLY,
		  "trans=virtio,version=9p2000.L,msize=512000,cache=loose"))
		return false;
	for (i = 0; i < ARRAY_SIZE(tmp); i++)
		if (mount("tmpfs", tmp[i], "tmpfs", 0, NULL))
			return false;
	for (i = 0; i < ARRAY_SIZE(bound); i++) {
		snprintf(path, sizeof(path), "/host%s", bound[i]);
		if (mount(bound[i], path, NULL, MS_BIND | MS_REC, NULL))
			return false;
	}
	return true;
}

static int load_module(const char *path, const char *params)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, params, 0))
		ret = -errno;
	close(fd);
	return ret;
}

/*
 * The last reference to a VM may be dropped by a worker of KVM's a moment after
 * the process is gone, so a module in use is given a little time.
 */
static int unload_module(const char *name, double *took)
{
	double began = now();
	int ret;

	do {
		ret = syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
		if (!ret || (ret != -EAGAIN && ret != -EBUSY))
			break;
		usleep(20 * 1000);
	} while (now() - began < 3);
	*took = now() - began;
	return ret;
}

static void load_kvm(void)
{
	bool emulated = !strcmp(argument("hv.emulated", "0"), "1");
	static char cpuinfo[65536];
	const char *vendor, *params = "";
	char path[64];
	int ret;

	read_file("/proc/cpuinfo", cpuinfo, sizeof(cpuinfo));
	if (strstr(cpuinfo, " svm")) {
		vendor = "kvm-amd";
		/* See Documentation/: nested paging is unsound under TCG. */
		if (emulated)
			params = "npt=0";
	} else if (strstr(cpuinfo, " vmx")) {
		vendor = "kvm-intel";
	} else {
		give_up("this CPU has neither SVM nor VMX");
	}
	if (!access("/lib/modules/irqbypass.ko", F_OK))
		load_module("/lib/modules/irqbypass.ko", "");
	ret = load_module("/lib/modules/kvm.ko", "");
	if (ret)
		give_up("kvm.ko: %s", strerror(-ret));
	snprintf(path, sizeof(path), "/lib/modules/%s.ko", vendor);
	ret = load_module(path, params);
	if (ret)
		give_up("%s: %s", path, strerror(-ret));
}

/* ---- one test ---- */

enum ports { PORTS_LOADED, PORTS_NONE, PORTS_SELF };

struct test {
	int number;
	const char *name;
	enum ports ports;
	int timeout;
	char *argv[32];
};

/* Forwards a test's output line by line, each line a KTAP comment. */
struct forward {
	int fd;
	size_t total;
	size_t used;
	char line[4096];
};

static void forward_line(struct forward *f)
{
	f->line[f->used] = '\0';
	if (f->total <= OUTPUT_LIMIT)
		tell("# %s", f->line);
	f->used = 0;
}

/* Returns false at the end of the output. */
static bool forward_some(struct forward *f)
{
	char buf[4096];
	ssize_t n, i;

	n = read(f->fd, buf, sizeof(buf));
	if (n < 0)
		return errno == EINTR;
	if (!n)
		return false;
	if (f->total <= OUTPUT_LIMIT && f->total + n > OUTPUT_LIMIT)
		tell("# (more than %d bytes of output: the rest is dropped)",
		     OUTPUT_LIMIT);
	f->total += n;
	for (i = 0; i < n; i++) {
		if (buf[i] == '\r')
			continue;
		if (buf[i] != '\n')
			f->line[f->used++] = isprint(buf[i]) || buf[i] == '\t' ?
					     buf[i] : '?';
		if (buf[i] == '\n' || f->used == sizeof(f->line) - 1)
			forward_line(f);
	}
	return true;
}

/* Where every thread of a test that does not end is. */
static void tell_threads(pid_t pid)
{
	char path[300], comm[64], text[4096], *line, *save;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", pid,
			 entry->d_name);
		read_file(path, comm, sizeof(comm));
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stack", pid,
			 entry->d_name);
		read_file(path, text, sizeof(text));
		tell("# thread %s (%s) is in:", entry->d_name, comm);
		for (line = strtok_r(text, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save))
			tell("#   %s", line);
	}
	if (dir)
		closedir(dir);
}

static pid_t spawn(struct test *t, int *output)
{
	int pipefd[2];
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		give_up("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		give_up("fork: %s", strerror(errno));
	if (!pid) {
		setpgid(0, 0);
		dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
		dup2(pipefd[1], STDOUT_FILENO);
		dup2(pipefd[1], STDERR_FILENO);
		if (chdir("/tmp"))
			_exit(127);
		execv(t->argv[0], t->argv);
		fprintf(stderr, "%s: %s\n", t->argv[0], strerror(errno));
		_exit(127);
	}
	setpgid(pid, pid);
	close(pipefd[1]);
	*output = pipefd[0];
	return pid;
}

/*
 * Waits for the process and forwards its output.  Returns its wait status, or
 * -1 if it had to be killed, or -2 if even that did not end it.
 */
static int watch(pid_t pid, int output, int timeout)
{
	struct forward f = { .fd = output };
	struct pollfd fds[2] = {
		{ .fd = pidfd_open(pid, 0), .events = POLLIN },
		{ .fd = output, .events = POLLIN },
	};
	double deadline = now() + timeout;
	int status = 0, verdict = 0;

	for (;;) {
		double left = deadline - now();

		if (left <= 0 && verdict)
			break;
		if (left <= 0) {
			tell("# no end after %d s, so it is killed", timeout);
			tell_threads(pid);
			kill(-pid, SIGKILL);
			verdict = -1;
			deadline = now() + 10;
			continue;
		}
		poll(fds, 2, left * 1000 + 1);
		if (fds[1].revents && !forward_some(&f))
			fds[1].fd = -1;
		if (fds[0].revents && !(fds[1].revents & POLLIN))
			break;
	}
	if (f.used)
		forward_line(&f);
	close(fds[0].fd);
	close(output);
	if (!fds[0].revents) {
		tell("# it does not even die; tasks that wait are in the console log");
		write_file("/proc/sysrq-trigger", "w");
		write_file("/proc/sysrq-trigger", "l");
		return -2;
	}
	waitpid(pid, &status, 0);
	return verdict ? verdict : status;
}

/* Children that a test left behind are its own, and go with it. */
static void reap_rest(pid_t pid)
{
	pid_t left;

	kill(-pid, SIGKILL);
	do {
		left = waitpid(-1, NULL, WNOHANG);
	} while (left > 0);
}

static const char *verdict_of(int status, char *why, size_t size)
{
	why[0] = '\0';
	if (status == -1)
		snprintf(why, size, "TIMEOUT");
	else if (status == -2)
		snprintf(why, size, "TIMEOUT, cannot be killed");
	else if (WIFSIGNALED(status))
		snprintf(why, size, "signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) == KSFT_SKIP)
		return "skip";
	else if (WEXITSTATUS(status))
		snprintf(why, size, "exit=%d", WEXITSTATUS(status));
	else
		return "ok";
	return "not ok";
}

/* What a test needs before it starts; NULL if it has it. */
static bool is_loaded(void)
{
	return !access("/sys/module/kvm_hv_ports", F_OK);
}

static const char *before(struct test *t, char *why, size_t size)
{
	int ret;

	if (t->ports != PORTS_LOADED)
		return NULL;
	ret = load_module(PORTS_KO, "");
	if (!ret)
		return NULL;
	snprintf(why, size, "cannot load the module: %s", strerror(-ret));
	return "not ok";
}

static const char *after(struct test *t, const char *verdict, char *why, size_t size)
{
	double took;
	int ret;

	/* One that fails may not come to unloading what it has loaded. */
	if (t->ports == PORTS_NONE || (t->ports == PORTS_SELF && !is_loaded()))
		return verdict;
	ret = unload_module("kvm_hv_ports", &took);
	if (!ret && took > 0.1)
		tell("# the module was in use for %.2f s more", took);
	if (!ret)
		return verdict;
	tell("# the module does not unload: %s", strerror(-ret));
	if (strcmp(verdict, "not ok"))
		snprintf(why, size, "unload: %s", strerror(-ret));
	return "not ok";
}

static void run_test(struct test *t)
{
	const char *verdict;
	double began = now();
	char why[128] = "";
	int output;
	pid_t pid;

	kmsg("<5>machine: test %d %s: start", t->number, t->name);
	tell("# start %d %s", t->number, t->name);
	verdict = before(t, why, sizeof(why));
	if (!verdict) {
		pid = spawn(t, &output);
		verdict = verdict_of(watch(pid, output, t->timeout), why, sizeof(why));
		reap_rest(pid);
		verdict = after(t, verdict, why, sizeof(why));
	}
	kmsg("<5>machine: test %d %s: %s", t->number, t->name, verdict);
	if (!strcmp(verdict, "skip"))
		tell("ok %d %s # SKIP", t->number, t->name);
	else if (why[0])
		tell("%s %d %s # %s after %.1f s", verdict, t->number, t->name,
		     why, now() - began);
	else
		tell("%s %d %s # %.1f s", verdict, t->number, t->name, now() - began);
	if (is_loaded()) {
		tell("# the module is still loaded: the rest needs a new boot");
		power_off();
	}
}

/* ---- the list of tests ---- */

/* number TAB name TAB ports TAB timeout TAB command [TAB argument]... */
static bool parse_test(char *line, struct test *t)
{
	char *field[40], *save;
	int n = 0, i;

	line[strcspn(line, "\n")] = '\0';
	for (field[n] = strtok_r(line, "\t", &save); field[n] && n < 36;
	     field[n] = strtok_r(NULL, "\t", &save))
		n++;
	if (n < 5)
		return false;
	memset(t, 0, sizeof(*t));
	t->number = atoi(field[0]);
	t->name = field[1];
	t->ports = !strcmp(field[2], "none") ? PORTS_NONE :
		   !strcmp(field[2], "self") ? PORTS_SELF : PORTS_LOADED;
	t->timeout = atoi(field[3]);
	for (i = 4; i < n && i - 4 < 31; i++)
		t->argv[i - 4] = field[i];
	return true;
}

static void mode_check(void)
{
	FILE *list = fopen("/tests/list", "re");
	char line[4096];
	struct test t;
	int count = 0;

	if (!list)
		give_up("no list of tests");
	while (fgets(line, sizeof(line), list))
		count++;
	rewind(list);
	tell("KTAP version 1");
	tell("1..%d", count);
	while (fgets(line, sizeof(line), list)) {
		if (!parse_test(line, &t))
			give_up("bad line in the list of tests: %s", line);
		run_test(&t);
	}
	fclose(list);
}

/* ---- what the tests have covered ---- */

/* "gcda", the name of the file, and its bytes in hexadecimal */
static int send_coverage(const char *path, const struct stat *unused, int type,
			 struct FTW *ftw)
{
	const char *name = path + ftw->base;
	FILE *data, *line;
	char *text;
	size_t size;
	int c;

	(void)unused;
	if (type != FTW_F || !strstr(name, ".gcda"))
		return 0;
	data = fopen(path, "re");
	line = open_memstream(&text, &size);
	if (!data || !line)
		give_up("%s: %s", path, strerror(errno));
	fprintf(line, "gcda %s ", name);
	while ((c = fgetc(data)) != EOF)
		fprintf(line, "%02x", c);
	fputc('\n', line);
	fclose(line);
	fclose(data);
	write_all(results, text, size);
	free(text);
	return 0;
}

/* ---- a guest in an ordinary QEMU ---- */

static bool copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
	static char buf[65536];
	ssize_t n = -1;

	if (in >= 0)
		out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	while (out >= 0 && (n = read(in, buf, sizeof(buf))) > 0)
		write_all(out, buf, n);
	if (out >= 0)
		close(out);
	if (in >= 0)
		close(in);
	return !n;
}

/*
 * "guest" NAME [OPTION OF QEMU]...: becomes a QEMU, the one that the host has
 * installed, running /tests/guest/NAME.  Its COM1 is standard output.
 */
static void __attribute__((noreturn)) exec_qemu(int argc, char **argv)
{
	char *cmd[64] = {
		QEMU, "-nodefaults", "-no-user-config",
		"-no-reboot", "-display", "none",
		"-machine", "q35,accel=kvm,kernel-irqchip=on",
		"-cpu",
		"host,hv-relaxed,hv-vapic,hv-vpindex,hv-runtime,hv-time,hv-synic,hv-stimer,hv-frequencies",
		"-smp", "2", "-m", "64M", "-serial", "stdio",
		"-device", "isa-debug-exit,iobase=0xf4,iosize=4",
		"-kernel", "guest.elf",
	};
	char path[256];
	int n = 0, i;

	if (argc < 2) {
		printf("which guest?\n");
		_exit(2);
	}
	while (cmd[n])
		n++;
	for (i = 2; i < argc && n < 63; i++)
		cmd[n++] = argv[i];
	snprintf(path, sizeof(path), "/tests/guest/%s", argv[1]);
	if (!mount_host())
		printf("the host's files: %s\n", strerror(errno));
	else if (!copy_file(path, "/host/tmp/guest.elf"))
		printf("%s: %s\n", path, strerror(errno));
	else if (!chroot("/host") && !chdir("/tmp"))
		execv(cmd[0], cmd);
	printf("%s: %s\n", cmd[0], strerror(errno));
	fflush(stdout);
	_exit(127);
}

/*
 * "qemu" OPTION...: becomes QEMU with these options alone, in a folder where
 * /guests is "guests".
 */
static int become_qemu(char **argv)
{
	argv[0] = QEMU;
	if (!mount_host())
		printf("the host's files: %s\n", strerror(errno));
	mkdir("/host/tmp/guests", 0755);
	if (access("/host/tmp/guests/bzImage", F_OK) &&
	    mount("/guests", "/host/tmp/guests", NULL, MS_BIND, NULL))
		printf("/guests: %s\n", strerror(errno));
	else if (!chroot("/host") && !chdir("/tmp"))
		execv(argv[0], argv);
	printf("%s: %s\n", argv[0], strerror(errno));
	return 127;
}

/* A guest ends QEMU with (value << 1) | 1; value 0 is success, 4 a skip. */
static int guest_verdict(int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == ((KSFT_SKIP << 1) | 1))
		return KSFT_SKIP;
	if (WIFEXITED(status))
		printf("QEMU's exit status is %d\n", WEXITSTATUS(status));
	else
		printf("QEMU ended by signal %d\n", WTERMSIG(status));
	return 1;
}

static int guest_main(int argc, char **argv)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		exec_qemu(argc, argv);
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	return guest_verdict(status);
}

/* ---- the demonstration ---- */

/* Every line of the guest's with the time at which its beginning arrived. */
static int follow_guest(pid_t pid, int output, int timeout)
{
	struct pollfd fd = { .fd = output, .events = POLLIN };
	double deadline = now() + timeout, began = 0;
	char buf[4096], line[4096];
	size_t used = 0;
	int status;
	ssize_t n, i;

	for (;;) {
		if (poll(&fd, 1, 1000) < 0 && errno != EINTR)
			break;
		if (now() > deadline) {
			tell("F the guest did not end within %d s", timeout);
			kill(-pid, SIGKILL);
			break;
		}
		if (!fd.revents)
			continue;
		n = read(output, buf, sizeof(buf));
		if (n <= 0)
			break;
		for (i = 0; i < n; i++) {
			if (!used)
				began = now();
			if (buf[i] != '\n' && buf[i] != '\r' && used < sizeof(line) - 1)
				line[used++] = buf[i];
			if (buf[i] != '\n')
				continue;
			line[used] = '\0';
			tell("G %.6f %s", began, line);
			used = 0;
		}
	}
	close(output);
	waitpid(pid, &status, 0);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

static void tell_trace(void)
{
	FILE *trace = fopen(TRACING "/trace", "re");
	char line[4096];

	while (trace && fgets(line, sizeof(line), trace)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] && line[0] != '#')
			tell("K %s", line);
	}
	if (trace)
		fclose(trace);
}

/* Everybody's lines have their time already. */
static int run_two(void)
{
	struct test guests = { .argv = { "/guests/two_guests" } };
	int output, status;
	pid_t pid = spawn(&guests, &output);

	status = watch(pid, output, 300);
	reap_rest(pid);
	return status;
}

static int run_single(void)
{
	struct test guest = {
		.argv = { "/init", "guest", "hv_ports_demo.elf" },
	};
	int output, status;
	pid_t pid = spawn(&guest, &output);

	status = follow_guest(pid, output, 120);
	reap_rest(pid);
	return status;
}

/*
 * Lines to the host: "I" information, "G" time and line of the guest's ("# A", "# B"
 * and "# H" if there are two: theirs and the host's), "K" line of the trace, "F" what
 * failed.
 */
static void mode_run(void)
{
	bool module = !access(PORTS_KO, F_OK);
	double took;
	int ret;

	if (module) {
		ret = load_module(PORTS_KO, "");
		if (ret)
			give_up("%s: %s", PORTS_KO, strerror(-ret));
		tell("I kvm_hv_ports is loaded");
		write_file(TRACING "/trace_clock", "mono");
		ret = write_file(TRACING "/events/hv_ports/enable", "1");
		if (ret)
			tell("F the tracepoints of hv_ports: %s", strerror(-ret));
	} else {
		tell("F there is no kvm_hv_ports.ko yet");
	}
	if (strcmp(argument("hv.demo", "two"), "single") ? run_two() : run_single())
		tell("F the demonstration failed");
	if (module) {
		write_file(TRACING "/events/hv_ports/enable", "0");
		tell_trace();
		ret = unload_module("kvm_hv_ports", &took);
		if (ret)
			tell("F kvm_hv_ports does not unload: %s", strerror(-ret));
		else
			tell("I kvm_hv_ports is unloaded");
	}
}

/* ---- a shell, for people ---- */

static void mode_shell(void)
{
	int fd;

	if (!mount_host())
		give_up("the host's files: %s", strerror(errno));
	mkdir("/host/tmp/machine", 0755);
	mount("/", "/host/tmp/machine", NULL, MS_BIND, NULL);
	if (!fork()) {
		setsid();
		fd = open("/dev/ttyS0", O_RDWR);
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		if (chroot("/host") || chdir("/tmp/machine"))
			_exit(126);
		execl("/bin/bash", "bash", "--norc", NULL);
		_exit(127);
	}
	while (waitpid(-1, NULL, 0) < 0 && errno == EINTR)
		;
}

/* ---- mishaps, for the machine's test of itself ---- */

/* The kernel's own ways to crash; their names are upper case. */
static int crash_kernel(const char *name)
{
	int ret = load_module("/lib/modules/lkdtm.ko", "");
	char how[64] = "";
	size_t i;

	for (i = 0; name[i] && i < sizeof(how) - 1; i++)
		how[i] = toupper(name[i]);
	if (ret && ret != -EEXIST) {
		printf("lkdtm: %s\n", strerror(-ret));
		return 1;
	}
	ret = write_file("/sys/kernel/debug/provoke-crash/DIRECT", how);
	if (ret)
		printf("%s: %s\n", how, strerror(-ret));
	return !!ret;
}

#define MSR_GS_BASE	0xc0000101

/* Have another CPU run the kernel without its GS base. */
static int lead_astray(void)
{
	const __u64 gs_base = 0;
	int fd = open("/dev/cpu/1/msr", O_WRONLY);

	if (fd < 0 || pwrite(fd, &gs_base, sizeof(gs_base), MSR_GS_BASE) < 0) {
		perror("/dev/cpu/1/msr");
		return 1;
	}
	for (;;)
		pause();
}

/*
 * A test that compares clocks fails if it loses the CPU between its looks at them, as it
 * may whenever others are on this machine, too.  One that is right fails three times.
 */
static int run_again(char **argv)
{
	int status, tries;
	pid_t pid;

	for (tries = 1; ; tries++) {
		pid = fork();
		if (!pid) {
			execv(argv[0], argv);
			_exit(127);
		}
		if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
			return 1;
		status = WEXITSTATUS(status);
		if (tries == 3 || !status || status == KSFT_SKIP)
			return status;
		printf("# failed %d times, and is run again\n", tries);
		fflush(stdout);
	}
}

/* The first two times that it is run */
static bool fail_twice(void)
{
	static const char *const marks[] = { "/tmp/first", "/tmp/second" };
	int i, fd;

	for (i = 0; i < 2; i++) {
		fd = open(marks[i], O_CREAT | O_EXCL | O_WRONLY, 0600);
		if (fd >= 0)
			return true;
	}
	return false;
}

static int provoke_main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IONBF, 0);
	printf("to provoke: %s\n", what);
	if (!strcmp(what, "pass"))
		return 0;
	if (!strcmp(what, "fail"))
		return 1;
	if (!strcmp(what, "skip"))
		return KSFT_SKIP;
	if (!strcmp(what, "fail-twice"))
		return fail_twice();
	if (!strcmp(what, "signal"))
		abort();
	if (!strcmp(what, "hang"))
		for (;;)
			pause();
	if (!strcmp(what, "flood"))
		for (;;)
			printf("%80s\n%80s\n", "all work and no play", "dull");
	if (!strcmp(what, "end"))
		reboot(RB_POWER_OFF);
	/* A trigger holds the module whose event it enables. */
	if (!strcmp(what, "pin"))
		return !!write_file(TRACING "/events/sched/sched_process_exit/trigger",
				    "enable_event:hv_ports:hv_ports_hypercall");
	if (!strcmp(what, "astray"))
		return lead_astray();
	if (!strcmp(what, "astray-once"))
		return atoi(argument("hv.boot", "1")) > 1 ? 0 : lead_astray();
	if (!strcmp(what, "stop-once"))
		return atoi(argument("hv.boot", "1")) > 1 ? 0 : crash_kernel("hardlockup");
	if (!strcmp(what, "stop-twice"))
		return atoi(argument("hv.boot", "1")) > 2 ? 0 : crash_kernel("hardlockup");
	return crash_kernel(what);
}

/* ---- */

static int not_pid_1(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "guest"))
		return guest_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "qemu"))
		return become_qemu(argv + 1);
	/* A test that this machine cannot run, in the place of the test */
	if (argc > 2 && !strcmp(argv[1], "skip")) {
		printf("# %s\n", argv[2]);
		return KSFT_SKIP;
	}
	if (argc > 2 && !strcmp(argv[1], "again"))
		return run_again(argv + 2);
	if (argc > 1 && !strcmp(argv[1], "provoke"))
		return provoke_main(argc - 1, argv + 1);
	fprintf(stderr, "This is the test machine's init; it runs as PID 1.\n");
	return 2;
}

static void prepare(void)
{
	char port[300];

	mount_all();
	results = wait_for_port("hv.results");
	if (results < 0) {
		results = STDERR_FILENO;
		give_up("no results port");
	}
	start_heartbeat();
	/* Emulated, and with other work on the host, everything takes long. */
	write_file("/proc/sys/kernel/watchdog_thresh", "30");
	write_file("/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout", "120");
	write_file("/proc/sys/kernel/printk", "7");
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/tmp", 1);
	setenv("HV_PORTS_KO", PORTS_KO, 1);
	snprintf(port, sizeof(port), "%s", argument("hv.mode", "check"));
	setenv("HV_MODE", port, 1);
}

int main(int argc, char **argv)
{
	const char *mode;

	if (getpid() != 1)
		return not_pid_1(argc, argv);
	prepare();
	load_kvm();
	mode = getenv("HV_MODE");
	if (!strcmp(mode, "check")) {
		mode_check();
		nftw("/sys/kernel/debug/gcov", send_coverage, 16, FTW_PHYS);
	} else if (!strcmp(mode, "run")) {
		mode_run();
	} else if (!strcmp(mode, "shell")) {
		mode_shell();
	} else {
		give_up("unknown mode %s", mode);
	}
	tell("%s", END_MARKER);
	power_off();
}
