//go:build !linux

package gateway

import "net"

// listenHeld listens on a free port. Here nothing keeps that from other users once this process is
// killed.
func listenHeld() (net.Listener, error) { return net.Listen("tcp4", "127.0.0.1:0") }
