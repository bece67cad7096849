package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestFlockers(t *testing.T) {
	locks := []byte("1: POSIX  ADVISORY  WRITE 11 08:01:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 12 08:01:77 0 EOF\n" +
		"2: -> FLOCK  ADVISORY  WRITE 13 08:01:77 0 EOF\n3: FLOCK  ADVISORY  WRITE 14 08:01:78 0 EOF\n4: FLOCK  ADVISORY  WRITE 0 08:01:77 0 EOF\nbroken\n")
	if got := flockers(locks, 77); len(got) != 1 || got[0] != 12 {
		t.Fatalf("flockers %v, want [12]", got)
	}
}

func TestLockHolders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := LockHolders(path); len(got) != 0 {
		t.Fatalf("%v are reported for a lock that no process holds", got)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	got := LockHolders(path)
	if len(got) != 1 || got[0].PID != os.Getpid() {
		t.Fatalf("holders %v, want this process, %d", got, os.Getpid())
	}
	// A process that only has the file open holds no lock.
	cmd := exec.Command("sleep", "600")
	cmd.Stdin = f
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if got := LockHolders(path); len(got) != 0 {
		t.Fatalf("%v are reported for a released lock", got)
	}
	if got := LockHolders(path + "x"); got != nil {
		t.Fatalf("%v are reported for a missing file", got)
	}
}

func TestHasOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Link(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path + "2")
	if err != nil {
		t.Fatal(err)
	}
	if open, err := HasOpen(os.Getpid(), info); !open || err != nil {
		t.Fatalf("HasOpen returns %v, %v for an open file", open, err)
	}
	f.Close()
	if open, err := HasOpen(os.Getpid(), info); open || err != nil {
		t.Fatalf("HasOpen returns %v, %v for a file that is not open", open, err)
	}
	if open, err := HasOpen(0, info); open || err == nil {
		t.Fatalf("HasOpen returns %v, %v for a process that does not exist", open, err)
	}
}
