# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# kinds-fs.sh - file systems on a whole disk, and what else has a disk to itself. See kinds.sh.

# ---- ext -----------------------------------------------------------------------------------------

ext() { # SIZE OPTION...
	fs_tree "$1" -d mke2fs -q -F "${@:2}"
}

ext_journal_outside() {
	need mke2fs losetup || return
	local journal
	blank d0.img 16M && blank d1.img 8M && quiet mke2fs -q -F -b 4096 -O journal_dev d1.img && noise d1.img 4000000 100000 || return
	journal=$(losetup -f --show d1.img) && blockdev --setrw "$journal" || return
	quiet mke2fs -q -F -b 4096 -t ext4 -J device="$journal" d0.img
	set -- $?
	losetup -d "$journal" && noise d0.img 10000000 100000
	return "$1"
}

kind ext2 0 '' ext 8M -t ext2
kind ext3 0 '' ext 16M -t ext3
kind ext4 0 '' ext 16M -t ext4
kind ext4-bigalloc 0 '' ext 32M -t ext4 -O bigalloc -C 65536
kind ext4-64bit-meta-bg 0 '' ext 32M -t ext4 -O 64bit,meta_bg,^resize_inode
kind ext4-inline-data 0 '' ext 16M -t ext4 -O inline_data -I 512
kind ext4-encrypt-casefold 0 '' ext 16M -t ext4 -O encrypt,casefold,verity
kind ext4-orphan-mmp 0 '' ext 16M -t ext4 -O orphan_file,mmp,quota,project -I 256
kind ext4-sparse-super2 0 '' ext 16M -t ext4 -O sparse_super2,^has_journal -b 1024
kind ext4-journal-outside 0 '' ext_journal_outside

# ---- xfs -----------------------------------------------------------------------------------------

xfs() { # OPTION...
	fs 320M mkfs.xfs -q -f "$@"
}

xfs_log_outside() {
	need mkfs.xfs || return
	blank d0.img 320M && blank d1.img 80M && quiet mkfs.xfs -q -f -l logdev=d1.img,size=70m d0.img && noise d0.img 200000000 100000
}

xfs_realtime() { # the second disk has nothing but data
	need mkfs.xfs || return
	blank d0.img 320M && blank d1.img 32M && quiet mkfs.xfs -q -f -m crc=1,rmapbt=0,reflink=0 -r rtdev=d1.img,size=32m d0.img && noise d1.img 9000000 200000
}

kind xfs 0 '' xfs
kind xfs-v4 0 '' xfs -m crc=0
kind xfs-bigtime-reflink 0 '' xfs -m bigtime=1,reflink=1,rmapbt=1,inobtcount=1
kind xfs-sectors-4k 0 '' xfs -s size=4096 -b size=4096
kind xfs-log-outside 0 '' xfs_log_outside
kind xfs-realtime 3 "disk2.* holds no table|disk1.* holds no table" xfs_realtime

# ---- others of Linux -----------------------------------------------------------------------------

btrfs() { # DISKS OPTION...
	need mkfs.btrfs || return
	local i disks=()
	for ((i = 0; i < $1; i++)); do
		blank "d$i.img" 160M && disks+=("d$i.img")
	done
	quiet mkfs.btrfs -q -f "${@:2}" "${disks[@]}" || return
	for i in "${disks[@]}"; do noise "$i" 150000000 200000; done
}

f2fs_devices() {
	need mkfs.f2fs || return
	blank d0.img 64M && blank d1.img 64M && quiet mkfs.f2fs -f -c d1.img d0.img && noise d1.img 50000000 200000
}

bcache() {
	need make-bcache || return
	blank d0.img 16M && blank d1.img 80M && quiet make-bcache --data-offset 16 -B d0.img || return
	small_ext4 inside 8 && lay d0.img inside 8192 && quiet make-bcache -C d1.img && noise d1.img 8000000 100000
}

bcache_alone() {
	bcache && rm d1.img
}

iso() {
	need xorriso || return
	tree tree && rm -f d0.img && quiet xorriso -as mkisofs -quiet -o d0.img "$@" tree
}

iso_hybrid() { # an image of a disc that is one of a disk as well: two tables and a file system
	need xorriso || return
	small_fat efi.img && iso -append_partition 2 0xef efi.img -appended_part_as_gpt
}
small_fat() { # FILE
	need mkfs.vfat || return
	blank "$1" 2M && quiet mkfs.vfat "$1"
}

made() { # COMMAND...: makes d0.img of the folder tree
	need "$1" || return
	tree tree && rm -f d0.img && quiet "$@"
}

gfs2() { # needs a device
	need mkfs.gfs2 losetup || return
	local loop
	blank d0.img 64M && loop=$(losetup -f --show d0.img) && blockdev --setrw "$loop" || return
	quiet mkfs.gfs2 -O -q -p lock_nolock -J 8 "$loop"
	set -- $?
	losetup -d "$loop" && noise d0.img 50000000 200000
	return "$1"
}

kind btrfs 0 '' btrfs 1
kind btrfs-mixed 0 '' btrfs 1 -M
kind btrfs-raid1 0 '' btrfs 2 -d raid1 -m raid1
kind btrfs-raid0 0 '' btrfs 2 -d raid0 -m raid0
kind btrfs-xxhash 0 '' btrfs 1 --csum xxhash
kind f2fs 0 '' fs 64M mkfs.f2fs -f
kind f2fs-devices 3 "'d1.img'.* holds no table" f2fs_devices
kind nilfs2 0 '' fs 160M mkfs.nilfs2 -f -q
kind jfs 0 '' fs 32M mkfs.jfs -q
kind reiserfs 0 '' fs 48M mkreiserfs -q -f -f
kind reiser4 0 '' fs 64M mkfs.reiser4 -f -y
kind gfs2 0 '' gfs2
kind ocfs2 0 '' fs 64M mkfs.ocfs2 -q -F -M local --fs-feature-level=max-compat
kind minix 0 '' fs 16M mkfs.minix -1
kind minix3 0 '' fs 16M mkfs.minix -3
kind bfs 0 '' fs 4M mkfs.bfs
kind squashfs 0 '' made mksquashfs tree d0.img -quiet -no-progress
kind erofs 0 '' made mkfs.erofs d0.img tree
kind cramfs 0 '' made mkfs.cramfs tree d0.img
kind ffs 0 '' made makefs -s 16m d0.img tree
kind bcache 0 '' bcache

# ---- discs, other systems ------------------------------------------------------------------------

hfs() {
	need hformat || return
	blank d0.img 4M && quiet env HOME="$PWD" hformat -l Kind d0.img 0 && noise d0.img 3000000 100000
}

ntfs() { # MIB OPTION...
	small_ntfs d0.img "$@" && known d0.img 0
}

kind iso9660 0 '' iso -J -R
kind iso-hybrid '0|3' '' iso_hybrid
kind udf 0 '' fs 16M mkudffs -b 512
kind udf-dvd 0 '' fs 16M mkudffs -b 2048 --media-type=dvd
kind exfat 0 '' fs 16M mkfs.exfat
kind vfat-12 0 '' fs 1440K mkfs.vfat -F 12
kind vfat-16 0 '' fs 32M mkfs.vfat -F 16
kind vfat-32 0 '' fs 64M mkfs.vfat -F 32
kind vfat-4k 0 '' fs 64M mkfs.vfat -S 4096
kind hfs 0 '' hfs
kind ntfs 0 '' ntfs 8
kind ntfs-sectors-4k 0 '' ntfs 16 --sector-size 4096 --cluster-size 4096
kind ntfs-clusters-64k 0 '' ntfs 16 --cluster-size 65536
kind ntfs-clusters-512 0 '' ntfs 4 --cluster-size 512
kind ntfs-compressed 0 '' ntfs 16 --enable-compression

# ---- no file systems -----------------------------------------------------------------------------

luks() { # OPTION...
	need cryptsetup || return
	blank d0.img 24M && echo a password >.key &&
		quiet cryptsetup luksFormat -q --key-file .key --pbkdf-force-iterations 1000 "$@" d0.img && noise d0.img 20000000 200000
}

luks_apart() { # the header is on another disk
	need cryptsetup || return
	blank d0.img 8M && blank d1.img 4M && echo a password >.key && noise d1.img 0 4194304 &&
		quiet cryptsetup luksFormat -q --key-file .key --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --header d0.img d1.img
}

swap() {
	fs 8M mkswap
}

suspended() { # what was in memory lies there
	need mkswap || return
	blank d0.img 8M && quiet mkswap d0.img && printf 'S1SUSPEND\0' | dd of=d0.img bs=1 seek=4086 conv=notrunc status=none && noise d0.img 65536 3000000
}

bitlocker() { # NAME
	local from=${KINDS_DATA:-/nowhere}/encrypted/$1.bin.gz
	[ -r "$from" ] || { echo "there is no image of one here (KINDS_DATA)" && return 77; }
	gzip -dc "$from" >d0.img
}

zfs_label() { # as far as libblkid looks: two of its labels, by their magic numbers
	blank d0.img 64M && noise d0.img 20000000 300000 || return
	perl -e 'for my $at (0, 1) { for my $n (0 .. 31) { seek STDOUT, $at * 262144 + 131072 + $n * 1024, 0;
		print pack "Q<Q<Q<Q<", 0x00bab10c, 5000, $n + 1, 7 } }' 1<>d0.img
}

kind luks1 0 '' luks --type luks1
kind luks2 0 '' luks --type luks2 --pbkdf pbkdf2
kind luks-header-apart 3 "'d1.img'.* holds no table" luks_apart
kind swap 0 '' swap
kind suspended 0 '' suspended
kind bitlocker '0|3' '' bitlocker fve-aes-xts_128
kind bitlocker-diffuser '0|3' '' bitlocker fve-aes_256_diffuser
kind bitlocker-suspended '0|3' '' bitlocker fve-suspended
kind zfs 0 '' zfs_label
