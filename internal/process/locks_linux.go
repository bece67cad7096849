package process

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// LockHolders returns the processes that hold a lock of flock(2) on the file at path, as far as they can be seen: nil
// where the system or the process's owner won't tell.
func LockHolders(path string) []Info {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nil
	}
	var holders []Info
	for _, pid := range flockers(locks, stat.Ino) {
		if holder, err := Lookup(pid); err == nil && hasOpen(pid, info) {
			holders = append(holders, holder)
		}
	}
	return holders
}

// flockers are the pids in /proc/locks (proc_locks(5)) that hold a flock on the inode. Its device may be another one
// than a stat shows (overlays), so it is left to hasOpen.
func flockers(locks []byte, inode uint64) []int {
	var pids []int
	for line := range bytes.Lines(locks) {
		// 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF; one that waits has "->" behind its number
		fields := strings.Fields(string(line))
		if len(fields) < 6 || fields[1] != "FLOCK" {
			continue
		}
		_, number, _ := strings.Cut(fields[5], ":")
		_, number, _ = strings.Cut(number, ":")
		pid, err := strconv.Atoi(fields[4])
		if err == nil && pid > 0 && number == strconv.FormatUint(inode, 10) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// HasOpen reports whether the process has the file open, under whatever name. The error says that the system or the
// process's owner won't tell.
func HasOpen(pid int, file os.FileInfo) (bool, error) {
	dir := procPath(pid, "fd")
	fds, err := os.ReadDir(dir)
	for _, fd := range fds {
		if other, err := os.Stat(filepath.Join(dir, fd.Name())); err == nil && os.SameFile(file, other) {
			return true, nil
		}
	}
	return false, err
}

// hasOpen is HasOpen for a process that holds a lock on the inode's number. Of one that hides itself, as ours do, the system
// does not say whether it has the file open; then the number has to do.
func hasOpen(pid int, file os.FileInfo) bool {
	open, err := HasOpen(pid, file)
	return open || errors.Is(err, os.ErrPermission)
}
