//go:build linux || darwin

package term

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

func isTerminal(f *os.File) bool {
	_, err := getModes(f)
	return err == nil
}

func width(f *os.File) (int, error) {
	var size *unix.Winsize
	err := control(f, func(fd int) (err error) {
		size, err = unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(size.Col), nil
}

// control runs call with the descriptor of f, without changing f: File.Fd would make it blocking
// for everybody who shares it.
func control(f *os.File, call func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = call(int(fd)) }); err != nil {
		return err
	}
	return inner
}

func getModes(f *os.File) (modes *unix.Termios, err error) {
	err = control(f, func(fd int) (err error) {
		modes, err = unix.IoctlGetTermios(fd, getTermios)
		return err
	})
	return modes, err
}

func setModes(f *os.File, request uint, modes *unix.Termios) error {
	return control(f, func(fd int) error { return unix.IoctlSetTermios(fd, request, modes) })
}

// A State is a terminal's saved modes.
type State struct {
	f     *os.File
	modes unix.Termios
}

// Save returns the modes of the terminal f, which must stay open until the last Restore. It fails
// if f is not a terminal.
func Save(f *os.File) (*State, error) {
	modes, err := getModes(f)
	if err != nil {
		return nil, fmt.Errorf("modes of the terminal: %w", err)
	}
	return &State{f: f, modes: *modes}, nil
}

// Changed reports whether the terminal's modes differ from the saved ones. It returns false for a
// nil State.
func (s *State) Changed() bool {
	if s == nil {
		return false
	}
	now, err := getModes(s.f)
	return err == nil && *now != s.modes
}

// Restore restores the modes, for instance after a full-screen program was killed. It does nothing
// if this process is in the background: another process then has the terminal, and changing it
// would stop this one (SIGTTOU). It does nothing for a nil State.
func (s *State) Restore() error {
	if s == nil {
		return nil
	}
	var group int
	err := control(s.f, func(fd int) (err error) {
		group, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err
	})
	if err == nil && group != unix.Getpgrp() {
		return nil
	}
	if err := setModes(s.f, setTermios, &s.modes); err != nil {
		return fmt.Errorf("restore the terminal: %w", err)
	}
	return nil
}

func openTerminal() (in, out *os.File, err error) {
	// Without O_NONBLOCK and os.OpenFile's poller: macOS can't poll /dev/tty.
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNoTerminal, err)
	}
	tty := os.NewFile(uintptr(fd), "/dev/tty")
	return tty, tty, nil
}

// readSilently reads one line from in without echo. It is long because what it changes on the terminal
// is put back in one place, whichever way it ends.
func readSilently(ctx context.Context, in, out *os.File, prompt string) ([]byte, error) {
	before, err := getModes(in)
	if err != nil {
		return nil, err
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	silent.Lflag |= unix.ICANON | unix.ISIG
	silent.Iflag |= unix.ICRNL

	// Registered before the echo is turned off, so that no signal is lost in between. A signal that
	// is ignored (nohup) stays ignored.
	signals := make(chan os.Signal, 4)
	for _, sig := range []os.Signal{
		unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGTSTP,
	} {
		if !signal.Ignored(sig) {
			signal.Notify(signals, sig)
		}
	}
	defer signal.Stop(signals)
	defer AllowSIGQUIT()()

	ask := func() error {
		if err := setModes(in, setTermios, &silent); err != nil {
			return err
		}
		_, err := io.WriteString(out, prompt)
		return err
	}
	restore := func() {
		_ = setModes(in, setTermiosFlush, before)
		_, _ = io.WriteString(out, "\n") // replaces the newline that was not echoed
	}
	if err := ask(); err != nil {
		restore()
		return nil, err
	}
	type result struct {
		line []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		line, err := readLine(in)
		done <- result{line, err}
	}()
	for {
		select {
		case r := <-done:
			restore()
			return r.line, r.err
		case <-ctx.Done():
			restore()
			return nil, ctx.Err()
		case sig := <-signals:
			restore()
			if s, ok := sig.(syscall.Signal); ok && s != unix.SIGTSTP {
				Die(s)
				os.Exit(128 + int(s))
			}
			pause()
			if err := ask(); err != nil {
				return nil, err
			}
		}
	}
}

// pause stops this process, as Ctrl-Z does by default, and returns when it is continued.
func pause() {
	again := make(chan os.Signal, 1)
	signal.Notify(again, unix.SIGCONT)
	defer signal.Stop(again)
	_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
	<-again
}
