//go:build linux || darwin

package term

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// The test binary, started again with this variable, plays one of these parts.
const partEnv = "TERM_TEST_PART"

// quickExit keeps the race detector from waiting a second at each exit.
const quickExit = "GORACE=atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	switch os.Getenv(partEnv) {
	case "":
		if signal.Ignored(syscall.SIGHUP) { // under nohup; caught here, it has its default effect again in what we start
			signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
		}
		os.Exit(m.Run())
	case "password":
		line, err := ReadPassword("key: ")
		fmt.Printf("got %q %v\n", line, err)
	case "deadline":
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		line, err := ReadPasswordContext(ctx, "key: ")
		fmt.Printf("got %q %v\n", line, err)
	case "quiet":
		Quiet()
		line, err := ReadPassword("key: ")
		fmt.Printf("got %q %v\n", line, err)
	case "interrupted": // by a program that waits for the signal itself
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
		line, err := ReadPassword("key: ")
		fmt.Printf("got %q %v\n", line, err)
	case "confirm":
		yes, err := Confirm("sure?")
		fmt.Printf("got %v %v\n", yes, err)
	case "terminal":
		fmt.Printf("got %v %v %v\n", HasTerminal(), Interactive(func(string) string { return "" }), IsTerminal(os.Stdin))
	case "background": // another process group gets the terminal
		state, err := Save(os.Stdin)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		other := exec.Command("/bin/cat")
		in, err := other.StdinPipe()
		other.SysProcAttr = &syscall.SysProcAttr{Foreground: true, Ctty: 0}
		if err == nil {
			err = other.Start()
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("got", state.Restore())
		_ = in.Close()
		_ = other.Wait()
	case "sleeper":
		select {}
	}
	os.Exit(0)
}

// session is a part that runs on a terminal of its own.
type session struct {
	t        *testing.T
	cmd      *exec.Cmd
	master   *os.File
	terminal *os.File
	mu       sync.Mutex
	out      bytes.Buffer
	more     chan struct{}
}

func part(t *testing.T, name string) *session {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	master, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, cmd: exec.Command(exe), master: master, terminal: terminal, more: make(chan struct{}, 1)}
	s.cmd.Env = append(os.Environ(), partEnv+"="+name, quickExit)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = terminal, terminal, terminal
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 1024)
		for {
			n, err := master.Read(buf)
			s.mu.Lock()
			s.out.Write(buf[:n])
			s.mu.Unlock()
			select {
			case s.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		_ = terminal.Close()
		_ = master.Close()
	})
	return s
}

func (s *session) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// await waits until text was shown n times.
func (s *session) await(text string, n int) {
	s.t.Helper()
	limit := time.After(20 * time.Second)
	for strings.Count(s.shown(), text) < n {
		select {
		case <-s.more:
		case <-limit:
			s.t.Fatalf("%q was not shown %d times: %q", text, n, s.shown())
		}
	}
}

func (s *session) write(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.master, text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) echo() bool {
	s.t.Helper()
	modes, err := getModes(s.terminal)
	if err != nil {
		s.t.Fatal(err)
	}
	return modes.Lflag&unix.ECHO != 0
}

func (s *session) wait() syscall.WaitStatus {
	s.t.Helper()
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		s.t.Fatal("no wait status")
	}
	return status
}

func TestReadPassword(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"a line", "marker one\n", `got "marker one" <nil>`},
		{"return", "marker\r", `got "marker" <nil>`},
		{"corrected", "markerx\x7f\n", `got "marker" <nil>`},
		{"nothing", "\n", `got "" <nil>`},
		{"end of input", "\x04", `got "" EOF`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := part(t, "password")
			s.await("key: ", 1)
			if s.echo() {
				t.Error("the echo is on while a secret is read")
			}
			s.write(tt.in)
			s.await("got ", 1)
			s.await("\n", 2)
			if status := s.wait(); status.ExitStatus() != 0 {
				t.Errorf("ended with %v", status)
			}
			if !s.echo() {
				t.Error("the echo is off afterwards")
			}
			before, after, _ := strings.Cut(s.shown(), "got ")
			if !strings.Contains("got "+after, tt.want) {
				t.Errorf("shown: %q", s.shown())
			}
			if before != "key: \r\n" {
				t.Errorf("shown before the answer: %q", before)
			}
		})
	}
}

// The rest of what was pasted does not wait for the shell.
func TestReadPasswordDropsTheRest(t *testing.T) {
	s := part(t, "password")
	s.await("key: ", 1)
	s.write("marker\nrm -rf x\n")
	s.await("got ", 1)
	s.wait()
	if pending, err := pendingInput(s.terminal); err != nil || pending != 0 {
		t.Fatalf("%d bytes are waiting, %v", pending, err)
	}
}

func pendingInput(f *os.File) (n int, err error) {
	err = control(f, func(fd int) (err error) {
		n, err = unix.IoctlGetInt(fd, fionread)
		return err
	})
	return n, err
}

func TestSignalsRestoreTheEcho(t *testing.T) {
	for _, tt := range []struct {
		part, key string
		sig       syscall.Signal
	}{
		{"password", "\x03", syscall.SIGINT},
		{"interrupted", "\x03", syscall.SIGINT},
		{"password", "", syscall.SIGTERM},
		{"password", "", syscall.SIGHUP},
		{"password", "\x1c", syscall.SIGQUIT},
		{"quiet", "\x1c", syscall.SIGQUIT},
		{"quiet", "\x03", syscall.SIGINT},
	} {
		t.Run(tt.part+" "+tt.sig.String(), func(t *testing.T) {
			s := part(t, tt.part)
			s.await("key: ", 1)
			if s.echo() {
				t.Error("the echo is on while a secret is read")
			}
			if tt.key != "" {
				s.write("cana" + tt.key)
			} else if err := s.cmd.Process.Signal(tt.sig); err != nil {
				t.Fatal(err)
			}
			if status := s.wait(); !status.Signaled() || status.Signal() != tt.sig {
				t.Errorf("ended with %v", status)
			}
			if !s.echo() {
				t.Error("the echo is off afterwards")
			}
			if out := s.shown(); strings.Contains(out, "cana") || strings.Contains(out, "got") || strings.Contains(out, "goroutine") {
				t.Errorf("shown: %q", out)
			}
		})
	}
}

// Nobody answers: it ends with its context, and puts the echo back first.
func TestDeadlineRestoresTheEcho(t *testing.T) {
	s := part(t, "deadline")
	s.await(`got "" context deadline exceeded`, 1)
	s.wait()
	if !s.echo() {
		t.Error("the echo is off afterwards")
	}
}

func TestStopAndGoOn(t *testing.T) {
	s := part(t, "password")
	s.await("key: ", 1)
	s.write("\x1a")
	var status unix.WaitStatus
	if _, err := unix.Wait4(s.cmd.Process.Pid, &status, unix.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("status %v, %v", status, err)
	}
	if !s.echo() {
		t.Error("the echo is off while it is stopped")
	}
	if err := s.cmd.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.await("key: ", 2)
	if s.echo() {
		t.Error("the echo is on after it went on")
	}
	s.write("marker\n")
	s.await(`got "marker" <nil>`, 1)
	s.wait()
	if !s.echo() {
		t.Error("the echo is off afterwards")
	}
}

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

	// Without one there is nobody to ask.
	for name, want := range map[string]string{
		"terminal": "got false false false",
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
		t.Error("a terminal is said to be none")
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

// A process in the background must not touch the terminal, and is told so by an
// error or a stop where it tries.
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
	raw := *before
	raw.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
	raw.Oflag &^= unix.OPOST
	if err := setModes(s.terminal, setTermios, &raw); err != nil {
		t.Fatal(err)
	}
	// It is the terminal of another session: we can't ask for its foreground
	// group, and nobody stops us.
	if err := state.Restore(); err != nil {
		t.Fatal(err)
	}
	after, err := getModes(s.terminal)
	if err != nil {
		t.Fatal(err)
	}
	if *after != *before {
		t.Errorf("got %+v, want %+v", after, before)
	}
}
