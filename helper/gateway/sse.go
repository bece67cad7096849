package gateway

import (
	"bytes"
	"encoding/json"
	"io"
)

// maxFirstEvent is how much of a stream is read in search of its first event, in bytes.
const maxFirstEvent = 64 << 10

// firstEvent reads a stream until it is plain whether its first event is an error, and not a byte further than
// the read that showed it: for a healthy stream that is the read that brings its first bytes. It returns what
// was read, and the error event's data if it is one.
func firstEvent(r io.Reader) (read, failure []byte) {
	buf := make([]byte, 0, 4<<10)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		failure, decided := scanEvent(buf, err != nil)
		if decided || err != nil || len(buf) >= maxFirstEvent {
			return buf, failure
		}
	}
}

// scanEvent looks at the beginning of a stream. Not decided means that more is needed; ended, that no more comes.
// An error is an event of the name "error", or one whose data is an object with an "error" or of the type "error".
func scanEvent(stream []byte, ended bool) (failure []byte, decided bool) {
	named := false
	stream = bytes.TrimPrefix(stream, []byte("\ufeff"))
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
		case string(field) == "data":
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
