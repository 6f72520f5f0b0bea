# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# kinds-verdict.sh - is a backup of some disks what it must be? Each function prints what is wrong, and nothing
# when all is right. Source it behind kinds.sh, with $LUNETTE and $LUNETTE_REPO set.
#
#   verdict_of NAME HOW             the disks of a kind, just made, "alone" or "beside" another one
#   verdict_changed NAME            and again, after a change
#   verdict_hostile NAME SEED       and of what a byte is turned over in: nothing may be lost in silence
#
# BESIDE is that other disk, and BESIDE_FREE what its file system calls free.

DIFFER=$TAP_TOP/tests/support/differ

# Bytes of the disks are in use, zero, not mapped, left out, or free: those of the last report.
verdict_sum() {
	jq '.stats | .used + .unmapped + .excluded + .free + .skipped - .size' .report
}

verdict_backup() { # NAME OPTION... DISK...
	timeout 120 "$LUNETTE" backup --name "$1" --json "${@:2}" >.report 2>.said </dev/null
	VERDICT_STATUS=$?
	if ((VERDICT_STATUS > 3)) || grep -qE 'Sanitizer|runtime error:|Assertion' .said; then
		echo "it ended with $VERDICT_STATUS"
		tail -n 3 .said
	fi
}

# What the file systems of the disks call free, as they are now, by another reader.
verdict_free() { # DISK...
	local disk
	for disk; do
		# shellcheck disable=SC2086 # offsets
		"$DIFFER" free "$disk" ${KIND_NTFS[$disk]} >"$disk.free" 2>/dev/null
	done
}

# What lies in FREE of a disk, by another reader; those that are spread nobody else can follow.
verdict_disk() { # NAME N DISK
	local rc=0
	rm -f back.img
	"$LUNETTE" restore "$1@latest" --disk "disk$2" back.img >.restored 2>&1 || rc=$?
	((rc == 0 || rc == 3)) || { echo "restore of $3 ended with $rc" && tail -n 1 .restored && return; }
	if [ "$KIND_SPREAD" ]; then
		"$DIFFER" loose "$3" back.img "$((VERDICT_FREE))"
	else
		"$DIFFER" compare "$3" back.img "$3.free"
	fi 2>&1 | sed "s/^/$3: /"
	rm -f back.img
}

# All of it, when it ended with 0 or 3: the sum, what is called free, and each disk restored.
verdict_whole() { # NAME FIRST DISK...: FIRST is the number of the first of these disks
	local n=$2 most=0 disk
	[ "$(verdict_sum)" = 0 ] || echo "the sum of bytes differs by $(verdict_sum)"
	VERDICT_FREE=$(jq .stats.free .report)
	(($2 == 0)) || VERDICT_FREE=$((VERDICT_FREE - BESIDE_FREE))
	for disk in "${@:3}"; do
		most=$((most + $(awk '{ n += $2 - $1 } END { printf "%.0f", n }' "$disk.free")))
		verdict_disk "$1" "$n" "$disk"
		n=$((n + 1))
	done
	[ "$KIND_SPREAD" ] || ((VERDICT_FREE <= most)) || echo "$VERDICT_FREE bytes are called free, of $most"
}

# A kind that is refused, as it is given: with every block there is no question.
verdict_refused() { # NAME FIRST DISK...
	local all=("${@:3}")
	(($2 == 0)) || all=("$BESIDE" "${all[@]}")
	verdict_backup "$1" --all-blocks "${all[@]}"
	KIND_NTFS=() KIND_SPREAD=
	verdict_free "${@:3}"
	((VERDICT_STATUS == 0 || VERDICT_STATUS == 3)) || { echo "with every block: $VERDICT_STATUS" && return; }
	local free=$BESIDE_FREE
	BESIDE_FREE=0
	verdict_whole "$@"
	BESIDE_FREE=$free
}

verdict_of() {
	local first=0 disks=(d?.img) beside=() status
	[ "$2" = alone ] || { first=1 && beside=("$BESIDE"); }
	verdict_free "${disks[@]}"
	verdict_backup "$1" "${beside[@]}" "${disks[@]}"
	[[ $VERDICT_STATUS =~ ^($KIND_STATUS)$ ]] || echo "status $VERDICT_STATUS, and not $KIND_STATUS: $(tail -n 1 .said)"
	[ -z "$KIND_WORDS" ] || grep -qE -- "$KIND_WORDS" .said || echo "it does not say '$KIND_WORDS': $(cat .said)"
	status=$VERDICT_STATUS
	case $status in
	0 | 3) verdict_whole "$1" $first "${disks[@]}" ;;
	1) verdict_refused "$1" $first "${disks[@]}" ;;
	esac
	((status == 1)) || verdict_mounted "$1" "${beside[@]}" "${disks[@]}"
}

# The tree of the disks, and that of the backup: the same names, and the same files.
verdict_mounted() { # NAME DISK...
	local dir
	mkdir -p live finished
	verdict_mount live "${@:2}" && verdict_mount finished "$1@latest" &&
		! diff <(verdict_tree live) <(verdict_tree "$(verdict_root finished)") >.differ && echo 'the trees differ:' && head -n 4 .differ
	for dir in live finished; do
		! mountpoint -q $dir || "$LUNETTE" umount $dir 2>&1 || umount --lazy $dir
		rmdir $dir
	done
}
verdict_mount() { # DIR WHAT...
	local rc=0
	"$LUNETTE" mount "${@:2}" "$1" >.mounted 2>&1 || rc=$?
	((rc == 0 || rc == 3)) || { echo "$1: it cannot be mounted: $rc $(tail -n 1 .mounted)" && return 1; }
}
verdict_root() { # DIR: where disks/ is
	find "$1" -maxdepth 3 -type d -name disks -printf '%h\n' -quit
}
verdict_tree() { # DIR
	(cd "$1" && jq -S 'del(.disks[].source) | .warnings[]? |= gsub("[(]\u0027[^\u0027]*\u0027[)]"; "")' layout.json && compare_tree_files)
}
compare_tree_files() {
	find volumes -path '*/files/*' -type f -print0 | sort -z | xargs -0 -r cksum
	find volumes | sort
}

verdict_changed() { # NAME
	local name=$1 disks=(d?.img) disk
	for disk in "${disks[@]}"; do
		# Where there is noise; in file systems that are known, in any place that is in use.
		set -- $(($(stat -c %s "$disk") * 2 / 3 & ~511))
		[ -z "${KIND_NTFS[$disk]}" ] || set --
		"$DIFFER" change "$disk" 7 "$@" >/dev/null
	done
	verdict_free "${disks[@]}"
	verdict_backup "$name" "$BESIDE" "${disks[@]}"
	case $VERDICT_STATUS in
	0 | 3) verdict_whole "$name" 1 "${disks[@]}" ;;
	esac
}

verdict_hostile() {
	local disks=(d?.img) disk at found
	disk=${disks[$2 % ${#disks[@]}]}
	verdict_free "${disks[@]}"
	cp --sparse=always "$disk" "$disk.kept"
	at=$("$DIFFER" flip "$disk" "$2")
	found=$(
		verdict_backup "$1" "$BESIDE" "${disks[@]}"
		case $VERDICT_STATUS in
		0 | 3) verdict_whole "$1" 1 "${disks[@]}" ;;
		esac
	)
	[ -z "$found" ] || echo "seed $2, $disk byte $at: $found"
	mv "$disk.kept" "$disk"
}
