// Package gateway is the loopback reverse proxy between a client and the Go service. It adds the
// leased account's key to each request at the last moment. If the answer is a limit, it sends the
// same request again with the next account before the client has seen a byte.
//
// It never logs or shows a key, and listens only on the loopback interface. OpenCode's
// configuration and processes are the subject of packages opencode and wrapper.
package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ocgo-key/helper"
	"ocgo-key/rotation"
)

// Holder supplies the account and key for each request; *helper.Holder implements it.
type Holder interface {
	Current(ctx context.Context, model func() string) (helper.Grant, error)
	Report(ctx context.Context, blamed helper.Grant, v rotation.Verdict, model func() string) (next helper.Grant, moved bool, err error)
	Avoid(ctx context.Context, g helper.Grant, model func() string) (helper.Grant, error)
	Other(ctx context.Context, tried []rotation.Handout, model func() string) (helper.Grant, error)
	Spare(ctx context.Context, model func() string, use rotation.Purpose) (g helper.Grant, ok bool, err error)
	Refused(ctx context.Context, g helper.Grant, r rotation.Refusal)
	// Prepare fetches in advance what a switch will need. It is called in the background.
	Prepare(ctx context.Context)
}

// Path prefixes under which the gateway serves each upstream.
const (
	GoPrefix  = "/zen/go/v1"
	ZenPrefix = "/zen/v1"
)

// Options of a Gateway. Holder and Upstreams are required.
type Options struct {
	Holder Holder // the holder of this process
	// HolderOf returns the holder for a request. parent is the session that started a subagent's
	// session; folder is the value of FolderHeader. Each argument may be empty. If HolderOf is nil,
	// every request uses Holder.
	HolderOf  func(session, parent, folder string) *helper.Holder
	Upstreams map[string]*url.URL // the service's base URL for each prefix served: GoPrefix, ZenPrefix
	Port      int                 // 0: a free one
	Held      bool                // other users cannot get the free port while started programs run: see listenHeld
	Stall     time.Duration       // time limit for response headers; after it, another account is tried once; 0: none
	// MaxWait is how long a client may have to wait for an account when none is ready. nil is
	// DefaultMaxWait.
	MaxWait *time.Duration
	// ThenModel is the model that answers while no account is ready; empty for none.
	ThenModel string
	NoOverage bool   // an answer that was paid from the balance cools its account
	Session   string // the conversation id of requests without one; empty: see session
	Usage     Usage  // nil to make no requests to /usage
	Observer  Observer
	Transport http.RoundTripper // nil: a transport of its own, with Go's default proxy and TLS settings
	Now       func() time.Time  // nil: time.Now
}

// Usage asks the service how much the accounts have used; helper.UsagePoller implements it. Each
// method except Due is called in its own goroutine, with a context that Close cancels. Close waits
// for these calls.
type Usage interface {
	// Due reports whether it is time for Refresh. It is called after each request and must be
	// quick.
	Due() bool
	// Refresh is called when a request was answered with this grant and Due returned true.
	Refresh(context.Context, helper.Grant)
	// Switched is called when the process has switched to this account.
	Switched(context.Context, helper.Grant)
	// Limited is called when the account has just reached a usage limit.
	Limited(context.Context, helper.Grant)
	// Exhausted is called when no account is ready for a request; one may be ready earlier than
	// expected.
	Exhausted(context.Context)
}

// Observer holds callbacks for events at the gateway. Every field may be nil; calls come from many
// goroutines.
type Observer struct {
	// Switched is called when the process has switched to another account.
	Switched func(rotation.Switch)
	// Exhausted is called when this request could not be served because no account is left.
	Exhausted func(*Exchange, *rotation.ExhaustedError)
	// Instead is called when this model has answered in place of the requested one, because no
	// account is left.
	Instead func(e *rotation.ExhaustedError, model string)
	// Answered is called when the service has begun to answer this request with success.
	Answered func(*Exchange)
	// Limited is called when the service answered this request with a limit; s is the switch to the
	// next account. If the client is about to be restarted, Limited returns true, and the request
	// waits until the client disconnects.
	Limited func(x *Exchange, s rotation.Switch) (hold bool)
	// Failed is called when the pool or the keychain fails.
	Failed func(error)
}

// Gateway is a running gateway.
type Gateway struct {
	options         Options
	token           string
	salt            [32]byte // the secret for hashed conversation ids
	host            string   // "127.0.0.1:PORT", the Host header to expect
	server          *http.Server
	done            chan struct{}
	bodies          budget  // the memory for kept request bodies
	secrets         secrets // texts that no answer may contain
	unauthenticated unauthenticated

	mu      sync.Mutex // held by begin while it checks life and adds a task
	tasks   sync.WaitGroup
	life    context.Context
	closing context.CancelFunc
}

// begin registers a task, unless the gateway is closing; g.tasks.Done ends it.
func (g *Gateway) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.life.Err() != nil {
		return false
	}
	g.tasks.Add(1)
	return true
}

// inBackground runs task in a goroutine that ends at Close at the latest.
func (g *Gateway) inBackground(task func(context.Context)) {
	if g.begin() {
		go func() {
			defer g.tasks.Done()
			task(g.life)
		}()
	}
}

// Limits on what a client may send. Bodies may have any size; only maxReplay bytes are kept.
const (
	maxHeaderBytes    = 256 << 10
	readHeaderTimeout = 10 * time.Second
)

// Start listens on 127.0.0.1 and serves until Close.
func Start(o Options) (*Gateway, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	listener, err := o.listen()
	if err != nil {
		return nil, err
	}
	g := &Gateway{options: o, token: newToken(), host: listener.Addr().String(), done: make(chan struct{})}
	g.unauthenticated.left = make(chan struct{}, 1)
	g.secrets.add(g.token)
	_, _ = rand.Read(g.salt[:]) // never fails: see crypto/rand
	g.life, g.closing = context.WithCancel(context.Background())
	g.server = &http.Server{
		Handler:           g.authorize(pingable(g.proxy())),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       bodyTimeout, // for the first piece of a body; see timedBody
		IdleTimeout:       -1,
		ConnContext:       g.unauthenticated.connect,
		ConnState:         g.unauthenticated.changed,
		MaxHeaderBytes:    maxHeaderBytes,

		DisableGeneralOptionsHandler: true,                       // OPTIONS * needs the token like everything else
		ErrorLog:                     log.New(io.Discard, "", 0), // net/http would print what clients send
	}
	g.inBackground(o.Holder.Prepare)
	go func() {
		defer close(g.done)
		_ = g.server.Serve(listener) // it returns only after Close
	}()
	return g, nil
}

func (o *Options) listen() (net.Listener, error) {
	if o.Held && o.Port == 0 {
		if listener, err := listenHeld(); err == nil {
			return listener, nil
		}
	}
	return net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
}

// newToken returns the token that clients have to send: 256 random bits, so that no other program
// on this machine can guess it.
func newToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return "ocgo-" + hex.EncodeToString(b[:])
}

// URL returns the address that replaces the service's base URL for this prefix.
func (g *Gateway) URL(prefix string) string { return "http://" + g.host + prefix }

// Token returns the text that the client sends in place of a key.
func (g *Gateway) Token() string { return g.token }

// Close closes every connection at once and waits for running requests and tasks to return. A
// second Close does nothing.
func (g *Gateway) Close() {
	g.mu.Lock()
	g.closing()
	g.mu.Unlock()
	_ = g.server.Close()
	<-g.done
	g.tasks.Wait()
	if t, ok := g.options.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// proxy returns the handler of authorized requests: a reverse proxy whose transport is a failover.
func (g *Gateway) proxy() http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite:       g.rewrite,
		Transport:     &failover{Options: &g.options, inBackground: g.inBackground, secrets: &g.secrets},
		FlushInterval: -1, // flush every chunk at once
		BufferPool:    newBufferPool(),
		ErrorHandler:  answerError,
		ErrorLog:      log.New(io.Discard, "", 0), // the client sees such an error as a closed connection
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.begin() {
			panic(http.ErrAbortHandler) // its connection is being closed
		}
		defer g.tasks.Done()
		x := &Exchange{ctx: r.Context(), header: r.Header, now: g.options.Now}
		defer g.refresh(x) // also if the client has disconnected
		body, err := keepBody(w, r, &g.bodies)
		if err != nil {
			answerError(w, r, err)
			return
		}
		defer body.free()
		x.body = body
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x)))
	})
}

// refresh asks for new usage numbers after a request if the present ones are old.
func (g *Gateway) refresh(x *Exchange) {
	if x.served != nil && g.options.Usage != nil && g.options.Usage.Due() {
		g.inBackground(func(ctx context.Context) { g.options.Usage.Refresh(ctx, *x.served) })
	}
}

// rewrite directs the request to the service. The key is added later, for each attempt.
func (g *Gateway) rewrite(p *httputil.ProxyRequest) {
	prefix, rest, _ := g.route(p.In.URL.Path)
	base := g.options.Upstreams[prefix]
	p.Out.URL.Scheme, p.Out.URL.Host = base.Scheme, base.Host
	p.Out.URL.Path, p.Out.URL.RawPath = strings.TrimSuffix(base.Path, "/")+rest, ""
	p.Out.Host = ""
	x := exchangeOf(p.Out)
	x.apiKeyHeader = len(p.In.Header["X-Api-Key"]) > 0 && p.In.Header["X-Api-Key"][0] != ""
	x.bearerHeader = len(p.In.Header["Authorization"]) > 0
	g.dropKeys(p.Out)
	maps.DeleteFunc(p.Out.Header, func(name string, _ []string) bool { return slices.Contains(droppedHeaders, name) })
	g.nameSession(p.Out, x)
	// The gateway reads the answer, so it must not be compressed.
	p.Out.Header["Accept-Encoding"] = identity
}

// droppedHeaders are headers, in canonical form, that the service does not need, or that could
// change the meaning of a request.
var droppedHeaders = []string{FolderHeader, "Cookie", "Connection", "Upgrade", "Expect", "Range", "X-Http-Method-Override", "X-Method-Override"}

var identity = []string{"identity"}

// route splits a path into the prefix of an upstream and the rest.
func (g *Gateway) route(path string) (prefix, rest string, ok bool) {
	for prefix := range g.options.Upstreams {
		if rest, ok := strings.CutPrefix(path, prefix); ok && strings.HasPrefix(rest, "/") {
			return prefix, rest, true
		}
	}
	return "", "", false
}

type bufferPool struct{ pool sync.Pool }

func newBufferPool() *bufferPool {
	return &bufferPool{sync.Pool{New: func() any { b := make([]byte, 8<<10); return &b }}}
}

func (p *bufferPool) Get() []byte  { return *p.pool.Get().(*[]byte) }
func (p *bufferPool) Put(b []byte) { p.pool.Put(&b) }
