package opencode

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// runPrefix is the beginning of the name of a run's folder; a random part follows.
const runPrefix = "ocgo-key-run-"

// runLockName is the lock file in the folder. The system releases the lock when the run ends or is
// killed.
const runLockName = "lock"

// newTime is how long a folder counts as new: its run may not have locked it yet.
const newTime = time.Minute

// RunFolder is a temporary folder with the files that one run passes to OpenCode and its child
// processes. It contains no secret.
type RunFolder struct {
	dir   string
	lock  *flock.Flock  // nil if the system did not allow the lock; then no other run removes the folder
	swept chan struct{} // closed when Sweep is done; nil if it is not running
	// Bin is the folder to put first on the PATH of the run's command; empty if there is none.
	Bin string
	// Plugin is for OpenCode 2; see [WriteRunPlugin].
	Plugin string
	// Extension is the file for a client other than OpenCode; empty if there is none. See
	// AddExtension.
	Extension string
}

// AddExtension writes the file that a client other than OpenCode loads.
func (f *RunFolder) AddExtension(name string, content []byte) error {
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	f.Extension = path
	return nil
}

// NewRunFolder creates a run's folder in temp. Bin gets a shim that runs real, the absolute path of
// OpenCode, under program. If real is empty, there is no Bin. goos is the operating system.
func NewRunFolder(temp, goos, program, real string) (RunFolder, error) {
	dir, err := os.MkdirTemp(temp, runPrefix)
	if err != nil {
		return RunFolder{}, err
	}
	f := RunFolder{dir: dir}
	lock := flock.New(filepath.Join(dir, runLockName), flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR))
	if held, err := lock.TryLock(); err == nil && held {
		f.lock = lock
	} else {
		_ = os.Remove(lock.Path())
	}
	if f.Plugin, err = WriteRunPlugin(filepath.Join(dir, "plugin")); err == nil && real != "" {
		f.Bin = filepath.Join(dir, "bin")
		if err = os.Mkdir(f.Bin, 0o700); err == nil {
			err = os.WriteFile(filepath.Join(f.Bin, ShimName(goos)), RunShim(goos, program, real), 0o700)
		}
	}
	if err != nil {
		f.Remove()
		return RunFolder{}, err
	}
	return f, nil
}

// Remove waits for Sweep and removes the folder. The zero value has no folder to remove.
func (f RunFolder) Remove() {
	if f.swept != nil {
		<-f.swept
	}
	if f.lock != nil {
		_ = f.lock.Unlock() // the folder belongs to no run any more
	}
	if f.dir != "" {
		_ = RemoveRunFolder(f.dir) // if it fails, what is left contains no secret
	}
}

// Sweep starts removing the folders that killed runs have left in the same place.
func (f *RunFolder) Sweep(now time.Time) {
	if f.dir == "" {
		return
	}
	temp, swept := filepath.Dir(f.dir), make(chan struct{})
	f.swept = swept
	go func() {
		defer close(swept)
		for _, dir := range DeadRunFolders(temp, now) {
			_ = RemoveRunFolder(dir) // the next run tries again
		}
	}()
}

// RemoveRunFolder removes a folder of a run. It removes the lock last, so that a partly removed
// folder is found again.
func RemoveRunFolder(dir string) error {
	for _, name := range []string{"bin", "plugin"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}

// DeadRunFolders returns the folders in temp that killed runs of this user have left behind. It
// skips folders that may belong to a live run, and does not follow links.
func DeadRunFolders(temp string, now time.Time) []string {
	f, err := os.Open(temp)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	names, _ := f.Readdirnames(-1) // on an error, the names read so far
	var dead []string
	for _, name := range names {
		if dir := filepath.Join(temp, name); strings.HasPrefix(name, runPrefix) && isDeadRun(dir, now) {
			dead = append(dead, dir)
		}
	}
	slices.Sort(dead)
	return dead
}

// isDeadRun reports whether a folder is this user's, not new, and not locked by any process. Other
// users cannot have changed its contents, because it is closed to them.
func isDeadRun(dir string, now time.Time) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || !isOwn(info) || now.Sub(info.ModTime()) < newTime {
		return false
	}
	file, err := os.Lstat(filepath.Join(dir, runLockName))
	if err != nil || !file.Mode().IsRegular() {
		return false
	}
	lock := flock.New(filepath.Join(dir, runLockName), flock.SetFlag(os.O_RDWR))
	defer func() { _ = lock.Close() }()
	free, err := lock.TryLock()
	return err == nil && free
}

// BeforePath returns path, a PATH, with Bin in front.
func (f RunFolder) BeforePath(path string) string {
	if f.Bin == "" {
		return path
	}
	return f.Bin + string(os.PathListSeparator) + path
}

// WithoutRuns removes the folders that `ocgo-key run` has added from the value of a PATH variable.
func WithoutRuns(path string) string {
	dirs := filepath.SplitList(path)
	kept := slices.DeleteFunc(slices.Clone(dirs), func(dir string) bool {
		return strings.HasPrefix(filepath.Base(filepath.Dir(dir)), runPrefix)
	})
	if len(kept) == len(dirs) {
		return path
	}
	return strings.Join(kept, string(os.PathListSeparator))
}
