// Package fakeservice is a stand-in for the OpenCode Go service: the three wire formats, the usage
// endpoint and the errors. The sources are the public server code (anomalyco/opencode,
// packages/console/app/src/routes/zen) and public reports. A plan for each key decides the answers.
// Tests and the demo use it. The behavior that it imitates is in docs/facts.md, "The Go service".
//
// The package must not import package testing or any other package of this project, and must not
// use the network. It listens only on 127.0.0.1. It waits only for the delays of a plan.
package fakeservice

import (
	"cmp"
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

// The service answers below these two paths: Go (a subscription) and Zen (pay as you go, with the
// same keys).
const (
	GoPath  = "/zen/go/v1"
	ZenPath = "/zen/v1"
)

// closeWait is how long Close waits for unfinished answers.
const closeWait = 5 * time.Second

// Options are the settings of a Server. The zero value is a server without accounts on a free port.
type Options struct {
	// Port is the port on 127.0.0.1 for Start. 0 means a free port.
	Port int
	// Now is the server's clock for limits, retry-after, resetsAt and the Date header. nil means
	// time.Now. Delays in a plan always use real time.
	Now func() time.Time
	// Accounts are the accounts that the server knows. Any other key gets 401 AuthError.
	Accounts []Account
	// Reply returns the answer's text. nil means "Hello from LABEL.". An Answer's own Text
	// overrides it.
	Reply func(Request) string
	// Title is the answer to a title request (see Request.Title). "" means "A friendly greeting".
	Title string
	// Models are the models that GET /models lists. nil means one model of each wire format. The
	// server also answers requests for other models.
	Models []string
	// OnRequest is called with each request after it was read and logged, before its answer is
	// chosen. It may block and may call SetPlan. OnDone is called when the answer has ended,
	// successfully or not.
	OnRequest, OnDone func(Request)
	// SessionOptional makes the server accept model requests without x-opencode-session, for tests
	// whose client cannot send that header. The real service refuses these requests.
	SessionOptional bool
	// CloseAfter, if above 0, makes Start's server close each connection this long after its last
	// answer, as a load balancer does. CloseReused closes a connection without an answer at its
	// second model request, as if the connection had been closed when the client sent the request.
	CloseAfter  time.Duration
	CloseReused bool
	// KeepRequests is the number of latest requests that the log keeps at least. 0 means 10000.
	KeepRequests int
}

// Account is one key and its owner.
type Account struct {
	Key   string
	Label string // appears in the default reply; "" means "Account N"
	// Workspace and User are the ids in /usage and GoUsageLimitError. By default they are derived
	// from the label.
	Workspace, User string
	// Plan says how the key's requests are answered. The zero Plan answers everything with success.
	Plan Plan
}

// Server is the stand-in service. It is an http.Handler for httptest, or a listening server if
// Start made it.
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
	changed  chan struct{} // closed and replaced at each change, for WaitFor

	done   chan struct{} // closed by Close, to end every delay
	once   sync.Once
	base   string
	server *http.Server
	served chan struct{} // closed when Serve has returned
}

// New returns a server that does not listen: pass it to httptest.NewServer, whose URL+GoPath is
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

// Start returns a server that listens on 127.0.0.1 and answers until Close.
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
		_ = s.server.Serve(l) // returns ErrServerClosed; if the listener fails, clients see refused connections
	}()
	return s, nil
}

// BaseURL returns the replacement for https://opencode.ai/zen/go/v1; empty for a server from New.
func (s *Server) BaseURL() string { return s.url(GoPath) }

// ZenURL returns the replacement for https://opencode.ai/zen/v1; empty for a server from New.
func (s *Server) ZenURL() string { return s.url(ZenPath) }

func (s *Server) url(path string) string {
	if s.base == "" {
		return ""
	}
	return s.base + path
}

// Close ends all delays, connections and answers, and waits until they have ended. It returns an
// error if that takes more than 5 s, for example because OnRequest blocks.
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

// AddAccount makes a key known, or replaces its account.
func (s *Server) AddAccount(a Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.Label = cmp.Or(a.Label, fmt.Sprintf("Account %d", len(s.accounts)+1))
	slug := strings.ToUpper(strings.Join(strings.Fields(a.Label), ""))
	a.Workspace, a.User = cmp.Or(a.Workspace, "wrk_"+slug), cmp.Or(a.User, "usr_"+slug)
	known := &account{Account: a}
	known.start(a.Plan)
	s.accounts[a.Key] = known
}

// RemoveAccount makes a key unknown: its requests then get 401 AuthError.
func (s *Server) RemoveAccount(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.accounts, key)
}

// SetPlan replaces the key's plan and starts it from the beginning. It clears the queue, the
// budgets and the limits of earlier answers. An unknown key becomes an account with a new label.
func (s *Server) SetPlan(key string, p Plan) {
	s.mu.Lock()
	a := s.accounts[key]
	if a != nil {
		a.start(p)
	}
	s.mu.Unlock()
	if a == nil {
		s.AddAccount(Account{Key: key, Plan: p})
	}
}

// SetAnswers sets a plan that has only a queue of answers. The last one repeats; without answers,
// every request succeeds.
func (s *Server) SetAnswers(key string, answers ...Answer) { s.SetPlan(key, Plan{Answers: answers}) }

var formats = map[string]format{"POST /chat/completions": chat{}, "POST /messages": messages{}, "POST /responses": responses{}}

// ServeHTTP answers requests to the service's paths. Any other path gets 404.
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
	if f, ok := formats[route]; ok {
		x.infer(f)
		return
	}
	_, _ = x.read("bearer", nil)
	defer x.finish()
	switch route {
	case "GET /usage":
		x.usage()
	case "GET /models":
		x.models()
	default:
		x.send(Error(http.StatusNotFound, "error", "Not found"))
	}
}

// requestsKey is the context key of a connection's number of model requests.
type requestsKey struct{}

// reused counts the request, and reports whether its connection had a request before.
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

// sleep waits for d, which is not 0. It returns false if the client disconnects or the server
// closes first. With a negative d it waits until one of these two happens.
func (s *Server) sleep(ctx context.Context, d time.Duration) bool {
	var end <-chan time.Time
	if d > 0 {
		end = time.After(d)
	}
	select {
	case <-end:
		return true
	case <-ctx.Done():
	case <-s.done:
	}
	return false
}
