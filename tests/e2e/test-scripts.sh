#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What scripts rely on: a status for each kind of failure, and with --json one document on standard
# output, whether it went well or not.
. "$(dirname "$0")/../support/tap.sh"
tap_begin
export LUNETTE_REPO=$TAP_DIR/repo

truncate -s 1M disk.img && printf x | dd of=disk.img bs=1 seek=4096 conv=notrunc status=none
echo right >pw && echo wrong >bad && chmod 600 pw bad
{
	"$LUNETTE" init repo && "$LUNETTE" init --encrypt --password-file pw sealed &&
		"$LUNETTE" backup --name web --all-blocks disk.img
} >log 2>&1 || { cat log >&2 && exit 1; }

# ---- failures --------------------------------------------------------------------------------

# The command without and with --json: the sentence is on standard error both times.
failure() { # WHAT STATUS CODE PHRASE COMMAND...
	local rc=0
	fails "$1" "$2" "lunette: .*$4" "$LUNETTE" "${@:5}"
	"$LUNETTE" "${@:5}" --json >out.json 2>err </dev/null || rc=$?
	is "$1, as JSON" "$rc $(jq -r '.error | .code + " " + (.message | test($p) | tostring)' --arg p "$4" out.json) $(grep -cE "^lunette: .*$4" err)" \
		"$2 $3 true 1"
}
failure 'no such repository' 10 not_found 'No such file' list --repo none
failure 'a file is no repository' 10 not_found 'Not a directory' list --repo disk.img
failure 'nor is any folder' 10 not_found 'not a repository' list --repo /
failure 'nor is it one to copy to' 10 not_found 'No such file' copy --to none
failure 'no such name' 10 not_found 'no restore point' list nobody
for command in show pin unpin forget copy; do
	more=()
	[ $command != copy ] || { more=(--to twin) && "$LUNETTE" init twin >log; }
	failure "no such restore point: $command" 10 not_found 'no restore point' $command "${more[@]}" web@1999-01-01T00:00:00Z
done
failure 'no such restore point: restore' 10 not_found 'no restore point' restore --disk disk0 nobody@latest out.img
failure 'nobody to keep' 10 not_found 'no restore points called' forget --keep-last 1 nobody
failure 'a volume that a restore point lacks is another matter' 1 failed "no volume 'C'" restore --volume C web@latest out.img
mkdir mnt
failure 'no such restore point: mount' 10 not_found 'no restore point' mount nobody@latest mnt
failure 'a wrong password' 11 wrong_password 'password is wrong' list --repo sealed --password-file bad
failure 'a password that is wrong for init is not there' 1 failed 'No such file' list --repo sealed --password-file nowhere
failure 'wrong usage' 2 usage 'no such option' list --nothing
failure 'wrong usage: too much' 2 usage 'too much' show web db
failure 'wrong usage: what is no command' 2 usage 'there is no command' lost
failure 'wrong usage: what is no verb' 2 usage 'One of list' key lose
failure 'what fails in other ways' 1 failed 'No such file' probe none.img
failure 'a name that is no UTF-8' 1 failed 'No such file' probe $'\xff.img'

# Two at once: of another process here, which lives.
sleep 600 &
sleeper=$!
tap_at_exit kill $sleeper
jq -n --arg boot "$(cat /proc/sys/kernel/random/boot_id) $(readlink /proc/self/ns/pid)" --argjson pid $sleeper \
	'{format: "lunette-lease", version: 1, features: [], lease: "00", purpose: "prune", exclusive: true, host: "proxy7", boot: $boot,
	pid: $pid, begun: 0, since: "2026-11-22T17:00:00Z", expires: "2099-01-01T00:00:00Z", marks: []}' >lease.json
mkdir -p repo/leases && cp lease.json "repo/leases/$(sha256sum <lease.json | cut -d' ' -f1)"
failure 'a prune runs' 12 busy 'on proxy7' prune
kill $sleeper && wait $sleeper 2>/dev/null
ok 'and when it has ended, the next one goes' "$LUNETTE" prune

# Who fails with a report has the reason in it.
truncate -s 1M blank.img
failure 'nothing is recognised' 1 failed 'nothing was recognised' probe blank.img
is 'and the disk is told of' "$("$LUNETTE" probe --json blank.img 2>err | jq -c '.disks[0].size')" 1048576

# So does a check, and a repair that can do nothing.
cp -r repo torn && pack=$(find torn/packs -type f | head -1)
chmod u+w "$pack" && printf damage | dd of="$pack" bs=1 seek=40 conv=notrunc status=none
failure 'damage' 1 failed 'the repository is damaged: [1-9][0-9]* problems?, 1 restore point is hurt' check --repo torn --read-data
is 'and the report is there' "$("$LUNETTE" check --repo torn --read-data --json 2>err | jq -c '[.whole, .hurt_count, (.problems | length > 0)]')" '[false,1,true]'

# ---- documents of those that do something ----------------------------------------------------

json() { # FILTER COMMAND...: what it selects of the document
	"$LUNETTE" "${@:2}" --json 2>err </dev/null | jq -c "$1"
}
is 'init' "$(json '[.repository, .id, .chunk_size, .level, .encrypted]' init --chunk-size 64K --level 3 new)" \
	"[\"new\",\"$(jq -r .id new/config)\",65536,3,false]"
is 'init --encrypt' "$(json .encrypted init --encrypt --password-file pw shut)" true
is 'pin' "$(json '[.points[] | .name, .pinned]' pin web@latest web@latest)" '["web",true,"web",true]'
is 'and it is' "$(json '.points[].pinned' list)" true
is 'unpin' "$(json '[.points[] | .name, .pinned]' unpin web@latest)" '["web",false]'
is 'repair of what is whole' "$(json '[.whole, .damaged.packs]' repair --yes)" '[true,[]]'
fails 'repair asks nobody then' 2 'needs --yes' "$LUNETTE" repair --json
cp -r repo hurt && rm hurt/index/*/* hurt/index/* 2>/dev/null
is 'repair: what it would do' "$(json '[.whole, .dry_run, .reindex, has("indexed")]' repair --repo hurt --dry-run)" '[false,true,true,false]'
is 'repair: what it did' "$(json '[.whole, .dry_run, .indexed > 0, .lost, .problems]' repair --repo hurt --yes)" '[true,false,true,0,[]]'
if [ -w /dev/fuse ]; then
	tap_at_exit umount --lazy mnt
	is 'mount' "$(json .dir mount web@latest mnt)" "\"$TAP_DIR/mnt\""
	fails 'umount of what is in use' 12 "in use.*: fuser -vm '.*/mnt' shows which" bash -c "cd mnt && '$LUNETTE' umount ../mnt"
	is 'umount' "$(json .dir umount mnt)" '"mnt"'
else
	tap_skip 'mount and umount' 'there is no FUSE here'
fi

# ---- --quiet ---------------------------------------------------------------------------------

quiet() { # WHAT COMMAND...: it goes well, and says nothing; the rest is done by others of these
	local rc=0
	"$LUNETTE" "${@:2}" >out 2>&1 || rc=$?
	is "quiet: $1" "$rc $(cat out)" '0 '
}
"$LUNETTE" init other >log
echo another >pw2 && chmod 600 pw2
quiet init init -q silent
quiet backup backup -q --name web --all-blocks disk.img
quiet restore restore -q --disk disk0 web@latest copy.img
quiet copy copy -q --to other
quiet pin pin -q web@latest
quiet unpin unpin -q web@latest
quiet forget forget -q --keep-last 1
quiet prune prune -q
quiet check check -q --read-data
quiet 'key add' key add -q --repo sealed --password-file pw --new-password-file pw2
rm repo/index/*
quiet repair repair -q --yes
is 'but a report that is asked for' "$("$LUNETTE" backup -q --json --name web --all-blocks disk.img | jq -r .name)" web
is 'a dry run is there to be read' "$("$LUNETTE" forget -q --dry-run --keep-last 1 | grep -c kept)" 1
pack=$(find repo/packs -type f | head -1)
chmod u+w "$pack" && printf damage | dd of="$pack" bs=1 seek=40 conv=notrunc status=none
fails 'and damage is told' 1 'the repository is damaged' "$LUNETTE" check -q --read-data
