//go:build unix

package wrapper

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// Signal is a signal's number.
type Signal = syscall.Signal

// process is the command as it runs.
type process struct{ cmd *exec.Cmd }

func start(path string, c Command) (*process, error) {
	cmd := &exec.Cmd{Path: path, Args: c.Argv, Env: c.Env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	return &process{cmd}, cmd.Start()
}

func (p *process) wait() Status {
	_ = p.cmd.Wait() // what it says is in the state
	if ws, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return Status{Code: 128 + int(ws.Signal()), Signal: ws.Signal()}
	}
	return Status{Code: p.cmd.ProcessState.ExitCode()}
}

func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }
func (p *process) terminate()         { p.signal(syscall.SIGTERM) }
func (p *process) kill()              { p.signal(syscall.SIGKILL) }

// catcher takes the signals that must not end us while the command runs.
type catcher struct{ forward, drop chan os.Signal }

// catch starts it. The terminal sends SIGINT and SIGQUIT to the command itself, since it is in our process group:
// they are taken and dropped, not ignored, because a command inherits what is ignored. TERM, HUP, USR1 and USR2
// come to us alone and are passed on. All others, those of job control among them, keep their meaning.
func catch() *catcher {
	c := &catcher{make(chan os.Signal, 16), make(chan os.Signal, 1)}
	signal.Notify(c.forward, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	signal.Notify(c.drop, syscall.SIGINT, syscall.SIGQUIT)
	return c
}

func (c *catcher) stop() {
	signal.Stop(c.forward)
	signal.Stop(c.drop)
}
