// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/hv_ports, and how people name what is there
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "hvports.h"

#define DEVICE	"/dev/hv_ports"

static struct partitions known;
static bool known_read;

/**
 * device - the open device
 *
 * Return: its file, which stays open.
 */
int device(void)
{
	static int fd = -1;

	if (fd >= 0)
		return fd;

	fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(STATUS_UNAVAILABLE, DEVICE ": %s%s", strerror(errno),
		    errno == ENOENT || errno == ENXIO || errno == ENODEV ?
		    " (is kvm_hv_ports loaded?)" : "");
	return fd;
}

/**
 * device_errno - an ioctl
 * @fd: of a file of the module's
 * @request: HV_PORTS_...
 * @argument: its structure
 *
 * Return: 0 or an errno.
 */
int device_errno(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument) ? errno : 0;
}

/* The errnos of which the general words would mislead */
static const char *reason(int error)
{
	switch (error) {
	case ESRCH:
		return "there is no such partition, or no link to it";
	case ENODEV:
		return "the partition is on its way out";
	case EDQUOT:
		return "the partition may not have more of them";
	default:
		return strerror(error);
	}
}

/**
 * device_fail - end because the module refused something
 * @error: errno
 * @what: was refused
 */
void device_fail(int error, const char *what)
{
	enum status status = STATUS_FAILED;

	if (error == EPERM || error == EACCES || error == ENOTTY)
		status = STATUS_UNAVAILABLE;
	else if (error == ESRCH || error == ENOENT)
		status = STATUS_ABSENT;
	die(status, "%s: %s", what, reason(error));
}

/* False if there is none, or no such partition any more. */
static bool next(unsigned long request, void *argument, const char *what)
{
	int error = device_errno(device(), request, argument);

	if (error == ENOENT || error == ESRCH)
		return false;
	if (error)
		device_fail(error, what);
	return true;
}

/**
 * next_partition - the partition with an id, or the next one
 * @id: the smallest of interest
 * @partition: receives it
 *
 * Return: false if there are no more.
 */
bool next_partition(uint64_t id, struct hv_ports_partition *partition)
{
	*partition = (struct hv_ports_partition) { .size = sizeof(*partition), .id = id };
	if (!next(HV_PORTS_NEXT_PARTITION, partition, "reading the partitions"))
		return false;
	partition->name[sizeof(partition->name) - 1] = '\0';
	return true;
}

/**
 * next_port - the port with an id, or the next one
 * @partition: whose
 * @id: the smallest of interest
 * @port: receives it
 *
 * Return: false if there are no more.
 */
bool next_port(uint64_t partition, uint64_t id, struct hv_ports_port *port)
{
	*port = (struct hv_ports_port) {
		.size = sizeof(*port),
		.partition = partition,
		.id = id,
	};
	return id <= PORT_ID_MAX && next(HV_PORTS_NEXT_PORT, port, "reading the ports");
}

/**
 * next_connection - the connection with an id, or the next one
 * @partition: whose
 * @id: the smallest of interest
 * @doorbells: of which kind
 * @connection: receives it
 *
 * Return: false if there are no more.
 */
bool next_connection(uint64_t partition, uint64_t id, bool doorbells,
		     struct hv_ports_connection *connection)
{
	*connection = (struct hv_ports_connection) {
		.size = sizeof(*connection),
		.flags = doorbells ? HV_PORTS_DOORBELLS : 0,
		.partition = partition,
		.id = id,
	};
	return id <= PORT_ID_MAX &&
	       next(HV_PORTS_NEXT_CONNECTION, connection, "reading the connections");
}

/**
 * next_link - a link, or the next one
 * @a: the smaller id
 * @b: the larger id
 * @link: receives it
 *
 * Return: false if there are no more.
 */
bool next_link(uint64_t a, uint64_t b, struct hv_ports_next_link *link)
{
	*link = (struct hv_ports_next_link) { .size = sizeof(*link), .a = a, .b = b };
	return next(HV_PORTS_NEXT_LINK, link, "reading the links");
}

/**
 * partitions_read - all partitions, as they are now
 *
 * Return: they; the next call changes them.
 */
const struct partitions *partitions_read(void)
{
	struct hv_ports_partition partition;
	uint64_t id = 0;

	known.nr = 0;
	known_read = true;
	while (next_partition(id, &partition)) {
		known.item = grow(known.item, known.nr, sizeof(partition));
		known.item[known.nr++] = partition;
		id = partition.id + 1;
	}
	return &known;
}

/**
 * partitions_known - all partitions, as they were when they were read last
 *
 * Return: they.
 */
const struct partitions *partitions_known(void)
{
	return known_read ? &known : partitions_read();
}

/**
 * partition_exists - whether there is a partition with that id now
 * @id: of the partition
 */
bool partition_exists(uint64_t id)
{
	struct hv_ports_partition partition;

	return next_partition(id, &partition) && partition.id == id;
}

static size_t count_name(const char *name, uint64_t *id)
{
	const struct partitions *all = partitions_known();
	size_t i, count = 0;

	for (i = 0; i < all->nr; i++) {
		if (strcmp(all->item[i].name, name))
			continue;
		*id = all->item[i].id;
		count++;
	}
	return count;
}

/**
 * partition_find - the partition of a name or an id, if there is one
 * @text: name or id
 * @id: receives the id
 *
 * Return: whether there is one.
 */
bool partition_find(const char *text, uint64_t *id)
{
	size_t count;

	if (parse_number(text, UINT64_MAX, id))
		return partition_exists(*id);

	partitions_read();
	count = *text ? count_name(text, id) : 0;
	if (count > 1)
		die(STATUS_FAILED, "%zu partitions are called \"%s\"; name it by its id",
		    count, text);
	return count;
}

/**
 * partition_argument - the partition of a name or an id
 * @text: name or id
 *
 * Return: its id.
 */
uint64_t partition_argument(const char *text)
{
	uint64_t id;

	if (!partition_find(text, &id))
		die(STATUS_ABSENT, "there is no partition \"%s\"", text);
	return id;
}

/**
 * port_argument - the id of a port or of a connection
 * @text: the id
 *
 * Return: it.
 */
uint32_t port_argument(const char *text)
{
	uint64_t id;

	if (!parse_number(text, PORT_ID_MAX, &id))
		die(STATUS_USAGE, "\"%s\" is no number from 0 to 0x%x", text, PORT_ID_MAX);
	return id;
}

/**
 * copy_name - a partition's name, as far as there is room for it
 * @to: receives it
 * @name: the name
 */
void copy_name(char to[HV_PORTS_NAME_SIZE], const char *name)
{
	snprintf(to, HV_PORTS_NAME_SIZE, "%s", name);
}

/**
 * partition_label - how people call a partition
 * @id: its id
 * @buffer: receives its name, if partition_find() understands that, or else the id
 *
 * Return: @buffer.
 */
const char *partition_label(uint64_t id, char buffer[HV_PORTS_NAME_SIZE])
{
	const struct partitions *all = partitions_known();
	uint64_t other;
	size_t i;

	snprintf(buffer, HV_PORTS_NAME_SIZE, "%llu", (unsigned long long)id);
	for (i = 0; i < all->nr && all->item[i].id != id; i++)
		;
	if (i < all->nr && all->item[i].name[0] &&
	    !parse_number(all->item[i].name, UINT64_MAX, &other) &&
	    count_name(all->item[i].name, &other) == 1)
		copy_name(buffer, all->item[i].name);
	return buffer;
}

/**
 * type_name - of a port or a connection
 * @type: HV_PORTS_MESSAGE, ...
 */
const char *type_name(uint32_t type)
{
	switch (type) {
	case HV_PORTS_MESSAGE:
		return "message";
	case HV_PORTS_EVENT:
		return "event";
	case HV_PORTS_DOORBELL:
		return "doorbell";
	default:
		return "unknown";
	}
}
