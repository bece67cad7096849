package fakeservice

import (
	"context"
	"net/http"
	"time"
)

// Outcome says how an exchange ended.
type Outcome string

// The outcomes. An exchange under way has the empty one.
const (
	Answered Outcome = "answered"    // the answer was sent to its end, error answers too
	Broken   Outcome = "broken"      // the plan broke it off
	Gone     Outcome = "client gone" // the client went away first, or the server was closed
)

// Request is one logged request. Its Header holds the key as it came.
type Request struct {
	N          int // 1 for the server's first request
	Time       time.Time
	Method     string
	Path       string
	Query      string
	Host       string
	RemoteAddr string
	Header     http.Header
	// Key and the header that carried it: "bearer", "x-api-key", "" for none, "both" when both were
	// there (Key is then the one that the route reads).
	Key        string
	AuthHeader string
	Account    string // label of the account, "" for an unknown key
	// From the headers x-opencode-session, x-parent-session-id and x-opencode-request.
	Session, Parent, RequestID string
	Model                      string
	Prompt                     string // text of the last user message
	Tools                      bool   // the request offers tools
	ToolResults                int    // how many tool results it carries
	Stream                     bool
	// Title: OpenCode's title generator, told apart from the main session by offering no tools.
	// Only a request with x-opencode-session and x-opencode-client counts as one: other clients
	// have no titles, and may have a session.
	Title bool
	Body  []byte

	Status int // 0 until headers were sent
	// Outcome is set a moment after the client has seen the last byte: wait for InFlight to be 0
	// before reading it.
	Outcome Outcome
}

// UserAgent is what the client calls itself; Go's own client says "Go-http-client/1.1" where nobody
// chose a name.
func (r Request) UserAgent() string { return r.Header.Get("User-Agent") }

// Requests returns the logged requests in order of arrival, the latest KeepRequests of them at
// least.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Request, len(s.log))
	for i, r := range s.log {
		out[i] = *r
	}
	return out
}

// ClearRequests empties the log and sets Total and Disconnects to 0.
func (s *Server) ClearRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log, s.total, s.gone = nil, 0, 0
}

// Total counts all requests, also those that the log no longer holds.
func (s *Server) Total() int { return s.count(&s.total) }

// InFlight counts requests whose answer has not ended.
func (s *Server) InFlight() int { return s.count(&s.inFlight) }

// Disconnects counts requests whose client went away before its answer was complete.
func (s *Server) Disconnects() int { return s.count(&s.gone) }

// Connections counts open client connections (for a server from Start).
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *Server) count(n *int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *n
}

// WaitFor returns when cond holds, or with the context's error. cond is called anew whenever a
// request, an answer or a connection begins or ends; it may call the other methods.
func (s *Server) WaitFor(ctx context.Context, cond func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// notify wakes WaitFor; s.mu is held.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// begin logs a request; end must follow.
func (s *Server) begin(r *Request) {
	keep := s.opts.KeepRequests
	if keep <= 0 {
		keep = 10000
	}
	s.mu.Lock()
	s.total++
	s.inFlight++
	r.N = s.total
	if len(s.log) >= 2*keep {
		s.log = append(s.log[:0:0], s.log[len(s.log)-keep+1:]...)
	}
	s.log = append(s.log, r)
	seen := *r
	s.notify()
	s.mu.Unlock()
	if s.opts.OnRequest != nil {
		s.opts.OnRequest(seen)
	}
}

func (s *Server) setStatus(r *Request, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Status = status
	s.notify()
}

// end logs how the request ended. It is in flight until OnDone has returned.
func (s *Server) end(r *Request, o Outcome) {
	s.mu.Lock()
	r.Outcome = o
	if o == Gone {
		s.gone++
	}
	seen := *r
	s.mu.Unlock()
	if s.opts.OnDone != nil {
		s.opts.OnDone(seen)
	}
	s.mu.Lock()
	s.inFlight--
	s.notify()
	s.mu.Unlock()
}
