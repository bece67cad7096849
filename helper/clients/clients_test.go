package clients

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var gw = Gateway{Root: "http://127.0.0.1:1/zen/go", Token: "ocgo-token", Header: "x-ocgo-key-token"}

// settingsOf returns the settings of a client in a home folder with these files.
func settingsOf(t *testing.T, name string, env map[string]string, files map[string]string, args ...string) (Settings, map[string]string) {
	t.Helper()
	home := t.TempDir()
	for file, text := range files {
		path := filepath.Join(home, filepath.FromSlash(file))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	client, ok := Of(name)
	require.True(t, ok, name)
	start := Start{Args: args, Getenv: func(name string) string { return env[name] }, Home: home, Dir: filepath.Join(home, "project"), File: "/run/pi.js"}
	s, err := client.Settings(start, gw)
	require.NoError(t, err)
	set := map[string]string{}
	for _, v := range s.Set {
		set[v.Name] = v.Value
	}
	return s, set
}

func TestOf(t *testing.T) {
	for command, want := range map[string]string{
		"claude": "claude", "/opt/bin/codex": "codex", `C:\npm\qwen.CMD`: "qwen", "kilo.exe": "kilo", "./pi": "pi",
		"claude-code": "", "pip": "", "opencode": "", "": "",
	} {
		client, ok := Of(command)
		assert.Equal(t, want, client.Name, command)
		assert.Equal(t, want != "", ok, command)
	}
}

// Each client gets the gateway's address. The token is in no argument and no file.
func TestEachClientIsPointedAtTheGateway(t *testing.T) {
	for _, client := range all {
		s, set := settingsOf(t, client.Name, nil, nil)
		given := strings.Join(append(slices.Collect(maps.Values(set)), s.Args...), "\n") + string(client.Extension)
		assert.NotContains(t, strings.Join(s.Args, " ")+string(client.Extension), gw.Token, client.Name)
		if client.Extension == nil {
			assert.Contains(t, given, gw.Root, client.Name)
		} else {
			assert.Contains(t, given, AddressVariable, client.Name)
			assert.Contains(t, given, TokenVariable, client.Name)
		}
		assert.Empty(t, s.Model)
		assert.NotContains(t, strings.Join(s.Lines(gw), "\n"), gw.Token, client.Name)
	}
	_, claude := settingsOf(t, "claude", nil, nil)
	assert.Equal(t, gw.Root, claude["ANTHROPIC_BASE_URL"])
	assert.Equal(t, gw.Token, claude["ANTHROPIC_AUTH_TOKEN"])
	_, qwen := settingsOf(t, "qwen", nil, nil)
	assert.Equal(t, map[string]string{"OPENAI_BASE_URL": gw.Root + "/v1", "OPENAI_API_KEY": gw.Token, "OPENAI_MODEL": chatModel}, qwen)
	codex, set := settingsOf(t, "codex", nil, nil)
	assert.Empty(t, set, "Codex ignores variables for an address")
	assert.Contains(t, codex.Args, `model_providers.ocgo.base_url='http://127.0.0.1:1/zen/go/v1'`)
	assert.Contains(t, codex.Args, `model_providers.ocgo.env_key='OPENCODE_API_KEY'`)
	pi, _ := settingsOf(t, "pi", nil, nil)
	assert.Equal(t, []string{"-e", "/run/pi.js", "--provider", "opencode-go", "--model", chatModel}, pi.Args)
}

// A model that the user has chosen stays: in a flag, a variable or a setting.
func TestTheUsersModelStays(t *testing.T) {
	for _, test := range []struct {
		client, model string // where the model is from
		env           map[string]string
		files         map[string]string
		args          []string
	}{
		{client: "claude", model: "--model", args: []string{"-p", "--model=qwen3.8-flash"}},
		{client: "claude", model: "ANTHROPIC_MODEL", env: map[string]string{"ANTHROPIC_MODEL": "m"}},
		{client: "claude", model: ".claude/settings.json", files: map[string]string{".claude/settings.json": `{"model": "opus"}`}},
		{client: "claude", model: ".claude/settings.json", files: map[string]string{".claude/settings.json": `{"env": {"ANTHROPIC_MODEL": "m"}}`}},
		{client: "claude", model: "project/.claude/settings.local.json", files: map[string]string{"project/.claude/settings.local.json": "{// mine\n\"model\": \"opus\"}"}},
		{client: "claude", args: []string{"-p", "--", "--model"}},
		{client: "codex", model: "-m", args: []string{"exec", "-mgrok-4.7"}},
		{client: "codex", model: "--model", args: []string{"exec", "--model", "grok-4.7"}},
		{client: "codex", model: "-c", args: []string{"-c", "model=x"}},
		{client: "codex", model: ".codex/x.config.toml", files: map[string]string{".codex/x.config.toml": "model='grok-4.7'"}, args: []string{"--profile=x"}},
		{client: "codex", model: ".codex/x.config.toml", files: map[string]string{".codex/x.config.toml": "model='grok-4.7'"}, args: []string{"-px"}},
		{client: "codex", files: map[string]string{".codex/x.config.toml": "model='grok-4.7'"}, args: []string{"-p", "y", "hi"}},
		{client: "codex", model: "project/.codex/config.toml", files: map[string]string{"project/.codex/config.toml": "model = 'grok-4.7'"}},
		{client: "codex", args: []string{"-c", "model_verbosity=low"}},
		{client: "codex", model: ".codex/config.toml", files: map[string]string{".codex/config.toml": "# mine\nmodel = \"grok-4.7\"\n"}},
		{client: "codex", files: map[string]string{".codex/config.toml": "model_provider = \"x\"\n[profiles.x]\nmodel = \"grok-4.7\"\n"}},
		{client: "pi", model: "--model", args: []string{"--model", "glm-5"}},
		{client: "pi", model: ".pi/agent/settings.json", files: map[string]string{".pi/agent/settings.json": `{"defaultProvider":"opencode-go","defaultModel":"glm-5"}`}},
		{client: "pi", files: map[string]string{".pi/agent/settings.json": `{"defaultProvider":"openai","defaultModel":"gpt-5"}`}},
		{client: "qwen", model: "-m", args: []string{"-m", "glm-5"}},
		{client: "qwen", model: "OPENAI_MODEL", env: map[string]string{"OPENAI_MODEL": "m"}},
		{client: "qwen", model: ".qwen/settings.json", files: map[string]string{".qwen/settings.json": `{"model":{"name":"glm-5"}}`}},
		{client: "kilo", model: "--model", args: []string{"run", "--model", "opencode-go/glm-5"}},
		{client: "kilo", model: KiloContent, env: map[string]string{KiloContent: `{"model":"opencode-go/glm-5"}`}},
		{client: "kilo", model: ".config/kilo/kilo.jsonc", files: map[string]string{".config/kilo/kilo.jsonc": `{"model":"opencode-go/glm-5",}`}},
	} {
		what := strings.Join(append([]string{test.client, test.model}, test.args...), " ")
		s, set := settingsOf(t, test.client, test.env, test.files, test.args...)
		given := strings.Join(append(slices.Collect(maps.Values(set)), s.Args...), "\n")
		defaults := strings.Contains(given, codexModel) || strings.Contains(given, chatModel) || set["ANTHROPIC_MODEL"] != ""
		assert.Equal(t, test.model == "", defaults, what)
		assert.True(t, strings.HasSuffix(filepath.ToSlash(s.Model), test.model), "%s: %s", what, s.Model)
		if test.model != "" {
			assert.Contains(t, strings.Join(s.Lines(gw), "\n"), "model: from "+s.Model)
		}
	}
}

// A variable in a settings file of Claude Code would replace the address, so the address is an
// argument too.
func TestAnAddressInSettingsOfClaudeCode(t *testing.T) {
	files := map[string]string{".claude/settings.json": `{"env": {"ANTHROPIC_BASE_URL": "https://opencode.ai/zen/go"}}`}
	s, _ := settingsOf(t, "claude", nil, files, "-p", "hi")
	assert.Equal(t, []string{"--settings", `{"env":{"ANTHROPIC_BASE_URL":"http://127.0.0.1:1/zen/go"}}`}, s.Args)
	s, _ = settingsOf(t, "claude", nil, files, "--settings", "mine.json")
	assert.Empty(t, s.Args, "Claude Code takes one of them only")
	s, set := settingsOf(t, "claude", map[string]string{"ANTHROPIC_CUSTOM_HEADERS": "a: b"}, map[string]string{
		".claude/settings.json": `{"env": {"ANTHROPIC_AUTH_TOKEN": "sk-other", "CLAUDE_CODE_USE_BEDROCK": "1"}}`,
	})
	assert.Equal(t, "a: b\nx-ocgo-key-token: ocgo-token", set["ANTHROPIC_CUSTOM_HEADERS"])
	assert.Equal(t, []string{"--settings", `{"env":{"CLAUDE_CODE_USE_BEDROCK":""}}`}, s.Args)
	assert.NotContains(t, strings.Join(s.Lines(gw), "\n"), gw.Token)
	s, set = settingsOf(t, "claude", map[string]string{"ANTHROPIC_DEFAULT_OPUS_MODEL": "qwen3.8-flash"}, nil)
	assert.Empty(t, s.Args)
	assert.NotContains(t, set, "ANTHROPIC_DEFAULT_OPUS_MODEL")
	assert.Equal(t, claudeModel, set["ANTHROPIC_DEFAULT_HAIKU_MODEL"])
	assert.Contains(t, s.Unset, "ANTHROPIC_API_KEY")
}

// Kilo also gets the user's content, which is recorded. A description does not show it.
func TestKilosContentIsMerged(t *testing.T) {
	const user = `{"provider":{"mine":{"options":{"apiKey":"sk-of-the-user"}}}}`
	s, set := settingsOf(t, "kilo", map[string]string{KiloContent: user}, nil)
	assert.Contains(t, set[KiloContent], "sk-of-the-user")
	assert.Contains(t, set[KiloContent], `"baseURL":"http://127.0.0.1:1/zen/go/v1"`)
	assert.Contains(t, set[KiloContent], `"model":"opencode-go/kimi-k2.6"`)
	assert.Equal(t, user, set[RecordVariable])
	assert.NotContains(t, strings.Join(s.Lines(gw), "\n"), "sk-of-the-user")

	_, err := kilo.Settings(Start{Getenv: func(string) string { return `{"provider": 1}` }}, gw)
	assert.ErrorIs(t, err, ErrKiloContent)
}

// Commands of pi that use no model are not changed. Without its extension pi does not start.
func TestPiWithoutAModel(t *testing.T) {
	s, _ := settingsOf(t, "pi", nil, nil, "install", "npm:x")
	assert.Empty(t, s.Args)
	_, err := pi.Settings(Start{Getenv: func(string) string { return "" }}, gw)
	assert.ErrorIs(t, err, ErrNoFile)
}

// Qwen Code prefers a stored login to the variables, unless an argument names another kind of login.
func TestAStoredLoginOfQwen(t *testing.T) {
	files := map[string]string{".qwen/settings.json": `{"security": {"auth": {"selectedType": "qwen-oauth"}}}`}
	s, _ := settingsOf(t, "qwen", nil, files, "-p", "hi")
	assert.Equal(t, []string{"--auth-type", "openai"}, s.Args)
	s, _ = settingsOf(t, "qwen", nil, files, "mcp", "list")
	assert.Empty(t, s.Args, "this command has no such flag")
	s, _ = settingsOf(t, "qwen", nil, files, "--auth-type", "anthropic")
	assert.Empty(t, s.Args)
}
