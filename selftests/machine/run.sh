#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The demonstration: in the machine, an ordinary QEMU runs a guest that uses
# ports.  Prints what the guest did beside what the kernel traced.

. "${BASH_SOURCE[0]%/*}/all.sh"

FAILED=() ENDED=''

on_run_line() {
	case $1 in
	'I '*) note "${1#I }" ;;
	'F '*) FAILED+=("${1#F }") ;;
	'G '*|'K '*) printf '%s\n' "$1" >>"$RUN/lines" ;;
	'# machine: end') ENDED=1 ;;
	*) say "# from the machine: $1" ;;
	esac
}

# Both sides have the same clock.  A line of the guest's is as old as its first
# character: it speaks of what has been done, and nothing is done until it is out.
transcript() {
	awk '
		$1 == "G" {
			t = $2
			sub(/^G [0-9.]+ /, "")
			printf "%.6f G %s\n", t, $0
		}
		$1 == "K" && match($0, / [0-9]+\.[0-9]+: /) {
			t = substr($0, RSTART + 1, RLENGTH - 3)
			printf "%.6f K %s\n", t, substr($0, RSTART + RLENGTH)
		}' "$1" | sort -s -n -k1,1 | awk '
		NR == 1 { t0 = $1 }
		{
			t = $1; side = $2
			sub(/^[0-9.]+ [GK] /, "")
			printf "%9.3f ms  %s %s\n", (t - t0) * 1000,
				side == "G" ? "guest  |" : "kernel |    ", $0
		}'
}

no_entries() { :; }

main() {
	build_machine no_entries
	: >"$RUN/lines"
	boot "$RUN" "hv.mode=run" on_run_line
	transcript "$RUN/lines"
	[[ -s $RUN/lines ]] || FAILED+=("the guest said nothing")
	[[ $BOOT_END == ended ]] || FAILED+=("the end of the machine: $BOOT_END")
	[[ $ENDED ]] || FAILED+=("no end marker: the machine died")
	console_clean "$RUN/console" || FAILED+=("the kernel complained; see $RUN/console")
	for failure in "${FAILED[@]}"; do
		say "FAILED: $failure"
	done
	end_run "${#FAILED[@]}"
	exit "$(( ${#FAILED[@]} > 0 ))"
}

main "$@"; exit
