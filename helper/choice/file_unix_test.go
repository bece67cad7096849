//go:build unix

package choice

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAFileThatOthersCanWrite(t *testing.T) {
	dir := real(t)
	path := filepath.Join(dir, FileName)
	put(t, path, "Work\n")
	require.NoError(t, os.Chmod(path, 0o666))
	_, err := Look(dir, "")
	assert.ErrorContains(t, err, "may be changed by every user")
	_, err = Write(dir, "Personal")
	assert.ErrorContains(t, err, "is not replaced")

	require.NoError(t, os.Rename(path, filepath.Join(dir, "target")))
	require.NoError(t, os.Chmod(filepath.Join(dir, "target"), 0o644))
	require.NoError(t, os.Symlink("target", path))
	_, err = Look(dir, "")
	assert.ErrorContains(t, err, "symbolic link")
	_, err = Write(dir, "Personal")
	assert.ErrorContains(t, err, "symbolic link")
}
