# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0

. "${BASH_SOURCE[0]%/*}/lib.sh"
. "$MACHINE/fetch.sh"
. "$MACHINE/deps.sh"
. "$MACHINE/source.sh"
. "$MACHINE/kernel.sh"
. "$MACHINE/tests.sh"
. "$MACHINE/monitor.sh"
. "$MACHINE/boot.sh"
. "$MACHINE/report.sh"

# build_machine COMMAND: everything that a boot needs, with the tests whose
# entries COMMAND prints.
build_machine() {
	need_packages "${PACKAGES_BUILD[@]}" "${PACKAGES_QEMU[@]}"
	describe_accel
	lock_build
	get_source
	new_run
	"$1" >"$RUN/entries"
	build_kernel
	build_module "$KOUT" "$WORK/module"
	build_init
	build_tests "$RUN/entries"
	prepare_boot "$RUN/entries"
	unlock_build
	note "ready to boot after $(( SECONDS - START )) s"
}

some_entries() {
	select_entries >"$RUN/selected"
	[[ -s $RUN/selected ]] || die "no test's name matches \"${TESTS:-*}\""
	cat "$RUN/selected"
}
