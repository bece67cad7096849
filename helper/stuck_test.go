package helper_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// stuckStore is a state whose lock can be held by another process forever.
type stuckStore struct {
	*state.Memory
	stuck atomic.Bool
}

func (s *stuckStore) Update(ctx context.Context, change func(*state.State) error) error {
	if s.stuck.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.Memory.Update(ctx, change)
}

// A request has no deadline of its own. It still fails after a time limit if a lock is never
// released or the keychain does not answer.
func TestAStuckLockEndsARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &stuckStore{Memory: new(state.Memory)}
		pool := rotation.New(store, time.Now, func(int, string) bool { return true })
		for _, id := range []string{"a", "b"} {
			require.NoError(t, pool.Add(t.Context(), rotation.NewAccount{ID: id, Label: id}))
		}
		h := helper.NewHolder(pool, fixedKeys{"a": "sk-a", "b": "sk-b"}, rotation.Process{PID: 1, Start: "x"}, func(_, _ rotation.Handout) {})
		grant, err := h.Current(context.Background(), nil)
		require.NoError(t, err)
		store.stuck.Store(true)
		limit := rotation.Verdict{Action: rotation.Cool, Until: time.Now().Add(time.Hour)}
		for _, request := range []func() error{
			func() error { _, _, err := h.Report(context.Background(), grant, limit, nil); return err },
			func() error { _, err := h.Leave(context.Background(), grant, limit); return err },
			func() error { _, err := h.Avoid(context.Background(), grant, nil); return err },
		} {
			begin := time.Now()
			require.ErrorIs(t, request(), context.DeadlineExceeded)
			assert.LessOrEqual(t, time.Since(begin), keychain.DefaultBudget)
		}
	})
}
