#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# model.sh: the model of the handshake, verified, and its mistakes, refuted

. "${BASH_SOURCE[0]%/*}/all.sh"

need_packages spin gcc libc6-dev
exec "$TOP/Documentation/model/check.sh" "$BUILD/model"
