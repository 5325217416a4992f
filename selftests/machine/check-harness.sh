#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The test machine tests itself: mishaps are provoked in it, real ones, and each
# must be reported as what it is.  A harness that says "ok" to everything would
# pass every test but these.

. "${BASH_SOURCE[0]%/*}/all.sh"

PASSED=0 FAILED=0

# scenario NAME MISHAP[:TIMEOUT[:PORTS]]...: runs one test per mishap; what the
# harness said is in $SAID, its exit status in $STATUS.  With AGAIN, they are of the
# kind that is run again.
scenario() {
	local name=$1 mishap timeout ports number=0

	shift
	new_run
	while IFS=: read -r mishap timeout ports; do
		number=$((number + 1))
		print_entry "$number" "$mishap" "${ports:-none}" "${timeout:-60}" \
			/init ${AGAIN:+again /init} provoke "$mishap"
	done < <(printf '%s\n' "$@") >"$RUN/entries"
	prepare_boot "$RUN/entries"
	SAID=$WORK/said.$name
	STATUS=0
	SCENARIO=$name
	( run_entries "$RUN/entries"; report ) >"$SAID" 2>&1 || STATUS=$?
	rm -rf "$RUN"
	[[ $V == 0 ]] || sed 's/^/# /' "$SAID"
}

verdict() {
	if (( $1 )); then
		PASSED=$((PASSED + 1))
		say "ok $((PASSED + FAILED)) $SCENARIO: $2"
	else
		FAILED=$((FAILED + 1))
		tail -n 60 "$SAID" | sed 's/^/# /'
		say "not ok $((PASSED + FAILED)) $SCENARIO: $2"
	fi
}

# says WHAT REGEX; not_says WHAT REGEX; ends LAST-LINE STATUS
says() { verdict "$(grep -cE -- "$2" "$SAID" || true)" "$1"; }
not_says() { verdict "$(( ! $(grep -cE -- "$2" "$SAID" || true) ))" "$1"; }
ends() {
	verdict "$(( STATUS == $2 ))" "exit status $2"
	if [[ $(tail -n 1 "$SAID") == "$1" ]]; then
		verdict 1 "last line: $1"
	else
		verdict 0 "last line: $1"
	fi
}

test_outcomes() {
	scenario outcomes pass fail skip signal hang:3 flood:3 pass
	says "a test that passes" '^ok 1 pass # [0-9.]+ s$'
	says "a test that fails" '^not ok 2 fail # exit=1 after'
	says "what a failed test said" '^# to provoke: fail$'
	not_says "what a passed test said is not shown" '^# to provoke: pass$'
	says "a test that is skipped" '^ok 3 skip # SKIP$'
	says "a test that a signal ends" '^not ok 4 signal # signal 6 after'
	says "a test that hangs" '^not ok 5 hang # TIMEOUT after [34]\.'
	says "where it hangs" '^# +.*pause'
	says "a test that talks without end" '^not ok 6 flood # TIMEOUT after'
	says "the output is bounded" '^# \([0-9]+ lines more in '
	verdict "$(( $(wc -l <"$SAID") < 300 ))" "and so is what is shown of it"
	says "the test after" '^ok 7 pass '
	says "a clean console" '^ok 8 console$'
	says "a machine that ended well" '^ok 9 machine$'
	says "how many were skipped" '^# 1 skipped$'
	ends "4 passed, 4 failed" 1
}

test_success() {
	scenario success pass pass
	says "plan" '^1\.\.4$'
	ends "4 passed, 0 failed" 0
}

test_again() {
	AGAIN=1 scenario again fail-twice fail skip
	says "a test that fails twice" '^ok 1 fail-twice # [0-9.]+ s$'
	says "a test that fails three times" '^not ok 2 fail # exit=1 after'
	says "how often it was run" '^# # failed 2 times, and is run again$'
	says "a test that is skipped" '^ok 3 skip # SKIP$'
}

test_only_skips() {
	scenario only-skips skip
	says "how many were skipped" '^# 1 skipped$'
	ends "2 passed, 0 failed" 1
}

test_warning() {
	scenario warning pass warning pass
	says "the test itself passes" '^ok 2 warning '
	says "the kernel's warning fails the run" '^not ok 4 console '
	says "whose it is" '^# during test 2 warning:$'
	says "its text" '^#  .*WARNING: CPU'
	ends "4 passed, 1 failed" 1
}

test_panic() {
	scenario panic pass panic pass
	says "the test that the machine died under" '^not ok 2 panic # the machine died$'
	says "the test after it, in a new boot" '^ok 3 pass '
	says "where its CPUs were" '^# CPU#0: RIP=ffffffff[0-9a-f]{8} [A-Za-z_]+.*, RFL=[0-9a-f]{8} CPL=0 II=[01] HLT=[01], GS base ffff'
	says "the panic" '^#  .*Kernel panic'
	says "the console" '^not ok 4 console '
	says "the missing end" '^# no end marker: the machine ended during test 2 panic'
	says "the machine" '^not ok 5 machine '
	not_says "a panic is no reason to repeat a test" 'run again'
	ends "2 passed, 3 failed" 1
}

test_quiet_end() {
	scenario quiet-end pass end pass
	says "a power-off before the end" '^not ok 5 machine '
	says "its test" '^not ok 2 end # the machine died$'
	ends "3 passed, 2 failed" 1
}

test_stop_once() {
	STALL=12 scenario stop-once pass stop-once pass
	says "said loudly" '^# \*\*\* THE MACHINE STOPPED in boot 1: .* test 2 stop-once'
	says "where its CPUs were" '^# CPU#1: RIP=ffffffff[0-9a-f]{8} [A-Za-z_]+.*, RFL=[0-9a-f]{8} CPL=0 II=[01] HLT=[01], GS base ffff'
	says "how many are repeated" '^# \*\*\* the 2 tests not finished are run again'
	says "a second boot finishes them" '^ok 2 stop-once '
	verdict "$(( $(grep -c '^ok 1 pass' "$SAID") == 1 ))" "what was finished is not repeated"
	ends "5 passed, 0 failed" 0
}

test_stop_twice() {
	STALL=12 scenario stop-twice pass stop-twice pass
	says "again in two boots" '^# \*\*\* THE MACHINE STOPPED in boot 2: .* test 2 stop-twice'
	[[ $ACCEL != tcg ]] ||
		says "then alone" '^# \*\*\* 2 stop-twice is run again alone, one CPU at a time'
	says "and it finishes" '^ok 2 stop-twice '
	says "as does the rest" '^ok 3 pass '
	ends "5 passed, 0 failed" 0
}

test_stop_always() {
	STALL=12 scenario stop-always pass hardlockup pass
	says "given up after three boots" '^# the machine stopped in 3 boots$'
	says "test without result" '^not ok 2 hardlockup # no result$'
	says "the machine" '^not ok 5 machine '
	ends "2 passed, 3 failed" 1
}

test_astray_once() {
	[[ $ACCEL == tcg ]] || return 0
	scenario astray-once pass astray-once pass
	says "said loudly" '^# \*\*\* A CPU WENT ASTRAY in boot 1: .* test 2 astray-once'
	says "where" '^#   RIP: 0010:exc_page_fault'
	says "a second boot finishes" '^ok 2 astray-once '
	verdict "$(( $(grep -c '^ok 1 pass' "$SAID") == 1 ))" "what was finished is not repeated"
	ends "5 passed, 0 failed" 0
}

# What such a machine said last, shortened; the other is of a CPU that may be interrupted.
test_interrupted() {
	local flags disabled

	SCENARIO=interrupted
	SAID=$WORK/said.interrupted
	for flags in 00000087 00000287; do
		cat >"$SAID" <<-END
			[   20.538375]  </IRQ>
			[   20.538384]  <TASK>
			[   20.538387]  asm_sysvec_call_function_single+0x16/0x20
			[   20.538399] RIP: 0010:assert_clock_updated.isra.0+0x0/0x24
			[   20.538410] Code: e9 4d c0 ff ff c3 48 2b 7e 50 83 c8 ff 49 89 fb
			[   20.538414] RSP: 0018:ffffffff81a03db0 EFLAGS: $flags
		END
		disabled=0
		! interrupted_while_disabled "$SAID" || disabled=1
		verdict "$(( disabled == !(16#$flags & 0x200) ))" "flags $flags"
	done
}

test_astray_always() {
	[[ $ACCEL == tcg ]] || return 0
	scenario astray-always warning astray pass
	says "then alone" '^# \*\*\* 2 astray is run again alone, one CPU at a time'
	says "where it is no excuse" '^not ok 2 astray # the machine died$'
	says "the test after it" '^ok 3 pass '
	says "a warning before it" '^# during test 1 warning:$'
	ends "2 passed, 3 failed" 1
}

test_module_held() {
	have_module || return 0
	scenario module-held pass::ports pin::ports pass::ports pass
	says "a module that loads and unloads" '^ok 1 pass '
	says "a module that does not unload" '^not ok 2 pin # unload: '
	says "why the others get a new boot" '^# the module is still loaded'
	says "with the module" '^ok 3 pass '
	says "without it" '^ok 4 pass '
	ends "4 passed, 2 failed" 1
}

test_too_long() {
	TIMEOUT=20 scenario too-long pass hang:1000
	says "the whole takes too long" '^# the end of the machine: timeout$'
	says "the machine" '^not ok 4 machine '
	ends "2 passed, 2 failed" 1
}

# stages NAME SCRIPT: check-all.sh, where each stage does this.
stages() {
	local dir=$WORK/stages

	SCENARIO=$1 SAID=$WORK/said.$1 STATUS=0
	rm -rf "$dir"
	mkdir "$dir"
	ln -s "$MACHINE"/{lib,check-all}.sh "$dir"
	printf '#!/bin/bash\n%s\n' "$2" | tee "$dir/check.sh" >"$dir/check-install.sh"
	chmod +x "$dir"/check{,-install}.sh
	STAGES='*' "$dir/check-all.sh" >"$SAID" 2>&1 || STATUS=$?
	[[ $V == 0 ]] || sed 's/^/# /' "$SAID"
}

test_stages() {
	# As make does it, which exports what is not set; lib.sh then sets it.
	# shellcheck disable=SC2016 # the stage expands it
	KSRC='' KOUT='' stages stages-pass \
		'echo "$(( ${#KSRC} + ${#KOUT} ? 0 : 3 )) passed, 0 failed"'
	says "what each comes to" '^# debug: 3 passed, 0 failed in [0-9]+ s of [0-9]+$'
	ends "15 passed, 0 failed" 0
	# shellcheck disable=SC2016 # the stage expands it
	stages stages-skip '[ $KVER = 7.3 ] && echo "0 passed, 0 failed" || echo "3 passed, 0 failed"'
	ends "12 passed, 0 failed" 0
	stages stages-fail 'echo "2 passed, 1 failed"; exit 1'
	verdict "$(( $(grep -cE '^[0-9]+ passed' "$SAID") == 1 ))" "one count line"
	ends "10 passed, 5 failed" 1
	stages stages-silent 'echo "error: no kernel"; exit 1'
	says "what went wrong" '^error: no kernel$'
	ends "0 passed, 5 failed" 1
	stages stages-odd 'echo "3 passed, 0 failed"; exit 1'
	ends "15 passed, 5 failed" 1
	LIMIT=3 stages stages-late 'sleep 1000'
	says "cut off in time" '^# ordinary: cut off after 3 s$'
	says "and nothing begun after it" '^# install: there is no time left$'
	ends "0 passed, 5 failed" 1
}

# race WHO [WHO]: the report of a race, for the console
race() {
	local frame

	printf '[  1.0] %s\r\n' "$(printf '=%.0s' {1..66})" 'BUG: KCSAN: data-race in a / b' ''
	for frame in "$1" "${2:-kvm_vcpu_kick+0x1/0x2 [kvm]}"; do
		printf '[  1.0] %s\r\n' 'write (marked) to 0xffff888101ffd508 of 4 bytes by task 3 on cpu 0:' \
			' memcpy+0x1/0x2' " $frame" ' hv_hcall+0x1/0x2 [kvm_hv_ports]' \
			' ksys_ioctl+0x1/0x2' ''
	done
	printf '[  1.0] %s\r\n' 'value changed: 0x1 -> 0x2' "$(printf '=%.0s' {1..66})"
}

# console WHAT STATUS: 0 if it is clean, else 1
console() {
	local status=0

	SAID=$WORK/said.races
	console_clean "$WORK/races.console" >"$SAID" || status=1
	verdict "$(( status == $2 ))" "$1"
}

test_races() {
	local others='kvm_vcpu_kick+0x1/0x2 [kvm]'

	SCENARIO=races
	race "$others" >"$WORK/races.console"
	console "one that others have below us is not ours" 0
	race 'hv_msg_post+0x1/0x2 [kvm_hv_ports]' >"$WORK/races.console"
	console "one that is ours" 1
	race "$others" 'hv_msg_post+0x1/0x2 [kvm_hv_ports]' >"$WORK/races.console"
	console "the second access is ours" 1
	race "$others" 'synic_set_msr+0x1/0x2 [kvm]' >"$WORK/races.console"
	console "in KVM's emulation of Hyper-V" 1
	{
		race "$others"
		printf '[  2.0] WARNING: something else\r\n'
	} >"$WORK/races.console"
	console "a warning after one that is not ours" 1
	rm "$WORK/races.console"
}

main() {
	need_packages "${PACKAGES_BUILD[@]}" "${PACKAGES_QEMU[@]}"
	describe_accel
	lock_build
	get_source
	build_kernel
	build_module "$KOUT" "$WORK/module"
	build_init
	unlock_build
	for one in outcomes again success only_skips warning panic quiet_end stop_once stop_twice \
		   stop_always astray_once astray_always interrupted module_held too_long races stages; do
		# shellcheck disable=SC2053 # a glob is what is meant
		[[ $one == ${TESTS:-*} ]] || continue
		"test_$one"
	done
	note "$(( SECONDS - START )) s in all"
	say "$PASSED passed, $FAILED failed"
	exit "$(( FAILED || !PASSED ))"
}

main "$@"; exit
