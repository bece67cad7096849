package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
)

// plain prepares OpenCode without `ocgo-key run`.
func (of openCode1) plain(args ...string) *command {
	w := of.w
	w.t.Helper()
	opencode(w.t, "", "")
	return w.command("opencode", args...)
}

// tree returns the contents of a folder: each file's content and mode.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content := []byte{}
		if info.Mode().IsRegular() {
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		found[path] = info.Mode().String() + " " + string(content)
		return nil
	}))
	return found
}

// gateways returns the test's processes that run a gateway.
func (of openCode1) gateways() []string {
	w := of.w
	var found []string
	for _, p := range processesWith(w.t, "HOME="+w.home) {
		if strings.HasSuffix(p, " ocgo-key") {
			found = append(found, p)
		}
	}
	return found
}

// gatewayEnds waits after the end of OpenCode until no gateway is left, and logs how long that
// took.
func (of openCode1) gatewayEnds() {
	w := of.w
	w.t.Helper()
	ended := time.Now()
	require.Eventually(w.t, func() bool { return len(w.gateways()) == 0 }, patience, 5*time.Millisecond)
	w.t.Logf("the gateway ended %v after OpenCode", time.Since(ended))
}

// serve starts an OpenCode server, and returns it and its URL. wrapper is a command that starts the
// server; if empty, the server is started directly.
func (of openCode1) serve(wrapper ...string) (server *command, url string) {
	w := of.w
	w.t.Helper()
	opencode(w.t, "", "")
	argv := append(wrapper, "opencode", "serve", "--port", "0")
	server = w.command(argv[0], argv[1:]...)
	out := &lines{}
	server.Stdout = out
	require.NoError(w.t, server.Start())
	require.Eventually(w.t, func() bool {
		_, after, found := strings.Cut(out.String(), "listening on ")
		url, _, _ = strings.Cut(after, "\n")
		return found && strings.Contains(after, "\n")
	}, patience, pause)
	w.t.Cleanup(func() { w.leaks(w.marker.Text("stdout of a server", []byte(out.String()))) })
	return server, url
}

// fetch sends a request to a server, a POST if there is a body. It checks that the answer contains
// no key, and returns it.
func (of openCode1) fetch(url, body string) string {
	w := of.w
	w.t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(w.t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
	require.Equal(w.t, http.StatusOK, resp.StatusCode, "%s: %s", url, text)
	w.leaks(w.marker.Text(method+" "+url, text))
	return string(text)
}

// session creates a session on a server, and returns its id.
func (of openCode1) session(url string) string {
	w := of.w
	w.t.Helper()
	var session struct{ ID string }
	require.NoError(w.t, json.Unmarshal([]byte(w.fetch(url+"/session", "{}")), &session))
	return session.ID
}

// say sends a prompt to a session on a server, and returns the answer.
func (of openCode1) say(url, session, model string) string {
	w := of.w
	w.t.Helper()
	return w.fetch(url+"/session/"+session+"/message", sayHi(model))
}

// sayHi is the body of a prompt.
func sayHi(model string) string {
	provider, name, _ := strings.Cut(model, "/")
	return `{"model": {"providerID": "` + provider + `", "modelID": "` + name + `"}, "parts": [{"type": "text", "text": "say hi"}]}`
}

// Plain `opencode` with the plugin switches from a limited account to the next. TestMovingIn tests
// the same with each wire format.
func TestPluginGoesOnWithTheNextAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work", "Personal")
	w.limit("Work", 12000*time.Second)
	w.command("ocgo-key", "install", "--yes").run().ok()
	c := w.whole().plain("run", "-m", model, "--format", "json", "say hi").run().ok()
	for line := range strings.Lines(c.stdout.String()) {
		assert.True(t, json.Valid([]byte(line)), "stdout is OpenCode's alone: %q", line)
	}
	assert.Contains(t, c.stdout.String(), "Hello from Personal.")
	require.Len(t, c.ours(), 1, c.stderr.String())
	assert.Regexp(t, `^Work hit its weekly limit \(back .*\); now Personal$`, c.ours()[0])
	turns := w.turns()
	assert.Equal(t, fakeservice.GoPath+"/chat/completions", turns[len(turns)-1].Path)
	assert.NoFileExists(t, filepath.Join(w.home, ".config/opencode/package.json"), "no package was installed, so none was waited for")
	require.Eventually(t, func() bool { return len(w.gateways()) == 0 }, patience, pause)
	assert.Empty(t, w.held())
}

// Apart from the plugin, HOME contains only what OpenCode itself writes there, even after an
// uninstall.
func TestUninstallLeavesNothing(t *testing.T) {
	t.Parallel()
	opencode(t, "", "")
	w := newWorld(t)
	fresh := tree(t, w.home)
	for _, how := range []string{"--plugin", "--shim"} {
		w.command("ocgo-key", "install", how, "--yes").run().ok()
		assert.NotEqual(t, fresh, tree(t, w.home))
		w.command("ocgo-key", "uninstall").run().ok()
		assert.Equal(t, fresh, tree(t, w.home), "a home that had nothing")
	}
	w.add("Work")
	w.plain("models").run().ok()
	config := filepath.Join(w.home, ".config")
	before := tree(t, config)
	for _, how := range []string{"--plugin", "--shim"} {
		says := w.command("ocgo-key", "install", how, "--yes").run().ok().stdout.String()
		w.command("ocgo-key", "install", how, "--yes").run().ok()
		c := w.plain("run", "-m", model, "say hi")
		if how == "--shim" { // the printed line puts the folder first on PATH
			line := regexp.MustCompile(`(?m)^ *bash +\S+ +(.+)$`).FindStringSubmatch(says)
			require.Len(t, line, 2, says)
			w.add("Personal")
			w.limit("Personal", 12000*time.Second) // which is next
			c = w.command("bash", "-c", line[1]+"\nopencode run -m "+model+" 'say hi'")
		}
		c.run().ok()
		assert.Contains(t, c.stdout.String(), "Hello from Work.")
		if how == "--shim" {
			require.Len(t, c.ours(), 1, c.stderr.String())
			assert.Regexp(t, `^Personal hit its weekly limit \(back .*\); now Work$`, c.ours()[0])
		}
		w.command("ocgo-key", "uninstall").run().ok()
		assert.Equal(t, before, tree(t, config), "a home in use, with OpenCode started in between")
		assert.NoDirExists(t, filepath.Join(w.home, ".local/share/ocgo-key"))
		assert.NoFileExists(t, filepath.Join(w.home, ".local/state/ocgo-key/install.json"))
	}
}

// A server's answers may contain the gateway's token but no key. The shell of a tool is marked as
// an agent's shell. If a gateway dies while OpenCode runs, the next request gets a new one. However
// OpenCode ends, its gateway ends within a second, even if a tool keeps running.
func TestPluginEndsWithOpenCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work")
	w.command("ocgo-key", "install", "--yes").run().ok()
	started := w.project("started")
	server, url := w.serve()
	config := w.fetch(url+"/config", "")
	assert.Contains(t, config, `"apiKey":"ocgo-`, "the plugin is at work")
	session := w.session(url)
	assert.Contains(t, w.say(url, session, model), "Hello from Work.")
	first := w.gateways()
	require.Len(t, first, 1)
	w.end(first[0])
	assert.Contains(t, w.say(url, session, model), "Hello from Work.")
	second := w.gateways()
	require.Len(t, second, 1)
	assert.NotEqual(t, first, second)

	w.service.SetPlan(w.marker.Key("Work"), fakeservice.Plan{TitlesFree: true, Answers: []fakeservice.Answer{
		fakeservice.Bash(`echo "mark=$OCGO_KEY_AGENT_SHELL" >seen; ocgo-key get >>seen 2>&1; setsid sleep 60 & echo started >started; wait`)}})
	var client sync.WaitGroup
	client.Go(func() { // the killed server does not answer
		resp, err := http.Post(url+"/session/"+session+"/message", "application/json", strings.NewReader(sayHi(model)))
		if err == nil {
			_ = resp.Body.Close()
		}
	})
	require.Eventually(t, func() bool { _, err := os.Stat(started); return err == nil }, patience, pause)
	seen := w.readProject("seen")
	assert.Contains(t, seen, "mark=1")
	assert.Contains(t, seen, "an agent's shell may not get a key")
	assert.Len(t, w.gateways(), 1, "one gateway for the whole server")

	require.NoError(t, server.Process.Kill())
	server.end()
	w.gatewayEnds()
	client.Wait()
	assert.NotEmpty(t, processesWith(t, "HOME="+w.home), "the tool lives on")
	w.empty()
}

// Without a gateway OpenCode starts, but each request fails at once with the reason. It is not sent
// with another key. If ocgo-key has been removed, OpenCode works as without the plugin, and says so
// once.
func TestPluginWithoutGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.command("ocgo-key", "install", "--yes").run().ok()
	w.service.AddAccount(fakeservice.Account{Key: "nothing-real", Label: "Own"})
	own := w.with("OPENCODE_CONFIG_CONTENT=" + `{"provider":{"opencode-go":{"options":{"baseURL":"` + w.service.BaseURL() + `","apiKey":"nothing-real"}}}}`)
	opencode(t, "", "")
	run := func() *command {
		return own.command("opencode", "run", "-m", model, "--format", "json", "say hi").run()
	}
	c := run()
	assert.Contains(t, c.stdout.String(), "ocgo-key: there is no account", "stderr: %s", c.stderr.String())
	assert.Empty(t, w.service.Requests(), "nothing is sent with another key")
	if assert.Len(t, c.ours(), 1, c.stderr.String()) {
		assert.Contains(t, c.ours()[0], "there is no account")
	}

	plugin := filepath.Join(w.home, ".config/opencode/plugins/ocgo-key.js")
	text, err := os.ReadFile(plugin)
	require.NoError(t, err)
	// The plugin does not find ocgo-key, as if ocgo-key had been removed.
	require.NoError(t, os.WriteFile(plugin, bytes.ReplaceAll(text, []byte(program), []byte("/nonexistent/ocgo-key")), 0o600))
	c = run().ok()
	assert.Contains(t, c.stdout.String(), "Hello from Own.")
	assert.NotContains(t, c.stdout.String(), "ocgo-key")
	if assert.Len(t, c.ours(), 1, c.stderr.String()) {
		assert.Contains(t, c.ours()[0], "/nonexistent/ocgo-key is not there")
	}
}

// The full-screen OpenCode shows a failure and a switch as toasts. The user can fix the cause of
// the failure while OpenCode runs.
func TestPluginToasts(t *testing.T) {
	t.Parallel()
	opencode(t, "", "")
	w := newWorld(t)
	w.limit("Work", 12000*time.Second)
	w.command("ocgo-key", "install", "--yes").run().ok()
	s := w.tmux("opencode -m " + model)
	s.expect("there is no account")
	w.add("Work", "Personal")
	s.expect("Kimi")
	s.types("say hi")
	s.expect("Work hit its") // the toast wraps its lines at any word
	s.expect("Hello from Personal.")
	s.quit()
	require.Eventually(t, func() bool { return len(w.gateways()) == 0 }, patience, pause)
}

// A user's own plugin or tool may need the package that OpenCode installs for plugins. Our plugin
// removes its placeholder for that package, so OpenCode installs the package.
func TestPluginStandsAside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Work")
	w.command("ocgo-key", "install", "--yes").run().ok()
	config := filepath.Join(w.home, ".config/opencode")
	require.FileExists(t, filepath.Join(config, "package-lock.json"))
	require.NoError(t, os.WriteFile(filepath.Join(config, "plugins", "own.js"), []byte("export const Own = async () => ({})\n"), 0o600))
	// At this start the plugin changes files; OpenCode reads them at the next start.
	w.plain("run", "-m", model, "say hi").run().ok()
	assert.NoFileExists(t, filepath.Join(config, "package-lock.json"))
	assert.NoDirExists(t, filepath.Join(config, "node_modules"))
	w.command("ocgo-key", "uninstall").run().ok()
	assert.FileExists(t, filepath.Join(config, "plugins", "own.js"))
	assert.NoFileExists(t, filepath.Join(config, "plugins", "ocgo-key.js"))
}

// lines is the output of a program. It can be read while the program runs.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
