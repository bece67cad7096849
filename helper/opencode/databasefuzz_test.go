package opencode

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
)

// FuzzCredentialRow reads and scrubs a database with one row of any content. Reported problems must
// not contain a key, and the database's files must not contain a removed key.
func FuzzCredentialRow(f *testing.F) {
	for _, value := range []string{keyValue("one"), `{"type":"oauth","access":"x"}`, `{"type":"key","key":"ocgo-moved"}`, `{"type":"key","key":"ocgo-placeholder"}`,
		`{"type":"key","key":"sk-x","metadata":{"a":1}}`, `{"type":"key"}`, `[]`, "", "{", `{"type":"key","key":"a\u0000b"}`} {
		f.Add("id1", GoProvider, "Default", value, 1, 2)
	}
	f.Add("", ZenProvider, strings.Repeat("x", maxName+1), keyValue("two"), -1, -1)
	f.Fuzz(func(t *testing.T, id, provider, label, value string, active, created int) {
		path := filepath.Join(t.TempDir(), DatabaseFile)
		db := openTest(t, path)
		require.NoError(t, db.Exec(credentialTable))
		insert(t, db, row{id, provider, label, value, active, created})
		c, err := ReadCredentials(t.Context(), path)
		require.NoError(t, err)
		require.LessOrEqual(t, len(c.Found), 1)
		for _, login := range c.Found {
			if key := login.Key.Reveal(); len(key) > 12 {
				assert.NotContains(t, login.Entry+login.Problem+login.Stays, key)
			}
		}
		gone, _, err := c.Scrub(t.Context(), path, func(keychain.Secret) bool { return true }, nil, nil)
		require.NoError(t, err)
		again, err := ReadCredentials(t.Context(), path)
		require.NoError(t, err)
		assert.Len(t, again.Found, len(c.Found)-gone)
	})
}
