package gateway_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/gateway"
	"ocgo-key/internal/fakeservice"
)

// dial opens a connection to the gateway. Reads from it fail after a long time without data.
func (s *stage) dial(t *testing.T) net.Conn {
	conn, err := net.Dial("tcp4", strings.TrimPrefix(s.URL(""), "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	return conn
}

// write sends the request, with HOST and TOKEN replaced by the gateway's.
func (s *stage) write(t *testing.T, conn net.Conn, request string) {
	host := strings.TrimPrefix(s.URL(""), "http://")
	_, err := io.WriteString(conn, strings.NewReplacer("HOST", host, "TOKEN", s.Token(), "\n", "\r\n").Replace(request))
	require.NoError(t, err)
}

// A connection is closed after a refusal, even if the client never sends the body that it declared.
func TestARefusedConnectionIsClosed(t *testing.T) {
	s := newStage(t)
	for name, c := range map[string]struct{ request, status string }{
		"no token":     {"GET /zen/go/v1/models HTTP/1.1\nHost: HOST\n\n", "401"},
		"a lost body":  {"POST /zen/go/v1/messages HTTP/1.1\nHost: HOST\nContent-Length: 100\n\n", "401"},
		"chunks":       {"POST /zen/go/v1/messages HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\n\n", "401"},
		"another host": {"GET /zen/go/v1/models HTTP/1.1\nHost: x\nApi-Key: TOKEN\n\n", "421"},
		"a page":       {"GET /zen/go/v1/models HTTP/1.1\nHost: HOST\nApi-Key: TOKEN\nOrigin: x\n\n", "403"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := s.dial(t)
			s.write(t, conn, c.request)
			all, err := io.ReadAll(conn)
			require.NoError(t, err, "it ends")
			assert.Contains(t, string(all), "HTTP/1.1 "+c.status)
			assert.Contains(t, string(all), "Connection: close\r\n")
		})
	}
}

// Connections without the token, in any number, do not keep a client from the gateway and do not
// end its request.
func TestConnectionsWithoutATokenShutNobodyOut(t *testing.T) {
	const more = 300
	goOn := make(chan struct{})
	finish := sync.OnceFunc(func() { close(goOn) })
	s := newStage(t, behind(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/responses") {
			_, _ = io.WriteString(w, "begin ")
			assert.NoError(t, http.NewResponseController(w).Flush())
			<-goOn
		}
		_, _ = io.WriteString(w, "end")
	}))
	t.Cleanup(finish)
	running, err := s.client.Do(s.request(t, formats["responses"], false))
	require.NoError(t, err)
	defer running.Body.Close()
	conns := make([]net.Conn, gateway.MaxUnauthenticated+more)
	for i := range conns {
		conns[i] = s.dial(t)
		switch i % 3 {
		case 1:
			s.write(t, conns[i], "POST /zen/go/v1/messages HTTP/1.1\nHost: HO")
		case 2:
			s.write(t, conns[i], "POST /zen/go/v1/messages HTTP/1.1\nHost: HOST\nContent-Length: 9\n\n")
		}
	}
	for i, conn := range conns[:more] { // the oldest are closed at once
		_, err := io.Copy(io.Discard, conn)
		if timeout, ok := err.(net.Error); ok {
			require.False(t, timeout.Timeout(), "connection %d of %d is open", i, len(conns))
		}
	}
	newest := conns[len(conns)-len(conns)%3-3]
	s.write(t, newest, "GET /ocgo-key/ping HTTP/1.1\nHost: HOST\nApi-Key: TOKEN\n\n")
	resp, err := http.ReadResponse(bufio.NewReader(newest), nil)
	require.NoError(t, err)
	_ = resp.Body.Close()
	assert.Equal(t, http.StatusNoContent, resp.StatusCode)
	assert.Equal(t, 200, s.do(t, s.request(t, formats["chat"], false)).status)
	finish()
	text, err := io.ReadAll(running.Body)
	require.NoError(t, err)
	assert.Equal(t, "begin end", string(text))
}

// A client reaches the gateway while connections without the token arrive faster than they are
// read.
func TestAFloodOfConnectionsShutsNobodyOut(t *testing.T) {
	s := newStage(t)
	host := strings.TrimPrefix(s.URL(""), "http://")
	stop, flooded := make(chan struct{}), make(chan struct{}, 1)
	var flood sync.WaitGroup
	defer flood.Wait()
	defer close(stop)
	for range 4 {
		flood.Go(func() {
			var conns []net.Conn
			defer func() {
				for _, conn := range conns {
					_ = conn.Close()
				}
			}()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if conn, err := net.DialTimeout("tcp4", host, time.Second); err == nil {
					conns = append(conns, conn)
				}
				if len(conns) == 2*gateway.MaxUnauthenticated {
					_ = conns[0].Close()
					conns = conns[1:]
					select {
					case flooded <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	<-flooded
	for i := range 5 {
		resp, err := s.client.Do(s.request(t, formats["chat"], false, func(r *http.Request) { r.Close = true }))
		if assert.NoError(t, err, "request %d", i) {
			_ = resp.Body.Close()
			assert.Equal(t, 200, resp.StatusCode)
		}
	}
}

// A request with an Origin header is refused, whatever the values of the header.
func TestTwoOrigins(t *testing.T) {
	s := newStage(t)
	for _, origins := range [][]string{{"", "https://evil.example"}, {"https://evil.example", ""}, {"", ""}} {
		a := s.do(t, s.request(t, formats["chat"], false, func(r *http.Request) { r.Header["Origin"] = origins }))
		assert.Equal(t, 403, a.status)
	}
	assert.Empty(t, s.service.Requests())
}

// The token is not passed on if a request contains it in several places.
func TestATokenBesideAnotherIsNotPassedOn(t *testing.T) {
	s := newStage(t)
	s.service.SetAnswers(keyOf("Work"), fakeservice.OK())
	a := s.do(t, s.request(t, formats["chat"], false, func(r *http.Request) {
		for _, name := range []string{"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", gateway.TokenHeader} {
			r.Header.Set(name, s.Token())
			r.Header.Add(name, "Bearer "+s.Token())
		}
		r.Header.Set("Authorization", "Bearer "+s.Token())
		r.URL.RawQuery = "key=" + s.Token() + "&x=" + s.Token() + "&kept=1"
	}))
	assert.Equal(t, 200, a.status)
	for _, r := range s.service.Requests() {
		assert.Equal(t, "kept=1", r.Query)
		for name, values := range r.Header {
			assert.NotContains(t, strings.Join(values, " "), s.Token(), name)
		}
	}
}
