# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the machine needs of the distribution.  Sourced, after fetch.sh.

# shellcheck disable=SC2034 # used by who sources this
{
	PACKAGES_BUILD=(gcc libc6-dev make flex bison bc libelf-dev libssl-dev
		xz-utils patch)
	PACKAGES_QEMU=(qemu-system-x86)
}
[[ $KSRC_GIVEN ]] || ! in_own_archive || PACKAGES_BUILD+=("linux-source-$KVER")

missing_packages() {
	local package

	for package in "$@"; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
			printf '%s\n' "$package"
	done
}

apt_install() { apt-get install -y --no-install-recommends "$@"; }

need_packages() {
	local missing

	mapfile -t missing < <(missing_packages "$@")
	(( ${#missing[@]} )) || return 0
	if (( EUID )); then
		say "Some packages are missing. As root:" >&2
		say "    apt-get install --no-install-recommends ${missing[*]}" >&2
		exit 1
	fi
	note "installing: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	mkdir -p "$LOGS"
	if apt_install "${missing[@]}" >"$LOGS/apt.log" 2>&1 </dev/null; then
		return
	fi
	logged apt-update apt-get update
	logged apt apt_install "${missing[@]}"
}
