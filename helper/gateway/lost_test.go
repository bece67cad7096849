package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// lossTime is the longest wait for a loss. quiet is how long a test checks that no loss is
// reported.
const (
	lossTime = time.Minute
	quiet    = 2 * maxPingFailures * pingPause
)

// pinged is a server that only answers pings with the token "t".
func pinged(t *testing.T) (server *httptest.Server, asked *atomic.Int32) {
	asked = new(atomic.Int32)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if (&Gateway{token: "t"}).proves(w, r) {
			asked.Add(1)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	return server, asked
}

func isLost(lost <-chan struct{}, within time.Duration) bool {
	select {
	case <-lost:
		return true
	case <-time.After(within):
		return false
	}
}

func TestLostWithTheGateway(t *testing.T) {
	server, asked := pinged(t)
	lost, stop := Lost(server.URL, "t")
	defer stop()
	assert.Eventually(t, func() bool { return asked.Load() == 1 }, lossTime, time.Millisecond)
	assert.False(t, isLost(lost, quiet))
	assert.Equal(t, int32(1), asked.Load(), "a connection is enough")
	server.CloseClientConnections()
	assert.Eventually(t, func() bool { return asked.Load() == 2 }, lossTime, time.Millisecond, "a connection may end, as an idle one does")
	assert.False(t, isLost(lost, quiet))
	server.CloseClientConnections()
	_ = server.Listener.Close()
	assert.True(t, isLost(lost, lossTime))
	stop()
	stop()
}

// Another program may have taken the port, and may send any answer.
func TestLostToAnotherServer(t *testing.T) {
	var headers []http.Header
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers = append(headers, r.Header.Clone())
		w.Header().Set(ProofHeader, r.Header.Get(ChallengeHeader))
		w.WriteHeader(http.StatusNoContent)
	}))
	gone, end := Lost(liar.URL, "of-ours")
	assert.True(t, isLost(gone, lossTime))
	end()
	liar.Close()
	for _, h := range headers {
		assert.NotContains(t, fmt.Sprint(h), "of-ours", "it does not learn the token either")
	}

	server, _ := pinged(t)
	lost, stop := Lost(server.URL, "of-another")
	defer stop()
	assert.True(t, isLost(lost, lossTime))
}

func TestNotLostWhileStoppedOrSilent(t *testing.T) {
	server, asked := pinged(t)
	lost, stop := Lost(server.URL, "t")
	assert.Eventually(t, func() bool { return asked.Load() == 1 }, lossTime, time.Millisecond)
	stop()
	server.Close()
	assert.False(t, isLost(lost, quiet), "no ping is sent after stop")

	// A suspended process accepts connections and does not answer.
	mute, err := net.Listen("tcp4", "127.0.0.1:0")
	assert.NoError(t, err)
	defer func() { _ = mute.Close() }()
	lost, stop = Lost("http://"+mute.Addr().String(), "t")
	assert.False(t, isLost(lost, quiet))
	stop()
}
