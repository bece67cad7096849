package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/gateway"
)

// closingUpstream answers a fixed number of requests on each connection, and closes the connection
// after it has read one more. It acts like a server that closes an idle connection just when a
// request arrives.
type closingUpstream struct {
	answers int  // on each connection
	reset   bool // the connection is reset instead of closed

	mu   sync.Mutex
	seen []received
}

// received is one request that the upstream read.
type received struct {
	connection int
	id, body   string
	header     http.Header
}

func (h *closingUpstream) start(t *testing.T) func(*gateway.Options) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	var open sync.WaitGroup
	open.Go(func() {
		for number := 1; ; number++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { h.serve(conn, number) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		open.Wait()
	})
	return func(o *gateway.Options) {
		o.Upstreams = map[string]*url.URL{gateway.GoPrefix: {Scheme: "http", Host: listener.Addr().String(), Path: "/zen/go/v1"}}
	}
}

func (h *closingUpstream) serve(conn net.Conn, number int) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for answered := 0; ; answered++ {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		h.mu.Lock()
		h.seen = append(h.seen, received{number, req.Header.Get("X-Test-Id"), string(body), req.Header})
		h.mu.Unlock()
		if answered == h.answers {
			if h.reset {
				_ = conn.(*net.TCPConn).SetLinger(0)
			}
			return
		}
		const ok = `{"id":"1","choices":[]}`
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(ok), ok)
	}
}

func (h *closingUpstream) take() []received {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := h.seen
	h.seen = nil
	return seen
}

func TestARequestThatMeetsAClosingConnectionIsSentAgain(t *testing.T) {
	for name, reset := range map[string]bool{"closed": false, "reset": true} {
		t.Run(name, func(t *testing.T) {
			h := &closingUpstream{answers: 1, reset: reset}
			s := newStage(t, h.start(t))
			for i := range 300 {
				id := fmt.Sprint(i)
				a := s.do(t, s.request(t, formats["chat"], false, func(r *http.Request) { r.Header.Set("X-Test-Id", id) }))
				require.Equal(t, 200, a.status, "request %d: %s", i, a.body)
				seen := h.take()
				require.LessOrEqual(t, len(seen), 2)
				for _, r := range seen {
					assert.Equal(t, id, r.id)
					assert.Equal(t, seen[0].body, r.body, "it is the same request")
					assert.Contains(t, r.body, `"messages"`)
					assert.Empty(t, r.header.Values("Idempotency-Key"), "nothing is added that the client did not send")
				}
				if len(seen) == 2 {
					assert.NotEqual(t, seen[0].connection, seen[1].connection, "on another connection")
				}
			}
			assert.Empty(t, s.switches)
		})
	}
}

// If a new connection fails, the request is not sent again: the connection was not idle, so the
// service has a problem.
func TestARequestThatDiesOnAFreshConnectionIsNotSentAgain(t *testing.T) {
	h := &closingUpstream{answers: 0}
	s := newStage(t, h.start(t))
	a := s.do(t, s.request(t, formats["chat"], false))
	assert.Equal(t, http.StatusBadGateway, a.status)
	assert.Len(t, h.take(), 1)
}

// If the new connection fails too, the request is not sent a third time.
func TestARequestIsSentAgainOnce(t *testing.T) {
	var mu sync.Mutex
	connections, requests := 0, 0
	h := &closingUpstream{answers: 1}
	behind := h.start(t)
	s := newStage(t, behind, func(o *gateway.Options) {
		base := o.Upstreams[gateway.GoPrefix]
		front, err := net.Listen("tcp4", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = front.Close() })
		go func() { // the first connection leads to h; later ones are closed after one request
			for {
				conn, err := front.Accept()
				if err != nil {
					return
				}
				mu.Lock()
				connections++
				first := connections == 1
				mu.Unlock()
				if first {
					go h.serve(conn, 1)
					continue
				}
				go func() {
					defer conn.Close()
					req, err := http.ReadRequest(bufio.NewReader(conn))
					if err == nil {
						_, _ = io.Copy(io.Discard, req.Body)
					}
					mu.Lock()
					requests++
					mu.Unlock()
				}()
			}
		}()
		base.Host = front.Addr().String()
	})
	require.Equal(t, 200, s.do(t, s.request(t, formats["chat"], false)).status)
	a := s.do(t, s.request(t, formats["chat"], false))
	assert.Equal(t, http.StatusBadGateway, a.status)
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, 2, connections)
	assert.Equal(t, 1, requests)
}

// After an answer has begun, the request is not sent again, even if the answer is incomplete.
func TestAnAnswerThatBreaksOffIsNotAskedForAgain(t *testing.T) {
	for name, begin := range map[string]string{
		"in its head": "HTTP/1.1 200 OK\r\nContent-Ty", "in its body": "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if requests.Add(1) == 1 {
					_, _ = io.WriteString(w, `{"id":"1"}`)
					return
				}
				conn, _, err := http.NewResponseController(w).Hijack()
				if assert.NoError(t, err) {
					_, _ = io.WriteString(conn, begin)
					_ = conn.Close()
				}
			}))
			defer service.Close()
			s := newStage(t, func(o *gateway.Options) {
				base, err := url.Parse(service.URL + gateway.GoPrefix)
				require.NoError(t, err)
				o.Upstreams = map[string]*url.URL{gateway.GoPrefix: base}
			})
			require.Equal(t, 200, s.do(t, s.request(t, formats["chat"], false)).status)
			resp, err := s.client.Do(s.request(t, formats["chat"], false))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				assert.True(t, err != nil || resp.StatusCode == http.StatusBadGateway, "it does not look whole")
			}
			assert.Equal(t, int64(2), requests.Load())
		})
	}
}
