package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each of two folders has a file .ocgo-key: OpenCode uses the account that it names, under `run`
// and under the plugin.
func TestFoldersHaveTheirAccounts(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *world{"OpenCode 1": newWorld, "OpenCode 2": newWorld2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.add(labels...)
			in := func(label string, args ...string) {
				t.Helper()
				folder := filepath.Join(w.home, "of "+label)
				require.NoError(t, os.MkdirAll(folder, 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(folder, ".ocgo-key"), []byte(label+"\n"), 0o644))
				c := w.with("PWD="+folder).command(args[0], args[1:]...) // OpenCode 2 goes by PWD
				c.Dir = folder
				c.run().ok()
				assert.Contains(t, c.stdout.String(), "Hello from "+label+".", "%v", args)
			}
			order := []string{"Spare", "Personal", "Personal", "Spare"} // not that of the turn
			for _, label := range order {
				in(label, "ocgo-key", "run", "--", "opencode", "run", "-m", model, "say hi")
			}
			w.command("ocgo-key", "install", "--yes").run().ok()
			for _, label := range order {
				in(label, "opencode", "run", "-m", model, "say hi")
			}
			held := w.command("ocgo-key", "current").run().ok()
			assert.Contains(t, held.stdout.String(), "Work (next in turn)", "choices do not move the turn")
		})
	}
}
