#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The format's page is enough to write another reader: one in Python, which shares no code with
# lunette, restores the same disks.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup

reader=$TAP_TOP/tests/support/reader.py
disks_ntfs a.img 96 A && disks_fill a.img 60 8 && disks_gpt disk.img 512 basic:a.img || exit
disks_random odd $(((3 << 20) + 512 * 7)) >odd.img || exit # its last chunk is a short one

echo 'correct horse' >pw && chmod 600 pw || exit

for kind in 64K 256K 4M encrypted; do
	export LUNETTE_REPO=$TAP_DIR/repo-$kind
	init=(--chunk-size "$kind") password=()
	[ "$kind" != encrypted ] || { init=(--encrypt) password=(pw) && export LUNETTE_PASSWORD_FILE=$TAP_DIR/pw; }
	"$LUNETTE" init "${init[@]}" "$LUNETTE_REPO" >/dev/null &&
		"$LUNETTE" backup --name server --all-blocks odd.img disk.img >/dev/null &&
		"$LUNETTE" backup --name server disk.img >/dev/null || exit
	first=$("$LUNETTE" list --json | jq -r '.points[0].id')
	ok "$kind: the first restore point" "$reader" "$LUNETTE_REPO" "${first:0:16}" disk0 out.img "${password[@]}"
	ok "$kind: is the disk that was backed up" cmp odd.img out.img
	[ "$kind" != encrypted ] || "$TAP_TOP/tests/support/cheap-key" "$LUNETTE_REPO" pw || exit
	ok "$kind: its second disk" "$reader" "$LUNETTE_REPO" "$first" disk1 out.img "${password[@]}"
	ok "$kind: too" cmp disk.img out.img
	ok "$kind: the latest restore point" "$reader" "$LUNETTE_REPO" server@latest disk0 out.img "${password[@]}"
	"$LUNETTE" restore server@latest --disk disk0 ours.img >/dev/null || exit
	ok "$kind: is what lunette restores" cmp ours.img out.img
	rm -f out.img ours.img
done
fails 'a restore point that is not there' 1 'no restore point' "$reader" "$LUNETTE_REPO" nobody@latest disk0 out.img "${password[@]}"
echo 'another' >wrong
fails 'another password' 1 'not the password' "$reader" "$LUNETTE_REPO" server@latest disk0 out.img wrong
