#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Are the tests any good?  Plants the faults of mutants.list, one at a time, and
# runs the tests that are to notice.  First the same tests without a fault: one
# that fails anyway has noticed nothing.  Ends with "caught/total".
#
# MUTANTS=GLOB: only those whose names match.

. "${BASH_SOURCE[0]%/*}/all.sh"

# A machine that stops, not being told from one that a fault has stopped, gets a
# second chance.
REBOOTS=1
CAUGHT=0 PLANTED=0
NAMES=()
declare -A FILE_OF TESTS_OF SED_OF

mutant() {
	# shellcheck disable=SC2053 # a glob is what is meant
	[[ $1 == ${MUTANTS:-*} ]] || return 0
	[[ ! ${FILE_OF[$1]:-} ]] || die "two mutants are called $1"
	NAMES+=("$1")
	FILE_OF[$1]=$2
	TESTS_OF[$1]=$3
	SED_OF[$1]=$4
}

# Each test that some mutant needs, once.
needed_entries() {
	local name tests

	for name in "${NAMES[@]}"; do
		TESTS=${TESTS_OF[$name]}
		tests=$(select_entries)
		[[ $tests ]] || die "mutant $name: no test's name matches \"$TESTS\""
		cut -f2- <<<"$tests"
	done | sort -u | nl -w1
}

# plant NAME: a module with the fault, in $WORK/mutant.
plant() {
	local dir=$WORK/mutant file=${FILE_OF[$1]} changed

	rm -rf "$dir"
	mkdir "$dir"
	cp -r "$TOP"/Kbuild "$TOP"/*.[ch] "$TOP/include" "$dir"
	sed "${SED_OF[$1]}" "$TOP/$file" >"$dir/$file"
	changed=$(diff "$TOP/$file" "$dir/$file" | grep -c '^<' || true)
	(( changed == 1 )) || die "mutant $1 changes $changed lines of $file, not one"
	logged mutant make -C "$KOUT" M="$dir" -j"$JOBS" modules
}

# trial NAME ENTRIES [MODULE]: run them; what was said is in $WORK/mutants/NAME.
trial() {
	new_run
	cp "$2" "$RUN/entries"
	cp "$KOUT/arch/x86/boot/bzImage" "$RUN/bzImage"
	cp "$WORK/mutants/programs" "$RUN/programs"
	[[ -z ${3:-} ]] || with_module "$3" "$RUN/programs"
	add_list "$2" "$RUN/programs" "$RUN/initramfs"
	( run_entries "$RUN/entries"; report ) >"$WORK/mutants/$1" 2>&1
}

# What gave the fault away, in a word each.
witnesses() {
	sed -nE 's/^not ok [0-9]+ ([^ ]+).*/\1/p' "$WORK/mutants/$1" | xargs
}

try_mutant() {
	local name=$1 entries=$WORK/mutants/entries began=$SECONDS

	TESTS=${TESTS_OF[$name]}
	select_entries >"$entries"
	plant "$name"
	PLANTED=$((PLANTED + 1))
	if trial "$name" "$entries" "$WORK/mutant/kvm_hv_ports.ko"; then
		say "not ok $((PLANTED + 1)) $name # nobody noticed"
	else
		CAUGHT=$((CAUGHT + 1))
		say "ok $((PLANTED + 1)) $name # by $(witnesses "$name")," \
			"$(( SECONDS - began )) s"
	fi
}

main() {
	local name

	. "$MACHINE/mutants.list"
	(( ${#NAMES[@]} )) || die "no mutant's name matches \"$MUTANTS\""
	build_machine needed_entries
	mkdir -p "$WORK/mutants"
	cp "$RUN/programs" "$WORK/mutants/programs"
	cp "$RUN/entries" "$WORK/mutants/all"

	say "KTAP version 1"
	say "1..$(( ${#NAMES[@]} + 1 ))"
	if ! trial no-fault "$WORK/mutants/all"; then
		cat "$WORK/mutants/no-fault"
		die "tests fail without a fault"
	fi
	say "ok 1 no-fault # $(( $(wc -l <"$WORK/mutants/all") )) tests pass without one"
	for name in "${NAMES[@]}"; do
		try_mutant "$name"
	done
	note "$(( SECONDS - START )) s in all"
	say "$CAUGHT/$PLANTED"
	exit "$(( CAUGHT != PLANTED ))"
}

main "$@"; exit
