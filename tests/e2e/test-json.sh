#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What lunette-json(5) promises: the keys of every document, no fewer and no more. Those of jobs are
# looked at where there is a job, in test-job.sh.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/json-keys.sh"
. "$TAP_TOP/tests/support/disks.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup

export LUNETTE_REPO=$TAP_DIR/repo
doc() { # doc NAME ARGUMENTS...: NAME.json is what is printed, whatever the status
	"$LUNETTE" "${@:2}" --json >"$1.json" 2>>errors || :
}

mkdir ntfs md
disks_ntfs a.img 32 data && disks_mount a.img ntfs && disks_random file 6000000 >ntfs/large &&
	disks_random page 900000 >ntfs/pagefile.sys && disks_umount ntfs && disks_gpt disk.img 512 basic:a.img &&
	"$LUNETTE" init repo >/dev/null && "$LUNETTE" init other >/dev/null || exit
zstd -dcq "$TAP_TOP/tests/data/md.tar.zst" | tar xf - -C md

doc probe-disk probe disk.img
doc probe-array probe md/raid5-090/m[1-9].img
json_frozen 'lunette probe' probe-*.json

doc backup-first backup --name server disk.img
first=$(jq -r .id backup-first.json)
echo "{\"format\":\"lunette-changed\",\"version\":1,\"parent\":\"$first\",\"disks\":[\"disk0\"]}"$'\n{"end":0}' >changed
doc backup-second backup --name server --changed changed --parent "$first" --verify-changed 50 disk.img
json_frozen 'lunette backup' backup-*.json
doc list list
doc list-old list --max-age 26h server none
json_frozen 'lunette list' list.json list-old.json
is 'lunette list: and those of what is too old' "$(jq -c '[.too_old[] | keys[]] | sort' list-old.json)" '["age","id","name","time","why"]'
doc show show "$first"
is 'lunette show: the keys of lunette-json(5) are there' "$(LC_ALL=C comm -13 <(json_keys show.json) <(json_listed 'lunette show' always))" ''
doc restore restore "$first" --disk disk0 out.img
json_frozen 'lunette restore' restore.json
"$LUNETTE" restore --progress=json "$first" --disk disk0 again.img 2>progress.json >/dev/null
json_frozen Progress progress.json
doc copy copy --to other
json_frozen 'lunette copy' copy.json
doc forget forget --dry-run --keep-last 1
json_frozen 'lunette forget' forget.json
doc prune prune --dry-run
json_frozen 'lunette prune' prune.json

doc init init third
json_frozen 'lunette init' init.json
doc pin pin "$first"
json_frozen 'lunette pin' pin.json
doc failure list --repo none
json_frozen Failures failure.json

doc check-whole check
pack=$(find repo/packs -type f -printf '%s %p\n' | sort -n | tail -1 | cut -d' ' -f2)
chmod u+w "$pack" && printf 'damage' | dd of="$pack" bs=1 seek=$(($(stat -c %s "$pack") / 2)) conv=notrunc status=none
doc check-damaged check --read-data
doc check-part check --read-data=1/2
json_frozen 'lunette check' check-*.json
doc repair-dry repair --dry-run --read-data
doc repair-done repair --yes --read-data
json_frozen 'lunette repair' repair-*.json
is 'lunette repair: and all those that are there if it was done' \
	"$(LC_ALL=C comm -13 <(json_keys repair-*.json) <(json_listed 'lunette repair') | paste -sd' ')" ''

echo secret >password && chmod 600 password
"$LUNETTE" init --encrypt --password-file password locked >/dev/null
doc keys key list --repo locked --password-file password
json_frozen 'lunette key list' keys.json
echo other >new && chmod 600 new
doc key-add key add --repo locked --password-file password --new-password-file new
json_frozen 'lunette key add' key-add.json
