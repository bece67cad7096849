package state_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Calls of `get` are recorded beside the state, which stays as it is.
func TestGetsAreNotedBesideTheState(t *testing.T) {
	f := open(t)
	first := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	assert.Zero(t, f.LastGet(7), "no folder yet")
	require.NoError(t, f.NoteGet(7, first))
	require.NoError(t, f.NoteGet(8, first.Add(time.Second)))
	require.NoError(t, f.NoteGet(7, first.Add(time.Minute)))
	assert.True(t, f.LastGet(7).Equal(first.Add(time.Minute)))
	assert.True(t, f.LastGet(8).Equal(first.Add(time.Second)))
	assert.Zero(t, f.LastGet(9))
	assert.NoFileExists(t, filepath.Join(f.dir, "state.json"))
	info, err := os.Stat(filepath.Join(f.dir, "gets", "7"))
	require.NoError(t, err)
	assert.Zero(t, info.Size())

	f.ForgetGets([]int{7, 9})
	assert.Zero(t, f.LastGet(7))
	assert.NotZero(t, f.LastGet(8))
}
