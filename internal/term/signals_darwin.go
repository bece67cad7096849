package term

import (
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// traced are the signals on which the Go runtime prints stacks. Its handlers can't be removed on
// macOS.
var traced = []syscall.Signal{syscall.SIGQUIT, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGEMT,
	syscall.SIGFPE, syscall.SIGBUS, syscall.SIGSEGV, syscall.SIGSYS}

// Die ends this process by the signal s, so that a shell sees the signal and not an exit code. It
// returns if s did not end the process. It also returns for a signal on which the Go runtime prints
// a stack trace; the caller then uses an exit code.
func Die(s syscall.Signal) {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	if slices.Contains(traced, s) {
		return
	}
	signal.Reset(s)
	_ = syscall.Kill(syscall.Getpid(), s)
	time.Sleep(time.Second) // until the signal is delivered
}

var spared atomic.Int32

// SilenceStackTraces makes SIGQUIT and SIGABRT end this process silently, with the exit code that a
// shell reports for them. The Go runtime would print the stack of each goroutine, with the values
// of its arguments. Call it once.
func SilenceStackTraces() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGQUIT, syscall.SIGABRT)
	go func() {
		for s := range signals {
			if s == syscall.SIGABRT || spared.Load() == 0 {
				os.Exit(128 + int(s.(syscall.Signal)))
			}
		}
	}()
}

// AllowSIGQUIT undoes SilenceStackTraces for SIGQUIT until done is called. Meanwhile, code that has
// registered for SIGQUIT receives it.
func AllowSIGQUIT() (done func()) {
	spared.Add(1)
	return func() { spared.Add(-1) }
}
