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

// busy reports whether another process has the file open, or is replacing it.
func busy(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) ||
		errors.Is(err, windows.ERROR_ACCESS_DENIED) ||
		errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}

// syncDir does nothing: Windows cannot sync a folder.
func syncDir(string) error { return nil }
