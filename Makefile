# dutyops: everything there is to do with this repository. `make help` lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BIN := $(CURDIR)/bin
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo none)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
TARGETS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

# Tools are built from source into ./bin, at exactly these versions (docs/adr/0004).
GOLANGCI_VERSION := v2.15.0
GORELEASER_VERSION := v2.14.3
GOVULNCHECK_VERSION := v1.9.0
GOLANGCI := $(BIN)/golangci-lint-$(GOLANGCI_VERSION)
GORELEASER := $(BIN)/goreleaser-$(GORELEASER_VERSION)
GOVULNCHECK := $(BIN)/govulncheck-$(GOVULNCHECK_VERSION)

.PHONY: help
help: ## list what can be made
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

# --- try it

.PHONY: build
build: ## build ./bin/dutyops
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/dutyops ./cmd/dutyops

.PHONY: demo
demo: ## the sandbox in your terminal; nothing to install
	go run ./cmd/dutyops sandbox

.PHONY: lab
lab: ## a small real lab on loopback, kept up for you to try (Debian packages, root for apt-get)
	test/lab/install.sh
	go run -tags integration ./test/lab/cmd/lab

.PHONY: lab-full
lab-full: ## two sites of the whole stack, kept up for you to try (the same, and Maven Central)
	test/lab/install.sh
	test/realstack/build.sh
	go run -tags integration ./test/lab/cmd/lab -full

# --- test it

.PHONY: test
test: ## unit tests, arrows included
	go test ./...

.PHONY: race
race: ## the same under the race detector
	CGO_ENABLED=1 go test -race -timeout 20m ./...

.PHONY: integration
integration: ## the stories and contracts on real servers (Debian packages, Maven Central); ARGS="-run TestStory" for some
	test/lab/install.sh
	test/realstack/build.sh
	go build -tags integration -o $(BIN)/integration ./test/lab/cmd/integration
	$(BIN)/integration $(ARGS)

.PHONY: integration-down
integration-down: ## end what runs of the above, and remove what killed ones left behind
	test/lab/down.sh

.PHONY: pictures
pictures: build ## take the README's pictures anew (tmux, librsvg2-bin, fonts-noto-cjk)
	go run ./test/demo -binary bin/dutyops -out docs/pictures

.PHONY: bench
bench: ## the numbers of docs/benchmarks.md: times, sizes, users' outage
	go run ./test/bench

.PHONY: scale
scale: ## what watching 500, 2,000 and 20,000 targets costs, beside Debian's blackbox exporter
	go run ./test/scale

.PHONY: microbench
microbench: ## Go benchmarks of the packages
	go test -run '^$$' -bench . -benchmem ./...

FUZZTIME ?= 20s

.PHONY: fuzz
fuzz: ## fuzz every reader of what others write, FUZZTIME each (20s)
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' . | sed 's|/[^/]*:func | |' | sort -u | while read -r package target; do \
		echo "$$package $$target"; go test "$$package" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s || exit 1; done

# --- keep it in shape

.PHONY: lint
lint: $(GOLANGCI) ## golangci-lint, and shellcheck where it is installed
	$(GOLANGCI) run --allow-parallel-runners --timeout 20m ./...
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run packaging/*.sh test/lab/*.sh test/realstack/*.sh; fi

.PHONY: fmt
fmt: $(GOLANGCI) ## format the code
	$(GOLANGCI) fmt ./...

.PHONY: vuln
vuln: $(GOVULNCHECK) ## known vulnerabilities; asks the Go vulnerability database
	$(GOVULNCHECK) ./...

.PHONY: docs
docs: ## rewrite the generated parts of docs/
	go test ./backend/config -run TestSchemaIsUpToDate -count=1 -update
	go test ./backend/config -run TestDocsAreUpToDate -count=1 -update
	go test ./backend -run TestSafetyDocIsUpToDate -count=1 -update

.PHONY: docs-check
docs-check: docs ## are the generated parts of docs/ what their generators make of them?
	git diff --exit-code -- docs backend/config

# --- release it

.PHONY: release-check
release-check: $(GORELEASER) ## is the release configuration sound?
	$(GORELEASER) check

.PHONY: release-builds
release-builds: ## build every release target, one after the other, and what is packed with them
	@for target in $(TARGETS); do \
		echo "build $$target"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0 \
			go build -trimpath -ldflags '$(LDFLAGS)' -o dist/check/dutyops-$${target%/*}-$${target#*/} ./cmd/dutyops; \
	done
	packaging/extras.sh dist-extras

.PHONY: snapshot
snapshot: $(GORELEASER) ## the whole release, without publishing, into ./dist
	$(GORELEASER) release --snapshot --clean --skip=sbom

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BIN) dist dist-extras

# --- tools; a new version is a new file name

$(GOLANGCI):
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(BIN)/golangci-lint $@

$(GORELEASER):
	GOBIN=$(BIN) go install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)
	mv $(BIN)/goreleaser $@

$(GOVULNCHECK):
	GOBIN=$(BIN) go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	mv $(BIN)/govulncheck $@
