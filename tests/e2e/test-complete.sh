#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Completion: the program says what could stand at the cursor, and bash, zsh and fish offer that.
. "$(dirname "$0")/../support/tap.sh"
tap_begin

export LUNETTE_REPO=$TAP_DIR/repo LUNETTE_STATE=$TAP_DIR/state
shells=$TAP_TOP/contrib/completion
offered() { # what the program says of these words, without what it means
	"$LUNETTE" complete "$@" | cut -f1 | paste -sd' '
}

"$LUNETTE" init repo >/dev/null
truncate -s 1M disk.img && printf 'content' | dd of=disk.img conv=notrunc status=none
for name in web1 web2 "mail server"; do
	"$LUNETTE" backup --all-blocks --name "$name" disk.img >/dev/null 2>&1
done
"$LUNETTE" list --json >list.json
id=$(jq -r '.points[] | select(.name == "web1").id' list.json)
at() {
	jq -r --arg name "$1" '.points[] | select(.name == $name).time' list.json
}

is 'commands' "$(offered re)" 'restore repair'
is 'what is there to be done with jobs' "$(offered job c)" 'check cancel'
is 'options, also of groups' "$(offered list --pass)" '--password-file --password-command'
is 'words that an option takes' "$(offered plugin-test --part l)" 'life luns'
is 'points: the latest of each name, and each by its time' "$(offered show web)" \
	"web1@latest web1@$(at web1) web2@latest web2@$(at web2)"
is 'an id, when enough of it is there to be one' "$(offered show "${id:0:12}")" "$id"
is 'but not of less' "$(offered show "${id:0:7}")" ''
is 'several points' "$(offered pin web1@latest web2@l)" web2@latest
gone="web1@$(at web1)"
"$LUNETTE" forget "$gone" >/dev/null
is 'those that were forgotten, each by its time' "$(offered undelete '') $(offered show web1)" "$gone "
"$LUNETTE" undelete "$gone" >/dev/null
is 'names' "$(offered list we)" 'web1 web2'
is 'names or points' "$(offered copy --to /elsewhere web1)" 'web1 web1@latest web1@'"$(at web1)"
is 'a name behind an option' "$(offered backup --name m)" 'mail server'
is 'what a point holds' "$(offered restore web1@latest --disk '')" disk0
is 'the same behind an equals sign' "$(offered restore web1@latest --disk=)" --disk=disk0
is 'a repository that is named counts more' "$(offered list --repo /nowhere '')" ''
is 'files are left to the shell: a target' "$(offered restore web1@latest --disk disk0 '')" ''
is 'a source' "$(offered probe '')" ''
is 'what follows a second --' "$(offered pin -- --)" ''
is 'nothing for what is none' "$(offered nosuch '')" ''
is 'no word at all' "$("$LUNETTE" complete | grep -c .)" "$(offered '' | wc -w)"

mkdir -p state/nightly/runs
is 'jobs' "$(offered job status '')" nightly
mkdir jobs && touch jobs/nightly.conf jobs/weekly.conf jobs/other
is 'and those that have not run yet' "$(LUNETTE_JOBS=$PWD/jobs offered job run '' | tr ' ' '\n' | sort | paste -sd' ')" 'nightly weekly'
is 'jobs of another folder' "$(offered job status --state /nowhere '')" ''

echo secret >password && chmod 600 password
"$LUNETTE" init --encrypt --password-file password locked >/dev/null
is 'keys' "$(offered key remove --repo locked --password-file password '' | wc -w)" 1
is 'nobody is asked for a password' "$(timeout 10 script -qec "'$LUNETTE' complete key remove --repo locked ''" /dev/null </dev/null)" ''

# A name that could do something to a terminal, or be two lines.
"$LUNETTE" backup --all-blocks --name $'web3\n--evil' disk.img >/dev/null 2>&1
is 'names with control characters are not offered' "$(offered list web3)" ''

# ---- the shells
PATH=${LUNETTE%/*}:$PATH
bash_offers() { # behind this line
	(
		# shellcheck disable=SC1091
		. "$shells/lunette.bash"
		COMP_LINE="lunette $1" COMP_POINT=$((${#1} + 8)) COMP_WORDBREAKS=$' \t\n"\'@><=;|&(:'
		_lunette
		printf '%s\n' "${COMPREPLY[@]}" | paste -sd' '
	)
}
is 'bash: behind the @ that it takes for the end of a word' "$(bash_offers 'show web1@')" "latest $(at web1)"
is 'bash: behind the colons of a time' "$(bash_offers "show web1@$(at web1 | cut -c1-15)")" "$(at web1 | cut -d: -f2-)"
is 'bash: words with blanks are quoted' "$(bash_offers 'list mail')" 'mail\ server'
is 'bash: and understood' "$(bash_offers "show 'mail server@l'")" latest
is 'bash: files' "$(bash_offers 'probe ')" ''

if command -v zsh >/dev/null; then
	zsh_offers() {
		zsh -fc '
			_describe() { print -rl -- "${(@P)2}" }
			_files() { print FILES }
			compset() { : }
			words=("$@") CURRENT=$# PREFIX=${@[-1]}
			. '"$shells/_lunette" zsh lunette "$@" | paste -sd' '
	}
	is 'zsh: with what they mean' "$(zsh_offers rest)" "restore:$("$LUNETTE" complete rest | cut -f2)"
	is 'zsh: points' "$(zsh_offers show web1@l)" 'web1@latest:web1@latest'
	is 'zsh: files' "$(zsh_offers probe '')" FILES
else
	tap_skip 'zsh' 'it is not installed'
fi
if command -v fish >/dev/null; then
	fish_offers() {
		HOME=$TAP_DIR fish --no-config -c "source $shells/lunette.fish; complete -C 'lunette $1'" | paste -sd' '
	}
	is 'fish: with what they mean' "$(fish_offers rest)" "$("$LUNETTE" complete rest)"
	is 'fish: points' "$(fish_offers 'show web2@')" "web2@$(at web2) web2@latest"
	is 'fish: files' "$(fish_offers 'probe ./dis')" ./disk.img
else
	tap_skip 'fish' 'it is not installed'
fi
