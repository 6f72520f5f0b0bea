#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# lunette-agent looks at snapshot LUNs through a real iSCSI target: only one that shows its own disk is
# right.
. "$(dirname "$0")/../support/tap.sh"
tap_begin
. "$TAP_TOP/tests/support/agent.sh"
. "$TAP_TOP/tests/support/thaw.sh"
. "$TAP_TOP/tests/support/tgt.sh"
[ "$(id -u)" = 0 ] || tap_skip_all 'only root may freeze'
command -v mkfs.ext4 >/dev/null || tap_skip_all 'no mkfs.ext4'

disk=$(server_disk a.img 64M) && tap_at_exit losetup -d "$disk"
mkfs.ext4 -q "$disk"
thaw_mount "$disk" m
tap_at_exit tgt_stop
tgt_start "$TAP_DIR" && tgt_target 1 iqn.2026-11.test:array
tgt_account backup chapsecret123456 && tgt_chap 1 backup

exec {secrets}<<<'{"chap_user":"backup","chap_secret":"chapsecret123456"}'
LUNETTE_SECRETS_FD=$secrets agent_start
exec {secrets}<&-
agent_call hello '{"protocols":[1]}'
agent_call prepare "{\"session\":\"s\",\"volumes\":[\"$PWD/m\"],\"identities\":{\"$disk\":\"naa.6000000000000001\"}}"
agent_send snap snapshot '{"session":"s","commit_limit_ms":9000,"freeze_limit_ms":20000}'
agent_until '.event == "commit-now"'
cp a.img snapshot.img
agent_send com committed '{"session":"s","ok":true}'
agent_until '.id == "snap"'
is 'the snapshot is consistent' "$(agent_get .result.consistency)" '"filesystem"'

cp snapshot.img short.img && truncate -s -1M short.img
cp snapshot.img other.img && mkfs.ext4 -qF -U random other.img
lun=0
for file in snapshot short other; do
	lun=$((lun + 1))
	tgt_lun 1 "$lun" "$file.img"
	tgt_params 1 "$lun" "scsi_id=naa.600000000000010$lun,scsi_sn=SN$lun"
done
ok 'the name to log in with' agent_call finish-info '{"session":"s"}'
initiator=$(agent_get '.result.initiator')
ok 'it is an iSCSI name' grep -qE '^"(iqn|eui|naa)\.' <<<"$initiator"

finish() { # LUN [SIZE [IDENTITY [ORIGINAL]]]
	agent_call finish "$(jq -nc --argjson number "$1" --argjson size "${2:-67108864}" --arg id "${3:-naa.6000000000000aa0600000000000010$1}" \
		--arg original "${4:-naa.6000000000000001}" --arg portal "localhost:$TGT_PORT" --argjson initiator "$initiator" \
		'{session:"s", $initiator, luns:[{identity:$id, $original, portals:["127.0.0.1:1", "localhost:1", $portal], target:"iqn.2026-11.test:array", $number, $size, chap:true}]}')"
}
verdict() { # a finish, in one word or sentence
	finish "$@" && jq -r '.result.luns[0] | if .ok then "right" else .why end' <<<"$LINE"
}
is 'the snapshot of the disk is right' "$(verdict 1)" right
finish 1
is 'what the storage says of itself is recorded' "$(agent_get '.result.metadata["naa.6000000000000aa06000000000000101"] | [.disk, .serial]')" "[\"$disk\",\"SN1\"]"
is 'a LUN of another size is wrong' "$(verdict 2 66060288)" \
	'its size is wrong: it has 66060288 bytes, its original 67108864, and the storage said 66060288'
is 'also when the storage says otherwise' "$(verdict 2)" \
	'its size is wrong: it has 66060288 bytes, its original 67108864, and the storage said 67108864'
is 'another disk is wrong' "$(verdict 3)" "it shows another disk: partition table and identifiers are not those of '$disk'"
is 'another identity is wrong' "$(verdict 1 67108864 naa.6000000000000909)" \
	"it is another LUN: it should be 'naa.6000000000000909', it is 'naa.6000000000000aa06000000000000101'"
is 'an original that nobody knows is wrong' "$(verdict 1 67108864 naa.6000000000000aa06000000000000101 naa.5)" \
	"its original 'naa.5' is no disk of this session"
ok 'a LUN that is not there has a reason' grep -q 'LUN 9' <<<"$(verdict 9)"
agent_stop
is 'the agent ends well' $? 0
ok 'the secret is in no log' bash -c '! grep -q chapsecret agent.log agent.err'

# ---- without secrets, and with secrets in the first line
agent_start
agent_call hello '{"protocols":[1]}'
agent_call prepare "{\"session\":\"s\",\"volumes\":[\"$PWD/m\"],\"identities\":{\"$disk\":\"naa.6000000000000001\"}}"
is 'without secrets there is no login' "$(verdict 1)" 'it wants CHAP, and no secrets were given'
agent_stop
AGENT_ARGS=--secrets-stdin agent_start
echo '{"secrets":{"chap_user":"backup","chap_secret":"chapsecret123456"}}' >&"$AGENT_IN"
agent_call hello '{"protocols":[1]}'
agent_call prepare "{\"session\":\"s\",\"volumes\":[\"$PWD/m\"],\"identities\":{\"$disk\":\"naa.6000000000000001\"}}"
is 'secrets of the first line log in' "$(verdict 1)" right
agent_stop
