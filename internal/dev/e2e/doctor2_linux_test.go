package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// finding is one finding of doctor.
type finding struct{ Check, Level, What, Fix string }

// findings returns doctor's findings that contain the text.
func (of openCode2) findings(text string) (found []finding) {
	w := of.w
	w.t.Helper()
	var report struct{ Findings []finding }
	out := w.command("ocgo-key", "doctor", "--json").run().stdout.Bytes()
	require.NoError(w.t, json.Unmarshal(out, &report), "%s", out)
	for _, f := range report.Findings {
		if strings.Contains(f.What, text) {
			found = append(found, f)
		}
	}
	return found
}

// first returns a world whose PATH has program first, as opencode.
func (of openCode2) first(program string) *world {
	w := of.w
	w.t.Helper()
	bin := w.t.TempDir()
	require.NoError(w.t, os.Symlink(program, filepath.Join(bin, "opencode")))
	return w.with("PATH=" + bin + string(os.PathListSeparator) + strings.TrimPrefix(w.env[0], "PATH="))
}

// Doctor finds these problems of a real OpenCode 2: a service that a run started and left running,
// a plugin that OpenCode refuses, a login that takes precedence, and a proxy. The fix for the
// service works. The last finding is about a real OpenCode 1 beside the database of OpenCode 2.
func TestDoctorOpenCode2(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	w := s.first(s.program)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gone := l.Addr().String()
	require.NoError(t, l.Close())
	content := fmt.Sprintf(`OPENCODE_CONFIG_CONTENT={"providers":{"opencode-go":{"settings":{"baseURL":"http://%s/zen/go/v1","apiKey":"ocgo-x"},"headers":{"x-ocgo-key-token":"x"}}}}`, gone)
	plugins := filepath.Join(s.home, ".config", "opencode", "plugins")
	require.NoError(t, os.MkdirAll(plugins, 0o700))
	plugin := filepath.Join(plugins, "ocgo-key.js")
	require.NoError(t, os.WriteFile(plugin, []byte("export default function () {}\n"), 0o600))
	w.with(content).command(s.program, "service", "start").run().ok()
	s.store("opencode-go", "Mine", s.marker.Key("Work"))

	poisoned := w.findings("background service")
	require.Len(t, poisoned, 1)
	assert.Equal(t, "problem", poisoned[0].Level)
	assert.Contains(t, poisoned[0].What, "that has ended")
	assert.NotEmpty(t, w.findings(plugin+" is not the file that ocgo-key wrote"))
	assert.NotEmpty(t, w.findings("opencode.db has 1 login for OpenCode Go: plain `opencode` uses it"))
	assert.NotEmpty(t, w.findings("opencode.db has mode 0644"))
	assert.Empty(t, w.findings("was not tested"))
	assert.NotEmpty(t, w.with("HTTP_PROXY=http://"+gone).findings("NO_PROXY does not name 127.0.0.1"))

	w.with(content).command("sh", "-c", poisoned[0].Fix).run().ok()
	assert.Empty(t, w.findings("background service"))
	s.stop()
	w.command("ocgo-key", "import", "--scrub", "--no-verify").run().ok() // at the end of the test, no file may contain a key

	require.NoError(t, os.Remove(plugin)) // with the plugin, OpenCode 1 would wait for the package that plugins may need
	one, err := exec.LookPath("opencode")
	require.NoError(t, err)
	one, err = filepath.EvalSymlinks(one)
	require.NoError(t, err)
	old := s.first(one)
	wrong := old.findings("was created by OpenCode 2")
	require.Len(t, wrong, 1)
	assert.NotEqual(t, 0, old.command(one, "session", "list").run().code())
	old.command("sh", "-c", wrong[0].Fix+" && opencode session list").run().ok()
}
