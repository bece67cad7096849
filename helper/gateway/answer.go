package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"ocgo-key/rotation"
)

// An error that the gateway itself has to say takes the service's form, so that every client shows it well.
// Source: opencode-facts, "The Go service".
func errorBody(kind, message string, metadata map[string]string) []byte {
	body, _ := json.Marshal(map[string]any{ // strings always marshal
		"type":     "error",
		"error":    map[string]string{"type": kind, "message": message},
		"metadata": metadata,
	})
	return body
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(errorBody("GatewayError", "ocgo-key: "+message, nil))
}

// poolError is a request that failed before it was sent: no account, no keychain.
type poolError struct{ err error }

func (e *poolError) Error() string { return e.err.Error() }
func (e *poolError) Unwrap() error { return e.err }

// answerError answers a request that got no answer of the service. A 503 invites the client to try again, which
// is right for a locked keychain as for a network that is down.
func answerError(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case r.Context().Err() != nil || errors.Is(err, context.Canceled):
		panic(http.ErrAbortHandler) // the client is gone; net/http's way to end without an answer
	case errors.Is(err, errBody):
		refuse(w, http.StatusBadRequest, err.Error())
	case errors.As(err, new(*poolError)):
		refuse(w, http.StatusServiceUnavailable, err.Error())
	case errors.Is(err, errStalled):
		refuse(w, http.StatusGatewayTimeout, err.Error())
	default:
		refuse(w, http.StatusBadGateway, "the service could not be reached: "+err.Error())
	}
}

// againAnswer asks the client to send its request again, which cannot be done here: label is ready for it.
func againAnswer(req *http.Request, label string) *http.Response {
	return ownAnswer(req, http.StatusTooManyRequests, 1, errorBody("RateLimitError", "ocgo-key: "+label+" is ready: send the request again", nil))
}

// exhaustedAnswer is the answer when no account is left: a limit of the service's own form, that ends when the
// soonest account is back.
func exhaustedAnswer(req *http.Request, e *rotation.ExhaustedError, now time.Time) *http.Response {
	if e.Until.IsZero() {
		return ownAnswer(req, http.StatusUnauthorized, 0, errorBody("AuthError", "ocgo-key: "+e.Error()+"; see `ocgo-key list`", nil))
	}
	seconds := max(1, int(math.Ceil(e.Until.Sub(now).Seconds())))
	return ownAnswer(req, http.StatusTooManyRequests, seconds, errorBody("GoUsageLimitError", "ocgo-key: "+e.Error(), exhaustedMetadata(e)))
}

// ownAnswer is an answer that is made here; retryAfter is in seconds, 0 for none.
func ownAnswer(req *http.Request, status, retryAfter int, body []byte) *http.Response {
	header := http.Header{"Content-Type": {"application/json"}}
	if retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

// exhaustedMetadata is what OpenCode makes its own limit dialog from: "LIMITNAME usage limit reached. It will
// reset in …", with a link to the workspace's settings.
func exhaustedMetadata(e *rotation.ExhaustedError) map[string]string {
	m := map[string]string{"limitName": e.Account + "'s"}
	if e.Window != "" {
		m["limitName"] += " " + e.Window
	}
	if e.Workspace != "" {
		m["workspace"] = e.Workspace
	}
	return m
}
