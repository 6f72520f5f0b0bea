#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The failover: snapshots of logical volumes by the agent, thick and thin, read through its NBD server.
# Runs as root where the kernel has device-mapper: `make check-vm` starts a virtual machine for it.
. "$(dirname "$0")/../support/tap.sh"
dmsetup version >/dev/null 2>&1 || tap_skip_all 'this kernel has no device-mapper'
tap_begin
. "$TAP_TOP/tests/support/agent.sh"
. "$TAP_TOP/tests/support/thaw.sh"
mkdir disks && mount -t tmpfs -o size=400m disks disks && cd disks || exit
tap_at_exit umount "$PWD"
tap_at_exit cd "$TAP_DIR"
cp "$TAP_DIR"/agent.* . 2>/dev/null

# The agent gives LVM no environment of ours: without udev, LVM makes its device nodes itself.
cat >/etc/lvm/lvmlocal.conf <<'CONF'
activation { udev_sync=0 udev_rules=0 }
devices { scan=["/dev"] use_devicesfile=0 }
CONF
truncate -s 300M pv.img
loop=$(losetup -f --show pv.img) && tap_at_exit losetup -d "$loop"
{
	vgcreate vg "$loop" && lvcreate -y -L 40M -n thick vg &&
		lvcreate -y --type thin-pool -L 80M -n pool vg && lvcreate -y -V 60M --thinpool pool -n thin vg
} >lvm.log 2>&1 || sed 's/^/# /' lvm.log
tap_at_exit vgchange -an vg
for lv in thick thin; do
	mkfs.ext4 -q "/dev/vg/$lv" && thaw_mount "/dev/vg/$lv" "$lv"
	head -c 3M /dev/urandom >"$lv/before"
done
truncate -s 150M b.img && mkfs.btrfs -q b.img >/dev/null 2>&1
plain=$(losetup -f --show b.img) && tap_at_exit losetup -d "$plain"
modprobe btrfs 2>/dev/null
thaw_mount "$plain" plain
IDS="{\"$loop\":\"naa.6000000000000001\",\"$plain\":\"naa.6000000000000002\"}"

agent_start
agent_call hello '{"protocols":[1]}'
agent_call info "{\"identities\":$IDS}"
is 'a file system on a logical volume lies on the disk below' \
	"$(agent_get "[.result.filesystems[] | select(.name == \"$PWD/thin\" or .name == \"$PWD/thick\") | .disks] | unique")" "[[\"$loop\"]]"
ok 'snapshots of a thick and a thin volume' agent_call software-snapshot \
	"{\"session\":\"s.1\",\"volumes\":[\"$PWD/thick\",\"$PWD/thin\"],\"identities\":$IDS}"
is 'they are consistent' "$(agent_get '[.ok, .result.consistency, (.result.disks | length)]')" '[true,"filesystem",2]'
is 'of slightly different moments, which is said' "$(agent_get '.result.warnings | length')" 1
reply=$LINE
echo after >thick/after && echo after >thin/after

for name in thick thin; do
	export=$(jq -r ".result.disks[] | select(.name == \"$PWD/$name\") | .export" <<<"$reply")
	socat "UNIX-LISTEN:$name.sock,fork" "EXEC:$LUNETTE_AGENT --nbd $export" &
	socat=$!
	for _ in {1..50}; do [ -S $name.sock ] || sleep .1; done
	ok "$name: it can be read as NBD" nbdcopy "nbd+unix:///?socket=$PWD/$name.sock" "$name.img"
	kill "$socat"
	ok "$name: it is a whole file system" e2fsck -fn "$name.img"
	is "$name: it shows that moment" "$(debugfs -R 'ls -p /' "$name.img" 2>/dev/null | grep -c -e /before/ -e /after/)" 1
done

agent_call software-snapshot '{"session":"s.1"}'
is 'asked again it gives the same answer' "$(agent_get .result)" "$(jq -c .result <<<"$reply")"
agent_stop

# ---- found again by another agent
lvcreate -y -s -n lunette-mine-0 vg/thin >>lvm.log 2>&1
agent_start
agent_call hello '{"protocols":[1]}'
agent_call software-snapshot "{\"session\":\"s.1x\",\"volumes\":[\"$PWD/thin\"],\"identities\":$IDS}"
agent_call software-remove '{"session":"s.1"}'
is 'a later agent removes them by the name of the session' "$(agent_get .ok)" true
is 'and not those of another, nor what only looks like one' \
	"$(lvs --noheadings -o lv_name vg | tr -d ' ' | grep lunette | sort | tr '\n' ' ')" 'lunette-mine-0 lunette-s.1x-0 '
agent_call software-remove '{"session":"s.1"}'
is 'to remove nothing is a success' "$(agent_get .ok)" true
agent_call software-remove '{"session":"s.1x"}'
agent_call end '{"session":"s.1x"}'

# ---- what is not possible
agent_call software-snapshot "{\"session\":\"b\",\"volumes\":[\"$PWD/plain\"],\"identities\":$IDS}"
is 'Btrfs on a plain disk: not possible' "$(agent_get '[.ok, .error.code]')" '[false,"UNSUPPORTED"]'
ok 'with the reason' grep -q 'snapshots of Btrfs itself are folders' <<<"$LINE"
agent_call end '{"session":"b"}'
lvcreate -y -l 100%FREE -n rest vg >>lvm.log 2>&1
agent_call software-snapshot "{\"session\":\"f\",\"volumes\":[\"$PWD/thin\",\"$PWD/thick\"],\"identities\":$IDS}"
is 'no room is an error' "$(agent_get '[.ok, .error.code]')" '[false,"NO_SPACE"]'
is 'and leaves none of the others' "$(lvs --noheadings -o lv_name vg | grep -c lunette-f)" 0
ok 'the agent ends' agent_stop
