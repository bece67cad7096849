package term

import (
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// traced are signals at which the Go runtime prints stacks. Its handlers can't be taken away here.
var traced = []syscall.Signal{syscall.SIGQUIT, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGEMT,
	syscall.SIGFPE, syscall.SIGBUS, syscall.SIGSEGV, syscall.SIGSYS}

// Die ends this process by s, the way a program that has no handlers ends, whoever else waits for s, so that a shell
// sees the signal and not an exit code. It returns if s did not end it. Signals for which the Go runtime prints a stack
// trace are left to an exit code.
func Die(s syscall.Signal) {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	if slices.Contains(traced, s) {
		return
	}
	signal.Reset(s)
	_ = syscall.Kill(syscall.Getpid(), s)
	time.Sleep(time.Second) // until it is delivered
}

var spared atomic.Int32

// Quiet makes SIGQUIT and SIGABRT end this process without a word, with the exit code that a shell gives for them. The
// Go runtime would print where each goroutine is, with the words of its arguments. To be called once.
func Quiet() {
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

// Sparing undoes Quiet for SIGQUIT, until done is called: for those who have asked for that signal.
func Sparing() (done func()) {
	spared.Add(1)
	return func() { spared.Add(-1) }
}
