package doctor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/opencode"
)

// home is a user's home, and what is around it.
func home(t *testing.T, env map[string]string, p opencode.Program) *Around {
	t.Helper()
	return &Around{Getenv: func(name string) string { return env[name] }, Home: t.TempDir(), Program: p, StandIn: "ocgo-",
		Edit: func(path string) string { return "edit " + path }}
}

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), mode))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

func short(findings []Finding) (all []string) {
	for _, f := range findings {
		all = append(all, f.Level+": "+f.What+" | "+f.Mend)
	}
	return all
}

var first, second = opencode.Program{Path: "/bin/opencode", Generation: 1, Version: "1.18.33"}, opencode.Program{Path: "/bin/opencode", Generation: 2, Version: "2.0.15"}

func TestVersion(t *testing.T) {
	for want, p := range map[string]opencode.Program{
		"": first,
		"problem: /bin/opencode is OpenCode 0.15.2; the gateway needs 1.0.0 or newer | /bin/opencode upgrade":                                        {Path: "/bin/opencode", Version: "0.15.2"},
		"note: opencode 3.1.0 has not been tried with ocgo-key; 1.18.33 and 2.0.15 have | ocgo-key run -- opencode run hi":                           {Path: "/bin/opencode", Generation: 3, Version: "3.1.0"},
		"note: it is not known which OpenCode /bin/opencode is; ocgo-key has been tried with 1.18.33 and 2.0.15 | ocgo-key run -- opencode run hi":   {Path: "/bin/opencode"},
		"note: /bin/opencode is an OpenCode 2 of unknown version; ocgo-key has been tried with 1.18.33 and 2.0.15 | ocgo-key run -- opencode run hi": {Path: "/bin/opencode", Generation: 2},
	} {
		assert.Equal(t, want, strings.Join(short(home(t, nil, p).Version()), "\n"))
	}
}

// What 2.0.15 does with each of these was tried.
func TestProxy(t *testing.T) {
	for env, found := range map[string]bool{
		"": false, "HTTP_PROXY=p": true, "http_proxy=p": true, "HTTPS_PROXY=p": false, "ALL_PROXY=p": false,
		"HTTP_PROXY=p NO_PROXY=localhost": true, "HTTP_PROXY=p NO_PROXY=127.0.0.0/8": true,
		"HTTP_PROXY=p NO_PROXY=x,127.0.0.1,y": false, "HTTP_PROXY=p no_proxy=127.0.0.1": false, "http_proxy=p NO_PROXY=*": false,
	} {
		variables := map[string]string{}
		for _, pair := range strings.Fields(env) {
			name, value, _ := strings.Cut(pair, "=")
			variables[name] = value
		}
		assert.Equal(t, found, len(home(t, variables, second).Proxy()) == 1, env)
		assert.Empty(t, home(t, variables, first).Proxy(), env)
	}
}

func database(t *testing.T, a *Around, statements string, mode os.FileMode) string {
	t.Helper()
	path := opencode.DatabasePath(a.Getenv, a.Home)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	db, err := sqlite3.Open(path)
	require.NoError(t, err)
	require.NoError(t, db.Exec(statements))
	require.NoError(t, db.Close())
	require.NoError(t, os.Chmod(path, mode))
	return path
}

const credentials = "CREATE TABLE session_v2 (id text); CREATE TABLE credential (id, integration_id, label, value, active, time_created);"

func stored(provider, key string) string {
	return fmt.Sprintf(`INSERT INTO credential VALUES ('x' || random(), '%s', 'L', '{"type":"key","key":"%s"}', 1, 1);`, provider, key)
}

func TestDatabase(t *testing.T) {
	const key = "sk-00000000000000000000"
	tests := map[string]struct {
		statements string
		mode       os.FileMode
		pooled     bool
		p          opencode.Program
		want       string // PATH stands for the database's
	}{
		"nothing stored":   {credentials, 0o600, false, second, ""},
		"one that wins":    {credentials + stored("opencode-go", key), 0o600, false, second, "problem: PATH has a login for OpenCode Go: plain `opencode` uses it and not the pool | ocgo-key import --scrub"},
		"one that loses":   {credentials + stored("opencode-go", key), 0o600, true, second, "note: PATH has a login for OpenCode Go: it is not used, and can be read by an agent's tools | ocgo-key import --scrub"},
		"two":              {credentials + stored("opencode-go", key) + stored("opencode-go", key+"1"), 0o600, false, second, "problem: PATH has 2 logins for OpenCode Go: plain `opencode` uses it and not the pool | ocgo-key import --scrub"},
		"Zen's":            {credentials + stored("opencode", key), 0o600, false, second, "note: PATH has a login for Zen in clear, which an agent's tools can read | ocgo-key import --scrub"},
		"our panel's":      {credentials + stored("opencode-go", "ocgo-placeholder"), 0o600, false, second, ""},
		"another's":        {credentials + stored("anthropic", key), 0o600, false, second, ""},
		"open to others":   {credentials, 0o644, false, second, "note: PATH has mode 0644: other users of this machine may read your conversations in it | chmod go= PATH*"},
		"open with a key":  {credentials + stored("opencode", key), 0o640, true, second, "note: PATH has a login for Zen in clear, which an agent's tools can read | ocgo-key import --scrub\nproblem: PATH has mode 0640: other users of this machine may read keys and your conversations in it | chmod go= PATH*"},
		"version 1 there":  {credentials, 0o600, false, first, "problem: PATH was created by OpenCode 2, and /bin/opencode is OpenCode 1.18.33, which fails there (\"Database is not empty and has no session table\"): it needs a database of its own | export OPENCODE_DB=opencode-1.db"},
		"version 1's own":  {"CREATE TABLE session (id text)", 0o600, false, first, ""},
		"of another shape": {"CREATE TABLE credential (a)", 0o600, false, second, "note: it is not known whether OpenCode has a login of its own: PATH: no logins can be read: its table of logins is not as this ocgo-key knows it: it has no column \"id\" | opencode auth list"},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			if runtime.GOOS == "windows" && (tt.mode != 0o600 || tt.p.Generation == 1) {
				return // there are no modes, and another shell
			}
			a := home(t, nil, tt.p)
			a.Pooled = tt.pooled
			path := database(t, a, tt.statements, tt.mode)
			assert.Equal(t, strings.ReplaceAll(tt.want, "PATH", path), strings.Join(short(a.Database(t.Context())), "\n"))
		})
	}
	assert.Empty(t, home(t, nil, second).Database(t.Context()))
}

// service is a background service that was started with this content.
func service(t *testing.T, a *Around, content string, turns int) {
	t.Helper()
	active := map[string]string{"1": `"a":{}`, "2": `"a":{},"b":{}`}[fmt.Sprint(turns)]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "opencode" || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/api/config":
			_, _ = fmt.Fprintf(w, `[{"type":"directory","path":"/c"},{"type":"document","path":"/c/opencode.json","info":{"x":1}}%s]`, content)
		case "/api/session/active":
			_, _ = fmt.Fprintf(w, `{"data":{%s}}`, active)
		}
	}))
	t.Cleanup(server.Close)
	write(t, opencode.ServiceFile(a.Getenv, a.Home), fmt.Sprintf(`{"url":%q,"pid":7,"password":"secret"}`, server.URL), 0o600)
}

func document(address string) string {
	return fmt.Sprintf(`,{"type":"document","info":{"providers":{"opencode-go":{"settings":{"baseURL":%q,"apiKey":"ocgo-x"}}}}}`, address)
}

func TestService(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	there := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(there.Close)
	tests := map[string]struct {
		content string
		turns   int
		want    []string // the beginning of the finding, and its end
	}{
		"started by nobody of ours": {"", 0, nil},
		"the user's own":            {`,{"type":"document","info":{"providers":{"opencode-go":{"settings":{"baseURL":"` + gone.URL + `","apiKey":"mine"}}}}}`, 0, nil},
		"elsewhere":                 {document("https://example.com/zen/go/v1"), 0, nil},
		"poisoned":                  {document(gone.URL + "/zen/go/v1"), 0, []string{"problem: OpenCode's background service (process 7) was started by something under `ocgo-key run` that has ended", "plain `opencode` hangs | "}},
		"poisoned, a turn":          {document(gone.URL), 1, []string{"problem: ", "; a turn is under way, which then continues with your own key and address | "}},
		"poisoned, turns":           {document(gone.URL), 2, []string{"problem: ", "; it restarts under 2 turns, which then continue with your own key and address | "}},
		"while the run lasts":       {document(there.URL), 0, []string{"note: OpenCode's background service (process 7) was started by something under `ocgo-key run`, and uses that run's gateway", "it ends with the run | "}},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			a := home(t, nil, second)
			service(t, a, tt.content, tt.turns)
			found := short(a.Service(t.Context()))
			if tt.want == nil {
				assert.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			assert.True(t, strings.HasPrefix(found[0], tt.want[0]), found[0])
			assert.Contains(t, found[0], tt.want[1])
			assert.Contains(t, found[0], "opencode service restart")
		})
	}
	assert.Empty(t, home(t, nil, second).Service(t.Context()), "no service was ever started")
	a := home(t, nil, second)
	write(t, opencode.ServiceFile(a.Getenv, a.Home), fmt.Sprintf(`{"url":%q,"pid":7,"password":"secret"}`, gone.URL), 0o600)
	assert.Empty(t, a.Service(t.Context()), "the service has ended")
}

func TestConfigAndPlugins(t *testing.T) {
	a := home(t, nil, second)
	path := write(t, filepath.Join(a.Home, "opencode.json"), `{"providers":{"opencode-go":{"models":{"kimi-k2.6":{"settings":{"baseURL":"https://example.com"}}}}}}`, 0o600)
	assert.Equal(t, []string{"problem: " + path + " sets baseURL for model kimi-k2.6 alone: plain `opencode` uses it and not the pool | edit " + path}, short(a.Config([]string{path, filepath.Join(a.Home, "none.json")})))
	a.Pooled = true
	assert.Equal(t, []string{"note: " + path + " sets baseURL for model kimi-k2.6 alone: the pool's is used in its place | edit " + path}, short(a.Config([]string{path})))

	assert.Empty(t, a.Plugins())
	log := opencode.LogFile(a.Getenv, a.Home)
	ours, other := write(t, filepath.Join(a.Home, opencode.PluginName), "x", 0o600), write(t, filepath.Join(a.Home, "other.js"), "x", 0o600)
	line := func(plugin string) string {
		return fmt.Sprintf("timestamp=T level=WARN run=a message=\"failed to load plugin\" target=%q ref=err_1 cause=\"sk-secret\"\n", plugin)
	}
	write(t, log, "timestamp=T level=INFO run=a message=\"cli starting\" args=\"[\\\"serve\\\",\\\"--service\\\"]\" role=cli\n"+line(ours)+line(other)+line(filepath.Join(a.Home, "gone.js")), 0o600)
	assert.Equal(t, []string{
		"note: OpenCode 2 could not load the plugin " + other + " | grep 'failed to load plugin' " + log,
	}, short(a.Plugins()))
}
