package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"time"
)

// maxFirstEvent is how much of a stream is read in search of its first event, in bytes.
const maxFirstEvent = 64 << 10

// holdComments is how long a stream that begins with nothing, or with comments (which servers send to keep a
// connection alive), is held back to see whether an error follows. A client that waits for headers must not wait
// for ever.
const holdComments = 10 * time.Second

// firstEvent reads a stream until it is plain whether its first event is an error, and not a byte further than
// the read that showed it: for a healthy stream that is the read that brings its first bytes. It returns what
// was read, where to read on, and the error event's data if it is one.
func firstEvent(stream io.Reader, hold time.Duration) (head []byte, rest io.Reader, failure []byte) {
	head, rest = peek(stream, hold, func(head []byte, ended bool) (decided bool) {
		failure, decided = scanEvent(head, ended)
		return decided || len(head) >= maxFirstEvent
	})
	return head, rest, failure
}

// peek reads from the stream until enough says so, its end, or for as long as hold. It returns what was read and
// where to read on, with nothing lost in between.
func peek(stream io.Reader, hold time.Duration, enough func(head []byte, ended bool) bool) (head []byte, rest io.Reader) {
	timer := time.NewTimer(hold)
	defer timer.Stop()
	for {
		next := make(chan readResult, 1)
		go func() {
			piece := make([]byte, 4<<10)
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

// scanEvent looks at the beginning of a stream. Not decided means that more is needed; ended, that no more comes.
// An error is an event of the name "error", or one whose data is an object with an "error" or of the type "error".
func scanEvent(stream []byte, ended bool) (failure []byte, decided bool) {
	named := false
	if len(stream) < len(byteOrderMark) && strings.HasPrefix(byteOrderMark, string(stream)) && !ended {
		return nil, false
	}
	stream = bytes.TrimPrefix(stream, []byte(byteOrderMark))
	for len(stream) > 0 {
		line, rest, whole := bytes.Cut(stream, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case !whole && !ended:
			return nil, !mayBeError(line, named)
		case string(field) == "event":
			if named = string(value) == "error"; !named {
				return nil, true
			}
		case string(field) == "data" && len(value) > 0:
			if named || isError(value) {
				return value, true
			}
			return nil, true
		}
		stream = rest // an empty line, a comment, an id: the event is still to come
	}
	return nil, false
}

// mayBeError tells whether a line that is not whole yet can still become that of an error.
func mayBeError(line []byte, named bool) bool {
	if named {
		return true
	}
	compact := bytes.ReplaceAll(line, []byte(" "), nil)
	for _, start := range []string{`data:{"error"`, `data:{"type":"error"`, `data:{"message"`, "event:error", ":", "id:", "retry:"} {
		n := min(len(start), len(compact))
		if string(compact[:n]) == start[:n] {
			return true
		}
	}
	return false
}

func isError(data []byte) bool {
	var event struct {
		Type  string          `json:"type"`
		Error json.RawMessage `json:"error"`
	}
	if !bytes.Contains(data, []byte(`"error"`)) || json.Unmarshal(data, &event) != nil {
		return false
	}
	return event.Type == "error" || len(event.Error) > 0 && event.Error[0] == '{'
}
