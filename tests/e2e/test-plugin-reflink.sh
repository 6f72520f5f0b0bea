#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# lunette-reflink on real arrays, XFS and Btrfs: keeps the protocol; a group of snapshots is of one
# moment; delta is right after many random writes; kills and restarts of tgtd leave nothing.
. "$(dirname "$0")/../support/tap.sh"
# shellcheck source=SCRIPTDIR/../support/reflink.sh
. "$TAP_TOP/tests/support/reflink.sh"
why=$(array_can xfs) || tap_skip_all "$why"
why=$(array_can btrfs) || tap_skip_all "$why"
tap_begin
PLUGIN=${LUNETTE%/*}/lunette-reflink
owner=lunette/host/job/run

ask() { # VERB 'jq object of parameters': the reply
	jq -nc --argjson c "$ARRAY_CONFIG" --arg o "$owner" "{config: \$c, owner: \$o} + $2" | "$PLUGIN" "$1"
}
answer() { # VERB PARAMS FILTER: what is in its result, empty if it fails
	ask "$1" "$2" | jq -r ".result | $3" 2>/dev/null
}
refuses() { # CODE VERB PARAMS
	[ "$(ask "$2" "$3" | jq -r .error.code)" = "$1" ]
}
accepts() { # VERB PARAMS
	ask "$1" "$2" | tee /dev/stderr | jq -e .ok >/dev/null
}

# Every 4 KiB of two files that differ must be in the list of ranges on standard input.
covers() { # A B
	jq -r '.result.extents[] | @tsv' >ranges
	cmp -l "$1" "$2" | awk 'BEGIN { n = i = 0 } NR == FNR { start[n] = $1; end[n++] = $1 + $2; next }
		{ at = $1 - 1; while (i < n && end[i] <= at) i++; if (i == n || start[i] > at) { print "not in it: byte", at; exit 1 } }' ranges -
}

numbers() { # FILE...: the highest number in each
	/usr/bin/python3 - "$@" <<-'END'
		import sys
		for name in sys.argv[1:]:
		    with open(name, "rb") as f:
		        places = [f.seek(i * 65536) * 0 or f.read(16) for i in range(64)]
		    print(max(int(p) if p.isdigit() else 0 for p in places), end=" ")
	END
}

snapshots_shown() { # how many targets are ours
	tgt_a --mode target --op show | grep -c 'lunette\.snapshot'
}

try_array() { # xfs|btrfs
	mkdir "$TAP_DIR/$1"
	array_start "$TAP_DIR/$1" "$1" || exit
	one=$(array_lun 1 24M) two=$(array_lun 2 16M)
	dir=$ARRAY_DIR/fs/snapshots a=$ARRAY_DIR/fs/lun1.img b=$ARRAY_DIR/fs/lun2.img
	set="{name: \"s1\", volumes: [\"$a\", \"$b\"]}"
	later="{name: \"s2\", volumes: [\"$a\", \"$b\"]}"
	dd if=/dev/urandom of="$a" bs=1M count=8 conv=notrunc status=none
	ok "$1: it keeps the protocol" "$LUNETTE" plugin-test --config "directory=$dir" \
		--config "control-socket=$ARRAY_DIR/tgt.ctl" --volume "$one" --volume "$two" \
		--write-test "$a" --kills 3 --limit 30 "$PLUGIN"
	is "$1: and leaves nothing" "$(ls "$dir")" ''

	tgt_lun 1 3 "$b"
	seen=$("$LUNETTE" probe "iscsi://127.0.0.1:$TGT_PORT/$ARRAY_IQN/3" 2>/dev/null | grep -o 'naa\.[0-9a-f]*')
	is "$1: a LUN is found by the identity that servers see when none was set" \
		"$(answer resolve "{luns: [{identity: \"$seen\", size: 16777216}]}" '.volumes[0].volume')" "$b"
	tgt_unlun 1 3

	accepts prepare "$set" >/dev/null 2>&1
	ok "$1: a set is taken" accepts commit "$set"
	/usr/bin/python3 - "$a" <<-'END'
		import os, random, sys
		fd = os.open(sys.argv[1], os.O_WRONLY)
		for i in range(500):
		    os.pwrite(fd, os.urandom(random.choice((512, 4096, 9000))), random.randrange(23 << 20) // 512 * 512)
		os.posix_fallocate(fd, 20 << 20, 1 << 20)
	END
	fallocate -p -o 3000000 -l 2000000 "$a"
	accepts prepare "$later" >/dev/null 2>&1
	accepts commit "$later" >/dev/null 2>&1
	ok "$1: after 500 random writes and a hole, delta has all that changed" \
		covers "$dir/s1:0" "$dir/s2:0" < <(ask delta '{from: "s1:0", to: "s2:0"}')
	is "$1: delta of what did not change is empty" "$(answer delta '{from: "s1:1", to: "s2:1"}' '.extents | length')" 0
	ok "$1: delta says little too much" [ "$(answer delta '{from: "s1:0", to: "s2:0"}' '[.extents[][1]] | add / 1048576 | floor')" -lt 10 ]

	# A writer that writes a number to the first LUN, then to the second. The second is cloned before
	# the first: if tgtd did not stand still in between, the first would be far ahead.
	url=iscsi://127.0.0.1:$TGT_PORT/$ARRAY_IQN
	"${LUNETTE%/*}/tests/source/tool-lun-write" iqn.x:writer "$url/1" "$url/2" &
	bad=
	for i in {1..12}; do
		group="{name: \"g$i\", volumes: [\"$b\", \"$a\"]}"
		accepts prepare "$group" >/dev/null 2>&1
		accepts commit "$group" >/dev/null 2>&1
		read -r first second <<<"$(numbers "$dir/g$i:1" "$dir/g$i:0")"
		((second > 0 && (first == second || first == second + 1))) || bad+=" $first:$second"
	done
	kill %% && wait %% 2>/dev/null
	is "$1: sets that are taken during writes are of one moment" "$bad" ''
	ok "$1: and it has written something meanwhile" [ "$first" -gt 20 ]
	is "$1: tgtd does not stand still any more" "$(grep -c '^State:.*T' "/proc/$TGT_PID/status")" 0

	accepts lun-create '{name: "l1", snapshot: "s1:0"}' >/dev/null 2>&1
	ok "$1: a LUN is mapped" accepts map '{lun: "l1", initiator: "iqn.x:one"}'
	tgt_kill
	is "$1: without tgtd nothing is mapped" "$(answer list '{}' '[.objects[] | select(.kind == "mapping")] | length')" 0
	ok "$1: without tgtd what is not mapped is unmapped" accepts unmap '{lun: "l1", initiator: "iqn.x:one"}'
	ok "$1: without tgtd map is UNREACHABLE" refuses UNREACHABLE map '{lun: "l1", initiator: "iqn.x:one"}'
	tgt_start "$ARRAY_DIR" "$TGT_PORT" || exit
	ok "$1: a new tgtd shows the same LUN again" accepts map '{lun: "l1", initiator: "iqn.x:one"}'
	ok "$1: and no longer" accepts unmap '{lun: "l1", initiator: "iqn.x:one"}'
	accepts lun-delete '{lun: "l1"}' >/dev/null 2>&1
	# Somebody tidies up in the folder while a LUN is shown: tgtd shows it on, and nothing else knows it.
	accepts lun-create '{name: "l2", snapshot: "s1:0"}' >/dev/null 2>&1
	accepts map '{lun: "l2", initiator: "iqn.x:one"}' >/dev/null 2>&1
	rm -f "$dir"/l2*
	is "$1: a LUN whose files were removed is shown on" "$(snapshots_shown)" 1
	ok "$1: it can be unmapped" accepts unmap '{lun: "l2", initiator: "iqn.x:one"}'
	is "$1: which takes its target away" "$(snapshots_shown)" 0
	ok "$1: and deleted" accepts lun-delete '{lun: "l2"}'
	for i in s1 s2 g{1..12}; do
		accepts abort "{name: \"$i\"}" >/dev/null 2>&1
	done
	is "$1: nothing is left" "$(ls "$dir")" ''
	array_stop
}

tap_at_exit array_stop
try_array xfs
try_array btrfs

# ---- all of the plug-in's control group is killed while tgtd stands still ----
root=$(sed -n 's/^[^ ]* \([^ ]*\) cgroup2 .*/\1/p' /proc/mounts | head -n 1)
group=$root/lunette-test-$$
if [ -n "$root" ] && (echo 0 >"$root/cgroup.procs") 2>/dev/null && mkdir "$group" 2>/dev/null; then
	tap_at_exit rmdir "$group"
	array_start "$PWD/array" xfs || exit
	array_lun 1 16M >/dev/null && array_lun 2 16M >/dev/null || exit
	# A write of tgtd's that does not end: so long it does not stand still, and is waited for.
	truncate -s 16M slow.img && mkfs.ext4 -q slow.img && mkdir slow && mount -o loop slow.img slow || exit
	tap_at_exit umount "$PWD/slow"
	tap_at_exit fsfreeze -u "$PWD/slow"
	truncate -s 4M slow/lun.img && tgt_lun 1 3 slow/lun.img && fsfreeze -f slow || exit
	"${LUNETTE%/*}/tests/source/tool-lun-write" iqn.x:writer "iscsi://127.0.0.1:$TGT_PORT/$ARRAY_IQN/3" \
		"iscsi://127.0.0.1:$TGT_PORT/$ARRAY_IQN/3" >/dev/null 2>&1 &
	writer=$!
	writes() {
		grep -qs '^State:.D' /proc/"$TGT_PID"/task/*/status
	}
	stands_still() {
		grep -q '^State:.T' "/proc/$TGT_PID/status"
	}
	goes_on() {
		! stands_still
	}
	ok 'a write of tgtd hangs' tap_until writes
	group_of_two="{name: \"k\", volumes: [\"$ARRAY_DIR/fs/lun1.img\", \"$ARRAY_DIR/fs/lun2.img\"]}"
	ok 'a set is prepared' accepts prepare "$group_of_two"
	(echo 0 >"$group/cgroup.procs" && ask commit "$group_of_two") >/dev/null 2>&1 &
	killed=$!
	ok 'tgtd is stopped for a snapshot' tap_until stands_still
	echo 1 >"$group/cgroup.kill"
	wait $killed 2>/dev/null
	is_empty() {
		[ -z "$(cat "$group/cgroup.procs")" ]
	}
	ok 'nobody is left in the group' tap_until is_empty
	ok 'tgtd goes on' tap_until goes_on
	fsfreeze -u slow
	kill $writer && wait $writer 2>/dev/null
	array_stop
else
	tap_skip 'the guard leaves the control group' 'no control group can be made here'
fi
