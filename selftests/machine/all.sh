# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0

. "${BASH_SOURCE[0]%/*}/lib.sh"
. "$MACHINE/deps.sh"
. "$MACHINE/source.sh"
. "$MACHINE/kernel.sh"
. "$MACHINE/tests.sh"
. "$MACHINE/boot.sh"
. "$MACHINE/report.sh"
