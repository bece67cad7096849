package state_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation/state"
)

// sparse creates a file of this size that uses no disk space.
func sparse(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(size))
	require.NoError(t, f.Close())
}

// A state.json that is far too large is not read into memory. It is renamed, like an invalid one.
func TestAHugeStateIsSetAside(t *testing.T) {
	f := open(t)
	f.add(t, "1", "Work")
	sparse(t, filepath.Join(f.dir, "state.json"), 1<<34)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := f.Peek()
	require.ErrorIs(t, err, state.ErrUnreadable)
	assert.Equal(t, []string{"Work"}, f.labels(t))
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
	require.Len(t, f.warnings, 1)
	assert.Contains(t, f.warnings[0], "state.json.bak.")
}

// Only the end of a history that is far too large is read, and the next change makes the file small
// again.
func TestAHugeHistoryIsReadFromItsEnd(t *testing.T) {
	f := open(t)
	path := filepath.Join(f.dir, "events.jsonl")
	require.NoError(t, os.Mkdir(f.dir, 0o700))
	sparse(t, path, 1<<34)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f.add(t, "1", "Work")
	events, _, err := f.ReadEvents()
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Len(t, events, 1)
	assert.Equal(t, "Work", events[0].Account)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(1<<20))
}

// Labels and events that are read from a file contain no control characters, so every command can
// print them on a terminal.
func TestLabelsAreSafeToShow(t *testing.T) {
	f := open(t)
	require.NoError(t, os.Mkdir(f.dir, 0o700))
	for name, content := range map[string]string{
		"state.json":   `{"version":1,"accounts":[{"id":"1","label":"A\u001b[31mB\u0007C\u202eD\u2066E\u200ef"}]}`,
		"events.jsonl": `{"time":"2026-03-02T12:00:00Z","event":"added","account":"A\u001bB","to":"C\u202eD","reason":"E\nF","command":"G\u0007H"}` + "\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(f.dir, name), []byte(content), 0o600))
	}
	assert.Equal(t, []string{"A [31mB C D E f"}, f.labels(t))
	events, _, err := f.ReadEvents()
	require.NoError(t, err)
	require.Len(t, events, 1)
	assert.Equal(t, "A B C D E F G H", events[0].Account+" "+events[0].To+" "+events[0].Reason+" "+events[0].Command)
}
