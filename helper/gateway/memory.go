package gateway

import (
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// maxBodies is how much memory the kept bodies of all requests of one gateway have, in bytes. While it is used up, a
// request's body streams through once.
const maxBodies = 256 << 20

// budget is the memory for kept bodies. The zero value has maxBodies.
type budget struct {
	mu    sync.Mutex
	limit int    // bytes; 0 for maxBodies
	used  int    // bytes
	most  int    // that was used since memory was last given back
	trims bool   // a trim is to come
	trim  func() // nil for debug.FreeOSMemory
}

// take reports whether there is memory for n more bytes.
func (b *budget) take(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	limit := b.limit
	if limit == 0 {
		limit = maxBodies
	}
	if n > limit-b.used {
		return false
	}
	b.used += n
	b.most = max(b.most, b.used)
	return true
}

// Go's memory is given back to the system once trimFrom bytes less are in use than there were, and less than half; after
// trimDelay, since where one body ends others often do. By itself Go would keep it for minutes where nothing else is
// allocated, as is the case while streams are passed on.
const (
	trimFrom  = 8 << 20
	trimDelay = 50 * time.Millisecond
)

// give is for memory that is no longer used.
func (b *budget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if !b.trims && b.subsided() {
		b.trims = true
		time.AfterFunc(trimDelay, b.trimNow)
	}
}

func (b *budget) subsided() bool { return b.most-b.used >= trimFrom && b.used <= b.most/2 }

func (b *budget) trimNow() {
	b.mu.Lock()
	trim, due := b.trim, b.subsided()
	b.trims = false
	if due {
		b.most = b.used
	}
	b.mu.Unlock()
	if !due {
		return // there are new ones, which use what the old ones left
	}
	if trim == nil {
		trim = debug.FreeOSMemory
	}
	trim()
}

// memory is what a kept body lies in. It is given back when the last of its users is done: the body itself, and those
// who read it.
type memory struct {
	budget *budget

	mu    sync.Mutex
	users int
	size  int // of the budget, in bytes
	data  []byte
}

// resize takes size bytes in place of what there was, or fails.
func (m *memory) resize(size int) bool {
	if !m.budget.take(size) {
		return false
	}
	m.budget.give(m.size)
	m.size = size
	return true
}

// done is for a user who will not look at data again.
func (m *memory) done() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users--; m.users == 0 {
		m.budget.give(m.size)
		m.data, m.size = nil, 0
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

// replayBody reads a kept body, and what did not fit. It is a user of the memory until it has read it or is closed.
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
