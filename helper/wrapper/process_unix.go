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

// process is the command as it runs. It is waited for here and not through os/exec, which says
// nothing of a command that is stopped.
type process struct{ *os.Process }

func start(path string, c Command) (*process, error) {
	cmd := c.command(path)
	cmd.SysProcAttr = attributes()
	if err := secure.Starting(cmd.Start); err != nil {
		return nil, err
	}
	return &process{cmd.Process}, nil
}

func (p *process) pid() int { return p.Pid }

// wait returns how the command ended. While it is stopped by job control, so are we: else the shell
// that started us would wait for a command that waits for the shell.
func (p *process) wait() Status {
	for {
		var ws syscall.WaitStatus
		_, err := syscall.Wait4(p.Pid, &ws, unix.WUNTRACED, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil: // it was not ours to wait for: impossible, and no reason to wait for ever
			return Status{Code: 255}
		case ws.Exited():
			return Status{Code: ws.ExitStatus()}
		case ws.Signaled():
			return Status{Code: 128 + int(ws.Signal()), Signal: ws.Signal()}
		case ws.Stopped():
			p.stopAlong()
		}
	}
}

// stopAlong stops us when the command has stopped itself alone. A Ctrl-Z stops us both, and this
// runs only after `fg` has woken us both again: then the command is not stopped any more, and
// nothing is to be done. Without a shell that does job control nobody would wake us, and we keep
// going.
func (p *process) stopAlong() {
	if foreground() && processtable.Stopped(p.Pid) {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGSTOP)
	}
}

// foreground tells whether our process group has the terminal, and a shell that gave it to us.
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

// signal sends s. A command that is stopped hears only when it goes on, so one that is to end is
// woken.
func (p *process) signal(s os.Signal) {
	_ = p.Signal(s)
	if (s == syscall.SIGTERM || s == syscall.SIGHUP) && processtable.Stopped(p.Pid) {
		_ = p.Signal(syscall.SIGCONT)
	}
}

func (p *process) terminate() { p.signal(syscall.SIGTERM) }
func (p *process) kill()      { p.signal(syscall.SIGKILL) }

// catcher takes the signals that must not end us while the command runs.
type catcher struct {
	forward, drop chan os.Signal
	done          func() // of what else would end us at SIGQUIT
}

// catch starts it. The terminal sends SIGINT and SIGQUIT to the command itself, since it is in our
// process group: they are taken and dropped, not ignored, because a command inherits what is
// ignored. TERM, HUP, USR1 and USR2 come to us alone and are passed on. One that we were started
// with as ignored (nohup) stays so. All others, those of job control among them, keep their
// meaning.
func catch() *catcher {
	c := &catcher{forward: make(chan os.Signal, 16), drop: make(chan os.Signal, 1)}
	take(c.forward, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	take(c.drop, syscall.SIGINT, syscall.SIGQUIT)
	c.done = term.Sparing()
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

// Die ends this process by s, as the command ended, so that a shell or a script sees the same. It
// returns only if s did not end it.
func Die(s Signal) { term.Die(s) }
