#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A shell in the machine, for people.  Its / is the host's, read-only, the
# machine's own files are in /tmp/machine: /tmp/machine/lib/modules, .../tests.

. "${BASH_SOURCE[0]%/*}/all.sh"

main() {
	build_machine select_entries
	qemu_options "$RUN" "hv.mode=shell" mon:stdio
	"$QEMU" "${QEMU_OPTIONS[@]}"
	end_run 0
}

main "$@"; exit
