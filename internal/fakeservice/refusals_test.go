package fakeservice

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type refusalRow struct {
	answer     Answer
	status     int
	kind, code string // error.type and error.code; "" means absent
	outer      bool   // the outer "type":"error"
	message    string // part of it
}

// refusals are errors that newer parts of the service send, and one that no part sends yet.
var refusals = []refusalRow{
	{AccountDisabled(), 403, "Account.Disabled", "", true, "An active OpenCode Go subscription is required"},
	{AccountDisabled().InCode(), 403, "", "Account.Disabled", true, "An active OpenCode Go subscription is required"},
	{AccountDisabled().WithoutOuterType(), 403, "Account.Disabled", "", false, "An active OpenCode Go subscription is required"},
	{AccountDisabled().InCode().WithoutOuterType().ByProvider(), 403, "", "Account.Disabled", false, "Error from provider (Console Go): Upstream request failed: An active"},
	{RegionUnavailable(), 403, "Account.RegionUnavailable", "", true, "This Go model requires Global regions"},
	{RegionUnavailable().InCode(), 403, "", "Account.RegionUnavailable", true, "This Go model requires Global regions"},
	{RegionByWords(), 403, "", "", false, "Error from provider (Console Go): Upstream request failed: [403] This model is not available in your region."},
	{BlockedByProvider(), 401, "AuthError", "", true, "Request blocked by upstream provider"},
	{UsageLimitByWords(Weekly, 130*time.Hour, "rate_limit_error"), 429, "rate_limit_error", "", true, "Error from provider (Console Go): Weekly usage limit reached. It will reset in 5 days 10 hours."},
	{UsageLimitByWords(Rolling, 61*time.Minute, "Account.Limited").InCode(), 429, "", "Account.Limited", true, "5 hour usage limit reached. It will reset in 1 hour 1 minute. To continue using this model now, enable usage from your available balance"},
	{UsageLimitByWords(Monthly, 25*time.Hour, ""), 429, "", "", true, "Monthly usage limit reached. It will reset in 1 day 1 hour."},
	{ProviderBusyAs("rate_limit_error"), 429, "rate_limit_error", "", true, "Please retry after a brief wait"},
	{ProviderBusyAs("rate_limit_exceeded").InCode(), 429, "", "rate_limit_exceeded", true, "Rate limit exceeded. Please retry after a brief wait"},
	{ProviderBusyTwice("provider_rate_limit_exceeded"), 429, "rate_limit_error", "provider_rate_limit_exceeded", false, "Error from provider (Console Go): Provider rate limit exceeded"},
	{ProviderBalance(), 402, "unknown_error", "invalid_request_error", false, "Insufficient Balance"},
	{UpstreamFailed(), 400, "error", "", true, "Error from provider (Console Go): Upstream request failed"},
	{AccountPaused(), 403, "Account.Paused", "", true, "paused"},
	{MissingSession(), 400, "MissingSessionID", "", true, "Request is missing x-opencode-session and cannot be routed efficiently"},
}

func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// Each refusal is tested in all three formats: as an answer, as the first event of a stream, and as
// JSON in place of a stream.
func TestRefusals(t *testing.T) {
	s := start(t, Options{})
	for _, row := range refusals {
		for _, f := range wires {
			s.SetAnswers("k1", row.answer)
			for _, body := range []string{streamed(f.hello), plain(f.hello)} {
				got := do(t, f.request(t, bounded(t), s.BaseURL(), "k1", body))
				require.Equal(t, row.status, got.status, row.message)
				require.Empty(t, got.header.Get("Retry-After"))
				row.matches(t, decode(t, got.body), false)
				require.NotContains(t, got.body, "metadata")
			}

			s.SetAnswers("k1", row.answer.AsJSON())
			got := f.hi(t, s, "k1")
			require.Equal(t, 200, got.status)
			require.Equal(t, "application/json", got.header.Get("Content-Type"))
			row.matches(t, decode(t, got.body), false)

			for _, spelling := range []Spelling{LF, CRLF, CR, Lines} {
				s.SetAnswers("k1", row.answer.AsFirstEvent().Spelled(spelling))
				got = f.hi(t, s, "k1")
				require.Equal(t, 200, got.status)
				require.Equal(t, "text/event-stream", got.header.Get("Content-Type"))
				events := parseSSE(t, respell(t, got.body, spelling))
				require.Len(t, events, 1)
				row.matches(t, events[0].data, f.name == "responses")
			}
		}
	}
}

func (row refusalRow) matches(t *testing.T, body map[string]any, event bool) {
	t.Helper()
	require.Contains(t, at(body, "error", "message"), row.message)
	require.Equal(t, optional(row.kind), at(body, "error", "type"))
	if event { // OpenAI's event has a different type and code
		return
	}
	require.Equal(t, optional(row.code), at(body, "error", "code"))
	require.Equal(t, row.outer, body["type"] == "error")
}

// respell converts a stream from the given spelling to the one that parseSSE reads. It checks that
// the stream had the given spelling.
func respell(t *testing.T, body string, how Spelling) string {
	t.Helper()
	switch how {
	case CRLF:
		require.Equal(t, strings.Count(body, "\n"), strings.Count(body, "\r\n"))
		return strings.ReplaceAll(body, "\r\n", "\n")
	case CR:
		require.NotContains(t, body, "\n")
		return strings.ReplaceAll(body, "\r", "\n")
	case Lines:
		require.Greater(t, strings.Count(body, "data: "), 1)
		name, data, found := strings.Cut(body, "data: ")
		require.True(t, found)
		return name + "data: " + strings.ReplaceAll(strings.TrimSuffix(data, "\n\n"), "\ndata: ", "") + "\n\n"
	}
	return body
}

// A stream has the same text with any line ends.
func TestSpellings(t *testing.T) {
	s := start(t, Options{})
	for _, f := range wires {
		for _, spelling := range []Spelling{CRLF, CR} {
			s.SetAnswers("k1", OK().Spelled(spelling))
			require.Equal(t, "Hello from Personal.", text(parseSSE(t, respell(t, f.hi(t, s, "k1").body, spelling))), f.name)
		}
	}
}

// Model requests must name their conversation. Other requests need not.
func TestRequestsWithoutASession(t *testing.T) {
	s := start(t, Options{})
	lenient := start(t, Options{SessionOptional: true})
	for _, f := range wires {
		for _, body := range []string{streamed(f.hello), plain(f.hello)} {
			without := func(base, key string) reply {
				r := f.request(t, bounded(t), base, key, body)
				r.Header.Del("x-opencode-session")
				return do(t, r)
			}
			got := without(s.BaseURL(), "k1")
			require.Equal(t, 400, got.status)
			require.Equal(t, "MissingSessionID", at(decode(t, got.body), "error", "type"))
			require.Contains(t, at(decode(t, got.body), "error", "message"), "Error from provider (Console Go): Request is missing x-opencode-session and cannot be routed efficiently")
			require.Equal(t, "Personal", last(s).Account)
			require.Equal(t, 401, without(s.BaseURL(), "nobody").status, "the key is checked first")
			require.Equal(t, 200, without(s.ZenURL(), "k1").status, "Zen needs no session")
			require.Equal(t, 200, without(lenient.BaseURL(), "k1").status)
		}
	}
	require.Equal(t, 200, usage(t, s, "k1").status)
}

func TestModelsThatCostNothing(t *testing.T) {
	clk := newClock()
	s := start(t, Options{Now: clk.now})
	f := wires[0] // kimi-k2.6
	s.SetPlan("k1", Plan{FreeModels: []string{"kimi-k2.6"}, Limits: []Limit{{Window: Weekly, Until: clk.now().Add(time.Hour)}}})
	require.Equal(t, 200, f.hi(t, s, "k1").status)
	require.Equal(t, 429, wires[1].hi(t, s, "k1").status)

	s.SetPlan("k1", Plan{FreeModels: []string{"kimi-k2.6"}, Budgets: []Budget{{Window: Weekly, Requests: 1}}})
	require.Equal(t, []int{200, 200, 200, 429}, []int{f.hi(t, s, "k1").status, f.hi(t, s, "k1").status, wires[1].hi(t, s, "k1").status, wires[1].hi(t, s, "k1").status})
	require.Equal(t, 200, f.hi(t, s, "k1").status)

	s.SetPlan("k1", Plan{FreeModels: []string{"kimi-k2.6"}, Answers: []Answer{UsageLimit(Weekly, time.Hour), AuthError()}})
	require.Equal(t, []int{200, 429, 401}, []int{f.hi(t, s, "k1").status, wires[1].hi(t, s, "k1").status, f.hi(t, s, "k1").status}, "the key is refused for free models as well")
}

func TestUsageOfALimitThatIsToldByWords(t *testing.T) {
	clk := newClock()
	s := start(t, Options{Now: clk.now})
	s.SetAnswers("k1", UsageLimitByWords(Monthly, time.Hour, "rate_limit_error"), OK())
	monthly := func() any { return at(decode(t, usage(t, s, "k1").body), "usage", "monthly") }
	limited := map[string]any{"status": "rate-limited", "percent": 100.0, "resetsAt": "2026-03-04T06:06:07.000Z"}
	require.Equal(t, limited, monthly())
	require.Equal(t, 429, wires[0].hi(t, s, "k1").status)
	require.Equal(t, limited, monthly())
	s.SetAnswers("k1", AccountDisabled())
	require.Equal(t, 403, usage(t, s, "k1").status)
	s.SetAnswers("k1", BlockedByProvider())
	require.Equal(t, 200, usage(t, s, "k1").status, "the key is known")
}

// keepAlive reuses connections.
func keepAlive(t *testing.T) *http.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// read reads the whole answer, so that the connection can be reused.
func read(t *testing.T, res *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.True(t, json.Valid(body))
	return string(body)
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	s := start(t, Options{CloseAfter: 50 * time.Millisecond})
	for range 3 {
		// Each request has a new client: an old client may not have noticed yet that the connection
		// was closed.
		res, err := keepAlive(t).Do(wires[0].request(t, bounded(t), s.BaseURL(), "k1", plain(wires[0].hello)))
		require.NoError(t, err)
		read(t, res)
		require.NoError(t, s.WaitFor(bounded(t), func() bool { return s.Connections() == 0 }))
	}
}

func TestReusedConnectionsAreClosedWithoutAnAnswer(t *testing.T) {
	s := start(t, Options{CloseReused: true})
	c := keepAlive(t)
	var failed int
	for range 4 {
		res, err := c.Do(wires[0].request(t, bounded(t), s.BaseURL(), "k1", plain(wires[0].hello)))
		if err != nil {
			require.True(t, errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET), err)
			failed++
			continue
		}
		read(t, res)
	}
	require.Equal(t, 2, failed, "each connection answers once")
	require.Equal(t, 4, s.Total())
}

func TestUserAgentsAreLogged(t *testing.T) {
	s := start(t, Options{})
	wires[0].hi(t, s, "k1")
	require.Equal(t, "Go-http-client/1.1", last(s).UserAgent())
	r := wires[0].request(t, bounded(t), s.BaseURL(), "k1", plain(wires[0].hello))
	r.Header.Set("User-Agent", "some-client/1.0")
	do(t, r)
	require.Equal(t, "some-client/1.0", last(s).UserAgent())
	require.Equal(t, "ses_test", last(s).Session)
	require.False(t, last(s).Title, "only OpenCode has titles")
}

func TestKeysOfTheNewConsole(t *testing.T) {
	s := start(t, Options{Accounts: []Account{{Key: "oc_sk_0123456789", Label: "Personal"}}})
	for _, f := range wires {
		require.Equal(t, 200, f.hi(t, s, "oc_sk_0123456789").status)
	}
}
