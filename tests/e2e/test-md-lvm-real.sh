# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Disks that mdadm, lvm2 and the kernel made (tests/data/make-md-lvm): every volume has the content that the
# kernel read, with all its disks and, where the level allows it, with each of them away in turn.
. "$(dirname "$0")/../support/tap.sh"
command -v zstd >/dev/null || tap_skip_all 'zstd is not installed'

tap_begin
TOOL=$(dirname "$LUNETTE")/tests/source/tool-volume

unpack() { mkdir "$1" && zstd -dcq "$TAP_TOP/tests/data/$1.tar.zst" | tar xf - -C "$1"; }
sum_of() { "$TOOL" -c "$@" 2>&1 | sha256sum | cut -d' ' -f1; }
state_of() { "$TOOL" "${@:2}" | awk -v v="$1" '$1 == "volume" && $2 == v { print $4 }'; }

# All disks but number $1 of those that follow.
without() { left=("${@:2:$1}" "${@:$1 + 3}"); }

# ---- MD: the name of an array, as the folder is called
unpack md
for dir in md/*/; do
	set=$(basename "$dir")
	wanted=$(cut -d' ' -f3 "$dir/content.txt")
	name=$("$TOOL" "$dir"/m?.img | awk '$1 == "volume" { print $2 }')
	disks=("$dir"/m?.img)
	is "MD $set: the content is what the kernel read" "$(sum_of "$name" "${disks[@]}")" "$wanted"
	case $set in
	linear | raid0)
		is "MD $set: without a member it cannot be read" "$(state_of "$name" "${disks[@]:1}")" incomplete
		continue
		;;
	raid1-stale)
		ok 'MD raid1-stale: the member that left is named' \
			grep -q 'disk1 is stale' <("$TOOL" "${disks[@]}")
		continue
		;;
	esac
	for ((i = 0; i < ${#disks[@]}; i++)); do
		without "$i" "${disks[@]}"
		is "MD $set: the same without member $i" "$(sum_of "$name" "${left[@]}")" "$wanted"
		is "MD $set: which makes it degraded" "$(state_of "$name" "${left[@]}")" degraded
	done
	[[ $set == raid6* ]] || continue
	for ((i = 0; i + 1 < ${#disks[@]}; i++)); do
		without "$i" "${disks[@]}"
		without "$i" "${left[@]}"
		is "MD $set: the same without members $i and $((i + 1))" \
			"$(sum_of "$name" "${left[@]}")" "$wanted"
	done
done

is 'two clones of an array at once are two arrays' \
	"$("$TOOL" md/raid5-ls/m?.img md/raid5-ls/m?.img | grep -c '^volume .* ok ')" 2

# ---- LVM
unpack lvm
for dir in lvm/*/; do
	disks=("$dir"/pv-*.img)
	while read -r volume _ wanted; do
		is "LVM $volume: the content is what the kernel read" \
			"$(sum_of "$volume" "${disks[@]}")" "$wanted"
		for ((i = 0; i < ${#disks[@]}; i++)); do
			without "$i" "${disks[@]}"
			state=$(state_of "$volume" "${left[@]}")
			if [[ $state == incomplete ]]; then
				is "LVM $volume: only mirrors can do without disk $i" "${dir/mirror/}" "$dir"
			else
				is "LVM $volume: without disk $i it is $state, and right" \
					"$(sum_of "$volume" "${left[@]}")" "$wanted"
			fi
		done
	done <"$dir/content.txt"
	ok "LVM $dir: hidden volumes and pools are not shown" \
		test -z "$("$TOOL" "${disks[@]}" | grep -E '^volume .*(_(rimage|rmeta|mimage|mlog|tdata|tmeta|pmspare)|-pool )')"
done
is 'two clones of a volume group at once are two groups' \
	"$("$TOOL" lvm/striped/pv-*.img lvm/striped/pv-*.img | grep -c '^volume .* ok ')" 6
ok 'a missing disk is named by its UUID' \
	grep -q '^missing vglinear physical volume ......-....-....-....-....-....-......' \
	<("$TOOL" lvm/linear/pv-0.img lvm/linear/pv-1.img)
