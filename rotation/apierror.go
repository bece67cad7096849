package rotation

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// apiError is the content of the service's error body. Source: docs/facts.md, "Errors".
type apiError struct {
	Type     string // error.type: "GoUsageLimitError"
	Code     string // error.code: "Account.Disabled"
	Message  string
	Limit    string // metadata.limitName: "5 hour", "weekly", "monthly"
	Resource string // metadata.workspace
}

// parseError parses an error body. The member "error" is an object or only the message. In an event
// of a stream, the fields of the error may be next to "type":"error". For any other text,
// parseError returns the zero apiError.
func parseError(body []byte) apiError {
	var raw struct {
		Type     json.RawMessage `json:"type"`
		Error    json.RawMessage `json:"error"`
		Code     json.RawMessage `json:"code"`
		Message  json.RawMessage `json:"message"`
		Metadata struct {
			LimitName string `json:"limitName"`
			Workspace string `json:"workspace"`
		} `json:"metadata"`
		Response struct {
			Error json.RawMessage `json:"error"`
		} `json:"response"` // in the event response.failed
	}
	if json.Unmarshal(body, &raw) != nil && raw.Error == nil {
		return apiError{}
	}
	e := apiError{Limit: raw.Metadata.LimitName, Resource: raw.Metadata.Workspace}
	if raw.Error == nil {
		raw.Error = raw.Response.Error
	}
	var inner struct {
		Type    json.RawMessage `json:"type"`
		Code    json.RawMessage `json:"code"`
		Message json.RawMessage `json:"message"`
	}
	switch {
	case json.Unmarshal(raw.Error, &inner) == nil:
		e.Type, e.Code, e.Message = textOf(inner.Type), textOf(inner.Code), textOf(inner.Message)
	case textOf(raw.Error) != "":
		e.Message = textOf(raw.Error)
	}
	if e.Code == "" {
		e.Code = textOf(raw.Code)
	}
	if e.Message == "" {
		e.Message = textOf(raw.Message)
	}
	return e
}

// textOf returns the text of a JSON string or number, and "" for other values.
func textOf(raw json.RawMessage) string {
	var s string
	var n json.Number
	switch {
	case json.Unmarshal(raw, &s) == nil:
		return s
	case json.Unmarshal(raw, &n) == nil:
		return n.String()
	}
	return ""
}

// Kinds of errors for which the service has no name.
const (
	blocked      = "blocked by provider"
	keyMissing   = "key missing"
	providerBusy = "provider busy"
)

// kindStatuses maps the names of error kinds to their HTTP status. The spelling is the service's.
// Source: docs/facts.md, "Errors".
var kindStatuses = map[string]int{
	"GoUsageLimitError": 429, "RateLimitError": 429, "FreeUsageLimitError": 429,
	"rate_limit_error": 429, "rate_limit_exceeded": 429, "provider_rate_limit_exceeded": 429,
	"AuthError": 401, "CreditsError": 401, "MonthlyLimitError": 401, "UserLimitError": 401, "ModelError": 401,
	"EntitlementError": 403, "RegionError": 403, "Account.Disabled": 403, "Account.RegionUnavailable": 403,
}

// busyKinds are the kinds of errors for a limit of the model's provider, not of the account.
var busyKinds = []string{"rate_limit_error", "rate_limit_exceeded", "provider_rate_limit_exceeded"}

// pattern returns a function that compiles expr at its first call, since most commands use no
// patterns.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// Phrases that identify an error whose type and code are unknown. They are matched in lower case.
var (
	usageWords    = pattern(`usage limit (has been |was )?(reached|exceeded)|(reached|exceeded) (your|the) .{0,40}usage limit`)
	blockedCode   = "INFERENCE_ACCESS_BLOCKED"
	blockedWords  = "request blocked by upstream provider"
	missingWords  = "missing api key"
	providerWords = "error from provider"
	statusWords   = []struct {
		status      int
		words, kind string
	}{
		{http.StatusForbidden, "active opencode go subscription is required", "Account.Disabled"},
		{http.StatusForbidden, "requires global regions", "Account.RegionUnavailable"},
		{http.StatusForbidden, "not available in your region", "Account.RegionUnavailable"},
		{http.StatusUnauthorized, "invalid api key", "AuthError"},
	}
)

// knownKind returns error.type or error.code if kindStatuses contains it, or else "".
func (e apiError) knownKind() string {
	for _, name := range []string{e.Type, e.Code} {
		if kindStatuses[name] != 0 {
			return name
		}
	}
	return ""
}

// kind returns the kind of the error in an answer with this status, or "" if it is unknown.
func (e apiError) kind(status int) string {
	name, words := e.knownKind(), strings.ToLower(e.Message)
	switch status {
	case http.StatusTooManyRequests:
		switch {
		case name == "FreeUsageLimitError":
			return name
		case e.Type == "GoUsageLimitError", e.Code == "GoUsageLimitError", usageWords().MatchString(words):
			return "GoUsageLimitError"
		case slices.Contains(busyKinds, name), name == "" && strings.Contains(words, providerWords):
			return providerBusy
		}
	case http.StatusUnauthorized, http.StatusForbidden:
		if strings.Contains(words, blockedWords) || e.Code == blockedCode {
			return blocked
		}
		if strings.Contains(words, missingWords) {
			return keyMissing
		}
	}
	if name != "" {
		return name
	}
	for _, w := range statusWords {
		if status == w.status && strings.Contains(words, w.words) {
			return w.kind
		}
	}
	return ""
}

// status returns the HTTP status with which the service answers this kind of error, or 0 if the
// kind is unknown.
func (e apiError) status() int {
	if name := e.knownKind(); name != "" {
		return kindStatuses[name]
	}
	words := strings.ToLower(e.Message)
	if usageWords().MatchString(words) {
		return http.StatusTooManyRequests
	}
	if strings.Contains(words, blockedWords) {
		return http.StatusUnauthorized
	}
	for _, w := range statusWords {
		if strings.Contains(words, w.words) {
			return w.status
		}
	}
	return 0
}

var (
	windowWords = pattern(`(?i)\b(5[- ]?hour|weekly|monthly)\b`)
	resetWords  = pattern(`(?i)\bresets? in ((?:\s*(?:and\s+|,\s*)?\d{1,6}\s*[a-z]+)+)`)
	amountWords = pattern(`(?i)(\d+)\s*([a-z]+)`)
)

// windowIn returns the usage window that a message names: "5 hour", "weekly" or "monthly", or else
// "usage".
func windowIn(message string) string {
	name := strings.ToLower(windowWords().FindString(message))
	switch {
	case name == "":
		return "usage"
	case strings.HasPrefix(name, "5"):
		return "5 hour"
	}
	return name
}

type timeUnit struct {
	name   string
	length time.Duration
}

// timeUnits lists units of time by the first letters of their names: "h" for "hr" and "hours".
var timeUnits = []timeUnit{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// resetIn returns the wait that a message names: "It will reset in 5 days 10 hours" or "Resets in
// 3hr 20min". Messages round down, so the wait may be up to an hour too short. The request to
// /usage after each limit corrects that. ok is false if the message names no valid wait.
func resetIn(message string) (wait time.Duration, ok bool) {
	m := resetWords().FindStringSubmatch(message)
	if m == nil {
		return 0, false
	}
	var seconds float64
	for _, amount := range amountWords().FindAllStringSubmatch(m[1], -1) {
		n, _ := strconv.Atoi(amount[1]) // at most six digits
		unit := strings.ToLower(amount[2])
		if strings.HasPrefix(unit, "mo") { // months have no fixed length
			return 0, false
		}
		i := slices.IndexFunc(timeUnits, func(u timeUnit) bool { return strings.HasPrefix(unit, u.name) })
		if i < 0 {
			return 0, false
		}
		seconds += float64(n) * timeUnits[i].length.Seconds()
	}
	return bounded(seconds)
}
