# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's source: unpacked once from the distribution's package, with the
# patches of this repository on it.  Sourced, after fetch.sh.
#
# When a patch changes, only the files whose content really changes are
# written, so that the kernel's make rebuilds what must be and no more.  For
# that, two small trees are kept: the touched files as they were before
# (pristine/) and as the patches left them (patched/).

PRISTINE=$KDIR_BASE/pristine
PATCHED=$KDIR_BASE/patched

# tree_version TREE: of a kernel tree, as in 7.3.4 or 7.3.0-rc4.
tree_version() {
	awk -F ' *= *' '
		$1 ~ /^(VERSION|PATCHLEVEL|SUBLEVEL)$/ { printf "%s%s", dot, $2; dot = "." }
		$1 == "EXTRAVERSION" { print $2; exit }' "$1/Makefile"
}

# patches_for VERSION: the folder whose name is the longest beginning of it, or
# nothing: 7.3 for 7.3.4, unless there is a 7.3.4.
patches_for() {
	local version=${1%%[-+~]*}

	while [[ ! -d $TOP/patches/$version ]]; do
		[[ $version == *.* ]] || return 0
		version=${version%.*}
	done
	printf '%s\n' "$TOP/patches/$version"
}

patch_list() {
	local folder

	# shellcheck disable=SC2153 # it is assigned in lib.sh
	[[ $PATCHES != 0 ]] || return 0
	folder=$(patches_for "$(tree_version "$KSRC")")
	[[ -z $folder ]] || find "$folder" -name '*.patch' | sort
}

# The files that the patches named on standard input touch.
touched_files() {
	xargs -r -d '\n' grep -hE '^(---|\+\+\+) [ab]/' |
		sed -E 's,^.{4}[ab]/([^\t]*).*,\1,' | sort -u
}

# source_version and source_tarball: of the package, wherever it is.
source_version() {
	if in_own_archive; then
		dpkg-query -W -f '${Version}' "linux-source-$KVER" 2>/dev/null ||
			cksum <"/usr/src/linux-source-$KVER.tar.xz"
	else
		dpkg-deb -f "$(backport)" Version
	fi
}

source_tarball() {
	local file=/usr/src/linux-source-$KVER.tar.xz

	if in_own_archive; then
		cat "$file"
	else
		dpkg-deb --fsys-tarfile "$(backport)" | tar -xO ".$file"
	fi
}

unpack_source() {
	local version

	in_own_archive || fetch_backport
	version=$(source_version)
	if [[ -d $KSRC && $(cat "$KDIR_BASE/source.version" 2>/dev/null) == "$version" ]]
	then
		return
	fi
	note "unpacking linux-source-$KVER ($version)"
	mkdir -p "$KDIR_BASE"
	rm -rf "$KSRC" "$KSRC.new" "$PRISTINE" "$PATCHED"
	mkdir "$KSRC.new"
	logged unpack extract_source "$KSRC.new"
	mv "$KSRC.new" "$KSRC"
	printf '%s\n' "$version" >"$KDIR_BASE/source.version"
}

extract_source() { source_tarball | tar -xJ -C "$1" --strip-components=1; }

# copy_or_remove FROM TO FILE: make TO/FILE what FROM/FILE is, absent included,
# and leave it alone if it is that already.
copy_or_remove() {
	if [[ -e $1/$3 ]]; then
		cmp -s "$1/$3" "$2/$3" && return
		mkdir -p "$(dirname "$2/$3")"
		cp "$1/$3" "$2/$3"
	else
		rm -f "$2/$3"
	fi
}

refuse_hand_edits() {
	local file

	while read -r file; do
		cmp -s "$PATCHED/$file" "$KSRC/$file" && continue
		[[ -e $PATCHED/$file || -e $KSRC/$file ]] || continue
		die "$KSRC/$file was edited by hand, and the patches have changed:" \
			"put the edit into the patches or remove it, then remove $KSRC" \
			"or give the tree as KSRC="
	done <"$KDIR_BASE/patched.files"
}

does_not_apply() {
	local version

	version=$(tree_version "$KSRC")
	find "$KDIR_BASE/scratch" -name '*.rej' -exec cat {} + >&2
	die "${1#"$TOP/"} does not apply to Linux $version: those are the hunks." \
		"A copy of ${1%/*} as $TOP/patches/${version%%[-+~]*}, with these mended," \
		"serves this version alone; see Documentation/porting.rst"
}

apply_patches() {
	local file patch want scratch=$KDIR_BASE/scratch

	want=$(patch_list | xargs -r -d '\n' cat | sha256sum)
	[[ $(cat "$KDIR_BASE/patched.hash" 2>/dev/null) != "$want" ]] || return 0
	touch "$KDIR_BASE/patched.files"
	refuse_hand_edits

	rm -rf "$scratch"
	mkdir -p "$scratch" "$PRISTINE" "$PATCHED"
	while read -r file; do
		if ! grep -qxF "$file" "$KDIR_BASE/patched.files"; then
			copy_or_remove "$KSRC" "$PRISTINE" "$file"
		fi
		copy_or_remove "$PRISTINE" "$scratch" "$file"
	done < <(patch_list | touched_files)
	while read -r patch; do
		note "patch ${patch##*/}"
		patch -d "$scratch" -p1 --fuzz=0 --force --silent --no-backup-if-mismatch \
			<"$patch" || does_not_apply "$patch"
	done < <(patch_list)

	sort -u "$KDIR_BASE/patched.files" - < <(patch_list | touched_files) |
		while read -r file; do
			if patch_list | touched_files | grep -qxF "$file"; then
				copy_or_remove "$scratch" "$KSRC" "$file"
				copy_or_remove "$scratch" "$PATCHED" "$file"
			else
				copy_or_remove "$PRISTINE" "$KSRC" "$file"
				rm -f "$PATCHED/$file" "$PRISTINE/$file"
			fi
		done
	patch_list | touched_files | update_file "$KDIR_BASE/patched.files"
	printf '%s\n' "$want" >"$KDIR_BASE/patched.hash"
	rm -rf "$scratch"
}

# A tree of the user's is used as it is.
check_given_source() {
	local folder

	[[ -e $KSRC/Kbuild ]] || die "no kernel in $KSRC"
	[[ $PATCHES != 0 && ${MODULE:-1} != 0 ]] || return 0
	[[ ! -e $KSRC/arch/x86/kvm/hyperv_ports.c ]] || return 0
	folder=$(patches_for "$(tree_version "$KSRC")")
	die "the kernel in $KSRC lacks the patches:" \
		"${folder:-none are for its series, see Documentation/porting.rst}"
}

get_source() {
	if [[ $KSRC_GIVEN ]]; then
		check_given_source
	else
		unpack_source
		apply_patches
	fi
}
