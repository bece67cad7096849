package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"ocgo-key/helper"
	"ocgo-key/rotation"
)

// failover sends a request with the leased account's key and, as long as the answer is a limit and nothing of
// it was passed on, again with the next account's: at most one pass over the pool.
type failover struct {
	*Options
	inBackground func(func(context.Context))
}

// RoundTrip returns the answer for the client. It fails only where the network does, or the pool gives no
// account for another reason than exhaustion.
func (f *failover) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, x := req.Context(), exchangeOf(req)
	grant, err := f.Holder.Current(ctx, x.Model)
	if err != nil {
		return f.refused(x, req, err)
	}
	if grant.Moved != nil {
		f.switched(*grant.Moved, grant)
	}
	var tried []rotation.Handout // a key that was replaced meanwhile is another hand-out
	stalled := false
	for {
		tried = append(tried, grant.Handout)
		resp, err := f.send(req, x, grant)
		if errors.Is(err, errStalled) && !stalled && x.body.replayable() {
			stalled = true
			if next, avoidErr := f.Holder.Avoid(ctx, grant, x.Model); avoidErr == nil {
				f.switched(rotation.Switch{From: grant.Handout, To: next.Handout}, next)
				grant = next
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		verdict := judge(resp, x, grant.Key)
		if !verdict.Failover() {
			f.passOn(resp, x, grant)
			return resp, nil
		}
		next, moved, err := f.Holder.Report(ctx, grant, verdict, x.Model)
		if verdict.Window != "" && f.Quota != nil && (moved || err != nil) {
			limited := grant // which is about to be another
			f.inBackground(func(ctx context.Context) { f.Quota.Limited(ctx, limited) })
		}
		if err != nil {
			return f.lastAnswer(x, req, resp, err)
		}
		sw := rotation.Switch{From: grant.Handout, To: next.Handout, Verdict: verdict}
		if moved {
			f.switched(sw, next)
		}
		if f.Observer.Limited != nil && f.Observer.Limited(x, sw) {
			_ = resp.Body.Close()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		_ = resp.Body.Close()
		if !x.body.replayable() || slices.ContainsFunc(tried, same(next.Handout)) {
			return againAnswer(req, next.Label), nil
		}
		grant = next
	}
}

func same(h rotation.Handout) func(rotation.Handout) bool {
	return func(other rotation.Handout) bool { return h.ID == other.ID && h.KeyRev == other.KeyRev }
}

// errStalled is a request whose answer did not begin in time.
var errStalled = errors.New("the service did not begin to answer in time")

// send makes one attempt. The key is on this copy of the request alone, so that nothing else can show it.
func (f *failover) send(req *http.Request, x *Exchange, grant helper.Grant) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	out := req.Clone(ctx)
	x.body.open(out)
	// The header that the request carried, and the one that the service looks for the key in on this path: some
	// clients use the other one, and a key that is not found would count as a bad one.
	messages := strings.HasSuffix(req.URL.Path, "/messages") || strings.Contains(req.URL.Path, "/messages/")
	if x.apiKeyHeader || messages {
		out.Header.Set("X-Api-Key", grant.Key.Reveal())
	}
	if !x.apiKeyHeader || !messages {
		out.Header.Set("Authorization", "Bearer "+grant.Key.Reveal())
	}
	if f.Stall > 0 {
		watchdog := time.AfterFunc(f.Stall, func() { cancel(errStalled) })
		defer watchdog.Stop()
	}
	resp, err := f.Transport.RoundTrip(out)
	if err != nil {
		if errors.Is(context.Cause(ctx), errStalled) {
			err = errStalled
		}
		cancel(nil)
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols { // nobody asked for that
		cancel(nil)
		_ = resp.Body.Close()
		return nil, errors.New("it answered with a change of protocol")
	}
	resp.Body = &endingBody{resp.Body, cancel}
	return resp, nil
}

// endingBody ends its attempt's context when it is closed.
type endingBody struct {
	io.ReadCloser
	end context.CancelCauseFunc
}

func (b *endingBody) Close() error {
	defer b.end(nil)
	return b.ReadCloser.Close()
}

// passOn follows an answer on its way to the client.
func (f *failover) passOn(resp *http.Response, x *Exchange, grant helper.Grant) {
	x.served = &grant
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return
	}
	if f.Observer.Answered != nil {
		f.Observer.Answered(x)
	}
	if f.NoOverage {
		resp.Body = watchCost(resp, func(cost string) { f.overage(x, grant, cost) })
	}
}

// switched is for the one request that finds the process moved, to the account of next.
func (f *failover) switched(sw rotation.Switch, next helper.Grant) {
	f.inBackground(f.Holder.Prepare)
	if f.Quota != nil {
		f.inBackground(func(ctx context.Context) { f.Quota.Switched(ctx, next) })
	}
	if f.Observer.Switched != nil {
		f.Observer.Switched(sw)
	}
}

func (f *failover) exhausted(x *Exchange, e *rotation.ExhaustedError) {
	if f.Observer.Exhausted != nil {
		f.Observer.Exhausted(x, e)
	}
}

// overage moves the process off an account that has begun to spend real money, until its windows are reset.
func (f *failover) overage(x *Exchange, grant helper.Grant, cost string) {
	f.inBackground(func(ctx context.Context) {
		verdict := rotation.Overage(cost, f.Now())
		next, moved, err := f.Holder.Report(ctx, grant, verdict, nil)
		if exhausted := new(rotation.ExhaustedError); errors.As(err, &exhausted) {
			f.exhausted(x, exhausted)
		}
		if moved {
			f.switched(rotation.Switch{From: grant.Handout, To: next.Handout, Verdict: verdict}, next)
		}
		if f.Quota != nil {
			f.Quota.Limited(ctx, grant)
		}
	})
}

// refused is the answer to a request for which there is no account.
func (f *failover) refused(x *Exchange, req *http.Request, err error) (*http.Response, error) {
	var exhausted *rotation.ExhaustedError
	if errors.As(err, &exhausted) {
		f.exhausted(x, exhausted)
		if f.Quota != nil {
			f.inBackground(f.Quota.Exhausted)
		}
		return exhaustedAnswer(req, exhausted, x.now()), nil
	}
	if f.Observer.Failed != nil && req.Context().Err() == nil {
		f.Observer.Failed(err)
	}
	return nil, &poolError{err}
}

// lastAnswer is for a request whose account met a limit, with none left to go on with. What the service said
// is passed on where it says more than we could: a refused key, with no account that comes back by itself.
func (f *failover) lastAnswer(x *Exchange, req *http.Request, resp *http.Response, err error) (*http.Response, error) {
	if exhausted := new(rotation.ExhaustedError); errors.As(err, &exhausted) && exhausted.Until.IsZero() {
		f.exhausted(x, exhausted)
		return resp, nil
	}
	_ = resp.Body.Close()
	return f.refused(x, req, err)
}
