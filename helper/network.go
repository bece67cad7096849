package helper

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
)

// NetworkReason returns the reason why a request got no answer: one sentence without the names of
// Go's network calls, and without the URL, which may be that of a proxy with a password.
func NetworkReason(err error) string {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	via := ""
	op, isOp := errors.AsType[*net.OpError](err)
	if isOp && op.Op == "proxyconnect" {
		via = "the proxy: "
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		switch {
		case name.IsTimeout:
			return via + "the name server did not answer about " + name.Name
		case name.IsNotFound:
			return via + "no address is known for " + name.Name
		}
		return via + "the name server gave no address for " + name.Name
	}
	if text := certificateReason(err); text != "" {
		return via + text
	}
	timeout, ok := errors.AsType[net.Error](err)
	switch errno, isErrno := errors.AsType[syscall.Errno](err); {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), ok && timeout.Timeout():
		return via + "there was no answer in time"
	case isErrno && isOp && op.Addr != nil && op.Addr.String() != "":
		return via + errno.Error() + " at " + op.Addr.String()
	case isErrno:
		return via + errno.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return via + "the connection ended without an answer"
	case isOp && op.Err != nil:
		return via + op.Err.Error()
	}
	return err.Error()
}

// certificateReason returns what is wrong with a server's certificate; empty if nothing is.
func certificateReason(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "its certificate is signed by an authority that this machine does not know; a proxy may read along"
	}
	if host, ok := errors.AsType[x509.HostnameError](err); ok {
		return "its certificate is not for " + host.Host
	}
	return ""
}

// Unreachable returns err with the text of NetworkReason, if it is an error of the network.
func Unreachable(err error) error {
	if _, ok := errors.AsType[*url.Error](err); !ok {
		return err
	}
	return &unreachable{err}
}

type unreachable struct{ err error }

func (u *unreachable) Error() string {
	return "the service cannot be reached: " + NetworkReason(u.err)
}
func (u *unreachable) Unwrap() error { return u.err }
