/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running hvports, and what it says and ends with
 */
#ifndef SELFTEST_HV_TOOL_UTIL_H
#define SELFTEST_HV_TOOL_UTIL_H

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hv_json_util.h"
#include "hv_compat_util.h"

#define HV_TOOL		"/bin/hvports"
#define HV_TOOL_ARGS	32

/* As its manual has them */
enum hv_tool_status {
	HV_TOOL_OK,
	HV_TOOL_FAILED,
	HV_TOOL_USAGE,
	HV_TOOL_UNAVAILABLE,
	HV_TOOL_ABSENT,
	HV_TOOL_TIMEOUT,
};

/**
 * struct hv_tool - one that runs, or ran
 * @pid: the process
 * @line: its command line
 * @out: file that has its standard output, unless that was given
 * @err: file that has its standard error
 * @uid: whom to run it as
 */
struct hv_tool {
	pid_t pid;
	char line[256];
	int out;
	int err;
	uid_t uid;
};

static inline int hv_tool_file(void)
{
	char path[] = "/tmp/hvports.XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	TEST_ASSERT(fd >= 0, "%s: %s", path, strerror(errno));
	unlink(path);
	return fd;
}

/* All that is in a file of the tool's by now */
static inline char *hv_tool_text(int fd)
{
	struct stat stat;
	char *text;

	TEST_ASSERT(!fstat(fd, &stat), "fstat");
	text = calloc(1, stat.st_size + 1);
	TEST_ASSERT(text, "calloc");
	TEST_ASSERT_EQ(pread(fd, text, stat.st_size, 0), (ssize_t)stat.st_size);
	return text;
}

/* Words are parted by blanks. */
static inline void hv_tool_exec(struct hv_tool *tool, int in, int out)
{
	char *argv[HV_TOOL_ARGS] = { HV_TOOL }, *save, *word;
	int i = 1;

	for (word = strtok_r(tool->line, " ", &save); word && i < HV_TOOL_ARGS - 1;
	     word = strtok_r(NULL, " ", &save))
		argv[i++] = word;
	dup2(in >= 0 ? in : open("/dev/null", O_RDONLY), STDIN_FILENO);
	dup2(out >= 0 ? out : tool->out, STDOUT_FILENO);
	dup2(tool->err, STDERR_FILENO);
	if (!tool->uid || !setuid(tool->uid))
		execv(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* @in, @out: files to use, or -1; they are closed here. */
static inline void hv_tool_vstart(struct hv_tool *tool, int in, int out,
				  const char *format, va_list arguments)
{
	int length = vsnprintf(tool->line, sizeof(tool->line), format, arguments);

	TEST_ASSERT(length < (int)sizeof(tool->line), "a long command line");
	tool->out = hv_tool_file();
	tool->err = hv_tool_file();
	tool->pid = fork();
	TEST_ASSERT(tool->pid >= 0, "fork");
	if (!tool->pid)
		hv_tool_exec(tool, in, out);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
}

__printf(4, 5)
static inline void hv_tool_start(struct hv_tool *tool, int in, int out,
				 const char *format, ...)
{
	va_list arguments;

	*tool = (struct hv_tool) {};
	va_start(arguments, format);
	hv_tool_vstart(tool, in, out, format, arguments);
	va_end(arguments);
}

/* Wait, and fail unless it ends with that status; errors say why, and only they. */
static inline void hv_tool_finish(struct hv_tool *tool, enum hv_tool_status expected)
{
	char *err;
	int status;

	TEST_ASSERT_EQ(waitpid(tool->pid, &status, 0), tool->pid);
	err = hv_tool_text(tool->err);
	TEST_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == (int)expected,
		    "hvports %s: wait status 0x%x, not exit status %d: %s", tool->line, status,
		    expected, err);
	TEST_ASSERT(expected == HV_TOOL_OK || strstr(err, "hvports: "),
		    "hvports %s fails without a word", tool->line);
	free(err);
}

static inline void hv_tool_close(struct hv_tool *tool)
{
	close(tool->out);
	close(tool->err);
}

/* Run it; what it printed */
static inline char *hv_tool_vrun(struct hv_tool *tool, enum hv_tool_status expected,
				 const char *format, va_list arguments)
{
	hv_tool_vstart(tool, -1, -1, format, arguments);
	hv_tool_finish(tool, expected);
	return hv_tool_text(tool->out);
}

__printf(2, 3)
static inline char *hv_tool_run(enum hv_tool_status expected, const char *format, ...)
{
	struct hv_tool tool = {};
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = hv_tool_vrun(&tool, expected, format, arguments);
	va_end(arguments);
	hv_tool_close(&tool);
	return text;
}

/* Fails as it should, and prints nothing but the reason, in which @word is. */
__printf(3, 4)
static inline void hv_tool_fails(enum hv_tool_status expected, const char *word,
				 const char *format, ...)
{
	struct hv_tool tool = {};
	va_list arguments;
	char *out, *err;

	va_start(arguments, format);
	out = hv_tool_vrun(&tool, expected, format, arguments);
	va_end(arguments);
	TEST_ASSERT(!*out, "hvports %s fails and prints: %s", tool.line, out);
	err = hv_tool_text(tool.err);
	TEST_ASSERT(strstr(err, word), "hvports %s: no \"%s\" in: %s", tool.line, word, err);
	hv_tool_close(&tool);
	free(out);
	free(err);
}

__printf(1, 2)
static inline struct hv_json *hv_tool_json(const char *format, ...)
{
	struct hv_tool tool = {};
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = hv_tool_vrun(&tool, HV_TOOL_OK, format, arguments);
	va_end(arguments);
	hv_tool_close(&tool);
	return hv_json_parse(text);
}

/* Bounded by time, since somebody else has to do something. */
#define HV_TOOL_WAIT	60

#define hv_tool_await(condition)						\
do {										\
	const time_t __end = time(NULL) + HV_TOOL_WAIT;				\
										\
	while (!(condition)) {							\
		TEST_ASSERT(time(NULL) < __end, "waited in vain for " #condition); \
		usleep(10000);							\
	}									\
} while (0)

static inline bool hv_tool_said(int fd, const char *text)
{
	char *all = hv_tool_text(fd);
	bool found = strstr(all, text);

	free(all);
	return found;
}

#endif /* SELFTEST_HV_TOOL_UTIL_H */
