# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ceph - a Ceph cluster of one monitor and one OSD in memory, on loopback. To be sourced.
#
#   ceph_can           true when the programs are here (contrib/setup --ceph); says why not
#   ceph_start DIR     start it; exports CEPH_CONF, its configuration. 15 s
#   ceph_stop          stop it; always succeeds. Put it into the EXIT trap
#
# No cephx, no manager, no replicas: for tests of what speaks with a cluster, not of the cluster.

CEPH_DIR=

ceph_can() {
	local program
	for program in ceph-mon ceph-osd ceph rbd monmaptool; do
		command -v "$program" >/dev/null || { echo "$program is missing: contrib/setup --ceph" && return 1; }
	done
}

ceph_conf() { # PORT
	cat <<-END
		[global]
		fsid = $(cat /proc/sys/kernel/random/uuid)
		mon initial members = a
		mon host = [v2:127.0.0.1:$1,v1:127.0.0.1:$(($1 + 1))]
		auth cluster required = none
		auth service required = none
		auth client required = none
		ms mon client mode = crc
		public addr = 127.0.0.1
		cluster addr = 127.0.0.1
		ms bind port min = $(($1 + 10))
		ms bind port max = $(($1 + 60))
		run dir = $CEPH_DIR
		admin socket = $CEPH_DIR/\$name.\$pid.asok
		log file = $CEPH_DIR/\$name.log
		crash dir = $CEPH_DIR
		pid file =
		osd pool default size = 1
		osd pool default min size = 1
		osd pool default pg num = 4
		osd pool default pgp num = 4
		osd pool default pg autoscale mode = off
		osd crush chooseleaf type = 0
		mon warn on pool no redundancy = false
		mon allow pool size one = true
		mon allow pool delete = true
		mon data avail crit = 1
		mon max pg per osd = 1000
		[mon.a]
		mon data = $CEPH_DIR/mon
		[osd]
		osd data = $CEPH_DIR/osd
		osd objectstore = memstore
		memstore device bytes = 1073741824
		osd max object name len = 460
		osd max object namespace len = 64
		osd class load list = *
		osd class default list = *
	END
}

ceph_port() {
	local port
	for _ in {1..100}; do
		port=$((10000 + (RANDOM << 15 | RANDOM) % 20000))
		(: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port" && return; }
	done
	return 1
}

ceph_start() {
	local port id uuid
	CEPH_DIR=$1
	mkdir -p "$CEPH_DIR"/{mon,osd} && port=$(ceph_port) || return
	ceph_conf "$port" >"$CEPH_DIR/ceph.conf"
	export CEPH_CONF=$CEPH_DIR/ceph.conf
	monmaptool --create --addv a "[v2:127.0.0.1:$port,v1:127.0.0.1:$((port + 1))]" \
		--fsid "$(sed -n 's/^fsid = //p' "$CEPH_CONF")" "$CEPH_DIR/monmap" >/dev/null &&
		ceph-mon --mkfs -i a --monmap "$CEPH_DIR/monmap" || return
	ceph-mon -f -i a >"$CEPH_DIR/mon.out" 2>&1 &
	echo $! >"$CEPH_DIR/mon.pid"
	timeout 60 ceph -s >/dev/null || return
	uuid=$(cat /proc/sys/kernel/random/uuid)
	id=$(timeout 60 ceph osd new "$uuid") &&
		ceph-osd -i "$id" --mkfs --osd-uuid "$uuid" >"$CEPH_DIR/mkfs.out" 2>&1 || return
	ceph-osd -f -i "$id" >"$CEPH_DIR/osd.out" 2>&1 &
	echo $! >"$CEPH_DIR/osd.pid"
	for _ in {1..300}; do
		timeout 60 ceph osd stat 2>/dev/null | grep -q '1 up' && return
		sleep .2
	done
	return 1
}

ceph_stop() {
	local pid
	for pid in "$CEPH_DIR"/{osd,mon}.pid; do
		[ -s "$pid" ] || continue
		pid=$(cat "$pid")
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	return 0
}
