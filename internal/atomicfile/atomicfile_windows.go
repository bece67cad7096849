package atomicfile

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// replace renames a file over an existing one. While a virus scanner, an indexer or a reader has
// the target open, Windows refuses, so replace tries again.
func replace(from, to string) error {
	return retry(busy, time.Sleep, func() error { return os.Rename(from, to) })
}

// open opens a file for reading so that other processes can delete or replace it meanwhile.
// os.OpenFile does not allow that.
func open(path string, flag int, perm os.FileMode) (*os.File, error) {
	if flag != os.O_RDONLY {
		return os.OpenFile(path, flag, perm)
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	handle, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE,
		nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_BACKUP_SEMANTICS, 0) // also for a folder
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// busy reports whether another process has the file open, or is replacing it.
func busy(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) ||
		errors.Is(err, windows.ERROR_ACCESS_DENIED) ||
		errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}

// syncDir does nothing: Windows cannot sync a folder.
func syncDir(string) error { return nil }
