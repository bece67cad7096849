package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// maxReplay is the greatest size, in bytes, of a request's body that is kept so that it can be sent
// again. A larger body is streamed and can be sent only once.
const maxReplay = 64 << 20

// body is a request's body, which is opened again for each attempt.
type body struct {
	kept   []byte    // nil once it is freed
	memory *memory   // the memory of kept; nil for a small body
	rest   io.Reader // the part that did not fit; nil if the whole body is kept
	length int64     // the declared length; -1 if none was declared
	spent  bool      // it cannot be sent again
}

// bodyTimeout is how long a client may take between two pieces of a body. Clients run on this
// machine, so a slower client occupies the connection on purpose.
const bodyTimeout = 30 * time.Second

// timedBody extends the connection's read deadline before each read except the first, which has the
// server's deadline. This saves time for small bodies: they arrive with the header, and setting a
// deadline wakes a thread.
type timedBody struct {
	io.Reader
	connection *http.ResponseController
	begun      bool
}

func (b *timedBody) Read(p []byte) (int, error) {
	if b.begun {
		_ = b.connection.SetReadDeadline(time.Now().Add(bodyTimeout))
	}
	b.begun = true
	n, err := b.Reader.Read(p)
	if err != nil {
		_ = b.connection.SetReadDeadline(time.Time{}) // later reads only show whether the client is still connected
	}
	return n, err
}

var errBody = errors.New("the request's body is incomplete")

// keepBody reads r's body into memory: at most maxReplay bytes, and no more than the budget has
// left.
func keepBody(w http.ResponseWriter, r *http.Request, of *budget) (*body, error) {
	b := &body{length: r.ContentLength}
	connection := http.NewResponseController(w)
	if r.Body == nil || r.ContentLength == 0 {
		_ = connection.SetReadDeadline(time.Time{}) // the deadline would end the request while its answer is still coming
		return b, nil
	}
	m := &memory{budget: of, users: 1}
	b.memory = m
	source := &timedBody{Reader: r.Body, connection: connection}
	whole, err := m.fill(source, r.ContentLength)
	if err != nil {
		b.free()
		return nil, fmt.Errorf("%w: %w", errBody, err)
	}
	b.kept = m.data
	if !whole {
		b.rest = source
		return b, nil
	}
	if b.length = int64(len(b.kept)); b.length <= smallBody {
		if cap(b.kept) >= leastSpare { // done releases the buffer for reuse, but net/http may still read the body
			b.kept = slices.Clone(b.kept)
		}
		m.done()
		b.memory = nil
	}
	return b, nil
}

// firstPiece is the size, in bytes, of the first buffer of a large body. A full buffer grows by a
// factor, so a client that only declares a large length costs little memory.
const firstPiece = 32 << 10

// fill reads source until its end, or until there is no memory left. whole reports whether the end
// was reached. declared is the declared length in bytes; -1 if not known.
func (m *memory) fill(source io.Reader, declared int64) (whole bool, err error) {
	if declared > firstPiece && declared <= maxReplay {
		m.data = m.budget.takeSpare(int(declared) + 1)
	}
	for {
		if len(m.data) == cap(m.data) {
			if size := nextSize(cap(m.data), declared); size <= cap(m.data) || !m.grow(size) {
				return false, nil
			}
		}
		n, err := source.Read(m.data[len(m.data):cap(m.data)])
		m.data = m.data[:len(m.data)+n]
		switch {
		case err == io.EOF:
			return len(m.data) <= maxReplay, nil
		case err != nil:
			return false, err
		}
	}
}

// nextSize returns the size to which a full buffer of this size grows. declared is the length of the
// whole body, or -1.
func nextSize(size int, declared int64) int {
	next := max(firstPiece, 2*size)
	if declared >= 0 {
		next = max(firstPiece, 4*size)                               // the length is known, so the buffer may grow faster
		next = min(next, max(int(min(declared, maxReplay)), size)+1) // one byte more than the body, so that a read finds its end
	}
	return min(next, maxReplay+1)
}

// replayable reports whether open can be called (again).
func (b *body) replayable() bool { return !b.spent }

// smallBody is the greatest size, in bytes, of a body that is passed to net/http as a bytes.Reader.
// net/http sends such a body together with the header, and refers to it until the answer ends.
const smallBody = 4 << 10

// open sets the body of req.
func (b *body) open(req *http.Request) {
	req.ContentLength = b.length
	switch {
	case b.rest != nil:
		b.spent = true
		req.Body = &replayBody{memory: b.memory, rest: b.rest} // owns memory and rest from now on
		b.kept, b.memory = nil, nil
	case len(b.kept) == 0:
		req.Body = http.NoBody
	case len(b.kept) <= smallBody:
		kept := b.kept
		req.Body = io.NopCloser(bytes.NewReader(kept))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(kept)), nil }
	default:
		memory := b.memory // net/http keeps the function until the answer ends: it must not refer to b
		req.GetBody = memory.open
		req.Body, _ = memory.open() // cannot fail while b uses the memory
	}
}

// free is called when the body will not be sent again. The memory is released when its last reader
// is done.
func (b *body) free() {
	if b.memory != nil {
		b.memory.done()
	}
	b.kept, b.memory, b.spent = nil, nil, true
}
