// SPDX-License-Identifier: GPL-2.0-only
/*
 * hvports: which verbs there are, and how a command line names one
 */
#include <stdarg.h>
#include <stdlib.h>

#include "hvports.h"

#define VERSION		"1"

#define HOST_OPTIONS	(OPTION(ID) | OPTION(NAME) | OPTION(TIMEOUT) | OPTION(NO_WAIT))
#define STREAM_OPTIONS	(HOST_OPTIONS | OPTION(TYPE) | OPTION(RAW) | OPTION(LINES) |	\
			 OPTION(KEEP_OPEN) | OPTION(COUNT))
#define ATTACH_OPTIONS	(OPTION(JSON) | OPTION(PID) | OPTION(VM) | OPTION(ID) |		\
			 OPTION(NAME) | OPTION(PARENT_PID) | OPTION(PARENT_VM) |	\
			 OPTION(NO_PARENT) | OPTION(MAX_PORTS) |			\
			 OPTION(MAX_CONNECTIONS) | OPTION(PRIVILEGES))

/**
 * struct verb - something that can be done
 * @object: first word
 * @action: second word, or NULL
 * @arguments: as the help shows them
 * @least: how many arguments it needs
 * @most: how many it takes
 * @options: OPTION() bits, without OPTION(HELP)
 * @run: does it; returns the exit status
 * @help: what it does
 */
struct verb {
	const char *object;
	const char *action;
	const char *arguments;
	int least, most;
	unsigned int options;
	int (*run)(const struct options *o);
	const char *help;
};

static const struct verb verbs[] = {
	{ "info", NULL, "", 0, 0, OPTION(JSON), verb_info,
	  "what the module can do" },
	{ "partition", "list", "", 0, 0, OPTION(JSON), verb_partition_list,
	  "all partitions" },
	{ "partition", "show", "PARTITION", 1, 1, OPTION(JSON), verb_partition_show,
	  "one of them" },
	{ "port", "list", "[PARTITION]", 0, 1, OPTION(JSON), verb_port_list,
	  "all ports, or a partition's" },
	{ "port", "show", "PARTITION ID", 2, 2, OPTION(JSON), verb_port_show,
	  "one of them" },
	{ "connection", "list", "[PARTITION]", 0, 1, OPTION(JSON), verb_connection_list,
	  "all connections, or a partition's" },
	{ "connection", "show", "PARTITION ID", 2, 2, OPTION(JSON) | OPTION(DOORBELL),
	  verb_connection_show, "one of them" },
	{ "link", "list", "", 0, 0, OPTION(JSON), verb_link_list,
	  "which partitions know each other" },
	{ "link", "add", "PARTITION PARTITION", 2, 2, 0, verb_link_add,
	  "let two partitions know each other" },
	{ "link", "del", "PARTITION PARTITION", 2, 2, 0, verb_link_del,
	  "... no more; meanwhile, what is between them fails" },
	{ "attach", NULL, "--pid PID", 0, 0, ATTACH_OPTIONS, verb_attach,
	  "make a running VM a partition, or change it" },
	{ "send", NULL, "PARTITION PORT", 2, 2, STREAM_OPTIONS, verb_send,
	  "standard input to a message port" },
	{ "recv", NULL, "PEER", 1, 1, STREAM_OPTIONS | OPTION(PORT), verb_recv,
	  "what PEER sends to standard output" },
	{ "event", "send", "PARTITION PORT [FLAG]...", 2, 1000, HOST_OPTIONS, verb_event_send,
	  "signal an event port" },
	{ "event", "recv", "PEER", 1, 1,
	  HOST_OPTIONS | OPTION(PORT) | OPTION(COUNT) | OPTION(DOORBELL), verb_event_recv,
	  "a line whenever PEER signals" },
	{ "monitor", NULL, "", 0, 0, OPTION(COUNT) | OPTION(TIMEOUT), verb_monitor,
	  "what happens, as it happens" },
	{ "stats", NULL, "[PARTITION]", 0, 1,
	  OPTION(JSON) | OPTION(INTERVAL) | OPTION(COUNT), verb_stats,
	  "the counters of ports and connections" },
};

static void vwarn(const char *format, va_list arguments)
{
	fflush(stdout);
	fputs("hvports: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

/**
 * warn - a line on standard error
 * @format: as printf()'s
 */
void warn(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vwarn(format, arguments);
	va_end(arguments);
}

/**
 * die - say why, and end
 * @status: to end with
 * @format: as printf()'s
 */
void die(enum status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vwarn(format, arguments);
	va_end(arguments);
	if (status == STATUS_USAGE)
		fputs("\"hvports --help\" says how it is used.\n", stderr);
	exit(status);
}

/**
 * finish_output - what was printed must have arrived
 */
void finish_output(void)
{
	if (fflush(stdout) || ferror(stdout))
		die(STATUS_FAILED, "standard output: %s", strerror(errno));
}

static void print_synopsis(const struct verb *verb)
{
	printf("hvports %s%s%s%s%s%s\n", verb->object, verb->action ? " " : "",
	       verb->action ?: "", verb->arguments[0] ? " " : "", verb->arguments,
	       verb->options ? " [OPTION]..." : "");
}

static int help_all(void)
{
	size_t i;

	puts("Hyper-V ports and connections of KVM guests, from the host's side.\n");
	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		print_synopsis(&verbs[i]);
		printf("\t%s\n", verbs[i].help);
	}
	puts("\nPARTITION and PEER are ids or names; ids of ports are decimal or 0x...\n"
	     "\"hvports VERB --help\" explains a verb's options, hvports(8) everything.");
	finish_output();
	return STATUS_OK;
}

static int help_verb(const struct verb *verb)
{
	print_synopsis(verb);
	printf("\t%s\n\n", verb->help);
	options_help(verb->options | OPTION(HELP));
	finish_output();
	return STATUS_OK;
}

static int version(void)
{
	printf("hvports %s, interface %d\n", VERSION, HV_PORTS_VERSION);
	finish_output();
	return STATUS_OK;
}

static const struct verb *find_verb(const char *object, const char *action)
{
	bool known = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].object, object))
			continue;
		known = true;
		if (!verbs[i].action || (action && !strcmp(verbs[i].action, action)))
			return &verbs[i];
	}
	if (!known)
		die(STATUS_USAGE, "there is no verb \"%s\"", object);
	die(STATUS_USAGE, "%s needs list, show or the like, not \"%s\"", object, action ?: "");
}

static int run_verb(const struct verb *verb, int argc, char **argv)
{
	struct options o;
	int status;

	if (!options_parse(&o, verb->options | OPTION(HELP), argc, argv))
		die(STATUS_USAGE, "%s does not take this", verb->object);
	if (has_option(&o, OPTION(HELP)))
		return help_verb(verb);
	if (o.nr_args < verb->least || o.nr_args > verb->most)
		die(STATUS_USAGE, "%s takes %s%s", verb->object,
		    verb->arguments[0] ? "these: " : "nothing more", verb->arguments);

	status = verb->run(&o);
	finish_output();
	return status;
}

int main(int argc, char **argv)
{
	const struct verb *verb;
	int words;

	if (argc < 2)
		die(STATUS_USAGE, "which verb?");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help_all();
	if (!strcmp(argv[1], "--version"))
		return version();

	verb = find_verb(argv[1], argc > 2 ? argv[2] : NULL);
	words = verb->action ? 2 : 1;
	argv[words] = "hvports";
	return run_verb(verb, argc - words, argv + words);
}
