package gateway_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/gateway"
	"ocgo-key/internal/fakeservice"
	"ocgo-key/rotation"
)

func userAgent(value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("User-Agent", value) }
}

const (
	openCode1 = "opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14"
	openCode2 = "opencode/latest/2.0.15/cli"
)

// limitAll uses up the weekly window of each account. The last account is ready again after the
// duration first, the others later.
func (s *stage) limitAll(first time.Duration) {
	for i, label := range labels {
		until := s.clock.Now().Add(first + time.Duration(len(labels)-1-i)*time.Hour)
		s.service.SetPlan(keyOf(label), fakeservice.Plan{Limits: []fakeservice.Limit{{Window: fakeservice.Weekly, Until: until}}})
	}
}

func maxWait(d time.Duration) func(*gateway.Options) {
	return func(o *gateway.Options) { o.MaxWait = &d }
}

// A client that should wait gets an error that clients retry. If the wait is too long, the client
// gets an error that clients do not retry. OpenCode 1 always waits, and must not show its own text
// about the balance.
func TestTheKindOfLimitFollowsTheWait(t *testing.T) {
	for name, c := range map[string]struct {
		wait  time.Duration // until the first account is ready
		agent string
		kind  string
		retry string
	}{
		"an SDK, soon":        {10 * time.Minute, "OpenAI/JS 6.1", "RateLimitError", ""},
		"an SDK, in hours":    {3 * time.Hour, "OpenAI/JS 6.1", "GoUsageLimitError", "false"},
		"OpenCode 1, soon":    {10 * time.Minute, openCode1, "RateLimitError", ""},
		"OpenCode 1, later":   {3 * time.Hour, openCode1, "RateLimitError", ""},
		"OpenCode 2, later":   {3 * time.Hour, openCode2, "GoUsageLimitError", "false"},
		"odd, named opencode": {3 * time.Hour, "opencode/x", "GoUsageLimitError", "false"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.limitAll(c.wait)
			a := s.do(t, s.request(t, formats["chat"], true, userAgent(c.agent)))
			assert.Equal(t, http.StatusTooManyRequests, a.status)
			assert.Contains(t, a.body, `"`+c.kind+`"`)
			assert.Equal(t, c.retry, a.header.Get("X-Should-Retry"))
			assert.NotEmpty(t, a.header.Get("Retry-After"))
			assert.Contains(t, a.body, "All 3 accounts are used up. Spare is back first, ")
			assert.NotContains(t, a.body, "balance")
			assert.Equal(t, 1, s.exhausted, "said once")
		})
	}
}

// A streaming request of OpenCode 2 is answered at once. The rest of the answer is sent when the
// first account is ready.
func TestAHeldRequestIsAnsweredByTheFirstAccountThatIsBack(t *testing.T) {
	for name, f := range formats {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.limitAll(5 * time.Minute)
			resp, err := s.client.Do(s.request(t, f, true, userAgent(openCode2)))
			require.NoError(t, err)
			defer resp.Body.Close()
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
			lines := bufio.NewScanner(resp.Body)
			require.True(t, lines.Scan())
			assert.Equal(t, ": waiting", lines.Text())
			before := len(s.seen())
			s.clock.pass(6 * time.Minute)
			var text strings.Builder
			for lines.Scan() {
				text.WriteString(lines.Text() + "\n")
			}
			require.NoError(t, lines.Err())
			assert.Contains(t, text.String(), "Spare")
			assert.NotContains(t, text.String(), "event: error")
			assert.Equal(t, []string{"Spare"}, s.seen()[before:])
			assert.Equal(t, 1, s.exhausted, "said once")
		})
	}
}

// heldUntil sends a streaming request while all accounts are used up. When the request is held, it
// advances the clock until Spare is ready. The service then sends the answer last. heldUntil
// returns the rest of the stream.
func (s *stage) heldUntil(t *testing.T, last fakeservice.Answer) string {
	s.limitAll(5 * time.Minute)
	resp, err := s.client.Do(s.request(t, formats["chat"], true, userAgent(openCode2)))
	require.NoError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	require.True(t, lines.Scan())
	s.service.SetAnswers(keyOf("Spare"), last)
	s.clock.pass(6 * time.Minute)
	var text strings.Builder
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
	}
	return text.String()
}

// If the remaining wait becomes longer than the client may wait, the stream ends with the limit.
func TestAHeldRequestEndsWithALimit(t *testing.T) {
	s := newStage(t, maxWait(10*time.Minute))
	text := s.heldUntil(t, fakeservice.UsageLimit(fakeservice.Weekly, 100*time.Hour))
	assert.Contains(t, text, "event: error\ndata: {")
	assert.Contains(t, text, "GoUsageLimitError")
	assert.Contains(t, text, "All 3 accounts are used up.")
}

func TestAHeldRequestThatFailsIsAnErrorEvent(t *testing.T) {
	s := newStage(t)
	text := s.heldUntil(t, fakeservice.Error(400, "invalid_request_error", "no such\nthing"))
	assert.Contains(t, text, "event: error\ndata: {")
	assert.Contains(t, text, "invalid_request_error")
}

// A request is no longer held if its client disconnects, and never held if it asks for no stream.
func TestHoldingEndsWithTheClient(t *testing.T) {
	s := newStage(t)
	s.limitAll(5 * time.Minute)
	a := s.do(t, s.request(t, formats["chat"], false, userAgent(openCode2)))
	assert.Equal(t, http.StatusTooManyRequests, a.status)
	assert.Contains(t, a.body, "RateLimitError")
	resp, err := s.client.Do(s.request(t, formats["chat"], true, userAgent(openCode2)))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	s.Close() // waits for running tasks
}

// While all accounts are used up, ThenModel answers requests for other models. It is not used any
// more after an answer that costs money.
func TestThenModel(t *testing.T) {
	var said []string
	s := newStage(t, func(o *gateway.Options) {
		o.ThenModel = "free"
		o.Observer.Instead = func(e *rotation.ExhaustedError, model string) { said = append(said, e.Account+" "+model) }
	})
	ask := func(model string) answer {
		return s.do(t, s.request(t, formats["chat"], false, func(r *http.Request) { setBody(r, `{"model":"`+model+`","messages":[]}`) }))
	}
	plan := func(free ...fakeservice.Answer) {
		for _, label := range labels {
			s.service.SetPlan(keyOf(label), fakeservice.Plan{
				Answers:  []fakeservice.Answer{fakeservice.UsageLimit(fakeservice.Weekly, 100*time.Hour)},
				PerModel: map[string][]fakeservice.Answer{"free": free},
			})
		}
	}
	models := func() (all []string) {
		for _, r := range s.service.Requests() {
			if r.Model != "" {
				all = append(all, r.Model)
			}
		}
		return all
	}
	assert.Equal(t, 200, ask("paid").status)
	assert.Equal(t, []string{"paid"}, models(), "the other model is not used while an account is ready")
	plan(fakeservice.OK())
	assert.Equal(t, 200, ask("paid").status)
	assert.Equal(t, "free", models()[len(models())-1])
	assert.Equal(t, 200, ask("paid").status)
	assert.Len(t, said, 2)
	plan(fakeservice.Costing("0.01"))
	assert.Equal(t, 200, ask("paid").status)
	count := len(models())
	assert.Equal(t, 429, ask("paid").status, "an answer cost money")
	assert.Len(t, models(), count)
}

// If ThenModel does not answer either, the client gets the usual limit.
func TestThenModelIsUsedUpToo(t *testing.T) {
	s := newStage(t, func(o *gateway.Options) { o.ThenModel = "free" })
	s.limitAll(100 * time.Hour)
	a := s.do(t, s.request(t, formats["chat"], false, userAgent(openCode2)))
	assert.Equal(t, 429, a.status)
	assert.Contains(t, a.body, "All 3 accounts are used up")
}

// Requests for models that cost nothing are answered although every usage limit is reached. Each
// model has one trial per minute.
func TestFreeModelsWorkWhileAllIsUsedUp(t *testing.T) {
	s := newStage(t)
	until := s.clock.Now().Add(100 * time.Hour)
	for _, label := range labels {
		s.service.SetAnswers(keyOf(label), fakeservice.UsageLimit(fakeservice.Weekly, until.Sub(s.clock.Now())))
	}
	ask := func(model string) answer {
		return s.do(t, s.request(t, formats["chat"], false, func(r *http.Request) { setBody(r, `{"model":"`+model+`","messages":[]}`) }))
	}
	assert.Equal(t, 429, ask("paid").status)
	for _, label := range labels {
		s.service.SetPlan(keyOf(label), fakeservice.Plan{
			Answers:  []fakeservice.Answer{fakeservice.UsageLimit(fakeservice.Weekly, 100*time.Hour)},
			PerModel: map[string][]fakeservice.Answer{"free": {fakeservice.OK()}},
		})
	}
	before := len(s.seen())
	for range 5 {
		assert.Equal(t, 200, ask("free").status)
	}
	assert.Len(t, s.seen(), before+5, "an answered model is let through")
	before = len(s.seen())
	for range 5 {
		assert.Equal(t, 429, ask("paid").status)
	}
	assert.Len(t, s.seen(), before, "it was refused less than a minute ago")
	s.clock.pass(61 * time.Second)
	for range 5 {
		assert.Equal(t, 429, ask("paid").status)
	}
	assert.Len(t, s.seen(), before+1, "one trial a minute")
	for _, label := range labels { // now the free model is used up as well
		s.service.SetAnswers(keyOf(label), fakeservice.UsageLimit(fakeservice.Weekly, 100*time.Hour))
	}
	before = len(s.seen())
	for range 5 {
		assert.Equal(t, 429, ask("free").status)
	}
	assert.Len(t, s.seen(), before+1, "until its next limit")
}

// A trial spends no money.
func TestNoTrialOnAnAccountThatSpendsMoney(t *testing.T) {
	s := newStage(t)
	for i := range labels {
		h, err := s.pool.Acquire(t.Context(), rotation.Process{PID: 100 + i, Start: "x"}, rotation.Ask{})
		require.NoError(t, err)
		_, _ = s.pool.Blame(t.Context(), h, rotation.Overage("0.1", s.clock.Now()))
	}
	a := s.do(t, s.request(t, formats["chat"], false))
	assert.Equal(t, 429, a.status)
	assert.Empty(t, s.seen())
}

// With NoOverage, each account is left after its first answer that cost money. It is still not used
// after the service's usage numbers have replaced the cooldown.
func TestNoTrialSpendsMoneyAgain(t *testing.T) {
	s := usageStage(t, func(o *gateway.Options) { o.NoOverage = true })
	for _, label := range labels {
		s.service.SetPlan(keyOf(label), fakeservice.Plan{
			Limits:     []fakeservice.Limit{{Window: fakeservice.Weekly, Until: s.clock.Now().Add(100 * time.Hour)}},
			UseBalance: "0.5",
		})
	}
	paid := 0
	for range 12 {
		if s.do(t, s.request(t, formats["chat"], true)).status == http.StatusOK {
			paid++
		}
		require.Eventually(t, func() bool { return s.service.InFlight() == 0 }, 5*time.Second, 5*time.Millisecond)
		s.clock.pass(2 * time.Minute)
	}
	assert.LessOrEqual(t, paid, len(labels))
}

// Requests for usage or models are passed on while accounts cool for any reason.
func TestInformationalRequestsDuringACooldown(t *testing.T) {
	s := newStage(t)
	for _, label := range labels {
		s.service.SetAnswers(keyOf(label), fakeservice.Error(429, "Whatever", "slow down"))
	}
	assert.Equal(t, 429, s.do(t, s.request(t, formats["chat"], true)).status)
	req := s.request(t, format{"/models", "Authorization"}, false)
	req.Method, req.Body, req.ContentLength = http.MethodGet, nil, 0
	assert.Equal(t, 200, s.do(t, req).status)
}

// If one account's key is missing and the other accounts are limited, the client waits: the other
// accounts will be ready again.
func TestAMissingKeyEndsNoWaiting(t *testing.T) {
	s := newStage(t)
	s.limitAll(10 * time.Minute)
	require.NoError(t, s.pool.Add(t.Context(), rotation.NewAccount{ID: "gone", Label: "Gone"}))
	a := s.do(t, s.request(t, formats["chat"], true))
	assert.Equal(t, 429, a.status, a.body)
	assert.Contains(t, a.body, "RateLimitError")
}
