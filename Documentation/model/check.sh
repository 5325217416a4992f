#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The right model verifies; each mistake is refuted.

set -Eeuo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$1
passed=0
failed=0

# verify NAME EXPECTED-ERRORS(0|some) OPTION...
verify() {
	local name=$1 expected=$2 errors states
	shift 2

	rm -rf "${work:?}/$name"
	mkdir -p "$work/$name"
	cd "$work/$name"
	spin -a "$@" "$here/handshake.pml" >spin.log
	gcc -O2 -DSAFETY -DMEMLIM=2048 -o pan pan.c 2>gcc.log
	./pan -m100000 >pan.log 2>&1 || true
	errors=$(sed -nE 's/.*errors: ([0-9]+).*/\1/p' pan.log)
	states=$(sed -nE 's/^ *([0-9.e+]+) states, stored.*/\1/p' pan.log)
	if grep -q 'max search depth too small\|out of memory' pan.log; then
		errors=incomplete
	fi
	if [[ $expected == 0 && $errors == 0 ]] ||
	   [[ $expected == some && $errors =~ ^[1-9] ]]; then
		echo "ok $name: errors $errors, states $states"
		passed=$((passed + 1))
	else
		echo "not ok $name: errors $errors, wanted $expected; see $work/$name/pan.log"
		failed=$((failed + 1))
	fi
}

verify eoi 0
verify autoeoi 0 -DAUTOEOI
verify eoi-one-word some -DONE_WORD
verify autoeoi-one-word some -DAUTOEOI -DONE_WORD
verify autoeoi-no-recheck some -DAUTOEOI -DNO_RECHECK

echo "$passed passed, $failed failed"
(( !failed ))
