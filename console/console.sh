#!/usr/bin/env bash
# Fetches Preact and htm, whose files are part of this repository: page/preact. To take other versions, change the lines
# below, run it, and put the new checksums into console_test.go. Needs npm and openssl.
set -euo pipefail
cd "$(dirname "$0")/page/preact"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# fetch NAME VERSION INTEGRITY FILE takes a file and the licence; the integrity is what npm view NAME@VERSION dist.integrity prints.
fetch() {
	npm pack --silent --pack-destination "$tmp" "$1@$2" >/dev/null
	archive=$tmp/$1-$2.tgz
	[ "sha512-$(openssl dgst -sha512 -binary "$archive" | base64 -w 0)" = "$3" ] || {
		echo "console.sh: the archive of $1 is not the one that is pinned" >&2
		exit 1
	}
	tar -xzf "$archive" -C "$tmp"
	cp "$tmp/package/$4" "$1.mjs"
	cp "$tmp/package/LICENSE" "LICENSE.$1"
	rm -r "$tmp/package"
}

fetch preact 11.2.0 sha512-/HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg== dist/preact.mjs
fetch htm 3.1.1 sha512-983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ== dist/htm.module.js
