package keychain

import (
	"context"
	"os/exec"
)

// Backend replaces go-keyring in NewFake.
type Backend = backend

// NewFake returns the OS store with backend b, without the code for a particular system.
func NewFake(b Backend, verifyDelete bool) Store {
	return newOSStore(b, platform{verifyDelete: verifyDelete})
}

// NewFakeSystem returns the OS store with backend b for this system, without its preflight.
func NewFakeSystem(b Backend) Store {
	p := system()
	p.preflight = nil
	return newOSStore(b, p)
}

// The tables of error codes.
var (
	SecurityExit     = securityExit
	SecurityStatuses = securityStatuses
	WindowsError     = windowsError
	DBusError        = dbusError
)

// DumpedUsers returns the account names that `security dump-keychain` printed for a service.
var DumpedUsers = dumpedUsers

// HelperError returns the error for a docker credential helper that fails with this output.
func HelperError(output string) *Error {
	return (&dockerHelper{program: "docker-credential-x"}).explain(output, &exec.ExitError{}, Secret{})
}

// Explain returns the error that this system's OS store returns when go-keyring returns err.
func Explain(ctx context.Context, err error, secret Secret) error {
	return newOSStore(nil, system()).explain(ctx, err, secret)
}
