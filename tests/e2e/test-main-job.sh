#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The main job on a real target: probe, mount, back up, look into the backup, restore, and every
# byte compared with what ntfs-3g says; then the target dies in the middle of a backup.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
. "$(dirname "$0")/../support/tgt.sh"
. "$(dirname "$0")/../support/compare.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup
tap_at_exit tgt_stop

used_blocks() { # of an NTFS volume, as ntfsclone finds them
	ntfsclone --save-image --output - "$1" 2>/dev/null | cksum
}
table() {
	sed -n '/^label\|^ *start=\|: start=/s/.*: start=/start=/p' < <(sfdisk --dump "$1" 2>/dev/null)
}
partition() { # DISK N MIB: a partition of a disk as an image of its own
	dd if="$1" of="$1.$2" bs=1M skip=$(($(disks_offset "$1" "$2") >> 20)) count="$3" conv=sparse status=none
	echo "$1.$2"
}
points() {
	"$LUNETTE" list --repo repo --json | jq '.points // . | length'
}

disks_ntfs data.img 256 Data && disks_fill data.img 200 48 && disks_garbage data.img 30 &&
	disks_ntfs recovery.img 64 Recovery && disks_fill recovery.img 20 1 &&
	disks_gpt one.img 512 efi:16 msr:16 basic:data.img recovery:recovery.img || exit
mkdir tgt live backups data recovery restored
serve() { # the same target again after a kill, at the same place
	tgt_start "$TAP_DIR/tgt" "$@" && tgt_target 1 iqn.2026-11.test:array && tgt_account backup "$LUNETTE_CHAP_SECRET" &&
		tgt_chap 1 backup && tgt_lun 1 1 one.img
}
export LUNETTE_CHAP_SECRET=0123456789abcdef LUNETTE_REPO=$TAP_DIR/repo
serve >tgt.log 2>&1 || { cat tgt.log >&2 && exit 1; }
lun=iscsi://backup@127.0.0.1:$TGT_PORT/iqn.2026-11.test:array

ok 'probe over iSCSI' "$LUNETTE" probe "$lun/1"
is 'both NTFS volumes are found' \
	"$("$LUNETTE" probe --json "$lun/1" | jq -r '.volumes[] | select(.filesystem == "ntfs") | .name + " " + .label' | paste -sd,)" \
	'disk0-p3 Data,disk0-p4 Recovery'

disks_mount data.img "$TAP_DIR/data" ro && disks_mount recovery.img "$TAP_DIR/recovery" ro || exit
compare_manifest data >data.manifest && compare_manifest recovery >recovery.manifest
disks_umount "$TAP_DIR/data" && disks_umount "$TAP_DIR/recovery"
tap_at_exit umount --lazy live
ok 'mount the live snapshot' "$LUNETTE" mount "$lun/1" live
ok 'live: every file is what ntfs-3g reads' compare_trees data.manifest live/volumes/disk0-p3/files
ok 'live: and of the second volume' compare_trees recovery.manifest live/volumes/disk0-p4/files
ok 'live: the disk is the LUN, byte for byte' cmp one.img live/disks/disk0.img
ok 'live: the volume is the partition, byte for byte' cmp data.img live/volumes/disk0-p3/image
ok 'umount' "$LUNETTE" umount live
ok 'it is really gone' bash -c '! mountpoint -q live && rmdir live && mkdir live'

ok 'init' "$LUNETTE" init repo
ok 'the first backup' "$LUNETTE" backup --name server "$lun/1"
size=$(du -s --block-size=1K --apparent-size repo | cut -f1)
ok 'the second backup, of the same' "$LUNETTE" backup --name server "$lun/1"
ok 'stored nearly nothing' [ $(($(du -s --block-size=1K --apparent-size repo | cut -f1) - size)) -lt 64 ]
is 'there are two restore points' "$(points)" 2

tap_at_exit umount --lazy backups
ok 'mount the repository' "$LUNETTE" mount --repo repo backups
ok 'backup: every file is what ntfs-3g reads' compare_trees data.manifest backups/server/latest/volumes/disk0-p3/files
ok 'backup: and of the second volume' compare_trees recovery.manifest backups/server/latest/volumes/disk0-p4/files
ok 'umount the repository' "$LUNETTE" umount backups

ok 'restore the volume' "$LUNETTE" restore server@latest --volume disk0-p3 volume.img
is 'every used block of it is the same' "$(used_blocks volume.img)" "$(used_blocks data.img)"
disks_mount volume.img "$TAP_DIR/restored" ro
ok 'and ntfs-3g reads the same files' compare_trees data.manifest restored
disks_umount "$TAP_DIR/restored"
ok 'restore the disk' "$LUNETTE" restore server@latest --disk disk0 disk.img
is 'its size is the same' "$(stat -c %s disk.img)" "$(stat -c %s one.img)"
is 'its partitions are the same' "$(table disk.img)" "$(table one.img)"
is 'used blocks of the first volume on it are the same' "$(used_blocks "$(partition disk.img 3 256)")" "$(used_blocks data.img)"
is 'used blocks of the second volume on it are the same' "$(used_blocks "$(partition disk.img 4 64)")" "$(used_blocks recovery.img)"
ok 'deleted garbage was on the disk' grep -aqF "$DISKS_GARBAGE" one.img
ok 'and is not in the backup' [ "$(grep -acF "$DISKS_GARBAGE" disk.img)" = 0 ]
fails 'an image that is there already is not overwritten' 1 'there already.*not overwritten' \
	"$LUNETTE" restore server@latest --disk disk0 disk.img

# What goes wrong happens when the first pack is there, of several, and long before the end: the rate
# is limited, so that a fast machine is not too fast.
rm -rf repo && "$LUNETTE" init repo >/dev/null
interrupted() { # COMMAND...: does it, with the backup's process id, in the middle of a backup
	local pid rc=0
	rm -rf repo/packs/* repo/index/* # no restore point needs them, and they would be stored already
	"$LUNETTE" backup --name server --limit 16M --timeout 4 "$lun/1" >backup.log 2>&1 &
	pid=$!
	until compgen -G 'repo/packs/*/*' >/dev/null || ! kill -0 "$pid" 2>/dev/null; do
		sleep 0.02
	done
	kill -0 "$pid" 2>/dev/null || echo 'it had ended already'
	SECONDS=0
	"$@" "$pid"
	wait "$pid" 2>/dev/null || rc=$?
	echo "status $rc"
	((SECONDS <= 120)) || echo "but it took $SECONDS s"
}
kill_target() {
	tgt_kill
}
{ # the shell would tell that its tgtd was killed
	is 'a target that dies in the middle: the backup fails, in bounded time' "$(interrupted kill_target)" 'status 1'
	tgt_kill
} 2>/dev/null
ok 'and says what happened' grep -E '^lunette: .*LUN 1 of .*(connection|answer|session|away|gone|refused)' backup.log
is 'there is no restore point' "$(points)" 0
serve "$TGT_PORT" >tgt.log 2>&1 || { cat tgt.log >&2 && exit 1; }
is 'a backup that is killed' "$(interrupted kill -KILL)" 'status 137'
is 'leaves no restore point either' "$(points)" 0
ok 'the next backup works' "$LUNETTE" backup --name server "$lun/1"
is 'now there is one' "$(points)" 1
ok 'mount the repository again' "$LUNETTE" mount --repo repo backups
ok 'every file is there' compare_trees data.manifest backups/server/latest/volumes/disk0-p3/files
ok 'umount it' "$LUNETTE" umount backups
