#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds what is needed, boots the machine, runs the tests whose names match
# TESTS, and ends with the count line.

. "${BASH_SOURCE[0]%/*}/all.sh"

main() {
	build_machine some_entries
	run_entries "$RUN/entries"
	report
}

main "$@"; exit
