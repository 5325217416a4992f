#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh kernel   builds the kernel of the machine
# build.sh modules  builds the module, for that kernel or for the one in KDIR

. "${BASH_SOURCE[0]%/*}/all.sh"

main() {
	if [[ $1 == modules && -n ${KDIR:-} ]]; then
		KDIR=$(realpath "$KDIR")
		build_for "$KDIR"
		say "$(module_folder "$KDIR")/kvm_hv_ports.ko"
		exit
	fi

	need_packages "${PACKAGES_BUILD[@]}"
	lock_build
	get_source
	build_kernel
	if [[ $1 == modules ]]; then
		have_module || die "there is no Kbuild here"
		build_module "$KOUT" "$WORK/module"
		say "$WORK/module/kvm_hv_ports.ko"
	else
		say "$KOUT/arch/x86/boot/bzImage"
	fi
}

main "$@"; exit
