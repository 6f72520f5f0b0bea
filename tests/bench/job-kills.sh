#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# job-kills.sh [FAULTS] - whole jobs, and in each of them something goes wrong at a random moment, FAULTS times
# (default 300): processes are killed and stopped, one by one and together, the target dies, there is no room
# any more, journals are damaged, others come at the same time. After each: nothing is frozen, nothing is left,
# what is said of the run is true, all that was reported as stored is there and is what it was, and the
# next run is well. SEED=N repeats a run's choices; KEEP=DIR is where what failed is kept; ONLY=REGEX chooses
# faults. Run by `make torture`.
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
. "$TAP_TOP/tests/support/sshd.sh"
. "$TAP_TOP/tests/support/job-kills.sh"
array_possible >/dev/null || tap_skip_all "$(array_possible)"
wanted=${1:-300}
RANDOM=${SEED:=$$}
tap_begin
world_start || exit

# Where it happens: KIND STEP.
moments=('step repository' 'step agent' 'step storage' 'step disks' 'step reserve' 'step snapshot' 'step snapshot'
	'step snapshot' 'step snapshot' 'step luns' 'step server' 'step map' 'step connect' 'step backup' 'step backup'
	'step backup' 'step complete' 'undo backup' 'undo connect' 'undo map' 'undo luns' 'undo snapshot' 'undo reserve'
	'undo disks' 'undo storage' 'undo agent' 'step prune' 'step check')
# What happens. What is there twice happens twice as often.
faults=('signal job KILL' 'signal job KILL' 'signal job KILL' 'signal job TERM' 'signal job HUP' 'signal job INT'
	'stop 1 job' 'stop 12 job'
	'signal agent KILL' 'signal agent KILL' 'signal agent TERM' 'signal agent HUP' 'stop 1 agent' 'stop 25 agent'
	'signal dog KILL' 'signal dog TERM' 'stop 2 dog'
	'signal plugin KILL' 'signal plugin KILL' 'signal plugin TERM' 'stop 1 plugin' 'stop 25 plugin'
	'signal job agent KILL' 'signal job agent KILL' 'signal agent dog KILL' 'signal agent dog KILL'
	'signal job dog KILL' 'signal job plugin KILL' 'signal agent plugin KILL' 'signal job agent dog KILL'
	'stop 2 agent dog' 'signal all KILL' 'signal all KILL' 'signal all TERM' 'stop 2 all'
	'signal ssh KILL' 'signal ssh KILL' 'signal ssh TERM' 'stop 2 ssh' 'signal ssh dog KILL'
	'session KILL' 'session HUP' 'session INT' 'session TERM' 'group' 'group' 'group'
	'target kill 0' 'target kill 3' 'target stop 3' 'target cut' 'target cut'
	'full store' 'full store' 'full state' 'full state'
	'second' 'cancel' 'cancel' 'recover' 'other' 'other' 'mount')
# What is so from the beginning.
# shellcheck disable=SC2016 # is for the hooks
hooks=('hook pre-freeze sleep 100' 'hook post-thaw sleep 100' 'hook pre-freeze kill -KILL $$' 'hook post-thaw kill -KILL $$'
	'hook before kill -KILL $$' 'hook after kill -KILL $$' 'hook notify kill -KILL $$' 'hook pre-freeze exit 7'
	'hook pre-freeze kill -KILL $PPID' 'hook post-thaw kill -KILL $PPID' 'hook before kill -KILL $PPID'
	'hook after kill -KILL $PPID' 'hook notify kill -TERM $PPID' 'read-only state')
if [ -n "${ONLY:-}" ]; then
	mapfile -t faults < <(printf '%s\n' "${faults[@]}" | grep -E "$ONLY")
	mapfile -t hooks < <(printf '%s\n' "${hooks[@]}" | grep -E "$ONLY")
fi

bad=0
complain() { # WORDS
	local keep
	bad=$((bad + 1))
	echo "# round $round ($CONF, '$what' at '$where', ended $rc): $*"
	trouble=1
	[ -n "${KEEP:-}" ] || return 0
	keep=$KEEP/$SEED-$round
	mkdir -p "$keep"
	echo "$CONF, '$what' at '$where', ended $rc: $*" >>"$keep/complaints"
	cp -r state ./*.conf result said second check.log recover.* next.* points.json "$keep" 2>/dev/null
	ls -lR store/repo array/snapshots >"$keep/files" 2>&1
}

names() { # IDs of the points there are
	"$LUNETTE" list --json >points.json 2>listed || complain "list: $(cat listed)"
	jq -r '.points[].id' points.json 2>/dev/null
}

# ---- what must be so ----

thawed_by_itself() {
	case $what in
	# Nobody is left who could thaw, or who could is stopped: the next agent does it.
	'signal agent dog KILL' | 'stop '* | 'signal job agent dog KILL' | 'signal all'* | group | 'signal job dog'*) return 0 ;;
	esac
	thaw_writable mnt mnt2 || complain 'it was still frozen'
}

still_there() {
	[ -n "$(job_everybody)" ]
}
gone() {
	! still_there
}

nothing_left() {
	local left base file
	thaw_writable mnt mnt2 || complain 'frozen after all was recovered'
	tap_until gone || {
		complain "processes are left: $(job_everybody | xargs -r ps -o pid,ppid,stat,args -p)"
		job_everybody | xargs -r kill -KILL
	}
	[ "$(cut -d' ' -f3 "/proc/$TGT_PID/stat")" != T ] || { complain 'the target is stopped' && kill -CONT "$TGT_PID"; }
	base=$(jq -r '.name // empty' state/delta/base.json 2>/dev/null)
	left=$(array_leftovers | grep -vF "${base:-nothing at all}")
	[ -z "$left" ] || complain "on the array: $left"
	left=$(find array/snapshots -mindepth 1 -name '.*' ! -name .lock)
	[ -z "$left" ] || complain "hidden on the array: $left"
	left=$(target_connections)
	[ -z "$left" ] || complain "sessions: $left"
	left=$(tgt_a --mode account --op show | grep -c lunette-)
	[ "$left" = 0 ] || complain "$left accounts of the target"
	left=$(ls -A tmp run)
	[ "$left" = $'run:\n\ntmp:' ] || complain "files: $left"
	# base.json.new and the like are taken over by who writes next.
	left=$(find state -name '*.changed')
	[ -z "$left" ] || complain "lists of changes: $left"
	[ "$(losetup -a | grep -c "$PWD/")" = 3 ] || complain "loop devices: $(losetup -a | grep "$PWD/")"
	[ "$(grep -c " $PWD/" /proc/mounts)" = 5 ] || complain "mounts: $(grep " $PWD/" /proc/mounts)"
	"$LUNETTE" job status --json | jq -e 'all(.runs[]; .clean and .status != "running")' >/dev/null ||
		complain "status: $("$LUNETTE" job status | grep -v ' ok ')"
}

# Content, and that it is of one moment after the run had begun.
is_what_it_was() { # ID
	local n=0 dir disk rc=0 numbers
	: >sums.out
	read -r at began kind <"seen/$1"
	for disk in $("$LUNETTE" show --json "${1:0:20}" | jq -r '.disks[].name'); do
		rm -f back.img
		"$LUNETTE" restore --quiet "${1:0:20}" --disk "$disk" back.img >restored 2>&1 || { complain "restore ${1:0:12}: $(cat restored)" && return; }
		mkdir -p "back$n"
		mount -o loop,noload,ro back.img "back$n" 2>mounted || { complain "mount of $disk of ${1:0:12}: $(cat mounted)" && return; }
		(cd "back$n" && sha256sum --quiet -c sums >>../sums.out 2>&1) || rc=1
		[ "$(cat "back$n/files/round")" = "$at" ] || { echo "round $(cat "back$n/files/round") instead of $at" >>sums.out && rc=1; }
		[ -e "back$n/n1" ] && ! [ -e "back$n/n2" ] && rc=1
		numbers+=" $(for f in "back$n"/n[1-3]; do tail -n 1 "$f"; done)"
		umount "back$n"
		n=$((n + 1))
	done
	# shellcheck disable=SC2086
	set -- "$1" $numbers
	((${2:-0} >= began)) || { echo "numbers $numbers of a run that began at $began" >>sums.out && rc=1; }
	[ "$kind" = crash ] || while [ $# -gt 2 ]; do
		[ "$2" -eq "$3" ] || [ "$2" -eq $(($3 + 1)) ] || { echo "numbers $numbers" >>sums.out && rc=1; }
		set -- "$1" "${@:3}"
	done
	[ $rc = 0 ] || complain "point ${1:0:12} is not what it was: $(cat sums.out)"
}

# Those that are new are looked at, and none that was seen may be gone before its time.
points_are_well() { # BEGAN [HOW-MANY-AT-MOST]
	local id ids new=() n
	mapfile -t ids < <(names)
	for id in "${ids[@]}"; do
		[ -e "seen/$id" ] && continue
		new+=("$id")
		echo "${round%-next} $1 $(jq -r --arg id "$id" '.points[] | select(.id == $id) | .consistency // "none"' points.json)" >"seen/$id"
		is_what_it_was "$id"
	done
	made=${new[*]}
	[ "${#new[@]}" -le "${2:-1}" ] || complain "there are ${#new[@]} new points"
	for id in seen/*; do
		id=${id#seen/}
		[ -e "seen/$id" ] || continue
		[[ " ${ids[*]} " == *" $id "* ]] && continue
		n=$(find seen -newer "seen/$id" -type f | wc -l)
		[ "$n" -ge 6 ] || complain "point ${id:0:12} is lost"
		rm "seen/$id"
	done
	"$LUNETTE" check --read-data >check.log 2>&1 || complain "check: $(cat check.log)"
	return 0
}

# What the run said of itself, and what its journal says, against what is there.
is_true() {
	local status point
	status=$("$LUNETTE" job status --json "${CONF%.conf}" 2>/dev/null | jq -c '.runs[-1] // {}')
	point=$(jq -r '.point.id // .outcome.point.id // empty' <<<"$status")
	status=$(jq -r '.status // empty' <<<"$status")
	[ -n "$JOURNAL" ] || status=none
	case $rc in
	0 | 3)
		[ -n "$made" ] || complain "ended with $rc, and there is no new point"
		[[ $status =~ ^(ok|warnings|unreadable)$ ]] || complain "ended with $rc, and status '$status'"
		[ "$rc" = 0 ] || [ "$(jq '.warnings | length' result)" -gt 0 ] || complain 'ended with 3 without a warning'
		;;
	1)
		[ -z "$made" ] || complain "ended with 1, and there is a point: $(cat said)"
		[ -s said ] || complain 'ended with 1 without a word'
		;;
	129 | 130 | 143) [ -z "$made$JOURNAL" ] || complain 'ended by a signal that it should have handled' ;;
	137) [[ $status =~ ^(dead|ok|warnings|failed|interrupted|none|unreadable)$ ]] || complain "status '$status' of a run that was killed" ;;
	*) complain "ended with $rc: $(cat said)" ;;
	esac
	if [ -n "$made" ]; then
		[[ $status =~ ^(failed|interrupted)$ ]] && complain "status '$status', and the point is there"
		[ -n "$damage" ] || [ "$status" = none ] || [ "$point" = "$made" ] || complain "the status '$status' does not tell of point ${made:0:12}"
	else
		[[ $status =~ ^(ok|warnings)$ ]] && complain "status '$status', and no point"
	fi
}

# ---- a round ----

choose() {
	local all=$((${#faults[@]} + ${#hooks[@]})) n
	CONF=${CONFS[RANDOM % ${#CONFS[@]}]}.conf
	where=${moments[RANDOM % ${#moments[@]}]}
	jitter=$((RANDOM % 2 ? RANDOM % 150 : 0))
	n=$((RANDOM % all))
	if ((n < ${#faults[@]})); then
		what=${faults[n]}
		# Nobody is frozen, and no watchdog is there, but in that step.
		[[ $what == *dog* ]] && where='step snapshot' jitter=$((RANDOM % 150))
	else
		what=${hooks[n - ${#faults[@]}]}
		where=beginning
	fi
	[[ $what != *ssh* ]] || ! [ -e far.conf ] || CONF=far.conf
	damage=
	((RANDOM % 5)) || damage=$((1 + RANDOM % 3))
}

prepare_hook() {
	local words
	read -ra words <<<"$what"
	case $what in
	hook*)
		MEND+=("rm -f ${words[1]}.does")
		echo "${words[*]:2}" >"${words[1]}.does"
		;;
	read-only*)
		MEND+=('mount -o remount,rw state')
		mount -o remount,ro state
		;;
	esac
}

damage_journal() {
	if [ -z "$JOURNAL" ] || [ "$rc" != 137 ]; then
		damage=
		return
	fi
	case $damage in
	1) truncate -s $((RANDOM % $(stat -c %s "$JOURNAL"))) "$JOURNAL" ;; # as after a power cut
	2) printf '\377\0garbage\n' >>"$JOURNAL" ;;
	3) dd if=/dev/urandom of="$JOURNAL" bs=64 count=1 conv=notrunc status=none ;;
	esac
}

recover() {
	local expected='^0$' again
	[ -n "$damage" ] && expected='^[03]$'
	case $((RANDOM % 4)) in
	0) # two at once
		TMPDIR=$PWD/tmp RUNTIME_DIRECTORY=$PWD/run timeout "$TAP_PATIENCE" "$LUNETTE" job recover >recover.2 2>&1 &
		local other=$! status
		timeout "$TAP_PATIENCE" env TMPDIR="$PWD/tmp" RUNTIME_DIRECTORY="$PWD/run" "$LUNETTE" job recover >recover.1 2>&1
		status=$?
		wait $other
		[[ $? =~ $expected && $status =~ $expected ]] || complain "one of two recoveries failed: $(cat recover.1 recover.2)"
		;;
	*)
		for ((again = RANDOM % 4; again > 0; again--)); do # some that are killed over it
			timeout --signal=KILL ".$((RANDOM % 500 + 100))" env TMPDIR="$PWD/tmp" RUNTIME_DIRECTORY="$PWD/run" "$LUNETTE" job recover >recover.0 2>&1
		done
		timeout "$TAP_PATIENCE" env TMPDIR="$PWD/tmp" RUNTIME_DIRECTORY="$PWD/run" "$LUNETTE" job recover >recover.1 2>&1
		[[ $? =~ $expected ]] || complain "recover: $(cat recover.1)"
		;;
	esac
}

next_run() {
	local began status
	began=$(tail -n 1 mnt/n1)
	job_start "$CONF"
	wait "$JOB"
	status=$?
	# One whose journal tells nothing any more costs a warning, once.
	[ $status = 0 ] || [ -n "$damage" ] || complain "the next run ended with $status: $(cat said; jq -c .warnings result)"
	cp result next.result && cp said next.said
	points_are_well "$began"
	[ -n "$made" ] || complain 'the next run made no point'
	nothing_left
}

a_round() {
	local began
	MEND=() SECOND='' JOURNAL='' made='' rc='' trouble=''
	world_write "$round"
	choose
	began=$(tail -n 1 mnt/n1)
	prepare_hook
	job_start "$CONF"
	met=1
	if [ "$where" != beginning ]; then
		# shellcheck disable=SC2086
		job_await "${CONF%.conf}" $where && pause "$(printf .%03d $jitter)" || met=
		# shellcheck disable=SC2086
		[ -z "$met" ] || fault_$what || met=
	fi
	(timeout "$TAP_PATIENCE" tail -s .2 --pid="$JOB" -f /dev/null || { : >hung && kill -KILL "$JOB"; }) 2>/dev/null &
	wait "$JOB"
	rc=$?
	[ -n "$JOURNAL" ] || job_journal "${CONF%.conf}"
	[ ! -e hung ] || { rm hung && complain 'the run hung'; }
	thawed_by_itself
	for mend in "${MEND[@]}"; do
		$mend || complain "$mend"
	done
	case $what in
	second) [ "${SECOND:-12}" = 12 ] || [ "$SECOND" = 0 ] || complain "a second run ended with $SECOND: $(cat second)" ;;
	cancel) [ "${SECOND:-0}" = 0 ] || grep -q 'does not run' second || complain "cancel ended with $SECOND: $(cat second)" ;;
	recover) [ "${SECOND:-0}" = 0 ] || complain "recover ended with $SECOND: $(cat second)" ;;
	esac
	case $what in
	other) [[ ${SECOND:-0} =~ ^[03]$ ]] || complain "another job ended with $SECOND: $(cat second)" ;;
	esac
	case $what in
	second | recover | mount) [ "$rc" = 0 ] || complain "what others do disturbs it: $(cat said; jq -c .warnings result)" ;;
	esac
	[ -z "$damage" ] || damage_journal
	case $what$SECOND in
	second0 | other0 | other3) points_are_well "$began" 2 ;;
	*) points_are_well "$began" && is_true ;;
	esac
	if ((RANDOM % 2)); then
		recover
		[ -n "$damage" ] || nothing_left
	fi
	still=$(world_stillness)
	((still < 20000 + 6000)) || complain "the server could not be written to for $still ms"
	round=$round-next
	next_run
	round=${round%-next}
	[ -z "$met" ] || echo "${what}|$([ -n "$JOURNAL" ] && echo "$where")|$rc|${trouble:+BAD}" >>"${TALLY:-tally}"
}

round=0 inflicted=0
while ((inflicted < wanted)); do
	round=$((round + 1))
	a_round
	[ -z "$met" ] || inflicted=$((inflicted + 1))
	((round % 10)) || echo "# $(date +%T) round $round: $inflicted faults, $bad complaints"
done
echo '# fault: how often, and how the runs ended'
awk -F'|' '{ n[$1]++; how[$1, $3]++; if (!($3 in all)) all[$3] = 1; bad[$1] += $4 != "" }
	END { for (f in n) { line = sprintf("# %-34s %4d ", f, n[f])
		for (s in all) if ((f, s) in how) line = line sprintf(" %s:%d", s, how[f, s])
		print line (bad[f] ? "  BAD " bad[f] : "") } }' "${TALLY:-tally}" | sort
is "$inflicted faults, SEED=$SEED: what must be so was so" $bad 0
