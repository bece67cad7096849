package fakeservice

import (
	"net/http"
	"time"
)

const (
	usageLimitError = "GoUsageLimitError"
	blockedMessage  = "Request blocked by upstream provider."
	// fromProvider is the beginning of many error messages, even of some that do not come from a
	// model's provider.
	fromProvider = "Error from provider (Console Go): "
)

// UsageLimit is 429 GoUsageLimitError for the window. Its message names the reset time as the
// service does.
func UsageLimit(w Window, retryAfter time.Duration) Answer {
	return Answer{Status: http.StatusTooManyRequests, ErrorType: usageLimitError, Window: w, RetryAfter: retryAfter}
}

// UsageLimitByWords is a used-up window in the form of newer parts of the service: 429 with any
// type or code, without retry-after and metadata. Only the message says how long to wait.
func UsageLimitByWords(w Window, wait time.Duration, errorType string) Answer {
	return Answer{Status: http.StatusTooManyRequests, ErrorType: errorType, Window: w, ResetsIn: wait,
		Message: fromProvider + limitWords(w, wait)}
}

// RateLimit is 429 RateLimitError: too many requests per minute with this key and model.
// retry-after is 60.
func RateLimit() Answer {
	return Answer{Status: http.StatusTooManyRequests, ErrorType: "RateLimitError",
		Message: "Rate limit exceeded. Please try again later.", Metadata: map[string]any{}, RetryAfter: time.Minute}
}

// FreeUsageLimit is 429 FreeUsageLimitError: the limit of free models for an IP address, until the
// end of the day.
func FreeUsageLimit(retryAfter time.Duration) Answer {
	return Answer{Status: http.StatusTooManyRequests, ErrorType: "FreeUsageLimitError",
		Message: "Rate limit exceeded. Please try again later.", Metadata: map[string]any{}, RetryAfter: retryAfter}
}

// ProviderBusy is the 429 of a model's provider, which the service passes on without its headers.
func ProviderBusy() Answer {
	return Error(http.StatusTooManyRequests, "rate_limit_error", "Error from provider: Too many requests, please slow down")
}

// BusySpellings are the kinds of error in the 429 of a busy provider. A rate limit of the key is
// spelled differently: RateLimitError.
var BusySpellings = []string{"rate_limit_error", "rate_limit_exceeded", "provider_rate_limit_exceeded"}

// ProviderBusyAs is like ProviderBusy, with one of BusySpellings as its kind, and the message for
// that kind.
func ProviderBusyAs(spelling string) Answer {
	words := map[string]string{
		"rate_limit_error":             "Rate limit exceeded. Please retry after a brief wait.",
		"rate_limit_exceeded":          "Upstream request failed: [rate_limit_exceeded] Rate limit exceeded. Please retry after a brief wait.",
		"provider_rate_limit_exceeded": "Provider rate limit exceeded",
	}[spelling]
	return Error(http.StatusTooManyRequests, spelling, fromProvider+words)
}

// ProviderBusyTwice is ProviderBusy in its most common form: a general kind in error.type, a
// specific kind in error.code, and no outer type.
func ProviderBusyTwice(code string) Answer {
	a := ProviderBusyAs(code)
	a.ErrorType, a.Code, a.Bare = "rate_limit_error", code, true
	return a
}

// AuthError is 401: an invalid key.
func AuthError() Answer { return Error(http.StatusUnauthorized, "AuthError", "Invalid API key.") }

// CreditsError is 401: the balance is empty.
func CreditsError() Answer {
	return Error(http.StatusUnauthorized, "CreditsError", "Insufficient balance. Manage your billing here: https://opencode.ai/workspace/wrk_FAKE/billing")
}

// MonthlyLimitError is 401: the workspace's spending limit.
func MonthlyLimitError() Answer {
	return Error(http.StatusUnauthorized, "MonthlyLimitError", "Your workspace has reached its monthly spending limit of $20. Manage your limits here: https://opencode.ai/workspace/wrk_FAKE/billing")
}

// UserLimitError is 401: the member's spending limit.
func UserLimitError() Answer {
	return Error(http.StatusUnauthorized, "UserLimitError", "You have reached your monthly spending limit of $20. Manage your limits here: https://opencode.ai/workspace/wrk_FAKE/members")
}

// ModelError is 401: the service has no model of this name.
func ModelError(model string) Answer {
	return Error(http.StatusUnauthorized, "ModelError", "Model "+model+" is not supported")
}

// EntitlementError is 403: no Go subscription.
func EntitlementError() Answer {
	return Error(http.StatusForbidden, "EntitlementError", "OpenCode Go subscription required.")
}

// AccountDisabled is 403: the workspace has no subscription. Newer parts of the service use this
// form.
func AccountDisabled() Answer {
	return Error(http.StatusForbidden, "Account.Disabled", "An active OpenCode Go subscription is required to use Go models.")
}

// RegionUnavailable is 403: a setting of the workspace excludes the model. Another account may have
// access to it.
func RegionUnavailable() Answer {
	return Error(http.StatusForbidden, "Account.RegionUnavailable", "This Go model requires Global regions.")
}

// RegionByWords is 403 from a model's provider, without type and code.
func RegionByWords() Answer {
	return Error(http.StatusForbidden, "", "[403] This model is not available in your region.").ByProvider().WithoutOuterType()
}

// BlockedByProvider is 401: the provider has blocked the workspace from a model or from all models.
func BlockedByProvider() Answer { return Error(http.StatusUnauthorized, "AuthError", blockedMessage) }

// AccountPaused is an invented refusal, to test the handling of unknown refusals.
func AccountPaused() Answer {
	return Error(http.StatusForbidden, "Account.Paused", "This account is paused.")
}

// MissingSession is 400: the request has no x-opencode-session.
func MissingSession() Answer {
	return Error(http.StatusBadRequest, "MissingSessionID", fromProvider+
		"Request is missing x-opencode-session and cannot be routed efficiently. Please see https://opencode.ai/docs/go/#where-can-i-use-it")
}

// ProviderBalance is 402: the service has used up its own balance with a model's provider. The
// account's balance is not empty.
func ProviderBalance() Answer {
	return Answer{Status: http.StatusPaymentRequired, ErrorType: "unknown_error", Code: "invalid_request_error",
		Message: "Insufficient Balance", Bare: true}
}

// UpstreamFailed is 400: the model's provider did not answer.
func UpstreamFailed() Answer {
	return Error(http.StatusBadRequest, "error", fromProvider+"Upstream request failed")
}

// RegionError is 403: the model is not available in the client's region.
func RegionError() Answer {
	return Error(http.StatusForbidden, "RegionError", "The latest version of this model is only available hosted in China and requires explicit opt in: https://opencode.ai/workspace/wrk_FAKE/go")
}

// ServerError is a 5xx with a body that the service itself makes.
func ServerError(status int) Answer { return Error(status, "error", "Internal server error") }

// Error returns an answer with this status and an error body in the service's form.
func Error(status int, errorType, message string) Answer {
	return Answer{Status: status, ErrorType: errorType, Message: message}
}
