// Package wrapper runs a command as if it had been started directly: same terminal, same process
// group, same signals, same exit status. It can stop the command and start another in its place. It
// knows nothing about accounts, keys or gateways.
package wrapper

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"ocgo-key/internal/term"
)

// grace is how long a command may take to end after SIGTERM before it is killed.
const grace = 5 * time.Second

// Command is a command to run.
type Command struct {
	Argv []string // Argv[0] is looked up on PATH
	Env  []string
	// The standard streams; nil for this process's own. Streams that are not nil are closed in this
	// process after the command has started.
	Stdin, Stdout, Stderr *os.File
}

// Status is the result of a command that has ended: an exit code, or a signal.
type Status struct {
	Code   int
	Signal Signal // 0 if it was not a signal
}

// The errors of Run. They mean that the command did not start.
var (
	ErrNotFound  = errors.New("command not found")     // exit code 127 by a shell's convention
	ErrCannotRun = errors.New("command cannot be run") // 126
)

// Order makes Run end the running command: with SIGTERM, and if that takes too long, with SIGKILL.
type Order struct {
	Next *Command // the command to start in its place; nil for none
	// Between is called when the command has ended and before Next is started. May be nil.
	Between func()
}

// Options of Run. The zero value is useful.
type Options struct {
	Orders <-chan Order
	// Started is called after each start, with the process's id. May be nil.
	Started func(pid int)
}

// Run runs c until it ends, or until an order without a Next ends it. Signals that reach only this
// process are passed on to the command. Run locks its goroutine to a thread, because on Linux the
// command ends with the thread that started it.
func Run(c Command, o Options) (status Status, ordered bool, err error) {
	modes, _ := term.Save(os.Stdin) // nil where stdin is not a terminal
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signals := catch()
	defer signals.stop()
	for {
		path, argv, err := Resolve(c.Argv)
		if err != nil {
			return Status{}, false, err
		}
		started := c
		started.Argv = argv
		child, err := start(path, started)
		if err != nil {
			return Status{}, false, fmt.Errorf("%w: %s: %w", ErrCannotRun, c.Argv[0], cause(err))
		}
		c.handOver()
		if o.Started != nil {
			o.Started(child.pid())
		}
		ended := make(chan Status, 1)
		go func() { ended <- child.wait() }()
		status, order := supervise(child, ended, o.Orders, signals)
		if modes.Changed() && (status.Signal != 0 || order != nil) {
			term.Reset() // a killed command cannot reset the terminal
			_ = modes.Restore()
		}
		if order == nil || order.Next == nil {
			return status, order != nil, nil
		}
		if order.Between != nil {
			order.Between()
		}
		c = *order.Next
	}
}

// supervise waits for the child to end. If an order ended it, supervise returns the order.
func supervise(child *process, ended <-chan Status, orders <-chan Order, signals *catcher) (Status, *Order) {
	var order *Order
	var kill <-chan time.Time
	var quit Signal // the user's signal during an order; it ends the run, and the order's Next is not started
	for {
		select {
		case status := <-ended:
			if quit != 0 {
				return Status{Code: 128 + int(quit), Signal: quit}, &Order{}
			}
			return status, order
		case s := <-signals.forward:
			if order != nil && (s == syscall.SIGTERM || s == syscall.SIGHUP) {
				quit = s.(Signal)
			}
			child.signal(s)
		case s := <-signals.drop:
			if order != nil {
				quit = s.(Signal)
			}
		case o := <-orders:
			order = &o
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

// Check returns the error that Run would return if the command cannot be started.
func Check(c Command) error {
	_, _, err := Resolve(c.Argv)
	return err
}

// Resolve returns the path of the program to start, and its arguments. On Windows it replaces a batch
// file of npm with the program that the file starts. The errors are those of Run for a command that
// cannot be started.
func Resolve(argv []string) (path string, resolved []string, err error) {
	path, err = find(argv[0])
	if err != nil || runtime.GOOS != "windows" || !isBatch(path) {
		return path, argv, err
	}
	if program := behindBatch(path); program != nil {
		if behind, err := find(program[0]); err == nil {
			return behind, slices.Concat(program, argv[1:]), nil
		}
	}
	return path, argv, checkBatchArguments(argv[0], argv[1:])
}

// behindBatch is behindLauncher for a batch file on this machine.
func behindBatch(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxLauncher))
	if err != nil {
		return nil
	}
	return behindLauncher(path, text, func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.Mode().IsRegular()
	})
}

// cause returns the reason of an error, without the command's name.
func cause(err error) error {
	for _, target := range []error{fs.ErrPermission, fs.ErrNotExist} {
		if errors.Is(err, target) {
			return target
		}
	}
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err
	}
	return err
}

// handOver closes our copies of the streams that only the command uses from now on.
func (c Command) handOver() {
	for _, f := range []*os.File{c.Stdin, c.Stdout, c.Stderr} {
		if f != nil && f != os.Stdin {
			_ = f.Close()
		}
	}
}

// command returns c as an exec.Cmd.
func (c Command) command(path string) *exec.Cmd {
	return &exec.Cmd{Path: path, Args: c.Argv, Env: c.Env,
		Stdin: cmp.Or(c.Stdin, os.Stdin), Stdout: cmp.Or(c.Stdout, os.Stdout), Stderr: cmp.Or(c.Stderr, os.Stderr)}
}
