#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Whoever reads the text is told what a script reads in the document, and the other way round: of real
# disks, sound and not, and of restore points.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/disks.sh"
. "$TAP_TOP/tests/support/points.sh"
. "$TAP_TOP/tests/support/tgt.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup

same() { # WHAT ONLY WORDS COMMAND...: text and document have the same facts
	"$LUNETTE" "${@:4}" >.text 2>&1
	"$LUNETTE" "${@:4}" --json >.json 2>.err
	is "$1" "$("$TAP_TOP/tests/support/same-facts.py" .json .text "$2" "$3" 2>&1)" ''
}

# ---- probe -----------------------------------------------------------------------------------

# The names of types are said by what they mean, where that is known.
probe_only='disks.table|volumes.segments.*|volumes.partition_type|volumes.partition|volumes.title|error.code'
probe_words='sectors|no|partition|table|VOLUME|SIZE|TYPE|FILE|SYSTEM|LABEL|STATE|ON|named|UUID|type|missing:|lunette:|warning:|serial'
same_probe() {
	same "probe: $1" "$probe_only" "$probe_words" probe "${@:2}"
}
disks_ntfs ntfs.img 20 'Größe C'
disks_gpt disk.img 512 efi:8 msr:4 basic:ntfs.img linux:4
same_probe 'a GPT with names' disk.img
is 'the purpose of a partition' "$("$LUNETTE" probe --json disk.img | jq -c '[.volumes[].purpose]')" \
	'["EFI system","Microsoft reserved","Microsoft basic data","Linux"]'
fails 'below the line of what has a file system' 0 \
	"^  Microsoft basic data partition, named 'Basic data partition', UUID $(blkid -p -o value -s UUID ntfs.img)$" "$LUNETTE" probe disk.img
disks_mbr mbr.img 512 ntfs:ntfs.img linux:4 logical-fat:4
same_probe 'an MBR' mbr.img
sfdisk -q --part-type disk.img 4 1E4C7B93-55A1-4F1C-9A39-0F1F5F8C9C11 && cp disk.img strange.img
mkfs.ext4 -q -U 01234567-89ab-cdef-0123-456789abcdef -E offset=$(($(disks_offset strange.img 4))) strange.img 4M >/dev/null
same_probe 'a type that nobody knows' strange.img
printf x | dd of=disk.img bs=1 seek=540 conv=notrunc status=none
same_probe 'a damaged table, and a warning' disk.img
is 'which is in the document' "$("$LUNETTE" probe --json disk.img 2>.err | jq -r '.warnings[]')" "$(sed 's/^lunette: warning: //' .err)"
truncate -s 1M hostile.img && mkfs.ext2 -q -L $'a\033b' hostile.img
same_probe 'a label that is not for terminals' hostile.img
mkdir md && zstd -dcq "$TAP_TOP/tests/data/md.tar.zst" | tar xf - -C md
same_probe 'an array that lacks a member' md/raid5-090/m[12].img
same_probe 'one that lacks more' md/raid5-090/m1.img
truncate -s 1M blank.img
same_probe 'nothing at all' blank.img

tap_at_exit tgt_stop
tgt_start "$TAP_DIR" && tgt_target 1 iqn.2026-11.test:forms && tgt_lun 1 1 ntfs.img &&
	tgt_params 1 1 vendor_id=ACME,product_id=ARRAY,scsi_sn=SN42,scsi_id=naa.6000000000000042
lun=iscsi://127.0.0.1:$TGT_PORT/iqn.2026-11.test:forms/1
same_probe 'a LUN' "$lun"
is 'who it is' "$("$LUNETTE" probe --json "$lun" | jq -c '.disks[] | [.vendor, .product, .serial, (.identity | test("^naa.*6000000000000042$"))]')" \
	'["ACME","ARRAY","SN42",true]'

# ---- show ------------------------------------------------------------------------------------

# What only a reader needs, and what the text says in other words.
show_only='format|version|rules|layout.disks.table|layout.volumes.(segments.*|partition_type|partition|title)|disks.(chunk_size|map.*|unreadable.*)|excluded.more'
show_only+='|check.data|check.time'
show_words='Restore|point|id|Disks|Groups|Volumes|Warnings|size|used|unmapped|excluded|free|skipped|read|gaps|unchanged|zero|known|new|unreadable|stored'
show_words+='|consistent|checked|finished|nothing|is|pinned|blocks|of|every|volume|and|what|lies|in|none|only|volumes|that|are|understood'
show_words+='|all|also|those|no|file|system|uses|-byte|sectors|partition|named|UUID|group|missing|not|-|serial|GiB|of the future'
same_show() {
	same "show: $1" "$show_only" "$show_words|${3:-}" show "$2"
}
export LUNETTE_REPO=$TAP_DIR/repo
"$LUNETTE" init repo >/dev/null && disks_gpt whole.img 512 efi:8 basic:ntfs.img || exit
"$LUNETTE" backup --degraded --name web "$lun" whole.img md/raid5-090/m[12].img >/dev/null 2>.err
id=$("$LUNETTE" list --json | jq -r '.points[].id')
"$LUNETTE" pin "$id" >/dev/null
same_show 'a LUN, a disk, and what is left of an array' "$id"
is 'that it is pinned' "$("$LUNETTE" show --json "$id" | jq .pinned) $("$LUNETTE" show "$id" | grep -c '(pinned)$')" 'true 1'
"$LUNETTE" backup --name part --volume disk0-p2 --exclude '*.iso' whole.img >/dev/null
is 'what is not stored' "$("$LUNETTE" show part | grep 'not stored' | awk '{ print $1 }')" disk0-p1
"$LUNETTE" backup --name raw --all-blocks whole.img >/dev/null
same_show 'all blocks' raw
job=$(points_forge repo "$id" '.host = "web1" | .consistency = "application" | .job = {name: "nightly", run: "20261129-0317"} | .tags = ["year", "audit"] |
	.parent = "11223344" | .origin = {repository: "aabb", point: "ccdd"} | .storage = {vendor: "ACME", product: "ARRAY", id: "a-17",
	luns: [{device: "sdb", identity: "naa.61", volume: "vol7", snapshot: "snap9", lun: "naa.62"}]}') || exit
same_show 'what a job knows' "$job" 'host|job|run|storage|device|snapshot|as|parent|copied|from|repository|tags'
points_hurt repo "$job"
own=$(points_forge repo "$id" '.window_exceeded = true | .time = "2099-01-01T00:00:00Z" | .software_snapshot = {disks: [{name: "/srv", device: "vg-srv", snapshot: "vg-srv-snap"}]}')
same_show 'a snapshot of the server itself, of the future' "$own" 'snapshot|taken|by|the|server|itself|device|for|thawed|before|storage|had|answered|future:|a|clock|was|wrong'
fails 'damage that a check has found' 0 'checked *damaged ' "$LUNETTE" show "$job"
