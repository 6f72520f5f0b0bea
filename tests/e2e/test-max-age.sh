#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A monitor asks whether the newest restore points are young enough: the status tells, a sentence tells
# of each name that is not well, and nothing counts that proves nothing.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/points.sh"
tap_begin
export LUNETTE_REPO=$TAP_DIR/repo

ago() { # MINUTES: jq that makes it the time of a restore point
	date -u -d "@$((EPOCHSECONDS - 60 * $1))" '+.time = "%FT%TZ"'
}
truncate -s 1M disk.img && printf x | dd of=disk.img bs=1 seek=4096 conv=notrunc status=none
"$LUNETTE" init repo >/dev/null
fails 'nothing at all is not young' 10 'there is no restore point$' "$LUNETTE" list --max-age 26h
point=$("$LUNETTE" backup --name web --all-blocks --json disk.img | jq -r .id) || exit
points_forge repo "$point" "$(ago 1620)" >/dev/null
old=$(points_forge repo "$point" ".name = \"db\" | $(ago 1620)") || exit

max_age() {
	"$LUNETTE" list --max-age "$@"
}
too_old() { # ARGUMENTS: status, and name, id, age in hours and sentence of each
	local rc=0
	max_age "$@" --json >.doc 2>.err || rc=$?
	echo "$rc $(jq -c '[.too_old[] | .name, .id, (.age | values / 3600 | floor)]' .doc)"
}

ok 'the newest counts' max_age 26h web
is 'and nothing is said' "$(max_age 26h web 2>&1 >/dev/null)" ''
is 'in JSON neither' "$(too_old 26h web) $(jq -c '[.error, (.points | length)]' .doc)" '0 [] [null,2]'
fails 'one that is older' 1 "^lunette: the newest restore point of 'db' is 27h old, more than 26h: that of " "$LUNETTE" list --max-age 26h db
is 'in JSON too' "$(too_old 26h db)" "1 [\"db\",\"$old\",27]"
is 'with the same sentence' "lunette: $(jq -r '.too_old[].why' .doc)" "$(cat .err)"
is 'which is what fails' "$(jq -r '.error.code + " " + .error.message' .doc)" "failed $(jq -r '.too_old[].why' .doc)"
ok 'hours are hours' max_age 28h db
ok 'minutes are minutes' max_age 1650m db
fails 'not months' 1 'more than 1610m' "$LUNETTE" list --max-age 1610m db
ok 'days are days' max_age 2d db
for wrong in 26 1.5h h -1h '' 1w; do
	fails "no time: '$wrong'" 2 'a time such as 26h' "$LUNETTE" list --max-age "$wrong"
done

is 'without a name, of every name' "$(too_old 26h)" "1 [\"db\",\"$old\",27]"
is 'with several, of these' "$(too_old 26h web db)" "1 [\"db\",\"$old\",27]"
is 'each once' "$(too_old 26h db db)" "1 [\"db\",\"$old\",27]"
is 'one that has none' "$(too_old 26h web none)" '10 ["none",null]'
is 'that beside one that is old' "$(too_old 26h none db) $(grep -c '^lunette: ' .err)" "10 [\"none\",null,\"db\",\"$old\",27] 3"
is 'and the last sentence sums it up' "$(tail -1 .err)" 'lunette: 2 of 2 names have no restore point that is young enough'

# ---- what proves nothing ---------------------------------------------------------------------

points_forge repo "$point" '.name = "db" | .time = "2099-01-01T00:00:00Z"' >/dev/null
fails 'one of the future' 1 "27h old.*; 1 of the future does not count" "$LUNETTE" list --max-age 26h db
is 'is not the one that is told of' "$(too_old 26h db)" "1 [\"db\",\"$old\",27]"
points_forge repo "$point" '.name = "ahead" | .time = "2099-01-01T00:00:00Z"' >/dev/null
is 'nor does it count where it is alone' "$(too_old 26h ahead) $(jq -r '.too_old[].why' .doc)" \
	"1 [\"ahead\",null] there is no restore point called 'ahead' that counts: 1 of the future does not count"
points_forge repo "$point" ".name = \"slack\" | $(ago -30)" >/dev/null
ok 'a clock that is half an hour ahead is none' max_age 26h slack
young=$(points_forge repo "$point" ".name = \"db\" | $(ago 180)") && points_hurt repo "$young"
fails 'one that a check found damaged' 1 "27h old.*; 1 of the future and 1 that is damaged do not count" "$LUNETTE" list --max-age 26h db
points_forge repo "$point" ".name = \"db\" | .consistency = \"crash\" | $(ago 120)" >/dev/null
ok 'one that is as after a crash counts' max_age 26h db
is 'and those before it are no matter' "$(too_old 1h db) $(grep -c 'damaged' .err)" "1 $(jq -c '[.too_old[] | .name, .id, 2]' .doc) 0"

# ---- several names without --max-age ---------------------------------------------------------

is 'list takes several names' "$("$LUNETTE" list --json web slack | jq -c '[.points[].name] | unique')" '["slack","web"]'
fails 'one of which is none' 10 "there is no restore point called 'none', 'nil';" "$LUNETTE" list web none nil
is 'and the others are listed' "$("$LUNETTE" list --json web none 2>/dev/null | jq -c '[.error.code, (.points | length)]')" '["not_found",2]'

# ---- one that cannot be read ------------------------------------------------------------------

echo damage >damage && install -m 0400 damage "repo/points/$(printf 'a%.0s' {1..64})"
fails 'beside one that is young, it is a warning' 3 'warning: ' "$LUNETTE" list --max-age 26h web
fails 'it may be that of a name that has none' 1 "no restore point called 'none'" "$LUNETTE" list --max-age 26h none
