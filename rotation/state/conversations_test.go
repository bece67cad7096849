package state_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation/state"
)

// content returns the members of state.json.
func (f *file) content(t *testing.T) (all map[string]any) {
	text, err := os.ReadFile(filepath.Join(f.dir, "state.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &all))
	return all
}

func TestConversationsAreKeptByHash(t *testing.T) {
	f, ctx := open(t), context.Background()
	lease := state.Lease{Conversation: "hash", Account: "1", Used: now, Ahead: now.Add(-time.Hour)}
	change := func(do func(*[]state.Lease)) {
		require.NoError(t, f.Update(ctx, func(s *state.State) error { do(s.Conversations.All()); return nil }))
	}
	change(func(all *[]state.Lease) {
		*all = append(*all, lease, state.Lease{Conversation: "another", Account: "2", Used: now})
	})
	assert.Equal(t, map[string]any{
		"hash":    map[string]any{"account": "1", "used": "2026-03-02T12:00:00Z", "ahead": "2026-03-02T11:00:00Z"},
		"another": map[string]any{"account": "2", "used": "2026-03-02T12:00:00Z"},
	}, f.content(t)["conversations"])
	s, err := f.Read(ctx)
	require.NoError(t, err)
	assert.Equal(t, []state.Lease{{Conversation: "another", Account: "2", Used: now}, lease}, *s.Conversations.All())

	f.add(t, "1", "Work") // does not decode the conversations
	change(func(all *[]state.Lease) {
		assert.Len(t, *all, 2)
		*all = (*all)[:0]
	})
	assert.NotContains(t, f.content(t), "conversations", "no lease is left")
}

// Leases that cannot be decoded do not make the state unreadable.
func TestConversationsThatMakeNoSense(t *testing.T) {
	for _, text := range []string{`5`, `[1]`, `{"a":1}`, `null`, `{"a":{"used":"never"}}`} {
		f, ctx := open(t), context.Background()
		require.NoError(t, os.MkdirAll(f.dir, 0o700))
		write("state.json", fmt.Sprintf(`{"version": 1, "accounts": [{"id": "1", "label": "Work"}], "conversations": %s}`, text))(t, f.dir)
		require.Equal(t, []string{"Work"}, f.labels(t), text)
		require.NoError(t, f.Update(ctx, func(s *state.State) error {
			all := s.Conversations.All()
			*all = append(*all, state.Lease{Conversation: "hash", Account: "1", Used: now})
			return nil
		}), text)
		assert.Contains(t, f.content(t)["conversations"], "hash", text)
		assert.Empty(t, f.warnings, text)
	}
}
