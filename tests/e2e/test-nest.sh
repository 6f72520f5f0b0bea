#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A virtual machine's disk in a logical volume: what is in it is found, and a backup brings back all of
# it, whole and in parts.
. "$(dirname "$0")/../support/tap.sh"
command -v zstd >/dev/null || tap_skip_all 'zstd is not installed'
tap_begin
export LUNETTE_REPO=$TAP_DIR/repo

zstd -dc "$TAP_TOP/tests/data/lvm.tar.zst" | tar xf - ./linear || exit
disks=(linear/pv-0.img linear/pv-1.img linear/pv-2.img)
document() { "$LUNETTE" probe --json "${disks[@]}"; }

# The guest's disk: a table, something in the gap behind it, ext4, and what nobody knows.
size=$(document | jq '.volumes[] | select(.name == "vglinear-one").size')
truncate -s "$size" guest.img
printf 'label: dos\nstart=2048, size=4096, type=83\nstart=6144, type=83\n' | sfdisk -q guest.img
printf 'code that a boot loader has left here' | dd of=guest.img bs=512 seek=1000 conv=notrunc status=none
truncate -s 2M p1.img
mkfs.ext4 -q -L guest p1.img
dd if=p1.img of=guest.img bs=512 seek=2048 conv=notrunc status=none
openssl enc -aes-128-ctr -nosalt -k nest -md sha256 </dev/zero 2>/dev/null |
	dd of=guest.img bs=512 seek=6144 count=$((size / 512 - 6144)) iflag=fullblock conv=notrunc status=none
document | jq -r '.volumes[] | select(.name == "vglinear-one").segments[] |
	"\(.start / 512) \(.length / 512) \(.legs[0].disk | ltrimstr("disk")) \(.legs[0].start / 512)"' >where
while read -r start length disk at; do
	dd if=guest.img of="${disks[disk]}" bs=512 skip="$start" count="$length" seek="$at" conv=notrunc status=none
done <where

is 'the partitions in a logical volume are volumes, and so is what they are in' \
	"$(document | jq -c '.volumes[] | select(.name | startswith("vglinear-one")) | [.name, .type, .filesystem, .label]' | sort)" \
	'["vglinear-one","linear",null,null]
["vglinear-one-p1","basic","ext4","guest"]
["vglinear-one-p2","basic",null,null]'

"$LUNETTE" init repo >/dev/null
fails 'a backup of everything, and of what nobody knows' 3 "'vglinear-one-p2': nothing that is known is on it" \
	"$LUNETTE" backup --name all "${disks[@]}"
restored() { # POINT VOLUME
	rm -f out.img
	"$LUNETTE" restore "$1" --volume "$2" out.img >/dev/null 2>&1
}
restored all@latest vglinear-one
ok 'has what holds others, whole: table, gaps and partitions' cmp guest.img out.img
restored all@latest vglinear-one-p1
ok 'and a partition' cmp p1.img out.img
rm -f out.img
fails 'a disk of it is restored without a warning' 0 '' "$LUNETTE" restore all@latest --disk disk0 out.img

ok 'a backup of one partition' bash -c \
	"'$LUNETTE' backup --name part --volume vglinear-one-p1 ${disks[*]} >/dev/null"
restored part@latest vglinear-one-p1
ok 'has it' cmp p1.img out.img
rm -f out.img
fails 'and not what it is in' 1 "'vglinear-one' is not stored" "$LUNETTE" restore part@latest --volume vglinear-one out.img

ok 'a backup of what holds others' bash -c \
	"'$LUNETTE' backup --name whole --volume vglinear-one ${disks[*]} >/dev/null"
restored whole@latest vglinear-one
ok 'has all of it' cmp guest.img out.img
