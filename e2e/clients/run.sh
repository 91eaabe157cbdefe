#!/usr/bin/env bash
# Lints the document, generates clients from it as users do, with oapi-codegen and openapi-typescript, compiles them, and
# has each go through the tutorial with a service that is started for it.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --prefer-offline --ignore-scripts --no-audit --no-fund --loglevel=error
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
bin=$PWD/node_modules/.bin
"$bin/redocly" lint ../../openapi/openapi.yaml
"$bin/spectral" lint --fail-severity warn ../../openapi/openapi.yaml

source ../service.sh
clerk=$(staff)

cp -R go "$tmp/go"
(
	cd "$tmp/go"
	go tool oapi-codegen -config oapi-codegen.yaml "$base/openapi.yaml"
	go vet .
	go run . "$base" "$clerk"
)

mkdir "$tmp/ts"
cp client.ts tsconfig.json package.json "$tmp/ts"
ln -s "$PWD/node_modules" "$tmp/ts/node_modules"
(
	cd "$tmp/ts"
	"$bin/openapi-typescript" "$base/openapi.json" --output api.ts
	"$bin/tsc" --outDir built
	node built/client.js "$base" "$clerk"
)
