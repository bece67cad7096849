package keychain

import (
	"context"
	"errors"
	"os/exec"
)

// Backend is what NewFake takes in place of go-keyring.
type Backend = backend

// NewFake is the OS store over b, as on a system without errors of its own.
func NewFake(b Backend, thorough bool) Store {
	return newOSStore(b, platform{thorough: thorough})
}

// NewFakeSystem is the OS store over b as on this system, without its preflight.
func NewFakeSystem(b Backend) Store {
	p := system()
	p.preflight = nil
	return newOSStore(b, p)
}

// Finding is what a table makes of a code.
type Finding struct {
	Kind      Kind
	Msg, Hint string
}

func (f *failure) export() Finding { return Finding{f.kind, f.msg, f.hint} }

// The tables.
func SecurityExit(code int) Finding    { return securityExit(code).export() }
func WindowsError(code uint32) Finding { return windowsError(code).export() }
func DBusError(name string) Finding    { return dbusError(name).export() }

// HelperSays is what is made of a docker credential helper's text, when it fails.
func HelperSays(text string) Finding {
	return (&helper{program: "docker-credential-x"}).explain(text, &exec.ExitError{}, Secret{}).export()
}

// Explain is what the OS store of this system makes of the library's error.
func Explain(ctx context.Context, err error, secret Secret) Finding {
	f, _ := errors.AsType[*failure](newOSStore(nil, system()).explain(ctx, err, secret))
	return f.export()
}
