#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The agent and its watchdog are killed together, as a control group is, or are stopped, while the server
# is frozen: the job that sees it has another agent thaw at once, here and over ssh.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
. "$TAP_TOP/tests/support/sshd.sh"
array_possible >/dev/null || tap_skip_all "$(array_possible)"
tap_begin
export RUNTIME_DIRECTORY=$PWD/run # any other agent on this machine would thaw what we kill here

. "$TAP_TOP/tests/support/job-faults.sh"
sed -i 's/^snapshot = .*/snapshot = 59s/; s/^commit = .*/commit = 60s/' job.conf # no run here ends by them
if PATH=$PATH:/usr/sbin command -v sshd >/dev/null && sshd_start; then
	sed "s|^agent = local|agent = ssh:server\nagent-program = ${LUNETTE_AGENT:-$LUNETTE-agent}\ninstall-agent = no|" job.conf >ssh.conf
fi

# What the storage does instead of a snapshot, while the server is frozen: it signals AGENT and its WATCHDOG,
# and says whether the file system was frozen then.
script() { # FILE SIGNAL-OF-THE-AGENT SIGNAL-OF-THE-WATCHDOG
	cat >"$1" <<-EOF
		#!/bin/bash
		cd '$PWD'
		(touch mnt/new && rm frozen) </dev/null >/dev/null 2>&1 &
		: >frozen
		for file in run/*; do
			dog=\$(sed -n 's/^watchdog //p' "\$file")
			kill -STOP "\$dog" # either sees at once that the other is gone
			kill -$2 "\${file##*/}"
			kill -$3 "\$dog"
			printf "%s\\n" "\$dog" "\${file##*/}" >>pids
		done
		sleep .3
		[ ! -e frozen ] || cp frozen was-frozen
	EOF
	chmod 755 "$1"
}
# A job fails, and nothing stays frozen, although no watchdog could thaw.
thaws() { # CONF VERB SCRIPT
	local pid
	rm -f was-frozen frozen pids
	echo "$2 run $PWD/$3" >fault
	timeout "$TAP_PATIENCE" "$LUNETTE" job run --quiet "$1" >said 2>&1
	local rc=$?
	rm -f fault
	thaw_writable mnt || { cat said state/srv/runs/*.log && return 1; }
	[ -s pids ] || { echo 'none was killed' && return 1; }
	while read -r pid; do
		grep -q '^State:.[^ZX]' "/proc/$pid/status" 2>/dev/null && { echo "$pid is still there" && return 1; }
	done <pids
	[ $rc -eq 1 ] || { cat said && echo "status $rc" && return 1; }
	grep 'keeps file systems frozen' said && echo 'somebody was waited for' && return 1
	newest=$(printf '%s\n' state/srv/runs/*.log | tail -n 1)
	[ -z "$(ls -A run)" ] || { echo 'the note of the freeze is still there' && return 1; }
	nothing_left
}

script both KILL KILL
script stopped-watchdog KILL STOP
script stopped STOP STOP
for conf in job ssh; do
	[ -e $conf.conf ] || { tap_skip 'over ssh' 'no sshd' && break; }
	ok "$conf: both are killed while all is frozen" thaws $conf.conf commit both
	ok 'it was frozen then' [ -e was-frozen ]
	ok 'the story tells who has thawed' grep -q "agent: .*thawed '$PWD/mnt'" "$newest"
	ok "$conf: the agent is killed, and the watchdog stopped" thaws $conf.conf commit stopped-watchdog
	ok 'it was frozen then' [ -e was-frozen ]
	ok "$conf: both are stopped" thaws $conf.conf commit stopped
done

# ---- the watchdog is not in the group that is killed ----
root=$(sed -n 's/^[^ ]* \([^ ]*\) cgroup2 .*/\1/p' /proc/mounts | head -n 1)
if [ -n "$root" ] && (echo 0 >"$root/cgroup.procs") 2>/dev/null && mkdir "$root/lunette-test-$$" 2>/dev/null; then
	tap_at_exit rmdir "$root/lunette-test-$$"
	cat >groups <<-EOF
		#!/bin/bash
		for file in '$PWD'/run/*; do
			sed -n 's/^0:://p' /proc/"\$(sed -n 's/^watchdog //p' "\$file")"/cgroup >'$PWD/dog'
			sed -n 's/^0:://p' "/proc/\${file##*/}/cgroup" >'$PWD/agent'
		done
	EOF
	chmod 755 groups
	echo "commit run $PWD/groups" >fault
	(echo 0 >"$root/lunette-test-$$/cgroup.procs" && run) >said 2>&1
	is 'a run in a control group' $? 0
	rm -f fault
	is 'the agent is in it' "$(cat agent)" "/lunette-test-$$"
	is 'and the watchdog is not' "$(cat dog)" /
else
	tap_skip 'the watchdog leaves the control group' 'no control group can be made here'
fi
