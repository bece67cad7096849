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

// partEnv is the variable that selects what the test binary does when a test starts it again.
const partEnv = "TERM_TEST_PART"

// quickExit prevents the race detector from waiting a second before each exit.
const quickExit = "GORACE=atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	switch os.Getenv(partEnv) {
	case "":
		if signal.Ignored(syscall.SIGHUP) { // as under nohup; a signal that is caught here is not ignored in child processes
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
		SilenceStackTraces()
		line, err := ReadPassword("key: ")
		fmt.Printf("got %q %v\n", line, err)
	case "interrupted": // by a program that waits for this signal
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
		line, err := ReadPassword("key: ")
		fmt.Printf("got %q %v\n", line, err)
	case "confirm":
		yes, err := Confirm("sure?")
		fmt.Printf("got %v %v\n", yes, err)
	case "terminal":
		fmt.Printf("got %v %v %v\n", HasTerminal(), Interactive(func(string) string { return "" }), IsTerminal(os.Stdin))
	case "background": // another process group has the terminal
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

// session is a test part that runs on a new terminal.
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

// await waits until text has appeared n times.
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
	err := s.cmd.Wait()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		s.t.Fatal(err)
	}
	status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		s.t.Fatal("no wait status")
	}
	return status
}
