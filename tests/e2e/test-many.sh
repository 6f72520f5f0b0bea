#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Many restore points: what was read of them once, on this machine, is not read again. It is manifests that are
# counted, not seconds; tests/bench/many has those.
. "$(dirname "$0")/../support/tap.sh"
strace -qq -o /dev/null true 2>/dev/null || tap_skip_all 'strace cannot trace here'
tap_begin

many=2000 names=50
make_many=$TAP_TOP/$(dirname "${LUNETTE#"$TAP_TOP"/}")/tests/bench/make-many

# read_by COMMAND...: how many manifests it reads
read_by() {
	strace -f -qq -e trace=open,openat -o trace "$LUNETTE" "$@" >out 2>&1 || echo "failed: $(cat out)"
	grep -cE '"([^"]*/)?points/[0-9a-f]{64}"' trace
}
# forget_all: as on a machine that has not seen the repository
forget_all() {
	rm -rf "$XDG_CACHE_HOME"
}
grow() { # REPO [PASSWORD-FILE]: to $many restore points, all written a while ago
	truncate -s 1M disk.img && printf content | dd of=disk.img conv=notrunc status=none
	"$LUNETTE" backup --repo "$1" ${2:+--password-file "$2"} --all-blocks --name server00 disk.img >/dev/null 2>&1
	"$make_many" "$1" $((many - 1)) $names ${2:+"$(cat "$2")"}
	find "$1/points" -type f -exec touch -d '1 hour ago' {} +
}

"$LUNETTE" init repo >/dev/null
ok 'a repository with many restore points' grow repo
is 'one that is new here is read' "$(read_by list --repo repo)" $many
"$LUNETTE" list --repo repo >first
is 'all are listed' "$(grep -c '^[0-9a-f]' first)" $many
is 'and is not read again' "$(read_by list --repo repo)" 0
is 'and is listed as before' "$(cat out)" "$(cat first)"
is 'nor for one name' "$(read_by list --repo repo server07)" 0
is 'nor for JSON' "$(read_by list --repo repo --json)" 0
is 'nor for monitors' "$(read_by list --repo repo --max-age 2d server07)" 0
is 'completion of names reads none' "$(read_by complete list --repo repo server)" 0
is 'nor that of restore points' "$(read_by complete show --repo repo server07@)" 0
is 'a name is found, and only that one read' "$(read_by show --repo repo server07)" 1
is 'so is a time' "$(read_by show --repo repo "server07@$(date -u -d yesterday +%Y)")" 1
is 'so is an id' "$(read_by show --repo repo "$(awk '/^[0-9a-f]/ { print $1; exit }' first)")" 1
is 'a rule for one name reads those of that name' \
	"$(read_by forget --repo repo --keep-last 100 server07)" $((many / names))

gone=$(find repo/points -type f | head -1)
is 'a backup reads none' "$(read_by backup --repo repo --all-blocks --name server07 disk.img)" 0
find repo/points -newer first -exec touch -d '10 minutes ago' {} +
is 'one that is new is read, alone' "$(read_by list --repo repo)" 1
is 'once' "$(read_by list --repo repo)" 0
is 'and listed' "$(grep -c '^[0-9a-f]' out)" $((many + 1))
rm -f "$gone"
is 'one that is gone needs no reading' "$(read_by list --repo repo)" 0
is 'and is not listed' "$(grep -c '^[0-9a-f]' out)" $many

if [ -e /dev/fuse ]; then
	mkdir mnt
	strace -f -qq -e trace=open,openat -o trace "$LUNETTE" mount --repo repo mnt & # until it is unmounted
	tap_until mountpoint -q mnt
	is 'a mount shows the names' "$(find mnt -mindepth 1 -maxdepth 1 | wc -l)" $names
	is 'and the times of one' "$(find mnt/server11 -mindepth 1 -maxdepth 1 | wc -l)" $((many / names + 1))
	"$LUNETTE" umount mnt
	wait
	is 'and reads none for that' "$(grep -cE 'points/[0-9a-f]{64}"' trace)" 0
else
	tap_skip 'a mount reads none' 'there is no /dev/fuse'
fi

# ---- copies ----

"$LUNETTE" init --chunk-size 64K other >/dev/null
"$LUNETTE" copy --repo repo --to other server03 >/dev/null
"$LUNETTE" list --repo other >/dev/null
find other/points -type f -exec touch -d '1 hour ago' {} +
"$LUNETTE" list --repo other >/dev/null
is 'of what has been copied only that is read which the name means' "$(read_by copy --repo repo --to other server03)" 1
"$LUNETTE" backup --repo repo --all-blocks --name server03 disk.img >/dev/null 2>&1
find repo/points -newer first -exec touch -d '10 minutes ago' {} +
"$LUNETTE" list --repo repo >/dev/null
is 'and of what has not, that before it, here and there, too' "$(read_by copy --repo repo --to other server03)" 4

# ---- encrypted ----

(umask 077 && echo secret >password)
"$LUNETTE" init --encrypt --password-file password sealed >/dev/null
"$TAP_TOP/tests/support/cheap-key" sealed password
ok 'an encrypted one' grow sealed password
forget_all
is 'is read once, too' "$(read_by list --repo sealed --password-file password)" $many
is 'and not again' "$(read_by list --repo sealed --password-file password)" 0
is 'and nothing of it lies here in clear' "$(grep -rlE 'server07|2026-' "$XDG_CACHE_HOME" | wc -l)" 0
is 'one file, for us alone' "$(find "$XDG_CACHE_HOME" -type f -printf '%m\n')" 600
for file in "$XDG_CACHE_HOME"/lunette/points-*; do
	printf 'X' | dd of="$file" conv=notrunc bs=1 seek=100000 status=none
done
is 'one that somebody has changed is not believed' "$(read_by list --repo sealed --password-file password)" $many

# ---- where nothing can be kept ----

forget_all
mkdir -p "$XDG_CACHE_HOME" && touch "$XDG_CACHE_HOME/lunette"
is 'without a place for it, it is read each time' "$(read_by list --repo repo && read_by list --repo repo)" \
	"$(printf '%s\n%s' $((many + 1)) $((many + 1)))"
ok 'and that is no warning' "$LUNETTE" list --repo repo
forget_all

# Several at once, on a machine that has not seen it.
at_once() {
	local n
	for n in 1 2 3 4; do
		"$LUNETTE" list --repo repo >"list.$n" &
	done
	wait
	sha256sum list.[1-4] | cut -d' ' -f1 | sort -u | wc -l
}
is 'several at once see the same' "$(at_once)" 1
is 'and one of them has kept it' "$(read_by list --repo repo)" 0
