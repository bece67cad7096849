package process

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// With the argument standIn, the test binary waits until its standard input is closed. With a
// second argument it first prints the result of Lookup for its parent.
const standIn = "process-test-stand-in"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == standIn {
		if len(os.Args) > 2 {
			info, err := Lookup(os.Getppid())
			if err != nil {
				_, _ = io.WriteString(os.Stdout, err.Error()+"\n")
			}
			_, _ = io.WriteString(os.Stdout, info.Start+"\n")
		}
		_, _ = io.WriteString(os.Stdout, "ready\n")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// start starts the test binary with standIn, and returns the lines that it printed before "ready".
func start(t *testing.T, cmd *exec.Cmd) (lines []string, end func()) {
	t.Helper()
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // otherwise the race detector waits a second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	t.Cleanup(end)
	scan := bufio.NewScanner(out)
	for scan.Scan() {
		if scan.Text() == "ready" {
			return lines, end
		}
		lines = append(lines, scan.Text())
	}
	t.Fatalf("the stand-in ended early, after %q", lines)
	return nil, nil
}

func TestLookupSelf(t *testing.T) {
	info, err := Lookup(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if info.PID != os.Getpid() || info.PPID != os.Getppid() || info.Start == "" {
		t.Errorf("got %+v", info)
	}
	if want := filepath.Base(self(t)); info.Name != want {
		t.Errorf("name %q, want %q", info.Name, want)
	}
	if !slices.Equal(info.Args, os.Args) {
		t.Errorf("arguments %q, want %q", info.Args, os.Args)
	}
	again, err := Lookup(os.Getpid())
	if err != nil || again.Start != info.Start || again.Image != info.Image {
		t.Errorf("the second Lookup returns %+v, %v", again, err)
	}
	if !Alive(os.Getpid(), info.Start) || !Alive(os.Getpid(), "") {
		t.Error("Alive returns false for this process")
	}
}

func TestSeenByAnother(t *testing.T) {
	info, err := Lookup(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	lines, _ := start(t, exec.Command(self(t), standIn, "look"))
	if !slices.Equal(lines, []string{info.Start}) {
		t.Fatalf("a child sees %q, we see %q", lines, info.Start)
	}
}

func TestLifeOfAChild(t *testing.T) {
	cmd := exec.Command(self(t), standIn)
	_, end := start(t, cmd)
	pid := cmd.Process.Pid
	info, err := Lookup(pid)
	if err != nil {
		t.Fatal(err)
	}
	if info.PPID != os.Getpid() {
		t.Errorf("its parent is %d, want %d", info.PPID, os.Getpid())
	}
	own, err := Lookup(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if own.Image != "" && own.Image == info.Image {
		t.Error("a child has its parent's image after an exec")
	}
	if !Alive(pid, info.Start) {
		t.Error("Alive returns false for a running child")
	}
	if Alive(pid, own.Start) {
		t.Error("Alive returns true with another start identity")
	}
	end()
	if Alive(pid, info.Start) {
		t.Error("Alive returns true for an ended child")
	}
	if _, err := Lookup(pid); !errors.Is(err, ErrNotExist) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("looking up an ended child: %v", err)
	}
}

func TestNoSuchProcess(t *testing.T) {
	for _, pid := range []int{0, -1, 1<<31 - 2} {
		if info, err := Lookup(pid); !errors.Is(err, ErrNotExist) {
			t.Errorf("Lookup(%d) = %+v, %v", pid, info, err)
		}
		if Alive(pid, "x") || Alive(pid, "") {
			t.Errorf("Alive returns true for process %d", pid)
		}
	}
}

func TestErrorNamesThePID(t *testing.T) {
	_, err := Lookup(1<<31 - 2)
	if err == nil || !strings.Contains(err.Error(), "2147483646") {
		t.Fatalf("got %v", err)
	}
}

func BenchmarkLookup(b *testing.B) {
	for b.Loop() {
		if _, err := Lookup(os.Getpid()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAlive(b *testing.B) {
	info, err := Lookup(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !Alive(info.PID, info.Start) {
			b.Fatal("dead on " + runtime.GOOS)
		}
	}
}
