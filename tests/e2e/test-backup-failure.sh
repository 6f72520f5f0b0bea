#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Backups and restores that are killed, stopped, or run side by side: a repository never shows a
# restore point that is not whole, and the next backup is as good as any.
# shellcheck disable=SC2016 # $0 is for the shell that is started
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
. "$(dirname "$0")/../support/compare.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup
export LUNETTE_REPO=$TAP_DIR/repo

disks_ntfs a.img 192 A && disks_fill a.img 100 48 && disks_gpt one.img 512 basic:a.img &&
	disks_ntfs b.img 96 B && disks_fill b.img 50 16 && disks_gpt two.img 512 basic:b.img || exit
mkdir mnt ntfs
tap_at_exit umount --lazy mnt
points() {
	"$LUNETTE" list --json | jq '.points | length'
}
same() { # NAME VOLUME-IMAGE: every file of the backup is what ntfs-3g reads
	local rc=0
	"$LUNETTE" mount --repo repo "$1@latest" mnt || return
	disks_mount "$2" "$TAP_DIR/ntfs" ro
	compare_trees ntfs mnt/volumes/disk0-p1/files || rc=1
	disks_umount "$TAP_DIR/ntfs"
	"$LUNETTE" umount mnt && return $rc
}
files() {
	find repo -type f | wc -l
}
# A restore point of one that had ended before the signal came, on a slow machine.
forget_new() {
	local id
	for id in $("$LUNETTE" list --json new | jq -r '.points[].id'); do
		rm -f "repo/points/$id"
	done
}
# ended SIGNAL COMMAND...: sends it at a random moment; the status in $status. What had ended before
# that moment, or had hardly begun, is done once more.
ended() {
	local pid
	while :; do
		rm -f out.img
		[[ $* != *" backup "* ]] || forget_new
		"${@:2}" >ended.log 2>&1 &
		pid=$!
		sleep "0.$((RANDOM % 8))$((RANDOM % 10))"
		kill "-$1" "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
		status=$?
		[[ $1:$status =~ ^KILL:137|^[^K].*:1$ ]] && return
	done
}

# At this rate it takes longer than the signals do, and a pack or two are written before some of them.
"$LUNETTE" init repo >/dev/null || exit
"$LUNETTE" backup --name old two.img >/dev/null || exit
slow=("$LUNETTE" backup --name new --limit 64M one.img)
for round in 1 2 3 4 5 6; do
	ended KILL "${slow[@]}"
	is "killed, round $round: no restore point" "$status $("$LUNETTE" list --json | jq -c '[.points[] | select(.name == "new")]')" '137 []'
done
ok 'the next backup works' "$LUNETTE" backup --name new one.img
ok 'every file of it is there' same new a.img
ok 'and every file of the old one' same old b.img

for signal in INT TERM; do
	rm -rf repo && "$LUNETTE" init repo >/dev/null
	ended $signal "${slow[@]}"
	is "SIG$signal: status and restore points" "$status $(points)" '1 0'
	ok 'it says so' grep -q 'interrupted: the backup is not finished, and there is no restore point' ended.log
done

rm -rf repo && "$LUNETTE" init repo >/dev/null
ok 'two backups at once' bash -c '"$0" backup --name new one.img & "$0" backup --name old two.img && wait $!' "$LUNETTE"
ok 'every file of the one is there' same new a.img
ok 'every file of the other is there' same old b.img
before=$(files)
ok 'a third one' "$LUNETTE" backup --name third --json one.img
is 'stores nothing' "$(jq '.stats.stored' .out)" 0
is 'and adds no file but its restore point' "$(files)" $((before + 1))

ended TERM "$LUNETTE" restore new@latest --disk disk0 out.img
is 'a restore that is stopped removes its file' "$status $(ls out.img 2>/dev/null)" '1 '
ok 'and says so' grep -q "not complete, and 'out.img' is removed again" ended.log

# Damage: an index is only a way to find things, but without it nothing is found.
cp -r repo sound
damaged() {
	rm -rf repo && cp -r sound repo
}
for index in repo/index/*; do disks_flip "$index" 200; done
fails 'a damaged index' 1 'index' "$LUNETTE" restore new@latest --disk disk0 bad.img
damaged && rm -f repo/index/*
fails 'no index at all' 1 'index' "$LUNETTE" restore new@latest --disk disk0 bad.img
damaged && for pack in repo/packs/*/*; do truncate -s 50% "$pack" 2>/dev/null || truncate -s 100000 "$pack"; done
fails 'packs cut short' 1 'pack' "$LUNETTE" restore new@latest --disk disk0 bad.img
damaged && mv repo/points/"$("$LUNETTE" list --json new | jq -r '.points[0].id')" repo/points/"$(printf 'a%.0s' {1..64})"
fails 'a restore point under a false name' 3 'damaged' "$LUNETTE" list
ok 'nothing was left by any of them' [ ! -e bad.img ]
ok 'the sound copy is still sound' bash -c 'rm -rf repo && mv sound repo && "$0" restore new@latest --disk disk0 good.img' "$LUNETTE"
