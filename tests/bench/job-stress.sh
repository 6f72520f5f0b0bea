#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# job-stress.sh [SECONDS] - ten jobs at once on one array, each killed at random moments, for SECONDS
# (default 600); then the array is audited: nothing of lunette may be left on it, and every server must be
# thawed. Run by `make check-long`.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
array_possible >/dev/null || tap_skip_all "$(array_possible)"
seconds=${1:-600}
jobs=10
tap_begin
export LUNETTE_STATE=$PWD/state

array_start >start.log 2>&1 || exit
"$LUNETTE" init repo >/dev/null
for ((n = 1; n <= jobs; n++)); do
	file=$PWD/array/lun$n.img
	id=naa.60014050000000$(printf %02d "$n")
	truncate -s 16M "$file"
	tgt_lun 1 "$n" "$file" && tgt_params 1 "$n" "scsi_id=$id,scsi_sn=LUN$n" || exit
	loop=$(losetup --find --show "$file") || exit
	tap_at_exit losetup --detach "$loop"
	mkdir "mnt$n" && mkfs.ext4 -q "$loop" && thaw_mount "$loop" "mnt$n" || exit
	array_job "job$n" "job$n.conf"
	printf 'volumes = %s\n[disks]\n%s = %s\n[backup]\ndelta = %s\n' "$PWD/mnt$n" "$loop" "$id" \
		"$( ((n % 2)) && echo yes || echo no)" >>"job$n.conf"
done

# One job, over and over; two of three runs are killed within two seconds.
worker() {
	local until=$((SECONDS + seconds)) pid rc
	while ((SECONDS < until)); do
		date >"mnt$1/date"
		"$LUNETTE" job run --quiet "job$1.conf" 2>>"log$1" &
		pid=$!
		if ((RANDOM % 3)); then
			sleep "$((RANDOM % 2)).$((RANDOM % 10))$((RANDOM % 10))"
			kill -KILL "$pid" 2>/dev/null && echo killed >>"count$1"
		fi
		wait "$pid" 2>/dev/null
		rc=$?
		((rc == 0 || rc == 3)) && echo made >>"count$1"
		((rc == 1)) && echo failed >>"count$1"
	done
}
for ((n = 1; n <= jobs; n++)); do
	worker "$n" &
	pids+=($!)
done
wait "${pids[@]}"
echo "# made $(cat count* | grep -c made), killed $(cat count* | grep -c killed), failed $(cat count* | grep -c failed)"
cat log* | sort | uniq -c | sort -rn | head -20 | sed 's/^/# /'

ok 'there were restore points' [ "$(cat count* | grep -c made)" -gt 0 ]
ok 'what the killed ones left is recovered' "$LUNETTE" job recover
ok 'every journal is finished' bash -c "'$LUNETTE' job status --json | jq -e 'all(.runs[]; .clean)'"
thawed() {
	local dir
	for dir in mnt*; do
		[ "$dir" = mnt ] || thaw_writable "$dir" || return
	done
}
ok 'nothing is frozen' thawed
is 'no target is left' "$(tgt_a --mode target --op show | grep '^Target' | grep -vc 'test:array')" 0
# The base of each job with deltas, and nothing else.
find array/snapshots -name '*:0' -printf '%f\n' | sed 's/:0$//' | sort >there
jq -r .name state/*/base.json | sort >wanted
is 'the snapshots on the array are the bases that the state folder knows' "$(cat there)" "$(cat wanted)"
ok 'each job runs once more' bash -c "for n in $(seq -s ' ' $jobs); do '$LUNETTE' job run --quiet job\$n.conf || exit; done"
ok 'the repository is sound' "$LUNETTE" check --repo repo --read-data
