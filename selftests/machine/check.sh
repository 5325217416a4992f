#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds what is needed, boots the machine, runs the tests whose names match
# TESTS, and ends with the count line.

. "${BASH_SOURCE[0]%/*}/all.sh"

need_packages "${PACKAGES_BUILD[@]}" "${PACKAGES_QEMU[@]}"
describe_accel
lock_build
get_source
new_run
select_entries >"$RUN/entries"
[[ -s $RUN/entries ]] || die "no test's name matches \"${TESTS:-*}\""
build_kernel
build_module "$KOUT" "$WORK/module"
build_init
build_tests "$RUN/entries"
prepare_boot "$RUN/entries"
unlock_build
note "ready to boot after $(( SECONDS - START )) s"
run_entries "$RUN/entries"
report
