package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// overHTTP2 starts a service that answers the first request itself, and calls second for the second
// one.
func overHTTP2(t *testing.T, second func(http.ResponseWriter, *http.Request)) (send func() (*http.Response, error), seen *atomic.Int64) {
	seen = new(atomic.Int64)
	service := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if seen.Add(1) == 2 {
			second(w, r)
		}
	}))
	service.EnableHTTP2 = true
	service.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connection{}, c)
	}
	service.StartTLS()
	t.Cleanup(service.Close)
	own := newTransport()
	t.Cleanup(own.CloseIdleConnections)
	for _, transport := range []*http.Transport{own.pooled, own.fresh} {
		roots := x509.NewCertPool()
		roots.AddCert(service.Certificate())
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return func() (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, service.URL, strings.NewReader("{}"))
		require.NoError(t, err)
		resp, err := own.RoundTrip(req)
		if err == nil {
			assert.Equal(t, 2, resp.ProtoMajor)
			require.NoError(t, resp.Body.Close())
		}
		return resp, err
	}, seen
}

func TestAStreamThatTheServiceResetsIsNotSentAgain(t *testing.T) {
	send, seen := overHTTP2(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := send()
	require.NoError(t, err)
	_, err = send()
	require.ErrorAs(t, err, new(streamError))
	assert.Equal(t, int64(2), seen.Load())
}

func TestARequestOnAnHTTP2ConnectionThatBreaksIsSentAgain(t *testing.T) {
	send, seen := overHTTP2(t, func(_ http.ResponseWriter, r *http.Request) {
		_ = r.Context().Value(connection{}).(net.Conn).Close()
		<-r.Context().Done()
	})
	for range 2 {
		resp, err := send()
		require.NoError(t, err)
		assert.Equal(t, 200, resp.StatusCode)
	}
	assert.Equal(t, int64(3), seen.Load())
}

// connection is the context key of a request's connection.
type connection struct{}
