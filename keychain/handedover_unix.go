//go:build unix

package keychain

import "golang.org/x/sys/unix"

// handedOver tells whether n is a descriptor that our parent left open for us.
// Those that Go opens, its own for waiting among them, end with an exec; this
// one does too from now on.
func handedOver(n int) bool {
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return false
	}
	if n > 2 {
		unix.CloseOnExec(n)
	}
	return true
}
