package wrapper

import (
	"os/signal"
	"syscall"
	"time"
)

// Die ends this process by s, as the command ended, so that a shell or a script sees the same. It returns if s
// did not end it. Signals for which the Go runtime prints a stack trace are left to the exit code.
func Die(s Signal) {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	switch s {
	case syscall.SIGQUIT, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGEMT, syscall.SIGFPE, syscall.SIGBUS, syscall.SIGSEGV, syscall.SIGSYS:
		return
	}
	signal.Reset(s)
	_ = syscall.Kill(syscall.Getpid(), s)
	time.Sleep(time.Second) // until it is delivered
}
