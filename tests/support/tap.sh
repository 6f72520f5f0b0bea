# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# tap.sh - for end-to-end tests: results as TAP, a folder of one's own, and its removal.
#
#   . "$(dirname "$0")/../support/tap.sh"
#   tap_begin                  $LUNETTE is there, cd into a new folder; tap_end runs at exit
#   ok 'what holds' COMMAND... one test: the command succeeds
#   is 'what' GOT WANTED       one test: two strings are the same
#   fails 'what' STATUS 'PHRASE' COMMAND...
#                              one test: the command ends with STATUS and PHRASE (an extended regular
#                              expression) in what it prints, and prints no crash
#   tap_skip_all REASON        only for a fact about the machine; before any test
#   tap_skip 'what' REASON     the same of one test, which counts as passed
#   tap_until COMMAND...       waits until the command succeeds: for an event, however slow the machine is
#   tap_at_exit COMMAND...     last in, first out; before the folder goes
#
# What decides a test is an event, or a limit of the product. Where a test has to give up some time, that time is
# long: a machine with ten other things to do is no reason to fail.

TAP_N=0
TAP_FAILED=0
TAP_EXIT=()
TAP_PATIENCE=240 # seconds
TAP_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# What is skipped is said once more when all have run (tests/support/check).
tap_skipped() {
	echo "$(basename "$0"): $*" >>"${SKIPPED_LIST:-/dev/null}"
}

tap_skip_all() {
	tap_skipped "$*"
	echo "1..0 # SKIP $*"
	exit 0
}

tap_skip() {
	tap_skipped "$1: $2"
	TAP_N=$((TAP_N + 1))
	echo "ok $TAP_N - $1 # SKIP $2"
}

tap_until() {
	local end=$((EPOCHSECONDS + TAP_PATIENCE))
	until "$@"; do
		((EPOCHSECONDS < end)) || return 1
		sleep .05
	done
}

tap_at_exit() {
	TAP_EXIT=("$(printf '%q ' "$@")" "${TAP_EXIT[@]}")
}

tap_end() {
	local status=$? command
	trap - EXIT
	for command in "${TAP_EXIT[@]}"; do
		eval "$command" >/dev/null 2>&1
	done
	cd / && rm -rf "$TAP_DIR"
	((status == 0)) || echo "Bail out! the script ended with status $status"
	echo "1..$TAP_N"
	((status == 0 && TAP_FAILED == 0)) || exit 1
}

tap_begin() {
	LUNETTE=${LUNETTE:-$TAP_TOP/build/lunette}
	[ -x "$LUNETTE" ] || { echo "Bail out! no program at $LUNETTE" && exit 1; }
	TAP_DIR=$(mktemp -d "${TMPDIR:-/tmp}/lunette-test.XXXXXX") && cd "$TAP_DIR" || exit
	export XDG_CACHE_HOME=$TAP_DIR/.cache
	export LUNETTE_STATE=$TAP_DIR/.state # what tests check and prune is nothing to this machine
	trap tap_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

tap_result() {
	TAP_N=$((TAP_N + 1))
	if (($1 == 0)); then
		echo "ok $TAP_N - $2"
		return
	fi
	echo "not ok $TAP_N - $2"
	TAP_FAILED=1
	sed 's/^/# /' "$TAP_DIR/.out"
}

ok() {
	local rc=0
	"${@:2}" >"$TAP_DIR/.out" 2>&1 || rc=$?
	((rc == 0)) || echo "status $rc from: ${*:2}" >>"$TAP_DIR/.out"
	tap_result $((rc != 0)) "$1"
}

is() {
	printf 'got:    %s\nwanted: %s\n' "$2" "$3" >"$TAP_DIR/.out"
	[ "$2" = "$3" ]
	tap_result $? "$1"
}

fails() {
	local rc=0 bad=0
	timeout --kill-after=5 "${TAP_TIMEOUT:-$TAP_PATIENCE}" "${@:4}" >"$TAP_DIR/.out" 2>&1 </dev/null || rc=$?
	((rc == $2)) && grep -qE -- "$3" "$TAP_DIR/.out" || bad=1
	grep -qE 'Sanitizer|runtime error:|Assertion' "$TAP_DIR/.out" && bad=1
	((bad == 0)) || printf 'status %d (wanted %d) from: %s\nwanted: %s\n' "$rc" "$2" "${*:4}" "$3" >>"$TAP_DIR/.out"
	tap_result $bad "$1"
}
