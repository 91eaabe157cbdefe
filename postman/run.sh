#!/usr/bin/env bash
# Sends every request of the collection to a service with the default settings that is started for it.
# The status is newman's. Arguments go to newman.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --prefer-offline --ignore-scripts --no-audit --no-fund --loglevel=error
find node_modules -name '*.go' -delete # a package has a Go port of itself, which go vet ./... would take for ours
source ../e2e/service.sh

token=$(staff)
restart # or the collection, sent twice, would register and log in too often

# Twice, because whoever has a service running sends the collection more than once; with its environment, and without.
node_modules/.bin/newman run userorder.postman_collection.json \
	--environment userorder.postman_environment.json --env-var "baseUrl=$base" --global-var "staffToken=$token" "$@"
sed "s|http://localhost:5000|$base|" userorder.postman_collection.json >"$tmp/collection.json"
node_modules/.bin/newman run "$tmp/collection.json" --global-var "staffToken=$token" "$@"
