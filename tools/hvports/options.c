// SPDX-License-Identifier: GPL-2.0-only
/*
 * The options: which there are, what they take, and what a command line gives
 */
#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "hvports.h"

enum option_kind { KIND_FLAG, KIND_NUMBER, KIND_SECONDS, KIND_NAME, KIND_PRIVILEGES };

struct option_spec {
	const char *name;
	char letter;
	enum option_kind kind;
	uint64_t least, most;
	const char *argument;
	const char *help;
};

static const struct option_spec specs[NR_OPTIONS] = {
	[OPTION_JSON] = { "json", 'j', KIND_FLAG, 0, 0, NULL, "one JSON document" },
	[OPTION_PID] = { "pid", 'p', KIND_NUMBER, 1, INT_MAX, "PID",
		"the process that has the VM" },
	[OPTION_VM] = { "vm", 0, KIND_NUMBER, 0, INT_MAX, "FD",
		"which of its VMs, by the number of the file" },
	[OPTION_ID] = { "id", 0, KIND_NUMBER, 2, UINT64_MAX - 1, "ID",
		"what the partition's id is to be" },
	[OPTION_NAME] = { "name", 0, KIND_NAME, 0, 0, "NAME",
		"what the partition is to be called" },
	[OPTION_PARENT_PID] = { "parent-pid", 0, KIND_NUMBER, 1, INT_MAX, "PID",
		"the process that has the parent's VM, which is attached, too" },
	[OPTION_PARENT_VM] = { "parent-vm", 0, KIND_NUMBER, 0, INT_MAX, "FD",
		"which of its VMs" },
	[OPTION_NO_PARENT] = { "no-parent", 0, KIND_FLAG, 0, 0, NULL,
		"the partition has no parent any more" },
	[OPTION_MAX_PORTS] = { "max-ports", 0, KIND_NUMBER, 0, UINT32_MAX, "N",
		"how many ports it may have" },
	[OPTION_MAX_CONNECTIONS] = { "max-connections", 0, KIND_NUMBER, 0, UINT32_MAX, "N",
		"how many connections it may have" },
	[OPTION_PRIVILEGES] = { "privileges", 0, KIND_PRIVILEGES, 0, 0, "LIST",
		"of create,connect,post,signal, or all, or none" },
	[OPTION_PORT] = { "port", 0, KIND_NUMBER, 0, PORT_ID_MAX, "ID",
		"the port's id (default: from 0x1000, the first that PEER can use)" },
	[OPTION_TYPE] = { "type", 't', KIND_NUMBER, 1, INT32_MAX, "N",
		"send: the messages' type (default 1); recv: no others are written" },
	[OPTION_RAW] = { "raw", 0, KIND_FLAG, 0, 0, NULL,
		"payloads as they come (the default)" },
	[OPTION_LINES] = { "lines", 'l', KIND_FLAG, 0, 0, NULL,
		"send: a message a line; recv: a line a message" },
	[OPTION_KEEP_OPEN] = { "keep-open", 'k', KIND_FLAG, 0, 0, NULL,
		"an empty message is not the end: send none, receive more" },
	[OPTION_COUNT] = { "count", 'n', KIND_NUMBER, 1, UINT64_MAX, "N",
		"end after so many" },
	[OPTION_TIMEOUT] = { "timeout", 'T', KIND_SECONDS, 0, 0, "SECONDS",
		"give up if nothing happens for so long" },
	[OPTION_INTERVAL] = { "interval", 'i', KIND_SECONDS, 0, 0, "SECONDS",
		"again and again, with what was added in between" },
	[OPTION_NO_WAIT] = { "no-wait", 0, KIND_FLAG, 0, 0, NULL,
		"give up if the partition or the port is not there yet" },
	[OPTION_DOORBELL] = { "doorbell", 'd', KIND_FLAG, 0, 0, NULL,
		"a doorbell, and not an event port or another connection" },
	[OPTION_HELP] = { "help", 'h', KIND_FLAG, 0, 0, NULL, "this" },
};

static const struct {
	const char *name;
	uint32_t bit;
} privileges[] = {
	{ "create", HV_PORTS_MAY_CREATE },
	{ "connect", HV_PORTS_MAY_CONNECT },
	{ "post", HV_PORTS_MAY_POST },
	{ "signal", HV_PORTS_MAY_SIGNAL },
	{ "all", HV_PORTS_MAY_ALL },
};

/**
 * privilege_names - what a partition may do
 * @bits: HV_PORTS_MAY_...
 *
 * Return: names parted by commas, in a buffer that the next call uses again.
 */
const char *privilege_names(uint32_t bits)
{
	static char names[64];
	int i;

	names[0] = '\0';
	for (i = 0; i < 4; i++)
		if (bits & privileges[i].bit)
			snprintf(names + strlen(names), sizeof(names) - strlen(names),
				 "%s%s", names[0] ? "," : "", privileges[i].name);
	return names;
}

/**
 * parse_number - a number, decimal or with 0x hexadecimal, and nothing else
 * @text: to parse
 * @max: the largest there may be
 * @number: receives it
 *
 * Return: whether it is one.
 */
bool parse_number(const char *text, uint64_t max, uint64_t *number)
{
	bool hex = !strncmp(text, "0x", 2);
	const char *digits = hex ? text + 2 : text;
	char *end;

	/* strtoull() takes signs and blanks. */
	if (!(hex ? isxdigit((unsigned char)*digits) : isdigit((unsigned char)*digits)))
		return false;
	errno = 0;
	*number = strtoull(digits, &end, hex ? 16 : 10);
	return !errno && !*end && *number <= max;
}

static void parse_seconds(const struct option_spec *spec, const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (!isdigit((unsigned char)*text) || *end || !isfinite(*seconds) ||
	    *seconds <= 0 || *seconds > 1e6)
		die(STATUS_USAGE, "--%s: \"%s\" is no time in seconds", spec->name, text);
}

/* A partition is named by number or name, so a number is no name. */
static const char *parse_name(const char *text)
{
	const unsigned char *c;
	uint64_t number;

	if (strlen(text) >= HV_PORTS_NAME_SIZE)
		die(STATUS_USAGE, "--name: at most %d bytes", HV_PORTS_NAME_SIZE - 1);
	if (parse_number(text, UINT64_MAX, &number))
		die(STATUS_USAGE, "--name: \"%s\" is a number", text);
	for (c = (const unsigned char *)text; *c; c++)
		if (iscntrl(*c))
			die(STATUS_USAGE, "--name: there is a control character in it");
	return text;
}

static uint32_t parse_privilege(const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(privileges); i++)
		if (strlen(privileges[i].name) == length &&
		    !strncmp(privileges[i].name, name, length))
			return privileges[i].bit;
	die(STATUS_USAGE, "--privileges: there is no \"%.*s\"", (int)length, name);
}

static uint64_t parse_privileges(const char *list)
{
	uint32_t bits = 0;
	size_t length;

	if (!strcmp(list, "none"))
		return 0;
	for (;; list++) {
		length = strcspn(list, ",");
		bits |= parse_privilege(list, length);
		list += length;
		if (!*list)
			return bits;
	}
}

static void set_option(struct options *o, int id, const char *argument)
{
	const struct option_spec *spec = &specs[id];

	o->given |= 1U << id;
	if (spec->kind == KIND_SECONDS)
		parse_seconds(spec, argument, &o->seconds[id]);
	else if (spec->kind == KIND_NAME)
		o->name = parse_name(argument);
	else if (spec->kind == KIND_PRIVILEGES)
		o->number[id] = parse_privileges(argument);
	else if (spec->kind == KIND_NUMBER &&
		 (!parse_number(argument, spec->most, &o->number[id]) ||
		  o->number[id] < spec->least))
		die(STATUS_USAGE, "--%s: \"%s\" is no number from %llu to %llu", spec->name,
		    argument, (unsigned long long)spec->least,
		    (unsigned long long)spec->most);
}

/* getopt's own view of what is allowed; a long option's value is 256 + its id. */
static void make_getopt(unsigned int allowed, struct option *longs, char *shorts)
{
	const struct option_spec *spec;
	int i;

	for (i = 0; i < NR_OPTIONS; i++) {
		spec = &specs[i];
		if (!(allowed & 1U << i))
			continue;
		*longs++ = (struct option) { spec->name, !!spec->argument, NULL, 256 + i };
		if (!spec->letter)
			continue;
		*shorts++ = spec->letter;
		if (spec->argument)
			*shorts++ = ':';
	}
	*longs = (struct option) {};
	*shorts = '\0';
}

static int option_of(int value)
{
	int i;

	if (value >= 256)
		return value - 256;
	for (i = 0; i < NR_OPTIONS; i++)
		if (specs[i].letter == value)
			return i;
	return -1;
}

/**
 * options_parse - take the command line apart
 * @o: receives what it says
 * @allowed: OPTION() bits
 * @argc: of main(), without what names the verb
 * @argv: likewise; the first one is not looked at
 *
 * Return: false if getopt has complained.
 */
bool options_parse(struct options *o, unsigned int allowed, int argc, char **argv)
{
	struct option longs[NR_OPTIONS + 1];
	char shorts[2 * NR_OPTIONS + 1];
	int value;

	memset(o, 0, sizeof(*o));
	make_getopt(allowed, longs, shorts);
	optind = 1;
	while ((value = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (value == '?')
			return false;
		set_option(o, option_of(value), optarg);
	}
	o->nr_args = argc - optind;
	o->args = argv + optind;
	return true;
}

/**
 * options_help - a line for each option
 * @allowed: OPTION() bits
 */
void options_help(unsigned int allowed)
{
	const struct option_spec *spec;
	char text[64];
	int i;

	for (i = 0; i < NR_OPTIONS; i++) {
		spec = &specs[i];
		if (!(allowed & 1U << i))
			continue;
		snprintf(text, sizeof(text), "--%s%s%s", spec->name,
			 spec->argument ? " " : "", spec->argument ?: "");
		if (spec->letter)
			printf("  -%c, %-20s %s\n", spec->letter, text, spec->help);
		else
			printf("      %-20s %s\n", text, spec->help);
	}
}
