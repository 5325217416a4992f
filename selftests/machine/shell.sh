#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A shell in the machine, for people.  Its / is the host's, read-only, the
# machine's own files are in /tmp/machine: /tmp/machine/lib/modules, .../tests.

. "${BASH_SOURCE[0]%/*}/all.sh"

need_packages "${PACKAGES_BUILD[@]}" "${PACKAGES_QEMU[@]}"
describe_accel
lock_build
get_source
build_kernel
build_module "$KOUT" "$WORK/module"
build_init
new_run
select_entries >"$RUN/entries"
build_tests "$RUN/entries"
prepare_boot "$RUN/entries"
unlock_build
qemu_options "$RUN" "hv.mode=shell" mon:stdio
"$QEMU" "${QEMU_OPTIONS[@]}"
end_run 0
