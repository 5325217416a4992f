#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs the tests whose names match TESTS with a module that counts what it
# executes, and shows which lines and branches of it no test reached.

. "${BASH_SOURCE[0]%/*}/all.sh"

# Percent of the lines; fewer is a failure.
: "${LINES_WANTED:=90}"
DIR=$WORK/coverage

# What the kernel counted, as the files that gcov wants.
unpack_counts() {
	rm -f "$DIR"/*.gcda
	perl -e 'my $dir = shift; while (<>) {
		/^gcda ([\w.]+) ([0-9a-f]*)$/ or die "not understood\n";
		open my $f, ">", "$dir/$1" or die; binmode $f;
		print $f pack "H*", $2; close $f or die; }' "$DIR" "$WORK/gcda"
}

# A line per file and one for all: lines and branches, and which were missed.
# A branch counts as covered if it was taken.
summary() {
	awk '
		function show(name, l, lt, b, bt) {
			printf "%-22s %5d lines %5.1f %%   %5d branches %5.1f %%\n",
				name, lt, lt ? 100 * l / lt : 100, bt, bt ? 100 * b / bt : 100
		}
		FNR == 1 { file = FILENAME; sub(/.*\//, "", file); sub(/\.gcov$/, "", file); files[++n] = file }
		/^ *[0-9]+\*?: *[0-9]+:/ { lt[file]++; l[file]++ }
		/^ *[#=]+: *[0-9]+:/ { lt[file]++; missed[file] = missed[file] "\n#   " $0 }
		/^ *[^:]+: *[0-9]+:/ { source = $0; sub(/^ *[^:]+:/, "", source) }
		/^branch/ { bt[file]++ }
		/^branch +[0-9]+ taken [1-9]/ { b[file]++ }
		/^branch +[0-9]+ taken 0/ { other[file] = other[file] "\n#   branch " $2 " of" source }
		END {
			for (i = 1; i <= n; i++) {
				f = files[i]
				show(f, l[f], lt[f], b[f], bt[f])
				L += l[f]; LT += lt[f]; B += b[f]; BT += bt[f]
			}
			for (i = 1; i <= n; i++) {
				f = files[i]
				if (missed[f]) print "# lines of " f " that were not executed:" missed[f]
				if (other[f]) print "# branches of " f " that were not taken:" other[f]
			}
			show("all", L, LT, B, BT)
			exit !LT || 100 * L < wanted * LT
		}' wanted="$LINES_WANTED" "$@"
}

main() {
	local status=0 file

	build_machine some_entries
	link_module_sources "$DIR"
	logged coverage make -C "$KOUT" M="$DIR" GCOV_PROFILE=y -j"$JOBS" modules
	with_module "$DIR/kvm_hv_ports.ko" "$RUN/programs"
	add_list "$RUN/entries" "$RUN/programs" "$RUN/initramfs"
	rm -f "$WORK/gcda"
	( run_entries "$RUN/entries"; report ) || status=$?
	unpack_counts
	cd "$DIR"
	rm -f ./*.gcov
	for file in hv_*.gcda; do
		gcov --branch-probabilities --branch-counts --object-directory . \
			"${file%.gcda}.c" >>"$LOGS/gcov.log" 2>&1
	done
	summary ./hv_*.c.gcov || status=1
	if (( status )); then say "0 passed, 1 failed"; else say "1 passed, 0 failed"; fi
	exit "$status"
}

main "$@"; exit
