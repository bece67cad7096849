package opencode

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunFolder(t *testing.T) {
	for goos, shim := range map[string]string{"linux": "opencode", "windows": "opencode.cmd"} {
		temp := t.TempDir()
		f, err := NewRunFolder(temp, goos, "/bin/ocgo-key", "/opt/opencode")
		require.NoError(t, err)
		content, err := os.ReadFile(filepath.Join(f.Bin, shim))
		require.NoError(t, err)
		_, ours := Ours(content)
		assert.True(t, ours, "ocgo-key must recognize its shim, and not take it for OpenCode")
		for _, part := range []string{"/bin/ocgo-key", "/opt/opencode", " run -- "} {
			assert.Contains(t, string(content), part)
		}
		assert.FileExists(t, filepath.Join(f.Plugin, "index.js"))
		if runtime.GOOS != "windows" {
			info, err := os.Stat(f.dir)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
		}
		f.Remove()
		left, err := os.ReadDir(temp)
		require.NoError(t, err)
		assert.Empty(t, left)
	}
}

// The next run removes what killed runs have left, and nothing else.
func TestDeadRunFolders(t *testing.T) {
	temp, later := t.TempDir(), time.Now().Add(2*newTime)
	folder := func() RunFolder {
		f, err := NewRunFolder(temp, "linux", "/bin/ocgo-key", "/opt/opencode")
		require.NoError(t, err)
		return f
	}
	killed, live, unlocked := folder(), folder(), folder()
	require.NoError(t, killed.lock.Close()) // as the system does when it ends a process
	require.NoError(t, unlocked.lock.Close())
	require.NoError(t, os.Remove(filepath.Join(unlocked.dir, runLockName)))
	elsewhere := t.TempDir()
	kept := []string{filepath.Base(live.dir), filepath.Base(unlocked.dir), "another", runPrefix + "file"}
	require.NoError(t, os.Mkdir(filepath.Join(temp, "another"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, runLockName), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(temp, runPrefix+"file"), nil, 0o600))
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Symlink(elsewhere, filepath.Join(temp, runPrefix+"link")))
		open := folder() // another user may have put something there
		require.NoError(t, open.lock.Close())
		require.NoError(t, os.Chmod(open.dir, 0o777))
		kept = append(kept, runPrefix+"link", filepath.Base(open.dir))
	}
	assert.Empty(t, DeadRunFolders(temp, time.Now()), "a new folder may be one that a run is still creating")
	assert.Equal(t, []string{killed.dir}, DeadRunFolders(temp, later))
	next := folder()
	next.Sweep(later)
	next.Remove()
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	var names []string
	for _, entry := range left {
		names = append(names, entry.Name())
	}
	assert.ElementsMatch(t, kept, names)
	assert.FileExists(t, filepath.Join(elsewhere, runLockName))
	assert.Empty(t, DeadRunFolders(filepath.Join(temp, "none"), later))
	live.Remove()
}

func TestRunFolderWithoutOpenCode(t *testing.T) {
	f, err := NewRunFolder(t.TempDir(), "linux", "/bin/ocgo-key", "")
	require.NoError(t, err)
	assert.Empty(t, f.Bin, "`command -v opencode` does not find what is not there")
	assert.Equal(t, "/usr/bin", f.BeforePath("/usr/bin"))
	RunFolder{}.Remove()
}

func TestWithoutRuns(t *testing.T) {
	temp := t.TempDir()
	outer, err := NewRunFolder(temp, "linux", "/bin/ocgo-key", "/opt/opencode")
	require.NoError(t, err)
	inner, err := NewRunFolder(temp, "linux", "/bin/ocgo-key", "/opt/opencode")
	require.NoError(t, err)
	users := strings.Join([]string{"/usr/bin", "", "/bin"}, string(os.PathListSeparator))
	assert.Equal(t, users, WithoutRuns(inner.BeforePath(outer.BeforePath(users))))
	assert.Equal(t, users, WithoutRuns(users))
}

func TestAddPlugin(t *testing.T) {
	for content, want := range map[string]string{
		"":                                     `{"plugins":["/run/plugin"]}`,
		"{\"model\":\"a/b\"} // of the user\n": `{"model":"a/b","plugins":["/run/plugin"]}`,
		`{"plugins":["/own",{"x":{env:Y}}]}`:   `{"plugins":["/own",{"x":{env:Y}},"/run/plugin"]}`,
	} {
		got, err := AddPlugin(content, "/run/plugin")
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, content := range []string{`{"plugins":"one"}`, `[`, `{"plugins":{}}`} {
		_, err := AddPlugin(content, "/run/plugin")
		assert.ErrorIs(t, err, ErrConfig, content)
	}
}

func TestServeURL(t *testing.T) {
	for line, want := range map[string]string{
		`{"url":"http://127.0.0.1:4096"}`:        "http://127.0.0.1:4096",
		`{"url":"http://127.0.0.1:4096/","x":1}`: "http://127.0.0.1:4096",
		`{"url":"http://192.0.2.1:4096"}`:        "",
		`{"url":"https://127.0.0.1:4096"}`:       "",
		`{"url":"http://127.0.0.1"}`:             "",
		`listening on http://127.0.0.1:4096`:     "",
		``:                                       "",
	} {
		assert.Equal(t, want, ServeURL([]byte(line)), line)
	}
}

// InterruptAll repeats its request while the server starts further turns, and fails on a server
// with another password.
func TestServer2InterruptAll(t *testing.T) {
	turns := []string{"ses_1", "ses_2"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "opencode" || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodGet && r.URL.Path == "/api/session/active" {
			data := map[string]any{}
			if len(turns) > 0 {
				data[turns[0]] = map[string]string{"type": "running"}
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
			return
		}
		if r.Method == http.MethodPost && len(turns) > 0 && r.URL.Path == "/api/session/"+turns[0]+"/interrupt" {
			turns = turns[1:]
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	require.Error(t, Server2{URL: server.URL, Password: "wrong"}.InterruptAll(t.Context()))
	require.NoError(t, Server2{URL: server.URL, Password: "secret"}.InterruptAll(t.Context()))
	assert.Empty(t, turns)
}
