package gofake

import (
	"net/http"
	"time"
)

// Plan is what the requests of one key get, in this order: a Limit or a spent Budget is met with its error; else
// the next of Answers; else success.
type Plan struct {
	// Answers one after the other; the last one repeats. Empty is success for ever.
	Answers []Answer
	// PerModel has queues of their own for some models, instead of Answers.
	PerModel map[string][]Answer
	// Limits hold until a moment of the server's clock.
	Limits []Limit
	// Budgets are counted in requests answered with success.
	Budgets []Budget
	// UseBalance, when not empty, is the console's option of that name: instead of the error for a used-up window
	// the answer is success with this as its cost.
	UseBalance string
	// TitlesFree answers title requests with success whatever the rest says, and counts them nowhere, so that
	// OpenCode's title generator, which runs beside the main request, takes no answer meant for that one.
	TitlesFree bool
	// Usage is how GET /usage departs from what follows from the rest.
	Usage Usage
}

// Window is one of the three usage limits of a subscription.
type Window string

// The windows, by the names that GET /usage gives them.
const (
	Rolling Window = "rolling" // 5 hours
	Weekly  Window = "weekly"
	Monthly Window = "monthly"
)

// LimitName is the window's name in the metadata of a GoUsageLimitError.
func (w Window) LimitName() string {
	if w == Rolling {
		return "5 hour"
	}
	return string(w)
}

// Length of the window; a month is 30 days here.
func (w Window) Length() time.Duration {
	switch w {
	case Weekly:
		return 7 * 24 * time.Hour
	case Monthly:
		return 30 * 24 * time.Hour
	default:
		return 5 * time.Hour
	}
}

// Limit is a window that is used up until a moment of the server's clock; or, with Model, the requests-per-minute
// limit of key and model (RateLimitError), which names no window.
type Limit struct {
	Window Window
	Model  string
	Until  time.Time
}

// Budget is how many requests a window has room for. The window begins with its first request and, Every later
// (0 is Window.Length), is empty again; with From it ends at that moment of the server's clock and every Every before
// and after it, whatever was requested, as weeks and months of a subscription do.
type Budget struct {
	Window   Window
	Requests int
	Every    time.Duration
	From     time.Time
}

// Break is a way for a stream to end badly.
type Break int

// The ways. Where it happens is Answer.BreakAfter. Answers without a stream break in the middle of their body.
const (
	NoBreak  Break = iota
	SSEError       // an `event: error` with ErrorType and Message ends the stream; without a stream the body is that error
	Drop           // the connection is closed, the stream is cut off
	Reset          // the connection is reset (TCP RST)
	CleanEnd       // the stream ends as if complete, without a finish reason
	NoAnswer       // the connection is closed before any header
)

// Answer is one answer. The zero value is success in the wire format of the request. Copy and change the fields of
// what the functions below return, as needed.
type Answer struct {
	// Status 0 is 200. Any other status is an error (or a redirect) with ErrorType, Message and Metadata as its
	// body, or with Body as it stands when Body is not nil.
	Status             int
	ErrorType, Message string
	Metadata           map[string]any
	// Window is set by UsageLimit: metadata and message are made from it, and /usage shows it.
	Window Window
	// RetryAfter is the header retry-after, in seconds rounded up; 0 leaves it out.
	RetryAfter time.Duration
	// Header is set on the answer last: it overrides retry-after, content-type, even Date; a nil value removes one.
	Header http.Header
	Body   []byte

	// Text of a success, instead of Options.Reply.
	Text string
	// Calls are tool calls that the model makes one by one: a request with n tool results gets the n-th of them
	// (from 0) if it offers a tool of that name, and the text when there is none left.
	Calls []Call
	// Cost beside the usage of a success; "" is "0", as for a subscription. Any other value says that the account's
	// balance was spent.
	Cost string

	// Stall is how long no header is sent; negative is until the client goes away.
	Stall time.Duration
	// ChunkDelay is the time between two pieces of the streamed answer (the text goes word by word); negative is
	// until the client goes away.
	ChunkDelay time.Duration
	// Break ends the answer early, after BreakAfter pieces of its text or tool call; 0 is before the first event.
	Break      Break
	BreakAfter int
}

// Call is a tool call by the model.
type Call struct {
	Name string
	Args map[string]any
}

// OK is success.
func OK() Answer { return Answer{} }

// Say is success with this text.
func Say(text string) Answer { return Answer{Text: text} }

// Bash is success in which the model first runs each command with OpenCode's bash tool.
func Bash(commands ...string) Answer {
	var a Answer
	for _, c := range commands {
		a.Calls = append(a.Calls, Call{Name: "bash", Args: map[string]any{"command": c, "description": "Runs a command"}})
	}
	return a
}

// UsageLimit is 429 GoUsageLimitError for the window. The message names the time as the service does.
func UsageLimit(w Window, retryAfter time.Duration) Answer {
	return Answer{Status: http.StatusTooManyRequests, ErrorType: "GoUsageLimitError", Window: w, RetryAfter: retryAfter}
}

// RateLimit is 429 RateLimitError, which the service counts per key, model and minute: retry-after 60.
func RateLimit() Answer {
	return Answer{Status: http.StatusTooManyRequests, ErrorType: "RateLimitError",
		Message: "Rate limit exceeded. Please try again later.", Metadata: map[string]any{}, RetryAfter: time.Minute}
}

// FreeUsageLimit is 429 FreeUsageLimitError: free models, counted by IP address, until the end of the day.
func FreeUsageLimit(retryAfter time.Duration) Answer {
	return Answer{Status: http.StatusTooManyRequests, ErrorType: "FreeUsageLimitError",
		Message: "Rate limit exceeded. Please try again later.", Metadata: map[string]any{}, RetryAfter: retryAfter}
}

// ProviderBusy is the 429 of a model's provider, which the service passes on without its headers.
func ProviderBusy() Answer {
	return Error(http.StatusTooManyRequests, "rate_limit_error", "Error from provider: Too many requests, please slow down")
}

// AuthError is 401: a bad key.
func AuthError() Answer { return Error(http.StatusUnauthorized, "AuthError", "Invalid API key.") }

// CreditsError is 401: no balance.
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

// ModelError is 401: a model that the service does not have.
func ModelError(model string) Answer {
	return Error(http.StatusUnauthorized, "ModelError", "Model "+model+" is not supported")
}

// EntitlementError is 403: no Go subscription.
func EntitlementError() Answer {
	return Error(http.StatusForbidden, "EntitlementError", "OpenCode Go subscription required.")
}

// RegionError is 403: the model may not be used from here.
func RegionError() Answer {
	return Error(http.StatusForbidden, "RegionError", "The latest version of this model is only available hosted in China and requires explicit opt in: https://opencode.ai/workspace/wrk_FAKE/go")
}

// ServerError is a 5xx with the service's own body.
func ServerError(status int) Answer { return Error(status, "error", "Internal server error") }

// Error is any status with the service's error body.
func Error(status int, errorType, message string) Answer {
	return Answer{Status: status, ErrorType: errorType, Message: message}
}

// Raw is any status, headers and body, as they stand.
func Raw(status int, header http.Header, body []byte) Answer {
	if body == nil {
		body = []byte{}
	}
	return Answer{Status: status, Header: header, Body: body}
}

// Redirect is 307 to another address.
func Redirect(url string) Answer {
	return Raw(http.StatusTemporaryRedirect, http.Header{"Location": {url}}, nil)
}

// StreamError is status 200 and an SSE error after so many pieces of the answer; 0 makes it the first event.
func StreamError(after int, errorType, message string) Answer {
	return Answer{ErrorType: errorType, Message: message, Break: SSEError, BreakAfter: after}
}

// Dropped is a success whose connection is closed after so many pieces.
func Dropped(after int) Answer { return Answer{Break: Drop, BreakAfter: after} }

// Stalled is a success that sends no header for d; negative is for ever.
func Stalled(d time.Duration) Answer { return Answer{Stall: d} }

// Slow is a success with d between two pieces.
func Slow(d time.Duration) Answer { return Answer{ChunkDelay: d} }

// Costing is a success that was paid from the balance, say "0.00123400".
func Costing(cost string) Answer { return Answer{Cost: cost} }

// With returns the answer with a header set, over any of its own.
func (a Answer) With(name, value string) Answer {
	a.Header = a.Header.Clone()
	if a.Header == nil {
		a.Header = http.Header{}
	}
	a.Header.Set(name, value)
	return a
}
