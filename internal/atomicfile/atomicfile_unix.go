//go:build unix

package atomicfile

import (
	"errors"
	"os"
	"syscall"
)

func replace(from, to string) error { return os.Rename(from, to) }

func open(path string, flag int, perm os.FileMode) (*os.File, error) {
	return os.OpenFile(path, flag, perm)
}

// busy returns false: on Unix a file can be replaced while it is open.
func busy(error) bool { return false }

// syncDir writes the rename to the disk. Some file systems (network ones, FUSE) cannot sync a
// folder and return EINVAL or ENOTSUP. syncDir ignores these errors, since the data itself is safe.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
