#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# job-limits.sh - the real limits of the contract, by a clock outside of lunette: storage that answers in 8,
# 10, 58 and 61 s and never, and how long a program on the server could not write. Five minutes of
# waiting; run by `make check-long`.
# shellcheck disable=SC2016 # $0 and $1 are for the shell that is started
. "$(dirname "$0")/../support/tap.sh"
. "$TAP_TOP/tests/support/tgt.sh"
. "$TAP_TOP/tests/support/array.sh"
array_possible >/dev/null || tap_skip_all "$(array_possible)"
tap_begin
. "$TAP_TOP/tests/support/job-faults.sh"

limits() { # SNAPSHOT COMMIT
	sed -i "s/^snapshot = .*/snapshot = $1s/; s/^commit = .*/commit = $2s/; s/^freeze = .*/freeze = 60s/" job.conf
}
# A program on the server that writes every 20 ms, and says how long it was kept from it: the longest gap.
perl -MTime::HiRes=time,sleep -MIO::Handle -e '
	my ($file, $stop, $gap, $last) = (@ARGV, 0, time);
	while (!-e $stop) {
		open(my $out, ">", $file) or die; print $out time; $out->flush; $out->sync; close $out;
		my $now = time;
		if (-e "reset") { unlink "reset"; $gap = 0; } elsif ($now - $last > $gap) { $gap = $now - $last; }
		$last = $now;
		open($out, ">", "gap.new"); print $out int($gap * 1000); close $out; rename "gap.new", "gap";
		sleep .02;
	}' "$PWD/mnt/ticks" "$PWD/stop" &
tap_at_exit touch "$PWD/stop"

# FAULT STATUS MOST: the run ends with STATUS, and nobody was kept from writing for more than MOST ms
job() {
	local rc=0 gap
	rm -f fault && touch reset && sleep .2
	[ -z "$1" ] || echo "$1" >fault
	timeout 200 "$LUNETTE" job run --quiet job.conf || rc=$?
	rm -f fault
	sleep .2
	gap=$(cat gap)
	echo "status $rc, kept from writing for $gap ms" >&2
	[ "$rc" = "$2" ] && [ "$gap" -le "$3" ] && nothing_left
}

limits 9 10
ok 'storage that answers at once' job '' 0 3000
ok 'storage that answers in 8 s is in time' job 'commit delay 8' 0 9500
is 'that is a restore point' "$(restore_points)" 2
ok 'storage that answers in 10 s is late, and the server was thawed after 9' job 'commit delay 10' 1 10500
ok 'storage that never answers, too' job 'commit never' 1 10500
limits 59 60
ok 'a stand-alone server may wait for 58 s' job 'commit delay 58' 0 60000
is 'that is another one' "$(restore_points)" 3
ok 'but not for 61' job 'commit delay 61' 1 61000
is 'which is none' "$(restore_points)" 3
echo 'cluster = yes' >cluster && sed -i '/^agent = local/r cluster' job.conf
fails 'a cluster may not' 1 'cluster' "$LUNETTE" job check job.conf
