# SPDX-License-Identifier: GPL-2.0
#
# The verbs.  What the module consists of is in Kbuild; what a verb does is in
# selftests/machine/.

BUILD	?= build
KVER	?= 6.12
TESTS	?= *
ACCEL	?= auto
V	?= 0
ifeq ($(DEBUG),1)
FLAVOUR	?= debug
else
FLAVOUR	?= ordinary
endif

override BUILD := $(abspath $(BUILD))
export BUILD KVER TESTS ACCEL V FLAVOUR KSRC KOUT KDIR TIMEOUT STALL JOBS MODULE PATCHES SLOW MUTANTS MESSAGES \
	NATIVE TIMED LIMIT STAGES

machine := $(CURDIR)/selftests/machine

# It means something else to bash.
unexport SECONDS

.PHONY: modules tools help run run-single shell check check-all fuzz bench bench-check check-harness coverage \
	mutants soak model kernel clean distclean
.PHONY: lint check-lint check-install patch modules_install install dkms

modules:
	@$(machine)/build.sh modules

tools:
	@$(MAKE) -C tools/hvports OUTPUT=$(BUILD)/tools

patch:
	@$(machine)/patch.sh

modules_install:
	@$(machine)/install.sh modules

install:
	@$(machine)/install.sh all

dkms:
	@$(machine)/install.sh dkms

help:
	@echo 'make modules        the module, for the kernel of the test machine'
	@echo '     KDIR=FOLDER    ... or for the kernel built in FOLDER, which must'
	@echo '                    have the patch'
	@echo 'make tools          the command hvports, in $(BUILD)/tools'
	@echo 'make patch KSRC=TREE  puts the patches on a kernel tree of yours'
	@echo 'make modules_install  installs the module, for KDIR= or the running kernel'
	@echo '     INSTALL_MOD_PATH=FOLDER  ... below FOLDER'
	@echo 'make install        that, hvports, its manual, and the header'
	@echo '     DESTDIR=FOLDER PREFIX=/usr/local'
	@echo 'make dkms           puts the sources where DKMS looks for them'
	@echo 'make run            a demonstration: a file travels between two VMs, each in'
	@echo '                    an ordinary QEMU'
	@echo 'make run-single     another: a VM uses ports with itself'
	@echo 'make check          all tests, in a small Linux of their own'
	@echo '     TESTS=GLOB     ... those whose names match'
	@echo 'make check DEBUG=1  ... on a kernel with KASAN, lockdep and more'
	@echo 'make check FLAVOUR=kcsan'
	@echo '                    ... those of races, on a kernel that looks for them'
	@echo 'make check-all      both of the first, check-install, and some tests on the other'
	@echo '                    kernels, with one result'
	@echo '     LIMIT=N        ... within N seconds'
	@echo 'make fuzz           a hostile guest, for 600 seconds'
	@echo '     SECONDS=N      ... or N; SEED=N: from that seed'
	@echo 'make bench          what ports cost, beside what the same costs without'
	@echo '     TIMED=0        ... counted only, and not by the clock'
	@echo '     NATIVE=1       ... by the clock only, on this very machine'
	@echo 'make bench-check    does anything cost more than it did?'
	@echo 'make check-harness  the test machine tests itself'
	@echo 'make coverage       which lines of the module the tests reach'
	@echo 'make mutants        plants faults: which ones do the tests notice?'
	@echo '     MUTANTS=GLOB   ... those whose names match'
	@echo 'make soak           messages under every disturbance, for hours'
	@echo '     MESSAGES=N     ... so many (10000000)'
	@echo 'make model          the model of the handshake over a message slot (spin)'
	@echo 'make lint           what can be found by looking at the sources'
	@echo '     CHECKS=GLOB    ... by the checks whose names match'
	@echo 'make check-lint     plants faults in a copy of them: does lint find each?'
	@echo 'make check-install  tests patch, install and dkms, into folders of its own'
	@echo 'make kernel         the kernel of the test machine'
	@echo 'make shell          a shell in the test machine'
	@echo 'make clean          removes what was built, but for kernels and their trees,'
	@echo '                    and what bench has measured'
	@echo 'make distclean      removes the build folder'
	@echo
	@echo 'BUILD=FOLDER    where to build: $(BUILD)'
	@echo 'KVER=SERIES     kernel: $(KVER)'
	@echo 'KSRC= KOUT=     a kernel tree of your own, used as it is, and its build'
	@echo 'PATCHES=0       the kernel without our patches, and no module'
	@echo 'MODULE=0        no module'
	@echo 'ACCEL=          auto, kvm or tcg'
	@echo 'V=1             all that the tests say'

# Costs are those of a kernel without what is there for the tests.
ifneq ($(FLAVOUR),debug)
bench bench-check: FLAVOUR = bench
endif

kernel:
	@$(machine)/build.sh kernel

check:
	@$(machine)/check.sh

check-all:
	@$(machine)/check-all.sh

fuzz:
	@$(machine)/fuzz.sh '$(SECONDS)' '$(SEED)'

bench:
	@$(machine)/bench.sh

bench-check:
	@$(machine)/bench.sh check

check-harness:
	@$(machine)/check-harness.sh

coverage:
	@$(machine)/coverage.sh

mutants:
	@$(machine)/mutants.sh

soak:
	@$(machine)/soak.sh

model:
	@$(machine)/model.sh

lint:
	@$(machine)/lint.sh

check-lint:
	@$(machine)/check-lint.sh

check-install:
	@$(machine)/check-install.sh

run:
	@$(machine)/run.sh

run-single:
	@$(machine)/run.sh single

shell:
	@$(machine)/shell.sh

clean:
	rm -rf $(BUILD)/*/*.machine $(BUILD)/tools $(BUILD)/modules $(BUILD)/model

distclean:
	rm -rf $(BUILD)
