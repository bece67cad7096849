//go:build !linux

package gateway

import "net"

// listenHeld listens on a free port. On this system other users can take the port after this
// process was killed.
func listenHeld() (net.Listener, error) { return net.Listen("tcp4", "127.0.0.1:0") }
