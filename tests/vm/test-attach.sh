#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Volumes as kernel block devices: byte for byte what the process reads. Runs as root where the kernel
# has device-mapper: `make check-vm` starts a virtual machine for it.
. "$(dirname "$0")/../support/tap.sh"

DATA=$TAP_TOP/../shared/data
dmsetup version >/dev/null 2>&1 || tap_skip_all 'this kernel has no device-mapper'
tap_begin
mkdir disks && mount -t tmpfs -o size=400m disks disks && cd disks || exit
tap_at_exit umount "$PWD"
tap_at_exit cd "$TAP_DIR"
TOOL=$(dirname "$LUNETTE")/tests/source/tool-volume
tap_at_exit losetup -D
tap_at_exit dmsetup remove_all

# connect FILE...: the images as read-only block devices, in LOOPS
connect() {
	local file
	LOOPS=()
	for file; do LOOPS+=("$(losetup -r -f --show "$file")"); done
}

# same: every device that attach made holds what the process reads
same() {
	local path bad=0 n=0
	while read -r path; do
		n=$((n + 1))
		"$TOOL" -c "${path#/dev/mapper/lunette-*-}" "${LOOPS[@]}" | cmp - "$path" || bad=1
	done <devices
	echo "$n volumes compared"
	((n > 0 && bad == 0))
}

read_only() {
	local path
	while read -r path; do
		[ "$(blockdev --getro "$path")" = 1 ] || { echo "$path can be written" && return 1; }
	done <devices
}

nothing_left() {
	! dmsetup ls | grep -i lunette
}

# round WHAT FILE...: attach, compare, detach
round() {
	local what=$1 status=0
	shift
	connect "$@"
	"$LUNETTE" attach "${LOOPS[@]}" >devices 2>messages || status=$?
	((status == 0 || status == 3)) || cat messages >&2
	ok "$what: attached" test "$status" = 0 -o "$status" = 3
	ok "$what: every device is what the process reads" same
	ok "$what: the devices are read-only" read_only
	ok "$what: detached" "$LUNETTE" detach "${LOOPS[@]}"
	ok "$what: nothing is left" nothing_left
	losetup -d "${LOOPS[@]}"
}

head -c 8M /dev/urandom >gpt.img
sfdisk -q gpt.img <<-'EOF'
	label: gpt
	start=2048, size=4096
	start=6144, size=5000
EOF
round 'partitions' gpt.img

# ---- two clones of one disk at once ----

cp gpt.img clone.img
connect gpt.img
first=${LOOPS[0]}
connect clone.img
second=${LOOPS[0]}
ok 'a clone is attached beside its original' bash -c "'$LUNETTE' attach $first && '$LUNETTE' attach $second"
is 'both have their devices' "$(dmsetup ls | grep -c '^lunette-')" 4
fails 'what is attached is not attached again' 1 'attached already' "$LUNETTE" attach "$first"
is 'and is still there' "$(dmsetup ls | grep -c '^lunette-')" 4
ok 'one is detached' "$LUNETTE" detach "$first"
is 'the other stays' "$(dmsetup ls | grep -c '^lunette-')" 2
exec 8<"$(find /dev/mapper -name 'lunette-*-disk0-p1')"
fails 'what is in use is not detached' 1 'in use' "$LUNETTE" detach "$second"
exec 8<&-
ok 'then it is' "$LUNETTE" detach "$second"
fails 'nothing is attached any more' 1 'nothing of .* is attached' "$LUNETTE" detach "$second"
fails 'an image file is no block device' 1 'is not a block device.*losetup' "$LUNETTE" attach gpt.img
fails 'a volume that is not there' 1 "no volume 'x'" "$LUNETTE" attach --volume x "$first"
ok 'one volume of several' "$LUNETTE" attach --volume disk0-p2 "$first"
is 'only that one' "$(dmsetup ls | grep -c '^lunette-')" 1
ok 'and away' "$LUNETTE" detach --volume disk0-p2 "$first"
ok 'nothing is left' nothing_left
losetup -D

# ---- dynamic volumes made by Windows, whole and degraded; test-degraded.sh has others ----

if [ ! -d "$DATA" ]; then
	tap_skip 'disks made by Windows' "there is no $DATA"
	exit 0
fi
zstd -dcq "$DATA/ldm-2003r2.tar.zst" | tar xf -
ldm="ldm-2003r2"
round 'LDM simple' $ldm-simple-1.img
round 'LDM spanned' $ldm-spanned-[12].img
round 'LDM striped' $ldm-striped-[12].img
round 'LDM mirrored' $ldm-mirrored-[12].img
round 'LDM mirrored, one missing' $ldm-mirrored-2.img
round 'LDM RAID-5' $ldm-raid5-[123].img
round 'LDM RAID-5, one missing' $ldm-raid5-[13].img
