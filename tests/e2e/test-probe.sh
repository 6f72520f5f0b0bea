#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# lunette probe: real tables, made and read by the system's own tools, sound ones and damaged ones.
set -u
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"

tap_begin
export LC_ALL=C.UTF-8

# What lunette says of a disk: number, start and size in bytes of every partition.
ours() {
	"$LUNETTE" probe --json "$1" |
		jq -r '.volumes[] | "\(.name | sub("disk0-p"; "")) \(.segments[0].legs[0].start) \(.size)"'
}

# What sfdisk says of it, without extended partitions.
theirs() {
	sfdisk --json "$1" | jq -r --arg disk "$1" '.partitiontable as $t | $t.partitions[]
		| select(.type != "5" and .type != "f")
		| "\(.node | ltrimstr($disk) | ltrimstr("p")) \(.start * $t.sectorsize) \(.size * $t.sectorsize)"'
}

# The same of an image with large sectors, which sfdisk cannot be told about.
theirs_4096() {
	fdisk --sector-size 4096 --list -o Device,Start,Sectors "$1" 2>/dev/null |
		awk -v d="$1" 'index($1, d) == 1 { n = substr($1, length(d) + 1); sub("p", "", n)
			printf "%s %.0f %.0f\n", n, $2 * 4096, $3 * 4096 }'
}

# ---- sound tables, against what the system's tools say ---------------------------------------

disks_ntfs ntfs.img 20 'Größe C'
truncate -s 64M gpt.img
sfdisk --quiet gpt.img <<-'END'
	label: gpt
	label-id: 01234567-89AB-CDEF-0123-456789ABCDEF
	start=2048, size=10000
	5: start=20000, size=1
	3: start=30000, size=30001, type=U
	128: start=70000
END
is 'GPT: partitions are where sfdisk says, holes in the numbering included' "$(ours gpt.img)" "$(theirs gpt.img)"
is 'GPT: the disk and its id' "$("$LUNETTE" probe --json gpt.img | jq -c '.disks[0]')" \
	'{"name":"disk0","source":"gpt.img","vendor":null,"product":null,"serial":null,"identity":null,"size":67108864,"sector_size":512,"table":"gpt","id":"01234567-89ab-cdef-0123-456789abcdef"}'

truncate -s 64M mbr.img
sfdisk --quiet mbr.img <<-'END'
	label: dos
	label-id: 0xDEADBEEF
	1: start=2048, size=10000, type=7
	2: start=16384, size=100000, type=5
	4: start=12048, size=4000, type=c
	5: start=18432, size=3000, type=83
	6: start=40000, size=2001
	7: start=90000, size=26384, type=7
END
is 'MBR: primary and logical partitions are where sfdisk says' "$(ours mbr.img)" "$(theirs mbr.img)"
is 'MBR: the signature' "$("$LUNETTE" probe --json mbr.img | jq -r '.disks[0].id')" deadbeef
sfdisk --quiet --delete mbr.img 6 # the numbers behind it move up
is 'MBR: after one was deleted in the middle of the chain' "$(ours mbr.img)" "$(theirs mbr.img)"

disks_gpt large.img 4096 efi:8 msr:4 basic:ntfs.img
is 'GPT of 4096-byte sectors, in an image file' "$(ours large.img)" "$(theirs_4096 large.img)"
is 'the image counts in 4096-byte sectors then' "$("$LUNETTE" probe --json large.img | jq '.disks[0].sector_size')" 4096

# ---- what is in the volumes ------------------------------------------------------------------

disks_gpt disk.img 512 efi:8 msr:4 basic:ntfs.img linux:4
is 'file system, label and state of a volume' \
	"$("$LUNETTE" probe --json disk.img | jq -c '.volumes[2] | [.name, .type, .state, .filesystem, .label]')" \
	'["disk0-p3","basic","ok","ntfs","Größe C"]'
ok 'the text says it in one line' bash -c \
	"'$LUNETTE' probe disk.img | grep -E '^disk0-p3 +20 MiB +basic +ntfs +Größe C +ok +disk0$'"
ok 'and says what a partition without file system is for' bash -c \
	"'$LUNETTE' probe disk.img | grep -E '^disk0-p2 +4\.0 MiB +basic +\(Microsoft reserved\) +ok +disk0$'"
is 'a file system on a whole disk is a volume; its boot sector is no table' \
	"$("$LUNETTE" probe --json ntfs.img | jq -c '[.disks[0].table, .volumes[0].name, .volumes[0].filesystem]')" \
	'["none","disk0","ntfs"]'
is 'several disks are numbered in the order given' \
	"$("$LUNETTE" probe --json ntfs.img disk.img | jq -c '[.volumes[].name]')" \
	'["disk0","disk1-p1","disk1-p2","disk1-p3","disk1-p4"]'
truncate -s 1M hostile.img
mkfs.ext2 -q hostile.img
printf 'a\033[31m\nb' | dd of=hostile.img bs=1 seek=1144 conv=notrunc status=none
is 'a label cannot send commands to the terminal' \
	"$("$LUNETTE" probe hostile.img | LC_ALL=C grep -c $'\033')" 0
is 'but the document has all of it' "$("$LUNETTE" probe --json hostile.img | jq -c '.volumes[0].label')" '"a\u001b[31m\nb"'

# Windows writes the label into the root folder, and leaves that of the boot sector.
truncate -s 40M fat.img && mkfs.vfat -F 32 -n BOOT fat.img >/dev/null
at=$(LC_ALL=C grep -abo 'BOOT       ' fat.img | sed -n '$s/:.*//p')
printf 'WINDOWS    ' | dd of=fat.img bs=1 seek="$at" conv=notrunc status=none
is 'the label of a FAT volume is that of its root folder' "$("$LUNETTE" probe --json fat.img | jq -r '.volumes[].label')" WINDOWS

# blkid sees the whole of it, lunette a few places only.
named() {
	rm -f named.img
	truncate -s "$1" named.img
	$2 named.img >/dev/null 2>&1
	is "named as blkid names it: $2" \
		"$("$LUNETTE" probe --json named.img | jq -r '.volumes[0] | .filesystem, .label // "", .uuid')" \
		"$(for tag in TYPE LABEL UUID; do blkid -p -o value -s $tag named.img || echo; done)"
}
named 8M 'mkfs.ext2 -q -L two'
named 16M 'mkfs.ext3 -q -L three'
named 16M 'mkfs.ext4 -q -L four'
named 300M 'mkfs.xfs -q -L ex'
named 128M 'mkfs.btrfs -q -L bee'
named 16M 'mkntfs -Q -F -L nt'
named 16M 'mkswap -L sw'
named 64M 'mkfs.vfat -F 16 -n SIXTEEN'
named 512M 'mkfs.vfat -F 32 -n THIRTYTWO'
# The label in the second cluster of the root directory, far away, and another one in the boot sector.
far_label() {
	mkfs.vfat -F 32 -s 1 -n BOOT "$1" && perl -e '
		open my $f, "+<", $ARGV[0] or die; read $f, my $b, 512;
		my ($sector, $reserved, $tables) = unpack "x11 v x v C", $b; my ($length) = unpack "x36 V", $b;
		my $heap = ($reserved + $tables * $length) * $sector; my $far = 100000;
		seek $f, $heap, 0; print $f map { sprintf("F%07d   ", $_) . " " . "\0" x 20 } 1 .. 16;
		seek $f, $heap + ($far - 2) * $sector, 0; print $f "ROOT       \x08" . "\0" x 20;
		seek $f, $reserved * $sector + 8, 0; print $f pack "V", $far;
		seek $f, $reserved * $sector + 4 * $far, 0; print $f pack "V", 0xfffffff' "$1"
}
named 64M far_label
is 'which is the one that users see' "$("$LUNETTE" probe --json named.img | jq -r '.volumes[0].label')" ROOT
named 64M 'mkfs.exfat -L Ex'
named 64M 'mkudffs -l disc'
rm -f named.img

# ---- damaged ones ----------------------------------------------------------------------------

copy() {
	cp --sparse=always "$1" bad.img
}

before=$(ours disk.img)
for how in gpt-primary gpt-entries; do
	copy disk.img && disks_damage $how bad.img
	fails "$how: a warning" 3 'warning: disk0 .*the primary GPT is damaged: .*CRC.*backup is used' "$LUNETTE" probe bad.img
	is "$how: the backup says the same" "$(ours bad.img 2>/dev/null)" "$before"
done
copy disk.img && truncate -s +1G bad.img && disks_damage gpt-primary bad.img
is 'the disk was enlarged and its primary GPT is damaged: the backup is found' "$(ours bad.img 2>/dev/null)" "$before"
copy large.img && disks_damage gpt-primary bad.img 4096
is 'the same of 4096-byte sectors' "$(ours bad.img 2>/dev/null)" "$(ours large.img)"
copy disk.img && disks_damage gpt-backup bad.img
fails 'gpt-backup: a warning' 3 'the backup GPT is damaged: .*the primary one is used' "$LUNETTE" probe bad.img
copy disk.img && disks_damage gpt-both bad.img
fails 'gpt-both: nothing is left' 1 'the GPT is damaged: primary: .*; backup: ' "$LUNETTE" probe bad.img
fails 'gpt-both: and that is said' 1 "nothing was recognised on 'bad.img'" "$LUNETTE" probe bad.img
copy disk.img && disks_damage gpt-huge-table bad.img
fails 'gpt-huge-table' 1 'it has 4294967295 entries of 2147483648 bytes' "$LUNETTE" probe bad.img
copy disk.img && disks_damage gpt-overflow bad.img
fails 'gpt-overflow: the partition is left out, with a word' 3 'partition 1 is left out: no disk has' "$LUNETTE" probe bad.img
is 'gpt-overflow: the others stay' "$(ours bad.img 2>/dev/null)" "$(tail -n +2 <<<"$before")"
copy disk.img && disks_damage gpt-backwards bad.img
fails 'gpt-backwards: so is one that ends before it begins' 3 'partition 1 is left out: it ends' "$LUNETTE" probe bad.img
copy disk.img && disks_damage gpt-past-end bad.img
fails 'gpt-past-end: one that does not fit is used as far as it goes' 3 '^disk0-p1 .* ok  *disk0$' "$LUNETTE" probe bad.img

copy ntfs.img && truncate -s 12M bad.img
fails 'a volume without a table whose end is missing: a warning' 3 'volume disk0: the file system .* its end is missing' "$LUNETTE" probe bad.img
is 'an error cannot send commands to the terminal either' \
	"$("$LUNETTE" probe $'no\033[31m' 2>&1)" "lunette: open 'no?[31m': No such file or directory"

copy disk.img && disks_damage truncate bad.img $((24 << 20))
fails 'a truncated disk: a warning' 3 'the end of the disk is missing' "$LUNETTE" probe bad.img
is 'a truncated disk: it is used as far as it goes, and what is not there at all says so' \
	"$("$LUNETTE" probe --json bad.img 2>/dev/null | jq -c '[.volumes[].state]')" '["ok","ok","ok","incomplete"]'

for how in mbr-loop mbr-self; do
	copy mbr.img && disks_damage $how bad.img
	fails "$how: a warning" 3 'the chain of logical partitions is a loop' "$LUNETTE" probe bad.img
done
is 'mbr-self: what is in front of the loop stays' "$(ours bad.img 2>/dev/null | head -n 3)" "$(ours mbr.img | head -n 3)"

# ---- files that hold a disk -------------------------------------------------------------------

container() { # BYTES WHAT [OFFSET]
	truncate -s 0 held.img && truncate -s 2M held.img
	printf '%b' "$1" | dd of=held.img bs=1 seek="${3:-0}" conv=notrunc status=none
	fails "$2 is called so" 1 "'held.img' is $2, which is not a disk by itself: .*(qemu-nbd|ewfmount|unpack)" "$LUNETTE" probe held.img
}
container 'QFI\xfb' 'a qcow2 image'
container vhdxfile 'a VHDX image'
container conectix 'a VHD image'
container KDMV 'a VMDK image'
container '# Disk DescriptorFile\n' 'the description of a VMDK image'
container '\x7f\x10\xda\xbe' 'a VDI image' 64
container 'EVF\x09\x0d\x0a\xff\x00' 'an E01 image \(EWF\)'
container '\x28\xb5\x2f\xfd' 'compressed with zstd'
cp ntfs.img fixed.vhd && printf 'conectix%504s' '' >>fixed.vhd
is 'a fixed VHD is a disk, and a few bytes more' "$("$LUNETTE" probe --json fixed.vhd | jq -r '.volumes[].filesystem')" ntfs

# ---- nothing, and mistakes -------------------------------------------------------------------

truncate -s 1M blank.img
fails 'a blank disk: an error' 1 "nothing was recognised on 'blank.img'" "$LUNETTE" probe blank.img
is 'a blank disk: the document is printed all the same' \
	"$("$LUNETTE" probe --json blank.img 2>/dev/null | jq -c '[.disks[0].table, .volumes]')" '["none",[]]'
fails 'a blank disk next to another is no error' 0 'disk1-p4' "$LUNETTE" probe blank.img disk.img
: >empty.img
fails 'an empty file' 1 'nothing was recognised' "$LUNETTE" probe empty.img
fails 'no such file' 1 "'nowhere.img': No such file" "$LUNETTE" probe nowhere.img
fails 'no SOURCE' 2 'probe needs SOURCE' "$LUNETTE" probe
fails 'no such option' 2 'no such option' "$LUNETTE" probe --frobnicate disk.img
if [ -c /dev/full ]; then
	fails 'output that cannot be written' 1 'No space left' bash -c "'$LUNETTE' probe disk.img >/dev/full"
fi
