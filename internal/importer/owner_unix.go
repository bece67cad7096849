//go:build unix

package importer

import (
	"errors"
	"os"
	"syscall"
)

// replaceable refuses what a new file in its place would not be: another user's (under sudo), or
// one with a second name that would go on holding the keys.
func replaceable(info os.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return nil
	case int(stat.Uid) != os.Geteuid():
		return errForeign
	case stat.Nlink > 1:
		return errors.New("has a second name (a hard link), which would keep the keys")
	}
	return nil
}

// ownedByUs refuses another user's file: what is made beside it while it is changed would be ours,
// and in that user's way.
func ownedByUs(info os.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return errForeign
	}
	return nil
}

var errForeign = errors.New("belongs to another user")
