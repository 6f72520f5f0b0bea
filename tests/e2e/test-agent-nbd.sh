#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The agent's NBD server with the clients that everybody has, and with ours.
. "$(dirname "$0")/../support/tap.sh"
tap_begin
agent=${LUNETTE_AGENT:-$LUNETTE-agent}
for tool in nbdinfo nbdcopy socat; do
	command -v "$tool" >/dev/null || tap_skip_all "no $tool"
done

head -c 3M /dev/urandom >disk.img
truncate -s 40M disk.img
head -c 1000 /dev/urandom >>disk.img # an end that is on no sector
socat "UNIX-LISTEN:$PWD/sock,fork" "EXEC:$agent --nbd $PWD/disk.img" 2>/dev/null &
tap_at_exit kill $!
tap_until [ -S sock ]
uri="nbd+unix:///?socket=$PWD/sock"

is 'its size' "$(nbdinfo --size "$uri")" $((40 * 1048576 + 1000))
ok 'it cannot be written' nbdinfo --is read-only "$uri"
ok 'nbdcopy reads it' nbdcopy "$uri" copy.img
ok 'the same' cmp disk.img copy.img
is 'holes are told' "$(nbdinfo --map --json "$uri" | jq -c '[.[] | select(.type == 3)] | length > 0')" true
# shellcheck disable=SC2016 # the inner shell expands these
ok 'a client that says nothing is left' bash -c ': | "$0" --nbd disk.img >/dev/null' "$agent"
# shellcheck disable=SC2016
fails 'a client that says nonsense is left' 1 'lunette-agent: ' bash -c 'head -c 4096 /dev/zero | "$0" --nbd disk.img | cat >/dev/null; exit "${PIPESTATUS[1]}"' "$agent"
fails 'what cannot be opened has a reason' 1 "lunette-agent: open '/none': No such file" "$agent" --nbd /none
tool=$(dirname "$LUNETTE")/tests/source/tool-nbd
"$tool" "$agent" --nbd "$PWD/disk.img" >ours.img
ok 'our own client reads the same' cmp disk.img ours.img
fails 'it says when nobody serves' 1 "'/bin/false': connect: " "$tool" /bin/false
