package gateway

import (
	"errors"
	"net/http"
	"slices"

	"ocgo-key/helper"
	"ocgo-key/rotation"
)

// failover sends a request with the leased account's key and, as long as the answer is a limit and nothing of
// it was passed on, again with the next account's: at most one pass over the pool.
type failover struct{ options *Options }

// RoundTrip returns the answer for the client. It fails only where the network does, or the pool gives no
// account for another reason than exhaustion.
func (f *failover) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, x := req.Context(), exchangeOf(req)
	grant, err := f.options.Holder.Current(ctx, x.Model)
	if err != nil {
		return f.refused(x, req, err)
	}
	var tried []string
	for {
		tried = append(tried, grant.ID)
		resp, err := f.send(req, x, grant)
		if err != nil {
			return nil, err
		}
		verdict := judge(resp, x)
		if !verdict.Failover() {
			if resp.StatusCode < 300 && f.options.Observer.Answered != nil {
				f.options.Observer.Answered(x)
			}
			return resp, nil
		}
		next, moved, err := f.options.Holder.Report(ctx, grant, verdict, x.Model)
		if err != nil {
			return f.lastAnswer(x, req, resp, err)
		}
		sw := rotation.Switch{From: grant.Handout, To: next.Handout, Verdict: verdict}
		if moved && f.options.Observer.Switched != nil {
			f.options.Observer.Switched(sw)
		}
		if f.options.Observer.Limited != nil && f.options.Observer.Limited(x, sw) {
			_ = resp.Body.Close()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		if slices.Contains(tried, next.ID) || !x.body.replayable() {
			return resp, nil
		}
		_ = resp.Body.Close()
		grant = next
	}
}

// send makes one attempt. The key is on this copy of the request alone, so that nothing else can show it.
func (f *failover) send(req *http.Request, x *Exchange, grant helper.Grant) (*http.Response, error) {
	out := req.Clone(req.Context())
	x.body.open(out)
	if x.apiKeyHeader {
		out.Header.Set("X-Api-Key", grant.Key.Reveal())
	} else {
		out.Header.Set("Authorization", "Bearer "+grant.Key.Reveal())
	}
	return f.options.Transport.RoundTrip(out)
}

// refused is the answer to a request for which there is no account.
func (f *failover) refused(x *Exchange, req *http.Request, err error) (*http.Response, error) {
	var exhausted *rotation.ExhaustedError
	if errors.As(err, &exhausted) {
		if f.options.Observer.Exhausted != nil {
			f.options.Observer.Exhausted(exhausted)
		}
		return exhaustedAnswer(req, exhausted, x.now()), nil
	}
	if f.options.Observer.Failed != nil && req.Context().Err() == nil {
		f.options.Observer.Failed(err)
	}
	return nil, &poolError{err}
}

// lastAnswer is for a request whose account met a limit, with none left to go on with. What the service said
// is passed on where it says more than we could: a refused key, with no account that comes back by itself.
func (f *failover) lastAnswer(x *Exchange, req *http.Request, resp *http.Response, err error) (*http.Response, error) {
	if exhausted := new(rotation.ExhaustedError); errors.As(err, &exhausted) && exhausted.Until.IsZero() {
		if f.options.Observer.Exhausted != nil {
			f.options.Observer.Exhausted(exhausted)
		}
		return resp, nil
	}
	_ = resp.Body.Close()
	return f.refused(x, req, err)
}
