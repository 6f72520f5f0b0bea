# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of lunette for bash. Commands, options and what follows `job` or `key` are what the
# program's own help lists, so that there is one list of them.

_lunette() {
	local cur=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} words
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		words=$("$program" --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
		mapfile -t COMPREPLY < <(compgen -W "$words --help --version" -- "$cur")
	elif [[ $cur == -* ]]; then
		words=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null |
			sed -nE 's/^  (-[a-z])?,? ?(--[a-z-]+).*/\1 \2/p')
		mapfile -t COMPREPLY < <(compgen -W "$words --help" -- "$cur")
	elif [[ ${COMP_WORDS[1]} =~ ^(job|key)$ ]] && ((COMP_CWORD == 2)); then
		words=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null | sed -nE 's/^.{6} lunette [a-z]+ ([a-z]+)( .*|$)/\1/p')
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	else # files and folders
		compopt -o default 2>/dev/null
	fi
}
complete -F _lunette lunette
