# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# server - a server that uses dynamic disks of an array (reflink.sh), for the demo. To be sourced.
#
#   server_possible                 0, or 1 and the reason why this machine cannot
#   server_disks WHERE FILE...      loop devices over the LUNs' files: SERVER_DISKS[1]..; WHERE is what
#                                   tool-ldm said of them. An ext4 in the Linux partition of each
#   server_write_volume IMG         what has changed in the image, to its parts on the disks
#   server_mount N DIR              the ext4 of disk N
#   server_busy JOURNAL DATA        something writes ascending numbers, first there and then there
#   server_writes DIR...            can it be written to? If not, it is thawed
#   server_stop                     for the caller's trap, whatever has happened: thawed, unmounted, gone

. "${BASH_SOURCE[0]%/*}/thaw.sh"
declare -A SERVER_DISKS=() SERVER_PARTS=()
SERVER_WHERE=() # lines "DEVICE START LENGTH", in the order of the volume
SERVER_MOUNTS=()
SERVER_WRITER=

server_possible() {
	if [ "$(id -u)" -ne 0 ]; then
		echo 'freezing file systems needs root'
	elif ! command -v mkfs.ext4 losetup addpart fsfreeze perl >/dev/null; then
		echo 'a tool is missing: run contrib/setup'
	elif ! losetup --find >/dev/null 2>&1; then
		echo 'there are no loop devices'
	else
		return 0
	fi
	return 1
}

# Kernels differ in which partition tables they know: where this one has not found the Linux partition
# by itself, it is told. With --partscan it forgets it when the disk goes away.
server_disks() {
	local where=$1 file n=0 start length rest rest_length disk
	shift
	while read -r start length rest rest_length && file=$1; do
		shift && n=$((n + 1))
		disk=$(losetup --find --partscan --show "$(realpath "$file")") || return
		SERVER_DISKS[$n]=$disk
		SERVER_WHERE+=("$disk $start $length")
		[ -e "/sys/class/block/${disk##*/}p3" ] ||
			addpart "$disk" 3 $((rest / 512)) $((rest_length / 512)) || return
		SERVER_PARTS[$n]=${disk}p3
		for _ in {1..2000}; do
			[ -b "${disk}p3" ] && break
			sleep .05
		done
		mkfs.ext4 -q "${disk}p3" || return
	done <"$where"
}

# Blocks of 64 KiB that differ are copied, nothing else is written: a snapshot's delta stays small.
server_write_volume() {
	printf '%s\n' "${SERVER_WHERE[@]}" | perl -MIO::Handle -e '
		use strict;
		open my $from, "<", $ARGV[0] or die "$ARGV[0]: $!\n";
		while (<STDIN>) {
			my ($disk, $at, $left) = split;
			open my $to, "+<", $disk or die "$disk: $!\n";
			for (; $left > 0; $at += 65536, $left -= 65536) {
				my $n = $left < 65536 ? $left : 65536;
				sysseek $to, $at, 0;
				sysread($from, my $new, $n) == $n && sysread($to, my $old, $n) == $n
					or die "$disk: cannot be read at $at\n";
				next if $new eq $old;
				sysseek $to, $at, 0;
				syswrite($to, $new) == $n or die "$disk: $!\n";
			}
			$to->sync or die "$disk: $!\n";
		}' "$1"
}

server_mount() {
	mkdir -p "$2"
	SERVER_MOUNTS+=("$PWD/$2")
	mount "${SERVER_PARTS[$1]}" "$2"
}

server_busy() {
	perl -MIO::Handle -e '
		$SIG{PIPE} = "DEFAULT";
		open my $journal, ">>", $ARGV[0] or die; open my $data, ">>", $ARGV[1] or die;
		for (my $n = 1; ; $n++) {
			for my $to ($journal, $data) {
				syswrite $to, "$n\n" or die;
				$to->sync or die;
			}
			select undef, undef, undef, 0.02;
		}' "$1" "$2" </dev/null >/dev/null 2>&1 &
	SERVER_WRITER=$!
}

server_writes() {
	thaw_writable "$@"
}

# What is frozen is thawed first: nothing could end before that.
server_stop() {
	local dir disk n
	for dir in "${SERVER_MOUNTS[@]}"; do
		mountpoint -q "$dir" && fsfreeze --unfreeze "$dir" 2>/dev/null
	done
	if [ -n "$SERVER_WRITER" ]; then
		kill -KILL "$SERVER_WRITER" 2>/dev/null
		wait "$SERVER_WRITER" 2>/dev/null
		SERVER_WRITER=
	fi
	for dir in "${SERVER_MOUNTS[@]}"; do
		for n in {1..600}; do # an agent that is about to end may still look at it
			mountpoint -q "$dir" || continue 2
			umount "$dir" 2>/dev/null || sleep .1
		done
		umount --lazy "$dir"
	done
	for disk in "${SERVER_DISKS[@]}"; do
		losetup --detach "$disk"
	done
	SERVER_DISKS=() SERVER_MOUNTS=()
	return 0
}
