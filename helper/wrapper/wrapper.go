// Package wrapper runs a command in our place: same terminal, same process group, same signals, same exit. It
// can stop the command and invoke it again. It knows nothing of accounts, keys or gateways.
package wrapper

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"ocgo-key/internal/term"
)

// grace is how long a command may take to end after SIGTERM before it is killed.
const grace = 5 * time.Second

// Command is what to run. It shares our standard streams.
type Command struct {
	Argv []string // Argv[0] is looked up on PATH
	Env  []string
}

// Status is how a command ended: with an exit code, or by a signal.
type Status struct {
	Code   int
	Signal Signal // 0 if it was not a signal
}

// Errors of Run; they say that the command did not start.
var (
	ErrNotFound  = errors.New("command not found")     // exit code 127 by the shell's custom
	ErrCannotRun = errors.New("command cannot be run") // 126
)

// Options of Run. The zero value is useful.
type Options struct {
	// Restart: each command received ends the one that runs (SIGTERM, then SIGKILL) and starts in its place.
	Restart <-chan Command
	// Started is called after each start; nil for not.
	Started func()
}

// Run runs c until it ends. Signals that come to us alone are passed on to it.
func Run(c Command, o Options) (Status, error) {
	modes, _ := term.Save(os.Stdin) // nil where stdin is not a terminal
	signals := catch()
	defer signals.stop()
	for {
		path, err := find(c.Argv[0])
		if err != nil {
			return Status{}, err
		}
		child, err := start(path, c)
		if err != nil {
			return Status{}, fmt.Errorf("%w: %s: %w", ErrCannotRun, c.Argv[0], cause(err))
		}
		if o.Started != nil {
			o.Started()
		}
		ended := make(chan Status, 1)
		go func() { ended <- child.wait() }()
		status, next := supervise(child, ended, o.Restart, signals)
		if status.Signal != 0 || next != nil {
			modes.Restore() // it may not have been able to itself
		}
		if next == nil {
			return status, nil
		}
		c = *next
	}
}

// supervise waits for the child to end, and says what is to run after it: nil for nothing.
func supervise(child *process, ended <-chan Status, restart <-chan Command, signals *catcher) (Status, *Command) {
	var next *Command
	var kill <-chan time.Time
	for {
		select {
		case status := <-ended:
			return status, next
		case s := <-signals.forward:
			child.signal(s)
		case c := <-restart:
			next = &c
			child.terminate()
			kill = time.After(grace)
		case <-kill:
			child.kill()
		}
	}
}

// find resolves a command's name as a shell does.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path, nil
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%w: %s", ErrNotFound, name)
	default:
		return "", fmt.Errorf("%w: %s: %w", ErrCannotRun, name, cause(err))
	}
}

// cause is the bare reason of an error that names the command already.
func cause(err error) error {
	for _, target := range []error{fs.ErrPermission, fs.ErrNotExist} {
		if errors.Is(err, target) {
			return target
		}
	}
	var wrapped *fs.PathError
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
