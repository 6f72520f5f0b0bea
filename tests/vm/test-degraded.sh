#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Arrays and volume groups that mdadm, lvm2 and the kernel make here and now, with disks away and as
# devices of `lunette attach`: each volume that can be read is what the kernel read of all its disks,
# and nothing is written to them. Runs as root where the kernel has all this (`make check-vm`).
. "$(dirname "$0")/../support/tap.sh"

dmsetup version >/dev/null 2>&1 || tap_skip_all 'this kernel has no device-mapper'
modprobe -a loop raid0 raid1 raid10 raid456 dm-raid dm-mirror dm-snapshot dm-thin-pool dm-cache dm-cache-smq ||
	tap_skip_all 'this kernel lacks RAID modules'
tap_begin
mkdir disks && mount -t tmpfs -o size=400m disks disks && cd disks || exit
tap_at_exit umount "$PWD"
tap_at_exit cd "$TAP_DIR"
TOOL=$(dirname "$LUNETTE")/tests/source/tool-volume

stop_all() {
	lvm vgchange -qq -an
	mdadm --stop --scan
	dmsetup remove_all
	losetup -D
}
tap_at_exit stop_all
export MDADM_NO_UDEV=1 LVM_SUPPRESS_FD_WARNINGS=1 LVM_SYSTEM_DIR=$PWD/etc
mkdir etc wanted
cat >etc/lvm.conf <<'EOF'
devices { scan="/dev" use_devicesfile=0 obtain_device_list_from_udev=0 filter=["a|^/dev/loop|","a|^/dev/md|","r|.*|"] }
activation { udev_sync=0 udev_rules=0 monitoring=0 raid_region_size=64 }
global { thin_check_executable="" cache_check_executable="" }
EOF
# Every line says which sector it is.
seq -f 'sector %09g' 0 32767 | awk '{ printf "%-511s\n", $0 }' >pattern

# members KIB...: new empty disks, in LOOPS
members() {
	local n=0 kib
	rm -f disk*.img
	LOOPS=()
	for kib; do
		truncate -s "${kib}K" disk$n.img
		LOOPS+=("$(losetup -f --show disk$n.img)")
		n=$((n + 1))
	done
}

# fill DEVICE [SKIP COUNT SEEK]: with the pattern, or COUNT blocks of 4 KiB of it
fill() {
	local size
	size=$(blockdev --getsize64 "$1")
	if (($# == 1)); then
		head -c "$size" pattern | dd of="$1" bs=1M iflag=fullblock conv=fsync status=none
	else
		dd if=pattern of="$1" bs=4k skip="$2" count="$3" seek="$4" conv=fsync,notrunc status=none
	fi
	blockdev --flushbufs "$1"
}

# keep NAME DEVICE: what the kernel reads
keep() { dd if="$2" of="wanted/$1" bs=1M status=none; }

# reads LEAST DISK...: every volume that can be read has the content that was kept, and there are
# at least LEAST
reads() {
	local name state n=0 least=$1
	shift
	"$TOOL" "$@" | grep '^volume' >found
	while read -r _ name _ state _; do
		[ "$state" != incomplete ] || continue
		"$TOOL" -c "$name" "$@" | cmp - "wanted/$name" || { echo "$name, $state" && return 1; }
		n=$((n + 1))
	done <found
	((n >= least)) || { echo "$n volumes; there should be $least" && return 1; }
}

# Every pair of members is away in turn: for what lives with two missing.
reads_without_two() {
	local i j disks=("$@")
	for ((i = 0; i < $#; i++)); do
		for ((j = i + 1; j < $#; j++)); do
			reads 1 "${disks[@]:0:i}" "${disks[@]:i+1:j-i-1}" "${disks[@]:j+1}" || return 1
		done
	done
}

reads_without_one() {
	local i disks=("$@")
	for ((i = 0; i < $#; i++)); do
		reads 1 "${disks[@]:0:i}" "${disks[@]:i+1}" || return 1
	done
}

# attaches LEAST DISK...: at least LEAST volumes have devices, all with the content that was kept, and
# the kernel has written nothing to the disks, though it could
attaches() {
	local path loops=() n=0 least=$1 before
	shift
	before=$(cat "$@" | cksum)
	for path; do loops+=("$(losetup -f --show "$path")"); done
	"$LUNETTE" attach "${loops[@]}" >devices || [ $? = 3 ] || ((least == 0)) || return 1
	while read -r path; do
		cmp "$path" "wanted/${path#/dev/mapper/lunette-*-}" || return 1
		n=$((n + 1))
	done <devices
	((n == 0)) || "$LUNETTE" detach "${loops[@]}" || return 1
	sync
	losetup -d "${loops[@]}"
	[ "$before" = "$(cat "$@" | cksum)" ] || { echo 'the disks were written to' && return 1; }
	((n >= least)) || { echo "$n devices; there should be $least" && return 1; }
}

# array NAME AWAY ATTACH "KIB..." ARGUMENT...: one MD array; AWAY members may be missing; ATTACH is 1
# where device-mapper has a target for it
array() {
	local name=$1 away=$2 attach=$3
	# shellcheck disable=SC2086
	members $4
	shift 4
	mdadm --create /dev/md0 --run --force --homehost=here --name="$name" --raid-devices=${#LOOPS[@]} "$@" \
		"${LOOPS[@]}" >messages 2>&1 || { cat messages >&2 && return 1; }
	fill /dev/md0
	keep "$name" /dev/md0
	mdadm --stop /dev/md0 2>/dev/null
	losetup -d "${LOOPS[@]}"
	ok "MD $name: the content is what the kernel read" reads 1 disk*.img
	((away < 1)) || ok "MD $name: without each member" reads_without_one disk*.img
	((away < 2)) || ok "MD $name: without each two members" reads_without_two disk*.img
	ok "MD $name: attached" attaches "$attach" disk*.img
	((away < 1 || attach < 1)) || ok "MD $name: attached without a member" attaches 1 disk[1-9].img
}

synced=--assume-clean
four='2560 2560 2560 2560'
array raid0-zones 0 0 '2560 4096 2200 3000' -l0 -c64 -poriginal
array raid0-turned 0 0 '2560 4096 2200 3000' -l0 -c32 -palternate
array raid1 1 1 '2560 2560' -l1 -e1.1 --bitmap=internal $synced
array raid4 1 1 "$four" -l4 -c16 -e1.0 $synced
array raid5-rs 1 1 "$four" -l5 -c16 -prs $synced
array raid5-first 1 1 '2560 2560 2560' -l5 -c4 -pparity-first --bitmap=internal $synced
array raid6-ra 2 0 "$four 2560" -l6 -c8 -pra $synced
array raid6-nr 2 1 "$four 2560" -l6 -c64 -pddf-N-restart $synced
array raid10-n2 1 0 "$four 2560" -l10 -c32 -pn2 -e1.0 $synced
array raid10-o2 1 0 '2560 2560 2560' -l10 -c16 -po2 $synced
array raid10-f3 2 0 "$four" -l10 -c64 -pf3 $synced

# ---- one volume group with most kinds of segments ----

# volume OPTION...: a new logical volume, not zeroed
volume() { lvm lvcreate -qq -y -Wn -Zn "$@" vg >messages 2>&1 || cat messages >&2; }

members 10240 10240 10240 10240 10240
lvm pvcreate -qq --metadatacopies 2 --metadatasize 128k "${LOOPS[@]}"
lvm vgcreate -qq -s 64k vg "${LOOPS[@]}"
for type in raid5_ra raid6_nc raid6_rs_6; do
	volume --type $type -i 3 -I 16k -L 768k -n $type
done
volume --type raid10 -i 2 -m 1 -I 4k -L 512k -n raid10
volume --type mirror -m 1 --mirrorlog disk -L 512k -n mirror
volume --type striped -i 5 -I 4k -L 320k -n parts
lvm lvextend -qq -y -i 2 -I 64k -L +512k vg/parts >messages 2>&1
volume -L 1M -n origin
volume -L 2M -n cached
volume -L 512k -n outer
volume --type raid1 -m 1 -L 512k -n split
for name in raid5_ra raid6_nc raid6_rs_6 raid10 mirror parts origin cached outer split; do
	fill /dev/mapper/vg-$name
done
lvm lvcreate -qq -y -s -c 4k -L 512k -n old vg/origin
fill /dev/mapper/vg-origin 500 20 7
fill /dev/mapper/vg-old 600 30 17

lvm lvcreate -qq -y -Zn --poolmetadatasize 2M -c 64k -L 2M -T vg/pool >messages 2>&1
lvm lvcreate -qq -y -V 4M -T vg/pool -n thin >messages 2>&1
fill /dev/mapper/vg-thin 0 50 100
lvm lvcreate -qq -y -s -kn -n later vg/thin >messages 2>&1
fill /dev/mapper/vg-later 700 10 120
keep vg-outer /dev/mapper/vg-outer
lvm lvchange -qq -an -pr vg/outer >messages 2>&1
lvm lvcreate -qq -y -s -kn --thinpool vg/pool -n inner vg/outer >messages 2>&1
fill /dev/mapper/vg-inner 800 5 20

lvm lvcreate -qq -y --type cache-pool --poolmetadatasize 2M -c 32k -L 1M -n fast vg >messages 2>&1
lvm lvconvert -qq -y --type cache --cachemode writeback --cachepool vg/fast vg/cached
for _ in 1 2 3; do dd if=/dev/mapper/vg-cached of=/dev/null bs=32k count=20 iflag=direct status=none; done
dd if=pattern of=/dev/mapper/vg-cached bs=32k skip=70 count=20 oflag=direct conv=notrunc status=none
for _ in 1 2 3 4 5 6 7 8 9; do
	lvm lvs --noheadings -o copy_percent vg | grep -qvE '^ *(100.00)?$' || break
	sleep .5
done
# An image that is split off for a while stays in the metadata, with its old content.
lvm lvconvert -qq -y --splitmirrors 1 --trackchanges vg/split >messages 2>&1
fill /dev/mapper/vg-split 900 9 3
for name in raid5_ra raid6_nc raid6_rs_6 raid10 mirror parts origin cached old thin later inner split \
	split_rimage_1; do
	keep vg-$name /dev/mapper/vg-$name
done
lvm vgchange -qq -an vg
losetup -d "${LOOPS[@]}"
ok 'LVM: every volume is what the kernel read' reads 15 disk*.img
ok 'LVM: without the first disk, those that can be' reads 5 disk[1-4].img
ok 'LVM: without the second disk, those that can be' reads 5 disk[02-4].img
ok 'LVM: attached' attaches 15 disk*.img
