package keychain

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"

	"github.com/zalando/go-keyring"
)

func system() platform { return platform{classify: classify} }

// classify reads the exit codes of /usr/bin/security, which go-keyring runs.
func classify(_ context.Context, err error) error {
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		return securityExit(exit.ExitCode())
	case errors.As(err, &exit):
		return &failure{msg: "security was ended by a signal", hint: "try again"}
	case errors.Is(err, fs.ErrNotExist):
		return &failure{kind: NoKeychain, msg: "/usr/bin/security is missing", hint: "it is part of macOS; repair the installation"}
	}
	return nil
}

// systemKeyring is go-keyring as it is.
type systemKeyring struct{}

func systemBackend() backend { return systemKeyring{} }

func (systemKeyring) Get(service, user string) (string, error) { return keyring.Get(service, user) }
func (systemKeyring) Set(service, user, pw string) error       { return keyring.Set(service, user, pw) }
func (systemKeyring) Delete(service, user string) error        { return keyring.Delete(service, user) }
