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

// modes are a terminal's modes.
type modes = unix.Termios

func getModes(f *os.File) (m *modes, err error) {
	err = WithDescriptor(f, func(fd int) (err error) {
		m, err = unix.IoctlGetTermios(fd, getTermios)
		return err
	})
	if err == nil {
		m.Lflag &^= pending
	}
	return m, err
}

func setModes(f *os.File, request uint, m *modes) error {
	return WithDescriptor(f, func(fd int) error { return unix.IoctlSetTermios(fd, request, m) })
}

// inBackground reports whether another process group has the terminal f.
func inBackground(f *os.File) bool {
	var group int
	err := WithDescriptor(f, func(fd int) (err error) {
		group, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err
	})
	return err == nil && group != unix.Getpgrp()
}

func openTerminal() (in, out *os.File, err error) {
	// Open it without O_NONBLOCK and the poller of os.OpenFile: macOS can't poll /dev/tty.
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNoTerminal, err)
	}
	tty := os.NewFile(uintptr(fd), "/dev/tty")
	return tty, tty, nil
}

// readSilently reads one line from in without echo. It is one long function, so that one closure
// restores the terminal at every return.
func readSilently(ctx context.Context, in, out *os.File, prompt string) ([]byte, error) {
	before, err := getModes(in)
	if err != nil {
		return nil, err
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	silent.Lflag |= unix.ICANON | unix.ISIG
	silent.Iflag |= unix.ICRNL

	// Register before the echo is turned off, so that no signal is missed. A signal that is ignored
	// (nohup) stays ignored.
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
	typed := readInBackground(in)
	for {
		select {
		case line := <-typed:
			restore()
			return line.text, line.err
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
