# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The checks of lint.sh.  Sourced, after the machine's other files.
#
# A check is a function check_NAME with "-" for "_" in its name.  What it writes
# to standard output are findings, a line each, and it fails if it could not look.

: "${CLANG:=19}"
LINT=$WORK/lint
# A copy of the sources, so that nothing is written beside them, and so that
# check-lint.sh can plant faults.
TREE=$LINT/tree
CLANG_OUT=$KDIR_BASE/${KOUT##*/}-clang
PACKAGES_LINT=(sparse coccinelle shellcheck python3 python3-docutils
	"clang-$CLANG" "lld-$CLANG" "llvm-$CLANG")
PASSED=0 FAILED=0

# shellcheck disable=SC2034 # used by who sources this
ALL_CHECKS=(checkpatch checkpatch-programs checkpatch-patches shellcheck
	docutils kernel-doc versions uapi warnings sparse arrows documented
	coccinelle clang clang-programs clang-kvm sparse-kvm patch-steps)

prepare_lint() {
	need_packages "${PACKAGES_BUILD[@]}" "${PACKAGES_LINT[@]}"
	lock_build
	get_source
	build_kernel
	mkdir -p "$LINT"
}

# The files of the checkout.
sources() {
	git -C "$TOP" ls-files --cached --others --exclude-standard 2>/dev/null ||
		(cd "$TOP" && find . \( -path ./.git -o -path "./${BUILD#"$TOP/"}" -o \
			-path ./build \) -prune -o -type f -printf '%P\n')
}

# checksums FOLDER: of the sources, and of what else is in the copy
checksums() {
	(
		cd "$1" || exit
		find "$TREE" -type f -printf '%P\n' | sort -u - "$LINT/sources" |
			{ xargs -d '\n' sha256sum 2>/dev/null || true; } | sort
	)
}

# Make the copy what the checkout is, and leave alone what is that already.
sync_tree() {
	local file

	mkdir -p "$TREE"
	sources | sort -u >"$LINT/sources"
	while read -r file; do
		copy_or_remove "$TOP" "$TREE" "$file"
	done < <(comm -3 <(checksums "$TOP") <(checksums "$TREE") | sed 's/.* //' | sort -u)
}

# tree_files GLOB...: those of the copy whose path matches one.
tree_files() {
	local file glob

	while read -r file; do
		for glob in "$@"; do
			# shellcheck disable=SC2053 # a glob is what is meant
			[[ $file == $glob && -e $TREE/$file ]] || continue
			printf '%s\n' "$file"
			break
		done
	done <"$LINT/sources"
}

# Names as in the checkout.
in_checkout() { sed -E "s,($LINT/[a-z-]+|$TREE)/,,g"; }

# run_check NAME
run_check() {
	local findings=$LINT/findings status=0 count began=$SECONDS

	( "check_${1//-/_}" ) >"$findings" 2>"$LINT/errors" || status=$?
	(( !status )) || { say "status $status"; tail -n 20 "$LINT/errors"; } >>"$findings"
	count=$(in_checkout <"$findings" | awk '!seen[$0]++' | tee "$findings.unique" | wc -l)
	if (( !count )); then
		PASSED=$((PASSED + 1))
		say "ok $((PASSED + FAILED)) $1 # $(( SECONDS - began )) s"
		return
	fi
	FAILED=$((FAILED + 1))
	say "not ok $((PASSED + FAILED)) $1 # $count lines"
	head -n 100 "$findings.unique" | sed 's/^/#   /'
	(( count <= 100 )) || note "  ... all of them: $findings.unique"
	return 1
}

# tool NAME REGEX COMMAND...: the lines of its output that match are findings.
# If it fails without such a line, then so does the check.
tool() {
	local log=$LINT/$1.log regex=$2 status=0

	shift 2
	"$@" >"$log" 2>&1 || status=$?
	grep -E -- "$regex" "$log" && return
	(( !status )) || { tail -n 20 "$log" >&2; return "$status"; }
}

# some FILE...: looking at nothing is not looking.
some() { (( $# )) || { echo "there is nothing to look at" >&2; return 1; }; }

kernel_files() {
	tree_files '*.[ch]' | grep -E '^[^/]+$|^include/|^samples/.*/hvport\.[ch]$'
}

# several N COMMAND...: with what standard input lists as further arguments, N at a
# time.  Status 1 means findings, and others that it did not work.
several() {
	local number=$1

	shift
	xargs -r -d '\n' -n "$number" -P "$JOBS" "$@" || (( $? == 123 ))
}

# It runs where there is no git, or else it asks that.
CHECKPATCH=("$KSRC/scripts/checkpatch.pl" --root="$KSRC" --strict --no-summary
	--terse --show-types)

# Kernel style to the last rule, but for
#   LINUX_VERSION_CODE, CONSTANT_COMPARISON
#			in compat.h: what it is for
#   EMBEDDED_FILENAME	in hv_ports.h: takes <linux/hv_ports.h> for it
#   OPEN_ENDED_LINE, PARENTHESIS_ALIGNMENT
#			in hv_ports_trace.h: a TRACE_EVENT() looks like that
check_checkpatch() {
	local files

	mapfile -t files < <(kernel_files)
	some "${files[@]}" || return
	cd "$TREE" || return
	printf '%s\n' "${files[@]}" | several 12 "${CHECKPATCH[@]}" -f | awk -F ': ' '
		$1 ~ /^compat\.h:/ && $2 ~ /:(LINUX_VERSION_CODE|CONSTANT_COMPARISON)$/ { next }
		$1 ~ /^hv_ports\.h:/ && $2 ~ /:EMBEDDED_FILENAME$/ { next }
		$1 ~ /^hv_ports_trace\.h:/ &&
			$2 ~ /:(OPEN_ENDED_LINE|PARENTHESIS_ALIGNMENT)$/ { next }
		{ print }'
}

# Programs are kernel style, too, but for
#   VOLATILE, PREFER_DEFINED_ATTRIBUTE_MACRO
#			they have no READ_ONCE() nor attributes but their own
#   CAMELCASE		_Atomic, _Static_assert: the language's
#   MACRO_ARG_REUSE, MACRO_ARG_PRECEDENCE
#			arguments are names, of members for instance
#   NEW_TYPEDEFS, MACRO_ARG_UNUSED
#			in hv_compat_util.h: it has what older libraries lack
check_checkpatch_programs() {
	local files

	mapfile -t files < <(tree_files '*.[chS]' | grep -vxF -f <(kernel_files))
	some "${files[@]}" || return
	cd "$TREE" || return
	printf '%s\n' "${files[@]}" | several 12 "${CHECKPATCH[@]}" -f --ignore \
		VOLATILE,PREFER_DEFINED_ATTRIBUTE_MACRO,CAMELCASE,MACRO_ARG_REUSE,MACRO_ARG_PRECEDENCE |
		awk -F ': ' '
			$1 !~ /hv_compat_util\.h:/ || $2 !~ /:(NEW_TYPEDEFS|MACRO_ARG_UNUSED)$/'
}

# FILE_PATH_CHANGES asks whether MAINTAINERS needs a line: the patterns of KVM for
# x86 have what the patches add.
check_checkpatch_patches() {
	local file files

	mapfile -t files < <(tree_files 'patches/*.patch')
	some "${files[@]}" || return
	cd "$TREE" || return
	for file in "${files[@]}"; do
		{ "${CHECKPATCH[@]}" --ignore FILE_PATH_CHANGES - <"$file" || (( $? == 1 )); } |
			sed "s,^-:,$file:," || return
	done
}

shell_files() {
	local file

	while read -r file; do
		case $file in
		*.sh|*.bash-completion|*.list) printf '%s\n' "$file" ;;
		*) ! head -n 1 "$TREE/$file" | grep -aqE '^#!.*[/ ](ba)?sh\b' ||
			printf '%s\n' "$file" ;;
		esac
	done < <(tree_files '*')
}

check_shellcheck() {
	local files

	mapfile -t files < <(shell_files)
	some "${files[@]}" || return
	cd "$TREE" || return
	printf '%s\n' "${files[@]}" | tool shellcheck . several 8 shellcheck -f gcc -x
}

check_docutils() {
	local file files

	mapfile -t files < <(tree_files '*.rst')
	some "${files[@]}" || return
	cd "$TREE" || return
	for file in "${files[@]}"; do
		tool docutils '.' rst2html --report=info --halt=5 --output-encoding=utf-8 \
			"$file" /dev/null
	done
}

kernel_doc() {
	local file all=-Wall

	for file in scripts/kernel-doc tools/docs/kernel-doc scripts/kernel-doc.py; do
		[[ -e $KSRC/$file ]] || continue
		# 6.1's says all it has to say without it.
		[[ $("$KSRC/$file" -h 2>&1 || true) == *-Wall* ]] || all=''
		"$KSRC/$file" -none -Werror ${all:+"$all"} "$@"
		return
	done
	echo "this kernel has no kernel-doc" >&2
	return 1
}

# What the patches change in the kernel's tree: the files that are all ours.
added_files() {
	patch_list | xargs -r -d '\n' cat | awk '
		/^--- / { new = $2 == "/dev/null" }
		/^\+\+\+ b\// && new { print substr($2, 3) }' | sort -u
}

touched_objects() {
	patch_list | touched_files | sed -n 's/\.c$/.o/p'
}

check_kernel_doc() {
	local files added

	mapfile -t files < <(kernel_files)
	mapfile -t added < <(added_files | grep '\.[ch]$' | sed "s,^,$KSRC/,")
	some "${files[@]}" || return
	cd "$TREE" || return
	tool kernel-doc '(warning|error):' kernel_doc "${files[@]}" "${added[@]}"
}

# Only compat.h knows of kernel versions.
check_versions() {
	local files

	mapfile -t files < <(tree_files '*.[chS]' '*Kbuild' | grep -vE '(^|/)compat\.h$')
	some "${files[@]}" || return
	cd "$TREE" || return
	# shellcheck disable=SC2016 # make's variables
	grep -HnE 'LINUX_VERSION_|\bKERNEL_VERSION\b|UTS_RELEASE|linux/version\.h|utsrelease\.h|\$\((VERSION|PATCHLEVEL|KERNELVERSION|KERNELRELEASE)\)' \
		"${files[@]}" || true
}

# The header for user space: by itself, twice, in any C and C++; and with nothing in
# it that is laid out otherwise for 32-bit programs.
check_uapi() {
	local compiler header

	while read -r header; do
		while read -r compiler; do
			# shellcheck disable=SC2086 # words is what they are
			printf '#include <%s>\n' "${header#include/uapi/}"{,} |
				$compiler -nostdinc -isystem "$KOUT/usr/include" \
				-I "$TREE/include/uapi" -Wall -Wextra -Wpedantic -Werror \
				-fsyntax-only - 2>&1 || true
		done <<-END
			gcc -x c -std=c90 -m64 -Wpadded
			gcc -x c -std=c99 -m32 -Wpadded
			clang-$CLANG -x c -std=c17
			clang-$CLANG -x c++ -std=c++98
			clang-$CLANG -x c++ -std=c++20
		END
	done < <(tree_files 'include/uapi/*.h') | grep -E 'error:|warning:' || true
}

# module_make FOLDER ARGUMENT...: module and sample, each with its own links to
# the sources.
module_make() {
	local dir=$LINT/$1 file

	shift
	TOP=$TREE link_module_sources "$dir"
	mkdir -p "$dir-sample"
	for file in "$TREE"/samples/guest/{Kbuild,*.[ch]} "$TREE/hv_tlfs.h"; do
		ln -sfn "$file" "$dir-sample/${file##*/}"
	done
	# Without it, modpost has nothing to say again.
	rm -f "$dir"{,-sample}/Module.symvers
	for file in "$dir" "$dir-sample"; do
		"$@" M="$file" modules || return
	done
}

# An object with a warning is none, so that the warning comes again.
WARN=(W=1 KCFLAGS=-Werror)
gcc_make() { make -C "$KOUT" -k -j"$JOBS" "${WARN[@]}" "$@"; }
COMPLAINTS='(warning|error|WARNING|ERROR): |: undefined|\*\*\* '

check_warnings() { tool warnings "$COMPLAINTS" module_make gcc gcc_make; }

SPARSE=(C=2 CF=-D__CHECK_ENDIAN__)
check_sparse() { tool sparse "$COMPLAINTS" module_make gcc gcc_make "${SPARSE[@]}"; }

# object SYMBOL-TYPE SYMBOL of every object that the module has.  Tracepoints are
# everybody's, and live where they were made.
module_symbols() {
	local object

	module_make gcc gcc_make >&2
	tr -s ' \n' '\n' <"$LINT/gcc/kvm_hv_ports.mod" | sed 's,.*/,,' |
		while read -r object; do
			nm "$LINT/gcc/$object" |
				awk -v object="${object%.o}" 'NF > 1 { print object, $(NF - 1), $NF }'
		done |
		grep -vE ' __(traceiter|SCT__|SCK__|tracepoint|bpf_trace|probestub|pfx)'
}

# The order that design.rst has: lines of names with "->" between, the first of
# them the order, the others what is allowed all the same.
check_arrows() {
	local symbols=$LINT/symbols order=$LINT/order

	module_symbols >"$symbols"
	sed -nE '/^Files$/,/^The seam$/s/^\t(hv_[a-z_]+(, hv_[a-z_]+)*( -> hv_[a-z_]+(, hv_[a-z_]+)*)+)$/\1/p' \
		"$TREE/Documentation/design.rst" >"$order"
	[[ -s $order ]] || { echo "design.rst has no order of the files"; return; }
	awk '
		pass == 1 && FNR == 1 {
			ranks = split($0, rank, " -> ")
			for (r = 1; r <= ranks; r++) {
				n = split(rank[r], name, ", ")
				for (i = 1; i <= n; i++) place[name[i]] = r
			}
			next
		}
		pass == 1 { allowed[$0] = 1; next }
		pass == 2 {
			file[$1] = 1
			if ($2 == "T") owner[$3] = $1
			next
		}
		$2 == "U" && $3 in owner && !(($1, owner[$3]) in seen) {
			seen[$1, owner[$3]] = 1
			arrow = $1 " -> " owner[$3]
			used[arrow] = 1
			arrows++
			if (!($1 in place) || !(owner[$3] in place))
				next
			if (!(arrow in allowed) && place[$1] >= place[owner[$3]])
				print "design.rst does not allow " arrow " (" $3 ")"
		}
		END {
			for (f in file)
				if (!(f in place)) print "design.rst has no place for " f
			for (f in place)
				if (!(f in file)) print "design.rst has a place for " f ", which is none"
			for (a in allowed)
				if (!(a in used)) print "design.rst allows " a ", which nobody uses"
			if (!arrows) print "no file calls another"
		}' pass=1 "$order" pass=2 "$symbols" pass=3 "$symbols"
}

# kernel_doc_of FILE NAME: the comment before that function
kernel_doc_of() {
	awk -v name="$2" '
		/^\/\*\*$/ { text = ""; ours = 0; inside = 1 }
		inside { text = text $0 "\n" }
		inside && $2 == name && $3 == "-" { ours = 1 }
		inside && $2 == name "()" && $3 == "-" { ours = 1 }
		/^ \*\/$/ { if (inside && ours) printf "%s", text; inside = 0 }' "$1"
}

# What one file offers the others has kernel-doc, which says what context it wants.
check_documented() {
	local object type name text found=0

	while read -r object type name; do
		[[ $type == T && $name == hv_* ]] || continue
		found=$((found + 1))
		text=$(kernel_doc_of "$TREE/$object.c" "$name")
		if [[ ! $text ]]; then
			echo "$object.c: $name() has no kernel-doc"
		elif [[ $text != *$'\n * Context: '* ]]; then
			echo "$object.c: $name() does not say in what context it is called"
		fi
	done < <(module_symbols)
	(( found )) || return 1
}

# The kernel tree's own collection, but for the few scripts that want OCaml or do
# not report; coccicheck takes one script, or all there are.
cocci_scripts() {
	grep -LrE --include='*.cocci' '^@.*ocaml' "$KSRC/scripts/coccinelle" |
		xargs -rd '\n' grep -lE '^virtual report$' | sort | sed 's/^/COCCI=/'
}

coccicheck() {
	cocci_scripts | several 1 make -s -C "$KSRC" O="$CLANG_OUT" ARCH=x86_64 \
		M="$1" MODE=report J=1 coccicheck
}

check_coccinelle() {
	local dir=$LINT/cocci file scripts

	mapfile -t scripts < <(cocci_scripts)
	some "${scripts[@]}" || return
	rm -rf "$dir"
	mkdir -p "$dir"
	while read -r file; do
		mkdir -p "$dir/$(dirname "$file")"
		cp "$TREE/$file" "$dir/$file"
	done < <(kernel_files)
	prepare_clang >"$LINT/clang-kernel.log" 2>&1 || return
	tool coccinelle '^[^ ]+:[0-9]+:[0-9]+-[0-9]+:|[Ee]rror|failed' coccicheck "$dir"
}

clang_make() {
	make -C "$KSRC" O="$CLANG_OUT" ARCH=x86_64 LLVM="-$CLANG" -j"$JOBS" "$@"
}

# As much of a kernel as it takes to compile files of it, and modules.
prepare_clang() {
	local want

	want=$(config_fragments | xargs cat | cat - <("clang-$CLANG" --version) | sha256sum)
	mkdir -p "$CLANG_OUT"
	if [[ $(cat "$CLANG_OUT/.configured" 2>/dev/null) != "$want" ]]; then
		clang_make tinyconfig
		config_fragments | xargs cat >>"$CLANG_OUT/.config"
		printf '%s\n' "$want" >"$CLANG_OUT/.configured"
	fi
	clang_make olddefconfig
	clang_make modules_prepare
}

clang_module_make() { clang_make -k "${WARN[@]}" KBUILD_MODPOST_WARN=1 "$@"; }

# Without a kernel there are no symbols to find.
NO_SYMBOLS='WARNING: (modpost: ("[^"]+" \[.*\] undefined|[^ ]+: symbol .* undefined|suppressed)|Symbol version dump)|Module\.symvers'

check_clang() {
	tool clang-kernel '^never$' prepare_clang || return
	tool clang "$COMPLAINTS" module_make clang clang_module_make |
		{ grep -vE "$NO_SYMBOLS" || true; }
}

check_clang_programs() {
	tool clang-programs "$COMPLAINTS" make -B -C "$TREE/tools/hvports" \
		OUTPUT="$LINT/clang-tools" CC="clang-$CLANG" CFLAGS='-O2 -Werror'
}

WARN_KVM=("${WARN[@]}")

# kvm_objects ARGUMENT...: those files of KVM's that the patches touch.
kvm_objects() {
	local objects

	mapfile -t objects < <(touched_objects)
	some "${objects[@]}" || return
	clang_make -k "${WARN_KVM[@]}" "$@" "${objects[@]}"
}

check_clang_kvm() {
	tool clang-kernel '^never$' prepare_clang || return
	tool clang-kvm "$COMPLAINTS" kvm_objects
}

# Not ours: functions of KVM's that are entered with a lock held, or left with one,
# and what sparse says of 6.1's x86.c.
NOT_OURS="context imbalance in '(__kvm_start_pvclock_update|kvm_end_pvclock_update|vcpu_enter_guest|vcpu_run)'"
NOT_OURS+="|symbol 'mitigate_smt_rsb' was not declared|array of flexible structures"

check_sparse_kvm() {
	tool clang-kernel '^never$' prepare_clang || return
	tool sparse-kvm "$COMPLAINTS" kvm_objects "${SPARSE[@]}" |
		{ grep -vE "$NOT_OURS" || true; }
}

STEPS=$LINT/steps

# link_tree FOLDER: of the kernel's tree, with a "/" at its end; links, but folders
# where a file is that the patches touch.
link_tree() {
	local entry

	mkdir -p "$STEPS/tree/$1"
	while read -r entry; do
		if grep -q "^$1$entry/" "$STEPS/touched"; then
			link_tree "$1$entry/"
		elif ! grep -qxF "$1$entry" "$STEPS/touched"; then
			ln -s "$KSRC/$1$entry" "$STEPS/tree/$1$entry"
		fi
	done < <(find "$KSRC/$1" -mindepth 1 -maxdepth 1 -printf '%f\n')
}

# The touched files as they were before the patches.
unpatched_files() {
	local file patch

	while read -r file; do
		copy_or_remove "$KSRC" "$STEPS/files" "$file"
	done <"$STEPS/touched"
	patch_list | tac | while read -r patch; do
		patch -d "$STEPS/files" -p1 -R --fuzz=0 --force --silent <"$patch" || return
	done
}

steps_make() {
	make -C "$STEPS/tree" O="$STEPS/out" ARCH=x86_64 LLVM="-$CLANG" -j"$JOBS" "$@"
}

prepare_steps() {
	prepare_clang || return
	rm -rf "$STEPS/tree" "$STEPS/files"
	mkdir -p "$STEPS/files" "$STEPS/out"
	patch_list | touched_files >"$STEPS/touched"
	link_tree ''
	unpatched_files || return
	cp "$CLANG_OUT/.config" "$STEPS/out/.config"
	steps_make olddefconfig modules_prepare
}

# step_objects: of the touched files, those that there are by now
step_objects() {
	local object

	while read -r object; do
		[[ ! -e $STEPS/tree/${object%.o}.c ]] || printf '%s\n' "$object"
	done < <(touched_objects)
}

# What is called of the series' own must be there; nothing is linked to show it.
undefined_symbols() {
	comm -23 <("llvm-nm-$CLANG" -ju "$@" | grep hv_ports | sort -u) \
		<("llvm-nm-$CLANG" -jU "$@" | sort -u) |
		sed 's/$/: undefined/'
}

# The patches, as named in the checkout.
series() { patch_list | sed "s,^$TOP/,,"; }

# After each patch, a KVM that compiles.
check_patch_steps() {
	local patch file objects patches

	mapfile -t patches < <(series)
	some "${patches[@]}" || return
	tool steps-kernel '^never$' prepare_steps || return
	for patch in "${patches[@]}"; do
		patch -d "$STEPS/files" -p1 --fuzz=0 --force --silent \
			--no-backup-if-mismatch <"$TREE/$patch" || return
		while read -r file; do
			copy_or_remove "$STEPS/files" "$STEPS/tree" "$file"
		done <"$STEPS/touched"
		mapfile -t objects < <(step_objects)
		{
			tool steps "$COMPLAINTS" steps_make -k "${WARN_KVM[@]}" "${objects[@]}" ||
				return
			(cd "$STEPS/out" && undefined_symbols "${objects[@]}")
		} | sed "s,^,$patch: ," || return
	done
}
