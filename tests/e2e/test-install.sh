#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# `make install` and `make uninstall`: what is put where, that it works there, and that it all goes.
. "$(dirname "$0")/../support/tap.sh"
tap_begin

# The program that is being tested is what is installed: nothing is built for this.
root=$TAP_DIR/root
O=$(dirname "$LUNETTE")
in_tree() {
	make --no-print-directory -C "$TAP_TOP" O="$O" -o "$O/lunette" -o "$O/lunette-agent" "$@"
}
files() {
	(cd "$root" && find . ! -type d | LC_ALL=C sort)
}

mkdir -p "$root/usr/share/man/man8" && echo theirs >"$root/usr/share/man/man8/other.8"
ok 'make install works' in_tree install DESTDIR="$root" PREFIX=/usr
is 'the programs are there, and nothing else that runs' "$(cd "$root" && find . -type f -perm /111 ! -path '*/plugins/*' | sort | tr '\n' ' ')" \
	'./usr/bin/lunette ./usr/sbin/lunette-agent '
ok 'it runs from there' "$root/usr/bin/lunette" --version
ok 'and so does the agent' "$root/usr/sbin/lunette-agent" --version
for completion in bash-completion/completions/lunette zsh/vendor-completions/_lunette fish/vendor_completions.d/lunette.fish; do
	ok "the completion is where ${completion%%[-/]*} looks" [ -f "$root/usr/share/$completion" ]
done
for page in "$TAP_TOP"/backup/cmd/*.8 "$TAP_TOP"/backup/agent/*.8; do
	ok "the manual page ${page##*/} is where man looks" cmp "$page" "$root/usr/share/man/man8/${page##*/}"
done
for page in "$TAP_TOP"/backup/cmd/*.5; do
	ok "so is ${page##*/}" cmp "$page" "$root/usr/share/man/man5/${page##*/}"
done
is 'the unit runs the installed program' "$(grep -o '^ExecStart=[^ ]*' "$root/usr/lib/systemd/system/lunette-job@.service")" \
	ExecStart=/usr/bin/lunette
if command -v systemd-analyze >/dev/null; then
	mkdir units && for unit in "$root"/usr/lib/systemd/system/*; do
		sed "s,/usr/bin/lunette,$LUNETTE," "$unit" >"units/${unit##*/}"
	done
	is 'systemd finds nothing wrong with the units' "$(systemd-analyze verify --man=no units/* 2>&1 | grep lunette)" ''
else
	tap_skip 'systemd finds nothing wrong with the units' 'there is no systemd-analyze'
fi
is 'there are units for jobs, prune and check, and their timers' "$(cd "$root/usr/lib/systemd/system" && echo *)" \
	'lunette-check@.service lunette-check@.timer lunette-job@.service lunette-job@.timer lunette-prune@.service lunette-prune@.timer'
for document in README.md NEWS HACKING.md PROTOCOL.md AGENT-PROTOCOL.md FORMAT.md; do
	ok "the document $document is installed" [ -s "$root/usr/share/doc/lunette/$document" ]
done
is 'the version is that of NEWS' "$("$root/usr/bin/lunette" --version)" "lunette $(sed -n '1s/^lunette \([0-9.]*\).*/\1/p' "$TAP_TOP/NEWS")"
is 'clangd finds the headers of every room' \
	"$(cd "$TAP_TOP" && comm -23 <(find volume fs backup -name '*.h' ! -path '*/windows/*' -printf '%h\n' | sort -u) <(sed -n 's/^-I//p' compile_flags.txt | sort))" ''
ok 'there is an example of a job file' [ -s "$root/usr/share/doc/lunette/job.conf.example" ]
ok 'and of one for the repository of a timer' [ -s "$root/usr/share/doc/lunette/repo.example" ]
ok 'a second install works too' in_tree install DESTDIR="$root" PREFIX=/usr
ok 'make uninstall works' in_tree uninstall DESTDIR="$root" PREFIX=/usr
is 'nothing is left but what was there before' "$(files)" ./usr/share/man/man8/other.8
ok 'nothing to uninstall is no error' in_tree uninstall DESTDIR="$root" PREFIX=/usr
