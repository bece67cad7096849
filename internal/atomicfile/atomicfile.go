// Package atomicfile replaces a file as a whole: a reader sees the old content
// or the new one, never a part of it, also when the writer is killed half-way.
//
// It knows nothing of what it writes, takes no locks (two writers at once: the
// last rename wins) and creates no folders.
package atomicfile

import (
	"fmt"
	"os"
	"path/filepath"
)

// Write puts data at path with the permission bits perm, whatever the umask.
//
// The data goes to a temporary file ".NAME.*.tmp" in the same folder, readable
// by its owner alone from its first moment, which is then renamed over path. A
// symbolic link at path is replaced, not followed. With sync the data and (on
// Unix) the folder entry are on the disk before Write returns; without it they
// survive a killed process but perhaps not a power cut.
//
// On an error before the rename the old content stands and the temporary file
// is gone. Only a failed sync of the folder is reported after the rename.
func Write(path string, data []byte, perm os.FileMode, sync bool) error {
	return write(path, data, perm, sync, replace)
}

// Renew is Write without sync for a file that can be done without for a moment: one that is killed at the
// wrong instant leaves none. For that it is several times as fast where a rename over a file starts to write
// the new one to the disk, as on ext4 (its option auto_da_alloc).
func Renew(path string, data []byte, perm os.FileMode) error {
	return write(path, data, perm, false, func(from, to string) error {
		_ = os.Remove(to) // what stands in the way of that stands in the way of the rename
		return replace(from, to)
	})
}

func write(path string, data []byte, perm os.FileMode, sync bool, replace func(from, to string) error) (err error) {
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
	renamed := false
	defer func() {
		if !renamed {
			// Both may fail after an earlier error; that earlier one is the news.
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err := tmp.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if perm = perm.Perm(); perm != 0o600 {
		if err := tmp.Chmod(perm); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	if sync {
		if err := tmp.Sync(); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	if err := tmp.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := replace(tmp.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	renamed = true
	if sync {
		if err := syncDir(dir); err != nil {
			return fmt.Errorf("write %s: sync its folder: %w", path, err)
		}
	}
	return nil
}
