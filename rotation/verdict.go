package rotation

import (
	"net/http"
	"strings"
	"time"

	"ocgo-key/internal/keyform"
	"ocgo-key/internal/text"
)

// Action is what a verdict does to the account whose key was on the request.
type Action int

const (
	// Pass gives the answer to the client and touches no account.
	Pass Action = iota
	// Cool keeps the account out until a time, and the request continues with the next.
	Cool
	// Reject keeps the account out until `enable` or a new key, and the request continues with the
	// next.
	Reject
)

// Verdict is what one answer of the service says of the account whose key was on the request.
type Verdict struct {
	Action    Action
	Until     time.Time // end of the cooldown, if Action is Cool
	Reason    string    // for people: "weekly limit", "AuthError: invalid key"
	Window    string    // "5 hour", "weekly", "monthly", if a usage window is used up
	Model     string    // the limit is on this model alone; empty for the whole account
	Workspace string    // the service's id of the account's workspace, if the answer named it
	// OnProof says that the verdict holds only once another account has answered the same request:
	// the answer may be about the request as well. Nothing may be reported before that.
	OnProof bool
	// Unknown is the refusal that no rule knows, for people to see; nil for every other answer.
	Unknown *Refusal
}

// Failover reports whether the request continues with the next account.
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

// TooMany is the reason of a cooldown after a 429 that does not say why.
const TooMany = "too many requests"

// Times that hold where the service names none.
const (
	defaultCooldown = time.Minute
	balanceCooldown = time.Hour
	// modelCooldown is for a model that one account is barred from and another is not.
	modelCooldown = time.Hour
)

// Classify applies the table of docs/reference.md, "Answers and what they do", to one answer.
func Classify(a Answer, now time.Time) Verdict {
	e := parseError(a.Body)
	var v Verdict
	known := true
	switch a.Status {
	case http.StatusTooManyRequests:
		v, known = classifyLimit(a, e, now)
	case http.StatusUnauthorized, http.StatusForbidden:
		v, known = classifyRefusal(a, e, now)
	case http.StatusPaymentRequired, http.StatusUnavailableForLegalReasons:
		known = false
	}
	if !known {
		v.Unknown = &Refusal{Status: a.Status, Type: text.OneLineOr(keyform.Hide(e.Type), ""), Code: text.OneLineOr(keyform.Hide(e.Code), ""), Words: text.OneLineOr(keyform.Hide(e.Message), "")}
	}
	return v
}

// classifyRefusal is for 401 and 403.
func classifyRefusal(a Answer, e apiError, now time.Time) (v Verdict, known bool) {
	switch kind := e.kind(a.Status); kind {
	case "AuthError":
		return Verdict{Action: Reject, Reason: kind + ": " + text.OneLineOr(keyform.Hide(e.Message), "the service does not know this key")}, true
	case "EntitlementError", "Account.Disabled":
		return Verdict{Action: Reject, Reason: kind + ": " + text.OneLineOr(keyform.Hide(e.Message), "no Go subscription")}, true
	case "CreditsError", "MonthlyLimitError", "UserLimitError":
		return Verdict{Action: Cool, Until: now.Add(balanceCooldown), Reason: balanceReasons[kind]}, true
	case "RegionError", "Account.RegionUnavailable":
		return barred(a, "not available in this account's region", now, modelCooldown), true
	case blocked:
		return barred(a, "blocked by the model's provider", now, modelCooldown), true
	case keyMissing: // every request of ours has a key: the service lost it on the way
		return barred(a, "refused, as the service did not see the key", now, defaultCooldown), true
	case "ModelError":
		return Verdict{}, true
	}
	return Verdict{}, false
}

// barred is for an account that may not use the model. Without a model's name it would take the
// whole account away, so the answer is passed on then.
func barred(a Answer, why string, now time.Time, wait time.Duration) Verdict {
	model := nameOf(a.Model)
	if model == "" {
		return Verdict{}
	}
	return Verdict{Action: Cool, Until: now.Add(wait), Reason: text.OneLineOr(model, "") + " is " + why, Model: model, OnProof: true}
}

// nameOf is the model's name if it can be one of the service's, else empty.
func nameOf(model string) string {
	if len(model) > maxModel {
		return ""
	}
	return model
}

var balanceReasons = map[string]string{
	"CreditsError":      "empty balance",
	"MonthlyLimitError": "workspace's monthly spending limit",
	"UserLimitError":    "member's monthly spending limit",
}

// classifyLimit is for 429. The spelling of the kinds is exact: RateLimitError is about the key,
// rate_limit_error about the model's provider.
func classifyLimit(a Answer, e apiError, now time.Time) (v Verdict, known bool) {
	kind := e.kind(a.Status)
	wait, named := RetryAfter(a.Header, now)
	if !named && kind == "GoUsageLimitError" {
		wait, named = resetIn(e.Message)
	}
	if !named {
		wait = defaultCooldown
	}
	v = Verdict{Action: Cool, Until: now.Add(wait), Workspace: text.OneLineOr(e.Resource, "")}
	switch kind {
	case "GoUsageLimitError":
		limit := text.OneLineOr(e.Limit, "")
		if limit == "" {
			limit = windowIn(e.Message)
		}
		window := windowVerdict(limit, v.Until)
		window.Workspace = v.Workspace
		return window, true
	case "FreeUsageLimitError", providerBusy:
		return Verdict{}, true
	case "RateLimitError":
		v.Model, v.Reason = nameOf(a.Model), "rate limit"
		if v.Model != "" {
			v.Reason += " on " + text.OneLineOr(v.Model, "")
		}
		return v, true
	}
	v.Reason = TooMany
	return v, e.Type == "" && e.Code == "" && e.Message == ""
}

// windowVerdict is for a usage window that is used up: "5 hour", "weekly", "monthly", or "usage" if
// it has no name.
func windowVerdict(window string, until time.Time) Verdict {
	return Verdict{Action: Cool, Until: until, Window: window, Reason: strings.Replace(window, "5 hour", "5-hour", 1) + " limit"}
}

// Overage is the verdict on an account whose answer cost real money, for those who do not want
// that: it is out until its windows are reset, which Learn finds out; until then for an hour.
func Overage(cost string, now time.Time) Verdict {
	return Verdict{Action: Cool, Until: now.Add(balanceCooldown), Window: OverageWindow, Reason: "real money was spent ($" + text.OneLineOr(cost, "?") + ")"}
}

// OverageWindow is the window of a cooldown that Overage began.
const OverageWindow = "overage"

// ClassifyEvent is Classify for an error that arrives inside a 200: as the first event of a stream,
// or as the body in its place. Its status is the one that the error has when it comes by itself.
func ClassifyEvent(a Answer, now time.Time) Verdict {
	if a.Status = parseError(a.Body).status(); a.Status == 0 {
		return Verdict{}
	}
	return Classify(a, now)
}
