//go:build unix

package wrapper

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	processtable "ocgo-key/internal/process"
	"ocgo-key/internal/secure"
	"ocgo-key/internal/term"
)

// Signal is a signal's number.
type Signal = syscall.Signal

// process is the running command. Its wait method does not use os/exec, which does not report that
// a command was stopped.
type process struct{ *os.Process }

func start(path string, c Command) (*process, error) {
	cmd := c.command(path)
	cmd.SysProcAttr = attributes()
	if err := secure.WithUserLimits(cmd.Start); err != nil {
		return nil, err
	}
	return &process{cmd.Process}, nil
}

func (p *process) pid() int { return p.Pid }

// wait waits for the command and returns its status. If job control stops the command, wait stops
// this process too: otherwise the shell would wait for this process, and the command for the shell.
func (p *process) wait() Status {
	for {
		var ws syscall.WaitStatus
		_, err := syscall.Wait4(p.Pid, &ws, unix.WUNTRACED, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil: // cannot happen for a child process; do not wait forever
			return Status{Code: 255}
		case ws.Exited():
			return Status{Code: ws.ExitStatus()}
		case ws.Signaled():
			return Status{Code: 128 + int(ws.Signal()), Signal: ws.Signal()}
		default: // stopped; on macOS, Stopped is false for SIGSTOP
			p.stopAlong()
		}
	}
}

// stopAlong stops this process if the command is stopped. Ctrl-Z stops both; then stopAlong runs
// only after `fg` has continued both, and does nothing. Without a shell with job control it does
// nothing either, because nothing would continue this process.
func (p *process) stopAlong() {
	if foreground() && processtable.Stopped(p.Pid) {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGSTOP)
	}
}

// foreground reports whether our process group is the foreground group of a terminal with a shell.
func foreground() bool {
	tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer unix.Close(tty)
	group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	sid, sidErr := unix.Getsid(0)
	return err == nil && group == unix.Getpgrp() && sidErr == nil && sid != unix.Getpgrp()
}

// signal sends s. A stopped command receives signals only when it continues, so signal also
// continues a command that should end.
func (p *process) signal(s os.Signal) {
	_ = p.Signal(s)
	if (s == syscall.SIGTERM || s == syscall.SIGHUP) && processtable.Stopped(p.Pid) {
		_ = p.Signal(syscall.SIGCONT)
	}
}

func (p *process) terminate() { p.signal(syscall.SIGTERM) }
func (p *process) kill()      { p.signal(syscall.SIGKILL) }

// catcher catches the signals that must not end this process while the command runs.
type catcher struct {
	forward, drop chan os.Signal
	done          func() // undoes term.AllowSIGQUIT
}

// catch starts a catcher. SIGINT and SIGQUIT are dropped, because the terminal sends them to the
// command too. They are caught and not ignored, because a command inherits ignored signals.
// SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 reach only this process and are passed on. A signal that was
// ignored when this process started (nohup) stays ignored. All other signals keep their default
// effect.
func catch() *catcher {
	c := &catcher{forward: make(chan os.Signal, 16), drop: make(chan os.Signal, 1)}
	take(c.forward, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	take(c.drop, syscall.SIGINT, syscall.SIGQUIT)
	c.done = term.AllowSIGQUIT()
	return c
}

func take(c chan<- os.Signal, signals ...os.Signal) {
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
}

func (c *catcher) stop() {
	c.done()
	signal.Stop(c.forward)
	signal.Stop(c.drop)
}

// Die ends this process with signal s, which ended the command. So a shell or a script sees the
// command's status. It returns only if s did not end the process.
func Die(s Signal) { term.Die(s) }
