//go:build unix

package cli

import (
	"errors"
	"os"
	"syscall"
)

// replaceable refuses what a new file in its place would not be: another user's (under sudo), or one with a second
// name that would go on holding the keys.
func replaceable(info os.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return nil
	case int(stat.Uid) != os.Geteuid():
		return errors.New("belongs to another user")
	case stat.Nlink > 1:
		return errors.New("has a second name (a hard link), which would keep the keys")
	}
	return nil
}
