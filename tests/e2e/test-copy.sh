#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# copy: restore points in other repositories, with other chunk sizes, and what does not travel.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup
export LUNETTE_REPO=$TAP_DIR/repo

disks_ntfs a.img 96 A && disks_fill a.img 60 8 && disks_gpt disk.img 512 basic:a.img && "$LUNETTE" init repo >/dev/null || exit
list() { # REPO: name and time of each restore point
	"$LUNETTE" list --repo "$1" --json | jq -r '.points[] | .name + "@" + .time'
}
ids_of() { # NAME
	"$LUNETTE" list --json "$1" | jq -r '.points[].id'
}
same_disks() { # REPO REPO POINT
	"$LUNETTE" restore --repo "$1" "$3" --disk disk0 x.img && "$LUNETTE" restore --repo "$2" "$3" --disk disk0 y.img &&
		cmp x.img y.img
	local rc=$?
	rm -f x.img y.img
	return $rc
}
"$LUNETTE" backup --name server disk.img >/dev/null || exit
sleep 1.1 # times have seconds, and points are compared by them
disks_mount a.img "$TAP_DIR/mnt" && seq 20000 >mnt/added && disks_umount "$TAP_DIR/mnt" && disks_gpt disk.img 512 basic:a.img || exit
"$LUNETTE" backup --name server disk.img >/dev/null || exit
"$LUNETTE" backup --name other disk.img >/dev/null || exit

fails 'where to must be said' 2 'to REPO is needed' "$LUNETTE" copy
fails 'a repository is not copied into itself' 1 'the same repository' "$LUNETTE" copy --to repo
fails 'there must be one' 10 'nowhere' "$LUNETTE" copy --to nowhere
for size in 256K 64K 1M; do
	"$LUNETTE" init --chunk-size "$size" "to-$size" >/dev/null || exit
	fails "chunks of $size: what is not there" 10 'no restore point' "$LUNETTE" copy --to "to-$size" nobody
	ok "chunks of $size: copy a name" "$LUNETTE" copy --to "to-$size" --json server
	cp .out first.json
	is "chunks of $size: both restore points are there" "$(list "to-$size")" "$(list repo | grep ^server)"
	is "chunks of $size: of the second one little was read" \
		"$(jq '.read < .new + .known * 0.7 and .new > 0' first.json)" true
	ok "chunks of $size: the oldest disk is the same" same_disks repo "to-$size" "$(list repo | head -1)"
	ok "chunks of $size: the newest disk is the same" same_disks repo "to-$size" server@latest
	ok "chunks of $size: copy all" "$LUNETTE" copy --to "to-$size" --json
	cp .out all.json
	is "chunks of $size: what was there is not copied again" "$(jq -c '[.present, (.points | length)]' all.json)" '[2,1]'
	is "chunks of $size: the same data under another name is not stored again" "$(jq .new all.json)" 0
	is "chunks of $size: all are there" "$(list "to-$size" | sort)" "$(list repo | sort)"
	ok "chunks of $size: once more" "$LUNETTE" copy --to "to-$size" --json
	is "chunks of $size: nothing is left to do" "$(jq -c '[.present, (.points | length), .read, .stored]' .out)" '[3,0,0,0]'
	ok "chunks of $size: back again" "$LUNETTE" copy --repo "to-$size" --to repo --json
	is "chunks of $size: nothing comes back" "$(jq -c '[.present, (.points | length)]' .out)" '[3,0]'
done
ok 'a copy is copied on' "$LUNETTE" copy --repo to-64K --to to-1M --json
is 'and known by its origin' "$(jq -c '[.present, (.points | length)]' .out)" '[3,0]'
"$LUNETTE" init --chunk-size 4M large >/dev/null && "$LUNETTE" init --chunk-size 64K small >/dev/null || exit
ok 'from small chunks to the largest' "$LUNETTE" copy --to large other
ok 'and on to the smallest' "$LUNETTE" copy --repo large --to small
ok 'the disk is the same' same_disks repo small other@latest
# A server's name may look like the beginning of an id, which is then that of another one.
"$LUNETTE" backup --name "$(ids_of other | cut -c1-9)" disk.img >/dev/null || exit
fails 'a name that is the beginning of an id' 1 'is a name, and the beginning of the id' "$LUNETTE" copy --to small "$(ids_of other | cut -c1-9)"
"$LUNETTE" init choice >/dev/null && ok 'is told by more of it' "$LUNETTE" copy --to choice "$(ids_of other | cut -c1-10)"
is 'and that one is copied' "$(list choice)" "$(list repo | grep ^other)"
ok 'one restore point' "$LUNETTE" init one
ok 'by its POINT' "$LUNETTE" copy --to one other@latest
is 'that one only' "$(list one)" "$(list repo | grep ^other)"
is 'ids that agree are not read where they are known' "$("$LUNETTE" copy --to one --json server | jq '.known > 10 * .read')" true
ok 'the copied one is the parent of none, and can be backed up on' "$LUNETTE" backup --repo one --name other disk.img

echo 'one secret' >one.pw && echo 'another secret' >two.pw && chmod 600 one.pw two.pw || exit
"$LUNETTE" init --encrypt --password-file one.pw sealed >/dev/null && "$LUNETTE" init --encrypt --password-file two.pw sealed2 >/dev/null || exit
"$TAP_TOP/tests/support/cheap-key" sealed one.pw && "$TAP_TOP/tests/support/cheap-key" sealed2 two.pw || exit
ok 'into an encrypted repository' "$LUNETTE" copy --to sealed --to-password-file one.pw server
ok 'from there into another one' "$LUNETTE" copy --repo sealed --password-file one.pw --to sealed2 --to-password-file two.pw --json
is 'of the second restore point little was read' "$(jq '.read < 1.6 * .new and .new > 0' .out)" true
LUNETTE_PASSWORD_FILE=two.pw "$LUNETTE" restore --repo sealed2 server@latest --disk disk0 x.img >/dev/null
"$LUNETTE" restore server@latest --disk disk0 y.img >/dev/null
ok 'it is the same disk' cmp x.img y.img
fails 'the password of the first is not that of the other' 11 'password' \
	"$LUNETTE" copy --repo sealed --password-file one.pw --to sealed2 --to-password-file one.pw
ok 'and from an encrypted one into a plain one: the environment speaks of the first' \
	env LUNETTE_PASSWORD_FILE=two.pw "$LUNETTE" copy --repo sealed2 --to one
is 'which has them all now' "$(list one | grep ^server)" "$(list repo | grep ^server)"

while read -r pack; do
	chmod u+w "$pack" && printf 'damage' | dd of="$pack" bs=1 seek=5000 conv=notrunc status=none
done < <(find repo/packs -type f)
"$LUNETTE" init whole >/dev/null || exit
fails 'a damaged chunk is not copied' 1 'packs/.*put that file back' "$LUNETTE" copy --to whole server
is 'and no restore point speaks of it' "$(list whole)" ''
