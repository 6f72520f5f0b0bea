#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# lunette mount, lunette umount: real NTFS volumes, made by mkntfs and filled through ntfs-3g, shown
# by lunette and compared with what ntfs-3g shows, file by file; then everything that can go wrong.
set -u
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
. "$(dirname "$0")/../support/compare.sh"
# shellcheck disable=SC2031 # the helpers set their own in subshells
export LC_ALL=C.UTF-8

reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup
tap_at_exit unmount_all
mkdir mnt theirs

unmount_all() {
	local dir
	for dir in mnt theirs other; do
		mountpoint -q "$dir" && { timeout "$TAP_PATIENCE" "$LUNETTE" umount "$dir" || umount -l "$dir"; }
	done
	true
}

# The process that serves mnt.
server() {
	getfattr --absolute-names --only-values -n user.lunette.pid mnt
}

# Whoever adopts it may be late to bury it.
gone() {
	! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status"
}

# All alternate data streams below a directory.
streams() {
	(cd "$1" && getfattr -R -P -h -d -e hex . 2>&1)
}

# Is volume $1 of what is mounted the same as ntfs-3g shows? It reads the volume through our image.
same_as_ntfs_3g() {
	local rc=0
	ln -sf "mnt/volumes/$1/image" theirs.img
	disks_mount theirs.img theirs ro || return
	compare_trees theirs "mnt/volumes/$1/files" || rc=1
	diff <(streams theirs) <(streams "mnt/volumes/$1/files") || rc=1
	disks_umount theirs
	return $rc
}

# ---- the whole tree --------------------------------------------------------------------------

disks_windows win.img
before=$(cksum <win.img)
ok 'mount returns when the mount answers' "$LUNETTE" mount win.img mnt
is 'the tree is what DESIGN.md says' "$(cd mnt && find . -maxdepth 3 -printf '%y %p\n' | sort -k 2)" \
	"d .
d ./disks
f ./disks/disk0.img
f ./layout.json
d ./volumes
d ./volumes/disk0-p1
f ./volumes/disk0-p1/README
f ./volumes/disk0-p1/image
d ./volumes/disk0-p2
f ./volumes/disk0-p2/README
f ./volumes/disk0-p2/image
d ./volumes/disk0-p3
d ./volumes/disk0-p3/files
f ./volumes/disk0-p3/image
d ./volumes/disk0-p4
d ./volumes/disk0-p4/files
f ./volumes/disk0-p4/image"
is 'the kernel knows it as fuse.lunette, read-only' \
	"$(findmnt -n -o FSTYPE,SOURCE,OPTIONS mnt | grep -oE '^fuse.lunette|lunette ro,nosuid,nodev')" \
	'fuse.lunette
lunette ro,nosuid,nodev'
ok 'layout.json is the document of probe' diff mnt/layout.json <("$LUNETTE" probe --json win.img)
ok 'the image of the disk is the disk' cmp win.img mnt/disks/disk0.img
ok 'the image of a volume is the volume' cmp <(dd if=win.img bs=1M skip=49 count=256 status=none) mnt/volumes/disk0-p3/image
ok 'files, times, sizes, links and streams are those that ntfs-3g shows' same_as_ntfs_3g disk0-p3
ok 'the second volume, too' same_as_ntfs_3g disk0-p4
ok 'stable inode numbers: hard links are one file' \
	test mnt/volumes/disk0-p3/files/links/first -ef mnt/volumes/disk0-p3/files/links/second
is 'modes let everybody read and nobody write' \
	"$(find mnt -printf '%M\n' | LC_ALL=C sort -u | tr '\n' ' ')" '-r--r--r-- dr-xr-xr-x lrwxrwxrwx '
fails 'nothing can be written' 1 'Read-only file system' touch mnt/volumes/disk0-p3/files/new
fails 'nothing can be removed' 1 'Read-only file system' rm -f mnt/volumes/disk0-p3/files/zeros
copy_sparse() {
	cp --sparse=auto mnt/volumes/disk0-p3/files/special/sparse copy && [ "$(stat -c %b copy)" -lt 2000 ] &&
		cmp copy mnt/volumes/disk0-p3/files/special/sparse
}
ok 'copying keeps the holes' copy_sparse
loop_device() {
	local loop rc=0
	loop=$(losetup --find --show --read-only mnt/disks/disk0.img) || return
	cmp "$loop" win.img || rc=1
	losetup --detach "$loop"
	return $rc
}
if losetup --find >/dev/null 2>&1; then
	ok 'a loop device can stand on an image' loop_device
else
	tap_skip 'a loop device can stand on an image' 'there are no loop devices'
fi

parallel() {
	local i pids=() rc=0
	for i in {1..4}; do
		(cd mnt/volumes/disk0-p3/files && find . -type f -print0 | sort -z -R --random-source=<(yes "$i") |
			xargs -0 cksum -z | sort -z -k 3 | cksum) >"sum.$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || rc=1
	done
	[ "$(sort -u sum.* | wc -l)" = 1 ] || rc=1
	return $rc
}
"$LUNETTE" umount mnt
"$LUNETTE" mount win.img mnt
ok 'four readers at once read the same' parallel

pid=$(server)
fails 'umount refuses while it is in use' 12 'is in use' bash -c "cd mnt && '$LUNETTE' umount ../mnt"
ok 'umount takes it away' "$LUNETTE" umount mnt
ok 'and returns when the process is gone' gone "$pid"
is 'the disk was not touched' "$(cksum <win.img)" "$before"

# ---- other kinds of volumes ------------------------------------------------------------------

volume() { # NAME CLUSTER
	disks_ntfs "$1" 128 "$1" -c "$2" && disks_fill "$1" 100 1
}

for cluster in 512 65536; do
	volume "clusters-$cluster" "$cluster"
	"$LUNETTE" mount "clusters-$cluster" mnt
	ok "clusters of $cluster bytes" same_as_ntfs_3g disk0
	[ $cluster = 512 ] && manifest=$(compare_manifest mnt/volumes/disk0/files | cksum)
	"$LUNETTE" umount mnt
done

# A volume as a running or sleeping Windows leaves it. The attributes of $Volume's record are walked
# to its flags; a hibernation file and a log that is in use are told by their first bytes.
disks_ntfs large 300 Large
disks_mount large theirs
truncate -s 5G theirs/sparse-5g
for n in 0 4294967290 5000000000; do
	echo island | dd of=theirs/sparse-5g bs=1 seek=$n conv=notrunc status=none
done
mkdir theirs/many
for ((i = 0; i < 10000; i++)); do
	echo "$i" >"theirs/many/a file with a rather long name, number $i"
done
{ printf hibr && head -c 8188 /dev/zero | tr '\0' x; } >theirs/hiberfil.sys
mkdir theirs/plain
ln -s plain theirs/relative
setfattr -n system.ntfs_reparse_data -v 0x170000801000000001000000010000000000000000000000 theirs/plain 2>/dev/null
disks_umount theirs
perl -e 'open my $f, "+<", "large" or die; binmode $f; read $f, my $b, 512;
	my ($bytes, $sectors) = unpack "v C", substr $b, 11; my $cluster = $bytes * $sectors;
	my ($mft, $mirror) = map { $_ * $cluster } unpack "Q< Q<", substr $b, 48, 16;
	sub attribute { # where the attribute of a type lies in the record at an offset
		my ($record, $type) = @_;
		seek $f, $record, 0; read $f, my $r, 1024;
		for (my $at = unpack "v", substr $r, 20, 2;; $at += unpack "V", substr $r, $at + 4, 4) {
			my $t = unpack "V", substr $r, $at, 4;
			die if $t == 0xffffffff;
			return $record + $at, substr $r, $at if $t == $type;
		}
	}
	for ($mft, $mirror) { # the flags of the volume
		my ($at, $a) = attribute($_ + 3 * 1024, 0x70);
		seek $f, $at + unpack("v", substr $a, 20, 2) + 10, 0; print $f pack "v", 1;
	}
	my ($at, $a) = attribute($mft + 2 * 1024, 0x80); # the first run of the log
	my $pairs = substr $a, unpack("v", substr $a, 32, 2), 16;
	my ($l, $o) = (ord($pairs) & 15, ord($pairs) >> 4);
	seek $f, $cluster * unpack("Q<", substr($pairs, 1 + $l, $o) . "\0" x 8), 0;
	print $f "RSTR" . "\x5a" x 4092' || echo 'Bail out! the volume could not be made dirty'
before=$(cksum <large)
fails 'the volume is dirty: ntfs-3g would repair or refuse it' 0 '0x0001' \
	bash -c 'ntfsinfo --force --mft large 2>&1 | grep -i "volume flags"'
ok 'a dirty, hibernated volume with a log in use is shown' "$LUNETTE" mount large mnt
ok 'a file of 5 GiB, and 10,000 files in one directory' same_as_ntfs_3g disk0
is 'each of the 10,000 is listed once' "$(find mnt/volumes/disk0/files/many -type f | sort -u | wc -l)" 10000
is 'the islands of the large file' \
	"$(for n in 0 4294967290 5000000000; do tail -c +$((n + 1)) mnt/volumes/disk0/files/sparse-5g | head -c 6; done)" \
	islandislandisland
"$LUNETTE" umount mnt
is 'and nothing was written to it' "$(cksum <large)" "$before"

# The mirror of the first MFT records may be stale in a snapshot; ntfs-3g refuses such a volume.
perl -e 'open my $f, "+<", "clusters-512" or die; binmode $f; read $f, my $b, 512;
	seek $f, 512 * unpack("Q<", substr $b, 56, 8) + 1024 + 8, 0; print $f "stale"'
fails 'ntfs-3g refuses a stale mirror' 13 'does not match' ntfs-3g -o ro clusters-512 theirs
"$LUNETTE" mount clusters-512 mnt
is 'it is shown all the same' "$(compare_manifest mnt/volumes/disk0/files | cksum)" "$manifest"
"$LUNETTE" umount mnt

# ---- names and links -------------------------------------------------------------------------

# Makes the folder $1 a junction to $2.
junction() {
	mkdir "$1" && setfattr -n system.ntfs_reparse_data "$1" -v "0x$(perl -e '
		my $to = join "", map { pack "v", ord } split //, $ARGV[0];
		print unpack "H*", pack "V v6 a* V", 0xa0000003, length($to) + 12, 0, 0, length $to, length($to) + 2, 0, $to, 0
		' "$2")"
}

# Names that no path can have are written over others that sort at the same place.
disks_ntfs names 16 Names
disks_mount names theirs
for name in '0.' 'b!g' 'b#g' 'b∕g' b; do
	echo "$name" >"theirs/$name"
done
mkdir -p theirs/etc theirs/Users/x
echo "the server's own" >theirs/etc/passwd
ln -s /etc/passwd theirs/Users/x/absolute
ln -s /etc/passwd theirs/absolute
ln -s ../../../../../../../../../../etc/passwd theirs/Users/x/climbs
ln -s Users/../../../../../../../../etc/passwd theirs/detour
junction theirs/Users/x/junction '\??\C:\etc'
junction theirs/Users/x/elsewhere '\??\D:\Shares\y'
junction theirs/Users/x/hostile '\??\D:\..\..\..\..\..\..\..\..\etc'
disks_umount theirs
perl -0777 -pi -e 's/(\x02.)0\0\.\0/$1.\0.\0/gs; s/(\x03.)b\0!\0g\0/$1b\0\0\0g\0/gs; s/(\x03.)b\0#\0g\0/$1b\0\/\0g\0/gs' names
"$LUNETTE" mount names mnt
is 'what no path can have is spelled, and each name has its own file' \
	"$(cd mnt/volumes/disk0/files && for name in %* b*; do echo "$name $(<"$name")"; done)" \
	'%.. 0.
b b
b%∕g b#g
b%␀g b!g
b∕g b∕g'
is 'links lead to files of the volume, wherever it is mounted' \
	"$(cd mnt/volumes/disk0/files && cat absolute detour Users/x/{absolute,climbs,junction/passwd} | sort | uniq -c)" \
	"      5 the server's own"
is 'or nowhere, but never out of it' \
	"$(cd mnt/volumes/disk0/files && find . -type l -printf '%p -> %l\n' | sort)" \
	'./Users/x/absolute -> ../../etc/passwd
./Users/x/climbs -> ../../etc/passwd
./Users/x/elsewhere -> ../../.NTFS-3G/D:/Shares/y
./Users/x/hostile -> ../../etc
./Users/x/junction -> ../../etc
./absolute -> etc/passwd
./detour -> etc/passwd'
is 'and are as long as what they say' \
	"$(stat -c %s mnt/volumes/disk0/files/Users/x/absolute mnt/volumes/disk0/files/detour | tr '\n' ' ')" '16 10 '
"$LUNETTE" umount mnt

# ---- damage ----------------------------------------------------------------------------------

disks_ntfs small.ntfs 32 Small
disks_fill small.ntfs 50 1
disks_gpt sound.img 512 basic:small.ntfs basic:small.ntfs
at=$(disks_offset sound.img 1)

cp sound.img damaged.img && disks_damage ntfs-geometry damaged.img "$at"
fails 'a boot sector that cannot be: a warning says so, the mount is made' 3 'boot sector is damaged' \
	"$LUNETTE" mount damaged.img mnt
ok 'the image of the volume is there' cmp <(dd if=damaged.img bs=1M skip=1 count=32 status=none) mnt/volumes/disk0-p1/image
fails 'there are no files' 2 'No such file' ls mnt/volumes/disk0-p1/files
fails 'and the README says why' 0 'disk0-p1 cannot be shown: .*boot sector' cat mnt/volumes/disk0-p1/README
ok 'the other volume is whole' same_as_ntfs_3g disk0-p2
"$LUNETTE" umount mnt

cp sound.img damaged.img && disks_damage ntfs-boot damaged.img "$at"
fails 'a boot sector that was overwritten: its copy tells' 3 'boot sector is overwritten' "$LUNETTE" mount damaged.img mnt
"$LUNETTE" umount mnt

cp sound.img damaged.img && disks_damage ntfs-mft damaged.img "$at"
"$LUNETTE" mount -f damaged.img mnt >log 2>&1 &
tap_until mountpoint -q mnt
fails 'a corrupt MFT: entering is an error' 2 'needs cleaning|Input/output' ls mnt/volumes/disk0-p1/files
fails 'and the log says why, once' 0 'volume disk0-p1: NTFS: open: ' cat log
ok 'the other volume is whole' same_as_ntfs_3g disk0-p2
"$LUNETTE" umount mnt
wait

cp sound.img damaged.img && disks_damage gpt-primary damaged.img
fails 'a damaged table: mounted, with status 3' 3 'warning' "$LUNETTE" mount damaged.img mnt
ok 'and all files are there' same_as_ntfs_3g disk0-p1
"$LUNETTE" umount mnt

# A directory index, a runlist and a record of many, each overwritten: no crash, no hang, and what was
# not hit can be read.
cp small.ntfs rotten
perl -e 'srand 7; open my $f, "+<", "rotten"; binmode $f; my $size = -s $f;
	for (my $at = 4096 * 4; $at + 1024 <= $size; $at += 1024) {
		seek $f, $at, 0; read $f, my $b, 4;
		next if $b ne "FILE" && $b ne "INDX" || rand() < 0.7;
		seek $f, $at + 24 + int rand 900, 0; print $f pack "Q", int rand 2**48;
	}'
ok 'a volume with rotten structures can be entered' "$LUNETTE" mount rotten mnt
walk() {
	timeout "$TAP_PATIENCE" bash -c 'find mnt -ls; find mnt -type f -print0 | xargs -0 cat; getfattr -R -d mnt' >/dev/null 2>&1
	[ $? -ne 124 ] && kill -0 "$(server)"
}
ok 'reading all of it ends, and the server lives' walk
"$LUNETTE" umount mnt

# ---- mount points and sources ----------------------------------------------------------------

fails 'no such mount point' 1 "'nowhere' does not exist" "$LUNETTE" mount sound.img nowhere
fails 'a file as mount point' 1 'is not a directory' "$LUNETTE" mount sound.img sound.img
fails 'a mount point that is not empty' 1 'is not empty' "$LUNETTE" mount sound.img .
fails 'no such source: the child says why, the caller fails' 1 'No such file' "$LUNETTE" mount missing.img mnt
ok 'and nothing is mounted' bash -c '! mountpoint -q mnt'
fails 'no arguments' 2 'mount needs SOURCE... DIR' "$LUNETTE" mount
fails 'one argument is the mount point' 2 'at least one SOURCE' "$LUNETTE" mount sound.img
"$LUNETTE" mount sound.img mnt
fails 'a mount point that is in use' 1 'is mounted on .* already' "$LUNETTE" mount sound.img mnt
mkdir other
ok 'the same disk mounts twice' "$LUNETTE" mount sound.img other
ok 'and unmounts alone' "$LUNETTE" umount other
ok 'the first one still answers' test -r mnt/layout.json
"$LUNETTE" umount mnt

# Where the machine lets users mount, an ordinary one can do the same with fusermount3.
as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
if "${as_nobody[@]}" test -w /dev/fuse && [ -u "$(command -v fusermount3)" ]; then
	chmod 755 . && mkdir own && chown 65534 own && cp "$LUNETTE" lunette && chmod 755 lunette
	ok 'an ordinary user mounts' "${as_nobody[@]}" ./lunette mount sound.img own
	is 'and owns what is shown' "$("${as_nobody[@]}" stat -c %u own/volumes/disk0-p1/files/zeros)" 65534
	fails 'umount refuses while it is in use' 12 'in use' "${as_nobody[@]}" bash -c 'cd own && ../lunette umount ../own'
	"${as_nobody[@]}" bash -c 'cd own && exec sleep 300' &
	user=$!
	is_inside() { [ "$(readlink "/proc/$user/cwd")" = "$PWD/own" ]; }
	tap_until is_inside
	fails 'also of root, to whom the kernel shows nothing of it' 12 'in use' "$LUNETTE" umount own
	kill $user
	wait $user
	ok 'and takes it away' "${as_nobody[@]}" ./lunette umount own
	ok 'nothing is left' rmdir own
else
	tap_skip 'an ordinary user mounts' 'this machine does not let users mount'
fi

# ---- ends ------------------------------------------------------------------------------------

"$LUNETTE" mount sound.img mnt
pid=$(server)
kill -9 "$pid"
ok 'after kill -9, umount cleans up' "$LUNETTE" umount mnt
ok 'nothing is left' bash -c '! mountpoint -q mnt && rmdir mnt && mkdir mnt'
"$LUNETTE" mount sound.img mnt
pid=$(server)
kill -STOP "$pid"
fails 'one that is stopped is taken away' 1 "'mnt' is unmounted, but the process that served it is stopped" \
	timeout "$TAP_PATIENCE" "$LUNETTE" umount mnt
ok 'nothing is left of the mount' bash -c '! mountpoint -q mnt'
kill -CONT "$pid"
tap_until gone "$pid"
ok 'and when the process goes on, it ends' gone "$pid"
"$LUNETTE" mount sound.img mnt
pid=$(server)
exec 8<mnt/layout.json
kill -STOP "$pid"
(sleep 13 && kill -CONT "$pid") &
fails 'one that is in use is not taken away because the process answers late' 12 'in use' "$LUNETTE" umount mnt
ok 'nor is anything lost' grep -q volumes /dev/fd/8
exec 8<&-
ok 'and it is taken away when it is not in use' "$LUNETTE" umount mnt
for signal in TERM INT HUP; do
	"$LUNETTE" mount sound.img mnt
	pid=$(server)
	kill -s $signal "$pid"
	tap_until gone "$pid"
	ok "SIG$signal unmounts" bash -c '! mountpoint -q mnt'
done
"$LUNETTE" mount sound.img mnt
pid=$(server)
umount mnt
tap_until gone "$pid"
ok 'a plain umount ends the process, too' gone "$pid"
fails 'umount of what is not mounted' 1 'nothing is mounted' "$LUNETTE" umount mnt
fails "umount of another's mount" 1 'not a mount of lunette but of type proc' "$LUNETTE" umount /proc
"$LUNETTE" mount -f sound.img mnt 2>log &
pid=$!
tap_until mountpoint -q mnt
ok 'in the foreground, the process stays' test "$(server)" = "$pid"
"$LUNETTE" umount mnt
wait "$pid"
is 'and ends with status 0' $? 0
