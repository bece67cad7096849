//go:build unix

package state_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A folder or pipe in place of state.json is renamed, like an invalid file. Opening a pipe does not
// block.
func TestNoFileInTheStatesPlace(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			f.add(t, "1", "Work")
			path := filepath.Join(f.dir, "state.json")
			require.NoError(t, os.Remove(path))
			require.NoError(t, put(path))
			assert.Equal(t, []string{"Work"}, f.labels(t))
			require.Len(t, f.warnings, 1)
			assert.Contains(t, f.warnings[0], "last good copy")
			_, err := os.Lstat(fmt.Sprintf("%s.bak.%d", path, now.Unix()))
			assert.NoError(t, err)
		})
	}
}
