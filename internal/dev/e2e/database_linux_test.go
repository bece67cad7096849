package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	known "ocgo-key/helper/opencode"
)

// shared is the background service of a real OpenCode 2, which all its clients share.
type shared struct {
	*world
	program string
}

// newShared configures a free port for the service, and stops the service at the end of the test.
func newShared(t *testing.T) *shared {
	t.Helper()
	s := &shared{newWorld(t), realSecond(t)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	config := filepath.Join(s.home, ".config", "opencode")
	require.NoError(t, os.MkdirAll(config, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(config, "service.json"), fmt.Appendf(nil, `{"port":%d}`, port), 0o600))
	t.Cleanup(s.stop)
	return s
}

func (s *shared) start() {
	s.t.Helper()
	s.command(s.program, "service", "start").run().ok()
}

func (s *shared) stop() { s.command(s.program, "service", "stop").run() }

func (s *shared) service() *known.Service {
	s.t.Helper()
	service, err := known.ReadService(known.ServiceFile(func(string) string { return "" }, s.home))
	require.NoError(s.t, err)
	return service
}

// ask sends a request to the service's API.
func (s *shared) ask(method, path, body string) (int, string) {
	s.t.Helper()
	service := s.service()
	req, err := http.NewRequestWithContext(s.t.Context(), method, service.URL+path, strings.NewReader(body))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth("opencode", service.Password)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return resp.StatusCode, string(text)
}

// store stores a key in OpenCode's database, as OpenCode's own dialog does. It retries, since a
// service that has just started has not loaded its providers yet.
func (s *shared) store(provider, label, key string) {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"key": key, "label": label})
	require.NoError(s.t, err)
	require.Eventually(s.t, func() bool {
		status, _ := s.ask(http.MethodPost, "/api/integration/"+provider+"/connect/key", string(body))
		return status == http.StatusNoContent
	}, patience, pause)
}

// count returns how often the key occurs in the files of the database.
func (s *shared) count(key string) int {
	s.t.Helper()
	n := 0
	found, err := filepath.Glob(filepath.Join(s.home, ".local", "share", "opencode", "opencode.db*"))
	require.NoError(s.t, err)
	require.NotEmpty(s.t, found)
	for _, path := range found {
		text, err := os.ReadFile(path)
		require.NoError(s.t, err)
		n += bytes.Count(text, []byte(key))
	}
	return n
}

// connections returns the labels of a provider's credentials, from the service.
func (s *shared) connections(provider string) (labels []string) {
	s.t.Helper()
	status, text := s.ask(http.MethodGet, "/api/integration/"+provider, "")
	require.Equal(s.t, http.StatusOK, status, text)
	var answer struct {
		Data struct{ Connections []struct{ Label string } }
	}
	require.NoError(s.t, json.Unmarshal([]byte(text), &answer))
	for _, c := range answer.Data.Connections {
		labels = append(labels, c.Label)
	}
	return labels
}

// Keys in the database of a real OpenCode 2 are moved into the keychain with their labels, the
// active key first. With --scrub no trace of them is left in the database, its free pages or its
// log, even while the service runs. Everything else stays.
func TestImportDatabase(t *testing.T) {
	t.Parallel()
	for name, running := range map[string]bool{"service running": true, "service stopped": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShared(t)
			s.start()
			work, personal, spare := s.marker.Key("Work"), s.marker.Key("Personal"), s.marker.Key("Spare")
			s.store("opencode-go", "Mine", work)
			s.store("opencode-go", "Newest", personal)
			s.store("opencode", "Zen", spare)
			s.store("anthropic", "Other", "not-a-key-of-ours")
			if !running {
				s.stop()
			}
			s.command("ocgo-key", "import").run().ok()
			assert.Positive(t, s.count(work))
			var pool struct{ Accounts []struct{ Label string } }
			require.NoError(t, json.Unmarshal(s.command("ocgo-key", "list", "--json").run().ok().stdout.Bytes(), &pool))
			require.Len(t, pool.Accounts, 3)
			assert.Equal(t, "Newest Zen Mine", pool.Accounts[0].Label+" "+pool.Accounts[1].Label+" "+pool.Accounts[2].Label)

			out := s.command("ocgo-key", "import", "--scrub", "--json").run().ok().stdout.String()
			assert.Contains(t, out, "opencode.db")
			for _, key := range []string{work, personal, spare} {
				assert.Zero(t, s.count(key))
			}
			assert.Positive(t, s.count("not-a-key-of-ours"))
			if !running {
				s.start()
			}
			assert.Eventually(t, func() bool { // until the service has loaded its providers
				status, _ := s.ask(http.MethodGet, "/api/integration/anthropic", "")
				return status == http.StatusOK
			}, patience, pause)
			assert.Empty(t, s.connections("opencode-go"))
			assert.Empty(t, s.connections("opencode"))
			assert.Equal(t, []string{"Other"}, s.connections("anthropic"))

			again := s.command("ocgo-key", "import", "--scrub").run()
			again.ok()
			assert.Contains(t, again.stderr.String(), "no key was found")
		})
	}
}

// The traces that OpenCode's own logout leaves in the file are removed too.
func TestImportAfterLogout(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	s.start()
	s.store("opencode-go", "Mine", s.marker.Key("Work"))
	s.command("ocgo-key", "import").run().ok()
	s.command(s.program, "auth", "logout", "opencode-go", "Mine").run().ok()
	require.Positive(t, s.count(s.marker.Key("Work")), "OpenCode overwrites what it deletes by now")
	deadline := time.Now().Add(patience)
	c := s.command("ocgo-key", "import", "--scrub").run()
	for c.code() != 0 && time.Now().Before(deadline) { // it fails while the service reads the database
		c = s.command("ocgo-key", "import", "--scrub").run()
	}
	c.ok()
	assert.Contains(t, c.stderr.String(), "cleared the remains of keys in ")
	assert.Zero(t, s.count(s.marker.Key("Work")))
}

// Keys are removed from a copy of the database, and the database itself keeps its logins. The copy
// is named by --from, or by an OPENCODE_DB that the running service does not use.
func TestImportCopyOfDatabase(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	s.start()
	key := s.marker.Key("Work")
	s.store("opencode-go", "Mine", key)
	clone := func(name string) string {
		t.Helper()
		path := filepath.Join(s.home, name)
		db, err := sqlite3.Open(filepath.Join(s.home, ".local", "share", "opencode", "opencode.db"))
		require.NoError(t, err)
		defer func() { _ = db.Close() }()
		require.NoError(t, db.Exec("VACUUM INTO '"+path+"'"))
		return path
	}
	copied := clone("copied.db")
	s.command("ocgo-key", "import", "--from", copied, "--scrub").run().ok()
	named := clone("named.db")
	s.with("OPENCODE_DB="+named).command("ocgo-key", "import", "--scrub").run().ok()
	for _, path := range []string{copied, named} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.NotContains(t, string(text), key)
	}
	assert.Equal(t, []string{"Mine"}, s.connections("opencode-go"))
	assert.Positive(t, s.count(key))

	s.stop()
	s.command("ocgo-key", "import", "--scrub").run().ok()
	assert.Zero(t, s.count(key))
}

// If a conversation contains a key, each import names the conversation and leaves the key there.
// After OpenCode has deleted the conversation, the same command removes all traces of the key.
func TestImportKeyInConversation(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	s.start()
	key := s.marker.Key("Work")
	s.store("opencode-go", "Mine", key)
	s.command("ocgo-key", "import").run().ok()
	status, text := s.ask(http.MethodPost, "/api/session", `{}`)
	require.Equal(t, http.StatusOK, status, text)
	var session struct{ Data struct{ ID string } }
	require.NoError(t, json.Unmarshal([]byte(text), &session))
	id := session.Data.ID
	status, text = s.ask(http.MethodPost, "/api/session/"+id+"/prompt", `{"text":"my key is `+key+`"}`)
	require.Equal(t, http.StatusOK, status, text)
	status, text = s.ask(http.MethodPost, "/api/session/"+id+"/interrupt", "") // or the next start of the service would continue the turn
	require.Equal(t, http.StatusOK, status, text)
	s.stop()
	for range 2 {
		c := s.command("ocgo-key", "import", "--scrub").run()
		assert.Equal(t, 1, c.code())
		assert.Contains(t, c.stderr.String(), "in the conversation "+id+";")
		assert.Contains(t, c.stderr.String(), "opencode session delete "+id)
		assert.Positive(t, s.count(key))
	}
	s.start()
	s.command(s.program, "session", "delete", id).run().ok()
	s.stop()
	s.command("ocgo-key", "import", "--scrub").run().ok()
	assert.Zero(t, s.count(key))
}
