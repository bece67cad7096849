package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ocgo-key/internal/dev/lab"
	"ocgo-key/rotation/state"
)

// scratch has a folder and a real keyring. Every section uses one, and removes it at the end.
type scratch struct {
	*lab.Scratch
	binary string
}

// openScratch creates the folder and starts the keyring. The caller must close the scratch, even
// after an error.
func openScratch(binary string) (*scratch, error) {
	s, err := lab.Open("ocgo-key-bench-")
	return &scratch{s, binary}, err
}

// home is the environment of a measured program: a home folder below the scratch folder, and
// environment variables.
type home struct {
	dir string
	env []string
}

// newHome creates a home for programs that use the service at this base URL. From the benchmark's
// environment they get only PATH.
func (s *scratch) newHome(name, service string) (home, error) {
	h := home{dir: filepath.Join(s.Dir, name)}
	temp := filepath.Join(h.dir, "tmp")
	h.env = append(s.Keyring.Env(),
		"PATH="+os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME="+h.dir, "TMPDIR="+temp,
		"OCGO_KEY_STATE_DIR="+filepath.Join(h.dir, "state"), "OCGO_KEY_BASE_URL="+service)
	return h, os.MkdirAll(temp, 0o700)
}

// state returns the state of the home's pool.
func (h home) state() *state.File {
	return state.OpenFile(filepath.Join(h.dir, "state"), time.Now, func(string) {})
}

// fill adds the accounts 1 to n to the home's pool.
func (s *scratch) fill(ctx context.Context, h home, n int) error {
	for i := 1; i <= n; i++ {
		add := exec.CommandContext(ctx, s.binary, "add", labelOf(i), "--no-verify")
		add.Env, add.Stdin = h.env, strings.NewReader(keyOf(i)+"\n")
		if out, err := add.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot add an account: %w: %s", err, out)
		}
	}
	return nil
}

// keyOf returns the key of an account, counted from 1, and labelOf its label.
func keyOf(n int) string   { return fmt.Sprintf("%s%d", keyPrefix, n) }
func labelOf(n int) string { return fmt.Sprintf("Account %d", n) }
