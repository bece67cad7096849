package helper_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"ocgo-key/helper"
)

func TestNetworkReason(t *testing.T) {
	get := func(err error) error { return &url.Error{Op: "Get", URL: "https://user:word@proxy/", Err: err} }
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for want, err := range map[string]error{
		syscall.ECONNREFUSED.Error() + " at 127.0.0.1:1":   get(refused),
		"the proxy: " + syscall.ECONNREFUSED.Error():       get(&net.OpError{Op: "proxyconnect", Net: "tcp", Err: refused}),
		"no address is known for opencode.ai":              get(&net.OpError{Op: "dial", Err: &net.DNSError{Name: "opencode.ai", IsNotFound: true}}),
		"the name server did not answer about opencode.ai": get(&net.OpError{Op: "dial", Err: &net.DNSError{Name: "opencode.ai", IsTimeout: true}}),
		"there was no answer in time":                      get(context.DeadlineExceeded),
		"the connection ended without an answer":           get(io.EOF),
		"its certificate is not for opencode.ai":           get(x509.HostnameError{Host: "opencode.ai", Certificate: &x509.Certificate{}}),
		"another reason":                                   errors.New("another reason"),
	} {
		assert.Equal(t, want, helper.NetworkReason(err))
	}
	err := helper.Unreachable(get(refused))
	assert.Equal(t, "the service cannot be reached: "+syscall.ECONNREFUSED.Error()+" at 127.0.0.1:1", err.Error())
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	other := &helper.UsageError{Status: 500}
	assert.Equal(t, error(other), helper.Unreachable(other))
	assert.NoError(t, helper.Unreachable(nil))
}
