//go:build !check

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestQuickRun runs every section briefly, with the real programs. The measured values mean nothing;
// the test checks that none is missing, and that no file is left behind.
func TestQuickRun(t *testing.T) {
	scratch := t.TempDir()
	t.Setenv("TMPDIR", scratch)
	dir := t.TempDir()
	binary := filepath.Join(dir, "ocgo-key")
	// Without data for debuggers, the program is linked in half the time.
	build := exec.Command("go", "build", "-ldflags=-w", "-o", binary, filepath.Join("..", "..", ".."))
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	// OpenCode starts faster with a short list of models, without its built-in plugins, the last stage
	// of its compiler, and its garbage collection. This test needs none of these.
	models, err := filepath.Abs(filepath.Join("..", "e2e", "testdata", "models.json"))
	require.NoError(t, err)
	short.openCode = []string{"OPENCODE_DISABLE_DEFAULT_PLUGINS=1", "OPENCODE_MODELS_PATH=" + models, "BUN_JSC_useFTLJIT=0", "BUN_JSC_useGC=0"}
	page := filepath.Join(dir, "benchmarks.md")
	require.NoError(t, os.WriteFile(page, []byte("# Mine\n\n<!-- other: begin -->\nkept\n<!-- other: end -->\n"), 0o600))

	var stdout, stderr bytes.Buffer
	require.NoError(t, bench([]string{"-quick", "-binary", binary, "-out", page}, &stdout, &stderr), stderr.String())
	written, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, measure := range []string{
		"answer, 1 client, p50", "answer, 1 client, p99", "throughput, 1 client", "throughput, 32 clients", "throughput, 256 clients",
		"first token, p50", "fail-over, p50", "fail-over, p99", "resident, 100 open streams", "state and keychain, calls per request",
		"bare go-keyring", "`get`", "a process's first `get`", "`list`", "`version`", "`run -- true`", "most resident, `get`", "the program's file",
		"`get`, keys in a file", "`get`, keys in docker's helper",
		"OpenCode 1, with the plugin", "OpenCode 1, under `ocgo-key run`", "OpenCode 1, `run -- opencode --version`",
		"OpenCode 2, with the plugin", "OpenCode 2, under `ocgo-key run`", "OpenCode 2, `run -- opencode --version`",
		"ocgo-key", "github.com/alecthomas/kong", "filippo.io/age", "Go's net and net/http", "all",
	} {
		assert.Contains(t, stdout.String(), measure)
		assert.Contains(t, string(written), "| "+measure+" |")
	}
	assert.True(t, strings.HasPrefix(string(written), "# Mine\n\n<!-- other: begin -->\nkept\n<!-- other: end -->\n"), "other sections stay")
	for _, text := range []string{"NaN", "Inf", keyPrefix, dir} {
		assert.NotContains(t, string(written), text)
	}
	assert.Contains(t, string(written), "1 stat, 0 reads, 0 locks, 0 keychain | – | – | 1 stat, nothing else | met |")
	entries, err := os.ReadDir(scratch)
	require.NoError(t, err)
	assert.Empty(t, entries, "nothing is left behind")
}
