# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# job-faults - the set-up of tests in which the storage fails: job.conf, ./mnt on LUN 1, and the plug-in
# faulty-plugin, which fails as the file ./fault says. To be sourced after array.sh and tap_begin.
#
#   run                 a run of the job
#   ends FAULT WORDS    a run fails with these words; the server was thawed in time, nothing is left
#   nothing_left        of anything, and the server is not frozen
#   restore_points      how many there are

array_start >start.log 2>&1 || exit
array_lun 1 32 && array_lun 2 32 || exit
mkfs.ext4 -q "${ARRAY_LOOP[1]}" && thaw_mount "${ARRAY_LOOP[1]}" mnt
seq 100000 >mnt/numbers
"$LUNETTE" init repo >/dev/null
export LUNETTE_STATE=$PWD/state
array_job srv job.conf
array_faulty $((32 << 20)) job.conf
cat >>job.conf <<-EOF
	volumes = $PWD/mnt
	[disks]
	${ARRAY_LOOP[1]} = naa.6001405000000001
	[limits]
	snapshot = 9s
	commit = 10s
	freeze = 60s
	storage = 60s
	[notify]
	prometheus-file = metrics
EOF

run() {
	timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet job.conf
}
# FAULT, what is said: the job fails, the server was not frozen for longer than it may be, nothing is left.
# Where the storage is waited for until a limit, the limits are short ones.
ends() {
	local conf=job.conf limit=60000
	if [[ $1 =~ delay|never|later ]]; then
		conf=late.conf limit=12000
		sed 's/^snapshot = .*/snapshot = 4s/; s/^commit = .*/commit = 5s/; s/^freeze = .*/freeze = 12s/; s/^storage = .*/storage = 10s/' \
			job.conf >late.conf
	fi
	echo "$1" >fault
	timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet --json $conf >result 2>said
	local rc=$?
	rm -f fault
	[ $rc -eq 1 ] || { cat result said && echo "status $rc" && return 1; }
	grep -qE "$2" said || { cat said && return 1; }
	local frozen
	frozen=$(jq '.frozen_ms // 0' result)
	[ "$frozen" -lt "$limit" ] || { echo "frozen for $frozen ms" && return 1; }
	nothing_left
}
nothing_left() {
	local left
	left=$(array_leftovers | grep -v test:other)
	[ -z "$left" ] || { echo "left: $left" && return 1; }
	thaw_writable mnt || return 1
	"$LUNETTE" job status --json | jq -e 'all(.runs[]; .clean)' >/dev/null || { "$LUNETTE" job status && return 1; }
}
restore_points() {
	"$LUNETTE" list --repo repo --json | jq '[.. | objects | select(has("id") and has("time"))] | length'
}

