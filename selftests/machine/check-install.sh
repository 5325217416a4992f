#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The verbs that put something where it is used: make patch, modules_install,
# install and dkms, for the kernel of the machine, into folders of our own.  And a
# series whose source is not to be had.

. "${BASH_SOURCE[0]%/*}/all.sh"

PASSED=0 FAILED=0
SCRATCH=$WORK/install
SAID=$SCRATCH/said

verdict() {
	if (( $1 )); then
		PASSED=$((PASSED + 1))
		say "ok $((PASSED + FAILED)) $2"
	else
		FAILED=$((FAILED + 1))
		tail -n 30 "$SAID" | sed 's/^/# /'
		say "not ok $((PASSED + FAILED)) $2"
	fi
}

# run VERB VARIABLE=VALUE...: what it said is in $SAID, its exit status in $STATUS.
run() {
	STATUS=0
	env -u KSRC -u KOUT -u KDIR make -C "${CHECKOUT:-$TOP}" BUILD="$BUILD" "$@" \
		>"$SAID" 2>&1 || STATUS=$?
	[[ $V == 0 ]] || sed 's/^/# /' "$SAID"
}

works() { verdict "$(( !STATUS ))" "$1"; }
# refuses WHAT REGEX: and says so
refuses() { verdict "$(( STATUS && $(grep -cE -- "$2" "$SAID" || true) ))" "$1"; }
says() { verdict "$(grep -cE -- "$2" "$SAID" || true)" "$1"; }

# is_there FILE...
is_there() {
	local file absent=0

	for file; do
		[[ -s $file ]] || { echo "there is no $file" >>"$SAID"; absent=1; }
	done
	verdict "$(( !absent ))" "${file##*/} is there"
}

# new_tree SUBLEVEL: as much of a kernel's source, without patches, as make patch
# looks at.
new_tree() {
	local file

	TREE=$SCRATCH/linux
	rm -rf "$TREE"
	mkdir "$TREE"
	cp "$KSRC/Kbuild" "$TREE"
	sed "s/^SUBLEVEL = .*/SUBLEVEL = $1/" "$KSRC/Makefile" >"$TREE/Makefile"
	while read -r file; do
		copy_or_remove "$PRISTINE" "$TREE" "$file"
	done <"$KDIR_BASE/patched.files"
}

sums() { (cd "$TREE" && find . -type f -exec sha256sum {} + | sort); }
is_as_before() { verdict "$([[ $(sums) == "$1" ]] && echo 1 || echo 0)" "$2"; }

is_patched() {
	local file wrong=0

	while read -r file; do
		cmp "$PATCHED/$file" "$TREE/$file" >>"$SAID" 2>&1 || wrong=1
	done < <(patch_list | touched_files)
	verdict "$(( !wrong ))" "$1"
}

test_patch() {
	local before sublevel

	sublevel=$(sed -n 's/^SUBLEVEL = //p' "$KSRC/Makefile")
	new_tree "$sublevel"
	run kernel KSRC="$TREE"
	refuses "a tree without the patches is not used" 'lacks the patches: .*/patches/'

	run patch KSRC="$TREE"
	works "make patch"
	is_patched "... the same as here"
	before=$(sums)
	run patch KSRC="$TREE"
	works "make patch, once more"
	says "... says that nothing was to be done" 'already$'
	is_as_before "$before" "... and does nothing"

	new_tree 999
	run patch KSRC="$TREE"
	works "make patch for another point release"
	is_patched "... the same"

	new_tree "$sublevel"
	sed -i 's/kvm_hv_hypercall/&_of_another_kernel/' "$TREE/arch/x86/kvm/hyperv.c"
	before=$(sums)
	run patch KSRC="$TREE"
	refuses "a patch that does not fit" 'does not apply to Linux .*:$'
	says "... shows the hunk" '^\+.*hv_port'
	says "... says what to do" 'porting\.rst'
	is_as_before "$before" "... and leaves the tree alone"

	new_tree "$sublevel"
	sed -i 's/^VERSION = .*/VERSION = 4/' "$TREE/Makefile"
	before=$(sums)
	run patch KSRC="$TREE"
	refuses "a series that there are no patches for" 'no patches for Linux 4\..*6\.12'
	is_as_before "$before" "... and leaves the tree alone"
}

# A checkout that has patches for a point release, too
test_prefix() {
	local series file

	series=$(kernel_series)
	CHECKOUT=$SCRATCH/checkout
	mkdir "$CHECKOUT"
	for file in "$TOP"/*; do
		[[ ${file##*/} == patches || $file == "$BUILD" ]] || ln -s "$file" "$CHECKOUT"
	done
	cp -r "$TOP/patches" "$CHECKOUT"
	cp -r "$TOP/patches/$series" "$CHECKOUT/patches/$series.999"
	new_tree 998
	run patch KSRC="$TREE"
	says "the patches of the series" "has the patches of $series now"
	new_tree 999
	run patch KSRC="$TREE"
	says "rather those of the point release" "has the patches of $series.999 now"
	CHECKOUT=''
}

test_modules_install() {
	local root=$SCRATCH/root release

	release=$(kernel_release "$KOUT")
	run modules_install KDIR="$KOUT" INSTALL_MOD_PATH="$root"
	works "make modules_install"
	is_there "$root/lib/modules/$release"/*/kvm_hv_ports.ko
	verdict "$(modinfo -F vermagic "$root/lib/modules/$release"/*/kvm_hv_ports.ko |
		grep -cF "$release " || true)" "... for that kernel"

	mkdir "$SCRATCH/unpatched"
	run modules_install KDIR="$SCRATCH/unpatched" INSTALL_MOD_PATH="$root"
	refuses "a folder without a kernel" 'no kernel was built in'
	grep -v kvm_hv_ports "$KOUT/Module.symvers" >"$SCRATCH/unpatched/Module.symvers"
	run modules_install KDIR="$SCRATCH/unpatched" INSTALL_MOD_PATH="$root"
	refuses "a kernel without the patches" 'cannot have kvm_hv_ports'
}

test_install() {
	local dest=$SCRATCH/dest

	run install KDIR="$KOUT" DESTDIR="$dest" PREFIX=/usr
	works "make install"
	is_there "$dest/lib/modules/$(kernel_release "$KOUT")"/*/kvm_hv_ports.ko
	is_there "$dest/usr/share/man/man8/hvports.8"
	is_there "$dest/usr/share/bash-completion/completions/hvports"
	is_there "$dest/usr/sbin/hvports"
	verdict "$("$dest/usr/sbin/hvports" --help | grep -c '^hvports info' || true)" \
		"... and can be run"
	is_there "$dest/usr/include/linux/hv_ports.h"
	verdict "$(echo '#include <linux/hv_ports.h>' |
		gcc -fsyntax-only -isystem "$dest/usr/include" -x c - >>"$SAID" 2>&1 &&
		echo 1 || echo 0)" "... and can be included"
}

# dkms_build KERNEL: as DKMS reads dkms.conf
dkms_build() {
	STATUS=0
	(
		kernel_source_dir=$1
		dkms_tree=$SCRATCH/dkms
		. "$2/dkms.conf"
		build=$dkms_tree/$PACKAGE_NAME/$PACKAGE_VERSION/build
		rm -rf "$build"
		mkdir -p "$(dirname "$build")"
		cp -r "$2" "$build"
		cd "$build"
		eval "${MAKE[0]}"
		[[ -e ${BUILT_MODULE_NAME[0]}.ko ]]
	) >"$SAID" 2>&1 || STATUS=$?
}

test_dkms() {
	local dest=$SCRATCH/dest

	run dkms DESTDIR="$dest"
	works "make dkms"
	dkms_build "$KOUT" "$dest"/usr/src/kvm_hv_ports-*
	works "... builds for a kernel with the patches"
	dkms_build "$SCRATCH/unpatched" "$dest"/usr/src/kvm_hv_ports-*
	refuses "... and not for one without" 'built without the patches'
}

test_no_source() {
	run check KVER=7.99
	works "tests on a series that the archive has not"
	says "... are skipped, and why" '^1\.\.0 # SKIP linux-source-7\.99 cannot be had'
	rm -rf "$BUILD/7.99"
}

main() {
	need_packages "${PACKAGES_BUILD[@]}" kmod
	have_module || die "there is no module to be installed"
	[[ ! $KSRC_GIVEN ]] || die "which patches fit a tree of yours, make patch says"
	lock_build
	get_source
	build_kernel
	unlock_build
	rm -rf "$SCRATCH"
	mkdir -p "$SCRATCH"

	test_patch
	test_prefix
	test_modules_install
	test_install
	test_dkms
	test_no_source
	note "$(( SECONDS - START )) s in all"
	say "$PASSED passed, $FAILED failed"
	exit "$(( FAILED || !PASSED ))"
}

main "$@"; exit
