package gateway

import (
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// maxBodies is how much memory the kept bodies of all requests of one gateway have, in bytes. While
// it is used up, a request's body streams through once.
const maxBodies = 256 << 20

// budget is the memory for kept bodies. The zero value has maxBodies.
//
// Pieces that were given back are used again, so that one body after another makes no garbage. When
// there are no more, all is given back to the system: by itself Go would keep it for minutes where
// nothing is allocated any more, as is the case while answers stream.
type budget struct {
	limit int    // bytes; 0 for maxBodies
	trim  func() // nil for debug.FreeOSMemory

	mu     sync.Mutex
	used   int      // bytes
	spare  [][]byte // pieces to use again, the last one given back last
	spared int      // bytes of spare
	given  int      // bytes given back since the last trim
	quiet  int      // what given was when the timer was set
	timed  bool     // the timer for a trim is set
}

const (
	// leastSpare and mostSpare bound what is kept to use again, in bytes: one piece, and all of
	// them.
	leastSpare, mostSpare = firstPiece, 2 << 20
	// trimFrom is from how many bytes given back on a trim is worth its while: it takes some
	// milliseconds beside the requests.
	trimFrom = 1 << 20
	// trimDelay is for how long hardly anything is given back before a trim.
	trimDelay = 50 * time.Millisecond
)

// take returns a piece of at least n bytes, of which nothing is used; nil if there is no memory for
// it.
func (b *budget) take(n int) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if piece := b.again(n); piece != nil {
		return piece
	}
	if n > b.left() {
		return nil
	}
	piece := make([]byte, 0, n)
	b.used += n
	return piece
}

// takeSpare is take where that costs nothing.
func (b *budget) takeSpare(n int) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.again(n)
}

// left is called with the lock, as again is.
func (b *budget) left() int {
	if b.limit == 0 {
		return maxBodies - b.used
	}
	return b.limit - b.used
}

// again is a spare piece of at least n bytes, and not of many more; nil if there is none.
func (b *budget) again(n int) []byte {
	for i, piece := range slices.Backward(b.spare) {
		if size := cap(piece); n <= size && size <= 2*n && size <= b.left() {
			b.spare, b.spared = slices.Delete(b.spare, i, i+1), b.spared-size
			b.used += size
			return piece[:0]
		}
	}
	return nil
}

// give takes a piece back that nobody looks at any more.
func (b *budget) give(piece []byte) {
	size := cap(piece)
	if size == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= size
	b.given += size
	if leastSpare <= size && b.spared+size <= mostSpare {
		b.spare, b.spared = append(b.spare, piece), b.spared+size
	}
	if !b.timed && b.given >= trimFrom {
		b.setTimer()
	}
}

// setTimer is called with the lock.
func (b *budget) setTimer() {
	b.timed, b.quiet = true, b.given
	time.AfterFunc(trimDelay, b.afterDelay)
}

func (b *budget) afterDelay() {
	b.mu.Lock()
	if b.given-b.quiet >= trimFrom/4 { // it goes on, and uses what there is
		b.setTimer()
		b.mu.Unlock()
		return
	}
	b.timed, b.given, b.spare, b.spared = false, 0, nil, 0
	trim := b.trim
	b.mu.Unlock()
	if trim == nil {
		trim = debug.FreeOSMemory
	}
	trim()
}

// memory is what a kept body lies in. It is given back when the last of its users is done: the body
// itself, and those who read it.
type memory struct {
	budget *budget

	mu    sync.Mutex
	users int
	data  []byte // all of the piece that it is in is its own
}

// grow moves the data to a piece of at least n bytes, or fails.
func (m *memory) grow(n int) bool {
	piece := m.budget.take(n)
	if piece == nil {
		return false
	}
	old := m.data
	m.data = append(piece, old...)
	m.budget.give(old)
	return true
}

// done is for a user who will not look at data again.
func (m *memory) done() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users--; m.users == 0 {
		m.budget.give(m.data)
		m.data = nil
	}
}

// errFreed is a body that is asked for when its answer has begun. Nobody does that.
var errFreed = errors.New("the request's body is no longer kept")

// open returns the data from the beginning, to one more user.
func (m *memory) open() (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users == 0 {
		return nil, errFreed
	}
	m.users++
	return &replayBody{memory: m}, nil
}

// replayBody reads a kept body, and what did not fit. It is a user of the memory until it has read
// it or is closed.
type replayBody struct {
	mu     sync.Mutex // net/http may close it while another of its goroutines reads
	memory *memory
	at     int
	closed bool

	rest io.Reader // nil for none
}

func (r *replayBody) Read(p []byte) (int, error) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return 0, http.ErrBodyReadAfterClose
	}
	if r.memory != nil {
		n := copy(p, r.memory.data[r.at:])
		if r.at += n; r.at == len(r.memory.data) {
			r.memory.done()
			r.memory = nil
		}
		if n > 0 || len(p) == 0 {
			r.mu.Unlock()
			return n, nil
		}
	}
	r.mu.Unlock()
	if r.rest == nil {
		return 0, io.EOF
	}
	return r.rest.Read(p)
}

func (r *replayBody) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.memory != nil {
		r.memory.done()
		r.memory = nil
	}
	return nil
}
