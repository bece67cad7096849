package gateway

import (
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// answerBody is the body of the service's answer without secrets. The gateway reads an answer only
// through it. Bytes that may begin a secret are held back until more bytes arrive. All other bytes
// are passed on at once.
type answerBody struct {
	io.ReadCloser
	resp    *http.Response
	secrets *secrets
	end     context.CancelCauseFunc // cancels the attempt's context

	held  []byte // read, but not passed on yet
	ready []byte // can be passed on
	err   error  // the error that ended the body; it is returned after ready
}

// clean removes compression and secrets from resp. end is called when the body is closed.
func (s *secrets) clean(resp *http.Response, end context.CancelCauseFunc) error {
	if resp.StatusCode == http.StatusSwitchingProtocols { // no request asks for another protocol
		return errors.New("the service answered with a change of protocol")
	}
	if err := decompress(resp); err != nil {
		return err
	}
	s.cleanHeader(resp.Header)
	s.cleanHeader(resp.Trailer)
	resp.Body = &answerBody{ReadCloser: resp.Body, resp: resp, secrets: s, end: end}
	return nil
}

// minRead is the free space, in bytes, that the caller's buffer must have for Read to use it
// directly.
const minRead = 512

func (b *answerBody) Read(p []byte) (int, error) {
	for len(b.ready) == 0 && b.err == nil {
		buffer := p
		if len(p) < len(b.held)+minRead {
			buffer = make([]byte, len(b.held)+peekPiece)
		}
		n := copy(buffer, b.held)
		more, err := b.ReadCloser.Read(buffer[n:])
		n += more
		held := b.secrets.hide(buffer[:n], err != nil)
		b.held = append(b.held[:0], buffer[n-held:n]...)
		if b.err = err; err != nil {
			b.secrets.cleanHeader(b.resp.Trailer) // trailers arrive at the end of the body
		}
		if n -= held; n > 0 && len(buffer) == len(p) {
			return n, b.err
		}
		b.ready = buffer[:n]
	}
	n := copy(p, b.ready)
	if b.ready = b.ready[n:]; len(b.ready) > 0 {
		return n, nil
	}
	return n, b.err
}

func (b *answerBody) Close() error {
	defer b.end(nil)
	return b.ReadCloser.Close()
}

// decompress decompresses the body if the service compressed it, which it was asked not to do. An
// unknown compression is an error.
func decompress(resp *http.Response) error {
	encoding := strings.ToLower(strings.Join(resp.Header["Content-Encoding"], ", "))
	var open func(io.Reader) (io.ReadCloser, error)
	switch encoding {
	case "", "identity":
		return nil
	case "gzip", "x-gzip":
		open = func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }
	case "deflate":
		open = zlib.NewReader
	default:
		return fmt.Errorf("the service compressed its answer (%.20q), which it was asked not to do", encoding)
	}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	if resp.ContentLength != 0 {
		resp.Body = &decompressed{ReadCloser: resp.Body, open: open}
		resp.ContentLength = -1
	}
	return nil
}

// decompressed creates its decoder at the first read, because that may wait for the service.
type decompressed struct {
	io.ReadCloser
	open    func(io.Reader) (io.ReadCloser, error)
	decoder io.Reader
}

func (d *decompressed) Read(p []byte) (int, error) {
	if d.decoder == nil {
		decoder, err := d.open(d.ReadCloser)
		if err != nil {
			return 0, err
		}
		d.decoder = decoder
	}
	return d.decoder.Read(p)
}
