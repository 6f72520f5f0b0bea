# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# fill.sh - a file system that is full.

fill() { # DIR: to the last byte of its file system
	local size
	for size in 1M 64K 4K 1K; do
		dd if=/dev/zero of="$1/filler.$size" bs=$size 2>/dev/null
	done
	sync -f "$1"
	dd if=/dev/zero of="$1/filler.last" bs=1K 2>/dev/null
	! dd if=/dev/zero of="$1/one" bs=1 count=1 2>/dev/null
}
