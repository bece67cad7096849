// Package atomicfile replaces a file atomically: a reader sees the old content or the new content,
// never a part of it, even if the writer is killed.
//
// It takes no locks and creates no folders. If two processes write at the same time, the last
// rename wins.
package atomicfile

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Write writes data to path with the permission bits perm, regardless of the umask.
//
// The data goes to a temporary file ".NAME.*.tmp" in the same folder, created with mode 0600, which
// is then renamed to path. A symbolic link at path is replaced, not followed. With sync, the data
// and (on Unix) the folder entry are on the disk before Write returns. Without sync, a power cut
// may lose them, but a killed process does not.
//
// After an error the old content is unchanged and the temporary file is removed. The exception is a
// failed sync of the folder, since it comes after the rename.
func Write(path string, data []byte, perm os.FileMode, sync bool) error {
	return write(path, data, perm, sync, replace)
}

// Renew is like Write, without sync, for a file that may be missing. It removes the old file first,
// so a process that is killed at the wrong moment leaves no file. Renew is several times as fast on
// file systems such as ext4 (option auto_da_alloc), where a rename over an existing file starts
// writing to the disk.
func Renew(path string, data []byte, perm os.FileMode) error {
	return write(path, data, perm, false, func(from, to string) error {
		_ = os.Remove(to) // if this fails, the rename reports why
		return replace(from, to)
	})
}

// Open is os.OpenFile for a file that Write replaces. On Windows it tries again while another
// process is replacing the file, and a file that is open for reading can be replaced.
func Open(path string, flag int, perm os.FileMode) (file *os.File, err error) {
	err = retry(busy, time.Sleep, func() error {
		file, err = open(path, flag, perm)
		return err
	})
	return file, err
}

// retry calls the function do up to 20 times, for half a second in total, as long as its error says
// that the file is busy.
func retry(busy func(error) bool, sleep func(time.Duration), do func() error) error {
	err := do()
	for range 19 {
		if err == nil || !busy(err) {
			break
		}
		sleep(25 * time.Millisecond)
		err = do()
	}
	return err
}

func write(path string, data []byte, perm os.FileMode, sync bool, replace func(from, to string) error) error {
	dir, name := filepath.Split(path)
	if name == "" {
		return fmt.Errorf("write %q: not the name of a file", path)
	}
	if dir == "" {
		dir = "."
	}
	tmp, err := os.CreateTemp(dir, "."+name+".*.tmp")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = tmp.Write(data)
	if perm = perm.Perm(); err == nil && perm != 0o600 {
		err = tmp.Chmod(perm)
	}
	if err == nil && sync {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = replace(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	if sync {
		if err := syncDir(dir); err != nil {
			return fmt.Errorf("write %s: sync its folder: %w", path, err)
		}
	}
	return nil
}
