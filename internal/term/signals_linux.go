package term

import (
	"os/signal"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// Die ends this process by the signal s, so that a shell sees the signal and not an exit code. It
// writes no stack trace and no core, since a key may be in memory. It returns only if s did not end
// the process.
func Die(s syscall.Signal) {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	signal.Reset(s)
	// The Go runtime has its own handlers, which print a stack trace for SIGQUIT and similar
	// signals; the kernel's default action has to replace them.
	change(s, &action{}, nil)
	_ = syscall.Kill(syscall.Getpid(), s)
	time.Sleep(time.Second) // until the signal is delivered
}

// action is the kernel's struct sigaction. Its zero value is the default action.
type action struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// change sets the action of a signal, and stores the previous one in before; either may be nil.
func change(s syscall.Signal, now, before *action) {
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(now)),
		uintptr(unsafe.Pointer(before)), unsafe.Sizeof(action{}.mask), 0, 0)
}

// quit is the state of SIGQUIT.
var quit struct {
	sync.Mutex
	quiet   bool
	runtime action
	spared  int
}

// SilenceStackTraces makes SIGQUIT and SIGABRT end this process silently, as they end any other
// program. The Go runtime would print the stack of each goroutine, with the values of its
// arguments. Call it once.
func SilenceStackTraces() {
	quit.Lock()
	defer quit.Unlock()
	quit.quiet = true
	change(syscall.SIGQUIT, &action{}, &quit.runtime)
	change(syscall.SIGABRT, &action{}, nil)
}

// AllowSIGQUIT undoes SilenceStackTraces for SIGQUIT until done is called. Meanwhile, code that has
// registered for SIGQUIT receives it.
func AllowSIGQUIT() (done func()) {
	quit.Lock()
	defer quit.Unlock()
	if quit.spared++; quit.quiet && quit.spared == 1 {
		change(syscall.SIGQUIT, &quit.runtime, nil)
	}
	return func() {
		quit.Lock()
		defer quit.Unlock()
		if quit.spared--; quit.quiet && quit.spared == 0 {
			change(syscall.SIGQUIT, &action{}, nil)
		}
	}
}
