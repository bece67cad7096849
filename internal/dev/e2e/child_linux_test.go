package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/process"
)

// `run` ends with the exit code or signal of its command, so a shell sees no difference.
func TestRunEndsAsItsCommandEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work")
	notExecutable := filepath.Join(w.home, "script")
	require.NoError(t, os.WriteFile(notExecutable, []byte("#!/bin/sh\n"), 0o600))
	for _, test := range []struct {
		argv   []string
		code   int
		signal syscall.Signal
		says   string
	}{
		{argv: []string{"true"}},
		{argv: []string{"sh", "-c", "exit 42"}, code: 42},
		{argv: []string{"sh", "-c", "exit 255"}, code: 255},
		{argv: []string{"sh", "-c", "kill -TERM $$"}, code: -1, signal: syscall.SIGTERM},
		{argv: []string{"sh", "-c", "kill -INT $$"}, code: -1, signal: syscall.SIGINT},
		{argv: []string{"sh", "-c", "kill -KILL $$"}, code: -1, signal: syscall.SIGKILL},
		{argv: []string{"sh", "-c", "kill -QUIT $$"}, code: -1, signal: syscall.SIGQUIT},
		{argv: []string{"no-such-command-anywhere"}, code: 127, says: "command not found: no-such-command-anywhere"},
		{argv: []string{notExecutable}, code: 126, says: "command cannot be run: " + notExecutable + ": permission denied"},
	} {
		name := strings.Join(test.argv, " ")
		c := w.command("ocgo-key", append([]string{"run", "--"}, test.argv...)...).run()
		assert.Equal(t, test.code, c.code(), name)
		assert.Equal(t, test.signal, c.signal(), name)
		assert.Empty(t, c.stdout.String(), name)
		if test.says == "" {
			assert.Empty(t, c.stderr.String(), name)
		} else {
			assert.Equal(t, []string{test.says}, c.ours(), name)
			assert.Contains(t, c.stderr.String(), "\nhint: ", name)
		}
	}
	assert.Empty(t, w.held(), "no lease outlives its run")
}

// A signal that only `run` gets is passed to the command once, and the command decides what to do.
func TestSignalsReachTheCommandOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work")
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2} {
		heard := filepath.Join(w.home, "heard")
		require.NoError(t, os.WriteFile(heard, nil, 0o600))
		// The command runs until the file .end exists, so the test notices a second signal.
		c := w.command("ocgo-key", "run", "--", "sh", "-c",
			`trap 'echo heard >>"$1"' "$2"; echo ready >>"$1"; while [ ! -e "$1.end" ]; do sleep 0.05; done; exit 7`,
			"sh", heard, strings.TrimPrefix(signalName(signal), "SIG"))
		require.NoError(t, c.Start())
		lines := func(want string) func() bool {
			return func() bool {
				text, err := os.ReadFile(heard)
				return err == nil && strings.Contains(string(text), want)
			}
		}
		require.Eventually(t, lines("ready"), patience, pause)
		require.NoError(t, c.Process.Signal(signal))
		require.Eventually(t, lines("heard"), patience, pause, signalName(signal))
		require.NoError(t, os.WriteFile(heard+".end", nil, 0o600))
		c.end()
		assert.Equal(t, 7, c.code(), "it ends as the command ends: %v", c.ProcessState)
		text, err := os.ReadFile(heard)
		require.NoError(t, err)
		assert.Equal(t, "ready\nheard\n", string(text), signalName(signal))
		require.NoError(t, os.Remove(heard+".end"))
	}
}

func signalName(s syscall.Signal) string {
	return map[syscall.Signal]string{syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP", syscall.SIGUSR1: "SIGUSR1", syscall.SIGUSR2: "SIGUSR2"}[s]
}

// If a signal ends the command, no process and no lease remain.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	mark := "OCGO_KEY_TEST_MARK=" + t.Name() + t.TempDir()
	w := newWorld(t)
	w.add("Work")
	marked := w.with(mark)
	c := marked.command("ocgo-key", "run", "--", "sleep", "60")
	require.NoError(t, c.Start())
	require.Eventually(t, func() bool { return len(processesWith(t, mark)) > 0 && len(process.Descendants(c.Process.Pid)) == 1 }, patience, pause)
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	c.end()
	assert.Equal(t, syscall.SIGTERM, c.signal())
	assert.Empty(t, processesWith(t, mark))
	assert.Empty(t, w.held())
}

// A run inside another run leaves no process either. The shell between the two runs passes no
// signal on, but the inner run ends when the gateway of the outer run is gone.
func TestNothingIsLeftOfARunWithinARun(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			mark := "OCGO_KEY_TEST_MARK=" + t.Name() + t.TempDir()
			w := newWorld(t)
			w.add("Work")
			c := w.with(mark).command("ocgo-key", "run", "--", "sh", "-c", "ocgo-key run -- sh -c 'echo >started; exec sleep 600'; true")
			c.Stdout, c.Stderr = nil, nil
			require.NoError(t, c.Start())
			require.Eventually(t, func() bool { _, err := os.Stat(w.project("started")); return err == nil }, patience, pause)
			require.NoError(t, c.Process.Signal(s))
			c.end()
			assert.Equal(t, s, c.signal())
			assert.Eventually(t, func() bool { return len(processesWith(t, mark)) == 0 }, patience, pause)
		})
	}
}
