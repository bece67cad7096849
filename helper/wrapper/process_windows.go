package wrapper

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// Signal exists on Windows in name only: no command ends by one.
type Signal = syscall.Signal

// process is the command as it runs.
type process struct{ cmd *exec.Cmd }

func start(path string, c Command) (*process, error) {
	cmd := &exec.Cmd{Path: path, Args: c.Argv, Env: c.Env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	return &process{cmd}, cmd.Start()
}

func (p *process) wait() Status {
	_ = p.cmd.Wait() // what it says is in the state
	return Status{Code: p.cmd.ProcessState.ExitCode()}
}

func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }
func (p *process) terminate()         { p.kill() } // there is no gentler way that a console program hears
func (p *process) kill()              { _ = p.cmd.Process.Kill() }

// catcher takes the console's Ctrl-C, which the command gets as well: it decides.
type catcher struct{ forward, drop chan os.Signal }

func catch() *catcher {
	c := &catcher{make(chan os.Signal), make(chan os.Signal, 1)}
	signal.Notify(c.drop, os.Interrupt)
	return c
}

func (c *catcher) stop() { signal.Stop(c.drop) }

// Die does nothing on Windows, where no process ends by a signal.
func Die(Signal) {}
