# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel that the machine boots, and the module for it.  Sourced, after
# lib.sh and source.sh.

# The series of the kernel, which may be a tree of the user's.
kernel_series() {
	sed -nE 's/^VERSION *= *([0-9]+)$/\1/p; s/^PATCHLEVEL *= *([0-9]+)$/.\1/p' \
		"$KSRC/Makefile" | tr -d '\n'
}

config_fragments() {
	local series

	series=$MACHINE/kernel-$(kernel_series).config
	printf '%s\n' "$MACHINE/kernel.config"
	[[ ! -e $series ]] || printf '%s\n' "$series"
	[[ $FLAVOUR == ordinary ]] || printf '%s\n' "$MACHINE/kernel-$FLAVOUR.config"
}

# An option whose dependencies are not met vanishes without a word.
check_config() {
	local line symbol bad=0

	while read -r line; do
		case $line in
		CONFIG_*=n) symbol=${line%=n}; line="# $symbol is not set" ;;
		CONFIG_*=*) symbol=${line%%=*} ;;
		'# CONFIG_'*' is not set') symbol=${line#\# }; symbol=${symbol%% *} ;;
		*) continue ;;
		esac
		if [[ $line == '#'* ]]; then
			grep -q "^${symbol}=" "$KOUT/.config" || continue
		else
			grep -qxF "$line" "$KOUT/.config" && continue
		fi
		say "error: asked for \"$line\", got" \
			"\"$(grep -E "^(# )?${symbol}[= ]" "$KOUT/.config" || echo nothing)\"" >&2
		bad=1
	done < <(config_fragments | xargs cat | awk '
		match($0, /CONFIG_[A-Za-z0-9_]+/) {
			s = substr($0, RSTART, RLENGTH)
			if (!(s in last)) order[n++] = s
			last[s] = $0
		}
		END { for (i = 0; i < n; i++) print last[order[i]] }')
	(( !bad )) || die "the kernel's configuration lost an option"
}

configure_kernel() {
	kmake tinyconfig
	config_fragments | xargs cat >>"$KOUT/.config"
	kmake olddefconfig
}

# What a fragment has make told, in comments: # make: VARIABLE=VALUE...
make_variables() { config_fragments | xargs sed -nE 's/^# make: +//p' | xargs -rn1; }

kmake() {
	local variables

	mapfile -t variables < <(make_variables)
	make -C "$KSRC" O="$KOUT" ARCH=x86_64 -j"$JOBS" "${variables[@]}" "$@"
}

kernel_hash() {
	{
		cat "$KDIR_BASE/source.version" "$KDIR_BASE/patched.hash"
		config_fragments | xargs cat
		gcc --version
		ld --version
	} | sha256sum
}

build_kernel() {
	local want='' fragment

	while read -r fragment; do
		[[ -e $fragment ]] || die "no such kernel flavour: $FLAVOUR (no $fragment)"
	done < <(config_fragments)
	mkdir -p "$KOUT"
	if [[ -z $KSRC_GIVEN ]]; then
		want=$(kernel_hash)
		if [[ $(cat "$WORK/kernel.hash" 2>/dev/null) == "$want" ]]; then
			return
		fi
		rm -f "$WORK/kernel.hash"
	fi
	if [[ -z $KSRC_GIVEN || ! -e $KOUT/.config ]]; then
		logged config configure_kernel
	fi
	check_config
	[[ -e $KOUT/vmlinux ]] ||
		note "building a kernel, once: some 1900 objects"
	logged kernel kmake bzImage modules
	logged headers kmake headers
	[[ -z $want ]] || printf '%s\n' "$want" >"$WORK/kernel.hash"
}

# The module is built in a folder of links to its sources, so that no object
# file lands in the checkout: kbuild before 6.13 builds where the sources are.
link_module_sources() {
	local dir=$1 file

	mkdir -p "$dir"
	for file in "$TOP"/Kbuild "$TOP"/*.[chS] "$TOP"/include; do
		[[ -e $file ]] || continue
		[[ $dir/${file##*/} -ef $file ]] || ln -sfn "$file" "$dir/${file##*/}"
	done
	find "$dir" -maxdepth 1 -xtype l -delete
}

# MODULE=0: as if there were none, for what does not need it.
have_module() { [[ -e $TOP/Kbuild && ${MODULE:-1} != 0 ]]; }

# build_module KERNEL-BUILD-FOLDER OUTPUT-FOLDER
build_module() {
	have_module || return 0
	link_module_sources "$2"
	logged module make -C "$1" M="$2" -j"$JOBS" modules
	grep -A4 -E 'warning:' "$LOGS/module.log" || true
}

kernel_release() { cat "$1/include/config/kernel.release"; }

module_folder() { printf '%s\n' "$BUILD/modules/$(kernel_release "$1")"; }

# build_for KERNEL-BUILD-FOLDER: the module for a kernel that is not the machine's.
build_for() {
	have_module || die "there is no Kbuild here"
	"$TOP/tools/check-kernel.sh" "$1" || exit 1
	lock_build
	build_module "$1" "$(module_folder "$1")"
}
