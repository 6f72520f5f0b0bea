#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Backups of volumes that lie on several disks: the restore point opens again to the same volumes with the
# same content, and restored disks still stand in for each other.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
command -v zstd >/dev/null || tap_skip_all 'no zstd to unpack disks'
tap_begin
tap_at_exit disks_cleanup
unpack() { # ARCHIVE
	zstd -dcq "$1" | tar -xf -
}
unpack "$TAP_TOP/tests/data/lvm.tar.zst" && unpack "$TAP_TOP/tests/data/md.tar.zst" || exit
# The stripe, the mirror and the RAID-5 hold an NTFS with files, deleted ones, and much that is not in use.
disks_ntfs content.img 8 Content && disks_mount content.img ntfs && disks_random one 1500000 >ntfs/one &&
	disks_random gone 1200000 >ntfs/gone && disks_random two 900000 >ntfs/two && seq 9999 >ntfs/numbers &&
	rm ntfs/gone && disks_umount ntfs || exit
mkdir ldm && "$(dirname "$LUNETTE")/tests/source/tool-ldm-kinds" content.img ldm/{0..6}.img || exit
"$LUNETTE" init repo >/dev/null
mkdir live point
unmount() {
	"$LUNETTE" umount live
	"$LUNETTE" umount point
}
tap_at_exit unmount
export LUNETTE_REPO=$PWD/repo

# may_warn COMMAND...: status 3 is as good
may_warn() {
	"$@" || [ $? = 3 ]
}

# What does not change when a volume's unused blocks are not stored: of a file system its files, of what
# has none every byte.
content() {
	local volume
	for volume in "$1"/volumes/*; do
		[ -e "$volume/image" ] || continue # incomplete: of disks that were not given
		echo "${volume##*/} $(stat -c %s "$volume/image")"
		if [ -d "$volume/files" ]; then
			(cd "$volume/files" && find . -type f -print0 | sort -z | xargs -0r cksum)
		else
			cksum <"$volume/image"
		fi
	done
}

# content_of DIR ARGUMENT...: of what `lunette mount ARGUMENT...` shows
content_of() {
	may_warn "$LUNETTE" mount "${@:2}" "$1" && content "$1" && "$LUNETTE" umount "$1"
}

volumes_of() {
	may_warn "$LUNETTE" probe --json "$@" | jq -c '.volumes | map({name, type, size, state, uuid})'
}

# round NAME [OPTION...] -- DISK...: back up, open, restore, and compare at each step
round() {
	local name=$1 options=() n restored=()
	shift
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	shift
	content_of live "$@" >wanted 2>errors || cat errors
	ok "$name: backed up" may_warn "$LUNETTE" backup "${options[@]}" --name "$name" "$@"
	content_of point --repo repo "$name@latest" >got 2>errors || cat errors
	ok "$name: the restore point shows the same" diff wanted got
	mkdir -p "restored/$name"
	for ((n = 0; n < $#; n++)); do
		"$LUNETTE" restore "$name@latest" --disk "disk$n" "restored/$name/$n.img" >/dev/null 2>&1
		restored+=("restored/$name/$n.img")
	done
	is "$name: restored disks hold the same volumes" "$(volumes_of "${restored[@]}" 2>&1)" \
		"$(volumes_of "$@" 2>&1)"
	content_of live "${restored[@]}" >got 2>errors || cat errors
	ok "$name: and the same content" diff wanted got
}

# survives NAME DISKS: each of the restored disks can be missed
survives() {
	local name=$1 n
	for ((n = 0; n < $2; n++)); do
		mkdir "away-$n" && mv "restored/$name/$n.img" "away-$n"
		content_of live restored/"$name"/*.img >got 2>errors || cat errors
		ok "$name: without restored disk $n the content is the same" diff wanted got
		mv "away-$n/$n.img" "restored/$name" && rmdir "away-$n"
	done
}

round ldm -- ldm/?.img
round ldm-mirrored --volume H -- ldm/[23].img
survives ldm-mirrored 2
round ldm-raid5 --volume I -- ldm/[456].img
survives ldm-raid5 3
for set in striped mirror thin; do
	round lvm-$set -- $set/pv-*.img
done
for set in raid0 raid1 raid4 raid5-ls raid5-090 raid6-ls raid10-n2 raid10-f2; do
	round md-$set -- $set/m*.img
	case $set in
	raid5-ls) survives md-raid5-ls 4 ;;
	raid6-ls) survives md-raid6-ls 5 ;;
	esac
done
windows=$TAP_TOP/../shared/data/ldm-2003r2.tar.zst
if [ -r "$windows" ] && unpack "$windows"; then
	round windows -- ldm-2003r2-*.img
else
	tap_skip 'dynamic disks that Windows made' "there is no $windows"
fi

# ---- a disk that was forgotten ----

fails 'a missing mirror is an error that names it' 1 "'H' is degraded: Disk4 .*--degraded" \
	"$LUNETTE" backup --name x --volume H ldm/2.img
round ldm-degraded --degraded --volume H -- ldm/2.img
fails 'a missing half of a stripe is an error that names it' 1 "'G' is incomplete: Disk2 .* is missing" \
	"$LUNETTE" backup --degraded --name x --volume G ldm/0.img
fails 'a mount is made all the same, and says so' 3 "volume G is incomplete: Disk2 .* is missing" "$LUNETTE" mount ldm/0.img live
fails 'as does the folder of the volume' 0 'G cannot be shown: Disk2 .* is missing' cat live/volumes/G/README
"$LUNETTE" umount live
fails 'a missing member of a RAID-5 is an error that names it' 1 "'raid5-ls' is degraded: member 3 of 4" \
	"$LUNETTE" backup --name x raid5-ls/m[012].img
fails 'a missing physical volume is an error that names it' 1 "'vgmirror-.*' is .*physical volume" \
	"$LUNETTE" backup --name x mirror/pv-0.img
is 'none of these left a restore point' "$("$LUNETTE" list --json | jq '[.points[] | select(.name == "x")] | length')" 0

# ---- one volume alone ----

may_warn "$LUNETTE" backup --name one --volume G ldm/?.img >/dev/null 2>&1
may_warn "$LUNETTE" mount --repo repo one@latest point
may_warn "$LUNETTE" mount ldm/?.img live
ok 'the chosen volume is there' diff -r live/volumes/G/files point/volumes/G/files
ok 'of the others there is nothing' cmp -n 1048576 point/volumes/E/image /dev/zero
unmount

# ---- restoring a volume that lies on several disks ----

"$LUNETTE" restore ldm-raid5@latest --volume I i.img >/dev/null
is 'a restored volume is found by itself' "$(volumes_of i.img | jq -r '.[0].size')" \
	"$(volumes_of ldm/[456].img | jq -r '.[] | select(.name == "I").size')"
may_warn "$LUNETTE" mount i.img live
may_warn "$LUNETTE" mount ldm/[456].img point
ok 'and holds the same files' diff -r live/volumes/disk0/files point/volumes/I/files
