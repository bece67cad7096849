package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper"
	"ocgo-key/helper/gateway"
	"ocgo-key/internal/fakeservice"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// A client is not asked to wait for days while an account is ready. An account that stalled is
// ready.
func TestNoLongWaitWhileAnAccountIsReady(t *testing.T) {
	s := newStage(t, func(o *gateway.Options) { o.Stall = 50 * time.Millisecond })
	require.NoError(t, s.pool.Disable(t.Context(), "id2"))
	s.service.SetAnswers(keyOf("Work"), fakeservice.Stalled(-1), fakeservice.OK())
	s.service.SetAnswers(keyOf("Personal"), fakeservice.UsageLimit(fakeservice.Weekly, 72*time.Hour))
	a := s.do(t, s.request(t, formats["chat"], true))
	assert.Equal(t, 429, a.status)
	assert.Equal(t, "1", a.header.Get("Retry-After"))
	assert.Contains(t, a.body, "Work is ready")
	assert.Contains(t, s.do(t, s.request(t, formats["chat"], true)).body, "Work")
}

// If the body of an error never ends, the part that arrived decides.
func TestAnErrorThatNeverEnds(t *testing.T) {
	s := newStage(t, func(o *gateway.Options) {
		real := o.Transport
		if real == nil {
			real = http.DefaultTransport
		}
		o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Authorization") == "Bearer "+keyOf("Work") {
				return &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {"60"}}, Body: endless{r.Context()}, ContentLength: -1}, nil
			}
			return real.RoundTrip(r)
		})
	})
	a := s.do(t, s.request(t, formats["chat"], true))
	assert.Equal(t, 200, a.status)
	assert.Contains(t, a.body, "Personal")
	assert.Equal(t, rotation.Cooling, s.condition(t, "Work").State)
}

// endless is a body that sends nothing until its request is canceled.
type endless struct{ ctx context.Context }

func (e endless) Read([]byte) (int, error) {
	<-e.ctx.Done()
	return 0, e.ctx.Err()
}

func (e endless) Close() error { return nil }

// An oversized model name is not stored.
func TestHugeModelNames(t *testing.T) {
	s := newStage(t)
	s.service.SetAnswers(keyOf("Work"), fakeservice.RateLimit())
	body := fmt.Sprintf(`{"model":%q,"messages":[]}`, strings.Repeat("m", 1<<20))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(gateway.GoPrefix)+"/chat/completions", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+s.Token())
	req.Header.Set("X-Opencode-Session", "ses_test")
	assert.Contains(t, s.do(t, req).body, "Personal")
	assert.Less(t, len(s.condition(t, "Work").Reason), 200)
	assert.Equal(t, rotation.Cooling, s.condition(t, "Work").State)
}

// An account whose key was missing is used again when the keychain has the key.
func TestAMissingKeyIsLookedForAgain(t *testing.T) {
	s, keys := newStage(t), keychain.NewMemory()
	var missing []string
	h := helper.NewHolder(s.pool, keys, rotation.Process{PID: 2, Start: "y"}, func(m, _ rotation.Handout) { missing = append(missing, m.Label) })
	require.NoError(t, keys.Set(t.Context(), "id1", keychain.NewSecret(keyOf("Personal"))))
	g, err := h.Current(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "Personal", g.Label)
	assert.Equal(t, []string{"Work"}, missing)
	require.NoError(t, keys.Set(t.Context(), "id0", keychain.NewSecret(keyOf("Work"))))
	require.NoError(t, s.pool.Replaced(t.Context(), "id0", "", ""))
	g, _, err = h.Report(t.Context(), g, rotation.Verdict{Action: rotation.Cool, Until: s.clock.Now().Add(time.Hour), Reason: "weekly limit", Window: "weekly"}, nil)
	require.NoError(t, err)
	assert.Equal(t, "Work", g.Label)
}

// A keychain that waits for its user delays only the requests that need it. Each waits no longer
// than its own time limit.
func TestARequestHasItsOwnTime(t *testing.T) {
	s := newStage(t)
	slow := slowStore{keychain.NewMemory(), make(chan struct{})}
	h := helper.NewHolder(s.pool, slow, rotation.Process{PID: 2, Start: "y"}, func(m, _ rotation.Handout) { t.Error(m) })
	first := make(chan struct{})
	go func() {
		defer close(first)
		_, _ = h.Current(context.WithoutCancel(t.Context()), nil)
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Current(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
	close(slow.answer)
	<-first
}

// slowStore answers only after answer is closed.
type slowStore struct {
	keychain.Store
	answer chan struct{}
}

func (s slowStore) Get(ctx context.Context, id string) (keychain.Secret, error) {
	select {
	case <-s.answer:
		return keychain.NewSecret("sk-marked-slow"), nil
	case <-ctx.Done():
		return keychain.Secret{}, ctx.Err()
	}
}
