// Package caller finds the process that requests a key. It uses only the process table: it walks up
// from an ocgo-key process, past shells and launchers, to the program that needs the key. It parses
// the languages of shells well enough to distinguish one command from several.
//
// It does not use accounts, keys or the state. The process table is passed in as a function, and so
// is the test whether a process holds an account.
package caller

import (
	"fmt"
	"slices"

	"ocgo-key/internal/process"
)

// maxWalk is how many ancestors Find and Above examine at most.
const maxWalk = 64

// Find returns the caller: the process for which pid, an ocgo-key process, requests a key. Usually
// the caller is the nearest ancestor that is neither a shell nor a launcher:
//   - a launcher (env, sudo, timeout, npx, …) is skipped, since it only starts another program;
//   - a shell that was started for one command (sh -c 'ocgo-key get') is skipped, since it only
//     starts this program;
//   - a forked copy of a shell (a subshell, a substitution, a part of a pipeline) is skipped, since
//     the original shell comes next;
//   - any other shell (interactive, running a script, several commands behind -c) is the caller.
//
// The walk ends at an init process, at a process that cannot be looked up, or after 64 ancestors.
// If it has found no caller by then, the caller is the last process that it examined.
//
// These rules do not apply if pid or an ancestor on the walk already holds an account: the nearest
// such process is the caller. So a process keeps its account when it calls exec. Many shells call
// exec for the last of several commands. In sh -c 'ocgo-key get; ocgo-key get', the first get gives
// the account to the shell. The second get replaces that shell, so it has the shell's pid and start
// time.
//
// lookup is [process.Lookup], except in tests. holds reports whether a process (by its PID and
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
		// The parent of a shell shows whether the shell is a forked copy.
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

// Above returns the nearest ancestor of the process pid that holds an account. ok is false if none
// of the nearest 64 ancestors does. lookup and holds are as in Find.
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

// isFork reports whether a shell is a forked copy of its parent.
func isFork(child, parent process.Info) bool {
	if child.Image != "" && parent.Image != "" {
		return child.Image == parent.Image
	}
	// On macOS the executable is unknown, so a copy is recognized by its unchanged arguments. A
	// shell that another shell started with the same arguments looks like a copy. Then both shells
	// get one key. Without this rule, every $(…) would get a new key.
	return len(child.Args) > 0 && child.Name == parent.Name && slices.Equal(child.Args, parent.Args)
}

type kind int

const (
	program kind = iota // is the caller
	launch              // only starts another program, or is a shell for one command
	shell               // is the caller, unless it is a forked copy
)

// kindOf returns the kind of a process. It does not examine other processes.
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
