package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxReplay is the size, in bytes, up to which a request's body is kept so that it can be sent again. Larger
// ones stream through once.
const maxReplay = 64 << 20

// body is a request's body, made anew before each attempt.
type body struct {
	kept   []byte
	rest   io.Reader // what did not fit; such a body can be sent once
	length int64     // as the client declared it; -1 if it did not
	spent  bool      // rest was given out
}

// bodyTimeout is how long a client may take from one piece of a body to the next. It is on this machine: one that
// is slower wants to hold the connection, not to send a body.
const bodyTimeout = 30 * time.Second

// timedBody puts off the connection's read deadline before each read.
type timedBody struct {
	io.Reader
	connection *http.ResponseController
}

func (b timedBody) Read(p []byte) (int, error) {
	_ = b.connection.SetReadDeadline(time.Now().Add(bodyTimeout))
	n, err := b.Reader.Read(p)
	if err != nil {
		_ = b.connection.SetReadDeadline(time.Time{}) // what is read from now on is only whether the client is there
	}
	return n, err
}

var errBody = errors.New("the request's body did not arrive whole")

// keepBody reads as much of r's body as is kept.
func keepBody(w http.ResponseWriter, r *http.Request) (*body, error) {
	b := &body{length: r.ContentLength}
	if r.Body == nil || r.ContentLength == 0 {
		return b, nil
	}
	var buf bytes.Buffer
	source := timedBody{r.Body, http.NewResponseController(w)}
	if 0 < r.ContentLength && r.ContentLength <= maxReplay {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(source, maxReplay+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBody, err)
	}
	b.kept = buf.Bytes()
	if n > maxReplay {
		b.rest = source
	} else {
		b.length = n
	}
	return b, nil
}

// replayable tells whether open can be called (again).
func (b *body) replayable() bool { return b.rest == nil || !b.spent }

// open puts the body on req.
func (b *body) open(req *http.Request) {
	req.ContentLength = b.length
	switch {
	case b.rest != nil:
		b.spent = true
		req.Body = io.NopCloser(io.MultiReader(bytes.NewReader(b.kept), b.rest))
	case len(b.kept) == 0:
		req.Body = http.NoBody
	default:
		req.Body = io.NopCloser(bytes.NewReader(b.kept))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.kept)), nil }
	}
}
