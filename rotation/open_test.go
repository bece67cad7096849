package rotation_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
)

// A second Open returns the same accounts. A pool from Peek cannot be changed, and repairs nothing.
func TestOpenAndPeek(t *testing.T) {
	dir := t.TempDir()
	pool := rotation.Open(dir, func(message string) { t.Error(message) })
	s, err := rotation.PeekSettings(dir)
	require.NoError(t, err)
	assert.Equal(t, rotation.Settings{}, s)
	require.NoError(t, pool.Add(t.Context(), rotation.NewAccount{ID: "a", Label: "Work"}))
	require.NoError(t, pool.Moved(t.Context(), "file", "/id.txt"))

	for _, again := range []*rotation.Pool{rotation.Open(dir, func(message string) { t.Error(message) }), rotation.Peek(dir)} {
		o, err := again.Overview(t.Context())
		require.NoError(t, err)
		require.Len(t, o.Accounts, 1)
		assert.Equal(t, rotation.Settings{Store: "file", Identity: "/id.txt"}, o.Settings)
	}
	assert.Error(t, rotation.Peek(dir).Rename(t.Context(), "a", "Other"))

	path := filepath.Join(dir, "state.json")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	s, err = rotation.PeekSettings(dir)
	require.NoError(t, err)
	assert.Equal(t, "file", s.Store, "the last good copy")
	_, err = rotation.Peek(dir).Overview(t.Context())
	require.NoError(t, err)
	broken, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "{", string(broken))
	require.NoError(t, os.WriteFile(path+".last", []byte("{"), 0o600))
	s, err = rotation.PeekSettings(dir)
	require.NoError(t, err)
	assert.Equal(t, rotation.Settings{}, s)

	require.NoError(t, os.WriteFile(path, []byte(`{"version":99,"accounts":[]}`), 0o600))
	_, err = rotation.PeekSettings(dir)
	assert.ErrorIs(t, err, rotation.ErrNewer)
}

func TestMoveOfTheKeys(t *testing.T) {
	pool := rotation.InMemory()
	require.NoError(t, pool.Prepare(t.Context(), "p", "Pending"))
	require.NoError(t, pool.Add(t.Context(), rotation.NewAccount{ID: "a", Label: "Work"}))
	require.NoError(t, pool.PrepareReplace(t.Context(), "a"))
	owners, _, err := pool.KeyOwners(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []rotation.KeyOwner{{ID: "a", Label: "Work", Account: true}, {ID: "p", Label: "p"}}, owners)

	settings := func() rotation.Settings {
		o, err := pool.Overview(t.Context())
		require.NoError(t, err)
		return o.Settings
	}
	move := rotation.KeyMove{From: "os", To: "file"}
	require.NoError(t, pool.BeginMove(t.Context(), move))
	assert.Equal(t, rotation.Settings{Move: move}, settings())
	require.NoError(t, pool.Moved(t.Context(), "file", "/id"))
	assert.Equal(t, rotation.Settings{Store: "file", Identity: "/id", Move: move}, settings())
	require.NoError(t, pool.EndMove(t.Context()))
	assert.Equal(t, rotation.Settings{Store: "file", Identity: "/id"}, settings())
	h, err := pool.History()
	require.NoError(t, err)
	last := h.Events[len(h.Events)-1]
	assert.Equal(t, "configured: store file", last.Kind+": "+last.Reason)
}

// After an import, round-robin continues where the other program stopped, unless the pool has
// already handed out an account.
func TestContinueFrom(t *testing.T) {
	pool := rotation.InMemory()
	for _, id := range []string{"a", "b", "c"} {
		require.NoError(t, pool.Add(t.Context(), rotation.NewAccount{ID: id, Label: id}))
	}
	for _, id := range []string{"b", "c"} {
		require.NoError(t, pool.ContinueFrom(t.Context(), id))
		o, err := pool.Overview(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "c", o.Next)
	}
}
