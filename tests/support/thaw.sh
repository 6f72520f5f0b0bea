# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# thaw - for tests that freeze file systems: they never hang where they mean to fail. What waits for a
# frozen file system cannot be killed, so that no `timeout` ends it; a thaw does. To be sourced after tap.sh.
#
#   thaw_mount DEVICE DIR   mount it; it is guarded, and at the end thawed and unmounted, whatever happens
#   thaw_guard DIR...       from now on what this script started and has hung for longer than anything may be
#                           frozen is set free by a thaw of them all; so it is when the script was killed
#   thaw_writable DIR...    can each be written to, before the minute after which a watchdog would see to it?
#                           One that cannot is thawed

THAW_FROZEN_SECONDS=90 # the product's limit is 60
THAW_WITHIN_SECONDS=40

# Numbers of the processes below this one that wait in the kernel.
thaw_hanging() { # PID
	ps -e -o pid=,ppid=,stat= | awk -v top="$1" '{ parent[$1] = $2; stat[$1] = $3 }
		END { for (p in stat) { if (stat[p] !~ /^D/) continue
			for (q = p; q > 1 && q != top; q = parent[q]) ;
			if (q == top) print p } }'
}

thaw_watch() { # PID DIR...
	local top=$1 dir pid
	local -A since=() now
	shift
	while sleep 5; do
		now=()
		for pid in $(thaw_hanging "$top"); do
			now[$pid]=${since[$pid]:-$SECONDS}
			((SECONDS - ${now[$pid]} < THAW_FROZEN_SECONDS)) || top=thaw
		done
		since=()
		for pid in "${!now[@]}"; do
			since[$pid]=${now[$pid]}
		done
		kill -0 "$top" 2>/dev/null && continue
		for dir; do
			fsfreeze -u "$dir"
		done
		[ "$top" = thaw ] || break
		top=$$
	done
}

thaw_guard() {
	(thaw_watch $$ "$@") </dev/null >/dev/null 2>&1 &
	tap_at_exit kill $!
}

thaw_unmount() {
	fsfreeze -u "$1"
	umount "$1" || umount -l "$1"
}

thaw_mount() {
	mkdir -p "$2"
	mount "$1" "$2" && tap_at_exit thaw_unmount "$PWD/$2" && thaw_guard "$PWD/$2"
}

thaw_writable() {
	local dir pid rc=0 n
	for dir; do
		touch "$dir/written" &
		pid=$!
		for ((n = THAW_WITHIN_SECONDS * 20; n > 0; n--)); do
			kill -0 "$pid" 2>/dev/null || break
			sleep .05
		done
		if kill -0 "$pid" 2>/dev/null; then
			echo "$dir is frozen"
			fsfreeze -u "$dir"
			rc=1
		fi
		wait "$pid" || rc=1
	done
	return $rc
}
