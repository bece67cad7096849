//go:build unix

package importer

import (
	"errors"
	"os"
	"syscall"
)

// replaceable returns an error for a file that must not be replaced: another user's file (under
// sudo), or a file with a second hard link, because that link would keep the keys.
func replaceable(info os.FileInfo) error {
	err := ownedByUs(info)
	if stat, ok := info.Sys().(*syscall.Stat_t); err == nil && ok && stat.Nlink > 1 {
		err = errors.New("has a second name (a hard link), which would keep the keys")
	}
	return err
}

// ownedByUs returns an error for another user's file. Temporary files beside it would belong to us,
// and that user could not delete them.
func ownedByUs(info os.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return errForeign
	}
	return nil
}

var errForeign = errors.New("belongs to another user")
