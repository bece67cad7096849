package keychain_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

// godbus keeps one session bus per process. Tests that need another bus therefore run the store in
// a child process: this test binary, with a job in its environment.
const jobVariable = "OCGO_KEYCHAIN_TEST_JOB"

type job struct {
	Op         string // get, set, delete or inspect
	ID, Secret string
	Budget     time.Duration
	RuntimeDir string // replaces /run/user/UID

	Dir, Identity string // not empty: the job uses the file store
}

type report struct {
	OK            bool
	Value         string
	Kind          keychain.Kind
	Message, Hint string
	Fix           string
	Deadline      bool   // the error wraps context.DeadlineExceeded
	Bus           string // DBUS_SESSION_BUS_ADDRESS afterwards
}

// unlocked is the Secret Service of this process.
var unlocked *keychaintest.Daemon

func TestMain(m *testing.M) {
	if text := os.Getenv(jobVariable); text != "" {
		os.Exit(runJob(text))
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	flag.Parse()
	if !keychaintest.Installed {
		return m.Run()
	}
	d, stop, err := keychaintest.Start(keychaintest.Unlocked)
	if err != nil {
		fmt.Fprintln(os.Stderr, "keychain tests:", err)
		return 1
	}
	unlocked = d
	for _, pair := range d.Env() {
		name, value, _ := strings.Cut(pair, "=")
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, "keychain tests:", err)
			return 1
		}
	}
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "keychain tests:", err)
		return 1
	}
	return code
}

func runJob(text string) int {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), j.Budget)
	defer cancel()
	store := keychain.NewOSWithRuntimeDir(j.RuntimeDir)
	if j.Dir != "" {
		store = inFolder(j.Dir, j.Identity)
	}
	var s keychain.Secret
	var err error
	switch j.Op {
	case "get":
		if w, ok := store.(keychain.Warmer); ok {
			go w.Warm() // as in `get`; the result must be the same without Warm
		}
		s, err = store.Get(ctx, j.ID)
	case "set":
		err = store.Set(ctx, j.ID, keychain.NewSecret(j.Secret))
	case "delete":
		err = store.Delete(ctx, j.ID)
	case "inspect":
		var seen keychain.Inspection
		seen, err = store.(keychain.Inspector).Inspect(ctx)
		s = keychain.NewSecret(fmt.Sprint(seen.Complete, seen.IDs))
	case "hammer":
		return hammer(store, j.ID)
	default:
		err = fmt.Errorf("no such op %q", j.Op)
	}
	r := report{OK: err == nil, Value: s.Reveal(), Bus: os.Getenv("DBUS_SESSION_BUS_ADDRESS")}
	if e, ok := errors.AsType[*keychain.Error](err); ok {
		r.Kind, r.Hint, r.Fix = e.Kind, e.Hint, e.Fix
		r.Deadline = errors.Is(err, context.DeadlineExceeded)
	}
	if err != nil {
		r.Message = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		return 1
	}
	return 0
}

// hangLimit is the time after which a child counts as hanging.
const hangLimit = time.Minute

// inChild runs j in a child process with extra environment variables. It checks that the child
// leaves no process running.
func inChild(t *testing.T, j job, env ...string) report {
	t.Helper()
	if j.ID == "" {
		j.ID = "child"
	}
	if j.Budget == 0 {
		j.Budget = 20 * time.Second
	}
	if j.RuntimeDir == "" {
		j.RuntimeDir = t.TempDir() // an empty folder
	}
	text, err := json.Marshal(j)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
	defer cancel()
	mark := "OCGO_KEYCHAIN_TEST_MARK=" + rand.Text()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(append(os.Environ(), env...), jobVariable+"="+string(text), mark,
		"GORACE=atexit_sleep_ms=0") // otherwise the race detector sleeps for a second at exit
	cmd.Stderr = &bytes.Buffer{}
	// If a daemon inherited stdout, Output fails instead of waiting for the daemon.
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.Output()
	require.NoError(t, err, "child for %s: %s", j.Op, cmd.Stderr)
	assert.Empty(t, withEnvironment(t, mark), "processes left behind")
	var r report
	require.NoError(t, json.Unmarshal(out, &r), "%s", out)
	return r
}

// withEnvironment lists the processes that have the variable pair. Processes inherit it from their
// parents.
func withEnvironment(t *testing.T, pair string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var found []string
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err == nil && bytes.Contains(environ, []byte(pair)) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			found = append(found, filepath.Dir(file)+" "+strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return found
}
