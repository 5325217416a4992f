# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The package of a kernel's source that this distribution does not have, but the
# next one's backports do: fetched from the archive that apt is configured with,
# and never installed, through an apt state of our own.  Sourced, after lib.sh.

APT=$BUILD/apt
BACKPORTS=trixie-backports
# What the packages of any Debian can be checked with.
DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# Whether the source of $KVER is for apt to install, in the ordinary way.
in_own_archive() {
	[[ $KVER == 6.1 || $KVER == 6.12 || -e /usr/src/linux-source-$KVER.tar.xz ]]
}

# Where apt has this very release from.
archive_address() {
	local release

	release=$(sed -nE 's/^VERSION_CODENAME=//p' /etc/os-release)
	apt-get update --print-uris |
		sed -nE "s,^'(.*)/dists/($release|stable|oldstable)/(In)?Release'.*,\1,p" |
		head -n1
}

# archive_keyring ADDRESS: what apt checks this archive with, if it was told.
archive_keyring() {
	local file separator

	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
		separator='\n'
		[[ $file != *.sources ]] || separator=
		[[ ! -r $file ]] || awk -v RS="$separator" -v address="$1" '
			index($0, address) && match($0, /[Ss]igned-[Bb]y[:=] *\/[^] \t\n]+/) {
				print substr($0, RSTART + index(substr($0, RSTART), "/") - 1,
					RLENGTH - index(substr($0, RSTART), "/") + 1)
			}' "$file"
	done | head -n1
}

describe_backports() {
	local address keyring

	address=$(archive_address)
	[[ $address ]] || { say "apt has no archive of this release"; return 1; }
	keyring=$({ archive_keyring "$address"; ls "$DEBIAN_KEYRING"; } 2>/dev/null |
		sort -u | paste -sd ,)
	printf 'deb %s%s %s main\n' "${keyring:+[signed-by=$keyring] }" "$address" "$BACKPORTS" |
		update_file "$APT/sources.list"
}

private_apt() {
	local program=$1

	shift
	"$program" -o Dir::Etc::SourceList="$APT/sources.list" -o Dir::Etc::SourceParts=- \
		-o Dir::State::Lists="$APT/lists" -o Dir::State::Status=/dev/null \
		-o Dir::Cache="$APT/cache" "$@"
}

download_backport() {
	mkdir -p "$APT"/{lists,cache/archives}/partial
	describe_backports &&
		private_apt apt-get -o APT::Update::Error-Mode=any update &&
		( cd "$APT" && private_apt apt-get download "linux-source-$KVER" )
}

# The package that was fetched; nothing if none was.
backport() { find "$APT" -maxdepth 1 -name "linux-source-${KVER}_*.deb" 2>/dev/null | head -n1; }

# Without a network, or with an archive that has no such package any more.
no_source() {
	[[ ${MAY_SKIP:-} ]] || die "$*"
	say "KTAP version 1"
	say "1..0 # SKIP $*"
	say "0 passed, 0 failed"
	exit 0
}

fetch_backport() {
	local log=$LOGS/fetch.log

	[[ ! $(backport) ]] || return 0
	note "fetching linux-source-$KVER from $BACKPORTS"
	download_backport >"$log" 2>&1 </dev/null || true
	[[ $(backport) ]] || no_source "linux-source-$KVER cannot be had from the archive" \
		"that apt is configured with: $({ grep "^E: " "$log" || cat "$log"; } |
			head -n1) See $log"
}
