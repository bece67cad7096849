package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ocgo-key/rotation"
)

// DefaultMaxWait is the default of Options.MaxWait.
const DefaultMaxWait = 15 * time.Minute

const (
	// usageWait is how long a request that finds no account waits for the service's usage figures.
	usageWait = 2 * time.Second
	// heldPoll is how often a held request checks whether an account is ready. A check costs one
	// stat, and a read if the pool changed.
	heldPoll = time.Second
	// heldComment is how often the client of a held request gets a comment. OpenCode and HTTP
	// proxies close a connection that is silent for minutes. Source: docs/facts.md, "Holding a
	// request".
	heldComment = 10 * time.Second
	// heldUsage is how often the service is asked whether an account is ready early.
	heldUsage = 10 * time.Minute
)

// refreshUsage asks the service about the accounts that are used up, and reports whether the pool
// may have changed. A limit error names only one usage window; /usage lists all of them.
func (f *failover) refreshUsage(ctx context.Context, e *rotation.ExhaustedError) bool {
	if f.Usage == nil || e.Until.IsZero() {
		return false
	}
	done := make(chan struct{})
	f.inBackground(func(ctx context.Context) {
		defer close(done)
		f.Usage.Exhausted(ctx)
	})
	timer := time.NewTimer(usageWait)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// exhausted answers a request when no account is ready. It holds the request until an account is
// ready, or returns a limit error that says when the next account will be ready.
func (p *pass) exhausted(e *rotation.ExhaustedError) *http.Response {
	p.observeExhausted(p.x, e)
	if !p.waits(e) {
		return exhaustedAnswer(p.req, p.x, e, p.Now(), false)
	}
	if p.x.Streams() && generation(p.x.header) >= 2 && p.x.body.replayable() {
		return p.hold(e)
	}
	return exhaustedAnswer(p.req, p.x, e, p.Now(), true)
}

// waits reports whether an account is ready within MaxWait.
func (f *failover) waits(e *rotation.ExhaustedError) bool {
	limit := DefaultMaxWait
	if f.MaxWait != nil {
		limit = *f.MaxWait
	}
	return !e.Until.IsZero() && e.Until.Sub(f.Now()) <= limit
}

// exhaustedAnswer is the answer when no account is left: a limit error in the service's format,
// with the time until the first account is ready. Clients retry after a RateLimitError, but not
// after a GoUsageLimitError; X-Should-Retry says the same to SDKs. OpenCode 1 waits after both, but
// after a GoUsageLimitError it recommends spending money on one account. So it always gets a
// RateLimitError.
func exhaustedAnswer(req *http.Request, x *Exchange, e *rotation.ExhaustedError, now time.Time, wait bool) *http.Response {
	message := e.Sentences(now)
	if e.Until.IsZero() {
		return ownAnswer(req, http.StatusUnauthorized, errorBody("AuthError", message+" See `ocgo-key list`."))
	}
	kind := "GoUsageLimitError"
	if wait || generation(x.header) == 1 {
		kind = "RateLimitError"
	}
	resp := ownAnswer(req, http.StatusTooManyRequests, errorBody(kind, message))
	resp.Header.Set("Retry-After", strconv.Itoa(retryAfter(e, now)))
	if kind == "GoUsageLimitError" {
		resp.Header.Set("X-Should-Retry", "false")
	}
	return resp
}

// retryAfter is the wait until the first account is ready, in whole seconds.
func retryAfter(e *rotation.ExhaustedError, now time.Time) int {
	wait := e.Until.Sub(now)
	return max(1, int((wait+time.Second-1)/time.Second))
}

// generation returns the major version of the OpenCode that sent the request, from its User-Agent
// ("opencode/1.18.33 …", "opencode/latest/2.0.15/cli"); 0 for another client.
func generation(h http.Header) int {
	rest, ok := strings.CutPrefix(h.Get("User-Agent"), "opencode/")
	if !ok {
		return 0
	}
	first, rest, _ := strings.Cut(rest, "/")
	for _, version := range []string{first, rest} {
		major, _, dotted := strings.Cut(version, ".")
		if n, err := strconv.Atoi(major); err == nil && dotted && n > 0 {
			return n
		}
	}
	return 0
}

// hold begins to answer a streaming request although no account is ready. Comments keep the
// connection open until an account is ready; then the service's answer follows. A later failure
// becomes an error event, because the status is already sent.
func (p *pass) hold(e *rotation.ExhaustedError) *http.Response {
	r, w := io.Pipe()
	go func() {
		_ = w.CloseWithError(p.held(w, e))
	}()
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"text/event-stream"}, "Cache-Control": {"no-cache"}},
		Body:   r, ContentLength: -1, Request: p.req,
	}
}

// held writes the stream of a held request. An error ends the client's connection.
func (p *pass) held(w *io.PipeWriter, e *rotation.ExhaustedError) error {
	for {
		if err := p.awaitAccount(w, e); err != nil {
			return err
		}
		next := &pass{failover: p.failover, x: p.x, req: p.req, ctx: p.ctx, holder: p.holder, again: true}
		resp, err := next.run()
		exhausted, ok := errors.AsType[*rotation.ExhaustedError](err)
		switch {
		case ok:
			p.observeExhausted(p.x, exhausted)
			if !p.waits(exhausted) {
				return writeEvent(w, exhaustedAnswer(p.req, p.x, exhausted, p.Now(), false))
			}
			e = exhausted
			continue
		case p.ctx.Err() != nil:
			return p.ctx.Err()
		case err != nil:
			_, err = fmt.Fprintf(w, "event: error\ndata: %s\n\n", errorBody("GatewayError", "ocgo-key: "+failureText(err)))
			return err
		case resp.StatusCode != http.StatusOK || !isEventStream(resp):
			return writeEvent(w, resp)
		}
		defer resp.Body.Close()
		_, err = io.Copy(w, resp.Body)
		return err
	}
}

// awaitAccount returns when an account may be ready. Until then it writes a comment at intervals,
// and asks the service whether an account is ready early.
func (p *pass) awaitAccount(w io.Writer, e *rotation.ExhaustedError) error {
	if _, err := io.WriteString(w, ": waiting\n\n"); err != nil {
		return err
	}
	poll, comment, usage := time.NewTicker(heldPoll), time.NewTicker(heldComment), time.NewTicker(heldUsage)
	defer poll.Stop()
	defer comment.Stop()
	defer usage.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return p.ctx.Err()
		case <-comment.C:
			if _, err := io.WriteString(w, ": waiting\n\n"); err != nil {
				return err
			}
		case <-usage.C:
			if p.Usage != nil {
				p.inBackground(p.Usage.Exhausted)
			}
		case <-poll.C:
			_, err := p.holder.Current(p.ctx, p.x.Model)
			if now, ok := errors.AsType[*rotation.ExhaustedError](err); !ok || !p.waits(now) {
				return nil
			}
		}
	}
}

// writeEvent writes resp, which is not a stream, to w as an error event.
func writeEvent(w io.Writer, resp *http.Response) error {
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // on an error, use what was read
	line := strings.Join(strings.Fields(string(body)), " ")
	if !isError([]byte(line)) {
		line = string(errorBody("GatewayError", fmt.Sprintf("ocgo-key: the service answered %d without a stream", resp.StatusCode)))
	}
	_, err := fmt.Fprintf(w, "event: error\ndata: %s\n\n", line)
	return err
}
