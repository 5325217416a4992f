#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# install.sh modules  the module, for the kernel built in KDIR, or the running one
# install.sh all      ... and the command, its manual and completion, and the header
# install.sh dkms     the sources, where DKMS looks for them
#
# INSTALL_MOD_PATH and its like are the kernel's own; DESTDIR goes before every
# path, and PREFIX (/usr/local) before those that are not the kernel's.

. "${BASH_SOURCE[0]%/*}/all.sh"

: "${DESTDIR:=}" "${PREFIX:=/usr/local}"
: "${KDIR:=/lib/modules/$(uname -r)/build}" "${INSTALL_MOD_PATH:=$DESTDIR}"
export INSTALL_MOD_PATH

install_module() {
	local out

	build_for "$KDIR"
	out=$(module_folder "$KDIR")
	logged modules_install make -C "$KDIR" M="$out" modules_install
	say "kvm_hv_ports.ko: in $INSTALL_MOD_PATH/lib/modules/$(kernel_release "$KDIR")"
}

install_the_rest() {
	logged tools make -C "$TOP/tools/hvports" install OUTPUT="$BUILD/tools" \
		DESTDIR="$DESTDIR" PREFIX="$PREFIX"
	install -D -m 644 "$TOP/include/uapi/linux/hv_ports.h" \
		"$DESTDIR$PREFIX/include/linux/hv_ports.h"
	say "hvports, hvports(8), its completion and linux/hv_ports.h: in $DESTDIR$PREFIX"
}

install_dkms() {
	local version to file

	version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$TOP/dkms.conf")
	to=$DESTDIR/usr/src/kvm_hv_ports-$version
	for file in "$TOP"/{dkms.conf,Kbuild,COPYING,*.[ch],include/uapi/linux/*.h}; do
		install -D -m 644 "$file" "$to/${file#"$TOP/"}"
	done
	install -D -m 755 "$TOP/tools/check-kernel.sh" "$to/tools/check-kernel.sh"
	say "now: dkms install kvm_hv_ports/$version [-k KERNEL]"
}

main() {
	case $1 in
	modules) install_module ;;
	all) install_module; install_the_rest ;;
	dkms) install_dkms ;;
	esac
}

main "$@"; exit
