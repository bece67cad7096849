package state_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation/state"
)

func content(t *testing.T, dir string) map[string]string {
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		files[e.Name()] = string(text)
	}
	return files
}

func TestPeekRepairsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		spoil    func(*testing.T, string)
		want     error
		accounts int // -1 if Peek returns no state
	}{
		"good":       {func(*testing.T, string) {}, nil, 1},
		"unreadable": {write("state.json", "{"), state.ErrUnreadable, 1},
		"gone":       {remove("state.json"), state.ErrMissing, 1},
		"both unreadable": {func(t *testing.T, dir string) {
			write("state.json", "{")(t, dir)
			write("state.json.last", "{")(t, dir)
		}, state.ErrUnreadable, -1},
		"newer": {write("state.json", `{"version":99,"accounts":[]}`), state.ErrNewer, -1},
		"newer copy": {func(t *testing.T, dir string) {
			remove("state.json")(t, dir)
			write("state.json.last", `{"version":99}`)(t, dir)
		}, state.ErrNewer, -1},
		"nothing yet": {func(t *testing.T, dir string) { remove("state.json")(t, dir); remove("state.json.last")(t, dir) }, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			f.add(t, "1", "Work")
			c.spoil(t, f.dir)
			before := content(t, f.dir)
			s, err := f.Peek()
			require.ErrorIs(t, err, c.want)
			if c.accounts < 0 {
				assert.Nil(t, s)
			} else {
				require.NotNil(t, s)
				assert.Len(t, s.Accounts, c.accounts)
			}
			assert.Equal(t, before, content(t, f.dir))
			assert.Empty(t, f.warnings)
		})
	}
	f := open(t)
	s, err := f.Peek()
	require.NoError(t, err)
	assert.Empty(t, s.Accounts)
	assert.NoDirExists(t, f.dir)
}

func write(name, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, name))) }
}

// Reading a file that is not regular might block forever.
func TestPeekReadsFilesAlone(t *testing.T) {
	f := open(t)
	f.add(t, "1", "Work")
	remove("state.json")(t, f.dir)
	require.NoError(t, os.Mkdir(filepath.Join(f.dir, "state.json"), 0o700))
	s, err := f.Peek()
	require.ErrorIs(t, err, state.ErrUnreadable)
	assert.ErrorContains(t, err, "not a regular file")
	require.NotNil(t, s)
	assert.Len(t, s.Accounts, 1, "the last good copy")
}

func TestLockHeld(t *testing.T) {
	f := open(t)
	short := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(t.Context(), 200*time.Millisecond)
	}
	ctx, cancel := short()
	defer cancel()
	held, err := f.LockHeld(ctx)
	require.NoError(t, err)
	assert.False(t, held)
	assert.NoDirExists(t, f.dir)

	f.add(t, "1", "Work")
	ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	held, err = f.LockHeld(ctx)
	require.NoError(t, err)
	assert.False(t, held)
	leave := errors.New("leave")
	require.ErrorIs(t, f.Update(t.Context(), func(*state.State) error {
		ctx, cancel := short()
		defer cancel()
		held, err := state.OpenFile(f.dir, time.Now, nil).LockHeld(ctx)
		assert.NoError(t, err)
		assert.True(t, held)
		return leave
	}), leave)
}
