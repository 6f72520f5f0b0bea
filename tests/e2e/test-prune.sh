#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# prune on real backups: what it frees, what it never touches, and what it leaves when it is killed.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/leases.sh"
tap_begin
export LUNETTE_REPO=$TAP_DIR/repo
bench=$TAP_TOP/tests/bench

new_repo() {
	rm -rf repo && "$LUNETTE" init --chunk-size 64K repo >/dev/null
}
backup() { # NAME IMAGE
	"$LUNETTE" backup --name "$1" --all-blocks --json "$2" | jq -r .id
}
random() { # SIZE FILE [OFFSET in MiB]
	head -c "$1" /dev/urandom | dd of="$2" bs=64K seek="$((${3:-0} * 16))" conv=notrunc status=none
}
packs() {
	find repo/packs -type f -printf '%s\n' | awk '{ n += $1 } END { print int(n / 1048576) }'
}
objects() { # FOLDER
	find "repo/$1" -type f 2>/dev/null | wc -l
}
same() { # POINT IMAGE
	rm -f out.img
	"$LUNETTE" restore "$1" --disk disk0 out.img >/dev/null && cmp "$2" out.img
}
report() { # FILTER
	"$LUNETTE" prune --json | jq -r "$1"
}

# ---- what goes ----
new_repo || exit
random 40M a.img && cp a.img one.img
one=$(backup a one.img)
random 20M a.img 20 && cp a.img two.img
two=$(backup a two.img)
is 'both are stored' "$(packs)" 60
is 'nothing goes while all is needed' "$(report .removed.packs)" 0
ok 'forget the first' "$LUNETTE" forget "$one"
"$LUNETTE" prune --dry-run --json >dry.json
is 'a dry run sees what could go' "$(jq '.dead.bytes + .rewritten.bytes > 15000000' dry.json)" true
is 'and removes nothing' "$(packs)" 60
is 'and leaves no lease' "$(objects leases)" 0
ok 'prune' "$LUNETTE" prune
is 'the room is free' "$(packs)" 40
ok 'what is left is whole' same "$two" two.img
ok 'and check agrees' "$LUNETTE" check --read-data
is 'no mark is left' "$(objects marks)" 0
again=$(backup a one.img)
ok 'what was pruned is stored again' same "$again" one.img
"$LUNETTE" forget "$two" "$again" >/dev/null && "$LUNETTE" prune >/dev/null
is 'without restore points nothing is left' "$(objects packs) $(objects index)" '0 0'
fails 'arguments are refused' 2 'no arguments' "$LUNETTE" prune repo
fails 'more than all is refused' 2 'from 0 to 100' "$LUNETTE" prune --max-unused 101

# ---- what is hardly used is rewritten, what is nearly full is not ----
new_repo
random 30M b.img && cp b.img three.img
three=$(backup b three.img)
random 2M b.img 3 && four=$(backup b b.img)
"$LUNETTE" forget "$three" >/dev/null
is 'a pack that is nearly full stays' "$(report '.rewritten.packs, .removed.packs' | xargs)" '0 0'
is 'unless it is asked for' "$("$LUNETTE" prune --max-unused 0 --json | jq '.rewritten.packs > 0 and .removed.packs > 0')" true
ok 'nothing was lost by that' same "$four" b.img
is 'a second time there is nothing to do' "$("$LUNETTE" prune --max-unused 0 --json | jq -c '[.rewritten.packs, .removed.packs]')" '[0,0]'

# ---- many small packs are joined ----
new_repo
for i in $(seq 18); do
	random 256K small.img && backup small small.img >>small.ids
done
before=$(objects packs)
ok 'prune joins them' "$LUNETTE" prune
is 'few are left' "$(($(objects packs) < before / 4))" 1
ok 'nothing was lost by that either' "$LUNETTE" check --read-data
ok 'the last one is whole' same "$(tail -1 small.ids)" small.img

# ---- what no index knows ----
new_repo
random 8M c.img && five=$(backup c c.img) && find repo/index repo/points -type f >before
random 8M d.img && backup d d.img >/dev/null
find repo/index repo/points -type f | grep -vxFf before | xargs rm -f
is 'a pack that no index knows goes' "$(report '[.unindexed.packs, .removed.packs] | tostring')" '[1,1]'
is 'its room is free' "$(packs)" 8
ok 'what is needed stays' same "$five" c.img

# ---- damage ----
new_repo
random 8M e.img && seven=$(backup e e.img) && eight=$(backup f e.img)
random 8M e.img && nine=$(backup e e.img) && "$LUNETTE" forget "$nine" >/dev/null
chmod u+w "repo/points/$eight" && cp "repo/points/$eight" kept && echo damage >"repo/points/$eight"
fails 'a damaged restore point: nothing is removed' 1 "'lunette repair --drop-points' gives it up" "$LUNETTE" prune
is 'all packs are there' "$(packs)" 16
cp -r repo given-up
ok 'it can be given up' "$LUNETTE" repair --repo given-up --drop-points --yes
ok 'then prune goes on' "$LUNETTE" prune --repo given-up
cat kept >"repo/points/$eight"
index=$(find repo/index -type f | head -1) && cp "$index" kept && chmod u+w "$index" && printf x | dd of="$index" bs=1 seek=5000 conv=notrunc status=none
fails 'a damaged index: nothing is removed' 1 'lunette check|damaged' "$LUNETTE" prune
is 'all packs are there' "$(packs)" 16
cat kept >"$index"
ok 'when it is whole again prune goes on' "$LUNETTE" prune
is 'and frees the room' "$(packs)" 8
ok 'the rest is whole' "$LUNETTE" check --read-data
ok 'the other point, too' "$LUNETTE" show "$seven"

# ---- a writer that is at work ----
new_repo
random 32M g.img && ten=$(backup g g.img) && random 8M h.img && eleven=$(backup h h.img)
"$LUNETTE" forget "$ten" >/dev/null
"$LUNETTE" backup --name g --all-blocks --limit 4M --json g.img >g.json & # which relies on what was forgotten
writer=$!
leased() {
	[ "$(objects leases)" -gt 0 ]
}
tap_until leased
kill -STOP $writer
"$LUNETTE" prune --json >prune.json
is 'prune waits for the writer' "$(jq '(.waiting_for | length) <= 1 and (.writers | length) == 1' prune.json)" true
ok 'it says who it is' grep -q "process $writer" prune.json
kill -CONT $writer && wait $writer
ok 'what the writer found is there' same "$(jq -r .id g.json)" g.img
ok 'prune when it has ended' "$LUNETTE" prune
ok 'still there' same "$(jq -r .id g.json)" g.img
ok 'and the other one' same "$eleven" h.img
is 'no lease and no mark is left' "$(objects leases) $(objects marks)" '0 0'

# ---- two prunes ----
sleep 600 &
sleeper=$!
tap_at_exit kill $sleeper
lease_forge repo $sleeper
fails 'two prunes exclude each other' 12 "'prune' on proxy7, process $sleeper, since 2026-11-22T17:00:00Z" "$LUNETTE" prune
ok 'a dry run does not mind' "$LUNETTE" prune --dry-run
ok 'nor does a backup' "$LUNETTE" backup --name h --all-blocks h.img
kill $sleeper && wait $sleeper 2>/dev/null
ok 'when it is dead its lease is void' "$LUNETTE" prune
is 'and gone' "$(objects leases)" 0

# ---- what cannot be listed is not gone ----
new_repo
random 10M n.img
kept=$(backup n n.img)
random 5M n2.img
backup n n2.img >/dev/null && "$LUNETTE" forget "$(backup o n2.img)" >/dev/null
before=$(find repo/points repo/packs repo/index -type f | sort)
as_nobody=() # root may list everything
if [ "$(id -u)" = 0 ]; then
	as_nobody=(setpriv --reuid nobody --regid nogroup --clear-groups --)
	chown -R nobody repo && chmod 755 "$TAP_DIR"
fi
for folder in points index packs "$(find repo/packs -mindepth 1 -type d -printf 'packs/%f\n' | head -n 1)"; do
	chmod 000 "repo/$folder"
	fails "${folder%/*} that cannot be listed" 1 'Permission denied' "${as_nobody[@]}" "$LUNETTE" prune --max-unused 0
	chmod 700 "repo/$folder"
	is 'nothing is removed, nothing else is made' "$(find repo/points repo/packs repo/index -type f | sort)" "$before"
done
[ "$(id -u)" != 0 ] || chown -R 0 repo
ok 'all is still there' same "$kept" n.img

# ---- killed, and all at once ----
new_repo
for i in 1 2 3; do
	random 24M "k$i.img"
	backup k "k$i.img" >"k$i.id"
	random 5M "k$i.img" "$((i * 4))"
	backup l "k$i.img" >"l$i.id"
	"$LUNETTE" forget "$(cat "k$i.id")" >/dev/null
done
for i in $(seq 12); do
	"$LUNETTE" prune --max-unused 0 >/dev/null 2>&1 &
	pid=$!
	sleep "0.$(printf '%03d' $((RANDOM % 120)))"
	if ((i % 3)); then
		kill -KILL $pid 2>/dev/null
	else
		kill -TERM $pid 2>/dev/null
	fi
	wait $pid 2>/dev/null
done
ok 'killed a dozen times, and then not' "$LUNETTE" prune --max-unused 0
ok 'nothing is damaged' "$LUNETTE" check --read-data
ok 'nothing is lost' same "$(cat l1.id)" k1.img
ok 'nor of the others' same "$(cat l3.id)" k3.img
is 'no lease and no mark is left' "$(objects leases) $(objects marks)" '0 0'
ok 'two writers and a prune at once, killed now and then' "$bench/two-writers" 6 "$LUNETTE"

# ---- what is too large to be made in earnest ----
ok 'the huge one, made small' "$TAP_TOP/$(dirname "${LUNETTE#"$TAP_TOP"/}")/tests/bench/make-huge" huge 0.05 20
is 'a dry run of it' "$(LUNETTE_REPO=huge "$LUNETTE" prune --dry-run --json | jq -c '[.points, .missing]')" '[20,0]'
