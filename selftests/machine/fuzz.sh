#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh [SECONDS [SEED]]: hv_fuzz_test for that long, from a seed that nobody
# has tried yet; ends with the count line.

FUZZ_SECONDS=${1:-600}
FUZZ_SEED=${2:-0x$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')}
# Of the boot; what is found may be looked into for some minutes.
TIMEOUT=$(( FUZZ_SECONDS + 1200 ))

. "${BASH_SOURCE[0]%/*}/all.sh"

fuzz_entry() {
	print_entry 1 hv_fuzz_test ports $(( FUZZ_SECONDS + 600 * SLOW )) \
		/tests/hv_fuzz_test "seconds=$FUZZ_SECONDS" "seed=$FUZZ_SEED"
}

main() {
	note "seed $FUZZ_SEED, $FUZZ_SECONDS seconds"
	build_machine fuzz_entry
	run_entries "$RUN/entries"
	report
}

main "$@"; exit
