//go:build !linux

package process

import (
	"errors"
	"os"
)

// LockHolders is not available on this system: it always returns nil.
func LockHolders(string) []Info { return nil }

// HasOpen is not available on this system: it always returns an error.
func HasOpen(int, os.FileInfo) (bool, error) {
	return false, errors.New("this system does not say which files a process has open")
}
