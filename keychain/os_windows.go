package keychain

import (
	"context"
	"errors"
	"syscall"

	"github.com/zalando/go-keyring"
)

func system() platform { return platform{classify: classify} }

// classify reads the error codes of Credential Manager's CredRead, CredWrite
// and CredDelete.
func classify(_ context.Context, err error) error {
	var code syscall.Errno
	if errors.As(err, &code) {
		return windowsError(uint32(code))
	}
	return nil
}

// systemKeyring is go-keyring as it is.
type systemKeyring struct{}

func systemBackend() backend { return systemKeyring{} }

func (systemKeyring) Get(service, user string) (string, error) { return keyring.Get(service, user) }
func (systemKeyring) Set(service, user, pw string) error       { return keyring.Set(service, user, pw) }
func (systemKeyring) Delete(service, user string) error        { return keyring.Delete(service, user) }
