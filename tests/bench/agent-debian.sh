#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# lunette-agent in an empty Debian, brought there by the shell commands of that system alone.
. "$(dirname "$0")/../support/tap.sh"
tap_begin
agent=${LUNETTE_AGENT:-$LUNETTE-agent}
! nm "$agent" 2>/dev/null | grep -qE ' (__asan_init|__tsan_init)$' || tap_skip_all 'a sanitizer wants its own library'
[ "$(id -u)" = 0 ] || tap_skip_all 'only root may make a Debian'
PATH=$PATH:/usr/sbin:/sbin
command -v debootstrap >/dev/null || tap_skip_all 'no debootstrap'
release=${DEBIAN_RELEASE:-bookworm}
debootstrap --variant=minbase "$release" debian >debootstrap.log 2>&1 ||
	tap_skip_all "debootstrap cannot make a $release: $(tail -n 1 debootstrap.log)"

inside() {
	# shellcheck disable=SC2016 # the inner shell's
	unshare --mount sh -c 'mount --rbind /proc debian/proc && mount --rbind /sys debian/sys && exec chroot debian /bin/sh -c "$0"' "$1"
}
is 'there is no library that lunette needs' "$(inside 'ls /usr/lib/*/ | grep -E "jansson|iscsi|devmapper|crypto|nbd|ibverbs"')" ''
ok 'it arrives' inside 'mkdir -p /usr/local/sbin && cat >/usr/local/sbin/lunette-agent && chmod 0755 /usr/local/sbin/lunette-agent' <"$agent"
is 'it is whole' "$(inside 'lunette-agent --checksum')" "$(sha256sum <"$agent" | cut -d' ' -f1)"
printf '%s\n' '{"id":"1","verb":"hello","params":{"protocols":[1]}}' '{"id":"2","verb":"info","params":{}}' |
	inside 'lunette-agent --protocol 1' >answers
is 'it answers' "$(jq -r .ok answers | xargs)" 'true true'
