#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# How a backup is done: what it may use of memory, processors and the storage, what it says about
# that, and what is left of one that was killed.
. "$(dirname "$0")/../support/tap.sh"
tap_begin
head -c 320M /dev/urandom >raw.img
head -c 24M raw.img >small.img
backup() { # REPO SOURCE OPTION...
	[ -e "$1" ] || "$LUNETTE" init "$1" >/dev/null
	"$LUNETTE" backup --repo "$1" --name x --all-blocks --json "${@:3}" "$2"
}
kib() { # of all packs
	du -sk "$1/packs" | cut -f1
}

# ---- processors --------------------------------------------------------------------------------

for n in 1 2 7; do
	ok "with $n threads" backup "threads$n" raw.img --threads $n
	mv .out report.json
	is 'it says so' "$(jq .times.threads report.json)" $n
	(cd "threads$n" && find packs -type f | sort) >"threads$n.list"
done
is 'what is stored is the same' "$(sort -u threads*.list | wc -l)" "$(wc -l <threads1.list)"
rm -rf threads2 threads7
is 'nothing shrank: it is stored as it is' "$(jq '.stats | .stored - .new < 100000' report.json)" true
is 'times are told, and what held it up' \
	"$(jq -r '.times | [.read, .hash, .compress, .add, .commit, .wait] | all(. >= 0)' report.json) $(
		jq -r '.times.bottleneck | test("^(read|hash|compress|write)$")' report.json)" 'true true'
fails 'no threads at all' 2 "'0': a number from 1 to 64" "$LUNETTE" backup --name x --threads 0 raw.img

# ---- memory ------------------------------------------------------------------------------------

most() { # OPTION...: KiB of memory that a backup takes, at most
	local pid peak=0 now
	rm -rf memory
	"$LUNETTE" init memory >/dev/null
	backup memory raw.img --limit 160M "$@" >/dev/null &
	pid=$!
	while now=$(awk '/^VmHWM/ { print $2 }' "/proc/$(pgrep -P $pid -x lunette || echo $pid)/status" 2>/dev/null) &&
		[ -n "$now" ]; do
		peak=$((now > peak ? now : peak))
		sleep .1
	done
	wait $pid && echo $peak
}
default=$(most)
little=$(most --memory 4M)
ok "less memory is less: $little KiB, $default by default" [ "$little" -lt $((default - 25000)) ]
ok 'the default is modest' [ "$default" -lt $((150 << 10)) ]
fails 'too little' 1 '1 MiB of memory are not enough: this repository.s chunks need at least 4 MiB' \
	"$LUNETTE" backup --repo memory --name x --all-blocks --memory 1M small.img
fails 'not a size' 2 "--memory 'lots': a number of bytes" "$LUNETTE" backup --name x --memory lots small.img
rm -rf memory

# ---- the storage -------------------------------------------------------------------------------

ok 'a limit' backup limit small.img --limit 4M
is 'is kept, and told' "$(jq -r '(.seconds >= 5.2) and .times.limit > 1' .out) $(jq -r .times.bottleneck .out)" 'true limit'
fails 'a limit of nothing' 2 "--limit '0'" "$LUNETTE" backup --name x --limit 0 small.img
"$LUNETTE" backup --repo limit --name y --all-blocks --limit 20K raw.img >stop.log 2>&1 &
pid=$!
until (("0x$(awk '/^SigCgt/ { print $2 }' /proc/$pid/status)" & 1 << 14)); do sleep .05; done
sleep .5
begin=${EPOCHREALTIME/./}
kill -TERM $pid
wait $pid
status=$?
took=$(((${EPOCHREALTIME/./} - begin) / 1000))
ok "who waits for it is stopped soon, after $took ms" [ $took -lt 60000 ]
ok 'in an orderly way' grep -q 'interrupted: the backup is not finished' stop.log
is 'status' $status 1

# ---- killed, and again -------------------------------------------------------------------------

full=$(kib threads1)
for after in 64 128; do # an index is written after so many MiB
	rm -rf killed
	"$LUNETTE" init killed >/dev/null
	"$LUNETTE" backup --repo killed --name x --all-blocks --limit 40M raw.img >killed.log 2>&1 &
	pid=$!
	until [ "$(find killed/index -type f 2>/dev/null | wc -l)" -ge $((after / 64)) ] || ! kill -0 $pid; do
		sleep .02
	done
	sleep "0.$((RANDOM % 3))"
	kill -KILL $pid
	wait $pid 2>/dev/null
	is "killed after $after MiB: there is no restore point" "$("$LUNETTE" list --repo killed --json | jq -c .points)" '[]'
	ok 'it runs again' backup killed raw.img
	ok 'and finds what was stored' jq -e ".stats.known >= $after * 1048576 * 9 / 10" .out
	ok 'so that little is there twice' [ "$(kib killed)" -le $((full + full / 8)) ]
	"$LUNETTE" restore --repo killed x@latest --disk disk0 back.img >/dev/null
	ok 'and comes back the same' cmp back.img raw.img
	rm -f back.img
done
