# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# kinds-volume.sh - groups of disks, and volumes in volumes. See kinds.sh.

KINDS_ARRAYS=$TAP_TOP/tests/data

# SET: its disks become d0.img, d1.img, ...
archive() { # md|lvm SET [DISK...]
	local disk n=0
	need zstd || return
	zstd -dcq "$KINDS_ARRAYS/$1.tar.zst" | tar xf - --wildcards "./$2/*.img" || return
	for disk in "$2"/"$([ "$1" = md ] && echo m || echo pv-)"?.img; do
		[ $# = 2 ] || [[ " ${*:3} " == *" $n "* ]] || { n=$((n + 1)) && continue; }
		mv "$disk" "d$n.img" && n=$((n + 1))
	done
}

lvm_own() { # COMMAND...: with a configuration of its own, and without device-mapper
	mkdir -p etc && printf 'devices { dir="/dev" scan="/dev" use_devicesfile=0 obtain_device_list_from_udev=0 filter=["a|^%s|","r|.*|"] }\nactivation { udev_sync=0 udev_rules=0 monitoring=0 }\nglobal { locking_type=1 }\n' "$LOOP" >etc/lvm.conf
	LVM_SYSTEM_DIR=$PWD/etc LVM_SUPPRESS_FD_WARNINGS=1 quiet lvm "$@"
}

# A physical volume on d0.img, and a group with two volumes, of 8 and 4 MiB, one behind the other.
lvm_plain() {
	need lvm losetup || return
	local rc=0
	blank d0.img 24M && LOOP=$(losetup -f --show d0.img) || return
	# Whoever had it before may have set it read-only, and that stays.
	{ blockdev --setrw "$LOOP" && lvm_own pvcreate -qq --dataalignment 1m "$LOOP" && lvm_own vgcreate -qq -s 1m kind "$LOOP" &&
		lvm_own lvcreate -qq -an -Zn -Wn -y --driverloaded n -n a -l 8 kind && lvm_own lvcreate -qq -an -Zn -Wn -y --driverloaded n -n b -l 4 kind; } || rc=$?
	losetup -d "$LOOP"
	((rc == 0)) && noise d0.img $((20 << 20)) 300000 && small_ext4 e.img 4 && lay d0.img e.img $((9 << 20))
}

# The first volume holds IMAGE; the second one ext4.
lvm_with() { # MAKER ARGUMENT...: makes inside.img, of at most 8 MiB
	lvm_plain && "$@" && lay d0.img inside.img 1048576
}
inside_ntfs() { small_ntfs inside.img 8 && known d0.img 1048576; }
inside_gpt() {
	small_ntfs n.img 4 && disks_gpt inside.img 512 basic:n.img && known d0.img $((1048576 + (1 << 20)))
}
inside_luks() {
	need cryptsetup || return
	blank inside.img 8M && echo a password >.key && noise inside.img 6000000 1000000 &&
		quiet cryptsetup luksFormat -q --key-file .key --type luks1 --pbkdf-force-iterations 1000 inside.img
}
inside_array() { # a mirror's only member of two
	archive md raid1 0 && mv d0.img inside.img
}
array_in_lvm() {
	inside_array && lvm_plain && archive md raid1 0 && mv d0.img inside.img && lvm_plain && lay d0.img inside.img 1048576
}

lvm_in_partition() {
	lvm_with inside_ntfs && mv d0.img pv.img && disks_gpt d0.img 512 linux:1 linux:pv.img && nothing_known && known d0.img $((3 << 20))
}
lvm_lost() { # its text is gone
	lvm_with inside_ntfs && dd if=/dev/zero of=d0.img bs=512 seek=8 count=2000 conv=notrunc status=none && nothing_known
}

# Members of a mirror with an image in it: the array begins 1 MiB in.
on_mirror() { # MAKER ARGUMENT...
	"$@" && mv d0.img content.img && archive md raid1 || return
	truncate -s $((1048576 + $(stat -c %s content.img))) d0.img d1.img || return
	lay d0.img content.img 1048576 && lay d1.img content.img 1048576
}
# The array has 1 MiB.
tiny_ext4() {
	need mke2fs || return
	mkdir -p few && echo small >few/small && blank d0.img 1M && quiet mke2fs -q -F -t ext2 -d few d0.img
}

# The members of a stripe with parity, with NTFS in it, chunk by chunk.
striped_ntfs() { # SET MEMBERS PARITY
	need mkntfs && small_ntfs_tiny content.img && archive md "$1" || return
	perl -e 'my ($n, $parity) = @ARGV; my ($chunk, $at, $data) = (65536, 1048576, $n - $parity);
		open my $in, "<", "content.img" or die; my @f; for (0 .. $n - 1) { open $f[$_], "+<", "d$_.img" or die }
		for (my $row = 0; ; $row++) { my @c; my $sum = "\0" x $chunk;
			for (0 .. $data - 1) { read($in, $c[$_], $chunk) == $chunk or exit; $sum ^= $c[$_] }
			my $p = $n - 1 - $row % $n;
			for (0 .. $data - 1) { my $m = $parity ? ($p + 1 + $_) % $n : $_; seek $f[$m], $at + $row * $chunk, 0; print {$f[$m]} $c[$_] }
			if ($parity) { seek $f[$p], $at + $row * $chunk, 0; print {$f[$p]} $sum } }' "$2" "$3" && spread
}
small_ntfs_tiny() { # FILE
	disks_ntfs "$1" 3 Kind --cluster-size 4096 && noise "$1" 2400000 300000 && tree tree && quiet ntfscp "$1" tree/sub/text text
}

array_damaged_over_ntfs() { # a bit of the record that it is a member is not right
	over_ntfs 4096 4096 archive md raid0 0 && disks_flip d0.img 4200
}

# A snapshot of the old kind, of an NTFS from which a file has been deleted since: where that was, the snapshot
# has nothing of its own.
lvm_snapshot() {
	local uuid=AAAAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAAA
	need lvm perl || return
	lvm_plain || return
	LOOP=$(losetup -f --show d0.img) || return
	{ blockdev --setrw "$LOOP" && lvm_own lvcreate -qq -an -Zn -Wn -y --driverloaded n -n cow -l 2 kind && lvm_own vgcfgbackup -f cfg kind &&
		perl -0pi -e 's/(\n\t\}\n\}\n*\z|\n\t\}\n\n*\}\n.*\z)/
			"\n\t\tsnapshot0 {\n\t\t\tid = \"'$uuid'1\"\n\t\t\tstatus = [\"READ\", \"WRITE\", \"VISIBLE\"]\n\t\t\tflags = []\n" .
			"\t\t\tsegment_count = 1\n\t\t\tsegment1 {\n\t\t\t\tstart_extent = 0\n\t\t\t\textent_count = 8\n\t\t\t\ttype = \"snapshot\"\n" .
			"\t\t\t\tchunk_size = 8\n\t\t\t\torigin = \"a\"\n\t\t\t\tcow_store = \"cow\"\n\t\t\t}\n\t\t}$1"/se; s/(\bcow \{.*?)status = \[[^]]*\]/$1status = ["READ", "WRITE"]/s' cfg &&
		lvm_own vgcfgrestore -qq --driverloaded n --force -f cfg kind; } || { losetup -d "$LOOP" && return 1; }
	losetup -d "$LOOP"
	inside_ntfs && cp inside.img old.img && mkdir -p mnt && disks_mount inside.img mnt && rm mnt/large && disks_umount mnt &&
		lay d0.img inside.img 1048576 && perl -e '
		open my $o, "<", "old.img"; open my $n, "<", "inside.img"; my ($c, $at, $in, $area) = (4096, 1, 0, 0);
		my $store = 1048576 * 13; my @e; my $copy = 2;
		seek STDOUT, $store, 0; print pack "V4", 0x70416e53, 1, 1, 8;
		for (my $i = 0; read($o, my $x, $c); $i++) { read $n, my $y, $c; next if $x eq $y || @e == 255;
			seek STDOUT, $store + $copy * $c, 0; print $x; push @e, pack "Q<Q<", $i, $copy++ }
		seek STDOUT, $store + $c, 0; print join "", @e; print "\0" x 16' 1<>d0.img
}
lvm_snapshot_lost() { # its store cannot be read
	lvm_snapshot && disks_poke d0.img $((13 << 20)) 00000000 && nothing_known
}

firmware() { # BYTES-BEFORE-END SIGNATURE [MAKER...]: metadata of an adapter's RAID at the end
	"${@:3}" || return
	truncate -s +1M d0.img && printf '%b' "$2" | dd of=d0.img bs=1 seek=$(($(stat -c %s d0.img) - $1)) conv=notrunc status=none
}
# The first disk of a stripe: of a table and NTFS every second chunk is on it.
stripe_first() {
	small_ntfs n.img 8 && blank whole.img 32M && lay whole.img n.img 1048576 &&
		printf 'label: dos\nstart=2048, size=16384, type=7\n' | sfdisk -q whole.img >.made 2>&1 && noise whole.img $((12 << 20)) 3000000 || return
	perl -e 'open my $in, "<", "whole.img"; open my $out, ">", "d0.img"; my $c = 131072;
		for (my $i = 0; read($in, my $buf, $c); $i++) { print $out $buf unless $i % 2 } close $out'
}

# shellcheck disable=SC2120 # a row of the table gives some
dynamic() { # [DISK...]: those that are given
	local tool=${LUNETTE%/*}/tests/source/tool-ldm-kinds i
	[ -x "$tool" ] || { echo "there is no $tool" && return 77; }
	disks_ntfs n.img 8 Kind && tree tree && quiet ntfscp n.img tree/large large && noise n.img 6000000 200000 &&
		"$tool" n.img d{0..6}.img && spread || return
	for i in {0..6}; do
		[ $# = 0 ] || [[ " $* " == *" $i "* ]] || rm "d$i.img"
	done
}
dynamic_damaged() { # its database cannot be read on any of them
	local disk
	# shellcheck disable=SC2119
	dynamic || return
	for disk in d?.img; do
		perl -e 'local $/; open my $f, "+<", $ARGV[0]; $_ = <$f>; while (/VBLK|VMDB/g) { seek $f, pos() - 4, 0; print $f "XXXX" }' "$disk"
	done
}
dynamic_real() { # SET
	local from=${KINDS_DATA:-/nowhere}/ldm-2003r2.tar.zst disk n=0
	[ -r "$from" ] || { echo "there is no image of one here (KINDS_DATA)" && return 77; }
	zstd -dcq "$from" | tar xf - --wildcards "ldm-2003r2-$1-*.img" || return
	for disk in ldm-2003r2-"$1"-*.img; do mv "$disk" "d$n.img" && n=$((n + 1)); done
	spread
}
case_of() { # FOLDER: disks that somebody had
	local from=${KINDS_CASES:-/nowhere}/$1 file n=0
	[ -d "$from" ] || { echo "there is no such image here (KINDS_CASES)" && return 77; }
	for file in "$from"/*.xz; do xz -dc "$file" >"d$n.img" && n=$((n + 1)); done
	spread
}

kind lvm-ntfs 0 '' lvm_with inside_ntfs
kind lvm-gpt-ntfs 0 '' lvm_with inside_gpt
kind lvm-luks 0 '' lvm_with inside_luks
kind lvm-in-partition 0 '' lvm_in_partition
kind lvm-text-lost 3 LVM2_member lvm_lost
kind lvm-linear 3 'nothing that is known' archive lvm linear
kind lvm-striped 3 'nothing that is known' archive lvm striped
kind lvm-mirror 3 'nothing that is known' archive lvm mirror
kind lvm-thin 3 'nothing that is known' archive lvm thin
kind lvm-pv-missing 1 'is incomplete.*--all-blocks' archive lvm linear 1 2
kind lvm-lost-over-ntfs 3 LVM2_member over_ntfs 512 2048 lvm_lost
kind lvm-snapshot '0|3' '' lvm_snapshot
kind lvm-snapshot-lost 3 'cannot be read' lvm_snapshot_lost
kind lvm-array '0|1|3' '' array_in_lvm
kind md-ext2 0 '' on_mirror tiny_ext4
for KINDS_SET in linear raid0 raid1 raid1-10 raid4 raid5-ls raid5-la raid5-090 raid6-ls raid10-n2 raid10-f2; do
	kind "md-$KINDS_SET" 3 'nothing that is known' archive md $KINDS_SET
done
kind md-raid1-stale '1|3' '' archive md raid1-stale
kind md-raid0-missing 1 'is incomplete.*--all-blocks' archive md raid0 0 1
kind md-raid5-missing 1 'is degraded.*--degraded' archive md raid5-ls 0 1 3
kind md-raid0-ntfs 0 '' striped_ntfs raid0 3 0
kind md-raid5-ntfs 0 '' striped_ntfs raid5-ls 4 1
kind md-over-ntfs 1 'is incomplete.*--all-blocks' over_ntfs 4096 4096 archive md raid0 0
kind md-damaged-over-ntfs 3 '' array_damaged_over_ntfs
kind firmware-intel 3 'isw_raid_member' firmware 1024 'Intel Raid ISM Cfg Sig. 1.1.00' ext 8M -t ext4
kind firmware-intel-stripe 3 '' firmware 1024 'Intel Raid ISM Cfg Sig. 1.1.00' stripe_first
kind firmware-ddf '0|3' '' firmware 512 '\xde\x11\xde\x11' ext 8M -t ext4
kind firmware-none-stripe '0|3' '' stripe_first
kind dynamic 3 'nothing that is known' dynamic
kind dynamic-missing 1 'is incomplete|is degraded' dynamic 0 2 4 5
kind dynamic-damaged 3 '' dynamic_damaged
for KINDS_SET in simple spanned striped mirrored raid5; do
	kind "dynamic-2003-$KINDS_SET" '0|1|3' '' dynamic_real $KINDS_SET
done
for KINDS_SET in dissect-lvm-thin gpt-corners-b lv-with-gpt-inside lvm-pv-without-metadata-partition lvm-unknown-segment \
	lvm-whole-disk-empty-mbr mbr-partition-past-eod md090-partition-to-end md090-raid0; do
	kind "case-$KINDS_SET" '0|3' '' case_of $KINDS_SET
done
