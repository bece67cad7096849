package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// opencode2Variable holds the path of OpenCode 2, whose program has the same name as OpenCode 1.
const opencode2Variable = "OPENCODE2_BIN"

// newWorld2 returns a world whose `opencode` is OpenCode 2. OpenCode's shared service gets a free
// port and ends with the test.
func newWorld2(t *testing.T) *world {
	t.Helper()
	real := os.Getenv(opencode2Variable)
	if _, err := os.Stat(real); err != nil {
		t.Fatalf("OpenCode 2 is not installed: `make opencode2` installs it, and %s names it", opencode2Variable)
	}
	w := newWorld(t)
	bin := filepath.Join(filepath.Dir(w.home), "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	w.second = filepath.Join(bin, "opencode")
	require.NoError(t, os.Symlink(real, w.second))
	w.env[0] = "PATH=" + bin + string(os.PathListSeparator) + strings.TrimPrefix(w.env[0], "PATH=")
	config := filepath.Join(w.home, ".config/opencode")
	require.NoError(t, os.MkdirAll(config, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(config, "service.json"), fmt.Appendf(nil, `{"port":%d}`, freePort(t)), 0o600))
	t.Cleanup(func() {
		w.command("opencode", "service", "stop").run()
		w.empty()
	})
	return w
}

// freePort returns a port that no process listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// service2 returns the content of the file that the shared service writes about itself.
func (of openCode2) service2() (s struct {
	PID      int
	URL      string
	Password string
}) {
	w := of.w
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(w.home, ".local/state/opencode/service.json"))
	require.NoError(w.t, err)
	require.NoError(w.t, json.Unmarshal(content, &s))
	return s
}

// log2 returns the lines about plugins in the log of OpenCode 2.
func (of openCode2) log2() string {
	w := of.w
	content, _ := os.ReadFile(filepath.Join(w.home, ".local/share/opencode/log/opencode.log")) // the log may not exist yet
	var found []string
	for line := range strings.Lines(string(content)) {
		if strings.Contains(line, "plugin") {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

// answers runs `opencode run` and returns the label of the account that answered.
func (of openCode2) answers(args ...string) string {
	w := of.w
	w.t.Helper()
	began := time.Now()
	c := w.command("opencode", append([]string{"run", "-m", model}, args...)...).run()
	w.t.Logf("opencode run: %v after %v", c.ProcessState, time.Since(began).Round(100*time.Millisecond))
	require.Equal(w.t, 0, c.code(), "stdout: %s\nstderr: %s\nlog: %s", c.stdout.String(), c.stderr.String(), w.log2())
	_, label, found := strings.Cut(c.stdout.String(), "Hello from ")
	require.True(w.t, found, c.stdout.String())
	label, _, _ = strings.Cut(label, ".")
	return label
}
