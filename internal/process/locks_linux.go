package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// LockHolders returns the visible processes that hold a flock(2) lock on the file at path. It
// returns nil if the system does not say.
func LockHolders(path string) []Info {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	locks, err := os.ReadFile("/proc/locks")
	if !ok || err != nil {
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

// flockers returns the pids that hold a flock on the inode, according to /proc/locks
// (proc_locks(5)). On an overlay file system, the device in /proc/locks differs from the one that
// stat returns. So flockers does not compare it; hasOpen checks the file.
func flockers(locks []byte, inode uint64) []int {
	var pids []int
	for line := range bytes.Lines(locks) {
		// 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF; a waiting one has "->" after its number
		fields := strings.Fields(string(line))
		if len(fields) < 6 || fields[1] != "FLOCK" || !strings.HasSuffix(fields[5], fmt.Sprintf(":%d", inode)) {
			continue
		}
		if pid, err := strconv.Atoi(fields[4]); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// HasOpen reports whether the process has the file open, under any name. It returns an error if the
// system does not say.
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

// hasOpen is like HasOpen, for a process that holds a lock on a file with this inode number. A
// process can hide its open files, as ocgo-key does. For such a process, hasOpen returns true
// because of the inode number.
func hasOpen(pid int, file os.FileInfo) bool {
	open, err := HasOpen(pid, file)
	return open || errors.Is(err, os.ErrPermission)
}
