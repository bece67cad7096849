package gateway

import (
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// transport is Go's default transport (its proxy settings, its verified TLS), with connections
// enough for many streams to one host, and with bodies passed as they are.
//
// A service closes connections that have been idle, and a request may be on its way at that very
// moment. net/http sends such a request again only if it is one of those that may be repeated by
// definition, which a POST is not. Here a prompt is worth that risk: it costs at most one more
// answer, where the user would see an error for nothing. So a request that dies on a connection
// that was used before, without a byte of answer, is sent once more.
type transport struct {
	pooled *http.Transport
	fresh  *http.Transport // never takes up a connection that was used before
}

func newTransport() *transport {
	return &transport{pooled: plainTransport(), fresh: freshTransport()}
}

func plainTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 256 // 0: as many as the hosts may have
	t.DisableCompression = true
	return t
}

func freshTransport() *http.Transport {
	t := plainTransport()
	t.DisableKeepAlives = true
	return t
}

// RoundTrip sends the request, and on the condition above once more.
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
	again, ok := anew(req)
	if !ok {
		return nil, err
	}
	return t.fresh.RoundTrip(again)
}

// anew is the request with its body from the beginning; not ok where that can't be had.
func anew(req *http.Request) (again *http.Request, ok bool) {
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

// streamError has the fields of net/http's own error for one stream of an HTTP/2 connection, which
// makes itself into any struct that does.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "the service reset the stream" }

// isReset reports whether the service refused this very request on a connection that goes on, which
// is an answer of its kind. net/http itself sends those again of which the service says that it has
// not begun with them.
func isReset(err error) bool { return errors.As(err, new(streamError)) }

// CloseIdleConnections closes what no request is using.
func (t *transport) CloseIdleConnections() {
	t.pooled.CloseIdleConnections()
	t.fresh.CloseIdleConnections()
}
