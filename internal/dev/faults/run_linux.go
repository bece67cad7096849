//go:build amd64 || arm64

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is the time limit of one command, traced and on a busy machine. The program's own
// longest limit is 8 s, for a keychain that does not answer.
const patience = time.Minute

// command is one use of the program.
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

// run runs the program. An error means that the outcome is not known, or that the program does not
// end.
func (w *world) run(ctx context.Context, c command) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.binary, c.args...)
	cmd.Env, cmd.Stdin, cmd.WaitDelay = w.env(), strings.NewReader(c.stdin), time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: w.user}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return outcome{}, fmt.Errorf("%v did not end within %v", c, patience)
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return outcome{}, err
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}, nil
}

// fault is what happens to a command at one of its steps.
type fault struct {
	do    doing
	step  int           // from 1
	errno syscall.Errno // the error, for failing
	meet  func() error  // for waiting: called meanwhile
}

// runWithFault runs the command with a fault at one of its steps.
func (w *world) runWithFault(ctx context.Context, c command, f fault) (traced, outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return traced{}, outcome{}, err
	}
	result, resultEnd, err := os.Pipe()
	if err != nil {
		return traced{}, outcome{}, err
	}
	defer result.Close()
	goOnEnd, goOn, err := os.Pipe()
	if err != nil {
		return traced{}, outcome{}, errors.Join(err, resultEnd.Close())
	}
	defer goOn.Close()
	args := append([]string{traceRole, string(f.do), strconv.Itoa(f.step), strconv.Itoa(int(f.errno)), w.binary}, c.args...)
	cmd := exec.CommandContext(ctx, self, args...)
	// One processor, so that the order of the steps is mostly the same each time. A tracer built
	// with the race detector does not wait at its end.
	cmd.Env, cmd.Stdin, cmd.WaitDelay = append(w.env(), "GOMAXPROCS=1", "GORACE=atexit_sleep_ms=0"), strings.NewReader(c.stdin), time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: w.user}
	cmd.ExtraFiles = []*os.File{resultEnd, goOnEnd}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Start()
	_, _ = resultEnd.Close(), goOnEnd.Close()
	if err != nil {
		return traced{}, outcome{}, err
	}
	var t traced
	lines := bufio.NewReader(result)
	line, err := lines.ReadBytes('\n')
	if err == nil && string(line) == "{}\n" {
		err = f.meet()
		_ = goOn.Close()
		if err == nil {
			line, err = lines.ReadBytes('\n')
		}
	}
	if err == nil {
		err = json.Unmarshal(line, &t)
	}
	waited := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return t, outcome{}, fmt.Errorf("%v did not end within %v, after step %d", c, patience, f.step)
	case err != nil || waited != nil:
		return t, outcome{}, fmt.Errorf("%v could not be traced: %w: %s", c, errors.Join(err, waited), &stderr)
	}
	return t, outcome{t.Exit, stdout.String(), stderr.String()}, nil
}
