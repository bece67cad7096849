package fakeservice

import (
	"cmp"
	"net/http"
	"time"
)

// Break is a way in which an answer fails.
type Break int

// The kinds of Break. Answer.BreakAfter says where in a stream the answer breaks. Other answers
// break in the middle of their body.
const (
	NoBreak   Break = iota
	SSEError        // an `event: error` with ErrorType and Message ends the stream; if the answer is not a stream, its body is that error
	Drop            // the connection is closed in the middle of the answer
	Reset           // the connection is reset (TCP RST)
	CleanEnd        // the stream ends normally, but without a finish reason
	NoAnswer        // the connection is closed before any header
	JSONError       // status 200 and the error as one JSON document, even if a stream was requested
)

// Spelling is how the lines of a stream are written. Every spelling is valid server-sent events.
type Spelling int

// The spellings.
const (
	LF    Spelling = iota // one data line for each event, lines end with LF
	CRLF                  // lines end with CR LF
	CR                    // lines end with CR
	Lines                 // the data is indented JSON, with a data line for each of its lines
)

// Answer is the service's answer to one request. The zero value is success in the wire format of
// the request. The functions below return common answers, whose fields can be changed.
type Answer struct {
	// Status 0 means 200. Any other status is an error (or a redirect). Its body is Body, or, if
	// Body is nil, made from ErrorType, Code, Message and Metadata.
	Status int
	// ErrorType is the body's error.type and Code its error.code; an empty field is left out.
	ErrorType, Code, Message string
	Metadata                 map[string]any
	// Bare leaves out the outer "type":"error". Then an error event of /chat/completions has no
	// name either.
	Bare bool
	// Window is set by UsageLimit and UsageLimitByWords: /usage shows this window as used up, and
	// the metadata and message of UsageLimit are derived from it.
	Window Window
	// ResetsIn is when /usage says that Window has room again; 0 is RetryAfter.
	ResetsIn time.Duration
	// RetryAfter is the header retry-after, in seconds rounded up; 0 leaves it out.
	RetryAfter time.Duration
	// Header is set last: it overrides retry-after, content-type and even Date; a nil value removes
	// a header.
	Header http.Header
	Body   []byte

	// Text of a success, instead of Options.Reply.
	Text string
	// Calls are tool calls that the model makes one by one: a request with n tool results gets the
	// n-th of them (from 0) if it offers a tool of that name, and the text when none is left.
	Calls []Call
	// Cost is sent with the token usage of a success; "" means "0", as for a subscription. Any
	// other value means that the request was paid from the account's balance.
	Cost string

	// Stall is the delay before the headers; a negative value lasts until the client disconnects.
	Stall time.Duration
	// ChunkDelay is the time between two pieces of the streamed answer (a piece of text is a word);
	// a negative value lasts until the client disconnects.
	ChunkDelay time.Duration
	// How the events of a stream are written.
	Spelling Spelling
	// Break ends the answer early, after BreakAfter pieces of its text or tool call; 0 means before
	// the first event.
	Break      Break
	BreakAfter int
}

// Call is a tool call by the model.
type Call struct {
	Name string
	Args map[string]any
}

// OK returns a successful answer.
func OK() Answer { return Answer{} }

// Say returns a successful answer with this text.
func Say(text string) Answer { return Answer{Text: text} }

// The tool that runs commands, as OpenCode 1 and OpenCode 2 call it.
const bash, shell = "bash", "shell"

// Bash returns a successful answer in which the model first runs each command, with the bash tool
// of OpenCode 1 or the shell tool of OpenCode 2.
func Bash(commands ...string) Answer {
	var a Answer
	for _, c := range commands {
		a.Calls = append(a.Calls, Call{Name: bash, Args: map[string]any{"command": c, "description": "Runs a command"}})
	}
	return a
}

// Raw returns an answer with this status, these headers and this body.
func Raw(status int, header http.Header, body []byte) Answer {
	return Answer{Status: status, Header: header, Body: append([]byte{}, body...)}
}

// Redirect returns an answer with status 307 to another address.
func Redirect(url string) Answer {
	return Raw(http.StatusTemporaryRedirect, http.Header{"Location": {url}}, nil)
}

// StreamError returns an answer with status 200 and an SSE error after this many pieces; 0 makes
// the error the first event.
func StreamError(after int, errorType, message string) Answer {
	return Answer{ErrorType: errorType, Message: message, Break: SSEError, BreakAfter: after}
}

// Dropped returns a successful answer whose connection is closed after this many pieces.
func Dropped(after int) Answer { return Answer{Break: Drop, BreakAfter: after} }

// Stalled returns a successful answer that waits for d before its headers; a negative d means
// forever.
func Stalled(d time.Duration) Answer { return Answer{Stall: d} }

// Slow returns a successful answer that waits for d between two pieces.
func Slow(d time.Duration) Answer { return Answer{ChunkDelay: d} }

// Costing returns a successful answer that was paid from the balance, with a cost such as
// "0.00123400".
func Costing(cost string) Answer { return Answer{Cost: cost} }

// With returns the answer with a header set, which overrides the answer's own.
func (a Answer) With(name, value string) Answer {
	a.Header = a.Header.Clone()
	if a.Header == nil {
		a.Header = http.Header{}
	}
	a.Header.Set(name, value)
	return a
}

// InCode moves the kind of the error from error.type to error.code, as in newer parts of the
// service.
func (a Answer) InCode() Answer {
	a.ErrorType, a.Code = "", a.ErrorType
	return a
}

// WithoutOuterType leaves out the outer "type":"error".
func (a Answer) WithoutOuterType() Answer {
	a.Bare = true
	return a
}

// ByProvider puts "Error from provider" before the message, as many errors have it, even if no
// provider caused them.
func (a Answer) ByProvider() Answer {
	a.Message = fromProvider + "Upstream request failed: " + a.Message
	return a
}

// AsFirstEvent makes an error the first event of a stream with status 200; if the answer is not a
// stream, the error is the body of a 200.
func (a Answer) AsFirstEvent() Answer {
	a.Status, a.Break, a.BreakAfter = 0, SSEError, 0
	return a
}

// AsJSON sends the error with status 200, as one JSON document, even if a stream was requested.
func (a Answer) AsJSON() Answer {
	a.Status, a.Break = 0, JSONError
	return a
}

// Spelled writes a stream in another spelling.
func (a Answer) Spelled(s Spelling) Answer {
	a.Spelling = s
	return a
}

// kind returns the kind of the error, from ErrorType or Code.
func (a Answer) kind() string { return cmp.Or(a.ErrorType, a.Code) }

// resetsIn returns the time until Window has room again.
func (a Answer) resetsIn() time.Duration { return cmp.Or(a.ResetsIn, a.RetryAfter) }

// of returns the answer with the account's data filled in if the answer is a GoUsageLimitError.
func (a Answer) of(account *account) Answer {
	if a.ErrorType != usageLimitError || a.Window == "" || account == nil {
		return a
	}
	if a.Message == "" {
		a.Message = limitMessage(a.Window, a.RetryAfter, account.Workspace)
	}
	if a.Metadata == nil {
		a.Metadata = object{"workspace": account.Workspace, "limitName": a.Window.LimitName()}
	}
	return a
}
