#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# lunette-ceph-rbd on a real cluster: keeps the protocol; delta and allocated name all that random
# writes changed; a killed tgtd and a missing pool end in words.
. "$(dirname "$0")/../support/tap.sh"
# shellcheck source=SCRIPTDIR/../support/tgt.sh
. "$TAP_TOP/tests/support/tgt.sh"
# shellcheck source=SCRIPTDIR/../support/ceph.sh
. "$TAP_TOP/tests/support/ceph.sh"
why=$(ceph_can) || tap_skip_all "$why"
[ -e /usr/lib/tgt/backing-store/bs_rbd.so ] || tap_skip_all 'tgt-rbd is missing: contrib/setup --ceph'
tap_begin
PLUGIN=${LUNETTE%/*}/lunette-ceph-rbd
tap_at_exit ceph_stop
tap_at_exit tgt_stop
ceph_start "$TAP_DIR/ceph" && ceph osd pool create lab 4 2>/dev/null || exit
tgt_start "$TAP_DIR" && tgt_target 1 iqn.2026-11.lunette.test:ceph || exit
for i in 1 2; do
	rbd create "lab/disk$i" --size 16M
	tgt_a --mode logicalunit --op new --tid 1 --lun "$i" -b "lab/disk$i" --bstype rbd --bsopts "conf=$CEPH_CONF;id=admin" || exit
	tgt_params 1 "$i" "scsi_id=naa.6000000000000000000000000000000$i"
done
id=naa.6000000000000000000000000000000
settings=(pool=lab "conf=$CEPH_CONF" "control-socket=$TAP_DIR/tgt.ctl")
CONFIG=$(printf '%s\n' "${settings[@]}" several=one-after-another | jq -Rn '[inputs / "=" | {(.[0]): .[1]}] | add')

ask() { # VERB 'jq object of parameters': the reply
	jq -nc --argjson c "$CONFIG" "{config: \$c, owner: \"lunette/host/job/run\"} + $2" | "$PLUGIN" "$1"
}
accepts() { # VERB PARAMS
	ask "$1" "$2" | tee /dev/stderr | jq -e .ok >/dev/null
}
code() { # VERB PARAMS
	ask "$1" "$2" | jq -r .error.code
}
# Every byte of two files that differs is in the list of ranges on standard input.
covers() { # A B
	jq -r '.result.extents[] | @tsv' >ranges
	cmp -l "$1" "$2" | awk 'BEGIN { n = i = 0 } NR == FNR { start[n] = $1; end[n++] = $1 + $2; next }
		{ at = $1 - 1; while (i < n && end[i] <= at) i++; if (i == n || start[i] > at) { print "not in it: byte", at; exit 1 } }' ranges -
}
scribble() {
	rbd bench --io-type write --io-size 4096 --io-total "$1" --io-pattern rand lab/disk1 >/dev/null 2>&1
}

scribble 1M
# Not all parts: names and owners are the kit's, as reflink's are, and each call takes a tenth of a second.
for part in protocol life luns kills; do
	ok "it keeps the protocol: $part" "$LUNETTE" plugin-test "${settings[@]/#/--config=}" --config several=one-after-another \
		--volume "${id}1" --volume "${id}2" --kills 1 --part "$part" "$PLUGIN"
done
is 'nothing is left in the pool' "$(rbd ls lab | tr '\n' ' ')$(rbd snap ls lab/disk1 --all)" 'disk1 disk2 lunette-notes '
ok 'it keeps the protocol without several volumes, too' "$LUNETTE" plugin-test "${settings[@]/#/--config=}" \
	--volume "${id}1" --volume "${id}2" --part life "$PLUGIN"

accepts prepare '{name: "s1", volumes: ["disk1"]}' >/dev/null 2>&1
ok 'a snapshot is taken' accepts commit '{name: "s1", volumes: ["disk1"]}'
scribble 256K
accepts prepare '{name: "s2", volumes: ["disk1"]}' >/dev/null 2>&1
accepts commit '{name: "s2", volumes: ["disk1"]}' >/dev/null 2>&1
rbd export lab/disk1@lunette.s1 one 2>/dev/null
rbd export lab/disk1@lunette.s2 two 2>/dev/null
truncate -s 16M zero
fails 'the two snapshots differ' 1 differ cmp one two
ok 'delta has all that changed' covers one two < <(ask delta '{from: "s1:0", to: "s2:0"}')
ok 'allocated has all that is there' covers zero two < <(ask allocated '{snapshot: "s2:0"}')
is 'delta backwards is a CONFLICT' "$(code delta '{from: "s2:0", to: "s1:0"}')" CONFLICT
is 'a pool that there is not is named' "$(CONFIG=${CONFIG/lab/none} ask probe '{}' | jq -r .error.message)" \
	"setting 'pool': there is no pool 'none'"
is 'the setting volumes says what tgtd does not' \
	"$(CONFIG=$(jq '. + {volumes: "naa.6abc=disk2"}' <<<"$CONFIG") ask resolve '{luns: [{identity: "naa.6abc"}]}' | jq -r '.result.volumes[].volume')" disk2
tgt_kill
is 'without tgtd probe is UNREACHABLE' "$(code probe '{}')" UNREACHABLE
ok 'without tgtd snapshots are removed' accepts snap-delete '{snapshot: "s1:0"}'
accepts abort '{name: "s2"}' >/dev/null 2>&1
is 'nothing is left' "$(ask list '{}' | jq -c .)" '{"ok":true,"result":{"objects":[]}}'
