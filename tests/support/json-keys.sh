# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Whether the documents of a command hold what lunette-json(5) says. To be sourced behind tap.sh.

# The keys of documents, as the page has them: "disks[].name".
json_keys() {
	jq -r 'paths | select(.[-1] | type == "string") | map(if type == "number" then "[]" else "." + . end) | join("")' "$@" |
		sed 's/^\.//' | LC_ALL=C sort -u
}

# Those that the page lists of a command; json_listed COMMAND always: without those that are there
# only "if" something is so.
json_listed() {
	sed 's/\\-/-/g' "$TAP_TOP/backup/cmd/lunette-json.5" | awk -v command="$1" -v always="${2-}" '
		/^\.S[sh] / { if (key) print key; key = ""; on = $0 == ".Ss " command }
		on && /^\.(It|El)/ { if (key) print key; key = $3 }
		on && always && /^if / { key = "" }' | LC_ALL=C sort -u
}

# json_documented COMMAND FILE...: all keys of these documents are listed, if only as those of failures.
json_documented() {
	is "$1: every key is in lunette-json(5)" \
		"$(LC_ALL=C comm -23 <(json_keys "${@:2}") <({ json_listed "$1"; json_listed Failures; } | LC_ALL=C sort -u) | paste -sd' ')" ''
}

# json_frozen COMMAND FILE...: and all that are listed are in one of the documents.
json_frozen() {
	json_documented "$@"
	is "$1: every key of lunette-json(5) is there" "$(LC_ALL=C comm -13 <(json_keys "${@:2}") <(json_listed "$1" always) | paste -sd' ')" ''
}
