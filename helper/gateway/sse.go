package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"
)

// maxFirstEvent is how much of a stream is read in search of its first event, in bytes.
const maxFirstEvent = 64 << 10

// holdComments is how long a stream that begins with nothing, or with comments (which servers send
// to keep a connection alive), is held back to see whether an error follows. A client that waits
// for headers must not wait for ever.
const holdComments = 10 * time.Second

// firstEvent reads a stream until it is plain whether its first event is an error, and not a byte
// further than the read that showed it: for a healthy stream that is the read that brings its first
// bytes. It returns what was read, where to read on, and the error event's data if it is one.
func firstEvent(stream io.Reader, hold time.Duration) (head []byte, rest io.Reader, failure []byte) {
	head, rest = peek(stream, hold, func(head []byte, ended bool) (decided bool) {
		failure, decided = scanEvent(head, ended)
		return decided || len(head) >= maxFirstEvent
	})
	return head, rest, failure
}

// peekPiece is how much is read at once, in bytes; a short error, or an event, is in one.
const peekPiece = 4 << 10

// peekWhole is peek for a stream whose next bytes are on their way, as those of a body with a
// length are: it waits for them, which saves a goroutine.
func peekWhole(stream io.Reader, enough func(head []byte, ended bool) bool) (head []byte, rest io.Reader) {
	for {
		piece := make([]byte, peekPiece)
		n, err := stream.Read(piece)
		if head == nil {
			head = piece[:n:n]
		} else {
			head = append(head, piece[:n]...)
		}
		if enough(head, err != nil) || err != nil {
			return head, after(stream, err)
		}
	}
}

// peek reads from the stream until enough says so, its end, or for as long as hold. It returns what
// was read and where to read on, with nothing lost in between.
func peek(stream io.Reader, hold time.Duration, enough func(head []byte, ended bool) bool) (head []byte, rest io.Reader) {
	timer := time.NewTimer(hold)
	defer timer.Stop()
	for {
		next := make(chan readResult, 1)
		go func() {
			piece := make([]byte, peekPiece)
			n, err := stream.Read(piece)
			next <- readResult{piece[:n:n], err}
		}()
		select {
		case r := <-next:
			if head == nil {
				head = r.data
			} else {
				head = append(head, r.data...)
			}
			if enough(head, r.err != nil) || r.err != nil {
				return head, after(stream, r.err)
			}
		case <-timer.C:
			return head, &lateReader{next: next, stream: stream}
		}
	}
}

// after is where to read on: the error that ended the stream comes again.
func after(stream io.Reader, err error) io.Reader {
	if err != nil {
		return &lateReader{err: err}
	}
	return stream
}

type readResult struct {
	data []byte
	err  error
}

// lateReader goes on with a stream from which a read is still under way.
type lateReader struct {
	next   <-chan readResult
	data   []byte
	err    error
	stream io.Reader
}

func (l *lateReader) Read(p []byte) (int, error) {
	if l.next != nil {
		r := <-l.next
		l.next, l.data, l.err = nil, r.data, r.err
	}
	if len(l.data) > 0 {
		n := copy(p, l.data)
		l.data = l.data[n:]
		return n, nil
	}
	if l.err != nil {
		return 0, l.err
	}
	return l.stream.Read(p)
}

// byteOrderMark may stand before a stream's first line.
const byteOrderMark = "\ufeff"

// scanEvent looks at the beginning of a stream. Not decided means that more is needed; ended, that
// no more comes. An error is an event of the name "error", or one without a name whose data is an
// error (see isError). It is the first event with data that counts. Source: the WHATWG's HTML
// standard, "Server-sent events"; but an event that the stream's end cuts off counts, too.
func scanEvent(stream []byte, ended bool) (failure []byte, decided bool) {
	if len(stream) < len(byteOrderMark) && strings.HasPrefix(byteOrderMark, string(stream)) && !ended {
		return nil, false
	}
	stream = bytes.TrimPrefix(stream, []byte(byteOrderMark))
	var e firstData
	for len(stream) > 0 {
		line, rest, whole := cutLine(stream)
		if !whole && !ended {
			return nil, !e.mayFollow(line)
		}
		if healthy := e.take(line); healthy {
			return nil, true
		}
		if len(e.data) > 0 && (len(line) == 0 || e.complete()) {
			return e.failure(), true
		}
		stream = rest
	}
	if ended {
		return e.failure(), true
	}
	return nil, false
}

// cutLine cuts the first line off, which CR, LF or both end.
func cutLine(stream []byte) (line, rest []byte, whole bool) {
	i := bytes.IndexAny(stream, "\r\n")
	if i < 0 {
		return stream, nil, false
	}
	line, rest = stream[:i], stream[i+1:]
	if stream[i] == '\r' {
		rest = bytes.TrimPrefix(rest, []byte("\n"))
	}
	return line, rest, true
}

// firstData is the event that a stream is at, as far as it could be an error.
type firstData struct {
	named bool // "error"
	data  []byte
}

// take takes a whole line in, and reports whether it shows that the event is no error.
func (e *firstData) take(line []byte) (healthy bool) {
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch {
	case len(line) == 0:
		if len(e.data) == 0 {
			e.named = false // there was nothing but a name: it is no event
		}
	case string(field) == "event":
		e.named = string(value) == "error"
		return !e.named && len(value) > 0 && string(value) != "message" // which is the name of those without one
	case string(field) == "data":
		e.data = e.with(value)
		return !e.named && !mayBeError(e.data) && !isError(e.data)
	}
	return false // a comment, an id: the event goes on
}

// with is the data and one more line of it.
func (e *firstData) with(value []byte) []byte {
	if len(e.data) == 0 {
		return value
	}
	return slices.Concat(e.data, []byte("\n"), value)
}

// complete reports whether the data is an error already, whatever else the event has.
func (e *firstData) complete() bool { return isError(e.data) || e.named && json.Valid(e.data) }

// failure is the data of an event that is over, if it is an error.
func (e *firstData) failure() []byte {
	if len(e.data) > 0 && (e.named || isError(e.data)) {
		return e.data
	}
	return nil
}

// mayFollow reports whether the event can still become an error, with a line that begins so.
func (e *firstData) mayFollow(line []byte) bool {
	if e.named {
		return true
	}
	if value, ok := bytes.CutPrefix(line, []byte("data:")); ok {
		return mayBeError(e.with(bytes.TrimPrefix(value, []byte(" "))))
	}
	for _, start := range []string{"data:", "event:error", "event: error", "event:message", "event: message", ":", "id:", "retry:"} {
		n := min(len(start), len(line))
		if string(line[:n]) == start[:n] {
			return true
		}
	}
	return len(e.data) > 0
}
