package gateway

import (
	"context"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// listenHeld listens on a free port. No other user can get the port while this process, or a
// program that it started, is running. For this, a second socket is bound to the same port, and
// started programs inherit it. The second socket does not accept connections: after the end of this
// process, connections are refused as usual. Linux lets two sockets share a port if both request it
// and belong to one user.
func listenHeld() (net.Listener, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0) // without SOCK_CLOEXEC
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	listener, err := listenBeside(fd)
	if err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	return &heldListener{listener, fd}, nil
}

func listenBeside(fd int) (net.Listener, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	address, err := syscall.Getsockname(fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	share := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		_ = c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return err
	}}
	bound := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: address.(*syscall.SockaddrInet4).Port}
	return share.Listen(context.Background(), "tcp4", bound.String())
}

// Close of a heldListener closes both sockets in this process. Started programs keep the second
// socket open.
type heldListener struct {
	net.Listener
	fd int
}

func (l *heldListener) Close() error {
	_ = syscall.Close(l.fd)
	return l.Listener.Close()
}
