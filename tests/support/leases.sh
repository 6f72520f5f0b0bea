# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# leases.sh - somebody is at work in a repository, for as long as a process lives.

lease_forge() { # REPO PID: PID prunes on proxy7
	local boot
	boot="$(cat /proc/sys/kernel/random/boot_id) $(readlink /proc/self/ns/pid)"
	jq -n --arg boot "$boot" --argjson pid "$2" '{format: "lunette-lease", version: 1, features: [], lease: "00", purpose: "prune",
		exclusive: true, host: "proxy7", boot: $boot, pid: $pid, begun: 0, since: "2026-11-22T17:00:00Z",
		expires: "2099-01-01T00:00:00Z", marks: []}' >lease.json
	mkdir -p "$1/leases" && cp lease.json "$1/leases/$(sha256sum <lease.json | cut -d' ' -f1)"
}
