package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// A zombie has an entry but is not alive.
func TestZombie(t *testing.T) {
	cmd := exec.Command(self(t), standIn)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	info, err := Lookup(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	// Wait until the process has ended, but leave its entry in the table (waitid(2), WNOWAIT).
	const pPID, wExited, wNoWait = 1, 4, 0x01000000
	var siginfo [128]byte
	if _, _, errno := syscall.Syscall6(syscall.SYS_WAITID, pPID, uintptr(pid),
		uintptr(unsafe.Pointer(&siginfo[0])), wExited|wNoWait, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	if Alive(pid, info.Start) || Alive(pid, "") {
		t.Error("Alive returns true for a zombie")
	}
	if z, err := Lookup(pid); err != nil || z.Start != info.Start || z.Args != nil {
		t.Errorf("a zombie's entry: %+v, %v", z, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if Alive(pid, info.Start) {
		t.Error("Alive returns true for a process that was waited for")
	}
}

// Forked copies of a shell have the same image. Programs that the shell executes have another one.
func TestImage(t *testing.T) {
	sh := exec.Command("/bin/sh", "-c", `
		cat /proc/$$/stat
		(read line </proc/self/stat; echo "$line")
		cat /proc/self/stat
		sh -c 'read line </proc/self/stat; echo "$line"; true'
	`)
	out, err := sh.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 4 {
		t.Fatalf("got %q", out)
	}
	var stats []stat
	for _, l := range lines {
		s, err := parseStat([]byte(l))
		if err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		if s.image == "" {
			t.Fatalf("%q has no image", l)
		}
		stats = append(stats, s)
	}
	shell, fork, cat, again := stats[0], stats[1], stats[2], stats[3]
	if fork.pid == shell.pid || fork.image != shell.image {
		t.Errorf("a subshell: %+v of %+v", fork, shell)
	}
	if cat.image == shell.image || again.image == shell.image {
		t.Errorf("executed: %+v and %+v of %+v", cat, again, shell)
	}
}

// This test uses names that the kernel truncates, and names that look like the fields after the
// name.
func TestOddNames(t *testing.T) {
	for _, name := range []string{"a) Z 1 (b", "tool with spaces in its name", "exactly15bytes."} {
		exe := filepath.Join(t.TempDir(), name)
		if err := os.Symlink(self(t), exe); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(exe, standIn)
		start(t, cmd)
		info, err := Lookup(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		if info.Name != name || info.PPID != os.Getpid() || !Alive(info.PID, info.Start) {
			t.Errorf("%q: %+v", name, info)
		}
	}
}

func TestLongArguments(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	cmd := exec.Command(self(t), standIn)
	cmd.Args = append(cmd.Args, long, "", "end")
	start(t, cmd)
	info, err := Lookup(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(info.Args); n != 5 || info.Args[2] != long || info.Args[3] != "" || info.Args[4] != "end" {
		t.Fatalf("Lookup returned %d arguments", n)
	}
}

func TestOtherUsersProcess(t *testing.T) {
	info, err := Lookup(1)
	if err != nil {
		t.Fatal(err)
	}
	if info.Name == "" || !Alive(1, info.Start) || Alive(1, info.Start+"0") {
		t.Errorf("got %+v", info)
	}
}

func TestSameStart(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"b1-5", "b1-5", true},
		{"b1-5", "b1-6", false},
		{"b1-5", "b2-5", false},
		{"-5", "b2-5", true},
		{"b1-5", "-5", true},
		{"b1-5", "-6", false},
		{"b1", "b1-5", false},
	}
	for _, tt := range tests {
		if got := sameStart(tt.a, tt.b); got != tt.want {
			t.Errorf("%q and %q: %v", tt.a, tt.b, got)
		}
	}
	if boot := bootID(); len(boot) != 12 {
		t.Errorf("boot id %q", boot)
	}
	if id := startID(stat{start: strconv.Itoa(7)}); id != bootID()+"-7" {
		t.Errorf("start identity %q", id)
	}
}

// The leader of a session belongs to the session. The test starts a new session, because the leader
// of its own may be outside of the container, where it has no pid.
func TestSession(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if got := Session(cmd.Process.Pid); got != cmd.Process.Pid {
		t.Errorf("session %d, want %d", got, cmd.Process.Pid)
	}
	if Session(os.Getpid()) == cmd.Process.Pid {
		t.Error("the test is in its child's session")
	}
}
