package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ntSystemCall is NT_ARM_SYSTEM_CALL of linux/elf.h: the number of the thread's current system
// call.
const ntSystemCall = 0x404

// skipCall skips the system call that the thread is about to make: it replaces the call's number
// with one that does not exist.
func skipCall(tid int) error {
	nr := int32(-1)
	iov := unix.Iovec{Base: (*byte)(unsafe.Pointer(&nr)), Len: 4}
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SETREGSET, uintptr(tid), ntSystemCall, uintptr(unsafe.Pointer(&iov)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// answerCall sets errno as the result of the system call that the thread returns from.
func answerCall(tid int, errno unix.Errno) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	regs.Regs[0] = -uint64(errno)
	return unix.PtraceSetRegs(tid, &regs)
}
