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

// maxReplay is the size, in bytes, up to which a request's body is kept so that it can be sent
// again. Larger ones stream through once.
const maxReplay = 64 << 20

// body is a request's body, made anew before each attempt.
type body struct {
	kept   []byte    // nil once it is freed
	memory *memory   // that kept lies in; nil for a small body
	rest   io.Reader // what did not fit; such a body can be sent once
	length int64     // as the client declared it; -1 if it did not
	spent  bool      // it can't be sent again
}

// bodyTimeout is how long a client may take from one piece of a body to the next. It is on this
// machine: one that is slower wants to hold the connection, not to send a body.
const bodyTimeout = 30 * time.Second

// timedBody puts off the connection's read deadline before each read but the first, whose deadline
// is the server's. A small body comes with the request's head, and each new deadline wakes a
// thread.
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
		_ = b.connection.SetReadDeadline(time.Time{}) // what is read from now on is only whether the client is there
	}
	return n, err
}

var errBody = errors.New("the request's body did not arrive whole")

// keepBody reads as much of r's body as is kept: maxReplay at most, and no more than the budget has
// left.
func keepBody(w http.ResponseWriter, r *http.Request, of *budget) (*body, error) {
	b := &body{length: r.ContentLength}
	connection := http.NewResponseController(w)
	if r.Body == nil || r.ContentLength == 0 {
		_ = connection.SetReadDeadline(time.Time{}) // it would end the request, however long its answer takes
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
		if cap(b.kept) >= leastSpare { // it will be used again, and net/http looks at small bodies for longer
			b.kept = slices.Clone(b.kept)
		}
		m.done()
		b.memory = nil
	}
	return b, nil
}

// firstPiece is the first memory that a body gets, in bytes, if it is as large as that. Each time
// it is full it becomes some times as large: what a client declares costs nothing before it has
// sent a good part of it.
const firstPiece = 32 << 10

// fill reads source until its end, or until there is no memory for more of it. whole reports
// whether it was the end. declared is how long it is to be, in bytes; -1 if that is not known.
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

// nextSize is how large the memory is to be when size bytes are full.
func nextSize(size int, declared int64) int {
	next := max(firstPiece, 2*size)
	if declared >= 0 {
		next = max(firstPiece, 4*size)                               // with an end in sight little of it is in vain
		next = min(next, max(int(min(declared, maxReplay)), size)+1) // one more, so that the end shows
	}
	return min(next, maxReplay+1)
}

// replayable reports whether open can be called (again).
func (b *body) replayable() bool { return !b.spent }

// smallBody is the size, in bytes, up to which a body is given to net/http in a form that it knows
// to be in memory. It sends that in one piece with the head, and keeps hold of it for as long as
// the answer lasts.
const smallBody = 4 << 10

// open puts the body on req.
func (b *body) open(req *http.Request) {
	req.ContentLength = b.length
	switch {
	case b.rest != nil:
		b.spent = true
		req.Body = &replayBody{memory: b.memory, rest: b.rest} // which is all that holds it from now on
		b.kept, b.memory = nil, nil
	case len(b.kept) == 0:
		req.Body = http.NoBody
	case len(b.kept) <= smallBody:
		kept := b.kept
		req.Body = io.NopCloser(bytes.NewReader(kept))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(kept)), nil }
	default:
		memory := b.memory // and not b.kept: net/http has the function for as long as the answer lasts
		req.GetBody = memory.open
		req.Body, _ = memory.open() // it is not freed, b has it
	}
}

// free is for when the body will not be sent again. It is gone as soon as nobody reads it any more.
func (b *body) free() {
	if b.memory != nil {
		b.memory.done()
	}
	b.kept, b.memory, b.spent = nil, nil, true
}
