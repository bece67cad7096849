//go:build amd64 || arm64

package main

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// doing is a kind of fault.
type doing string

const (
	killing doing = "kill" // kill -9
	failing doing = "fail" // this step and all later steps of its kind fail with an errno
	waiting doing = "wait" // the command is stopped until fault.meet returns
)

// fault is a fault right before one of the command's steps.
type fault struct {
	do    doing
	step  int          // from 1
	errno unix.Errno   // for failing: the error
	meet  func() error // for waiting: called while the command is stopped
}

// tracer runs a command and stops it before each of its steps.
type tracer struct {
	fault
	pid    int
	steps  int             // the number of steps that the command has begun
	struck string          // the name of the step with the fault; empty before that step
	status unix.WaitStatus // how the command ended
	failed map[int]bool    // threads whose current system call is to fail
	seen   map[int]bool    // threads that have started
	files  map[uint64]bool // descriptors opened for writing
	opens  map[int]bool    // threads that are opening such a descriptor
}

// tracing is a thread that traces one command at a time. ptrace(2) requires that one thread makes
// all calls. The thread waits for any of its children, so no other code may start a process on it.
type tracing chan func()

// newTracing starts the thread. The thread ends when the channel is closed. Call newTracing before
// this program starts its first process, which could otherwise be a child of the thread.
func newTracing() tracing {
	work := make(tracing)
	go func() {
		runtime.LockOSThread()
		for do := range work {
			do()
		}
	}()
	work <- func() {} // received after the lock
	return work
}

// run runs the command with the fault.
func (thread tracing) run(cmd *exec.Cmd, f fault) (*tracer, error) {
	t := &tracer{fault: f, failed: map[int]bool{}, seen: map[int]bool{}, files: map[uint64]bool{}, opens: map[int]bool{}}
	result := make(chan error)
	thread <- func() {
		err := cmd.Start()
		if err == nil {
			t.pid = cmd.Process.Pid
			if err = t.follow(); err != nil {
				_ = unix.Kill(t.pid, unix.SIGKILL)
			}
			_ = cmd.Wait() // this waits only for the output, since follow has seen the end of the command
		}
		result <- err
	}
	return t, <-result
}

const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
	unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL

func (t *tracer) follow() error {
	var ws unix.WaitStatus
	if _, err := unix.Wait4(t.pid, &ws, unix.WALL|unix.WNOTHREAD, nil); err != nil {
		return err
	}
	if !ws.Stopped() {
		return fmt.Errorf("the command did not begin (%#x)", ws)
	}
	t.seen[t.pid] = true
	if err := unix.PtraceSetOptions(t.pid, options); err != nil {
		return err
	}
	if err := unix.PtraceSyscall(t.pid, 0); err != nil {
		return err
	}
	for {
		tid, err := unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case ws.Exited() || ws.Signaled():
			if tid == t.pid {
				t.status = ws
				return nil
			}
			continue
		case !ws.Stopped():
			continue
		}
		signal, err := t.stopped(tid, ws)
		if err == nil {
			err = unix.PtraceSyscall(tid, signal)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) { // the command was killed meanwhile
			return err
		}
	}
}

// stopped handles a stopped thread, and returns the signal that the thread gets when it continues.
func (t *tracer) stopped(tid int, ws unix.WaitStatus) (int, error) {
	signal := ws.StopSignal()
	switch {
	case signal == unix.SIGTRAP|0x80:
		return 0, t.call(tid)
	case signal == unix.SIGTRAP && ws.TrapCause() > 0:
		return 0, nil
	case signal == unix.SIGSTOP && !t.seen[tid]:
		t.seen[tid] = true
		return 0, nil
	}
	return int(signal), nil
}

// callInfo is struct ptrace_syscall_info of linux/ptrace.h.
type callInfo struct {
	op   uint8
	_    [3]uint8
	_    uint32
	_    [2]uint64 // instruction and stack pointer
	data [8]uint64 // at the entry the number and the arguments, at the exit the result
}

const (
	callEntry = 1
	callExit  = 2
)

// call handles a thread that enters a system call, or returns from one.
func (t *tracer) call(tid int) error {
	var info callInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return errno
	}
	switch info.op {
	case callEntry:
		return t.enter(tid, info.data[0], info.data[1:])
	case callExit:
		if t.opens[tid] && int64(info.data[0]) >= 0 {
			t.files[info.data[0]] = true
		}
		delete(t.opens, tid)
		if t.failed[tid] {
			delete(t.failed, tid)
			return answerCall(tid, t.errno)
		}
	}
	return nil
}

// steps are the system calls with which a command has effects outside of its process.
var steps = map[uint64]string{
	unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "write", unix.SYS_OPENAT: "open", unix.SYS_RENAMEAT: "rename", unix.SYS_RENAMEAT2: "rename",
	unix.SYS_UNLINKAT: "unlink", unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fsync", unix.SYS_FCHMOD: "chmod", unix.SYS_FCHMODAT: "chmod",
	unix.SYS_FTRUNCATE: "truncate", unix.SYS_MKDIRAT: "mkdir", unix.SYS_FLOCK: "lock", unix.SYS_CONNECT: "connect", unix.SYS_SENDMSG: "send",
	unix.SYS_SENDTO: "send",
}

// fills reports whether a step would fail on a full disk or in a read-only folder.
func (t *tracer) fills(name string, args []uint64) bool {
	switch name {
	case "write", "fsync", "truncate", "chmod":
		return t.files[args[0]]
	case "open", "mkdir", "rename":
		return true
	case "unlink":
		return t.errno == unix.EROFS
	}
	return false
}

func (t *tracer) enter(tid int, nr uint64, args []uint64) error {
	name, ok := steps[nr]
	switch {
	case nr == unix.SYS_CLOSE:
		delete(t.files, args[0])
		return nil
	case !ok:
		return nil
	case name == "open" && args[2]&(unix.O_WRONLY|unix.O_RDWR|unix.O_CREAT) == 0:
		return nil
	case name == "open":
		t.opens[tid] = true
	}
	if t.do == failing && !t.fills(name, args) {
		return nil
	}
	t.steps++
	if t.steps == t.step {
		t.struck = name
	}
	switch {
	case t.do == failing && t.struck != "":
		delete(t.opens, tid)
		t.failed[tid] = true
		return skipCall(tid)
	case t.steps != t.step:
		return nil
	case t.do == killing:
		return unix.Kill(t.pid, unix.SIGKILL)
	}
	return t.meet()
}
