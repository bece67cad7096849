package gateway

import (
	"io"
	"net/http"
	"strings"
	"time"

	"ocgo-key/rotation"
)

// maxErrorBody is how much of an error's body is read, in bytes. The service's errors are under 1
// kB.
const maxErrorBody = 64 << 10

// errorTime is the longest wait for an error's body. The service sends it at once. A body that
// never ends must not delay the attempt with the next account.
const errorTime = 5 * time.Second

// judge decides what an answer means for the account. Afterwards the body can still be read from
// its beginning.
func judge(resp *http.Response, x *Exchange) rotation.Verdict {
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		// If the body is incomplete or missing, the status decides.
		body, rest := peek(resp.Body, errorTime, func(head []byte, _ bool) bool { return len(head) >= maxErrorBody })
		putBack(resp, body, rest)
		return rotation.Classify(rotation.Answer{Status: resp.StatusCode, Header: resp.Header, Body: body, Model: x.Model()}, x.now())
	case resp.StatusCode == http.StatusOK && isEventStream(resp):
		head, rest, failure := firstEvent(resp.Body, holdComments)
		return judgeFailure(resp, x, head, rest, failure)
	case resp.StatusCode == http.StatusOK && resp.ContentLength != 0 && isType(resp, "application/json"):
		head, rest, failure := firstMembers(resp.Body, resp.ContentLength, errorTime)
		return judgeFailure(resp, x, head, rest, failure)
	}
	return rotation.Verdict{}
}

// judgeFailure is like judge, for an answer with a success status. head is what was read of the
// body; failure is the error in it, nil for none.
func judgeFailure(resp *http.Response, x *Exchange, head []byte, rest io.Reader, failure []byte) rotation.Verdict {
	putBack(resp, head, rest)
	if failure == nil {
		return rotation.Verdict{}
	}
	return rotation.ClassifyEvent(rotation.Answer{Header: resp.Header, Body: failure, Model: x.Model()}, x.now())
}

func isEventStream(resp *http.Response) bool { return isType(resp, "text/event-stream") }

func isType(resp *http.Response, mediaType string) bool {
	said, _, _ := strings.Cut(first(resp.Header, "Content-Type"), ";") // parameters follow
	return strings.EqualFold(strings.TrimSpace(said), mediaType)
}

// putBack makes the body begin with the bytes that were read from it.
func putBack(resp *http.Response, read []byte, rest io.Reader) {
	resp.Body = struct {
		io.Reader
		io.Closer
	}{&lateReader{data: read, stream: rest}, resp.Body}
}
