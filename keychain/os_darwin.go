package keychain

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"

	"github.com/zalando/go-keyring"
)

func system() platform { return platform{classify: classify} }

// classify returns the error for an exit code of /usr/bin/security, which go-keyring runs, or nil.
func classify(_ context.Context, err error) error {
	exit, ran := errors.AsType[*exec.ExitError](err)
	switch {
	case ran && exit.Exited():
		return securityExit(exit.ExitCode())
	case ran:
		return &Error{Err: errors.New("security was ended by a signal"), Hint: "try again"}
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Kind: NoKeychain, Err: errors.New("/usr/bin/security is missing"), Hint: "it is part of macOS; repair the installation"}
	}
	return nil
}

// systemKeyring is go-keyring, unchanged.
type systemKeyring struct{}

func systemBackend() backend { return systemKeyring{} }

func (systemKeyring) Get(service, user string) (string, error) { return keyring.Get(service, user) }
func (systemKeyring) Set(service, user, pw string) error       { return keyring.Set(service, user, pw) }
func (systemKeyring) Delete(service, user string) error        { return keyring.Delete(service, user) }
