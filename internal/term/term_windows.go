package term

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/windows"
)

// controlC is the exit code of a process ended by Ctrl-C (STATUS_CONTROL_C_EXIT).
const controlC = 0xC000013A

func handle(f *os.File) windows.Handle { return windows.Handle(f.Fd()) }

func isTerminal(f *os.File) bool {
	var mode uint32
	return windows.GetConsoleMode(handle(f), &mode) == nil
}

func width(f *os.File) (int, error) {
	var info windows.ConsoleScreenBufferInfo
	if err := windows.GetConsoleScreenBufferInfo(handle(f), &info); err != nil {
		return 0, err
	}
	return int(info.Window.Right-info.Window.Left) + 1, nil
}

// A State is a terminal's saved modes.
type State struct {
	f    *os.File
	mode uint32
}

// Save returns the modes of the terminal f, which must stay open until the last Restore. It fails
// if f is not a terminal.
func Save(f *os.File) (*State, error) {
	s := &State{f: f}
	if err := windows.GetConsoleMode(handle(f), &s.mode); err != nil {
		return nil, fmt.Errorf("modes of the terminal: %w", err)
	}
	return s, nil
}

// Changed reports whether the terminal's modes differ from the saved ones. It returns false for a
// nil State.
func (s *State) Changed() bool {
	if s == nil {
		return false
	}
	var now uint32
	return windows.GetConsoleMode(handle(s.f), &now) == nil && now != s.mode
}

// Restore restores the modes, for instance after a full-screen program was killed. It does nothing
// for a nil State.
func (s *State) Restore() error {
	if s == nil {
		return nil
	}
	if err := windows.SetConsoleMode(handle(s.f), s.mode); err != nil {
		return fmt.Errorf("restore the terminal: %w", err)
	}
	return nil
}

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
	before, err := Save(in)
	if err != nil {
		return nil, err
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)

	silent := before.mode&^windows.ENABLE_ECHO_INPUT |
		windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_LINE_INPUT
	if err := windows.SetConsoleMode(handle(in), silent); err != nil {
		return nil, err
	}
	restore := func() {
		_ = windows.FlushConsoleInputBuffer(handle(in))
		_ = before.Restore()
		_, _ = io.WriteString(out, "\n")
	}
	if _, err := io.WriteString(out, prompt); err != nil {
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
	select {
	case <-interrupts:
		restore()
		windows.ExitProcess(controlC)
		return nil, io.ErrUnexpectedEOF // not reached
	case <-ctx.Done():
		restore()
		return nil, ctx.Err()
	case r := <-done:
		select { // a read that Ctrl-C interrupts fails before the signal arrives
		case <-interrupts:
			restore()
			windows.ExitProcess(controlC)
		default:
		}
		restore()
		return r.line, r.err
	}
}

// SilenceStackTraces does nothing: Windows has no signals on which the Go runtime prints stacks.
func SilenceStackTraces() {}

// AllowSIGQUIT does nothing on Windows.
func AllowSIGQUIT() (done func()) { return func() {} }
