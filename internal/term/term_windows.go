package term

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/windows"
	xterm "golang.org/x/term"
)

// controlC is the exit code of a process ended by Ctrl-C (STATUS_CONTROL_C_EXIT).
const controlC = 0xC000013A

func handle(f *os.File) windows.Handle { return windows.Handle(f.Fd()) }

// modes are a console's modes.
type modes = xterm.State

const setTermios = 0 // there is no second request

func getModes(f *os.File) (m *modes, err error) {
	err = WithDescriptor(f, func(fd int) (err error) {
		m, err = xterm.GetState(fd)
		return err
	})
	return m, err
}

func setModes(f *os.File, _ uint, m *modes) error {
	return WithDescriptor(f, func(fd int) error { return xterm.Restore(fd, m) })
}

// inBackground returns false: Windows has no job control.
func inBackground(*os.File) bool { return false }

func openTerminal() (in, out *os.File, err error) {
	if in, err = os.OpenFile("CONIN$", os.O_RDWR, 0); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNoTerminal, err)
	}
	if out, err = os.OpenFile("CONOUT$", os.O_RDWR, 0); err != nil {
		_ = in.Close()
		return nil, nil, fmt.Errorf("%w: %w", ErrNoTerminal, err)
	}
	return in, out, nil
}

func readSilently(ctx context.Context, in, out *os.File, prompt string) ([]byte, error) {
	var before uint32
	if err := windows.GetConsoleMode(handle(in), &before); err != nil {
		return nil, err
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)

	silent := before&^windows.ENABLE_ECHO_INPUT |
		windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_LINE_INPUT
	if err := windows.SetConsoleMode(handle(in), silent); err != nil {
		return nil, err
	}
	restore := func() {
		_ = windows.FlushConsoleInputBuffer(handle(in))
		_ = windows.SetConsoleMode(handle(in), before)
		_, _ = io.WriteString(out, "\n")
	}
	if _, err := io.WriteString(out, prompt); err != nil {
		restore()
		return nil, err
	}
	typed := readInBackground(in)
	select {
	case <-interrupts:
		restore()
		windows.ExitProcess(controlC)
		return nil, io.ErrUnexpectedEOF // not reached
	case <-ctx.Done():
		restore()
		return nil, ctx.Err()
	case line := <-typed:
		select { // Ctrl-C makes the read fail before the signal arrives
		case <-interrupts:
			restore()
			windows.ExitProcess(controlC)
		default:
		}
		restore()
		return line.text, line.err
	}
}

// SilenceStackTraces does nothing: Windows has no signals on which the Go runtime prints stacks.
func SilenceStackTraces() {}

// AllowSIGQUIT does nothing on Windows.
func AllowSIGQUIT() (done func()) { return func() {} }
