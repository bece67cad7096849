//go:build !check

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// killer is a credential helper that stores one file for each server. It counts its calls in the
// file "calls". At call number N it kills the calling process with SIGKILL: before its work if
// $KILL_AT is N, after it if $KILL_AT is N+.
const killer = `#!/bin/bash
cd "${0%/*}" || exit 2
read -r -d '' input
n=$(($(cat calls 2>/dev/null || echo 0) + 1)); echo $n >calls
[ "$KILL_AT" = "$n" ] && { kill -9 $PPID; exit 2; }
case $1 in
store) name=${input#*\"ServerURL\":\"https://ocgo-key.invalid/}; name=${name%%\"*}; printf %s "$input" >"entry-$name" ;;
get) cat "entry-${input##*/}" 2>/dev/null || { echo 'credentials not found in native keychain'; code=1; } ;;
erase) rm "entry-${input##*/}" || code=1 ;;
list) echo '{'; sep=; for e in entry-*; do [ -e "$e" ] && { echo "$sep\"https://ocgo-key.invalid/${e#entry-}\":\"${e#entry-}\""; sep=,; }; done; echo '}' ;;
esac
[ "$KILL_AT" = "$n+" ] && kill -9 $PPID
exit ${code:-0}
`

// moving is a pool of two accounts. The tests move its keys between a credential helper and an
// encrypted file.
type moving struct {
	t      *testing.T
	dir    string
	env    []string
	helper keychain.Store
	file   keychain.Store
	keys   map[string]string // by id
}

func newMoving(t *testing.T, from string) *moving {
	t.Helper()
	m := &moving{t: t, dir: t.TempDir(), keys: map[string]string{}}
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "docker-credential-killer"), []byte(killer), 0o700))
	identity := filepath.Join(m.dir, "id.txt")
	made, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(identity, []byte(made.String()+"\n"), 0o600))
	t.Setenv("PATH", m.dir+":"+os.Getenv("PATH"))
	states := filepath.Join(m.dir, "state")
	m.env = append(os.Environ(), "OCGO_KEY_STATE_DIR="+states, "OCGO_KEY_IDENTITY="+identity, "OCGO_KEY_STORE=", "CREDENTIALS_DIRECTORY=")
	m.helper = keychain.NewDocker("killer")
	m.file = keychain.NewFile(keychain.FileConfig{Dir: states, Identity: identity})
	pool := rotation.Open(states, func(message string) { t.Error(message) })
	store := m.helper
	if from == "file" {
		store = m.file
	}
	for i, label := range []string{"Work", "Personal"} {
		id := fmt.Sprintf("%016x", i+1)
		m.keys[id] = "key-of-" + label
		require.NoError(t, store.Set(t.Context(), id, keychain.NewSecret(m.keys[id])))
		require.NoError(t, pool.Add(t.Context(), rotation.NewAccount{ID: id, Label: label}))
	}
	require.NoError(t, pool.Configure(t.Context(), func(s *rotation.Settings) { s.Store = from }))
	return m
}

// run runs the program and returns how it ended. The credential helper kills the program at its
// call number killAt.
func (m *moving) run(killAt string, args ...string) (out string, killed bool, code int) {
	m.t.Helper()
	_ = os.Remove(filepath.Join(m.dir, "calls"))
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ocgo-key", args...)
	cmd.Env = append(m.env, "KILL_AT="+killAt)
	both, _ := cmd.CombinedOutput() // the exit status is checked below
	return string(both), cmd.ProcessState.ExitCode() < 0, cmd.ProcessState.ExitCode()
}

// noneLost checks that each key is in at least one of the stores, and that the program finds it.
func (m *moving) noneLost(when string) {
	m.t.Helper()
	var seen struct {
		Settings rotation.Settings `json:"settings"`
	}
	text, err := os.ReadFile(filepath.Join(m.dir, "state", "state.json"))
	require.NoError(m.t, err)
	require.NoError(m.t, json.Unmarshal(text, &seen))
	store := m.helper
	if seen.Settings.Store == "file" {
		store = m.file
	}
	for id, want := range m.keys {
		key, err := store.Get(m.t.Context(), id)
		if assert.NoError(m.t, err, "%s: %s must be in the store of the settings, %s", when, id, seen.Settings.Store) {
			assert.Equal(m.t, want, key.Reveal())
		}
	}
	out, _, code := m.run("", "get")
	assert.Zero(m.t, code, "%s: %s", when, out)
}

func (m *moving) allAt(when string, there, gone keychain.Store) {
	m.t.Helper()
	for id, want := range m.keys {
		key, err := there.Get(m.t.Context(), id)
		if assert.NoError(m.t, err, when) {
			assert.Equal(m.t, want, key.Reveal())
		}
		_, err = gone.Get(m.t.Context(), id)
		assert.ErrorIs(m.t, err, keychain.ErrNotFound, when)
	}
	out, _, _ := m.run("", "config", "store")
	assert.NotContains(m.t, out, "was interrupted")
	state, err := os.ReadFile(filepath.Join(m.dir, "state", "state.json"))
	require.NoError(m.t, err)
	assert.NotContains(m.t, string(state), `"move"`, when)
}

// Wherever a migration is killed, in both directions, no key is lost, and all keys can be read. The
// same command finishes the migration. The command for the opposite direction undoes it.
func TestMigrateKilledAtEachStep(t *testing.T) {
	for _, from := range []string{"docker:killer", "file"} {
		t.Run("from "+from, func(t *testing.T) {
			steps := 0
			for n := 1; ; n++ {
				for i, at := range []string{fmt.Sprint(n), fmt.Sprint(n, "+")} {
					m := newMoving(t, from)
					to, there, gone := "file", m.file, m.helper
					if from == "file" {
						to, there, gone = "docker:killer", m.helper, m.file
					}
					out, killed, code := m.run(at, "migrate", "--to", to, "--yes")
					if !killed {
						require.Zero(t, code, out)
						m.allAt("never killed", there, gone)
						assert.Greater(t, steps, 15)
						return
					}
					steps++
					back := (n+i)%2 == 0
					when := fmt.Sprintf("killed at call %s, back %v", at, back)
					m.noneLost(when)
					if back {
						to, there, gone = from, gone, there
					}
					out, killed, code = m.run("", "migrate", "--to", to, "--yes")
					require.False(t, killed)
					require.Zero(t, code, "%s: %s", when, out)
					m.allAt(when, there, gone)
				}
			}
		})
	}
}

// After a killed migration, one account is added, one is removed, and one gets a new key. The next
// migration must not restore a key that was removed or replaced.
func TestMigrateCutShortAndLifeGoesOn(t *testing.T) {
	for n := 1; n < 20; n++ {
		m := newMoving(t, "docker:killer")
		_, killed, _ := m.run(fmt.Sprint(n), "migrate", "--to", "file", "--yes")
		if !killed {
			require.Greater(t, n, 8)
			return
		}
		when := fmt.Sprintf("killed at call %d", n)
		out, _, code := m.run("", "remove", "Work", "--yes")
		require.Zero(t, code, "%s: %s", when, out)
		cmd := exec.CommandContext(t.Context(), "ocgo-key", "replace", "Personal", "--no-verify")
		cmd.Env, cmd.Stdin = m.env, strings.NewReader("key-of-Personal-anew\n")
		text, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", when, text)
		delete(m.keys, "0000000000000001")
		m.keys["0000000000000002"] = "key-of-Personal-anew"
		out, _, code = m.run("", "migrate", "--to", "file", "--yes")
		require.Zero(t, code, "%s: %s", when, out)
		m.allAt(when, m.file, m.helper)
		for _, store := range []keychain.Store{m.file, m.helper} {
			_, err := store.Get(t.Context(), "0000000000000001")
			assert.ErrorIs(t, err, keychain.ErrNotFound, when)
		}
	}
	t.Fatal("the migration never finished")
}

// Keys are moved back and forth while other processes get keys and add accounts. Every process
// finds its key, and no key stays in the old store.
func TestMigrateBesideOthers(t *testing.T) {
	m := newMoving(t, "docker:killer")
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				cmd := exec.CommandContext(t.Context(), "ocgo-key", "get")
				cmd.Env = m.env
				var said bytes.Buffer
				cmd.Stderr = &said
				key, err := cmd.Output()
				assert.NoError(t, err, said.String())
				assert.Empty(t, said.String())
				assert.True(t, strings.HasPrefix(string(key), "key-of-"))
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	var adders sync.WaitGroup
	for _, name := range []string{"A", "B"} {
		adders.Go(func() {
			for i := range 4 {
				label := fmt.Sprintf("%s%d", name, i)
				cmd := exec.CommandContext(t.Context(), "ocgo-key", "add", label, "--no-verify")
				cmd.Env, cmd.Stdin = m.env, strings.NewReader("key-of-"+label+"\n")
				out, err := cmd.CombinedOutput()
				assert.NoError(t, err, "%s", out)
			}
		})
	}
	for range 3 {
		for _, to := range []string{"file", "docker:killer"} {
			out, _, code := m.run("", "migrate", "--to", to, "--yes")
			assert.Zero(t, code, out)
		}
	}
	adders.Wait()
	close(done)
	wg.Wait()
	out, _, code := m.run("", "migrate", "--to", "file", "--yes")
	require.Zero(t, code, out)
	var list struct{ Accounts []struct{ ID, Label string } }
	cmd := exec.CommandContext(t.Context(), "ocgo-key", "list", "--json")
	cmd.Env = m.env
	text, err := cmd.Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &list))
	require.Len(t, list.Accounts, 10)
	for _, a := range list.Accounts {
		m.keys[a.ID] = "key-of-" + a.Label
	}
	m.allAt("in the end", m.file, m.helper)
	left, err := filepath.Glob(filepath.Join(m.dir, "entry-*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}
