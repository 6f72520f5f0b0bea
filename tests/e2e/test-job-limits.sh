#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Frozen, but the window was exceeded: the server thawed before it heard that the storage has its
# snapshot, which is crash consistent at most then, wherever it is told. And a dynamic volume over three
# LUNs with one forgotten: an error that names the LUN, before anything is frozen.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
. "$TAP_TOP/tests/support/server.sh"
array_possible >/dev/null || tap_skip_all "$(array_possible)"
server_possible >/dev/null || tap_skip_all "$(server_possible)"
tap_begin

. "$TAP_TOP/tests/support/job-faults.sh"
sed -i 's/^snapshot = .*/snapshot = 1500ms/; s/^commit = .*/commit = 2500ms/; s/^freeze = .*/freeze = 6s/' job.conf

# ---- the window: a channel to the agent that is slow ----
cat >slow-agent <<AGENT
#!/usr/bin/env bash
. '$PWD/late'
REAL_AGENT=${LUNETTE_AGENT:-$LUNETTE-agent}
AGENT
cat >>slow-agent <<'AGENT'
slow() { # lines with this word come so many seconds later
	local line
	while IFS= read -r line; do
		[[ $line != *"\"$1\""* ]] || sleep "$2"
		printf '%s\n' "$line"
	done
}
exec "$REAL_AGENT" "$@" < <(slow committed "$LATE_THERE") > >(slow commit-now "$LATE_HERE")
AGENT
chmod 755 slow-agent
sed "s|^agent = local|agent = local\nagent-program = $PWD/slow-agent|" job.conf >slow.conf

exceeded() { # how late each way, what is said
	echo "LATE_THERE=$1 LATE_HERE=$2" >late
	timeout "$TAP_PATIENCE" "$LUNETTE" job run --json --quiet slow.conf >result 2>said
	local rc=$?
	[ $rc -eq 3 ] || { cat result said && echo "status $rc" && return 1; }
}
of_result() {
	jq -c "$1" result
}
of_point() {
	"$LUNETTE" show srv@latest --repo repo --json | jq -c "$1"
}
told() {
	is "$1: the result says so" "$(of_result '[.status, .consistency, .window_exceeded]')" '["warnings","crash",true]'
	is "$1: so does the restore point" "$(of_point '[.consistency, .window_exceeded, .id]')" "[\"crash\",true,$(of_result .point.id)]"
	ok "$1: so does a warning" grep -q 'frozen, but the window was exceeded' result
	ok "$1: so does the log" grep -q "is taken: frozen, but the window was exceeded: crash consistent at most" \
		"state/srv/runs/$(jq -r .run result).log"
	ok "$1: nothing is left, and nothing is frozen" nothing_left
}

ok 'the server hears too late of the snapshot: done, with warnings' exceeded 3 0
told 'heard too late'
echo 'commit delay 0.7' >fault
ok 'the storage takes its snapshot after the thaw: done, with warnings' exceeded 0 2.3
rm -f fault
told 'after the thaw'
ok 'the next run, in time' run
is 'is file-system consistent again' "$(of_point '[.consistency, has("window_exceeded")]')" '["filesystem",false]'

# ---- a dynamic volume over three LUNs ----
tap_at_exit server_stop
"$(dirname "$LUNETTE")/tests/source/tool-ldm" 64 16 32 array/lun{3,4,5}.img >where || exit
server_disks where array/lun{3,4,5}.img && server_mount 1 one && server_mount 2 two || exit
for n in 3 4 5; do
	tgt_lun 1 $n "$PWD/array/lun$n.img" && tgt_params 1 $n "scsi_id=naa.600140500000000$n,scsi_sn=LUN$n"
done
dynamic() { # the volumes
	array_job dynamic dynamic.conf
	printf 'volumes = %s\n[disks]\n' "$1" >>dynamic.conf
	for n in 1 2 3; do
		echo "${SERVER_DISKS[$n]} = naa.600140500000000$((n + 2))"
	done >>dynamic.conf
}
dynamic "$PWD/one, $PWD/two"
fails 'a dynamic volume over three LUNs, with one forgotten' 1 \
	"lie on '${SERVER_DISKS[3]}', naa.6001405000000005 too, which is not in the set" "$LUNETTE" job run --quiet dynamic.conf
is 'nothing was frozen, and the storage was not asked for a snapshot' \
	"$("$LUNETTE" job status --json dynamic | jq -c '[.runs[-1].steps[] | select(.undo | not) | [.step, .state]][-1]')" '["disks","failed"]'
ok 'check says it too' bash -c "'$LUNETTE' job check dynamic.conf 2>&1 | grep -q '^FAILED .*naa.6001405000000005 too'"
server_mount 3 three || exit
dynamic "$PWD/one, $PWD/two, $PWD/three"
ok 'with all three it succeeds' timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet dynamic.conf
ok 'and puts the volume together' grep -q "volume 'D': spanned, $((48 << 20)) bytes" state/dynamic/runs/*.log
