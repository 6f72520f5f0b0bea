#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Files whose contents are left out of a backup: they stay as they are listed, with zeros in them, and
# nobody else loses a byte.
# shellcheck disable=SC2016 # $0 is for the shell that is started
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
. "$(dirname "$0")/../support/compare.sh"
. "$(dirname "$0")/../support/changes.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup
export LUNETTE_REPO=$TAP_DIR/repo
mkdir ntfs mnt
tap_at_exit umount --lazy mnt

fill() { # NAME BYTES
	disks_random "$1" "$2" >"ntfs/$1"
}
set -e
disks_ntfs a.img 256 A
disks_mount a.img "$TAP_DIR/ntfs"
fill PAGEFILE.SYS 9000001
fill hiberfil.sys 3000000
mkdir -p ntfs/Users/x/Temp/deep/er ntfs/kept ntfs/empty ntfs/swapfile.sys ntfs/Völlig/ÄRGER ntfs/squeezed
fill swapfile.sys/file 100000
fill kept/pagefile.sys 200000
fill Users/x/Temp/big 1000000
fill Users/x/Temp/deep/er/more 1000000
yes left-out-content | head -c 100000 >ntfs/Users/x/Temp/text
fill Users/x/Temp/resident 300
fill Users/x/Temp/linked 500000
ln ntfs/Users/x/Temp/linked ntfs/kept/linked
fill Users/x/Temp/twice 500000
ln ntfs/Users/x/Temp/twice ntfs/Users/x/Temp/deep/twice
fill kept/a.TMP 70000
fill kept/b.tmpx 70000
fill Völlig/ÄRGER/x 70000
echo 'has a stream' >ntfs/kept/stream.tmp
setfattr -n user.big -v "0x$(disks_random stream 50000 | od -An -v -tx1 | tr -d ' \n')" ntfs/kept/stream.tmp
# Fragmented, sparse, compressed.
disks_random fragments $((120 * 10000)) | perl -e 'for (1 .. 60) {
	for my $name ("tmp", "kept") {
		read STDIN, my $piece, 10000;
		open my $f, ">>", "ntfs/kept/fragments.$name" or die; print $f $piece; close $f or die;
	} }'
truncate -s 64M ntfs/kept/sparse.tmp
disks_random island 65536 | dd of=ntfs/kept/sparse.tmp bs=65536 seek=500 conv=notrunc status=none
setfattr -h -n system.ntfs_attrib_be -v 0x00000800 ntfs/squeezed
seq 300000 >ntfs/squeezed/numbers.tmp
seq 300000 >ntfs/squeezed/numbers.kept
disks_tree ntfs/kept 50 1
disks_umount "$TAP_DIR/ntfs"
disks_gpt one.img 512 basic:a.img
set +e

"$LUNETTE" init repo >.out || exit
excluded() { # POINT
	"$LUNETTE" show --json "$1" | jq -r '.excluded.list[].path' | LC_ALL=C sort | paste -sd' '
}
look() { # POINT: at its tree, in mnt
	ok "mount $1" "$LUNETTE" mount --repo repo "$1" mnt
	files=mnt/volumes/disk0-p1/files
}
done_looking() {
	ok 'umount' "$LUNETTE" umount mnt
}
zero() { # FILE: the same size, and zeros
	cmp -n "$(stat -c %s "ntfs/$1")" "$files/$1" /dev/zero && [ "$(stat -c %s "$files/$1")" = "$(stat -c %s "ntfs/$1")" ]
}
same_but() { # PATTERN...: every file is the same but those that match find's -path
	local args=() p
	for p; do
		args+=(! -path "$p")
	done
	diff <(cd ntfs && find . -type f "${args[@]}" -print0 | LC_ALL=C sort -z | xargs -0 cksum -z | tr '\0' '\n') \
		<(cd "$files" && find . -type f "${args[@]}" -print0 | LC_ALL=C sort -z | xargs -0 cksum -z | tr '\0' '\n')
}

# ---- what is left out by itself ----------------------------------------------------------------

ok 'a backup' "$LUNETTE" backup --name default --json one.img
cp .out default.json
is 'page files are left out, whatever their case, at the root only, and files only' "$(excluded default@latest)" '/PAGEFILE.SYS /hiberfil.sys'
is 'and it says how much' "$(jq '.excluded.bytes == .stats.excluded and .excluded.files == 2 and .stats.excluded >= 12000001' default.json)" true
ok 'so does show, for people' bash -c '"$0" show default@latest | grep -q "disk0-p1/PAGEFILE.SYS"' "$LUNETTE"
disks_mount a.img "$TAP_DIR/ntfs" ro
look default@latest
ok 'they are there, with their size, and zero' zero PAGEFILE.SYS
ok 'all else is as it was' same_but ./PAGEFILE.SYS ./hiberfil.sys
done_looking
ok 'page files too, where that is wanted' "$LUNETTE" backup --name all --no-default-excludes --json one.img
is 'nothing is left out then' "$(jq -c '[.excluded.files, .excluded.defaults, .stats.excluded]' .out)" '[0,false,0]'
look all@latest
ok 'nothing is missing' same_but
done_looking

# ---- patterns ----------------------------------------------------------------------------------

ok 'a directory, an ending, a name in other case' "$LUNETTE" backup --name some --json --exclude temp/ --exclude '*.Tmp' \
	--exclude '/völlig/ärger' one.img
cp .out some.json
is 'that is what is left out' "$(excluded some@latest)" "/PAGEFILE.SYS /Users/x/Temp/ /Völlig/ÄRGER/ /hiberfil.sys \
/kept/a.TMP /kept/fragments.tmp /kept/sparse.tmp /kept/stream.tmp /squeezed/numbers.tmp"
look some@latest
for file in Users/x/Temp/big Users/x/Temp/deep/er/more Users/x/Temp/twice kept/a.TMP kept/fragments.tmp kept/sparse.tmp \
	squeezed/numbers.tmp Völlig/ÄRGER/x; do
	ok "$file is zero" zero "$file"
done
ok 'what is small enough to lie in the MFT stays' cmp ntfs/Users/x/Temp/resident "$files/Users/x/Temp/resident"
ok 'what has another name stays' cmp ntfs/kept/linked "$files/Users/x/Temp/linked"
ok 'a stream is zero like its file' [ -z "$(getfattr --only-values -n user.big "$files/kept/stream.tmp" | tr -d '\0')" ]
ok 'all else is as it was' same_but ./PAGEFILE.SYS ./hiberfil.sys './Users/x/Temp/*' './Völlig/ÄRGER/x' './kept/*.tmp' ./kept/a.TMP \
	./squeezed/numbers.tmp
done_looking
is 'the sparse file counts with what it takes' \
	"$(jq '[.excluded.list[] | select(.path == "/kept/sparse.tmp").bytes] == [65536]' some.json)" true
disks_umount "$TAP_DIR/ntfs"

ok 'restore the volume' "$LUNETTE" restore some@latest --volume disk0-p1 v.img
ok 'what was left out is not on it' bash -c '! grep -aqF left-out-content v.img && grep -aqF left-out-content a.img'
ok 'the file system is whole' ntfsfix --no-action v.img

ok 'only of another volume' "$LUNETTE" backup --name other --json --exclude 'disk0-p1:/kept/a*' --no-default-excludes one.img
is 'its name in front is one' "$(excluded other@latest)" '/kept/a.TMP'
fails 'a volume that there is not' 1 "no volume 'disk0-p9'" "$LUNETTE" backup --name x --exclude 'disk0-p9:/a' one.img
fails 'a pattern that is none' 1 "pattern '\\[a': a '\\[' has no" "$LUNETTE" backup --name x --exclude '[a' one.img
fails 'a path as Windows writes it' 1 "between names there is '/'" "$LUNETTE" backup --name x --exclude Temp\\ one.img
fails 'a pattern that takes back' 1 'cannot take another one back' "$LUNETTE" backup --name x --exclude '!a' one.img
fails 'all blocks are all' 2 'exclude each other' "$LUNETTE" backup --name x --all-blocks --exclude a one.img
is 'all blocks are all, page files too' "$("$LUNETTE" backup --name x --all-blocks --json one.img | jq -c '[.stats.excluded, .excluded]')" '[0,null]'

disks_random unknown $((4 << 20)) >unknown.img
disks_gpt two.img 512 linux:unknown.img
fails 'a volume whose files lunette does not know is stored, with a warning' 3 "volume 'disk1-p1': nothing is left out" \
	"$LUNETTE" backup --name two --exclude '*.tmp' one.img two.img

# ---- with a list of changes --------------------------------------------------------------------

root() { "$LUNETTE" show --json "$1" | jq -r '.disks[0].map.root'; }
changes_list '' disk0 </dev/null >nothing.list
parent=$(jq -r .id default.json)
ok 'more is left out than in the parent' "$LUNETTE" backup --name list --json --changed nothing.list --parent "$parent" \
	--exclude temp/ --exclude '*.Tmp' --exclude '/völlig/ärger' one.img
is 'it is not in the backup, though nothing changed' "$(root list@latest)" "$(root some@latest)"
ok 'less is left out than in the parent' "$LUNETTE" backup --name less --json --changed nothing.list --parent list@latest one.img
is 'it is in the backup, though nothing changed' "$(root less@latest)" "$(root default@latest)"


TMPDIR=/nowhere fails 'no room for a temporary file' 1 "temporary file in '/nowhere'" "$LUNETTE" backup --name x one.img
