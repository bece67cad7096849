package fakeservice

import (
	"cmp"
	"context"
	"net/http"
	"time"
)

// Outcome says how an exchange ended.
type Outcome string

// The outcomes. Before its end an exchange has the empty outcome.
const (
	Answered Outcome = "answered"    // the whole answer was sent, even if it is an error
	Broken   Outcome = "broken"      // the plan ended the answer early
	Gone     Outcome = "client gone" // the client disconnected first, or the server was closed
)

// Request is one logged request. Its Header includes the key.
type Request struct {
	N          int // 1 for the server's first request
	Time       time.Time
	Method     string
	Path       string
	Query      string
	Host       string
	RemoteAddr string
	Header     http.Header
	// Key is the request's key. AuthHeader says which header had it: "bearer", "x-api-key", or ""
	// for none. "both" means that both headers were set; Key is then from the header that the route
	// reads.
	Key        string
	AuthHeader string
	Account    string // the label of the account, "" for an unknown key
	// These come from the headers x-opencode-session, x-parent-session-id and x-opencode-request.
	Session, Parent, RequestID string
	Model                      string
	Prompt                     string // the text of the last user message
	Tools                      bool   // the request offers tools
	ToolResults                int    // the number of tool results in the request
	Stream                     bool
	// Title is set for a request of OpenCode's title generator. A title request offers no tools,
	// and has the headers x-opencode-session and x-opencode-client. Other clients may have a
	// session, but no titles.
	Title bool
	Body  []byte

	Status int // 0 until the headers were sent
	// Outcome is set shortly after the client has received the last byte. Wait until InFlight is 0
	// before you read it.
	Outcome Outcome
}

// UserAgent is the request's User-Agent; Go's client sends "Go-http-client/1.1" if none is set.
func (r Request) UserAgent() string { return r.Header.Get("User-Agent") }

// Requests returns the logged requests in order of arrival: at least the latest KeepRequests.
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

// Total returns the number of all requests, including those that the log no longer has.
func (s *Server) Total() int { return s.count(&s.total) }

// InFlight returns the number of requests whose answer has not ended.
func (s *Server) InFlight() int { return s.count(&s.inFlight) }

// Disconnects returns the number of requests whose client disconnected before the answer was
// complete.
func (s *Server) Disconnects() int { return s.count(&s.gone) }

// Connections returns the number of open client connections. The server must be from Start.
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

// WaitFor returns when cond is true, or with the context's error. It calls cond whenever a request,
// an answer or a connection begins or ends. cond may call the other methods.
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

// notify wakes WaitFor. The caller holds s.mu.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// begin logs a request. The caller must call end afterwards.
func (s *Server) begin(r *Request) {
	keep := cmp.Or(s.opts.KeepRequests, 10000)
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

// end logs how the request ended. The request counts as in flight until OnDone has returned.
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
