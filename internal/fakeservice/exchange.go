package fakeservice

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// bodyLimit is far above the 64 MiB that a gateway buffers for a replay, so that tests can send
// larger bodies.
const bodyLimit = 256 << 20

// object is a JSON object under construction.
type object = map[string]any

// exchange is one request and its answer.
type exchange struct {
	s   *Server
	w   http.ResponseWriter
	r   *http.Request
	log *Request

	tooBig  bool
	outcome Outcome
}

// read reads the request and logs it. It takes the key from the header that auth names, as the
// service does. If format is set, it parses the body, and returns an error if that fails.
func (x *exchange) read(auth string, f format) (turn, error) {
	q := &Request{
		Time: x.s.now(), Method: x.r.Method, Path: x.r.URL.Path, Query: x.r.URL.RawQuery, Host: x.r.Host,
		RemoteAddr: x.r.RemoteAddr, Header: x.r.Header.Clone(),
		Session: x.r.Header.Get("x-opencode-session"), Parent: x.r.Header.Get("x-parent-session-id"),
		RequestID: x.r.Header.Get("x-opencode-request"),
	}
	bearer, hasBearer := strings.CutPrefix(x.r.Header.Get("Authorization"), "Bearer ")
	apiKey := x.r.Header.Get("x-api-key")
	switch {
	case hasBearer && apiKey != "":
		q.AuthHeader = "both"
	case hasBearer:
		q.AuthHeader = "bearer"
	case apiKey != "":
		q.AuthHeader = "x-api-key"
	}
	if auth == "x-api-key" {
		q.Key = apiKey
	} else if hasBearer {
		q.Key = bearer
	}

	body, err := readBody(x.w, x.r)
	_, x.tooBig = errors.AsType[*http.MaxBytesError](err)
	q.Body = body
	var t turn
	if f != nil && err == nil {
		if t, err = parse(body, f); err == nil {
			q.Model, q.Stream, q.Tools = t.model, t.stream, len(t.tools) > 0
			q.Prompt, q.ToolResults = t.prompt, t.results
			q.Title = !q.Tools && q.Session != "" && x.r.Header.Get("x-opencode-client") != ""
		}
	}
	x.s.mu.Lock()
	if a := x.s.accounts[q.Key]; a != nil {
		q.Account = a.Label
	}
	x.s.mu.Unlock()
	x.log = q
	x.s.begin(q)
	return t, err
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var b bytes.Buffer
	if n := r.ContentLength; n > 0 && n <= 64<<20 {
		b.Grow(int(n) + bytes.MinRead)
	}
	_, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, bodyLimit))
	return b.Bytes(), err
}

// finish logs the end of the exchange. Its call is deferred after read.
func (x *exchange) finish() { x.s.end(x.log, cmp.Or(x.outcome, Gone)) }

// infer answers a model request.
func (x *exchange) infer(f format) {
	t, err := x.read(f.auth(), f)
	defer x.finish()

	var answer Answer
	x.s.mu.Lock()
	a := x.s.accounts[x.log.Key]
	switch {
	case x.tooBig:
		answer = Error(http.StatusRequestEntityTooLarge, "error", "Request too large")
	case err != nil: // the service parses the body before it checks the key, and answers with this error
		answer = ServerError(http.StatusInternalServerError)
	case x.log.Key == "":
		answer = Error(http.StatusUnauthorized, "AuthError", "Missing API key.")
	case a == nil:
		answer = AuthError()
	case x.log.Session == "" && strings.HasPrefix(x.log.Path, GoPath) && !x.s.opts.SessionOptional:
		answer = MissingSession()
	case x.s.opts.CloseReused && x.reused():
		answer = Answer{Break: NoAnswer}
	default:
		answer = a.choose(x.log, x.s.now()).of(a)
	}
	x.s.mu.Unlock()

	if answer.Body != nil || (answer.Status != 0 && answer.Status != http.StatusOK) {
		x.send(answer)
		return
	}
	x.succeed(f, t, answer)
}

// send sends an answer that does not come from a model: an error, or the given body.
func (x *exchange) send(answer Answer) {
	if !x.ready(answer) {
		return
	}
	body := answer.Body
	h := x.w.Header()
	if body == nil {
		h.Set("Content-Type", "application/json")
		body = errorBody(answer)
	}
	if answer.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(seconds(answer.RetryAfter), 10))
	}
	x.whole(answer, body)
}

func (x *exchange) sendJSON(status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // a tool call has arguments that cannot be encoded as JSON
		status, body = http.StatusInternalServerError, []byte(err.Error())
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.whole(Answer{Status: status}, body)
}

// ready waits for the answer's Stall, and reports whether to continue.
func (x *exchange) ready(answer Answer) bool {
	if answer.Stall != 0 && !x.s.sleep(x.r.Context(), answer.Stall) {
		x.cut(false) // otherwise the handler would send an empty 200 after Close has ended the wait
		return false
	}
	if answer.Break == NoAnswer {
		x.outcome = Broken
		x.cut(false)
		return false
	}
	return true
}

// head sends status and headers.
func (x *exchange) head(answer Answer) {
	h := x.w.Header()
	for name, values := range answer.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	status := cmp.Or(answer.Status, http.StatusOK)
	x.s.setStatus(x.log, status)
	x.w.WriteHeader(status)
}

// whole sends an answer that is not a stream.
func (x *exchange) whole(answer Answer, body []byte) {
	if x.w.Header().Get("Content-Length") == "" && bodyAllowed(answer.Status) {
		x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	x.head(answer)
	if answer.Break == Drop || answer.Break == Reset {
		if _, err := x.w.Write(body[:len(body)/2]); err == nil {
			x.outcome = Broken
			x.cut(answer.Break == Reset)
		}
		return
	}
	if len(body) > 0 {
		if _, err := x.w.Write(body); err != nil || !x.flush() {
			return
		}
	}
	x.outcome = Answered
}

func bodyAllowed(status int) bool {
	return status == 0 || (status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified)
}

// flush sends what was written. It returns false if the client has disconnected.
func (x *exchange) flush() bool {
	err := http.NewResponseController(x.w).Flush()
	return err == nil || errors.Is(err, http.ErrNotSupported)
}

// cut closes the connection during the answer. That is possible only with HTTP/1; with a recorder
// or HTTP/2 the answer just ends early.
func (x *exchange) cut(reset bool) {
	if x.log.Status != 0 {
		x.flush()
	}
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// errorBody returns an error in the service's form. It returns no body for an answer without a kind
// and a message.
func errorBody(answer Answer) []byte {
	if answer.kind() == "" && answer.Message == "" {
		return nil
	}
	type inner struct {
		Type    string `json:"type,omitempty"`
		Code    string `json:"code,omitempty"`
		Message string `json:"message"`
	}
	out := struct {
		Type     string `json:"type,omitempty"`
		Error    inner  `json:"error"`
		Metadata object `json:"metadata,omitzero"`
	}{Error: inner{answer.ErrorType, answer.Code, answer.Message}, Metadata: answer.Metadata}
	if !answer.Bare {
		out.Type = "error"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
