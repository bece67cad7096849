// Package process reads the process table: who a process is, who started it,
// and whether it still runs. A process is named by its pid together with its
// start identity, so that a pid that is used again names another process.
//
// It only reads: it signals, starts and waits for nothing, and keeps nothing
// but the identity of this boot. Each call costs a few reads of /proc or their
// like, some tens of microseconds.
package process

import (
	"fmt"
	"os"
	"path"
	"strings"
)

// Info is what the process table says of one process at one moment.
type Info struct {
	PID, PPID int

	// Start is the process's start identity: opaque, the same for every reader
	// and for the life of the process, another one when the pid is used again
	// or the machine was started anew.
	Start string

	// Name is the base name of the program, as the system keeps it. A program
	// may change its own (Node.js does).
	Name string

	// Args is the argument vector, its first element included. It is nil where
	// it can't be read. A program may overwrite its own (npm does).
	Args []string

	// Image stands for one exec of one program, where the system tells: it is
	// equal between a shell and its forked copies (subshells, substitutions,
	// pipelines) and different after an exec. It is "" where that is unknown.
	Image string
}

// ErrNotExist says that there is no such process. It is an [os.ErrNotExist] as well.
var ErrNotExist = fmt.Errorf("no such process: %w", os.ErrNotExist)

// Lookup reads the entry of pid. The error is [ErrNotExist] when there is none;
// any other means that the entry could not be read. A process that has ended
// but was not waited for yet (a zombie) has an entry.
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

// Alive reports whether the process pid that had the start identity start still
// runs; a zombie does not. Where the system won't tell it answers true: taking
// a live process for dead would give its account away, the other mistake only
// delays the end of a lease. With start "" any process of that pid will do.
func Alive(pid int, start string) bool {
	return pid > 0 && alive(pid, start)
}

// base is the last part of a program's path, of either kind of slash.
func base(name string) string {
	return path.Base(strings.ReplaceAll(name, `\`, "/"))
}
