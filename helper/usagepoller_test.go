package helper_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper"
	"ocgo-key/internal/fakeservice"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// poolOf is a pool of accounts with the ids id0, id1, …. Their keys are in memory, and a fake
// service accepts them.
type poolOf struct {
	*rotation.Pool
	keys    *countingStore
	service *fakeservice.Server
	poller  *helper.UsagePoller
}

func newPoolOf(t *testing.T, labels ...string) *poolOf {
	p := &poolOf{Pool: rotation.New(new(state.Memory), time.Now, func(int, string) bool { return true }), keys: &countingStore{Store: keychain.NewMemory()}}
	options := fakeservice.Options{}
	for i, label := range labels {
		id := fmt.Sprint("id", i)
		require.NoError(t, p.Add(t.Context(), rotation.NewAccount{ID: id, Label: label}))
		require.NoError(t, p.keys.Set(t.Context(), id, keychain.NewSecret("key-of-"+label)))
		options.Accounts = append(options.Accounts, fakeservice.Account{Key: "key-of-" + label, Label: label})
	}
	var err error
	p.service, err = fakeservice.Start(options)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.service.Close()) })
	base, err := url.Parse(p.service.BaseURL())
	require.NoError(t, err)
	p.poller = &helper.UsagePoller{Pool: p.Pool, Keys: p.keys, Base: base, Client: helper.NewClient(), Now: time.Now}
	t.Cleanup(p.poller.Client.CloseIdleConnections)
	return p
}

// percent returns the used percentage of the account's weekly window; -1 if unknown.
func (p *poolOf) percent(t *testing.T, account int) int {
	o, err := p.Overview(context.Background())
	require.NoError(t, err)
	if o.Accounts[account].Usage == nil {
		return -1
	}
	return o.Accounts[account].Usage.Windows["weekly"].Percent
}

// countingStore counts reads. If broken is set, reads fail with it.
type countingStore struct {
	keychain.Store
	mu     sync.Mutex
	reads  int
	broken error
}

func (s *countingStore) Get(ctx context.Context, id string) (keychain.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.broken != nil {
		return keychain.Secret{}, s.broken
	}
	return s.Store.Get(ctx, id)
}

func used(percent int) fakeservice.Plan {
	return fakeservice.Plan{Usage: fakeservice.Usage{Percent: map[fakeservice.Window]int{fakeservice.Weekly: percent}}}
}

func TestAskAll(t *testing.T) {
	p := newPoolOf(t, "Work", "Personal", "Spare", "Old", "Slow")
	p.service.SetPlan("key-of-Work", used(41))
	require.NoError(t, p.keys.Delete(t.Context(), "id1"))
	p.service.RemoveAccount("key-of-Spare")
	require.NoError(t, p.Disable(t.Context(), "id3"))
	p.service.SetPlan("key-of-Slow", fakeservice.Plan{Usage: fakeservice.Usage{Delay: -1}})

	asked, err := p.poller.AskAll(t.Context(), 300*time.Millisecond)
	require.NoError(t, err)
	require.Len(t, asked, 5)
	for i := range asked {
		assert.Equal(t, fmt.Sprint("id", i), asked[i].ID)
	}
	require.NoError(t, asked[0].Err)
	require.ErrorIs(t, asked[1].Err, keychain.ErrNotFound)
	require.ErrorContains(t, asked[1].Err, `"Personal"`)
	refused := new(helper.UsageError)
	require.ErrorAs(t, asked[2].Err, &refused)
	assert.Equal(t, 401, refused.Status)
	require.NoError(t, asked[3].Err, "a disabled account is included")
	require.ErrorIs(t, asked[4].Err, context.DeadlineExceeded)
	assert.Equal(t, []int{41, -1, -1, 0, -1}, []int{p.percent(t, 0), p.percent(t, 1), p.percent(t, 2), p.percent(t, 3), p.percent(t, 4)})
	o, err := p.Overview(t.Context())
	require.NoError(t, err)
	assert.Equal(t, rotation.Ready, o.Accounts[2].Condition.State, "a 401 of /usage must not reject the account")
}

// A locked keychain is read once, since each read would prompt the user.
func TestAskAllAsksALockedKeychainOnce(t *testing.T) {
	p := newPoolOf(t, "Work", "Personal", "Spare")
	p.keys.broken = &keychain.Error{Kind: keychain.Locked, Op: "get", Store: "os", ID: "id0", Err: errors.New("the keychain is locked")}
	asked, err := p.poller.AskAll(t.Context(), time.Second)
	require.NoError(t, err)
	for i, label := range []string{"Work", "Personal", "Spare"} {
		require.ErrorIs(t, asked[i].Err, keychain.ErrLocked)
		require.ErrorContains(t, asked[i].Err, label)
	}
	assert.Equal(t, 1, p.keys.reads)
	assert.Empty(t, p.service.Requests())
}

func TestAskAllOfNobody(t *testing.T) {
	p := newPoolOf(t)
	asked, err := p.poller.AskAll(t.Context(), time.Second)
	require.NoError(t, err)
	assert.Empty(t, asked)
}

// Refresh runs in the background. It reads no key from the keychain, since that might prompt the
// user.
func TestRefreshUsesOnlyKeysInMemory(t *testing.T) {
	p := newPoolOf(t, "Work", "Personal", "Spare")
	p.poller.Holder = helper.NewHolder(p.Pool, p.keys, rotation.Process{PID: 1, Start: "x"}, func(m, _ rotation.Handout) { t.Error(m) })
	g, err := p.poller.Holder.Current(t.Context(), nil)
	require.NoError(t, err)
	p.poller.Holder.Prepare(t.Context())
	reads := p.keys.reads
	require.Equal(t, 2, reads)
	require.True(t, p.poller.Due())
	require.False(t, p.poller.Due(), "once")
	p.poller.Refresh(t.Context(), g)
	assert.Equal(t, []int{0, 0, -1}, []int{p.percent(t, 0), p.percent(t, 1), p.percent(t, 2)})
	assert.Equal(t, reads, p.keys.reads)
	require.False(t, p.poller.Due())
}

// The process switches only when the key of the next account is in memory. Without a key, there is
// no switch.
func TestPrepareAhead(t *testing.T) {
	p := newPoolOf(t, "Work", "Personal", "Spare")
	h := helper.NewHolder(p.Pool, p.keys, rotation.Process{PID: 1, Start: "x"}, func(m, _ rotation.Handout) { t.Error(m) })
	h.Ahead = 90
	g, err := h.Current(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "Work", g.Label)
	require.NoError(t, p.keys.Delete(t.Context(), "id1"))
	h.PrepareAhead(t.Context())
	assert.Equal(t, 1, p.keys.reads, "there is no reason to move yet")

	require.NoError(t, p.Learn(t.Context(), g.Handout, rotation.Usage{Windows: map[string]rotation.Window{"weekly": {Status: "ok", Percent: 90}}}))
	g, err = h.Current(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "Work", g.Label, "the request must not wait for a keychain")
	assert.Equal(t, 1, p.keys.reads)
	h.PrepareAhead(t.Context())
	g, err = h.Current(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "Spare", g.Label)
	require.NotNil(t, g.Moved)
	assert.Equal(t, rotation.Ahead, g.Moved.Cause)
	assert.Equal(t, "Work", g.Moved.From.Label)
	assert.Equal(t, 3, p.keys.reads)
	g, err = h.Current(t.Context(), nil)
	require.NoError(t, err)
	assert.Nil(t, g.Moved, "the switch is returned only once")
}
