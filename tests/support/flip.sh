# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# flip.sh - damages one object of a repository, asks every reader what it makes of it, and puts the
# object back. Source it behind tap.sh or call tests/bench/flip.
#
#   flip_seed N                 what follows is chosen by this number
#   flip_kinds REPO             the kinds of places there are: config, key, pack-chunk, ...
#   flip_bit REPO KIND          flips one bit in such a place; sets FLIP_KEY and FLIP_WHERE
#   flip_mutilate REPO HOW      cuts, empties, removes or swaps an object; 1 if there is none
#   flip_undo REPO              puts it back
#   flip_verdict REPO POINT IMG MNT    what the readers say; empty when all is as it should be:
#                               check finds the damage, nobody crashes, and what can be read of
#                               POINT's disk0 is what is in IMG. MNT: a folder to mount on, or ""

flip_seed() { RANDOM=$1; }

flip_below() { # N: sets FLIP_N, a number below N; in this shell, so that the seed counts
	FLIP_N=$(((RANDOM << 30 | RANDOM << 15 | RANDOM) % $1))
}

flip_list() { # REPO FOLDER
	[ "$2" = config ] && echo config && return
	(cd "$1" && find "$2" -type f -size +0 2>/dev/null | LC_ALL=C sort)
}

flip_kinds() {
	local folder
	echo config
	for folder in keys:key points:point leases:lease marks:mark; do
		[ -z "$(flip_list "$1" "${folder%:*}")" ] || echo "${folder#*:}"
	done
	printf '%s\n' index-header index-packs index-entries pack-header pack-chunk pack-table pack-trailer
}

flip_byte() { # FILE OFFSET BIT
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1") && chmod u+w "$1" &&
		printf '%b' "$(printf '\\x%02x' $((byte ^ (1 << $3))))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

flip_u32() { # FILE OFFSET: a little-endian number
	od -An -tu4 --endian=little -j "$2" -N 4 "$1" | tr -d ' '
}

flip_choose() { # REPO FOLDER: sets FLIP_KEY, and keeps a copy of that object
	local keys
	mapfile -t keys < <(flip_list "$1" "$2")
	((${#keys[@]})) || return 1
	flip_below ${#keys[@]}
	FLIP_KEY=${keys[FLIP_N]}
	rm -rf "$1.kept" && cp -a "$1/$FLIP_KEY" "$1.kept"
}

flip_bit() {
	local from=0 to file size table
	case $2 in
	key) flip_choose "$1" keys ;;
	config) flip_choose "$1" config ;;
	pack-*) flip_choose "$1" packs ;;
	index-*) flip_choose "$1" index ;;
	*) flip_choose "$1" "$2s" ;;
	esac || return
	file=$1/$FLIP_KEY size=$(stat -c %s "$1/$FLIP_KEY")
	to=$size
	case $2 in
	index-header) to=4096 ;;
	index-packs) from=4096 to=8192 ;; # of fewer than 102 packs
	index-entries) from=8192 ;;
	pack-header) to=16 ;;
	pack-trailer) from=$((size - 32)) ;;
	pack-chunk | pack-table)
		table=$(flip_u32 "$file" $((size - 12)))
		if [ "$2" = pack-chunk ]; then from=16 to=$table; else from=$table to=$((size - 32)); fi
		;;
	esac
	flip_below $((to - from))
	FLIP_WHERE="$FLIP_KEY byte $((from + FLIP_N)) bit $((RANDOM % 8))"
	flip_byte "$file" $((from + FLIP_N)) "${FLIP_WHERE##* }"
}

flip_mutilate() {
	local folders=(index packs) other
	[ "$2" = remove ] || folders+=(points config) # of what is not there nobody can know
	[ "$2" = swap ] && folders=(index packs points)
	flip_below ${#folders[@]}
	flip_choose "$1" "${folders[FLIP_N]}" || return
	FLIP_WHERE="$FLIP_KEY: $2"
	chmod u+w "$1/$FLIP_KEY"
	case $2 in
	cut)
		flip_below "$(stat -c %s "$1/$FLIP_KEY")"
		truncate -s "$FLIP_N" "$1/$FLIP_KEY"
		;;
	empty) : >"$1/$FLIP_KEY" ;;
	remove) rm "$1/$FLIP_KEY" ;;
	swap) # with what another object holds
		other=$(flip_list "$1" "${FLIP_KEY%%/*}" | grep -vxF "$FLIP_KEY" | head -1)
		[ -n "$other" ] && cat "$1/$other" >"$1/$FLIP_KEY"
		;;
	esac
}

flip_undo() {
	chmod u+w "$1/$FLIP_KEY" 2>/dev/null
	cp -a --remove-destination "$1.kept" "$1/$FLIP_KEY"
}

flip_run() { # SECONDS COMMAND...: says what is wrong with how it ended; sets FLIP_RC
	timeout --kill-after=5 "$1" "${@:2}" >"$FLIP_OUT" 2>&1 </dev/null
	FLIP_RC=$?
	((FLIP_RC <= 3)) || echo "status $FLIP_RC from: ${*:2}"
	! grep -qE 'Sanitizer|runtime error:|Assertion' "$FLIP_OUT" || echo "crash in: ${*:2}"
}

flip_mounted() { # REPO POINT IMG MNT
	local image
	# Whether it can be mounted at all is up to the damage.
	flip_run 240 "$LUNETTE" mount --repo "$1" "$2" "$4"
	((FLIP_RC == 0)) || return
	image=$4/disks/disk0.img
	if [ -r "$image" ] && cp "$image" "$FLIP_OUT.img" 2>/dev/null; then
		cmp -s "$FLIP_OUT.img" "$3" || echo "the mount gave wrong bytes"
	fi
	find "$4/volumes" -type f -path '*/files/*' -exec cat {} + >/dev/null 2>&1 # a crash is what counts
	[ -d "$4/disks" ] || echo "the mount died"
	rm -f "$FLIP_OUT.img"
	"$LUNETTE" umount "$4" >/dev/null 2>&1 || echo "the mount does not end"
}

flip_verdict() {
	local out
	FLIP_OUT=$(mktemp) && out=$FLIP_OUT
	flip_run 240 "$LUNETTE" check --repo "$1" --read-data
	((FLIP_RC == 1)) || echo "check ended with $FLIP_RC"
	flip_run 240 "$LUNETTE" list --repo "$1"
	flip_run 240 "$LUNETTE" show --repo "$1" "$2"
	rm -f "$out.img"
	flip_run 240 "$LUNETTE" restore --repo "$1" "$2" --disk disk0 "$out.img"
	((FLIP_RC != 0)) || cmp -s "$out.img" "$3" || echo "restore gave wrong bytes"
	rm -f "$out.img"
	[ -z "$4" ] || flip_mounted "$1" "$2" "$3" "$4"
	rm -f "$out"
}
