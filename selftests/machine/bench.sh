#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh         counts what ports cost, beside what the same costs without
#                  them, and times it besides: a table, JSON and a chart
# bench.sh check   counts only, and compares with the figures that are kept
#
# NATIVE=1: times it on this very machine, which has the module loaded.
# TIMED=0: does without the timing.

. "${BASH_SOURCE[0]%/*}/all.sh"

SOURCES=$TOP/selftests/bench
FIGURES=$SOURCES/figures.json
OUT=$BUILD/bench
MEASURED='' COMPLAINTS=() ENDED=''

counted_entries() {
	print_entry 1 bench self 1500 /tests/hv_ports_bench
	print_entry 2 bench-qemu ports 600 \
		/init guest hyperv_bench.elf -device hyperv-testdev
}

timed_entries() { print_entry 1 bench self 600 /tests/hv_ports_bench -t; }

on_bench_line() {
	case $1 in
	'# bench: '*) printf '%s\n' "${1#\# bench: }" >>"$MEASURED" ;;
	'not ok '*) COMPLAINTS+=("$1") ;;
	'# machine: end') ENDED=1 ;;
	'KTAP version'*|1..*|'ok '*|'# start '*) ;;
	*) OUTPUT+=("$1"); [[ $V == 0 ]] || say "$1" ;;
	esac
}

# measure FILE ENTRIES-COMMAND: one boot, and what it measured into FILE.
measure() {
	MEASURED=$OUT/$1
	ENDED='' OUTPUT=()
	build_machine "$2"
	: >"$MEASURED"
	boot "$RUN" "hv.mode=check" on_bench_line
	[[ $BOOT_END == ended ]] || COMPLAINTS+=("the end of the machine: $BOOT_END")
	[[ $ENDED ]] || COMPLAINTS+=("no end marker: the machine died")
	console_clean "$RUN/console" || COMPLAINTS+=("the kernel complained; see $RUN/console")
	(( ! ${#COMPLAINTS[@]} )) || show_output
	end_run "${#COMPLAINTS[@]}"
}

# The program as it is for the machine, but on this one.
measure_natively() {
	local parameters=/sys/module/kvm_hv_ports/parameters ports connections

	[[ -d $parameters && -w /dev/kvm ]] ||
		die "NATIVE=1 wants kvm_hv_ports loaded, and /dev/kvm"
	need_packages "${PACKAGES_BUILD[@]}"
	lock_build
	get_source
	new_run
	timed_entries >"$RUN/entries"
	mkdir -p "$KOUT"
	[[ -e $KOUT/.config ]] || logged config configure_kernel
	logged headers kmake headers
	build_tests "$RUN/entries"
	unlock_build
	ports=$(<"$parameters/max_ports") connections=$(<"$parameters/max_connections")
	"$TESTS_OUT/hv_ports_bench" -n -t | sed -n 's/^bench: //p' >"$OUT/timed" ||
		COMPLAINTS+=("hv_ports_bench failed")
	echo "$ports" >"$parameters/max_ports"
	echo "$connections" >"$parameters/max_connections"
	rm -rf "$RUN"
}

# The distribution's gnuplot, if there is one to be had.
have_gnuplot() {
	[[ $(command -v gnuplot) ]] && return
	(( ! EUID )) || return
	apt_install gnuplot-nox >"$LOGS/gnuplot.log" 2>&1 </dev/null
	[[ $(command -v gnuplot) ]]
}

chart() {
	if ! have_gnuplot; then
		note "no chart: gnuplot is not here, and was not to be had"
		return
	fi
	awk -f "$SOURCES/chart.awk" "$SOURCES/rows" "$OUT/counted" >"$OUT/chart.data"
	gnuplot -e "data='$OUT/chart.data'; out='$OUT/bench.svg'" "$SOURCES/chart.gp"
	note "chart: $OUT/bench.svg"
}

compiler() { sed -n 's/^CONFIG_CC_VERSION_TEXT="\(.*\)"$/\1/p' "$KOUT/.config"; }

# table [AWK-VARIABLE...]: all that was measured, and what of it is as wanted.
table() {
	local variable options=()

	for variable in "$@"; do
		options+=(-v "$variable")
	done
	awk "${options[@]}" -v json="$OUT/bench.json" -v compiler="$(compiler)" \
		-v kernel="$(cat "$KOUT/include/config/kernel.release")" -v flavour="$FLAVOUR" \
		-f "$SOURCES/table.awk" "$SOURCES/rows" "$SOURCES/targets" \
		"$OUT/counted" "$OUT/timed" >"$OUT/said"
	sed '/^verdict /d' "$OUT/said" | tee "$OUT/bench.txt"
}

# The count line, of what awk said and of what went wrong.
count_line() {
	local passed failed complaint

	read -r _ passed failed < <(grep '^verdict ' "$OUT/said")
	for complaint in "${COMPLAINTS[@]}"; do
		say "not ok $(( passed + ++failed )) $complaint"
	done
	note "$(( SECONDS - START )) s in all"
	say "$passed passed, $failed failed"
	exit "$(( failed || !passed ))"
}

count() {
	: >"$OUT/timed"
	ACCEL=count STALL=300 TIMEOUT=1500
	measure counted counted_entries
}

main() {
	local wanted_accel=$ACCEL

	mkdir -p "$OUT"
	if [[ ${NATIVE:-0} == 1 ]]; then
		: >"$OUT/counted"
		measure_natively
		table only_timed=1 machine="this one"
		count_line
	fi
	count
	if [[ ${1:-} == check ]]; then
		awk -f "$SOURCES/compare.awk" "$FIGURES" "$OUT/counted" | tee "$OUT/said" |
			sed '/^verdict /d'
		count_line
	fi
	if [[ ${TIMED:-1} == 1 ]]; then
		ACCEL=$wanted_accel STALL=60
		choose_accel
		# Patched static branches and CPUs at once do not go together there.
		[[ $ACCEL != tcg ]] || ACCEL=single
		measure timed timed_entries
	fi
	table machine="${ACCEL/single/emulated}"
	chart
	note "figures: $OUT/bench.json"
	count_line
}

main "$@"; exit
