package main

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
)

// serveBare is the role of the proxy that the gateway is compared with: httputil.ReverseProxy with
// nothing on it, and with a transport and a flushing like the gateway's. With the argument "pooled"
// it keeps its buffers, as the gateway does.
func serveBare(args []string) error {
	if len(args) == 0 {
		return errors.New("serve-bare needs the service's URL")
	}
	var buffers httputil.BufferPool
	if slices.Contains(args[1:], "pooled") {
		buffers = new(bufferPool)
	}
	target, err := url.Parse(args[0])
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 256
	transport.DisableCompression = true
	return serve(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = target.Scheme, target.Host, ""
			p.Out.Body = endedBody(p.In)
		},
		Transport:     transport,
		FlushInterval: -1,
		BufferPool:    buffers,
		ErrorLog:      log.New(io.Discard, "", 0), // clients that go away are part of what is measured
	})
}

// endedBody is the request's body, with an end that shows without another read. A transport makes
// that read to see whether the body is longer than was said; where the answer is quick the server
// has closed the body by then, and the transport gives the connection up, with the answer on it. A
// service on 127.0.0.1 is that quick, real ones are not, and the bare proxy must not look worse for
// it than it is.
func endedBody(r *http.Request) io.ReadCloser {
	if r.ContentLength <= 0 {
		return r.Body
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r.Body, r.ContentLength), r.Body}
}

// bufferPool has buffers of the gateway's size.
type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 16<<10)
}

func (p *bufferPool) Put(b []byte) { p.pool.Put(&b) }
