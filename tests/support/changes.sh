#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# changes.sh - lists of changes such as a storage system gives them, made by comparing images.
#
# Source it (. tests/support/changes.sh) or call it: tests/support/changes.sh make OLD NEW [PARENT]
#
#   changes_ranges DISK OLD NEW   lines of the ranges in which two images differ
#   changes_list PARENT DISK...   a whole list, of the ranges on standard input; PARENT may be ''
#   changes_make OLD NEW [PARENT] both, for a backup of one disk

changes_ranges() {
	perl -e 'my ($disk, @paths) = @ARGV;
		my ($old, $new) = map { open my $f, "<:raw", $_ or die "$_: $!"; $f } @paths;
		my ($unit, $off, $from) = (4096, 0);
		for (;;) {
			my $n = read $new, my $b, $unit;
			read $old, my $a, $unit;
			my $differ = $n && $a ne $b;
			$from = $off if $differ && !defined $from;
			if (!$differ && defined $from) {
				printf "{\"disk\":\"%s\",\"start\":%d,\"length\":%d}\n", $disk, $from, $off - $from;
				undef $from;
			}
			last if !$n;
			$off += $n;
		}' "$@"
}

changes_list() {
	local parent=$1 ranges
	shift
	ranges=$(mktemp)
	cat >"$ranges"
	jq -nc --arg parent "$parent" '{format: "lunette-changed", version: 1} +
		if $parent == "" then {} else {parent: $parent} end + {disks: $ARGS.positional}' --args "$@"
	cat "$ranges"
	printf '{"end":%d}\n' "$(wc -l <"$ranges")"
	rm -f "$ranges"
}

changes_make() {
	changes_ranges disk0 "$1" "$2" | changes_list "${3:-}" disk0
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	[ $# -gt 0 ] || { sed -n '/^# Source it/,/^$/s/^# \{0,1\}//p' "$0" && exit 2; }
	"changes_$1" "${@:2}"
fi
