# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# array - a storage array and a server for tests of the snapshot job: LUNs are files on XFS, served by
# tgtd, and the plug-in lunette-reflink takes snapshots of them. The server is this machine, which has
# the same files as loop devices. To be sourced after tap.sh and tgt.sh.
#
#   array_possible || tap_skip_all "$(array_possible)"     says why not
#   array_start               in the test's folder: array/ is the file system, tgtd runs
#   array_lun N MIB           array/lunN.img, LUN N, identity naa.600140500000000N; sets ARRAY_LOOP[N]
#   array_job NAME FILE       writes a job file that backs up into ./repo; the rest is appended by the test
#   array_job_mnt NAME        the same in NAME.conf, of ./mnt on LUN 1; sections from standard input are added
#   array_faulty SIZE FILE    its plug-in is faulty-plugin, which fails as ./fault says; SIZE of a LUN in bytes
#   array_snapshots           how many snapshots and LUNs of snapshots there are

. "${BASH_SOURCE[0]%/*}/thaw.sh"
declare -A ARRAY_LOOP=()

array_possible() {
	if [ "$(id -u)" -ne 0 ]; then
		echo 'freezing file systems needs root'
	elif ! command -v mkfs.xfs mkfs.ext4 losetup tgtd >/dev/null; then
		echo 'a tool is missing: run contrib/setup'
	elif ! losetup --find >/dev/null 2>&1; then
		echo 'there are no loop devices'
	else
		return 0
	fi
	return 1
}

array_start() {
	mkdir -p array target mnt
	truncate -s 3G array.img
	mkfs.xfs -q -m reflink=1 array.img && mount -o loop array.img array || return
	tap_at_exit umount --lazy "$PWD/array"
	mkdir array/snapshots
	tgt_start "$PWD/target" || return
	tap_at_exit tgt_stop
	tgt_target 1 iqn.2026-11.test:array
}

array_lun() {
	local file=$PWD/array/lun$1.img
	truncate -s "$2M" "$file"
	tgt_lun 1 "$1" "$file" && tgt_params 1 "$1" "scsi_id=naa.600140500000000$1,scsi_sn=LUN$1" || return
	ARRAY_LOOP[$1]=$(losetup --find --show "$file") || return
	tap_at_exit losetup --detach "${ARRAY_LOOP[$1]}"
}

array_job() {
	cat >"$2" <<-EOF
		[job]
		name = $1
		repository = repo
		[storage]
		plugin = reflink
		directory = $PWD/array/snapshots
		control-socket = $TGT_DIR/tgt.ctl
		portal = 127.0.0.1:$TGT_PORT
		[server]
		agent = local
	EOF
}

array_job_mnt() {
	array_job "$1" "$1.conf"
	{
		printf 'volumes = %s\n' "$PWD/mnt" && cat
		printf '[disks]\n%s = naa.6001405000000001\n' "${ARRAY_LOOP[1]}"
	} >>"$1.conf"
}

# What a plug-in is told stands in a file: it gets nothing of our environment.
array_faulty() {
	cat >plugin-that-fails <<-EOF
		#!/bin/sh
		export REAL_PLUGIN='${LUNETTE%/*}/lunette-reflink' FAULT='$PWD/fault' TGT_CTL='$TGT_DIR/tgt.ctl' LUN_SIZE=$1
		exec '$TAP_TOP/tests/support/faulty-plugin' "\$@"
	EOF
	chmod 755 plugin-that-fails
	sed -i "s|^plugin = .*|plugin = $PWD/plugin-that-fails|" "$2"
}

# What is there of snapshots, however it came to be: files, targets, frozen file systems.
array_leftovers() {
	find array/snapshots -mindepth 1 ! -name '.*' | sort
	tgt_a --mode target --op show | grep '^Target' | grep -v 'iqn.2026-11.test:array'
	return 0
}
