package keychain

import (
	"context"
	"errors"
	"syscall"
)

func system() platform { return platform{classify: classify} }

// classify reads the error codes of Credential Manager's CredRead, CredWrite
// and CredDelete.
func classify(_ context.Context, err error) (finding, bool) {
	var code syscall.Errno
	if errors.As(err, &code) {
		return windowsError(uint32(code)), true
	}
	return finding{}, false
}

// quickGet has nothing to save here: keyring.Get asks one thing.
func quickGet(service, user string) (value string, ok bool) { return "", false }
