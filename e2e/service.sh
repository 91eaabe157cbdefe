# Starts the service for scripts that source this file, with the default settings, on a free port of 127.0.0.1 and in a
# temporary folder, $tmp; its address is $base. The service ends with the script.
tmp=$(mktemp -d)
server=
cleanup() {
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null || true
		wait "$server" || true
	fi
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# userorder PORT [COMMAND] becomes the program; settings that happen to be in the environment are not for it.
userorder() {
	exec env -i HOST=127.0.0.1 PORT="$1" DATABASE_URL="sqlite:$tmp/app.db" DRAIN_DELAY=0s "$tmp/userorder" "${@:2}"
}

# start PORT starts the service and waits for /healthz. It returns 1 if the port is taken.
start() {
	userorder "$1" >"$tmp/log" 2>&1 &
	server=$!
	for _ in {1..300}; do
		if ! kill -0 "$server" 2>/dev/null; then
			wait "$server" || true
			server=
			grep -q 'address already in use' "$tmp/log" && return 1
			break
		fi
		# It must say that the port is its own, or another's /healthz would do.
		if grep -q 'msg=listening' "$tmp/log" && (userorder "$1" healthcheck); then return 0; fi
		sleep 0.1
	done
	cat "$tmp/log" >&2
	echo "$0: the service does not start" >&2
	exit 1
}

go build -C "$(dirname "${BASH_SOURCE[0]}")/.." -o "$tmp/userorder" .

# Systems give ports from 32768 on to clients, so one below is free unless a service has it.
until
	port=$((10000 + RANDOM % 22768))
	start "$port"
do :; done
base=http://127.0.0.1:$port
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
