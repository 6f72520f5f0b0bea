# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# tgt - a real iSCSI target on loopback, for tests and the demo. To be sourced.
#
#   tgt_start DIR [PORT]           start tgtd; sets TGT_PORT (a free one is found) and TGT_PID
#   tgt_target TID IQN             a target that anybody may use
#   tgt_account USER SECRET        an account, for tgt_chap and tgt_chap_mutual
#   tgt_chap TID USER              initiators must log in as USER
#   tgt_chap_mutual TID USER       and the target proves itself as USER
#   tgt_lun TID LUN FILE [OPT...]  a LUN; OPT: --blocksize 4096, --bsoflags direct, ...
#   tgt_params TID LUN K=V[,...]   thin_provisioning=1 scsi_sn=SN scsi_id=naa.6000... vendor_id=... removable=...
#   tgt_unlun TID LUN              take a LUN away, waiting for commands in flight
#   tgt_a ARG...                   anything else that tgtadm can do
#   tgt_kill                       as a power cut: SIGKILL
#   tgt_stop                       stop tgtd, whatever it is doing; always succeeds. Put it into the EXIT trap
#
# tgtd has its own control socket in DIR, so any number of them run side by side. tgtadm must run
# as the same user. SIGTERM is ignored by tgtd, so that it is killed when it is not in use.

TGT_PID=
TGT_PORT=

tgt_a() {
	TGT_IPC_SOCKET=$TGT_DIR/tgt.ctl tgtadm --lld iscsi "$@"
}

# A port that nobody listens on: low enough not to be taken by an outgoing connection.
tgt_free_port() {
	local port
	for _ in {1..100}; do
		port=$((10000 + (RANDOM << 15 | RANDOM) % 20000))
		(: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port" && return; }
	done
	return 1
}

tgt_start() {
	TGT_DIR=$1
	for _ in {1..5}; do
		TGT_PORT=${2:-$(tgt_free_port)}
		rm -f "$TGT_DIR/tgt.ctl" "$TGT_DIR/tgt.ctl".*
		# The MALLOC_ settings keep tgtd from mapping a new buffer for every command: half the CPU.
		TGT_IPC_SOCKET=$TGT_DIR/tgt.ctl MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TOP_PAD_=16777216 \
			MALLOC_TRIM_THRESHOLD_=268435456 \
			tgtd -f -t 4 --iscsi portal="127.0.0.1:$TGT_PORT" >"$TGT_DIR/tgtd.log" 2>&1 &
		TGT_PID=$!
		for _ in {1..2000}; do
			tgt_a --mode target --op show >/dev/null 2>&1 &&
				(: <"/dev/tcp/127.0.0.1/$TGT_PORT") 2>/dev/null && return 0
			kill -0 "$TGT_PID" 2>/dev/null || break
			sleep .05
		done
		tgt_kill
		[ -z "${2:-}" ] || break
	done
	echo "tgtd does not start:" >&2
	cat "$TGT_DIR/tgtd.log" >&2
	return 1
}

tgt_target() {
	tgt_a --mode target --op new --tid "$1" -T "$2" && tgt_a --mode target --op bind --tid "$1" -I ALL
}

tgt_account() {
	tgt_a --mode account --op new --user "$1" --password "$2"
}

tgt_chap() {
	tgt_a --mode account --op bind --tid "$1" --user "$2"
}

tgt_chap_mutual() {
	tgt_a --mode account --op bind --tid "$1" --user "$2" --outgoing
}

tgt_lun() {
	tgt_a --mode logicalunit --op new --tid "$1" --lun "$2" -b "$(realpath "$3")" "${@:4}"
}

tgt_params() {
	tgt_a --mode logicalunit --op update --tid "$1" --lun "$2" --params "$3"
}

tgt_unlun() {
	for _ in {1..2000}; do
		tgt_a --mode logicalunit --op delete --tid "$1" --lun "$2" 2>/dev/null && return 0
		sleep .05
	done
	return 1
}

tgt_kill() {
	[ -n "$TGT_PID" ] || return 0
	kill -KILL "$TGT_PID" 2>/dev/null
	wait "$TGT_PID" 2>/dev/null
	TGT_PID=
	rm -f "$TGT_DIR/tgt.ctl" "$TGT_DIR/tgt.ctl".*
}

# There is nothing in tgtd that a kill could damage: what it has written is with the kernel.
tgt_stop() {
	tgt_kill
	return 0
}
