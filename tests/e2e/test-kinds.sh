#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A disk that is named to a backup is in it, whatever is on it: disks of many kinds, beside another one. Every byte is
# counted, and what is restored is the same but for what a file system calls free, as another reader of it says.
#
# These are some; tests/bench/kinds.sh takes all that there are. KINDS="NAME..." takes those only, and KINDS_SEEDS=N
# also each of them alone, again after a change, and damaged in N ways.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
. "$(dirname "$0")/../support/kinds.sh"
. "$(dirname "$0")/../support/kinds-verdict.sh"
command -v mkntfs ntfscp mke2fs zstd >/dev/null || tap_skip_all 'a tool is missing: run contrib/setup'
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup
export LUNETTE_REPO=$TAP_DIR/repo
"$LUNETTE" init repo >/dev/null
disks_ntfs ntfs.img 8 Beside && disks_gpt beside.img 512 basic:ntfs.img || exit
BESIDE=$TAP_DIR/beside.img
BESIDE_FREE=$("$LUNETTE" backup --name beside --json beside.img | jq .stats.free) || exit

some='ext4 xfs exfat vfat-32 udf-dvd swap ntfs ntfs-clusters-512 ntfs-odd-end ntfs-longer random-odd random-few
	hole-and-a-byte mbr-chain mbr-overlap mbr-past-end gpt-gaps gpt-sectors-4k gpt-only-copy
	swap-over-ntfs btrfs-over-ntfs md-over-ntfs md-damaged-over-ntfs firmware-intel-stripe md-raid5-ntfs dynamic'

try() { # NAME: in a folder that is its own
	local rc=0 seed
	kinds_make "$1" >.reason 2>&1 || rc=$?
	((rc != 77)) || { tap_skip "$1" "$(tail -n 1 .reason)" && return; }
	((rc == 0)) || { is "$1: its disks are made" "$rc $(cat .reason)" 0 && return; }
	is "$1, beside another" "$(verdict_of "$1" beside)" ''
	[ "${KINDS_SEEDS:-}" ] || return
	is "$1, alone" "$(verdict_of "$1" alone)" ''
	# Of what lies over a remainder nobody knows any more when it is its magic number that is hit.
	for ((seed = 1; seed <= KINDS_SEEDS; seed++)); do
		[[ $1 != *-over-* && $1 != *-below-* ]] || break
		is "$1, damaged, $seed" "$(verdict_hostile "$1" "$seed")" ''
	done
	[ "$KIND_SPREAD" ] || is "$1, changed" "$(verdict_changed "$1")" ''
}

[ "${KINDS:-}" != all ] || KINDS=$(kinds_all)
for name in ${KINDS:-$some}; do
	mkdir "$TAP_DIR/$name" && cd "$TAP_DIR/$name" || exit
	try "$name"
	cd "$TAP_DIR" && rm -rf "./$name"
done
