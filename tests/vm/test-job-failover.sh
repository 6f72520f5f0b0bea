#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The storage fails, and the job fails over: the server takes a snapshot of its logical volume, which is
# read through the agent, and removed. Runs as root where the kernel has device-mapper: `make check-vm`
# starts a virtual machine for it.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
. "$TAP_TOP/tests/support/sshd.sh"
dmsetup version >/dev/null 2>&1 || tap_skip_all 'this kernel has no device-mapper'
modprobe xfs 2>/dev/null
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
tap_begin
mkdir disks && mount -t tmpfs -o size=500m disks disks && cd disks || exit
tap_at_exit umount --lazy "$PWD"
tap_at_exit cd "$TAP_DIR"

# The agent gives LVM no environment of ours: without udev, LVM makes its device nodes itself.
cat >/etc/lvm/lvmlocal.conf <<'CONF'
activation { udev_sync=0 udev_rules=0 }
devices { scan=["/dev"] use_devicesfile=0 }
CONF
{
	array_start && array_lun 1 96
} >start.log 2>&1 || sed 's/^/# /' start.log
{
	vgcreate vg "${ARRAY_LOOP[1]}" && lvcreate -y -L 40M -n data vg
} >lvm.log 2>&1 || sed 's/^/# /' lvm.log
tap_at_exit vgchange -an vg
mkfs.ext4 -q /dev/vg/data && thaw_mount /dev/vg/data mnt
seq 100000 >mnt/numbers
"$LUNETTE" init repo >/dev/null
export LUNETTE_STATE=$PWD/state LUNETTE_REPO=$PWD/repo
array_job srv job.conf
array_faulty $((96 << 20)) job.conf
cat >>job.conf <<-CONF
	volumes = $PWD/mnt
	[disks]
	${ARRAY_LOOP[1]} = naa.6001405000000001
	[limits]
	snapshot = 3s
	[policy]
	on-snapshot-failure = failover
CONF

run() { # the status that is wanted, options
	local rc=0
	timeout 200 "$LUNETTE" job run --json --quiet "${@:2}" job.conf >result 2>said || rc=$?
	[ $rc -eq "$1" ] || { echo "status $rc" && cat said state/srv/runs/*.log && return 1; }
}
snapshots() {
	lvs --noheadings -o lv_name vg | grep -c lunette
}
of_result() {
	jq -c "$1" result
}

echo 'commit refuse' >fault
ok 'the storage fails: the job fails over, with warnings' run 3
is 'the result says that it is a software snapshot, and how consistent' \
	"$(of_result '[.status, .software_snapshot, .consistency, has("point")]')" '["warnings",true,"filesystem",true]'
is 'so does the restore point' "$("$LUNETTE" show srv@latest --json | jq -c '[.consistency, .software_snapshot.disks[0].name, has("storage")]')" \
	"[\"filesystem\",\"$PWD/mnt\",false]"
ok 'the warning has the cause' grep -q 'the storage has failed, and by on-snapshot-failure = failover .*told to refuse' result
is 'the snapshot is removed from the server' "$(snapshots)" 0
is 'nothing is left on the array' "$(array_leftovers)" ''
ok 'the volume can be restored' "$LUNETTE" restore srv@latest --disk disk0 volume.img
ok 'it is a whole file system' bash -c 'e2fsck -fy volume.img >/dev/null; [ $? -le 1 ] && e2fsck -fn volume.img'
ok 'and has what the server had' bash -c 'debugfs -R "cat /numbers" volume.img 2>/dev/null | cmp - mnt/numbers'

echo 'commit refuse' >fault
for step in software connect; do
	ok "a run that is killed after $step" run 137 --kill-at $step:after
	is 'leaves the snapshot on the server' "$(snapshots)" 1
	ok 'recover removes it' "$LUNETTE" job recover
	is 'it is gone' "$(snapshots)" 0
done
is 'and nothing is left on the array' "$(array_leftovers)" ''

sed -i 's|^plugin = .*|plugin = /bin/false|' job.conf
ok 'storage that cannot be asked at all: it fails over too' run 3
is 'the snapshot is removed' "$(snapshots)" 0
rm -f fault

ok 'sshd starts' sshd_start
sed -i "s|^agent = local|agent = ssh:server\nagent-program = $PWD/server/lunette-agent|" job.conf
echo more >mnt/more
ok 'through ssh it fails over too' run 3
ok 'by an agent that was brought there' grep -q "installed the agent on 'server'" state/srv/runs/*.log
is 'the restore point is one of a software snapshot' "$("$LUNETTE" show srv@latest --json | jq -c 'has("software_snapshot")')" true
ok 'it can be restored' "$LUNETTE" restore srv@latest --disk disk0 through-ssh.img
ok 'and has what was written last' bash -c 'e2fsck -fy through-ssh.img >/dev/null; debugfs -R "cat /more" through-ssh.img 2>/dev/null | cmp - mnt/more'
is 'the snapshot is removed there' "$(snapshots)" 0
