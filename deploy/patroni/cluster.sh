#!/usr/bin/env bash
# A PostgreSQL cluster on this machine, made of Debian's patroni, etcd-server, haproxy and postgresql: three nodes of which one
# leads, an etcd that decides which, and an HAProxy in front. It shows how to build one of three machines, and the tests
# of the service break it in all ways that they promise to survive.
#
#   cluster.sh start FOLDER         start what is not running, create the service's database, and print its URLs
#   cluster.sh stop FOLDER          stop what runs there
#   cluster.sh ctl FOLDER COMMAND…  run patronictl: list, switchover, edit-config, reinit, pause …
#
# On three machines each runs one etcd, one Patroni and one HAProxy, from the units of Debian's packages and with the arguments
# below. etcd asks for no password: run this on a machine without other users, and give etcd TLS with client certificates
# on three. The standard ports are 5432 for PostgreSQL, 8008 for Patroni, 2379 and 2380 for etcd.
set -euo pipefail
umask 077

# Each node has an address of its own, as it would have on its own machine.
export ONE=${ONE:-127.0.0.2} TWO=${TWO:-127.0.0.3} THREE=${THREE:-127.0.0.4} ETCD=${ETCD:-127.0.0.1}
export POSTGRES_PORT=${POSTGRES_PORT:-15432} REST_PORT=${REST_PORT:-18008} HAPROXY_PORT=${HAPROXY_PORT:-15000}
ETCD_PORT=${ETCD_PORT:-12379} ETCD_PEER_PORT=${ETCD_PEER_PORT:-12380}

if [ $# -lt 2 ]; then
	sed -n 's/^#   //p' "$0" >&2
	exit 2
fi
command=$1 here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
folder=$(cd "$2" && pwd)
shift 2

PATH=$PATH:/usr/sbin
bin=${POSTGRES_BIN:-$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)}

# PostgreSQL refuses to run as root.
unprivileged=()
if [ "$(id -u)" -eq 0 ]; then
	user=${POSTGRES_USER:-postgres}
	unprivileged=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
fi

# running NAME prints the process in a pid file. Once that has ended, its id may be that of another program.
running() {
	local pid
	pid=$(head -n 1 "$folder/$1.pid" 2>/dev/null) && ps -ww -o args= -p "$pid" | grep -qF "$folder/" && echo "$pid"
}

# background NAME COMMAND… starts a command with a pid file and a log, unless it runs already.
background() {
	running "$1" >/dev/null && return
	setsid -f sh -c 'cd "${0%/*}" && echo $$ >"$0.pid" && exec "$@" >>"$0.log" 2>&1 </dev/null' "$folder/$1" "${@:2}"
}

# await SECONDS WHAT COMMAND… repeats a command until it succeeds.
await() {
	local deadline=$((SECONDS + $1))
	until "${@:3}" >/dev/null 2>&1; do
		if [ $SECONDS -ge $deadline ]; then
			echo "cluster.sh: $2 within $1 s: see the logs in $folder" >&2
			exit 1
		fi
		sleep 0.2
	done
}

# secrets makes the passwords at the first start. On three machines copy the file, and let systemd read it: EnvironmentFile=.
secrets() {
	local name
	if [ ! -s "$folder/secrets" ]; then
		for name in PATRONI_SUPERUSER PATRONI_REPLICATION PATRONI_REWIND PATRONI_RESTAPI USERORDER; do
			echo "${name}_PASSWORD=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
		done >"$folder/secrets"
	fi
	set -a
	# shellcheck source=/dev/null
	. "$folder/secrets"
	set +a
	export PATRONI_ETCD_HOSTS="'$ETCD:$ETCD_PORT'" # '10.0.0.1:2379','10.0.0.2:2379','10.0.0.3:2379'
}

# Here etcd is one process. Three machines run three members of it, of which one may be lost; each begins with
#   --initial-cluster one=http://10.0.0.1:2380,two=http://10.0.0.2:2380,three=http://10.0.0.3:2380
# and needs a disk that syncs within milliseconds: the others take a slow member for a dead one.
#
# Patroni speaks version 2 of etcd's protocol here (PATRONI_ETCD_HOSTS and --enable-v2). With version 3 (PATRONI_ETCD3_HOSTS) the
# Patroni of Debian 12, 3.0.2, renews the leader's lock without looking whose it is: a leader that was frozen for longer than
# ttl takes it from its successor, and what that has acknowledged is lost.
etcd() {
	background etcd "${unprivileged[@]}" etcd --name one --data-dir "$folder/etcd" --log-level error --enable-v2 \
		--listen-client-urls "http://$ETCD:$ETCD_PORT" --advertise-client-urls "http://$ETCD:$ETCD_PORT" \
		--listen-peer-urls "http://$ETCD:$ETCD_PEER_PORT" --initial-advertise-peer-urls "http://$ETCD:$ETCD_PEER_PORT" \
		--initial-cluster "one=http://$ETCD:$ETCD_PEER_PORT"
}

# node NAME ADDRESS starts Patroni, which creates, starts and supervises PostgreSQL. NETNS is for the test that cuts a node
# off: there each has a network namespace with this prefix.
node() {
	PATRONI_NAME=$1 \
		PATRONI_POSTGRESQL_LISTEN=$2:$POSTGRES_PORT PATRONI_POSTGRESQL_CONNECT_ADDRESS=$2:$POSTGRES_PORT \
		PATRONI_RESTAPI_LISTEN=$2:$REST_PORT PATRONI_RESTAPI_CONNECT_ADDRESS=$2:$REST_PORT \
		PATRONI_POSTGRESQL_DATA_DIR=$folder/$1 PATRONI_POSTGRESQL_PGPASS=$folder/$1.pgpass PATRONI_POSTGRESQL_BIN_DIR=$bin \
		background "$1" ${NETNS:+ip netns exec "$NETNS-$1"} "${unprivileged[@]}" patroni "$folder/patroni.yml"
}

# sql DATABASE QUERY runs a query as the superuser on the node that leads.
sql() {
	PGPASSWORD=$PATRONI_SUPERUSER_PASSWORD PGCONNECT_TIMEOUT=3 "$bin/psql" -h 127.0.0.1 -p "$HAPROXY_PORT" -U postgres -d "$1" \
		-X -A -t -q -v ON_ERROR_STOP=1 -c "$2"
}

standbys() {
	[ "$(sql postgres "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")" = 2 ]
}

start() {
	local file
	for file in patroni.yml haproxy.cfg; do
		[ -e "$folder/$file" ] || cp "$here/$file" "$folder/$file" # in /etc/patroni and /etc/haproxy otherwise
	done
	secrets
	[ ${#unprivileged[@]} -eq 0 ] || chown "$user" "$folder" "$folder"/*.{yml,cfg}
	etcd
	node one "$ONE"
	node two "$TWO"
	node three "$THREE"
	background haproxy "${unprivileged[@]}" haproxy -db -f "$folder/haproxy.cfg"
	await 120 'there are no leader and two standbys' standbys
	if [ -z "$(sql postgres "SELECT 1 FROM pg_roles WHERE rolname = 'userorder'")" ]; then
		sql postgres "CREATE ROLE userorder LOGIN PASSWORD '$USERORDER_PASSWORD'"
	fi
	if [ -z "$(sql postgres "SELECT 1 FROM pg_database WHERE datname = 'userorder'")" ]; then
		sql postgres "CREATE DATABASE userorder OWNER userorder"
	fi
	local login=postgres://userorder:$USERORDER_PASSWORD
	echo "through HAProxy: DATABASE_URL=$login@127.0.0.1:$HAPROXY_PORT/userorder?sslmode=disable"
	echo "without it:      DATABASE_URL=$login@$ONE:$POSTGRES_PORT,$TWO:$POSTGRES_PORT,$THREE:$POSTGRES_PORT/userorder?sslmode=disable"
}

# ended NAME… succeeds once none of these runs.
ended() {
	local name
	for name in "$@"; do ! running "$name" >/dev/null || return; done
}

# end SIGNAL NAME… sends a signal to those that run.
end() {
	local name pid
	for name in "${@:2}"; do
		if pid=$(running "$name"); then kill -CONT "$pid" && kill "-$1" "$pid"; fi
	done
}

# stop lets each Patroni stop its PostgreSQL. One that has been killed leaves it running.
stop() {
	local nodes=(one two three) servers=(one/postmaster two/postmaster three/postmaster)
	end TERM haproxy "${nodes[@]}"
	(await 30 'Patroni did not stop' ended "${nodes[@]}") || end KILL "${nodes[@]}"
	end QUIT "${servers[@]}"
	end TERM etcd
	await 30 'PostgreSQL and etcd did not stop' ended haproxy etcd "${servers[@]}"
}

case $command in
start | stop) "$command" ;;
ctl)
	secrets
	patronictl -c "$folder/patroni.yml" "$@"
	;;
*)
	echo "cluster.sh: unknown command $command" >&2
	exit 2
	;;
esac
