# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# One boot of the machine, watched.  Sourced, after lib.sh.

# Seconds: for all tests of a boot together, without a heartbeat, until the first.
: "${ACCEL:=auto}" "${TIMEOUT:=3000}" "${STALL:=60}" "${BOOT_LIMIT:=120}"
QEMU=qemu-system-x86_64
QEMU_PID=

# KVM only where it can nest; its mere presence says nothing of that.
choose_accel() {
	local nested

	[[ $ACCEL == auto ]] || return 0
	ACCEL=tcg
	for nested in /sys/module/kvm_{intel,amd}/parameters/nested; do
		[[ -r $nested && -w /dev/kvm && $(<"$nested") == [1Y] ]] || continue
		ACCEL=kvm
	done
}

describe_accel() {
	choose_accel
	case $ACCEL in
	kvm) note "the machine runs on KVM, nested" ;;
	tcg) note "the machine is emulated (TCG with SVM): no nested virtualisation here" ;;
	single) note "the machine is emulated (TCG with SVM), one CPU at a time" ;;
	count) note "the machine is emulated (TCG with SVM), and its TSC counts instructions" ;;
	*) die "ACCEL is auto, kvm or tcg, not \"$ACCEL\"" ;;
	esac
}

# Two busy vCPUs under emulated SVM are sound only without nested paging and
# without HLT; Documentation/ has the measurements.  One that counts has one CPU,
# and both; so has one whose CPUs take turns.
accel_options() {
	case $ACCEL in
	kvm) printf '%s\n' -accel kvm -cpu host -smp 2 ;;
	tcg) printf '%s\n' -accel tcg,thread=multi -cpu EPYC,+svm,+npt,check=off -smp 2 ;;
	single) printf '%s\n' -accel tcg,thread=single -cpu EPYC,+svm,+npt,check=off -smp 2 ;;
	count) printf '%s\n' -accel tcg,thread=single -icount shift=0,sleep=off \
		-cpu EPYC,+svm,+npt,check=off -smp 1 ;;
	esac
}

# Nor are a busy host's timers fit to judge the emulated ones by.  An interrupt that
# is lost may be the timer's: a periodic one comes again.
accel_cmdline() {
	case $ACCEL in
	tcg) printf 'idle=poll highres=off nohz=off no_timer_check tsc=reliable hv.emulated=1' ;;
	single) printf 'no_timer_check tsc=reliable' ;;
	esac
}

kill_qemu() {
	[[ -n $QEMU_PID ]] || return 0
	kill "$QEMU_PID" 2>/dev/null || true
	timeout 10 tail --pid="$QEMU_PID" -f /dev/null ||
		kill -KILL "$QEMU_PID" 2>/dev/null || true
}
trap kill_qemu EXIT

# qemu_options DIR CMDLINE SERIAL: into QEMU_OPTIONS.  DIR/bzImage and
# DIR/initramfs are there already.
qemu_options() {
	mapfile -t QEMU_OPTIONS < <(accel_options)
	# shellcheck disable=SC2054 # commas are QEMU's
	QEMU_OPTIONS+=(
		-nodefaults -no-user-config -no-reboot -display none
		-machine q35 -m 3G
		-d cpu_reset -D "$1/reset.log"
		-kernel "$1/bzImage" -initrd "$1/initramfs"
		-append "console=ttyS0 panic=-1 oops=panic $(accel_cmdline) $2"
		-serial "$3"
		-device virtio-serial-pci
		-chardev "file,id=results,path=$1/results"
		-device virtserialport,chardev=results,name=hv.results
		-chardev "file,id=heartbeat,path=$1/heartbeat"
		-device virtserialport,chardev=heartbeat,name=hv.heartbeat
		-virtfs "local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap"
	)
}

start_qemu() {
	: >"$1/results"
	: >"$1/heartbeat"
	open_monitor "$1"
	qemu_options "$1" "$2" "file:$1/console"
	"$QEMU" "${QEMU_OPTIONS[@]}" "${MONITOR_OPTIONS[@]}" >>"$1/qemu.log" 2>&1 </dev/null &
	QEMU_PID=$!
}

# overdue FILE: has the machine stopped, or has it taken too long?  Says which in
# BOOT_END.  Called five times a second, and counts its calls and not the clock:
# on a host that is busy, or was suspended, the machine has had no more time than
# we have.  Counts from the first heartbeat on, for the same reason.
overdue() {
	local size

	size=$(stat -c %s "$1")
	TICKS=$((TICKS + 1))
	SINCE_BEAT=$((SINCE_BEAT + 1))
	if (( size != BEAT_SIZE )); then
		(( BEAT_SIZE )) || TICKS=0
		BEAT_SIZE=$size
		SINCE_BEAT=0
	fi
	if (( SINCE_BEAT > 5 * (BEAT_SIZE ? STALL : BOOT_LIMIT) )); then
		BOOT_END=stopped
	elif (( BEAT_SIZE && TICKS > 5 * TIMEOUT )); then
		BOOT_END=timeout
	fi
	[[ $BOOT_END ]]
}

# No CPU takes an interrupt with interrupts disabled (IF, the 10th bit of EFLAGS).
interrupted_while_disabled() {
	local frames

	frames=$(grep -aA3 -E '\]  asm_(sysvec_[a-z_]+|common_interrupt)\+' "$1" |
		grep -acE 'EFLAGS: [0-9a-f]{5}[014589cd][0-9a-f]{2}' || true)
	(( frames ))
}

# Without a GS base, the first instructions of a fault's handler fault, until the
# stack is full.  That is not for the kernel to prevent, but for who switches worlds,
# KVM or the CPU that is emulated.
went_astray() {
	local fault='RIP: 0010:exc_(page_fault|general_protection)\+' faults

	[[ $ACCEL == tcg ]] || return 1
	[[ ! $ASTRAY ]] || return 0
	faults=$(sed -n '/stack guard page was hit/,$p' "$1" | grep -acE "$fault" || true)
	(( faults >= 10 )) || interrupted_while_disabled "$1"
}

# boot DIR CMDLINE HANDLER: HANDLER is called with each line of the results.
# Sets BOOT_END to
#   ended    QEMU ended by itself with status 0 (and nothing more than that)
#   stopped  the heartbeat ceased, or never came
#   astray   an emulated CPU died of what a CPU does not do, see went_astray()
#   timeout  it took longer than TIMEOUT
#   failed   QEMU failed
boot() {
	local dir=$1 handler=$3 alive=1 line='' part fd status=0

	start_qemu "$dir" "$2"
	exec {fd}<"$dir/results"
	ASTRAY=''
	BOOT_END='' BEAT_SIZE=0 TICKS=0 SINCE_BEAT=0
	while :; do
		kill -0 "$QEMU_PID" 2>/dev/null || alive=0
		while IFS= read -r part <&"$fd" || { line+=$part; false; }; do
			"$handler" "$line$part"
			line=
		done
		(( alive )) || break
		if monitor_says 0.2; then
			on_monitor
		elif [[ ! $BOOT_END ]] && overdue "$dir/heartbeat"; then
			show_cpus
			kill_qemu
		fi
	done
	exec {fd}<&-
	close_monitor
	wait "$QEMU_PID" || status=$?
	QEMU_PID=
	[[ ! $BOOT_END ]] || return 0
	BOOT_END=ended
	! went_astray "$dir/console" || BOOT_END=astray
	if (( status )); then
		BOOT_END=failed
		note "QEMU's exit status is $status:"
		sed 's/^/#   /' "$dir/qemu.log"
	fi
}

# The last two are RCU's way of saying that a CPU hangs.
SPLAT='Kernel panic|BUG:|WARNING:|Oops|KASAN|UBSAN|INFO: task|possible (circular|recursive) locking|inconsistent lock state|suspicious RCU|self-detected stall|detected stalls'

# The console without the data races that the kernel has without us.  A race is
# that of the two functions that access the memory, not of all that called them;
# what is in no module (memcpy(), xarray) works for the module that called it.
# Of KVM, its emulation of Hyper-V counts as ours, for we are inlined there.
without_others_races() {
	awk '
		/BUG: KCSAN:/ { report = $0; inside = 1; ours = access = 0; next }
		!inside { print; next }
		{ report = report "\n" $0; sub(/\r$/, "") }
		/ bytes by (task|interrupt)/ { access = 1; next }
		access && / \[[a-z0-9_]+\]$/ {
			access = 0
			if (/\[kvm_hv_ports\]|[ _](hv|synic|stimer)_/)
				ours = 1
		}
		/==========/ { inside = 0; if (ours) print report }
		END { if (inside) print report }' "$1"
}

# Every splat in a console log, with the test during which it came and its
# first lines.  Silent and true if there is none.
console_clean() {
	local splats

	splats=$(without_others_races "$1" | grep -cE "$SPLAT" || true)
	(( !splats )) || {
		without_others_races "$1" | awk -v splat="$SPLAT" '
			{ sub(/\r$/, "") }
			/machine: test [0-9]+ .*: start$/ { test = $0; sub(/.*machine: test/, "test", test); sub(/: start$/, "", test) }
			/machine: test [0-9]+ .*: (ok|not ok|skip)$/ { test = "after " test }
			$0 ~ splat && !left { printf "# during %s:\n", test ? test : "boot"; left = 30 }
			left { print "#   " $0; left-- }'
		false
	}
}

# A folder for one run's files; a link says which was the last.
new_run() {
	RUN=$(mktemp -d "$WORK/run.XXXXXX")
	ln -sfn "$RUN" "$WORK/last-run"
	# Those of long ago are of no interest any more.
	find "$WORK" -maxdepth 1 -name 'run.*' -mmin +1440 -exec rm -rf {} +
}

# What a boot of these entries takes from the build folder, so that the next
# build may begin.
prepare_boot() {
	cp "$KOUT/arch/x86/boot/bzImage" "$RUN/bzImage"
	make_initramfs "$1" "$RUN/programs"
	add_list "$1" "$RUN/programs" "$RUN/initramfs"
}

# Removes what is large, and all if all went well.
end_run() {
	rm -f "$RUN"/{programs,initramfs,bzImage}
	(( $1 )) || rm -rf "$RUN"
}
