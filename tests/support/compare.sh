#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# compare.sh - are two trees the same? Every name, type, size, time, link and byte.
#
# Source it (. tests/support/compare.sh) or call it: tests/support/compare.sh DIR DIR
#
#   compare_manifest DIR     one line an entry, sorted; then one line a file with its SHA-256
#   compare_trees DIR DIR    0 if the same, else 1 and a diff of the manifests
#
# NULs separate entries and newlines in names are turned into a control character, so that
# one line is one entry whatever a file is called.

compare_manifest() {
	(
		export LC_ALL=C
		cd "$1" || exit
		# A directory's size and link count are the driver's own business.
		find . -mindepth 1 -type d -printf '%p\td\t%T@\0' -o -printf '%p\t%y\t%s\t%T@\t%n\t%l\0' |
			sort -z | tr '\n\0' '\001\n'
		find . -type f -print0 | sort -z | xargs -0 -r sha256sum -z | sort -z -k 2 |
			tr '\n\0' '\001\n'
	)
}

compare_trees() {
	diff <(compare_manifest "$1") <(compare_manifest "$2") >/dev/null && return
	diff <(compare_manifest "$1") <(compare_manifest "$2") | cut -c1-200 | head -8
	return 1
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	[ $# -eq 2 ] || { echo "Usage: $0 DIR DIR" >&2 && exit 2; }
	compare_trees "$@"
fi
