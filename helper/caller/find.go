// Package caller finds out which process is asking for a key, from the process table alone: it
// walks up from an ocgo-key process, past shells and launchers, to the program that the key is for.
// It understands the shells' languages well enough to distinguish one command from several.
//
// It knows nothing about accounts, keys or the state: the process table, and which process holds an
// account, are passed in as functions.
package caller

import (
	"fmt"
	"slices"

	"ocgo-key/internal/process"
)

// maxWalk is the largest number of ancestors that Find and Above look at.
const maxWalk = 64

// Find returns the process on whose behalf pid, an ocgo-key process, asks for a key. Usually that
// is the nearest ancestor that is neither a shell nor a launcher:
//   - a launcher (env, sudo, timeout, npx, …) is skipped, since it only starts another program;
//   - a shell that was started for one command (sh -c 'ocgo-key get') is skipped, since it only
//     starts this program;
//   - a shell's forked copy (a subshell, a substitution, a part of a pipeline) is skipped in favour
//     of the shell that it was copied from;
//   - any other shell (interactive, running a script, several commands behind -c) is the caller.
//
// If the walk ends (at an init process, at a process that cannot be looked up, or after 64
// ancestors) before it finds one of these, the caller is the last process it looked at.
//
// A process that already holds an account takes precedence over all of these rules: the nearest
// one, pid itself included, is the caller. This is how a process keeps its account through an exec.
// Many shells replace themselves with the last of several commands: in sh -c 'ocgo-key get;
// ocgo-key get', the first get gives the account to the shell. The second get replaces that shell,
// and so has its pid and start time.
//
// lookup is [process.Lookup] or a stand-in for it. holds reports whether a process (by its PID and
// Start) has an account. The error says that pid or its parent could not be looked up.
func Find(pid int, lookup func(pid int) (process.Info, error), holds func(process.Info) bool) (process.Info, error) {
	self, err := lookup(pid)
	if err != nil {
		return process.Info{}, err
	}
	if holds(self) {
		return self, nil
	}
	if self.PPID <= 0 {
		// pid is the first process of a container, or its parent is outside of the container.
		return process.Info{}, fmt.Errorf("process %d has no parent", pid)
	}
	at, err := lookup(self.PPID)
	if err != nil {
		return process.Info{}, err
	}
	for range maxWalk {
		kind := kindOf(at)
		if kind == program || holds(at) {
			return at, nil
		}
		// For a shell, the parent is needed too, to decide whether the shell is a forked copy of
		// it.
		var up process.Info
		more := at.PPID > 0 && at.PPID != at.PID
		if more {
			up, err = lookup(at.PPID)
			more = err == nil && !isInit(up)
		}
		if !more || (kind == shell && !isFork(at, up)) {
			return at, nil
		}
		at = up
	}
	return at, nil
}

// Above returns the nearest ancestor of the process pid that holds an account, whatever stands
// between them. ok is false if there is none among the nearest 64. lookup and holds are as in Find.
func Above(pid int, lookup func(pid int) (process.Info, error), holds func(process.Info) bool) (info process.Info, ok bool) {
	at, err := lookup(pid)
	for range maxWalk {
		if err != nil || at.PPID <= 0 || at.PPID == at.PID {
			break
		}
		if at, err = lookup(at.PPID); err == nil && holds(at) {
			return at, true
		}
	}
	return process.Info{}, false
}

// isFork reports whether the shell at is a forked copy of its parent up.
func isFork(at, up process.Info) bool {
	if at.Image != "" && up.Image != "" {
		return at.Image == up.Image
	}
	// Where the executable is not known (macOS), a copy is recognized by its unchanged arguments. A
	// shell that another shell started with the same arguments looks the same. If it is taken for a
	// copy by mistake, both shells get one key; the opposite mistake would give a new key to every
	// $(…).
	return len(at.Args) > 0 && at.Name == up.Name && slices.Equal(at.Args, up.Args)
}

type kind int

const (
	program kind = iota // is the caller
	launch              // only starts another program, or is a shell for one command
	shell               // is the caller, unless it is a forked copy
)

// kindOf returns the kind of a process, without looking at other processes.
func kindOf(p process.Info) kind {
	p.Args = withoutBusybox(p.Args)
	if isLauncher(p) {
		return launch
	}
	sh, ok := shellOf(p)
	if !ok {
		return program
	}
	if text, ok := sh.command(p.Args); ok && oneCommand(text, sh) {
		return launch
	}
	return shell
}
