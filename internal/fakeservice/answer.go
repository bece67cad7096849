package fakeservice

import (
	"cmp"
	"net/http"
	"time"
)

// A Break is a fault in the sending of an answer.
type Break int

// The kinds of Break. In a stream, Answer.BreakAfter says where the fault occurs. In other answers
// it occurs in the middle of the body.
const (
	NoBreak   Break = iota
	SSEError        // an `event: error` with ErrorType and Message ends the stream; other answers have that error as their body
	Drop            // the connection is closed in the middle of the answer
	Reset           // the connection is reset (TCP RST)
	CleanEnd        // the stream ends normally but without a finish reason
	NoAnswer        // the connection is closed before the headers
	JSONError       // status 200 and the error as one JSON document, even if a stream was requested
)

// Spelling is how the lines of a stream are written. All spellings are valid server-sent events.
type Spelling int

// The spellings.
const (
	LF    Spelling = iota // one data line for each event, lines end with LF
	CRLF                  // lines end with CR LF
	CR                    // lines end with CR
	Lines                 // the data is indented JSON, and each of its lines is a data line
)

// Answer is the service's answer to one request. The zero value is a success in the wire format of
// the request. The functions below return common answers; a test can change their fields.
type Answer struct {
	// Status 0 means 200. Any other status is an error or a redirect. If Body is nil, the body is
	// made from ErrorType, Code, Message and Metadata.
	Status int
	// ErrorType is the body's error.type and Code its error.code; an empty field is left out.
	ErrorType, Code, Message string
	Metadata                 map[string]any
	// Bare leaves out the outer "type":"error". An error event of /chat/completions then has no
	// name either.
	Bare bool
	// Window is the window that /usage shows as used up. UsageLimit and UsageLimitByWords set it.
	// UsageLimit also derives its metadata and message from it.
	Window Window
	// ResetsIn is the time until Window resets, according to /usage; 0 means RetryAfter.
	ResetsIn time.Duration
	// RetryAfter is the header retry-after, in seconds rounded up; 0 leaves it out.
	RetryAfter time.Duration
	// Header overrides all other headers, even retry-after, content-type and Date. A nil value
	// removes a header.
	Header http.Header
	Body   []byte

	// Text is the text of a successful answer. It overrides Options.Reply.
	Text string
	// Calls are the tool calls of the model. A request with n tool results gets call number n (from
	// 0), if the request offers a tool of that name. After the last call the model answers with the
	// text.
	Calls []Call
	// Cost is sent with the token usage of a success: what the request took from the account's
	// balance. "" means "0": the subscription paid.
	Cost string

	// Stall is the delay before the headers; a negative value means until the client disconnects.
	Stall time.Duration
	// ChunkDelay is the time between two pieces of the streamed answer; a negative value means
	// until the client disconnects. A piece of a text is a word.
	ChunkDelay time.Duration
	// Spelling is how the events of a stream are written.
	Spelling Spelling
	// Break ends the answer early, after BreakAfter pieces of its text or tool call. 0 means before
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

// The names of the tool that runs commands, in OpenCode 1 and OpenCode 2.
const bash, shell = "bash", "shell"

// Bash returns a successful answer in which the model first runs the commands one by one, with the
// bash tool of OpenCode 1 or the shell tool of OpenCode 2.
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

// With returns the answer with this header. It overrides the header that the answer would have.
func (a Answer) With(name, value string) Answer {
	a.Header = a.Header.Clone()
	if a.Header == nil {
		a.Header = http.Header{}
	}
	a.Header.Set(name, value)
	return a
}

// InCode moves the kind of the error from error.type to error.code, where newer parts of the
// service have it.
func (a Answer) InCode() Answer {
	a.ErrorType, a.Code = "", a.ErrorType
	return a
}

// WithoutOuterType leaves out the outer "type":"error".
func (a Answer) WithoutOuterType() Answer {
	a.Bare = true
	return a
}

// ByProvider puts "Error from provider" before the message. Many errors of the service begin like
// that, even if no provider caused them.
func (a Answer) ByProvider() Answer {
	a.Message = fromProvider + "Upstream request failed: " + a.Message
	return a
}

// AsFirstEvent sends the error with status 200: as the first event of a stream, or as the body of
// an answer that is not a stream.
func (a Answer) AsFirstEvent() Answer {
	a.Status, a.Break, a.BreakAfter = 0, SSEError, 0
	return a
}

// AsJSON sends the error with status 200, as one JSON document, even if a stream was requested.
func (a Answer) AsJSON() Answer {
	a.Status, a.Break = 0, JSONError
	return a
}

// Spelled returns the answer with another spelling of its stream.
func (a Answer) Spelled(s Spelling) Answer {
	a.Spelling = s
	return a
}

// kind returns the kind of the error, from ErrorType or Code.
func (a Answer) kind() string { return cmp.Or(a.ErrorType, a.Code) }

// resetsIn returns the time until Window resets.
func (a Answer) resetsIn() time.Duration { return cmp.Or(a.ResetsIn, a.RetryAfter) }

// of returns the answer. If it is a GoUsageLimitError, of fills in the data of the account.
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
