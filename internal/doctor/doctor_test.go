package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/install"
)

// On a machine without problems, every check reports success, in the order of the table, and no
// file changes.
func TestAllIsWell(t *testing.T) {
	m := newMachine(t)
	m.account("0123456789abcdef", "Work")
	m.install((*install.Places).PluginPlan)
	m.answer = knows
	before, err := os.ReadFile(filepath.Join(m.dir, "state.json"))
	require.NoError(t, err)
	results := Examine(m.options())
	var names []string
	for _, r := range results {
		names = append(names, r.Check)
		if runtime.GOOS == "windows" && r.Check == "opencode" {
			continue // on Windows the shim is not a shell script
		}
		assert.Empty(t, r.Findings, r.Check)
		assert.Empty(t, r.Skipped, r.Check)
		assert.NotEmpty(t, r.Well, r.Check)
	}
	assert.Equal(t, []string{"state", "accounts", "keychain", "keys", "service", "clock", "opencode", "config", "plugin"}, names)
	assert.Empty(t, Repair(results, new(warnings)))
	after, err := os.ReadFile(filepath.Join(m.dir, "state.json"))
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
}

// On an empty machine, every check names what is missing.
func TestAnEmptyMachine(t *testing.T) {
	m := newMachine(t)
	found := map[string]int{}
	for _, r := range Examine(m.options()) {
		found[r.Check] = len(r.Findings)
	}
	assert.Equal(t, map[string]int{"state": 0, "accounts": 1, "keychain": 0, "keys": 0, "service": 0, "clock": 0, "opencode": 1, "config": 0, "plugin": 1}, found)
	_, err := os.Stat(m.dir)
	assert.ErrorIs(t, err, os.ErrNotExist, "doctor must not create the folder")
}

// A text from a file or a program is printed as one line without control characters. If a repair
// fails, doctor reports it and runs the other repairs.
func TestFindingsAndRepairs(t *testing.T) {
	r := Result{Check: "state"}
	r.found(Note, "fix\nit", "%s", "two\nlines")
	r.fixable(func(context.Context) (string, error) { return "", errors.New("no\x1b[31m room") }, "the first")
	r.fixable(func(context.Context) (string, error) { return "the second is done", nil }, "the second")
	for _, f := range r.Findings {
		assert.Equal(t, "state", f.Check)
		assert.NotContains(t, f.What+f.Fix, "\n")
	}
	assert.False(t, r.Findings[0].Repairable())
	assert.True(t, r.Findings[1].Repairable())
	assert.Equal(t, RepairCommand, r.Findings[1].Fix)

	var told warnings
	assert.Equal(t, []Repaired{{"state", "the second is done"}}, Repair([]Result{r}, &told))
	require.Len(t, told, 1)
	assert.Contains(t, told[0], "state: could not be repaired: no")
	assert.NotContains(t, told[0], "\x1b")
}
