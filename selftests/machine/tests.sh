# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Which tests there are, building them, and the initramfs that carries them.
# Sourced, after kernel.sh.
#
# An entry is one line, fields parted by tabs:
#   number  name  ports|none|self  timeout  command  [argument]...
# where "ports" means that the machine loads kvm_hv_ports for the test and
# unloads it after, "none" that it is not loaded and "self" that the test does
# that itself.  Our tests say it in their source, in a comment of one line:
#
#   /* machine: self timeout=300 */
#
# and a guest's may also say "both" (with and without the module) and give
# options of QEMU, as the last words: /* machine: both -device hyperv-testdev */

# By how much a test may take longer than it says, and by how much the longest
# loops are shorter: a kernel that checks everything takes up to 12 times as long.
if [[ $FLAVOUR == @(ordinary|bench) ]]; then
	: "${SLOW:=1}"
	SCALE=1
else
	: "${SLOW:=10}"
	SCALE=8
fi

# What has vCPUs, VMs or the host at the same thing at the same time.
RACE_TESTS='hv_*race_test|hv_@(stress|once|late_post|kill|delete|fuzz|host|two_vms|order|halt|mutual|grace)_test'

TESTS_OUT=$WORK/tests
GUEST_OUT=$WORK/guest
GUESTS_OUT=$WORK/guests

# The words after "machine:" in a source file.
attributes() {
	sed -nE '1,80s,^.*[*/ ]machine:(.*)$,\1,p' "$1" | head -n1 |
		sed -E 's,\*/.*,,'
}

# entry NAME FILE COMMAND...: the lines for one program, numbers left out.
entry() {
	local name=$1 file=$2 ports=ports timeout=120 word options=()
	local -a command=("${@:3}") words

	read -ra words <<<"$(attributes "$file")"
	for word in "${words[@]}"; do
		if (( ${#options[@]} )); then
			options+=("$word")
			continue
		fi
		case $word in
		ports|none|self|both) ports=$word ;;
		timeout=*) timeout=${word#timeout=} ;;
		-*) options+=("$word") ;;
		*) die "$file: what does \"$word\" mean to the machine?" ;;
		esac
	done
	if [[ $ports == both ]]; then
		print_entry "noports/$name" none "$timeout" "${command[@]}" "${options[@]}"
		ports=ports
		have_module || return 0
	fi
	print_entry "$name" "$ports" "$timeout" "${command[@]}" "${options[@]}"
}

print_entry() { local IFS=$'\t'; printf '%s\n' "$*"; }

upstream_sources() {
	local file

	for file in "$KSRC"/tools/testing/selftests/kvm/x86{_64,}/{hyperv,xen}_*.c; do
		[[ ! -e $file ]] || printf '%s\n' "$file"
	done
}

guest_programs() {
	sed -n 's/^PROGRAMS := *//p' "$TOP/selftests/guest/Makefile"
}

# Its guests are this very kernel.
TWO_GUESTS_SKIPS="two guests with a kernel that checks everything take too long"

two_guests_entry() {
	[[ $FLAVOUR == ordinary ]] || {
		entry guest/two_guests "$TOP/selftests/guests/two_guests.c" \
			/init skip "$TWO_GUESTS_SKIPS"
		return
	}
	entry guest/two_guests "$TOP/selftests/guests/two_guests.c" /guests/two_guests
}

# What NATIVE=1 runs, briefly.
native_bench_entry() {
	print_entry bench/native ports 300 /tests/hv_ports_bench -n -t -c /tests/rows
}

# Seen with the distribution's kernel as it is, without patches or module: the
# vCPU that reads finds the old page after its flush was acknowledged.
TLB_FLUSH_SKIPS="emulated SVM without nested paging fails this, with an unpatched kernel too"

# All entries there are, unnumbered.
all_entries() {
	local file name command

	for file in "$TOP"/selftests/*_test.c; do
		[[ -e $file ]] || continue
		name=$(basename "$file" .c)
		entry "$name" "$file" "/tests/$name"
	done
	for name in $(guest_programs); do
		entry "guest/$name" "$TOP/selftests/guest/$name.c" /init guest "$name.elf"
	done
	! have_module || two_guests_entry
	! have_module || native_bench_entry
	while read -r file; do
		name=$(basename "$file" .c)
		command=("/tests/upstream/$name")
		if [[ $name == hyperv_tlb_flush && $ACCEL == tcg ]]; then
			command=(/init skip "$TLB_FLUSH_SKIPS")
		elif [[ $name == hyperv_clock && $ACCEL == tcg ]]; then
			command=(/init again "${command[@]}")
		fi
		print_entry "noports/upstream/$name" none 120 "${command[@]}"
		! have_module ||
			print_entry "upstream/$name" ports 120 "${command[@]}"
	done < <(upstream_sources)
}

# Who asks for all on a kernel that checks everything gets those that it is for:
# not what runs without the module, and no races but where races are looked for.
wanted_tests() {
	case ${TESTS:-*}/$FLAVOUR in
	'*/debug') printf '!(noports/*)' ;;
	'*/kcsan') printf '@(%s)' "$RACE_TESTS" ;;
	*) printf '%s' "${TESTS:-*}" ;;
	esac
}

# Those whose name the glob matches, numbered.
select_entries() {
	local name ports timeout rest number=0 wanted

	wanted=$(wanted_tests)
	while IFS=$'\t' read -r name ports timeout rest; do
		# shellcheck disable=SC2053 # a glob is what is meant
		[[ $name == $wanted ]] || continue
		number=$((number + 1))
		print_entry "$number" "$name" "$ports" $(( timeout * SLOW )) "$rest"
	done < <(all_entries)
}

# No red zone: guests take interrupts on the stack they are on, and 6.1's ucall()
# has there, below the stack pointer, what the host is to read.
kselftest_make() {
	local dir=$KSRC/tools/testing/selftests/kvm targets=$1
	local flags=(-D_GNU_SOURCE= -mno-red-zone -I"$TOP/include" -I"$TOP"
		-DHV_TEST_SCALE="$SCALE")

	make -C "$dir" ARCH=x86 -j"$JOBS" OUTPUT="$TESTS_OUT" \
		VPATH="$TOP/selftests:$TOP/selftests/bench" \
		TEST_GEN_PROGS_x86_64="$targets" TEST_GEN_PROGS_x86="$targets" \
		TEST_GEN_PROGS_EXTENDED_x86_64= TEST_GEN_PROGS_EXTENDED_x86= \
		TEST_PROGS_x86_64= TEST_PROGS_x86= \
		KHDR_INCLUDES="-isystem $KOUT/usr/include" \
		EXTRA_CFLAGS="${flags[*]}" USERLDFLAGS=-static
}

# The programs that entries run, also those that are run again if need be
programs_of() { cut -f5- "$1" | sed 's,^/init\tagain\t,,' | cut -f1 | sort -u; }

needs_guests() { cut -f5 "$1" | grep -qx /guests/two_guests; }

# The driver for the guests' kernel, which is the machine's.
sample_make() {
	local file

	mkdir -p "$GUESTS_OUT/sample"
	for file in "$TOP"/samples/guest/{Kbuild,*.[ch]} "$TOP/hv_tlfs.h"; do
		ln -sfn "$file" "$GUESTS_OUT/sample/${file##*/}"
	done
	make -C "$KOUT" M="$GUESTS_OUT/sample" -j"$JOBS" modules
}

static_program() { gcc -Wall -Wextra -O2 -s -static "$@"; }

# What a test with two Linux guests takes: a program for the machine, and an
# initramfs with programs and driver for the guests.
build_guests() {
	local sample=$TOP/samples/guest source=$TOP/selftests/guests

	logged sample sample_make
	logged guests static_program -I "$TOP/include/uapi" \
		-o "$GUESTS_OUT/two_guests" "$source/two_guests.c"
	logged guests static_program -I "$sample" -o "$GUESTS_OUT/init" "$source/guest.c"
	logged guests static_program -o "$GUESTS_OUT/hvpipe" "$sample/hvpipe.c"
	cat >"$GUESTS_OUT/files" <<-END
		dir /dev 0755 0 0
		nod /dev/console 0600 0 0 c 5 1
		file /init $GUESTS_OUT/init 0755 0 0
		file /hvpipe $GUESTS_OUT/hvpipe 0755 0 0
		file /hvport.ko $GUESTS_OUT/sample/hvport.ko 0644 0 0
	END
	"$KOUT/usr/gen_init_cpio" "$GUESTS_OUT/files" >"$GUESTS_OUT/initramfs"
}

# The makefile of 6.1 does not know what a test includes.
forget_stale_tests() {
	local name program

	for name in "$@"; do
		program=$TESTS_OUT/$name
		[[ -e $program && ! -e $program.d ]] || continue
		[[ ! $(find "$TOP"/{selftests,include,hv_tlfs.h} -name '*.h' \
			-newer "$program" -print -quit) ]] || rm "$program"
	done
}

# build_tests ENTRIES: the programs that these entries run, and no others.
build_tests() {
	local command targets=() file

	while read -r command; do
		case $command in
		/tests/upstream/*)
			file=$(upstream_sources | grep "/${command##*/}.c$")
			file=${file#"$KSRC/tools/testing/selftests/kvm/"}
			targets+=("${file%.c}") ;;
		/tests/*) targets+=("${command#/tests/}") ;;
		esac
	done < <(programs_of "$1")
	if (( ${#targets[@]} )); then
		mkdir -p "$TESTS_OUT"
		forget_stale_tests "${targets[@]}"
		logged tests kselftest_make "$(printf '%s\n' "${targets[@]}" | sort -u | xargs)"
		grep -A4 -E "^$TOP/.*warning:" "$LOGS/tests.log" || true
	fi
	logged guest make -C "$TOP/selftests/guest" OUTPUT="$GUEST_OUT"
	! needs_guests "$1" || build_guests
}

build_init() {
	[[ $WORK/init -nt $MACHINE/init.c ]] ||
		logged init gcc -Wall -Wextra -O2 -static -o "$WORK/init" "$MACHINE/init.c"
	logged tools make -C "$TOP/tools/hvports" OUTPUT="$WORK/tools" LDFLAGS=-static
}

# add_stripped NAME-INSIDE FILE
add_stripped() {
	local copy

	copy=$WORK/root$1
	mkdir -p "$(dirname "$copy")"
	[[ $copy -nt $2 ]] || strip -o "$copy" "$2"
	printf 'file %s %s 0755 0 0\n' "$1" "$copy"
}

guests_files() {
	printf 'dir /guests 0755 0 0\n'
	printf 'file /guests/two_guests %s 0755 0 0\n' "$GUESTS_OUT/two_guests"
	printf 'file /guests/initramfs %s 0644 0 0\n' "$GUESTS_OUT/initramfs"
	printf 'file /guests/bzImage %s 0644 0 0\n' "$KOUT/arch/x86/boot/bzImage"
}

initramfs_files() {
	local entries=$1 dir file command

	for dir in /bin /dev /proc /sys /tmp /run /host /lib /lib/modules /tests \
		   /tests/guest /tests/upstream; do
		printf 'dir %s 0755 0 0\n' "$dir"
	done
	printf 'nod /dev/console 0600 0 0 c 5 1\n'
	printf 'file /init %s 0755 0 0\n' "$WORK/init"
	printf 'file /tests/list %s 0644 0 0\n' "$entries"
	printf 'file /tests/rows %s 0644 0 0\n' "$TOP/selftests/bench/rows"
	add_stripped /bin/hvports "$WORK/tools/hvports"
	have_module || rm -f "$WORK/module/kvm_hv_ports.ko"
	for file in "$KOUT"/virt/lib/irqbypass.ko "$KOUT"/arch/x86/kvm/*.ko \
		    "$KOUT"/drivers/misc/lkdtm/lkdtm.ko \
		    "$WORK"/module/kvm_hv_ports.ko; do
		[[ ! -e $file ]] ||
			printf 'file /lib/modules/%s %s 0644 0 0\n' "${file##*/}" "$file"
	done
	for file in "$GUEST_OUT"/*.elf; do
		[[ ! -e $file ]] ||
			printf 'file /tests/guest/%s %s 0755 0 0\n' "${file##*/}" "$file"
	done
	! needs_guests "$entries" || guests_files
	programs_of "$entries" | while read -r command; do
		case $command in
		/tests/upstream/*)
			file=$(find "$TESTS_OUT" -type f -perm -1 -path "*/x86*/${command##*/}")
			add_stripped "$command" "$file" ;;
		/tests/*) add_stripped "$command" "$TESTS_OUT/${command#/tests/}" ;;
		esac
	done
}

# make_initramfs ENTRIES OUTPUT: all but the list of tests.
make_initramfs() {
	initramfs_files "$1" >"$2.files"
	"$KOUT/usr/gen_init_cpio" "$2.files" >"$2"
}

# add_list ENTRIES INITRAMFS OUTPUT: archives may follow each other, and the
# last word on a file counts.
add_list() {
	printf 'file /tests/list %s 0644 0 0\n' "$1" >"$3.files"
	{
		cat "$2"
		"$KOUT/usr/gen_init_cpio" "$3.files"
	} >"$3"
}

# with_module MODULE INITRAMFS: the same with another module in it.
with_module() {
	printf 'file /lib/modules/kvm_hv_ports.ko %s 0644 0 0\n' "$1" >"$2.module"
	"$KOUT/usr/gen_init_cpio" "$2.module" >>"$2"
}
