package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each process gets one key and keeps it. Three processes get three keys, and the fourth gets the
// first key again.
func TestEachProcessKeepsItsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(labels...)
	script := filepath.Join(w.home, "twice.sh")
	require.NoError(t, os.WriteFile(script, []byte("ocgo-key get\nocgo-key get\n"), 0o600))
	for i, want := range []string{"Work", "Personal", "Spare", "Work", "Personal", "Spare"} {
		args := []string{script}
		if i%2 == 1 {
			args = []string{"-c", "ocgo-key get; ocgo-key get"}
		}
		c := w.command("sh", args...).prints().run().ok()
		assert.Equal(t, []string{want, want}, w.keysOf(c.stdout.String()), "shell %d", i)
	}
}

// The same holds if all three run at once, and each asks again after the others have asked.
func TestProcessesSideBySide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(labels...)
	shells := make([]*command, len(labels))
	for i := range shells {
		c := w.command("sh", "-c", "ocgo-key get; read go; ocgo-key get; read go").prints()
		stdin, err := c.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		shells[i] = c
		require.Eventually(t, func() bool { return len(w.held()) == i+1 }, patience, pause, "shell %d has no account", i)
		t.Cleanup(func() { _ = stdin.Close() })
		defer func() {
			_, err := stdin.Write([]byte("\n\n"))
			assert.NoError(t, err)
			c.end().ok()
			names := w.keysOf(c.stdout.String())
			assert.Equal(t, []string{labels[i], labels[i]}, names, "shell %d", i)
		}()
	}
}

// held returns the processes that hold an account, as `list` shows them.
func (of machine) held() (pids []int) {
	w := of.w
	for _, a := range w.list().Accounts {
		for _, l := range a.Leases {
			pids = append(pids, l.PID)
		}
	}
	return pids
}

const (
	crowd   = 200
	oneTime = 60 * time.Millisecond // the approximate time of one get when many run at once
)

// Two hundred processes run at once. The numbers of processes per account differ by at most one.
func TestCrowd(t *testing.T) {
	w := newWorld(t)
	w.add(labels...)
	shares := map[string]int{}
	for _, c := range w.startCrowd(nil) {
		assert.Equal(t, 0, c.end().code(), c.stderr.String())
		for _, name := range w.keysOf(c.stdout.String()) {
			shares[name]++
		}
		assert.Empty(t, c.stderr.String())
	}
	require.False(t, t.Failed())
	assert.Equal(t, map[string]int{"Work": 67, "Personal": 67, "Spare": 66}, shares)
	w.stateIsValid(len(labels))
}

// A third of the processes are killed at random moments. The state stays intact and usable.
func TestCrowdThatIsKilled(t *testing.T) {
	w := newWorld(t)
	w.add(labels...)
	killed := 0
	everyone := w.startCrowd(func(i int, c *command) {
		if i%3 == 0 {
			// The signal goes to the process group, so that it also kills `get`. The moments are
			// spread over the duration of a get.
			time.AfterFunc(time.Duration(i)*oneTime/crowd, func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) })
		}
	})
	for _, c := range everyone {
		if c.end(); c.signal() == syscall.SIGKILL {
			killed++
		} else {
			assert.Len(t, w.keysOf(c.stdout.String()), 1)
			assert.Empty(t, c.stderr.String())
		}
	}
	t.Logf("%d of %d were killed in time", killed, crowd)
	require.Positive(t, killed)
	w.stateIsValid(len(labels))
	c := w.command("ocgo-key", "get").prints().run().ok()
	assert.Len(t, w.keysOf(c.stdout.String()), 1)
	assert.Empty(t, c.stderr.String(), "nobody had to be told of a broken state")
}

// startCrowd starts shells that each run `get` once. Each shell is the caller of its get.
func (of machine) startCrowd(started func(i int, c *command)) []*command {
	w := of.w
	var wait sync.WaitGroup
	all := make([]*command, crowd)
	for i := range all {
		all[i] = w.command("sh", "-c", "ocgo-key get; exit $?").prints()
		all[i].SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		wait.Go(func() {
			if assert.NoError(w.t, all[i].Start()) && started != nil {
				started(i, all[i])
			}
		})
	}
	wait.Wait()
	return all
}

// stateIsValid reads the state as another program would.
func (of machine) stateIsValid(accounts int) {
	w := of.w
	w.t.Helper()
	dir := filepath.Join(w.home, ".local/state/ocgo-key")
	text, err := os.ReadFile(filepath.Join(dir, "state.json"))
	require.NoError(w.t, err)
	var state struct {
		Version  int
		Accounts []struct{ ID, Label string }
	}
	require.NoError(w.t, json.Unmarshal(text, &state))
	assert.Equal(w.t, 1, state.Version)
	assert.Len(w.t, state.Accounts, accounts)
	aside, err := filepath.Glob(filepath.Join(dir, "*.bak.*"))
	require.NoError(w.t, err)
	assert.Empty(w.t, aside, "a state that could not be read was set aside")
}
