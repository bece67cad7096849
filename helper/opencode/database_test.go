package opencode

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
)

// credentialTable creates the table as OpenCode 2.0.15 does.
const credentialTable = "CREATE TABLE `credential` (`id` text PRIMARY KEY, `integration_id` text, `label` text NOT NULL, `value` text NOT NULL, " +
	"`connector_id` text, `method_id` text, `active` integer, `time_created` integer NOT NULL, `time_updated` integer NOT NULL)"

// openTest opens a database in the mode that OpenCode uses.
func openTest(t *testing.T, path string) *sqlite3.Conn {
	t.Helper()
	db, err := sqlite3.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	require.NoError(t, db.Exec("PRAGMA journal_mode=WAL; PRAGMA secure_delete=OFF"))
	return db
}

// fakeKey returns a key for this name, so that the source code contains no text that looks like a
// key.
func fakeKey(name string) string { return "sk-" + strings.Repeat("0", 20) + name }

func keyValue(name string) string { return fmt.Sprintf(`{"type":"key","key":%q}`, fakeKey(name)) }

type row struct {
	id, provider, label, value string
	active, created            int
}

func insert(t *testing.T, db *sqlite3.Conn, rows ...row) {
	t.Helper()
	for _, r := range rows {
		s, _, err := db.Prepare("INSERT INTO credential VALUES (?, ?, ?, ?, NULL, NULL, ?, ?, 0)")
		require.NoError(t, err)
		require.NoError(t, s.BindText(1, r.id))
		require.NoError(t, s.BindText(2, r.provider))
		require.NoError(t, s.BindText(3, r.label))
		require.NoError(t, s.BindText(4, r.value))
		require.NoError(t, s.BindInt(5, r.active))
		require.NoError(t, s.BindInt(6, r.created))
		require.NoError(t, s.Exec())
		require.NoError(t, s.Close())
	}
}

// fullDatabase creates a database with credentials of all kinds, and another table.
func fullDatabase(t *testing.T, path string) *sqlite3.Conn {
	t.Helper()
	db := openTest(t, path)
	require.NoError(t, db.Exec(credentialTable+"; CREATE TABLE session_v2 (id text PRIMARY KEY, title text); INSERT INTO session_v2 VALUES ('ses_1', 'Hello')"))
	insert(t, db,
		row{"cred_1", GoProvider, "Old", keyValue("old"), 0, 1},
		row{"cred_2", ZenProvider, "Zen", keyValue("zen"), 1, 2},
		row{"cred_3", GoProvider, "New", keyValue("new"), 1, 3},
		row{"cred_4", "anthropic", "Other", keyValue("other"), 1, 4},
		row{"cred_5", GoProvider, "Panel", `{"type":"oauth","access":"ocgo-placeholder","refresh":"","expires":0}`, 0, 5},
		row{"cred_6", GoProvider, "More", `{"type":"key","key":"` + fakeKey("more") + `","metadata":{"a":"b"}}`, 0, 6},
		row{"cred_7", GoProvider, "Empty", `{"type":"key","key":""}`, 0, 7},
		row{"cred_8", GoProvider, "Odd", `{`, 0, 8},
	)
	return db
}

func readDatabase(t *testing.T, path string) *Credentials {
	t.Helper()
	c, err := ReadCredentials(t.Context(), path)
	require.NoError(t, err)
	return c
}

func TestReadCredentials(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "opencode #1?.db")
	db := fullDatabase(t, path)
	check := func() {
		t.Helper()
		c := readDatabase(t, path)
		var found []string
		for _, l := range c.Found {
			found = append(found, l.Entry+": "+l.Label+"/"+strings.TrimLeft(l.Key.Reveal(), "sk-0")+"/"+l.Problem+"/"+l.Stays)
		}
		assert.Equal(t, []string{"opencode-go 1: New/new//", "opencode 1: Zen/zen//", "opencode-go 2: Old/old//",
			"opencode-go 3: More/more//the entry contains more than a key (metadata)", "opencode-go 4: //not a usable key: it is empty/"}, found)
		assert.Equal(t, -1, c.Last)
	}
	check() // while OpenCode has the database open, with everything in the write-ahead log
	require.NoError(t, db.Close())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	check()
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "reading must leave no files beside the database")
}

// A log left by a killed OpenCode is read as well.
func TestReadCredentialsAfterKill(t *testing.T) {
	dir, other := folder(t), folder(t)
	fullDatabase(t, filepath.Join(dir, "opencode.db"))
	for _, name := range []string{"opencode.db", "opencode.db-wal"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(other, name), content, 0o600))
	}
	assert.Len(t, readDatabase(t, filepath.Join(other, "opencode.db")).Found, 5)
}

func TestReadCredentialsOfAnotherShape(t *testing.T) {
	dir := folder(t)
	_, err := ReadCredentials(t.Context(), filepath.Join(dir, "none.db"))
	assert.ErrorIs(t, err, os.ErrNotExist)

	first := filepath.Join(dir, "first.db")
	require.NoError(t, openTest(t, first).Exec("CREATE TABLE session (id text)"))
	assert.Empty(t, readDatabase(t, first).Found)

	small := filepath.Join(dir, "small.db")
	require.NoError(t, openTest(t, small).Exec("CREATE TABLE credential (id, integration_id, label, value); INSERT INTO credential VALUES (1, 'opencode-go', 'A', '"+keyValue("a")+"')"))
	assert.Len(t, readDatabase(t, small).Found, 1)

	good := filepath.Join(dir, "good.db")
	require.NoError(t, fullDatabase(t, good).Close())
	content, err := os.ReadFile(good)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		content string
		why     string
	}{
		"no database":        {"no database at all, and longer than the head of one would be, which is one hundred bytes if it is there at all", "the file is not an SQLite database"},
		"cut off":            {string(content[:len(content)/2]), "the database is damaged"},
		"nonsense in it":     {string(content[:100]) + strings.Repeat("\xff", len(content)-100), "the database is damaged"},
		"head and no tables": {string(content[:100]), "the database is damaged"},
	} {
		path := put(t, dir, name+".db", tt.content)
		_, err := ReadCredentials(t.Context(), path)
		require.ErrorIs(t, err, ErrDatabase, name)
		assert.EqualError(t, err, path+": no logins can be read: "+tt.why, name)
	}

	unknown := filepath.Join(dir, "unknown.db")
	require.NoError(t, openTest(t, unknown).Exec("CREATE TABLE credential (id text, provider text, secret text)"))
	_, err = ReadCredentials(t.Context(), unknown)
	assert.EqualError(t, err, unknown+`: no logins can be read: the table of logins has an unknown form: the column "integration_id" is missing`)
}

// Waiting for a locked database has a time limit.
func TestReadCredentialsLocked(t *testing.T) {
	path := filepath.Join(folder(t), "opencode.db")
	db := fullDatabase(t, path)
	require.NoError(t, db.Exec("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE session_v2 SET title = 'x'"))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := ReadCredentials(ctx, path)
	require.ErrorIs(t, err, ErrDatabase)
	assert.ErrorContains(t, err, "another process has locked the database")
}

func all(keychain.Secret) bool { return true }

// dump returns the contents of the database as text.
func dump(t *testing.T, path string) []string {
	t.Helper()
	db, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READONLY)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	var found []string
	require.NoError(t, rows(db, "SELECT id || ' ' || coalesce(active, '-') FROM credential ORDER BY id", func(s *sqlite3.Stmt) { found = append(found, s.ColumnText(0)) }))
	require.NoError(t, rows(db, "SELECT id || ' ' || title FROM session_v2", func(s *sqlite3.Stmt) { found = append(found, s.ColumnText(0)) }))
	return found
}

func assertNoTrace(t *testing.T, path string, names ...string) {
	t.Helper()
	for _, file := range DatabaseFiles(path) {
		content, err := os.ReadFile(file)
		if !os.IsNotExist(err) {
			require.NoError(t, err)
		}
		for _, name := range names {
			assert.NotContains(t, string(content), fakeKey(name), filepath.Base(file))
		}
	}
}

func TestScrubCredentials(t *testing.T) {
	path := filepath.Join(folder(t), "opencode.db")
	db := fullDatabase(t, path)
	// OpenCode deletes rows without overwriting them, so their keys stay in the file.
	insert(t, db, row{"cred_9", GoProvider, "Twice", keyValue("new"), 0, 9}, row{"cred_a", GoProvider, "Filler", strings.Repeat("x", 3000), 0, 9})
	require.NoError(t, db.Exec("DELETE FROM credential WHERE id IN ('cred_9', 'cred_a')"))
	require.NoError(t, db.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Greater(t, strings.Count(string(content), fakeKey("new")), 1, "the test needs a trace of a deleted key in the file")

	c := readDatabase(t, path)
	gone, _, err := c.Scrub(t.Context(), path, func(key keychain.Secret) bool { return key.Reveal() != fakeKey("old") }, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, 2, gone)
	assertNoTrace(t, path, "new", "zen")
	assert.Equal(t, []string{"cred_1 0", "cred_4 1", "cred_5 0", "cred_6 0", "cred_7 0", "cred_8 1", "ses_1 Hello"}, dump(t, path))
	content, err = os.ReadFile(path)
	require.NoError(t, err)
	for _, name := range []string{"old", "other", "more"} {
		assert.Contains(t, string(content), fakeKey(name))
	}

	gone, _, err = c.Scrub(t.Context(), path, func(key keychain.Secret) bool { return key.Reveal() != fakeKey("old") }, nil, nil)
	require.NoError(t, err)
	assert.Zero(t, gone, "a row that no longer exists is not counted")
}

// Scrub empties the write-ahead log even if another process has the database open. While that
// process reads, Scrub reports that the key is left.
func TestScrubCredentialsInUse(t *testing.T) {
	path := filepath.Join(folder(t), "opencode.db")
	db := fullDatabase(t, path)
	c := readDatabase(t, path)
	require.NoError(t, db.Exec("BEGIN; SELECT * FROM credential"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	gone, _, err := c.Scrub(ctx, path, func(key keychain.Secret) bool { return key.Reveal() == fakeKey("old") }, nil, nil)
	require.ErrorIs(t, err, ErrTraces)
	assert.Equal(t, 1, gone)
	require.NoError(t, db.Exec("ROLLBACK"))

	gone, _, err = c.Scrub(t.Context(), path, all, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, 2, gone)
	assertNoTrace(t, path, "new", "zen")
}

// A logout leaves traces of its key. If the key is known, Scrub finds and removes the traces. A key
// that is in use stays.
func TestScrubTraces(t *testing.T) {
	path := filepath.Join(folder(t), "opencode.db")
	db := fullDatabase(t, path)
	require.NoError(t, db.Exec("DELETE FROM credential WHERE id = 'cred_3'"))
	secret := func(name string) keychain.Secret {
		key, err := keychain.ParseKey(fakeKey(name))
		require.NoError(t, err)
		return key
	}
	known := []keychain.Secret{secret("new"), secret("old"), secret("elsewhere")}
	before := dump(t, path)
	none := func(keychain.Secret) bool { return false }
	gone, done, err := readDatabase(t, path).Scrub(t.Context(), path, none, known, nil)
	require.NoError(t, err)
	assert.Zero(t, gone)
	assert.True(t, done)
	assertNoTrace(t, path, "new")
	assert.Equal(t, before, dump(t, path))
	_, done, err = readDatabase(t, path).Scrub(t.Context(), path, none, known, nil)
	require.NoError(t, err)
	assert.False(t, done)
}

// Nothing is removed if the key in a row has changed since it was read.
func TestScrubCredentialsChanged(t *testing.T) {
	path := filepath.Join(folder(t), "opencode.db")
	db := fullDatabase(t, path)
	c := readDatabase(t, path)
	require.NoError(t, db.Exec("UPDATE credential SET value = '"+keyValue("next")+"' WHERE id = 'cred_3'"))
	before := dump(t, path)
	_, _, err := c.Scrub(t.Context(), path, all, nil, nil)
	require.ErrorIs(t, err, ErrRowsChanged)
	assert.Equal(t, before, dump(t, path))
	assert.Equal(t, "Old", readDatabase(t, path).Found[2].Label)
}

// A running service removes the rows. Scrub itself deletes the rows that the service has not
// deleted, and those that a killed scrub has left.
func TestScrubCredentialsThroughService(t *testing.T) {
	path := filepath.Join(folder(t), "opencode.db")
	db := fullDatabase(t, path)
	insert(t, db, row{"cred_9", GoProvider, "Killed", movedValue, 0, 9})
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		asked = append(asked, r.Method+" "+r.URL.Path+" "+user+":"+password)
		if len(asked) == 2 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	c := readDatabase(t, path)
	gone, _, err := c.Scrub(t.Context(), path, all, nil, &Service{Server2: Server2{URL: server.URL, Password: "secret"}})
	require.NoError(t, err)
	assert.Equal(t, 3, gone)
	assert.Equal(t, []string{"DELETE /api/credential/cred_3 opencode:secret", "DELETE /api/credential/cred_2 opencode:secret"}, asked)
	assert.Equal(t, []string{"cred_4 1", "cred_5 0", "cred_6 0", "cred_7 0", "cred_8 1", "ses_1 Hello"}, dump(t, path))
	assertNoTrace(t, path, "new", "zen", "old")
}

func TestDatabasePath(t *testing.T) {
	home := filepath.Join(string(filepath.Separator), "home", "u")
	data := filepath.Join(home, ".local", "share", "opencode")
	other := filepath.Join(home, "other")
	for _, tt := range []struct{ db, xdg, want string }{
		{"", "", filepath.Join(data, "opencode.db")},
		{"", other, filepath.Join(other, "opencode", "opencode.db")},
		{"mine.db", "", filepath.Join(data, "mine.db")},
		{filepath.Join(other, "x.db"), "", filepath.Join(other, "x.db")},
		{":memory:", "", ""},
	} {
		env := map[string]string{"OPENCODE_DB": tt.db, "XDG_DATA_HOME": tt.xdg}
		if filepath.IsAbs(other) {
			assert.Equal(t, tt.want, DatabasePath(func(name string) string { return env[name] }, home))
		}
	}
}

func TestCreatedBySecond(t *testing.T) {
	dir := folder(t)
	for name, tt := range map[string]struct {
		tables  string
		created bool
	}{
		"first":  {"CREATE TABLE session (id text)", false},
		"both":   {"CREATE TABLE session (id text); CREATE TABLE session_v2 (id text)", false},
		"second": {"CREATE TABLE session_v2 (id text)", true},
	} {
		path := filepath.Join(dir, name+".db")
		require.NoError(t, openTest(t, path).Exec(tt.tables))
		created, err := CreatedBySecond(t.Context(), path)
		require.NoError(t, err)
		assert.Equal(t, tt.created, created, name)
	}
}
