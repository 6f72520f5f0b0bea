#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Targets that die, hang, come back, or come back as something else, in the middle of reading.
set -u
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/tgt.sh"

tap_begin
tool=$(dirname "$LUNETTE")/tests/source/tool-read
iqn=iqn.2026-11.test:faults
head -c 64M /dev/urandom >lun.img
head -c 64M /dev/zero >other.img

# The target as it always is: one LUN. $1: a port, $2: what the LUN holds, $3: what it is known by.
target() {
	tgt_start "$TAP_DIR" "$1" && tgt_target 1 $iqn && tgt_lun 1 1 "$2" &&
		tgt_params 1 1 "scsi_sn=SN1,scsi_id=$3"
}

# Reads beside this script, round and round; reader_end waits for it and shows what it said, reader_fails has it
# fail, reader_stop ends it.
reader() {
	rm -f stop
	: >read.out # what stands there is of the one before
	"$tool" --until stop "$@" "iscsi://127.0.0.1:$TGT_PORT/$iqn/1" >read.out 2>&1 &
	READER=$!
	tap_until reader_begun
}
reader_begun() {
	grep -q ^size= read.out || reader_over
}
reader_over() {
	! kill -0 "$READER" 2>/dev/null
}
reader_end() {
	local rc=0
	tap_until reader_over
	wait "$READER" || rc=$?
	cat read.out
	return "$rc"
}
reader_stop() {
	touch stop
	reader_end
}
# No command is in flight then, and a LUN can be taken away.
reader_pauses() {
	local rc=0
	kill -STOP "$READER"
	"$@" || rc=$?
	kill -CONT "$READER"
	return $rc
}
reader_fails() {
	local rc=0
	reader_end >/dev/null || rc=$?
	fails "$1" 1 "$2" sh -c "cat read.out; exit $rc"
}

naa=naa.6000000000000001
ok 'a target starts' target '' lun.img $naa
tap_at_exit tgt_stop
port=$TGT_PORT

# ---- gone, and it stays away -------------------------------------------------------------------

reader --timeout 3 --twice
start=$EPOCHSECONDS
tgt_kill
reader_fails 'a target that dies: what and where' "LUN 1 of '$iqn' on 127.0.0.1:$port: lost for 3 s, .*refused"
ok 'in bounded time' test $((EPOCHSECONDS - start)) -le 60
is 'and everything after it fails at once' "$(grep -c 'seconds=0[.]' read.out) $(grep -c ^error: read.out)" '1 2'

# ---- gone, and back ----------------------------------------------------------------------------

ok 'the target comes back' target "$port" lun.img $naa
reader --timeout 240 --compare lun.img --block 1000000
tgt_kill
sleep 1 # let it try, too
# It pauses, so as not to find a LUN that does not have its identity yet.
ok 'while somebody reads' reader_pauses target "$port" lun.img $naa
ok 'reading goes on, with the same bytes' reader_stop

session() { # which one the target has
	tgt_a --mode conn --op show --tid 1 | sed -n 's/^Session: //p' | head -n 1
}
another_session() {
	[ -n "$(session)" ] && [ "$(session)" != "$first" ]
}
reader --timeout 240 --compare lun.img
first=$(session)
tgt_a --mode conn --op delete --tid 1 --sid "$first" --cid 0
tap_until another_session
ok 'a connection that the target closes is made again' reader_stop

# ---- hung --------------------------------------------------------------------------------------

reader --timeout 3 --twice
start=$EPOCHSECONDS
kill -STOP "$TGT_PID"
reader_fails 'a target that hangs' "LUN 1 of '$iqn' on 127.0.0.1:$port: .*no answer"
ok 'ends in bounded time too, closing included' test $((EPOCHSECONDS - start)) -le 60
kill -CONT "$TGT_PID"
kill -STOP "$TGT_PID"
fails 'a target that hangs at login' 1 'no answer within 2 s' \
	"$tool" --timeout 2 "iscsi://127.0.0.1:$TGT_PORT/$iqn/1"
kill -CONT "$TGT_PID"

# Twice, and both times together are longer than what is waited for one.
reader --timeout 12 --compare lun.img
kill -STOP "$TGT_PID"
sleep 4
kill -CONT "$TGT_PID"
sleep .5
kill -STOP "$TGT_PID"
sleep 8.5
kill -CONT "$TGT_PID"
ok 'a target that hangs for a while is waited for' reader_stop

# ---- another LUN behind the same number --------------------------------------------------------

reader --timeout 240 --compare lun.img --twice
tgt_kill
ok 'a target comes back with another LUN' reader_pauses target "$port" other.img naa.6000000000000002
reader_fails 'nothing is read from it' "another LUN now: it was 'naa\.[0-9a-f]*1', it is 'naa\.[0-9a-f]*2'"
is 'nor later' "$(grep -c 'another LUN' read.out)" 2

tgt_unlun 1 1 && tgt_lun 1 1 lun.img && tgt_params 1 1 "scsi_sn=SN1,scsi_id=$naa"
reader --timeout 240 --compare lun.img --threads 1 --block 4096 # it is not busy all the time
# The session lives on, and this target says nothing of the other LUN. Whoever paused for longer than
# a second asks before he reads, and must not see one byte of it.
swap_lun() {
	sleep 1.1
	tgt_unlun 1 1 &&
		tgt_lun 1 1 other.img &&
		tgt_params 1 1 "scsi_sn=SN1,scsi_id=naa.6000000000000002"
}
ok 'a LUN is swapped under a live session' reader_pauses swap_lun
reader_fails 'and it is noticed before it is read' "another LUN now: it was 'naa\.[0-9a-f]*1', it is 'naa\.[0-9a-f]*2'"

tgt_unlun 1 1 && truncate -s 65M lun.img && tgt_lun 1 1 lun.img && tgt_params 1 1 "scsi_sn=SN1,scsi_id=$naa"
reader --timeout 240 --compare lun.img
tgt_kill
truncate -s 66M lun.img
ok 'a target comes back with a LUN that has grown' reader_pauses target "$port" lun.img $naa
reader_fails 'a size that changes is noticed' 'size has changed from 68157440 to 69206016'

reader --timeout 240 --threads 1 --block 512 # whose answers need nobody to take them
reader_pauses tgt_unlun 1 1
reader_fails 'a LUN that is taken away' 'no such LUN any more'
