#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# check-kernel.sh FOLDER: can the module be built for the kernel that was built
# in FOLDER, or whose headers are there?  Says why not.

if [ ! -e "$1/Module.symvers" ]; then
	echo "error: no kernel was built in $1 (it has no Module.symvers)" >&2
	exit 1
fi
grep -qw kvm_hv_ports_register "$1/Module.symvers" && exit

cat >&2 <<END
error: the kernel in $1
cannot have kvm_hv_ports: its KVM does not export kvm_hv_ports_register.  Either it
was built without the patches of kvm_hv_ports ("make patch KSRC=TREE" in a checkout
applies them; build, install and boot that kernel), or without CONFIG_KVM and
CONFIG_KVM_HYPERV.
END
exit 1
