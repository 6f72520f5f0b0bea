#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Where a repository may lie: on file systems that know less than others, in a folder that a group shares, behind a
# symbolic link, in a copy.
. "$(dirname "$0")/../support/tap.sh"
tap_begin
[ "$(id -u)" = 0 ] || tap_skip_all 'only root may mount'

head -c 6M /dev/urandom >a.img
head -c 3M /dev/urandom >b.img && dd if=a.img of=b.img bs=1M seek=3 count=2 status=none

id_of() { # REPO NAME
	"$LUNETTE" show --repo "$1" "$2@latest" --json | jq -r .id
}
# All that is done to a repository, in the folder fs.
all_of_it() {
	export LUNETTE_REPO=fs/repo
	"$LUNETTE" init --chunk-size 64K fs/repo && "$LUNETTE" backup --name a --all-blocks a.img &&
		"$LUNETTE" backup --name b --all-blocks b.img && "$LUNETTE" forget "$(id_of fs/repo a)" &&
		"$LUNETTE" prune --max-unused 0 && "$LUNETTE" check --read-data && "$LUNETTE" pin "$(id_of fs/repo b)" &&
		rm -f out.img && "$LUNETTE" restore b@latest --disk disk0 out.img && cmp b.img out.img &&
		"$LUNETTE" restore b@latest --disk disk0 fs/out.img && cmp b.img fs/out.img && rm fs/out.img
}
unfinished() {
	find fs/repo/tmp fs/repo/leases fs/repo/marks -type f 2>/dev/null
}

# ---- file systems ----
mkdir fs
tap_at_exit umount "$TAP_DIR/fs"
exfat() {
	mkfs.exfat fs.img >/dev/null && loop=$(losetup -f --show fs.img) && mount.exfat-fuse "$loop" fs
}
ntfs() {
	mkntfs -q -F fs.img && ntfs-3g fs.img fs
}
tmpfs() {
	mount -t tmpfs -o size=64m tmpfs fs
}
for kind in exfat ntfs tmpfs; do
	loop=
	truncate -s 64M fs.img
	if ! "$kind" >mount.log 2>&1; then
		tap_skip "$kind" "it cannot be mounted here: $(tail -n 1 mount.log)"
	else
		ok "$kind has all that a repository needs" all_of_it
		fails "$kind: a second repository is refused" 1 'there is a repository in it already' "$LUNETTE" init fs/repo
		is "$kind: nothing unfinished is left" "$(unfinished)" ''
		umount fs
	fi
	[ -z "$loop" ] || losetup -d "$loop"
	rm -f fs.img
done

# ---- a chroot without /proc ----
bare=(unshare --mount --pid --fork bash -c 'umount --lazy /proc && "$@"' bare)
if ! "${bare[@]}" true 2>unshare.log; then
	tap_skip 'without /proc' "$(tail -n 1 unshare.log)"
else
	export -f all_of_it id_of
	ok 'without /proc there is all that a repository needs' "${bare[@]}" bash -c all_of_it
	fails 'nor is a file made among the devices' 1 'there is no device' \
		"${bare[@]}" "$LUNETTE" restore --repo fs/repo b@latest --disk disk0 /dev/nosuch
fi

# ---- a folder that a group shares ----
chmod 755 .
install -d -g nogroup -m 2750 shared
ok 'a repository in a folder with the setgid bit' "$LUNETTE" init --chunk-size 64K shared/repo
ok 'a backup' "$LUNETTE" backup --repo shared/repo --name a --all-blocks a.img
member=(setpriv --reuid nobody --regid nogroup --clear-groups --)
install -d -o nobody state # where it is noted what a member has done
ok 'the group may read all of it' env LUNETTE_STATE="$TAP_DIR/state" "${member[@]}" "$LUNETTE" check --read-data --repo shared/repo
is 'others may nothing' "$(find shared/repo -perm /007)" ''
fails 'the group may not write where the umask does not let it' 1 'Permission denied' \
	"${member[@]}" "$LUNETTE" backup --repo shared/repo --name b --all-blocks b.img
ok 'a repository that is nobody else'\''s' "$LUNETTE" init own
ok 'a backup' "$LUNETTE" backup --repo own --name a --all-blocks a.img
is 'is nobody else'\''s in all its parts' "$(find own -perm /077)" ''
strict() ( # UMASK: the modes of what is made
	umask "$1" && rm -rf strict back.img && "$LUNETTE" init -q strict &&
		"$LUNETTE" backup -q --repo strict --name a --all-blocks a.img &&
		"$LUNETTE" restore -q --repo strict a --disk disk0 back.img &&
		find strict back.img -printf '%y%m\n' | sort -u | xargs
)
for mask in 000 077 177 277 777; do
	is "with umask $mask its modes are as ever" "$(strict $mask)" 'd700 f400 f600'
done

# ---- a part of it on a disk that is not there ----
for part in points index packs; do
	cp -a own partly && mv partly/$part elsewhere && ln -s "$PWD/elsewhere" partly/$part
	ok "$part on another disk" "$LUNETTE" check --repo partly --read-data
	mv elsewhere unmounted
	fails 'which is not mounted: check says so' 1 "" "$LUNETTE" check --repo partly
	fails 'prune removes nothing' 1 "" "$LUNETTE" prune --repo partly
	mv unmounted elsewhere
	ok 'and then all is there again' "$LUNETTE" check --repo partly --read-data
	rm -rf partly elsewhere
done
mkdir partly && cp -a own/. partly && rm -r partly/points && ln -s "$PWD/elsewhere" partly/points
fails 'no restore points are no empty list' 1 "list 'partly/points': it is a link to what is not there" "$LUNETTE" list --repo partly
rm -rf partly

# ---- the folder of the restore points is lost ----
cp -a own gone && mv gone/points found
for command in 'check' 'prune' 'prune --dry-run' 'list' 'backup --name b --all-blocks b.img' 'forget --keep-last 1'; do
	# shellcheck disable=SC2086 # words
	fails "without restore points: $command" 1 "'gone/points', the folder of the restore points, is gone" "$LUNETTE" ${command%% *} --repo gone ${command#"${command%% *}"}
done
mv found gone/points
ok 'nothing was removed' "$LUNETTE" check --repo gone --read-data
rm -rf gone
"$LUNETTE" init fresh >/dev/null
ok 'one without a backup lists nothing' "$LUNETTE" list --repo fresh
rmdir fresh/points
ok 'nor does one of an older version, which has no folder for them yet' "$LUNETTE" list --repo fresh
ok 'its first backup' "$LUNETTE" backup --repo fresh --name b --all-blocks b.img
ok 'it is sound' "$LUNETTE" check --repo fresh
rm -rf fresh

# ---- a symbolic link, a copy, a clone ----
ln -s shared/repo link
ok 'a link is as good' "$LUNETTE" backup --repo link --name b --all-blocks b.img
is 'as what it points to' "$("$LUNETTE" list --repo link --json)" "$("$LUNETTE" list --repo shared/repo --json)"
ok 'it may be moved' mv shared/repo moved
ok 'and is whole' "$LUNETTE" check --read-data --repo moved
ok 'it may be copied' cp -a moved clone
"$LUNETTE" backup --repo moved --name c --all-blocks a.img >/dev/null
"$LUNETTE" backup --repo clone --name d --all-blocks a.img >/dev/null
ok 'one takes restore points from the other' "$LUNETTE" copy --repo clone --to moved
is 'what both have is there once' "$("$LUNETTE" list --repo moved --json | jq -r '[.points[].name] | sort | join(" ")')" 'a b c d'
is 'a second time there is nothing to do' "$("$LUNETTE" copy --repo clone --to moved --json | jq -c '.present')" 3
ok 'and all is whole' "$LUNETTE" check --read-data --repo moved
ln -s moved link2
fails 'itself is refused, by whatever path' 1 'are the same repository' "$LUNETTE" copy --repo moved --to "$TAP_DIR/link2"
