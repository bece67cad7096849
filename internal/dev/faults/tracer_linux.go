//go:build amd64 || arm64

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Doing is what is done to a command right before one of its steps.
type doing string

const (
	nothing doing = "nothing" // the steps are only counted
	killing doing = "kill"    // kill -9
	failing doing = "fail"    // this step and all later ones of its kind fail, with an errno
	waiting doing = "wait"    // the command is stopped until it is released
)

// traced is the result of a traced command.
type traced struct {
	Steps   int      // the number of steps that were begun
	Reached bool     // the step for the fault was reached
	Name    string   // the name of that step
	Exit    int      // -1: it was killed
	Calls   []string // the name of each step
}

// The tracer's own descriptors, besides the command's.
const (
	resultFD = 3 // gets a line when the step is reached and doing is waiting, and at the end a traced
	goOnFD   = 4 // a byte on it, or its end, lets the command continue
)

// trace runs a command and stops it before its steps, in a process of this program that is started
// as: trace DOING STEP ERRNO PROGRAM [ARG…]. The process has no other children, so it may wait for
// any child.
func trace(args []string) error {
	if len(args) < 4 {
		return errors.New("trace: too few arguments")
	}
	step, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	errno, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	runtime.LockOSThread() // ptrace(2) works between threads
	cmd := exec.Command(args[3], args[4:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	unix.CloseOnExec(resultFD)
	unix.CloseOnExec(goOnFD)
	t := &tracer{do: doing(args[0]), step: step, errno: unix.Errno(errno), inside: map[int]bool{}, failed: map[int]bool{}, seen: map[int]bool{}, files: map[uint64]bool{},
		result: os.NewFile(resultFD, "result"), goOn: os.NewFile(goOnFD, "go on")}
	if err := cmd.Start(); err != nil {
		return err
	}
	t.pid = cmd.Process.Pid
	if err := t.follow(); err != nil {
		_ = unix.Kill(t.pid, unix.SIGKILL)
		return err
	}
	return json.NewEncoder(t.result).Encode(t.traced)
}

type tracer struct {
	traced
	pid    int
	do     doing
	step   int
	errno  unix.Errno
	inside map[int]bool    // threads that are in a system call
	failed map[int]bool    // those of them whose system call is to fail
	seen   map[int]bool    // threads that have started
	files  map[uint64]bool // descriptors opened for writing
	opens  map[int]bool    // threads that are opening such a descriptor
	result *os.File
	goOn   *os.File
}

const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
	unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL

func (t *tracer) follow() error {
	t.opens = map[int]bool{}
	var ws unix.WaitStatus
	if _, err := unix.Wait4(t.pid, &ws, unix.WALL, nil); err != nil {
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
		tid, err := unix.Wait4(-1, &ws, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case ws.Exited() || ws.Signaled():
			if tid == t.pid {
				t.Exit = ws.ExitStatus()
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
		if err != nil && !errors.Is(err, unix.ESRCH) { // it was killed meanwhile
			return err
		}
	}
}

// stopped handles a stopped thread, and returns the signal with which it continues.
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
	data [8]uint64 // at the entry: number and arguments; at the exit: the result
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

// steps are the system calls with which a command changes anything outside of itself.
var steps = map[uint64]string{
	unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "write", unix.SYS_OPENAT: "open", unix.SYS_RENAMEAT: "rename", unix.SYS_RENAMEAT2: "rename",
	unix.SYS_UNLINKAT: "unlink", unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fsync", unix.SYS_FCHMOD: "chmod", unix.SYS_FCHMODAT: "chmod",
	unix.SYS_FTRUNCATE: "truncate", unix.SYS_MKDIRAT: "mkdir", unix.SYS_FLOCK: "lock", unix.SYS_CONNECT: "connect", unix.SYS_SENDMSG: "send",
	unix.SYS_SENDTO: "send",
}

// fills reports whether a step fails on a full disk or in a read-only folder.
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
	fills := t.fills(name, args)
	if t.do == failing && !fills {
		return nil
	}
	t.Steps++
	t.Calls = append(t.Calls, name)
	if t.Steps == t.step {
		t.Reached, t.Name = true, name
	}
	switch {
	case t.do == failing && t.Reached:
		delete(t.opens, tid)
		t.failed[tid] = true
		return skipCall(tid)
	case t.Steps != t.step:
	case t.do == killing:
		return unix.Kill(t.pid, unix.SIGKILL)
	case t.do == waiting:
		if _, err := fmt.Fprintln(t.result, "{}"); err != nil {
			return err
		}
		if _, err := t.goOn.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}
