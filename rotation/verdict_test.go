package rotation_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"ocgo-key/rotation"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func body(kind, message string) []byte {
	return []byte(`{"type":"error","error":{"type":"` + kind + `","message":"` + message + `"},"metadata":{"limitName":"weekly","workspace":"wrk_1"}}`)
}

func TestClassify(t *testing.T) {
	after := func(s string) http.Header { return http.Header{"Retry-After": {s}} }
	cool := func(d time.Duration, reason, window, model, workspace string) rotation.Verdict {
		return rotation.Verdict{Action: rotation.Cool, Until: noon.Add(d), Reason: reason, Window: window, Model: model, Workspace: workspace}
	}
	pass := rotation.Verdict{}
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   []byte
		want   rotation.Verdict
	}{
		"usage limit":               {429, after("12000"), body("GoUsageLimitError", "Weekly usage limit reached."), cool(12000*time.Second, "weekly limit", "weekly", "", "wrk_1")},
		"usage limit, 5 hour":       {429, after("60"), []byte(`{"error":{"type":"GoUsageLimitError"},"metadata":{"limitName":"5 hour"}}`), cool(time.Minute, "5-hour limit", "5 hour", "", "")},
		"usage limit, no metadata":  {429, after("60"), []byte(`{"error":{"type":"GoUsageLimitError"}}`), cool(time.Minute, "usage limit", "usage", "", "")},
		"usage limit, no header":    {429, nil, body("GoUsageLimitError", "x"), cool(time.Minute, "weekly limit", "weekly", "", "wrk_1")},
		"rate limit":                {429, after("60"), body("RateLimitError", "slow down"), cool(time.Minute, "rate limit on m", "", "m", "wrk_1")},
		"free usage":                {429, after("60"), body("FreeUsageLimitError", "x"), pass},
		"provider busy":             {429, nil, body("rate_limit_error", "Error from provider: busy"), pass},
		"provider busy, its type":   {429, nil, body("RateLimitError", "Error from provider: busy"), pass},
		"another 429":               {429, after("7"), body("Whatever", "x"), cool(7*time.Second, rotation.TooMany, "", "", "wrk_1")},
		"429 without a body":        {429, nil, nil, cool(time.Minute, rotation.TooMany, "", "", "")},
		"429 of a web server":       {429, nil, []byte("<html>Too many</html>"), cool(time.Minute, rotation.TooMany, "", "", "")},
		"bad key":                   {401, nil, body("AuthError", "Invalid API key."), rotation.Verdict{Action: rotation.Reject, Reason: "AuthError: Invalid API key."}},
		"no balance":                {401, nil, body("CreditsError", "x"), cool(time.Hour, "empty balance", "", "", "")},
		"workspace's limit":         {401, nil, body("MonthlyLimitError", "x"), cool(time.Hour, "workspace's monthly spending limit", "", "", "")},
		"member's limit":            {401, nil, body("UserLimitError", "x"), cool(time.Hour, "member's monthly spending limit", "", "", "")},
		"unknown model":             {401, nil, body("ModelError", "x"), pass},
		"401 without a body":        {401, nil, nil, pass},
		"no subscription":           {403, nil, body("EntitlementError", ""), rotation.Verdict{Action: rotation.Reject, Reason: "EntitlementError: no Go subscription"}},
		"region":                    {403, nil, body("RegionError", "x"), pass},
		"403 of a firewall":         {403, nil, []byte("denied"), pass},
		"bad request":               {400, nil, body("GoUsageLimitError", "x"), pass},
		"server trouble":            {500, after("60"), body("error", "x"), pass},
		"overloaded":                {529, after("60"), nil, pass},
		"success with odd contents": {200, after("60"), body("GoUsageLimitError", "x"), pass},
	} {
		t.Run(name, func(t *testing.T) {
			header := c.header
			if header == nil {
				header = http.Header{}
			}
			got := rotation.Classify(rotation.Answer{Status: c.status, Header: header, Body: c.body, Model: "m"}, noon)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.want.Action != rotation.Pass, got.Failover())
		})
	}
}

func TestClassifyEvent(t *testing.T) {
	v := rotation.ClassifyEvent(rotation.Answer{Header: http.Header{}, Body: body("GoUsageLimitError", "x")}, noon)
	assert.Equal(t, rotation.Cool, v.Action)
	v = rotation.ClassifyEvent(rotation.Answer{Header: http.Header{}, Body: body("AuthError", "x")}, noon)
	assert.Equal(t, rotation.Reject, v.Action)
	v = rotation.ClassifyEvent(rotation.Answer{Header: http.Header{}, Body: body("overloaded_error", "x")}, noon)
	assert.False(t, v.Failover())
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"60": time.Minute, " 60 ": time.Minute, "1.5": 1500 * time.Millisecond, "1e9": 32 * 24 * time.Hour, "Inf": 32 * 24 * time.Hour,
		"99999999999999999999": 32 * 24 * time.Hour, "Mon, 02 Mar 2026 13:00:00 GMT": time.Hour,
		"-5": 0, "0": 0, "": 0, "soon": 0, "NaN": 0, "-Inf": 0, "Mon, 02 Mar 2026 11:00:00 GMT": 0,
	} {
		got, ok := rotation.RetryAfter(http.Header{"Retry-After": {value}}, noon)
		assert.Equal(t, want, got, value)
		assert.Equal(t, want != 0, ok, value)
	}
	got, ok := rotation.RetryAfter(http.Header{"Retry-After-Ms": {"250"}, "Retry-After": {"60"}}, noon)
	assert.True(t, ok)
	assert.Equal(t, 250*time.Millisecond, got, "milliseconds win, as in OpenCode")
}

func TestReasonsFitOneLine(t *testing.T) {
	v := rotation.Classify(rotation.Answer{Status: 401, Header: http.Header{}, Body: body("AuthError", `a\nb\u001b[31m`+strings.Repeat("é", 500))}, noon)
	assert.NotContains(t, v.Reason, "\n")
	assert.NotContains(t, v.Reason, "\x1b")
	assert.Less(t, len(v.Reason), 200)
}

func TestReasonsHoldNoKey(t *testing.T) {
	for _, message := range []string{"Incorrect key: sk-0123456789abcdef", `key="SK-0123456789abcdef".`} {
		quoted := strings.ReplaceAll(message, `"`, `\"`)
		v := rotation.Classify(rotation.Answer{Status: 401, Header: http.Header{}, Body: body("AuthError", quoted)}, noon)
		assert.Contains(t, v.Reason, "[redacted]")
		assert.NotContains(t, strings.ToLower(v.Reason), "0123456789")
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"60", "-5", "1e9", "Mon, 02 Mar 2026 13:00:00 GMT", "garbage", "0x1p-2"} {
		f.Add(s, "")
		f.Add("", s)
	}
	f.Fuzz(func(t *testing.T, seconds, ms string) {
		got, ok := rotation.RetryAfter(http.Header{"Retry-After": {seconds}, "Retry-After-Ms": {ms}}, noon)
		if got < 0 || got > 32*24*time.Hour || !ok && got != 0 {
			t.Errorf("%q, %q: %v, %v", seconds, ms, got, ok)
		}
	})
}

func FuzzClassify(f *testing.F) {
	f.Add(429, body("GoUsageLimitError", "x"))
	f.Add(401, body("AuthError", "x"))
	f.Fuzz(func(t *testing.T, status int, b []byte) {
		v := rotation.Classify(rotation.Answer{Status: status, Header: http.Header{}, Body: b}, noon)
		if v.Action == rotation.Cool && !v.Until.After(noon) {
			t.Errorf("a cooldown that ends at once: %+v", v)
		}
		if v.Failover() && strings.ContainsAny(v.Reason, "\n\r\x1b") {
			t.Errorf("a reason that does not fit a line: %q", v.Reason)
		}
	})
}
