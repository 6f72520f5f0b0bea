#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check and repair: what is damaged is found and named, up to the files; what is well is saved; and
# a later backup heals the rest.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
. "$(dirname "$0")/../support/flip.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup
export LUNETTE_REPO=$TAP_DIR/repo
mkdir mnt ntfs
tap_at_exit umount --lazy mnt

reset() { # the repository as it was
	rm -rf repo && cp -a whole repo && chmod -R u+w repo
}
poke() { # FILE OFFSET
	printf 'damage' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
whole() { # nothing is wrong, and the disk comes out as it is
	"$LUNETTE" check --read-data && rm -f out.img && "$LUNETTE" restore "$first" --disk disk0 out.img && cmp out.img first.img
}
largest() { find repo/packs -type f -printf '%s %p\n' | sort -n | tail -1 | cut -d' ' -f2; }

disks_ntfs a.img 32 A && disks_mount a.img ntfs && disks_random file 6000000 >ntfs/large && mkdir ntfs/dir &&
	disks_random more 900000 >ntfs/dir/more && seq 30000 >ntfs/numbers && disks_umount ntfs &&
	disks_gpt disk.img 512 basic:a.img && "$LUNETTE" init repo >/dev/null || exit
first=$("$LUNETTE" backup --name server --json disk.img | jq -r .id)
"$LUNETTE" restore "$first" --disk disk0 first.img >/dev/null || exit
sleep 1.1
touch before
disks_mount a.img ntfs && disks_random new 3000000 >ntfs/new && disks_umount ntfs && disks_gpt disk.img 512 basic:a.img || exit
second=$("$LUNETTE" backup --name server --json disk.img | jq -r .id)
fresh=$(find repo/packs -type f -newer before) # what only the second one needs
cp -a repo whole

# ---- what is whole -----------------------------------------------------------------------------

ok 'a repository is whole' "$LUNETTE" check
is 'and its data too, each object once' "$("$LUNETTE" check --read-data --json | jq -c '[.whole, .points, .data_read <= .bytes, .data_read > .bytes * 0.9]')" \
	'[true,2,true,true]'
is 'a part of the data' "$("$LUNETTE" check --read-data=1% --json | jq -c '[.whole, .data_read > 0 and .data_read < .bytes]')" '[true,true]'
ok 'there is nothing to repair' "$LUNETTE" repair
fails 'a percentage is needed' 2 'percentage' "$LUNETTE" check --read-data=0
fails 'or a part that there is' 2 "'4/3': a percentage .* or one of" "$LUNETTE" check --read-data=4/3
fails 'a part is told as such' 0 'of data read, in [0-9]* packs?: part 2 of 3' "$LUNETTE" check --read-data=2/3
is 'three thirds are all of the data' "$(for n in 1 2 3; do "$LUNETTE" check --read-data=$n/3 --json; done |
	jq -sc '[.[0].part, (map(.data_read) | add), (map(.packs_read) | add)]')" \
	"$("$LUNETTE" check --read-data --json | jq -c '[{number: 1, of: 3}, .data_read, .packs_read]')"

# ---- some restore points -----------------------------------------------------------------------

ok 'one restore point' "$LUNETTE" check "$first"
is 'it is said of what' "$(grep -cE '^1 restore point: [0-9]+ chunks in 1 pack of .*; no data read$' .out)" 1
is 'by its name, and twice, is once' "$("$LUNETTE" check --json server "$second" | jq -c '[.whole, .points, .indexes, .packs, .data_read]')" '[true,1,0,2,0]'
is 'two of them, with all of their data' "$("$LUNETTE" check --read-data --json "$first" "$second" | jq -c '[.whole, .points, .packs, .packs_read, .data_read > .bytes * 0.9]')" '[true,2,2,2,true]'
fails 'one that is not there' 10 'no restore point' "$LUNETTE" check "$first" nosuch
fails 'the next part is one of the repository' 2 'for the whole repository' "$LUNETTE" check --read-data=next/3 "$first"
poke "$fresh" $(($(stat -c %s "$fresh") / 2))
mkdir -p repo/marks && echo garbage >"repo/marks/$(printf %064d 7)"
noted=$("$LUNETTE" list --json | jq -cS .upkeep)
fails 'damage that the first one has nothing to do with' 0 'no damage' "$LUNETTE" check --read-data "$first"
fails 'hurts the second' 1 'of its chunks is damaged' "$LUNETTE" check --read-data "$second"
is 'both are noted' "$("$LUNETTE" list --json | jq -c '[.points[].check | [.whole, .data]]')" '[[true,100],[false,100]]'
is 'but not as the last check of the repository' "$("$LUNETTE" list --json | jq -cS .upkeep)" "$noted"
fails 'which finds all of it' 1 '^marks/0*7: ' "$LUNETTE" check
rm -rf "$fresh"
fails 'a pack that is gone is missed without reading data' 1 '1 restore point is hurt' "$LUNETTE" check "$second"
ok 'but not by the first' "$LUNETTE" check "$first"
reset

# ---- a lost chunk, up to the file --------------------------------------------------------------

pack=$(largest)
poke "$pack" $(($(stat -c %s "$pack") / 2))
fails 'without reading the data nothing is seen' 0 'no damage' "$LUNETTE" check
fails 'reading finds it' 1 'of its chunks is damaged' "$LUNETTE" check --read-data
fails 'and says what helps' 1 "'lunette repair --read-data' saves" "$LUNETTE" check --read-data
"$LUNETTE" check --read-data --json >damage.json
is 'it is one chunk, and both restore points need it' "$(jq -c '[.lost_chunks, .hurt_count, [.hurt[].id] == [$b, $a]]' --arg a "$first" --arg b "$second" damage.json)" \
	'[1,2,true]'
verdicts() {
	"$LUNETTE" list --json | jq -c '[.points[].check | .whole, .data]'
}
is 'the repository remembers it' "$(verdicts)" '[false,100,false,100]'
"$LUNETTE" check >/dev/null
is 'and is not told otherwise by a check that cannot have seen it' "$(verdicts)" '[false,100,false,100]'
fails 'which does not say that all is well' 3 'an earlier check found damage in the data of 2 restore points' "$LUNETTE" check
is 'nor to programs' "$("$LUNETTE" check --json 2>.err | jq -c '[.whole, .remembered]')" '[true,2]'
fails 'nor does repair, which has not read it' 3 'an earlier check found damage in the data of 2' "$LUNETTE" repair --yes
is 'nor the note of this machine' "$("$LUNETTE" list --json | jq -c '.upkeep.check | [.status, .hurt]')" '["damaged",2]'
fails 'list says it to people' 0 " damaged $(date -u +%F)  *server" "$LUNETTE" list
fails 'and show' 0 'checked *damaged ' "$LUNETTE" show "$second"
rm -rf whole/checks && touch whole/checks
fails 'what cannot be noted is told, and no failure' 0 'the repository does not remember it: .*checks' "$LUNETTE" check --repo whole
rm whole/checks
"$LUNETTE" mount --repo repo "$second" mnt
unreadable=$(cd mnt/volumes/*/files && find . -type f -exec sh -c 'for f; do cat "$f" >/dev/null 2>&1 || echo "${f#.}"; done' sh {} + | sort)
is 'the files that it names are those that cannot be read' \
	"$(jq -r '.hurt[0].volumes[].files[].path' damage.json | sort)" "$unreadable"
is 'and there is one' "$(wc -l <<<"$unreadable")" 1
fails 'reading it is an error like that of a bad disk' 1 'Input/output error' cat "mnt/volumes/disk0-p1/files$unreadable"
"$LUNETTE" umount mnt
fails 'it is not restored' 1 'is not complete' "$LUNETTE" restore "$second" --disk disk0 out.img
fails 'but when that is wanted' 3 'are lost, and zeros' "$LUNETTE" restore --skip-lost "$second" --disk disk0 out.img
"$LUNETTE" restore --skip-lost --repo whole "$second" --disk disk0 second.img >/dev/null
is 'with zeros in just one chunk' "$(cmp -l out.img second.img | awk '{ n[int(($1 - 1) / 262144)] = 1; bad += $2 != 0 } END { print length(n), bad + 0 }')" '1 0'
rm -f out.img second.img

fails 'repair asks, and there is nobody' 2 'say --yes' "$LUNETTE" repair --read-data
notes=$(ls repo/checks)
fails 'a dry run says what it would do' 3 "${pack#repo/} is damaged: its chunks that are well" "$LUNETTE" repair --read-data --dry-run
ok 'and does nothing' [ -e "$pack" ]
is 'nor is anything noted' "$(ls repo/checks)" "$notes"
fails 'repair saves the rest' 3 '1 lost' "$LUNETTE" repair --read-data --yes
ok 'the damaged pack is gone' [ ! -e "$pack" ]
is 'what is lost is still named' "$("$LUNETTE" check --json | jq -c '[.lost_chunks, .hurt_count]')" '[1,2]'
ok 'a backup of the same disks' "$LUNETTE" backup --name server disk.img
ok 'heals both' whole

# ---- what may not be read ----------------------------------------------------------------------

reset
stranger=(setpriv --reuid nobody --regid nogroup --clear-groups env LUNETTE_STATE=/nowhere)
if "${stranger[@]}" true 2>/dev/null; then
	rm -rf repo/checks && chown -R nobody repo && chown root "$fresh" && chmod 755 .
	fails 'what belongs to another user is not called damaged' 1 'not known whether .* 2 of its objects could not be read, and may be well' \
		"${stranger[@]}" "$LUNETTE" check --read-data
	is 'nor remembered so' "$(verdicts)" '[true,49,null,null]' # one pack of two
	fails 'nor repaired' 1 'not known whether .* may be well' "${stranger[@]}" "$LUNETTE" repair --read-data --yes
	ok 'who may read it finds it well' "$LUNETTE" check --read-data
else
	tap_skip 'what belongs to another user' 'only root may become somebody else'
fi

# ---- indexes, packs and restore points ---------------------------------------------------------

reset
rm repo/index/*
fails 'indexes that are gone' 1 'in none of the indexes' "$LUNETTE" check
ok 'are made again' "$LUNETTE" repair --yes
is 'and what was found without reading data is settled by that' "$(verdicts)" '[true,0,true,0]'
ok 'and all is well' whole
reset
for index in repo/index/*; do poke "$index" 9000; done
fails 'indexes that are damaged' 1 "${index#repo/}.*checksum" "$LUNETTE" check
ok 'are made again, too' "$LUNETTE" repair --yes
ok 'and all is well again' whole
reset
truncate -s -1 "$(largest)"
fails 'a pack without its end' 1 'an index says' "$LUNETTE" check
ok 'is saved by what indexes know of it' "$LUNETTE" repair --yes
ok 'without a loss' whole
reset
poke "$(largest)" 3
fails 'a pack without its beginning' 1 'its header is wrong' "$LUNETTE" check
ok 'is written anew' "$LUNETTE" repair --yes
ok 'without a loss, too' whole
reset
rm "$(largest)"
fails 'a pack that is gone' 1 'cannot be read' "$LUNETTE" check
fails 'a repair promises nothing' 3 'those that are in none stay lost' "$LUNETTE" repair --dry-run
fails 'cannot be had back' 1 '' "$LUNETTE" restore "$first" --disk disk0 out.img
rm -f out.img
"$LUNETTE" backup --name server disk.img >/dev/null
is 'but by a backup of the same disks, as far as they are the same' "$("$LUNETTE" check --read-data --json | jq -c '[.hurt[].id]')" "[\"$first\"]"
reset
poke "repo/points/$first" 20
fails 'a damaged restore point is named' 1 "points/$first" "$LUNETTE" check
fails 'a mount says which it does not show' 3 'warning: restore point .*: it is damaged.*; it is not shown' "$LUNETTE" mount mnt
is 'and shows the other one' "$(find mnt/server -mindepth 1 -maxdepth 1 -type d | wc -l)" 1
"$LUNETTE" umount mnt
fails 'and cannot be repaired' 1 'put it back' "$LUNETTE" repair --yes
ok 'only dropped' "$LUNETTE" repair --yes --drop-points
is 'the other one stays' "$("$LUNETTE" list --json | jq -r '.points[].id')" "$second"
reset
: >repo/config
fails 'a damaged config is said to be so' 1 'config is damaged' "$LUNETTE" check
sed s/lunette-repository/lunette-repositorz/ whole/config >repo/config
fails 'also where it could be something else' 1 'config is not that of a repository, or damaged; put it back' "$LUNETTE" check
"$LUNETTE" init spare >/dev/null && cp -f spare/config repo/config
ok 'that of a new repository is as good' whole

# ---- bits flipped anywhere ---------------------------------------------------------------------

reset
(umask 077 && echo 'a password' >password)
"$LUNETTE" restore "$second" --disk disk0 second.img >/dev/null
export LUNETTE_PASSWORD_FILE=$TAP_DIR/password
ok 'an encrypted repository' "$LUNETTE" init --encrypt sealed
"$TAP_TOP/tests/support/cheap-key" sealed password || exit
"$LUNETTE" backup --repo sealed --name other disk.img >/dev/null || exit
sealed=$("$LUNETTE" backup --repo sealed --name server --json disk.img | jq -r .id)
for _ in 1 2 3 4 5; do # a lease that is left
	"$LUNETTE" backup --repo sealed --name killed --all-blocks disk.img >/dev/null 2>&1 &
	until [ -n "$(ls sealed/leases 2>/dev/null)" ] || ! kill -0 $! 2>/dev/null; do :; done
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
	[ -z "$(ls sealed/leases 2>/dev/null)" ] || break
done
is 'a killed backup leaves a lease, and no damage' "$("$LUNETTE" check --repo sealed --json | jq -c '[.whole, .leases]')" '[true,1]'
flip_seed 4
for repo in sealed repo; do
	point=$sealed
	[ $repo = sealed ] || { unset LUNETTE_PASSWORD_FILE && point=$second; }
	for kind in $(flip_kinds $repo); do
		flip_bit $repo "$kind"
		is "$repo: $FLIP_WHERE ($kind)" "$(flip_verdict $repo "$point" second.img "")" ''
		flip_undo $repo
	done
	for how in cut empty remove swap; do
		flip_mutilate $repo $how || continue
		is "$repo: $FLIP_WHERE" "$(flip_verdict $repo "$point" second.img mnt)" ''
		flip_undo $repo
	done
	ok "$repo is whole again" "$LUNETTE" check --repo $repo --read-data
done
