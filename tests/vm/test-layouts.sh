#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Every layout that mdadm and lvcreate make: what the kernel reads of the volume is what the process
# reads of its disks. Runs as root where the kernel has device-mapper and MD (`make check-vm`).
. "$(dirname "$0")/../support/tap.sh"

dmsetup version >/dev/null 2>&1 || tap_skip_all 'this kernel has no device-mapper'
modprobe -a loop raid0 raid1 raid10 raid456 dm-raid dm-mirror dm-snapshot dm-thin-pool dm-cache \
	dm-cache-smq || tap_skip_all 'this kernel lacks RAID modules'
tap_begin
TOOL=$(dirname "$LUNETTE")/tests/source/tool-volume
mkdir disks && mount -t tmpfs -o size=400m disks disks && tap_at_exit umount disks
tap_at_exit losetup -D
tap_at_exit vgchange -an vg

# fill DEVICE [FIRST]: lines that say which sector they are, from line FIRST on
seq -f '%.0f of the volume, a line of its own.........................' 1 400000 >lines
fill() {
	dd if=lines of="$1" bs=64K skip="${2:-0}" count=$(($(blockdev --getsize64 "$1") / 65536)) \
		conv=notrunc status=none && sync
}
sum() { sha256sum <"$1" | cut -d' ' -f1; }
of_volume() { "$TOOL" -c "$1" disks/*.img 2>&1 | sha256sum | cut -d' ' -f1; }

# disks COUNT SIZE...: new images, connected, in LOOPS
disks() {
	local size n=0
	losetup -D
	rm -f disks/*.img
	LOOPS=()
	for size; do
		truncate -s "$size" "disks/$n.img"
		LOOPS+=("$(losetup -f --show "disks/$n.img")")
		n=$((n + 1))
	done
}

flushed() { blockdev --flushbufs "${LOOPS[@]}"; }

# ---- MD ----

# array NAME 'SIZE...' MDADM-ARGUMENT...
array() {
	local name=$1 sizes wanted
	read -ra sizes <<<"$2"
	disks "${sizes[@]}"
	if ! mdadm --create /dev/md9 --run --assume-clean --name=a "${@:3}" -n ${#sizes[@]} \
		"${LOOPS[@]}" >out 2>&1; then
		ok "MD $name" bash -c "cat out; false"
		return
	fi
	fill /dev/md9
	wanted=$(sum /dev/md9)
	mdadm --stop /dev/md9 >/dev/null 2>&1
	flushed
	is "MD $name" "$(of_volume "$("$TOOL" disks/*.img | awk '$1 == "volume" { print $2 }')")" "$wanted"
}

array 'raid0, zones, original' '4M 6M 6M 8M' -l 0 --chunk=64 --layout=original
array 'raid0, zones, alternate' '4M 7M 5555K' -l 0 --chunk=4 --layout=alternate
array 'raid1 1.1, bitmap' '4M 4M' -l 1 -e 1.1 --bitmap=internal
array 'raid10 0.90' '4M 4M 4M' -l 10 -e 0.90 --chunk=32
for layout in left-asymmetric right-asymmetric left-symmetric right-symmetric parity-first parity-last; do
	array "raid5 $layout" '4M 4M 4M 4M' -l 5 --chunk=16 --layout=$layout
	array "raid6 $layout" '4M 4M 4M 4M 4M' -l 6 --chunk=16 --layout=$layout
done
for layout in ddf-zero-restart ddf-N-restart ddf-N-continue left-asymmetric-6 right-asymmetric-6 \
	left-symmetric-6 right-symmetric-6 parity-first-6; do
	array "raid6 $layout" '4M 4M 4M 4M 4M' -l 6 --chunk=16 --layout=$layout
done
for layout in n2 n3 f2 f3 o2 o3; do
	array "raid10 $layout" '4M 4M 4M 4M 4M' -l 10 --chunk=16 --layout=$layout
done

# ---- LVM ----

cat >/etc/lvm/lvmlocal.conf <<-'EOF'
	devices { scan = "/dev" use_devicesfile = 0 obtain_device_list_from_udev = 0 filter = [ "a|loop|", "r|.*|" ] }
	activation { udev_sync = 0 udev_rules = 0 verify_udev_operations = 0 monitoring = 0 }
EOF
export LVM_SUPPRESS_FD_WARNINGS=1

group() {
	disks "$@"
	pvcreate -q "${LOOPS[@]}" >/dev/null && vgcreate -q -s 256K vg "${LOOPS[@]}" >/dev/null
}

create() { lvcreate -q -y "$@" >out 2>&1 || { echo "# lvcreate $*" && sed 's/^/# /' out; }; }

# compare NAME...: what the kernel reads of each volume now, and what the process reads then
compare() {
	local name sums=()
	sync
	for name; do sums+=("$(sum "/dev/mapper/vg-$name")"); done
	# What is only in a cache when the disks are taken must be read from there: no deactivation.
	flushed
	for name; do
		is "LVM $name" "$(of_volume "vg-$name")" "${sums[0]}"
		sums=("${sums[@]:1}")
	done
	vgchange -q -an vg >/dev/null && vgremove -q -y -f vg >/dev/null 2>&1
}

group 32M 32M 32M 32M 32M
names=()
for type in raid0 raid4 raid5_la raid5_ra raid5_ls raid5_rs raid5_n raid6_zr raid6_nr raid6_nc \
	raid6_la_6 raid6_ra_6 raid6_ls_6 raid6_rs_6 raid6_n_6; do
	create --type $type -i 3 -I 16 -L 1536K -n $type vg
	fill /dev/mapper/vg-$type
	names+=("$type")
done
create --type raid10 -i 2 -m 1 -I 16 -L 2M -n r10 vg
fill /dev/mapper/vg-r10
compare "${names[@]}" r10

group 64M 64M
create -L 32M -c 64K -T vg/pool --poolmetadatasize 2M
create -V 64M -T vg/pool -n t1
dd if=lines of=/dev/mapper/vg-t1 bs=64K count=40 seek=3 status=none && sync
create -s -kn -n t2 vg/t1
dd if=lines of=/dev/mapper/vg-t2 bs=64K count=10 seek=8 skip=9 status=none && sync
dd if=lines of=/dev/mapper/vg-t1 bs=4K count=7 seek=9001 status=none && sync
create -L 8M -n origin vg
fill /dev/mapper/vg-origin
create -s -L 6M -c 4K -n snap vg/origin
dd if=lines of=/dev/mapper/vg-origin bs=4K count=300 seek=100 skip=7 status=none && sync
dd if=lines of=/dev/mapper/vg-snap bs=4K count=30 seek=90 skip=5 status=none && sync
compare t1 t2 origin snap

group 64M 64M
for mode in writethrough writeback; do
	create -L 4M -n $mode vg "${LOOPS[0]}"
	fill /dev/mapper/vg-$mode
	create -L 2M -n fast vg "${LOOPS[1]}"
	lvconvert -y -q --type cache --cachepool vg/fast --cachemode $mode -c 32K vg/$mode >out 2>&1
	for _ in 1 2 3 4 5 6 7 8; do
		dd if=/dev/mapper/vg-$mode of=/dev/null bs=4K iflag=direct count=256 status=none
		dd if=lines of=/dev/mapper/vg-$mode oflag=direct bs=4K skip=50 seek=16 count=64 \
			conv=notrunc status=none
	done
	lvrename -q vg fast_cpool "pool_$mode" >/dev/null 2>&1
done
sleep 2 # the kernel writes a cache's table once a second
compare writethrough writeback
