# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What every script of the machine shares: where things are, how to speak, how
# to fail.  Sourced, never run.
#
# Taken from the environment (the top Makefile exports them):
#   BUILD    build folder            KVER  kernel series, e.g. 6.12
#   FLAVOUR  ordinary, debug, ...: kernel.config plus kernel-<flavour>.config
#   KSRC     a kernel tree of yours, used as it is, never patched or unpacked
#   KOUT     the build folder of that kernel
#   PATCHES  0: leave the kernel as it is, and do without the module
#   JOBS     how many compilers at once

set -Eeuo pipefail
trap 'echo "error: ${BASH_SOURCE[0]##*/}:$LINENO: \"$BASH_COMMAND\" failed" >&2' ERR
export LC_ALL=C

# Variables given to the outer make must not reach the kernel's own.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL KBUILD_OUTPUT GNUMAKEFLAGS DEBUG

MACHINE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$MACHINE/../.." && pwd)
: "${KVER:=6.12}" "${FLAVOUR:=ordinary}" "${V:=0}" "${JOBS:=$(nproc)}"
: "${BUILD:=$TOP/build}"
[[ $BUILD == /* ]] || BUILD=$TOP/$BUILD

# shellcheck disable=SC2034 # used by who sources this
START=$SECONDS
KDIR_BASE=$BUILD/$KVER
# PATCHES=0: the kernel as the distribution has it, to compare with.
if [[ ${PATCHES:=1} == 0 ]]; then
	KDIR_BASE=$KDIR_BASE-unpatched
	export MODULE=0
fi
# shellcheck disable=SC2034
if [[ -n ${KSRC:-} ]]; then
	KSRC=$(realpath "$KSRC")
	KSRC_GIVEN=1
	: "${KOUT:=$KDIR_BASE/$(basename "$KSRC")-$FLAVOUR}"
else
	KSRC=$KDIR_BASE/linux
	KSRC_GIVEN=''
	: "${KOUT:=$KDIR_BASE/$FLAVOUR}"
fi
# Everything of ours that is built for one kernel lives beside that kernel; if
# that is somebody else's, in our own build folder all the same.
WORK=$KOUT.machine
[[ $WORK == "$BUILD"/* ]] || WORK=$KDIR_BASE/$(basename "$KOUT").machine
LOGS=$WORK/logs

say() { printf '%s\n' "$*"; }
note() { printf '# %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Replace $2 by what standard input says, unless that is what it says already.
update_file() {
	local new=$1.new.$$

	cat >"$new"
	if cmp -s "$new" "$1"; then rm "$new"; else mv "$new" "$1"; fi
}

# lock_file VARIABLE FILE: whoever comes second waits.
lock_file() {
	local -n fd=$1

	exec {fd}>"$2"
	flock -n "$fd" && return
	note "waiting for another build: $2"
	flock "$fd"
}

# One builder at a time in a build folder, and in that of a kernel, which can be
# shared by several.
lock_build() {
	mkdir -p "$BUILD" "$WORK" "$LOGS" "$KOUT"
	lock_file BUILD_LOCK "$BUILD/.lock"
	lock_file KERNEL_LOCK "$KOUT/.lock"
}

unlock_build() { exec {BUILD_LOCK}>&- {KERNEL_LOCK}>&-; }

# logged NAME COMMAND...: run it with its output in a log, showing a sign of
# life, and the log's end if it fails.
logged() {
	local name=$1 log=$LOGS/$1.log pid status=0 began=$SECONDS
	local shown=$SECONDS step=15 objects

	shift
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	[[ -t 1 ]] && step=2
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		(( SECONDS - shown >= step )) || continue
		shown=$SECONDS
		objects=$(grep -cE '^ +(CC|AS|AR|LD|HOSTCC)( \[M\])? ' "$log" || true)
		if [[ -t 1 ]]; then
			printf '\r# %s: %d s, %d objects ' "$name" \
				$(( SECONDS - began )) "$objects"
		else
			note "$name: $(( SECONDS - began )) s, $objects objects"
		fi
	done
	wait "$pid" || status=$?
	[[ -t 1 && $shown -gt $began ]] && printf '\r\033[K'
	if (( status )); then
		tail -n 40 "$log" >&2
		die "$name failed (status $status); all of its output: $log"
	fi
	if (( SECONDS - began > 1 )); then
		note "$name: done in $(( SECONDS - began )) s"
	fi
}
