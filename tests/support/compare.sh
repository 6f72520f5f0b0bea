#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# compare.sh - are two trees the same? Every name, type, size, time, link and byte.
#
# Source it (. tests/support/compare.sh) or call it: tests/support/compare.sh DIR DIR
#
#   compare_manifest DIR     one line an entry, sorted; then one line a file with its checksum
#   compare_trees DIR DIR    0 if the same, else 1 and a diff of the manifests; the first may be a
#                            file with a manifest, for what is compared more than once
#
# NULs separate entries and newlines in names are turned into a control character, so that
# one line is one entry whatever a file is called. The checksum is CRC-32: it is to find a mistake
# and nobody's intent, and costs a tenth of a SHA-256.

compare_manifest() {
	(
		export LC_ALL=C
		cd "$1" || exit
		# A directory's size and link count are the driver's own business.
		find . -mindepth 1 -type d -printf '%p\td\t%T@\0' -o -printf '%p\t%y\t%s\t%T@\t%n\t%l\0' |
			sort -z | tr '\n\0' '\001\n'
		find . -type f -print0 | sort -z | xargs -0 -r cksum -z | tr '\n\0' '\001\n'
	)
}

compare_manifest_of() {
	if [ -f "$1" ]; then
		cat "$1"
	else
		compare_manifest "$1"
	fi
}

compare_trees() {
	local found
	found=$(diff --text <(compare_manifest_of "$1") <(compare_manifest "$2")) && return
	cut -c1-200 <<<"$found" | head -8
	return 1
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	[ $# -eq 2 ] || { echo "Usage: $0 DIR DIR" >&2 && exit 2; }
	compare_trees "$@"
fi
