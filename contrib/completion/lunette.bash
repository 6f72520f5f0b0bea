# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of lunette for bash. What could stand at the cursor says the program itself; where it
# says nothing, bash offers files and folders.

_lunette() {
	local line=${COMP_LINE:0:COMP_POINT} words begun broken
	mapfile -t words < <(xargs printf '%s\n' <<<"$line" 2>/dev/null)
	[[ $line == *[[:space:]] ]] && words+=('')
	words=("${words[@]/#\~\//$HOME/}")
	begun=${words[-1]}
	mapfile -t COMPREPLY < <("${words[0]}" complete "${words[@]:1}" 2>/dev/null | cut -f1)
	if ((${#COMPREPLY[@]} == 0)); then
		compopt -o default 2>/dev/null
		return
	fi
	# bash takes what is behind the last of these for the word.
	broken=${begun%"${begun##*["${COMP_WORDBREAKS-}"]}"}
	COMPREPLY=("${COMPREPLY[@]#"$broken"}")
	mapfile -t COMPREPLY < <(printf '%q\n' "${COMPREPLY[@]}")
}
complete -F _lunette lunette
