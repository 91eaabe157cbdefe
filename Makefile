# Go alone is enough for most targets. race and check also need a C compiler, postman and clients need Node.js, and
# bench needs Linux.

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
LINUX := $(filter Linux,$(shell uname))
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
# These leave out what is not used. Without either of the last two, the program is 6 MB larger (docs/decisions/0030-size.md).
TAGS := nomsgpack,grpcnotrace,validator_novalidatefn

# Tests that need more than Go read this list. go test reuses a result until a variable that the tests read changes, but
# does not notice that a program was installed.
export TEST_TOOLS := $(shell for tool in initdb strace nginx haproxy caddy pgbouncer chromium systemd-analyze prometheus promtool buildah python3 node mandoc zsh fish dpkg unshare patroni etcd ip; do command -v $$tool; done; \
	ls /usr/lib/postgresql/*/bin/initdb /usr/sbin/nginx /usr/sbin/haproxy /usr/sbin/pgbouncer 2>/dev/null; \
	git rev-parse --is-shallow-repository 2>/dev/null)

# $(call alive,COMMAND) runs a command and prints a line every HEARTBEAT seconds until it ends, since go test prints nothing
# while the tests of a package run. It exits with the status of the command.
HEARTBEAT := 30
alive = ( trap 'kill $$nap 2>/dev/null; exit' TERM; seconds=0; while :; do \
		sleep $(HEARTBEAT) >/dev/null & nap=$$!; wait $$nap; kill -0 $$$$ 2>/dev/null || exit; \
		seconds=$$((seconds + $(HEARTBEAT))); echo "still running: $$seconds s"; done ) & beat=$$!; \
	trap 'kill $$beat; wait $$beat' EXIT; trap 'exit 130' INT; trap 'exit 143' TERM; $(1)

FUZZTIME ?= 1m
# Without this limit Go may spend minutes on making one long input shorter.
FUZZ := go test -run '^$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 1s

# What the program says it was built from. Without git, as in the build of an image: make build VERSION=v1.2.3.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS = -s -w -X userorder/telemetry.version=$(VERSION) -X userorder/telemetry.commit=$(COMMIT)
OUTPUT ?= userorder

.DEFAULT_GOAL := help
.PHONY: help run build test race chaos postman clients fuzz bench bench-quick soak lint fmt vuln check release

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## serve on port 5000
	go run .

build: ## build a static binary, ./userorder
	CGO_ENABLED=0 go build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o '$(OUTPUT)' .

release: ## build archives, packages for Debian and lists of what is inside, for PLATFORMS, into dist
	@VERSION='$(VERSION)' go run ./release $(PLATFORMS)

test: ## run all tests, on SQLite and, if it is installed, on PostgreSQL
	@$(call alive,go test ./...)
	@test -n "$$TEST_DATABASE_URL" || echo "$$TEST_TOOLS" | grep -q initdb || \
		echo 'PostgreSQL was not found, so its tests were skipped: install it, or set TEST_DATABASE_URL.'

race: ## run all tests under the race detector
	@$(call alive,CGO_ENABLED=1 go test -race ./...)

# Some of these tests need strace or the right to mount; the last line counts those that were skipped.
chaos: ## kill the built program, fill its disk, flood it and stop it, for some minutes
	@CHAOS=1 go test -count 1 -v -timeout 45m ./e2e 2>&1 | awk '!/^ *===/ { print; fflush() } \
		/^--- PASS/ { passed++ } /^--- FAIL/ { failed++ } /^--- SKIP/ { skipped++ } /^(FAIL|panic:)/ { broken = 1 } \
		END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit broken || !passed }'

postman: ## run the Postman collection and requests.http against a fresh service; needs Node.js
	@postman/run.sh
	@postman/requests.sh

clients: ## lint the OpenAPI document, and try out clients that are generated from it; needs Node.js
	@e2e/clients/run.sh

# bench and deploy/kubernetestest are modules of their own, since they need libraries that the service does not.
lint: ## run golangci-lint
	go run $(GOLANGCI) run
	$(if $(LINUX),cd bench && go run $(GOLANGCI) run)
	$(if $(LINUX),cd bench/pocketbase && go run $(GOLANGCI) run)
	cd deploy/kubernetestest && go run $(GOLANGCI) run

fmt: ## format the code
	go run $(GOLANGCI) fmt
	cd bench && go run $(GOLANGCI) fmt
	cd bench/pocketbase && go run $(GOLANGCI) fmt
	cd deploy/kubernetestest && go run $(GOLANGCI) fmt

bench: ## compare it with a Flask app, PocketBase and the limits of the machine, in 11 minutes, into bench/results
	@go -C bench run .

bench-quick: ## the same in less than a minute, with rough figures, into bench/quick
	@go -C bench run . -quick

SOAK ?= 10m
SOAK_RATE ?= 100
soak: ## serve a shop for SOAK (10m) and look for what grows: memory, descriptors, logs, response times
	@go -C bench run . soak -time $(SOAK) -rate $(SOAK_RATE)

fuzz: ## fuzz bodies, responses, prices, ids, tokens and the URLs of webhooks, FUZZTIME (1m) each
	$(FUZZ) -fuzz '^FuzzBind$$' ./httpapi
	$(FUZZ) -fuzz '^FuzzAppendString$$' ./httpapi
	$(FUZZ) -fuzz '^FuzzPrice$$' ./order
	$(FUZZ) -fuzz '^FuzzOrderID$$' ./order
	$(FUZZ) -fuzz '^FuzzToken$$' ./auth
	$(FUZZ) -fuzz '^FuzzWebhookURL$$' ./webhook

# govulncheck reads no variable for its database: -db is its flag. It takes a folder too, like file:///srv/vulndb, with the
# files of https://vuln.go.dev: index/db.json, index/modules.json and ID/*.json. bench/pocketbase is left out: its libraries
# are those that its authors chose, and it runs for the minutes of a benchmark, on loopback.
VULNDB = $(if $(GOVULNDB),-db $(GOVULNDB))
VULNFOLDERS ?= . bench
vuln: ## look for known vulnerabilities in the dependencies; needs the network, or GOVULNDB=file:///FOLDER
	@for folder in $(VULNFOLDERS); do go run $(GOVULNCHECK) -C $$folder $(VULNDB) ./... || { echo "make vuln: $$folder has a vulnerability," \
		'or the database could not be read: make vuln GOVULNDB=URL asks another.'; exit 1; }; done

check: ## run everything that a change must pass
	test -z "$$(gofmt -l .)"
	go vet ./...
	go mod tidy -diff
	$(if $(LINUX),go -C bench vet ./... && go -C bench mod tidy -diff && go -C bench test ./...)
	$(if $(LINUX),go -C bench/pocketbase vet ./... && go -C bench/pocketbase mod tidy -diff)
	go -C deploy/kubernetestest vet ./... && go -C deploy/kubernetestest mod tidy -diff && go -C deploy/kubernetestest test -count 1 ./...
	go -C e2e/litestream mod tidy -diff
	$(MAKE) lint race
