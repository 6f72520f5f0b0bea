#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A few rounds of `make torture`: backups that are killed at random moments, or have no room.
. "$(dirname "$0")/../support/tap.sh"
tap_begin
export TMPDIR=$TAP_DIR
ok 'nothing that was committed is lost' "$TAP_TOP/tests/bench/torture" "$LUNETTE" 4 4
