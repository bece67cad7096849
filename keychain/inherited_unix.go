//go:build unix

package keychain

import "golang.org/x/sys/unix"

// inherited reports whether the parent process left descriptor n open for this process. Descriptors
// that the Go runtime opens have the flag close-on-exec, so they do not count. inherited sets this
// flag on n, so that no child process inherits n.
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
