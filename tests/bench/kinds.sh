#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Disks of all kinds that there are, alone, beside another one, after a change, and damaged in ten ways each: half an
# hour. See tests/e2e/test-kinds.sh.
#
# KINDS_DATA and KINDS_CASES: folders with disks that are not ours to hand on; those kinds are skipped without them.
KINDS=${KINDS:-all} KINDS_SEEDS=${KINDS_SEEDS:-10} exec bash "$(dirname "$0")/../e2e/test-kinds.sh"
