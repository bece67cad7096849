// Package term handles terminals. It asks the user for an answer or a secret, saves and restores
// the modes of a terminal, and ends the process by a signal.
//
// Questions are written to the controlling terminal, since standard input and output are for data.
// A typed secret is never echoed, logged or stored.
package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	xterm "golang.org/x/term"
)

// ErrNoTerminal means that this process has no terminal to ask on.
var ErrNoTerminal = errors.New("no terminal to ask on")

// maxLine limits one typed line, in bytes. Unix terminals stop at 4096.
const maxLine = 1 << 16

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool {
	_, err := getModes(f)
	return err == nil
}

// Width returns the number of columns of the terminal f. It returns 80 if f is not a terminal or
// does not report its size.
func Width(f *os.File) int {
	if width, _, err := Size(f); err == nil && width > 0 {
		return width
	}
	return 80
}

// Size returns the size of the terminal f, in characters.
func Size(f *os.File) (width, height int, err error) {
	err = WithDescriptor(f, func(fd int) (err error) {
		width, height, err = xterm.GetSize(fd)
		return err
	})
	return width, height, err
}

// WithDescriptor runs call with the descriptor of f. File.Fd would make f blocking, even for other
// processes that share it.
func WithDescriptor(f *os.File, call func(fd int) error) error {
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

// A State is a terminal's saved modes.
type State struct {
	f     *os.File
	modes modes
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

// Changed reports whether the terminal's modes differ from the saved modes. It returns false for a
// nil State.
func (s *State) Changed() bool {
	if s == nil {
		return false
	}
	now, err := getModes(s.f)
	return err == nil && *now != s.modes
}

// Restore restores the modes, for example after a full-screen program was killed. It does nothing
// if this process is in the background: a change of the terminal would stop this process (SIGTTOU).
// It does nothing for a nil State.
func (s *State) Restore() error {
	if s == nil || inBackground(s.f) {
		return nil
	}
	if err := setModes(s.f, setTermios, &s.modes); err != nil {
		return fmt.Errorf("restore the terminal: %w", err)
	}
	return nil
}

// HasDisplay reports whether a window can ask the user. On Unix, that needs DISPLAY or
// WAYLAND_DISPLAY; macOS and Windows have a display except in an SSH session. getenv is [os.Getenv]
// or a substitute.
func HasDisplay(getenv func(string) string) bool { return hasDisplay(runtime.GOOS, getenv) }

func hasDisplay(goos string, getenv func(string) string) bool {
	local := getenv("SSH_CONNECTION") == "" && getenv("SSH_TTY") == ""
	return getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != "" || local && (goos == "darwin" || goos == "windows")
}

// HasTerminal reports whether this process has a controlling terminal, even if its standard streams
// are not terminals.
func HasTerminal() bool {
	in, _, err := openTerminal()
	if err != nil {
		return false
	}
	_ = in.Close()
	return true
}

// Interactive reports whether a user may be present to answer, at a display or a terminal.
func Interactive(getenv func(string) string) bool { return HasDisplay(getenv) || HasTerminal() }

// ReadPassword writes prompt to the controlling terminal and reads one line from it without echo.
// The result excludes the newline. Ctrl-C, or another signal that ends a process, restores the echo
// and then has its usual effect. Ctrl-Z restores the echo while the process is stopped.
//
// Input after the line is discarded: the rest of a pasted secret must not reach the shell. Errors:
// [ErrNoTerminal]; [io.EOF] if input ended (Ctrl-D) before anything was typed.
func ReadPassword(prompt string) ([]byte, error) {
	return ReadPasswordContext(context.Background(), prompt)
}

// ReadPasswordContext is like [ReadPassword], but returns ctx's error when ctx ends. It restores
// the terminal, but the abandoned read may still consume the next line that is typed.
func ReadPasswordContext(ctx context.Context, prompt string) ([]byte, error) {
	in, out, err := openTerminal()
	if err != nil {
		return nil, err
	}
	defer closeBoth(in, out)
	line, err := readSilently(ctx, in, out, prompt)
	if err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil {
		return nil, fmt.Errorf("read from the terminal: %w", err)
	}
	return line, err
}

// Confirm writes prompt and " [y/N] " to the controlling terminal, and reports whether the answer
// was y or yes. An empty answer and the end of input mean no. Without a terminal the error is
// [ErrNoTerminal].
func Confirm(prompt string) (bool, error) {
	in, out, err := openTerminal()
	if err != nil {
		return false, err
	}
	defer closeBoth(in, out)
	if _, err := io.WriteString(out, prompt+" [y/N] "); err != nil {
		return false, fmt.Errorf("write to the terminal: %w", err)
	}
	line, err := readLine(in)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read from the terminal: %w", err)
	}
	answer := strings.ToLower(strings.TrimSpace(string(line)))
	return answer == "y" || answer == "yes", nil
}

// Reset undoes the changes of a full-screen program that was killed. It leaves the alternate
// screen, shows the cursor, and turns off colours, mouse reports, bracketed paste and the keyboard
// protocol.
func Reset() {
	if _, out, err := openTerminal(); err == nil {
		_, _ = io.WriteString(out, reset)
		_ = out.Close()
	}
}

// reset has control sequences of xterm, and of kitty for the keyboard.
const reset = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[<u\x1b[?1049l\x1b[0m\x1b[?25h"

func closeBoth(in, out *os.File) {
	_ = in.Close()
	if out != in {
		_ = out.Close()
	}
}

// A typedLine is the result of readLine.
type typedLine struct {
	text []byte
	err  error
}

// readInBackground calls readLine in a goroutine. The channel receives one value.
func readInBackground(r io.Reader) <-chan typedLine {
	typed := make(chan typedLine, 1)
	go func() {
		text, err := readLine(r)
		typed <- typedLine{text, err}
	}()
	return typed
}

// readLine reads one line. It reads single bytes, so that it consumes nothing after the line. At
// the end of input it returns the bytes so far, or io.EOF if there are none.
func readLine(r io.Reader) ([]byte, error) {
	var line []byte
	var b [1]byte
	for {
		n, err := r.Read(b[:])
		switch {
		case n == 1 && b[0] == '\n':
			if l := len(line); l > 0 && line[l-1] == '\r' {
				line = line[:l-1]
			}
			return line, nil
		case n == 1:
			if len(line) == maxLine {
				return nil, fmt.Errorf("a line of more than %d bytes", maxLine)
			}
			line = append(line, b[0])
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		case err != nil:
			return nil, err
		}
	}
}
