#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The demonstrations: in the machine, two ordinary QEMUs run a Linux guest each,
# whose ports the host links; or, "run.sh single", one runs a guest that uses ports
# with itself.  Prints what everybody did beside what the kernel traced.

. "${BASH_SOURCE[0]%/*}/all.sh"

DEMO=${1:-two} FAILED=() ENDED=''

on_run_line() {
	case $1 in
	'I '*) note "${1#I }" ;;
	'F '*) FAILED+=("${1#F }") ;;
	'# '[ABH]' '*) printf '%s\n' "${1#'# '}" >>"$RUN/lines" ;;
	'G '*|'K '*) printf '%s\n' "$1" >>"$RUN/lines" ;;
	'# machine: end') ENDED=1 ;;
	*) say "# from the machine: $1" ;;
	esac
}

# All sides have the same clock.  A line of the guest's is as old as its first
# character: it speaks of what has been done, and nothing is done until it is out.
transcript() {
	awk '
		/^[ABGH] [0-9.]+ / {
			side = $1
			t = $2
			sub(/^[ABGH] [0-9.]+ /, "")
			printf "%.6f %s %s\n", t, side, $0
		}
		$1 == "K" && match($0, / [0-9]+\.[0-9]+: /) {
			t = substr($0, RSTART + 1, RLENGTH - 3)
			printf "%.6f K %s\n", t, substr($0, RSTART + RLENGTH)
		}' "$1" | sort -s -n -k1,1 | count_data | awk '
		BEGIN {
			name["A"] = "guest A |"; name["B"] = "guest B |"
			name["G"] = "guest  |"; name["H"] = "host    |"
			name["K"] = two ? "kernel  |    " : "kernel |    "
		}
		NR == 1 { t0 = $1 }
		{
			t = $1; side = $2
			sub(/^[0-9.]+ [ABGHK] /, "")
			printf "%9.3f ms  %s %s\n", (t - t0) * 1000, name[side], $0
		}' two="$([[ $DEMO == single ]] || echo 1)"
}

# Of what concerns the messages that carry the file, the first of each kind and how
# many more there were: connection and port 0x10 of two_guests.h, and the SINT of
# hvpipe's device.
count_data() {
	[[ $DEMO != single ]] || { cat; return; }
	awk '
		function data() {
			return $2 == "K" && (/PostMessage .*connection 0x10 / ||
				/hv_ports_deliver: .* port 0x10 type 0x1 size [1-9]/ ||
				/hv_ports_(busy|retry): .* sint 11( |$)/)
		}
		function flush() {
			for (i = 0; i < n; i++)
				printf "%s K ... %d times more: %s\n", last, count[order[i]], order[i]
			n = 0
			split("", count)
		}
		!data() { if ($2 == "K") flush(); print; next }
		{
			last = $1
			what = $0
			sub(/^[0-9.]+ K /, "", what)
			sub(/ size [0-9]+ pending [01]$/, "", what)
			if (!seen[what]++) { print; next }
			if (!count[what]++) order[n++] = what
		}
		END { flush() }'
}

demo_entries() {
	[[ $DEMO == single ]] || two_guests_entry | sed 's/^/1\t/'
}

# An emulated machine may stop or go astray by itself, as the tests' report has it.
main() {
	local boots=0

	build_machine demo_entries
	while :; do
		FAILED=() ENDED=''
		: >"$RUN/lines"
		boot "$RUN" "hv.mode=run hv.demo=$DEMO" on_run_line
		[[ $BOOT_END == @(stopped|astray) && $((++boots)) -lt 3 ]] || break
		note "*** the machine: $BOOT_END; once more ***"
	done
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
