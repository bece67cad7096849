package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
)

const model = "opencode-go/kimi-k2.6"

// opencode returns the command line to use after `run --`.
func opencode(t *testing.T, model, prompt string) []string {
	t.Helper()
	if _, err := exec.LookPath("opencode"); err != nil {
		t.Fatal("OpenCode is not installed: `make test` installs it, or put one on PATH (`npm install -g opencode-ai`)")
	}
	return []string{"opencode", "run", "-m", model, prompt}
}

// prompt runs OpenCode on the pool; flags are those of our `run`.
func (of openCode1) prompt(model, prompt string, flags ...string) *command {
	w := of.w
	w.t.Helper()
	args := append([]string{"run"}, flags...)
	return w.command("ocgo-key", append(append(args, "--"), opencode(w.t, model, prompt)...)...)
}

// curl sends a request under `ocgo-key run`, for tests that do not need OpenCode; flags are the
// flags of `run`.
func (of openCode1) curl(flags ...string) *command {
	w := of.w
	return w.command("ocgo-key", append(append([]string{"run"}, flags...), "--", "sh", "-c", `printf 'header = "Authorization: Bearer %s"\n' "$OPENCODE_API_KEY" |
		curl -sS --fail-with-body -K - "$OPENCODE_BASE_URL/chat/completions" -H 'Content-Type: application/json' \
		-d '{"model":"kimi-k2.6","messages":[{"role":"user","content":"say hi"}]}'`)...)
}

// limit uses up the account's weekly window.
func (of openCode1) limit(label string, d time.Duration) {
	w := of.w
	w.service.SetPlan(w.marker.Key(label), fakeservice.Plan{Limits: []fakeservice.Limit{{Window: fakeservice.Weekly, Until: time.Now().Add(d)}}})
}

// This is the main use: the first account is limited, and the second one answers the prompt without
// any action of the user. stdout is the same as without `run`. Later processes do not try the
// limited account.
func TestLimitIsMetByTheNextAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(labels...)
	w.limit("Work", 12000*time.Second)

	asJSON := append(opencode(t, model, "say hi"), "--format", "json")
	c := w.command("ocgo-key", append([]string{"run", "--"}, asJSON...)...)
	require.NoError(t, c.Start())
	children := w.childrenOf(c.Process.Pid)
	c.end().ok()
	assert.Equal(t, []string{"opencode"}, children.names(), "one OpenCode from start to end")
	direct := w.with("DIRECT=nothing-real",
		`OPENCODE_CONFIG_CONTENT={"provider":{"opencode-go":{"options":{"baseURL":"`+w.service.BaseURL()+`","apiKey":"{env:DIRECT}"}}}}`)
	w.service.AddAccount(fakeservice.Account{Key: "nothing-real", Label: "Personal"})
	assert.Equal(t, shape(t, direct.command(asJSON[0], asJSON[1:]...).run().ok().stdout.Bytes()), shape(t, c.stdout.Bytes()))
	assert.Contains(t, c.stdout.String(), "Hello from Personal.")
	require.Len(t, c.ours(), 1, c.stderr.String())
	assert.Regexp(t, `^Work hit its weekly limit \(back .*\); now Personal$`, c.ours()[0])
	assert.Equal(t, "Personal", w.asked()[len(w.asked())-1])
	assert.Equal(t, "Work cooling, Personal ready, Spare ready", w.list().states())

	// The next run begins with the third account. No process uses the limited account, even when it
	// is next in the order.
	for _, want := range []string{"Spare", "Personal", "Spare"} {
		w.service.ClearRequests()
		c := w.curl().run().ok()
		assert.Contains(t, c.stdout.String(), "Hello from "+want+".")
		assert.Empty(t, c.ours())
		assert.False(t, w.wasAsked("Work"))
	}
	for range 2 {
		c := w.command("sh", "-c", "ocgo-key get; true").prints().run().ok()
		assert.NotContains(t, w.keysOf(c.stdout.String()), "Work")
	}
}

// An account is used again after its reset time, and not before.
func TestAccountComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work", "Personal")
	const wait = 3 * time.Second
	w.service.SetPlan(w.marker.Key("Work"), fakeservice.Plan{TitlesFree: true, Answers: []fakeservice.Answer{fakeservice.UsageLimit(fakeservice.Weekly, wait), fakeservice.OK()}})
	c := w.curl().run().ok()
	assert.Contains(t, c.stdout.String(), "Hello from Personal.")
	assert.Equal(t, []string{"Work", "Personal"}, w.asked())
	limited := w.turns()[0].Time
	require.Eventually(t, func() bool { return w.list().states() == "Work ready, Personal ready" }, patience, pause)
	assert.GreaterOrEqual(t, time.Since(limited), wait, "it was ready before its time")
	w.service.ClearRequests()
	c = w.curl().run().ok()
	assert.Contains(t, c.stdout.String(), "Hello from Work.")
	assert.Equal(t, []string{"Work"}, w.asked())
	assert.Empty(t, c.ours())
}

// Each model uses one of three wire formats, with one of two headers for the key. With each format
// the gateway switches at a limit. One server uses all three formats; its third switch returns to
// the first account.
func TestWireFormats(t *testing.T) {
	t.Parallel()
	w := newWorld(t).whole()
	w.add(labels...)
	server, url := w.serve("ocgo-key", "run", "--")
	for i, want := range []struct{ model, path, header string }{
		{"opencode-go/kimi-k2.6", "/chat/completions", "bearer"},
		{"opencode-go/minimax-m3", "/messages", "x-api-key"},
		{"opencode-go/grok-4.7", "/responses", "bearer"},
	} {
		used, next := labels[i], labels[(i+1)%len(labels)]
		w.limit(used, 12000*time.Second)
		w.service.SetPlan(w.marker.Key(next), fakeservice.Plan{})
		w.command("ocgo-key", "enable", next).run().ok()
		w.service.ClearRequests()
		assert.Contains(t, w.say(url, w.session(url), want.model), "Hello from "+next+".", want.model)
		turns := w.turns()
		assert.True(t, w.wasAsked(used), want.model)
		for _, r := range turns {
			assert.Equal(t, fakeservice.GoPath+want.path, r.Path)
			assert.Equal(t, want.header, r.AuthHeader)
		}
	}
	require.NoError(t, server.Process.Signal(syscall.SIGTERM))
	assert.Len(t, server.end().ours(), 3, server.stderr.String())
}

// With --on-429 restart, a limit before any answer restarts the same command, and its prompt and
// stdin are sent once. If the command continues a session, the restarted command continues the same
// session.
func TestRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(labels...)
	w.limit("Work", 12000*time.Second)
	c := w.prompt(model, "say hi", "--on-429", "restart").reads("from a pipe\n")
	require.NoError(t, c.Start())
	children := w.childrenOf(c.Process.Pid)
	c.end().ok()
	assert.Equal(t, []string{"opencode", "opencode"}, children.names())
	assert.Contains(t, c.stdout.String(), "Hello from Personal.")
	assert.Equal(t, 1, strings.Count(c.stdout.String(), "Hello from"), c.stdout.String())
	assert.Len(t, c.ours(), 1, c.stderr.String())
	var reached []fakeservice.Request
	for _, r := range w.turns() {
		if r.Account == "Personal" {
			reached = append(reached, r)
		}
	}
	require.Len(t, reached, 1)
	for _, text := range []string{"say hi", "from a pipe"} {
		assert.Equal(t, 1, strings.Count(string(reached[0].Body), text), "%q is there once: %s", text, reached[0].Body)
	}
	assert.False(t, w.wasAsked("Spare"))

	require.NoError(t, os.RemoveAll(filepath.Join(w.home, ".local/state/ocgo-key")))
	w.add("Work", "Personal")
	w.service.ClearRequests()
	w.command("ocgo-key", "run", "--on-429", "restart", "--", "opencode", "run", "-m", model, "-c", "and then").run().ok()
	assert.True(t, w.wasAsked("Work"))
	again := w.turns()[len(w.turns())-1]
	assert.Equal(t, "Personal", again.Account)
	assert.Equal(t, reached[0].Session, again.Session, "-c survives")
	assert.Equal(t, 1, strings.Count(string(again.Body), "and then"), "the prompt is not doubled in the session it joined: %s", again.Body)
}

// nothingOfTheUsersWasSent checks that no request contained a key that tests call "stored-…".
func (of openCode1) nothingOfTheUsersWasSent() {
	w := of.w
	w.t.Helper()
	requests := w.service.Requests()
	require.NotEmpty(w.t, requests)
	for _, r := range requests {
		headers, err := json.Marshal(r.Header)
		require.NoError(w.t, err)
		assert.NotContains(w.t, string(headers)+r.Query+string(r.Body), "stored-")
		assert.NotEmpty(w.t, r.Account, "every request carries a key of the pool")
	}
}

// The user's own configuration, with its comments, and the logins stay. With each wire format, only
// the address and the key of requests to the Go provider are ours.
func TestUsersConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work", "Personal")
	w.limit("Work", 12000*time.Second)
	auth := filepath.Join(w.home, ".local/share/opencode/auth.json")
	stored := `{"opencode-go": {"type": "api", "key": "stored-go-key"}, "groq": {"type": "api", "key": "stored-groq-key"}}`
	require.NoError(t, os.MkdirAll(filepath.Dir(auth), 0o700))
	require.NoError(t, os.WriteFile(auth, []byte(stored), 0o600))
	w = w.with(`OPENCODE_CONFIG_CONTENT={
		// what I like
		"username": "someone",
		"instructions": ["STYLE.md"],
		"provider": {
			"opencode-go": {"options": {"timeout": 123456, "apiKey": "stored-config-key", "baseURL": "http://127.0.0.1:1/elsewhere"}},
			"mine": {"name": "Mine", "npm": "@ai-sdk/openai-compatible", "options": {"baseURL": "http://127.0.0.1:1/v1"}, "models": {"m": {}}},
		},
	}`)
	server, url := w.serve("ocgo-key", "run", "--")
	var config struct {
		Username     string
		Instructions []string
		Provider     map[string]struct {
			Name    string
			Options map[string]any
		}
	}
	shown := w.fetch(url+"/config", "")
	require.NoError(t, json.Unmarshal([]byte(shown), &config), shown)
	assert.Equal(t, "someone", config.Username)
	assert.True(t, slices.Contains(config.Instructions, "STYLE.md"))
	assert.Equal(t, "Mine", config.Provider["mine"].Name)
	options := config.Provider["opencode-go"].Options
	assert.EqualValues(t, 123456, options["timeout"])
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+/zen/go/v1$`, options["baseURL"])
	assert.NotContains(t, shown, "stored-config-key")
	assert.Contains(t, w.fetch(url+"/config/providers", ""), `"groq"`, "the other login serves")

	for _, model := range oneModelEach {
		assert.Contains(t, w.say(url, w.session(url), model), "Hello from Personal.", model)
	}
	w.nothingOfTheUsersWasSent()
	require.NoError(t, server.Process.Signal(syscall.SIGTERM))
	server.end()
	after, err := os.ReadFile(auth)
	require.NoError(t, err)
	assert.Equal(t, stored, string(after), "no file of the user's is touched")
}

// OpenCode's tools see no key, only a token that no other server accepts. A limit after a tool has
// run does not interrupt the turn: the tool's side effect happens once, and the same OpenCode
// process answers.
func TestAgentsShellSeesNoKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(labels...)
	w.sideEffect("echo once >>effect; ocgo-key get >got 2>why; env >seen", fakeservice.UsageLimit(fakeservice.Weekly, 12000*time.Second))
	c := w.prompt(model, "do the work")
	require.NoError(t, c.Start())
	children := w.childrenOf(c.Process.Pid)
	c.end().ok()
	assert.Equal(t, []string{"opencode"}, children.names()[:1])
	c.continuedOnPersonal()
	project := filepath.Join(filepath.Dir(w.home), "project")
	seen, err := os.ReadFile(filepath.Join(project, "seen"))
	require.NoError(t, err, "the tool did not run: %s", c.stderr.String())
	assert.Contains(t, string(seen), "OPENCODE_CONFIG_CONTENT=")
	assert.NotContains(t, string(seen), "OPENCODE_API_KEY=")
	assert.Empty(t, w.marker.Text("the agent's environment", seen))
	assert.Empty(t, w.readProject("got"), "and it gets none by asking")
	assert.Contains(t, w.readProject("why"), "an agent's shell may not get a key")
}

// A new user types `ocgo-key demo` first.
func TestDemo(t *testing.T) {
	t.Parallel()
	opencode(t, "", "")
	w := newWorld(t).with("DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent")
	c := w.command("ocgo-key", "demo").run().ok()
	assert.Contains(t, c.stdout.String(), "$ ocgo-key run -- opencode run")
	assert.Contains(t, c.stdout.String(), "Hello from Personal.")
	assert.Contains(t, c.stdout.String(), "The next process gets Spare.")
	require.Len(t, c.ours(), 1, c.stderr.String())
	assert.Regexp(t, `^Work hit its weekly limit \(back .*\); now Personal$`, c.ours()[0])
	assert.NoDirExists(t, filepath.Join(w.home, ".local/state/ocgo-key"), "nothing of the user's is touched")
	assert.Empty(t, w.service.Requests())
	left, err := filepath.Glob(filepath.Join(filepath.Dir(w.home), "tmp", "ocgo-key-demo-*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}
