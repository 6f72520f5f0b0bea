#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Whatever is wrong with a disk, a target, a repository or a command line: a sentence that says what
# and where, the right exit status, no hang, and no restore point that is not one. What probe finds
# on damaged tables is in test-probe.sh; here is what the other commands make of it.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
. "$(dirname "$0")/../support/tgt.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup
tap_at_exit tgt_stop
export LUNETTE_REPO=$TAP_DIR/repo LUNETTE_CHAP_SECRET=0123456789abcdef

disks_ntfs volume.img 64 Data && disks_fill volume.img 20 4 &&
	disks_gpt gpt.img 512 efi:8 basic:volume.img basic:4 && disks_mbr mbr.img 512 ntfs:8 logical-ntfs:volume.img logical-fat:4 ||
	exit
"$LUNETTE" init repo >/dev/null || exit
broken() { # HOW DISK [ARGUMENT]: bad.img is the disk with that damage
	cp --sparse=always "$2" bad.img && disks_damage "$1" bad.img "${@:3}"
}
backup=("$LUNETTE" backup --name x)

# Targets.
mkdir tgt dir
{
	tgt_start "$TAP_DIR/tgt" && tgt_target 1 iqn.2026-11.test:a && tgt_account u "$LUNETTE_CHAP_SECRET" &&
		tgt_chap 1 u && tgt_lun 1 1 gpt.img
} >tgt.log 2>&1 || { cat tgt.log >&2 && exit 1; }
at=127.0.0.1:$TGT_PORT/iqn.2026-11.test
fails 'no such target' 1 'there is no such target' "${backup[@]}" "iscsi://u@$at:none/1"
fails 'no such LUN' 1 'has no LUN 7' "${backup[@]}" "iscsi://u@$at:a/7"
fails 'no CHAP user' 1 'wants CHAP' "${backup[@]}" "iscsi://$at:a/1"
LUNETTE_CHAP_SECRET=wrongwrongwrong \
	fails 'a wrong CHAP secret' 1 'refused the CHAP user or secret' "${backup[@]}" "iscsi://u@$at:a/1"
fails 'nobody listens' 1 'nothing listens on 127.0.0.1:1' "${backup[@]}" iscsi://127.0.0.1:1/iqn.2026-11.test:a/1
fails 'a secret on the command line' 1 'secret does not belong' "$LUNETTE" probe "iscsi://u:pw@$at:a/1"
fails 'half a name' 1 'the form is iscsi://' "${backup[@]}" iscsi://127.0.0.1/

# Disks.
truncate -s 1M blank.img
fails 'no such file' 1 "open 'none.img': No such file" "${backup[@]}" none.img
fails 'a folder' 1 'is a directory' "${backup[@]}" dir
broken truncate gpt.img 20000000
fails 'a truncated disk is stored as far as it goes' 3 'partition 2 ends [0-9]+ bytes past the end of the disk' "${backup[@]}" bad.img
broken gpt-past-end gpt.img
fails 'so is a partition past the end' 3 'partition 1 ends [0-9]+ bytes past the end of the disk' "${backup[@]}" bad.img
broken gpt-overflow gpt.img
fails 'a partition whose end overflows is left out' 3 'partition 1 is left out' "${backup[@]}" bad.img
broken gpt-primary gpt.img
fails 'a damaged primary GPT' 3 'primary GPT is damaged.*its backup is used' "${backup[@]}" bad.img
broken mbr-loop mbr.img
fails 'logical partitions in a loop' 3 'is a loop' "${backup[@]}" bad.img
broken ntfs-geometry gpt.img "$(disks_offset gpt.img 2)"
fails 'a damaged boot sector of NTFS: all blocks are stored' 3 "'disk0-p2': every block of it is stored" "${backup[@]}" bad.img
broken ntfs-mft gpt.img "$(disks_offset gpt.img 2)"
fails 'a damaged MFT: all blocks are stored' 3 "'disk0-p2': every block of it is stored" "${backup[@]}" bad.img

# Mount points.
tap_at_exit umount --lazy dir/mnt
fails 'a mount point that is not there' 1 "'dir/none' does not exist" "$LUNETTE" mount gpt.img dir/none
fails 'a mount point that is a file' 1 '[Nn]ot a directory' "$LUNETTE" mount gpt.img blank.img
mkdir -p dir/full dir/mnt && touch dir/full/file
fails 'a mount point that is not empty' 1 'not empty' "$LUNETTE" mount gpt.img dir/full
fails 'mount of what is not there' 1 "'none.img': No such file" env -u LUNETTE_REPO "$LUNETTE" mount none.img dir/mnt
fails 'umount of what is not mounted' 1 'not' "$LUNETTE" umount dir/mnt
broken ntfs-mft gpt.img "$(disks_offset gpt.img 2)"
"$LUNETTE" mount bad.img dir/mnt >/dev/null 2>&1
ok 'a volume with a damaged MFT still has its image' cmp dir/mnt/volumes/disk0-p2/image \
	<(tail -c +$(($(disks_offset gpt.img 2) + 1)) bad.img | head -c 64M)
ok 'and its files are an error, not an empty folder' bash -c '! ls dir/mnt/volumes/disk0-p2/files'
ok 'it can be taken away' "$LUNETTE" umount dir/mnt

# Repositories.
"${backup[@]}" gpt.img >/dev/null || exit
copy() { # a copy of the repository to damage
	rm -rf bad && cp -r repo bad
}
largest() {
	find "bad/$1" -type f -printf '%s %p\n' | sort -n | tail -1 | cut -d' ' -f2
}
fails 'a repository that is not there' 10 'No such file' "$LUNETTE" list --repo none
fails 'a folder that is none' 10 'not a repository' "$LUNETTE" list --repo dir
fails 'init where something is' 1 'not empty' "$LUNETTE" init dir
copy && sed -i 's/"version": 1/"version": 2/' bad/config
fails 'a newer repository' 1 'use a newer one' "$LUNETTE" backup --repo bad --name x gpt.img
copy && sed -i 's/"features": \[\]/"features": ["sealed"]/' bad/config
fails 'a feature from the future' 1 "'sealed'.*use a newer one" "$LUNETTE" list --repo bad
copy && disks_flip bad/config 40
fails 'a damaged config' 1 'config is damaged|not a repository' "$LUNETTE" list --repo bad
copy && for point in bad/points/*; do disks_flip "$point" 60; done
fails 'damaged restore points' 3 'warning: .*damaged' "$LUNETTE" list --repo bad
copy && disks_flip "$(largest packs)" 5000
fails 'a damaged pack' 1 "not complete, and 'out.img' is removed again.*chunk.*packs" "$LUNETTE" restore --repo bad x@latest --disk disk0 out.img
ok 'nothing is left of the failed restore' [ ! -e out.img ]
copy && rm "$(largest packs)"
fails 'a missing pack' 1 'pack' "$LUNETTE" restore --repo bad x@latest --disk disk0 out2.img
fails 'no such restore point' 10 'no restore point .y@latest' "$LUNETTE" restore y@latest --disk disk0 out.img
fails 'no such volume' 1 "no volume 'nope'" "$LUNETTE" restore x@latest --volume nope out.img
fails 'no such disk' 1 "no disk 'disk9'" "$LUNETTE" restore x@latest --disk disk9 out.img
fails 'a target folder that is not there' 1 'No such file' "$LUNETTE" restore x@latest --disk disk0 none/out.img

# A full file system.
mkdir small && mount -t tmpfs -o size=4m none small && tap_at_exit umount --lazy small
"$LUNETTE" init small/repo >/dev/null
fails 'the disk is full while writing' 1 'No space left' "$LUNETTE" backup --repo small/repo --name x gpt.img
is 'no restore point comes of it' "$("$LUNETTE" list --repo small/repo --json | jq '.points | length')" 0
mount -o remount,size=100m small
ok 'with space, the next backup works' "$LUNETTE" backup --repo small/repo --name x gpt.img
mount -o remount,size=100m small && head -c 100M /dev/zero >small/fill 2>/dev/null
fails 'a restore to a full disk' 1 'No space left' "$LUNETTE" restore x@latest --disk disk0 small/out.img

# Command lines.
fails 'no command' 2 'Usage' "$LUNETTE"
fails 'an unknown command' 2 "no command 'nope'" "$LUNETTE" nope
fails 'no help for what is none' 2 "no command 'nope'" "$LUNETTE" help nope
is 'help of a command, in each of its ways' "$("$LUNETTE" help list | sha256sum; "$LUNETTE" list -h | sha256sum)" \
	"$("$LUNETTE" list --help | sha256sum; "$LUNETTE" list --help | sha256sum)"
is 'the version, in both ways' "$("$LUNETTE" version)" "$("$LUNETTE" --version)"
fails 'an unknown option' 2 'nope' "$LUNETTE" probe --nope gpt.img
fails 'no source' 2 'SOURCE' "$LUNETTE" backup --name x
fails 'no name' 2 'name' "$LUNETTE" backup gpt.img
fails 'no repository' 2 'LUNETTE_REPO' env -u LUNETTE_REPO "$LUNETTE" list
fails 'a chunk size that cannot be' 2 'chunk-size' "$LUNETTE" init --chunk-size 3K new

fails 'one disk given twice' 1 "'gpt.img' is given twice" "$LUNETTE" probe gpt.img gpt.img
