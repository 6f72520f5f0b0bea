#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# lunette-agent needs nothing of the server that it is brought to: it runs in a file system that holds
# a shell, that shell's libraries, and nothing else.
. "$(dirname "$0")/../support/tap.sh"
tap_begin
agent=${LUNETTE_AGENT:-$LUNETTE-agent}
! nm "$agent" 2>/dev/null | grep -qE ' (__asan_init|__tsan_init)$' || tap_skip_all 'a sanitizer wants its own library'
[ "$(id -u)" = 0 ] || tap_skip_all 'only root may change the root'

is 'it names no library' "$(readelf -d "$agent" | grep NEEDED)" ''
is 'and no program that loads it' "$(readelf -lW "$agent" | grep INTERP)" ''

mkdir -p root/bin root/proc root/sys
cp "$agent" root/agent
cp -L "$(command -v dash)" root/bin/sh
for library in $(ldd root/bin/sh | grep -o '/[^ ]*'); do
	mkdir -p "root${library%/*}" && cp -L "$library" "root$library"
done
alone() { # a command in that file system, with the kernel's own folders
	# shellcheck disable=SC2016 # the inner shell's
	unshare --mount sh -c 'mount --rbind /proc root/proc && mount --rbind /sys root/sys && exec chroot root /bin/sh -c "$0"' "$1"
}
ask() { # requests, to what each is answered
	printf '%s\n' '{"id":"0","verb":"hello","params":{"protocols":[1]}}' "$@" | alone '/agent --protocol 1'
}

is 'it says hello' "$(ask | jq -r .result.agent)" lunette-agent
is 'it knows itself' "$(alone '/agent --checksum')" "$(sha256sum <"$agent" | cut -d' ' -f1)"
ask '{"id":"1","verb":"info","params":{}}' >info
is 'it tells what the machine has' "$(jq -r 'select(.id == "1") | .ok, (.result.disks, .result.filesystems | type)' info | xargs)" 'true array array'
is 'it tells under which name it would log in' \
	"$(ask '{"id":"2","verb":"finish-info","params":{"session":"s"}}' | jq -r 'select(.id == "2") | .result.initiator[:4]')" iqn.
is 'a program that is not there is a refusal, not an end' \
	"$(ask '{"id":"3","verb":"software-remove","params":{"session":"s"}}' '{"id":"4","verb":"end","params":{"session":"s","ok":true}}' | jq -r 'select(.id == "4") | .ok')" true
truncate -s 1M root/disk.img
is 'it serves a disk' "$(printf '' | alone '/agent --nbd /disk.img' | head -c 8)" NBDMAGIC
