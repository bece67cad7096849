# People, the workflows and .ci/run all use these targets.

OPENCODE_VERSION := 1.18.33
CACHE            := $(CURDIR)/.cache
OPENCODE_DIR     := $(CACHE)/opencode-$(OPENCODE_VERSION)
OPENCODE_BIN     := $(OPENCODE_DIR)/node_modules/.bin
# OpenCode 2. Tests find it through its path in OPENCODE2_BIN, because both generations are named
# opencode.
OPENCODE2_VERSION := 2.0.15
OPENCODE2_PACKAGE := @opencode/cli-linux-$(if $(filter aarch64,$(shell uname -m)),arm64,x64-baseline)
OPENCODE2_DIR     := $(CACHE)/opencode-$(OPENCODE2_VERSION)
export OPENCODE2_BIN ?= $(OPENCODE2_DIR)/node_modules/$(OPENCODE2_PACKAGE)/bin/opencode
BIN              := $(CACHE)/bin/ocgo-key
# The programs and files that tests need, each with its Debian package.
PROGRAMS         := cc:build-essential git:git curl:curl jq:jq ps:procps setpriv:util-linux dbus-daemon:dbus gnome-keyring-daemon:gnome-keyring secret-tool:libsecret-tools tmux:tmux sqlite3:sqlite3 \
                    bash:bash /usr/share/bash-completion/bash_completion:bash-completion zsh:zsh fish:fish mandoc:mandoc strace:strace \
                    age:age pass:pass gpg:gnupg docker-credential-pass:golang-docker-credential-helpers docker-credential-secretservice:golang-docker-credential-helpers keepassxc:keepassxc

export CGO_ENABLED ?= 1
FUZZTIME ?= 60s

# Build tags of the tests that `make test` leaves out.
TAGS               := packages,realkeychain,attacks,clients
EXTRAS             := $(CACHE)/extras
# Newer versions need a newer Go, or a module that some module proxies do not have.
GORELEASER_VERSION := v2.16.0
GORELEASER         := $(CACHE)/goreleaser-$(GORELEASER_VERSION)/goreleaser
# Set this to the empty string for a real release of the tag that is checked out.
SNAPSHOT ?= --snapshot

.PHONY: build check test race mutate demo bench faults strategies wording vet lint vuln fuzz deps opencode opencode2 reference picture clean
.PHONY: programs test-keychain test-attacks test-packages test-npm test-clients test-wine e2e extras packages packages-programs workflows outdated release module

# Only code that each request or each `get` runs is inlined, because inlining makes the program larger. The last pattern
# that matches a package counts. .goreleaser.yaml has the same list.
GCFLAGS := all=-l std= \
           compress/...=-l crypto/...=-l encoding/...=-l fmt=-l go/...=-l html/...=-l log/...=-l math/big=-l mime/...=-l net=-l net/netip=-l os/...=-l path/...=-l \
           regexp/...=-l text/...=-l vendor/...=-l \
           github.com/go-json-experiment/...= ocgo-key/rotation/...= ocgo-key/helper/gateway= ocgo-key/helper/caller=
BUILD   := CGO_ENABLED=0 go build -trimpath $(addprefix -gcflags=,$(GCFLAGS))

build:
	$(BUILD) -ldflags="-s -w" -o $(BIN) .

# What the tests need beyond Go: Debian packages (installed when run as root) and the pinned OpenCode, both generations.
deps: programs opencode opencode2

programs:
	@./internal/testdeps.sh $(PROGRAMS)

# Without npm or without a network, the demo uses its own small client instead of OpenCode.
opencode: $(OPENCODE_BIN)/opencode
$(OPENCODE_BIN)/opencode:
	mkdir -p $(OPENCODE_DIR)
	npm install --prefix $(OPENCODE_DIR) --no-audit --no-fund --no-package-lock --loglevel=error opencode-ai@$(OPENCODE_VERSION)

opencode2: $(OPENCODE2_BIN)
$(OPENCODE2_BIN):
	mkdir -p $(OPENCODE2_DIR)
	npm install --prefix $(OPENCODE2_DIR) --no-audit --no-fund --no-package-lock --loglevel=error $(OPENCODE2_PACKAGE)@$(OPENCODE2_VERSION)

# Runs the demo with the opencode on PATH, or else installs one below $(CACHE).
demo: build
	@command -v opencode >/dev/null || $(MAKE) --no-print-directory opencode 2>/dev/null || \
		echo "OpenCode could not be installed: the demo uses a small client of its own" >&2
	@PATH="$$PATH:$(OPENCODE_BIN)" $(BIN) demo

# RACE lists the packages that are tested with the race detector: tests run their goroutines in the
# test process. Tests of PROCESSES start other programs, in which the race detector finds nothing,
# and which it would slow down. Most of these tests wait, so six of them run at a time. keychain has
# tests of both kinds and is run twice. `make race` uses the race detector for all packages. The
# tests of ALONE start OpenCode or trace the program; those of the other packages do not run at the
# same time. The first layer vets all packages, so that `go test` need not do it again.
RACE      = $$(go list ./... | grep -vE "/(keychain|internal/(cli|dev/.*))$$")
PROCESSES = $$(go list ./... | grep -E "/(keychain|internal/(cli|dev/.*))$$" | grep -vE "/dev/(e2e|faults)$$")
ALONE     = ./internal/dev/e2e ./internal/dev/faults

# QUICK lists the packages for `make check`. All end-to-end tests start installed programs, so they
# are left out. In the other packages the build tag check excludes the test files that start
# installed programs.
QUICK = $$(go list ./... | grep -v /internal/dev/e2e)

# Runs on any system all tests that need only Go: those that start no installed programs, and most
# scripts.
check:
	@internal/layers.sh check vet '$(MAKE) --no-print-directory vet' tests 'CGO_ENABLED=0 go test -short -tags check -timeout 20m $(QUICK)'

# Runs all tests that this machine can run.
test: deps
	@PATH="$(OPENCODE_BIN):$$PATH" internal/layers.sh test vet '$(MAKE) --no-print-directory vet' \
		'with the race detector' 'go test -vet off -race -timeout 45m $(RACE) && go test -vet off -race -tags check ./keychain' \
		'programs' 'go test -vet off -timeout 45m -parallel 6 $(PROCESSES)' \
		'with OpenCode' 'go test -vet off -timeout 45m -p 2 -parallel 4 $(ALONE)'

# Runs all tests with the race detector, and more of the random ones. This takes half an hour.
race:
	OCGO_KEY_TEST_STRESS=10000 PATH="$(OPENCODE_BIN):$$PATH" go test -race -timeout 60m -p 1 ./...

# Tests the keychain of the user who runs this. The tests use their own ids and remove their
# entries.
test-keychain:
	go test -tags realkeychain -count 1 -v -timeout 10m ./internal/dev/e2e/realkeychain

# Tests that another user of the machine cannot attack the program. It needs root, to act as two
# other users.
test-attacks:
	@[ "$$(id -u)" = 0 ] || { echo "run this as root: it runs the program as one user and attacks as another" >&2; exit 1; }
	@./internal/testdeps.sh age-keygen:age node:nodejs
	go test -tags attacks -count 1 -v -timeout 15m ./internal/dev/attacks

# End-to-end tests with the real programs. OPENCODE_VERSION=latest uses the newest OpenCode.
e2e: deps
	PATH="$(OPENCODE_BIN):$$PATH" go test -count 1 -timeout 45m -parallel 4 ./internal/dev/e2e

# Makes docs/switch.svg, docs/status.txt and the example in README.md: what a terminal shows when
# OpenCode and `ocgo-key status` use the stand-in for the service.
picture: deps
	PATH="$(OPENCODE_BIN):$$PATH" go test -count 1 ./internal/dev/e2e -run 'Picture$$' -update

# Measures the performance and writes docs/benchmarks.md. SECTIONS=gateway,helper measures only
# these sections; the other two are start and costs.
bench: build
	@./internal/testdeps.sh dbus-daemon:dbus gnome-keyring-daemon:gnome-keyring secret-tool:libsecret-tools age-keygen:age
	@./internal/testdeps.sh docker-credential-secretservice:golang-docker-credential-helpers || echo "the comparison with it is left out" >&2
	@$(MAKE) --no-print-directory opencode opencode2 || echo "OpenCode could not be installed; its start-up cannot be measured" >&2
	$(BUILD) -o $(CACHE)/bin/ocgo-key-symbols .
	CGO_ENABLED=0 go build -trimpath -o $(CACHE)/bin/bench ./internal/dev/bench
	PATH="$(OPENCODE_BIN):$$PATH" $(CACHE)/bin/bench -binary $(BIN) -symbols $(CACHE)/bin/ocgo-key-symbols -out docs/benchmarks.md -sections "$(SECTIONS)"

# Changes the source in one place at a time, and writes the changes that no test detects to
# docs/testing.md. It takes half an hour and should run alone; COUNT=12 is a short trial.
mutate: deps
	go run ./internal/dev/mutate $(if $(COUNT),-count $(COUNT)) $(if $(SEED),-seed $(SEED))

# Simulates months of work with each strategy and writes docs/strategies.md.
strategies:
	go run ./internal/dev/simulate -out docs/strategies.md

# Prints forty random sentences from comments, messages and pages. A reader who is new to the
# project should understand each at once: see docs/CONTRIBUTING.md.
wording:
	@go run ./internal/dev/wording -seed $(or $(SEED),1)

# Injects a fault at every step of every command that writes, and writes docs/reliability.md.
faults: build
	@./internal/testdeps.sh dbus-daemon:dbus gnome-keyring-daemon:gnome-keyring
	CGO_ENABLED=0 go build -trimpath -o $(CACHE)/bin/faults ./internal/dev/faults
	$(CACHE)/bin/faults -binary $(BIN) -out docs/reliability.md

# Vets the code for each of the three systems.
vet:
	go vet -tags $(TAGS) ./...
	GOOS=darwin go vet -tags $(TAGS) ./...
	GOOS=windows go vet -tags $(TAGS) ./...
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted"; exit 1; }

lint:
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

# VULNDB is the address of a mirror of the database, which may begin with file://.
vuln:
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 $(if $(VULNDB),-db $(VULNDB)) ./...

# Lists direct dependencies for which a newer version has been available for two weeks, and fails if
# there are any.
outdated:
	@newer=$$(go list -m -u -f '{{with .Update}}{{.Time.Format "2006-01-02"}} {{$$.Path}} {{$$.Version}}: {{.Version}} is out{{end}}' \
		$$(go list -m -f '{{if not (or .Main .Indirect)}}{{.Path}}{{end}}' all)) || exit 1; \
	! echo "$$newer" | awk -v since="$$(date -d '14 days ago' +%F)" 'NF && $$1 < since' | grep .

# Runs every fuzz target for $(FUZZTIME).
fuzz:
	@for target in $$(grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed 's/:func /:/'); do \
		echo "$${target##*:} in $$(dirname "$${target%%:*}")"; \
		go test -run '^$$' -fuzz "^$${target##*:}\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$(dirname "$${target%%:*}")" || exit 1; \
	done

# Makes the files that are packed with the program: completions, man page, changelog.
extras:
	rm -rf $(EXTRAS) && mkdir -p $(EXTRAS)/completions $(EXTRAS)/man $(EXTRAS)/doc
	CGO_ENABLED=0 go build -trimpath -buildvcs=true -o $(EXTRAS)/ocgo-key .
	$(EXTRAS)/ocgo-key completion bash > $(EXTRAS)/completions/ocgo-key.bash
	$(EXTRAS)/ocgo-key completion zsh > $(EXTRAS)/completions/_ocgo-key
	$(EXTRAS)/ocgo-key completion fish > $(EXTRAS)/completions/ocgo-key.fish
	$(EXTRAS)/ocgo-key completion powershell > $(EXTRAS)/completions/ocgo-key.ps1
	$(EXTRAS)/ocgo-key man > $(EXTRAS)/man/ocgo-key.1
	gzip -9n < $(EXTRAS)/man/ocgo-key.1 > $(EXTRAS)/man/ocgo-key.1.gz
	gzip -9n < CHANGELOG.md > $(EXTRAS)/doc/CHANGELOG.md.gz

$(GORELEASER):
	CGO_ENABLED=0 GOBIN=$(dir $(GORELEASER)) go install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)

# Makes all files of a release in $(CACHE)/dist. Nothing is published.
packages: $(GORELEASER)
	$(GORELEASER) check
	$(GORELEASER) release --clean --skip=publish,announce,sign $(SNAPSHOT)
	$(PACKAGING)

# Makes the packages that goreleaser does not make: npm and Homebrew.
PACKAGING = CGO_ENABLED=0 go run ./internal/dev/packaging -dist $(CACHE)/dist -owner $(or $(GITHUB_REPOSITORY_OWNER),OWNER)

# Tests the npm packages with a registry on this machine and both generations of OpenCode, and their
# command with a Node.js version that can replace its process.
VERDACCIO_VERSION  := 6.8.0
NODE_NEWER_VERSION := 22.20.0
REGISTRY           := $(CACHE)/verdaccio-$(VERDACCIO_VERSION)
NODE_NEWER         := $(REGISTRY)/node_modules/node-linux-$(if $(filter aarch64,$(shell uname -m)),arm64,x64)
test-npm: deps $(REGISTRY)/package.json
	NODE_NEWER=$(NODE_NEWER)/bin/node go test -count 1 ./helper/opencode -run '^TestPackage'
	PATH="$(OPENCODE_BIN):$$PATH" OPENCODE_VERSION=$(OPENCODE_VERSION) VERDACCIO=$(REGISTRY)/node_modules/verdaccio/bin/verdaccio \
		go test -tags packages -count 1 -timeout 30m ./internal/dev/e2e -run '^TestNpm'

$(REGISTRY)/package.json:
	mkdir -p $(REGISTRY).new
	echo '{"private": true, "overrides": {"node-fetch": "2.6.7"}}' >$(REGISTRY).new/package.json
	npm install --prefix $(REGISTRY).new --no-audit --no-fund --no-package-lock --loglevel=error verdaccio@$(VERDACCIO_VERSION) $(notdir $(NODE_NEWER))@$(NODE_NEWER_VERSION)
	rm -rf $(REGISTRY) && mv $(REGISTRY).new $(REGISTRY)

# Tests other clients with the settings of the pages. npm installs the clients without running their
# scripts.
CLIENT_ARCH    := $(if $(filter aarch64,$(shell uname -m)),arm64,x64)
CLAUDE_VERSION := 2.1.332
CLAUDE         := $(CACHE)/claude-$(CLAUDE_VERSION)
CODEX_VERSION  := 0.171.0
CODEX          := $(CACHE)/codex-$(CODEX_VERSION)
INSTALL_CLIENT := npm install --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error
PI_VERSION     := 0.73.1
PI             := $(CACHE)/pi-$(PI_VERSION)
QWEN_VERSION   := 0.24.4
QWEN           := $(CACHE)/qwen-$(QWEN_VERSION)
KILO_VERSION   := 7.7.9
KILO           := $(CACHE)/kilo-$(KILO_VERSION)
CLIENTS_BIN    := $(CACHE)/clients-bin
test-clients: deps $(CLAUDE) $(CODEX) $(PI) $(QWEN) $(KILO)
	mkdir -p $(CLIENTS_BIN)
	ln -sf $(CLAUDE)/node_modules/@anthropic-ai/claude-code-linux-$(CLIENT_ARCH)/claude $(CODEX)/node_modules/@openai/codex/vendor/*/bin/codex \
		$(PI)/node_modules/.bin/pi $(QWEN)/node_modules/.bin/qwen $(KILO)/node_modules/@kilocode/cli-linux-x64/bin/kilo $(CLIENTS_BIN)
	PATH="$(CLIENTS_BIN):$(OPENCODE_BIN):$$PATH" \
		CLAUDE_BIN=$(CLAUDE)/node_modules/@anthropic-ai/claude-code-linux-$(CLIENT_ARCH)/claude \
		CODEX_BIN=$$(echo $(CODEX)/node_modules/@openai/codex/vendor/*/bin/codex) \
		go test -tags clients -count 1 -timeout 30m ./internal/dev/e2e -run '^TestClient'

$(CLAUDE):
	$(INSTALL_CLIENT) --prefix $@.new @anthropic-ai/claude-code-linux-$(CLIENT_ARCH)@$(CLAUDE_VERSION)
	mv $@.new $@

$(CODEX):
	$(INSTALL_CLIENT) --prefix $@.new @openai/codex@$(CODEX_VERSION)-linux-$(CLIENT_ARCH)
	mv $@.new $@

$(PI):
	$(INSTALL_CLIENT) --prefix $@.new @mariozechner/pi-coding-agent@$(PI_VERSION)
	mv $@.new $@

$(QWEN):
	$(INSTALL_CLIENT) --prefix $@.new @qwen-code/qwen-code@$(QWEN_VERSION)
	mv $@.new $@

# Kilo is published for this architecture alone.
$(KILO):
	$(INSTALL_CLIENT) --prefix $@.new @kilocode/cli-linux-x64@$(KILO_VERSION)
	mv $@.new $@

packages-programs:
	@./internal/testdeps.sh git:git rpm:rpm bash:bash zsh:zsh fish:fish mandoc:mandoc

# Makes a release twice from copies of the tree and compares the files. Then it installs and removes
# the packages on this machine. This takes minutes and needs root.
test-packages: packages-programs $(GORELEASER)
	GORELEASER=$(GORELEASER) go test -tags packages -count 1 -v -timeout 60m ./internal/dev/release

# Publishes the tag that is checked out. Only the release workflow runs this.
release: $(GORELEASER)
	@mkdir -p $(CACHE)
	awk -v tag="$$(git describe --exact-match --tags)" '/^## /{on = ("v" $$2 == tag); next} on' CHANGELOG.md > $(CACHE)/notes.md
	@grep -q . $(CACHE)/notes.md || { echo "CHANGELOG.md has no section for this tag"; exit 1; }
	$(GORELEASER) release --clean --release-notes $(CACHE)/notes.md
	$(PACKAGING)
	./internal/dev/packaging/publish.sh $(CACHE)/dist

# Checks the workflows as far as possible without running them.
workflows:
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
	go test -count 1 ./internal/dev/release

# Changes the module's path, for example to the repository's address, so that `go install` finds the
# module.
module:
	@[ -n "$(MODULE)" ] || { echo "make module MODULE=github.com/OWNER/ocgo-key"; exit 1; }
	old=$$(go list -m) && go mod edit -module $(MODULE) && git ls-files -z '*.go' Makefile .goreleaser.yaml .golangci.yml | \
		xargs -0 sed -i -E "s#(^|[^A-Za-z0-9_./-])$$old/(helper|internal|keychain|rotation)\\b#\\1$(MODULE)/\\2#g"
	gofmt -w $$(git ls-files '*.go')

# Writes the parts of docs/reference.md that are made from the grammar.
reference:
	go test ./internal/cli -run '^TestReference$$' -update

# Tests the Windows build with Credential Manager under Wine.
test-wine:
	@./internal/testdeps.sh wine:wine wineserver:wine64
	go run ./internal/dev/winetest -dir $(CACHE)/wine

clean:
	rm -rf $(CACHE)
