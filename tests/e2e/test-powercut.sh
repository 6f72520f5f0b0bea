#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The power goes, at every moment of what writes to a repository: whatever a file system that keeps
# its promises, and no more than these, may have left then, the repository is whole and has all
# restore points that somebody was told of.
. "$(dirname "$0")/../support/tap.sh"
tap_begin
record=$(dirname "$LUNETTE")/tests/base/tool-record
powercut=$TAP_TOP/tests/support/powercut.py
export LUNETTE ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS:-}" # that one cannot be traced
"$record" probe . -- true 2>probe.err || tap_skip_all "no program can be traced here: $(cat probe.err)"

# One recorded command. What there is afterwards is what somebody was told.
commands=0
does() {
	"$record" log world -- "$@" >said 2>&1 || { cat said && return 1; }
	commands=$((commands + 1))
	ls world/repo/points >points.$commands 2>/dev/null || : >points.$commands
}
backup() { # NAME IMAGE
	does "$LUNETTE" backup --repo world/repo --name "$1" --all-blocks "$2"
}
id_of() {
	"$LUNETTE" show --repo world/repo "$1@latest" --json | jq -r .id
}
repair() { # 3: chunks are lost, which the next backup stores again
	does "$LUNETTE" repair --yes --read-data --repo world/repo
	[ "$(tail -n 1 log)" = "exit	3" ]
}
damage() { # a byte in the middle of each pack; it stays
	# shellcheck disable=SC2016 # for the other shell
	does sh -c 'for pack in world/repo/packs/*/*; do
		chmod u+w "$pack" && printf x | dd of="$pack" bs=1 seek=100000 conv=notrunc,fsync status=none || exit
	done'
}

# What must be true of the state in ./cut when so many commands had ended: a restore point that was
# there before and after the one that was going on is there, one that was neither is not.
cat >sound <<'EOS'
#!/usr/bin/env bash
n=$POWERCUT_ENDED
((n > 0)) || exit 0
next=$((n + 1))
[ -e points.$next ] || next=$n
"$LUNETTE" check --read-data --repo cut/repo || exit
ls cut/repo/points >there 2>/dev/null || : >there
lost=$(comm -12 points.$n points.$next | comm -23 - there)
back=$(sort -u points.$n points.$next | comm -13 - there)
[ -z "$lost$back" ] || { echo "gone: ${lost:-none}; there again: ${back:-none}" && exit 1; }
EOS
chmod +x sound

# ---- what adds and removes ----
mkdir world
head -c 1M /dev/urandom >one.img
cp one.img two.img && head -c 256K /dev/urandom | dd of=two.img bs=64K seek=3 conv=notrunc status=none
ok 'a repository is made' does "$LUNETTE" init --chunk-size 64K world/repo
ok 'a backup' backup a one.img
ok 'a second one' backup a two.img
ok 'the first one is forgotten' does "$LUNETTE" forget --repo world/repo "$(cat points.2)"
ok 'it is pruned' does "$LUNETTE" prune --repo world/repo --max-unused 0
ok 'another name' backup b one.img
ok 'which is pinned' does "$LUNETTE" pin --repo world/repo "$(id_of b)"
ok 'when a command has ended, what it did is on stable storage' "$powercut" rest log world
ok 'whenever the power goes, the repository is whole, and has what it must have' "$powercut" every log world cut ./sound

# ---- what else writes ----
commands=0
rm -rf log log.data world points.* && mkdir world
ok 'a repository' does "$LUNETTE" init --chunk-size 64K world/repo
ok 'a backup' backup a one.img
ok 'a disk of it is restored' does "$LUNETTE" restore --repo world/repo a@latest --disk disk0 world/out.img
ok 'another repository' does "$LUNETTE" init --chunk-size 64K world/copy
ok 'has a copy of it' does "$LUNETTE" copy --repo world/repo --to world/copy
ok 'packs are damaged' damage
ok 'and repaired' repair
ok 'and stored again' backup a one.img
umask 077 && echo secret >password && echo other >password2
export LUNETTE_PASSWORD_FILE=password LUNETTE_REPO=world/locked
ok 'an encrypted repository' does "$LUNETTE" init --encrypt world/locked
ok 'a second key' does "$LUNETTE" key add --new-password-file password2 --label other
ok 'a key is removed' does "$LUNETTE" key remove "$("$LUNETTE" key list --json | jq -r '.keys[] | select(.label == "other") | .id')"
ok 'a key is exported' does "$LUNETTE" key export world/key
ok 'all of that is on stable storage when it has ended' "$powercut" rest log world
