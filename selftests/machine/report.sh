# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs a list of tests, in more than one boot if the machine stops, and says
# what came of it in KTAP.  Sourced, after boot.sh and tests.sh.

REBOOTS=4		# after as many stops of the machine
DEATHS=5		# and deaths
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
	'gcda '*) printf '%s\n' "$line" >>"$WORK/gcda" ;;
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

# The machine died under a test: that test has failed, whatever it was about to
# say.  Or it ended after one that has left the module behind.  The tests after it
# have not been tried, and are worth a new boot.
on_death() {
	COMPLAINTS+=("no end marker: the machine ended${RUNNING:+ during test $RUNNING}")
	show_output
	sed 's/^/# QEMU: /' "$RUN/qemu.log"
	# An emulated one says of what it dies without a word on the console.
	grep -sh -A20 '^Triple fault' "$RUN/reset.log" | sed 's/^/# QEMU: /' || true
	if [[ $RUNNING ]]; then
		VERDICT[${RUNNING%% *}]='not ok'
		say "not ok $RUNNING # the machine died"
	fi
	(( ${#COMPLAINTS[@]} <= DEATHS && LEFT != $(unfinished "$1" | wc -l) ))
}

# A CPU that is astray tramples over memory, so what the kernel says under the last
# test is not the kernel's.
forget_last_test() {
	local console=${CONSOLES[-1]} end

	end=$(grep -an 'machine: test .*: start' "$console" | tail -n 1 | cut -d: -f1)
	head -n "${end:-0}" "$console" >"$console.judged"
	CONSOLES[-1]=$console.judged
}

# The machine stopped, or a CPU went astray: that is likely the emulation's doing, so
# what was not finished is run again.  If it happens under the same test, that gets a
# machine of its own in which the CPUs take turns, where neither happens by itself: a
# kernel that hangs hangs again.
on_stop() {
	STOPS=$((STOPS + 1))
	if [[ $BOOT_END == astray ]]; then
		note "*** A CPU WENT ASTRAY in boot ${#CONSOLES[@]}:" \
			"the kernel ran without its GS base${RUNNING:+ during test $RUNNING} ***"
		sed -n '/stack guard page was hit/,$s/.*\(RIP: 00\)/\1/p' "${CONSOLES[-1]}" |
			awk '!said[$0]++ { print "#   " $0 }'
		forget_last_test
	else
		note "*** THE MACHINE STOPPED in boot ${#CONSOLES[@]}:" \
			"no heartbeat${RUNNING:+ any more during test $RUNNING} ***"
	fi
	show_output
	if (( STOPS > REBOOTS )) || [[ $ALONE ]]; then
		COMPLAINTS+=("the machine stopped in $STOPS boots")
		return 1
	fi
	[[ ! $RUNNING || $RUNNING != "$STOPPED" || $ACCEL != tcg ]] || ALONE=$RUNNING
	STOPPED=$RUNNING
	if [[ $ALONE ]]; then
		note "*** $ALONE is run again alone, one CPU at a time ***"
	else
		note "*** the $(unfinished "$1" | wc -l) tests not finished" \
			"are run again in a new boot ***"
	fi
}

# What the next boot is for.
next_entries() {
	if [[ $ALONE ]]; then
		unfinished "$1" | grep -P "^${ALONE%% *}\t"
	else
		unfinished "$1"
	fi
}

# one_boot DIR CMDLINE
one_boot() {
	if [[ $ALONE ]]; then
		ACCEL=single boot "$1" "$2 hv.emulated=1" on_check_line
	else
		boot "$1" "$2" on_check_line
	fi
}

# another_boot ENTRIES: what did the last boot come to, and is there a need for
# another one?
another_boot() {
	local alone=$ALONE

	case $BOOT_END in
	stopped|astray) on_stop "$1" || return 1 ;;
	timeout) COMPLAINTS+=("the end of the machine: timeout"); return 1 ;;
	*)
		if [[ ! $ENDED ]]; then
			on_death "$1" || return 1
		elif [[ $BOOT_END != ended ]]; then
			COMPLAINTS+=("the end of the machine: $BOOT_END")
		fi ;;
	esac
	[[ $PLAN == "$GIVEN" || $BOOT_END == @(stopped|astray) ]] ||
		COMPLAINTS+=("planned ${PLAN:-nothing}, $GIVEN tests were given")
	[[ $BOOT_END == @(stopped|astray) ]] || ALONE=''
	[[ ! $ENDED || $alone ]] && [[ $(unfinished "$1") ]]
}

# run_entries ENTRIES: in $RUN, where bzImage and initramfs are.
run_entries() {
	TOTAL=$(wc -l <"$1")
	VERDICT=() CONSOLES=() COMPLAINTS=() STOPS=0 STOPPED='' ALONE=''
	GIVEN=$TOTAL
	say "KTAP version 1"
	say "1..$(( TOTAL + 2 ))"
	while :; do
		ENDED='' PLAN='' RUNNING='' OUTPUT=()
		LEFT=$(unfinished "$1" | wc -l)
		one_boot "$RUN" "hv.mode=check hv.boot=$(( ${#CONSOLES[@]} + 1 )) ${CMDLINE:-}"
		CONSOLES+=("$RUN/console.$(( ${#CONSOLES[@]} + 1 ))")
		mv "$RUN/console" "${CONSOLES[-1]}"
		mv "$RUN/results" "$RUN/results.${#CONSOLES[@]}"
		another_boot "$1" || break
		next_entries "$1" >"$RUN/entries.left"
		GIVEN=$(wc -l <"$RUN/entries.left")
		add_list "$RUN/entries.left" "$RUN/programs" "$RUN/initramfs"
	done
	[[ -z $(unfinished "$1") ]] || COMPLAINTS+=("tests without a result")
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
	(( !skipped )) || note "$skipped skipped"
	say "$passed passed, $failed failed"
	# Two of those that passed are the console and the machine.
	exit "$(( failed || passed <= 2 ))"
}
