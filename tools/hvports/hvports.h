/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hvports: Hyper-V ports and connections of KVM guests, from the host's side
 */
#ifndef HVPORTS_H
#define HVPORTS_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <linux/hv_ports.h>

/* Exit statuses; hvports.8 documents them. */
enum status {
	STATUS_OK,
	STATUS_FAILED,
	STATUS_USAGE,
	STATUS_UNAVAILABLE,	/* no module, or no permission */
	STATUS_ABSENT,
	STATUS_TIMEOUT,
};

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define __noreturn		__attribute__((__noreturn__))
#define __printf(a, b)		__attribute__((__format__(printf, a, b)))

#define PORT_ID_MAX	0xffffffU
#define ANY_VP		0xffffffffU

/* options.c */

enum option_id {
	OPTION_JSON,
	OPTION_PID,
	OPTION_VM,
	OPTION_ID,
	OPTION_NAME,
	OPTION_PARENT_PID,
	OPTION_PARENT_VM,
	OPTION_NO_PARENT,
	OPTION_MAX_PORTS,
	OPTION_MAX_CONNECTIONS,
	OPTION_PRIVILEGES,
	OPTION_PORT,
	OPTION_TYPE,
	OPTION_RAW,
	OPTION_LINES,
	OPTION_KEEP_OPEN,
	OPTION_COUNT,
	OPTION_TIMEOUT,
	OPTION_INTERVAL,
	OPTION_NO_WAIT,
	OPTION_DOORBELL,
	OPTION_HELP,
	NR_OPTIONS,
};

#define OPTION(name)	(1U << OPTION_##name)

/**
 * struct options - what the command line asks for
 * @given: OPTION() bits
 * @number: value of those that take a number
 * @seconds: value of those that take a time
 * @name: value of --name
 * @nr_args: what is left of the command line
 * @args: likewise
 */
struct options {
	unsigned int given;
	uint64_t number[NR_OPTIONS];
	double seconds[NR_OPTIONS];
	const char *name;
	int nr_args;
	char **args;
};

static inline bool has_option(const struct options *o, unsigned int bits)
{
	return o->given & bits;
}

bool parse_number(const char *text, uint64_t max, uint64_t *number);
const char *privilege_names(uint32_t privileges);
bool options_parse(struct options *o, unsigned int allowed, int argc, char **argv);
void options_help(unsigned int allowed);

/* main.c */

__noreturn __printf(2, 3) void die(enum status status, const char *format, ...);
__printf(1, 2) void warn(const char *format, ...);
void finish_output(void);

/* device.c */

/**
 * struct partitions - all partitions at one time, ordered by id
 * @nr: how many
 * @item: they
 */
struct partitions {
	size_t nr;
	struct hv_ports_partition *item;
};

int device(void);
int device_errno(int fd, unsigned long request, void *argument);
__noreturn void device_fail(int error, const char *what);
bool next_partition(uint64_t id, struct hv_ports_partition *partition);
bool next_port(uint64_t partition, uint64_t id, struct hv_ports_port *port);
bool next_connection(uint64_t partition, uint64_t id, bool doorbells,
		     struct hv_ports_connection *connection);
bool next_link(uint64_t a, uint64_t b, struct hv_ports_next_link *link);
const struct partitions *partitions_read(void);
const struct partitions *partitions_known(void);
bool partition_exists(uint64_t id);
bool partition_find(const char *text, uint64_t *id);
uint64_t partition_argument(const char *text);
uint32_t port_argument(const char *text);
void copy_name(char to[HV_PORTS_NAME_SIZE], const char *name);
const char *partition_label(uint64_t id, char buffer[HV_PORTS_NAME_SIZE]);
const char *type_name(uint32_t type);

/* print.c */

/**
 * struct column - one value of every object
 * @key: its name in JSON
 * @title: what people read above it; NULL: not for them
 * @detail: is shown of a single object, and in JSON, but not in a list
 */
struct column {
	const char *key;
	const char *title;
	bool detail;
};

enum cell_kind {
	CELL_NUMBER,
	CELL_HEX,
	CELL_PARTITION,
	CELL_BOOL,
	CELL_TEXT,
	CELL_WORDS,	/* parted by commas */
	CELL_NULL,	/* people read its text */
};

struct cell {
	enum cell_kind kind;
	uint64_t number;
	char *text;
};

/**
 * struct table - objects of one kind
 * @columns: what each has
 * @nr_columns: how many
 * @cells: values, row by row
 * @nr_cells: how many
 */
struct table {
	const struct column *columns;
	size_t nr_columns;
	struct cell *cells;
	size_t nr_cells;
};

#define TABLE(columns_)	{						\
	.columns = columns_,						\
	.nr_columns = ARRAY_SIZE(columns_),				\
}

void *grow(void *array, size_t nr, size_t size);
void add_number(struct table *t, enum cell_kind kind, uint64_t number);
void add_text(struct table *t, enum cell_kind kind, const char *text);
void table_free(struct table *t);
void table_json(const struct table *t);
void table_print(const struct table *t, bool json);
void table_print_one(const struct table *t, bool json);

/* show.c */

void add_partition(struct table *t, const struct hv_ports_partition *partition);
void print_partition(uint64_t id, bool json);
int verb_info(const struct options *o);
int verb_partition_list(const struct options *o);
int verb_partition_show(const struct options *o);
int verb_port_list(const struct options *o);
int verb_port_show(const struct options *o);
int verb_connection_list(const struct options *o);
int verb_connection_show(const struct options *o);
int verb_link_list(const struct options *o);
int verb_link_add(const struct options *o);
int verb_link_del(const struct options *o);

/* stats.c */

int verb_stats(const struct options *o);

/* attach.c */

int verb_attach(const struct options *o);

/* host.c */

/**
 * struct host - a partition of our own
 * @fd: its file; all of it goes with the process
 * @id: its id
 * @peer: the partition it is linked with
 * @options: of the command line
 * @idle_since: when something happened last, for --timeout
 */
struct host {
	int fd;
	uint64_t id;
	uint64_t peer;
	const struct options *options;
	double idle_since;
};

double now(void);
void host_open(struct host *host, const struct options *o);
void host_progress(struct host *host);
int host_wait_ms(struct host *host, int most);
int host_connect(struct host *host, uint32_t type, uint32_t port);
int host_create_port(struct host *host, uint32_t type, int eventfd, uint32_t *port);
bool host_has_peer(struct host *host, uint32_t port, bool *was_connected);

/* stream.c */

int verb_send(const struct options *o);
int verb_recv(const struct options *o);

/* event.c */

int verb_event_send(const struct options *o);
int verb_event_recv(const struct options *o);

/* monitor.c */

extern volatile sig_atomic_t interrupted;

void catch_signals(void);
int verb_monitor(const struct options *o);

#endif /* HVPORTS_H */
