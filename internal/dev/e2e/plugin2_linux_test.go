package e2e

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
)

// ask2 sends a request about the logins of OpenCode Go to the service; path is the rest of the
// path, and body is for a POST.
func (of openCode2) ask2(path, body string) (status int, text string) {
	w := of.w
	w.t.Helper()
	s := w.service2()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, s.URL+"/api/integration/opencode-go"+path, strings.NewReader(body))
	require.NoError(w.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth("opencode", s.Password)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return resp.StatusCode, string(answer)
}

// store2 stores a key in OpenCode 2's own database, as its `/connect` does.
func (of openCode2) store2(key string) {
	w := of.w
	w.t.Helper()
	require.Eventually(w.t, func() bool { // at first it knows no integrations
		status, _ := w.ask2("/connect/key", `{"key":"`+key+`"}`)
		return status == http.StatusNoContent
	}, patience, 10*pause)
}

// configure2 writes the user's own configuration of OpenCode 2.
func (of openCode2) configure2(text string) {
	w := of.w
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(filepath.Join(w.home, ".config/opencode/opencode.json"), []byte(text), 0o600))
}

// Requests of each wire format use the pool, even if the user has other keys or sets another
// address.
func TestPlugin2BeatsOtherKeys(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.add("Work")
	w.service.AddAccount(fakeservice.Account{Key: "sk-foreign", Label: "Foreign"})
	w.configure2(`{"providers": {"opencode-go": {"models": {"kimi-k2.6": {"settings": {"baseURL": "` + w.service.BaseURL() + `", "apiKey": "sk-foreign"}}}}}}`)
	w.command("opencode", "service", "start").run().ok()
	w.store2("sk-foreign")
	w.command("opencode", "service", "stop").run().ok()
	w.command("ocgo-key", "install", "--yes").run().ok()
	w = w.with("OPENCODE_API_KEY=sk-foreign")
	assert.Equal(t, "Work", w.answers("say hi"))
	for _, other := range []string{"opencode-go/minimax-m3", "opencode-go/grok-4.7"} {
		c := w.command("opencode", "run", "-m", other, "say hi").run().ok()
		assert.Contains(t, c.stdout.String(), "Hello from Work.", other)
	}
	assert.False(t, w.wasAsked("Foreign"))
	assert.Len(t, w.gateways(), 1, "one gateway for the whole service")
}

// Without a gateway a request fails at once with the reason, and is not sent with another key. The
// user can fix the cause while OpenCode runs. If ocgo-key has been removed, OpenCode works as if
// the plugin were not installed.
func TestPlugin2WithoutGateway(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.service.AddAccount(fakeservice.Account{Key: "sk-own", Label: "Own"})
	w.configure2(`{"providers": {"opencode-go": {"settings": {"baseURL": "` + w.service.BaseURL() + `", "apiKey": "sk-own"}}}}`)
	w.command("ocgo-key", "install", "--yes").run().ok()
	c := w.command("opencode", "run", "-m", model, "say hi").run()
	assert.NotEqual(t, 0, c.code())
	assert.Contains(t, c.stderr.String(), "there is no account")
	t.Log(c.stdout.String(), c.stderr.String())
	assert.Empty(t, w.service.Requests(), "nothing is sent with another key")
	w.add("Work")
	assert.Equal(t, "Work", w.answers("say hi"))

	w.command("opencode", "service", "stop").run().ok()
	plugin := filepath.Join(w.home, ".config/opencode/plugins/ocgo-key.js")
	text, err := os.ReadFile(plugin)
	require.NoError(t, err)
	// For the plugin, ocgo-key is now removed.
	require.NoError(t, os.WriteFile(plugin, bytes.ReplaceAll(text, []byte(program), []byte("/nonexistent/ocgo-key")), 0o600))
	assert.Equal(t, "Own", w.answers("say hi"))
}

// Installing and uninstalling the plugin leaves no other files in the folder of OpenCode 2.
func TestUninstall2LeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.add("Work")
	w.command("opencode", "service", "start").run().ok()
	w.command("opencode", "service", "stop").run().ok()
	config := filepath.Join(w.home, ".config")
	before := tree(t, config)
	w.command("ocgo-key", "install", "--yes").run().ok()
	assert.Equal(t, "Work", w.answers("say hi"))
	assert.Contains(t, w.command("ocgo-key", "doctor").run().stdout.String(), "ok       plugin: plain `opencode` uses the pool, by the plugin")
	w.command("ocgo-key", "uninstall").run().ok()
	assert.Equal(t, before, tree(t, config))
	assert.NoFileExists(t, filepath.Join(w.home, ".local/state/ocgo-key/notices.json"))
}

// If OpenCode 2 refuses the plugin, doctor finds that in OpenCode's log and reports it.
func TestDoctorKnowsWhatOpenCode2Refused(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.command("ocgo-key", "install", "--yes").run().ok()
	plugin := filepath.Join(w.home, ".config/opencode/plugins/ocgo-key.js")
	text, err := os.ReadFile(plugin)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(plugin, []byte("export const Old = async () => ({})\n"), 0o600))
	past := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(plugin, past, past))
	w.command("opencode", "run", "--standalone", "-m", model, "say hi").run()
	require.Contains(t, w.log2(), "failed to load plugin")
	require.NoError(t, os.WriteFile(plugin, text, 0o600))
	require.NoError(t, os.Chtimes(plugin, past, past)) // so that doctor treats it as the file that was refused
	assert.Contains(t, w.command("ocgo-key", "doctor").run().stdout.String(), "OpenCode 2 did not load "+plugin+" (PluginModule.LoadError: Plugin must export a default definition")
}

// The shell of an agent is marked, so it gets no key. It has none of our variables, and `opencode`
// cannot change accounts there.
func TestPlugin2MarksShells(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.add("Work")
	w.command("ocgo-key", "install", "--yes").run().ok()
	w.service.SetPlan(w.marker.Key("Work"), fakeservice.Plan{TitlesFree: true, Answers: []fakeservice.Answer{
		fakeservice.Bash(`env >seen; ocgo-key get >>seen 2>&1`), {}}})
	content := `{"provider": {"opencode-go": {"options": {"apiKey": "ocgo-placeholder"}}}}`
	assert.Equal(t, "Work", w.with("OCGO_KEY_GATEWAY_TOKEN=ocgo-some-token", "OTHER=http://127.0.0.1:1/ocgo-some-token/zen", "OPENCODE_CONFIG_CONTENT="+content).
		answers("--auto", "do the work"))
	seen := w.readProject("seen")
	assert.Contains(t, seen, "OCGO_KEY_AGENT_SHELL=1\n")
	assert.Contains(t, seen, "an agent's shell may not get a key")
	assert.NotContains(t, seen, "OPENCODE_CONFIG_CONTENT")
	assert.NotContains(t, seen, "ocgo-some-token")
}

// The full screen shows a switch as a toast. If the gateway cannot work, a toast shows the reason.
func TestPlugin2Toasts(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.add("Work", "Personal")
	w.limit("Work", 12000*time.Second)
	w.configure2(`{"model": "` + model + `"}`)
	w.command("ocgo-key", "install", "--yes").run().ok()
	s := w.tmux("opencode")
	s.expect("Kimi")
	s.types("say hi")
	s.expect("Work hit its") // the toast wraps its lines at any word
	s.expect("Hello from Personal.")
	s.quit()
}

// A key typed into the full screen is stored in the keychain and nowhere else: at its end, each
// test searches all files for its keys. The same OpenCode then uses the key. A key that the service
// does not know is not stored.
func TestConnect2(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.configure2(`{"model": "` + model + `"}`)
	w.command("ocgo-key", "install", "--yes").run().ok()
	s := w.tmux("opencode")
	s.expect("Kimi")

	s.connect2("Add Go account")
	s.fillAccount("Personal", "Personal")
	s.accountStored("View all integrations") // "Favorite" is there only while a model is highlighted
	assert.Eventually(t, func() bool {
		_, logins := w.ask2("", "")
		return strings.Contains(logins, `"connections":[]`)
	}, patience, pause, "the placeholder is gone")
	s.closes("ctrl+a") // ctrl+a opens the list of providers from the list of models; Escape closes both
	s.types("say hi")
	s.expect("Hello from Personal.")

	s.connect2("Add Go account")
	s.fillAccount("Other", "Unknown")
	s.accountRefused("does not know", "UnexpectedStatus")

	w.add("Work")
	s.connect2("Account status")
	s.expect("STATE")
	assert.Regexp(t, `1 +Personal +ready\s+>? +2 +Work +ready`, s.text())
	s.do("send-keys", "Escape")
	s.gone("STATE")
	s.connect2("Manage accounts")
	s.expect("ocgo-key rename LABEL")
	s.do("send-keys", "Escape")
	s.gone("ocgo-key rename LABEL")
	s.quit()
}

// closes presses Escape until the dialog that shows mark is gone. OpenCode 2 loses a keystroke that
// arrives while it redraws a dialog.
func (s *screen) closes(mark string) {
	s.w.t.Helper()
	require.Eventually(s.w.t, func() bool {
		if !strings.Contains(s.text(), mark) {
			return true
		}
		s.do("send-keys", "Escape")
		return false
	}, patience, 10*pause, "the dialog with %q never closed", mark)
}

// connect2 opens a method of `/connect` for OpenCode Go.
func (s *screen) connect2(method string) {
	s.w.t.Helper()
	s.enter("/connect", "Connect an integration")
	s.expect("Popular")
	s.choose("OpenCode Go", "Anthropic")
	s.expect("Connect OpenCode Go")
	other := "Manage accounts"
	if method == other {
		other = "Account status"
	}
	s.choose(method, other)
}

// Each conversation of a shared service has its own account, and keeps it until that account's
// limit. The gateway runs as long as the service. If only the gateway dies, it is replaced.
func TestPlugin2Conversations(t *testing.T) {
	t.Parallel()
	w := newWorld2(t)
	w.add(labels...)
	w.command("ocgo-key", "install", "--yes").run().ok()
	assert.Equal(t, "Work", w.answers("say hi"))
	assert.Equal(t, "Personal", w.answers("say hi"), "another conversation")
	assert.Equal(t, "Personal", w.answers("--continue", "say hi"))
	w.limit("Personal", 12000*time.Second)
	assert.Equal(t, "Spare", w.answers("--continue", "say hi"))

	first := w.gateways()
	require.Len(t, first, 1)
	w.end(first[0])
	assert.Equal(t, "Spare", w.answers("--continue", "say hi"), "its account outlives the gateway")
	second := w.gateways()
	require.Len(t, second, 1)
	assert.NotEqual(t, first, second)

	require.NoError(t, syscall.Kill(w.service2().PID, syscall.SIGKILL))
	w.gatewayEnds()
}

// end kills a process that gateways returned, and waits until it has ended.
func (of openCode2) end(name string) {
	w := of.w
	w.t.Helper()
	number, _, _ := strings.Cut(name, " ")
	pid, err := strconv.Atoi(number)
	require.NoError(w.t, err)
	require.NoError(w.t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(w.t, func() bool { return syscall.Kill(pid, 0) != nil }, patience, pause)
}
