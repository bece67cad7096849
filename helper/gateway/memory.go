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

// maxBodies is how much memory, in bytes, a gateway may use for the kept bodies of all its
// requests. Further bodies are streamed and can be sent only once.
const maxBodies = 256 << 20

// budget is the memory for kept bodies. The zero value allows maxBodies.
//
// Returned pieces of memory are reused, so that a sequence of bodies creates no garbage. When no
// more pieces are returned, the memory goes back to the operating system. Otherwise Go would keep
// it for minutes: without allocations, no garbage collection runs.
type budget struct {
	limit int    // bytes; 0 for maxBodies
	trim  func() // nil for debug.FreeOSMemory

	mu     sync.Mutex
	used   int      // bytes
	spare  [][]byte // pieces to reuse, the most recently returned one last
	spared int      // total size of spare
	given  int      // bytes returned since the last trim
	quiet  int      // the value of given when the timer was set
	timed  bool     // the timer for a trim is set
}

const (
	// leastSpare is the smallest piece that is kept for reuse, in bytes. mostSpare is the total
	// size of the kept pieces.
	leastSpare, mostSpare = firstPiece, 2 << 20
	// trimFrom is how many bytes must be returned before a trim, which takes some milliseconds.
	trimFrom = 1 << 20
	// trimDelay is the time without much traffic after which a trim runs.
	trimDelay = 250 * time.Millisecond
)

// take returns an unused piece of at least n bytes; nil if there is no memory for it.
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

// takeSpare is like take, but allocates nothing.
func (b *budget) takeSpare(n int) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.again(n)
}

// left is called with the lock held.
func (b *budget) left() int {
	if b.limit == 0 {
		return maxBodies - b.used
	}
	return b.limit - b.used
}

// again returns a spare piece of n to 2n bytes; nil if there is none. It is called with the lock
// held.
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

// give takes back a piece that is no longer used.
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

// setTimer is called with the lock held.
func (b *budget) setTimer() {
	b.timed, b.quiet = true, b.given
	time.AfterFunc(trimDelay, b.afterDelay)
}

func (b *budget) afterDelay() {
	b.mu.Lock()
	if b.given-b.quiet >= trimFrom/4 { // traffic continues, and reuses the pieces
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

// memory is a piece of the budget with a kept body. The last of its users returns the piece; the
// users are the body and its readers.
type memory struct {
	budget *budget

	mu    sync.Mutex
	users int
	data  []byte // the piece, up to its capacity
}

// grow moves the data to a piece of at least n bytes. It returns false if there is no memory for
// it.
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

// done is called when a user will not read data again.
func (m *memory) done() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users--; m.users == 0 {
		m.budget.give(m.data)
		m.data = nil
	}
}

// errFreed is the error of opening a body that was freed, which would be a bug.
var errFreed = errors.New("the request's body is no longer kept")

// open returns a reader that begins at the start of the data. The reader counts as one more user.
func (m *memory) open() (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users == 0 {
		return nil, errFreed
	}
	m.users++
	return &replayBody{memory: m}, nil
}

// replayBody reads a kept body and then the part that did not fit. It counts as a user of the
// piece of memory until it has read the whole piece or is closed.
type replayBody struct {
	mu     sync.Mutex // net/http may close it while another goroutine reads
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
