package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"time"
)

// firstMembers reads an answer that is to be JSON until it is plain whether it is an error, which
// some servers send with the status of success. For a healthy answer that is the read that brings
// its first member. It returns what was read, where to read on, and the error's text if it is one.
// length is the answer's, in bytes; of one that has none, -1, it is not known when it will go on,
// and it is held back for as long as hold.
func firstMembers(answer io.Reader, length int64, hold time.Duration) (head []byte, rest io.Reader, failure []byte) {
	enough := func(head []byte, _ bool) bool {
		if isError(head) {
			failure = head
		}
		return failure != nil || len(head) >= maxErrorBody || !mayBeError(head)
	}
	if length >= 0 {
		head, rest = peekWhole(answer, enough)
	} else {
		head, rest = peek(answer, hold, enough)
	}
	return head, rest, failure
}

// isError reports whether a JSON text is an error's: an object with an object "error", or of the
// type "error".
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

// errorMembers are what the text of an error begins with: the first member's name, and the
// beginning of its value.
var errorMembers = []struct{ name, value string }{
	{`"error"`, "{"}, {`"type"`, `"error"`}, {`"message"`, ""}, {`"code"`, ""}, {`"status"`, ""}, {`"metadata"`, ""},
}

// mayBeError reports whether a text that begins so can still become that of an error. What begins
// with another member is taken for healthy.
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

// skip takes a token off the beginning of a JSON text, past white space. cut means that the text
// ended before the token did.
func skip(text []byte, token string) (rest []byte, whole, cut bool) {
	text = bytes.TrimLeft(text, " \t\r\n")
	n := min(len(text), len(token))
	if string(text[:n]) != token[:n] {
		return nil, false, false
	}
	return text[n:], n == len(token), n < len(token)
}
