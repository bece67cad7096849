//go:build amd64 || arm64

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ocgo-key/keychain"
	"ocgo-key/rotation/state"
)

// inventory is the content of all files and stores, read without the program.
type inventory struct {
	state *state.State
	ring  map[string]string // the keys in the keyring, by id
	file  map[string]string // the keys in the encrypted file, by id
	plain string            // the user's files in plain text outside of the state, such as logins to import
}

// identityName is the name of the identity's file, in a world with an encrypted file.
const identityName = "identity.txt"

// look reads the state and all keys.
func (w *world) look(ctx context.Context) (inventory, error) {
	now, err := w.take()
	if err != nil {
		return inventory{}, err
	}
	s := inventory{ring: now.keys, file: map[string]string{}}
	if s.state, err = w.state().Peek(); err != nil {
		return s, fmt.Errorf("the state cannot be read: %w", err)
	}
	for name, content := range now.files {
		if !strings.HasPrefix(name, "state"+string(filepath.Separator)) {
			s.plain += string(content)
		}
	}
	if now.files[identityName] == nil {
		return s, nil
	}
	store := keychain.NewFile(keychain.FileConfig{Dir: w.stateDir(), Identity: w.path(identityName)})
	seen, err := store.(keychain.Inspector).Inspect(ctx)
	if err != nil {
		return s, fmt.Errorf("the encrypted file cannot be read: %w", err)
	}
	for _, id := range seen.IDs {
		key, err := store.Get(ctx, id)
		if err != nil {
			return s, fmt.Errorf("the encrypted file cannot be read: %w", err)
		}
		s.file[id] = key.Reveal()
	}
	return s, nil
}

// fingerprint identifies an outcome by its keys and accounts.
func (s inventory) fingerprint() string {
	var parts []string
	for _, a := range s.state.Accounts {
		parts = append(parts, fmt.Sprint("account ", a.Label, a.Disabled, a.KeyRev, s.ring[a.ID], s.file[a.ID]))
	}
	for _, p := range s.state.Pending {
		parts = append(parts, fmt.Sprint("pending ", p.Op, s.ring[p.ID], s.file[p.ID]))
	}
	for _, keys := range []map[string]string{s.ring, s.file} {
		parts = append(parts, fmt.Sprint(slices.Sorted(maps.Values(keys))))
	}
	return strings.Join(append(parts, fmt.Sprint(s.state.Settings, len(s.state.Leases), s.plain)), "\n")
}

// chosen returns the keys in the store that is in use, by id.
func (s inventory) chosen() map[string]string {
	if s.state.Settings.Store == "file" {
		return s.file
	}
	return s.ring
}

// unfinished reports whether the state has an interrupted operation, which doctor must mention.
func (s inventory) unfinished() bool {
	return len(s.state.Pending) > 0 || s.state.Settings.Move != state.Move{}
}

// violations returns the violations of the rules that must hold even right after a fault. The keys
// in kept must exist somewhere.
func (s inventory) violations(kept []string) []string {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	pending := map[string]bool{}
	for _, p := range s.state.Pending {
		pending[p.ID] = true
	}
	moving := s.state.Settings.Move != state.Move{}
	chosen, listed, owner := s.chosen(), map[string]bool{}, map[string]string{}
	for _, a := range s.state.Accounts {
		listed[a.ID] = true
		key, ok := chosen[a.ID]
		if !ok && !pending[a.ID] {
			say("%s has no key, and no note explains it", a.Label)
		}
		if other, twice := owner[key]; ok && twice {
			say("%s and %s have the same key", other, a.Label)
		}
		owner[key] = a.Label
	}
	for place, keys := range map[string]map[string]string{"the keyring": s.ring, "the encrypted file": s.file} {
		for id := range keys {
			if !listed[id] && !pending[id] {
				say("%s has a key under %s that no account has, and no note explains it", place, id)
			}
		}
	}
	for id := range s.ring {
		if _, both := s.file[id]; both && !moving {
			say("the key of %s is in two stores, and no note explains it", id)
		}
	}
	all := slices.Concat(slices.Collect(maps.Values(s.ring)), slices.Collect(maps.Values(s.file)))
	for _, key := range kept {
		if !slices.Contains(all, key) && !strings.Contains(s.plain, key) {
			say("a key is lost: %s", key)
		}
	}
	return wrong
}

// whole returns the violations of the rules that must hold after a repair, including those of
// violations.
func (s inventory) whole(kept []string) []string {
	wrong := s.violations(kept)
	for _, p := range s.state.Pending {
		wrong = append(wrong, fmt.Sprintf("a pending note of a %s is left", p.Op))
	}
	if (s.state.Settings.Move != state.Move{}) {
		wrong = append(wrong, "a move is not finished")
	}
	if n := len(s.ring) + len(s.file); n != len(s.state.Accounts) {
		wrong = append(wrong, fmt.Sprintf("there are %d keys for %d accounts", n, len(s.state.Accounts)))
	}
	return wrong
}

// problem returns the violations as one error, or nil if there are none.
func problem(wrong []string) error {
	if len(wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(wrong, "; "))
}

// diagnosis is what `doctor --json` prints.
type diagnosis struct {
	Findings []struct{ Check, Level, What string }
	Repaired []struct{ Check, What string }
}

// affected lists the doctor checks that a fault may affect.
var affected = []string{"state", "accounts", "keychain", "keys"}

// doctor returns the problems that doctor finds, after its repairs if repair is set.
func (w *world) doctor(ctx context.Context, repair bool) ([]string, error) {
	c := command{args: []string{"doctor", "--json"}}
	if repair {
		c.args = append(c.args, "--repair")
	}
	o, err := w.run(ctx, c)
	if err != nil {
		return nil, err
	}
	var d diagnosis
	if err := json.Unmarshal([]byte(o.stdout), &d); err != nil {
		return nil, fmt.Errorf("doctor printed no diagnosis: %w: %s", err, o.stderr)
	}
	var problems []string
	for _, f := range d.Findings {
		if f.Level == "problem" && slices.Contains(affected, f.Check) {
			problems = append(problems, f.Check+": "+f.What)
		}
	}
	return problems, nil
}

// repaired lets doctor repair everything, and returns the inventory. An error means that a problem
// is left, or that a rule does not hold.
func (w *world) repaired(ctx context.Context, kept []string) (s inventory, err error) {
	problems, err := w.doctor(ctx, true)
	if err != nil {
		return s, err
	}
	if len(problems) > 0 {
		return s, fmt.Errorf("doctor could not repair: %v", problems)
	}
	if s, err = w.look(ctx); err == nil {
		err = problem(s.whole(kept))
	}
	return s, err
}

// age makes interrupted operations look older. doctor does not repair recent ones, since they may
// still be running.
func (w *world) age(ctx context.Context) error {
	if s, err := w.state().Peek(); err != nil || len(s.Pending) == 0 {
		return err
	}
	return w.state().Update(ctx, func(s *state.State) error {
		for i := range s.Pending {
			s.Pending[i].Since = s.Pending[i].Since.Add(-time.Hour)
		}
		return nil
	})
}
