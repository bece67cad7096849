# The targets here are the only way things are run; .ci/run calls them too.

OPENCODE_VERSION := 1.18.33
CACHE            := $(CURDIR)/.cache
OPENCODE_DIR     := $(CACHE)/opencode-$(OPENCODE_VERSION)
OPENCODE_BIN     := $(OPENCODE_DIR)/node_modules/.bin
# The second generation. Its tests find it by its path in OPENCODE2_BIN: both are called opencode.
OPENCODE2_VERSION := 2.0.15
OPENCODE2_PACKAGE := @opencode/cli-linux-$(if $(filter aarch64,$(shell uname -m)),arm64,x64-baseline)
OPENCODE2_DIR     := $(CACHE)/opencode-$(OPENCODE2_VERSION)
export OPENCODE2_BIN ?= $(OPENCODE2_DIR)/node_modules/$(OPENCODE2_PACKAGE)/bin/opencode
BIN              := $(CACHE)/bin/ocgo-key
# Debian package of each program, or file, that the tests run for real.
PROGRAMS         := cc:build-essential git:git curl:curl jq:jq ps:procps setpriv:util-linux dbus-daemon:dbus gnome-keyring-daemon:gnome-keyring secret-tool:libsecret-tools tmux:tmux sqlite3:sqlite3 \
                    bash:bash /usr/share/bash-completion/bash_completion:bash-completion zsh:zsh fish:fish mandoc:mandoc strace:strace \
                    age:age pass:pass gpg:gnupg docker-credential-pass:golang-docker-credential-helpers docker-credential-secretservice:golang-docker-credential-helpers keepassxc:keepassxc

export CGO_ENABLED ?= 1
FUZZTIME ?= 60s

# Of the tests that are not part of `make test`.
TAGS               := packages,realkeychain,attacks
EXTRAS             := $(CACHE)/extras
# Newer ones want a newer Go, or a module that is not to be had everywhere.
GORELEASER_VERSION := v2.16.0
GORELEASER         := $(CACHE)/goreleaser-$(GORELEASER_VERSION)/goreleaser
# Empty for a real release, of the tag that is checked out.
SNAPSHOT ?= --snapshot

.PHONY: build check test race mutate demo bench faults strategies wording vet lint vuln fuzz deps opencode opencode2 reference picture clean
.PHONY: programs test-keychain test-attacks test-packages test-npm test-wine e2e extras packages packages-programs workflows outdated release module

# Only code that each request or each `get` runs is inlined, because inlining makes the program larger. The last pattern
# that matches a package counts. .goreleaser.yaml has the same list.
GCFLAGS := all=-l std= crypto/ecdsa=-l crypto/tls=-l crypto/x509=-l encoding/asn1=-l go/...=-l math/big=-l net=-l regexp/...=-l vendor/...=-l \
           github.com/go-json-experiment/...= ocgo-key/rotation/...= ocgo-key/keychain= ocgo-key/helper/gateway= ocgo-key/helper/caller=
BUILD   := CGO_ENABLED=0 go build -trimpath $(addprefix -gcflags=,$(GCFLAGS))

build:
	$(BUILD) -ldflags="-s -w" -o $(BIN) .

# What the tests need beyond Go: Debian packages (installed when run as root) and the pinned OpenCode, both generations.
deps: programs opencode opencode2

programs:
	@./internal/testdeps.sh $(PROGRAMS)

# On a machine without npm, or without a network, the demo has a client of its own.
opencode: $(OPENCODE_BIN)/opencode
$(OPENCODE_BIN)/opencode:
	mkdir -p $(OPENCODE_DIR)
	npm install --prefix $(OPENCODE_DIR) --no-audit --no-fund --no-package-lock --loglevel=error opencode-ai@$(OPENCODE_VERSION)

opencode2: $(OPENCODE2_BIN)
$(OPENCODE2_BIN):
	mkdir -p $(OPENCODE2_DIR)
	npm install --prefix $(OPENCODE2_DIR) --no-audit --no-fund --no-package-lock --loglevel=error $(OPENCODE2_PACKAGE)@$(OPENCODE2_VERSION)

# With the opencode that is on PATH; else with one that is installed below $(CACHE).
demo: build
	@command -v opencode >/dev/null || $(MAKE) --no-print-directory opencode 2>/dev/null || \
		echo "OpenCode could not be installed: the demo uses a small client of its own" >&2
	@PATH="$$PATH:$(OPENCODE_BIN)" $(BIN) demo

# With the race detector: packages whose own goroutines the tests run. The tests of the others start the program and other
# processes, which it would slow down and not look into; `make race` has it for all. Half of those of keychain are of
# either kind. The tests that start OpenCode, and those that trace the program, have the machine for themselves.
RACE      = $$(go list ./... | grep -vE "/(keychain|internal/(cli|dev/.*))$$")
PROCESSES = $$(go list ./... | grep -E "/(keychain|internal/(cli|dev/.*))$$" | grep -vE "/dev/(e2e|faults)$$")
ALONE     = ./internal/dev/e2e ./internal/dev/faults

# The end-to-end tests all start installed programs. Of the other packages, the tag check leaves out the files that do.
QUICK = $$(go list ./... | grep -v /internal/dev/e2e)

# What needs nothing installed but Go, on any system: the tests that start no other programs, and most scripts.
check:
	@internal/layers.sh check vet '$(MAKE) --no-print-directory vet' tests 'CGO_ENABLED=0 go test -short -tags check -timeout 20m $(QUICK)'

# All of it.
test: deps
	@PATH="$(OPENCODE_BIN):$$PATH" internal/layers.sh test vet '$(MAKE) --no-print-directory vet' \
		'with the race detector' 'go test -race -timeout 45m $(RACE) && go test -race -tags check ./keychain' \
		'programs' 'go test -timeout 45m $(PROCESSES)' \
		'with OpenCode' 'go test -timeout 45m -p 1 -parallel 4 $(ALONE)'

# All that this system can run, with the race detector everywhere. It takes half an hour.
race:
	PATH="$(OPENCODE_BIN):$$PATH" go test -race -timeout 60m -p 1 ./...

# Against the keychain of whoever runs it; the entries have ids of their own and are taken away again.
test-keychain:
	go test -tags realkeychain -count 1 -v -timeout 10m ./internal/dev/e2e/realkeychain

# What another user of the machine cannot do. Needs root, to be two other users.
test-attacks:
	@[ "$$(id -u)" = 0 ] || { echo "run this as root: it runs the program as one user and attacks as another" >&2; exit 1; }
	@./internal/testdeps.sh age-keygen:age node:nodejs
	go test -tags attacks -count 1 -v -timeout 15m ./internal/dev/attacks

# The whole path on real parts. OPENCODE_VERSION=latest does it with the newest OpenCode.
e2e: deps
	PATH="$(OPENCODE_BIN):$$PATH" go test -count 1 -timeout 45m -parallel 4 ./internal/dev/e2e

# The pictures of a switch (docs/switch.svg) and of `ocgo-key status` (docs/status.txt, README.md): what a terminal shows
# against the stand-in.
picture: deps
	PATH="$(OPENCODE_BIN):$$PATH" go test -count 1 ./internal/dev/e2e -run 'Picture$$' -update

# Measures the targets of the project and writes docs/benchmarks.md; SECTIONS=gateway,helper does those parts alone,
# start and costs are the others.
bench: build
	@./internal/testdeps.sh dbus-daemon:dbus gnome-keyring-daemon:gnome-keyring secret-tool:libsecret-tools age-keygen:age
	@./internal/testdeps.sh docker-credential-secretservice:golang-docker-credential-helpers || echo "the comparison with it is left out" >&2
	@$(MAKE) --no-print-directory opencode opencode2 || echo "OpenCode could not be installed; its start-up cannot be measured" >&2
	$(BUILD) -o $(CACHE)/bin/ocgo-key-symbols .
	CGO_ENABLED=0 go build -trimpath -o $(CACHE)/bin/bench ./internal/dev/bench
	PATH="$(OPENCODE_BIN):$$PATH" $(CACHE)/bin/bench -binary $(BIN) -symbols $(CACHE)/bin/ocgo-key-symbols -out docs/benchmarks.md -sections "$(SECTIONS)"

# Changes the source in one place at a time, and writes to docs/testing.md what the tests do not notice. It takes half an
# hour, and wants the machine for itself; COUNT=12 is a short trial.
mutate: deps
	go run ./internal/dev/mutate $(if $(COUNT),-count $(COUNT)) $(if $(SEED),-seed $(SEED))

# Plays simulated months on each strategy and writes docs/strategies.md.
strategies:
	go run ./internal/dev/simulate -out docs/strategies.md

# Forty sentences of comments, messages and pages, for a reader who has seen none of them: see docs/CONTRIBUTING.md.
wording:
	@go run ./internal/dev/wording -seed $(or $(SEED),1)

# Brings about what goes wrong on bad days, at every step of every command that writes, and writes docs/reliability.md.
faults: build
	@./internal/testdeps.sh dbus-daemon:dbus gnome-keyring-daemon:gnome-keyring
	CGO_ENABLED=0 go build -trimpath -o $(CACHE)/bin/faults ./internal/dev/faults
	$(CACHE)/bin/faults -binary $(BIN) -out docs/reliability.md

# The three systems always build and vet.
vet:
	go vet -tags $(TAGS) ./...
	GOOS=darwin go vet -tags $(TAGS) ./...
	GOOS=windows go vet -tags $(TAGS) ./...
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted"; exit 1; }

lint:
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

# VULNDB is the address of a mirror of the database, file:///… too.
vuln:
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 $(if $(VULNDB),-db $(VULNDB)) ./...

# Direct dependencies that have had a newer version for two weeks. Fails if there is one.
outdated:
	@newer=$$(go list -m -u -f '{{with .Update}}{{.Time.Format "2006-01-02"}} {{$$.Path}} {{$$.Version}}: {{.Version}} is out{{end}}' \
		$$(go list -m -f '{{if not (or .Main .Indirect)}}{{.Path}}{{end}}' all)) || exit 1; \
	! echo "$$newer" | awk -v since="$$(date -d '14 days ago' +%F)" 'NF && $$1 < since' | grep .

# Every fuzz target in turn, $(FUZZTIME) each.
fuzz:
	@for target in $$(grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed 's/:func /:/'); do \
		echo "$${target##*:} in $$(dirname "$${target%%:*}")"; \
		go test -run '^$$' -fuzz "^$${target##*:}\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$(dirname "$${target%%:*}")" || exit 1; \
	done

# What is packed beside the program: completions, man page, changelog.
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

# All that a release has, in $(CACHE)/dist. Nothing is published.
packages: $(GORELEASER)
	$(GORELEASER) check
	$(GORELEASER) release --clean --skip=publish,announce,sign $(SNAPSHOT)
	$(PACKAGING)

# What goreleaser does not make: npm packages and the Homebrew formula.
PACKAGING = CGO_ENABLED=0 go run ./internal/dev/packaging -dist $(CACHE)/dist -owner $(or $(GITHUB_REPOSITORY_OWNER),OWNER)

# The npm packages against a registry on this machine, with both generations of OpenCode, and their command under a
# Node.js that can replace its process.
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

packages-programs:
	@./internal/testdeps.sh git:git rpm:rpm bash:bash zsh:zsh fish:fish mandoc:mandoc

# Makes a release of a copy twice, and compares; installs and removes its packages on this machine. Takes minutes, and root.
test-packages: packages-programs $(GORELEASER)
	GORELEASER=$(GORELEASER) go test -tags packages -count 1 -v -timeout 60m ./internal/dev/release

# Publishes the tag that is checked out; run by its workflow.
release: $(GORELEASER)
	@mkdir -p $(CACHE)
	awk -v tag="$$(git describe --exact-match --tags)" '/^## /{on = ("v" $$2 == tag); next} on' CHANGELOG.md > $(CACHE)/notes.md
	@grep -q . $(CACHE)/notes.md || { echo "CHANGELOG.md has no section for this tag"; exit 1; }
	$(GORELEASER) release --clean --release-notes $(CACHE)/notes.md
	$(PACKAGING)
	./internal/dev/packaging/publish.sh $(CACHE)/dist

# The workflows, as far as they can be checked without running them.
workflows:
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
	go test -count 1 ./internal/dev/release

# Gives the module another path, for example the address of its repository, so that `go install` finds it.
module:
	@[ -n "$(MODULE)" ] || { echo "make module MODULE=github.com/OWNER/ocgo-key"; exit 1; }
	old=$$(go list -m) && go mod edit -module $(MODULE) && git ls-files -z '*.go' Makefile .goreleaser.yaml .golangci.yml | \
		xargs -0 sed -i -E "s#(^|[^A-Za-z0-9_./-])$$old/(helper|internal|keychain|rotation)\\b#\\1$(MODULE)/\\2#g"
	gofmt -w $$(git ls-files '*.go')

# docs/reference.md, where it is made of the grammar.
reference:
	go test ./internal/cli -run '^TestReference$$' -update

# What the Windows build does with Credential Manager, under Wine.
test-wine:
	@./internal/testdeps.sh wine:wine wineserver:wine64
	go run ./internal/dev/winetest -dir $(CACHE)/wine

clean:
	rm -rf $(CACHE)
