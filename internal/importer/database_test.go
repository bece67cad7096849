package importer

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/opencode"
	"ocgo-key/keychain"
)

const key = "sk-00000000000000000000"

func newDatabase(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), opencode.DatabaseFile)
	db, err := sqlite3.Open(path)
	require.NoError(t, err)
	require.NoError(t, db.Exec("PRAGMA journal_mode=WAL; CREATE TABLE credential (id text, integration_id text, label text, value text);"+
		`INSERT INTO credential VALUES ('cred_1', 'opencode-go', 'Mine', '{"type":"key","key":"`+key+`"}')`))
	require.NoError(t, db.Close())
	return path
}

// If a symbolic link leads to the database, the database is changed at its real path. A service
// that has ended is ignored.
func TestDatabase(t *testing.T) {
	path := newDatabase(t)
	link := filepath.Join(t.TempDir(), "opencode.db")
	require.NoError(t, os.Symlink(path, link))
	service := filepath.Join(t.TempDir(), "service.json")
	require.NoError(t, os.WriteFile(service, []byte(`{"url":"http://127.0.0.1:1","password":"p"}`), 0o600))

	d, err := readDatabase(t.Context(), link)
	require.NoError(t, err)
	require.Len(t, d.Found, 1)
	assert.Equal(t, "Mine", d.Found[0].Label)
	assert.Contains(t, d.Files(), path+"-wal")
	all := func(keychain.Secret) bool { return true }
	done, err := d.Scrub(t.Context(), all, nil, service)
	require.NoError(t, err)
	assert.True(t, done)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(content), key)
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink)

	d, err = readDatabase(t.Context(), link)
	require.NoError(t, err)
	assert.Empty(t, d.Found)
	done, err = d.Scrub(t.Context(), all, nil, service)
	require.NoError(t, err)
	assert.False(t, done)
}

func TestIsDatabase(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "auth.json")
	require.NoError(t, os.WriteFile(text, []byte("{}"), 0o600))
	assert.True(t, isDatabase(newDatabase(t)))
	assert.False(t, isDatabase(text))
	assert.False(t, isDatabase(dir))
	assert.False(t, isDatabase(filepath.Join(dir, "none")))
}

func TestPlaces(t *testing.T) {
	home := t.TempDir()
	var names []string
	for _, path := range places(func(string) string { return "" }, home) {
		names = append(names, filepath.Base(path))
	}
	assert.Equal(t, []string{"opencode-go-accounts.json", "opencode-go-accounts.json", "opencode.db", "auth.json"}, names)
	for _, path := range places(func(name string) string { return map[string]string{"OPENCODE_DB": ":memory:"}[name] }, home) {
		assert.NotEqual(t, ".db", filepath.Ext(path), fmt.Sprint(path))
	}
}
