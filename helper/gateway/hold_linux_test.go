package gateway

import (
	"net"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A program that was started before the listener was closed keeps the port: another user cannot
// listen on it, and connections are refused. After that program has ended, the port is free.
func TestAHeldPortIsKept(t *testing.T) {
	listener, err := listenHeld()
	require.NoError(t, err)
	address := listener.Addr().String()
	conn, err := net.Dial("tcp4", address)
	require.NoError(t, err)
	accepted, err := listener.Accept()
	require.NoError(t, err)
	_, _ = conn.Close(), accepted.Close()

	child := exec.Command("cat")
	stdin, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	require.NoError(t, listener.Close())
	_, err = net.Listen("tcp4", address)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	_, err = net.Dial("tcp4", address)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	require.NoError(t, stdin.Close())
	require.NoError(t, child.Wait())
	again, err := net.Listen("tcp4", address)
	require.NoError(t, err)
	assert.NoError(t, again.Close())
}
