package term

import (
	"os/signal"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// Die ends this process by s, the way a program that has no handlers ends, whoever else waits for s, so that a shell
// sees the signal and not an exit code. There is no stack trace, and no core: this process may have held a key. It
// returns only if s did not end it.
func Die(s syscall.Signal) {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	signal.Reset(s)
	// The Go runtime has handlers of its own, which print a stack trace for SIGQUIT and its like; the kernel's
	// default action has to be put back below them.
	change(s, &action{}, nil)
	_ = syscall.Kill(syscall.Getpid(), s)
	time.Sleep(time.Second) // until it is delivered
}

// action is the kernel's struct sigaction. Its zero value is the default action.
type action struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// change sets what a signal does, and says what it did before; either may be nil.
func change(s syscall.Signal, now, before *action) {
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(now)),
		uintptr(unsafe.Pointer(before)), unsafe.Sizeof(action{}.mask), 0, 0)
}

// quit is what SIGQUIT did before Quiet.
var quit struct {
	sync.Mutex
	quiet   bool
	runtime action
	spared  int
}

// Quiet makes SIGQUIT and SIGABRT end this process as they end any other program, at once and without a word. The Go
// runtime would print where each goroutine is, with the words of its arguments. To be called once.
func Quiet() {
	quit.Lock()
	defer quit.Unlock()
	quit.quiet = true
	change(syscall.SIGQUIT, &action{}, &quit.runtime)
	change(syscall.SIGABRT, &action{}, nil)
}

// Sparing undoes Quiet for SIGQUIT, until done is called: for those who have asked for that signal, and to whom it
// would not come.
func Sparing() (done func()) {
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
