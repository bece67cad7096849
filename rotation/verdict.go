package rotation

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Action is what a verdict does to the account whose key was on the request.
type Action int

const (
	// Pass gives the answer to the client and touches no account.
	Pass Action = iota
	// Cool keeps the account out until a time, and the request goes on with the next.
	Cool
	// Reject keeps the account out until `enable` or a new key, and the request goes on with the next.
	Reject
)

// Verdict is what one answer of the service says of the account whose key was on the request.
type Verdict struct {
	Action    Action
	Until     time.Time // end of the cooldown, if Action is Cool
	Reason    string    // for people: "weekly limit", "AuthError: invalid key"
	Window    string    // "5 hour", "weekly", "monthly", if a usage window is used up
	Model     string    // the limit is on this model alone; empty for the whole account
	Workspace string    // the service's id of the account's workspace, if the answer told
}

// Failover tells whether the request goes on with the next account.
func (v Verdict) Failover() bool { return v.Action != Pass }

// Answer is the part of a response that a verdict is made from.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // of an error: as much of it as was read; a body that is cut or not JSON counts as no body
	Model  string // the model that the request named, if known
}

// maxModel bounds the name of a model that is kept, in bytes.
const maxModel = 200

// TooMany is the reason of a cooldown after a 429 that says nothing of why.
const TooMany = "too many requests"

// Times that hold where the service names none.
const (
	defaultCooldown = time.Minute
	balanceCooldown = time.Hour
)

// apiError is the service's error body. Source: opencode-facts, "The Go service".
type apiError struct {
	Type     string // of the inner error: "GoUsageLimitError"
	Message  string
	Limit    string // metadata.limitName: "5 hour", "weekly", "monthly"
	Resource string // metadata.workspace
}

func parseError(body []byte) apiError {
	var raw struct {
		Error struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"error"`
		Metadata struct {
			LimitName string `json:"limitName"`
			Workspace string `json:"workspace"`
		} `json:"metadata"`
	}
	if json.Unmarshal(body, &raw) != nil {
		return apiError{}
	}
	return apiError{raw.Error.Type, raw.Error.Message, raw.Metadata.LimitName, raw.Metadata.Workspace}
}

// Classify applies the table of the design's section "Which account" to one answer.
func Classify(a Answer, now time.Time) Verdict {
	switch a.Status {
	case http.StatusTooManyRequests:
		return classifyLimit(a, parseError(a.Body), now)
	case http.StatusUnauthorized:
		e := parseError(a.Body)
		switch e.Type {
		case "AuthError":
			return Verdict{Action: Reject, Reason: e.Type + ": " + oneLine(hideKeys(e.Message), "the service does not know this key")}
		case "CreditsError", "MonthlyLimitError", "UserLimitError":
			return Verdict{Action: Cool, Until: now.Add(balanceCooldown), Reason: balanceReasons[e.Type]}
		}
	case http.StatusForbidden:
		if e := parseError(a.Body); e.Type == "EntitlementError" {
			return Verdict{Action: Reject, Reason: e.Type + ": " + oneLine(hideKeys(e.Message), "no Go subscription")}
		}
	}
	return Verdict{}
}

var balanceReasons = map[string]string{
	"CreditsError":      "empty balance",
	"MonthlyLimitError": "workspace's monthly spending limit",
	"UserLimitError":    "member's monthly spending limit",
}

func classifyLimit(a Answer, e apiError, now time.Time) Verdict {
	wait, ok := RetryAfter(a.Header, now)
	if !ok {
		wait = defaultCooldown
	}
	v := Verdict{Action: Cool, Until: now.Add(wait), Workspace: oneLine(e.Resource, "")}
	switch {
	case e.Type == "GoUsageLimitError":
		window := windowVerdict(oneLine(e.Limit, "usage"), v.Until)
		window.Workspace = v.Workspace
		return window
	case e.Type == "FreeUsageLimitError", strings.HasPrefix(e.Message, "Error from provider"):
		return Verdict{}
	case e.Type == "RateLimitError":
		if len(a.Model) <= maxModel { // else it is no model of the service's
			v.Model = a.Model
		}
		v.Reason = "rate limit"
		if v.Model != "" {
			v.Reason += " on " + oneLine(v.Model, "")
		}
	default:
		v.Reason = TooMany
	}
	return v
}

// windowVerdict is for a usage window that is used up: "5 hour", "weekly", "monthly", or "usage" if it has no name.
func windowVerdict(window string, until time.Time) Verdict {
	return Verdict{Action: Cool, Until: until, Window: window, Reason: strings.Replace(window, "5 hour", "5-hour", 1) + " limit"}
}

// Overage is the verdict on an account whose answer cost real money, for those who do not want that: it is out
// until its windows are reset, which Learn finds out; until then for an hour.
func Overage(cost string, now time.Time) Verdict {
	return Verdict{Action: Cool, Until: now.Add(balanceCooldown), Window: OverageWindow, Reason: "real money was spent ($" + oneLine(cost, "?") + ")"}
}

// OverageWindow is the window of a cooldown that Overage began.
const OverageWindow = "overage"

// errorStatuses are the statuses that errors come with when they have one of their own, for an error that
// arrives as the first event of a stream whose status was 200.
var errorStatuses = map[string]int{
	"GoUsageLimitError": 429, "RateLimitError": 429, "FreeUsageLimitError": 429,
	"AuthError": 401, "CreditsError": 401, "MonthlyLimitError": 401, "UserLimitError": 401, "ModelError": 401,
	"EntitlementError": 403, "RegionError": 403,
}

// ClassifyEvent is Classify for an error that came as the first event of a stream: its status is the one that
// the error has when it comes by itself.
func ClassifyEvent(a Answer, now time.Time) Verdict {
	if a.Status = errorStatuses[parseError(a.Body).Type]; a.Status == 0 {
		return Verdict{}
	}
	return Classify(a, now)
}

// maxText bounds what of the service's words is kept, in bytes.
const maxText = 120

// OneLine makes text of others fit for a line on a terminal: printable, one line, bounded.
func OneLine(s string) string { return oneLine(s, "?") }

// leastKey is the length from which a word that begins like a key is taken for one, in bytes.
const leastKey = 16

// indexKey finds the beginning of a key in a word; -1 for none.
func indexKey(w string) int {
	return max(strings.Index(w, "sk-"), strings.Index(w, "SK-"))
}

// hideKeys takes what looks like a key out of the service's words, which are kept: who reports an answer by hand
// (`rotate --status`) has no key at hand that could be looked for.
func hideKeys(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		if at := indexKey(w); at >= 0 && len(w)-at >= leastKey {
			words[i] = w[:at] + "[redacted]"
		}
	}
	return strings.Join(words, " ")
}

// oneLine makes the service's words fit for a line on a terminal: printable, one line, bounded; other if nothing is left.
func oneLine(s, other string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	for i := range s {
		if i > maxText {
			s = s[:i] + "…"
			break
		}
	}
	if s == "" {
		return other
	}
	return s
}
