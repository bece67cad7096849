package rotation

import (
	"net/http"
	"strings"
	"time"

	"ocgo-key/internal/keyform"
	"ocgo-key/internal/text"
)

// Action is the effect of a verdict on the account whose key was on the request.
type Action int

const (
	// Pass gives the answer to the client and changes no account.
	Pass Action = iota
	// Cool puts the account on cooldown. The request is repeated with the next account.
	Cool
	// Reject takes the account out of use until `enable` or a new key. The request is repeated with
	// the next account.
	Reject
)

// Verdict says what one answer of the service means for the account whose key was on the request.
type Verdict struct {
	Action    Action
	Until     time.Time // end of the cooldown, if Action is Cool
	Reason    string    // shown to users: "weekly limit", "AuthError: invalid key"
	Window    string    // "5 hour", "weekly", "monthly", if a usage window is used up
	Model     string    // the limit applies to this model only; empty for the whole account
	Workspace string    // the service's id of the account's workspace, if the answer has it
	// OnProof says that the cause may be the request and not the account. The verdict must not be
	// reported until another account has answered the same request.
	OnProof bool
	// Unknown is the refusal in the answer if no rule covers it, and otherwise nil.
	Unknown *Refusal
}

// Failover reports whether the request is repeated with the next account.
func (v Verdict) Failover() bool { return v.Action != Pass }

// Answer is the part of a response that a verdict depends on.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // the body of an error, or its beginning; ignored if it is not complete JSON
	Model  string // the model of the request, if known
}

// maxModel limits the name of a model in bytes.
const maxModel = 200

// TooMany is the reason for a cooldown after a 429 that names no limit.
const TooMany = "too many requests"

// Cooldowns for answers that name no time.
const (
	defaultCooldown = time.Minute
	balanceCooldown = time.Hour
	// modelCooldown is the cooldown for a model that the account may not use.
	modelCooldown = time.Hour
)

// Classify returns the verdict for one answer, as in docs/reference.md, "Answers and what they do".
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
		v.Unknown = &Refusal{a.Status, clean(e.Type, ""), clean(e.Code, ""), clean(e.Message, "")}
	}
	return v
}

// clean returns s, a text of the service, as one line without keys. If the line is empty, it
// returns otherwise.
func clean(s, otherwise string) string { return text.OneLineOr(keyform.Hide(s), otherwise) }

// classifyRefusal classifies a 401 or 403.
func classifyRefusal(a Answer, e apiError, now time.Time) (v Verdict, known bool) {
	switch kind := e.kind(a.Status); kind {
	case "AuthError":
		return Verdict{Action: Reject, Reason: kind + ": " + clean(e.Message, "the service does not know this key")}, true
	case "EntitlementError", "Account.Disabled":
		return Verdict{Action: Reject, Reason: kind + ": " + clean(e.Message, "no Go subscription")}, true
	case "CreditsError", "MonthlyLimitError", "UserLimitError":
		return Verdict{Action: Cool, Until: now.Add(balanceCooldown), Reason: balanceReasons[kind]}, true
	case "RegionError", "Account.RegionUnavailable":
		return barred(a, "not available in this account's region", now, modelCooldown), true
	case blocked:
		return barred(a, "blocked by the model's provider", now, modelCooldown), true
	case keyMissing: // the gateway sends a key with every request, so the key was lost upstream
		return barred(a, "refused: the service received no key", now, defaultCooldown), true
	case "ModelError":
		return Verdict{}, true
	}
	return Verdict{}, false
}

// barred returns the verdict for an account that may not use the model. If the model is unknown, it
// passes the answer on, since a cooldown would apply to the whole account.
func barred(a Answer, why string, now time.Time, wait time.Duration) Verdict {
	model := modelName(a.Model)
	if model == "" {
		return Verdict{}
	}
	return Verdict{Action: Cool, Until: now.Add(wait), Reason: text.OneLineOr(model, "") + " is " + why, Model: model, OnProof: true}
}

// modelName returns the model's name, or "" if it is too long to be one.
func modelName(model string) string {
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

// classifyLimit classifies a 429. RateLimitError is a limit of the key; rate_limit_error is a limit
// of the model's provider.
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
		v.Model, v.Reason = modelName(a.Model), "rate limit"
		if v.Model != "" {
			v.Reason += " on " + text.OneLineOr(v.Model, "")
		}
		return v, true
	}
	v.Reason = TooMany
	return v, e.Type == "" && e.Code == "" && e.Message == ""
}

// windowVerdict returns the verdict for a used-up window: "5 hour", "weekly", "monthly", or "usage"
// if its name is unknown.
func windowVerdict(window string, until time.Time) Verdict {
	return Verdict{Action: Cool, Until: until, Window: window, Reason: strings.Replace(window, "5 hour", "5-hour", 1) + " limit"}
}

// Overage returns the verdict on an account whose answer cost real money, for users who do not want
// to spend any. The account cools for an hour. Then Learn extends the cooldown until the account's
// windows are reset.
func Overage(cost string, now time.Time) Verdict {
	return Verdict{Action: Cool, Until: now.Add(balanceCooldown), Window: OverageWindow, Reason: "real money was spent ($" + text.OneLineOr(cost, "?") + ")"}
}

// OverageWindow is the Window of a cooldown that comes from Overage.
const OverageWindow = "overage"

// ClassifyEvent is like Classify, for an error in an answer with status 200. The error is the first
// event of a stream, or a body instead of a stream. The verdict is as if the answer had the usual
// status of this error.
func ClassifyEvent(a Answer, now time.Time) Verdict {
	if a.Status = parseError(a.Body).status(); a.Status == 0 {
		return Verdict{}
	}
	return Classify(a, now)
}
