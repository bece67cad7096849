package state_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation/state"
)

// JSON members that only a later version knows are kept when this version changes the state. Such
// members of an account are removed with the account.
func TestUnknownMembersAreKept(t *testing.T) {
	f := open(t)
	require.NoError(t, os.MkdirAll(f.dir, 0o700))
	write("state.json", `{"version": 1, "later": [1, 2], "last": "1", "settings": {"later_setting": true, "ahead": 90},
		"accounts": [{"id": "1", "label": "Work", "later_field": {"of": "Work"}}, {"id": "2", "label": "Spare", "later_field": "of Spare"}]}`)(t, f.dir)
	change := func(do func(*state.State)) map[string]any {
		require.NoError(t, f.Update(context.Background(), func(s *state.State) error { do(s); return nil }))
		var all map[string]any
		text, err := os.ReadFile(filepath.Join(f.dir, "state.json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &all))
		return all
	}
	all := change(func(s *state.State) {
		s.Accounts = append(s.Accounts[1:], state.Account{ID: "3", Label: "New"})
		s.Last, s.Settings.Ahead = "", 0
	})
	assert.Equal(t, map[string]any{
		"version": 1.0, "later": []any{1.0, 2.0}, "settings": map[string]any{"later_setting": true},
		"accounts": []any{map[string]any{"id": "2", "label": "Spare", "later_field": "of Spare"}, map[string]any{"id": "3", "label": "New"}},
	}, all)
	assert.NotContains(t, change(func(s *state.State) { s.Settings.Ahead = 5 }), "last", "a known member that was removed must not come back")
	assert.Empty(t, f.warnings)
}
