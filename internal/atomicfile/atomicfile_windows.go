package atomicfile

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// replace renames over an existing file. A virus scanner, an indexer or a
// reader that has the target open makes Windows refuse for a moment, so these
// refusals are met with a few more tries: 20 of them, half a second in all.
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

// syncDir does nothing: Windows has no sync of a folder.
func syncDir(string) error { return nil }
