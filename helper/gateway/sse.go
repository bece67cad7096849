package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"
)

// maxFirstEvent is how many bytes of a stream are read, at most, to find its first event.
const maxFirstEvent = 64 << 10

// holdComments is how long a stream without an event is held back, to see whether an error follows.
// Servers keep such a stream alive with comments. The client must not wait for headers forever.
const holdComments = 10 * time.Second

// firstEvent reads a stream until it is clear whether its first event is an error. If it is not,
// one read is usually enough. The results are what was read, a reader for the rest, and the data of
// the error event, if any.
func firstEvent(stream io.Reader, hold time.Duration) (head []byte, rest io.Reader, failure []byte) {
	head, rest = peek(stream, hold, func(head []byte, ended bool) (decided bool) {
		failure, decided = scanEvent(head, ended)
		return decided || len(head) >= maxFirstEvent
	})
	return head, rest, failure
}

// peekPiece is how much is read at once, in bytes: enough for a short error, or an event.
const peekPiece = 4 << 10

// peekWhole is peek without a time limit, for a body of this length. It needs no goroutine.
func peekWhole(stream io.Reader, length int64, enough func(head []byte, ended bool) bool) (head []byte, rest io.Reader) {
	for {
		piece := make([]byte, min(length+minRead, peekPiece))
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

// peek reads from the stream until enough returns true, the stream ends, or hold has passed. It
// returns what was read and a reader for everything after it.
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

// after returns a reader for the rest of the stream, or for the error that ended it.
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

// lateReader continues a stream on which a read is still pending.
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

// byteOrderMark may precede a stream's first line.
const byteOrderMark = "\ufeff"

// scanEvent examines the beginning of a stream. If decided is false, it needs more bytes. The
// parameter ended says that there are no more. An event is an error if its name is "error", or if
// it has no name and isError accepts its data. Only the first event with data counts. Source: the
// WHATWG's HTML standard, "Server-sent events". Unlike the standard, scanEvent accepts an event
// without its final empty line at the end of the stream.
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

// cutLine removes the first line, which ends with CR, LF or both.
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

// firstData holds the current event's fields that decide whether it is an error.
type firstData struct {
	named bool // the event's name is "error"
	data  []byte
}

// take processes a whole line. healthy means that the event is not an error.
func (e *firstData) take(line []byte) (healthy bool) {
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch {
	case len(line) == 0:
		if len(e.data) == 0 {
			e.named = false // a name without data is not an event
		}
	case string(field) == "event":
		e.named = string(value) == "error"
		return !e.named && len(value) > 0 && string(value) != "message" // the default name
	case string(field) == "data":
		e.data = e.with(value)
		return !e.named && !mayBeError(e.data) && !isError(e.data)
	}
	return false // a comment or an id: the event continues
}

// with returns the data with one more line.
func (e *firstData) with(value []byte) []byte {
	if len(e.data) == 0 {
		return value
	}
	return slices.Concat(e.data, []byte("\n"), value)
}

// complete reports whether the data so far already makes the event an error.
func (e *firstData) complete() bool { return isError(e.data) || e.named && json.Valid(e.data) }

// failure returns the data of a complete event if it is an error.
func (e *firstData) failure() []byte {
	if len(e.data) > 0 && (e.named || isError(e.data)) {
		return e.data
	}
	return nil
}

// mayFollow reports whether the event can still become an error if its next line begins like this.
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
