package gateway

import (
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// transport is Go's default transport, with its proxy and TLS settings. It allows many streams to
// one host, and does not decompress answers.
//
// The service may close an idle connection just when a request is sent on it. net/http repeats such
// a request only if its method is idempotent, which POST is not. transport repeats it once if it
// failed on a reused connection before any byte of the answer arrived. At worst this costs one more
// answer; without it, the user would see an avoidable error.
type transport struct {
	pooled *http.Transport
	fresh  *http.Transport // never reuses a connection
}

func newTransport() *transport {
	return &transport{pooled: plainTransport(), fresh: freshTransport()}
}

func plainTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 256 // 0 means no limit over all hosts
	t.DisableCompression = true
	return t
}

func freshTransport() *http.Transport {
	t := plainTransport()
	t.DisableKeepAlives = true
	return t
}

// RoundTrip sends the request, and repeats it once as described above.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var reused, answered atomic.Bool
	traced := req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn:              func(c httptrace.GotConnInfo) { reused.Store(c.Reused) },
		GotFirstResponseByte: func() { answered.Store(true) },
	}))
	resp, err := t.pooled.RoundTrip(traced)
	if err == nil || !reused.Load() || answered.Load() || req.Context().Err() != nil || isReset(err) {
		return resp, err
	}
	again, ok := newBody(req)
	if !ok {
		return nil, err
	}
	return t.fresh.RoundTrip(again)
}

// newBody returns the request with its body from the beginning; ok is false if that is impossible.
func newBody(req *http.Request) (again *http.Request, ok bool) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, true
	}
	if req.GetBody == nil {
		return nil, false
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, false
	}
	again = req.WithContext(req.Context())
	again.Body = body
	return again, true
}

// streamError has the fields of net/http's error for one stream of an HTTP/2 connection. That
// error's As method fills any struct with these fields.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "the service reset the stream" }

// isReset reports whether the service reset the request's stream but kept the connection. This
// counts as an answer. net/http itself repeats requests that the service has not begun to process.
func isReset(err error) bool { return isA[streamError](err) }

// CloseIdleConnections closes the connections that no request uses.
func (t *transport) CloseIdleConnections() {
	t.pooled.CloseIdleConnections()
	t.fresh.CloseIdleConnections()
}
