package state_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation/state"
)

// With WriteBehind, once Wait has returned, the history has all changes in order, and the copy
// equals the state. No change of another File is lost.
func TestWriteBehind(t *testing.T) {
	dir := t.TempDir()
	f := state.OpenFile(dir, time.Now, func(message string) { t.Error(message) })
	other := state.OpenFile(dir, time.Now, func(message string) { t.Error(message) })
	f.WriteBehind()
	const changes = 50
	note := func(on *state.File, kind string) {
		require.NoError(t, on.Update(context.Background(), func(s *state.State) error {
			s.Settings.Ahead++ // a change that also renews the copy
			s.Note(state.Event{Time: time.Now(), Kind: kind})
			return nil
		}))
	}
	for i := range changes {
		note(f, fmt.Sprint("ours ", i))
		note(other, fmt.Sprint("theirs ", i))
	}
	note(f, "end")
	f.Wait()
	events, broken, err := f.ReadEvents()
	require.NoError(t, err)
	assert.Zero(t, broken)
	require.Len(t, events, 2*changes+1)
	for i := range changes {
		assert.Equal(t, fmt.Sprint("ours ", i), events[2*i].Kind)
		assert.Equal(t, fmt.Sprint("theirs ", i), events[2*i+1].Kind)
	}
	state, err := os.ReadFile(filepath.Join(dir, "state.json"))
	require.NoError(t, err)
	last, err := os.ReadFile(filepath.Join(dir, "state.json.last"))
	require.NoError(t, err)
	assert.Equal(t, string(state), string(last))
}
