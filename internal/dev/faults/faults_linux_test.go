//go:build amd64 || arm64

package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"ocgo-key/rotation/state"
)

func TestNoBinary(t *testing.T) {
	err := faults([]string{"-binary", filepath.Join(t.TempDir(), "none")}, new(bytes.Buffer), new(bytes.Buffer))
	assert.ErrorContains(t, err, "make build")
}

// The checks find each kind of loss.
func TestLossesAreSeen(t *testing.T) {
	good := func() inventory {
		return inventory{
			state: &state.State{Accounts: []state.Account{{ID: "1", Label: "Work"}, {ID: "2", Label: "Spare"}}},
			ring:  map[string]string{"1": "key one", "2": "key two"},
			file:  map[string]string{},
		}
	}
	kept := []string{"key one", "key two"}
	assert.Empty(t, good().whole(kept))
	assert.NoError(t, good().has(kept...))
	for name, c := range map[string]struct {
		spoil func(*inventory)
		want  string // the violation right after the fault; empty if the violation appears only after the repair
	}{
		"an account's key is gone": {func(s *inventory) { delete(s.ring, "1") }, "Work has no key, and no note explains it; a key is lost"},
		"a key is gone, and noted": {func(s *inventory) { delete(s.ring, "1"); s.state.Pending = []state.Pending{{ID: "1"}} }, "a key is lost: key one"},
		"a key without an account": {func(s *inventory) { s.ring["3"] = "key three" }, "under 3 that no account has"},
		"a key that is there twice": {func(s *inventory) {
			s.ring["3"] = "key one"
			s.state.Accounts = append(s.state.Accounts, state.Account{ID: "3", Label: "Twin"})
		}, "Work and Twin have the same key"},
		"a key in two stores":      {func(s *inventory) { s.file["1"] = "key one" }, "in two stores"},
		"a note of what was begun": {func(s *inventory) { s.state.Pending = []state.Pending{{ID: "1", Op: "replace"}} }, ""},
		"an unfinished move":       {func(s *inventory) { s.state.Settings.Move = state.Move{From: "os", To: "file"} }, ""},
		"a noted second copy":      {func(s *inventory) { s.ring["3"] = "key one"; s.state.Pending = []state.Pending{{ID: "3"}} }, ""},
	} {
		s := good()
		c.spoil(&s)
		wrong := strings.Join(s.violations(kept), "; ")
		if c.want == "" {
			assert.Empty(t, wrong, name)
			assert.True(t, s.unfinished(), name)
		} else {
			assert.Contains(t, wrong, c.want, name)
		}
		assert.NotEmpty(t, s.whole(kept), name)
	}
	moved := good()
	delete(moved.ring, "2")
	assert.Error(t, moved.has(kept...))
}
