package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

func lookup(pid int) (Info, error) {
	entry, err := findEntry(uint32(pid))
	if err != nil {
		return Info{}, err
	}
	info := Info{PID: pid, PPID: int(entry.ParentProcessID), Name: windows.UTF16ToString(entry.ExeFile[:])}
	h, err := open(pid)
	if err != nil {
		// For a protected process, the table has only the name. A later process with the same pid
		// looks the same.
		info.PPID = 0
		return info, nil
	}
	defer func() { _ = windows.CloseHandle(h) }()
	started, err := startTime(h)
	if err != nil {
		return Info{}, err
	}
	info.Start = startID(started)
	info.Args = commandLine(h)
	// Windows keeps the parent's pid after the parent has ended, and may reuse that pid. A process
	// that is younger than its "child" is not the parent.
	if ph, err := open(info.PPID); err == nil {
		if t, err := startTime(ph); err == nil && t > started {
			info.PPID = 0
		}
		_ = windows.CloseHandle(ph)
	}
	return info, nil
}

func alive(pid int, start string) bool {
	h, err := open(pid)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false
	case err != nil:
		return true
	}
	defer func() { _ = windows.CloseHandle(h) }()
	// While a process has a handle to it, an ended process stays in the table. The handle is
	// signalled once the process has ended.
	if ev, err := windows.WaitForSingleObject(h, 0); err == nil && ev == windows.WAIT_OBJECT_0 {
		return false
	}
	started, err := startTime(h)
	return err != nil || start == "" || start == startID(started)
}

func table() (nodes []node) {
	_ = eachEntry(func(e *windows.ProcessEntry32) bool {
		nodes = append(nodes, node{int(e.ProcessID), int(e.ParentProcessID)})
		return true
	})
	return nodes
}

func session(int) int  { return 0 }     // Windows has another kind of session
func stopped(int) bool { return false } // there is no job control

// findEntry searches a snapshot of the process table. There is no other documented source of a
// parent's pid.
func findEntry(pid uint32) (*windows.ProcessEntry32, error) {
	var found *windows.ProcessEntry32
	err := eachEntry(func(e *windows.ProcessEntry32) bool {
		if e.ProcessID == pid {
			found = e
		}
		return found == nil
	})
	switch {
	case found != nil:
		return found, nil
	case err != nil:
		return nil, fmt.Errorf("cannot be looked up: %w", err)
	}
	return nil, ErrNotExist
}

// eachEntry calls see with each entry of one snapshot, until see returns false.
func eachEntry(see func(*windows.ProcessEntry32) bool) error {
	snap, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return err
	}
	defer func() { _ = windows.CloseHandle(snap) }()
	entry := &windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snap, entry); err == nil; err = windows.Process32Next(snap, entry) {
		if !see(entry) {
			return nil
		}
	}
	if errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return nil
	}
	return err
}

func open(pid int) (windows.Handle, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(pid))
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return 0, ErrNotExist // Windows reports an unused pid with this error
	}
	return h, err
}

// startTime returns the start time in units of 100 ns since 1601. After a reboot it is different.
func startTime(h windows.Handle) (int64, error) {
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &created, &exited, &kernel, &user); err != nil {
		return 0, fmt.Errorf("start time: %w", err)
	}
	return int64(created.HighDateTime)<<32 | int64(created.LowDateTime), nil
}

func startID(started int64) string { return strconv.FormatInt(started, 10) }

// commandLine returns the arguments, or nil if they can't be read. The system returns a
// UNICODE_STRING followed by its text.
func commandLine(h windows.Handle) []string {
	const header = uint32(unsafe.Sizeof(windows.NTUnicodeString{}))
	var size uint32
	_ = windows.NtQueryInformationProcess(h, windows.ProcessCommandLineInformation, nil, 0, &size)
	if size < header || size > header+2*(1<<16) {
		return nil
	}
	// The buffer has words of eight bytes, so that the pointer in the header is aligned.
	buf := make([]uint64, (size+7)/8)
	if err := windows.NtQueryInformationProcess(h, windows.ProcessCommandLineInformation,
		unsafe.Pointer(&buf[0]), size, &size); err != nil {
		return nil
	}
	line := (*windows.NTUnicodeString)(unsafe.Pointer(&buf[0])).String()
	if strings.TrimSpace(line) == "" {
		return nil
	}
	args, err := windows.DecomposeCommandLine(line)
	if err != nil {
		return nil
	}
	return args
}
