package keychain

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
)

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

func systemGet(service, user string) (string, error) {
	return securityGet("/usr/bin/security", service, user)
}
