package atomicfile

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// replace renames a file over an existing one. While a virus scanner, an indexer or a reader has
// the target open, Windows refuses, so replace tries up to 20 times, for half a second in all.
func replace(from, to string) error {
	const tries = 20
	var err error
	for range tries {
		if err = os.Rename(from, to); err == nil || !busy(err) {
			return err
		}
		time.Sleep(25 * time.Millisecond)
	}
	return err
}

func busy(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) ||
		errors.Is(err, windows.ERROR_ACCESS_DENIED) ||
		errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}

// syncDir does nothing: Windows cannot sync a folder.
func syncDir(string) error { return nil }
