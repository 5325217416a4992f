// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making a partition of a VM whose process knows nothing of it
 */
#include <dirent.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hvports.h"

#define VM_LINK		"anon_inode:kvm-vm"
#define MAX_VMS		64

static bool is_vm(int pid, const char *fd)
{
	char path[64], link[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/fd/%.20s", pid, fd);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		return false;
	link[length] = '\0';
	return !strcmp(link, VM_LINK);
}

/* The numbers of a process's files that are VMs */
static int find_vms(int pid, int *vms)
{
	struct dirent *entry;
	char path[64];
	int nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		die(errno == EACCES ? STATUS_UNAVAILABLE : STATUS_ABSENT,
		    "process %d: %s", pid,
		    errno == ENOENT ? "there is none" : strerror(errno));

	while (nr < MAX_VMS && (entry = readdir(dir)))
		if (is_vm(pid, entry->d_name))
			vms[nr++] = atoi(entry->d_name);
	closedir(dir);
	return nr;
}

/* Two numbers may be the same VM. */
static int same_vm(int pid, int a, int b)
{
	return syscall(SYS_kcmp, pid, pid, 0 /* KCMP_FILE */, a, b) == 0;
}

static int choose_vm(int pid, const char *option)
{
	int vms[MAX_VMS], nr = find_vms(pid, vms), i;
	char list[512] = "";

	if (!nr)
		die(STATUS_ABSENT, "process %d has no VM", pid);
	for (i = 1; i < nr && same_vm(pid, vms[0], vms[i]); i++)
		;
	if (i == nr)
		return vms[0];

	for (i = 0; i < nr; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), " %d", vms[i]);
	die(STATUS_FAILED, "process %d has several VMs; choose one with --%s:%s", pid, option,
	    list);
}

static int take_vm(int pid, int vm)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), fd;

	if (pidfd < 0)
		die(errno == ESRCH ? STATUS_ABSENT : STATUS_FAILED, "process %d: %s", pid,
		    errno == ESRCH ? "there is none" : strerror(errno));

	fd = syscall(SYS_pidfd_getfd, pidfd, vm, 0);
	if (fd < 0)
		die(errno == EPERM ? STATUS_UNAVAILABLE : STATUS_FAILED,
		    "taking file %d of process %d: %s", vm, pid, strerror(errno));
	close(pidfd);
	return fd;
}

/* A file of the partition of a process's VM */
static int attach(const struct options *o, enum option_id pid_option,
		  enum option_id vm_option, uint64_t *id)
{
	const char *name = vm_option == OPTION_VM ? "vm" : "parent-vm";
	struct hv_ports_attach_vm arg = { .size = sizeof(arg) };
	int pid = o->number[pid_option], error;

	if (o->given & 1U << vm_option)
		arg.vm_fd = o->number[vm_option];
	else
		arg.vm_fd = choose_vm(pid, name);
	arg.vm_fd = take_vm(pid, arg.vm_fd);

	error = device_errno(device(), HV_PORTS_ATTACH_VM, &arg);
	if (error == EINVAL)
		die(STATUS_FAILED, "that file of process %d is no VM", pid);
	if (error == EBUSY)
		die(STATUS_FAILED, "another program holds the partition of process %d's VM", pid);
	if (error == ENODEV)
		die(STATUS_FAILED, "attaching the VM: %s",
		    "its memory is encrypted, or the module is on its way out");
	if (error)
		device_fail(error, "attaching the VM");
	close(arg.vm_fd);
	*id = arg.id;
	return arg.fd;
}

static uint32_t set_flags(const struct options *o)
{
	uint32_t flags = 0;

	if (has_option(o, OPTION(ID)))
		flags |= HV_PORTS_SET_ID;
	if (has_option(o, OPTION(NAME)))
		flags |= HV_PORTS_SET_NAME;
	if (has_option(o, OPTION(PARENT_PID) | OPTION(NO_PARENT)))
		flags |= HV_PORTS_SET_PARENT;
	if (has_option(o, OPTION(MAX_PORTS)))
		flags |= HV_PORTS_SET_MAX_PORTS;
	if (has_option(o, OPTION(MAX_CONNECTIONS)))
		flags |= HV_PORTS_SET_MAX_CONNECTIONS;
	if (has_option(o, OPTION(PRIVILEGES)))
		flags |= HV_PORTS_SET_PRIVILEGES;
	return flags;
}

static void change(int fd, const struct options *o)
{
	struct hv_ports_set_partition set = {
		.size = sizeof(set),
		.flags = set_flags(o),
		.id = o->number[OPTION_ID],
		.parent_fd = -1,
		.max_ports = o->number[OPTION_MAX_PORTS],
		.max_connections = o->number[OPTION_MAX_CONNECTIONS],
		.privileges = o->number[OPTION_PRIVILEGES],
	};
	uint64_t parent;
	int error;

	if (!set.flags)
		return;
	if (o->name)
		copy_name(set.name, o->name);
	if (has_option(o, OPTION(PARENT_PID)))
		set.parent_fd = attach(o, OPTION_PARENT_PID, OPTION_PARENT_VM, &parent);

	error = device_errno(fd, HV_PORTS_SET_PARTITION, &set);
	if (error == EEXIST)
		die(STATUS_FAILED,
		    "id %llu is taken, if only by ports or connections for who had it last",
		    (unsigned long long)set.id);
	if (error == EBUSY)
		die(STATUS_FAILED, "too late for another id: %s",
		    "there are ports, connections, links, or relatives");
	if (error == EINVAL && set.parent_fd >= 0)
		die(STATUS_FAILED, "a partition cannot be its own ancestor");
	if (error)
		device_fail(error, "changing the partition");
}

static void check_options(const struct options *o)
{
	if (!has_option(o, OPTION(PID)))
		die(STATUS_USAGE, "attach needs --pid");
	if (has_option(o, OPTION(PARENT_VM)) && !has_option(o, OPTION(PARENT_PID)))
		die(STATUS_USAGE, "--parent-vm needs --parent-pid");
	if (has_option(o, OPTION(NO_PARENT)) && has_option(o, OPTION(PARENT_PID)))
		die(STATUS_USAGE, "--no-parent and --parent-pid contradict each other");
}

/**
 * verb_attach - make a running VM a partition, or change it
 * @o: options
 */
int verb_attach(const struct options *o)
{
	uint64_t id;
	int fd;

	check_options(o);
	fd = attach(o, OPTION_PID, OPTION_VM, &id);
	change(fd, o);
	close(fd);
	if (has_option(o, OPTION(ID)))
		id = o->number[OPTION_ID];
	print_partition(id, has_option(o, OPTION(JSON)));
	return STATUS_OK;
}
