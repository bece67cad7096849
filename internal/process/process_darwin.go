package process

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	zombie  = 5  // SZOMB of sys/proc.h
	suspend = 4  // SSTOP of sys/proc.h
	commLen = 16 // MAXCOMLEN of sys/param.h
)

func lookup(pid int) (Info, error) {
	kp, err := readKinfo(pid)
	if err != nil {
		return Info{}, err
	}
	info := Info{
		PID:   pid,
		PPID:  int(kp.Eproc.Ppid),
		Start: startID(kp),
		Name:  unix.ByteSliceToString(kp.Proc.P_comm[:]),
	}
	// The arguments of other users' processes can't be read; the rest is still useful.
	if raw, err := unix.SysctlRaw("kern.procargs2", pid); err == nil {
		exe, args := parseProcArgs(raw)
		info.Args = args
		info.Name = fullName(info.Name, commLen, exe)
	}
	return info, nil
}

func alive(pid int, start string) bool {
	kp, err := readKinfo(pid)
	switch {
	case errors.Is(err, ErrNotExist):
		return false
	case err != nil:
		return true
	}
	return kp.Proc.P_stat != zombie && (start == "" || start == startID(kp))
}

func table() []node {
	all, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil
	}
	nodes := make([]node, len(all))
	for i, kp := range all {
		nodes[i] = node{int(kp.Proc.P_pid), int(kp.Eproc.Ppid)}
	}
	return nodes
}

func session(pid int) int {
	id, err := unix.Getsid(pid)
	if err != nil {
		return 0
	}
	return id
}

func stopped(pid int) bool {
	kp, err := readKinfo(pid)
	return err == nil && kp.Proc.P_stat == suspend
}

// startID returns the start time in seconds since 1970, with microseconds. After a reboot it is
// different.
func startID(kp *unix.KinfoProc) string {
	return fmt.Sprintf("%d.%06d", kp.Proc.P_starttime.Sec, kp.Proc.P_starttime.Usec)
}

// readKinfo returns one entry. For an unused pid the system returns an empty entry, and x/sys
// reports that as EIO.
func readKinfo(pid int) (*unix.KinfoProc, error) {
	kp, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	switch {
	case errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ESRCH):
		return nil, ErrNotExist
	case err != nil:
		return nil, fmt.Errorf("cannot be looked up: %w", err)
	case int(kp.Proc.P_pid) != pid:
		return nil, ErrNotExist
	}
	return kp, nil
}
