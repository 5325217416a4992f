# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs a list of tests, in more than one boot if the machine stops, and says
# what came of it in KTAP.  Sourced, after boot.sh and tests.sh.

REBOOTS=2
declare -A VERDICT	# test number -> ok, not ok or skip
OUTPUT=()		# what the running test has said so far
RUNNING='' PLAN='' ENDED=''

# The end of what the running test has said.
show_output() {
	local count=${#OUTPUT[@]} shown=150

	(( count )) || return 0
	if (( count > shown )); then
		note "($(( count - shown )) lines more in $RUN)"
		OUTPUT=("${OUTPUT[@]: -shown}")
	fi
	printf '%s\n' "${OUTPUT[@]}"
}

# One line from the machine.
on_check_line() {
	local line=$1

	case $line in
	'ok '*|'not ok '*)
		[[ $line =~ ^((not )?ok)\ ([0-9]+)\ ([^ ]+)(\ #\ (SKIP)?.*)?$ ]] || {
			note "not understood: $line"
			return
		}
		VERDICT[${BASH_REMATCH[3]}]=${BASH_REMATCH[6]:+skip}
		: "${VERDICT[${BASH_REMATCH[3]}]:=${BASH_REMATCH[1]}}"
		if [[ ${BASH_REMATCH[2]} && $V == 0 ]]; then
			show_output
		fi
		say "$line"
		RUNNING= ;;
	'# start '*)
		OUTPUT=()
		RUNNING=${line#'# start '}
		[[ $V == 0 ]] || say "$line" ;;
	'# machine: end') ENDED=1 ;;
	1..*) PLAN=${line#1..} ;;
	'KTAP version'*) ;;
	'# '*|'#')
		[[ $V == 0 ]] || say "$line"
		OUTPUT+=("$line") ;;
	*) say "# from the machine: $line" ;;
	esac
}

# The entries that have no result yet.
unfinished() {
	local number rest

	while IFS=$'\t' read -r number rest; do
		[[ ${VERDICT[$number]:-} ]] || printf '%s\t%s\n' "$number" "$rest"
	done <"$1"
}

# run_entries ENTRIES: in $RUN, where bzImage and initramfs are.
run_entries() {
	local entries=$1 boots=0 left

	TOTAL=$(wc -l <"$entries")
	VERDICT=()
	CONSOLES=() COMPLAINTS=()
	say "KTAP version 1"
	say "1..$(( TOTAL + 2 ))"
	while :; do
		boots=$((boots + 1))
		ENDED='' PLAN=''
		left=$(unfinished "$entries" | wc -l)
		boot "$RUN" "hv.mode=check hv.boot=$boots ${CMDLINE:-}" on_check_line
		mv "$RUN/console" "$RUN/console.$boots"
		mv "$RUN/results" "$RUN/results.$boots"
		CONSOLES+=("$RUN/console.$boots")
		[[ $BOOT_END == stopped ]] || break
		note "*** THE MACHINE STOPPED in boot $boots:" \
			"no heartbeat${RUNNING:+ any more during test $RUNNING} ***"
		show_output
		if (( boots > REBOOTS )); then
			COMPLAINTS+=("the machine stopped in each of $boots boots")
			return
		fi
		unfinished "$entries" >"$RUN/entries.left"
		note "*** the $(wc -l <"$RUN/entries.left") tests not finished" \
			"are run again in a new boot ***"
		add_list "$RUN/entries.left" "$RUN/programs" "$RUN/initramfs"
	done
	[[ $BOOT_END == ended ]] || COMPLAINTS+=("the end of the machine: $BOOT_END")
	[[ $ENDED ]] || COMPLAINTS+=("no end marker: the machine died${RUNNING:+ during test $RUNNING}")
	[[ $PLAN == "$left" ]] ||
		COMPLAINTS+=("planned ${PLAN:-nothing}, $left tests were given")
	[[ -z $(unfinished "$entries") ]] || COMPLAINTS+=("tests without a result")
}

# The verdict, the count line, and the exit with its status.
report() {
	local passed=0 failed=0 skipped=0 number name console clean=1 complaint

	while IFS=$'\t' read -r number name _; do
		case ${VERDICT[$number]:-} in
		ok) passed=$((passed + 1)) ;;
		skip) skipped=$((skipped + 1)) ;;
		'')
			say "not ok $number $name # no result"
			failed=$((failed + 1)) ;;
		*) failed=$((failed + 1)) ;;
		esac
	done <"$RUN/entries"

	for console in "${CONSOLES[@]}"; do
		console_clean "$console" || clean=0
	done
	if (( clean )); then
		say "ok $(( TOTAL + 1 )) console"
		passed=$((passed + 1))
	else
		say "not ok $(( TOTAL + 1 )) console # see ${CONSOLES[*]}"
		failed=$((failed + 1))
	fi

	for complaint in "${COMPLAINTS[@]}"; do
		note "$complaint"
	done
	if (( ${#COMPLAINTS[@]} )); then
		tail -n 15 "${CONSOLES[-1]}" | sed 's/^/#   /'
		say "not ok $(( TOTAL + 2 )) machine # see $RUN"
		failed=$((failed + 1))
	else
		say "ok $(( TOTAL + 2 )) machine"
		passed=$((passed + 1))
	fi

	end_run "$failed"
	note "$(( SECONDS - START )) s in all"
	say "$passed passed, $failed failed${skipped:+$( (( skipped )) && echo ", $skipped skipped")}"
	# Two of those that passed are the console and the machine.
	exit "$(( failed || passed <= 2 ))"
}
