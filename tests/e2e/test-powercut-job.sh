#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The power of the proxy goes in the middle of a job: what is certain to be left of the job's state is
# enough for `job recover` to find what the run has made on the storage, the very first run's too.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
array_possible >/dev/null || tap_skip_all "$(array_possible)"
tap_begin
record=$(dirname "$LUNETTE")/tests/base/tool-record
powercut=$TAP_TOP/tests/support/powercut.py
export ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS:-}" # that one cannot be traced
"$record" probe . -- true 2>probe.err || tap_skip_all "no program can be traced here: $(cat probe.err)"

array_start >start.log 2>&1 || exit
array_lun 1 32 || exit
mkfs.ext4 -q "${ARRAY_LOOP[1]}" && thaw_mount "${ARRAY_LOOP[1]}" mnt
"$LUNETTE" init repo >/dev/null
array_job srv job.conf
cat >>job.conf <<-EOC
	volumes = $PWD/mnt
	[disks]
	${ARRAY_LOOP[1]} = naa.6001405000000001
EOC

left_something() {
	[ -n "$(array_leftovers)" ]
}
clean() { # nothing is left of anything
	local left
	left=$(array_leftovers)
	[ -z "$left" ] || { echo "left: $left" && return 1; }
	thaw_writable mnt || return 1
}
power_goes() { # STEP:WHEN; then only what was synced is there of the state
	"$record" log world -- "$LUNETTE" job run --quiet --kill-at "$1" job.conf
	[ $? -eq 137 ] && "$powercut" last log world cut
}
recover() {
	LUNETTE_STATE=$PWD/cut/state timeout 60 "$LUNETTE" job recover
}

for at in snapshot:after map:after backup:after; do
	rm -rf world log log.data && mkdir world
	export LUNETTE_STATE=$PWD/world/state
	ok "the power goes at $at of the first run there is" power_goes $at
	ok 'there is something left' left_something
	ok 'what is left of the journal is enough' recover
	ok 'nothing is left on the storage' clean
done

ok 'a run to its end' "$record" log world -- "$LUNETTE" job run --quiet job.conf
ok 'what it leaves is on stable storage, but for its log' "$powercut" rest log world '/(lock|[^/]*\.log)$|/arrays/'
