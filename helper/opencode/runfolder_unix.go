//go:build unix

package opencode

import (
	"io/fs"
	"os"
	"syscall"
)

// isOwn reports whether a folder is this user's and closed to all others.
func isOwn(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid() && info.Mode().Perm() == 0o700
}
