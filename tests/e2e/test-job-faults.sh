#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Storage that is late, silent, dead, or wrong: each ends as the contract says, within the limits
# (short ones, where they are what it ends by), the server is thawed in time, and nothing is left.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
array_possible >/dev/null || tap_skip_all "$(array_possible)"
tap_begin

. "$TAP_TOP/tests/support/job-faults.sh"

ok 'without a fault it is a plug-in like any other' run
is 'there is a restore point' "$(restore_points)" 1
ok 'storage that is nearly late is in time' bash -c "echo 'commit delay 2' >fault; timeout $TAP_PATIENCE '$LUNETTE' job run --quiet job.conf"
rm -f fault
is 'there is another one' "$(restore_points)" 2

ok 'storage that is late' ends 'commit delay 60' 'commit: no answer in time'
ok 'storage that never answers' ends 'commit never' 'commit: no answer in time'
ok 'a plug-in that dies' ends 'commit die' 'ended without being told to'
ok 'storage that answers nonsense' ends 'commit garbage' 'not JSON'
ok 'storage that makes it and says no' ends 'commit refuse' 'told to refuse'
ok 'storage that makes nothing and says yes' ends 'commit lie' 'does not list it: there is none'
ok 'storage that takes its snapshot after we have gone' ends 'commit later 6' 'no answer in time'
tap_until [ -e fault.late ]
ok 'that snapshot does not come' nothing_left
ok 'LUNs that cannot be made' ends 'lun-create die' 'ended without being told to'
ok 'LUNs that are made, and it says no' ends 'lun-create refuse' 'told to refuse'
ok 'mappings that never come' ends 'map never' 'map: no answer in time'
ok 'mappings that are made, and it says no' ends 'map refuse' 'told to refuse'
is 'no restore point was made of any of these' "$(restore_points)" 2
