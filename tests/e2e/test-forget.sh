#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# forget, pin and unpin, on real restore points: what goes, what stays, and why.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
. "$(dirname "$0")/../support/points.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup
export LUNETTE_REPO=$TAP_DIR/repo

disks_ntfs a.img 32 A && disks_gpt disk.img 512 basic:a.img && "$LUNETTE" init repo >/dev/null || exit
ids() { # of NAME, oldest first
	"$LUNETTE" list --json "$@" | jq -r '.points[].id'
}
time_of() { # ID
	"$LUNETTE" list --json | jq -r --arg id "$1" '.points[] | select(.id == $id).time'
}
backup() {
	"$LUNETTE" backup --name "$1" disk.img >/dev/null
}
for n in 1 2 3 4 5; do
	backup web || exit
done
for n in 1 2; do
	backup mail || exit
done
mapfile -t web < <(ids web)
mapfile -t mail < <(ids mail)

fails 'without a word of what to forget' 2 'forget what' "$LUNETTE" forget
fails 'a number is needed' 2 'keep-daily .many.' "$LUNETTE" forget --keep-daily many
fails 'a span is needed' 2 'keep-within .7.' "$LUNETTE" forget --keep-within 7
fails 'a policy that keeps nothing' 2 'these rules keep nothing' "$LUNETTE" forget --keep-last 0
fails 'and does not make a POINT of a name' 2 'these rules keep nothing' "$LUNETTE" forget --keep-daily 0 "mail@$(time_of "${mail[0]}")"
fails 'a name that is not there' 10 "called 'nobody'" "$LUNETTE" forget --keep-last 1 nobody
is 'nothing has gone by that' "$(ids | wc -l)" 7

"$LUNETTE" forget --keep-last 2 --dry-run --json >dry.json
is 'a dry run says what would go' "$(jq -r '.points[] | select(.keep | not).id' dry.json | sort)" \
	"$(printf '%s\n' "${web[@]:0:3}" | sort)"
is 'and why the rest stays' "$(jq -r '.points[] | select(.name == "mail").reason' dry.json)" $'last 2 of 2\nlast 1 of 2'
is 'and that next to nothing is free then, where all are of one disk' "$(jq '.frees < 100000' dry.json)" true
is 'but all is still there' "$(ids | wc -l)" 7

ok 'pin one' "$LUNETTE" pin "${web[0]:0:12}"
ok 'pin it again' "$LUNETTE" pin "${web[0]}"
is 'list says so' "$("$LUNETTE" list --json web | jq -c '[.points[].pinned]')" '[true,false,false,false,false]'
fails 'a pinned one is not forgotten by name' 1 'pinned' "$LUNETTE" forget "${web[1]}" "${web[0]}"
is 'nor are those named with it' "$(ids web | wc -l)" 5
fails 'one that is not there' 10 'no restore point' "$LUNETTE" pin nothing@latest
fails 'nor any other beside it' 10 'nothing is unpinned: there is no restore point' "$LUNETTE" unpin "${web[0]}" nothing@latest
is 'which stays as it is' "$("$LUNETTE" list --json web | jq -c '[.points[].pinned]')" '[true,false,false,false,false]'

ok 'forget by policy' "$LUNETTE" forget --keep-last 1 --keep-daily 3 web
is 'the newest and the pinned one stay' "$(ids web)" "${web[0]}"$'\n'"${web[4]}"
is 'other names are left alone' "$(ids mail)" "$(printf '%s\n' "${mail[@]}")"
for vague in mail mail@latest "mail@$(time_of "${mail[1]}" | cut -c1-10)"; do
	fails "what is meant by $vague may change" 2 'by its whole time or its id; the one of now is mail@' "$LUNETTE" forget "$vague"
done
fails 'one of them is not there' 10 'nothing is forgotten: there is no restore point .nosuch' "$LUNETTE" forget "${mail[1]}" nosuch
is 'and nothing is said to go' "$(grep -c "^forget" .out)" 0
is 'nor has any gone' "$(ids mail | wc -l)" 2
ok 'by id, twice' "$LUNETTE" forget "${mail[1]:0:8}" "${mail[1]}"
is 'it is said which, and once' "$(grep -c '^forget .*mail@.*named' .out) $(tail -1 .out | grep -c ' 1 forgotten')" '1 1'
is 'the one that was meant' "$(ids mail)" "${mail[0]}"
ok 'unpin' "$LUNETTE" unpin "${web[0]}"
ok 'unpin again' "$LUNETTE" unpin "${web[0]}"
ok 'then a policy may have it' "$LUNETTE" forget --keep-last 1
is 'one of each name is left' "$(ids)" "$(printf '%s\n' "${web[4]}" "${mail[0]}")"
ok 'what is left can be read' "$LUNETTE" restore web@latest --disk disk0 out.img
ok 'and is whole' cmp <(ntfsclone --save-image --output - a.img 2>/dev/null) \
	<(dd if=out.img bs=1M skip=$(($(disks_offset out.img 1) >> 20)) count=32 status=none >b.img && ntfsclone --save-image --output - b.img 2>/dev/null)

chmod u+w "repo/points/${mail[0]}" && echo damage >"repo/points/${mail[0]}"
fails 'one that cannot be read stays, and is told of' 3 'damaged' "$LUNETTE" forget --keep-last 1
is 'it is still there' "$(ls repo/points/"${mail[0]}")" "repo/points/${mail[0]}"
fails 'how much room the others would free is not known then' 3 'how much room that frees is not known: restore point' "$LUNETTE" forget --dry-run "${web[4]}"
is 'in JSON, too' "$("$LUNETTE" forget --dry-run --json "${web[4]}" 2>/dev/null | jq -c '[.forgotten, has("frees"), .frees]')" '[1,true,null]'

# ---- clocks ------------------------------------------------------------------------------------

"$LUNETTE" init clocks >/dev/null && export LUNETTE_REPO=$TAP_DIR/clocks
backup srv && made=$(ids srv) || exit
for day in 01 02 03; do
	points_forge clocks "$made" ".time = \"2020-03-${day}T02:00:00Z\"" >>forged
done
mapfile -t past <forged
dummy=$(points_forge clocks "$made" '.time = "2099-01-01T00:00:00Z"')
never=$(points_forge clocks "$made" '.time = "2020-03-04T99:99:99Z"')
for rule in last hourly daily weekly monthly yearly; do
	fails "keep-$rule: one of the future uses nothing up, and is told of" 3 ".2. of the future.*srv@2099-01-01T00:00:00Z, id ${dummy:0:12}" \
		"$LUNETTE" forget --dry-run "--keep-$rule" 1
	is "keep-$rule: the newest one stays, and so do these" "$(sed -n 's/^keep  *\([0-9a-f]*\) .*/\1/p' .out | sort)" \
		"$(printf '%.12s\n' "$made" "$dummy" "$never" | sort)"
done
fails 'within counts from the newest that is not of the future' 3 'of the future' "$LUNETTE" forget --dry-run --json --keep-within 7d
is 'and over the gap before it' "$(sed '/^lunette:/d' .out | jq -r '.points[] | select(.reason == "within").id' | sort)" \
	"$(printf '%s\n' "$made" "${past[@]}" | sort)"
fails 'it is not taken for the latest, and there is a word of it' 3 "${dummy:0:12} is of the future.* not taken for 'srv'" "$LUNETTE" show srv
is 'but the one before' "$(sed -n 's/^  id  *//p' .out)" "$made"
ok 'it is forgotten by its id' "$LUNETTE" forget "$dummy" "$never"

# ---- what they hold ----------------------------------------------------------------------------

"$LUNETTE" init parts >/dev/null && export LUNETTE_REPO=$TAP_DIR/parts
disks_gpt two.img 512 basic:a.img basic:a.img && "$LUNETTE" backup --name srv two.img >/dev/null || exit
"$LUNETTE" backup --name srv --volume disk0-p2 two.img >/dev/null || exit
mapfile -t srv < <(ids)
ok 'a part' "$LUNETTE" forget --keep-last 1
is 'does not take the place of the whole' "$(ids)" "$(printf '%s\n' "${srv[@]}")"
other=$(points_forge parts "${srv[0]}" '.layout.disks[0].id = "another" | .time = "2020-03-01T00:00:00Z"')
ok 'another disk' "$LUNETTE" forget --keep-last 1
is 'is not judged with this one' "$(ids)" "$(printf '%s\n' "$other" "${srv[@]}")"
"$LUNETTE" backup --name srv two.img >/dev/null || exit
ok 'the whole' "$LUNETTE" forget --keep-last 1
is 'takes the place of the part' "$(ids | grep -c -e "${srv[0]}" -e "${srv[1]}") $(ids | wc -l)" '0 2'

# ---- what is damaged ---------------------------------------------------------------------------

"$LUNETTE" init hurt >/dev/null && export LUNETTE_REPO=$TAP_DIR/hurt
for n in 1 2; do
	backup srv || exit
done
mapfile -t srv < <(ids)
points_hurt hurt "${srv[1]}"
fails 'one that a check has found damaged' 0 "${srv[1]:0:12} .*a check has found damage" "$LUNETTE" forget --keep-last 1
is 'does not take the place of a whole one' "$(ids)" "$(printf '%s\n' "${srv[@]}")"
backup srv || exit
ok 'a whole one' "$LUNETTE" forget --keep-last 1
is 'takes that of both' "$(ids | wc -l) $(ids | grep -c -e "${srv[0]}" -e "${srv[1]}")" '1 0'
