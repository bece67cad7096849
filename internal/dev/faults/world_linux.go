//go:build amd64 || arm64

package main

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"ocgo-key/internal/dev/lab"
	"ocgo-key/rotation/state"
)

// world is a test environment for the program: a keyring, a home folder and a state.
type world struct {
	*lab.Scratch // Dir is the program's home folder; the state is in its subfolder state
	settings
	base    snapshot            // the files and keys after fill
	ring    *ring               // nil while the keyring is dead
	revived *exec.Cmd           // the daemon of the keyring, if it was restarted
	user    *syscall.Credential // the user of the program; nil for our own user
}

// openWorld creates an empty world. The caller must close it, even after an error.
func openWorld(s settings) (*world, error) {
	open, err := lab.Open("ocgo-key-faults-")
	w := &world{Scratch: open, settings: s}
	if err != nil {
		return w, err
	}
	w.OnClose(w.endRevived)
	w.ring, err = openRing(w.Keyring.Address)
	w.OnClose(func() error {
		if w.ring == nil {
			return nil
		}
		return w.ring.close()
	})
	return w, err
}

func (w *world) path(name string) string { return filepath.Join(w.Dir, name) }

func (w *world) stateDir() string { return w.path("state") }

func (w *world) state() *state.File { return state.OpenFile(w.stateDir(), time.Now, func(string) {}) }

// env returns the whole environment of the program. No service is at the base URL, and no OpenCode
// is on PATH.
func (w *world) env() []string {
	return append(w.Keyring.Env(), "PATH="+filepath.Join(w.Dir, "bin"), "LC_ALL=C.UTF-8", "HOME="+w.Dir, "OCGO_KEY_STATE_DIR="+w.stateDir(), "OCGO_KEY_BASE_URL=http://127.0.0.1:1")
}

// snapshot is the content of a world: its files, by their paths below home, and its keyring.
type snapshot struct {
	files map[string][]byte
	keys  map[string]string // by id; see world.take for duplicate ids
}

// take reads all files and keys. It returns an error if the keyring has an id twice: ocgo-key must
// never cause that.
func (w *world) take() (snapshot, error) {
	s := snapshot{files: map[string][]byte{}, keys: map[string]string{}}
	err := filepath.WalkDir(w.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(w.Dir, path)
		if err == nil {
			s.files[name], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		return s, err
	}
	items, err := w.ring.items()
	if err != nil {
		return s, err
	}
	for _, i := range items {
		if _, twice := s.keys[i.id]; twice {
			return s, fmt.Errorf("the keyring has two entries for %s", i.id)
		}
		s.keys[i.id] = i.key
	}
	return s, nil
}

// restore restores the files and keys of the snapshot.
func (w *world) restore(s snapshot) error {
	entries, err := os.ReadDir(w.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(w.path(e.Name())); err != nil {
			return err
		}
	}
	for name, content := range s.files {
		if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(w.path(name), content, 0o600); err != nil {
			return err
		}
	}
	return w.ring.become(s.keys)
}

func (s snapshot) clone() snapshot { return snapshot{maps.Clone(s.files), maps.Clone(s.keys)} }

// must runs a command that must succeed.
func (w *world) must(ctx context.Context, c command) error {
	o, err := w.run(ctx, c)
	if err == nil && o.exit != 0 {
		err = fmt.Errorf("%v: exit code %d: %s", c, o.exit, o.stderr)
	}
	return err
}

// keyOf returns the key of an account. No real service knows this key.
func keyOf(label string) string { return "sk-faults-of-" + label + "-0123456789abcdef" }

// labels are the labels of the accounts in every new pool.
var labels = []string{"Work", "Personal", "Spare"}

// fill adds the accounts of labels.
func (w *world) fill(ctx context.Context) error {
	for _, label := range labels {
		if err := w.must(ctx, adding(label)); err != nil {
			return err
		}
	}
	return nil
}

func adding(label string) command {
	return command{[]string{"add", label, "--no-verify"}, keyOf(label) + "\n"}
}
