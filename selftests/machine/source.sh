# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's source: unpacked once from the distribution's package, with the
# patches of this repository on it.  Sourced, after lib.sh.
#
# When a patch changes, only the files whose content really changes are
# written, so that the kernel's make rebuilds what must be and no more.  For
# that, two small trees are kept: the touched files as they were before
# (pristine/) and as the patches left them (patched/).

PRISTINE=$KDIR_BASE/pristine
PATCHED=$KDIR_BASE/patched

patch_list() {
	# shellcheck disable=SC2153 # it is assigned in lib.sh
	[[ $PATCHES == 0 || ! -d $TOP/patches/$KVER ]] ||
		find "$TOP/patches/$KVER" -name '*.patch' | sort
}

# The files that the patches named on standard input touch.
touched_files() {
	xargs -r -d '\n' grep -hE '^(---|\+\+\+) [ab]/' |
		sed -E 's,^.{4}[ab]/([^\t]*).*,\1,' | sort -u
}

source_package_version() {
	dpkg-query -W -f '${Version}' "linux-source-$KVER" 2>/dev/null ||
		cksum <"/usr/src/linux-source-$KVER.tar.xz"
}

unpack_source() {
	local tarball=/usr/src/linux-source-$KVER.tar.xz version

	[[ -e $tarball ]] || die "no $tarball"
	version=$(source_package_version)
	if [[ -d $KSRC && $(cat "$KDIR_BASE/source.version" 2>/dev/null) == "$version" ]]
	then
		return
	fi
	note "unpacking $tarball ($version)"
	mkdir -p "$KDIR_BASE"
	rm -rf "$KSRC" "$KSRC.new" "$PRISTINE" "$PATCHED"
	mkdir "$KSRC.new"
	logged unpack tar -xJf "$tarball" -C "$KSRC.new" --strip-components=1
	mv "$KSRC.new" "$KSRC"
	printf '%s\n' "$version" >"$KDIR_BASE/source.version"
}

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
			<"$patch" || die "$patch does not apply to linux-source-$KVER" \
			"$(cat "$KDIR_BASE/source.version")"
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

get_source() {
	[[ -z $KSRC_GIVEN ]] || { [[ -e $KSRC/Kbuild ]] || die "no kernel in $KSRC"; return 0; }
	unpack_source
	apply_patches
}
