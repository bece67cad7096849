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

// errorTime is the longest wait for an error's body. A service sends it at once, and a body that
// never ends must not keep the request from the next account.
const errorTime = 5 * time.Second

// judge decides what an answer means for the account. It restores what it reads of the body,
// without the account's key if the answer repeats that.
func judge(resp *http.Response, x *Exchange, key keychain.Secret) rotation.Verdict {
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		// If the body breaks off or does not come, the status decides.
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

// judgeFailure is like judge for an answer with a success status. head is what was read of it;
// failure is not nil if that is an error.
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

// isPlain reports whether the body has this type and is not compressed.
func isPlain(resp *http.Response, mediaType string) bool {
	said, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	encoding := resp.Header.Get("Content-Encoding")
	return said == mediaType && (encoding == "" || encoding == "identity")
}

// putBack makes the body begin with the bytes that were read from it.
func putBack(resp *http.Response, read []byte, rest io.Reader) {
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(read), rest), resp.Body}
}

// without removes the key from the service's answer, should that repeat it.
func without(key keychain.Secret, said []byte, resp *http.Response) []byte {
	secret := []byte(key.Reveal())
	if len(secret) == 0 || !bytes.Contains(said, secret) {
		return said
	}
	resp.ContentLength = -1 // the length has changed
	resp.Header.Del("Content-Length")
	return bytes.ReplaceAll(said, secret, []byte("[redacted]"))
}

// decoded undoes gzip, which a server may use although it was asked for no compression. readable is
// false for a body that cannot be understood.
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
