#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What was forgotten comes back until it is pruned: named, encrypted, after a kill, on a full file system.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/points.sh"
. "$(dirname "$0")/../support/leases.sh"
. "$(dirname "$0")/../support/fill.sh"
. "$(dirname "$0")/../support/json-keys.sh"
tap_begin
export LUNETTE_REPO=$TAP_DIR/repo

random() { # SIZE FILE
	head -c "$1" /dev/urandom >"$2"
}
backup() { # NAME IMAGE
	"$LUNETTE" backup --name "$1" --all-blocks --json "$2" | jq -r .id
}
ids() { # as list is asked for them, sorted
	"$LUNETTE" list --json "$@" | jq -r '.points[].id' | sort
}
same() { # POINT IMAGE
	rm -f out.img
	"$LUNETTE" restore "$1" --disk disk0 out.img >/dev/null && cmp "$2" out.img
}
lines() {
	printf '%s\n' "$@" | sort
}

"$LUNETTE" init --chunk-size 64K repo >/dev/null || exit
for n in a b c; do
	random 4M $n.img && backup $n $n.img >$n.id
done
a=$(cat a.id) b=$(cat b.id) c=$(cat c.id)
time=$("$LUNETTE" list --json b | jq -r '.points[0].time')

# ---- there and back ----
is 'at first nothing is forgotten' "$(ids --forgotten)" ''
"$LUNETTE" check >/dev/null && points_hurt repo "$b"
ok 'forget two' "$LUNETTE" forget "$a" "$b"
is 'it says how they come back' "$(tail -1 .out)" "0 kept, 2 forgotten; 'lunette undelete' brings them back until 'lunette prune' frees their room"
is 'they are not listed' "$(ids)" "$c"
is 'but among those that are forgotten' "$(ids --forgotten)" "$(lines "$a" "$b")"
is 'those of a name, too' "$(ids --forgotten b)" "$b"
fails 'and none of one that has none' 10 'called .c. to be brought back' "$LUNETTE" list --forgotten c
fails 'how old they are nobody asks' 2 'exclude each other' "$LUNETTE" list --forgotten --max-age 1h
ok 'for people' "$LUNETTE" list --forgotten
is 'with what a check has found' "$(grep -c "^${b:0:12} .* damaged .* b" .out)" 1
fails 'it is not there' 10 'no restore point.* and with --forgotten those' "$LUNETTE" restore "$a" --disk disk0 out.img
fails 'a list of its name says where it may be' 10 "called 'a'; 'lunette list --forgotten' shows" "$LUNETTE" list a
ok 'a check finds nothing wrong' "$LUNETTE" check --read-data
ok 'nor does a repair find anything to do' "$LUNETTE" repair --yes
"$LUNETTE" init copy >/dev/null && "$LUNETTE" copy --to copy >/dev/null
is 'copy does not know it' "$(ids --repo copy | wc -l) $(ids --repo copy --forgotten | wc -l)" '1 0'

ok 'by its id' "$LUNETTE" undelete "${a:0:8}"
is 'it is said which one' "$(grep -c "^back  *a@.*, id ${a:0:12}$" .out)" 1
ok 'it is whole' same "$a" a.img
ok 'once more' "$LUNETTE" undelete "$a"
is 'is no failure, and said' "$(grep -c "^is there  *a@.*, id ${a:0:12}$" .out)" 1
fails 'not by a name alone' 2 'by its whole time or its id' "$LUNETTE" undelete b
fails 'one of them is not there' 10 'nothing is brought back: there is no restore point .nosuch. to be brought back' "$LUNETTE" undelete "$b" nosuch
is 'then the other one does not come back, either' "$(ids --forgotten)" "$b"
"$LUNETTE" undelete --json "b@$time" "$b" "$c" >undelete.json
is 'by name and time, once, beside one that is there' \
	"$(jq -c '[.points[] | [.id, .name, .brought_back]] | sort_by(.[1])' undelete.json)" "[[\"$b\",\"b\",true],[\"$c\",\"c\",false]]"
json_frozen 'lunette undelete' undelete.json
is 'what was found of it is known as before' "$("$LUNETTE" list --json b | jq '.points[0].check.whole')" false
ok 'and it is whole' same "$b" b.img
is 'all are there' "$(ids)" "$(lines "$a" "$b" "$c")"
is 'and nothing is forgotten' "$(ids --forgotten)" ''
is 'no lease is left' "$(find repo/leases -type f | wc -l)" 0

# ---- pruned ----
is 'a dry run of forget says what a prune would free' \
	"$("$LUNETTE" forget --dry-run --json "$a" "$b" | jq '.frees > 8 * 1048576 and .frees < 9 * 1048576')" true
ok 'for people, too' "$LUNETTE" forget --dry-run "$a"
is 'in a line' "$(grep -c "0 kept, 1 would be forgotten; 'lunette prune' would then free 4\.. MiB$" .out)" 1
is 'who forgets really is not told' "$("$LUNETTE" forget --json --keep-last 1 c | jq 'has("frees")')" false
"$LUNETTE" forget "$a" >/dev/null
ok 'a prune that only looks' "$LUNETTE" prune --dry-run
is 'says that it would be final' "$(grep -c '^1 forgotten restore point could not be brought back any more' .out)" 1
is 'in JSON, too' "$("$LUNETTE" prune --dry-run --json | jq .forgotten)" 1
is 'and it is not' "$(ids --forgotten)" "$a"
ok 'a prune' "$LUNETTE" prune
is 'says that it is' "$(grep -c '^1 forgotten restore point cannot be brought back any more' .out)" 1
fails 'then it does not come back' 10 'a prune has made it final' "$LUNETTE" undelete "$a"
is 'and is not listed' "$(ids --forgotten)" ''
is 'a second one has nothing to say of it' "$("$LUNETTE" prune --json | jq .forgotten)" 0
ok 'the others are whole' "$LUNETTE" check --read-data

# ---- somebody is at work; an older prune was ----
"$LUNETTE" forget "$b" >/dev/null && cp -r repo/forgotten kept
sleep 600 &
sleeper=$!
tap_at_exit kill $sleeper
lease_forge repo $sleeper
fails 'not while somebody prunes' 12 "'prune' on proxy7" "$LUNETTE" undelete "$b"
kill $sleeper && wait $sleeper 2>/dev/null
"$LUNETTE" prune >/dev/null && cp kept/* repo/forgotten
fails 'one whose chunks are gone' 1 "${b:0:12} cannot be brought back: at least [0-9]+ of its chunks are gone" "$LUNETTE" undelete "$b"
is 'stays where it is' "$(ids)" "$c"
ok 'until the next prune' "$LUNETTE" prune
is 'which makes it final' "$(ids --forgotten)" ''

# ---- older repositories, which have no such folder ----
rmdir repo/forgotten
is 'nothing is forgotten there' "$(ids --forgotten)" ''
"$LUNETTE" forget "$c" >/dev/null
ok 'and what is comes back' "$LUNETTE" undelete "$c"
jq 'del(.sha256) | .write_features = []' repo/config >config &&
	sum=$(jq -cSj . config | sha256sum) && jq --indent 1 --arg sum "${sum%% *}" '.sha256 = $sum' config >config.old
chmod u+w repo/config && cp repo/config config.new && cp config.old repo/config
ok 'of one made before there were leases' "$LUNETTE" forget "$c"
ok 'it comes back, too' "$LUNETTE" undelete "$c"
cp config.new repo/config

# ---- encrypted ----
echo secret >pw && chmod 600 pw && export LUNETTE_PASSWORD_FILE=$TAP_DIR/pw LUNETTE_REPO=$TAP_DIR/locked
"$LUNETTE" init --encrypt --chunk-size 64K locked >/dev/null && d=$(backup c c.img)
"$LUNETTE" forget "$d" >/dev/null
is 'an encrypted one is listed' "$(ids --forgotten)" "$d"
ok 'and comes back' "$LUNETTE" undelete "$d"
ok 'as it was' same "$d" c.img
unset LUNETTE_PASSWORD_FILE
fails 'not without the password' 11 'encrypted' "$LUNETTE" undelete "$d" </dev/null

# ---- killed ----
export LUNETTE_REPO=$TAP_DIR/many
"$LUNETTE" init --chunk-size 64K many >/dev/null && one=$(backup c c.img) || exit
for n in $(seq 60); do
	points_forge many "$one" ".time = \"2026-01-01T00:00:$(printf %02d $((n - 1)))Z\"" || exit
done | sort >all
mapfile -t all <all
everywhere() { # each of them in one of the listings, and in no other
	sort <(ids c | grep -v "^$one$") <(ids --forgotten) | cmp - all
}
lost='' half=0
for n in $(seq 24); do
	verb=forget
	((n % 2)) || verb=undelete
	"$LUNETTE" $verb "${all[@]}" >/dev/null 2>&1 &
	sleep "0.0$((n * 3 % 10))$((RANDOM % 10))"
	{ kill -KILL $! && wait $!; } 2>/dev/null
	everywhere || lost+=" $verb"
	moved=$(ids --forgotten | wc -l)
	((moved == 0 || moved == 60)) || half=1
	"$LUNETTE" undelete "${all[@]}" >/dev/null || lost+=' back'
	((n % 2 == 0)) || "$LUNETTE" forget "${all[@]}" >/dev/null || lost+=' again'
done
is 'kills in the middle of forget and of undelete lose nothing' "$lost" ''
echo "# half-way at least once: $half"
"$LUNETTE" undelete "${all[@]}" >/dev/null
ok 'the repository is well' "$LUNETTE" check --read-data

# ---- a full file system ----
if [ "$(id -u)" != 0 ]; then
	tap_skip 'a full file system' 'only root may mount'
	exit 0
fi
truncate -s 24M fs.img && mkfs.ext4 -q -F -m 0 -N 512 fs.img && mkdir fs && mount -o loop fs.img fs || exit
tap_at_exit umount "$TAP_DIR/fs"
export LUNETTE_REPO=$TAP_DIR/fs/repo
"$LUNETTE" init --chunk-size 64K fs/repo >/dev/null && e=$(backup c c.img) && f=$(backup b b.img)
ok 'the file system is full' fill fs
ok 'forget needs no room' "$LUNETTE" forget "$e" "$f"
ok 'and undelete only the reserve' "$LUNETTE" undelete "$e"
ok 'which it makes again' [ "$(stat -c %s fs/repo/reserve)" = 1048576 ]
ok 'what came back is whole' same "$e" c.img
is 'the other one is still forgotten' "$(ids --forgotten)" "$f"
ok 'somebody takes what there is' fill fs
ok 'prune' "$LUNETTE" prune
is 'the other one is final' "$(ids --forgotten)" ''
ok 'what is needed is whole' same "$e" c.img
rmdir fs/repo/forgotten && mkdir fs/many # a folder can take up to the last block
fill fs
seq 9999 | (cd fs/many && xargs touch) 2>/dev/null
fails 'where not even a name fits it is forgotten for good' 3 'no room to keep restore point' "$LUNETTE" forget "$e"
is 'it is gone' "$(ids) $(ids --forgotten)" ' '
