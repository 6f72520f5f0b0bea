# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# agent - talks to a lunette-agent, for tests. To be sourced after tap.sh.
#
#   agent_start                 start $LUNETTE_AGENT with $AGENT_ARGS; sets AGENT_PID
#   agent_send ID VERB PARAMS   a request; PARAMS is JSON
#   agent_read [SECONDS]        the next line, into $LINE; fails at the end of the stream
#   agent_until JQ [SECONDS]    lines until one for which the jq expression is true; into $LINE. All that came
#                               is in the file agent.log
#   agent_call VERB PARAMS      a request and its answer, into $LINE
#   agent_get JQ                what jq finds in $LINE, as compact JSON
#   agent_stop                  end of file, and wait: its status
#
#   server_disk FILE SIZE       a disk of the "server": prints its loop device

LUNETTE_AGENT=${LUNETTE_AGENT:-$LUNETTE-agent}
AGENT_N=0
AGENT_PID=

agent_start() {
	# shellcheck disable=SC2086 # one word an argument
	coproc AGENT_IO { exec "$LUNETTE_AGENT" --protocol 1 ${AGENT_ARGS:-} 2>>agent.err; }
	exec {AGENT_OUT}<&"${AGENT_IO[0]}" {AGENT_IN}>&"${AGENT_IO[1]}"
	local in=${AGENT_IO[0]} out=${AGENT_IO[1]}
	eval "exec $in<&- $out>&-"
	AGENT_PID=$AGENT_IO_PID # bash forgets it when the agent ends
	: >>agent.log
}

agent_send() {
	printf '{"id":"%s","verb":"%s","params":%s}\n' "$1" "$2" "$3" >&"$AGENT_IN"
}

agent_read() {
	LINE=
	IFS= read -r -t "${1:-240}" -u "$AGENT_OUT" LINE || return 1
	printf '%s\n' "$LINE" >>agent.log
}

agent_until() {
	while agent_read "${2:-240}"; do
		jq -e "$1" <<<"$LINE" >/dev/null && return 0
	done
	return 1
}

agent_call() {
	AGENT_N=$((AGENT_N + 1))
	agent_send "c$AGENT_N" "$1" "$2" && agent_until ".id == \"c$AGENT_N\""
}

agent_get() {
	jq -c "$1" <<<"$LINE"
}

agent_stop() {
	exec {AGENT_IN}>&- {AGENT_OUT}<&-
	wait "$AGENT_PID" 2>/dev/null
}

server_disk() {
	truncate -s "$2" "$1"
	losetup -f --show "$(realpath "$1")"
}
