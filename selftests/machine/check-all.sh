#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# All that is to hold before a change goes in, one stage after the other, and one
# count line in the end, whatever comes between: a stage that would last longer
# than there is time is cut off, and has failed.  The kernels that the tests are
# not written on are built, and run a few of them.  KSRC and KOUT name one kernel,
# and say nothing here.
#
#   LIMIT   seconds for everything
#   STAGES  a glob: those whose names match

. "${BASH_SOURCE[0]%/*}/lib.sh"

: "${LIMIT:=5220}" "${STAGES:=*}"
PASSED=0 FAILED=0
# Something of each part: messages, events, doorbells, VM to VM, loading.
SMOKE='hv_@(message|pending|event|doorbell_matrix|partition|kill|late_post|module|refused)_test'
declare -a TIMES

# one_stage NAME PLANNED VARIABLES...: into RESULT, "passed failed" or nothing.
one_stage() {
	local line status=0 left=$(( LIMIT - SECONDS )) script=check.sh

	RESULT=''
	[[ $1 != install ]] || script=check-install.sh
	(( left > 0 )) || { note "$1: there is no time left"; return 1; }
	while IFS= read -r line; do
		if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
			RESULT="${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
			line="# $1: $line"
		fi
		say "$line"
	done < <(exec env -u KSRC -u KOUT "${@:3}" timeout -k 20 "$left" "$MACHINE/$script" 2>&1)
	wait $! || status=$?
	(( status != 124 && status != 137 )) || note "$1: cut off after $left s"
	return "$status"
}

# stage NAME PLANNED-SECONDS [VARIABLE=VALUE]...
stage() {
	local began=$SECONDS passed failed ok=1

	# shellcheck disable=SC2053 # a glob is what is meant
	[[ $1 == $STAGES ]] || return 0
	note "==== $1: ${*:3}; $(( LIMIT - SECONDS )) s left, $2 s planned ===="
	one_stage "$@" || ok=0
	read -r passed failed <<<"${RESULT:-0 0}"
	# What has failed without a failed test is a failure all the same.
	(( ok || failed )) || failed=1
	PASSED=$(( PASSED + passed ))
	FAILED=$(( FAILED + failed ))
	TIMES+=("$1: $passed passed, $failed failed in $(( SECONDS - began )) s of $2")
}

main() {
	stage ordinary 1200 KVER=6.12 FLAVOUR=ordinary
	stage install 60 KVER=6.12 FLAVOUR=ordinary
	stage debug 1500 KVER=6.12 FLAVOUR=debug
	stage 6.1 700 KVER=6.1 FLAVOUR=ordinary TESTS="$SMOKE"
	stage 7.3 700 KVER=7.3 FLAVOUR=ordinary TESTS="$SMOKE"

	note "==== all ===="
	for one in "${TIMES[@]}"; do
		note "$one"
	done
	note "$SECONDS s of $LIMIT s in all"
	say "$PASSED passed, $FAILED failed"
	exit "$(( FAILED || !PASSED ))"
}

main "$@"; exit
