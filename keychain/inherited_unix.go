//go:build unix

package keychain

import "golang.org/x/sys/unix"

// inherited reports whether n is a descriptor that the parent process left open for this one.
// Descriptors that Go opens, its own poller's among them, are closed on exec; from now on this one
// is too.
func inherited(n int) bool {
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return false
	}
	if n > 2 {
		unix.CloseOnExec(n)
	}
	return true
}
