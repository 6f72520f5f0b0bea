#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# lunette-agent on real file systems: it keeps them still for the moment of a snapshot, tells what it
# reached, and thaws in time, whatever happens to it.
. "$(dirname "$0")/../support/tap.sh"
tap_begin
export RUNTIME_DIRECTORY=$PWD/run # any other agent on this machine would thaw what we kill here
. "$TAP_TOP/tests/support/agent.sh"
. "$TAP_TOP/tests/support/thaw.sh"
[ "$(id -u)" = 0 ] || tap_skip_all 'only root may freeze'
for tool in mkfs.xfs mkfs.ext4 mkfs.btrfs fsfreeze; do
	command -v "$tool" >/dev/null || tap_skip_all "no $tool"
done

xfs=$(server_disk a.img 320M) && tap_at_exit losetup -d "$xfs"
ext=$(server_disk b.img 64M) && tap_at_exit losetup -d "$ext"
mkfs.xfs -q "$xfs" && mkfs.ext4 -q "$ext"
thaw_mount "$xfs" m && thaw_mount "$ext" e
truncate -s 128M m/inner.img && mkfs.btrfs -q m/inner.img >/dev/null 2>&1
inner=$(losetup -f --show "$PWD/m/inner.img") && tap_at_exit losetup -d "$inner"
thaw_mount "$inner" i
odd=$(server_disk o.img 64M) && tap_at_exit losetup -d "$odd"
mkfs.ext4 -q "$odd" && thaw_mount "$odd" "$(printf 'o\377')"
IDS="{\"$xfs\":\"naa.6000000000000001\",\"$ext\":\"naa.6000000000000002\"}"

prepare() { # [VOLUMES [HOOKS]]
	agent_call prepare "{\"session\":\"s\",\"volumes\":${1:-[\"$PWD/m\",\"$PWD/e\"]},\"identities\":$IDS,\"hooks\":${2:-{\}}}"
}
snapshot() { # COMMIT-LIMIT FREEZE-LIMIT: returns when everything is frozen
	agent_send snap snapshot "{\"session\":\"s\",\"commit_limit_ms\":$1,\"freeze_limit_ms\":$2}"
	agent_until '.event == "commit-now"'
}
committed() {
	agent_send com committed '{"session":"s","ok":true}'
	agent_until '.id == "snap"'
}
begin() {
	agent_start && agent_call hello '{"protocols":[1]}' && prepare
}
# A writer that says when it has written; the kernel keeps it waiting while DIR is frozen.
writer() { # DIR
	(echo "$SECONDS" >"$1/new" && touch written) &
	WRITER=$!
}

# ---- what it says of the machine
agent_start
ok 'hello' agent_call hello '{"protocols":[1]}'
is 'it speaks version 1' "$(agent_get .result.protocol)" 1
ok 'info' agent_call info "{\"identities\":$IDS}"
is 'a file system on a disk' "$(agent_get ".result.filesystems[] | select(.name == \"$PWD/e\") | [.device, .type, .freezable, .disks]")" \
	"[\"$ext\",\"ext4\",true,[\"$ext\"]]"
is 'its UUID' "$(agent_get ".result.filesystems[] | select(.name == \"$PWD/e\") | .uuid")" "\"$(blkid -o value -s UUID "$ext")\""
is 'a file system on a file lies on the disks below' \
	"$(agent_get ".result.filesystems[] | select(.name == \"$PWD/i\") | [.type, .disks]")" "[\"btrfs\",[\"$xfs\"]]"
is 'a disk that cannot tell has the identity of the job file' \
	"$(agent_get ".result.disks[] | select(.name == \"$ext\") | [.identity, .size]")" '["naa.6000000000000002",67108864]'

is 'a mount point that is no UTF-8 cannot be named' "$(agent_get '.result.filesystems[] | select(.name | startswith("'"$PWD/o"'")) | [.freezable, .reason]')" \
	'[false,"its mount point'"'"'s name is not UTF-8"]'

# ---- prepare
ok 'prepare' prepare
is 'what lies on a file of another comes first' "$(agent_get .result.volumes)" "[\"$PWD/i\",\"$PWD/m\",\"$PWD/e\"]"
is 'every disk is named' "$(agent_get '[.result.disks[].name] | sort')" "$(jq -nc --arg a "$xfs" --arg b "$ext" '[$a, $b] | sort')"
is 'each has something that tells it from others' "$(agent_get '[.result.disks[].signature.ranges | length > 0]')" '[true,true]'
first=$(agent_get '[.result.disks[].signature]')
prepare '["/no/such/place"]'
is 'an unknown volume is not found' "$(agent_get '[.ok, .error.code]')" '[false,"NOT_FOUND"]'
prepare "[\"$PWD/m\"]" '{"pre_freeze":"/no/such/hook"}'
is 'a missing hook is an error before anything is frozen' "$(agent_get '[.ok, .error.code]')" '[false,"NOT_FOUND"]'
IDS='{}' prepare "[\"$ext\"]"
is 'a disk without identity is an error' "$(agent_get '.ok')" false

# ---- a snapshot
prepare
ok 'commit-now comes when all is frozen' snapshot 9000 60000
writer m
for _ in {1..10}; do [ -e written ] || sleep .05; done
ok 'a writer waits' [ ! -e written ]
ok 'after committed the snapshot is answered' committed
is 'it was consistent' "$(agent_get '.result | [.consistency, .window_exceeded, .hooks]')" '["filesystem",false,"none"]'
ok 'the writer goes on' wait "$WRITER"
is 'there is what the freeze wrote, of each' "$(agent_get '[.result.contents[] | .type]')" '["btrfs","xfs","ext4"]'
content=$(agent_get '.result.contents | map(.sha256)')
echo more >m/more && echo more >e/more && echo more >i/more
prepare
is 'the signature of a disk stays' "$(agent_get '[.result.disks[].signature]')" "$first"
snapshot 9000 60000 && committed
is 'what a later freeze wrote is other' "$(jq -n --argjson a "$content" --argjson b "$(agent_get '.result.contents | map(.sha256)')" '[range(3) | $a[.] == $b[.]]' -c)" \
	'[false,false,false]'

# ---- time
snapshot 300 60000
agent_until '.id == "snap"'
is 'nobody says committed: it thaws and says so' "$(agent_get '.result | [.consistency, .window_exceeded]')" '["crash",true]'
ok 'and everything can be written to' thaw_writable m e i
snapshot 9000 60000
agent_send ab abort '{"session":"s"}'
agent_until '.id == "snap"'
is 'abort ends the snapshot' "$(agent_get .ok)" false
agent_until '.id == "ab"'
is 'and is a success' "$(agent_get .ok)" true
ok 'after it everything can be written to' thaw_writable m e i
ok 'abort of nothing is a success' agent_call abort '{"session":"other"}'
is 'that is so' "$(agent_get .ok)" true
prepare && snapshot 9000 60000
fsfreeze -u e
committed
is 'what somebody else thawed is not called consistent' "$(agent_get '.result | [.consistency, .window_exceeded]')" '["crash",true]'
fsfreeze -f e
prepare && snapshot 9000 60000 && committed
is 'nor what somebody else has frozen' "$(agent_get '.result.consistency')" '"crash"'
is 'which is named' "$(agent_get ".result.warnings | map(contains(\"$PWD/e\"))")" '[true]'
ok 'and stays frozen' fsfreeze -u e
agent_stop

# ---- the agent and its watchdog are killed and stopped
begin && snapshot 9000 60000
kill -KILL "$AGENT_PID"
ok 'the agent is killed: the watchdog thaws' thaw_writable m e i
agent_stop
begin && snapshot 9000 1500
kill -STOP "$AGENT_PID"
ok 'the agent is stopped: the watchdog thaws at the limit' thaw_writable m e i
agent_send com committed '{"session":"s","ok":true}'
kill -CONT "$AGENT_PID"
agent_until '.id == "snap"'
is 'when it goes on it does not call this consistent' "$(agent_get '.result | [.consistency, .window_exceeded]')" '["crash",true]'
prepare && snapshot 9000 60000
kill -KILL "$(pgrep -P "$AGENT_PID" lunette-thaw)"
agent_until '.id == "snap"'
is 'the watchdog is killed: the agent thaws at once, and says so' "$(agent_get '.result | [.consistency, .window_exceeded]')" '["crash",true]'
ok 'it is thawed' thaw_writable m e i
prepare && snapshot 9000 60000
exec {AGENT_IN}>&-
ok 'the job is gone: it thaws' thaw_writable m e i
wait "$AGENT_PID"
is 'and ends' $? 0
exec {AGENT_OUT}<&-

killed() { # SIGNAL-OF-THE-WATCHDOG: and the agent
	DOG=$(pgrep -P "$AGENT_PID" lunette-thaw)
	kill -STOP "$DOG"
	kill -KILL "$AGENT_PID"
	kill "-$1" "$DOG"
	agent_stop
	rm -f written && writer e
	for _ in {1..10}; do [ -e written ] || sleep .05; done
	[ ! -e written ]
}
next() {
	agent_start && agent_call hello '{"protocols":[1]}'
}
gone() { # PID
	! grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null
}
begin && snapshot 9000 60000
ok 'both are killed: it stays frozen' killed KILL
next
ok 'the next agent thaws' thaw_writable e m i
ok 'the writer goes on' wait "$WRITER"
ok 'and says so' grep -q 'which an agent had left frozen' agent.log
agent_stop
begin && snapshot 9000 60000
ok 'the agent is killed and the watchdog stopped: it stays frozen' killed STOP
next
ok 'the next agent does not wait for it, and thaws' thaw_writable e m i
ok 'a stopped watchdog is no more: it would thaw what others freeze' gone "$DOG"
agent_stop

# systemd's PrivateTmp gives each start of a unit mounts with other numbers.
printf '#!/bin/sh\nexec unshare -m --propagation private "%s" "$@"\n' "$LUNETTE_AGENT" >apart && chmod +x apart
LUNETTE_AGENT=$PWD/apart begin && snapshot 9000 60000
ok 'both are killed in a mount namespace of their own: it stays frozen' killed KILL
next
ok 'the next agent thaws there, too' thaw_writable e m i
ok 'the writer goes on as before' wait "$WRITER"
is 'nothing is noted any more' "$(find "$RUNTIME_DIRECTORY" -type f | wc -l)" 0
agent_stop

# Two agents: what another one holds is left alone, as long as it can thaw.
begin && snapshot 60000 60000
first=$AGENT_PID dog=$(pgrep -P "$AGENT_PID" lunette-thaw) in=$AGENT_IN out=$AGENT_OUT
agent_start 2>/dev/null && agent_call hello '{"protocols":[1]}'
rm -f written && writer e
for _ in {1..10}; do [ -e written ] || sleep .05; done
ok 'what another agent keeps frozen stays so' [ ! -e written ]
agent_call abort '{"session":"other"}'
is 'abort of another session leaves it alone' "$(agent_get .ok)" true
ok 'it is frozen still' [ ! -e written ]
kill -STOP "$first"
agent_call hello '{"protocols":[1]}'
ok 'also when that agent is stopped, and its watchdog is not' [ ! -e written ]
kill -STOP "$dog"
agent_call abort '{"session":"s"}'
is 'its session is aborted when both are stopped' "$(agent_get .ok)" true
ok 'that thaws' thaw_writable e m i
ok 'and ends them' gone "$first"
ok 'both' gone "$dog"
exec {in}>&- {out}<&-
agent_stop

# Not stopped by a signal, and yet they do not run. Whatever happens here, they are ended.
empty() { # GROUP
	echo 0 >"$1/cgroup.freeze"
	xargs -r kill -KILL <"$1/cgroup.procs"
	tap_until rmdir "$1"
}
group=$(sed -n 's/^[^ ]* \([^ ]*\) cgroup2 .*/\1/p' /proc/mounts | head -n 1)/lunette-test-$$
if [ -e "${group%/*}/cgroup.procs" ] && mkdir "$group" 2>/dev/null && [ -e "$group/cgroup.freeze" ]; then
	tap_at_exit empty "$group"
	begin && snapshot 9000 4000
	first=$AGENT_PID dog=$(pgrep -P "$AGENT_PID" lunette-thaw) in=$AGENT_IN out=$AGENT_OUT
	echo 1 >"$group/cgroup.freeze"
	echo "$first" >"$group/cgroup.procs" && echo "$dog" >"$group/cgroup.procs"
	agent_start 2>/dev/null && agent_call hello '{"protocols":[1]}'
	agent_call abort '{"session":"s"}'
	is 'those who do not thaw when their time is over are late' "$(agent_get .ok)" true
	ok 'and another thaws' thaw_writable e m i
	exec {in}>&- {out}<&-
	agent_stop
else
	tap_skip 'those who do not thaw when their time is over' 'no control group can be frozen here'
fi

# ---- hooks
hook() {
	printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod 0755 "$1"
}
# shellcheck disable=SC2016 # these are for the hook
hook pre 'echo "$LUNETTE_PHASE of $LUNETTE_SESSION"; env | sort >'"$PWD"'/env; : >'"$PWD/m/quiet"
# shellcheck disable=SC2016
hook post 'echo "$LUNETTE_PHASE"; touch '"$PWD/m/thawed"
hook bad 'echo I cannot >&2; exit 3'
# shellcheck disable=SC2016
hook slow 'sleep 300 & echo $! >'"$PWD/child; sleep 300"
begin
prepare "[\"$PWD/m\"]" "{\"pre_freeze\":\"$PWD/pre\",\"post_thaw\":\"$PWD/post\"}"
snapshot 9000 60000 && committed
is 'hooks that succeed make it application consistent' "$(agent_get '.result | [.consistency, .hooks]')" '["application","ok"]'
ok 'what a hook says is in the log' grep -q 'pre-freeze: pre-freeze of s"' agent.log
is 'its environment is small' "$(cut -d= -f1 env | grep -vE '^(PWD|SHLVL|_|OLDPWD)$' | tr '\n' ' ')" 'LANG LUNETTE_PHASE LUNETTE_SESSION PATH '
prepare "[\"$PWD/m\"]" "{\"pre_freeze\":\"$PWD/bad\"}"
snapshot 9000 60000 && committed
is 'a hook that fails makes it file-system consistent' "$(agent_get '.result | [.consistency, .hooks]')" '["filesystem","failed"]'
is 'with a warning' "$(agent_get '.result.warnings | map(contains("ended with status 3"))')" '[true]'
prepare "[\"$PWD/m\"]" "{\"pre_freeze\":\"$PWD/slow\",\"limit_ms\":300}"
snapshot 9000 60000 && committed
is 'a hook that hangs is killed' "$(agent_get '.result | [.consistency, .hooks]')" '["filesystem","failed"]'
ok 'with all that it started' bash -c "[ -s child ] && ! grep -q '^State:.[RSD]' /proc/\$(cat child)/status"

# ---- requests that are none
printf 'this is no JSON\n[]\n{"id":"x","verb":"dance"}\n' >&"$AGENT_IN"
agent_read && is 'no JSON is refused' "$(agent_get .ok)" false
agent_read && is 'no object is refused' "$(agent_get .ok)" false
agent_read && is 'an unknown verb is unsupported' "$(agent_get '[.id, .error.code]')" '["x","UNSUPPORTED"]'
ok 'the agent ends with its requests' agent_stop
