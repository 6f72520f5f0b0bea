#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What tells what is on one disk is lost, its partition table: the other disk is had all the same, and of
# this one what there is. Nothing that is not known any more passes for something that was never there.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
. "$(dirname "$0")/../support/changes.sh"
tap_begin
export LUNETTE_REPO=$TAP_DIR/repo
mkdir mnt
tap_at_exit umount --lazy mnt

for n in a b c; do head -c 2M /dev/urandom >$n.part; done
disks_mbr one.img 512 ntfs:a.part && disks_mbr two.img 512 ntfs:b.part ntfs:c.part && head -c 256K two.img >table.img || exit
"$LUNETTE" init repo >/dev/null
"$LUNETTE" backup --name table --all-blocks table.img >/dev/null 2>&1
pack=$(find repo/packs -type f)
point=$("$LUNETTE" backup --name server --json one.img two.img | jq -r .id)
part=$("$LUNETTE" backup --name part --volume disk1-p1 --json one.img two.img | jq -r .id)
changes_list "$point" disk0 disk1 </dev/null >nothing.list
rm -f "$pack"

restore() { # OPTIONS...: into a new file
	rm -f out.img
	"$LUNETTE" restore "$@" out.img
}
fails 'check names what is stored and not found' 1 "its volumes cannot be told: volume 'disk1-p1' is stored, but cannot be put together: .* is missing" \
	"$LUNETTE" check "$point"
ok 'the other disk is restored' restore "$point" --disk disk0
ok 'as it was' cmp one.img out.img
ok 'and its volume' restore "$point" --volume disk0-p1
ok 'as that was' cmp a.part out.img
rm -f out.img
fails 'the disk is not, as not all of it is there' 1 "'out.img' is removed again: disk1 at offset 0: .* is missing.*; --skip-lost restores the rest" \
	"$LUNETTE" restore "$point" --disk disk1 out.img
fails 'but when that is wanted' 3 '262144 bytes at offset 0 are lost, and zeros' "$LUNETTE" restore "$point" --disk disk1 --skip-lost out.img
is 'all that is left' "$(cmp -l two.img out.img | awk '$1 > 262144 || $3 != 0' | wc -l) $(stat -c %s out.img)" "0 $(stat -c %s two.img)"
rm -f out.img
fails 'its volumes are not said to be none of it' 1 "disk DISK --skip-lost restores what there is: volume 'disk1-p2' is stored, but cannot be put together" \
	"$LUNETTE" restore "$point" --volume disk1-p2 out.img
fails 'nobody is told to remove a folder' 1 "'mnt' is a directory: give the path of a new file in it" "$LUNETTE" restore "$point" --disk disk0 mnt
fails 'nor a device' 1 "'/dev/null' is neither a block device nor a new file" "$LUNETTE" restore "$point" --disk disk0 /dev/null
fails 'a mount warns' 3 'warning: disk1 .* is missing.*: what is on it cannot be told' "$LUNETTE" mount "$point" mnt
ok 'and shows the rest' cmp a.part mnt/volumes/disk0-p1/image
is 'with what can be read of the disk' "$(dd if=mnt/disks/disk1.img bs=256K skip=1 status=none | cmp - <(tail -c +262145 two.img) && echo same)" same
ok 'it says that volumes are missing' grep -q '^Not all volumes need be here: disk1 .* is missing.*what is on it cannot be told' mnt/volumes/README
is 'beside those that there are' "$(echo mnt/volumes/*)" 'mnt/volumes/README mnt/volumes/disk0-p1'
"$LUNETTE" umount mnt
ok 'the other one has none missing' "$LUNETTE" mount one.img mnt
is 'and says nothing' "$(ls mnt/volumes)" disk0-p1
"$LUNETTE" umount mnt

if loop=$(losetup --find --show two.img 2>/dev/null); then
	tap_at_exit losetup --detach "$loop"
	fails 'what is not stored is known, although it is not found' 1 "volume 'disk1-p2' is not stored.* give --zero-missing" \
		"$LUNETTE" restore "$part" --disk disk1 --skip-lost "$loop"
else
	tap_skip 'what is not stored' 'there is no loop device'
fi

"$LUNETTE" backup --name delta --changed nothing.list --parent "$point" --json one.img two.img >delta.json 2>delta.err
is 'a delta does not build on what is not known any more' "$(grep -c "all is read, in spite of .*: volume 'disk1-p1' is stored" delta.err) $(jq .stats.read delta.json)" \
	"1 $("$LUNETTE" show --json "$point" | jq .stats.read)"
ok 'and stores again what is lost' "$LUNETTE" check --read-data "$point" "$part"
