package fakeservice

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// This test has all rows of the service's error table, in all three formats, streamed and not
// streamed.
func TestErrorTable(t *testing.T) {
	rows := []struct {
		answer     Answer
		status     int
		errorType  string
		message    string // how it starts
		retryAfter string
		metadata   any
	}{
		{UsageLimit(Rolling, 90*time.Minute), 429, "GoUsageLimitError", "5-hour usage limit reached. Resets in 1hr 30min.", "5400", map[string]any{"workspace": "wrk_PERSONAL", "limitName": "5 hour"}},
		{UsageLimit(Weekly, 12000*time.Second), 429, "GoUsageLimitError", "Weekly usage limit reached. Resets in 3hr 20min.", "12000", map[string]any{"workspace": "wrk_PERSONAL", "limitName": "weekly"}},
		{UsageLimit(Monthly, 49*time.Hour), 429, "GoUsageLimitError", "Monthly usage limit reached. Resets in 2 days.", "176400", map[string]any{"workspace": "wrk_PERSONAL", "limitName": "monthly"}},
		{RateLimit(), 429, "RateLimitError", "Rate limit exceeded.", "60", map[string]any{}},
		{FreeUsageLimit(time.Hour), 429, "FreeUsageLimitError", "Rate limit exceeded.", "3600", map[string]any{}},
		{ProviderBusy(), 429, "rate_limit_error", "Error from provider", "", nil},
		{Error(429, "SomethingError", "slow down"), 429, "SomethingError", "slow down", "", nil},
		{AuthError(), 401, "AuthError", "Invalid API key.", "", nil},
		{CreditsError(), 401, "CreditsError", "Insufficient balance.", "", nil},
		{MonthlyLimitError(), 401, "MonthlyLimitError", "Your workspace has reached", "", nil},
		{UserLimitError(), 401, "UserLimitError", "You have reached your monthly spending limit of $20", "", nil},
		{ModelError("kimi-k9"), 401, "ModelError", "Model kimi-k9 is not supported", "", nil},
		{EntitlementError(), 403, "EntitlementError", "OpenCode Go subscription required.", "", nil},
		{RegionError(), 403, "RegionError", "The latest version", "", nil},
		{ServerError(500), 500, "error", "Internal server error", "", nil},
		{ServerError(503), 503, "error", "Internal server error", "", nil},
	}
	s := start(t, Options{})
	for _, row := range rows {
		s.SetAnswers("k1", row.answer)
		for _, f := range wires {
			for _, body := range []string{streamed(f.hello), plain(f.hello)} {
				got := do(t, f.request(t, bounded(t), s.BaseURL(), "k1", body))
				require.Equal(t, row.status, got.status, row.errorType)
				require.Equal(t, "application/json", got.header.Get("Content-Type"))
				require.Equal(t, row.retryAfter, got.header.Get("retry-after"), row.errorType)
				v := decode(t, got.body)
				require.Equal(t, "error", v["type"])
				require.Equal(t, row.errorType, at(v, "error", "type"))
				require.Regexp(t, "^"+regexpQuote(row.message), at(v, "error", "message"))
				require.Equal(t, row.metadata, v["metadata"], row.errorType)
				require.Equal(t, row.status, last(s).Status)
				require.Equal(t, Answered, last(s).Outcome)
			}
		}
	}
}

func TestQueueRepeatsItsLast(t *testing.T) {
	s := start(t, Options{})
	s.SetAnswers("k1", AuthError(), OK(), ServerError(502))
	var got []int
	for range 4 {
		got = append(got, wires[0].hi(t, s, "k1").status)
	}
	require.Equal(t, []int{401, 200, 502, 502}, got)
	require.Equal(t, 200, wires[0].hi(t, s, "k2").status, "another key has its own plan")
	s.SetAnswers("k1")
	require.Equal(t, 200, wires[0].hi(t, s, "k1").status)
}

func TestQueuePerModel(t *testing.T) {
	s := start(t, Options{})
	s.SetPlan("k1", Plan{PerModel: map[string][]Answer{"minimax-m3": {RateLimit(), OK()}}})
	require.Equal(t, 200, wires[0].hi(t, s, "k1").status)
	require.Equal(t, 429, wires[1].hi(t, s, "k1").status)
	require.Equal(t, 200, wires[1].hi(t, s, "k1").status)
}

func TestRawAnswer(t *testing.T) {
	s := start(t, Options{})
	big := make([]byte, 2<<20)
	s.SetAnswers("k1",
		Raw(418, http.Header{"X-Odd": {"1", "2"}, "Content-Type": {"text/html"}}, []byte("<html>")),
		UsageLimit(Weekly, time.Minute).With("Retry-After", "-5").With("Retry-After-Ms", "1500"),
		UsageLimit(Weekly, time.Minute).With("Retry-After", "soon"),
		Raw(429, nil, nil), Raw(503, nil, big), Raw(204, nil, nil),
	)
	f := wires[0]
	got := f.hi(t, s, "k1")
	require.Equal(t, 418, got.status)
	require.Equal(t, "<html>", got.body)
	require.Equal(t, []string{"1", "2"}, got.header["X-Odd"])
	got = f.hi(t, s, "k1")
	require.Equal(t, "-5", got.header.Get("Retry-After"))
	require.Equal(t, "1500", got.header.Get("Retry-After-Ms"))
	require.Equal(t, "soon", f.hi(t, s, "k1").header.Get("Retry-After"))
	got = f.hi(t, s, "k1")
	require.Equal(t, 429, got.status)
	require.Empty(t, got.body)
	require.Len(t, f.hi(t, s, "k1").body, 2<<20)
	require.Equal(t, 204, f.hi(t, s, "k1").status)
	require.Equal(t, Answered, last(s).Outcome)
}

func TestRedirect(t *testing.T) {
	s := start(t, Options{})
	s.SetAnswers("k1", Redirect("http://127.0.0.1:1/elsewhere"))
	got := wires[0].hi(t, s, "k1")
	require.Equal(t, 307, got.status)
	require.Equal(t, "http://127.0.0.1:1/elsewhere", got.header.Get("Location"))
}

func TestLimitedUntilAMomentOfTheServersClock(t *testing.T) {
	clk := newClock()
	s := start(t, Options{Now: clk.now})
	s.SetPlan("k1", Plan{Limits: []Limit{
		{Window: Rolling, Until: clk.now().Add(1500 * time.Millisecond)},
		{Window: Monthly, Until: clk.now().Add(48 * time.Hour)},
	}})
	f := wires[0]
	got := f.hi(t, s, "k1")
	require.Equal(t, 429, got.status)
	require.Equal(t, "monthly", at(decode(t, got.body), "metadata", "limitName"), "the service checks the rolling window last")
	require.Equal(t, "172800", got.header.Get("Retry-After"))

	u := decode(t, usage(t, s, "k1").body)
	require.Equal(t, map[string]any{"status": "rate-limited", "percent": 100.0, "resetsAt": "2026-03-04T05:06:08.500Z"}, at(u, "usage", "rolling"))
	require.Equal(t, map[string]any{"status": "rate-limited", "percent": 100.0, "resetsAt": "2026-03-06T05:06:07.000Z"}, at(u, "usage", "monthly"))
	require.Equal(t, map[string]any{"status": "ok", "percent": 0.0, "resetsAt": "2026-03-11T05:06:07.000Z"}, at(u, "usage", "weekly"))

	clk.advance(48*time.Hour - 1)
	require.Equal(t, "1", f.hi(t, s, "k1").header.Get("Retry-After"), "rounded up")
	clk.advance(1)
	require.Equal(t, 200, f.hi(t, s, "k1").status)
	require.Equal(t, "ok", at(decode(t, usage(t, s, "k1").body), "usage", "monthly", "status"))
}

func TestRequestsPerMinuteOfAModel(t *testing.T) {
	clk := newClock()
	s := start(t, Options{Now: clk.now})
	s.SetPlan("k1", Plan{Limits: []Limit{{Model: "kimi-k2.6", Until: clk.now().Add(time.Minute)}}})
	got := wires[0].hi(t, s, "k1")
	require.Equal(t, "RateLimitError", at(decode(t, got.body), "error", "type"))
	require.Equal(t, "60", got.header.Get("Retry-After"))
	require.Equal(t, 200, wires[1].hi(t, s, "k1").status, "another model of the same key")
	clk.advance(time.Minute)
	require.Equal(t, 200, wires[0].hi(t, s, "k1").status)
}

func TestBudget(t *testing.T) {
	clk := newClock()
	s := start(t, Options{Now: clk.now})
	s.SetPlan("k1", Plan{Budgets: []Budget{{Window: Weekly, Requests: 4}, {Window: Rolling, Requests: 2, Every: time.Hour}}})
	f := wires[0]
	hit := func() string {
		got := f.hi(t, s, "k1")
		if got.status == 200 {
			return "ok"
		}
		return at(decode(t, got.body), "metadata", "limitName").(string) + " " + got.header.Get("Retry-After")
	}
	percent := func(w string) any { return at(decode(t, usage(t, s, "k1").body), "usage", w, "percent") }
	require.Equal(t, 0.0, percent("weekly"))
	require.Equal(t, "ok", hit())
	require.Equal(t, 25.0, percent("weekly"))
	require.Equal(t, 50.0, percent("rolling"))
	clk.advance(time.Minute)
	require.Equal(t, "ok", hit())
	require.Equal(t, "5 hour 3540", hit())
	require.Equal(t, 50.0, percent("weekly"), "an error costs nothing")
	clk.advance(59 * time.Minute)
	require.Equal(t, 0.0, percent("rolling"), "the window must have been reset")
	require.Equal(t, []string{"ok", "ok"}, []string{hit(), hit()})
	require.Equal(t, "weekly 601200", hit(), "the weekly window is checked first, and ends a week after its first request")
	clk.advance(7*24*time.Hour - time.Hour)
	require.Equal(t, "ok", hit())
}

func TestBudgetWithWindowsOfTheCalendar(t *testing.T) {
	clk := newClock()
	s := start(t, Options{Now: clk.now})
	monday := clk.now().Add(-50 * time.Hour)
	s.SetPlan("k1", Plan{Budgets: []Budget{{Window: Weekly, Requests: 2, From: monday.Add(21 * 24 * time.Hour)}}})
	f := wires[0]
	week := func() any { return at(decode(t, usage(t, s, "k1").body), "usage", "weekly") }
	shows := func(status string, percent float64, resets time.Time) map[string]any {
		return map[string]any{"status": status, "percent": percent, "resetsAt": resets.UTC().Format("2006-01-02T15:04:05.000Z")}
	}
	next := monday.Add(7 * 24 * time.Hour)
	require.Equal(t, shows("ok", 0, next), week(), "the window begins even without a request")
	require.Equal(t, []int{200, 200, 429}, []int{f.hi(t, s, "k1").status, f.hi(t, s, "k1").status, f.hi(t, s, "k1").status})
	require.Equal(t, shows("rate-limited", 100, next), week())
	clk.advance(next.Sub(clk.now()) - time.Second)
	require.Equal(t, "1", f.hi(t, s, "k1").header.Get("Retry-After"))
	clk.advance(time.Second)
	require.Equal(t, shows("ok", 0, next.Add(7*24*time.Hour)), week())
	require.Equal(t, 200, f.hi(t, s, "k1").status)
	clk.advance(30 * 24 * time.Hour)
	require.Equal(t, shows("ok", 0, monday.Add(42*24*time.Hour)), week())
}

func TestBudgetOfNothing(t *testing.T) {
	s := start(t, Options{Now: newClock().now})
	s.SetPlan("k1", Plan{Budgets: []Budget{{Window: Weekly}}})
	require.Equal(t, "604800", wires[0].hi(t, s, "k1").header.Get("Retry-After"))
}

func TestBudgetIsNeverOvershot(t *testing.T) {
	s := start(t, Options{})
	s.SetPlan("k1", Plan{Budgets: []Budget{{Window: Weekly, Requests: 7}}})
	var wg sync.WaitGroup
	statuses := make([]int, 20)
	for i := range statuses {
		wg.Add(1)
		go func() {
			defer wg.Done()
			f := wires[i%3]
			res, err := client(t).Do(f.request(t, bounded(t), s.BaseURL(), "k1", streamed(f.hello)))
			if err == nil {
				statuses[i] = res.StatusCode
				res.Body.Close()
			}
		}()
	}
	wg.Wait()
	count := map[int]int{}
	for _, st := range statuses {
		count[st]++
	}
	require.Equal(t, map[int]int{200: 7, 429: 13}, count)
}

func TestBalanceInsteadOfTheLimit(t *testing.T) {
	s := start(t, Options{})
	s.SetPlan("k1", Plan{Limits: []Limit{{Window: Weekly, Until: time.Now().Add(time.Hour)}}, UseBalance: "0.00042"})
	for _, f := range wires {
		events := parseSSE(t, f.hi(t, s, "k1").body)
		require.Equal(t, "0.00042", at(events[len(events)-1].data, "cost"), f.name)
	}
}

func TestUsage(t *testing.T) {
	clk := newClock()
	s := start(t, Options{Now: clk.now, Accounts: []Account{{Key: "k1", Label: "My Work", User: "usr_1"}}})
	got := usage(t, s, "k1")
	require.Equal(t, 200, got.status)
	require.Equal(t, "application/json", got.header.Get("Content-Type"))
	require.JSONEq(t, `{"workspaceID":"wrk_MYWORK","userID":"usr_1","usage":{
		"rolling":{"status":"ok","percent":0,"resetsAt":"2026-03-04T10:06:07.000Z"},
		"weekly":{"status":"ok","percent":0,"resetsAt":"2026-03-11T05:06:07.000Z"},
		"monthly":{"status":"ok","percent":0,"resetsAt":"2026-04-03T05:06:07.000Z"}}}`, got.body)

	got = usage(t, s, "nobody")
	require.Equal(t, 401, got.status)
	require.Equal(t, "Unauthorized", at(decode(t, got.body), "error", "message"))
	require.Equal(t, "Missing API key.", at(decode(t, usage(t, s, "").body), "error", "message"))

	s.SetPlan("k1", Plan{Usage: Usage{OmitIDs: true, Percent: map[Window]int{Rolling: 42, Weekly: 100},
		ResetsAt: map[Window]time.Time{Weekly: clk.now().Add(time.Minute)}}})
	v := decode(t, usage(t, s, "k1").body)
	require.NotContains(t, v, "workspaceID")
	require.NotContains(t, v, "userID")
	require.Equal(t, 42.0, at(v, "usage", "rolling", "percent"))
	require.Equal(t, map[string]any{"status": "rate-limited", "percent": 100.0, "resetsAt": "2026-03-04T05:07:07.000Z"}, at(v, "usage", "weekly"))

	refuse := AuthError()
	s.SetPlan("k1", Plan{Usage: Usage{Answer: &refuse}})
	require.Equal(t, 401, usage(t, s, "k1").status)
	require.Equal(t, 200, wires[0].hi(t, s, "k1").status, "model requests still work")
	s.SetAnswers("k1", EntitlementError())
	require.Equal(t, 403, usage(t, s, "k1").status)
}

func TestUsageFollowsTheQueue(t *testing.T) {
	clk := newClock()
	s := start(t, Options{Now: clk.now})
	s.SetAnswers("k1", UsageLimit(Weekly, time.Hour), OK())
	weekly := func() any { return at(decode(t, usage(t, s, "k1").body), "usage", "weekly") }
	limited := map[string]any{"status": "rate-limited", "percent": 100.0, "resetsAt": "2026-03-04T06:06:07.000Z"}
	require.Equal(t, limited, weekly(), "the next answer is the limit")
	require.Equal(t, 429, wires[0].hi(t, s, "k1").status)
	clk.advance(30 * time.Minute)
	require.Equal(t, limited, weekly(), "the reported limit still applies")
	clk.advance(30 * time.Minute)
	require.Equal(t, "ok", at(weekly(), "status"))
}
