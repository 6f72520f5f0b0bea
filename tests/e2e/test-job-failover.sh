#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# on-snapshot-failure = failover where the server cannot take a snapshot itself: the job says so, and
# nothing is left. Where it can, with logical volumes: tests/vm/test-job-failover.sh.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
array_possible >/dev/null || tap_skip_all "$(array_possible)"
tap_begin

. "$TAP_TOP/tests/support/job-faults.sh"
printf '[policy]\non-snapshot-failure = failover\n' >>job.conf

ok 'as long as the storage works, there is no failover' run
is 'the restore point is of the storage' "$("$LUNETTE" show srv@latest --repo repo --json | jq -c '[has("storage"), has("software_snapshot")]')" '[true,false]'
sentence="the storage has failed, and the failover too: .*no snapshot of '$PWD/mnt' is possible: .* is no logical volume"
ok 'storage that is late: the failover is tried, and why it is not possible is said' ends 'commit delay 60' "$sentence"
ok 'the story has the cause too' grep -q 'WARNING: the storage has failed, and by on-snapshot-failure = failover .*no answer in time' state/srv/runs/*.log
is 'the journal says so' "$(grep -h '"failover"' state/srv/runs/*.journal | grep -c 'no answer in time')" 1
is 'the storage was cleaned up before' "$("$LUNETTE" job status --json srv | jq -r '[.runs[-1].steps[] | select(.step == "storage" and .undo or .step == "software" and (.undo | not)) | .step] | join(" ")')" \
	'storage software'
ok 'storage that refuses' ends 'commit refuse' "$sentence"
ok 'storage that does not get ready' ends 'prepare refuse' "$sentence"
ok 'LUNs that cannot be made' ends 'lun-create die' "$sentence"
ok 'the wrong LUN' ends 'map wrong 2' "$sentence"
is 'no restore point was made of any of these' "$(restore_points)" 1

# ---- killed on the way ----
echo 'commit refuse' >fault
ok 'a run that is killed before the server takes its snapshot' \
	[ "$("$LUNETTE" job run --quiet --kill-at software:before job.conf >/dev/null 2>&1; echo $?)" = 137 ]
rm -f fault
ok 'recover finishes it' "$LUNETTE" job recover
ok 'and nothing is left' nothing_left

# ---- what is no failure of the storage ----
sed 's|^volumes = .*|volumes = /no/such/volume|' job.conf >volume.conf
fails 'a volume that is not there is no reason to fail over' 1 '/no/such/volume' "$LUNETTE" job run --quiet volume.conf
cp .out out
ok 'and no failover is tried' bash -c "! grep -q 'by on-snapshot-failure' out"
