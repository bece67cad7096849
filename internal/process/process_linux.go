package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// maxArgs is how much of a process's arguments is read at most, in bytes. The kernel allows 128 KiB
// for one argument.
const maxArgs = 1 << 18

// commLen is the length to which the kernel truncates a name (TASK_COMM_LEN - 1).
const commLen = 15

// bootID is the prefix of every start identity. The rest counts ticks since boot, so without the
// prefix a process of an earlier boot could look like a process of this boot.
var bootID = sync.OnceValue(func() string {
	raw, err := read("/proc/sys/kernel/random/boot_id", 64)
	if err != nil || len(raw) < 13 {
		return ""
	}
	return strings.ReplaceAll(string(raw[:13]), "-", "") // 12 hex digits
})

func lookup(pid int) (Info, error) {
	s, err := readStat(pid)
	if err != nil {
		return Info{}, err
	}
	info := Info{PID: s.pid, PPID: s.ppid, Start: startID(s), Name: s.comm, Image: s.image}
	// Arguments that can't be read are not an error: the rest is still useful.
	if raw, err := read(procPath(pid, "cmdline"), maxArgs); err == nil {
		info.Args = parseArgs(raw)
	}
	longer := info.Args
	if len(longer) > 2 {
		longer = longer[:2] // the program, or the script after its interpreter
	}
	info.Name = fullName(info.Name, commLen, longer...)
	return info, nil
}

func alive(pid int, start string) bool {
	s, err := readStat(pid)
	switch {
	case errors.Is(err, ErrNotExist):
		// /proc may hide other users' processes (hidepid) or may not be mounted. The kernel still
		// says whether the process exists.
		return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	case err != nil:
		return true
	}
	return !s.ended() && (start == "" || sameStart(start, startID(s)))
}

func table() []node {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1) // the pids that were read before an error
	var nodes []node
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if s, err := readStat(pid); err == nil {
				nodes = append(nodes, node{s.pid, s.ppid})
			}
		}
	}
	return nodes
}

func session(pid int) int {
	s, err := readStat(pid)
	if err != nil {
		return 0
	}
	return s.session
}

func stopped(pid int) bool {
	s, err := readStat(pid)
	return err == nil && s.state == 'T'
}

func startID(s stat) string { return bootID() + "-" + s.start }

// sameStart reports whether two start identities are equal. If one reader could not read the boot
// id, for example in a sandbox, it compares only the ticks.
func sameStart(a, b string) bool {
	bootA, ticksA, _ := strings.Cut(a, "-")
	bootB, ticksB, _ := strings.Cut(b, "-")
	return ticksA == ticksB && (bootA == bootB || bootA == "" || bootB == "")
}

func procPath(pid int, file string) string { return "/proc/" + strconv.Itoa(pid) + "/" + file }

func readStat(pid int) (stat, error) {
	raw, err := read(procPath(pid, "stat"), 4096)
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH):
		return stat{}, ErrNotExist // the process may end between open and read
	case err != nil:
		return stat{}, fmt.Errorf("cannot be looked up: %w", err)
	}
	s, err := parseStat(raw)
	if err == nil && s.pid != pid {
		err = errStat
	}
	return s, err
}

// read reads at most limit bytes of a file below /proc, with plain system calls. For such a file,
// os.ReadFile would make needless calls.
func read(name string, limit int) ([]byte, error) {
	fd, err := retry(func() (int, error) { return syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0) })
	if err != nil {
		return nil, err
	}
	defer func() { _ = syscall.Close(fd) }()
	buf := make([]byte, 0, min(limit, 2048))
	for {
		n, err := retry(func() (int, error) { return syscall.Read(fd, buf[len(buf):cap(buf)]) })
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return buf, nil
		}
		if buf = buf[:len(buf)+n]; len(buf) >= limit {
			return buf[:limit], nil
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
