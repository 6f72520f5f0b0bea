#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Disks with bad sectors: all but these is saved, and nobody is given anything else in their place. The sectors are
# a target's, which answers READs of them with MEDIUM ERROR.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
. "$(dirname "$0")/../support/tgt.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
export LUNETTE_REPO=$TAP_DIR/repo
iqn=iqn.2026-11.test:bad
mkdir ntfs mnt
tap_at_exit disks_cleanup
tap_at_exit umount --lazy mnt

# A file whose every sector says where it is, so that its place on the disk can be found.
disks_ntfs c.img 24 C && disks_mount c.img "$TAP_DIR/ntfs" || exit
seq -f 'sector %0504g' 0 8191 >ntfs/victim && disks_random other 2000000 >ntfs/other
disks_umount "$TAP_DIR/ntfs" && disks_mbr disk.img 512 ntfs:c.img || exit
sector() { # N: the block of the disk that has sector N of the file
	echo $(($(LC_ALL=C grep -abo "sector $(printf %0504d "$1")" disk.img | cut -d: -f1) / 512))
}
victim=$(sector 0)

target() {
	tgt_start "$TAP_DIR" && tgt_target 1 $iqn && tgt_lun 1 1 disk.img && tgt_params 1 1 scsi_id=naa.6000000000000001
}
ok 'a target starts' target
tap_at_exit tgt_stop
: >faults
"$TAP_TOP/tests/support/iscsi-proxy.py" "$TGT_PORT" faults >port 2>proxy.log &
tap_at_exit kill $!
tap_until test -s port || exit
source=iscsi://127.0.0.1:$(cat port)/$iqn/1

bad() { # BLOCK...: these cannot be read
	printf 'medium %s -1\n' "$@" >faults
}
expect() { # BLOCK...: what a restore is, with zeros there
	cp --sparse=always disk.img expected.img
	for block in "$@"; do
		dd if=/dev/zero of=expected.img bs=512 seek="$block" count=1 conv=notrunc status=none
	done
}
listed() { # the ranges of the list, and of the point, as "START LENGTH"
	grep -v '^#' list | cut -d' ' -f2-
}
backup=("$LUNETTE" backup --timeout 20 "$source" --name)
dd=(dd of=/dev/null bs=512 count=1 status=none)
newest() {
	"$LUNETTE" list --json | jq -r '.points[-1].id'
}
"$LUNETTE" init repo >.out || exit

# ---- without the option ------------------------------------------------------------------------

one=$((victim + 3001))
bad $one
fails 'a bad sector ends a backup, which says where it is, and what to do' 1 \
	"disk0 \('$source'\): 512 bytes at offset $((one * 512)) cannot be read \(with --skip-bad .*MEDIUM ERROR" "${backup[@]}" server
is 'there is no restore point' "$("$LUNETTE" list --json | jq '.points | length')" 0

# ---- with it -----------------------------------------------------------------------------------

# One alone; some in a row, over the end of a chunk; the last one of a file.
chunk=$(((victim + 4000) / 512 * 512))
row="$((chunk - 2)) $((chunk - 1)) $chunk"
last=$((victim + 8191))
# shellcheck disable=SC2086 # words
bad $one $row $last && expect $one $row $last
ranges="$((one * 512)) 512
$(((chunk - 2) * 512)) 1536
$((last * 512)) 512"
ok 'the file is in one piece' test "$(sector 8191)" -eq $last
fails 'with --skip-bad the rest is saved' 3 "disk0: 1536 bytes at offset $(((chunk - 2) * 512)) cannot be read, and are not in the backup" \
	"${backup[@]}" server --skip-bad list
is 'the list has what is not' "$(listed)" "$ranges"
ok 'it says of which restore point' grep -q "^# lunette: .* server@.*, id $(newest)" list
is 'so has the restore point' "$("$LUNETTE" show --json server@latest | jq -r '.disks[0].unreadable[] | "\(.start) \(.length)"')" "$ranges"
is 'which other readers must know of' "$("$LUNETTE" show --json server@latest | jq -c .features)" '["unreadable"]'
ok 'what is shown says so' grep -q "1536 bytes at offset $(((chunk - 2) * 512)) could not be read" <("$LUNETTE" show server@latest)
ok 'and what is listed' grep -q '(2.5 KiB unreadable)' <("$LUNETTE" list)
first=$(newest)
fails 'a report counts it' 3 '"unreadable": 2560' "${backup[@]}" server --skip-bad list --json
is 'and names it' "$(sed -n '/^{/,$p' .out | jq -r '.unreadable[] | "\(.start) \(.length)"')" "$ranges"

# ---- who gets what -----------------------------------------------------------------------------

fails 'a restore says beforehand that not all is there' 1 "'out.img' is not written.*--skip-lost.*disk0: 512 bytes at offset $((one * 512)) could not be read when" \
	"$LUNETTE" restore server@latest --disk disk0 out.img
ok 'and has begun nothing' test ! -e out.img
fails 'when the rest is wanted' 3 "1536 bytes at offset $(((chunk - 2) * 512)) are lost, and zeros" \
	"$LUNETTE" restore --skip-lost server@latest --disk disk0 out.img
ok 'it is all there, but for the bad sectors' cmp out.img expected.img
fails 'a volume is no other' 1 'is not written' "$LUNETTE" restore server@latest --volume disk0-p1 volume.img

"$LUNETTE" mount server@latest mnt >.out 2>&1
file=$(find mnt -name victim)
ok 'in a mount the file is there' cmp -n $((3000 * 512)) "$file" <(seq -f 'sector %0504g' 0 8191)
fails 'a bad sector of it is an error' 1 'Input/output error' "${dd[@]}" if="$file" skip=3001
fails 'also the last one' 1 'Input/output error' "${dd[@]}" if="$file" skip=8191
ok 'what is not in the same page is not' "${dd[@]}" if="$file" skip=3008
fails 'nor is it there on the disk' 1 'Input/output error' "${dd[@]}" if="$(find mnt -name disk0.img)" skip=$one
fails 'or on the volume' 1 'Input/output error' "${dd[@]}" if="$(find mnt -name image)" skip=$((one - $(disks_offset disk.img 1) / 512))
ok 'beside it, it is' "${dd[@]}" if="$(find mnt -name disk0.img)" skip=$((one + 8))
image=$(find mnt -name disk0.img)
fails 'a backup of that is as careful' 1 "512 bytes at offset $((one / 8 * 8 * 512)) cannot be read" \
	"$LUNETTE" backup --name again --all-blocks "$image"
fails 'and finds the same' 3 'warning' "$LUNETTE" backup --name again --all-blocks --skip-bad again.list "$image"
# shellcheck disable=SC2016 # $2 is a column
ok 'or more, as the kernel reads pages' awk -v at=$((one * 512)) '!/^#/ && $2 <= at && $2 + $3 >= at + 512 { found = 1 } END { exit !found }' again.list
"$LUNETTE" umount mnt

fails 'a check names the file' 3 '/victim \(' "$LUNETTE" check
fails 'and calls it no damage' 3 'no damage was found' "$LUNETTE" check
fails 'another reader says so' 0 "512 bytes at $((one * 512)) are not in the restore point" \
	"$TAP_TOP/tests/support/reader.py" repo "${first:0:12}" disk0 reader.img

# ---- copies, and backups after it --------------------------------------------------------------

"$LUNETTE" init --chunk-size 65536 other >.out && ok 'a copy' "$LUNETTE" copy --to other "$first"
is 'lacks the same' "$("$LUNETTE" show --repo other --json server@latest | jq -r '.disks[0].unreadable[] | "\(.start) \(.length)"')" "$ranges"
fails 'and says so' 1 'is not written' "$LUNETTE" restore --repo other server@latest --disk disk0 copied.img
fails 'and has the rest' 3 'lost' "$LUNETTE" restore --repo other --skip-lost server@latest --disk disk0 copied.img
ok 'byte for byte' cmp copied.img expected.img

printf '{"format":"lunette-changed","version":1,"disks":["disk0"]}\n{"end":0}\n' >nothing
bad $one
fails 'a backup of nothing that changed reads them again' 3 "disk0: 512 bytes at offset $((one * 512)) cannot be read" \
	"${backup[@]}" server --changed nothing --parent "$first" --skip-bad list
is 'and those that can be read now are there' "$(listed)" "$((one * 512)) 512"
ok 'little else is read' test "$("$LUNETTE" show --json server@latest | jq .stats.read)" -lt 2000000
expect $one
"$LUNETTE" restore --skip-lost server@latest --disk disk0 delta.img >/dev/null 2>&1
ok 'all of it' cmp delta.img expected.img
: >faults
ok 'when all can be read' "${backup[@]}" server --changed nothing --parent "$(newest)" --skip-bad list
is 'nothing is left out' "$(listed)$("$LUNETTE" show --json server@latest | jq -c '[.features, .disks[0].unreadable]')" '[[],null]'
ok 'and nothing is missing' "$LUNETTE" restore server@latest --disk disk0 whole.img
ok 'of the disk' cmp whole.img disk.img

# One that lacks something takes no whole one's place.
whole=$(newest)
bad $one
fails 'a backup of the next night lacks something again' 3 'cannot be read' "${backup[@]}" server --skip-bad list
is 'the last whole one stays with it' "$("$LUNETTE" forget --keep-last 1 --json server | jq -c '[.points[] | select(.keep) | .id]')" \
	"[\"$whole\",\"$(newest)\"]"

# ---- where the disks describe themselves -------------------------------------------------------

start=$(($(disks_offset disk.img 1) / 512))
cluster=$(($(od -An -tu1 -j13 -N1 c.img)))
mft=$((start + $(od -An -tu8 -j48 -N8 c.img) * cluster))
mirror=$((start + $(od -An -tu8 -j56 -N8 c.img) * cluster))
described() { # WHAT BLOCK
	bad "$2" && expect "$2"
	fails "$1: the rest is saved" 3 "512 bytes at offset $(($2 * 512)) cannot be read" "${backup[@]}" "$1" --skip-bad list
	rm -f out.img
	fails "$1: and told" 3 'lost' "$LUNETTE" restore --skip-lost "$1@latest" --disk disk0 out.img
	cmp out.img expected.img >.out 2>&1
	# More may be stored than before, never less: what is in use is the same.
	is "$1: it is the same where files are" "$(files out.img)" "$(files expected.img)"
}
files() { # IMG: what files are made of
	dd if="$1" bs=512 skip="$victim" count=8192 status=none | cksum
}
described first-sector 0
described boot $start
described mft $((mft + 12)) # the record of the bitmap
described mirror $mirror
bad $((mft + 12))
fails 'an unknown volume is stored whole' 3 'every block of it is stored|which blocks are used|cannot be read' "${backup[@]}" whole --skip-bad list
: >faults
fails 'and is no parent' 3 'all is read, in spite of restore point .*bad sectors' \
	"${backup[@]}" whole --changed nothing --parent whole@latest

# ---- what is not a bad sector ------------------------------------------------------------------

echo "silent $one -1" >faults
fails 'data that never comes is no bad sector' 1 'some are missing' "${backup[@]}" server --skip-bad list
: >faults
cp list before
truncate -s $((victim * 512)) disk.img
fails 'a disk that fails as a whole is given up' 1 'given up after 4096 reads that failed.*MEDIUM ERROR' "${backup[@]}" server --all-blocks --skip-bad list
ok 'and the list of before stays' cmp list before
ok 'with nothing beside it' test -z "$(find . -maxdepth 1 -name 'list.*')"
fails 'a list is not written over anything else' 1 "'c.img' is there already, and is not a list" "${backup[@]}" server --skip-bad c.img
ok 'which stays' test -s c.img
fails 'nor is it said to be there where nothing can be' 1 "look at the list 'c.img/list': Not a directory" "${backup[@]}" server --skip-bad c.img/list
is 'every fault was there' "$(cat proxy.log)" ''
