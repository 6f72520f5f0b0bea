# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# sshd - a real sshd on loopback, with keys and a port of its own, for tests. To be sourced after tap.sh.
#
#   sshd_start   start it in the foreground of its own; afterwards `ssh server` reaches it, for every program
#                that finds ssh in $PATH. It is stopped at the end

# sshd wants to be known by its whole path.
sshd_start() {
	local dir=$PWD/ssh port sshd
	sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || return 1
	mkdir -p "$dir/bin" /run/sshd && chmod 0700 "$dir"
	ssh-keygen -q -t ed25519 -N '' -f "$dir/host" && ssh-keygen -q -t ed25519 -N '' -f "$dir/user"
	cp "$dir/user.pub" "$dir/authorized"
	for _ in {1..10}; do
		port=$((20000 + RANDOM % 10000))
		printf '%s\n' "Port $port" 'ListenAddress 127.0.0.1' "HostKey $dir/host" "AuthorizedKeysFile $dir/authorized" \
			'StrictModes no' 'PasswordAuthentication no' 'UsePAM no' 'PidFile none' 'PermitRootLogin yes' \
			"SetEnv SHLVL=1${RUNTIME_DIRECTORY:+ RUNTIME_DIRECTORY=$RUNTIME_DIRECTORY}" >"$dir/sshd_config" # SHLVL: so that bash does not read what its user has for himself
		"$sshd" -D -e -f "$dir/sshd_config" 2>"$dir/log" &
		SSHD_PID=$!
		for _ in {1..1000}; do
			(: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break 2
			kill -0 "$SSHD_PID" 2>/dev/null || break
			sleep .1
		done
	done
	kill -0 "$SSHD_PID" 2>/dev/null || return 1
	tap_at_exit kill "$SSHD_PID"
	printf '%s\n' 'Host server' 'HostName 127.0.0.1' "Port $port" "IdentityFile $dir/user" 'IdentitiesOnly yes' \
		"UserKnownHostsFile $dir/known" 'StrictHostKeyChecking no' 'LogLevel ERROR' >"$dir/config"
	printf '#!/bin/sh\nexec %s -F %s "$@"\n' "$(command -v ssh)" "$dir/config" >"$dir/bin/ssh"
	chmod 0755 "$dir/bin/ssh"
	PATH=$dir/bin:$PATH
}
