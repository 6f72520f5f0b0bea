#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What is written about the program is what the program does: every command and every option that
# --help shows is in its manual page and in the completion, and the README names no others.
. "$(dirname "$0")/../support/tap.sh"
tap_begin

cmd=$TAP_TOP/backup/cmd
commands=$("$LUNETTE" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
options() { # of a help text or a page
	grep -oE -- '--[a-z][a-z-]*' | sort -u
}
page_text() {
	sed 's/\\-/-/g; s/\\&//g' "$1" | sed -E 's/^\.(It )?//; s/Fl -([a-z])/--\1/g; s/Fl ([a-z])/-\1/g'
}
complete_word() { # what shells are told to offer behind these words
	"$LUNETTE" complete "$@" | cut -f1
}
missing() { # of the words in $1, those that are not among $2
	comm -23 <(sort -u <<<"$1") <(sort -u <<<"$2")
}

ok 'there are commands' [ -n "$commands" ]
is 'every command completes' "$(missing "$commands" "$(complete_word '')")" ''
is 'lunette(8) names every command' "$(missing "$commands" "$(grep -oE 'lunette-[a-z-]+' "$cmd/lunette.8" | sed 's/lunette-//')")" ''
is 'the README names no command that is not there' \
	"$(missing "$(grep -oE '^ *(\$|#) (sudo )?lunette [a-z]+' "$TAP_TOP/README.md" | grep -oE '[a-z]+$')" "$commands")" ''
for c in $commands; do
	# shellcheck disable=SC2016 # these backquotes are text
	"$LUNETTE" "$c" --help | sed 's/`[^`]*`//g' >help # but for what it says of others
	is "$c -h says the same as --help" "$("$LUNETTE" "$c" -h)" "$("$LUNETTE" "$c" --help)"
	is "$c --help says how it is used" "$(head -1 help | grep -oE "^Usage: lunette $c")" "Usage: lunette $c"
	page=$cmd/lunette-$c.8
	ok "$c has a manual page" [ -s "$page" ]
	is "lunette-$c(8) has every option" "$(missing "$(options <help)" "$(page_text "$page" | options)")" ''
	is "lunette-$c(8) has no option that is not there" \
		"$(missing "$(page_text "$page" | options)" "$(options <help; echo --help)")" ''
	is "every option of $c completes" "$(missing "$(options <help)" "$(complete_word "$c" --)")" ''
done
for c in $commands; do
	"$LUNETTE" "$c" --help | grep -q -- --json || continue
	ok "lunette-json(5) has what $c prints" grep -qE "^\.(Ss lunette|Cm) $c( |\$)" "$cmd/lunette-json.5"
done
is 'lunette(8) names every variable that counts' \
	"$(missing "$(grep -rhoE '"(LUNETTE_[A-Z_]+|TMPDIR)"' "$TAP_TOP"/backup --include='*.c' | tr -d '"')" "$(sed -n 's/^\.It Ev //p' "$cmd/lunette.8")")" ''
for variable in CHAP_SECRET CHAP_MUTUAL_SECRET; do
	is "every page of what takes SOURCEs has LUNETTE_$variable" \
		"$(grep -l 'Fl -chap-secret-file' "$cmd"/*.8 | xargs grep -L "LUNETTE_$variable")" ''
done
is 'so does what can be done with jobs' "$(complete_word job '' | paste -sd' ')" 'run check status recover cancel remove'
is 'and with keys' "$(complete_word key '' | paste -sd' ')" 'list add remove passwd export'
page=$TAP_TOP/backup/agent/lunette-agent.8
"$LUNETTE-agent" --help >help
is "lunette-agent(8) has every option" "$(missing "$(options <help)" "$(page_text "$page" | options)")" ''
is "lunette-agent(8) has no option that is not there" "$(missing "$(page_text "$page" | options)" "$(options <help)")" ''
for page in "$cmd"/*.8 "$cmd"/*.5 "$page"; do
	is "${page##*/} is well formed" "$(mandoc -T lint -W warning "$page" 2>&1 | grep -vE 'referenced manual not found')" ''
done
