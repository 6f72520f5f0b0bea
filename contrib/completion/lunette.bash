# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of lunette for bash. Commands and options are what the program's own help names, so
# that there is one list of them.

_lunette() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]} words
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		words=$("$program" --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
		mapfile -t COMPREPLY < <(compgen -W "$words --help --version" -- "$cur")
	elif [[ $cur == -* ]]; then
		words=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null | grep -oE -- '(^|[ ,[|(])--?[a-z][a-z-]*' |
			grep -oE -- '--?[a-z-]+')
		mapfile -t COMPREPLY < <(compgen -W "$words --help" -- "$cur")
	elif [[ ${COMP_WORDS[1]} == job ]] && ((COMP_CWORD == 2)); then
		mapfile -t COMPREPLY < <(compgen -W 'run check status recover cancel' -- "$cur")
	elif [[ $prev == --progress ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'json' -- "$cur")
	else # files and folders
		compopt -o default 2>/dev/null
	fi
}
complete -F _lunette lunette
