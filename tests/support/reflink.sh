# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# reflink - a small storage array for tests and the demo: a file system whose files share blocks, and
# tgtd in front of them. To be sourced after tap.sh, or by itself.
#
#   array_can xfs|btrfs        true when this machine can mount one; says why not
#   array_start DIR xfs|btrfs [SIZE]
#                              a new file system at DIR/fs and a tgtd at TGT_PORT with one target,
#                              ARRAY_IQN; sets ARRAY_CONFIG, the settings of lunette-reflink as JSON
#   array_lun NUMBER SIZE      a LUN of it, the file DIR/fs/lunNUMBER.img; prints its identity
#   array_stop                 take all of it away; always succeeds. Put it into the EXIT trap

# shellcheck source=SCRIPTDIR/tgt.sh
. "$(dirname "${BASH_SOURCE[0]}")/tgt.sh"

ARRAY_IQN=iqn.2026-11.lunette.test:array
# shellcheck disable=SC2034 # for who sources this
ARRAY_CONFIG=
ARRAY_DIR=

array_can() {
	[ "$(id -u)" = 0 ] || { echo 'only root can mount a file system' && return 1; }
	command -v "mkfs.$1" >/dev/null || { echo "mkfs.$1 is missing" && return 1; }
	grep -qw "$1" /proc/filesystems || modprobe "$1" 2>/dev/null ||
		{ echo "this kernel has no $1" && return 1; }
	losetup -f >/dev/null 2>&1 || { echo 'there is no loop device' && return 1; }
}

array_start() {
	local mkfs=(mkfs.xfs -q -m reflink=1)
	[ "$2" = xfs ] || mkfs=("mkfs.$2" -q)
	ARRAY_DIR=$(realpath "$1")
	mkdir -p "$ARRAY_DIR/fs" &&
		truncate -s "${3:-4G}" "$ARRAY_DIR/array.img" &&
		"${mkfs[@]}" "$ARRAY_DIR/array.img" >/dev/null &&
		mount -o loop "$ARRAY_DIR/array.img" "$ARRAY_DIR/fs" &&
		mkdir "$ARRAY_DIR/fs/snapshots" &&
		tgt_start "$ARRAY_DIR" &&
		tgt_target 1 "$ARRAY_IQN" || return
	# shellcheck disable=SC2034 # for those who source this
	ARRAY_CONFIG=$(jq -nc --arg d "$ARRAY_DIR/fs/snapshots" --arg s "$ARRAY_DIR/tgt.ctl" \
		'{directory: $d, "control-socket": $s}')
}

array_lun() {
	local file=$ARRAY_DIR/fs/lun$1.img id
	id=naa.6$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' | cut -c2-)
	truncate -s "$2" "$file" && tgt_lun 1 "$1" "$file" && tgt_params 1 "$1" "scsi_id=$id,thin_provisioning=1" &&
		echo "$id"
}

array_stop() {
	tgt_stop
	for _ in {1..600}; do
		! mountpoint -q "$ARRAY_DIR/fs" || umount "$ARRAY_DIR/fs" 2>/dev/null && break
		sleep .1
	done
	return 0
}
