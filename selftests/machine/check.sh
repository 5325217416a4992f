#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds what is needed, boots the machine, runs the tests whose names match
# TESTS, and ends with the count line.

. "${BASH_SOURCE[0]%/*}/all.sh"

some_entries() {
	select_entries >"$RUN/selected"
	[[ -s $RUN/selected ]] || die "no test's name matches \"${TESTS:-*}\""
	cat "$RUN/selected"
}

main() {
	build_machine some_entries
	run_entries "$RUN/entries"
	report
}

main "$@"; exit
