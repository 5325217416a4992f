#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What can be found by looking at the sources: one line per check, its findings
# below it, and "N passed, N failed".  The checkers are the kernel tree's own
# where it has one.
#
# CHECKS=GLOB: only those whose names match.

. "${BASH_SOURCE[0]%/*}/all.sh"
. "$MACHINE/lint-checks.sh"

main() {
	local name

	prepare_lint
	sync_tree
	for name in "${ALL_CHECKS[@]}"; do
		# shellcheck disable=SC2053 # a glob is what is meant
		[[ $name == ${CHECKS:-*} ]] || continue
		run_check "$name" || true
	done
	note "$(( SECONDS - START )) s in all"
	say "$PASSED passed, $FAILED failed"
	exit "$(( FAILED || !PASSED ))"
}

main "$@"; exit
