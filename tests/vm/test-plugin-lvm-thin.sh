#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# lunette-lvm-thin on a real pool and the kernel's own target: keeps the protocol; a set is of one moment
# while somebody writes; delta and allocated say what changed; kills leave nothing suspended or shown.
# Runs as root where the kernel has device-mapper and LIO: `make check-vm` starts a virtual machine for it.
. "$(dirname "$0")/../support/tap.sh"

dmsetup targets 2>/dev/null | grep -q '^thin-pool' || tap_skip_all 'this kernel has no thin pools'
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
[ -d /sys/kernel/config/target/core ] || tap_skip_all 'this kernel has no LIO'
tap_begin
PLUGIN=${LUNETTE%/*}/lunette-lvm-thin
LIO=/sys/kernel/config/target
POOL=lt--vg-pool-tpool
owner=lunette/host/job/run initiator=iqn.2026-11.test:one
config='{"volume-group":"lt-vg","portal":"127.0.0.1:3260"}'

# The programs of LVM see the loop device, and nothing of this machine.
mkdir lvm disks && mount -t tmpfs -o size=300m disks disks || exit
tap_at_exit umount "$PWD/disks"
truncate -s 280M disks/pv.img
loop=$(losetup -f --show disks/pv.img)
tap_at_exit losetup -d "$loop"
export LVM_SYSTEM_DIR=$PWD/lvm
cat >lvm/lvm.conf <<-END
	activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
	devices { filter = ["a|^$loop\$|", "r|.*|"] use_devicesfile = 0 }
END
vgcreate -q lt-vg "$loop" && lvcreate -q -L 200M -T lt-vg/pool || exit
tap_at_exit vgremove -qq -ff -y lt-vg
for n in 0 1; do lvcreate -q -V 16M -T lt-vg/pool -n "disk$n" || exit; done >/dev/null
dd if=/dev/urandom of=/dev/lt-vg/disk0 bs=1M count=4 seek=3 oflag=direct status=none

# show NUMBER: a LUN of LIO, as targetcli makes it; its identity in IDENTITY
show() {
	local serial dir=$LIO/core/iblock_$1
	serial=$(cat /proc/sys/kernel/random/uuid)
	mkdir -p "$dir/disk$1" || exit
	tap_at_exit rmdir "$dir/disk$1" "$dir"
	printf 'udev_path=/dev/lt-vg/disk%s' "$1" >"$dir/disk$1/control"
	printf '%s' "$serial" >"$dir/disk$1/wwn/vpd_unit_serial"
	printf 1 >"$dir/disk$1/enable"
	IDENTITY+=("naa.6001405$(tr -d - <<<"$serial" | head -c 25)")
}
show 0
show 1

ask() { # VERB 'jq object of parameters': the reply
	jq -nc --argjson c "$config" --arg o "$owner" "{config: \$c, owner: \$o} + $2" |
		LUNETTE_SECRETS_FD=9 "$PLUGIN" "$1" 9<<<'{"chap_user":"u","chap_secret":"0123456789abcdef"}'
}
answer() { # VERB PARAMS FILTER: what is in its result
	ask "$1" "$2" | jq -rc ".result | $3"
}
accepts() { # VERB PARAMS
	ask "$1" "$2" | tee /dev/stderr | jq -e .ok >/dev/null
}
refuses() { # CODE PHRASE VERB PARAMS
	ask "$3" "$4" | tee /dev/stderr | jq -e ".error | .code == \"$1\" and (.message | test(\"$2\"))" >/dev/null
}
take() { # NAME: a set of both
	accepts prepare "{name: \"$1\", volumes: [\"disk0\", \"disk1\"]}" && accepts commit "{name: \"$1\", volumes: [\"disk0\", \"disk1\"]}"
} 2>/dev/null
nothing_left() {
	find "$LIO" -maxdepth 2 -name '*lunette*' -o -maxdepth 2 -name 'iblock_??*' | grep . && return 1
	lvs --noheadings -o lv_name lt-vg | grep lunette && return 1
	dmsetup info -c --noheadings -o name,suspended | grep -v ':Active$' && return 1
	dmsetup status $POOL | awk '$7 != "-" { print; exit 1 }'
}

# ---- the contract, with kills ----

ok 'it keeps the protocol' "$LUNETTE" plugin-test --config volume-group=lt-vg --config portal=127.0.0.1:3260 \
	--volume "${IDENTITY[0]}" --volume "${IDENTITY[1]}" --write-test /dev/lt-vg/disk0 --kills 1 --limit 120 "$PLUGIN"
sed -n 's/^not ok/# &/p' .out
ok 'nothing is left, suspended or shown' nothing_left

# ---- a moment ----

# The same number on both, first on one, then on the other, as fast as it goes.
/usr/bin/python3 - <<-'END' &
	import mmap, os
	page = mmap.mmap(-1, 4096)
	disks = [os.open(f"/dev/lt-vg/disk{n}", os.O_RDWR | os.O_DIRECT) for n in (0, 1)]
	for i in range(1, 10**9):
	    page[:8] = i.to_bytes(8, "little")
	    for disk in disks:
	        os.pwrite(disk, page, 0)
END
writer=$!
tap_at_exit kill "$writer"
ok 'a set is taken while somebody writes' take s1
ok 'another one' take s2
kill "$writer" && wait "$writer" 2>/dev/null

number() { # SNAPSHOT: what is in it, seen through a LUN's volume
	ask lun-create "{name: \"n\", snapshot: \"$1\"}" >/dev/null
	/usr/bin/python3 -c 'import sys; print(int.from_bytes(open(sys.argv[1], "rb").read(8), "little"))' \
		"$(lvs --noheadings -o lv_path -S 'lv_tags=lunette.kind=lun' lt-vg | tr -d ' ')"
	ask lun-delete '{lun: "n"}' >/dev/null
}
for s in s1 s2; do
	a=$(number $s:0) b=$(number $s:1)
	ok "$s is of one moment: $a and $b" test $((a > 0 && a - b >= 0 && a - b <= 1)) = 1
done

# ---- what changed ----

take s3
dd if=/dev/urandom of=/dev/lt-vg/disk0 bs=64k count=1 seek=100 oflag=direct status=none
blkdiscard -f -o $((48 * 65536)) -l 131072 /dev/lt-vg/disk0
dd if=/dev/urandom of=/dev/lt-vg/disk0 bs=64k count=3 seek=253 oflag=direct status=none
take s4
is 'delta names what was written and discarded' \
	"$(answer delta '{from: "s3:0", to: "s4:0"}' .extents)" \
	"[[$((48 * 65536)),131072],[$((100 * 65536)),65536],[$((253 * 65536)),196608]]"
is 'from a place on' "$(answer delta '{from: "s3:0", to: "s4:0", start: 6553601}' '.extents[0]')" '[6553601,65535]'
is 'nothing was written to the other one' "$(answer delta '{from: "s3:1", to: "s4:1"}' .extents)" '[]'
is 'allocated names what was ever written' "$(answer allocated '{snapshot: "s4:1"}' .)" '{"extents":[[0,65536]],"next":null}'
ok 'snapshots of two volumes have no delta' refuses CONFLICT 'two volumes' delta '{from: "s3:0", to: "s4:1"}'
dmsetup message $POOL 0 reserve_metadata_snap
ok 'another program that reads the metadata is not disturbed' refuses BUSY 'release_metadata_snap' delta '{from: "s3:0", to: "s4:0"}'
dmsetup message $POOL 0 release_metadata_snap

# ---- what can be in the way ----

lun=$(answer lun-create '{name: "l", snapshot: "s4:0"}' .lun)
lvchange -an "$(lvs --noheadings -o lv_path -S 'lv_tags=lunette.kind=lun' lt-vg | tr -d ' ')"
ok 'a LUN is mapped after the machine was started anew' accepts map "{lun: \"$lun\", initiator: \"$initiator\"}"
is 'LIO asks whoever comes for a secret' "$(cat $LIO/iscsi/iqn.2026-11.lunette*/tpgt_1/attrib/authentication)" 1
is 'a mapping is in the list' "$(answer list '{}' '[.objects[] | select(.kind == "mapping") | .initiator]')" "[\"$initiator\"]"
ok 'it is unmapped' accepts unmap "{lun: \"$lun\", initiator: \"$initiator\"}"
ok 'and deleted' accepts lun-delete "{lun: \"$lun\"}"
accepts prepare '{name: "s5", volumes: ["disk0"]}' 2>/dev/null
lvextend -q -L +4M lt-vg/disk0 >/dev/null
ok 'a volume that has grown since prepare is not taken' refuses CONFLICT 'not what it was' commit '{name: "s5", volumes: ["disk0"]}'
lvcreate -qq -y -an -L 4M -n thick lt-vg 2>/dev/null
ok 'a volume that is not thin is not taken' refuses UNSUPPORTED 'not thin' prepare '{name: "s6", volumes: ["thick"]}'
for s in s1 s2 s3 s4 s5; do ask abort "{name: \"$s\"}" >/dev/null; done
is 'the list is empty' "$(answer list '{}' .objects)" '[]'
ok 'nothing is left' nothing_left
