#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A disk that is named to a backup is in it, whatever is on it: each kind is backed up beside another disk, every byte
# of the disks is counted, and the restored disks are the same but for what file systems call free.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
command -v mkntfs mkfs.ext4 zstd >/dev/null || tap_skip_all 'a tool is missing: run contrib/setup'
tap_begin
"$LUNETTE" init repo >/dev/null
export LUNETTE_REPO=$PWD/repo

blank() { # FILE MIB
	rm -f "$1" && truncate -s "$2M" "$1"
}
put() { # FILE MIB WHAT: a MiB that cannot be mistaken
	disks_random "$1 $3" $((1 << 20)) | dd of="$1" bs=1M seek="$2" conv=notrunc status=none
}
sum() { # of the last report
	jq '.stats | .used + .unmapped + .excluded + .free + .skipped - .size' report
}

# whole WHAT STATUS WORDS DISK...: a backup of these beside another one ends with STATUS, says WORDS, and has all
whole() {
	local what=$1 status=$2 words=$3 i=0 differ=0 got disk
	"$LUNETTE" backup --name whole --json beside.img "${@:4}" >report 2>said
	got="$? $(grep -oE -- "${words:-^warning}" said | head -n 1 | wc -l) $(sum)"
	is "$what: status, warning, and every byte is counted" "$got" "$status $((${#words} > 0)) 0"
	for disk in "${@:4}"; do
		i=$((i + 1))
		rm -f back.img
		"$LUNETTE" restore whole@latest --disk "disk$i" back.img >/dev/null 2>&1
		differ=$((differ + $(cmp -l "$disk" back.img 2>&1 | wc -l)))
	done
	ok "$what: all is stored that no file system calls free" [ "$differ" -le $(($(jq .stats.free report) - beside)) ]
}

# Nothing to store, from all that was named: a snapshot that failed, perhaps, or another LUN.
blank zeros.img 8 && : >none.img
fails 'a disk of zeros alone' 3 'no byte on the disks but zeros: are they' "$LUNETTE" backup -q --name zeros zeros.img
fails 'a file without a byte' 3 "'none.img'\\) is empty" "$LUNETTE" backup -q --name zeros none.img

disks_ntfs ntfs.img 8 Beside && disks_gpt beside.img 512 basic:ntfs.img || exit
"$LUNETTE" backup --name beside --json beside.img >report || exit
beside=$(jq .stats.free report)
is 'a disk that is understood' "$(jq '.stats.free > 4000000 and .stats.used < 4000000' report) $(sum)" 'true 0'

fails 'a file without a byte beside it' 3 "disk1 \\('none.img'\\) is empty" \
	"$LUNETTE" backup -q --name zeros beside.img none.img
ok 'a disk of zeros beside it may be a new one' "$LUNETTE" backup -q --name zeros beside.img zeros.img

# ---- what is known ------------------------------------------------------------------------------

blank ext4.img 8 && mkfs.ext4 -qF ext4.img && put ext4.img 6 data
whole 'ext4 on the whole disk' 0 '' ext4.img
blank btrfs.img 120
if mkfs.btrfs -q btrfs.img >/dev/null 2>&1; then
	whole 'btrfs on the whole disk' 0 '' btrfs.img
else
	tap_skip 'btrfs on the whole disk' 'there is no mkfs.btrfs'
fi
whole 'NTFS on the whole disk' 0 '' ntfs.img
blank luks.img 4 && disks_poke luks.img 0 4c554b53babe0001 && put luks.img 2 data
whole 'an encrypted disk' 0 '' luks.img
is 'and it is a volume' "$("$LUNETTE" probe --json luks.img | jq -c '[.volumes[] | [.name, .state]]')" '[["disk0","locked"]]'

# In front of the first partition, between two, and behind the last one.
disks_gpt gpt.img 512 linux:ext4.img msr:1 basic:ntfs.img
put gpt.img 9 msr && cat gpt.img /dev/zero | head -c 30M >gpt-long.img
disks_random end 100000 | dd of=gpt-long.img bs=1M seek=29 conv=notrunc status=none
whole 'a GPT, and what lies behind it on a disk that was enlarged' 0 '' gpt-long.img
disks_mbr mbr.img 512 ntfs:ntfs.img logical-linux:ext4.img logical-ntfs:ntfs.img
truncate -s +4M mbr.img && put mbr.img $(($(stat -c %s mbr.img) / 1048576 - 1)) end
whole 'an MBR, and the end of the disk' 0 '' mbr.img

# ---- groups -------------------------------------------------------------------------------------

zstd -dcq "$TAP_TOP/tests/data/lvm.tar.zst" | tar xf - ./linear ./thin &&
	zstd -dcq "$TAP_TOP/tests/data/md.tar.zst" | tar xf - ./raid1 ./raid5-ls || exit
whole 'a volume group' 3 "'vglinear-one': nothing that is known is on it" linear/pv-?.img
whole 'a thin pool' 3 "'vgthin-.*': nothing that is known is on it" thin/pv-?.img
whole 'an array' 3 "'.*raid5.*': nothing that is known is on it" raid5-ls/m?.img
fails 'of a group that lacks a member nothing is stored in silence' 1 "'vglinear-.*' is incomplete.*--all-blocks" \
	"$LUNETTE" backup --name x beside.img linear/pv-1.img
fails 'nor of an array' 1 "'.*raid5.*' is incomplete.*--all-blocks" "$LUNETTE" backup --name x beside.img raid5-ls/m0.img
if [ -x "$(dirname "$LUNETTE")/tests/source/tool-ldm-kinds" ]; then
	mkdir ldm && "$(dirname "$LUNETTE")/tests/source/tool-ldm-kinds" ntfs.img ldm/{0..6}.img || exit
	whole 'dynamic disks' 3 "'E': nothing that is known is on it" ldm/?.img
	"$(dirname "$LUNETTE")/tests/source/tool-ldm-kinds" --strange ntfs.img ldm/{0..6}.img || exit
	whole 'a dynamic volume of a kind that nobody knows' 3 "'S' cannot be read: .*layout 9 is not known.*stored" ldm/?.img
	ok 'which all blocks are, too' "$LUNETTE" backup --name strange --all-blocks ldm/?.img
	fails 'one that was asked for by its name cannot be' 1 "'S' cannot be read: .*--all-blocks" \
		"$LUNETTE" backup --name x --volume S ldm/?.img
	fails 'one that lacks a disk is missed' 1 "'E' is incomplete: .*--all-blocks" "$LUNETTE" backup --name x ldm/{1..6}.img
	ok 'all blocks of the others are taken all the same' "$LUNETTE" backup --name lacks --all-blocks ldm/{1..6}.img
	for disk in ldm/?.img; do # the database lies in the last MiB
		dd if=/dev/zero of="$disk" bs=512 seek=$(($(stat -c %s "$disk") / 512 - 2048 + 17)) count=1000 conv=notrunc status=none
	done
	whole 'dynamic disks without a database' 3 'no disk has a database that can be read' ldm/?.img
	whole 'and one of them' 3 'no disk has a database that can be read' ldm/0.img
fi

# A physical volume whose text is gone, a table that was never filled, and both.
cp linear/pv-0.img lost.img && dd if=/dev/zero of=lost.img bs=512 seek=8 count=2000 conv=notrunc status=none
whole 'a physical volume without its group' 3 "'disk1' is a member \(LVM2_member\)" lost.img
for kind in ext4 lost; do
	[ $kind = ext4 ] && status=0 words='' || status=3 words=LVM2_member
	cp $kind.img empty.img
	disks_poke empty.img 440 44332211 && disks_poke empty.img 510 55aa
	"$LUNETTE" probe --json empty.img | jq -r '.disks[0].table, .volumes[].name' >names
	is "an empty MBR, and $kind on the whole disk" "$(xargs <names)" 'mbr disk0'
	whole "an empty MBR, and $kind" "$status" "$words" empty.img
done

# ---- what nobody knows --------------------------------------------------------------------------

blank blank.img 16
whole 'a blank disk' 0 '' blank.img
is 'of which nothing is stored' "$(jq '.stats.unmapped > 16777216' report)" true
dd if=/dev/zero of=zero.img bs=1M count=16 status=none
whole 'a disk full of zeros' 0 '' zero.img
is 'they are counted' "$(jq '.stats.zero >= 16777216' report)" true
blank strange.img 16 && put strange.img 11 middle
whole 'a disk that nobody understands' 3 "disk1 \('strange.img'\) holds no table and no volume that is known: all of it is stored" strange.img
fails 'or it alone' 3 'all of it is stored' "$LUNETTE" backup --name alone strange.img
disks_gpt damaged.img 512 basic:ntfs.img && disks_damage gpt-both damaged.img
whole 'a damaged table' 3 'the GPT is damaged' damaged.img
disks_gpt unknown.img 512 linux:strange.img
whole 'a partition that nobody understands' 3 "'disk1-p1': nothing that is known is on it" unknown.img
blank raid.img 8 && printf 'Intel Raid ISM Cfg Sig. 1.1.00' |
	dd of=raid.img bs=512 seek=$((8 * 2048 - 2)) conv=notrunc status=none && put raid.img 3 data
whole 'a member of a RAID of the firmware' 3 'isw_raid_member|holds no table' raid.img

# ---- if that is wanted --------------------------------------------------------------------------

"$LUNETTE" backup --name known --only-known --json beside.img strange.img gpt-long.img >report 2>said
is 'only what is known' "$? $(sum) $(grep -c 'nothing of it is stored' said)" '3 0 1'
is 'and the rest is counted' "$(jq '.stats.skipped > 16777216' report)" true
is 'the restore point says so' "$("$LUNETTE" show --json known@latest | jq -c '[.every_volume, .only_known, .rules]')" '[true,true,4]'
"$LUNETTE" backup --name chosen --volume disk0-p1 --json beside.img strange.img >report 2>said
is 'what was not chosen is counted, too' "$? $(sum) $(jq '.stats.skipped > 16777216' report)" '0 0 true'
is 'with every block there is nothing else' \
	"$("$LUNETTE" backup --name all --all-blocks --json beside.img strange.img gpt-long.img | jq -c '.stats | [.free, .skipped, .used + .unmapped - .size]')" '[0,0,0]'
fails 'no two choices' 2 '--only-known and --volume exclude each other' \
	"$LUNETTE" backup --name x --only-known --volume disk0-p1 beside.img
fails 'only what is known, and nothing is' 1 'without --only-known they are stored whole' \
	"$LUNETTE" backup --name x --only-known strange.img

# A parent that was chosen otherwise has not what nobody understands.
tap_list() { # ID
	printf '{"format":"lunette-changed","version":1,"parent":"%s","disks":["disk0","disk1","disk2"]}\n{"end":0}\n' "$1"
}
for how in --only-known '--volume disk0-p1' ''; do
	# shellcheck disable=SC2086 # two words, or none
	id=$("$LUNETTE" backup --name parent $how --json beside.img gpt-long.img ext4.img 2>/dev/null | jq -r .id)
	tap_list "$id" >list
	"$LUNETTE" backup --name child --changed list --parent "$id" --json beside.img gpt-long.img ext4.img >report 2>said
	rm -f back.img && "$LUNETTE" restore child@latest --disk disk1 back.img >/dev/null 2>&1
	is "upon a parent with '$how' nothing is missing" "$(tail -c 1M back.img | cmp - <(tail -c 1M gpt-long.img) && sum)" 0
done
is 'and upon its like nothing is read' "$(jq .stats.read report)" 0
