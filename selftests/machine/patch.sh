#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Applies the patches to the kernel tree in KSRC: all of them, or none.

. "${BASH_SOURCE[0]%/*}/all.sh"

# The series of which there are patches.
all_series() { find "$TOP/patches" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | xargs; }

series() { find "$FOLDER" -name '*.patch' | sort; }

# fresh_copy FOLDER: what the patches touch, as it is in the tree.
fresh_copy() {
	local file

	rm -rf "$1"
	mkdir -p "$1"
	while read -r file; do
		copy_or_remove "$KSRC" "$1" "$file"
	done < <(series | touched_files)
}

# patch_copy FOLDER PATCH OPTION...
patch_copy() {
	patch -d "$1" -p1 --fuzz=0 --force --no-backup-if-mismatch "${@:3}" <"$2"
}

already_applied() {
	local patch

	fresh_copy "$SCRATCH/before"
	while read -r patch; do
		patch_copy "$SCRATCH/before" "$patch" --reverse --silent >/dev/null || return
	done < <(series | sort -r)
}

apply() {
	local patch file

	fresh_copy "$SCRATCH/after"
	while read -r patch; do
		patch_copy "$SCRATCH/after" "$patch" >"$SCRATCH/log" || {
			say "error: ${patch#"$TOP/"} does not apply to Linux $VERSION:" >&2
			sed 's/^/  /' "$SCRATCH/log" >&2
			find "$SCRATCH/after" -name '*.rej' -exec cat {} + >&2
			die "$KSRC is as it was. A copy of patches/${FOLDER##*/} as" \
				"patches/$VERSION, with these hunks mended, serves this" \
				"version alone; see Documentation/porting.rst"
		}
		note "${patch#"$TOP/"}"
	done < <(series)
	while read -r file; do
		copy_or_remove "$SCRATCH/after" "$KSRC" "$file"
	done < <(series | touched_files)
}

main() {
	command -v patch >/dev/null || need_packages patch
	[[ $KSRC_GIVEN ]] || die "which tree? make patch KSRC=/path/to/linux"
	[[ -e $KSRC/Makefile && -e $KSRC/arch/x86/kvm/hyperv.c ]] ||
		die "there is no source of a kernel in $KSRC"
	VERSION=$(tree_version "$KSRC")
	FOLDER=$(patches_for "$VERSION")
	[[ $FOLDER ]] || die "no patches for Linux $VERSION, but for: $(all_series);" \
		"see Documentation/porting.rst"
	mkdir -p "$BUILD"
	SCRATCH=$(mktemp -d "$BUILD/patch.XXXXXX")
	trap 'rm -rf "$SCRATCH"' EXIT
	if already_applied; then
		say "$KSRC, Linux $VERSION, has the patches of ${FOLDER##*/} already"
	elif [[ -e $KSRC/arch/x86/kvm/hyperv_ports.c ||
		-e $KSRC/arch/x86/include/asm/kvm_hv_ports.h ]]; then
		die "$KSRC has other patches of ours, older ones perhaps; take them off first"
	else
		apply
		say "$KSRC, Linux $VERSION, has the patches of ${FOLDER##*/} now"
	fi
}

main "$@"; exit
