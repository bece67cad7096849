package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
)

// kept returns the content of a home, without the files that OpenCode and ocgo-key write while they
// run.
func (of openCode1) kept() map[string]string {
	w := of.w
	w.t.Helper()
	all := tree(w.t, w.home)
	maps.DeleteFunc(all, func(path, _ string) bool {
		for _, folder := range []string{".cache/opencode", ".local/share/opencode", ".local/state/opencode", ".local/state/ocgo-key"} {
			if strings.HasPrefix(path, filepath.Join(w.home, folder)+"/") {
				return filepath.Base(path) != "auth.json" && filepath.Base(path) != "install.json"
			}
		}
		return false
	})
	return all
}

// installed is a copy of the program that can be removed.
func (of openCode1) installed() string {
	w := of.w
	w.t.Helper()
	path := filepath.Join(filepath.Dir(w.home), "bin", "ocgo-key")
	text, err := os.ReadFile(program)
	require.NoError(w.t, err)
	require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(w.t, os.WriteFile(path, text, 0o700))
	return path
}

// A new user moves keys from plain files into the keychain, and plain `opencode` then uses the
// pool. Nothing else changes, even after ocgo-key is removed again. At the end, as in each test, no
// file may contain a key.
func TestMovingIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	login := `{
  "groq": {
    "type": "api",
    "key": "stored-groq-key"
  },
  "opencode-go": {
    "type": "api",
    "key": "` + w.marker.Key("Work") + `"
  },
  "mine": { "type": "oauth", "refresh": "stored-refresh",   "access": "stored-access", "expires": 4102444800000 }
}
`
	accounts := `{"version":1,"accounts":[{"apiKey":"` + w.marker.Key("Personal") + `","label":"Personal","addedAt":1,"enabled":true}],"rotationIndex":0}`
	loginPath, accountsPath := filepath.Join(w.home, ".local/share/opencode/auth.json"), filepath.Join(w.home, ".config/opencode/opencode-go-accounts.json")
	for path, text := range map[string]string{
		loginPath: login, accountsPath: accounts,
		filepath.Join(w.home, ".config/opencode/opencode.jsonc"): "{\n  // mine\n  \"username\":   \"someone\",\n}\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o640))
	}
	w.plain("models", "groq").run().ok() // so that OpenCode has written its own files in this home

	ours := w.installed()
	w.command(ours, "import", "--scrub", "--yes").run().ok()
	for path, want := range map[string]string{
		loginPath:    regexp.MustCompile(`(?s)  "opencode-go": \{.*?\},\n`).ReplaceAllString(login, ""),
		accountsPath: regexp.MustCompile(`\[.*\]`).ReplaceAllString(accounts, "[]"),
	} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, string(text))
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o640), info.Mode())
	}
	p := w.list()
	require.Equal(t, "Personal ready, opencode-go ready", p.states())
	assert.Equal(t, []string{"Personal"}, w.inKeychain(p.Accounts[0]))
	assert.Equal(t, []string{"Work"}, w.inKeychain(p.Accounts[1]))

	w.limit("Work", 12000*time.Second)
	before := w.kept()
	require.Contains(t, before, loginPath)
	w.command(ours, "install", "--yes").run().ok()
	server, url := w.serve()
	assert.Contains(t, w.fetch(url+"/config", ""), `"apiKey":"ocgo-`)
	assert.Contains(t, w.fetch(url+"/config/providers", ""), `"groq"`, "the other login serves")
	for _, model := range oneModelEach {
		assert.Contains(t, w.say(url, w.session(url), model), "Hello from Personal.")
	}
	formats := map[string]string{}
	for _, r := range w.turns() {
		formats[strings.TrimPrefix(r.Path, fakeservice.GoPath)] = r.AuthHeader
	}
	assert.Equal(t, map[string]string{"/chat/completions": "bearer", "/messages": "x-api-key", "/responses": "bearer"}, formats)
	w.nothingOfTheUsersWasSent()
	require.NoError(t, server.Process.Kill())
	server.end()
	w.gatewayEnds()
	require.Len(t, server.ours(), 1, server.stderr.String())
	assert.Regexp(t, `^opencode-go hit its weekly limit \(back .*\); now Personal$`, server.ours()[0])

	require.NoError(t, os.Remove(ours))
	c := w.plain("models", "groq").run().ok()
	assert.Contains(t, c.stdout.String(), "groq/")
	if assert.Len(t, c.ours(), 1, c.stderr.String()) {
		assert.Contains(t, c.ours()[0], ours+" is not there")
	}

	w.command(w.installed(), "uninstall").run().ok()
	assert.Equal(t, before, w.kept())
}
