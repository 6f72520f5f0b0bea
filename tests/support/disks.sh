#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# disks.sh - makes disks to test with: real NTFS volumes, made by mkntfs and filled through ntfs-3g,
# behind a real GPT or MBR, whole or damaged in a known way.
#
# No loop device and no partition device is needed: a volume is made as an image of its own and then
# laid into the image of the disk. Everything is reproducible but for what mkntfs makes up by itself
# (serial number, times of its own files).
#
# Source it (. tests/support/disks.sh) or call it: tests/support/disks.sh windows disk.img
#
#   disks_possible                         0, or 1 and the reason why this machine cannot
#   disks_ntfs IMG SIZE_MIB [LABEL [MKNTFS-OPTION...]]     an empty volume
#   disks_mount IMG DIR / disks_umount DIR                 read and write it, through ntfs-3g
#   disks_tree DIR [SMALL_FILES [BULK_MIB]]                fill a mounted volume
#   disks_fill IMG [SMALL_FILES [BULK_MIB]]                mount, disks_tree, umount
#   disks_garbage IMG MIB                  write a recognisable pattern and delete it again
#   disks_gpt DISK SECTOR SPEC...          lay volumes into a disk; a SPEC is TYPE:WHAT, where
#   disks_mbr DISK SECTOR SPEC...          WHAT is an image or a size in MiB; see below for TYPEs
#   disks_windows DISK [SECTOR]            as Windows does: EFI, MSR, NTFS, recovery NTFS
#   disks_offset DISK N                    where partition N starts, in bytes
#   disks_damage HOW DISK [SECTOR|OFFSET]  see below
#   disks_cleanup                          for the caller's trap: unmount whatever still is

DISKS_SH=$(readlink -f "${BASH_SOURCE[0]}")
declare -A DISKS_PIDS=() # mount point -> its ntfs-3g

disks_possible() {
	if [ "$(id -u)" -ne 0 ]; then
		echo 'filling NTFS volumes needs root'
	elif ! [ -c /dev/fuse ] || ! : 2>/dev/null <>/dev/fuse; then
		echo '/dev/fuse is missing or cannot be opened'
	elif ! command -v mkntfs ntfs-3g fdisk openssl setfattr >/dev/null; then
		echo 'a tool is missing: run contrib/setup'
	else
		return 0
	fi
	return 1
}

# ---- volumes ---------------------------------------------------------------------------------

disks_ntfs() {
	local img=$1 mib=$2 label=${3:-Data}
	rm -f "$img" && truncate -s "${mib}M" "$img" || return
	mkntfs --force --quick --quiet --label "$label" "${@:4}" "$img" >/dev/null 2>"$img.log" || {
		cat "$img.log" >&2
		return 1
	}
	# mkntfs takes the serial number from the second: two volumes of one second would have the same.
	ntfslabel --new-serial="$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')" "$img" >"$img.log" 2>&1 || {
		cat "$img.log" >&2
		return 1
	}
	rm -f "$img.log"
}

# ntfs-3g stays our child, so that its end can be waited for: umount returns earlier than that.
disks_mount() {
	local img=$1 dir=$2 options=${3:-} i
	mkdir -p "$dir"
	ntfs-3g -o "no_detach,compression${options:+,$options}" "$img" "$dir" </dev/null >"$img.log" 2>&1 &
	DISKS_PIDS[$dir]=$!
	for ((i = 0; i < 4000; i++)); do
		mountpoint -q "$dir" && rm "$img.log" && return
		kill -0 "${DISKS_PIDS[$dir]}" 2>/dev/null || break
		sleep 0.05
	done
	echo "disks.sh: ntfs-3g did not mount $img:" >&2
	cat "$img.log" >&2
	rm -f "$img.log"
	kill "${DISKS_PIDS[$dir]}" 2>/dev/null
	unset "DISKS_PIDS[$dir]"
	return 1
}

disks_umount() {
	local dir=$1 i
	for ((i = 0; i < 600; i++)); do
		umount "$dir" 2>/dev/null && break
		mountpoint -q "$dir" || break
		sleep 0.1
	done
	mountpoint -q "$dir" && umount --lazy "$dir"
	[ -z "${DISKS_PIDS[$dir]:-}" ] || wait "${DISKS_PIDS[$dir]}"
	unset "DISKS_PIDS[$dir]"
}

disks_cleanup() {
	local dir
	for dir in "${!DISKS_PIDS[@]}"; do
		disks_umount "$dir"
	done
}

# disks_random SEED BYTES: bytes that cannot be compressed, the same for the same seed
disks_random() {
	openssl enc -aes-128-ctr -nosalt -md sha256 -pass "pass:$1" </dev/zero 2>/dev/null | head -c "$2"
}

disks_tree() {
	"${DISKS_SH%/*}/make-tree" "$@"
}

disks_fill() {
	local img=$1 dir rc=0
	dir=$(mktemp -d) || return
	disks_mount "$img" "$dir" && {
		disks_tree "$dir" "${@:2}" || rc=1
		disks_umount "$dir"
	} || rc=1
	rmdir "$dir"
	return $rc
}

# The pattern is DISKS_GARBAGE over and over: no backup may hold it.
DISKS_GARBAGE='deleted-garbage-'
disks_garbage() {
	local img=$1 mib=$2 dir
	dir=$(mktemp -d) || return
	disks_mount "$img" "$dir" || return
	yes "$DISKS_GARBAGE" | tr -d '\n' | head -c "${mib}M" >"$dir/garbage"
	sync "$dir/garbage"
	rm "$dir/garbage"
	disks_umount "$dir"
	rmdir "$dir"
}

# ---- disks -----------------------------------------------------------------------------------

# disks_lay LABEL DISK SECTOR SPEC...
# TYPEs: efi msr basic recovery linux (GPT), ntfs fat linux (MBR), the latter also as logical-TYPE.
disks_lay() {
	local label=$1 disk=$2 sector=$3 spec type what mib code at=1 logical=0 n=0 total=2 script
	local -a images=() starts=()
	shift 3
	script=$disk.script
	printf 'label: %s\n' "$label" >"$script"
	if [ "$label" = gpt ]; then
		echo 'label-id: 4C554E45-5454-4500-8000-000000000001' >>"$script"
	else
		echo 'label-id: 0x4c554e45' >>"$script"
	fi
	for spec; do
		what=${spec#*:}
		[ -f "$what" ] && mib=$((($(stat -c %s "$what") + 1048575) >> 20)) || mib=$what
		total=$((total + mib + 1))
	done
	for spec; do
		type=${spec%%:*} what=${spec#*:} n=$((n + 1))
		[ -f "$what" ] && mib=$((($(stat -c %s "$what") + 1048575) >> 20)) || mib=$what
		if [[ $type == logical-* ]]; then
			if ((!logical)); then # the extended partition holds all that follows
				logical=1
				printf 'start=%d, size=%d, type=f\n' $((at * 1048576 / sector)) \
					$(((total - 1 - at) * 1048576 / sector)) >>"$script"
			fi
			at=$((at + 1)) # for the table in front of each
		fi
		case ${type#logical-} in
		efi) code='C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name="EFI system partition"' ;;
		msr) code='E3C9E316-0B5C-4DB8-817D-F92DF00215AE, name="Microsoft reserved partition"' ;;
		basic) code='EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, name="Basic data partition"' ;;
		recovery) code='DE94BBA4-06D1-4D40-A16A-BFD50179D6AC, name="Recovery"' ;;
		ntfs) code=7 ;;
		fat) code=c ;;
		linux) [ "$label" = gpt ] && code=0FC63DAF-8483-4772-8E79-3D69D8477DE4 || code=83 ;;
		*) echo "disks.sh: no such partition type: $type" >&2 && return 1 ;;
		esac
		if [ "$label" = gpt ]; then
			code+=", uuid=4C554E45-5454-4500-8000-0000000001$(printf %02X $n)"
		fi
		printf 'start=%d, size=%d, type=%s\n' $((at * 1048576 / sector)) \
			$((mib * 1048576 / sector)) "$code" >>"$script"
		images+=("$what") starts+=("$at")
		at=$((at + mib))
	done
	rm -f "$disk"
	truncate -s "${total}M" "$disk"
	# fdisk, not sfdisk, because it can be told the sector size of an image.
	printf 'I\n%s\nw\n' "$script" | fdisk --wipe never --sector-size "$sector" "$disk" >"$disk.log" 2>&1
	if [ "$(blkid -p -s PTTYPE -o value "$disk" 2>/dev/null)" = '' ] && [ "$sector" = 512 ]; then
		cat "$disk.log" >&2
		return 1
	fi
	rm -f "$script" "$disk.log"
	for ((n = 0; n < ${#images[@]}; n++)); do
		[ -f "${images[n]}" ] || continue
		dd if="${images[n]}" of="$disk" bs=1M seek="${starts[n]}" conv=sparse,notrunc status=none || return
	done
}

disks_gpt() { disks_lay gpt "$@"; }
disks_mbr() { disks_lay dos "$@"; }

disks_windows() {
	local disk=$1 sector=${2:-512} a b rc=0
	a=$(mktemp "$disk.XXXXXX") && b=$(mktemp "$disk.XXXXXX") &&
		disks_ntfs "$a" "${DISKS_MIB:-256}" Windows --sector-size "$sector" && disks_fill "$a" &&
		disks_garbage "$a" 20 &&
		disks_ntfs "$b" 64 Recovery --sector-size "$sector" && disks_fill "$b" 10 1 &&
		disks_gpt "$disk" "$sector" efi:32 msr:16 "basic:$a" "recovery:$b" || rc=1
	rm -f "$a" "$b"
	return $rc
}

# Partitions lie one behind the other, so the table itself is asked.
disks_offset() {
	local disk=$1 n=$2 sector=${3:-512}
	fdisk --sector-size "$sector" --list -o Device,Start "$disk" 2>/dev/null |
		awk -v d="$disk$n" -v s="$sector" -v p="${disk}p$n" '$1 == d || $1 == p { printf "%.0f\n", $2 * s }'
}

# ---- damage ----------------------------------------------------------------------------------

# disks_poke FILE OFFSET HEX: overwrite bytes
disks_poke() {
	perl -e 'open my $f, "+<", $ARGV[0] or die "$ARGV[0]: $!"; seek $f, $ARGV[1], 0;
		print $f pack "H*", $ARGV[2] or die; close $f or die' "$1" "$2" "${3// /}"
}

# disks_flip FILE OFFSET: turn one byte over
disks_flip() {
	perl -e 'open my $f, "+<", $ARGV[0] or die "$ARGV[0]: $!"; seek $f, $ARGV[1], 0; read $f, $c, 1;
		seek $f, $ARGV[1], 0; print $f chr(255 ^ ord $c); close $f or die' "$1" "$2"
}

# disks_gpt_poke DISK SECTOR WHERE OFFSET HEX: change the "header" or the "entries" of both copies,
# and make their CRCs right again, so that only a reader who checks the values themselves notices.
disks_gpt_poke() {
	perl -MCompress::Zlib -e '
		my ($disk, $sector, $where, $off, $hex) = @ARGV;
		open my $f, "+<", $disk or die "$disk: $!";
		for my $at ($sector, (-s $disk) - $sector) {
			seek $f, $at, 0; read $f, my $h, $sector;
			my ($lba, $n, $size) = unpack "Q< V V", substr $h, 72, 16;
			seek $f, $lba * $sector, 0; read $f, my $e, $n * $size;
			substr($where eq "header" ? $h : $e, $off, length($hex) / 2) = pack "H*", $hex;
			substr($h, 88, 4) = pack "V", crc32($e);
			substr($h, 16, 4) = pack "V", 0;
			substr($h, 16, 4) = pack "V", crc32(substr $h, 0, 92);
			seek $f, $at, 0; print $f $h;
			seek $f, $lba * $sector, 0; print $f $e;
		}
		close $f or die' "$@"
}

# disks_damage HOW DISK ARGUMENT
#   gpt-primary gpt-backup gpt-both gpt-entries   wrong CRCs                     [SECTOR]
#   gpt-past-end gpt-overflow gpt-backwards       the first partition's range    [SECTOR]
#   gpt-huge-table                                four billion entries           [SECTOR]
#   mbr-loop mbr-self                             chains of logical partitions   [SECTOR]
#   ntfs-boot ntfs-geometry ntfs-mft              a volume at                    [OFFSET]
#   truncate                                      keep so many bytes             [BYTES]
disks_damage() {
	local how=$1 disk=$2 arg=${3:-} sector=${3:-512} size ext second mft cluster
	size=$(stat -c %s "$disk")
	case $how in
	gpt-primary) disks_flip "$disk" $((sector + 16)) ;;
	gpt-backup) disks_flip "$disk" $((size - sector + 16)) ;;
	gpt-both) disks_flip "$disk" $((sector + 16)) && disks_flip "$disk" $((size - sector + 16)) ;;
	gpt-entries) disks_flip "$disk" $((2 * sector + 40)) ;;
	gpt-past-end) disks_gpt_poke "$disk" "$sector" entries 40 ffffffff00000000 ;;
	gpt-overflow) disks_gpt_poke "$disk" "$sector" entries 32 f0fffffffffffffffeffffffffffffff ;;
	gpt-backwards) disks_gpt_poke "$disk" "$sector" entries 40 0100000000000000 ;;
	# Its CRC cannot be right: nobody can sum so many. The header's own is.
	gpt-huge-table)
		perl -MCompress::Zlib -e '
			my ($disk, $sector) = @ARGV;
			open my $f, "+<", $disk or die "$disk: $!";
			for my $at ($sector, (-s $disk) - $sector) {
				seek $f, $at, 0; read $f, my $h, 92;
				substr($h, 80, 8) = pack "V V", 0xffffffff, 0x80000000;
				substr($h, 16, 4) = pack "V", 0;
				substr($h, 16, 4) = pack "V", crc32($h);
				seek $f, $at, 0; print $f $h;
			}
			close $f or die' "$disk" "$sector"
		;;
	mbr-loop | mbr-self)
		# The extended partition is the first entry of its type; links are relative to it.
		ext=$(perl -e 'open my $f, "<", $ARGV[0]; read $f, my $s, 512;
			for (0 .. 3) { my ($t, $at) = unpack "x4 C x3 V", substr $s, 446 + 16 * $_, 16;
				print($at), last if $t == 5 || $t == 15 }' "$disk")
		[ -n "$ext" ] || return
		if [ "$how" = mbr-self ]; then # the first table's link is itself
			second=0
		else # the second table's link is the first
			second=$(perl -e 'open my $f, "<", $ARGV[0]; seek $f, $ARGV[1] + 446 + 16 + 8, 0;
				read $f, my $s, 4; print unpack "V", $s' "$disk" $((ext * sector)))
		fi
		disks_poke "$disk" $(((ext + second) * sector + 446 + 16)) 00000000050000000000000000080000
		;;
	# The name of the file system stays, so that it is known what it should be.
	ntfs-geometry) disks_poke "$disk" $((arg + 11)) 0000ff ;;
	ntfs-boot) disks_poke "$disk" "$arg" "$(printf '00%.0s' {1..512})" ;;
	ntfs-mft)
		read -r cluster mft < <(perl -e 'open my $f, "<", $ARGV[0]; seek $f, $ARGV[1], 0; read $f, my $s, 512;
			my ($bytes, $sectors) = unpack "v C", substr $s, 11; my ($lcn, $mirror) = unpack "Q< Q<", substr $s, 48;
			print $bytes * $sectors, " $lcn $mirror\n"' "$disk" "$arg")
		for mft in $mft; do
			disks_poke "$disk" $((arg + mft * cluster)) "$(printf 'ba%.0s' {1..4096})"
		done
		;;
	truncate) truncate -s "$arg" "$disk" ;;
	*) echo "disks.sh: no such damage: $how" >&2 && return 1 ;;
	esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	[ $# -gt 0 ] || { sed -n '/^# Source it/,/^$/s/^# \{0,1\}//p' "$0" && exit 2; }
	trap disks_cleanup EXIT
	"disks_$1" "${@:2}"
fi
