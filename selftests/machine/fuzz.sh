#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh [SECONDS [SEED]]: hv_fuzz_test for that long, from a seed that nobody
# has tried yet; ends with the count line.  In parts, so that a machine that stops
# has only one of them to do again.

FUZZ_SECONDS=${1:-600}
FUZZ_SEED=${2:-0x$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')}
[[ $FUZZ_SECONDS =~ ^[1-9][0-9]*$ && $FUZZ_SEED =~ ^(0x[0-9a-fA-F]+|[0-9]+)$ ]] || {
	echo "error: SECONDS and SEED are numbers, not \"$FUZZ_SECONDS\" and \"$FUZZ_SEED\"" >&2
	exit 1
}
PART=300
PARTS=$(( (FUZZ_SECONDS + PART - 1) / PART ))
# More seeds than a part can get through
PART_SEEDS=0x10000
# Of the boot; what is found may be looked into for some minutes.
TIMEOUT=$(( FUZZ_SECONDS + 1200 * PARTS ))

. "${BASH_SOURCE[0]%/*}/all.sh"

fuzz_entries() {
	local i from to

	for (( i = 1; i <= PARTS; i++ )); do
		from=$(( FUZZ_SECONDS * (i - 1) / PARTS ))
		to=$(( FUZZ_SECONDS * i / PARTS ))
		print_entry "$i" "hv_fuzz_test/$i" ports $(( to - from + 600 * SLOW )) \
			/tests/hv_fuzz_test "seconds=$(( to - from ))" \
			"seed=$(printf '%#x' $(( FUZZ_SEED + (i - 1) * PART_SEEDS )))"
	done
}

main() {
	note "seed $FUZZ_SEED, $FUZZ_SECONDS seconds"
	build_machine fuzz_entries
	# shellcheck disable=SC2034 # report.sh counts down
	REBOOTS=$(( REBOOTS + PARTS / 2 ))
	run_entries "$RUN/entries"
	report
}

main "$@"; exit
