#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Somebody has to prune and check: one part of the data after the other, by hand or from a job; what was
# done is noted, told, and kept from being done twice; and whatever happens over it, the restore point
# stands.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
. "$TAP_TOP/tests/support/json-keys.sh"
array_possible >/dev/null || tap_skip_all "$(array_possible)"
tap_begin

array_start >start.log 2>&1 || exit
array_lun 1 64 || exit
mkfs.ext4 -q "${ARRAY_LOOP[1]}" && mount "${ARRAY_LOOP[1]}" mnt && tap_at_exit umount "$PWD/mnt"
head -c 9M /dev/urandom >mnt/random
"$LUNETTE" init repo >/dev/null
export LUNETTE_STATE=$PWD/state LUNETTE_REPO=$PWD/repo

run() {
	timeout "$TAP_PATIENCE" "$LUNETTE" job run --json --quiet "$@"
}
of_result() {
	jq -c "$1" .out
}
metric() { # FILE NAME LABELS
	sed -n "s|^lunette_repository_$2{$3} ||p" "$1"
}
note() {
	echo state/repositories/*/upkeep.json
}
break_pack() {
	pack=$(find repo/packs -type f -printf '%s %p\n' | sort -n | tail -1 | cut -d' ' -f2)
	cp -a "$pack" kept && chmod u+w "$pack"
	printf damage | dd of="$pack" bs=1 seek=$(($(stat -c %s "$pack") / 2)) conv=notrunc status=none
}
mend_pack() {
	mv -f kept "$pack"
}

# ---- a job that never did it before ----
array_job_mnt first <<EOF
[upkeep]
prune = monthly
check = after-run
read-data = next/2
[notify]
prometheus-file = first.prom
EOF
ok 'a run prunes and checks' run first.conf
is 'and says so' "$(of_result '[.status, .upkeep.prune.status, .upkeep.check.status, .upkeep.check.part]')" \
	'["ok","ok","ok",{"number":1,"of":2}]'
jq .upkeep .out >upkeep.json
ok 'the next run' run first.conf
is 'does not prune in the same month, and reads the next part' "$(of_result '[.upkeep.prune, .upkeep.check.part.number]')" '[null,2]'
fails 'status tells of it' 0 'check: no damage; .* of data read, in [0-9]+ of [0-9]+ packs: part 2 of 2' "$LUNETTE" job status first
is 'the steps too' "$("$LUNETTE" job status --json first | jq -c '[.runs[].steps[] | select(.step == ("prune", "check")) | .step + " " + .state] | sort')" \
	'["check done","check done","prune done"]'
labels="job=\"first\",repository=\"$PWD/repo\""
is 'so do the metrics' "$(metric first.prom prune_success "$labels") $(metric first.prom check_success "$labels") $(metric first.prom check_problems "$labels")" '1 1 0'
cp first.prom before.prom
sed "s|^agent = .*|agent = local\nagent-program = $PWD/none|" first.conf >broken.conf
fails 'a run that makes no restore point' 1 'none' "$LUNETTE" job run --quiet broken.conf
is 'takes the metrics of the repository over' "$(grep repository first.prom)" "$(grep repository before.prom)"
is 'and has done nothing' "$(jq -r '.check.part.number' "$(note)")" 2

# ---- by hand, on the same notes ----
is 'check goes on behind what the job has read' "$("$LUNETTE" check --read-data=next/2 --json | jq -c .part)" '{"number":1,"of":2}'
fails 'list says when it was' 0 '^last check .*: no damage; .*: part 1 of 2' "$LUNETTE" list
"$LUNETTE" list --json | jq .upkeep >listed.json
json_frozen Upkeep upkeep.json listed.json
is 'and in JSON' "$("$LUNETTE" list --json | jq -c '[.upkeep.check.status, .upkeep.prune.status]')" '["ok","ok"]'
is 'other parts are counted by themselves' "$("$LUNETTE" check --read-data=next/3 --json | jq -c .part)" '{"number":1,"of":3}'
break_pack
umask 077 # as that of the units
fails 'damage is found' 1 'is damaged' "$LUNETTE" check --read-data --prometheus-file repo.prom
is 'and noted' "$(jq -c '[.check.status, .check.done == .check.time, .check.success <= .check.time, .prune.status]' "$(note)")" '["damaged",true,true,"ok"]'
is 'and told to Prometheus' "$(metric repo.prom check_success "repository=\"$PWD/repo\"") $(metric repo.prom prune_success "repository=\"$PWD/repo\"")" '0 1'
is 'whose exporter is somebody else' "$(stat -c %a repo.prom)" 644
umask 022
array_job_mnt hurt <<EOF
[upkeep]
check = monthly
[notify]
command = notify
EOF
printf '#!/bin/sh\ncat >%s/notified\n' "$PWD" >notify && chmod +x notify
ok 'what was checked this month is not checked again' run hurt.conf
is 'nor told of twice' "$(of_result '[.status, .upkeep]')" '["ok",{}]'
sed -i 's/monthly/after-run\nread-data = 100%/' hurt.conf
fails 'a job that finds damage' 3 DAMAGE "$LUNETTE" job run hurt.conf
is 'tells whom it was told to tell' "$(jq -c '[.status, .upkeep.check.status, (.point.id | length)]' notified)" '["warnings","damaged",64]'
mend_pack
ok 'and which is gone when all is read again' "$LUNETTE" check --read-data

# ---- where nothing can be noted ----
fails 'without a place for notes the next part is not known' 1 'to note which part comes next' env LUNETTE_STATE=/proc/none "$LUNETTE" check --read-data=next/2
fails 'and what was done is done' 3 'warning: what was done is not noted' env LUNETTE_STATE=/proc/none "$LUNETTE" prune
if [ ! -e /var/lib/lunette ]; then
	ok 'who has no such place and does not name one is not bothered' env -u LUNETTE_STATE "$LUNETTE" prune
	ok 'nor is one made for him' [ ! -e /var/lib/lunette ]
fi

# ---- somebody else is at it ----
for name in a b c; do
	array_job_mnt $name <<EOF
[upkeep]
prune = after-run
check = after-run
EOF
done
for name in a b c; do
	run $name.conf >$name.out 2>&1 &
	jobs_at_once+=($!)
done
wait "${jobs_at_once[@]}"
# But that they freeze the same file system.
is 'jobs at once do not mind each other' "$(jq -c '[.point != null, (.warnings | map(select(test("frozen it$") | not)))]' a.out b.out c.out | sort -u)" '[true,[]]'
ok 'all is whole' "$LUNETTE" check --read-data
sleep 600 &
sleeper=$!
tap_at_exit kill $sleeper
jq -n --arg boot "$(cat /proc/sys/kernel/random/boot_id) $(readlink /proc/self/ns/pid)" --argjson pid $sleeper '{format: "lunette-lease",
	version: 1, features: [], lease: "00", purpose: "prune", exclusive: true, host: "proxy7", boot: $boot, pid: $pid, begun: 0,
	since: "2026-11-22T17:00:00Z", expires: "2099-01-01T00:00:00Z", marks: []}' >lease.json
mkdir -p repo/leases && cp lease.json "repo/leases/$(sha256sum <lease.json | cut -d' ' -f1)"
before=$(jq -c .prune "$(note)")
ok 'another machine prunes' run a.conf
is 'which is left to it' "$(of_result '[.status, (.upkeep | keys)]')" '["ok",["check"]]'
ok 'and the log says so' grep -q "prune: left to a later run: .*proxy7" state/a/runs/*.log
"$LUNETTE" prune >/dev/null 2>&1
is 'what was not done is not noted' "$(jq -c .prune "$(note)")" "$before"
kill $sleeper && wait $sleeper 2>/dev/null
hold() { # FILE of the state folder
	exec {held}<>"$(dirname "$(note)")/$1" && flock "$held"
}
hold prune.lock
ok 'another job prunes' run a.conf
is 'which is left to it, too' "$(of_result '[.status, (.upkeep | keys)]')" '["ok",["check"]]'
exec {held}>&-

# ---- a run that dies over it ----
hold lock # so that it cannot end
"$LUNETTE" job run --quiet b.conf >/dev/null 2>&1 {held}>&- &
victim=$!
keeps_up() {
	"$LUNETTE" job status b | grep -q 'running .*waits for: the prune of the repository'
}
tap_until keeps_up
is 'nothing is left on the array by then' "$(array_leftovers)" ''
kill -KILL $victim && wait $victim 2>/dev/null
exec {held}>&-
is 'one that is killed did not end well, and has made its restore point' \
	"$("$LUNETTE" job status --json b | jq -c '.runs[] | select(.clean | not) | [.status, (.point.id | length)]')" '["dead",64]'
ok 'there is nothing to recover' timeout "$TAP_PATIENCE" "$LUNETTE" job recover
ok 'the next run does what that one did not' run b.conf
is 'in full' "$(of_result '[.status, .upkeep.prune.status, .upkeep.check.status]')" '["ok","ok","ok"]'

# ---- mistakes ----
fails 'a part that there is not' 2 'next/30' "$LUNETTE" check --read-data=next/0
sed -i 's/^prune = .*/prune = sometimes/' a.conf
fails 'a word that is none' 1 "a.conf:[0-9]+: \[upkeep\] prune = 'sometimes': never, after-run, daily, weekly or monthly is wanted" "$LUNETTE" job check a.conf
