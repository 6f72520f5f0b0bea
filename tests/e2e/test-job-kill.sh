#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A job is killed at every step of its table, before and after it is done. Whatever it left is found
# and removed: no snapshot, no LUN, no target, no frozen file system, no lock; the next run succeeds.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
array_possible >/dev/null || tap_skip_all "$(array_possible)"
tap_begin

array_start >start.log 2>&1 || exit
array_lun 1 32 || exit
mkfs.ext4 -q "${ARRAY_LOOP[1]}" && thaw_mount "${ARRAY_LOOP[1]}" mnt
seq 100000 >mnt/numbers
"$LUNETTE" init repo >/dev/null
array_job srv job.conf
cat >>job.conf <<-EOF
	volumes = $PWD/mnt
	[disks]
	${ARRAY_LOOP[1]} = naa.6001405000000001
EOF
array_job other other.conf
cat >>other.conf <<-EOF
	volumes = $PWD/mnt
	[disks]
	${ARRAY_LOOP[1]} = naa.6001405000000001
EOF
export LUNETTE_STATE=$PWD/state

killed() {
	"$LUNETTE" job run --quiet --kill-at "$1" job.conf
	[ $? -eq 137 ]
}
clean() { # nothing is left of anything
	local left
	left=$(array_leftovers)
	[ -z "$left" ] || { echo "left: $left" && return 1; }
	thaw_writable mnt || return 1
	"$LUNETTE" job status --json | jq -e 'all(.runs[]; .clean)' >/dev/null || { "$LUNETTE" job status && return 1; }
}
left_something() {
	[ -n "$(array_leftovers)" ]
}

steps=$("$LUNETTE" job --help | tr -s ' \n' ' ' | sed 's/.*Steps: \(.*\) --dry-run.*/\1/')
is 'the table is as it was when this test was written' "$steps" \
	'repository agent storage disks reserve snapshot luns server map software connect backup complete'
dirty=0
# The failover is another way down: test-job-failover.sh.
for step in ${steps/software /}; do
	for when in before after; do
		ok "it is killed at $step:$when" killed "$step:$when"
		left_something && dirty=$((dirty + 1))
		ok 'what it left can be recovered' timeout "$TAP_PATIENCE" "$LUNETTE" job recover
		ok 'nothing is left' clean
	done
done
last=$("$LUNETTE" job status --json | jq -c '[.runs[] | select(.point)] | last')
is 'one that died when it had made its restore point tells of it' "$(jq -r '.status, .point.id' <<<"$last")" \
	"dead"$'\n'"$("$LUNETTE" list --repo repo --json | jq -r '.points[-1].id')"
is 'and how consistent that is' "$(jq -r '.point.consistency' <<<"$last")" \
	"$("$LUNETTE" list --repo repo --json | jq -r '.points[-1].consistency')"
fails 'in words, too, and where the log is' 0 "$(jq -r '"\(.run) +dead +\(.point.id[:12]), \(.point.consistency)"' <<<"$last")" "$LUNETTE" job status
# From the snapshot on, all of them leave something; otherwise this test would not test anything.
ok "$dirty of them left something on the storage" [ "$dirty" -ge 10 ]

# ---- journals that cannot be read ----
ok 'it is killed once more' killed backup:after
ok 'there is something left' left_something
runs=state/srv/runs
head -c 3000 /dev/urandom >$runs/20200101T000000Z-0001.journal
mkfifo $runs/20200101T000000Z-0002.journal
mkdir $runs/20200101T000000Z-0003.journal
ln -s /etc/passwd $runs/20200101T000000Z-0004.journal
echo '{"record":"start","version":1}' >$runs/20200101T000000Z-0005.journal
mkfifo state/srv/base.json
fails 'the status tells of all runs' 0 'dead.*NOT cleaned up' "$LUNETTE" job status
is 'and of four whose journals cannot be read' "$("$LUNETTE" job status --json | jq '[.runs[] | select(.status == "unreadable")] | length')" 4
fails 'a dry run changes nothing' 0 'would be set aside' "$LUNETTE" job recover --dry-run
is 'all are there' "$(find $runs -name '*.unreadable' | wc -l)" 0
fails 'they are set aside, and the dead run is cleaned up' 3 'is set aside' "$LUNETTE" job recover
is 'all five' "$(find $runs -name '*.unreadable' | wc -l)" 5
ok 'nothing is left' clean
ok 'and are not spoken of again' "$LUNETTE" job recover
is 'not with a word' "$("$LUNETTE" job recover 2>&1 | grep -c 'aside')" 0
fails 'a base that cannot be read is none' 3 'base of the next delta cannot be used' timeout "$TAP_PATIENCE" "$LUNETTE" job run job.conf
rm -f state/srv/base.json

ok 'it is killed once more' killed backup:after
ok 'there is something left' left_something
list=$(printf '%s\n' $runs/*.journal | tail -n 1)
list=${list%.journal}.changed && echo '{}' >"$list" # as if it had died while it asked what had changed
# The restore point was made before the kill.
fails 'a dry run only tells' 0 'would remove snapshot' "$LUNETTE" job recover --dry-run
ok 'and leaves it there' left_something
ok 'the next run, of another job, removes it and succeeds' timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet other.conf
ok 'and its list of changes' [ ! -e "$list" ]
ok 'nothing is left' clean
ok 'the next run of the job succeeds' timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet job.conf
ok 'nothing is left after that either' clean
