//go:build linux || darwin

package term

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

func TestConfirm(t *testing.T) {
	for in, want := range map[string]string{
		"y\n": "got true", "YES \n": "got true", "n\n": "got false", "\n": "got false",
		"yep\n": "got false", "\x04": "got false",
	} {
		s := part(t, "confirm")
		s.await("sure? [y/N] ", 1)
		s.write(in)
		s.await(want+" <nil>", 1)
		s.wait()
	}
}

func TestTerminalOfOnesOwn(t *testing.T) {
	s := part(t, "terminal")
	s.await("got true true true", 1)

	// Without a terminal, ReadPassword and Confirm fail.
	for name, want := range map[string]string{
		"terminal": fmt.Sprintf("got false %v false", runtime.GOOS == "darwin"), // macOS has a display without a variable
		"password": `got "" no terminal to ask on`,
		"confirm":  "got false no terminal to ask on",
	} {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), partEnv+"="+name, quickExit)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
}

func TestWidth(t *testing.T) {
	master, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer closeBoth(master, terminal)
	if !IsTerminal(terminal) {
		t.Error("IsTerminal returns false for a terminal")
	}
	if got := Width(terminal); got != 80 {
		t.Errorf("a terminal without a size has %d columns", got)
	}
	if err := pty.Setsize(master, &pty.Winsize{Rows: 5, Cols: 123}); err != nil {
		t.Fatal(err)
	}
	if got := Width(terminal); got != 123 {
		t.Errorf("got %d columns", got)
	}
}

// A process in the background must not change the terminal: the system returns an error or stops
// the process.
func TestRestoreInTheBackground(t *testing.T) {
	s := part(t, "background")
	s.await("got <nil>", 1)
	if status := s.wait(); status.ExitStatus() != 0 {
		t.Errorf("ended with %v", status)
	}
}

func TestSaveAndRestore(t *testing.T) {
	s := part(t, "sleeper")
	state, err := Save(s.terminal)
	if err != nil {
		t.Fatal(err)
	}
	before, err := getModes(s.terminal)
	if err != nil {
		t.Fatal(err)
	}
	if state.Changed() {
		t.Error("the modes changed by themselves")
	}
	raw := *before
	raw.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
	raw.Oflag &^= unix.OPOST
	if err := setModes(s.terminal, setTermios, &raw); err != nil {
		t.Fatal(err)
	}
	if !state.Changed() {
		t.Error("the raw mode is no change")
	}
	// This is the terminal of another session. The system does not return its foreground group, and
	// does not stop this process.
	if err := state.Restore(); err != nil {
		t.Fatal(err)
	}
	after, err := getModes(s.terminal)
	if err != nil {
		t.Fatal(err)
	}
	if *after != *before || state.Changed() {
		t.Errorf("got %+v, want %+v", after, before)
	}
}
