// Package term is what ocgo-key needs of terminals: whether there is one, a
// question or a secret asked on it, and its modes kept and put back.
//
// Questions go to the controlling terminal itself, so that standard input and
// output stay free for data. What is typed is never echoed where it is secret,
// never logged and kept nowhere.
package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// ErrNoTerminal says that this process has no terminal to ask on.
var ErrNoTerminal = errors.New("no terminal to ask on")

// maxLine bounds one typed line, in bytes. Unix terminals stop at 4096.
const maxLine = 1 << 16

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool { return isTerminal(f) }

// Width is the number of columns of the terminal f, or 80 where f is none or
// does not know.
func Width(f *os.File) int {
	if n, err := width(f); err == nil && n > 0 {
		return n
	}
	return 80
}

// HasDisplay reports whether a person may be asked by a window: on Unix where
// DISPLAY or WAYLAND_DISPLAY is set, on macOS and Windows unless this is an SSH
// session. getenv is [os.Getenv] or a stand-in for it.
func HasDisplay(getenv func(string) string) bool { return hasDisplay(runtime.GOOS, getenv) }

func hasDisplay(goos string, getenv func(string) string) bool {
	if getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != "" {
		return true
	}
	if goos == "darwin" || goos == "windows" {
		return getenv("SSH_CONNECTION") == "" && getenv("SSH_TTY") == ""
	}
	return false
}

// HasTerminal reports whether this process has a controlling terminal, also
// where its standard streams are no terminals.
func HasTerminal() bool {
	in, _, err := openTerminal()
	if err != nil {
		return false
	}
	_ = in.Close()
	return true
}

// Interactive reports whether a person may be there to answer: by a display or
// at a terminal.
func Interactive(getenv func(string) string) bool {
	return HasDisplay(getenv) || HasTerminal()
}

// ReadPassword writes prompt to the controlling terminal and reads one line from
// it without echo, without the end of the line. Ctrl-C (and any other signal
// that ends a process) puts the echo back first and then ends the process as
// that signal does; Ctrl-Z puts it back for as long as the process is stopped.
//
// What was typed or pasted beyond the line is thrown away, so that the rest of a
// secret of several lines does not reach the shell. Errors: [ErrNoTerminal];
// [io.EOF] where input ended (Ctrl-D) before anything was typed.
func ReadPassword(prompt string) ([]byte, error) {
	return ReadPasswordContext(context.Background(), prompt)
}

// ReadPasswordContext is [ReadPassword] that gives up, with ctx's error, when ctx
// ends. The terminal is as it was then, but for the next line typed on it, which
// may be lost to this process.
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

// Confirm writes prompt and " [y/N] " to the controlling terminal and reports
// whether the answer was y or yes. An empty answer and the end of input are a no.
// The error is [ErrNoTerminal] where there is nobody to ask.
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

// Reset leaves the screen of a full-screen program that was killed and could not
// do so itself: the alternate screen, mouse reports, bracketed paste, the
// keyboard protocol and colours are given up, and the cursor shown.
func Reset() {
	if _, out, err := openTerminal(); err == nil {
		_, _ = io.WriteString(out, reset)
		_ = out.Close()
	}
}

// reset is made of xterm's control sequences, and kitty's for the keyboard.
const reset = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[<u\x1b[?1049l\x1b[0m\x1b[?25h"

func closeBoth(in, out *os.File) {
	_ = in.Close()
	if out != in {
		_ = out.Close()
	}
}

// readLine reads up to the end of a line, byte by byte, so that nothing behind
// it is taken. At the end of input it gives what there was, or io.EOF.
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
