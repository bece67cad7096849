//go:build unix

package state_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/trust"
	"ocgo-key/rotation/state"
)

// use reads and changes the state, and returns both errors.
func (f *file) use() (read, changed error) {
	_, read = f.Read(context.Background())
	changed = f.Update(context.Background(), func(s *state.State) error {
		s.Note(state.Event{Time: now, Kind: "leased", Account: "$(touch pwned)"})
		return nil
	})
	return read, changed
}

// A state folder that another user owns or can write to is refused, and its files are neither read
// nor changed.
func TestAStateOfOthersIsRefused(t *testing.T) {
	for what, give := range map[string]func(path string) error{
		"world-writable": func(path string) error { return os.Chmod(path, 0o777) },
		"another user's": func(path string) error { return os.Chown(path, 54321, 54321) },
	} {
		t.Run(what, func(t *testing.T) {
			if what == "another user's" && os.Geteuid() != 0 {
				t.Fatal("only root can give a folder away: run this as root")
			}
			f := open(t)
			f.add(t, "1", "Work")
			require.NoError(t, give(f.dir))
			before, err := os.ReadDir(f.dir)
			require.NoError(t, err)
			read, changed := f.use()
			_, _, events := f.ReadEvents()
			for _, err := range []error{read, changed, events} {
				require.True(t, trust.Refused(err), "%v", err)
				assert.ErrorContains(t, err, f.dir)
			}
			after, err := os.ReadDir(f.dir)
			require.NoError(t, err)
			assert.Len(t, after, len(before))
		})
	}
}

// A state file that another user owns, or that is a symbolic link, is refused, and the error names
// the file.
func TestFilesOfOthersAreRefused(t *testing.T) {
	for what, plant := range map[string]func(path, elsewhere string) error{
		"link": func(path, elsewhere string) error { return os.Symlink(elsewhere, path) },
		"another user's": func(path, _ string) error {
			if os.Geteuid() != 0 {
				return os.ErrPermission
			}
			if err := os.WriteFile(path, []byte(`{"version":1,"accounts":[]}`+"\n"), 0o600); err != nil {
				return err
			}
			return os.Chown(path, 54321, 54321)
		},
	} {
		for _, name := range []string{"state.json", "state.lock", "events.jsonl"} {
			t.Run(what+"/"+name, func(t *testing.T) {
				f := open(t)
				f.add(t, "1", "Work")
				path, elsewhere := filepath.Join(f.dir, name), filepath.Join(t.TempDir(), "bashrc")
				require.NoError(t, os.WriteFile(elsewhere, []byte("# mine\n"), 0o600))
				require.NoError(t, os.Remove(path))
				require.NoError(t, plant(path, elsewhere))
				read, changed := f.use()
				var said string
				switch name {
				case "state.json":
					require.Error(t, read)
					said = read.Error()
				case "state.lock":
					require.Error(t, changed)
					said = changed.Error()
				default: // if the history cannot be written, the change succeeds with a warning
					require.NoError(t, changed)
					require.Len(t, f.warnings, 1)
					said = f.warnings[0]
				}
				assert.Contains(t, said, path)
				content, err := os.ReadFile(elsewhere)
				require.NoError(t, err)
				assert.Equal(t, "# mine\n", string(content))
			})
		}
	}
}

// A symbolic link to a folder of the user is accepted as the state folder: some users keep all
// their settings in one repository.
func TestALinkedFolderIsFine(t *testing.T) {
	f := open(t)
	f.add(t, "1", "Work")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(f.dir, link))
	linked := state.OpenFile(link, func() time.Time { return now }, func(s string) { t.Error(s) })
	s, err := linked.Read(context.Background())
	require.NoError(t, err)
	assert.Len(t, s.Accounts, 1)
	require.NoError(t, linked.Update(context.Background(), func(*state.State) error { return nil }))
}
