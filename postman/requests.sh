#!/usr/bin/env bash
# Sends requests.http as a whole, with httpyac, twice, to a service with the default settings that is started for it.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --prefer-offline --ignore-scripts --no-audit --no-fund --loglevel=error
find node_modules -name '*.go' -delete # a package has a Go port of itself, which go vet ./... would take for ours
source ../e2e/service.sh

staff >/dev/null # the account clerk, as which some of the requests are sent
restart          # or the file, sent twice, would register too often

# httpyac prefers the file's own baseUrl to one from the command line.
sed "s|^@baseUrl = .*|@baseUrl = $base|" ../requests.http >"$tmp/requests.http"
here=$PWD
for _ in 1 2; do
	# Not a pipe: httpyac exits without waiting for a reader, which loses what is beyond 64 KiB.
	status=0
	(cd "$tmp" && "$here/node_modules/.bin/httpyac" send requests.http --all --json) >"$tmp/sent.json" || status=$?
	node check.mjs <"$tmp/sent.json"
	[ "$status" -eq 0 ]
done
