package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"ocgo-key/helper"
	"ocgo-key/internal/text"
)

// errorBody returns an error in the service's format, so that every client can show it. Source:
// docs/facts.md, "Errors".
func errorBody(kind, message string) []byte {
	body, _ := json.Marshal(map[string]any{ // strings always marshal
		"type":  "error",
		"error": map[string]string{"type": kind, "message": message},
	})
	return body
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(errorBody("GatewayError", "ocgo-key: "+message))
}

// poolError is the error of a request that failed before it was sent: no account, or no keychain.
type poolError struct{ err error }

func (e *poolError) Error() string { return e.err.Error() }
func (e *poolError) Unwrap() error { return e.err }

// badAnswer is the error of a request whose answer can't be passed on.
type badAnswer struct{ error }

// answerError responds to a request that the service did not answer. Status 503 makes the client
// retry, for example until the keychain is unlocked.
func answerError(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case r.Context().Err() != nil || errors.Is(err, context.Canceled):
		panic(http.ErrAbortHandler) // the client has disconnected; this ends the request without an answer
	case errors.Is(err, errBody):
		refuse(w, http.StatusBadRequest, err.Error())
	case isA[*poolError](err):
		refuse(w, http.StatusServiceUnavailable, failureText(err))
	case errors.Is(err, errStalled):
		refuse(w, http.StatusGatewayTimeout, failureText(err))
	default:
		refuse(w, http.StatusBadGateway, failureText(err))
	}
}

// isA reports whether err is or wraps an E.
func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// failureText says why a request got no answer from the service.
func failureText(err error) string {
	if isA[*poolError](err) || isA[*badAnswer](err) || errors.Is(err, errStalled) {
		return err.Error()
	}
	return "the service could not be reached: " + helper.NetworkReason(err)
}

// againAnswer asks the client to send its request again, because the gateway cannot send it a
// second time. label is the account that is ready.
func againAnswer(req *http.Request, label string) *http.Response {
	resp := ownAnswer(req, http.StatusTooManyRequests, errorBody("RateLimitError", "ocgo-key: "+text.Line(label)+" is ready: send the request again"))
	resp.Header.Set("Retry-After", "1")
	return resp
}

// ownAnswer is an answer from the gateway itself.
func ownAnswer(req *http.Request, status int, body []byte) *http.Response {
	header := http.Header{"Content-Type": {"application/json"}}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}
