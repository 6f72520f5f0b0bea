#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What `lunette probe` says of dynamic disks that Windows made, against what ldmtool said of the same sets: volumes,
# types, sizes, and every extent with its disk, whole and with disks missing.
. "$(dirname "$0")/../support/tap.sh"

data=$TAP_TOP/../shared/data
[ -r "$data/ldm-2003r2.tar.zst" ] || tap_skip_all "no disks made by Windows in $data"
command -v zstd >/dev/null || tap_skip_all 'no zstd to unpack them'
tap_begin
for f in ldm-2003r2 ldm-2003r2-expected; do
	zstd -dc "$data/$f.tar.zst" | tar -xf - || exit
done

# Both as lines of NAME TYPE BYTES STATE, and VOLUME DISK START for each extent in order. ldmtool counts in sectors of
# the public region, which begins at sector 63 on these disks, and has no word for what is not whole.
wanted() {
	jq -r '.diskgroups[] as $g | $g.disk_info as $disks | $g.partition_info as $parts |
		$g.volume_info[] |
		([.partitions[] | select($disks[$parts[.].disk].present | not)] | length) as $gone |
		(.hint | rtrimstr(":")) as $name |
		"\($name) \(.type | ascii_downcase) \(.size * 512) \(
			if $gone == 0 then "ok"
			elif $gone == 1 and (.type == "RAID5" or .type == "mirrored") then "degraded"
			else "incomplete" end)",
		(.partitions[] | $parts[.] | select($disks[.disk].present) |
			"\($name) \($disks[.disk].device) \((.start + 63) * 512)")' "$1" | sort
}

got() {
	jq -r '(.disks | map({(.name): .source}) | add) as $files | .volumes[] |
		"\(.name) \(.type) \(.size) \(.state)",
		(.name as $name | .segments[].legs[] | select(.disk) | "\($name) \($files[.disk]) \(.start)")' "$1" | sort
}

for json in ldmtool-*.json; do
	readarray -t disks < <(jq -r '.files[]' "$json")
	"$LUNETTE" probe --json "${disks[@]}" >got.json 2>errors || cat errors
	is "${json%.json}: volumes and extents" "$(got got.json)" "$(wanted "$json")"
	is "${json%.json}: missing disks" \
		"$(jq -r '.groups[].missing[]' got.json | sort)" \
		"$(jq -r '.diskgroups[].disk_info[] | select(.present | not) | "\(.name) (\(.guid))"' "$json" | sort)"
done

# Two clones at once: each has its volumes, under names of its own.
mkdir clone && cp --reflink=auto --sparse=always ldm-2003r2-raid5-*.img clone
"$LUNETTE" probe --json ldm-2003r2-raid5-*.img clone/*.img >got.json
is 'clones are two groups' "$(jq '.groups | length' got.json)" 2
is 'clones have a volume each' "$(jq -r '.volumes[] | select(.state == "ok") | .name' got.json | xargs)" 'I I~2'
is 'and share no disk' "$(jq -r '.volumes[] | select(.state == "ok") | [.segments[].legs[].disk] | sort | join(" ")' got.json)" \
	$'disk0 disk1 disk2\ndisk3 disk4 disk5'
