//go:build unix

package importer

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/hint"
)

// An import does not wait for a named pipe that no program writes to.
func TestAPipeIsNotWaitedFor(t *testing.T) {
	for _, name := range []string{"keys", "opencode.db"} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, syscall.Mkfifo(path, 0o600))
		_, err := Named(context.Background(), path)
		require.ErrorIs(t, err, hint.ErrInput)
		assert.ErrorContains(t, err, path+" is not a regular file")
		next, _ := hint.Of(err)
		assert.Contains(t, next, "--from -")
	}
}
