package importer

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
)

// The import asks OpenCode's service to delete logins only if the database is the service's own,
// whatever path leads to it. In a copy of the database, the logins have the same ids. This process
// has the database open in place of the service.
func TestScrubThroughServiceOfThisDatabase(t *testing.T) {
	live := newDatabase(t)
	content, err := os.ReadFile(live)
	require.NoError(t, err)
	db, err := sqlite3.Open(live)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	require.NoError(t, db.Exec("SELECT * FROM credential"))
	var deleted []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			deleted = append(deleted, r.URL.Path)
		}
	}))
	defer server.Close()
	all := func(keychain.Secret) bool { return true }
	scrub := func(path string, pid int) {
		t.Helper()
		service := filepath.Join(t.TempDir(), "service.json")
		require.NoError(t, os.WriteFile(service, fmt.Appendf(nil, `{"url":%q,"pid":%d,"password":"p"}`, server.URL, pid), 0o600))
		d, err := readDatabase(t.Context(), path)
		require.NoError(t, err)
		require.Len(t, d.Found, 1)
		done, err := d.Scrub(t.Context(), all, nil, service)
		require.NoError(t, err)
		assert.True(t, done)
		d, err = readDatabase(t.Context(), path)
		require.NoError(t, err)
		assert.Empty(t, d.Found)
	}

	for _, pid := range []int{os.Getpid(), 0} {
		other := filepath.Join(t.TempDir(), "copy.db")
		require.NoError(t, os.WriteFile(other, content, 0o600))
		scrub(other, pid)
		assert.Empty(t, deleted, "the service must not delete logins of a copy")
	}
	d, err := readDatabase(t.Context(), live)
	require.NoError(t, err)
	assert.Len(t, d.Found, 1)

	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(live, link))
	scrub(link, os.Getpid())
	assert.Equal(t, []string{"/api/credential/cred_1"}, deleted)
}
