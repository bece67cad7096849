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

// serveBare runs the bare proxy: a plain httputil.ReverseProxy with the gateway's transport and
// flush settings. The gateway is compared with it. With the argument "pooled" it reuses its
// buffers, as the gateway does.
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
		ErrorLog:      log.New(io.Discard, "", 0), // disconnecting clients are part of the measurement
	})
}

// endedBody returns the request's body. It returns io.EOF together with the last bytes. Otherwise
// the transport makes one more read, to check whether the body is longer than declared. A service
// on 127.0.0.1 may have answered before that read, and the server may have closed the body. The
// transport then drops the connection and the answer, which would make the bare proxy look worse
// than it is.
func endedBody(r *http.Request) io.ReadCloser {
	if r.ContentLength <= 0 {
		return r.Body
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r.Body, r.ContentLength), r.Body}
}

// bufferPool has buffers of the same size as the gateway's.
type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 16<<10)
}

func (p *bufferPool) Put(b []byte) { p.pool.Put(&b) }
