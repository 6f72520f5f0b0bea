#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Who is asked for something on a terminal can go away: the key that interrupts ends the question.
. "$(dirname "$0")/../support/tap.sh"
tap_begin

interrupt() { # PROMPT COMMAND...: presses the key at the prompt; prints what was printed, and the status
	local rc=0
	rm -f keys shown && mkfifo keys && : >shown
	timeout "$TAP_PATIENCE" script -qec "exec $(printf '%q ' "${@:2}")" /dev/null <keys >shown 2>&1 &
	exec 3>keys
	tap_until grep -qF "$1" shown && printf '\003' >&3
	wait $! || rc=$?
	exec 3>&-
	tr -d '\r' <shown
	echo "status $rc"
}
is_over() { # WHAT PATTERN PROMPT COMMAND...
	is "$1" "$(interrupt "${@:3}" | grep -cE "$2")" 1
}

echo secret >pw && chmod 600 pw && "$LUNETTE" init --encrypt --password-file pw locked >/dev/null || exit
is_over 'a password is not given' "^lunette: repository 'locked' is encrypted: interrupted$" 'locked: ' "$LUNETTE" list --repo locked
is_over 'which is not a wrong one, but none' '^status 11$' 'locked: ' "$LUNETTE" list --repo locked
is_over 'a new one is not given' '^lunette: interrupted$' 'password: ' "$LUNETTE" init --encrypt new
ok 'and nothing is made' [ ! -e new ]

head -c 1M /dev/urandom >disk.img && "$LUNETTE" init repo >/dev/null &&
	"$LUNETTE" backup --repo repo --name a --all-blocks --quiet disk.img 2>.err && rm repo/index/* || exit
is_over 'a repair is not wanted' 'status 130$' '[y/N] ' "$LUNETTE" repair --repo repo
is 'and nothing is done' "$(ls repo/index)" ''
