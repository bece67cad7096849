package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/install"
	"ocgo-key/internal/process"
	"ocgo-key/internal/text"
	"ocgo-key/internal/trust"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// stateCheck checks the files in the state folder.
type stateCheck struct{ *examination }

// privateFiles are the files in the state folder that only their owner may read. Source:
// docs/reference.md, "Files".
var privateFiles = []string{"state.json", "state.json.last", "state.lock", "events.jsonl", "install.json", accounts.MoveLockName, accounts.AddLockName, "keys.age", "keys.lock"}

func (e stateCheck) checkState(r *Result) {
	s := e.state()
	if s.dir == "" {
		r.found(Problem, `export OCGO_KEY_STATE_DIR="$HOME/.ocgo-key"`, "%v", s.err)
		return
	}
	r.Well = "in " + s.dir
	info, err := os.Stat(s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Well = "not created yet; it will be in " + s.dir
		return
	case err != nil:
		r.found(Problem, "ls -ld "+text.Quote(s.dir), "the state's folder cannot be read: %v", err)
		return
	case !info.IsDir():
		r.fixable(aside(s.dir), "%s is not a folder, but the state belongs there", s.dir)
		return
	}
	if !e.checkFolder(r, s.dir, info) {
		return
	}
	e.checkFiles(r, s.dir)
	e.checkContent(r, s)
	e.checkLeftovers(r, s.dir)
	e.checkLock(r, s)
}

// checkFolder checks that the folder belongs to the user and that no other user can read it. It
// returns false if the folder belongs to somebody else. It ignores the mode of a folder that also
// has other uses, such as the home folder.
func (e stateCheck) checkFolder(r *Result, dir string, info fs.FileInfo) (ours bool) {
	shared := info.Mode()&fs.ModeSticky != 0
	if err := trust.Folder(dir); err != nil && (shared || trust.Foreign(dir, info)) {
		r.found(Problem, `export OCGO_KEY_STATE_DIR="$HOME/.ocgo-key"`, "%v, so nothing in it is read or changed", err)
		return false
	}
	if runtime.GOOS == "windows" || shared || filepath.Clean(dir) == filepath.Clean(e.home) {
		return true
	}
	if mode := info.Mode().Perm(); mode != 0o700 {
		r.fixable(chmod(dir, 0o700), "%s has mode %04o and not 0700: other users can read it, or you cannot", dir, mode)
	}
	return true
}

func (e stateCheck) checkFiles(r *Result, dir string) {
	backups, _ := filepath.Glob(filepath.Join(install.EscapeGlob(dir), "state.json.bak.*")) // the pattern is well-formed
	files := slices.Clone(backups)
	for _, name := range privateFiles {
		files = append(files, filepath.Join(dir, name))
	}
	slices.Sort(files)
	for _, path := range files {
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			r.found(Problem, "ls -l "+text.Quote(path), "%s cannot be read: %v", path, err)
		case slices.Contains(backups, path) && !info.Mode().IsRegular(): // an earlier repair moved it aside
		case info.Mode()&fs.ModeSymlink != 0:
			r.fixable(unlink(path), "%s is a symbolic link: the next change would replace it by a file", path)
		case !info.Mode().IsRegular():
			r.fixable(aside(path), "%s is not a regular file", path)
		case trust.Foreign(path, info):
			r.found(Problem, "sudo chown "+ownName()+" "+text.Quote(path), "%s belongs to another user, so it is not used", path)
		case runtime.GOOS != "windows" && info.Mode().Perm() != 0o600:
			r.fixable(chmod(path, 0o600), "%s has mode %04o and not 0600: other users can read or change it, or you cannot", path, info.Mode().Perm())
		}
	}
}

// checkContent reports damage that other commands repair when they read the state.
func (e stateCheck) checkContent(r *Result, s snapshot) {
	kept := "the last good copy will be used"
	if s.state == nil || len(s.state.Accounts) == 0 {
		kept = "there is no good copy, so the pool will be empty; the keys are still in the keychain"
	}
	read := func(ctx context.Context) (string, error) { return rotation.Repair(ctx, s.dir) }
	switch {
	case s.err == nil:
		r.Well += fmt.Sprintf(", %s, private", text.Count(len(s.state.Accounts), "account", "accounts"))
	case errors.Is(s.err, state.ErrNewer):
		r.found(Problem, "export OCGO_KEY_STATE_DIR="+text.Quote(s.dir+"-"+fmt.Sprint(state.Version)),
			"%v: upgrade ocgo-key, or use another state folder", s.err)
	case errors.Is(s.err, state.ErrUnreadable):
		r.fixable(read, "%v: %s", s.err, kept)
	case errors.Is(s.err, state.ErrMissing):
		r.fixable(read, "%s is gone: %s", filepath.Join(s.dir, "state.json"), kept)
	case len(r.Findings) == 0: // otherwise a finding already gives the reason
		r.found(Problem, "ls -l "+text.Quote(s.dir), "the state cannot be read: %v", s.err)
	}
}

// lockLimit is how long a process may hold the lock. A change takes a millisecond.
const lockLimit = 2 * time.Second

// checkLock reports a process that does not release the lock. The system releases the lock of a
// process that ends.
func (e stateCheck) checkLock(r *Result, s snapshot) {
	ctx, cancel := context.WithTimeout(e.ctx, lockLimit)
	defer cancel()
	held, err := s.file.LockHeld(ctx)
	switch {
	case err != nil && len(r.Findings) == 0:
		r.found(Problem, "ls -l "+text.Quote(s.file.LockPath()), "the lock of the state cannot be tested: %v", err)
	case !held:
		return
	}
	var names, pids []string
	for _, p := range process.LockHolders(s.file.LockPath()) {
		names = append(names, fmt.Sprintf("%s (%d)", text.OneLine(p.Name), p.PID))
		pids = append(pids, fmt.Sprint(p.PID))
	}
	who, fix := "another process", "kill $(lsof -t "+text.Quote(s.file.LockPath())+")"
	if len(pids) > 0 {
		who, fix = strings.Join(names, ", "), "kill "+strings.Join(pids, " ")
	}
	if runtime.GOOS == "windows" {
		fix = "taskkill /im ocgo-key.exe /f"
	}
	r.found(Problem, fix, "%s has been held by %s for more than %v; nothing can be changed until it is released", s.file.LockPath(), who, lockLimit)
}

func ownName() string {
	if runtime.GOOS == "windows" {
		return "%USERNAME%"
	}
	return `"$(id -un)"`
}
