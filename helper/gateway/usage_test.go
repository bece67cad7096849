package gateway_test

import (
	"net/http"
	"net/url"
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

// usageStage is a stage whose gateway uses /usage.
func usageStage(t *testing.T, change ...func(*gateway.Options)) *stage {
	q := &helper.UsagePoller{Keys: keychain.NewMemory(), Client: helper.NewClient()}
	t.Cleanup(q.Client.CloseIdleConnections)
	s := newStage(t, append(change, func(o *gateway.Options) {
		q.Base, q.Now, q.Holder = o.Upstreams[gateway.GoPrefix], o.Now, o.Holder.(*helper.Holder)
		o.Usage = q
		_, err := q.Holder.Current(t.Context(), nil) // as a process does before it starts the gateway
		require.NoError(t, err)
	})...)
	s.usage = q
	q.Pool = s.pool
	o, err := s.pool.Overview(t.Context())
	require.NoError(t, err)
	for _, v := range o.Accounts {
		require.NoError(t, q.Keys.Set(t.Context(), v.ID, keychain.NewSecret(keyOf(v.Label))))
	}
	return s
}

func (s *stage) asked(path string) (n int) {
	for _, r := range s.service.Requests() {
		if u, err := url.Parse(r.Path); err == nil && u.Path == gateway.GoPrefix+path {
			n++
		}
	}
	return n
}

// askedAbout counts the requests for the usage of this account.
func (s *stage) askedAbout(label string) (n int) {
	for _, r := range s.service.Requests() {
		if r.Account == label && r.Path == gateway.GoPrefix+"/usage" {
			n++
		}
	}
	return n
}

func TestTheLatestResetIsTheTimeOfReturn(t *testing.T) {
	s := usageStage(t)
	now := s.clock.Now()
	// The 429 names only the first window. The weekly window resets later.
	s.service.SetPlan(keyOf("Work"), fakeservice.Plan{
		Answers: []fakeservice.Answer{fakeservice.UsageLimit(fakeservice.Rolling, time.Hour)},
		Usage: fakeservice.Usage{Percent: map[fakeservice.Window]int{fakeservice.Rolling: 100, fakeservice.Weekly: 100},
			ResetsAt: map[fakeservice.Window]time.Time{fakeservice.Rolling: now.Add(time.Hour), fakeservice.Weekly: now.Add(50 * time.Hour)},
			Delay:    50 * time.Millisecond},
	})
	a := s.do(t, s.request(t, formats["chat"], true))
	assert.Contains(t, a.body, "Personal", "the request does not wait for the answer")
	require.Eventually(t, func() bool {
		return s.condition(t, "Work").Until.Sub(now.Add(50*time.Hour)).Abs() < 2*time.Second
	}, 5*time.Second, 5*time.Millisecond)
	assert.Equal(t, "weekly limit", s.condition(t, "Work").Reason)
	s.Close()
	assert.Equal(t, 1, s.askedAbout("Work"))
}

func TestAnAccountThatIsBackEarlyIsFound(t *testing.T) {
	s := usageStage(t)
	for _, label := range labels {
		s.service.SetAnswers(keyOf(label), fakeservice.UsageLimit(fakeservice.Weekly, 24*time.Hour))
	}
	a := s.do(t, s.request(t, formats["chat"], true))
	require.Equal(t, http.StatusTooManyRequests, a.status)
	require.Eventually(t, func() bool { return s.asked("/usage") == 3 && s.service.InFlight() == 0 }, 5*time.Second, 5*time.Millisecond)
	s.service.SetPlan(keyOf("Spare"), fakeservice.Plan{Usage: fakeservice.Usage{Percent: map[fakeservice.Window]int{fakeservice.Weekly: 10}}})
	for _, label := range labels[:2] { // these accounts stay limited, as /usage reports
		s.service.SetPlan(keyOf(label), fakeservice.Plan{Limits: []fakeservice.Limit{{Window: fakeservice.Weekly, Until: s.clock.Now().Add(24 * time.Hour)}}})
	}
	s.clock.pass(2 * time.Minute)
	a = s.do(t, s.request(t, formats["chat"], true))
	assert.Contains(t, a.body, "Spare", "the service is asked before a request is refused")
	assert.Equal(t, rotation.Cooling, s.condition(t, "Work").State)
}

func TestExhaustedRequestsDoNotFloodUsage(t *testing.T) {
	s := usageStage(t)
	for _, label := range labels {
		s.service.SetPlan(keyOf(label), fakeservice.Plan{Limits: []fakeservice.Limit{{Window: fakeservice.Weekly, Until: s.clock.Now().Add(24 * time.Hour)}}})
	}
	for range 50 {
		require.Equal(t, http.StatusTooManyRequests, s.do(t, s.request(t, formats["chat"], true)).status)
	}
	s.Close()
	assert.Equal(t, 3, s.asked("/chat/completions"))
	assert.LessOrEqual(t, s.asked("/usage"), 3, "each account once a minute at most")
}

// The message about the next ready account appears only once. Its time comes from /usage, which
// lists all windows: a 429 names only one.
func TestTheTimeOfReturnIsReportedOnce(t *testing.T) {
	var said []string
	s := usageStage(t, func(o *gateway.Options) {
		o.Observer.Exhausted = func(_ *gateway.Exchange, e *rotation.ExhaustedError) { said = append(said, e.Account) }
	})
	now := s.clock.Now()
	for i, label := range labels { // Spare's 429 has the shortest time, but Spare's monthly limit is reached too
		s.service.SetPlan(keyOf(label), fakeservice.Plan{
			Answers: []fakeservice.Answer{fakeservice.UsageLimit(fakeservice.Weekly, time.Duration(10-i)*time.Hour)},
			Usage: fakeservice.Usage{Percent: map[fakeservice.Window]int{fakeservice.Weekly: 100, fakeservice.Monthly: 100 * (i / 2)},
				ResetsAt: map[fakeservice.Window]time.Time{fakeservice.Weekly: now.Add(time.Duration(10-i) * time.Hour), fakeservice.Monthly: now.Add(500 * time.Hour)}},
		})
	}
	a := s.do(t, s.request(t, formats["chat"], true))
	assert.Equal(t, http.StatusTooManyRequests, a.status)
	assert.Contains(t, a.body, "Personal is back first")
	assert.Equal(t, []string{"Personal"}, said)
}

func TestUsageThatRefusesChangesNothing(t *testing.T) {
	s := usageStage(t)
	refused := fakeservice.AuthError()
	s.service.SetPlan(keyOf("Work"), fakeservice.Plan{Answers: []fakeservice.Answer{fakeservice.UsageLimit(fakeservice.Weekly, time.Hour)}, Usage: fakeservice.Usage{Answer: &refused}})
	s.do(t, s.request(t, formats["chat"], true))
	require.Eventually(t, func() bool { return s.askedAbout("Work") == 1 }, 5*time.Second, 5*time.Millisecond)
	s.Close()
	c := s.condition(t, "Work")
	assert.Equal(t, rotation.Cooling, c.State)
	assert.WithinDuration(t, s.clock.Now().Add(time.Hour), c.Until, 2*time.Second)
}
