# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# QEMU's monitor (QMP), through two FIFOs.  Sourced, before boot.sh.
#
# QEMU holds a machine that has ended until it is told to quit, so that one can
# ask what its CPUs were doing.

MONITOR_ASK='' MONITOR_ANSWER='' MONITOR_PART='' MONITOR_SAID=''
MONITOR_OPTIONS=() ASTRAY=''

# open_monitor DIR: QEMU is then started with MONITOR_OPTIONS.
open_monitor() {
	rm -f "$1"/monitor.{in,out}
	mkfifo "$1"/monitor.{in,out}
	# Both ways, or each end would wait for the other.
	exec {MONITOR_ASK}<>"$1/monitor.in" {MONITOR_ANSWER}<>"$1/monitor.out"
	MONITOR_PART=''
	# shellcheck disable=SC2034 # used in boot.sh
	MONITOR_OPTIONS=(-no-shutdown -chardev "pipe,id=monitor,path=$1/monitor"
			 -mon "chardev=monitor,mode=control")
	ask_monitor qmp_capabilities
}

close_monitor() { exec {MONITOR_ASK}<&- {MONITOR_ANSWER}<&-; }

# ask_monitor COMMAND [ARGUMENTS]
ask_monitor() {
	local arguments=${2-}

	printf '{"execute": "%s", "arguments": %s}\n' "$1" "${arguments:-"{}"}" >&"$MONITOR_ASK"
}

# monitor_says SECONDS: has it a line, in MONITOR_SAID, before they are over?
monitor_says() {
	local part

	if IFS= read -r -t "$1" -u "$MONITOR_ANSWER" part; then
		MONITOR_SAID=$MONITOR_PART$part MONITOR_PART=''
	else
		MONITOR_PART+=$part
		return 1
	fi
}

# A reset is the end, too: that of a machine that died.
on_monitor() {
	case $MONITOR_SAID in
	*'"SHUTDOWN"'*'"host-'*) ;;
	*'"SHUTDOWN"'*'"guest-shutdown"'*) ask_monitor quit ;;
	*'"SHUTDOWN"'*)
		show_cpus
		ask_monitor quit ;;
	esac
}

# Where the CPUs of a machine are that died or does not go on.  ASTRAY is set if one
# runs the kernel without its GS base.
show_cpus() {
	local cpus

	ask_monitor human-monitor-command '{"command-line": "info registers -a"}'
	while monitor_says 5; do
		[[ $MONITOR_SAID == *'"return": "'*CPU#* ]] || continue
		MONITOR_SAID=${MONITOR_SAID//\\r/}
		cpus=$(print_cpus <<<"${MONITOR_SAID//\\n/$'\n'}")
		printf '%s\n' "$cpus"
		# shellcheck disable=SC2034 # used in boot.sh
		[[ $cpus != *', astray'* ]] || ASTRAY=1
		break
	done
}

print_cpus() {
	awk -v map="$KOUT/System.map" '
		function part(what) {
			return match($0, what) ? substr($0, RSTART, RLENGTH) : ""
		}
		# Digits of one length, but a number to awk: compare them as strings.
		function symbol(rip, line, field, name) {
			while ((getline line <map) > 0) {
				split(line, field)
				if ("x" field[1] > "x" rip)
					break
				name = field[3]
			}
			close(map)
			return name == "_end" ? "a module" : name
		}
		/CPU#/ { cpu = part("CPU#[0-9]+") }
		/RIP=/ { rip = part("RIP=[0-9a-f]+") }
		/RFL=/ { kernel = /CPL=0/ && rip ~ /=ffffffff/; state = part("RFL=[0-9a-f]+") " " part("CPL=[0-9]") " " part("II=[0-9]") " " part("HLT=[0-9]") }
		/^GS =/ {
			printf "# %s: %s%s, %s, GS base %s%s\n", cpu, rip,
			       rip ~ /=ffffffff/ ? " " symbol(substr(rip, 5)) : "", state, $3,
			       kernel && $3 !~ /^ffff8/ ? ", astray" : ""
		}'
}
