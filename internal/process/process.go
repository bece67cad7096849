// Package process reads the process table: the name of a process, its parent, and whether it still
// runs. The pid together with the start identity identifies a process, so a reused pid is another
// process.
//
// The package only reads: it sends no signal, starts no process and waits for no process. It caches
// only the boot id. A call takes some tens of microseconds: it reads a few files in /proc, or calls
// the system.
package process

import (
	"fmt"
	"os"
	"path"
	"strings"
)

// Info is the entry of one process in the process table, at one moment.
type Info struct {
	PID, PPID int

	// Start is the start identity of the process, an opaque string. It is the same for every reader
	// and does not change. It is different if the pid is reused or after a restart of the machine.
	Start string

	// Name is the base name of the program, as the system records it. A program may change it
	// (Node.js does).
	Name string

	// Args is the argument vector, including its first element. It is nil if it can't be read. A
	// program may overwrite it (npm does).
	Args []string

	// Image identifies one exec of one program, or is "" if the system does not provide that. A
	// shell and its forked copies (subshells, substitutions, pipelines) have the same Image. An
	// exec changes it.
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

// Alive reports whether the process with this pid and start identity still runs. A zombie does not
// run. If the system does not say, Alive returns true: that only delays the end of a lease. If it
// wrongly returned false, another process could get the account of a live one. With start "" any
// process with that pid counts.
func Alive(pid int, start string) bool { return pid > 0 && alive(pid, start) }

// base returns the last part of a program's path. It accepts both kinds of slash.
func base(name string) string {
	return path.Base(strings.ReplaceAll(name, `\`, "/"))
}
