// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens, as it happens: the module's tracepoints, in a tracefs instance of
 * our own, which is removed whatever ends us but SIGKILL
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hvports.h"

#define INSTANCES	"/sys/kernel/tracing/instances"
#define PREFIX		"hvports."

volatile sig_atomic_t interrupted;

static char instance[300];

static void interrupt(int signal)
{
	(void)signal;
	interrupted = true;
}

/**
 * catch_signals - have what would end us set @interrupted
 */
void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = interrupt };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

static void remove_instance(void)
{
	if (instance[0] && rmdir(instance))
		warn("%s: %s", instance, strerror(errno));
	instance[0] = '\0';
}

/* What a monitor left behind that was killed still records, and has its buffers. */
static void remove_old_instances(void)
{
	struct dirent *entry;
	char path[300];
	DIR *dir = opendir(INSTANCES);
	int pid;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)))
			continue;
		pid = atoi(entry->d_name + strlen(PREFIX));
		if (pid <= 0 || !kill(pid, 0) || errno != ESRCH)
			continue;
		snprintf(path, sizeof(path), INSTANCES "/%s", entry->d_name);
		rmdir(path);
	}
	if (dir)
		closedir(dir);
}

static int open_in_instance(const char *name, int flags)
{
	char path[350];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", instance, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		die(STATUS_UNAVAILABLE, "%s: %s%s", path, strerror(errno),
		    errno == ENOENT ? " (is kvm_hv_ports loaded?)" : "");
	return fd;
}

static void make_instance(void)
{
	char path[sizeof(instance)];
	int fd;

	remove_old_instances();
	snprintf(path, sizeof(path), INSTANCES "/" PREFIX "%d", getpid());
	if (mkdir(path, 0700))
		die(STATUS_UNAVAILABLE, "%s: %s%s", path, strerror(errno),
		    errno == ENOENT ? " (is tracefs mounted?)" : "");
	memcpy(instance, path, sizeof(instance));
	atexit(remove_instance);

	fd = open_in_instance("events/hv_ports/enable", O_WRONLY);
	if (write(fd, "1", 1) != 1)
		die(STATUS_UNAVAILABLE, "enabling the events: %s", strerror(errno));
	close(fd);
}

/* How many lines of these may be printed, and how long they are */
static size_t clip_lines(const char *text, size_t size, uint64_t *left)
{
	size_t i;

	for (i = 0; i < size && *left; i++)
		*left -= text[i] == '\n';
	return i;
}

/* ppoll() lets none in as long as there is something to read. */
static void let_signals_in(void)
{
	sigset_t none, old;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, &old);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

/*
 * Print what there is, to the end: poll() does not know of the rest of a line.
 * False if that was all that was wanted.
 */
static bool print_events(int fd, uint64_t *left)
{
	char text[4096];
	ssize_t size = 0;

	while (!interrupted && *left && (size = read(fd, text, sizeof(text))) > 0) {
		size = clip_lines(text, size, left);
		if (fwrite(text, 1, size, stdout) != (size_t)size || fflush(stdout)) {
			warn("standard output: %s", strerror(errno));
			exit(STATUS_FAILED);
		}
		let_signals_in();
	}
	if (size < 0 && errno != EAGAIN && errno != EINTR)
		die(STATUS_FAILED, "trace_pipe: %s", strerror(errno));
	return *left && !interrupted;
}

/* Nobody may be there to read any more. */
static int wait_events(int fd, double timeout)
{
	struct timespec ts = { .tv_sec = timeout, .tv_nsec = (timeout - (long)timeout) * 1e9 };
	struct pollfd fds[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = STDOUT_FILENO },
	};
	sigset_t none;
	int r;

	sigemptyset(&none);
	r = ppoll(fds, 2, timeout ? &ts : NULL, &none);
	if (fds[1].revents & (POLLERR | POLLNVAL))
		interrupted = true;
	return r;
}

static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

/**
 * verb_monitor - what happens, as it happens
 * @o: options
 */
int verb_monitor(const struct options *o)
{
	uint64_t left = o->number[OPTION_COUNT] ?: UINT64_MAX;
	bool timeout = false;
	int fd;

	device();
	catch_signals();
	block_signals();
	make_instance();
	fd = open_in_instance("trace_pipe", O_RDONLY | O_NONBLOCK);

	while (!interrupted && !timeout && print_events(fd, &left))
		timeout = !wait_events(fd, o->seconds[OPTION_TIMEOUT]);
	close(fd);
	remove_instance();
	if (timeout)
		die(STATUS_TIMEOUT, "nothing happened for %g seconds",
		    o->seconds[OPTION_TIMEOUT]);
	return STATUS_OK;
}
