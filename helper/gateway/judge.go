package gateway

import (
	"bytes"
	"compress/gzip"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// maxErrorBody is how much of an error's body is read to understand it, in bytes. The service's are
// under 1 kB.
const maxErrorBody = 64 << 10

// errorTime bounds the wait for an error's body. It is a moment's work for a service, and one that
// never ends must not keep the request from the next account.
const errorTime = 5 * time.Second

// judge says what an answer means for the account, whose key is known so that it can be taken out
// of an error that repeats it. What has to be read of the body is put back.
func judge(resp *http.Response, x *Exchange, key keychain.Secret) rotation.Verdict {
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		// A body that breaks off, or does not come, is judged by its status.
		read, rest := peek(resp.Body, errorTime, func(head []byte, _ bool) bool { return len(head) >= maxErrorBody })
		read = without(key, read, resp)
		putBack(resp, read, rest)
		body, readable := decoded(read, resp.Header.Get("Content-Encoding"))
		if !readable {
			return rotation.Verdict{}
		}
		return rotation.Classify(rotation.Answer{Status: resp.StatusCode, Header: resp.Header, Body: body, Model: x.Model()}, x.now())
	case resp.StatusCode == http.StatusOK && isEventStream(resp):
		head, rest, failure := firstEvent(resp.Body, holdComments)
		return judgeFailure(resp, x, key, head, rest, failure)
	case resp.StatusCode == http.StatusOK && resp.ContentLength != 0 && isPlain(resp, "application/json"):
		head, rest, failure := firstMembers(resp.Body, resp.ContentLength, errorTime)
		return judgeFailure(resp, x, key, head, rest, failure)
	}
	return rotation.Verdict{}
}

// judgeFailure is judge for an answer with the status of success: head was read of it, and failure
// is not nil if that is an error.
func judgeFailure(resp *http.Response, x *Exchange, key keychain.Secret, head []byte, rest io.Reader, failure []byte) rotation.Verdict {
	if failure != nil {
		failure, head = without(key, failure, resp), without(key, head, resp)
	}
	putBack(resp, head, rest)
	if failure == nil {
		return rotation.Verdict{}
	}
	return rotation.ClassifyEvent(rotation.Answer{Header: resp.Header, Body: failure, Model: x.Model()}, x.now())
}

func isEventStream(resp *http.Response) bool { return isPlain(resp, "text/event-stream") }

// isPlain reports whether the body is of this type, and not compressed.
func isPlain(resp *http.Response, mediaType string) bool {
	said, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	encoding := resp.Header.Get("Content-Encoding")
	return said == mediaType && (encoding == "" || encoding == "identity")
}

// putBack makes the body begin with what was read of it.
func putBack(resp *http.Response, read []byte, rest io.Reader) {
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(read), rest), resp.Body}
}

// without takes the key out of what the service said, should it have repeated it.
func without(key keychain.Secret, said []byte, resp *http.Response) []byte {
	secret := []byte(key.Reveal())
	if len(secret) == 0 || !bytes.Contains(said, secret) {
		return said
	}
	resp.ContentLength = -1 // it is another length now
	resp.Header.Del("Content-Length")
	return bytes.ReplaceAll(said, secret, []byte("[redacted]"))
}

// decoded undoes the one compression that a server may use although it was asked for none. Not
// readable is a body of which nothing can be said.
func decoded(body []byte, encoding string) (plain []byte, readable bool) {
	switch strings.ToLower(encoding) {
	case "", "identity":
		return body, true
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, false
		}
		plain, _ := io.ReadAll(io.LimitReader(z, maxErrorBody))
		return plain, true
	}
	return nil, false
}
