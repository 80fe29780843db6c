GO = go
BIN = dist/posthog-mcp
GOLANGCI = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION = $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## the binary, static and stripped, in dist/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN) ./cmd/posthog-mcp

demo: ## the guided tour on the embedded PostHog
	$(GO) run ./cmd/posthog-mcp demo

test: ## all tests; needs Go alone
	$(GO) test ./...

race: ## all tests under the race detector
	$(GO) test -race ./...

lint: ## gofmt, go vet, golangci-lint
	@unformatted=$$(gofmt -l cmd server tools driver resources prompts); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet ./... && $(GO) run $(GOLANGCI) run

golden: ## rewrite golden files: schemas, texts, docs
	UPDATE_GOLDEN=1 $(GO) test ./...

fuzz: ## every fuzzer for a short while
	.ci/fuzz 20s

bench: ## start-up, memory, tokens and cost per call beside a bare mcp-go server
	$(GO) run ./cmd/bench && $(GO) test -run '^$$' -bench . -benchtime 300ms ./driver/... ./tools/...

oracle: ## parser and evaluator against PostHog's parser and ClickHouse; needs Node and the oracle
	.ci/oracle

clients: build ## Inspector, TypeScript SDK and the conformance suite against the demo; needs Node
	.ci/clients/run $(BIN)

chaos: ## the scoreboard of resilience as a table; ARGS="-seed 1 -fast -rows 1,5-8"
	$(GO) run ./cmd/chaos $(ARGS)

ci: ## what runs before every landing
	.ci/run

.PHONY: help build demo test race lint golden fuzz bench oracle clients chaos ci
