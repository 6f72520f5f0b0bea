#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# `lunette plugin-test` finds what is wrong with plug-ins that are wrong in one way each, and says so
# in the words that are expected here.
. "$(dirname "$0")/../support/tap.sh"
# shellcheck source=SCRIPTDIR/../support/reflink.sh
. "$TAP_TOP/tests/support/reflink.sh"
why=$(array_can xfs) || tap_skip_all "$why"
tap_begin
mkdir array
tap_at_exit array_stop
array_start "$TAP_DIR/array" xfs
# The second has the smaller name: what is sorted by name is not in order.
one=$(array_lun 2 8M)
two=$(array_lun 1 8M)
volume=$ARRAY_DIR/fs/lun2.img
dd if=/dev/urandom of="$volume" bs=1M count=3 conv=notrunc status=none
RIGHT=${LUNETTE%/*}/lunette-reflink
wrong=$TAP_DIR/wrong-plugin
try=("$LUNETTE" plugin-test --config "directory=$ARRAY_DIR/fs/snapshots" --config "control-socket=$ARRAY_DIR/tgt.ctl"
	--volume "$one" --volume "$two" --write-test "$volume" --kills 1 --limit 8)

touch wrong-plugin && chmod 755 wrong-plugin
finds() { # DEFECT PART 'WHAT IS NOT OK'
	printf '#!/bin/sh\nRIGHT=%q WRONG=%q exec %q "$@"\n' "$RIGHT" "$1" "$TAP_TOP/tests/support/wrong-plugin" >"$wrong"
	fails "$1 is found" 1 "^not ok [0-9]+ - $3" "${try[@]}" --part "$2" "$wrong"
	# What a wrong one left, the right one removes.
	"${try[@]}" --part protocol "$RIGHT" >/dev/null 2>&1
}

finds chatty protocol 'it starts and answers'
finds yes_to_unknown_verbs protocol 'an unknown verb is UNSUPPORTED'
finds no_message protocol 'an unknown verb is UNSUPPORTED'
finds vague protocol "map without 'initiator' is INTERNAL, which names it"
finds any_owner protocol "the owner 'lunette/h/j' is INTERNAL"
finds resolves_backwards protocol 'resolve answers in the order'
finds resolves_anything protocol 'resolve of an unknown LUN is NOT_FOUND'
finds hangs life 'commit of what was not prepared'
finds commits_unprepared life 'commit of what was not prepared is NOT_FOUND'
finds not_twice life 'prepare again is success again'
finds other_identity life 'lun-create again gives the same result'
finds other_size life 'snapshots have the sizes of their volumes'
finds hides_luns life 'list has the lun'
finds no_dependents life 'snap-delete with a LUN is HAS_DEPENDENTS'
finds deletes_mapped life 'lun-delete of a mapped LUN is IS_MAPPED'
finds never_unmaps life 'list has the mapping no longer'
finds leaves_luns life 'list has the lun no longer'
finds wrong_shape life 'map$'
finds takes_any_name names "the name 'a/b' is refused"
finds shares owners 'lun-delete of what another owner has is DENIED'
finds shows_all owners 'list does not show what another owner has'
finds other_identity luns 'VPD page 0x83 of the LUN is the identity'
finds open_to_all luns 'another initiator is not let in'
finds no_chap luns 'without CHAP nobody is let in'
finds leaks_secrets luns 'no secret was in an answer or in the log'
finds wrong_lun content 'the snapshot shows the volume as it was at the commit'
finds delta_too_little content "what 'delta' does not name is the same"
finds unsorted content 'delta$'
finds allocated_too_little content "what 'allocated' does not name reads as zero"
finds changes_with_the_volume content 'a snapshot does not change while its volume is written to'
finds too_late content 'the snapshot shows the volume as it was at the commit'
finds remembers kills 'killed in commit: list tells all'

fails 'what is no plug-in is an error' 1 'it starts and answers' "${try[@]}" /bin/cat
fails 'a part that there is not is wrong usage' 2 "there is no 'nothing'" "${try[@]}" --part nothing "$RIGHT"
ok 'the right one is right' "${try[@]}" --part life "$RIGHT"
is 'nothing is left over' "$(ls "$ARRAY_DIR/fs/snapshots")" ''
