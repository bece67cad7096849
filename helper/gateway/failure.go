package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"time"
)

// firstMembers reads a JSON answer until it is clear whether it is an error: some servers send
// errors with a success status. The first member of the object usually decides. The results are
// what was read, a reader for the rest, and the text of the error, if any. The parameter length is
// the answer's length in bytes. If the length is unknown (-1), firstMembers waits no longer than
// hold.
func firstMembers(answer io.Reader, length int64, hold time.Duration) (head []byte, rest io.Reader, failure []byte) {
	enough := func(head []byte, _ bool) bool {
		if isError(head) {
			failure = head
		}
		return failure != nil || len(head) >= maxErrorBody || !mayBeError(head)
	}
	if length >= 0 {
		head, rest = peekWhole(answer, length, enough)
	} else {
		head, rest = peek(answer, hold, enough)
	}
	return head, rest, failure
}

// isError reports whether a JSON text is an error: an object with an object "error", or with
// "type":"error".
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

// errorMembers are the possible beginnings of an error: the first member's name, and the beginning
// of its value.
var errorMembers = []struct{ name, value string }{
	{`"error"`, "{"}, {`"type"`, `"error"`}, {`"message"`, ""}, {`"code"`, ""}, {`"status"`, ""}, {`"metadata"`, ""},
}

// mayBeError reports whether a text with this beginning can still become an error. An object that
// begins with another member is not an error.
func mayBeError(text []byte) bool {
	text, whole, cut := skip(text, "{")
	if !whole {
		return cut
	}
	for _, m := range errorMembers {
		rest, whole, cut := skip(text, m.name)
		if whole {
			rest, whole, cut = skip(rest, ":")
		}
		if whole {
			_, whole, cut = skip(rest, m.value)
		}
		if whole || cut {
			return true
		}
	}
	return false
}

// skip removes white space and a token from the beginning of a JSON text. cut reports whether the
// text ended within the token.
func skip(text []byte, token string) (rest []byte, whole, cut bool) {
	text = bytes.TrimLeft(text, " \t\r\n")
	n := min(len(text), len(token))
	if string(text[:n]) != token[:n] {
		return nil, false, false
	}
	return text[n:], n == len(token), n < len(token)
}
