# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# job-kills - the world of tests/bench/job-kills.sh: an array, a server that is written to, a job, and all
# that can happen to them. To be sourced after tap.sh, tgt.sh and array.sh.
#
#   world_start            array, server, repository, and the jobs in CONFS
#   world_write ROUND      new content on the server, with its checksums
#   world_restart_target   what a target that was killed has shown
#   job_start CONF         in the background, and in a control group if there are any; sets JOB
#   job_await KIND STEP    until the run has begun STEP (KIND is `step` or `undo`); fails when it has ended before
#   job_processes WHO      numbers of the processes of the run: job, agent, dog, plugin, hook; or all
#   world_stillness        for how many milliseconds the server could not be written to, at most, since it was asked last
#   fault_WHAT ...         what happens; FAULTS has all of them, with their arguments
#
# What others did meanwhile ended with SECOND; CONF is the job's file, set by the test.
# A fault that needs to be mended before anybody can clean up adds that to MEND.

GROUP= # a control group for the run, if one can be made
JOB=
JOURNAL=
MEND=()
: "${CONF:=}" "${SECOND:=}"

world_start() {
	local conf root
	array_start >start.log 2>&1 || return
	array_lun 1 48 && array_lun 2 16 || return
	mkfs.ext4 -q "${ARRAY_LOOP[1]}" && thaw_mount "${ARRAY_LOOP[1]}" mnt || return
	mkfs.ext4 -q "${ARRAY_LOOP[2]}" && thaw_mount "${ARRAY_LOOP[2]}" mnt2 || return
	mkdir store state tmp run seen points
	mount -t tmpfs -o size=256m kills store && tap_at_exit umount --lazy "$PWD/store" || return
	mount -t tmpfs -o size=8m kills state && tap_at_exit umount --lazy "$PWD/state" || return
	export LUNETTE_STATE=$PWD/state LUNETTE_REPO=$PWD/store/repo
	"$LUNETTE" init "$LUNETTE_REPO" --chunk-size 64K >/dev/null || return
	world_hooks
	CONFS=(plain both delta slow)
	for conf in "${CONFS[@]}"; do
		array_job "$conf" "$conf.conf"
		world_conf "$conf" >>"$conf.conf"
		sed -i "s|^repository = .*|repository = $LUNETTE_REPO|" "$conf.conf"
	done
	array_faulty $((48 << 20)) slow.conf
	echo 'commit delay .4' >fault
	if RUNTIME_DIRECTORY=$PWD/run sshd_start; then
		sed "s|^name = plain|name = far|; s|^agent = local|agent = ssh:server\nagent-program = ${LUNETTE_AGENT:-$LUNETTE-agent}\ninstall-agent = no|" \
			plain.conf >far.conf
		CONFS+=(far)
	fi
	root=$(sed -n 's/^[^ ]* \([^ ]*\) cgroup2 .*/\1/p' /proc/mounts | head -n 1)
	if [ -n "$root" ] && (echo 0 >"$root/cgroup.procs") 2>/dev/null && mkdir "$root/lunette-kills-$$" 2>/dev/null; then
		GROUP=$root/lunette-kills-$$
		tap_at_exit tap_until rmdir "$GROUP"
		tap_at_exit fault_group
	fi
	world_busy
}

world_conf() {
	local volumes=$PWD/mnt
	[ "$1" != both ] || volumes+=,$PWD/mnt2
	cat <<-EOC
		volumes = $volumes
		pre-freeze = $PWD/pre-freeze
		post-thaw = $PWD/post-thaw
		hook-limit = 6s
		[disks]
		${ARRAY_LOOP[1]} = naa.6001405000000001
		${ARRAY_LOOP[2]} = naa.6001405000000002
		[limits]
		snapshot = 9s
		commit = 10s
		freeze = 20s
		storage = 20s
		agent = 20s
		[backup]
		limit = 8M
		[retention]
		keep-last = 6
		[upkeep]
		prune = after-run
		check = after-run
		read-data = next/3
		[hooks]
		before = $PWD/before
		after = $PWD/after
		[notify]
		command = $PWD/notify
		on = always
		prometheus-file = metrics
	EOC
	[ "$1" != delta ] || printf '[backup]\ndelta = yes\n'
}

# Each says that it is there, and does what stands in NAME.does.
world_hooks() {
	local hook
	for hook in before after notify pre-freeze post-thaw; do
		cat >$hook <<-EOC
			#!/bin/sh
			[ ! -e '$PWD/$hook.does' ] || . '$PWD/$hook.does'
			exit 0
		EOC
		chmod 755 $hook
	done
	chmod 755 .
}

# Ascending numbers, first in one file, then in the next ones. How long that took at most is in ./still.
world_busy() {
	perl -MIO::Handle -MTime::HiRes=time -e '
		my @files = map { open my $file, ">>", $_ or die; $file } qw(mnt/n1 mnt/n2 mnt2/n3);
		my $before = time;
		for (my ($n, $most) = (1, 0); ; $n++) {
			my $took = int(1000 * (time - $before));
			$before = time;
			$most = 0 unless -e "still";
			if ($took > $most) { $most = $took; open my $to, ">", "still"; print $to "$most\n"; }
			for my $to (@files) { syswrite $to, "$n\n" or die; $to->sync or die; }
			select undef, undef, undef, 0.05;
		}' </dev/null >/dev/null 2>&1 &
	tap_at_exit kill $!
	tap_until [ -s mnt2/n3 ]
}

world_stillness() {
	local ms=0
	pause .3
	[ ! -s still ] || read -r ms <still
	rm -f still
	echo "$ms"
}

world_write() { # ROUND
	local dir
	mkdir -p mnt/files mnt2/files
	head -c $((RANDOM % 8 * 262144 + 4096)) /dev/urandom >"mnt/files/$((RANDOM % 6))"
	head -c $((RANDOM * 4)) /dev/zero | tr '\0' x >mnt/files/text
	head -c 100000 /dev/urandom >mnt2/files/other
	for dir in mnt mnt2; do
		echo "$1" >$dir/files/round
		(cd $dir && find files -type f -print0 | sort -z | xargs -0 sha256sum >sums)
		sync -f $dir
	done
}

world_restart_target() {
	tgt_kill
	tgt_start "$PWD/target" "$TGT_PORT" && tgt_target 1 iqn.2026-11.test:array || return
	local n
	for n in 1 2; do
		tgt_lun 1 $n array/lun$n.img && tgt_params 1 $n "scsi_id=naa.600140500000000$n,scsi_sn=LUN$n" || return
	done
}

# ---- a run ----

job_start() { # CONF
	ls state/"${1%.conf}"/runs >known 2>/dev/null
	JOURNAL=
	(
		[ -z "$GROUP" ] || echo 0 >"$GROUP/cgroup.procs"
		TMPDIR=$PWD/tmp RUNTIME_DIRECTORY=$PWD/run exec setsid "$LUNETTE" job run --quiet --json "$1"
	) >result 2>said &
	JOB=$!
}

job_journal() { # JOB-NAME: of the run that goes on; in JOURNAL
	local file
	for file in state/"$1"/runs/*.journal; do
		[ -e "$file" ] && ! grep -qxF "${file##*/}" known && JOURNAL=$file
	done
	[ -n "$JOURNAL" ]
}

pause() { # SECONDS, without a process for it
	[ -p pipe ] || mkfifo pipe
	read -r -t "$1" <>pipe || :
}

job_await() { # NAME KIND STEP
	local lines line
	while kill -0 "$JOB" 2>/dev/null; do
		pause .01
		[ -n "$JOURNAL" ] || job_journal "$1" || continue
		mapfile -t lines <"$JOURNAL"
		for line in "${lines[@]}"; do
			[[ $line == *"\"record\":\"$2\","*"\"step\":\"$3\",\"state\":\"begin\""* ]] && return 0
		done
	done
	return 1
}

children() { # PID NAME...
	local pid comm name
	for pid in $(pgrep -P "$1"); do
		comm=$(cat "/proc/$pid/comm" 2>/dev/null)
		for name in "${@:2}"; do
			[ "$comm" != "${name:0:15}" ] || echo "$pid"
		done
	done
}
# Also behind ssh.
job_agents() {
	local pid
	for pid in $(job_everybody); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != lunette-agent ] || echo "$pid"
	done
}

# All that have the environment that only what a run starts has.
job_everybody() {
	grep -lzsxF "RUNTIME_DIRECTORY=$PWD/run" /proc/[0-9]*/environ | cut -d/ -f3 | grep -vx "${SSHD_PID:-none}"
}

job_processes() { # WHO
	case $1 in
	job) echo "$JOB" ;;
	agent) job_agents ;;
	dog) cat run/* 2>/dev/null | sed -n 's/^watchdog //p' ;;
	plugin) children "$JOB" lunette-reflink plugin-that-fails faulty-plugin ;;
	ssh) children "$JOB" ssh ;;
	all) job_everybody ;;
	esac
}

# ---- faults ----

# WHO... SIGNAL
fault_signal() {
	local signal=${*: -1} who pids=
	for who in "${@:1:$#-1}"; do
		pids+=" $(job_processes "$who")"
	done
	# shellcheck disable=SC2086 # one word a process
	[ -n "${pids// /}" ] && kill "-$signal" $pids 2>/dev/null
}
# As the same, and they go on later.
fault_stop() { # SECONDS WHO...
	local pids
	pids=$(for who in "${@:2}"; do job_processes "$who"; done)
	[ -n "$pids" ] || return
	# shellcheck disable=SC2086
	kill -STOP $pids 2>/dev/null || return
	sleep "$1"
	# shellcheck disable=SC2086
	kill -CONT $pids 2>/dev/null
	return 0
}
fault_session() { # SIGNAL: a terminal that is closed
	kill "-$1" -- "-$JOB" 2>/dev/null
}
fault_group() {
	[ -n "$GROUP" ] && echo 1 >"$GROUP/cgroup.kill"
}
fault_target() { # kill SECONDS | stop SECONDS | cut
	local tid sid cid
	case $1 in
	kill)
		MEND+=(world_restart_target)
		kill -KILL "$TGT_PID"
		sleep "$2"
		world_restart_target && unset 'MEND[-1]'
		;;
	stop)
		kill -STOP "$TGT_PID"
		sleep "$2"
		kill -CONT "$TGT_PID"
		;;
	cut)
		while read -r tid sid cid; do
			tgt_a --mode conn --op delete --tid "$tid" --sid "$sid" --cid "$cid"
		done < <(target_connections)
		;;
	esac
	return 0
}
target_connections() {
	local tid
	for tid in $(tgt_a --mode target --op show | sed -n 's/^Target \([0-9]*\):.*/\1/p'); do
		tgt_a --mode conn --op show --tid "$tid" 2>/dev/null |
			awk -v tid="$tid" '/^Session: /{ sid = $2 } /Connection: /{ print tid, sid, $2 }'
	done
}
fault_full() { # store | state
	local room
	room=$(df --output=avail -k "$1" | tail -n 1)
	MEND+=("rm -f $1/ballast")
	fallocate -l "$((room > 64 ? room - RANDOM % 64 : room))K" "$1/ballast"
}
fault_second() {
	TMPDIR=$PWD/tmp RUNTIME_DIRECTORY=$PWD/run "$LUNETTE" job run --quiet "$CONF" >second 2>&1
	SECOND=$?
}
fault_cancel() {
	"$LUNETTE" job cancel "$CONF" >second 2>&1
	SECOND=$?
}
fault_recover() { # while it runs
	TMPDIR=$PWD/tmp RUNTIME_DIRECTORY=$PWD/run "$LUNETTE" job recover >second 2>&1
	SECOND=$?
}
fault_other() { # another job on the same LUN
	local other=plain.conf
	[ "$CONF" != "$other" ] || other=both.conf
	TMPDIR=$PWD/tmp RUNTIME_DIRECTORY=$PWD/run "$LUNETTE" job run --quiet "$other" >second 2>&1
	SECOND=$?
}
fault_mount() { # of the repository's points, which is killed
	local pid
	mkdir -p points
	"$LUNETTE" mount --foreground "$PWD/points" >mounted 2>&1 &
	pid=$!
	MEND+=("umount --lazy $PWD/points")
	tap_until mountpoint -q points && ls -R points >/dev/null 2>&1
	kill -KILL $pid
	wait $pid 2>/dev/null
	return 0
}
