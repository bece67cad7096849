// Package caller finds out which process is asking for a key, from the process table alone: it goes
// up from a run of ocgo-key, past shells and launchers, to the program that the key is for. It
// knows shells and their languages well enough to tell one command from several.
//
// It knows nothing of accounts, keys and the state: the process table, and who holds an account,
// come in as functions.
package caller

import (
	"fmt"
	"slices"

	"ocgo-key/internal/process"
)

// maxWalk bounds the way up from a process, in ancestors.
const maxWalk = 64

// Find returns the process that is asking when pid, a run of ocgo-key, asks for a key. Most often
// that is the nearest of its ancestors that is not a shell or a launcher:
//
//   - a launcher (env, sudo, timeout, npx, …) is passed over: it only starts another program;
//   - so is a shell that was started for one command (sh -c 'ocgo-key get'): it only starts us;
//   - so is a shell's forked copy (a subshell, a substitution, a part of a pipeline), in favour of
//     the shell that it was copied from;
//   - any other shell (interactive, running a script, several commands behind -c) is the caller.
//
// Where the walk finds none of these before it ends (at an init process, at a process that cannot
// be looked up, after 64 ancestors), the last process that it looked at is the caller.
//
// A process that already holds an account comes before all of these rules: the nearest one, pid
// itself included, is the caller. That is how a process keeps its account through an exec. Many
// shells run the last of several commands in their own place: in sh -c 'ocgo-key get; ocgo-key get'
// the second one has the pid and the start of the shell that the first one answered to, and the
// shell itself is gone.
//
// lookup is [process.Lookup] or a stand-in for it. holds reports whether a process (by its PID and
// Start) has an account. An error means that pid or its parent could not be looked up.
func Find(pid int, lookup func(pid int) (process.Info, error), holds func(process.Info) bool) (process.Info, error) {
	self, err := lookup(pid)
	if err != nil {
		return process.Info{}, err
	}
	if holds(self) {
		return self, nil
	}
	if self.PPID <= 0 {
		// The first process of a container, or one whose parent is outside of it.
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
		// A shell's parent is needed too: it alone tells a forked copy.
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

// isFork reports whether the shell at is a forked copy of its parent up.
func isFork(at, up process.Info) bool {
	if at.Image != "" && up.Image != "" {
		return at.Image == up.Image
	}
	// Where images are unknown (macOS), a copy is known by its unchanged arguments. A shell that
	// was started from a shell by the same words looks alike. To take those two for one gives them
	// one key; the other mistake would give a new key to every $(…).
	return len(at.Args) > 0 && at.Name == up.Name && slices.Equal(at.Args, up.Args)
}

type kind int

const (
	program kind = iota // asks for itself
	launch              // only starts another program, or is a shell for one command
	shell               // asks for itself, unless it is a forked copy
)

// kindOf judges a process by itself.
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
