#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# However the program is started and left: without standard streams, with a standard output that takes
# nothing, from a session that is lost. What was done counts, and nothing is written where it does not
# belong.
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/tgt.sh"
tap_begin
export LUNETTE_REPO=$TAP_DIR/repo
tap_at_exit umount --lazy mnt
mkdir mnt
head -c 3000000 /dev/urandom >disk.img && truncate -s 4M disk.img && "$LUNETTE" init repo >/dev/null &&
	"$LUNETTE" backup --all-blocks --name first disk.img >/dev/null || exit
points() {
	"$LUNETTE" list --json | jq '.points | length'
}
without() { # STREAMS COMMAND...: with these closed
	local streams=$1
	shift
	case $streams in *0*) exec <&- ;; esac
	case $streams in *1*) exec >&- ;; esac
	case $streams in *2*) exec 2>&- ;; esac
	exec timeout --kill-after=5 "$TAP_PATIENCE" "$@"
}
status() { # COMMAND...: its status, whatever it says
	("$@") >said 2>&1
	echo $?
}

# ---- streams that others share -------------------------------------------------------------------

writes() { # COMMAND...: what it writes to standard error, in "|" each piece that it wrote at once
	python3 -c '
import socket, subprocess, sys
ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
program = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=its)
its.close()
print("|".join(piece.decode() for piece in iter(lambda: ours.recv(65536), b"")), end="")' "$@"
}
is 'a line of standard error is written at once' "$(writes "$LUNETTE" list --nothing)" \
	"lunette: --nothing: there is no such option
|Try 'lunette list --help'."
: >none
is 'a warning is' "$(writes "$LUNETTE" backup -q --name none none | tr -cd '|')" '|'

# ---- files that may not grow ----------------------------------------------------------------------

# None of what it writes may have more than 100 KiB.
limited=(bash -c 'ulimit -f 100 && exec "$@"' limited)
head -c 1M /dev/urandom >new.img
fails 'a limit on the size of files ends a backup' 1 'File too large' "${limited[@]}" "$LUNETTE" backup --all-blocks --name large new.img
is 'without a restore point, and without a lease' "$(points) $(ls repo/leases)" '2 '
fails 'and a restore' 1 'File too large' "${limited[@]}" "$LUNETTE" restore first@latest --disk disk0 out.img
ok 'which leaves no file' test ! -e out.img

# ---- streams that are closed ---------------------------------------------------------------------

for closed in 0 1 2 01 12 02 012; do
	n=$(points)
	reports=0
	[[ $closed != *1* ]] || reports=3
	is "without $closed: a mount" "$(status without $closed "$LUNETTE" mount --repo repo mnt)" 0
	ok "without $closed: it shows the disk" cmp disk.img mnt/first/latest/disks/disk0.img
	ok "without $closed: it is unmounted" "$LUNETTE" umount mnt
	is "without $closed: a backup" "$(status without $closed "$LUNETTE" backup --all-blocks --name x disk.img)" $reports
	is "without $closed: is there" "$(points)" $((n + 1))
	is "without $closed: a restore" "$(status without $closed "$LUNETTE" restore first@latest --disk disk0 out.img)" $reports
	ok "without $closed: is the same" cmp disk.img out.img
	rm -f out.img
	sleep 1.1
done
ok 'the repository is whole' "$LUNETTE" check --read-data
is 'who only asks gets no answer, and is told so' "$(status without 1 "$LUNETTE" list)" 1
is 'nor of the agent' "$(status without 1 "$LUNETTE-agent" --checksum)" 1
is 'nor of a plug-in' "$(status without 1 "${LUNETTE%/*}/lunette-reflink" info </dev/null)" 1
is 'an agent that nobody can speak to ends' "$(status without 0 "$LUNETTE-agent" --protocol 1)" 0
is 'so does a plug-in' "$(status without 0 "${LUNETTE%/*}/lunette-reflink" --protocol 1)" 0

# A report would go into the session, as that has the number of standard output.
mkdir tgt
{
	tgt_start "$TAP_DIR/tgt" && tgt_target 1 iqn.2026-11.test:a && tgt_lun 1 1 disk.img
} >tgt.log 2>&1 || { cat tgt.log >&2 && exit 1; }
tap_at_exit tgt_stop
is 'a LUN is backed up without streams' \
	"$(status without 012 "$LUNETTE" backup --all-blocks --name lun "iscsi://127.0.0.1:$TGT_PORT/iqn.2026-11.test:a/1")" 3
ok 'and is the same' "$LUNETTE" restore lun@latest --disk disk0 out.img
ok 'byte for byte' cmp disk.img out.img
rm -f out.img

# ---- a standard output that is full --------------------------------------------------------------

full() { # WHAT STATUS PHRASE COMMAND...: as `fails`, into a file system that is full
	# shellcheck disable=SC2016 # for that shell
	fails "$1" "$2" "$3" sh -c 'exec "$@" >/dev/full' sh "${@:4}"
}
n=$(points)
full 'a backup whose report is lost is there' 3 'it is done, but the report is lost' "$LUNETTE" backup --all-blocks --name full disk.img
is 'once' "$(points)" $((n + 1))
full 'also as JSON' 3 'the report is lost' "$LUNETTE" backup --json --all-blocks --name json disk.img
full 'a restore' 3 'the report is lost' "$LUNETTE" restore first@latest --disk disk0 out.img
ok 'is the same' cmp disk.img out.img
rm -f out.img
full 'init' 3 'the report is lost' "$LUNETTE" init other
full 'copy' 3 'the report is lost' "$LUNETTE" copy --to other first@latest
full 'forget' 3 'the report is lost' "$LUNETTE" forget --repo other "$(LUNETTE_REPO=other "$LUNETTE" list --json first | jq -r ".points[0].id")"
is 'has forgotten' "$("$LUNETTE" list --repo other --json | jq '.points | length')" 0
full 'prune' 3 'the report is lost' "$LUNETTE" prune --repo other
rm repo/index/*
full 'repair' 3 'the report is lost' "$LUNETTE" repair --yes
ok 'has repaired' "$LUNETTE" check
for question in list 'show first@latest' check 'probe disk.img' 'forget --dry-run --keep-last 1' 'prune --dry-run' --version; do
	# shellcheck disable=SC2086 # words
	full "$question: nothing was done, and nothing is told" 1 'standard output' "$LUNETTE" $question
done

# ---- a restore into a pipe -----------------------------------------------------------------------

into() { # SINK ARGUMENTS...: its status, the disk going to SINK
	set +o pipefail
	"$LUNETTE" restore first@latest --disk disk0 - "${@:2}" 2>said | bash -c "$1"
	echo "${PIPESTATUS[0]}"
}
is 'a restore into a pipe' "$(into 'cmp - disk.img')" 0
ok 'is reported on standard error' grep -q '^Restored 4.0 MiB' said
is 'also as JSON' "$(into 'cmp - disk.img' --json) $(jq .size said)" '0 4194304'
is 'or not at all' "$(into 'cmp - disk.img' --quiet) $(cat said)" '0 '
is 'into what is written from its beginning to its end' "$(into 'cat >out.img' >/dev/null; cmp disk.img out.img && rm out.img)" ''
is 'nobody reads on' "$(into 'head -c 10 >/dev/null') $(grep -c 'the restore is not complete: do not use what was written: nobody reads' said)" '1 1'
is 'which is a failure for scripts, too' "$(into 'head -c 10 >/dev/null' --json) $(sed '/^lunette:/d' said | jq -r .error.code)" '1 failed'
full 'nobody has room' 1 'do not use what was written: .*No space left' "$LUNETTE" restore first@latest --disk disk0 -
is 'there is no such stream' "$(status without 1 "$LUNETTE" restore first@latest --disk disk0 -)" 1
is 'nothing that is no disk gets there' "$("$LUNETTE" restore nobody@latest --disk disk0 - --json 2>said; echo $? "$(sed '/^lunette:/d' said | jq -r .error.code)")" '10 not_found'
ok 'a file may be called so' "$LUNETTE" restore first@latest --disk disk0 ./-
ok 'and is one' cmp disk.img ./-

# ---- a session that is lost ----------------------------------------------------------------------

heeds_hangup() { # PID: the program itself, and not the shell that is going to be it
	[ ! "/proc/$1/exe" -ef "/proc/$$/exe" ] &&
		(("0x$(awk '/^SigCgt/ { print $2 }' "/proc/$1/status")" & 1))
}
hung_up() { # COMMAND...: its status, and how it ended
	(trap - HUP && exec "$@") >said 2>&1 &
	local pid=$! rc=0
	tap_until heeds_hangup $pid
	kill -HUP $pid
	wait $pid || rc=$?
	echo "$rc $(grep -o interrupted said | head -1)"
}
n=$(points)
dd if=/dev/urandom of=disk.img bs=1M count=3 conv=notrunc status=none
is 'SIGHUP ends a backup in an orderly way' "$(hung_up "$LUNETTE" backup --limit 20K --all-blocks --name hup disk.img)" '1 interrupted'
is 'without a restore point, and without a lease' "$(points) $(ls repo/leases)" "$n "
has_lease() {
	[ -n "$(ls repo/leases)" ]
}
without_hangup() {
	(trap '' HUP && exec "$LUNETTE" backup --limit 1M --all-blocks --name nohup disk.img) >said 2>&1 &
	local pid=$!
	tap_until has_lease
	kill -HUP $pid
	wait $pid
}
ok 'below nohup it goes on' without_hangup
is 'to its end' "$(points)" $((n + 1))

# ---- two signals ---------------------------------------------------------------------------------

# Nothing ends before the pipe is read, whatever it was told.
signals() { # PAUSE: does a restore live after a SIGTERM and another one? Then what is in the pipe is read
	local pid reader lives=dead
	(exec "$LUNETTE" restore first@latest --disk disk0 - >pipe 2>said) &
	pid=$!
	tap_until heeds_hangup $pid
	kill -TERM $pid && sleep "$1" && kill -TERM $pid && sleep .2
	! kill -0 $pid 2>/dev/null || lives=alive
	cat <pipe >/dev/null &
	reader=$!
	wait $pid
	kill $reader
	echo $lives
}
mkfifo pipe && exec 7<>pipe
is 'two of them at once, as timeout(1) sends, are one' "$(signals .1)" alive
is 'one that comes later ends what does not end by itself' "$(signals 1.5)" dead
