#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Each lie of a target once, and those that are hardest to see more often: `make torture` has thousands.
. "$(dirname "$0")/../support/tap.sh"
tap_begin
export TMPDIR=$TAP_DIR SEED=1
ok 'a target that lies: the right data, or an error' "$TAP_TOP/tests/bench/liar" "$LUNETTE" 72
ok 'answers under the tags of others' "$TAP_TOP/tests/bench/liar" "$LUNETTE" 12 tag-of-another tag-next piece-of-another
