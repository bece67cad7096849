# The targets here are the only way things are run; .ci/run calls them too.

OPENCODE_VERSION := 1.18.33
CACHE            := $(CURDIR)/.cache
OPENCODE_DIR     := $(CACHE)/opencode-$(OPENCODE_VERSION)
OPENCODE_BIN     := $(OPENCODE_DIR)/node_modules/.bin
BIN              := $(CACHE)/bin/ocgo-key
# Debian package of each program that the tests run for real.
PROGRAMS         := cc:build-essential git:git curl:curl jq:jq ps:procps setpriv:util-linux dbus-daemon:dbus gnome-keyring-daemon:gnome-keyring secret-tool:libsecret-tools tmux:tmux

export CGO_ENABLED ?= 1
FUZZTIME ?= 60s

.PHONY: build test demo bench vet lint vuln fuzz deps opencode clean

build:
	CGO_ENABLED=0 go build -trimpath -o $(BIN) .

# What the tests need beyond Go: Debian packages (installed when run as root) and the pinned OpenCode.
deps: opencode
	@./internal/testdeps.sh $(PROGRAMS)

# On a machine without npm, or without a network, the demo has a client of its own.
opencode: $(OPENCODE_BIN)/opencode
$(OPENCODE_BIN)/opencode:
	mkdir -p $(OPENCODE_DIR)
	npm install --prefix $(OPENCODE_DIR) --no-audit --no-fund --no-package-lock --loglevel=error opencode-ai@$(OPENCODE_VERSION)

demo: build
	@$(MAKE) --no-print-directory opencode || echo "OpenCode could not be installed; the demo goes on without it" >&2
	@PATH="$(OPENCODE_BIN):$$PATH" $(BIN) demo

test: deps vet
	PATH="$(OPENCODE_BIN):$$PATH" go test -race -timeout 20m ./...

# Measures the targets of the project and writes docs/benchmarks.md; SECTIONS=gateway,helper does those parts alone,
# start is the third.
bench: build
	@./internal/testdeps.sh dbus-daemon:dbus gnome-keyring-daemon:gnome-keyring secret-tool:libsecret-tools
	@./internal/testdeps.sh docker-credential-secretservice:golang-docker-credential-helpers || echo "the comparison with it is left out" >&2
	@$(MAKE) --no-print-directory opencode || echo "OpenCode could not be installed; its start-up cannot be measured" >&2
	CGO_ENABLED=0 go build -trimpath -o $(CACHE)/bin/bench ./internal/bench
	PATH="$(OPENCODE_BIN):$$PATH" $(CACHE)/bin/bench -binary $(BIN) -out docs/benchmarks.md -sections "$(SECTIONS)"

# The three systems always build and vet.
vet:
	go vet ./...
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted"; exit 1; }

lint:
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

vuln:
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

# Every fuzz target in turn, $(FUZZTIME) each.
fuzz:
	@for target in $$(grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed 's/:func /:/'); do \
		echo "$${target##*:} in $$(dirname "$${target%%:*}")"; \
		go test -run '^$$' -fuzz "^$${target##*:}\$$" -fuzztime $(FUZZTIME) "$$(dirname "$${target%%:*}")" || exit 1; \
	done

clean:
	rm -rf $(CACHE)
