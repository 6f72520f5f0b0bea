#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A whole job through a real sshd: the agent is brought to the server, replaced when it is another one,
# and gets its secrets on its standard input.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
. "$TAP_TOP/tests/support/sshd.sh"
array_possible >/dev/null || tap_skip_all "$(array_possible)"
PATH=$PATH:/usr/sbin command -v sshd >/dev/null || tap_skip_all 'no sshd'
tap_begin

ok 'sshd starts' sshd_start
array_start >start.log 2>&1 && array_lun 1 32 || exit
mkfs.ext4 -q "${ARRAY_LOOP[1]}" && thaw_mount "${ARRAY_LOOP[1]}" mnt
seq 50000 >mnt/numbers
"$LUNETTE" init repo >/dev/null
export LUNETTE_STATE=$PWD/state LUNETTE_REPO=$PWD/repo
agent=${LUNETTE_AGENT:-$LUNETTE-agent}
there=$PWD/server/sbin/lunette-agent
array_job srv job.conf
sed -i "s|^agent = local|agent = ssh:server\nagent-program = $there|" job.conf
cat >>job.conf <<-CONF
	volumes = $PWD/mnt
	[disks]
	${ARRAY_LOOP[1]} = naa.6001405000000001
	# No run here is to end by them, however slow the machine is.
	[limits]
	snapshot = 59s
	commit = 60s
	freeze = 60s
CONF

run() {
	timeout "$TAP_PATIENCE" "$LUNETTE" job run "$@"
}
# ---- a check ----
ok 'check, without an agent there' "$LUNETTE" job check job.conf
cp .out out
ok 'tells what a run would do' grep -q "^ok .*'server' has no agent: a run will install it as '$there'" out
ok 'and does not do it' [ ! -e "${there%/*}" ]

# ---- runs ----
ok 'a run brings the agent and succeeds' run --quiet job.conf
ok 'it is ours' cmp "$agent" "$there"
ok 'the story tells of it' grep -q "agent.*installed the agent on 'server' as '$there'" state/srv/runs/*.log
is 'the restore point is file-system consistent' "$("$LUNETTE" show srv@latest --json | jq -r .consistency)" filesystem
is 'nothing is left on the array' "$(array_leftovers)" ''
ok 'now check asks it for the disks' "$LUNETTE" job check job.conf
cp .out out
ok 'and they answer' grep -q '^ok .*which LUNs carry the volumes' out

printf '#!/bin/sh\nexit 1\n' >"$there"
ok 'check sees another agent there' bash -c "! '$LUNETTE' job check job.conf >out 2>&1 && grep -q 'a run will replace the agent' out"
is 'and leaves it alone' "$(wc -c <"$there")" 17
cat >hook <<'HOOK'
#!/bin/sh
# With which arguments and environment does the agent run?
cat /proc/$PPID/cmdline /proc/$PPID/environ | tr '\0' '\n' >"$(dirname "$0")/agents"
HOOK
chmod 755 hook .
sed -i "s|^agent-program|pre-freeze = $PWD/hook\nagent-program|" job.conf
run --json --quiet job.conf >result 2>said
is 'a run replaces it and succeeds' $? 0
ok 'it is ours again' cmp "$agent" "$there"
ok 'the story tells of that too' grep -q "replaced the agent on 'server'" state/srv/runs/*.log
is 'with the hook on the server it is application consistent' "$(jq -r .consistency result)" application
ok 'the agent was seen' grep -q -- --secrets-stdin agents
ok 'without secrets in arguments and environment' [ "$(grep -ciE 'chap|lunette-[0-9a-f]{8}|SECRETS_FD' agents)" = 0 ]
fails 'a job that must not install says what is missing' 1 'agent' bash -c \
	"rm -r '${there%/*}'; sed 's|^agent-program|install-agent = no\nagent-program|' job.conf >no.conf; '$LUNETTE' job run --quiet no.conf"
ok 'and does not' [ ! -e "${there%/*}" ]
is 'nothing is left at all' "$(array_leftovers)" ''
