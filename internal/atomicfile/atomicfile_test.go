package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWriteNewAndReplace(t *testing.T) {
	for _, sync := range []bool{false, true} {
		t.Run(fmt.Sprintf("sync=%v", sync), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "state.json")
			for _, text := range []string{"first, and longer", "second", ""} {
				if err := Write(path, []byte(text), 0o600, sync); err != nil {
					t.Fatal(err)
				}
				if got := content(t, path); got != text {
					t.Fatalf("content %q, want %q", got, text)
				}
			}
			if got := names(t, dir); !slices.Equal(got, []string{"state.json"}) {
				t.Fatalf("folder holds %q", got)
			}
		})
	}
}

func TestWriteRelativeName(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := Write("plain", []byte("x"), 0o600, true); err != nil {
		t.Fatal(err)
	}
	if got := content(t, "plain"); got != "x" {
		t.Fatalf("content %q", got)
	}
}

func TestPermissionIsExact(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // Windows has no permission bits to check
	}
	path := filepath.Join(t.TempDir(), "f")
	for _, perm := range []os.FileMode{0o600, 0o644, 0o666, 0o400, 0o600} {
		if err := Write(path, nil, perm, false); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != perm {
			t.Fatalf("mode %v, want %v", info.Mode().Perm(), perm)
		}
	}
}

// A folder at the target makes the rename fail after the temporary file is written.
func TestFailedRenameLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "target")
	if err := os.MkdirAll(filepath.Join(path, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new"), 0o600, true); err == nil {
		t.Fatal("a folder was replaced by a file")
	}
	if got := names(t, dir); !slices.Equal(got, []string{"target"}) {
		t.Fatalf("folder holds %q after the failure", got)
	}
	if got := names(t, path); !slices.Equal(got, []string{"inside"}) {
		t.Fatalf("target holds %q after the failure", got)
	}
}

// The old content stays if the temporary file cannot be created.
func TestNoTemporaryFileKeepsOld(t *testing.T) {
	dir := t.TempDir()
	// This name is allowed, but the longer temporary name is not.
	path := filepath.Join(dir, string(bytes.Repeat([]byte("n"), 250)))
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new"), 0o600, false); err == nil {
		t.Fatal("wrote with a temporary name that is too long")
	}
	if got := content(t, path); got != "old" {
		t.Fatalf("content %q, want the old one", got)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Fatalf("folder holds %d entries", len(got))
	}
}

func TestNotAFile(t *testing.T) {
	dir := t.TempDir() + string(os.PathSeparator)
	for _, path := range []string{"", dir, filepath.Join(dir, "missing", "f")} {
		if err := Write(path, []byte("x"), 0o600, false); err == nil {
			t.Errorf("Write(%q) went well", path)
		}
	}
	if got := names(t, dir); len(got) != 0 {
		t.Fatalf("folder holds %q", got)
	}
}

// A reader always gets one complete version.
func TestReadersSeeWholeVersions(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	version := func(c byte) []byte { return bytes.Repeat([]byte{c}, 1<<16) }
	if err := Write(path, version('a'), 0o600, false); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	done := make(chan struct{})
	for _, c := range []byte("bc") {
		writers.Go(func() {
			for range 50 {
				if err := Write(path, version(c), 0o600, false); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	go func() { writers.Wait(); close(done) }()
	for {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1<<16 || !bytes.Equal(got, version(got[0])) {
			t.Fatalf("an incomplete version of %d bytes was read", len(got))
		}
		select {
		case <-done:
			if got := names(t, dir); len(got) != 1 {
				t.Fatalf("folder holds %q", got)
			}
			return
		default:
		}
	}
}

func TestRenew(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.json.last")
	for _, text := range []string{"first, and longer", "second", ""} {
		if err := Renew(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := content(t, path); got != text {
			t.Fatalf("content %q, want %q", got, text)
		}
		if got := names(t, dir); !slices.Equal(got, []string{"state.json.last"}) {
			t.Fatalf("folder holds %q", got)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "folder", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Renew(filepath.Join(dir, "folder"), nil, 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if got := names(t, dir); !slices.Equal(got, []string{"folder", "state.json.last"}) {
		t.Errorf("folder holds %q", got)
	}
}

// retry tries again while the file is busy, a limited number of times. It does not try again after
// another error.
func TestBusyFileIsTriedAgain(t *testing.T) {
	errBusy, errOther := errors.New("busy"), errors.New("other")
	for _, tt := range []struct {
		name  string
		errs  []error // the error of each call; the last one repeats
		want  error
		calls int
	}{
		{"at once", []error{nil}, nil, 1},
		{"free later", []error{errBusy, errBusy, nil}, nil, 3},
		{"another error", []error{errOther}, errOther, 1},
		{"another error later", []error{errBusy, errOther}, errOther, 2},
		{"never free", []error{errBusy}, errBusy, 20},
	} {
		calls, slept := 0, time.Duration(0)
		err := retry(func(err error) bool { return err == errBusy }, func(d time.Duration) { slept += d }, func() error {
			calls++
			return tt.errs[min(calls, len(tt.errs))-1]
		})
		if err != tt.want || calls != tt.calls || slept > 500*time.Millisecond {
			t.Errorf("%s: %v after %d calls and %s", tt.name, err, calls, slept)
		}
	}
}

// While a file is replaced, every reader finds the old or the new file.
func TestOpenWhileReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	if err := Write(path, []byte("0"), 0o600, false); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				f, err := Open(path, os.O_RDONLY, 0)
				if err != nil {
					t.Error(err)
					return
				}
				text, err := io.ReadAll(f)
				if err := errors.Join(err, f.Close()); err != nil || len(text) == 0 {
					t.Errorf("read %q, %v", text, err)
				}
			})
		}
		if err := Write(path, fmt.Append(nil, i), 0o600, false); err != nil {
			t.Error(err)
		}
		readers.Wait()
	}
}
