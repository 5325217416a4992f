#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# hv_once_test with as many messages as MESSAGES says, which takes its time.

# Seconds; the slowest machine so far did 500 messages in one.
: "${MESSAGES:=10000000}" "${TIMEOUT:=$(( 600 + MESSAGES / 200 ))}"

. "${BASH_SOURCE[0]%/*}/all.sh"

soak_entries() {
	print_entry 1 hv_once_test ports "$TIMEOUT" /tests/hv_once_test "$MESSAGES"
}

main() {
	[[ $MESSAGES =~ ^[0-9]+$ ]] || die "MESSAGES is a number, not \"$MESSAGES\""
	have_module || die "there is no module to be tested"
	build_machine soak_entries
	run_entries "$RUN/entries"
	report
}

main "$@"; exit
