package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/gateway"
	"ocgo-key/internal/fakeservice"
	"ocgo-key/rotation"
)

func TestPutsTheLeasedKeyOnEachRequest(t *testing.T) {
	s := newStage(t)
	for name, f := range formats {
		for _, stream := range []bool{true, false} {
			a := s.do(t, s.request(t, f, stream))
			assert.Equal(t, 200, a.status, name)
			assert.Contains(t, a.body, "Work", name)
		}
	}
	for _, r := range s.service.Requests() {
		assert.Equal(t, keyOf("Work"), r.Key)
		assert.NotContains(t, fmt.Sprint(r.Header), s.Token(), "the token stays here")
	}
	assert.Len(t, s.service.Requests(), 6)
}

// Clients send the key in different headers, and the service reads x-api-key only for messages.
func TestEitherHeader(t *testing.T) {
	for name, f := range formats {
		for _, header := range []string{"Authorization", "X-Api-Key"} {
			s := newStage(t)
			f.header = header
			a := s.do(t, s.request(t, f, true))
			assert.Equal(t, 200, a.status, "%s with %s", name, header)
			assert.Equal(t, []string{"Work"}, s.seen())
			assert.Contains(t, s.service.Requests()[0].Header.Get(header), keyOf("Work"), "the header that was used is kept")
		}
	}
}

// coded is an error that has its kind in error.code, and no outer type.
func coded(status int, code, message string) fakeservice.Answer {
	body, _ := json.Marshal(map[string]any{"error": map[string]string{"code": code, "message": message}})
	return fakeservice.Raw(status, http.Header{"Content-Type": {"application/json"}}, body)
}

const weeklyWords = "Error from provider (Console Go): Weekly usage limit reached. It will reset in 5 days 10 hours. To continue using this model now, enable usage from your available balance"

// TestVerdicts sends every row of the table "Answers and what they do" in docs/reference.md through
// the gateway, in each wire format, with and without a stream.
func TestVerdicts(t *testing.T) {
	const day = 24 * time.Hour
	type want struct {
		failover bool          // the answer is the next account's
		state    string        // of the first account
		cooling  time.Duration // from now
	}
	ready := want{false, rotation.Ready, 0}
	for name, c := range map[string]struct {
		answer fakeservice.Answer
		want   want
	}{
		"usage limit":        {fakeservice.UsageLimit(fakeservice.Weekly, 3*day), want{true, rotation.Cooling, 3 * day}},
		"free usage limit":   {fakeservice.FreeUsageLimit(time.Hour), ready},
		"provider busy":      {fakeservice.ProviderBusy(), ready},
		"another 429":        {fakeservice.Error(429, "Whatever", "x"), want{true, rotation.Cooling, time.Minute}},
		"429, not JSON":      {fakeservice.Raw(429, http.Header{"Retry-After": {"9"}}, []byte("<html>")), want{true, rotation.Cooling, 9 * time.Second}},
		"429, empty":         {fakeservice.Raw(429, nil, nil), want{true, rotation.Cooling, time.Minute}},
		"429, 2 MB":          {fakeservice.Raw(429, nil, bytes.Repeat([]byte("x"), 2<<20)), want{true, rotation.Cooling, time.Minute}},
		"429, negative":      {fakeservice.UsageLimit(fakeservice.Weekly, 0).With("Retry-After", "-5"), want{true, rotation.Cooling, time.Minute}},
		"429, absurd":        {fakeservice.UsageLimit(fakeservice.Weekly, 0).With("Retry-After", "1e9"), want{true, rotation.Cooling, 32 * day}},
		"bad key":            {fakeservice.AuthError(), want{true, rotation.Rejected, 0}},
		"no balance":         {fakeservice.CreditsError(), want{true, rotation.Cooling, time.Hour}},
		"workspace's limit":  {fakeservice.MonthlyLimitError(), want{true, rotation.Cooling, time.Hour}},
		"member's limit":     {fakeservice.UserLimitError(), want{true, rotation.Cooling, time.Hour}},
		"unknown model":      {fakeservice.ModelError("m"), ready},
		"no subscription":    {fakeservice.EntitlementError(), want{true, rotation.Rejected, 0}},
		"disabled":           {fakeservice.Error(403, "Account.Disabled", "An active OpenCode Go subscription is required to use Go models"), want{true, rotation.Rejected, 0}},
		"disabled, a code":   {coded(403, "Account.Disabled", "An active OpenCode Go subscription is required to use Go models"), want{true, rotation.Rejected, 0}},
		"weekly, in words":   {fakeservice.Error(429, "rate_limit_error", weeklyWords), want{true, rotation.Cooling, 5*day + 10*time.Hour}},
		"weekly, no type":    {coded(429, "", weeklyWords), want{true, rotation.Cooling, 5*day + 10*time.Hour}},
		"provider's limit":   {coded(429, "provider_rate_limit_exceeded", "Provider rate limit exceeded"), ready},
		"provider's limit 2": {coded(429, "rate_limit_exceeded", "Rate limit exceeded"), ready},
		"no session":         {fakeservice.Error(400, "MissingSessionID", "Error from provider (Console Go): Request is missing x-opencode-session"), ready},
		"upstream failed":    {fakeservice.Error(400, "error", "Upstream request failed"), ready},
		"paused":             {fakeservice.Error(403, "Account.Paused", "This account is paused"), ready},
		"payment required":   {fakeservice.Error(402, "error", "Payment required"), ready},
		"server trouble":     {fakeservice.ServerError(500), ready},
		"overloaded":         {fakeservice.ServerError(529), ready},
		"bad request":        {fakeservice.Error(400, "invalid_request_error", "x"), ready},
		"an odd status":      {fakeservice.Raw(418, nil, []byte("teapot")), ready},
		"error page, 2 MB":   {fakeservice.Raw(403, nil, bytes.Repeat([]byte("x"), 2<<20)), ready},
	} {
		for formatName, f := range formats {
			for _, stream := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/stream=%v", name, formatName, stream), func(t *testing.T) {
					s := newStage(t)
					s.service.SetAnswers(keyOf("Work"), c.answer)
					a := s.do(t, s.request(t, f, stream))
					got := s.condition(t, "Work")
					assert.Equal(t, c.want.state, got.State)
					if c.want.cooling != 0 {
						assert.WithinDuration(t, s.clock.Now().Add(c.want.cooling), got.Until, time.Second)
					}
					if c.want.failover {
						assert.Equal(t, 200, a.status)
						assert.Contains(t, a.body, "Personal")
						assert.Equal(t, []string{"Work", "Personal"}, s.seen())
						assert.Equal(t, []string{"Work -> Personal"}, s.switches)
					} else {
						assert.Equal(t, c.answer.Status, a.status, "it is passed on")
						if c.answer.Body != nil {
							assert.Equal(t, len(c.answer.Body), len(a.body), "whole")
						} else {
							assert.Contains(t, a.body, c.answer.ErrorType)
						}
						assert.Equal(t, []string{"Work"}, s.seen())
						assert.Empty(t, s.switches)
					}
					first := s.service.Requests()[0]
					for _, r := range s.service.Requests() {
						assert.Equal(t, first.Body, r.Body, "the same request again")
					}
					assert.Equal(t, rotation.Ready, s.condition(t, "Personal").State)
				})
			}
		}
	}
}

func TestRateLimitIsOnTheModel(t *testing.T) {
	s := newStage(t)
	s.service.SetAnswers(keyOf("Work"), fakeservice.RateLimit())
	a := s.do(t, s.request(t, formats["chat"], true))
	assert.Contains(t, a.body, "Personal")
	assert.Equal(t, rotation.Ready, s.condition(t, "Work").State, "for other models")
	_, err := s.pool.Acquire(t.Context(), rotation.Process{PID: 2, Start: "y"}, rotation.Ask{Model: "m"})
	require.NoError(t, err)
	o, err := s.pool.Overview(t.Context())
	require.NoError(t, err)
	assert.Empty(t, o.Accounts[0].Leases, "who wants that model does not get the account")
}

func TestErrorAsFirstEventFailsOver(t *testing.T) {
	for name, f := range formats {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.service.SetAnswers(keyOf("Work"), fakeservice.StreamError(0, "GoUsageLimitError", "Weekly usage limit reached"))
			a := s.do(t, s.request(t, f, true))
			assert.Contains(t, a.body, "Personal")
			assert.NotContains(t, a.body, "GoUsageLimitError")
			assert.Equal(t, rotation.Cooling, s.condition(t, "Work").State)
		})
	}
}

func TestErrorAfterTheFirstEventIsPassedOn(t *testing.T) {
	s := newStage(t)
	s.service.SetAnswers(keyOf("Work"), fakeservice.StreamError(2, "GoUsageLimitError", "Weekly usage limit reached"))
	a := s.do(t, s.request(t, formats["chat"], true))
	assert.Contains(t, a.body, "GoUsageLimitError")
	assert.Equal(t, []string{"Work"}, s.seen(), "nothing is replayed once a byte was passed on")
}

func TestAllUsedUp(t *testing.T) {
	s := newStage(t)
	for i, label := range labels {
		s.service.SetPlan(keyOf(label), fakeservice.Plan{Limits: []fakeservice.Limit{{Window: fakeservice.Weekly, Until: s.clock.Now().Add(time.Duration(3-i) * time.Hour)}}})
	}
	for range 3 {
		a := s.do(t, s.request(t, formats["chat"], true))
		assert.Equal(t, 429, a.status)
		assert.Contains(t, []string{"3600", "3601"}, a.header.Get("Retry-After"))
		assert.Contains(t, a.body, "All 3 accounts are used up. Spare is back first, ")
		assert.Contains(t, a.body, "GoUsageLimitError")
		assert.Equal(t, "false", a.header.Get("X-Should-Retry"))
	}
	assert.Equal(t, labels, s.seen(), "each was asked once, and no more")
	assert.Equal(t, 3, s.exhausted)
	s.clock.pass(time.Hour + 2*time.Second)
	a := s.do(t, s.request(t, formats["chat"], true))
	assert.Equal(t, 200, a.status, "the soonest is back")
	assert.Contains(t, a.body, "Spare")
}

func TestAllRejectedPassesTheLastAnswerOn(t *testing.T) {
	s := newStage(t)
	for _, label := range labels {
		s.service.SetAnswers(keyOf(label), fakeservice.AuthError())
	}
	a := s.do(t, s.request(t, formats["chat"], false))
	assert.Equal(t, 401, a.status)
	assert.Contains(t, a.body, "Invalid API key")
	assert.Equal(t, labels, s.seen())
	a = s.do(t, s.request(t, formats["chat"], false))
	assert.Equal(t, 401, a.status)
	assert.Contains(t, a.body, "ocgo-key list")
}

func TestTwentyRequestsMeetOneLimitTogether(t *testing.T) {
	const n = 20
	var arrived sync.WaitGroup
	arrived.Add(n)
	gate := make(chan struct{})
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("Authorization") == "Bearer "+keyOf("Work") {
			arrived.Done()
			<-gate // until all have arrived
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	s := newStage(t, func(o *gateway.Options) { o.Transport = transport })
	s.service.SetPlan(keyOf("Work"), fakeservice.Plan{Answers: []fakeservice.Answer{fakeservice.UsageLimit(fakeservice.Weekly, time.Hour)}})
	go func() {
		arrived.Wait()
		close(gate)
	}()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			a := s.do(t, s.request(t, formats["chat"], true))
			assert.Contains(t, a.body, "Personal")
		})
	}
	wg.Wait()
	assert.Equal(t, []string{"Work -> Personal"}, s.switches)
	counts := map[string]int{}
	for _, label := range s.seen() {
		counts[label]++
	}
	assert.Equal(t, map[string]int{"Work": n, "Personal": n}, counts)
	assert.Equal(t, rotation.Ready, s.condition(t, "Personal").State)
	assert.Equal(t, rotation.Ready, s.condition(t, "Spare").State)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNetworkTroubleBlamesNobody(t *testing.T) {
	s := newStage(t, func(o *gateway.Options) {
		o.Transport = roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") })
	})
	a := s.do(t, s.request(t, formats["chat"], true))
	assert.Equal(t, 502, a.status)
	assert.Contains(t, a.body, "connection refused")
	assert.NotContains(t, a.body, "sk-marked")
	assert.Equal(t, rotation.Ready, s.condition(t, "Work").State)
}

func TestHeldRequestsEndWithTheClient(t *testing.T) {
	limited := make(chan rotation.Switch, 1)
	s := newStage(t, func(o *gateway.Options) {
		o.Observer.Limited = func(_ *gateway.Exchange, sw rotation.Switch) bool {
			limited <- sw
			return true
		}
	})
	s.service.SetAnswers(keyOf("Work"), fakeservice.UsageLimit(fakeservice.Weekly, time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		resp, err := s.client.Do(s.request(t, formats["chat"], true).WithContext(ctx))
		if err == nil {
			resp.Body.Close()
		}
		done <- err
	}()
	sw := <-limited
	assert.Equal(t, "Personal", sw.To.Label)
	select {
	case err := <-done:
		t.Fatal("the request was answered:", err)
	default:
	}
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	assert.Equal(t, []string{"Work"}, s.seen(), "and was not sent again")
}
