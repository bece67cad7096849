package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/dev/keyleak"
	"ocgo-key/internal/fakeservice"
)

// A world is the environment of one test: a home folder, a fake service, and keys that only this
// test has. At the end of the test it searches for leaks of these keys.
type world struct {
	t       *testing.T
	marker  *keyleak.Marker
	service *fakeservice.Server
	home    string
	env     []string
	second  string // the path of OpenCode 2, if `opencode` is OpenCode 2

	openCode1
	openCode2
	machine

	mu      sync.Mutex
	looking []func()   // called at the beginning and the end of each request
	running []*command // started and not yet ended

	leaks func([]keyleak.Leak) // handles the leaks that were found; by default the test fails
}

// These three types only group the methods of world.
type (
	// openCode1 has methods for OpenCode 1 and for any version.
	openCode1 struct{ w *world }
	// openCode2 has methods for OpenCode 2.
	openCode2 struct{ w *world }
	// machine has methods for processes, files and the keychain.
	machine struct{ w *world }
)

// sorted sets the embedded method groups of a new world.
func (w *world) sorted() *world {
	w.openCode1, w.openCode2, w.machine = openCode1{w}, openCode2{w}, machine{w}
	return w
}

// labels are the accounts of most tests, in the order in which they are added. The test keys have
// the same names.
var labels = []string{"Work", "Personal", "Spare"}

// quick halves the start time of OpenCode. It turns off the built-in logins of other services, the
// last stage of the JavaScript compiler, which pays off only after hours, and the garbage
// collection, so that OpenCode takes 640 MB of memory instead of 380. OpenCode reads 5,000 models
// at each start; quick leaves a few of them.
var quick = []string{"OPENCODE_DISABLE_DEFAULT_PLUGINS=1", "OPENCODE_MODELS_PATH=" + catalog(), "BUN_JSC_useFTLJIT=0", "BUN_JSC_useGC=0"}

func catalog() string {
	path, err := filepath.Abs("testdata/models.json")
	if err != nil {
		panic(err)
	}
	return path
}

// whole returns the same world without the variables of quick.
func (w *world) whole() *world {
	other := w.with()
	other.env = slices.DeleteFunc(other.env, func(pair string) bool { return slices.Contains(quick, pair) })
	return other
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := (&world{t: t, marker: keyleak.New()}).sorted()
	w.leaks = func(leaks []keyleak.Leak) {
		for _, leak := range leaks {
			t.Errorf("leaked: %v", leak)
		}
	}
	root := t.TempDir()
	w.home = filepath.Join(root, "home")
	for _, dir := range []string{w.home, filepath.Join(root, "tmp"), filepath.Join(root, "project")} {
		require.NoError(t, os.Mkdir(dir, 0o700))
	}
	options := fakeservice.Options{OnRequest: w.look, OnDone: w.look}
	for _, label := range labels {
		options.Accounts = append(options.Accounts, fakeservice.Account{Key: w.marker.Key(label), Label: label})
	}
	service, err := fakeservice.Start(options)
	require.NoError(t, err)
	w.service = service
	w.env = append([]string{
		"PATH=" + filepath.Dir(program) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + w.home,
		"TMPDIR=" + filepath.Join(root, "tmp"),
		"PWD=" + filepath.Join(root, "project"),
		"LC_ALL=C.UTF-8",
		"TZ=UTC",
		"OCGO_KEY_BASE_URL=" + service.BaseURL(),
		"OPENCODE_DISABLE_MODELS_FETCH=1",
		"OPENCODE_DISABLE_AUTOUPDATE=1",
	}, ring.Env()...)
	w.env = append(w.env, quick...)
	watch := watcher.Watch(w.marker)
	t.Cleanup(func() {
		w.endAll()
		assert.NoError(t, service.Close())
		leaks, err := watch.Stop()
		assert.NoError(t, err)
		w.leaks(leaks)
		// This includes the keyring's own file, which is encrypted and must not contain a key in
		// plain text either.
		leaks, err = w.marker.Files(root, ring.Dir)
		assert.NoError(t, err)
		w.leaks(leaks)
	})
	return w
}

func (w *world) look(fakeservice.Request) {
	watcher.Look()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, look := range w.looking {
		look()
	}
}

// whileRequests adds a function that is called at the beginning and the end of each later request.
func (w *world) whileRequests(look func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looking = append(w.looking, look)
}

// with returns the same world with other environment variables.
func (w *world) with(pairs ...string) *world {
	other := (&world{t: w.t, marker: w.marker, service: w.service, home: w.home, second: w.second, leaks: w.leaks}).sorted()
	other.env = append(slices.Clone(w.env), pairs...) // the last value of a variable counts
	w.t.Cleanup(other.endAll)
	return other
}

// endAll ends the processes that a failed test has left. They would write files while the test's
// folder is removed.
func (w *world) endAll() {
	w.mu.Lock()
	left := slices.Clone(w.running)
	w.mu.Unlock()
	for _, c := range left {
		c.cancel()
		c.end()
	}
}

// A command is a program that a test runs, with its output.
type command struct {
	*exec.Cmd
	w              *world
	stdout, stderr bytes.Buffer
	mayHoldKeys    bool // on stdout
	cancel         context.CancelFunc
}

// command prepares a program with this world's environment and a time limit.
func (w *world) command(name string, args ...string) *command {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	c := &command{w: w, cancel: cancel}
	path := name
	switch {
	case name == "ocgo-key":
		path = program
	case name == "opencode" && w.second != "":
		path = w.second
	}
	c.Cmd = exec.CommandContext(ctx, path, args...)
	c.Env, c.Dir = w.env, filepath.Join(filepath.Dir(w.home), "project")
	c.Stdout, c.Stderr = &c.stdout, &c.stderr
	c.WaitDelay = patience / 10 // a child process may keep our pipe open
	return c
}

// Start starts the command. The caller must call end afterwards.
func (c *command) Start() error {
	if err := c.Cmd.Start(); err != nil {
		return err
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.w.running = append(c.w.running, c)
	return nil
}

// prints allows keys on the command's stdout.
func (c *command) prints() *command {
	c.mayHoldKeys = true
	return c
}

func (c *command) reads(text string) *command {
	c.Stdin = strings.NewReader(text)
	return c
}

// end waits for a started command, and searches its output for keys.
func (c *command) end() *command {
	c.w.t.Helper()
	defer c.cancel()
	err := c.Wait()
	c.w.mu.Lock()
	c.w.running = slices.DeleteFunc(c.w.running, func(other *command) bool { return other == c })
	c.w.mu.Unlock()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		c.w.t.Errorf("%s: %v", filepath.Base(c.Path), err)
	}
	c.w.leaks(c.w.marker.Text("stderr of "+filepath.Base(c.Path), c.stderr.Bytes()))
	if !c.mayHoldKeys {
		c.w.leaks(c.w.marker.Text("stdout of "+filepath.Base(c.Path), c.stdout.Bytes()))
	}
	return c
}

// run starts the command and waits for its end.
func (c *command) run() *command {
	c.w.t.Helper()
	require.NoError(c.w.t, c.Start())
	return c.end()
}

func (c *command) code() int { return c.ProcessState.ExitCode() }

func (c *command) signal() syscall.Signal {
	status := c.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() {
		return 0
	}
	return status.Signal()
}

// ok checks that the exit code is 0.
func (c *command) ok() *command {
	c.w.t.Helper()
	shown := c.stdout.String()
	if c.mayHoldKeys {
		shown = "(may hold keys)"
	}
	require.Equal(c.w.t, 0, c.code(), "%s: %v\nstdout: %s\nstderr: %s", filepath.Base(c.Path), c.ProcessState, shown, c.stderr.String())
	return c
}

// ours returns the lines of ocgo-key on stderr.
func (c *command) ours() []string {
	var lines []string
	for line := range strings.Lines(c.stderr.String()) {
		if text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "ocgo-key: "); ok {
			lines = append(lines, text)
		}
	}
	return lines
}

// add adds the accounts. It passes each key through a pipe.
func (w *world) add(labels ...string) {
	w.t.Helper()
	for _, label := range labels {
		w.command("ocgo-key", "add", label, "--no-verify").reads(w.marker.Key(label) + "\n").run().ok()
	}
}

// An account is an element of the output of `list --json`.
type account struct {
	ID, Label, State string
	Enabled          bool
	Reason           *string
	Leases           []struct{ PID int }
}

type pool struct {
	Accounts []account
	Next     *string
}

func (w *world) list() pool {
	w.t.Helper()
	c := w.command("ocgo-key", "list", "--json").run().ok()
	require.Empty(w.t, c.stderr.String())
	var p pool
	require.NoError(w.t, json.Unmarshal(c.stdout.Bytes(), &p))
	return p
}

// states returns the states of the accounts as text, in the order of the pool.
func (p pool) states() string {
	var s []string
	for _, a := range p.Accounts {
		s = append(s, a.Label+" "+a.State)
	}
	return strings.Join(s, ", ")
}

// keyOf returns the name of the key in a command's output. The test fails if there is anything
// else.
func (w *world) keysOf(stdout string) []string {
	w.t.Helper()
	var names []string
	for line := range strings.Lines(stdout) {
		i := slices.IndexFunc(labels, func(label string) bool { return w.marker.Key(label)+"\n" == line })
		if i < 0 {
			w.t.Errorf("a line that is no key") // the failure message must not show it
			continue
		}
		names = append(names, labels[i])
	}
	return names
}

// asked returns the accounts of the requests for an answer to a prompt, without titles and usage.
func (w *world) asked() []string {
	names := []string{}
	for _, r := range w.turns() {
		names = append(names, r.Account)
	}
	return names
}

// turns returns the requests for an answer to a prompt.
func (w *world) turns() []fakeservice.Request {
	return slices.DeleteFunc(w.service.Requests(), func(r fakeservice.Request) bool { return r.Title || strings.HasSuffix(r.Path, "/usage") })
}

// wasAsked reports whether any model request, even one for a title, had the account's key.
func (w *world) wasAsked(label string) bool {
	return slices.ContainsFunc(w.service.Requests(), func(r fakeservice.Request) bool {
		return r.Account == label && !strings.HasSuffix(r.Path, "/usage")
	})
}
