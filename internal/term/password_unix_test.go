//go:build linux || darwin

package term

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

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

// ReadPassword discards the rest of a pasted text, so it does not reach the shell.
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
	err = WithDescriptor(f, func(fd int) (err error) {
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
			if status := s.wait(); !endedBy(status, tt.sig) {
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

// endedBy reports whether sig ended a process. On macOS it checks the exit code, for a signal on
// which the Go runtime prints a stack.
func endedBy(status syscall.WaitStatus, sig syscall.Signal) bool {
	if runtime.GOOS == "darwin" && sig == syscall.SIGQUIT {
		return status.Exited() && status.ExitStatus() == 128+int(sig)
	}
	return status.Signaled() && status.Signal() == sig
}

// When the context ends before the user answers, the read restores the echo and fails.
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
	if _, err := unix.Wait4(s.cmd.Process.Pid, &status, unix.WUNTRACED, nil); err != nil || status&0x7f != 0x7f { // on macOS, Stopped is false for SIGSTOP
		t.Fatalf("status %v, %v", status, err)
	}
	if !s.echo() {
		t.Error("the echo is off while the process is stopped")
	}
	if err := s.cmd.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.await("key: ", 2)
	if s.echo() {
		t.Error("the echo is on after the process was continued")
	}
	s.write("marker\n")
	s.await(`got "marker" <nil>`, 1)
	s.wait()
	if !s.echo() {
		t.Error("the echo is off afterwards")
	}
}
