package rotation_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
)

func TestRepair(t *testing.T) {
	dir := t.TempDir()
	pool := rotation.Open(dir, func(string) {})
	require.NoError(t, pool.Add(t.Context(), rotation.NewAccount{ID: "0123456789abcdef", Label: "Work"}))
	done, err := rotation.Repair(t.Context(), dir)
	require.NoError(t, err)
	assert.Equal(t, "the state is readable", done)

	path := filepath.Join(dir, "state.json")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	done, err = rotation.Repair(t.Context(), dir)
	require.NoError(t, err)
	assert.Contains(t, done, "last good copy")
	o, err := rotation.Peek(dir).Overview(t.Context())
	require.NoError(t, err)
	require.Len(t, o.Accounts, 1)
	aside, err := filepath.Glob(path + ".bak.*")
	require.NoError(t, err)
	assert.Len(t, aside, 1, "the unreadable file is kept")
}
