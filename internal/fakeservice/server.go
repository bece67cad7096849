// Package fakeservice is a stand-in for the OpenCode Go service: the three wire formats, the usage
// endpoint and the errors, as the public server source (anomalyco/opencode,
// packages/console/app/src/routes/zen) and public reports have them, by a plan per key. Tests and
// the demo use it. What it plays is in docs/facts.md, "The Go service".
//
// It may not import anything of this project nor package testing, may not reach the network,
// listens on 127.0.0.1 alone, and never waits but for the delays that a plan asks for.
package fakeservice

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Paths below which the service answers: Go (a subscription) and Zen (pay as you go, the same
// keys).
const (
	GoPath  = "/zen/go/v1"
	ZenPath = "/zen/v1"
)

// closeWait bounds how long Close waits for the answers that are still under way.
const closeWait = 5 * time.Second

// Options of a Server. The zero value is a server without accounts on a random port.
type Options struct {
	// Port on 127.0.0.1 for Start; 0 takes a free one.
	Port int
	// Now is the server's clock: limits, retry-after, resetsAt and the Date header. nil is
	// time.Now. Delays in a plan are real time whatever Now says.
	Now func() time.Time
	// Accounts the server knows. Any other key gets 401 AuthError.
	Accounts []Account
	// Reply is the answer's text. nil is "Hello from LABEL.". An Answer's own Text wins over it.
	Reply func(Request) string
	// Title answers OpenCode's title generator (see Request.Title); "" is "A friendly greeting".
	Title string
	// Models that GET /models lists; nil is one model of each wire format. Every model is answered,
	// listed or not.
	Models []string
	// OnRequest is called with each request after it was read and logged, before its answer is
	// chosen. It may block and may call SetPlan. OnDone is called when the answer ended, in
	// whatever way.
	OnRequest, OnDone func(Request)
	// SessionOptional answers requests to a model that have no x-opencode-session, which the
	// service refuses. It is for tests that are about something else and whose client cannot send
	// the header.
	SessionOptional bool
	// CloseAfter, above 0, closes each connection (of a server from Start) that long after its last
	// answer, as a load balancer does to idle ones. CloseReused closes it without an answer at its
	// second request to a model: what such a client meets who writes at the very moment.
	CloseAfter  time.Duration
	CloseReused bool
	// KeepRequests is how many of the latest requests the log holds at least; 0 is 10000.
	KeepRequests int
}

// Account is one key and whose it is.
type Account struct {
	Key   string
	Label string // in the default reply; "" is "Account N"
	// Workspace and User are the ids that /usage and GoUsageLimitError show; "" makes one up from
	// the label.
	Workspace, User string
	// Plan is what the key's requests get; the zero Plan answers everything.
	Plan Plan
}

// Server is the stand-in. It is an http.Handler (for httptest) or, from Start, a listening server.
type Server struct {
	opts Options
	now  func() time.Time

	mu       sync.Mutex
	accounts map[string]*account
	log      []*Request
	total    int
	inFlight int
	gone     int
	conns    map[net.Conn]struct{}
	changed  chan struct{} // closed and replaced at each change that WaitFor may wait for

	done   chan struct{} // closed by Close: ends every delay
	once   sync.Once
	base   string
	server *http.Server
	served chan struct{} // closed when Serve has returned
}

// New returns a server that does not listen: hand it to httptest.NewServer, whose URL+GoPath is
// then the base URL.
func New(opts Options) *Server {
	s := &Server{
		opts:     opts,
		now:      opts.Now,
		accounts: map[string]*account{},
		conns:    map[net.Conn]struct{}{},
		changed:  make(chan struct{}),
		done:     make(chan struct{}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	for _, a := range opts.Accounts {
		s.AddAccount(a)
	}
	return s
}

// Start listens on 127.0.0.1 and answers until Close.
func Start(opts Options) (*Server, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", opts.Port))
	if err != nil {
		return nil, fmt.Errorf("stand-in service cannot listen, choose another port: %w", err)
	}
	s := New(opts)
	s.base = "http://" + l.Addr().String()
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 30 * time.Second, ConnState: s.connState,
		IdleTimeout: opts.CloseAfter,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, requestsKey{}, new(atomic.Int32))
		}}
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		_ = s.server.Serve(l) // ends with ErrServerClosed; a broken listener shows as refused connections
	}()
	return s, nil
}

// BaseURL is what stands in for https://opencode.ai/zen/go/v1; empty for a server from New.
func (s *Server) BaseURL() string { return s.url(GoPath) }

// ZenURL is what stands in for https://opencode.ai/zen/v1; empty for a server from New.
func (s *Server) ZenURL() string { return s.url(ZenPath) }

func (s *Server) url(path string) string {
	if s.base == "" {
		return ""
	}
	return s.base + path
}

// Close ends all delays, connections and answers, and returns when they have ended: with an error
// if one has not within 5 s (a hook that blocks).
func (s *Server) Close() error {
	s.once.Do(func() { close(s.done) })
	var err error
	if s.server != nil {
		err = s.server.Close()
		<-s.served
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	if wait := s.WaitFor(ctx, func() bool { return s.InFlight() == 0 }); wait != nil {
		return errors.Join(err, fmt.Errorf("stand-in service still answers %d requests: %w", s.InFlight(), wait))
	}
	return err
}

// AddAccount makes a key known, or replaces what was known of it.
func (s *Server) AddAccount(a Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Label == "" {
		a.Label = fmt.Sprintf("Account %d", len(s.accounts)+1)
	}
	slug := strings.ToUpper(strings.Join(strings.Fields(a.Label), ""))
	if a.Workspace == "" {
		a.Workspace = "wrk_" + slug
	}
	if a.User == "" {
		a.User = "usr_" + slug
	}
	s.accounts[a.Key] = &account{Account: a}
}

// RemoveAccount makes a key unknown: it gets 401 AuthError from now on.
func (s *Server) RemoveAccount(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.accounts, key)
}

// SetPlan replaces the key's plan and starts it anew: queue, budgets and what earlier answers said
// are forgotten. A key that is not known yet becomes an account with a label of its own.
func (s *Server) SetPlan(key string, p Plan) {
	s.mu.Lock()
	a := s.accounts[key]
	if a != nil {
		a.Plan, a.progress = p, progress{}
	}
	s.mu.Unlock()
	if a == nil {
		s.AddAccount(Account{Key: key, Plan: p})
	}
}

// SetAnswers is SetPlan with nothing but a queue of answers; the last one repeats, none at all is
// success.
func (s *Server) SetAnswers(key string, answers ...Answer) { s.SetPlan(key, Plan{Answers: answers}) }

// ServeHTTP answers the service's paths; anything else is 404.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	x := &exchange{s: s, w: w, r: r}
	path, ok := strings.CutPrefix(r.URL.Path, GoPath)
	if !ok {
		path, ok = strings.CutPrefix(r.URL.Path, ZenPath)
	}
	route := r.Method + " " + path
	if !ok {
		route = ""
	}
	switch route {
	case "POST /chat/completions":
		x.infer(chat{})
	case "POST /messages":
		x.infer(messages{})
	case "POST /responses":
		x.infer(responses{})
	case "GET /usage":
		x.usage()
	case "GET /models":
		x.models()
	default:
		x.notFound()
	}
}

// requestsKey is the context key of how many requests to a model came over a connection.
type requestsKey struct{}

// reused counts the request, and reports whether it is not the first of its connection.
func (x *exchange) reused() bool {
	n, ok := x.r.Context().Value(requestsKey{}).(*atomic.Int32)
	return ok && n.Add(1) > 1
}

func (s *Server) connState(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns[c] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(s.conns, c)
	default:
		return
	}
	s.notify()
}

// sleep waits for d, or until the client goes away or the server closes: then it says false. A
// negative d waits for nothing but those two.
func (s *Server) sleep(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return ctx.Err() == nil
	}
	var end <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		end = t.C
	}
	select {
	case <-end:
		return true
	case <-ctx.Done():
		return false
	case <-s.done:
		return false
	}
}
