//go:build amd64 || arm64

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// patience is the time limit of one command that is traced on a busy machine. The longest time
// limit of the program itself is 8 s, for a keychain that does not answer.
const patience = time.Minute

// command is a command line of the program, with its input.
type command struct {
	args  []string
	stdin string
}

func (c command) String() string { return "ocgo-key " + strings.Join(c.args, " ") }

// outcome is how a command ended.
type outcome struct {
	exit   int // -1: it was killed
	stdout string
	stderr string
}

// prepare returns a process of the program that has not been started.
func (w *world) prepare(ctx context.Context, c command) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.binary, c.args...)
	cmd.Env, cmd.Stdin, cmd.WaitDelay = w.env(), strings.NewReader(c.stdin), time.Second
	cmd.Stdout, cmd.Stderr = new(strings.Builder), new(strings.Builder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: w.user}
	return cmd
}

// ended returns the outcome of a process that has ended.
func ended(cmd *exec.Cmd, exit int) outcome {
	return outcome{exit, fmt.Sprint(cmd.Stdout), fmt.Sprint(cmd.Stderr)}
}

// run runs the program. An error means that the outcome is unknown or that the program does not
// end.
func (w *world) run(ctx context.Context, c command) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := w.prepare(ctx, c)
	err := cmd.Run()
	if ctx.Err() != nil {
		return outcome{}, fmt.Errorf("%v did not end within %v", c, patience)
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return outcome{}, err
	}
	return ended(cmd, cmd.ProcessState.ExitCode()), nil
}

// runWithFault runs the program with a fault at one of its steps. step is the name of that step. It
// is empty if the program ended before the step.
func (w *world) runWithFault(ctx context.Context, c command, f fault) (step string, o outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := w.prepare(ctx, c)
	cmd.Env = append(cmd.Env, "GOMAXPROCS=1") // so that the order of the steps is nearly always the same
	cmd.SysProcAttr.Ptrace = true
	t, err := w.tracing.run(cmd, f)
	switch {
	case ctx.Err() != nil:
		return "", o, fmt.Errorf("%v did not end within %v, after step %d", c, patience, f.step)
	case err != nil:
		return "", o, fmt.Errorf("%v could not be traced: %w: %s", c, err, cmd.Stderr)
	}
	return t.struck, ended(cmd, t.status.ExitStatus()), nil
}
