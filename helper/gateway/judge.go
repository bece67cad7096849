package gateway

import (
	"bytes"
	"compress/gzip"
	"io"
	"mime"
	"net/http"

	"ocgo-key/rotation"
)

// maxErrorBody is how much of an error's body is read to understand it, in bytes. The service's are under 1 kB.
const maxErrorBody = 64 << 10

// judge says what an answer means for the account. What it has to read of the body is put back.
func judge(resp *http.Response, x *Exchange) rotation.Verdict {
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		read, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // a body that breaks off is judged by its status
		putBack(resp, read, after(resp.Body, err))
		return rotation.Classify(rotation.Answer{Status: resp.StatusCode, Header: resp.Header,
			Body: decoded(read, resp.Header.Get("Content-Encoding")), Model: x.Model()}, x.now())
	case resp.StatusCode == http.StatusOK && isEventStream(resp):
		head, rest, failure := firstEvent(resp.Body, holdComments)
		putBack(resp, head, rest)
		if failure == nil {
			return rotation.Verdict{}
		}
		return rotation.ClassifyEvent(rotation.Answer{Header: resp.Header, Body: failure, Model: x.Model()}, x.now())
	}
	return rotation.Verdict{}
}

func isEventStream(resp *http.Response) bool {
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return mediaType == "text/event-stream" && resp.Header.Get("Content-Encoding") == ""
}

// putBack makes the body begin with what was read of it.
func putBack(resp *http.Response, read []byte, rest io.Reader) {
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(read), rest), resp.Body}
}

// decoded undoes the one compression that a server may use although it was asked for none.
func decoded(body []byte, encoding string) []byte {
	if encoding != "gzip" {
		return body
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	plain, _ := io.ReadAll(io.LimitReader(z, maxErrorBody))
	return plain
}
