package keychain

import (
	"context"
	"errors"
	"syscall"

	"github.com/zalando/go-keyring"
)

func system() platform { return platform{classify: classify} }

// classify returns the error for an error code of Credential Manager's CredRead, CredWrite and
// CredDelete, or nil.
func classify(_ context.Context, err error) error {
	if code, ok := errors.AsType[syscall.Errno](err); ok {
		return windowsError(uint32(code))
	}
	return nil
}

// systemKeyring is go-keyring, unchanged.
type systemKeyring struct{}

func systemBackend() backend { return systemKeyring{} }

func (systemKeyring) Get(service, user string) (string, error) { return keyring.Get(service, user) }
func (systemKeyring) Set(service, user, pw string) error       { return keyring.Set(service, user, pw) }
func (systemKeyring) Delete(service, user string) error        { return keyring.Delete(service, user) }
