package doctor

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ocgo-key/helper/accounts"
	"ocgo-key/helper/opencode"
	"ocgo-key/internal/install"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// home returns the OpenCode of a user with an empty home folder.
func home(t *testing.T, env map[string]string, p opencode.Program) *openCode {
	t.Helper()
	return &openCode{getenv: func(name string) string { return env[name] }, home: t.TempDir(), program: p}
}

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), mode))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

// short returns each finding as "level: what | fix".
func short(findings []Finding) (all []string) {
	for _, f := range findings {
		all = append(all, f.Level+": "+f.What+" | "+f.Fix)
	}
	return all
}

// findings returns the findings of check.
func findings(check func(*Result)) []string {
	var r Result
	check(&r)
	return short(r.Findings)
}

// fakeKeys is a store in memory.
type fakeKeys struct {
	name   string
	keys   map[string]string
	opaque bool             // the store cannot list its ids
	shut   error            // what Inspect returns for keys in a locked keyring
	deaf   error            // the error of every call
	broken map[string]error // the error of Get, by id
	moving bool
	// unchosen is the error of CheckConfirmed; nil if the user has confirmed the stores.
	unchosen error
}

func (k *fakeKeys) Name() string                       { return cmp.Or(k.name, "os") }
func (k *fakeKeys) Moving() bool                       { return k.moving }
func (k *fakeKeys) StoreIn(s rotation.Settings) string { return cmp.Or(s.Store, "os") }

func (k *fakeKeys) CheckConfirmed(context.Context, rotation.Settings, ...string) error {
	return k.unchosen
}
func (k *fakeKeys) Described(store string, _ rotation.Settings) string {
	return accounts.Place(store)
}

func (k *fakeKeys) Get(_ context.Context, id string) (keychain.Secret, error) {
	switch key, ok := k.keys[id]; {
	case k.deaf != nil:
		return keychain.Secret{}, k.deaf
	case k.broken[id] != nil:
		return keychain.Secret{}, k.broken[id]
	case !ok:
		return keychain.Secret{}, &keychain.Error{Kind: keychain.NotFound, Op: "get", ID: id, Err: errors.New("it has none")}
	default:
		return keychain.NewSecret(key), nil
	}
}

func (k *fakeKeys) Delete(_ context.Context, id string) error {
	delete(k.keys, id)
	return k.deaf
}

func (k *fakeKeys) Inspect(context.Context) (keychain.Inspection, error) {
	if k.deaf != nil || k.opaque {
		return keychain.Inspection{}, k.deaf
	}
	ids := []string{}
	for id := range k.keys {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return keychain.Inspection{Complete: true, IDs: ids, Locked: k.shut}, nil
}

// A machine has everything that doctor checks: a home folder, a state, a key store and a service.
type machine struct {
	t       *testing.T
	env     map[string]string
	home    string
	dir     string // the state folder
	keys    *fakeKeys
	service *httptest.Server
	answer  http.HandlerFunc // answers for the service; nil refuses the key as unknown
}

// newMachine returns a machine with an empty home folder, no state, and an empty PATH.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, home: t.TempDir(), keys: &fakeKeys{keys: map[string]string{}}}
	m.dir = filepath.Join(m.home, "state")
	m.env = map[string]string{"HOME": m.home, "OCGO_KEY_STATE_DIR": m.dir, "PATH": filepath.Join(m.home, "bin"),
		"OPENCODE_TEST_MANAGED_CONFIG_DIR": filepath.Join(m.home, "managed")}
	for _, name := range []string{"HOME", "USERPROFILE"} {
		t.Setenv(name, m.home)
	}
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, t.TempDir())
	}
	t.Chdir(m.home)
	m.service = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.answer != nil {
			m.answer(w, r)
			return
		}
		refuse(w, r)
	}))
	t.Cleanup(m.service.Close)
	return m
}

// account adds an account with the key "sk-" and the id.
func (m *machine) account(id, label string) {
	m.t.Helper()
	m.keys.keys[id] = "sk-" + id
	require.NoError(m.t, m.pool().Add(m.t.Context(), rotation.NewAccount{ID: id, Label: label}))
}

func (m *machine) pool() *rotation.Pool { return rotation.Open(m.dir, func(string) {}) }

// change changes the state, for example to the state that a killed command leaves.
func (m *machine) change(alter func(*state.State)) {
	m.t.Helper()
	require.NoError(m.t, state.OpenFile(m.dir, time.Now, nil).Update(m.t.Context(), func(s *state.State) error {
		alter(s)
		return nil
	}))
}

func (m *machine) options() Options {
	service, err := url.Parse(m.service.URL)
	require.NoError(m.t, err)
	return Options{Getenv: func(name string) string { return m.env[name] }, Keys: m.keys, Service: service,
		Open: func() (*rotation.Pool, error) { return m.pool(), nil }}
}

// examine runs one check.
func (m *machine) examine(name string) Result {
	m.t.Helper()
	for _, c := range newExamination(m.t.Context(), m.options()).checks() {
		if c.name == name {
			r := Result{Check: name}
			c.run(&r)
			return r
		}
	}
	m.t.Fatalf("there is no check %q", name)
	return Result{}
}

// finds requires that one check has these findings. HOME stands for the home folder.
func (m *machine) finds(check string, want ...string) Result {
	m.t.Helper()
	r := m.examine(check)
	var found []string
	for _, line := range short(r.Findings) {
		found = append(found, strings.ReplaceAll(line, m.home, "HOME"))
	}
	require.Equal(m.t, want, found, "%s", r.Skipped)
	return r
}

// repairs runs the repairs of a result and requires that they report this. No finding with a repair
// may be left.
func (m *machine) repairs(r Result, want ...string) {
	m.t.Helper()
	var told warnings
	var done []string
	for _, d := range Repair([]Result{r}, &told) {
		done = append(done, strings.ReplaceAll(d.What, m.home, "HOME"))
	}
	require.Empty(m.t, told)
	require.Equal(m.t, want, done)
	for _, f := range m.examine(r.Check).Findings {
		require.False(m.t, f.Repairable(), "%s", f.What)
	}
}

// warnings collects the warnings of repairs.
type warnings []string

func (*warnings) Say(string, ...any)              {}
func (*warnings) Detail(string, ...any)           {}
func (w *warnings) Warn(message string, _ string) { *w = append(*w, message) }

// fromHome replaces HOME in pattern by the machine's home folder.
func fromHome(m *machine, pattern string) string {
	return strings.ReplaceAll(pattern, "HOME", regexp.QuoteMeta(m.home))
}

// install puts an opencode on PATH and writes the files that `ocgo-key install` would write.
func (m *machine) install(plan func(*install.Places) (*install.Plan, error)) *install.Places {
	m.t.Helper()
	m.opencode("echo 1.18.33")
	w, err := install.Find(m.options().Getenv)
	require.NoError(m.t, err)
	p, err := plan(w)
	require.NoError(m.t, err)
	require.NoError(m.t, p.Apply())
	return w
}

// opencode puts a shell script on PATH as opencode.
func (m *machine) opencode(script string) string {
	name, text := "opencode", "#!/bin/sh\n"+script+"\n"
	if runtime.GOOS == "windows" {
		name, text = "opencode.cmd", "@"+script+"\r\n"
	}
	return write(m.t, filepath.Join(m.home, "bin", name), text, 0o755)
}
