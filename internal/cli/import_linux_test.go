//go:build !check

package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/dev/keyleak"
	"ocgo-key/keychain/keychaintest"
)

// importHome is a user's home with keys in OpenCode's files, and the real keychain.
type importHome struct {
	t      *testing.T
	marker *keyleak.Marker
	env    []string
	folder string // the folder of the files
}

func newImportHome(t *testing.T) *importHome {
	t.Helper()
	daemon, err := keychainIn(keychaintest.Unlocked)
	require.NoError(t, err)
	home := t.TempDir()
	// Doctor runs `opencode --version` each time, and a real OpenCode takes a second or more.
	bin := filepath.Join(home, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(bin, "opencode"), []byte("#!/bin/sh\necho 1.18.33\n"), 0o700))
	h := &importHome{t: t, marker: keyleak.New(), folder: filepath.Join(home, "data", "opencode")}
	h.env = append(append(os.Environ(), daemon.Env()...), "HOME="+home, "XDG_DATA_HOME="+filepath.Join(home, "data"),
		"XDG_CONFIG_HOME="+filepath.Join(home, "config"), "OCGO_KEY_STATE_DIR="+filepath.Join(home, "state"), "OPENCODE_API_KEY=",
		"PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	require.NoError(t, os.MkdirAll(h.folder, 0o700))
	return h
}

func (h *importHome) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(h.t.Context(), name, args...)
	cmd.Env = h.env
	return cmd
}

// labels returns the labels of the accounts, in the order of `list`.
func (h *importHome) labels() []string {
	out, err := h.command("ocgo-key", "list", "--json").Output()
	require.NoError(h.t, err)
	var pool struct{ Accounts []struct{ Label string } }
	require.NoError(h.t, json.Unmarshal(out, &pool))
	labels := make([]string, len(pool.Accounts))
	for i, a := range pool.Accounts {
		labels[i] = a.Label
	}
	return labels
}

// secrets returns all entries of ocgo-key in the keychain.
func (h *importHome) secrets() []byte {
	out, err := h.command("secret-tool", "search", "--all", "--unlock", "service", "ocgo-key").Output()
	if len(out) > 0 { // the search fails if there is no entry
		require.NoError(h.t, err)
	}
	return out
}

// Whenever an import is killed, each key is in the keychain or still in its file. After enough
// further imports, each key is in the pool once, and in no file.
func TestImportSurvivesKill(t *testing.T) {
	h := newImportHome(t)
	const accounts = 6
	auth := filepath.Join(h.folder, "auth.json")
	list := filepath.Join(h.folder, "opencode-go-accounts.json")
	var keys []string
	var elements []string
	for i := range accounts {
		keys = append(keys, h.marker.Key(fmt.Sprint("kill", i)))
		elements = append(elements, fmt.Sprintf("{\n      %q: %q, %q: \"Label %d\", \"enabled\": %t}", "apiKey", keys[i], "label", i, i != 1))
	}
	last := h.marker.Key("auth")
	keys = append(keys, last)
	require.NoError(t, os.WriteFile(list, []byte("{\"accounts\": ["+strings.Join(elements, ", ")+"], \"rotationIndex\": 2}\n"), 0o640))
	require.NoError(t, os.WriteFile(auth, fmt.Appendf(nil, "{\n  \"a\": 1,\n  \"opencode-go\": {\"type\": \"api\", \"key\": %q}\n}\n", last), 0o600))

	nowhereLost := func() {
		t.Helper()
		plain, secrets := bytes.Buffer{}, h.secrets()
		for _, path := range []string{auth, list} {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, json.Valid(text), "a file was written only in part")
			plain.Write(text)
		}
		for i, key := range keys {
			kept := bytes.Contains(secrets, []byte("secret = "+key+"\n")) || bytes.Contains(plain.Bytes(), []byte(`"`+key+`"`))
			require.True(t, kept, "key %d is lost", i)
		}
	}
	killed, between := 0, 0
	const attempts = 60
	for attempt := 0; ; attempt++ {
		require.Less(t, attempt, attempts, "no end")
		cmd := h.command("ocgo-key", "import", "--scrub", "--no-verify")
		stderr, err := cmd.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewReader(stderr)
		if attempt%3 != 0 {
			// Kill each import only after its first change, so that it leaves less to do.
			for line := ""; err == nil && !strings.HasPrefix(line, "ocgo-key: imported ") && !strings.HasPrefix(line, "ocgo-key: removed "); {
				line, err = lines.ReadString('\n')
			}
		}
		kill := time.AfterFunc(time.Duration(rand.Int64N(int64(min(attempt+1, 20))*int64(2*time.Millisecond))), func() { _ = cmd.Process.Kill() })
		rest, _ := io.ReadAll(lines)
		err = cmd.Wait()
		kill.Stop()
		nowhereLost()
		if err == nil || nothingLeft(auth, list) {
			break
		}
		exit := new(exec.ExitError)
		require.ErrorAs(t, err, &exit)
		require.Equal(t, -1, exit.ExitCode(), "%s", rest) // the signal has ended it
		killed++
		if n := len(h.labels()); n > 0 && n < len(keys) {
			between++
		}
	}
	// The loop ends at an import that finds no key: a killed import may have imported everything.
	out, err := h.command("ocgo-key", "import", "--scrub", "--no-verify").CombinedOutput()
	require.NoError(t, err)
	require.Contains(t, string(out), "no key was found")

	t.Logf("%d kills, %d of them between two keys", killed, between)
	assert.Positive(t, killed)
	assert.Positive(t, between, "no kill came between two keys")
	assert.Equal(t, []string{"Label 0", "Label 1", "Label 2", "Label 3", "Label 4", "Label 5", "opencode-go"}, h.labels())
	secrets := h.secrets()
	for i, key := range keys {
		assert.Contains(t, string(secrets), "secret = "+key+"\n", "key %d", i)
	}
	text, err := os.ReadFile(auth)
	require.NoError(t, err)
	assert.Equal(t, "{\n  \"a\": 1\n}\n", string(text))
	text, err = os.ReadFile(list)
	require.NoError(t, err)
	assert.Equal(t, "{\"accounts\": [], \"rotationIndex\": 2}\n", string(text))
	for path, mode := range map[string]os.FileMode{auth: 0o600, list: 0o640} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), path)
	}
	leaks, err := h.marker.Files(filepath.Dir(filepath.Dir(h.folder)))
	require.NoError(t, err)
	assert.Empty(t, leaks)
	out, err = h.command("ocgo-key", "list", "--json").Output()
	require.NoError(t, err)
	var pool struct {
		Next     string
		Accounts []struct {
			Label   string
			Enabled bool
		}
	}
	require.NoError(t, json.Unmarshal(out, &pool))
	assert.Equal(t, "Label 3", pool.Next, "the next account is the one after the last used")
	for _, a := range pool.Accounts {
		assert.Equal(t, a.Label != "Label 1", a.Enabled, a.Label)
	}
}

// nothingLeft reports whether the files contain no key.
func nothingLeft(auth, list string) bool {
	a, errA := os.ReadFile(auth)
	l, errL := os.ReadFile(list)
	return errA == nil && errL == nil && !bytes.Contains(a, []byte("opencode-go")) && !bytes.Contains(l, []byte("apiKey"))
}

// A key in the environment is imported. The import cannot remove it from the environment, so a hint
// tells the user how.
func TestImportFromEnvironment(t *testing.T) {
	h := newImportHome(t)
	key := h.marker.Key("environment")
	h.env = append(h.env, "OPENCODE_API_KEY="+key)
	out, err := h.command("ocgo-key", "import", "--no-verify", "--scrub").CombinedOutput()
	require.NoError(t, err)
	assert.Contains(t, string(out), "imported Account 1 from OPENCODE_API_KEY\n")
	assert.Contains(t, string(out), "OPENCODE_API_KEY still holds a key, in this environment\nhint: `unset OPENCODE_API_KEY`")
	assert.Empty(t, h.marker.Text("output", out))
	assert.Contains(t, string(h.secrets()), "secret = "+key+"\n")
	out, err = h.command("ocgo-key", "import").CombinedOutput()
	require.NoError(t, err)
	assert.Contains(t, string(out), "ocgo-key: OPENCODE_API_KEY is already there, as Account 1\n")
	out, err = h.command("ocgo-key", "import", "--json").Output()
	require.NoError(t, err)
	assert.JSONEq(t, `{"imported":[],"skipped":[{"label":"Account 1","reason":"already there, as Account 1","source":"OPENCODE_API_KEY"}],"scrubbed":[]}`, string(out))
}

// Imports that run at the same time add each key once. All of them succeed, even if another import
// adds the label or the key first. The service does not answer until each import has sent a
// request.
func TestImportsAtOnce(t *testing.T) {
	h := newImportHome(t)
	const imports, keys = 4, 3
	var asked atomic.Int32
	all := make(chan struct{})
	service := h.slowService(func() {
		if asked.Add(1) == imports {
			close(all)
		}
		select {
		case <-all:
		case <-t.Context().Done():
		}
	})
	commands := make([]*exec.Cmd, imports)
	outputs := make([]bytes.Buffer, imports)
	for i := range commands {
		var list strings.Builder // the same keys, with other labels or none
		for k := range keys {
			label := fmt.Sprintf("Label %d=", (i+k)%keys)
			if i%2 == 1 {
				label = ""
			}
			list.WriteString(label + h.marker.Key(fmt.Sprint("once", k)) + "\n")
		}
		list.WriteString("Shared=" + h.marker.Key(fmt.Sprint("own", i)) + "\n") // one label for different keys
		cmd := h.command("ocgo-key", "import", "--from", "-", "--base-url", service)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(list.String()), &outputs[i], &outputs[i]
		require.NoError(t, cmd.Start())
		commands[i] = cmd
	}
	there := 0
	for i, cmd := range commands {
		assert.NoError(t, cmd.Wait(), outputs[i].String())
		assert.Empty(t, h.marker.Text("output", outputs[i].Bytes()))
		there += strings.Count(outputs[i].String(), " is already there, as ")
	}
	assert.Equal(t, (imports-1)*keys, there)
	assert.Len(t, h.labels(), keys+imports)
	secrets := string(h.secrets())
	for k := range keys {
		assert.Equal(t, 1, strings.Count(secrets, "secret = "+h.marker.Key(fmt.Sprint("once", k))+"\n"), "key %d", k)
	}
	for i := range imports {
		assert.Equal(t, 1, strings.Count(secrets, "secret = "+h.marker.Key(fmt.Sprint("own", i))+"\n"), "own key %d", i)
	}
}

// If a file changes after the import has read it, no key is removed from it, so that the change is
// not lost.
func TestImportLeavesChangedFile(t *testing.T) {
	h := newImportHome(t)
	path := filepath.Join(h.folder, "auth.json")
	login := fmt.Sprintf("{\"opencode-go\": {\"type\": \"api\", \"key\": %q}}\n", h.marker.Key("changed"))
	require.NoError(t, os.WriteFile(path, []byte(login), 0o600))
	cmd := h.command("ocgo-key", "import", "--scrub", "--base-url", h.slowService(func() {
		assert.NoError(t, os.WriteFile(path, []byte(strings.Replace(login, "{", "{\"new\": 1, ", 1)), 0o600))
	}))
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "auth.json was changed meanwhile; nothing was removed from it\nhint: the keys are in the keychain; run the same command again\n")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, strings.Replace(login, "{", "{\"new\": 1, ", 1), string(text))
	assert.Empty(t, h.marker.Text("output", out))
	require.NoError(t, h.command("ocgo-key", "import", "--scrub", "--no-verify").Run())
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "{\"new\": 1}\n", string(text))
}

// It is not an error if another import has removed the keys from the file in the meantime.
func TestImportLeavesClearedFile(t *testing.T) {
	h := newImportHome(t)
	path := filepath.Join(h.folder, "auth.json")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "{\"opencode-go\": {\"type\": \"api\", \"key\": %q}}\n", h.marker.Key("cleared")), 0o600))
	out, err := h.command("ocgo-key", "import", "--scrub", "--base-url", h.slowService(func() {
		assert.NoError(t, os.WriteFile(path, []byte("{}\n"), 0o600))
	})).CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, []string{"opencode-go"}, h.labels())
}

// slowService starts a service that calls the function meanwhile, and then answers a usage request.
func (h *importHome) slowService(meanwhile func()) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		meanwhile()
		_, _ = io.WriteString(w, `{"usage":{}}`)
	}))
	h.t.Cleanup(server.Close)
	return server.URL + "/zen/go/v1"
}
