# Everything here needs Go alone, but for race and check, which need a C compiler as well, postman and clients, which
# need Node.js, and bench, which needs Linux.

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
LINUX := $(filter Linux,$(shell uname))
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

FUZZTIME ?= 1m
# Without a limit Go spends whole minutes on making one long input shorter.
FUZZ := go test -run '^$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 1s

.DEFAULT_GOAL := help
.PHONY: help run build test race chaos postman clients fuzz bench bench-quick lint fmt vuln check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## serve on port 5000
	go run .

build: ## build a static binary, ./userorder
	CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags '-s -w' -o userorder .

test: ## run all tests, on SQLite and, if this machine has it, on PostgreSQL
	go test ./...
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || test -n "$$TEST_DATABASE_URL" || \
		echo 'PostgreSQL was not found, so its tests were skipped: install it, or set TEST_DATABASE_URL.'

race: ## run all tests under the race detector
	CGO_ENABLED=1 go test -race ./...

# strace and the right to mount are needed for some of it; what is skipped for want of them is counted.
chaos: ## kill, starve, flood and stop the built program, for some minutes
	@CHAOS=1 go test -count 1 -v -timeout 20m ./e2e 2>&1 | awk '!/^ *===/ { print; fflush() } \
		/^--- PASS/ { passed++ } /^--- FAIL/ { failed++ } /^--- SKIP/ { skipped++ } /^(FAIL|panic:)/ { broken = 1 } \
		END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit broken || !passed }'

postman: ## send the Postman collection and requests.http to a service that is started for it; needs Node.js
	@postman/run.sh
	@postman/requests.sh

clients: ## lint the OpenAPI document, and try out clients that are generated from it; needs Node.js
	@e2e/clients/run.sh

# bench is a module of its own: it needs libraries that the service does not.
lint: ## look for mistakes and bad style
	go run $(GOLANGCI) run
	$(if $(LINUX),cd bench && go run $(GOLANGCI) run)

fmt: ## format the code
	go run $(GOLANGCI) fmt
	cd bench && go run $(GOLANGCI) fmt

bench: ## measure it beside a Flask app and the limits of the machine, for 5 minutes, into bench/results
	@go -C bench run .

bench-quick: ## the same in less than a minute and with figures that say little, into bench/quick
	@go -C bench run . -quick

fuzz: ## look for inputs that break a rule, FUZZTIME (1m) each on bodies, answers, prices, ids and tokens
	$(FUZZ) -fuzz '^FuzzBind$$' ./httpapi
	$(FUZZ) -fuzz '^FuzzAppendString$$' ./httpapi
	$(FUZZ) -fuzz '^FuzzPrice$$' ./order
	$(FUZZ) -fuzz '^FuzzOrderID$$' ./order
	$(FUZZ) -fuzz '^FuzzToken$$' ./auth

vuln: ## look for known holes in what it is built from; needs the network
	@go run $(GOVULNCHECK) ./... || { echo 'make vuln: there is a hole, or the database of holes could not be reached (GOVULNDB names another).'; exit 1; }

check: ## all that a change must pass
	test -z "$$(gofmt -l .)"
	go vet ./...
	go mod tidy -diff
	$(if $(LINUX),go -C bench vet ./... && go -C bench mod tidy -diff && go -C bench test ./...)
	$(MAKE) lint race
