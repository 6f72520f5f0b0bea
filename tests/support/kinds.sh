# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# kinds.sh - disks of as many kinds as there are, made by the systems' own tools. Source it behind disks.sh.
#
#   kinds_all                   their names, in order
#   kinds_make NAME             makes its disks in the current folder, d0.img, d1.img, ...; 77 and the reason
#                               when a tool is missing. Afterwards:
#     KIND_STATUS, KIND_WORDS   how a backup of it ends, and what it says then (an extended regular expression)
#     KIND_NTFS[DISK]           offsets of the NTFS volumes on a disk, if each lies there in one piece
#     KIND_SPREAD               other ones are spread over the disks
#
# A kind is a line of a table, in kinds-*.sh: NAME STATUS WORDS COMMAND...
# What a tool leaves empty gets noise: there, no file system says that it is free.

KINDS_NAMES=()
declare -A KIND_ROW=() KIND_NTFS=()

kind() { # NAME STATUS WORDS COMMAND...
	KINDS_NAMES+=("$1")
	KIND_ROW[$1]=$(printf '%q ' "${@:2}")
}

kinds_all() {
	printf '%s\n' "${KINDS_NAMES[@]}"
}

kinds_make() {
	local -a row
	eval "row=(${KIND_ROW[$1]})"
	# shellcheck disable=SC2034 # for whoever asked
	KIND_STATUS=${row[0]} KIND_WORDS=${row[1]} KIND_NTFS=() KIND_SPREAD=
	"${row[@]:2}"
}

# ---- what makers are made of ---------------------------------------------------------------------

need() { # TOOL...
	local tool
	for tool; do
		command -v "$tool" >/dev/null || { echo "there is no $tool" && return 77; }
	done
}

blank() { # FILE BYTES
	rm -f "$1" && truncate -s "$2" "$1"
}

noise() { # FILE OFFSET BYTES
	disks_random "$1 $2" "$3" | dd of="$1" bs=64K seek="$2" oflag=seek_bytes conv=notrunc status=none
}

quiet() { # COMMAND...: only what it says when it fails
	"$@" >.made 2>&1 </dev/null || { tail -n 3 .made && return 1; }
}

tree() { # DIR: some files
	mkdir -p "$1/sub" && disks_random tree 300000 >"$1/large" && echo small >"$1/small" &&
		ln -sf small "$1/link" && printf 'deep %.0s' {1..3000} >"$1/sub/text"
}

# A file system made by COMMAND, with the name of the disk last, and noise where it most likely has nothing.
fs() { # SIZE COMMAND...
	need "$2" || return
	blank d0.img "$1" && quiet "${@:2}" d0.img && noise d0.img $(($(stat -c %s d0.img) * 2 / 3)) 300000
}

# The same, filled by the tool itself: FILL is its option for that.
fs_tree() { # SIZE FILL COMMAND...
	need "$3" || return
	tree tree && blank d0.img "$1" && quiet "${@:3}" "$2" tree d0.img && noise d0.img $(($(stat -c %s d0.img) * 2 / 3)) 300000
}

spread() {
	# shellcheck disable=SC2034 # for whoever asked
	KIND_SPREAD=yes
}

# lay DISK IMAGE OFFSET: an image into a disk
lay() {
	dd if="$2" of="$1" bs=64K seek="$3" oflag=seek_bytes conv=sparse,notrunc status=none
}

small_ext4() { # FILE MIB
	need mke2fs || return
	tree tree && blank "$1" "$2M" && quiet mke2fs -q -F -t ext4 -d tree "$1" && noise "$1" $(($2 << 19)) 100000
}

small_ntfs() { # FILE MIB [MKNTFS-OPTION...]: with files, and with what was one
	need mkntfs ntfs-3g ntfscp || return
	disks_ntfs "$1" "$2" Kind "${@:3}" && tree tree && noise "$1" $(($2 * 768 << 10)) 200000 &&
		quiet ntfscp "$1" tree/large large && quiet ntfscp "$1" tree/sub/text text && quiet ntfscp "$1" tree/small small
}

nothing_known() {
	KIND_NTFS=()
}

known() { # DISK OFFSET...: NTFS volumes
	# shellcheck disable=SC2034 # for whoever asked
	KIND_NTFS[$1]="${*:2}"
}

for KINDS_PART in fs disk volume; do
	# shellcheck disable=SC1090 # three, beside this one
	. "${BASH_SOURCE[0]%/*}/kinds-$KINDS_PART.sh"
done
