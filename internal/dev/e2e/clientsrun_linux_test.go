//go:build clients

package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
)

// quietClients keeps clients from requests to their own services. It sets no address, key or model.
var quietClients = []string{"DISABLE_AUTOUPDATER=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "PI_OFFLINE=1", "KILO_DISABLE_MODELS_FETCH=1", "KILO_DISABLE_AUTOUPDATE=1"}

// `run` points each client at the gateway by its name. Nothing is set: the first account is
// limited, and the second one answers.
func TestClientRun(t *testing.T) {
	for name, args := range map[string][]string{
		"claude": {"-p", "hi"},
		"codex":  {"exec", "--skip-git-repo-check", "hi"},
		"pi":     {"-p", "hi"},
		"qwen":   {"-p", "hi"},
		"kilo":   {"run", "hi"},
	} {
		t.Run(name, func(t *testing.T) {
			path, err := exec.LookPath(name)
			require.NoError(t, err, "run make test-clients, which installs the client")
			require.True(t, filepath.IsAbs(path))
			w := newWorld(t)
			w.add(labels...)
			w.service.SetAnswers(w.marker.Key("Work"), fakeservice.UsageLimit(fakeservice.Weekly, time.Hour))
			c := w.with(quietClients...).command("ocgo-key", append([]string{"run", "--verbose", "--", name}, args...)...).run().ok()
			assert.Contains(t, c.stdout.String(), "Hello from Personal.", c.stderr.String())
			assert.Contains(t, c.stderr.String(), name+", ", "--verbose shows what the client gets")
		})
	}
}

// A user may also have the settings that docs/helper.md shows for `get`. `run` takes precedence:
// the gateway gets the requests, and switches to the next account.
func TestClientRunBesideGet(t *testing.T) {
	w := newWorld(t)
	w.add(labels...)
	w.service.SetAnswers(w.marker.Key("Work"), fakeservice.UsageLimit(fakeservice.Weekly, time.Hour))
	w.service.SetAnswers(w.marker.Key("Spare"), fakeservice.UsageLimit(fakeservice.Weekly, time.Hour))
	w.configureClient(".claude/settings.json", settings(t, "helper.md", "json", "ANTHROPIC_BASE_URL"))
	c := w.with(quietClients...).command("ocgo-key", "run", "--verbose", "--", "claude", "-p", "hi").run().ok()
	assert.Contains(t, c.stdout.String(), "Hello from Personal.", c.stderr.String())
	assert.Contains(t, c.stderr.String(), "Work hit its weekly limit")
}

// A settings file of Claude Code may lead to another service.
func TestClientRunClaudeCodeWithAnotherService(t *testing.T) {
	for name, env := range map[string]string{
		"an address": `{"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "ANTHROPIC_AUTH_TOKEN": "sk-other"}`,
		"a key":      `{"ANTHROPIC_API_KEY": "sk-other"}`,
		"Bedrock":    `{"CLAUDE_CODE_USE_BEDROCK": "1"}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add(labels...)
			w.configureClient(".claude/settings.json", `{"env": `+env+`}`)
			c := w.with(quietClients...).command("ocgo-key", "run", "--", "claude", "-p", "hi").run().ok()
			assert.Contains(t, c.stdout.String(), "Hello from Work.", c.stderr.String())
		})
	}
}

// Qwen Code may have stored another login, or another address.
func TestClientRunQwenWithALogin(t *testing.T) {
	for name, login := range map[string]string{
		"another kind":    `{"selectedType": "qwen-oauth"}`,
		"another address": `{"selectedType": "openai", "apiKey": "sk-other", "baseUrl": "http://127.0.0.1:9/v1"}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add(labels...)
			w.configureClient(".qwen/settings.json", `{"security": {"auth": `+login+`}}`)
			c := w.with(quietClients...).command("ocgo-key", "run", "--", "qwen", "-p", "hi").run().ok()
			assert.Contains(t, c.stdout.String(), "Hello from Work.", c.stderr.String())
		})
	}
}

// pi and Codex may have stored a login for their provider, and pi may have another default model.
func TestClientRunWithALogin(t *testing.T) {
	w := newWorld(t)
	w.add(labels...)
	w.configureClient(".pi/agent/auth.json", `{"opencode-go": {"type": "api_key", "key": "sk-other"}, "anthropic": {"type": "api_key", "key": "sk-other"}}`)
	w.configureClient(".pi/agent/settings.json", `{"defaultProvider": "anthropic", "defaultModel": "claude-opus-4-7"}`)
	w.configureClient(".codex/auth.json", `{"OPENAI_API_KEY": "sk-other"}`)
	w.configureClient(".codex/config.toml", "model_provider = \"openai\"\n")
	c := w.with(quietClients...).command("ocgo-key", "run", "--", "pi", "-p", "hi").run().ok()
	assert.Contains(t, c.stdout.String(), "Hello from Work.", c.stderr.String())
	c = w.with(quietClients...).command("ocgo-key", "run", "--", "codex", "exec", "--skip-git-repo-check", "hi").run().ok()
	assert.Contains(t, c.stdout.String(), "Hello from Personal.", c.stderr.String())
}

// A full-screen client keeps its screen: a switch is reported once the client has ended.
func TestClientRunScreen(t *testing.T) {
	for name, prepare := range map[string]func(w *world, project string){
		"claude": func(w *world, project string) {
			w.configureClient(".claude.json", `{"hasCompletedOnboarding": true, "projects": {"`+project+`": {"hasTrustDialogAccepted": true}}}`)
		},
		"codex": func(w *world, project string) {
			w.configureClient(".codex/config.toml", "[projects.\""+project+"\"]\ntrust_level = \"trusted\"\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add(labels...)
			w.service.SetAnswers(w.marker.Key("Work"), fakeservice.UsageLimit(fakeservice.Weekly, time.Hour))
			prepare(w, filepath.Join(filepath.Dir(w.home), "project"))
			s := w.with(quietClients...).tmux("ocgo-key run -- " + name + " hi")
			s.expect("Hello from Personal.")
			assert.NotContains(t, s.text(), "weekly limit")
			assert.NotContains(t, s.text(), "ocgo-key:")
			assert.Eventually(t, func() bool {
				s.do("send-keys", "C-c")
				return strings.Contains(s.text(), "ended with")
			}, patience, 4*pause)
			assert.Contains(t, s.text(), "Work hit its weekly limit", "the last line says what happened")
		})
	}
}
