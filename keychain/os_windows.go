package keychain

import (
	"context"
	"errors"
	"syscall"

	"github.com/zalando/go-keyring"
)

// classify returns the error for an error code of Credential Manager's CredRead, CredWrite and
// CredDelete, or nil.
func classify(_ context.Context, err error) error {
	if code, ok := errors.AsType[syscall.Errno](err); ok {
		return windowsError(uint32(code))
	}
	return nil
}

func systemGet(service, user string) (string, error) { return keyring.Get(service, user) }
