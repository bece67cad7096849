package keychain

import (
	"context"
	"os/exec"
)

// Backend is what NewFake takes in place of go-keyring.
type Backend = backend

// NewFake is the OS store over b, as on a system without errors of its own.
func NewFake(b Backend, verifyDelete bool) Store {
	return newOSStore(b, platform{verifyDelete: verifyDelete})
}

// NewFakeSystem is the OS store over b as on this system, without its preflight.
func NewFakeSystem(b Backend) Store {
	p := system()
	p.preflight = nil
	return newOSStore(b, p)
}

// The tables of error codes.
var (
	SecurityExit = securityExit
	WindowsError = windowsError
	DBusError    = dbusError
)

// HelperError is the error for a docker credential helper that fails with output.
func HelperError(output string) *Error {
	return (&dockerHelper{program: "docker-credential-x"}).explain(output, &exec.ExitError{}, Secret{})
}

// Explain is the error of this system's OS store for an error of the library.
func Explain(ctx context.Context, err error, secret Secret) error {
	return newOSStore(nil, system()).explain(ctx, err, secret)
}
