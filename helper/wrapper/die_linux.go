package wrapper

import (
	"os/signal"
	"syscall"
	"time"
	"unsafe"
)

// Die ends this process by s, as the command ended, so that a shell or a script sees the same. It returns only
// if s did not end it. No core is left behind: this process has held a key.
func Die(s Signal) {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	signal.Reset(s)
	// The Go runtime has handlers of its own, which print a stack trace for SIGQUIT and its like; the kernel's
	// default action has to be put back below them.
	var action struct {
		handler, flags, restorer uintptr
		mask                     uint64
	}
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, unsafe.Sizeof(action.mask), 0, 0)
	_ = syscall.Kill(syscall.Getpid(), s)
	time.Sleep(time.Second) // until it is delivered
}
