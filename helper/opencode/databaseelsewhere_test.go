package opencode

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
)

// If a key is also in a conversation, the error names the conversation. The conversation stays
// unchanged, and the database is not rewritten. After the conversation is deleted, a scrub leaves
// no trace.
func TestScrubKeyInConversation(t *testing.T) {
	path := filepath.Join(folder(t), "opencode.db")
	db := fullDatabase(t, path)
	require.NoError(t, db.Exec("CREATE TABLE session_message (id text, session_id text, parent_id text, data blob); CREATE TABLE `odd \"name\x1b` (a text) ;"+
		"INSERT INTO session_message VALUES ('msg_1', 'ses_1', 'ses_0', CAST('cat auth.json: "+fakeKey("new")+".' AS blob)), ('msg_2', 'ses_2', '', 'other')"))
	filler := func() {
		require.NoError(t, db.Exec("CREATE TABLE filler (a text); INSERT INTO filler VALUES (hex(zeroblob(40000))); DROP TABLE filler"))
	}
	filler()
	free := func() (pages int) {
		require.NoError(t, rows(db, "PRAGMA freelist_count", func(s *sqlite3.Stmt) { pages = s.ColumnInt(0) }))
		return pages
	}
	secret, err := keychain.ParseKey(fakeKey("new"))
	require.NoError(t, err)
	known := []keychain.Secret{secret}
	message := func() (text string) {
		require.NoError(t, rows(db, "SELECT group_concat(id || session_id || data) FROM session_message", func(s *sqlite3.Stmt) { text = s.ColumnText(0) }))
		return text
	}
	before := message()
	require.Contains(t, before, fakeKey("new"))
	for _, gone := range []int{1, 0} {
		unused := free()
		require.Positive(t, unused)
		n, done, err := readDatabase(t, path).Scrub(t.Context(), path, secret.Equal, known, nil)
		var elsewhere *ElsewhereError
		require.ErrorAs(t, err, &elsewhere)
		require.NotErrorIs(t, err, ErrTraces)
		assert.Equal(t, []string{"session_message"}, elsewhere.Tables)
		assert.Equal(t, []string{"ses_1"}, elsewhere.Sessions)
		assert.EqualError(t, err, path+": a key is also in the table session_message, in the conversation ses_1; it was not removed there")
		assert.Equal(t, gone, n)
		assert.True(t, done)
		assert.GreaterOrEqual(t, free(), unused, "the database must not be rewritten, which would not remove the key")
		assert.Equal(t, before, message())
	}

	// A key that is only in free pages is removed, too.
	require.NoError(t, db.Exec("DELETE FROM credential WHERE id = 'cred_2'"))
	zen, err := keychain.ParseKey(fakeKey("zen"))
	require.NoError(t, err)
	_, _, err = readDatabase(t, path).Scrub(t.Context(), path, secret.Equal, append(known, zen), nil)
	require.ErrorAs(t, err, new(*ElsewhereError))
	assertNoTrace(t, path, "zen")
	assert.Equal(t, before, message())
	require.Zero(t, free())

	require.NoError(t, db.Exec("DELETE FROM session_message WHERE id = 'msg_1'"))
	content, err := os.ReadFile(path + "-wal")
	require.NoError(t, err)
	require.NotEmpty(t, content)
	_, done, err := readDatabase(t, path).Scrub(t.Context(), path, secret.Equal, known, nil)
	require.NoError(t, err)
	assert.True(t, done)
	assertNoTrace(t, path, "new")
}

// Names with control characters are not shown.
func TestElsewhereErrorNames(t *testing.T) {
	path := filepath.Join(folder(t), "opencode.db")
	db := fullDatabase(t, path)
	require.NoError(t, db.Exec("CREATE TABLE `odd \"name\x1b` (a text, b integer); INSERT INTO `odd \"name\x1b` VALUES ('x"+fakeKey("new")+"', 1), ('ses_\x1b', 2);"+
		"CREATE TABLE event (id text, aggregate_id text, data text); INSERT INTO event VALUES ('evt_1', 'ses_2', '"+fakeKey("new")+"'), ('evt_2', 'ses_1', '"+fakeKey("new")+"');"+
		"PRAGMA writable_schema=ON; INSERT INTO sqlite_schema VALUES ('table', 'index', 'index', 0, 'CREATE VIRTUAL TABLE \"index\" USING unheard_of(a)')"))
	_, _, err := readDatabase(t, path).Scrub(t.Context(), path, func(key keychain.Secret) bool { return key.Reveal() == fakeKey("new") }, nil, nil)
	assert.EqualError(t, err, path+": a key is also in the tables with an unusual name, event, in the conversations ses_1, ses_2; it was not removed there")
}

// A login that stays and has the same key does not count as a conversation.
func TestScrubKeyInAnotherLogin(t *testing.T) {
	path := filepath.Join(folder(t), "opencode.db")
	db := fullDatabase(t, path)
	insert(t, db, row{"cred_9", "anthropic", "Same", keyValue("new"), 1, 9})
	gone, _, err := readDatabase(t, path).Scrub(t.Context(), path, func(key keychain.Secret) bool { return key.Reveal() == fakeKey("new") }, nil, nil)
	var elsewhere *ElsewhereError
	require.ErrorAs(t, err, &elsewhere)
	assert.True(t, elsewhere.LoginsOnly())
	assert.Empty(t, elsewhere.Sessions)
	assert.Equal(t, 1, gone)
	assert.Contains(t, dump(t, path), "cred_9 1")
	assert.False(t, (&ElsewhereError{Tables: []string{"credential", "event"}}).LoginsOnly())
}
