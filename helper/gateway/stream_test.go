package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper"
	"ocgo-key/helper/gateway"
	"ocgo-key/internal/fakeservice"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// scripted is an upstream that writes what its test sends to pieces.
type scripted struct {
	pieces chan string   // each piece is written and flushed; closing the channel ends the answer
	gone   chan struct{} // closed when the gateway has canceled the request
}

// upstream starts a scripted upstream that sends its headers at once. The returned option makes it
// the gateway's service.
func upstream(t *testing.T, contentType string) (*scripted, func(*gateway.Options)) {
	u := &scripted{make(chan string), make(chan struct{})}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case p, ok := <-u.pieces:
				if !ok {
					return
				}
				if p == "DROP" {
					panic(http.ErrAbortHandler)
				}
				_, _ = io.WriteString(w, p)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				close(u.gone)
				return
			}
		}
	})}
	go server.Serve(listener)
	t.Cleanup(func() { _ = server.Close() })
	return u, func(o *gateway.Options) {
		o.Upstreams = map[string]*url.URL{gateway.GoPrefix: {Scheme: "http", Host: listener.Addr().String(), Path: "/zen/go/v1"}}
	}
}

func TestEveryPieceAtOnce(t *testing.T) {
	u, behind := upstream(t, "text/event-stream")
	s := newStage(t, behind)
	responses := make(chan *http.Response, 1)
	go func() {
		resp, err := s.client.Do(s.request(t, formats["chat"], true))
		assert.NoError(t, err)
		responses <- resp
	}()
	u.pieces <- "data: {\"id\":1" // an incomplete line
	resp := <-responses
	defer resp.Body.Close()
	buf := make([]byte, 100)
	n, err := resp.Body.Read(buf)
	require.NoError(t, err)
	assert.Equal(t, "data: {\"id\":1", string(buf[:n]), "it is here although the service has sent no more")
	for _, piece := range []string{"}\n\n", "data: 2\n\n", ": ping\n", "data: [DONE]\n\n"} {
		u.pieces <- piece
		n, err := resp.Body.Read(buf)
		require.NoError(t, err)
		assert.Equal(t, piece, string(buf[:n]))
	}
	close(u.pieces)
	_, err = resp.Body.Read(buf)
	assert.ErrorIs(t, err, io.EOF)
}

func TestAClientThatLeavesEndsTheUpstreamRequest(t *testing.T) {
	for name, first := range map[string]string{"before the first byte": "", "after it": "data: {}\n\n"} {
		t.Run(name, func(t *testing.T) {
			u, behind := upstream(t, "text/event-stream")
			s := newStage(t, behind)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			started := make(chan struct{})
			go func() {
				defer close(done)
				resp, err := s.client.Do(s.request(t, formats["chat"], true).WithContext(ctx))
				if err == nil {
					close(started)
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}()
			if first != "" {
				u.pieces <- first
				<-started
			} else {
				// The handler receives this piece only when it has the request.
				u.pieces <- ""
			}
			cancel()
			<-done
			select {
			case <-u.gone:
			case <-time.After(5 * time.Second):
				t.Fatal("the upstream request continues without a client")
			}
		})
	}
}

func TestADroppedUpstreamDropsTheClient(t *testing.T) {
	for _, contentType := range []string{"text/event-stream", "application/json"} {
		u, behind := upstream(t, contentType)
		s := newStage(t, behind)
		go func() {
			u.pieces <- "data: {\"id\":1}\n\n"
			u.pieces <- "DROP"
		}()
		resp, err := s.client.Do(s.request(t, formats["chat"], true))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF, "no clean end")
		assert.Equal(t, "data: {\"id\":1}\n\n", string(body))
	}
}

func TestAnErrorBehindCommentsStillFailsOver(t *testing.T) {
	u, behind := upstream(t, "text/event-stream")
	s := newStage(t, behind)
	answers := make(chan answer, 1)
	go func() { answers <- s.do(t, s.request(t, formats["chat"], true)) }()
	u.pieces <- ": keep-alive\n\n"
	u.pieces <- ": keep-alive\n\n"
	u.pieces <- "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"GoUsageLimitError\",\"message\":\"x\"}}\n\n"
	<-u.gone                                        // the first request was canceled
	u.pieces <- "data: {\"second\":\"answer\"}\n\n" // the answer to the second request
	close(u.pieces)
	a := <-answers
	assert.Equal(t, "data: {\"second\":\"answer\"}\n\n", a.body)
	assert.Equal(t, []string{"Work -> Personal"}, s.switches)
}

func TestStallTriesTheNextAccountOnce(t *testing.T) {
	s := newStage(t, func(o *gateway.Options) { o.Stall = 50 * time.Millisecond })
	s.service.SetAnswers(keyOf("Work"), fakeservice.Stalled(-1))
	a := s.do(t, s.request(t, formats["chat"], true))
	assert.Equal(t, 200, a.status)
	assert.Contains(t, a.body, "Personal")
	assert.Equal(t, rotation.Ready, s.condition(t, "Work").State, "no cooldown: it is the network's fault")
	assert.Equal(t, []string{"Work -> Personal"}, s.switches)

	s.service.ClearRequests()
	for _, label := range labels {
		s.service.SetAnswers(keyOf(label), fakeservice.Stalled(-1))
	}
	a = s.do(t, s.request(t, formats["chat"], true))
	assert.Equal(t, http.StatusGatewayTimeout, a.status)
	assert.Len(t, s.seen(), 2, "one replay, no more")
}

func TestSlowStreamsAreNotStalled(t *testing.T) {
	u, behind := upstream(t, "text/event-stream")
	s := newStage(t, behind, func(o *gateway.Options) { o.Stall = 200 * time.Millisecond })
	resp, err := make(chan *http.Response, 1), make(chan error, 1)
	go func() {
		r, e := s.client.Do(s.request(t, formats["chat"], true))
		resp <- r
		err <- e
	}()
	u.pieces <- "data: 1\n\n"
	r := <-resp
	require.NoError(t, <-err)
	defer r.Body.Close()
	<-time.After(300 * time.Millisecond) // longer than Stall, which is only for headers
	u.pieces <- "data: 2\n\n"
	close(u.pieces)
	body, readErr := io.ReadAll(r.Body)
	require.NoError(t, readErr)
	assert.Equal(t, "data: 1\n\ndata: 2\n\n", string(body))
}

func TestNoOverage(t *testing.T) {
	for name, f := range formats {
		for _, stream := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/stream=%v", name, stream), func(t *testing.T) {
				s := newStage(t, func(o *gateway.Options) { o.NoOverage = true })
				a := s.do(t, s.request(t, f, stream))
				assert.Contains(t, a.body, "Work")
				assert.Equal(t, rotation.Ready, s.condition(t, "Work").State, "a subscription's answer costs nothing")
				s.service.SetAnswers(keyOf("Work"), fakeservice.Costing("0.0123"))
				a = s.do(t, s.request(t, f, stream))
				assert.Equal(t, 200, a.status)
				assert.Contains(t, a.body, "Work", "the answer is passed on")
				require.Eventually(t, func() bool { return s.condition(t, "Work").State == rotation.Cooling }, 5*time.Second, 5*time.Millisecond)
				assert.Contains(t, s.condition(t, "Work").Reason, "0.0123")
				a = s.do(t, s.request(t, f, stream))
				assert.Contains(t, a.body, "Personal")
			})
		}
	}
}

func TestCostIsNotAskedForUnlessWanted(t *testing.T) {
	s := newStage(t)
	s.service.SetAnswers(keyOf("Work"), fakeservice.Costing("0.0123"))
	s.do(t, s.request(t, formats["chat"], true))
	s.Close()
	assert.Equal(t, rotation.Ready, s.condition(t, "Work").State)
}

func TestLargeBodiesStreamOnce(t *testing.T) {
	const size = 64<<20 + 100
	var attempts, received int64
	s := newStage(t, func(o *gateway.Options) {
		o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			n, err := io.Copy(io.Discard, r.Body)
			attempts, received = attempts+1, n
			return &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {"12000"}}, Body: http.NoBody}, err
		})
	})
	a := s.do(t, s.request(t, formats["chat"], false, func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(io.LimitReader(repeating('x'), size)), -1
	}))
	assert.Equal(t, int64(1), attempts, "what was not kept is not sent again")
	assert.Equal(t, int64(size), received, "and it arrived whole")
	assert.Equal(t, http.StatusTooManyRequests, a.status)
	assert.Equal(t, "1", a.header.Get("Retry-After"), "but the client may send it again at once")
	assert.Equal(t, rotation.Cooling, s.condition(t, "Work").State)
}

// The gateway does not keep a prompt while the answer streams: 8 prompts of 2 MB would show.
func TestNothingOfABodyIsLeftWhileItsAnswerStreams(t *testing.T) {
	const streams, size = 8, 2 << 20
	for name, overage := range map[string]bool{"as it is": false, "with a look at the cost": true} {
		t.Run(name, func(t *testing.T) {
			service := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n, err := io.Copy(io.Discard, r.Body)
				assert.NoError(t, err)
				assert.Greater(t, n, int64(size))
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, "data: 1\n\n")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})}
			listener, err := net.Listen("tcp4", "127.0.0.1:0")
			require.NoError(t, err)
			go service.Serve(listener)
			t.Cleanup(func() { _ = service.Close() })
			s := newStage(t, func(o *gateway.Options) {
				o.NoOverage = overage
				o.Upstreams = map[string]*url.URL{gateway.GoPrefix: {Scheme: "http", Host: listener.Addr().String(), Path: "/zen/go/v1"}}
			})
			before := heap()
			for range streams {
				const start, end = `{"model":"m","tools":[{"text":"`, `"}]}`
				resp, err := s.client.Do(s.request(t, formats["chat"], true, func(r *http.Request) {
					r.Body = io.NopCloser(io.MultiReader(strings.NewReader(start), io.LimitReader(repeating('x'), size), strings.NewReader(end)))
					r.ContentLength = int64(len(start) + size + len(end))
				}))
				require.NoError(t, err)
				defer resp.Body.Close()
				_, err = resp.Body.Read(make([]byte, 10))
				require.NoError(t, err)
			}
			assert.Eventually(t, func() bool { return heap()-before < streams*size/4 }, 10*time.Second, 10*time.Millisecond)
		})
	}
}

// heap returns the heap in use, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

type repeating byte

func (r repeating) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

// The gateways of two processes share one pool through its file.
func TestTwoGatewaysAgreeThroughTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	clock := time.Now
	pools := make([]*rotation.Pool, 2)
	for i := range pools {
		pools[i] = rotation.New(state.OpenFile(file, clock, func(s string) { t.Error(s) }), clock, func(int, string) bool { return true })
	}
	keys := keychain.NewMemory()
	for i, label := range labels {
		require.NoError(t, keys.Set(t.Context(), fmt.Sprint("id", i), keychain.NewSecret(keyOf(label))))
		require.NoError(t, pools[0].Add(t.Context(), rotation.NewAccount{ID: fmt.Sprint("id", i), Label: label}))
	}
	stages := make([]*stage, 2)
	for i := range stages {
		stages[i] = newStage(t, func(o *gateway.Options) {
			o.Holder = helper.NewHolder(pools[i], keys, rotation.Process{PID: i + 1, Start: "x"}, func(missing, _ rotation.Handout) { t.Error(missing) })
			o.Now = clock
		})
	}
	ask := func(i int) string { return stages[i].do(t, stages[i].request(t, formats["chat"], false)).body }
	assert.Contains(t, ask(0), "Work")
	assert.Contains(t, ask(1), "Personal")
	stages[0].service.SetAnswers(keyOf("Work"), fakeservice.UsageLimit(fakeservice.Weekly, time.Hour))
	assert.Contains(t, ask(0), "Spare", "the next after the last one handed out to anyone")
	o, err := pools[1].Overview(t.Context())
	require.NoError(t, err)
	assert.Equal(t, rotation.Cooling, o.Accounts[0].Condition.State, "the other sees it")
	require.NoError(t, pools[0].Disable(t.Context(), "id1"))
	assert.Contains(t, ask(1), "Spare", "a change by another process is noticed at the next request, and Work is not asked")
	require.NoError(t, keys.Set(t.Context(), "id2", keychain.NewSecret("sk-marked-new")))
	require.NoError(t, pools[1].Replaced(t.Context(), "id2", "", ""))
	stages[0].service.AddAccount(fakeservice.Account{Key: "sk-marked-new", Label: "Renewed"})
	assert.Contains(t, ask(0), "Renewed", "and so is a new key")
}

func TestSlowLorisIsCutOff(t *testing.T) {
	s := newStage(t)
	u, err := url.Parse(s.URL(gateway.GoPrefix))
	require.NoError(t, err)
	conn, err := net.Dial("tcp4", u.Host)
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST %s/chat/completions HTTP/1.1\r\nHost: %s\r\nX-Long: %s\r\n", u.Path, u.Host, strings.Repeat("x", 1<<20))
	if err != nil {
		return // the connection was closed while the body was sent
	}
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil {
		resp.Body.Close()
		assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, resp.StatusCode)
	}
}
