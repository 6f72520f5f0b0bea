#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Backups that read only what a list of changes names: the chunk map must be the one that a backup
# which reads everything makes. Lists that lie, that are cut, or that are for other disks.
# shellcheck disable=SC2016 # $0 is for the shell that is started
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
. "$(dirname "$0")/../support/points.sh"
. "$(dirname "$0")/../support/compare.sh"
. "$(dirname "$0")/../support/changes.sh"
. "$(dirname "$0")/../support/tgt.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup
export LUNETTE_REPO=$TAP_DIR/repo
mkdir ntfs mnt
tap_at_exit umount --lazy mnt

lay() { # the disks with what the volumes hold now
	disks_gpt one.img 512 basic:a.img msr:unknown.img && disks_mbr two.img 512 ntfs:c.img
}
keep_as_old() {
	cp --sparse=always one.img old-one.img && cp --sparse=always two.img old-two.img
}
list() { # of both disks, since the older images
	{ changes_ranges disk0 old-one.img one.img; changes_ranges disk1 old-two.img two.img; } |
		changes_list "$1" disk0 disk1
}
roots() { # POINT
	"$LUNETTE" show --json "$1" | jq -r '[.disks[].map.root] | join(" ")'
}
# A backup that reads all must say the same as the one before it. Its name has seconds.
is_the_full_backup() { # WHAT POINT
	local id
	id=$("$LUNETTE" backup --name full --json "${@:3}" one.img two.img | jq -r .id)
	is "$1: the chunk maps are those of a full backup" "$(roots "$2")" "$(roots "$id")"
}

disks_ntfs a.img 160 A && disks_fill a.img 100 8 && disks_ntfs c.img 32 C && disks_fill c.img 10 1 &&
	disks_random unknown $((8 << 20)) >unknown.img || exit
# A file that is deleted, and will be back in the same clusters: they are not in use in between, and
# no byte of them changes.
disks_mount a.img "$TAP_DIR/ntfs" && disks_random same $((12 << 20)) >ntfs/same
disks_umount "$TAP_DIR/ntfs" && cp --sparse=always a.img with.img
disks_mount a.img "$TAP_DIR/ntfs" && rm ntfs/same
disks_umount "$TAP_DIR/ntfs"
lay && keep_as_old || exit

"$LUNETTE" init repo >.out || exit
ok 'the parent' "$LUNETTE" backup --name server --json one.img two.img
first=$(jq -r .id .out)
is 'it says by which rules it was planned' "$("$LUNETTE" show --json "$first" | jq .rules)" 4

# ---- nothing changed ---------------------------------------------------------------------------

list "$first" >nothing.list
is 'the images are the same' "$(wc -l <nothing.list)" 2
ok 'a backup of what has not changed' "$LUNETTE" backup --name server --json --changed nothing.list --parent "$first" one.img two.img
cp .out same.json
is 'it reads and stores nothing' "$(jq -c '.stats | [.read, .stored, .new]' same.json)" '[0,0,0]'
is 'and says how much it did not read' "$(jq '.stats | .unchanged > 0 and .unchanged + .zero >= .used' same.json)" true
is_the_full_backup 'nothing changed' "$(jq -r .id same.json)"

# ---- what changes on a real volume -------------------------------------------------------------

cp --sparse=always with.img a.img
disks_mount a.img "$TAP_DIR/ntfs"
echo changed >>ntfs/real/texts/numbers
rm ntfs/random/1 ntfs/random/2
disks_random new 3000000 >ntfs/added
dd if=/dev/urandom of=ntfs/random/3 bs=8192 seek=7 count=1 conv=notrunc status=none
mv ntfs/many ntfs/renamed
disks_umount "$TAP_DIR/ntfs"
lay || exit
list "$first" >changed.list
is 'a file of 12 MiB is not in the list: its clusters were so before' \
	"$(jq -s 'map(.length // 0) | add < 10000000' changed.list)" true
ok 'a backup of what the list names' "$LUNETTE" backup --name server --json --changed changed.list --parent "$first" one.img two.img
cp .out second.json
second=$(jq -r .id second.json)
is 'the restore point knows its parent' "$("$LUNETTE" show --json "$second" | jq -r .parent)" "$first"
is 'most was not read' "$(jq '.stats | .read * 2 < .used' second.json)" true
is_the_full_backup 'what changed, and clusters that are in use again as they were' "$second"
ok 'mount it' "$LUNETTE" mount --repo repo "$second" mnt
disks_mount a.img "$TAP_DIR/ntfs" ro
ok 'every file is as it is now' compare_trees ntfs mnt/volumes/disk0-p1/files
disks_umount "$TAP_DIR/ntfs"
ok 'umount it' "$LUNETTE" umount mnt

# The point that was made so is a parent as good as any.
keep_as_old
disks_mount c.img "$TAP_DIR/ntfs" && rm -r ntfs/real && seq 20000 >ntfs/more
disks_umount "$TAP_DIR/ntfs"
lay || exit
list '' >third.list
ok 'one more, whose list names no parent' "$LUNETTE" backup --name server --json --changed third.list --parent server@latest \
	--verify-changed 10 one.img two.img
third=$(jq -r .id .out)
is 'a part of the rest was verified' "$(jq '.verified | .chunks > 0 and .seed >= 0' .out)" true
is_the_full_backup 'a chain of lists' "$third"

# ---- other choices than the parent's -----------------------------------------------------------

keep_as_old
list '' >nothing.list
ok 'a volume less than the parent' "$LUNETTE" backup --name server --json --volume disk0-p2 --changed nothing.list --parent "$third" one.img two.img
less=$(jq -r .id .out)
is_the_full_backup 'a volume less' "$less" --volume disk0-p2
ok 'volumes that the parent lacks are read' "$LUNETTE" backup --name server --json --changed nothing.list --parent "$less" one.img two.img
is_the_full_backup 'volumes more' "$(jq -r .id .out)"
ok 'all blocks, after a parent of used ones' "$LUNETTE" backup --name server --json --all-blocks --changed nothing.list --parent "$third" one.img two.img
is_the_full_backup 'all blocks' "$(jq -r .id .out)" --all-blocks

fails 'a disk that the list does not name is read, and a warning says so' 3 'disk1 is read in full.*does not speak' \
	"$LUNETTE" backup --name server --changed <(changes_list '' disk0 </dev/null) --parent "$third" one.img two.img
cp --sparse=always two.img larger.img && truncate -s +1M larger.img
fails 'so is one of another size' 3 'disk1 is read in full.*another size' \
	"$LUNETTE" backup --name server --changed nothing.list --parent "$third" one.img larger.img
is_the_full_backup 'disks that are read in full' "$third"
disks_poke larger.img 440 00112233 && truncate -s -1M larger.img
fails 'so is one with another table' 3 'disk1 is read in full.*table' \
	"$LUNETTE" backup --name server --changed nothing.list --parent "$third" one.img larger.img
fails 'and one that the parent does not have' 3 'disk1 is read in full.*does not have it' \
	"$LUNETTE" backup --name server --changed nothing.list --parent "$("$LUNETTE" backup --name one --json one.img | jq -r .id)" one.img two.img

# ---- disks in another order --------------------------------------------------------------------

list '' >nothing.list
ok 'the disks in the other order' "$LUNETTE" backup --name turned --json --changed nothing.list --parent "$third" two.img one.img
cp .out turned.json
is 'each is found, and not read' "$(jq .stats.read turned.json)" 0
is 'they are stored in the other order' "$(roots "$(jq -r .id turned.json)")" "$(roots "$("$LUNETTE" backup --name full --json two.img one.img | jq -r .id)")"
# Without tables, a file system on the whole of them tells; where nothing does, neither is taken for the other.
for i in 1 2; do
	disks_ntfs w$i.img 24 W$i && disks_fill w$i.img 5 $i && disks_random raw$i $((4 << 20)) >raw$i.img || exit
done
swapped() { # A B OPTION...: a backup of both, and one of both the other way round
	"$LUNETTE" backup --name swap "${@:3}" "$1" "$2" >.out 2>&1
	"$LUNETTE" backup --name swap --json "${@:3}" --changed nothing.list --parent swap@latest "$2" "$1" >swap.json 2>swap.err
	echo $? >>swap.err
	"$LUNETTE" backup --name swap-full "${@:3}" "$2" "$1" >.out 2>&1
	is "$1 and $2 in the other order are not mixed up" "$(roots "$(jq -r .id swap.json)")" "$(roots swap-full@latest)"
}
swapped w1.img w2.img
is 'whole-disk file systems are told apart' "$(jq .stats.read swap.json) $(cat swap.err)" '0 0'
swapped raw1.img raw2.img --all-blocks
is 'what nothing tells apart is read' "$(jq '.stats.read' swap.json) $(grep -c 'cannot be told which' swap.err)" "$((8 << 20)) 2"
cp w1.img clone.img && dd if=/dev/urandom of=clone.img bs=1M seek=20 count=1 conv=notrunc status=none
swapped w1.img clone.img --all-blocks
is 'so are clones' "$(jq '.stats.read > 1000000' swap.json) $(grep -c 'cannot be told which' swap.err)" 'true 2'

# ---- areas that are not mapped -----------------------------------------------------------------

# 12 MiB of data, and holes, which a LUN tells as blocks that are not mapped.
truncate -s 200M thin.img
disks_random one $((8 << 20)) | dd of=thin.img bs=1M seek=3 conv=notrunc status=none
disks_random two $((4 << 20)) | dd of=thin.img bs=1M seek=150 conv=notrunc status=none
sync thin.img
ok 'every block of a file with holes' "$LUNETTE" backup --name file --all-blocks --json thin.img
is 'holes are not read' "$(jq -c '.stats | [.used + .unmapped == .size, .read < 14000000, .used == .new]' .out)" '[true,true,true]'
mkdir target
tap_at_exit tgt_stop
{ tgt_start "$TAP_DIR/target" && tgt_target 1 iqn.2026-11.test:thin && tgt_lun 1 1 thin.img &&
	tgt_params 1 1 thin_provisioning=1; } >/dev/null
lun=iscsi://127.0.0.1:$TGT_PORT/iqn.2026-11.test:thin/1
ok 'every block of a LUN' "$LUNETTE" backup --name lun --all-blocks --json "$lun"
cp .out lun.json
is 'what is not mapped is not read' "$(jq -c '.stats | [.used + .unmapped == .size, .read < 14000000]' lun.json)" '[true,true]'
is 'it is the same backup' "$(roots lun@latest)" "$(roots file@latest)"
"$LUNETTE" restore lun@latest --disk disk0 back.img >/dev/null
ok 'and comes back byte for byte' cmp thin.img back.img
disks_random more 100000 | dd of=thin.img bs=1 seek=104857600 conv=notrunc status=none
sync thin.img
printf '{"disk":"disk0","start":104857600,"length":100000}\n' | changes_list '' disk0 >thin.list
ok 'a list, and a LUN' "$LUNETTE" backup --name lun --all-blocks --json --changed thin.list \
	--parent "$(jq -r .id lun.json)" --verify-changed 20 "$lun"
"$LUNETTE" restore lun@latest --disk disk0 again.img >/dev/null
ok 'what changed is in it' cmp thin.img again.img

# ---- lists that lie ----------------------------------------------------------------------------

points() { "$LUNETTE" list --json | jq '.points | length'; }
before=$(points)
disks_mount a.img "$TAP_DIR/ntfs"
dd if=/dev/urandom of=ntfs/random/4 bs=4096 seek=9 count=1 conv=notrunc status=none
disks_umount "$TAP_DIR/ntfs"
lay || exit
fails 'a list that lies is found out' 1 'disk0 .*the list of changes is wrong: the 262144 bytes at offset [0-9]+ have changed' \
	"$LUNETTE" backup --name server --changed nothing.list --parent "$third" --verify-changed 100 one.img two.img
is 'and leaves no restore point' "$(points)" "$before"
found() { # SEED
	"$LUNETTE" backup --name server --changed nothing.list --parent "$third" --verify-changed 30 --verify-seed "$1" one.img two.img
}
for seed in 1 2 3 4 5 6 7 8; do
	found $seed >.out 2>&1
	echo $?
done >statuses
is 'a sample finds it or does not' "$(LC_ALL=C sort -u statuses | paste -sd' ')" '0 1'
for seed in 1 2 3 4 5 6 7 8; do
	found $seed >.out 2>&1
	echo $?
done >again
is 'and the same seed is the same sample' "$(paste -sd' ' again)" "$(paste -sd' ' statuses)"
is 'the least sample is one piece' "$("$LUNETTE" backup --name server --json --changed <(list '') --parent "$third" --verify-changed 0.0001 one.img two.img |
	jq .verified.chunks)" 1

# ---- lists that are none -----------------------------------------------------------------------

bad() { # WHAT PHRASE LINES
	fails "$1" 1 "$2" "$LUNETTE" backup --name server --changed <(printf '%b' "$3") --parent "$third" one.img two.img
}
head='{"format":"lunette-changed","version":1,"disks":["disk0","disk1"]}\n'
before=$(points)
bad 'an empty list' 'no end after line 0' ''
bad 'a list without its end' 'no end after line 2' "$head"'{"disk":"disk0","start":0,"length":1}\n'
bad 'a list that lacks a line' 'line 3: the list ends after 1 ranges' "$head"'{"disk":"disk0","start":0,"length":1}\n{"end":2}\n'
bad 'something after the end' "line 3: it comes after the list's end" "$head"'{"end":0}\n{"end":0}\n'
bad 'no JSON' 'line 2: it is not a JSON object' "$head"'disk0 0 1\n'
bad 'another format' 'line 1: it does not begin a list of changes' '{"disk":"disk0","start":0,"length":1}\n'
bad 'a newer one' 'line 1: "version" is not 1' '{"format":"lunette-changed","version":2,"disks":[]}\n'
bad 'another parent' 'line 1: .*another restore point than' '{"format":"lunette-changed","version":1,"parent":"0123","disks":[]}\n'
bad 'a disk that is not there, in front' "line 1: there is no disk 'disk7'" '{"format":"lunette-changed","version":1,"disks":["disk7"]}\n'
bad 'a disk that is not there, in a line' "line 2: there is no disk 'disk7'" "$head"'{"disk":"disk7","start":0,"length":1}\n'
bad 'a range past the end' 'line 2: 512 bytes at 9223372036854775807 are not inside disk0' "$head"'{"disk":"disk0","start":9223372036854775807,"length":512}\n'
bad 'a range of nothing' 'line 2: "start" and "length"' "$head"'{"disk":"disk0","start":0,"length":0}\n'
bad 'a negative range' 'line 2: "start" and "length"' "$head"'{"disk":"disk0","start":-1,"length":5}\n'
bad 'a NUL' 'line 2: ' "$head"'\0000{"end":0}\n'
fails 'a line without end' 1 'line 1: it is longer than 65536 bytes' "$LUNETTE" backup --name server \
	--changed <(head -c 200000 /dev/zero | tr '\0' x) --parent "$third" one.img two.img
fails 'a list that is not there' 1 "list of changes 'nowhere': No such file" "$LUNETTE" backup --name server --changed nowhere --parent "$third" one.img two.img
fails 'a parent that is not there' 10 'no restore point' "$LUNETTE" backup --name server --changed nothing.list --parent server@1999-01-01T00:00:00Z one.img two.img
fails 'a list without a parent' 2 'need each other' "$LUNETTE" backup --name server --changed nothing.list one.img
past=$(points_forge repo "$first" '.name = "future"') && future=$(points_forge repo "$first" '.name = "future" | .time = "2099-01-01T00:00:00Z"') || exit
fails 'a parent by the name alone, while one is of the future' 1 "'future'. Id ${future:0:12} is of the future" \
	"$LUNETTE" backup --name server --changed nothing.list --parent future one.img
rm -f "repo/points/$past" "repo/points/$future"
fails 'a parent without a list' 2 'need each other' "$LUNETTE" backup --name server --parent server@latest one.img
fails 'nothing to verify' 2 'without --changed' "$LUNETTE" backup --name server --verify-changed 5 one.img
for percent in 101 -1 x '' nan; do
	fails "'$percent' is no percentage" 2 'from 0 to 100' "$LUNETTE" backup --name server --changed nothing.list --parent "$third" --verify-changed "$percent" one.img
done
is 'none of them made a restore point' "$(points)" "$before"
