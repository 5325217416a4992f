#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does lint find anything?  Plants the faults of lint-faults.list, one at a
# time, in a copy of the sources, and has the check run that is to find it.
#
# CHECKS=GLOB: only for the checks whose names match.

. "${BASH_SOURCE[0]%/*}/all.sh"
. "$MACHINE/lint-checks.sh"

FOUND=0 PLANTED=0
mapfile -t SERIES < <(series)

# Not each of the kernel's scripts need be tried.
cocci_scripts() { printf 'COCCI=%s\n' "$KSRC/scripts/coccinelle/free/ifnullfree.cocci"; }

# try CHECK NAME FINDING
try() {
	local said=$LINT/said

	PLANTED=$((PLANTED + 1))
	if ! run_check "$1" >"$said" && grep -qE -- "$3" "$said"; then
		FOUND=$((FOUND + 1))
		say "ok $PLANTED $1: $2"
		[[ $V == 0 ]] || sed 's/^/# /' "$said"
	else
		sed 's/^/# /' "$said"
		say "not ok $PLANTED $1: $2"
	fi
}

# fault CHECK NAME FILE EXPRESSION FINDING: the check's findings must match
# FINDING after sed did EXPRESSION to FILE.
fault() {
	# shellcheck disable=SC2053 # a glob is what is meant
	[[ $1 == ${CHECKS:-*} ]] || return 0
	sync_tree
	sed -i "$4" "$TREE/$3"
	! cmp -s "$TOP/$3" "$TREE/$3" || die "fault \"$2\" changes nothing in $3"
	# A check that goes from file to file need not go far.
	case $1 in
	checkpatch*|shellcheck|docutils|kernel-doc|versions)
		printf '%s\n' "$3" >"$LINT/sources" ;;
	esac
	try "$1" "$2" "$5"
}

# kvm_fault CHECK NAME TEXT FINDING: the kernel's tree is not ours to change.
kvm_fault() {
	# shellcheck disable=SC2053 # a glob is what is meant
	[[ $1 == ${CHECKS:-*} ]] || return 0
	printf '#include <linux/types.h>\n%s\n' "$3" >"$LINT/fault.h"
	WARN_KVM=(W=1 KCFLAGS="-Werror -include $LINT/fault.h")
	try "$1" "$2" "$4"
}

main() {
	local name

	prepare_lint
	. "$MACHINE/lint-faults.list"
	for name in "${ALL_CHECKS[@]}"; do
		grep -qE "^(kvm_)?fault $name " "$MACHINE/lint-faults.list" ||
			say "# no fault for the check $name"
	done
	note "$(( SECONDS - START )) s in all"
	say "$FOUND passed, $((PLANTED - FOUND)) failed"
	exit "$(( FOUND != PLANTED || !PLANTED ))"
}

main "$@"; exit
