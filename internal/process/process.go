// Package process reads the process table: what a process is, which process started it, and whether
// it still runs. A process is identified by its pid together with its start identity, so that a
// reused pid is another process.
//
// It only reads: it sends no signal, starts no process and waits for none. It caches only the
// identity of this boot. Each call costs a few reads of /proc or the like, some tens of
// microseconds.
package process

import (
	"fmt"
	"os"
	"path"
	"strings"
)

// Info is what the process table says about one process at one moment.
type Info struct {
	PID, PPID int

	// Start is the process's start identity: opaque, the same for every reader and for the life of
	// the process, and different when the pid is reused or the machine was restarted.
	Start string

	// Name is the base name of the program, as the system records it. A program may change it
	// (Node.js does).
	Name string

	// Args is the argument vector, including its first element. It is nil if it can't be read. A
	// program may overwrite it (npm does).
	Args []string

	// Image identifies one exec of one program, where the system provides that: it is the same for
	// a shell and its forked copies (subshells, substitutions, pipelines) and different after an
	// exec. It is "" if unknown.
	Image string
}

// ErrNotExist means that there is no such process. It wraps [os.ErrNotExist].
var ErrNotExist = fmt.Errorf("no such process: %w", os.ErrNotExist)

// Lookup returns the entry of pid. The error is [ErrNotExist] if there is none; any other error
// means that the entry could not be read. A process that has ended but has not been waited for (a
// zombie) has an entry.
func Lookup(pid int) (Info, error) {
	if pid <= 0 {
		return Info{}, fmt.Errorf("process %d: %w", pid, ErrNotExist)
	}
	info, err := lookup(pid)
	if err != nil {
		return Info{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return info, nil
}

// Alive reports whether the process with this pid and start identity still runs; a zombie does not.
// It returns true if the system does not say: if a live process counted as dead, another process
// would get its account, while the opposite mistake only delays the end of a lease. With start ""
// any process with that pid counts.
func Alive(pid int, start string) bool { return pid > 0 && alive(pid, start) }

// base returns the last part of a program's path, with either kind of slash.
func base(name string) string {
	return path.Base(strings.ReplaceAll(name, `\`, "/"))
}
