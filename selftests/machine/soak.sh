#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# hv_once_test with as many messages as MESSAGES says, which takes its time; in
# parts, so that a machine that stops has only one of them to do again.

: "${MESSAGES:=10000000}"
[[ $MESSAGES =~ ^[1-9][0-9]*$ ]] || {
	echo "error: MESSAGES is a number, not \"$MESSAGES\"" >&2
	exit 1
}
PART=500000
PARTS=$(( (MESSAGES + PART - 1) / PART ))
# Seconds; the slowest machine so far did 500 messages in one.
PART_TIMEOUT=$(( 600 + PART / 200 ))
: "${TIMEOUT:=$(( PART_TIMEOUT * PARTS ))}"

. "${BASH_SOURCE[0]%/*}/all.sh"

soak_entries() {
	local i

	for (( i = 1; i <= PARTS; i++ )); do
		print_entry "$i" "hv_once_test/$i" ports "$PART_TIMEOUT" /tests/hv_once_test \
			$(( MESSAGES * i / PARTS - MESSAGES * (i - 1) / PARTS ))
	done
}

main() {
	have_module || die "there is no module to be tested"
	build_machine soak_entries
	# shellcheck disable=SC2034 # report.sh counts down
	REBOOTS=$(( REBOOTS + PARTS / 2 ))
	run_entries "$RUN/entries"
	report
}

main "$@"; exit
