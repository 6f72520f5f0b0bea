#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Backups of local disks: two disks of one server, what changed in between, what is chosen and what
# is not, and everything that comes out again, compared with the source.
# shellcheck disable=SC2016 # $0 is for the shell that is started
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
. "$(dirname "$0")/../support/compare.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup
export LUNETTE_REPO=$TAP_DIR/repo

used_blocks() { # of an NTFS volume, as ntfsclone finds them
	ntfsclone --save-image --output - "$1" 2>/dev/null | cksum
}
partition() { # DISK N MIB
	dd if="$1" bs=1M skip=$(($(disks_offset "$1" "$2") >> 20)) count="$3" status=none
}
manifest() { # what ntfs-3g sees in a volume
	disks_mount "$1" "$TAP_DIR/ntfs" ro
	compare_manifest ntfs
	disks_umount "$TAP_DIR/ntfs"
}
lay() { # the disks with what the volumes hold now
	disks_gpt one.img 512 basic:a.img msr:unknown.img basic:b.img && disks_mbr two.img 512 ntfs:c.img
}
disks_ntfs a.img 160 A && disks_fill a.img 100 8 && disks_garbage a.img 10 && disks_ntfs b.img 32 B && disks_fill b.img 10 1 &&
	disks_ntfs c.img 32 C && disks_fill c.img 10 1 && disks_random unknown $((8 << 20)) >unknown.img && lay || exit
mkdir mnt live ntfs
tap_at_exit umount --lazy mnt live

# ---- two backups, and what is between them -----------------------------------------------------

ok 'init' "$LUNETTE" init repo
is 'a new repository has no restore points' "$("$LUNETTE" list --json | jq -c .points)" '[]'
ok 'the first backup' "$LUNETTE" backup --name server --json one.img two.img
cp .out first.json
manifest a.img >a.first
manifest c.img >c.first
is 'nothing was wrong' "$(jq .warnings first.json)" false
is 'both disks were looked at' "$(jq .stats.size first.json)" $(($(stat -c %s one.img) + $(stat -c %s two.img)))
is 'every byte is counted once' "$(jq '.stats | .used == .unchanged + .zero + .known + .new' first.json)" true
is 'and all of them are' "$(jq '.stats | .size == .used + .unmapped + .excluded + .free' first.json)" true
is 'the counts fit together' "$(jq '.stats | .used < .size / 2 and .read <= .used + 1048576 and .new > 0 and .stored < .new' first.json)" true

disks_mount a.img "$TAP_DIR/ntfs"
echo changed >>ntfs/real/texts/numbers
rm ntfs/random/1
seq 1000 >ntfs/added
mv ntfs/many ntfs/renamed
disks_umount "$TAP_DIR/ntfs"
lay || exit
sleep 1 # a restore point's name has seconds
ok 'the second backup' "$LUNETTE" backup --name server --json one.img two.img
cp .out second.json
manifest a.img >a.second
is 'it stored what changed, and little else' "$(jq -s '.[1].stats.stored * 10 < .[0].stats.stored' first.json second.json)" true

is 'list has both, oldest first' "$("$LUNETTE" list --json | jq -r '.points[].id' | paste -sd' ')" \
	"$(jq -r .id first.json second.json | paste -sd' ')"
is 'list NAME has those of that name' "$("$LUNETTE" list server --json | jq '.points | length')" 2
fails 'a name that no restore point has is not success' 10 "there is no restore point called 'nosuch'" "$LUNETTE" list nosuch
fails 'nor as JSON' 10 'called' "$LUNETTE" list --json nosuch
ok 'list for people has them too' bash -c '[ "$("$0" list server | grep -c "server$")" = 2 ]' "$LUNETTE"
is 'show has the layout as probe has it' "$("$LUNETTE" show server@latest --json | jq -S .layout)" \
	"$("$LUNETTE" probe --json one.img two.img | jq -S .)"
ok 'show for people has disks and volumes' bash -c '"$0" show server@latest >o && grep -q "disk1 .*two.img" o && grep -q "disk0-p3 .*ntfs.*B" o' "$LUNETTE"
first=$(jq -r .id first.json) second=$(jq -r .id second.json)
time=$(jq -r .time first.json)
for point in "$first" "${first:0:12}" "server@$time"; do
	is "a restore point is found as ${point:0:20}" "$("$LUNETTE" show --json "$point" | jq -r .id)" "$first"
done
is 'and the last one as server@latest' "$("$LUNETTE" show --json server@latest | jq -r .id)" "$second"

# ---- looking into them -------------------------------------------------------------------------

ok 'mount the repository' "$LUNETTE" mount mnt
is 'it has the name, both times and latest' "$(cd mnt && find . -mindepth 1 -maxdepth 2 | LC_ALL=C sort | paste -sd' ')" \
	"./server ./server/${time//:/} ./server/$(jq -r '.time | gsub(":"; "")' second.json) ./server/latest"
ok 'the first one is as the volume was' cmp a.first <(compare_manifest "mnt/server/${time//:/}/volumes/disk0-p1/files")
ok 'the second one is as it is now' cmp a.second <(compare_manifest mnt/server/latest/volumes/disk0-p1/files)
ok 'so is the second disk' cmp c.first <(compare_manifest mnt/server/latest/volumes/disk1-p1/files)
ok 'a volume without a known file system is there, every byte' cmp unknown.img mnt/server/latest/volumes/disk0-p2/image
"$LUNETTE" backup --name other two.img >/dev/null
ok 'a new restore point shows by itself' tap_until [ -d mnt/other/latest/volumes ]
ok 'umount' "$LUNETTE" umount mnt

ok 'mount one restore point, by the time that its folder has' "$LUNETTE" mount --repo repo "server@$(jq -r '.time | gsub(":"; "")' second.json)" mnt
ok 'mount the live disks beside it' "$LUNETTE" mount one.img two.img live
is 'it is the same tree' "$(cd mnt && find . | LC_ALL=C sort | sha256sum)" "$(cd live && find . | LC_ALL=C sort | sha256sum)"
ok 'with the same files' compare_trees mnt/volumes/disk0-p3/files live/volumes/disk0-p3/files
ok 'umount it' "$LUNETTE" umount mnt
ok 'a restore point of the repository that the environment names' "$LUNETTE" mount server@latest mnt
ok 'is shown alone' test -e mnt/layout.json
ok 'umount that' "$LUNETTE" umount mnt
ok 'umount the live disks' "$LUNETTE" umount live
fails 'no mount of a restore point that is not there' 10 'no restore point' "$LUNETTE" mount --repo repo nobody@latest mnt

# ---- getting them back -------------------------------------------------------------------------

ok 'restore a volume of the first one' "$LUNETTE" restore "$first" --volume disk0-p1 v.img
ok 'it is as it was' cmp a.first <(manifest v.img)
ok 'restore a disk' "$LUNETTE" restore server@latest --disk disk0 d.img
is 'used blocks of the first volume are the same' "$(partition d.img 1 160 >p.img && used_blocks p.img)" "$(used_blocks a.img)"
is 'used blocks of the last volume are the same' "$(partition d.img 3 32 >p.img && used_blocks p.img)" "$(used_blocks b.img)"
ok 'the unknown volume is the same' cmp unknown.img <(partition d.img 2 8)
ok 'what is before the first partition is the same' cmp -n 1048576 d.img one.img
ok 'the backup GPT is the same' cmp <(tail -c 16896 d.img) <(tail -c 16896 one.img)
ok 'deleted garbage is not on it' bash -c '! grep -aqF "$0" d.img && grep -aqF "$0" one.img' "$DISKS_GARBAGE"
ok 'what is zero are holes' [ $(($(stat -c '%b * 512' d.img))) -lt "$(jq .stats.used second.json)" ]
if loop=$(losetup --find --show d.img 2>/dev/null); then
	tap_at_exit losetup --detach "$loop"
	disks_random old $((16 << 20)) | dd of="$loop" bs=1M status=none
	ok 'restore to a block device' "$LUNETTE" restore "$first" --volume disk0-p3 "$loop"
	"$LUNETTE" restore "$first" --volume disk0-p3 w.img >/dev/null
	ok 'what was on it is gone' cmp -n $((32 << 20)) "$loop" w.img
	disks_gpt large.img 4096 basic:b.img && "$LUNETTE" backup -q --name large large.img
	large=$("$LUNETTE" list --json large | jq -r '.points[-1].id')
	fails 'a table that counts in other sectors than the device' 3 "has sectors of 512 bytes, and those of disk0 had 4096" \
		"$LUNETTE" restore "$large" --disk disk0 "$loop"
	ok 'all is there nevertheless' cmp -n "$(stat -c %s large.img)" <("$LUNETTE" restore -q "$large" --disk disk0 -) "$loop"
	ok 'an image has the sectors that it needs' "$LUNETTE" restore "$large" --disk disk0 large-again.img
	ok 'a volume needs no table' "$LUNETTE" restore "$large" --volume disk0-p1 "$loop"
	tap_at_exit blockdev --setrw "$loop" # it would be read-only for whoever has this one next
	blockdev --setro "$loop"
	fails 'a device that is read-only is told before anything is done to it' 1 "'$loop' is read-only, and nothing was written" \
		"$LUNETTE" restore "$first" --volume disk0-p3 "$loop"
else
	tap_skip 'restore to a block device' 'there are no loop devices'
fi

# ---- choosing ----------------------------------------------------------------------------------

ok 'every block' "$LUNETTE" backup --name whole --all-blocks --json one.img
is 'nothing is called free then' "$(jq '.stats | .used + .unmapped == .size' .out)" true
"$LUNETTE" restore whole@latest --disk disk0 whole.img >/dev/null
ok 'the disk comes back byte for byte' cmp one.img whole.img

ok 'one volume only' "$LUNETTE" backup --name chosen --volume disk0-p3 one.img
is 'show says so' "$("$LUNETTE" show chosen@latest --json | jq -c .stored_volumes)" '["disk0-p3"]'
fails 'the others cannot be restored' 1 "'disk0-p1' is not stored" "$LUNETTE" restore chosen@latest --volume disk0-p1 x.img
fails 'a disk is restored with a warning' 3 "'disk0-p1' is not stored" "$LUNETTE" restore chosen@latest --disk disk0 x.img
is 'the one is there' "$(partition x.img 3 32 >p.img && used_blocks p.img)" "$(used_blocks b.img)"
fails 'no file is made in /dev' 1 "there is no device '/dev/lunette-none'" "$LUNETTE" restore chosen@latest --volume disk0-p3 /dev/lunette-none
if cp --sparse=always one.img alive.img && alive=$(losetup --find --show alive.img 2>/dev/null); then
	tap_at_exit losetup --detach "$alive"
	chosen=$("$LUNETTE" show chosen --json | jq -r .id)
	fails 'what is overwritten wants to know by what' 2 "say which one by its whole time or its id.* id ${chosen:0:12}" "$LUNETTE" restore chosen@latest --disk disk0 "$alive"
	fails 'a device is not zeroed where a volume may live' 1 "'disk0-p1' is not stored.*--zero-missing" "$LUNETTE" restore "$chosen" --disk disk0 "$alive"
	ok 'and is as it was' cmp one.img "$alive"
	fails 'unless that is wanted' 3 "'disk0-p1' is not stored" "$LUNETTE" restore "$chosen" --disk disk0 --zero-missing "$alive"
	is 'which restore point it gets is said' "$(grep -c "'$alive' gets disk0 of chosen@.*, id ${chosen:0:12}$" .out)" 1
	ok 'and then it is as the file' cmp x.img "$alive"
	"$LUNETTE" backup --name pair --volume disk1-p1 one.img two.img >/dev/null
	"$LUNETTE" restore pair@latest --disk disk1 y.img >.out 2>&1
	is 'what another disk lacks is no matter' "$? $(grep -c 'not stored' .out)" '0 0'
else
	tap_skip 'restore of a part to a block device' 'there are no loop devices'
fi
fails 'a volume that is not there' 1 "no volume 'nope'" "$LUNETTE" backup --name x --volume nope one.img
cp --sparse=always one.img cut.img && truncate -s 180M cut.img
fails 'a disk that was cut is stored as far as it goes' 3 'partition 3 ends [0-9]+ bytes past the end of the disk' "$LUNETTE" backup --name cut cut.img
fails 'also where others are chosen' 3 'Restore point cut@' "$LUNETTE" backup --name cut --volume disk0-p1 cut.img

# ---- how ---------------------------------------------------------------------------------------

stored() { # OPTION...: into a new repository
	rm -rf other && "$LUNETTE" init other >/dev/null && "$LUNETTE" backup --repo other --name x --json "$@" one.img | jq .stats.stored
}
is 'a higher level stores less' "$(($(stored --level 9) < $(stored)))" 1
is 'a level below zero stores more' "$(($(stored --level -5) > $(stored)))" 1
before=$(stored)
"$LUNETTE" init --level 9 leveled >/dev/null
is 'the level of init is the default' \
	"$("$LUNETTE" backup --repo leveled --name x --json one.img | jq ".stats.stored < $before")" true
fails 'there is no level 0' 2 "'0': a number from 1 to 19" "$LUNETTE" backup --name x --level 0 one.img
rm -rf other && "$LUNETTE" init other >/dev/null
ok 'progress as JSON' bash -c '"$0" backup --repo other --name p --progress=json one.img 2>&1 >/dev/null | jq -es "length > 1 and (map(.progress.bytes_done) | . == sort) and (.[-1].progress | .bytes_done == .bytes_total and .ratio > 1 and .rate > 0 and .seconds_left == 0)"' "$LUNETTE"
is 'no progress where there is no terminal' "$("$LUNETTE" backup --name p one.img 2>&1 >/dev/null)" ''

for size in 64K 4M; do
	rm -rf other && "$LUNETTE" init --chunk-size $size other >/dev/null
	ok "backup with chunks of $size" "$LUNETTE" backup --repo other --name x one.img two.img
	"$LUNETTE" restore --repo other x@latest --volume disk0-p1 "$size.img" >/dev/null
	ok 'comes back the same' cmp a.second <(manifest "$size.img")
done

DISKS_MIB=96 disks_windows 4k.img 4096 || exit
ok 'a disk with sectors of 4096 bytes' "$LUNETTE" backup --name large 4k.img
ok 'mount it' "$LUNETTE" mount --repo repo large@latest mnt
ok 'and the disk itself' "$LUNETTE" mount 4k.img live
ok 'every file is there' compare_trees mnt/volumes/disk0-p3/files live/volumes/disk0-p3/files
ok 'umount both' bash -c '"$0" umount mnt && "$0" umount live' "$LUNETTE"
