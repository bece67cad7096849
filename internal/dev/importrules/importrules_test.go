package importrules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var module = func() string {
	path, err := exec.Command("go", "list", "-m").Output()
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(path))
}()

// leaves lists the packages that import no other package of the project.
var leaves = []string{"helper/credential", "internal/paths", "internal/atomicfile", "internal/process", "internal/term", "internal/secure", "internal/fakeservice", "internal/dev/keyleak", "internal/completion", "internal/manual", "internal/version", "internal/keyform", "internal/text", "internal/hint"}

// A rule forbids some imports. A pattern is a package, relative to this module unless it is in
// another module; "x/..." means x and everything below it.
type rule struct {
	who    []string // these packages
	except []string // except these
	never  []string // they never import these packages directly or, with deep, indirectly
	unless []string // except these
	deep   bool
	why    string
}

var rules = []rule{
	{who: []string{"rotation/..."}, never: []string{"keychain/...", "helper/..."}, deep: true,
		why: "rotation sees account ids, never a key"},
	{who: []string{"keychain/..."}, never: []string{"rotation/...", "helper/..."}, deep: true,
		why: "only helper joins keychain and rotation"},
	{who: []string{"..."}, except: []string{"keychain"}, never: []string{"github.com/zalando/go-keyring/..."},
		why: "a key is asked for through a Store, which has deadlines"},
	{who: []string{"..."}, except: []string{"keychain"}, never: []string{"filippo.io/age/...", "github.com/docker/docker-credential-helpers/..."},
		why: "a key is asked for through a Store"},
	{who: []string{"keychain"}, never: []string{"..."}, unless: []string{"internal/atomicfile", "internal/text"}, deep: true,
		why: "keychain uses only atomicfile and text of this project"},
	{who: []string{"helper/caller"}, never: []string{"..."}, unless: []string{"internal/process"}, deep: true,
		why: "caller identifies the asking process from the process table alone"},
	{who: []string{"helper/gateway"}, never: []string{"helper/wrapper", "helper/opencode"}, deep: true, why: "only supervise and cli combine them"},
	{who: []string{"helper/wrapper"}, never: []string{"helper/gateway", "helper/opencode", "keychain/...", "rotation/..."}, deep: true,
		why: "only supervise and cli combine them; the wrapper knows nothing of accounts"},
	{who: []string{"helper/opencode"}, never: []string{"helper/gateway", "helper/wrapper"}, deep: true, why: "only supervise and cli combine them"},
	{who: []string{"helper/clients"}, never: []string{"helper", "helper/gateway", "helper/wrapper", "helper/supervise", "rotation/..."}, deep: true,
		why: "only supervise combines them; clients knows nothing of accounts"},
	{who: []string{"helper/gateway", "helper/wrapper", "helper/opencode"}, never: []string{"helper/clients"}, why: "only supervise combines them"},
	{who: []string{"helper/gateway", "helper/wrapper", "helper/opencode"}, never: []string{"helper/supervise"}, why: "supervise combines them, and not the other way round"},
	{who: []string{"helper/supervise"}, never: []string{"keychain/...", "rotation/state"}, why: "supervise works with grants: it sees no key, and opens no store"},
	{who: []string{"helper/accounts"}, never: []string{"helper/gateway", "helper/wrapper", "helper/opencode", "helper/supervise"}, deep: true,
		why: "accounts can be changed without a run, a gateway or OpenCode"},
	{who: []string{"helper/...", "internal/cli/...", "internal/importer", "internal/install"}, except: []string{"helper"}, never: []string{"rotation/state"},
		why: "the state is read and written through rotation; only doctor reads its file directly"},
	{who: []string{"internal/doctor", "internal/importer", "internal/install"}, never: []string{"helper/supervise", "helper/gateway", "helper/wrapper"},
		why: "they work without a run"},
	{who: []string{"internal/install"}, never: []string{"helper", "helper/accounts", "rotation/..."}, deep: true,
		why: "an installation does not depend on accounts"},
	{who: []string{"internal/importer"}, never: []string{"internal/term"}, why: "only the command line asks the user and prints"},
	{who: leaves, never: []string{"..."}, deep: true, why: "a leaf imports nothing of the project"},
	{who: []string{"..."}, except: []string{""}, never: []string{"internal/cli/..."}, why: "only main runs the command line"},
	{who: []string{"internal/fullscreen"}, never: []string{"..."}, unless: []string{"internal/term"}, deep: true,
		why: "a screen knows only the terminal it is on"},
	{who: []string{""}, never: []string{"..."}, unless: []string{"internal/cli"}, why: "main is os.Exit(cli.Main(...)) and nothing else"},
	{who: []string{""}, never: []string{"testing", "github.com/stretchr/testify/...", "keychain/keychaintest", "internal/dev/keyleak", "internal/dev/bench/...", "internal/dev/faults/...", "internal/dev/lab"},
		deep: true, why: "test support stays out of the program"},
	{who: []string{"keychain/...", "rotation/...", "helper/..."}, except: []string{"keychain/keychaintest"}, never: []string{"internal/fakeservice", "testing"},
		why: "stand-ins are for tests and the demo"},
}

// pkg has the used members of a package in the output of `go list -json`. The rules do not apply to
// the imports of tests.
type pkg struct {
	ImportPath    string
	Imports, Deps []string
}

// matches reports whether the pattern matches the import path.
func matches(pattern, path string) bool {
	first, _, _ := strings.Cut(pattern, "/")
	if !strings.Contains(first, ".") && pattern != "testing" || pattern == "..." {
		pattern = strings.TrimSuffix(module+"/"+pattern, "/")
	}
	prefix, all := strings.CutSuffix(pattern, "/...")
	return path == prefix || all && strings.HasPrefix(path, prefix+"/")
}

func anyMatches(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) })
}

// broken returns the violations of the rules.
func broken(packages []pkg, rules []rule) []string {
	var breaches []string
	for _, p := range packages {
		for _, r := range rules {
			if !anyMatches(r.who, p.ImportPath) || r.except != nil && anyMatches(r.except, p.ImportPath) {
				continue
			}
			imports := p.Imports
			if r.deep {
				imports = p.Deps
			}
			for _, i := range imports {
				if anyMatches(r.never, i) && !anyMatches(r.unless, i) {
					breaches = append(breaches, fmt.Sprintf("%s imports %s: %s", p.ImportPath, i, r.why))
				}
			}
		}
	}
	return breaches
}

func list(t *testing.T, goos string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = filepath.Join("..", "..", "..")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	cmd.Stderr = &bytes.Buffer{}
	out, err := cmd.Output()
	require.NoError(t, err, "%s", cmd.Stderr)
	var packages []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else {
			require.NoError(t, err)
		}
		packages = append(packages, p)
	}
}

func TestImports(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		packages := list(t, goos)
		for _, r := range rules {
			for _, who := range r.who {
				there := slices.ContainsFunc(packages, func(p pkg) bool { return matches(who, p.ImportPath) })
				assert.True(t, there, "a rule names %q, which is not a package", who)
			}
		}
		for _, breach := range broken(packages, rules) {
			t.Errorf("%s: %s", goos, breach)
		}
	}
}

// broken finds each kind of violation.
func TestBreachesAreSeen(t *testing.T) {
	for _, bad := range []pkg{
		{"ocgo-key/rotation", nil, []string{"ocgo-key/keychain"}},
		{"ocgo-key/rotation/state", nil, []string{"ocgo-key/keychain/keychaintest"}},
		{"ocgo-key/keychain", nil, []string{"ocgo-key/rotation/state"}},
		{"ocgo-key/keychain", nil, []string{"ocgo-key/internal/term"}},
		{"ocgo-key/helper", []string{"github.com/zalando/go-keyring"}, nil},
		{"ocgo-key/internal/cli", []string{"filippo.io/age"}, nil},
		{"ocgo-key/internal/cli", []string{"ocgo-key/rotation/state"}, nil},
		{"ocgo-key/helper/accounts", nil, []string{"ocgo-key/helper/gateway"}},
		{"ocgo-key/internal/doctor", []string{"ocgo-key/helper/supervise"}, nil},
		{"ocgo-key/internal/doctor", []string{"ocgo-key/internal/cli"}, nil},
		{"ocgo-key/helper/supervise", []string{"ocgo-key/keychain"}, nil},
		{"ocgo-key/helper/supervise", []string{"ocgo-key/internal/cli"}, nil},
		{"ocgo-key/internal/cli", []string{"github.com/docker/docker-credential-helpers/client"}, nil},
		{"ocgo-key", []string{"ocgo-key/keychain"}, nil},
		{"ocgo-key", []string{"ocgo-key/internal/cli", "ocgo-key/internal/paths"}, nil},
		{"ocgo-key/helper/caller", nil, []string{"ocgo-key/rotation"}},
		{"ocgo-key/helper/caller", nil, []string{"ocgo-key/helper"}},
		{"ocgo-key/helper/credential", nil, []string{"ocgo-key/keychain"}},
		{"ocgo-key/helper/gateway", nil, []string{"ocgo-key/helper/wrapper"}},
		{"ocgo-key/helper/gateway", nil, []string{"ocgo-key/helper/opencode"}},
		{"ocgo-key/helper/wrapper", nil, []string{"ocgo-key/helper/gateway"}},
		{"ocgo-key/helper/wrapper", nil, []string{"ocgo-key/keychain"}},
		{"ocgo-key/helper/opencode", nil, []string{"ocgo-key/helper/gateway"}},
		{"ocgo-key/internal/install", nil, []string{"ocgo-key/rotation"}},
		{"ocgo-key/internal/importer", []string{"ocgo-key/rotation/state"}, nil},
		{"ocgo-key/internal/importer", []string{"ocgo-key/internal/term"}, nil},
		{"ocgo-key/internal/paths", nil, []string{"ocgo-key/internal/term"}},
		{"ocgo-key/internal/fakeservice", nil, []string{"ocgo-key/rotation"}},
		{"ocgo-key/helper", []string{"ocgo-key/internal/cli"}, nil},
		{"ocgo-key/helper/gateway", []string{"ocgo-key/internal/fakeservice"}, nil},
		{"ocgo-key/helper", []string{"testing"}, nil},
		{"ocgo-key", []string{"ocgo-key/internal/cli"}, []string{"github.com/stretchr/testify/require"}},
		{"ocgo-key", []string{"ocgo-key/internal/cli"}, []string{"ocgo-key/keychain/keychaintest"}},
	} {
		assert.NotEmpty(t, broken([]pkg{bad}, rules), "%+v", bad)
	}
	for _, good := range []pkg{
		{"ocgo-key", []string{"ocgo-key/internal/cli", "os"}, []string{"ocgo-key/keychain", "ocgo-key/rotation"}},
		{"ocgo-key/helper", []string{"ocgo-key/keychain", "ocgo-key/rotation"}, []string{"github.com/zalando/go-keyring"}},
		{"ocgo-key/keychain", []string{"github.com/zalando/go-keyring", "filippo.io/age"}, []string{"testing/fstest", "ocgo-key/internal/atomicfile"}},
		{"ocgo-key/helper/caller", []string{"ocgo-key/internal/process"}, []string{"ocgo-key/internal/process"}},
		{"ocgo-key/helper/gateway", []string{"ocgo-key/helper"}, []string{"ocgo-key/helper", "ocgo-key/keychain"}},
		{"ocgo-key/internal/cli", []string{"ocgo-key/internal/fakeservice", "ocgo-key/helper/wrapper"}, nil},
	} {
		assert.Empty(t, broken([]pkg{good}, rules), "%+v", good)
	}
}

// topLevel lists what may be at the top level, besides dot-files.
var topLevel = []string{"main.go", "keychain", "rotation", "helper", "internal", "docs",
	"go.mod", "go.sum", "LICENSE", "Makefile", "README.md", "CHANGELOG.md"}

// parts lists the allowed subfolders of these folders. docs/architecture.md, "The packages",
// describes them.
var parts = map[string][]string{
	"helper":   {"accounts", "caller", "choice", "clients", "credential", "gateway", "wrapper", "opencode", "supervise"},
	"rotation": {"state"},
	"keychain": {"keychaintest"},
}

func unlisted(t *testing.T, dir string, known []string, foldersOnly bool) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && e.Name() != "testdata" && (e.IsDir() || !foldersOnly) && !slices.Contains(known, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestLayout(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	assert.Empty(t, unlisted(t, root, topLevel, false), "docs/architecture.md does not name these entries of the top level")
	for dir, known := range parts {
		assert.Empty(t, unlisted(t, filepath.Join(root, dir), known, true), dir)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	assert.True(t, bytes.HasPrefix(mod, []byte("module "+module+"\n")))

	bad := t.TempDir()
	for _, name := range append([]string{"utils", "notes.txt", ".git"}, topLevel...) {
		require.NoError(t, os.Mkdir(filepath.Join(bad, name), 0o700))
	}
	assert.Equal(t, []string{"notes.txt", "utils"}, unlisted(t, bad, topLevel, false), "unlisted entries are found")
}
