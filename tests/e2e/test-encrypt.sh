#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Encrypted repositories: a backup comes back through every way in, nobody else gets in, and nothing
# that lies there says what it is.
# shellcheck disable=SC2016 # $0 is for the shell that is started
. "$(dirname "$0")/../support/tap.sh"
. "$(dirname "$0")/../support/disks.sh"
. "$(dirname "$0")/../support/compare.sh"
reason=$(disks_possible) || tap_skip_all "$reason"
tap_begin
tap_at_exit disks_cleanup
export LUNETTE_REPO=$TAP_DIR/repo
unset LUNETTE_PASSWORD_FILE

secret() { # FILE TEXT
	(umask 077 && printf '%s\n' "$2" >"$1")
}
key_ids() {
	"$LUNETTE" key list --password-file "$1" --json | jq -r '.keys[].id'
}
# Runs a command on a terminal of its own and answers each question with the next of the words.
cat >answer.py <<'END'
import os, pty, sys
answers, command = sys.argv[1].split(','), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown = b''
while True:
    try:
        got = os.read(fd, 4096)
    except OSError:
        got = b''
    if not got:
        break
    shown += got
    if answers and got.endswith(b': '):
        os.write(fd, answers.pop(0).encode() + b'\n')
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
cheap() { # PASSWORD-FILE: its key is not as dear from now on as those are that lunette makes
	"$TAP_TOP/tests/support/cheap-key" repo "$1" || exit
}
secret pw 'correct horse'
secret pw2 'battery staple'
secret bad 'not this one'

disks_ntfs a.img 64 FINDME && disks_fill a.img 20 3 && disks_gpt disk.img 512 basic:a.img || exit
before=$(cksum <a.img)
used_blocks() {
	ntfsclone --save-image --output - "$1" 2>/dev/null | cksum
}

# ---- making one --------------------------------------------------------------------------------

fails 'without a terminal and a file there is no password' 1 'no terminal.*--password-file' setsid "$LUNETTE" init --encrypt repo
ok 'nothing was made' test ! -e repo
fails 'a password file alone does not encrypt' 2 'is for --encrypt' "$LUNETTE" init --password-file pw repo
: >empty
fails 'an empty password file' 1 'empty' "$LUNETTE" init --encrypt --password-file empty repo
# ---- one that was not made to its end, and two at once ----
ok 'one' "$LUNETTE" init --encrypt --password-file pw2 made
mkdir half && cp -a made/keys half
ok 'a key without a config, of an init that was killed, is no obstacle' "$LUNETTE" init --encrypt --password-file pw half
is 'nor stays' "$("$LUNETTE" key list --repo half --password-file pw --json | jq '.keys | length') $(find half/keys -type f | wc -l)" '1 1'
mkdir bare && cp -a made/keys bare
ok 'not where nothing is encrypted, either' "$LUNETTE" init bare
is 'it is whole' "$("$LUNETTE" check --repo bare --json | jq .whole) $(ls bare/keys)" 'true '
mkdir lost && cp -a made/keys made/reserve lost && mkdir lost/packs
fails 'a repository that has lost its config is not made anew' 1 'is not empty' "$LUNETTE" init --encrypt --password-file pw lost
at_once() { # two passwords, and one repository: whose is it?
	"$LUNETTE" init --encrypt --password-file pw twice >1.log 2>&1 &
	"$LUNETTE" init --encrypt --password-file pw2 twice >2.log 2>&1
	local second=$? key=pw
	wait $! && [ $second != 0 ] || { [ $second = 0 ] && key=pw2; } || return
	cat 1.log 2.log
	"$LUNETTE" check --repo twice --password-file $key && [ "$(find twice/keys -type f | wc -l)" = 1 ]
}
ok 'two at once: one has it, and nothing is left of the other' at_once

ok 'init --encrypt, which says how to be safe' bash -c '"$0" init --encrypt --password-file pw repo | grep "key export"' "$LUNETTE"
ok 'backup' "$LUNETTE" backup --password-file pw --name db.example --json disk.img
cp .out report
chmod 604 pw
fails 'a password file that others can read is refused' 1 'open to others: chmod 600' "$LUNETTE" list --password-file pw
chmod 600 pw
ok 'one through a pipe is not' bash -c '"$0" list --password-file <(cat pw)' "$LUNETTE"
cheap pw

# ---- what lies there ---------------------------------------------------------------------------

ok 'nothing has names of servers, disks, volumes or files' bash -c '! grep -rqaE "db\.example|disk0|FINDME|ntfs|lunette-point" repo'
ok 'nor the passwords' bash -c '! grep -rqaE "correct|horse" repo'
is 'nothing but config and keys is readable' "$(grep -rlaE 'lunette-' repo | sed 's,^repo/,,; s,/.*,,' | sort | paste -sd' ')" 'config keys'

# ---- the ways in -------------------------------------------------------------------------------

is 'list' "$("$LUNETTE" list --password-file pw --json | jq -r '.points[].name')" db.example
is 'by the environment too' "$(LUNETTE_PASSWORD_FILE=pw "$LUNETTE" list --json | jq -r '.points[].name')" db.example
is 'and by the terminal' "$(/usr/bin/python3 answer.py 'correct horse' "$LUNETTE" list --json | tr -d '\r' | sed '1,/^$/!b; /Password of/d' | jq -r '.points[].name')" db.example
ok 'what is typed does not show' bash -c 'out=$(/usr/bin/python3 answer.py "correct horse" "$0" list) && grep -q db.example <<<"$out" && ! grep -q correct <<<"$out"' "$LUNETTE"
ok 'restore' "$LUNETTE" restore --password-file pw db.example@latest --volume disk0-p1 out.img
is 'what comes back is what was there' "$(used_blocks out.img)" "$(used_blocks a.img)"
mkdir mnt ntfs
tap_at_exit umount --lazy mnt
disks_mount a.img "$TAP_DIR/ntfs" ro
ok 'mount' "$LUNETTE" mount --repo repo --password-file pw mnt
ok 'the files are the same' compare_trees ntfs mnt/db.example/latest/volumes/disk0-p1/files
ok 'umount' "$LUNETTE" umount mnt
disks_umount "$TAP_DIR/ntfs"
is 'the source was not changed' "$(cksum <a.img)" "$before"
ok 'check --read-data' "$LUNETTE" check --password-file pw --read-data
ok 'the same again stores nothing new' bash -c '"$0" backup --password-file pw --name db.example --json disk.img >o && [ "$(jq .stats.new o)" -lt 1000000 ]' "$LUNETTE"

ok 'forget' "$LUNETTE" forget --password-file pw --keep-last 1 db.example
ok 'prune' "$LUNETTE" prune --password-file pw
rm -r repo/index
ok 'repair makes an index of the tables again' "$LUNETTE" repair --password-file pw --yes
ok 'and all is there' "$LUNETTE" check --password-file pw --read-data

fails 'a wrong password' 11 "repository '.*': the password is wrong" "$LUNETTE" list --password-file bad
fails 'none, and no terminal' 11 'is encrypted: there is no terminal' setsid "$LUNETTE" list
"$LUNETTE" init -q plain
fails 'nor for the other repository, whose own options are named' 11 "'repo' is encrypted: .*with --to-password-file" \
	setsid "$LUNETTE" copy --repo plain --to repo
rm -r plain
fails 'nor a new one' 1 'there is no terminal .*with --new-password-file' setsid "$LUNETTE" key add --password-file pw
fails 'a password file that is not there' 1 'No such file' "$LUNETTE" list --password-file nowhere
fails 'nobody backs up into it without a password' 11 'the password is wrong' "$LUNETTE" backup --password-file bad --name x disk.img

# ---- a password that a command prints -------------------------------------------------------------

listed() { # ARGUMENTS...: opened by a command, and by nothing else
	env -u LUNETTE_PASSWORD_FILE "$LUNETTE" list "$@" </dev/null
}
export LUNETTE_CHAP_SECRET=not-for-others
ok 'a command opens it' listed --password-command 'cat pw; echo what comes behind does not count'
LUNETTE_PASSWORD_COMMAND='cat pw' ok 'the environment names one' listed
LUNETTE_PASSWORD_COMMAND='cat pw' fails 'of which a file says more' 11 'the password is wrong' env LUNETTE_PASSWORD_FILE=bad "$LUNETTE" list
LUNETTE_PASSWORD_FILE=bad ok 'and an option more than both' "$LUNETTE" list --password-command 'cat pw'
ok 'it does not see what is ours' listed --password-command '[ -z "$LUNETTE_CHAP_SECRET$LUNETTE_REPO" ] && [ -n "$PATH" ] && cat pw'
fails 'a wrong one' 11 'the password is wrong' "$LUNETTE" list --password-command 'echo wrong'
fails 'a command that fails counts for nothing' 1 'ended with status 7' "$LUNETTE" list --password-command 'cat pw; exit 7'
fails 'one that dies' 1 'signal 15 ended the password command' "$LUNETTE" list --password-command 'cat pw; kill -TERM $$'
fails 'one that says nothing' 1 'is empty' "$LUNETTE" list --password-command true
fails 'one that says too much' 1 'is too long' "$LUNETTE" list --password-command 'head -c 70000 /dev/zero | tr "\\0" x'
fails 'two ways at once' 2 'exclude each other' "$LUNETTE" list --password-command 'cat pw' --password-file pw
fails 'or with a key' 2 'exclude each other' "$LUNETTE" list --password-command 'cat pw' --key-file pw
fails 'init: for what is encrypted only' 2 'is for --encrypt' "$LUNETTE" init --password-command 'cat pw' plain
"$LUNETTE" list --password-command 'echo secret-words; exit 1' >out 2>&1
ok 'what it says is never told' bash -c '! grep -q secret-words out'
unset LUNETTE_CHAP_SECRET

# ---- keys --------------------------------------------------------------------------------------

first=$(key_ids pw)
fails 'the last key is not removed' 1 'the last key' "$LUNETTE" key remove --password-file pw "$first"
ok 'key add' "$LUNETTE" key add --password-file pw --new-password-file pw2 --label 'second admin'
cheap pw2
is 'key list has both' "$("$LUNETTE" key list --password-file pw2 --json | jq -c '[.keys[] | [.label, .in_use]] | sort')" '[["",false],["second admin",true]]'
ok 'for people, too' bash -c '"$0" key list --password-file pw2 | grep "^\* .*second admin"' "$LUNETTE"
ok 'key remove' "$LUNETTE" key remove --password-file pw2 "${first:0:12}"
fails 'its password is gone' 11 'the password is wrong' "$LUNETTE" list --password-file pw
ok 'key passwd' "$LUNETTE" key passwd --password-file pw2 --new-password-file pw
cheap pw
fails 'the old one is gone' 11 'the password is wrong' "$LUNETTE" list --password-file pw2
is 'there is one key, and it has the label' "$("$LUNETTE" key list --password-file pw --json | jq -c '[.keys[].label]')" '["second admin"]'
ok 'a new password from the terminal, twice' /usr/bin/python3 answer.py 'typed,typed' "$LUNETTE" key add --password-file pw
is 'it opens' "$(/usr/bin/python3 answer.py typed "$LUNETTE" list | grep -c db.example)" 1
fails 'two that differ' 1 'not the same' /usr/bin/python3 answer.py 'typed,tipped' "$LUNETTE" key add --password-file pw
fails 'no such key' 1 "has no key 'ffff'" "$LUNETTE" key remove --password-file pw ffff
fails 'no such verb' 2 'what is to be done' "$LUNETTE" key lose

ok 'key export' "$LUNETTE" key export --password-file pw key
is 'only the owner can read it' "$(stat -c %a key)" 600
ok 'it says what it is' grep -q 'CAN READ EVERY BACKUP' key
fails 'what is there is not overwritten' 1 'File exists' "$LUNETTE" key export --password-file pw key
is 'key export to standard output' "$("$LUNETTE" key export --password-file pw)" "$(cat key)"
is 'which may be called -' "$("$LUNETTE" key export --password-file pw -)" "$(cat key)"
ok 'and is no file' test ! -e ./-
mkdir small && mount -t tmpfs -o size=4k tmpfs small && tap_at_exit umount "$TAP_DIR/small" && head -c 4096 /dev/zero >small/full
fails 'there is no room for it' 1 "'small/key': No space left" "$LUNETTE" key export --password-file pw small/key
ok 'and no half of it is left' test ! -e small/key
is 'list by the exported key' "$("$LUNETTE" list --key-file key --json | jq '.points | length')" 1
sed 's/^3: Z/3: Y/; t; s/^3: ./3: Z/' key >typed && chmod 600 typed
fails 'a line that was mistyped' 1 'line 3 is not as it was printed' "$LUNETTE" list --key-file typed
rm -r repo/keys
fails 'all passwords are lost' 1 'there is no key' "$LUNETTE" list --password-file pw
ok 'the exported key makes a new one' "$LUNETTE" key add --key-file key --new-password-file pw2
ok 'which opens all' "$LUNETTE" check --password-file pw2

# ---- what somebody may put in its place --------------------------------------------------------

ok 'a repository that is not encrypted' "$LUNETTE" init plain
fails 'is not taken for the one that was meant' 1 'it is not encrypted, but a password' "$LUNETTE" backup --repo plain --password-file pw --name x disk.img
fails 'and has no keys' 1 'is not encrypted, and has no keys' "$LUNETTE" key list --repo plain
ok 'another encrypted one' "$LUNETTE" init --encrypt --password-file pw2 other
fails 'is not opened by the key of this one' 11 'key of another repository' "$LUNETTE" list --repo other --key-file key
sed -i 's/262144/131072/' repo/config
fails 'a config that was changed' 1 'checksum is wrong' "$LUNETTE" list --password-file pw2
