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
	reject := func(reason string) rotation.Verdict {
		return rotation.Verdict{Action: rotation.Reject, Reason: reason}
	}
	barred := func(reason string) rotation.Verdict {
		return rotation.Verdict{Action: rotation.Cool, Until: noon.Add(time.Hour), Reason: "m is " + reason, Model: "m", OnProof: true}
	}
	unknown := func(v rotation.Verdict, status int, kind, code, words string) rotation.Verdict {
		v.Unknown = &rotation.Refusal{Status: status, Type: kind, Code: code, Words: words}
		return v
	}
	coded := func(code, message string) []byte {
		return []byte(`{"error":{"code":"` + code + `","message":"` + message + `"}}`)
	}
	days := 5*24*time.Hour + 10*time.Hour
	const words = "Error from provider (Console Go): Weekly usage limit reached. It will reset in 5 days 10 hours. To continue using this model now, enable usage from your available balance"
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   []byte
		want   rotation.Verdict
	}{
		"usage limit":                       {429, after("12000"), body("GoUsageLimitError", "Weekly usage limit reached."), cool(12000*time.Second, "weekly limit", "weekly", "", "wrk_1")},
		"usage limit, 5 hour":               {429, after("60"), []byte(`{"error":{"type":"GoUsageLimitError"},"metadata":{"limitName":"5 hour"}}`), cool(time.Minute, "5-hour limit", "5 hour", "", "")},
		"usage limit, no metadata":          {429, after("60"), []byte(`{"error":{"type":"GoUsageLimitError"}}`), cool(time.Minute, "usage limit", "usage", "", "")},
		"usage limit, no header":            {429, nil, body("GoUsageLimitError", "x"), cool(time.Minute, "weekly limit", "weekly", "", "wrk_1")},
		"rate limit":                        {429, after("60"), body("RateLimitError", "slow down"), cool(time.Minute, "rate limit on m", "", "m", "wrk_1")},
		"free usage":                        {429, after("60"), body("FreeUsageLimitError", "x"), pass},
		"provider busy":                     {429, nil, body("rate_limit_error", "Error from provider: busy"), pass},
		"provider busy, the key's type":     {429, nil, body("RateLimitError", "Error from provider: busy"), cool(time.Minute, "rate limit on m", "", "m", "wrk_1")},
		"provider busy, by its words":       {429, nil, coded("whatever", "Error from provider (Console Go): retry after a brief wait"), pass},
		"rate_limit_error":                  {429, after("60"), coded("rate_limit_error", "Rate limit exceeded"), pass},
		"rate_limit_exceeded":               {429, nil, body("rate_limit_exceeded", "Rate limit exceeded"), pass},
		"provider_rate_limit_exceeded":      {429, nil, coded("provider_rate_limit_exceeded", "Provider rate limit exceeded"), pass},
		"usage limit by its words":          {429, nil, body("rate_limit_error", words), cool(days, "weekly limit", "weekly", "", "wrk_1")},
		"usage limit by its words, no type": {429, nil, []byte(`{"error":{"message":"` + words + `"}}`), cool(days, "weekly limit", "weekly", "", "")},
		"usage limit, header first":         {429, after("30"), coded("x", words), cool(30*time.Second, "weekly limit", "weekly", "", "")},
		"usage limit in a code":             {429, nil, coded("GoUsageLimitError", "5-hour usage limit reached. Resets in 3hr 20min."), cool(200*time.Minute, "5-hour limit", "5 hour", "", "")},
		"usage limit, message alone":        {429, nil, []byte(`{"error":"Monthly usage limit reached."}`), cool(time.Minute, "monthly limit", "monthly", "", "")},
		"another 429":                       {429, after("7"), body("Whatever", "x"), unknown(cool(7*time.Second, rotation.TooMany, "", "", "wrk_1"), 429, "Whatever", "", "x")},
		"429 without a body":                {429, nil, nil, cool(time.Minute, rotation.TooMany, "", "", "")},
		"429 of a web server":               {429, nil, []byte("<html>Too many</html>"), cool(time.Minute, rotation.TooMany, "", "", "")},
		"bad key":                           {401, nil, body("AuthError", "Invalid API key."), rotation.Verdict{Action: rotation.Reject, Reason: "AuthError: Invalid API key."}},
		"no balance":                        {401, nil, body("CreditsError", "x"), cool(time.Hour, "empty balance", "", "", "")},
		"workspace's limit":                 {401, nil, body("MonthlyLimitError", "x"), cool(time.Hour, "workspace's monthly spending limit", "", "", "")},
		"member's limit":                    {401, nil, body("UserLimitError", "x"), cool(time.Hour, "member's monthly spending limit", "", "", "")},
		"unknown model":                     {401, nil, body("ModelError", "x"), pass},
		"401 without a body":                {401, nil, nil, unknown(pass, 401, "", "", "")},
		"bad key by its code":               {401, nil, coded("AuthError", "Invalid API key."), reject("AuthError: Invalid API key.")},
		"bad key by its words":              {401, nil, []byte(`{"message":"Invalid API key."}`), reject("AuthError: Invalid API key.")},
		"blocked by the provider":           {401, nil, body("AuthError", "Error from provider (Console Go): Request blocked by upstream provider"), barred("blocked by the model's provider")},
		"account disabled":                  {403, nil, body("Account.Disabled", "An active OpenCode Go subscription is required to use Go models"), reject("Account.Disabled: An active OpenCode Go subscription is required to use Go models")},
		"account disabled, code":            {403, nil, coded("Account.Disabled", ""), reject("Account.Disabled: no Go subscription")},
		"account disabled, words":           {403, nil, coded("forbidden", "An active OpenCode Go subscription is required to use Go models"), reject("Account.Disabled: An active OpenCode Go subscription is required to use Go models")},
		"region, workspace":                 {403, nil, coded("Account.RegionUnavailable", "This Go model requires Global regions"), barred("not available in this account's region")},
		"region, words":                     {403, nil, []byte(`{"error":"This Go model requires Global regions"}`), barred("not available in this account's region")},
		"paused, which no rule knows":       {403, nil, body("Account.Paused", "Paused by sk-012345678901234567890"), unknown(pass, 403, "Account.Paused", "", "Paused by [redacted]")},
		"region, words of 2026":             {403, nil, []byte(`{"error":{"message":"[403] This model is not available in your region."}}`), barred("not available in this account's region")},
		"blocked by its code":               {401, nil, []byte(`{"error":{"type":"AuthError","code":"INFERENCE_ACCESS_BLOCKED","message":"x"}}`), barred("blocked by the model's provider")},
		"blocked, 403":                      {403, nil, coded("AuthError", "Request blocked by upstream provider."), barred("blocked by the model's provider")},
		"usage limit in the code alone":     {429, nil, []byte(`{"error":{"type":"rate_limit_error","code":"GoUsageLimitError","message":"x"}}`), cool(time.Minute, "usage limit", "usage", "", "")},
		"the key was lost":                  {401, nil, body("AuthError", "Missing API key."), rotation.Verdict{Action: rotation.Cool, Until: noon.Add(time.Minute), Reason: "m is refused: the service received no key", Model: "m", OnProof: true}},
		"payment required":                  {402, nil, nil, unknown(pass, 402, "", "", "")},
		"missing session":                   {400, nil, body("MissingSessionID", "Error from provider (Console Go): Request is missing x-opencode-session"), pass},
		"no subscription":                   {403, nil, body("EntitlementError", ""), rotation.Verdict{Action: rotation.Reject, Reason: "EntitlementError: no Go subscription"}},
		"region":                            {403, nil, body("RegionError", "x"), barred("not available in this account's region")},
		"403 of a firewall":                 {403, nil, []byte("denied"), unknown(pass, 403, "", "", "")},
		"bad request":                       {400, nil, body("GoUsageLimitError", "x"), pass},
		"server trouble":                    {500, after("60"), body("error", "x"), pass},
		"overloaded":                        {529, after("60"), nil, pass},
		"success with odd contents":         {200, after("60"), body("GoUsageLimitError", "x"), pass},
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
	assert.Equal(t, 250*time.Millisecond, got, "retry-after-ms takes precedence, as in OpenCode")
}

func TestReasonsFitOneLine(t *testing.T) {
	v := rotation.Classify(rotation.Answer{Status: 401, Header: http.Header{}, Body: body("AuthError", `a\nb\u001b[31m`+strings.Repeat("é", 500))}, noon)
	assert.NotContains(t, v.Reason, "\n")
	assert.NotContains(t, v.Reason, "\x1b")
	assert.Less(t, len(v.Reason), 200)
}

func TestReasonsHoldNoKey(t *testing.T) {
	for _, message := range []string{"Incorrect key: sk-0123456789abcdef", `key="SK-0123456789abcdef".`,
		"Incorrect key: oc_sk_0123456789ab_0123456789abcdefghijklmnopqrstuv", "Incorrect key:OC_SK_0123456789ab"} {
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
