package helper_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// counted is a state store that counts its calls.
type counted struct {
	state.Memory
	stats, reads, writes atomic.Int64
}

func (c *counted) Stamp() state.Stamp {
	c.stats.Add(1)
	return c.Memory.Stamp()
}

func (c *counted) Read(ctx context.Context) (*state.State, error) {
	c.reads.Add(1)
	return c.Memory.Read(ctx)
}

func (c *counted) Update(ctx context.Context, change func(*state.State) error) error {
	err := c.Memory.Update(ctx, change)
	if err == nil {
		c.writes.Add(1)
	}
	return err
}

// server is a process that serves conversations with a pool of three accounts.
type server struct {
	*helper.Conversations
	own   *helper.Holder
	pool  *rotation.Pool
	store *counted
	keys  *countingStore
	pass  func(time.Duration)
}

func newServer(t *testing.T) *server {
	var since atomic.Int64
	start := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	now := func() time.Time { return start.Add(time.Duration(since.Load())) }
	s := &server{store: new(counted), keys: &countingStore{Store: keychain.NewMemory()}, pass: func(d time.Duration) { since.Add(int64(d)) }}
	s.pool = rotation.New(s.store, now, func(int, string) bool { return true })
	for i, label := range []string{"Work", "Personal", "Spare"} {
		id := fmt.Sprint("id", i)
		require.NoError(t, s.keys.Set(t.Context(), id, keychain.NewSecret("key-of-"+label)))
		require.NoError(t, s.pool.Add(t.Context(), rotation.NewAccount{ID: id, Label: label}))
	}
	s.start(t, 1)
	return s
}

// start replaces the serving process with a new one.
func (s *server) start(t *testing.T, pid int) {
	s.own = helper.NewHolder(s.pool, s.keys, rotation.Process{PID: pid, Start: "x"}, func(m, _ rotation.Handout) { t.Error(m) })
	s.Conversations = helper.NewConversations(s.own)
}

// request returns the label of the account that serves a request.
func (s *server) request(t require.TestingT, session, parent string) string {
	g, err := s.Of(session, parent, "").Current(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, "key-of-"+g.Label, g.Key.Reveal())
	return g.Label
}

func TestConversationsOfOneServer(t *testing.T) {
	s := newServer(t)
	assert.Equal(t, []string{"Work", "Personal", "Spare"}, []string{s.request(t, "a", ""), s.request(t, "b", ""), s.request(t, "fork of a", "")})
	assert.Equal(t, "Personal", s.request(t, "subagent of b", "b"))
	assert.Equal(t, "Personal", s.request(t, "its own subagent", "subagent of b"))
	assert.Equal(t, "Personal", s.request(t, "", "b"), "a subagent's request without a session id")
	assert.Equal(t, "Work", s.request(t, "early", "c"), "a subagent whose request arrives before its parent's")
	assert.Equal(t, "Work", s.request(t, "c", ""))
	assert.Equal(t, "Personal", s.request(t, "", ""), "a request without a session gets the process's own account")
	assert.Equal(t, "Personal", s.request(t, "", ""))
	assert.Equal(t, 3, s.keys.reads, "each key is read once")
	s.start(t, 2)
	assert.Equal(t, []string{"Spare", "Personal"}, []string{s.request(t, "fork of a", ""), s.request(t, "b", "")}, "another process continues with the same accounts")
	assert.Equal(t, "Work", s.request(t, "subagent of a", "a"))
	o, err := s.pool.Overview(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []int{2, 1, 1}, []int{o.Accounts[0].Conversations, o.Accounts[1].Conversations, o.Accounts[2].Conversations}, "subagents have no lease of their own")
}

// A request that changes nothing costs one stat, even with more conversations than the state keeps.
func TestARequestCostsOneStat(t *testing.T) {
	s := newServer(t)
	const conversations = 600
	accounts := map[string]string{}
	for i := range conversations {
		id := fmt.Sprint(i)
		accounts[id] = s.request(t, id, "")
	}
	for id, account := range accounts {
		require.Equal(t, account, s.request(t, id, ""), "a conversation whose lease was pruned keeps its account")
	}
	stats, reads, writes := s.store.stats.Load(), s.store.reads.Load(), s.store.writes.Load()
	require.Equal(t, int64(conversations+3), writes, "three writes for the pool, and one for each conversation")
	for i := range 10_000 {
		id := fmt.Sprint(i % conversations)
		require.Equal(t, accounts[id], s.request(t, id, ""))
	}
	assert.Equal(t, int64(10_000), s.store.stats.Load()-stats)
	assert.Equal(t, reads, s.store.reads.Load())
	assert.Equal(t, writes, s.store.writes.Load())

	s.pass(time.Hour)
	for range 5 {
		for id, account := range accounts {
			require.Equal(t, account, s.request(t, id, ""))
		}
	}
	assert.Equal(t, int64(conversations), s.store.writes.Load()-writes, "the use of each conversation is recorded once an hour")
}

// At a limit, each conversation of the limited account switches to the next account. Other
// conversations keep their accounts.
func TestALimitMovesConversationsOfOneServer(t *testing.T) {
	s := newServer(t)
	before := map[string]string{}
	for i := range 30 {
		before[fmt.Sprint(i)] = s.request(t, fmt.Sprint(i), "")
	}
	var all sync.WaitGroup
	for id, account := range before {
		if account != "Work" {
			continue
		}
		all.Go(func() { // in parallel, like concurrent requests
			g, err := s.Of(id, "", "").Current(context.Background(), nil)
			if !assert.NoError(t, err) || g.Label != "Work" {
				return // the conversation had switched before its request
			}
			v := rotation.Verdict{Action: rotation.Cool, Until: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Reason: "weekly limit", Window: "weekly"}
			_, _, err = s.Of(id, "", "").Report(context.Background(), g, v, nil)
			assert.NoError(t, err)
		})
	}
	all.Wait()
	shares := map[string]int{}
	for id, account := range before {
		now := s.request(t, id, "")
		if account == "Work" {
			shares[now]++
		} else {
			assert.Equal(t, account, now)
		}
	}
	assert.Equal(t, map[string]int{"Personal": 5, "Spare": 5}, shares)
	assert.Equal(t, 3, s.keys.reads)
}

// Each conversation switches ahead of the limit, when the key of the next account is in memory.
func TestConversationsPrepareAhead(t *testing.T) {
	s := newServer(t)
	s.own.Ahead = 90
	for _, id := range []string{"a", "b", "c", "d"} {
		s.request(t, id, "")
	}
	require.Equal(t, "Work", s.request(t, "d", ""))
	require.NoError(t, s.pool.Learn(t.Context(), rotation.Handout{ID: "id0"}, rotation.Usage{Windows: map[string]rotation.Window{"weekly": {Status: "ok", Percent: 95}}}))
	s.PrepareAhead(t.Context())
	for _, id := range []string{"a", "d"} {
		g, err := s.Of(id, "", "").Current(t.Context(), nil)
		require.NoError(t, err)
		require.NotNil(t, g.Moved)
		assert.Equal(t, rotation.Ahead, g.Moved.Cause)
		assert.NotEqual(t, "Work", g.Label)
	}
	assert.Equal(t, []string{"Personal", "Spare"}, []string{s.request(t, "b", ""), s.request(t, "c", "")})
}

// Open reads a key without handing out an account, and skips a missing key.
func TestOpenHandsNothingOut(t *testing.T) {
	s := newServer(t)
	require.NoError(t, s.own.Open(t.Context()))
	assert.Equal(t, 1, s.keys.reads)
	assert.Equal(t, "Work", s.request(t, "a", ""))
	assert.Equal(t, 1, s.keys.reads)
	for i := range 3 {
		require.NoError(t, s.keys.Delete(t.Context(), fmt.Sprint("id", i)))
	}
	s.start(t, 2)
	require.ErrorIs(t, s.own.Open(t.Context()), keychain.ErrNotFound)
	require.NoError(t, s.keys.Set(t.Context(), "id2", keychain.NewSecret("key-of-Spare")))
	require.NoError(t, s.own.Open(t.Context()))
}

// The number of sessions in memory is limited. A session that was dropped gets its account from the
// state.
func TestLiveSessionsAreBounded(t *testing.T) {
	s := newServer(t)
	first := s.Of("first", "", "")
	require.Equal(t, "Work", s.request(t, "first", ""))
	for i := range 4095 {
		s.Of(fmt.Sprint(i), "", "")
	}
	require.Same(t, first, s.Of("first", "", ""))
	for i := range 4096 {
		s.Of(fmt.Sprint("later ", i), "", "")
	}
	assert.NotSame(t, first, s.Of("first", "", ""))
	assert.Equal(t, "Work", s.request(t, "first", ""))
}
