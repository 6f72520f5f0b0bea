#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A full file system: what prune frees there, what it leaves, and that trying again costs nothing.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/fill.sh"
tap_begin
[ "$(id -u)" = 0 ] || tap_skip_all 'only root may mount'
export LUNETTE_REPO=$TAP_DIR/fs/repo

new_fs() { # SIZE: with a repository
	! mountpoint -q fs || umount fs
	rm -rf fs.img && truncate -s "$1" fs.img && mkfs.ext4 -q -F -m 0 -N 512 fs.img && mkdir -p fs &&
		mount -o loop fs.img fs && "$LUNETTE" init --chunk-size 64K fs/repo >/dev/null
}
tap_at_exit umount "$TAP_DIR/fs"
backup() { # NAME IMAGE
	"$LUNETTE" backup --name "$1" --all-blocks --json "$2" | jq -r .id
}
random() { # SIZE FILE [OFFSET in MiB]
	head -c "$1" /dev/urandom | dd of="$2" bs=64K seek="$((${3:-0} * 16))" conv=notrunc status=none
}
room() { # MiB
	echo $(($(stat -f -c '%a * %S' fs) / 1048576))
}
objects() { # FOLDER
	find "fs/repo/$1" -type f 2>/dev/null | wc -l
}
same() { # POINT IMAGE
	rm -f out.img
	"$LUNETTE" restore "$1" --disk disk0 out.img >/dev/null && cmp "$2" out.img
}

# ---- packs in which nothing is needed ----
new_fs 40M || exit
ok 'a new repository has a reserve' [ "$(stat -c %s fs/repo/reserve)" = 1048576 ]
for i in 1 2 3; do
	random 6M "$i.img" && backup a "$i.img" >"$i.id"
done
ok 'the file system is full' fill fs
fails 'a backup says so' 1 'No space left' "$LUNETTE" backup --name a --all-blocks 1.img
ok 'and leaves the reserve alone' [ -e fs/repo/reserve ]
ok 'forget needs no room' "$LUNETTE" forget --keep-last 1
ok 'somebody takes what it freed' fill fs
ok 'prune' "$LUNETTE" prune
ok 'the room is free' [ "$(room)" -ge 11 ]
is 'nothing is left of it but the reserve' "$(objects leases) $(objects marks) $(objects packs) $(objects reserve)" '0 0 1 1'
ok 'what is needed is whole' same "$(cat 3.id)" 3.img
ok 'and check agrees' "$LUNETTE" check --read-data

# ---- a repository that has no reserve, as older ones ----
rm -f fs/filler* fs/repo/reserve
again=$(backup a 1.img)
ok 'a backup makes the reserve again' [ -e fs/repo/reserve ]
"$LUNETTE" forget "$again" >/dev/null
rm -r fs/repo/reserve fs/repo/forgotten # which would be given up first
fill fs
fails 'without it there is no way to begin, but one that is said' 1 'No space left.*a MiB is enough.*then prune again' "$LUNETTE" prune
is 'nothing is left of the attempt' "$(objects leases) $(objects marks) $(objects packs)" '0 0 2'
rm fs/filler.last fs/filler.1K fs/filler.4K fs/filler.64K
ok 'with a little room it goes on' "$LUNETTE" prune
is 'and has a reserve for the next time' "$(objects leases) $(objects marks) $(objects packs) $(objects reserve)" '0 0 1 1'

# ---- packs in which little is needed ----
new_fs 48M
random 12M a.img && cp a.img one.img && one=$(backup a one.img)
random 6M a.img && two=$(backup a a.img) # needs half of the first
random 8M b.img && three=$(backup b b.img)
"$LUNETTE" forget "$one" "$three" >/dev/null
fill fs
truncate -s -1M fs/filler.1M
"$LUNETTE" prune --json >prune.json
is 'what is not needed at all goes first, and makes room for the rest' \
	"$(jq -c '[.postponed.packs, .rewritten.packs, .removed.packs, .unsettled]' prune.json)" '[0,1,2,false]'
ok 'what is needed is whole' same "$two" a.img
new_fs 40M
one=$(backup a one.img) && two=$(backup a a.img)
"$LUNETTE" forget "$one" >/dev/null
fill fs
for i in 1 2; do
	fails "what does not fit is postponed, and said, time $i" 3 'postponed *12 MiB in 1 pack' "$LUNETTE" prune
	is 'and nothing is left of the attempt' "$(objects leases) $(objects marks) $(objects packs)" '0 0 2'
done
truncate -s -8M fs/filler.1M
ok 'with room for it, it is done' "$LUNETTE" prune
is 'and the room is free' "$(objects leases) $(objects marks) $(("$(room)" >= 13))" '0 0 1'
ok 'what is needed is whole' same "$two" a.img
