#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# LUNs of a real target: every way to log in, every way to be refused, and bytes that are the same.
set -u
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/tgt.sh"

tap_begin
tool=$(dirname "$LUNETTE")/tests/source/tool-read
ok 'a target starts' tgt_start "$TAP_DIR"
tap_at_exit tgt_stop
iqn=iqn.2026-11.test:read
url=iscsi://127.0.0.1:$TGT_PORT/$iqn
bob=iscsi://bob@127.0.0.1:$TGT_PORT/$iqn
tgt_target 1 $iqn

# ---- bytes ---------------------------------------------------------------------------------------

# Data, holes, data again, an end that is not a multiple of anything but the sector.
head -c 20M /dev/urandom >lun.img
truncate -s 60M lun.img
head -c 3M /dev/urandom >>lun.img
truncate -s $((90 * 1048576 + 4096)) lun.img
cp --sparse=always lun.img thin.img
cp --sparse=always lun.img large.img
tgt_lun 1 1 lun.img
tgt_lun 1 2 thin.img
tgt_params 1 2 thin_provisioning=1,scsi_sn=SN-2,scsi_id=naa.6000000000000002,vendor_id=ACME,product_id=ARRAY
tgt_lun 1 3 large.img --blocksize 4096

ok 'reads of whole sectors are right' "$tool" --compare lun.img "$url/1"
ok 'reads at odd offsets are right' "$tool" --compare lun.img --block 77777 --threads 8 "$url/1"
ok 'small reads are right' "$tool" --compare lun.img --block 100 --threads 3 --from 20971000 --to 20999999 "$url/1"
ok 'large reads are right' "$tool" --compare lun.img --block 16777216 --threads 2 "$url/1"
ok 'sectors of 4096 bytes are right' "$tool" --compare large.img "$url/3"
ok 'odd reads of sectors of 4096 bytes are right' "$tool" --compare large.img --block 54321 "$url/3"
is 'their size is told' "$("$tool" --to 1 "$url/3" | grep -o 'sector=[0-9]*')" sector=4096

out=$("$tool" --extents --block 65536 --compare thin.img "$url/2")
zeros=$(sed -n 's/.* zeros=\([0-9]*\).*/\1/p' <<<"$out")
ok 'most holes are told from data' test "$zeros" -gt 60000000
is 'identity: vendor, product, serial number and NAA' "${out%%$'\n'*}" \
	"size=94375936 sector=512 vendor='ACME' product='ARRAY' serial='SN-2' id='$(
		sed -n "s/.* id='\(naa\.6[0-9a-f]*0002\)'.*/\1/p" <<<"$out")'"
out=$("$tool" --extents --block 65536 --compare lun.img "$url/1")
is 'without the promise of zeros everything is read' "$(grep -o 'zeros=[0-9]*' <<<"$out")" zeros=0

truncate -s 3T big.img
printf 'near the end' | dd of=big.img bs=1 seek=$((3 * 1024 ** 4 - 512)) conv=notrunc status=none
printf 'past 2 TiB' | dd of=big.img bs=1 seek=$((2 * 1024 ** 4 + 1000)) conv=notrunc status=none
tgt_lun 1 4 big.img
tgt_params 1 4 thin_provisioning=1
ok 'a LUN of 3 TiB is read past 2 TiB' "$tool" --compare big.img --from $((2 * 1024 ** 4 - 5000000)) \
	--to $((2 * 1024 ** 4 + 5000000)) "$url/4"
ok 'a LUN of 3 TiB is read at its end' "$tool" --compare big.img --from $((3 * 1024 ** 4 - 5000000)) "$url/4"
ok 'its holes are skipped' "$tool" --extents --block $((16 * 1024 ** 2)) --from 4096 "$url/4"
ok 'a host name works like an address' "$tool" --to 100 "iscsi://localhost:$TGT_PORT/$iqn/1"

# ---- logging in ----------------------------------------------------------------------------------

fails 'no such host' 1 "host 'nosuchhost.invalid'" "$tool" iscsi://nosuchhost.invalid/$iqn/1
fails 'nobody listens' 1 'connection refused' "$tool" "iscsi://127.0.0.1:$(tgt_free_port)/$iqn/1"
fails 'no such target' 1 'no such target' "$tool" "${url/:read/:none}/1"
fails 'no such LUN' 1 'has no LUN 9' "$tool" "$url/9"
fails 'not a disk' 1 'LUN 0 is not a disk' "$tool" "$url/0"
fails 'not an iSCSI target' 1 'LUN 1 of .*(no answer|closed|connection|login)' \
	"$tool" --timeout 1 "iscsi://127.0.0.1:$( (
		exec 3>&1
		perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die;
			print $s->sockport, "\n"; close STDOUT; open STDOUT, ">", "/dev/null";
			$SIG{ALRM} = sub { exit }; alarm 5; $c = $s->accept; print $c "HTTP/1.0 400 no\r\n" x 9; sleep 3' 3>&- &
	))/$iqn/1"
fails 'a secret in the name is refused' 1 'secret does not belong' "$tool" "${bob/bob@/bob:hunter2@}/1"
fails 'and not repeated' 1 "^[^u]*error: LUN 'iscsi://\.\.\.@" "$tool" "${bob/bob@/bob%hunter2@}/1"

ok 'no CHAP is wanted, but offered' env TOOL_SECRET=secretsecret12 "$tool" --to 100 "$bob/1"
tgt_account bob secretsecret12
tgt_account alice targetsecret12
tgt_chap 1 bob
fails 'CHAP is wanted' 1 'wants CHAP' "$tool" "$url/1"
fails 'a user without a secret' 1 "user 'bob' is given, but no secret" "$tool" "$bob/1"
fails 'a wrong secret' 1 "refused the CHAP user or secret of 'bob'" env TOOL_SECRET=wrongwrongwrong "$tool" "$bob/1"
export TOOL_SECRET=secretsecret12
fails 'a wrong user' 1 "refused the CHAP user or secret of 'eve'" "$tool" "${bob/bob@/eve@}/1"
ok 'CHAP' "$tool" --compare lun.img --to 5000000 "$bob/1"

export TOOL_MUTUAL_SECRET=targetsecret12
fails 'a target that cannot prove itself' 1 'not set up to prove itself' "$tool" --mutual-user alice "$bob/1"
tgt_chap_mutual 1 alice
ok 'mutual CHAP' "$tool" --compare lun.img --to 5000000 --mutual-user alice "$bob/1"
fails 'a target with another name' 1 'failed to prove itself' "$tool" --mutual-user trudy "$bob/1"
fails 'mutual CHAP without a user of ours' 1 'logs in with CHAP' "$tool" --mutual-user alice "$url/1"
TOOL_MUTUAL_SECRET=wrongwrongwrong
fails 'a target with another secret' 1 'failed to prove itself' "$tool" --mutual-user alice "$bob/1"
ok 'one-way CHAP with a target that could do more' "$tool" --to 100 "$bob/1"

# ---- digests -------------------------------------------------------------------------------------

ok 'header digests, because we ask' "$tool" --header-digest --compare lun.img "$bob/1"
fails 'data digests cannot be had' 1 'data digests are not possible' "$tool" --data-digest "$bob/1"
tgt_a --op update --mode target --tid 1 -n HeaderDigest -v CRC32C
ok 'header digests, because the target insists' "$tool" --compare lun.img "$bob/1"
tgt_a --op update --mode target --tid 1 -n DataDigest -v CRC32C
ok 'a target that would like data digests too' "$tool" --compare lun.img "$bob/1"
