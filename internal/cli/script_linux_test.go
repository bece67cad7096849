package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ocgo-key/internal/dev/keyleak"
	"ocgo-key/internal/fakeservice"
	"ocgo-key/keychain/keychaintest"
)

// TestScripts runs the scripts in testdata/script and testdata/installed. Those in
// testdata/installed start installed programs or need a real keychain service.
// testdata/script/README.md describes the commands that scripts have in addition to those of
// testscript.
func TestScripts(t *testing.T) {
	folders := []string{"script"}
	if keychaintest.Installed {
		folders = append(folders, "installed")
	}
	var scripts []string
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no scripts in %s: %v", folder, err)
		}
		scripts = append(scripts, found...)
	}
	runScripts(&scriptT{T: t}, scripts...)
}

func runScripts(t *scriptT, scripts ...string) {
	testscript.RunT(t, testscript.Params{
		Files:               scripts,
		Setup:               setUp,
		Cmds:                scriptCommands,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// keyNames are the names that a script can use for keys. The service knows all these keys except
// "unknown".
var keyNames = []string{"one", "two", "three", "four", "unknown"}

// script is the state of a running script.
type script struct {
	marker  *keyleak.Marker
	service *fakeservice.Server
	daemon  *keychaintest.Daemon
	work    string
	handed  []string // the stdout of each command that may print a key, as the script declared with `handed`
	envkey  bool     // the script uses --env-key

	variables []string // names of the environment variables that the script has set
}

type scriptKey struct{}

func scriptOf(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// setUp gives a script its own service, keys, home and state. After the script it searches for
// leaked keys.
func setUp(env *testscript.Env) error {
	keychain := func() (*keychaintest.Daemon, error) { return keychainIn(keychaintest.Unlocked) }
	if !keychaintest.Installed {
		keychain = newFolder
	}
	daemon, err := keychain()
	if err != nil {
		return err
	}
	bin, err := binDir()
	if err != nil {
		return err
	}
	s := &script{marker: keyleak.New(), daemon: daemon, work: env.WorkDir}
	t := env.T().(*scriptT)
	t.script = s
	safe := t.TempDir() // outside the searched folder, since a password manager may hold keys
	options := fakeservice.Options{Now: serviceClock(filepath.Join(env.WorkDir, "service-clock")), OnRequest: func(fakeservice.Request) { watcher.Look() }, OnDone: func(fakeservice.Request) { watcher.Look() }}
	for _, name := range keyNames {
		if err := os.WriteFile(filepath.Join(safe, name), []byte(s.marker.Key(name)), 0o600); err != nil {
			return err
		}
		if name != "unknown" {
			options.Accounts = append(options.Accounts, fakeservice.Account{Key: s.marker.Key(name), Label: name})
		}
	}
	if s.service, err = fakeservice.Start(options); err != nil {
		return err
	}
	home := filepath.Join(env.WorkDir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	env.Setenv("HOME", home)
	env.Setenv("BIN", bin)
	env.Setenv("OCGO_KEY_BASE_URL", s.service.BaseURL())
	env.Setenv("OCGO_KEY_STATE_DIR", filepath.Join(env.WorkDir, "state"))
	for _, name := range []string{"CONFIG", "DATA", "CACHE", "STATE"} {
		env.Setenv("XDG_"+name+"_HOME", filepath.Join(env.WorkDir, "xdg", strings.ToLower(name)))
	}
	for _, pair := range daemon.Env() {
		name, value, _ := strings.Cut(pair, "=")
		env.Setenv(name, value)
	}
	if !keychaintest.Installed {
		env.Setenv(folderVariable, daemon.Dir)
		env.Defer(func() { _ = daemon.Stop() })
	}
	env.Setenv("PASS_DIR", safe)
	env.Setenv("TZ", "UTC")
	env.Setenv("LC_ALL", "C.UTF-8")
	for _, pair := range env.Vars {
		name, _, _ := strings.Cut(pair, "=")
		s.variables = append(s.variables, name)
	}
	env.Values[scriptKey{}] = s
	watch := watcher.Watch(s.marker)
	env.Defer(func() {
		leaks, err := watch.Stop()
		if err != nil {
			t.Errorf("cannot search the process table: %v", err)
		}
		t.leaks(slices.DeleteFunc(leaks, func(leak keyleak.Leak) bool { return s.envkey && strings.Contains(leak.Where, "/environ of ") }))
		// The file of the keyring is searched too: it is encrypted, so it must not contain a key in
		// plain text.
		leaks, err = s.marker.Files(s.work, daemon.Dir)
		if err != nil {
			t.Errorf("cannot search the written files: %v", err)
		}
		t.leaks(leaks)
		if err := s.service.Close(); err != nil {
			t.Errorf("the service: %v", err)
		}
	})
	return nil
}

// serviceClock returns time.Now, moved by the duration in the file at path, if that file exists.
func serviceClock(path string) func() time.Time {
	return func() time.Time {
		text, err := os.ReadFile(path)
		if err != nil {
			return time.Now()
		}
		ahead, err := time.ParseDuration(strings.TrimSpace(string(text)))
		if err != nil {
			panic(err)
		}
		return time.Now().Add(ahead)
	}
}

// scriptT receives the whole log of each script, which contains everything that was printed.
type scriptT struct {
	*testing.T
	script *script
	caught *[]keyleak.Leak // the test of this search sets it, to collect leaks instead of failing
}

// Run gives the subtest its own scriptT.
func (t *scriptT) Run(name string, f func(testscript.T)) {
	t.T.Run(name, func(sub *testing.T) { f(&scriptT{T: sub, caught: t.caught}) })
}

// Verbose makes testscript keep its whole log, including the commands that succeeded.
func (t *scriptT) Verbose() bool { return true }

func (t *scriptT) leaks(leaks []keyleak.Leak) {
	for _, leak := range leaks {
		if t.caught != nil {
			*t.caught = append(*t.caught, leak)
			continue
		}
		t.Errorf("leaked: %v", leak)
	}
}

// Log gets the whole log at the end of the script and searches it for keys. It leaves out the
// outputs that the script declared with `handed`.
func (t *scriptT) Log(args ...any) {
	log := []byte(fmt.Sprint(args...))
	if s := t.script; s != nil {
		searched := log
		for _, output := range s.handed {
			before, after, found := bytes.Cut(searched, []byte("[stdout]\n"+output))
			if !found {
				t.Errorf("an output that the script declared with `handed` is not in the log")
			}
			searched = append(append(bytes.Clone(before), "[stdout, handed]\n"...), after...)
		}
		t.leaks(s.marker.Text("what was printed", searched))
		log = searched
	}
	if t.Failed() || testing.Verbose() {
		t.T.Log(string(log))
	}
}
