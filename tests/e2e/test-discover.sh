#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# `probe iscsi://HOST`: targets and LUNs of a real target, and of one that lies. What is printed can be used.
set -u
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/tgt.sh"
. "$TAP_TOP/tests/support/json-keys.sh"

tap_begin
open=iqn.2026-11.test:open
closed=iqn.2026-11.test:closed
truncate -s 20M a.img
truncate -s 30M b.img
truncate -s 40M c.img
target() {
	tgt_start "$TAP_DIR" && tgt_target 1 $open && tgt_target 2 $closed && tgt_account bob secretsecret12 &&
		tgt_chap 2 bob && tgt_lun 1 1 a.img && tgt_lun 1 2 b.img --blocksize 4096 && tgt_lun 1 300 c.img &&
		tgt_params 1 1 scsi_sn=SN-1,scsi_id=naa.6000000000000001,vendor_id=ACME,product_id=ARRAY && tgt_lun 2 7 c.img
}
ok 'a target starts' target
tap_at_exit tgt_stop
portal=iscsi://127.0.0.1:$TGT_PORT
probe() { # NAME STATUS ARGUMENTS...: NAME.json
	local rc=0
	"$LUNETTE" probe --json "${@:3}" >"$1.json" 2>"$1.err" || rc=$?
	[ $rc = "$2" ] || { echo "status $rc" && cat "$1.json" "$1.err" && return 1; }
}
sources() { # NAME
	jq -r '.targets[].luns[].source // empty' "$1.json"
}

# ---- a portal ------------------------------------------------------------------------------------

ok 'targets and LUNs, with a warning for one that wants CHAP' probe portal 3 "$portal"
is 'both targets' "$(jq -r '.targets[].name' portal.json | sort | paste -sd' ')" "$closed $open"
is 'why one has no LUNs' "$(jq -r ".targets[] | select(.name == \"$closed\") | .reason, (.luns | length)" portal.json | paste -sd' ')" \
	'the target wants CHAP: give USER@ in front of the host, and a secret 0'
is 'its LUNs are SOURCEs' "$(sources portal | paste -sd' ')" "$portal/$open/1 $portal/$open/2 $portal/$open/300"
# shellcheck disable=SC2046 # the words are SOURCEs
ok 'each as it is' "$(dirname "$LUNETTE")/tests/source/tool-read" --compare c.img $(sources portal | tail -1)
is 'what they are' "$(jq -c ".targets[] | select(.name == \"$open\").luns[] | select(.lun == 1) | [.size, .sector_size, .vendor, .product, .serial, .reason]" portal.json)" \
	'[20971520,512,"ACME","ARRAY","SN-1",null]'
is 'and known by' "$(jq -r ".targets[] | select(.name == \"$open\").luns[] | select(.lun == 1).id" portal.json | grep -cE '^naa\.6.*1$')" 1
is 'sectors of 4096 bytes' "$(jq -c ".targets[] | select(.name == \"$open\").luns[] | select(.lun == 2) | [.size, .sector_size]" portal.json)" '[31457280,4096]'
is 'the controller is no disk, and no SOURCE' "$(jq -c ".targets[] | select(.name == \"$open\").luns[] | select(.lun == 0) | [.source, .size, (.reason | test(\"not a disk\"))]" portal.json)" '[null,null,true]'
json_frozen 'lunette probe iscsi://HOST' portal.json
fails 'the same for people' 3 "^$open" "$LUNETTE" probe "$portal"
is 'with the SOURCEs' "$(grep -c "^  $portal/$open/" .out)" 3
ok 'a slash behind it changes nothing' probe slash 3 "$portal/"
is 'nothing at all' "$(cmp portal.json slash.json 2>&1)" ''

# ---- with a secret -------------------------------------------------------------------------------

bob=iscsi://bob@127.0.0.1:$TGT_PORT
echo secretsecret12 >secret && chmod 600 secret
export LUNETTE_CHAP_SECRET=secretsecret12
ok 'with CHAP there is no warning' probe chap 0 "$bob"
is 'and the user is in the SOURCEs' "$(sources chap | grep -c "^$bob/$closed/7$")" 1
ok 'which can be read so' "$(dirname "$LUNETTE")/tests/source/tool-read" --to 0 "$portal/$open/1"
unset LUNETTE_CHAP_SECRET
ok 'the secret may be in a file' probe file 0 --chap-secret-file secret "$bob"
fails 'a user needs a secret' 1 "user 'bob' is given, but no secret" "$LUNETTE" probe "$bob"
fails 'a secret in the name is refused as ever' 1 'a secret does not belong' "$LUNETTE" probe "iscsi://bob%secretsecret12@127.0.0.1:$TGT_PORT"

# ---- one target ----------------------------------------------------------------------------------

ok 'the LUNs of one target' probe one 0 "$portal/$open"
is 'and no other' "$(jq -r '.targets | length' one.json) $(sources one | wc -l)" '1 3'
fails 'one that does not let us in is a failure' 1 "closed': the target wants CHAP" "$LUNETTE" probe "$portal/$closed"
fails 'so is one that is not there' 1 'there is no such target' "$LUNETTE" probe "$portal/iqn.2026-11.test:none"
fails 'and a port that nobody has' 1 'connection refused' "$LUNETTE" probe "iscsi://127.0.0.1:$(tgt_free_port)"
ok 'a target without LUNs' tgt_target 3 iqn.2026-11.test:empty
ok 'is listed' probe empty 0 "$portal/iqn.2026-11.test:empty"
is 'without a SOURCE' "$(sources empty)" ''
if tgt_a --mode portal --op new --param "portal=[::1]:$TGT_PORT" 2>/dev/null; then
	ok 'an IPv6 address' probe v6 3 "iscsi://[::1]:$TGT_PORT"
	ok 'its SOURCEs can be read' "$(dirname "$LUNETTE")/tests/source/tool-read" --compare a.img "$(sources v6 | head -1)"
else
	tap_skip 'an IPv6 address' 'this machine has none'
fi

# ---- other commands ------------------------------------------------------------------------------

"$LUNETTE" init repo >/dev/null && mkdir mnt
fails 'a backup wants a LUN' 1 "names no LUN.*\`lunette probe $portal\` lists" "$LUNETTE" backup --repo repo --name x "$portal"
fails 'so does a mount' 1 "names no LUN.*\`lunette probe $portal/$open\` lists" "$LUNETTE" mount "$portal/$open" mnt
fails 'and probe when there are several' 1 'names no LUN' "$LUNETTE" probe "$portal" a.img

# ---- what a portal may say -----------------------------------------------------------------------

liar() { # NAMES LUNS [mute]: sets liar
	printf '%b' "$1" >names
	printf '%b' "$2" >luns
	: >port
	"$TAP_TOP/tests/support/iscsi-liar.py" names luns "${@:3}" >port 2>liar.log &
	tap_at_exit kill $!
	tap_until [ -s port ]
	liar=iscsi://127.0.0.1:$(cat port)
}
is_soon() { # WHAT SECONDS COMMAND...: it ends by then
	local start=$EPOCHSECONDS
	"${@:3}"
	ok "$1" [ $((EPOCHSECONDS - start)) -le "$2" ]
}
liar '' '' mute
is_soon 'a mute portal is given up in time' 60 fails 'with its reason' 1 'no answer within 2 s' "$LUNETTE" probe --timeout 2 "$liar"

names='TargetName=iqn.2026-11.test:one\0TargetAddress=192.0.2.1:3260,1\0TargetName=iqn.a\x1b]0;x\a\xff\0TargetName=iqn.a/b\0'
names+='TargetName=iqn.2026-11.test:refused\0TargetName=evil\0'
# LUN 5, LUN 5 flat, on a bus, logical unit, extended, second level, LUN 6 behind what is told
luns='\0\0\0\060\0\0\0\0''\0\5\0\0\0\0\0\0''\x40\5\0\0\0\0\0\0''\1\5\0\0\0\0\0\0''\x80\5\0\0\0\0\0\0''\xd2\0\0\5\0\0\0\0''\0\5\0\1\0\0\0\0''\0\6\0\0\0\0\0\0'
liar "$names" "$luns"
ok 'a portal that lies' probe lies 3 --timeout 10 "$liar"
is 'all that it names is listed' "$(jq '.targets | length' lies.json)" 5
is 'names that no SOURCE can have say so' "$(jq -r '.targets[].reason' lies.json | grep -c 'no SOURCE can have that name')" 3
is 'one that does not let us in, too' "$(jq -r '.targets[3].reason' lies.json | grep -c 'does not let initiator')" 1
is 'a LUN that came twice is listed once, and said' "$(jq -c '.targets[0] | [(.luns | length), .reason]' lies.json)" \
	'[5,"it says that it has 6 LUNs, and only 5 of them are known"]'
is 'addresses that are no numbers' "$(jq -r '.targets[0].luns[] | select(.lun == null).address' lies.json | paste -sd' ')" \
	'0105000000000000 8005000000000000 d200000500000000 0005000100000000'
is 'a LUN that is named and not there' "$(jq -r '.targets[0].luns[0].reason' lies.json)" 'the target has no LUN 5'
is 'nothing of it is a SOURCE' "$(sources lies)" ''
json_frozen 'lunette probe iscsi://HOST' portal.json lies.json
fails 'for people' 3 'LUN 0xd200000500000000' "$LUNETTE" probe --timeout 10 "$liar"
is 'nothing that a terminal obeys is printed' "$(LC_ALL=C grep -c $'[\x1b\a\xff]' .out)" 0

# A portal that knows of a target at another one, of which the first address leads nowhere.
ok 'a target of another portal' tgt_target 4 iqn.2026-11.test:elsewhere
tgt_lun 4 1 a.img
printf 'TargetName=iqn.2026-11.test:elsewhere\0TargetAddress=127.0.0.1:%d,1\0TargetAddress=nonsense;:1,1\0TargetAddress=127.0.0.1:%d,1\0' \
	"$TGT_PORT" "$(tgt_free_port)" >names
ok 'is asked where it says that it is' probe elsewhere 0 --timeout 10 "$liar"
is 'and is a SOURCE there' "$(sources elsewhere)" "$portal/iqn.2026-11.test:elsewhere/1"
printf 'TargetName=iqn.2026-11.test:elsewhere\0TargetAddress=127.0.0.1:%d,1\0' "$(tgt_free_port)" >names
ok 'one that is nowhere' probe nowhere 3 --timeout 10 "$liar"
is 'is said not to be at the portal' "$(jq -r '.targets[0].reason' nowhere.json)" "there is no such target on '127.0.0.1'"

printf 'TargetAddress=192.0.2.1:3260,1\0' >names
fails 'an address without a name' 1 'does not say which targets it has' "$LUNETTE" probe --timeout 10 "$liar"
head -c 100000 /dev/zero | tr '\0' A >names
fails 'no names at all' 1 'does not say which targets it has' "$LUNETTE" probe --timeout 10 "$liar"
: >names
fails 'none' 1 'shows no target to initiator' "$LUNETTE" probe --timeout 10 "$liar"
ok 'none, in JSON' probe none 1 --timeout 10 "$liar"
json_frozen 'lunette probe iscsi://HOST' portal.json lies.json none.json
{ printf 'TargetName=iqn.'; head -c 1000 /dev/zero | tr '\0' a; printf '\0'; } >names
ok 'a name that is too long' probe long 3 --timeout 10 "$liar"
is 'is not one that is cut' "$(jq -r '.targets[0].reason' long.json)" 'no SOURCE can have that name'
for i in {1..1030}; do printf 'TargetName=iqn.refused:%d\0' "$i"; done >names
ok 'more targets than anybody has' probe many 3 --timeout 10 "$liar"
is 'are counted' "$(jq -c '[(.targets | length), .unlisted]' many.json)" '[1024,6]'
for i in {1..40}; do printf 'TargetName=iqn.mute:%d\0' "$i"; done >names
is_soon 'many that are mute are not waited for one by one' 60 probe mute 3 --timeout 2 "$liar"
is 'and said to be' "$(jq -r '.targets[].reason' mute.json | sort | uniq -c | sed 's/^ *//' | paste -sd';')" \
	'3 login: no answer within 2 s;37 not asked: waiting for the others took too long'
