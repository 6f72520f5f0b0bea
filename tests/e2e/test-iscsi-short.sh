#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Data of a READ that comes short although its status is good, with and without a word of the target
# about it, is asked for again, and never taken. Complaints are named, or passed over where all is there.
# A connection that is cut again and again gets further.
set -u
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/tgt.sh"
tap_begin
tool=$(dirname "$LUNETTE")/tests/source/tool-read
iqn=iqn.2026-11.test:short
head -c 8M /dev/urandom >lun.img
truncate -s 40M thin.img && dd if=lun.img of=thin.img bs=1M seek=16 conv=notrunc status=none

target() {
	tgt_start "$TAP_DIR" && tgt_target 1 $iqn && tgt_lun 1 1 lun.img && tgt_params 1 1 scsi_id=naa.6000000000000001 &&
		tgt_lun 1 2 thin.img && tgt_params 1 2 thin_provisioning=1,scsi_id=naa.6000000000000002
}
ok 'a target starts' target
tap_at_exit tgt_stop
: >faults
"$TAP_TOP/tests/support/iscsi-proxy.py" "$TGT_PORT" faults >port 2>proxy.log &
proxy=$!
tap_at_exit kill $proxy
for _ in {1..200}; do
	[ -s port ] && break
	sleep .05
done
reads() { # OPTION...
	"$tool" "$@" --compare lun.img --timeout 20 "iscsi://127.0.0.1:$(cat port)/$iqn/1"
}
# FAULT, WORDS: what is read in pieces of 100 KB and of 1 MB is right, or is an error.
comes_right() {
	echo "$1" >faults
	reads --block 100000 && echo "$1 " >faults && reads --block 1048576
}
fails_soon() {
	echo "$1" >faults
	fails "$2" 1 "$3" "$tool" --block 1048576 --timeout 20 "iscsi://127.0.0.1:$(cat port)/$iqn/1"
}

ok 'through the proxy it reads the same' reads
for how in short silent hole more; do
	ok "$how once, in the middle and at the end: it is asked for again" comes_right "$how 9000 1"
	ok "$how twice" comes_right "$how 16383 2"
done
fails_soon 'short 9000 -1' 'data that is always short is an error' "LUN 1 of '$iqn' .*READ at offset [0-9]+ of 262144 bytes: [0-9]+ bytes are missing"
fails_soon 'silent 16383 -1' 'also when the target does not say so' 'some are missing, and the target does not say so'
fails_soon 'hole 9000 -1' 'and when it is in the middle' 'some are missing, and the target does not say so'
fails_soon 'medium 9000 -1' 'a block that cannot be read has its name' 'READ at offset [0-9]+: MEDIUM ERROR, unrecovered read error \(0x1100\)'
fails_soon 'more 9000 -1' 'and data of which there is more than there are bytes' '4096 bytes are too many'
echo 'recovered 9000 -1' >faults
ok 'an error that the target recovered from is none' reads

# ---- who it is, from time to time and after each connection ----

for key in 3 4 2 0; do # MEDIUM ERROR, HARDWARE ERROR, NOT READY, and the beginning of an answer
	echo "who $key 3" >faults
	ok "a LUN that cannot tell who it is, for a while, is asked again ($key)" reads
done
later_fails() { # WHAT WORDS FAULT...: of a tool that reads, and goes on after these faults have come
	local rc=0
	: >read.out
	"$tool" --until stop --twice --timeout 3 "iscsi://127.0.0.1:$(cat port)/$iqn/1" >read.out 2>&1 &
	local reader=$!
	tap_until grep -q ^size= read.out
	printf '%s\n' "${@:3}" >faults
	wait $reader || rc=$?
	fails "$1" 1 "$2" sh -c "cat read.out; exit $rc"
	is 'and is no other' "$(grep -c 'another LUN' read.out)" 0
}
: >faults
later_fails 'one that cannot tell for long is given up' \
	"given up after 3 s: .*LUN 1 of '$iqn' .*: INQUIRY at offset 0: HARDWARE ERROR" 'who 4 -1'
: >faults
later_fails 'one that tells a part of it, too' "given up after 3 s: .*of what names the LUN not all has come" 'who 0 -1'
printf '%s\n' 'cut 20000000 0' 'who 4 -1' >faults
later_fails 'and one that cannot tell after a new connection' \
	'lost for 3 s, .*INQUIRY for page 0x83: HARDWARE ERROR' 'cut 20000000 0' 'who 4 -1'

thin() { # [BYTES]
	"$tool" --extents --block "${1:-1048576}" --compare thin.img --timeout 20 "iscsi://127.0.0.1:$(cat port)/$iqn/2"
}
: >faults
ok 'what is not mapped need not be read' thin
is 'most of it' "$(sed -n 's/.*zeros=\([0-9]*\).*/\1/p' .out)" $((32 << 20))
echo 'blocks 0 -1' >faults
ok 'a target that tells of one block at a time is read all the same' thin 4096
is 'and asked no more often than that gains' "$(($(cat faults.asked || echo 999) <= 100))" 1
# Each connection brings some pieces, and waits longer than one may wait for the whole.
echo 'cut 700000 400' >faults
ok 'a connection that is cut again and again gets further' \
	"$tool" --compare lun.img --timeout 3 --block 1048576 --threads 8 "iscsi://127.0.0.1:$(cat port)/$iqn/1"
echo 'cut 40000 0' >faults
fails 'one that never gets further is given up' 1 'lost for 3 s, and given up' \
	"$tool" --timeout 3 "iscsi://127.0.0.1:$(cat port)/$iqn/1"
: >faults
ok 'and then it reads again' reads
is 'every fault was there' "$(cat proxy.log)" ''
