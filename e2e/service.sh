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

# restart stops the service and starts it again, on the same port. The limits of the requests begin anew.
restart() {
	kill "$server"
	wait "$server" || true
	server=
	start "$port"
}

# send PATH BODY prints the data that the service answers to a POST.
send() {
	node --input-type=module - "$base$1" "$2" <<-'END'
		const [url, body] = process.argv.slice(2);
		const response = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body });
		const { code, msg, data } = await response.json();
		if (code !== 0) throw new Error(`${url}: ${msg}`);
		console.log(JSON.stringify(data));
	END
}

# staff registers the account clerk, grants it the role staff, and prints a token of it.
staff() {
	send /user/register '{"username": "clerk", "password": "test123", "email": "clerk@test.com"}' >/dev/null
	(userorder "$port" grant clerk) >&2
	send /user/login '{"username": "clerk", "password": "test123"}' | sed 's/.*"token":"\([^"]*\)".*/\1/'
}
