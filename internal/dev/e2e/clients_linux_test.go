//go:build clients

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
)

// installed returns the program of another client, which make test-clients installs and names in
// the environment.
func installed(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	require.NotEmpty(t, path, "run make test-clients, which installs the client")
	return path
}

// settings returns the first code block of a page with this language and these words.
func settings(t *testing.T, page, language, words string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../docs", page))
	require.NoError(t, err)
	for _, block := range strings.Split(string(text), "```"+language+"\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if strings.Contains(block, words) {
			return block
		}
	}
	t.Fatalf("%s has no %s block with %q", page, language, words)
	return ""
}

// TestClientClaudeCode starts Claude Code with the settings of the page: it gets its keys from `get`.
func TestClientClaudeCode(t *testing.T) {
	t.Run("a rejected key", func(t *testing.T) {
		w := newWorld(t)
		answer := claudeCode(w)
		assert.Equal(t, "Hello from Work.", answer("one"))
		w.service.SetAnswers(w.marker.Key("Work"), fakeservice.AuthError())
		assert.Equal(t, "Hello from Personal.", answer("two"), "the same process has the next key")
	})
	// A 429 does not make Claude Code run its helper again. Only an old key does: here, one that is
	// older than a second.
	t.Run("a used-up key", func(t *testing.T) {
		w := newWorld(t)
		answer := claudeCode(w.with("CLAUDE_CODE_API_KEY_HELPER_TTL_MS=1000"))
		assert.Equal(t, "Hello from Work.", answer("one"))
		w.service.SetAnswers(w.marker.Key("Work"), fakeservice.UsageLimit(fakeservice.Weekly, time.Hour))
		assert.Contains(t, answer("two"), "Weekly usage limit reached")
		assert.Eventually(t, func() bool { return answer("again") == "Hello from Personal." }, patience, 100*time.Millisecond)
	})
	t.Run("a refresh", func(t *testing.T) {
		w := newWorld(t)
		answer := claudeCode(w.with("CLAUDE_CODE_API_KEY_HELPER_TTL_MS=1"))
		for range 5 {
			assert.Equal(t, "Hello from Work.", answer("hello"))
		}
		asked := slices.ContainsFunc(w.service.Requests(), func(r fakeservice.Request) bool { return strings.HasSuffix(r.Path, "/usage") })
		assert.True(t, asked, "the helper ran again, and asked the service about the account")
	})
}

// claudeCode starts Claude Code, and returns a function that sends it a prompt and returns the
// answer.
func claudeCode(w *world) (answer func(prompt string) string) {
	t := w.t
	t.Helper()
	w.add(labels...)
	w.configureClient(".claude/settings.json", settings(t, "helper.md", "json", "ANTHROPIC_BASE_URL"))
	claude := w.with("DISABLE_AUTOUPDATER=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1").
		command(installed(t, "CLAUDE_BIN"), "-p", "--model", "minimax-m3", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
	in, err := claude.StdinPipe()
	require.NoError(t, err)
	claude.Stdout = nil
	out, err := claude.StdoutPipe()
	require.NoError(t, err)
	lines := bufio.NewScanner(io.TeeReader(out, &claude.stdout))
	lines.Buffer(nil, 1<<20)
	require.NoError(t, claude.Start())
	t.Cleanup(func() {
		require.NoError(t, in.Close())
		claude.end()
	})
	return func(prompt string) string {
		t.Helper()
		line, err := json.Marshal(map[string]any{"type": "user", "message": map[string]any{"role": "user", "content": prompt}})
		require.NoError(t, err)
		_, err = fmt.Fprintf(in, "%s\n", line)
		require.NoError(t, err)
		for lines.Scan() {
			var event struct{ Type, Result string }
			require.NoError(t, json.Unmarshal(lines.Bytes(), &event))
			if event.Type == "result" {
				return event.Result
			}
		}
		t.Fatalf("no answer to %q: %s", prompt, claude.stderr.String())
		return ""
	}
}

// configureClient writes a client's settings, with the stand-in as the service.
func (w *world) configureClient(file, text string) {
	w.t.Helper()
	path := filepath.Join(w.home, file)
	require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o700))
	text = strings.ReplaceAll(text, "https://opencode.ai/zen/go", strings.TrimSuffix(w.service.BaseURL(), "/v1"))
	require.NoError(w.t, os.WriteFile(path, []byte(text), 0o600))
}

// TestClientCodex starts Codex with the settings of the page: it gets its keys from `get`.
func TestClientCodex(t *testing.T) {
	for name, row := range map[string]struct {
		ofWork fakeservice.Answer
		says   []string // the answers of Codex, started once for each
	}{
		"a ready key":    {fakeservice.OK(), []string{"Hello from Work.", "Hello from Personal."}},
		"a rejected key": {fakeservice.AuthError(), []string{"Hello from Personal.", "Hello from Spare."}},
		"a used-up key":  {fakeservice.UsageLimit(fakeservice.Weekly, time.Hour), []string{"last status: 429 Too Many Requests", "Hello from Personal."}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add(labels...)
			w.configureClient(".codex/config.toml", settings(t, "helper.md", "toml", "model_providers"))
			w.service.SetAnswers(w.marker.Key("Work"), row.ofWork)
			for _, says := range row.says {
				codex := w.command(installed(t, "CODEX_BIN"), "exec", "--skip-git-repo-check", "--model", "gpt-5.1-codex", "say hi").run()
				assert.Contains(t, codex.stdout.String()+codex.stderr.String(), says)
			}
		})
	}
}
