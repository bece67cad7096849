package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fill types a text into a field until done accepts the screen. A field that has just been drawn
// may not have the focus yet, so fill deletes the text and types it again.
func (s *screen) fill(typing func(), done func(text string) bool) {
	s.w.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		s.do("send-keys", "C-u")
		typing()
		for again := time.Now().Add(patience / 20); time.Now().Before(again); time.Sleep(pause) {
			if done(s.text()) {
				return
			}
		}
	}
	s.w.t.Fatalf("the screen does not take what is typed:\n%s", s.text())
}

// enter fills a field with text, and sends it when the screen shows want.
func (s *screen) enter(text, want string) {
	s.w.t.Helper()
	s.fill(func() { s.do("send-keys", "-l", text) }, func(text string) bool { return strings.Contains(text, want) })
	s.do("send-keys", "Enter")
}

// enterKey is like enter, for a key. The key must not be an argument of tmux, since the search for
// leaks would find it there. OpenCode shows the key, so this screen is not logged.
func (s *screen) enterKey(key string) {
	s.w.t.Helper()
	s.fill(func() {
		load := s.command("load-buffer", "-")
		load.Stdin = strings.NewReader(key)
		require.NoError(s.w.t, load.Run())
		s.do("paste-buffer", "-d")
	}, func(text string) bool { return strings.Contains(text, key[len(key)/2:]) }) // a narrow field shows its end
	s.do("send-keys", "Enter")
}

// choose picks an item of the list on the screen by its name. others are further items, which
// disappear when the list is filtered.
func (s *screen) choose(item string, others ...string) {
	s.w.t.Helper()
	for _, other := range others {
		s.expect(other)
	}
	s.fill(func() { s.do("send-keys", "-l", item) }, func(text string) bool {
		return strings.Contains(text, item) && !slices.ContainsFunc(others, func(other string) bool { return strings.Contains(text, other) })
	})
	s.do("send-keys", "Enter")
}

// gone waits until the screen no longer shows the text.
func (s *screen) gone(text string) {
	s.w.t.Helper()
	require.Eventually(s.w.t, func() bool { return !strings.Contains(s.text(), text) }, patience, 4*pause, "the screen still shows %q", text)
}

// connect opens a method of `/connect` for OpenCode Go.
func (s *screen) connect(method string) {
	s.w.t.Helper()
	s.enter("/connect", "Connect provider") // the entry of the command; before it appears, Enter would send a prompt
	s.expect("Connect a provider")
	s.choose("OpenCode Go", "Anthropic")
	s.expect("Select auth method")
	other := "Manage accounts"
	if method == other {
		other = "Account status"
	}
	s.choose(method, other)
}

// fillAccount fills in the form "Add Go account": the label, and the test key called key.
func (s *screen) fillAccount(label, key string) {
	s.w.t.Helper()
	s.expect("What to call the account")
	s.enter(label, label)
	s.expect("Paste the account's key")
	s.enterKey(s.w.marker.Key(key))
}

// accountStored waits until OpenCode has accepted the account Personal, and checks that its key is
// in the keychain. OpenCode then shows a list of models, which has these words at its end.
func (s *screen) accountStored(words string) {
	s.w.t.Helper()
	s.expect(words)
	accounts := s.w.list().Accounts
	require.Len(s.w.t, accounts, 1)
	assert.Equal(s.w.t, "Personal", accounts[0].Label)
	assert.Equal(s.w.t, []string{"Personal"}, s.w.inKeychain(accounts[0]))
}

// accountRefused waits until the screen shows the reason and OpenCode's own error. It checks that
// nothing was stored, and closes the form.
func (s *screen) accountRefused(reason, failure string) {
	s.w.t.Helper()
	s.expect(reason)
	s.expect(failure)
	assert.Equal(s.w.t, "Personal ready", s.w.list().states())
	s.do("send-keys", "Escape")
	s.gone(failure)
}

// A key typed into the full screen is stored in the keychain and nowhere else: at its end, each
// test searches all files for its keys. The same OpenCode then uses the key. A key that the service
// does not know is not stored.
func TestConnect(t *testing.T) {
	t.Parallel()
	opencode(t, "", "")
	w := newWorld(t)
	w.command("ocgo-key", "install", "--yes").run().ok()
	login := filepath.Join(w.home, ".local/share/opencode/auth.json")
	s := w.tmux("opencode")
	s.expect("Ask anything")

	s.connect("Add Go account")
	s.fillAccount("Personal", "Personal")
	s.accountStored("Favorite")
	stored, err := os.ReadFile(login)
	require.NoError(t, err)
	assert.JSONEq(t, `{"opencode-go": {"type": "api", "key": "ocgo-placeholder"}}`, string(stored))
	found := regexp.MustCompile(`Kimi K2\.6 {3,}OpenCode Go`)
	s.fill(func() { s.do("send-keys", "-l", "Kimi K2.6") }, found.MatchString)
	s.do("send-keys", "Enter")
	s.expect("Build · Kimi K2.6")
	s.types("say hi")
	s.expect("Hello from Personal.")

	s.connect("Add Go account")
	s.fillAccount("Other", "Unknown")
	s.accountRefused("the service does not know this key", "Invalid code")

	w.add("Work")
	holder := w.list().Accounts[0].Leases
	require.Len(t, holder, 1)
	w.command("ocgo-key", "rotate", "--pid", strconv.Itoa(holder[0].PID), "--status", "429", "--retry-after", "400000").
		reads(`{"error": {"type": "GoUsageLimitError"}, "metadata": {"limitName": "weekly"}}`).run().ok()
	s.connect("Account status")
	s.expect("STATE")
	assert.Regexp(t, `1 +Personal +cooling until .+\n[ ┃]*>? +2 +Work +ready`, s.text(), "a line for each, though the panel is narrow")
	s.do("send-keys", "Escape")
	s.gone("STATE")
	s.connect("Manage accounts")
	s.expect("ocgo-key rename LABEL")
	s.do("send-keys", "Escape")
	s.gone("ocgo-key rename LABEL")
	s.quit()
}

// The same login methods work without the full screen.
func TestAuthLogin(t *testing.T) {
	t.Parallel()
	opencode(t, "", "")
	w := newWorld(t)
	w.add("Work")
	w.command("ocgo-key", "install", "--yes").run().ok()
	// The prompt leaves the typed key on the screen, so the screen is cleared before it is logged.
	s := w.tmux(`opencode auth login -p opencode-go; read _; printf '\033[2J\033[H'`)
	s.expect("Account status")
	s.do("send-keys", "Enter")
	s.expect("What to call the account")
	s.enter("Personal", "Personal")
	s.expect("Paste the authorization code")
	s.enterKey(w.marker.Key("Personal"))
	require.Eventually(t, func() bool { return strings.Contains(s.text(), "Login successful") }, patience, 4*pause)
	s.do("send-keys", "Enter")
	s.expect("ended with 0")
	accounts := w.list().Accounts
	require.Len(t, accounts, 2)
	assert.Equal(t, []string{"Personal"}, w.inKeychain(accounts[1]))
	c := w.plain("auth", "login", "-p", "opencode-go", "-m", "Account status").run().ok()
	assert.Regexp(t, `2 +Personal +ready`, c.stdout.String())
}
