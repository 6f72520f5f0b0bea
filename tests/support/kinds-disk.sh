# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# kinds-disk.sh - partition tables, and disks without one. See kinds.sh.

# ---- tables that are known -----------------------------------------------------------------------

mbr_chain() { # primary and logical partitions, and something in each gap
	small_ext4 e.img 4 && small_ntfs n.img 4 &&
		disks_mbr d0.img 512 ntfs:n.img logical-linux:e.img logical-ntfs:n.img logical-linux:2 || return
	noise d0.img 1000 30000 && noise d0.img $((5 << 20 | 512)) 60000 && truncate -s +3M d0.img && noise d0.img $(($(stat -c %s d0.img) - 100000)) 100000 &&
		known d0.img "$(disks_offset d0.img 1)" "$(disks_offset d0.img 6)"
}

mbr_circle() { # HOW
	local offsets
	mbr_chain && offsets=${KIND_NTFS[d0.img]} && disks_damage "$1" d0.img || return
	[ "$1" = mbr-loop ] || known d0.img "${offsets%% *}" # the second one is not found then
}

gpt() { # SECTOR
	small_ext4 e.img 4 && small_ntfs n.img 8 --sector-size "$1" --cluster-size 4096 &&
		disks_gpt d0.img "$1" efi:1 msr:1 basic:n.img linux:e.img basic:n.img || return
	known d0.img "$(disks_offset d0.img 3 "$1")" "$(disks_offset d0.img 5 "$1")" && noise d0.img $((2 << 20)) 200000
}

gpt_damaged() { # HOW
	gpt 512 && disks_damage "$1" d0.img
	[ "$1" != gpt-both ] || nothing_known
}

gpt_gaps() { # data between partitions, behind the last, and behind the copy of the table
	gpt 512 && truncate -s +8M d0.img && noise d0.img $(($(stat -c %s d0.img) - 1000000)) 900000 && quiet sfdisk --delete d0.img 4
}

gpt_only_copy() { # its beginning is overwritten
	gpt 512 && dd if=/dev/zero of=d0.img bs=512 count=34 conv=notrunc status=none
}

gpt_hybrid() {
	need sgdisk || return
	gpt 512 && quiet sgdisk --hybrid 3:4:5 d0.img
}

gpt_cut() { # the end of the disk is missing
	gpt 512 && truncate -s -7M d0.img && nothing_known && known d0.img "$(disks_offset_of 3)"
}
disks_offset_of() { # N, in the layout of gpt 512
	local starts=(0 1 2 3 11 15)
	echo $((starts[$1] << 20))
}

mbr_past_end() {
	small_ext4 e.img 4 && small_ntfs n.img 4 && disks_mbr d0.img 512 ntfs:n.img linux:e.img ntfs:n.img || return
	truncate -s -5M d0.img && known d0.img $((1 << 20))
}

# The second partition lies in what the NTFS of the first calls free.
mbr_overlap() {
	small_ext4 e.img 4 && small_ntfs n.img 16 && blank d0.img 20M && lay d0.img n.img 1048576 && lay d0.img e.img $((10 << 20)) || return
	printf 'label: dos\nstart=2048, size=32768, type=7\n' | sfdisk -q d0.img >.made 2>&1 || return
	# An entry of one's own: sfdisk makes no such tables.
	perl -e 'seek STDOUT, 446 + 16, 0; print pack "C8 V V", 0, 0, 0, 0, 0x83, 0, 0, 0, 20480, 8192' 1<>d0.img
	known d0.img 1048576
}

empty_mbr() { # WHAT ARGUMENT...: a table that was never filled, and the whole disk has it
	"$@" || return
	disks_poke d0.img 440 44332211 && disks_poke d0.img 510 55aa
}

kind mbr-chain 0 '' mbr_chain
kind mbr-chain-circle '0|3' '' mbr_circle mbr-loop
kind mbr-chain-itself '0|3' '' mbr_circle mbr-self
kind mbr-past-end 3 'past the end' mbr_past_end
kind mbr-overlap 3 'overlap' mbr_overlap
kind mbr-empty-ext4 0 '' empty_mbr fs_tree 16M -d mke2fs -q -F -t ext4
kind mbr-empty-btrfs 0 '' empty_mbr btrfs 1
kind mbr-empty-pv 0 '' empty_mbr lvm_plain
kind gpt 0 '' gpt 512
kind gpt-sectors-4k 0 '' gpt 4096
kind gpt-gaps 0 '' gpt_gaps
kind gpt-hybrid 0 '' gpt_hybrid
kind gpt-only-copy 3 '' gpt_only_copy
kind gpt-first-damaged 3 'GPT' gpt_damaged gpt-primary
kind gpt-copy-damaged 3 'GPT' gpt_damaged gpt-backup
kind gpt-both-damaged 3 'the GPT is damaged' gpt_damaged gpt-both
kind gpt-entries-damaged 3 'GPT' gpt_damaged gpt-entries
kind gpt-overflow 3 'GPT|partition' gpt_damaged gpt-overflow
kind gpt-huge-table 3 'GPT' gpt_damaged gpt-huge-table
kind gpt-cut 3 'GPT' gpt_cut

# ---- tables that are not -------------------------------------------------------------------------

# By parted, with two partitions: NTFS in the first, ext4 in the second.
parted_table() { # LABEL
	need parted || return
	local at=($((2 << 20)) $((12 << 20)))
	small_ext4 e.img 4 && small_ntfs n.img 8 && blank d0.img 24M || return
	quiet parted -s -a none d0.img mklabel "$1" || return
	{ quiet parted -s -a none d0.img mkpart primary 4096s 20479s || quiet parted -s -a none d0.img mkpart one ext2 4096s 20479s; } >/dev/null ||
		quiet parted -s -a none d0.img mkpart ext2 4096s 20479s || return
	lay d0.img n.img "${at[0]}" && lay d0.img e.img "${at[1]}"
}

sfdisk_table() { # LABEL
	small_ext4 e.img 4 && small_ntfs n.img 8 && blank d0.img 64M || return
	printf 'label: %s\nstart=16065, size=16065\nstart=32130, size=16065\n' "$1" | sfdisk -q d0.img >.made 2>&1 || { tail -n 3 .made && return 1; }
	lay d0.img n.img $((16065 * 512)) && lay d0.img e.img $((32130 * 512))
}

disklabel_in_slice() { # BSD's table in a partition of the other kind
	need parted || return
	small_ext4 e.img 4 && blank slice 16M && quiet parted -s slice mklabel bsd && quiet parted -s -a none slice mkpart ext2 2048s 16383s && lay slice e.img 1048576 || return
	disks_mbr d0.img 512 linux:slice
}

kind table-bsd 3 'holds no table|' parted_table bsd
kind table-mac 3 'holds no table|' parted_table mac
kind table-amiga 3 'holds no table|' parted_table amiga
kind table-atari 3 'holds no table|' parted_table atari
kind table-dvh 3 'holds no table|' parted_table dvh
kind table-pc98 3 '' parted_table pc98
kind table-sun 3 'holds no table|' sfdisk_table sun
kind table-sgi 3 'holds no table|' sfdisk_table sgi
kind table-bsd-in-mbr 3 'nothing that is known' disklabel_in_slice

# ---- none ----------------------------------------------------------------------------------------

random_disk() { # BYTES
	blank d0.img "$1" && noise d0.img 0 "$1"
}
zeros_written() {
	dd if=/dev/zero of=d0.img bs=1M count=8 status=none
}
last_byte() { # of zeros that are written
	zeros_written && printf x | dd of=d0.img bs=1 seek=$((8 << 20 | 0)) conv=notrunc status=none
}
last_byte_sparse() {
	blank d0.img 8M && printf x | dd of=d0.img bs=1 seek=$(((8 << 20) - 1)) conv=notrunc status=none
}
odd_ext4() { # BYTES more
	fs_tree 8M -d mke2fs -q -F -t ext4 && truncate -s +"$1" d0.img && noise d0.img $((8 << 20)) "$1"
}
odd_ntfs() { # BYTES more, behind it
	ntfs 8 && truncate -s +"$1" d0.img && noise d0.img $((8 << 20)) "$1"
}

# What was NTFS until another one came, whose own records leave those of the old one alone: what that one calls
# free may hold anything. Its MFT begins 256 KiB in.
over_ntfs() { # FROM BYTES MAKER...: so much of what MAKER makes
	"${@:3}" && nothing_known && mv d0.img new.img && small_ntfs d0.img $((($(stat -c %s new.img) + 1048575) >> 20)) --cluster-size 65536 &&
		dd if=new.img of=d0.img bs=512 skip=$(($1 / 512)) seek=$(($1 / 512)) count=$(($2 / 512)) conv=notrunc status=none &&
		noise d0.img $(($(stat -c %s d0.img) * 2 / 3)) 2000000
}

# The same of a disk: its first sector is that of the table, and so is the copy at the end.
over_gpt() {
	bcache_alone && mv d0.img new.img && gpt 512 && nothing_known && dd if=new.img of=d0.img bs=4K skip=1 seek=1 count=1 conv=notrunc status=none &&
		noise d0.img 9000000 2000000
}

kind blank '0|3' '' blank d0.img 16M
kind zeros '0|3' '' zeros_written
kind zeros-and-a-byte 3 'holds no table' last_byte
kind hole-and-a-byte 3 'holds no table' last_byte_sparse
kind random 3 'holds no table' random_disk 5000000
kind random-odd 3 'holds no table' random_disk 5000011
kind random-small 3 'holds no table' random_disk 102400
kind random-sector 3 'holds no table' random_disk 512
kind random-few 3 'holds no table' random_disk 100
kind ext4-odd-end 0 '' odd_ext4 777
kind ext4-longer 0 '' odd_ext4 1000448
kind ntfs-odd-end 0 '' odd_ntfs 777
kind ntfs-longer 0 '' odd_ntfs 1000448
kind swap-over-ntfs 3 'swap' over_ntfs 1024 3072 swap
kind btrfs-over-ntfs 3 'btrfs' over_ntfs 65536 4096 btrfs 1
kind ext4-over-ntfs 3 'ext4' over_ntfs 1024 1024 ext 16M -t ext4
kind bcache-over-gpt 3 'bcache' over_gpt
kind bcache-over-ntfs 3 'bcache' over_ntfs 4096 4096 bcache_alone
kind luks2-below-ntfs 3 'LUKS|crypto' over_ntfs 16384 16384 luks --type luks2 --pbkdf pbkdf2
kind zfs-over-ntfs 3 'every block of it is stored' over_ntfs 131072 131072 zfs_label
