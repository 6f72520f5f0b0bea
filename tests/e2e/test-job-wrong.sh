#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# LUNs that are not what they should be, and what cannot be cleaned up at once: no restore point is made of
# the wrong thing, and nothing is forgotten.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
array_possible >/dev/null || tap_skip_all "$(array_possible)"
tap_begin

. "$TAP_TOP/tests/support/job-faults.sh"

# ---- the wrong LUN ----
ok 'the LUN of somebody else' ends 'map wrong 2' 'naa.6001405000000002|not a snapshot|wrong LUN'
cp array/lun1.img array/larger && truncate -s 33M array/larger
ok 'a LUN of another size' ends "map other $PWD/array/larger" 'bytes|size'
sync -f mnt && cp array/lun1.img array/older
ok 'the agent does not see that a LUN is older' bash -c ': written after that >mnt/new && sync -f mnt'
ok 'a LUN that shows the old content' ends "map other $PWD/array/older" 'as it was when it was frozen'
is 'no restore point was made of any of these' "$(restore_points)" 0
ok 'now all is well again' run
is 'there is a restore point' "$(restore_points)" 1

# ---- what cannot be cleaned up at once is not forgotten ----
echo 'snap-delete refuse' >fault
ok 'a snapshot that is removed, and it says no, is not believed to be left' run
echo 'lun-delete die' >fault
ok 'a LUN that cannot be removed: there is a restore point, with a warning' \
	[ "$(timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet job.conf >/dev/null 2>&1; echo $?)" = 3 ]
ok 'it is in the metrics' grep -qE '^lunette_job_leaked_objects\{job="srv"\} [1-9]' metrics
ok 'and that there is a warning' grep -qE '^lunette_job_warnings\{job="srv"\} [1-9]' metrics
fails 'recover fails too, and says so' 1 'NOT cleaned up' "$LUNETTE" job recover
rm -f fault
ok 'until the storage is well again' "$LUNETTE" job recover
ok 'then nothing is left' nothing_left

# ---- a storage that does not tell whose things are whose ----
array_job_mnt keeper <<EOF
[backup]
delta = yes
EOF
ok 'another job keeps a snapshot' timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet keeper.conf
echo 'list others' >fault
ok 'that is listed as well, and not touched' run
rm -f fault
ok 'it is there' compgen -G 'array/snapshots/keeper-*:0'
ok 'until its own job gives it back' "$LUNETTE" job remove keeper

# ---- a run that is cancelled while it removes what it made ----
# FAULT: a run that is so far, in the background; its number is in $job
removing() {
	echo "$1" >fault
	"$LUNETTE" job run --quiet job.conf 2>run.log &
	job=$!
	tap_until is_removing
}
is_removing() {
	"$LUNETTE" job status --json srv | jq -e '.runs[-1] | .status == "running" and .steps[-1].undo and .steps[-1].step == "luns"' >/dev/null
}
removing 'lun-delete delay 5'
"$LUNETTE" job cancel srv &
first=$!
sleep 1.2 # sooner, a second signal is taken for the same wish
ok 'cancelling it again waits as well' timeout "$TAP_PATIENCE" "$LUNETTE" job cancel srv
wait $first
is 'as the first one does' $? 0
wait "$job"
is 'the run comes to its end' $? 0
rm -f fault
ok 'and nothing is left' nothing_left
removing 'lun-delete delay 60'
"$LUNETTE" job cancel srv 2>cancel.log &
first=$!
tap_until grep -qs told state/srv/lock
kill -KILL "$job"
wait $first
is 'one that was killed meanwhile is not cancelled as it should be' "$? $(grep -c 'not all that it made is removed' cancel.log)" '1 1'
rm -f fault
ok 'what it left is removed' "$LUNETTE" job recover
ok 'all of it' nothing_left

# ---- the plug-in goes away in the middle, as when its package is removed ----
# shellcheck disable=SC2016 # is for the script
printf '#!/bin/sh\nchmod -x plugin-that-fails\nkill -KILL "$PPID"\n' >away && chmod 755 away
echo "lun-create run $PWD/away" >fault
fails 'a plug-in that dies and cannot be started again: the run comes to its end' 1 "NOT all is cleaned up: .*plugin-that-fails': Permission denied" \
	"$LUNETTE" job run job.conf
rm -f fault && chmod +x plugin-that-fails
is 'and tells how it was' "$("$LUNETTE" job status --json | jq -c '.runs[-1] | [.status, .clean]')" '["failed",false]'
ok 'what is left is removed once it is there again' "$LUNETTE" job recover
ok 'all of it' nothing_left

# ---- the folder of the state becomes full ----
mkdir small && mount -t tmpfs -o size=1m small small && tap_at_exit umount --lazy "$PWD/small"
cp job.conf full.conf && sed -i "s|^agent = local|agent = local\npre-freeze = $PWD/filler|" full.conf
printf '#!/bin/sh\ndd if=/dev/zero of=%s bs=4k 2>/dev/null\nseq 2000\n' "$PWD/small/ballast" >filler && chmod 755 filler .
timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet --json --state small full.conf >result
is 'it does not keep a run from its end' $? 3
is 'which tells that its log is not whole' "$(jq -c '[.status, (.point.id | length), .warnings]' result)" \
	'["warnings",64,["the log of the run is not whole: No space left on device"]]'
is 'the status is as true as without' "$("$LUNETTE" job status --state small --json | jq -c '.runs[0] | [.status, .clean, (.point.id | length)]')" \
	'["warnings",true,64]'
printf '#!/bin/sh\ncat >%s/told\n' "$PWD" >tell && chmod 755 tell
sed 's|^prometheus-file = .*|prometheus-file = no-run.prom\ncommand = tell|' full.conf >no-run.conf
fails 'a run that cannot begin says why' 1 'No space left on device' "$LUNETTE" job run --quiet --state small no-run.conf
is 'also to who is to be told' "$(jq -c '[.job, .status, (.why | test("No space left"))]' told)" '["srv","failed",true]'
is 'and in the metrics' "$(sed -n 's/^lunette_job_failures_total{job="srv"} //p' no-run.prom)" 1
rm told
fails 'that another one runs already is no failure of the job' 12 'runs already' flock small/srv/lock "$LUNETTE" job run --quiet --state small no-run.conf
ok 'and nobody is told of it' [ ! -e told ]
rm -f small/ballast
ok 'nothing is left of it' "$LUNETTE" job run --quiet --state small job.conf
is 'nor of its reserve' "$(($(du -k small/srv/runs/*.journal | sort -n | tail -n 1 | cut -f1) <= 16))" 1

# ---- the agent is killed ----
# shellcheck disable=SC2016 # is for the hook
printf '#!/bin/sh\necho "$PPID" >"$(dirname "$0")/agent.pid"\n' >hook && chmod 755 hook .
cp job.conf killed.conf && sed -i "s|^agent = local|agent = local\npre-freeze = $PWD/hook|" killed.conf
echo "commit kill $PWD/agent.pid" >fault
fails 'an agent that is killed while all is frozen' 1 'agent' "$LUNETTE" job run --quiet killed.conf
rm -f fault
ok 'the server is thawed all the same, and nothing is left' nothing_left

# ---- the target is away ----
printf '#!/bin/sh\nkill -KILL %s\n' "$TGT_PID" >hook && chmod 755 hook && chmod 755 .
cp job.conf away.conf && sed -i "s|^agent = local|agent = local\npost-thaw = $PWD/hook|" away.conf
fails 'a target that is killed in the middle of it' 1 'lunette:' "$LUNETTE" job run --quiet away.conf
ok 'the server is not frozen' thaw_writable mnt
tgt_kill
tgt_start "$PWD/target" "$TGT_PORT" && tgt_target 1 iqn.2026-11.test:array && tgt_lun 1 1 array/lun1.img &&
	tgt_params 1 1 scsi_id=naa.6001405000000001,scsi_sn=LUN1
ok 'when it is back, the next run cleans up and succeeds' run
ok 'and nothing is left' nothing_left
