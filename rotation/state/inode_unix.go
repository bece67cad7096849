//go:build unix

package state

import (
	"io/fs"
	"syscall"
)

// inode returns the inode number. It differs between two versions of a file that have the same size
// and time, since each write creates a new file.
func inode(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}
