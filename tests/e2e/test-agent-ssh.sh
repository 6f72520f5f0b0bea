#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The agent is brought to a server through a real sshd: installed, left alone, repaired, taken away.
. "$(dirname "$0")/../support/tap.sh"
tap_begin
. "$TAP_TOP/tests/support/sshd.sh"
[ "$(id -u)" = 0 ] || tap_skip_all 'sshd wants root'
PATH=$PATH:/usr/sbin command -v sshd >/dev/null || tap_skip_all 'no sshd'

tool=$(dirname "$LUNETTE")/tests/job/tool-agent-install
agent=${LUNETTE_AGENT:-$LUNETTE-agent}
there=$PWD/server/sbin/lunette-agent
ok 'sshd starts' sshd_start
bring() {
	"$tool" install server "$1" "$there"
}

is 'an agent that is missing is installed' "$(bring "$agent")" "installed the agent on 'server' as '$there'
$there"
ok 'it is the same' cmp "$agent" "$there"
is 'one that is there is left alone' "$(bring "$agent")" "$there"
echo damage >>"$there"
is 'one that is not the same is replaced' "$(bring "$agent" | head -1)" "replaced the agent on 'server' as '$there'"
ok 'it is the same again' cmp "$agent" "$there"
is 'what it says its checksum is, it is' "$(ssh server "$there" --checksum)" "$(sha256sum <"$agent" | cut -d' ' -f1)"

# ---- several jobs that find the same server without it
at_once() {
	local i pids=()
	rm "$there"
	for i in 1 2 3; do
		bring "$agent" >"at-once-$i" 2>&1 &
		pids+=($!)
	done
	for i in 1 2 3; do
		wait "${pids[i - 1]}" || { cat "at-once-$i" && return 1; }
	done
}
echo 'of a power cut' >"$there.new.4194305" # more than any process has as its number
ok 'all of them bring it, and none is in the way of another' at_once
ok 'it is whole' cmp "$agent" "$there"
is 'and what a dead one had left is gone' "$(ls server/sbin)" lunette-agent

# ---- what must not happen
printf '#!/bin/sh\nexit 1\n' >broken
fails 'an agent that does not run there is not installed' 1 "does not run on 'server'" "$tool" install server "$PWD/broken" "$there"
ok 'and the one before stays' cmp "$agent" "$there"
is 'nothing is left beside it' "$(ls server/sbin)" lunette-agent
# shellcheck disable=SC2016 # this is text
fails 'a path that means something to a shell is refused' 1 'be plain text' "$tool" install server "$agent" '/tmp/$(id)'
fails 'so is a relative one' 1 'must begin with /' "$tool" install server "$agent" bin/agent
fails 'no agent here is an error' 1 'No such file' "$tool" install server "$PWD/none" "$there"
fails 'a server that cannot be reached has a reason' 1 "ssh to 'elsewhere.invalid': " "$tool" install elsewhere.invalid "$agent" "$there"
fails 'a folder that cannot be made has a reason' 1 "cannot be installed on 'server'" "$tool" install server "$agent" /proc/none/agent

# ---- through ssh it speaks the protocol, and its secrets come in the first line
hello() {
	printf '%s\n' '{"secrets":{}}' '{"id":"1","verb":"hello","params":{"protocols":[1]}}' |
		ssh server "$there" --protocol 1 --secrets-stdin | jq -r .result.agent
}
is 'it answers' "$(hello)" lunette-agent

echo 'of a power cut' >"$there.new.4194305"
ok 'it is taken away' "$tool" uninstall server "$agent" "$there"
is 'all of it' "$(ls server/sbin)" ''
ok 'to take away what is gone is no error' "$tool" uninstall server "$agent" "$there"
