package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each of two folders has a file .ocgo-key. OpenCode uses the account that the file names, under
// `run` and with the plugin.
func TestFoldersHaveTheirAccounts(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *world{"OpenCode 1": newWorld, "OpenCode 2": newWorld2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.add(labels...)
			in := func(label string, start func(*world) *command) {
				t.Helper()
				folder := filepath.Join(w.home, "of "+label)
				require.NoError(t, os.MkdirAll(folder, 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(folder, ".ocgo-key"), []byte(label+"\n"), 0o644))
				c := start(w.with("PWD=" + folder)) // OpenCode 2 takes its folder from PWD
				c.Dir = folder
				c.run().ok()
				assert.Contains(t, c.stdout.String(), "Hello from "+label+".", "%v", c.Args)
			}
			// The order is not that of the pool. For run it makes no difference which client it starts.
			in("Spare", func(w *world) *command { return w.prompt(model, "say hi") })
			for _, label := range []string{"Personal", "Personal", "Spare"} {
				in(label, func(w *world) *command { return w.curl() })
			}
			w.command("ocgo-key", "install", "--yes").run().ok()
			for _, label := range []string{"Personal", "Spare"} {
				in(label, func(w *world) *command { return w.command("opencode", "run", "-m", model, "say hi") })
			}
			held := w.command("ocgo-key", "current").run().ok()
			assert.Contains(t, held.stdout.String(), "Work (next in turn)", "choices do not move the turn")
		})
	}
}

// While processes in a folder get the account that its file names, 200 processes elsewhere get all
// accounts in turn.
func TestGetsElsewhereStayEven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(labels...)
	folder := filepath.Join(w.home, "chosen")
	require.NoError(t, os.MkdirAll(folder, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, ".ocgo-key"), []byte("Personal\n"), 0o644))
	script := filepath.Join(w.home, "get.sh")
	require.NoError(t, os.WriteFile(script, []byte("ocgo-key get\n:\n"), 0o600))
	c := w.command("sh", "-c", `for i in $(seq 200); do
		sh "$1"
		[ $((i % 10)) -gt 0 ] || (cd "$2" && sh "$1" && echo here)
	done`, "-", script, folder).prints().run().ok()
	var elsewhere []string
	for part := range strings.SplitSeq(c.stdout.String(), "here\n") {
		keys := w.keysOf(part)
		if len(keys) == 0 {
			continue // after the last one
		}
		assert.Equal(t, "Personal", keys[len(keys)-1])
		elsewhere = append(elsewhere, keys[:len(keys)-1]...)
	}
	require.Len(t, elsewhere, 200)
	for i, label := range elsewhere {
		require.Equal(t, labels[i%len(labels)], label, "get %d", i)
	}
}

// Without a network, `current` names the account and why.
func TestCurrentWithoutANetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(labels...)
	c := w.command("unshare", "--user", "--net", "ocgo-key", "current").run().ok()
	assert.Equal(t, "Work (next in turn)\n", c.stdout.String())
}
