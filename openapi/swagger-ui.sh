#!/usr/bin/env bash
# Fetches Swagger UI, whose files are part of this repository: page/swagger-ui. To take another version, change the
# two lines below, run it, and put the new checksums into openapi_test.go. Needs npm and
# openssl.
set -euo pipefail
cd "$(dirname "$0")/page/swagger-ui"

version=5.35.0
integrity=sha512-U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ== # as npm view swagger-ui-dist@$version dist.integrity prints it

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
npm pack --silent --pack-destination "$tmp" "swagger-ui-dist@$version" >/dev/null
archive=$tmp/swagger-ui-dist-$version.tgz
[ "sha512-$(openssl dgst -sha512 -binary "$archive" | base64 -w 0)" = "$integrity" ] || {
	echo 'swagger-ui.sh: the archive is not the one that is pinned' >&2
	exit 1
}
tar -xzf "$archive" -C "$tmp"
cp "$tmp"/package/{LICENSE,NOTICE,swagger-ui-bundle.js.LICENSE.txt,favicon-32x32.png} .
for file in swagger-ui.css swagger-ui-bundle.js; do
	gzip -9nc "$tmp/package/$file" >"$file.gz"
done
