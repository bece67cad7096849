//go:build unix

package importer

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// owned is the FileInfo of a file, with a different owner.
type owned struct {
	fs.FileInfo
	uid uint32
}

func (o owned) Sys() any { return &syscall.Stat_t{Uid: o.uid, Nlink: 1} }

func TestOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, replaceable(info))
	require.NoError(t, ownedByUs(info))
	foreign := owned{info, uint32(os.Geteuid()) + 1}
	require.ErrorIs(t, replaceable(foreign), errForeign)
	require.ErrorIs(t, ownedByUs(foreign), errForeign)
	require.NoError(t, os.Link(path, path+"2"))
	info, err = os.Stat(path)
	require.NoError(t, err)
	assert.ErrorContains(t, replaceable(info), "has a second name")
	assert.NoError(t, ownedByUs(info), "a database with a second name is allowed, since it is changed in place")
}
