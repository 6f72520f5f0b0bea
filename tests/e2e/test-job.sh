#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The snapshot job on a real array (files on XFS, tgtd, the plug-in lunette-reflink) and a real agent:
# what is stored is what was on the server at that moment, and nothing is left on the array.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
. "$TAP_TOP/tests/support/points.sh"
. "$TAP_TOP/tests/support/json-keys.sh"
array_possible >/dev/null || tap_skip_all "$(array_possible)"
tap_begin

array_start >start.log 2>&1 || exit
array_lun 1 64 || exit
mkfs.ext4 -q "${ARRAY_LOOP[1]}" && thaw_mount "${ARRAY_LOOP[1]}" mnt
seq 100000 >mnt/numbers
"$LUNETTE" init repo >/dev/null
export LUNETTE_STATE=$PWD/state LUNETTE_REPO=$PWD/repo

of_result() {
	jq -r "$1" result
}
of_point() {
	"$LUNETTE" show "$1@latest" --json | jq -r "$2"
}
holds() { # the latest restore point of $1 holds the file that is given
	"$LUNETTE" restore "$1@latest" --disk disk0 "$1.img" >/dev/null && mkdir -p look &&
		mount -o loop,ro,noload "$1.img" look && cmp "$2" "look/${2##*/}"
	local rc=$?
	umount look
	rm -f "$1.img"
	return $rc
}

# ---- a run ----
cat >notify <<'EOF'
#!/bin/sh
cat >"$(dirname "$0")/notified"
echo told somebody
EOF
chmod +x notify
array_job_mnt srv <<EOF
[notify]
command = notify
on = always
prometheus-file = srv.prom
EOF
ok 'check asks everybody and changes nothing' "$LUNETTE" job check srv.conf
fails 'also whether runs can be noted' 0 '^ok +the folder for what jobs do$' "$LUNETTE" job check --state new/state srv.conf
ok 'without making the folder' [ ! -e new ]
for deed in run check; do
	fails "$deed: where nothing can be noted" 1 "what jobs do cannot be noted in '/dev/null/state' \(--state or LUNETTE_STATE says where else\): .*Not a directory" \
		"$LUNETTE" job $deed --state /dev/null/state srv.conf
done
is 'nothing was made' "$(array_leftovers)" ''
seq 200000 >mnt/written-last
ok 'a run succeeds' timeout "$TAP_PATIENCE" "$LUNETTE" job run --json --quiet srv.conf
cp .out result
is 'it is file-system consistent' "$(of_result .consistency)" filesystem
is 'it is all well' "$(of_result .status)" ok
is 'nothing is left on the array' "$(array_leftovers)" ''
ok 'what was written last is in it' holds srv mnt/written-last
is 'the restore point says how consistent it is' "$(of_point srv .consistency)" filesystem
is 'and which LUN of the server it was' "$(of_point srv '.storage.luns[0].identity')" naa.6001405000000001
is 'and that another LUN was read' "$(of_point srv '.storage.luns[0].lun == .disks[0].lun.id and .disks[0].lun.id != "naa.6001405000000001"')" true
is 'the result is told as JSON' "$(jq -r .point.id notified)" "$(of_result .point.id)"
is 'success is in the metrics' "$(grep -c '^lunette_job_last_success_timestamp_seconds{job="srv"} [1-9]' srv.prom)" 1
is 'and no leak' "$(grep '^lunette_job_leaked' srv.prom)" 'lunette_job_leaked_objects{job="srv"} 0'
is 'nor a warning' "$(grep '^lunette_job_warnings' srv.prom)" 'lunette_job_warnings{job="srv"} 0'
ok 'the log reads as a story' grep -q 'file-system consistent' state/srv/runs/*.log
fails 'status tells of it' 0 'srv .* ok .*filesystem' "$LUNETTE" job status
is 'and where its log is' "$("$LUNETTE" job status --json srv | jq -r '.runs[0].log')" "$(ls "$PWD"/state/srv/runs/*.log)"
is 'status has every step' "$("$LUNETTE" job status --json srv | jq -r '[.runs[0].steps[] | select(.undo | not) | .step] | join(" ")')" \
	'repository agent storage disks reserve snapshot luns server map connect backup complete'
array_job_mnt deaf <<EOF
[notify]
command = /bin/false
on = always
EOF
fails 'a notification that fails is a warning' 3 '' timeout "$TAP_PATIENCE" "$LUNETTE" job run --json --quiet deaf.conf
cp .out result
is 'so says the result' "$(of_result '.status, (.warnings | length)')" $'warnings\n1'
is 'and the status' "$("$LUNETTE" job status --json deaf | jq -c '[.runs[0].status, .runs[0].clean, (.runs[0].outcome.warnings | length)]')" '["warnings",true,1]'
ok 'and the log' grep -q 'the job ends.*: warnings$' state/deaf/runs/*.log

# ---- hooks ----
for hook in pre post; do
	printf '#!/bin/sh\necho %s >>%s/hooks\n' "$hook" "$PWD" >"$hook" && chmod 755 "$hook"
done
array_job_mnt app <<EOF
pre-freeze = $PWD/pre
post-thaw = $PWD/post
EOF
sed -i '/^pre-freeze\|^post-thaw/d' app.conf && sed -i "s|^agent = local|agent = local\npre-freeze = $PWD/pre\npost-thaw = $PWD/post|" app.conf
chmod 755 . # a hook that others could change is not run
ok 'a run with hooks' timeout "$TAP_PATIENCE" "$LUNETTE" job run --json --quiet app.conf
cp .out result
is 'it is application consistent' "$(of_result .consistency)" application
is 'they ran in their order' "$(tr '\n' ' ' <hooks)" 'pre post '
printf '#!/bin/sh\nexit 1\n' >pre
ok 'a hook that fails is no success' [ "$(timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet app.conf >out 2>&1; echo $?)" = 3 ]
is 'and not application consistent' "$(of_point app .consistency)" filesystem

# ---- retention ----
array_job_mnt kept <<EOF
[retention]
keep-last = 1
EOF
good=$(of_point srv .id)
for day in 01 02; do
	points_forge repo "$good" ".name = \"kept\" | .time = \"2020-01-${day}T02:00:00Z\"" >/dev/null || exit
done
soon=$(points_forge repo "$good" ".name = \"kept\" | .time = \"$(date -u -d '+20 minutes' +%FT%TZ)\"")
future=$(points_forge repo "$good" '.name = "kept" | .time = "2099-01-01T00:00:00Z"')
fails 'a restore point of the future is told of' 3 '' timeout "$TAP_PATIENCE" "$LUNETTE" job run --json --quiet kept.conf
sed -n '/^{/,$p' .out >result
is 'in the warnings' "$(of_result '.status, (.warnings[] | select(test("of the future")) | test("kept@2099-01-01"))')" $'warnings\ntrue'
is 'and stays, as what was made just now does, though the rule keeps a later one' \
	"$("$LUNETTE" list --json kept | jq -r '.points[].id' | sort)" "$(printf '%s\n' "$soon" "$future" "$(of_result .point.id)" | sort)"
rm -f "repo/points/$future" "repo/points/$soon"

# ---- only what changed ----
kept() { # snapshots of the job
	find array/snapshots -name 'delta-*:0' | wc -l
}
array_job_mnt delta <<EOF
[backup]
delta = yes
verify-changed = 10%
full-every = 2
EOF
dd if=/dev/urandom of=mnt/random bs=1M count=20 status=none
ok 'the first run reads all' timeout "$TAP_PATIENCE" "$LUNETTE" job run --json --quiet delta.conf
cp .out result
all=$(of_result .point.read)
is 'its snapshot is kept' "$(kept)" 1
seq 5 >mnt/a-small-file
ok 'the second run' timeout "$TAP_PATIENCE" "$LUNETTE" job run --json --quiet delta.conf
cp .out result
ok "it read less: $(of_result .point.read) of $all bytes" [ "$(of_result .point.read)" -lt $((all / 2)) ]
ok 'and has what changed' holds delta mnt/a-small-file
ok 'and what did not' holds delta mnt/random
is 'one snapshot is kept' "$(kept)" 1
"$LUNETTE" job run --quiet delta.conf >/dev/null
ok 'the third one reads all again' [ "$(of_point delta '.parent == null')" = true ]
is 'one snapshot is kept all the time' "$(kept)" 1
ok 'what is kept is nothing to recover' timeout "$TAP_PATIENCE" "$LUNETTE" job recover
is 'and stays' "$(kept)" 1
snapshot=$(jq -r '.snapshots[0].snapshot' state/delta/base.json)
fails 'status shows it' 0 "^delta keeps on its storage, .*snapshot '$snapshot' of volume '.*lun1.img', since 20..-..-..T..:..:..Z$" "$LUNETTE" job status delta
is 'of which job, since when, with which plug-in' \
	"$("$LUNETTE" job status --json | jq -c '.kept[] | [.job, (.since | test("^20..-..-..T..:..:..Z$")), (.plugin | test("reflink$")), (.snapshots | length)]')" \
	'["delta",true,true,1]'

# ---- what fails behind the backup ----
printf '#!/bin/sh\nmkdir %s/state/late/base.json\n' "$PWD" >late && chmod 755 late
array_job_mnt late <<EOF
[backup]
delta = yes
EOF
sed -i "s|^agent = local|agent = local\npost-thaw = $PWD/late|" late.conf
fails 'is no success' 3 "WARNING: .*backup is done.*write '.*/late/base.json'" timeout "$TAP_PATIENCE" "$LUNETTE" job run late.conf
is 'and the outcome says so' "$("$LUNETTE" job status --json late | jq -r '.runs[0].outcome | .status, (.point | has("id")), (.warnings | length)')" $'warnings\ntrue\n1'
is 'its restore point is there' "$("$LUNETTE" list late --json | jq '.points | length')" 1
rmdir state/late/base.json

# ---- and is given back ----
mv delta.conf delta.conf.gone
fails 'a dry run of remove says what is kept' 0 "snapshot '$snapshot'" "$LUNETTE" job remove --dry-run delta
is 'and leaves it there' "$(kept) $(ls -d state/delta/base.json)" '1 state/delta/base.json'
exec {lock}<>state/delta/lock && flock -n $lock && echo $$ >state/delta/lock
fails 'while it runs it is refused' 12 'runs already' "$LUNETTE" job remove delta
exec {lock}>&-
is 'and nothing is lost' "$(kept)" 1
fails 'what is no job is not removed' 1 'there is no job' "$LUNETTE" job remove repos
mv array/snapshots array/elsewhere
fails 'without its storage it is not forgotten' 1 'lost by trying again' timeout "$TAP_PATIENCE" "$LUNETTE" job remove delta
mv array/elsewhere array/snapshots
# As an older version wrote it, and as if that had not happened yet.
rm state/delta/runs/remove-*
jq -n --arg s "$snapshot" --arg run "$(jq -r .run result)" '{run: $run, name: "delta-\($run)", point: "", deltas: 0, snapshots: [{volume: "v", identity: "i", snapshot: $s}]}' >state/delta/base.json
ok 'its time is that of its run' [ "$("$LUNETTE" job status --json delta | jq -r '.kept[0].since | gsub("[-:]"; "")')" = "$(jq -r '.run[:16]' result)" ]
ok 'remove, without a job file' timeout "$TAP_PATIENCE" "$LUNETTE" job remove --json delta
cp .out said
is 'gives it back' "$(kept)" 0
ok 'says what' grep -q "removing snapshot '$snapshot'" said
ok 'and forgets the job' [ ! -e state/delta ]
is 'its restore points stay' "$("$LUNETTE" list delta --json | jq '.points | length')" 3
mv delta.conf.gone delta.conf
ok 'the job begins anew' timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet delta.conf
is 'and keeps a snapshot' "$(kept)" 1

# ---- by name, and by file ----
mkdir jobs && sed "s|^repository = repo|repository = $PWD/repo|" delta.conf >jobs/nightly.conf
export LUNETTE_JOBS=$PWD/jobs
ok 'a job is checked by the name of its file' "$LUNETTE" job check nightly
ok 'and run' timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet nightly
is 'it is the job of that file, whatever its file is called' "$("$LUNETTE" job status --json nightly | jq -c '[.runs[].job] | unique')" '["delta"]'
is 'its file tells its name, too' "$("$LUNETTE" job status --json delta.conf)" "$("$LUNETTE" job status --json delta)"
ok 'recover takes either' "$LUNETTE" job recover ./delta.conf
fails 'so does cancel' 1 "job 'delta' does not run" "$LUNETTE" job cancel nightly
fails 'and remove' 0 '^delta keeps' "$LUNETTE" job remove --dry-run nightly
fails 'a name that nothing has' 1 "neither a file 'weekly' nor '$PWD/jobs/weekly.conf'" "$LUNETTE" job run weekly
fails 'nor a job' 1 "no job 'weekly' in" "$LUNETTE" job status weekly
fails 'what another command takes is not ignored' 2 "dry-run is of 'recover, remove' only" "$LUNETTE" job cancel --dry-run delta

# ---- two at once, and an end before the end ----
cat >wait-long <<'EOF'
#!/bin/sh
touch "$(dirname "$0")/waiting"
exec sleep 300
EOF
chmod +x wait-long
array_job_mnt slow <<EOF
EOF
sed -i "s|^agent = local|agent = local\npre-freeze = $PWD/wait-long\nhook-limit = 5m|" slow.conf
"$LUNETTE" job run --quiet slow.conf >slow.log 2>&1 &
slow=$!
tap_until [ -e waiting ]
fails 'a second run of the job is refused' 12 "runs already, as process $slow" "$LUNETTE" job run --quiet slow.conf
ok 'another job is not' timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet srv.conf
# The clock was ahead when another run died.
sed 's/"pid":[0-9]*/"pid":1/' state/slow/runs/*.journal >state/slow/runs/99991231T235959Z-ffff.journal
is 'what runs is told from what is dead, whatever their names' \
	"$("$LUNETTE" job status --json slow | jq -c '[.runs[] | [.run == "99991231T235959Z-ffff", .status]]')" '[[false,"running"],[true,"dead"]]'
rm state/slow/runs/99991231T235959Z-ffff.journal
fails 'status says what it waits for' 0 'slow .* running .*waits for: freeze, snapshot, thaw' "$LUNETTE" job status slow
ok 'it can be cancelled' timeout "$TAP_PATIENCE" "$LUNETTE" job cancel slow
wait $slow
is 'it failed' $? 1
ok 'the server is not frozen' thaw_writable mnt
is 'nothing of it is left' "$(array_leftovers | grep -c slow-)" 0
fails 'what does not run cannot be cancelled' 1 'does not run' "$LUNETTE" job cancel slow

# ---- no faster than it may ----
array_job_mnt paced <<EOF
[backup]
limit = 1K
memory = 16M
threads = 1
EOF
"$LUNETTE" job run --quiet paced.conf >paced.log 2>&1 &
paced=$!
reads() {
	"$LUNETTE" job status paced | grep -q 'running .*waits for: the backup'
}
tap_until reads
timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet srv.conf
ok 'one that may read hardly anything a second still does when another one has ended' reads
ok 'it can be cancelled' timeout "$TAP_PATIENCE" "$LUNETTE" job cancel --json paced
is 'which says whom' "$(jq -c . .out)" '{"job":"paced"}'
wait $paced
fails 'before it has read it all' 0 'paced .* interrupted' "$LUNETTE" job status paced

# ---- how many snapshots there may be ----
array_job_mnt many <<EOF
[limits]
snapshots = 1
EOF
fails 'one more than allowed is refused, before the freeze' 1 'has 1 snapshots of lunette already, and 1 are allowed' \
	"$LUNETTE" job run --quiet many.conf

# ---- what the server has not mounted ----
array_lun 2 64 || exit
mkdir two
printf 'label: gpt\nstart=2048,size=65536\nstart=67584,size=32768\n' | sfdisk -q "${ARRAY_LOOP[2]}" 2>/dev/null
[ -e "${ARRAY_LOOP[2]}p1" ] || addpart "${ARRAY_LOOP[2]}" 1 2048 65536
tap_at_exit delpart "${ARRAY_LOOP[2]}" 1
mkfs.ext4 -q "${ARRAY_LOOP[2]}p1" && thaw_mount "${ARRAY_LOOP[2]}p1" two
seq 9999 | dd of="${ARRAY_LOOP[2]}" bs=512 seek=67584 conv=notrunc,fsync status=none
for whole in no yes; do
	array_job "whole-$whole" "whole-$whole.conf"
	printf 'volumes = %s\n[disks]\n%s = naa.6001405000000002\n[backup]\nwhole-disks = %s\n' "$PWD/two" \
		"${ARRAY_LOOP[2]}" $whole >>"whole-$whole.conf"
	timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet "whole-$whole.conf"
	"$LUNETTE" restore "whole-$whole@latest" --disk disk0 "$whole.img" >/dev/null
	tail -c +$((67584 * 512 + 1)) "$whole.img" | head -c 1000 >"$whole.raw"
done
ok 'what is not mounted is not in a backup of volumes' cmp -n 1000 no.raw /dev/zero
ok 'and is in one of whole disks' cmp yes.raw <(seq 9999 | head -c 1000)

# ---- mistakes ----
cat >bad.conf <<EOF
[job]
name = a b
colour = red
[server]
agent = ssh:-oProxyCommand=x
cluster = maybe
[limits]
snapshot = 60s
freeze = 9
[repository]
x = 1
EOF
fails 'mistakes are told with their lines' 1 "bad.conf:2: \[job\] name = 'a b'" "$LUNETTE" job run bad.conf
cp .out mistakes
for words in 'bad.conf:3: there is no .colour. in section' 'bad.conf:6: .*.no. or .yes. is wanted' \
	'bad.conf:8: .*from 100ms to 59000ms' 'bad.conf:9: .*a time as 9s' 'bad.conf:11: there is no section .repository.' \
	'agent = .ssh:-o.*wanted' 'storage. plugin is needed' 'job file .bad.conf. has [0-9]+ mistakes'; do
	ok "all at once: $words" grep -qE "$words" mistakes
done
array_job_mnt cluster <<EOF
[limits]
snapshot = 20s
EOF
sed -i 's/^agent = local/agent = local\ncluster = yes/' cluster.conf
fails 'a cluster never gets more than 9 s' 1 'never more than 9s for a failover cluster' "$LUNETTE" job check cluster.conf
sed -i 's/^directory/dirctory/; s/cluster = yes//' cluster.conf
fails 'the plug-in says what it does not know' 1 'dirctory: plug-in .lunette-reflink. has no such setting|needs .directory.' \
	"$LUNETTE" job run cluster.conf

# ---- documents ----
doc() { # doc NAME ARGUMENTS...: NAME.json is what is printed, whatever the status
	timeout "$TAP_PATIENCE" "$LUNETTE" job "${@:2}" --json >"$1.json" 2>>errors || :
}
doc run-failed run cluster.conf
is 'a run that fails says why once in its log' "$(grep -hc FAILED state/cluster/runs/*.log | sort -u)" 1
doc run-well run --quiet srv.conf
doc check check srv.conf
doc recover recover
doc status status
doc remove remove --dry-run delta
jq 'del(.upkeep, .error)' run-failed.json >run.json && jq 'del(.upkeep)' run-well.json >>run.json
json_frozen 'lunette job run' run.json
json_frozen 'lunette job check' check.json
jq 'del(.runs[].outcome)' status.json >no-outcome.json
json_frozen 'lunette job status' no-outcome.json
jq '.runs[].outcome | values | del(.upkeep, .record, .time, .ms)' status.json >outcomes.json
json_documented 'lunette job run' outcomes.json notified
ok 'a step whose calls have a limit says it' jq -e '[.runs[].steps[] | select(.step == "snapshot").limit_ms] | all(. > 0) and length > 0' status.json
json_frozen 'lunette job recover' recover.json
jq 'del(.kept[])' remove.json >removed.json
json_frozen 'lunette job remove' removed.json
jq '{kept: [.kept]}' remove.json >what.json
json_documented 'lunette job status' what.json
