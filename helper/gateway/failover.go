package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"ocgo-key/helper"
	"ocgo-key/rotation"
)

// failover sends a request with the leased account's key. While the answer is a limit, it sends the
// request again with the next account's key, before the client gets a byte. It tries each account
// at most once.
type failover struct {
	*Options
	inBackground func(func(context.Context))
	trials       trials
	paid         atomic.Bool // an answer of ThenModel was paid from a balance
	secrets      *secrets
}

// RoundTrip returns the answer for the client. It returns an error if the service cannot be
// reached, if its answer cannot be passed on, or if the pool or the keychain fails.
func (f *failover) RoundTrip(req *http.Request) (*http.Response, error) {
	x := exchangeOf(req)
	x.holder = f.holder(req, x)
	for again := false; ; again = true {
		p := &pass{failover: f, x: x, req: req, ctx: req.Context(), holder: x.holder, again: again}
		resp, err := p.run()
		exhausted, ok := errors.AsType[*rotation.ExhaustedError](err)
		if !ok {
			return resp, err
		}
		// /usage may name another time, or show that an account is already ready.
		if !again && f.refreshUsage(p.ctx, exhausted) {
			continue
		}
		if resp := p.instead(exhausted); resp != nil {
			return resp, nil
		}
		return p.exhausted(exhausted), nil
	}
}

// holder returns the holder whose account serves the request. The holder depends on the session id
// that is sent to the service.
func (f *failover) holder(req *http.Request, x *Exchange) Holder {
	if f.HolderOf == nil {
		return f.Holder
	}
	return f.HolderOf(first(req.Header, sessionHeader), x.Parent(), x.Folder())
}

// pass tries to get an answer to a request, with one account after another.
type pass struct {
	*failover
	x      *Exchange
	req    *http.Request
	ctx    context.Context // the request's
	holder Holder

	again bool // /usage was already asked for this request

	grant   helper.Grant       // the account that the request is sent with
	tried   []rotation.Handout // an account whose key was replaced may be tried again
	doubts  []doubt            // refusals that another account may disprove
	stalled *helper.Grant      // the account that did not begin to answer in time; nil for none
	trial   bool               // no account is ready; the request is tried anyway

	pending []func(context.Context) // tasks to run at the end of the pass
}

// later runs task in the background at the end of the pass, so that it does not delay the answer.
func (p *pass) later(task func(context.Context)) { p.pending = append(p.pending, task) }

func (p *pass) startPending() {
	for _, task := range p.pending {
		p.inBackground(task)
	}
}

// doubt is a refusal that is due to either the request or the account: see
// rotation.Verdict.OnProof.
type doubt struct {
	grant   helper.Grant
	verdict rotation.Verdict
	resp    *http.Response // still open: it may become the client's answer
}

// run returns the answer for the client. The error is a *rotation.ExhaustedError, a *poolError or
// an error of send.
func (p *pass) run() (*http.Response, error) {
	defer p.startPending()
	defer p.dropDoubts()
	if err := p.begin(); err != nil {
		return nil, err
	}
	for {
		if !p.x.body.replayable() {
			return againAnswer(p.req, p.grant.Label), nil
		}
		p.tried = append(p.tried, p.grant.Handout)
		resp, err := p.send(p.req, p.x, p.grant)
		if err != nil {
			if p.avoidStall(err) {
				continue
			}
			return nil, err
		}
		var v rotation.Verdict
		if !informational(p.req) {
			v = judge(resp, p.x)
		}
		if v.Unknown != nil {
			p.unknown(*v.Unknown)
		}
		switch {
		case !v.Failover():
			return p.answered(resp), nil
		case v.OnProof:
			resp, err = p.doubted(resp, v)
		default:
			resp, err = p.limited(resp, v)
		}
		if resp != nil || err != nil {
			return resp, err
		}
	}
}

// informational reports whether the request only asks for information about the account or the
// service. The service refuses such requests even with valid keys, so a refusal says nothing about
// the key. Source: docs/facts.md, "Usage".
func informational(req *http.Request) bool {
	return req.Method == http.MethodGet && (strings.HasSuffix(req.URL.Path, "/usage") || strings.HasSuffix(req.URL.Path, "/models"))
}

// begin selects the account for the first attempt.
func (p *pass) begin() error {
	grant, err := p.holder.Current(p.ctx, p.x.Model)
	use := rotation.ForModel
	if informational(p.req) {
		use = rotation.ForMetadata
	}
	if isA[*rotation.ExhaustedError](err) && (use == rotation.ForMetadata || p.trials.due(p.x.Model(), p.Now())) {
		if spare, ok, spareErr := p.holder.Spare(p.ctx, p.x.Model, use); ok && spareErr == nil {
			grant, err, p.trial = spare, nil, true
		}
	}
	if err != nil {
		return p.poolError(err)
	}
	p.grant = grant
	if grant.Moved != nil {
		p.switched(*grant.Moved, grant, p.later)
	}
	return nil
}

// avoidStall selects another account if the answer did not begin in time. It does so once per
// request.
func (p *pass) avoidStall(err error) bool {
	if !errors.Is(err, errStalled) || p.stalled != nil || !p.x.body.replayable() {
		return false
	}
	stalled := p.grant
	p.stalled = &stalled
	if len(p.doubts) > 0 { // the process keeps the account that refused this request
		return p.other()
	}
	next, avoidErr := p.holder.Avoid(p.ctx, p.grant, p.x.Model)
	if avoidErr != nil {
		return false
	}
	p.switched(rotation.Switch{From: p.grant.Handout, To: next.Handout}, next, p.later)
	p.grant = next
	return true
}

// answered passes on an answer that is not an account's fault. A success shows that the request was
// valid, so the accounts of the earlier doubts are blamed.
func (p *pass) answered(resp *http.Response) *http.Response {
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		if p.trial {
			p.trials.answered(p.x.Model())
		}
		// The process has the first of these accounts. This account is reported last, so that the
		// process switches only once: to an account that is not in doubt.
		for _, d := range slices.Backward(p.doubts) {
			next, moved, err := p.holder.Report(p.ctx, d.grant, d.verdict, p.x.Model)
			if err == nil && p.stalled != nil && next.ID == p.stalled.ID {
				next, err = p.holder.Avoid(p.ctx, *p.stalled, p.x.Model)
			}
			if err == nil && moved {
				p.switched(rotation.Switch{From: d.grant.Handout, To: next.Handout, Verdict: d.verdict}, next, p.later)
			}
		}
	}
	p.passOn(resp, p.x, p.grant)
	return resp
}

// doubted selects another account without blaming the current one. If there is none, it returns
// resp for the client.
func (p *pass) doubted(resp *http.Response, v rotation.Verdict) (*http.Response, error) {
	refused := p.grant
	if p.x.body.replayable() && p.other() {
		p.doubts = append(p.doubts, doubt{refused, v, resp})
		return nil, nil
	}
	p.passOn(resp, p.x, p.grant)
	return resp, nil
}

// limited reports the verdict and selects another account. If there is none, it returns the answer
// for the client.
func (p *pass) limited(resp *http.Response, v rotation.Verdict) (*http.Response, error) {
	if v.Window != "" {
		p.trials.limited(p.x.Model(), p.Now())
	}
	next, moved, err := p.holder.Report(p.ctx, p.grant, v, p.x.Model)
	// If no account is left, RoundTrip asks /usage about all used-up accounts.
	if asks := moved || err != nil && (v.Window == "" || p.again); asks && (v.Window != "" || v.Reason == rotation.TooMany) && p.Usage != nil {
		limited := p.grant // p.grant changes below
		p.later(func(ctx context.Context) { p.Usage.Limited(ctx, limited) })
	}
	if err != nil {
		return p.lastAnswer(resp, err)
	}
	sw := rotation.Switch{From: p.grant.Handout, To: next.Handout, Verdict: v}
	if moved {
		p.switched(sw, next, p.later)
	}
	if p.Observer.Limited != nil && p.Observer.Limited(p.x, sw) {
		_ = resp.Body.Close()
		<-p.ctx.Done()
		return nil, p.ctx.Err()
	}
	_ = resp.Body.Close()
	switch {
	case len(p.doubts) > 0: // the process keeps the account that refused this request
		if !p.x.body.replayable() || !p.other() {
			return p.lastDoubt(), nil
		}
		return nil, nil
	case !p.x.body.replayable() || slices.ContainsFunc(p.tried, same(next.Handout)):
		return againAnswer(p.req, next.Label), nil
	}
	p.grant = next
	return nil, nil
}

// lastAnswer answers a request whose account reached a limit when no other account is left. If all
// accounts are rejected or disabled, it passes on the service's answer, which says why the key was
// refused.
func (p *pass) lastAnswer(resp *http.Response, err error) (*http.Response, error) {
	if exhausted, ok := errors.AsType[*rotation.ExhaustedError](err); ok && exhausted.Until.IsZero() {
		p.observeExhausted(p.x, exhausted)
		return resp, nil
	}
	_ = resp.Body.Close()
	if len(p.doubts) > 0 {
		return p.lastDoubt(), nil
	}
	return nil, p.poolError(err)
}

// other selects an account that was not tried yet, and reports whether there is one.
func (p *pass) other() bool {
	next, err := p.holder.Other(p.ctx, p.tried, p.x.Model)
	if err != nil {
		return false
	}
	p.grant = next
	return true
}

// lastDoubt returns the last refusal for the client. No other account disproved it, so no account
// is blamed.
func (p *pass) lastDoubt() *http.Response {
	last := p.doubts[len(p.doubts)-1]
	p.doubts = p.doubts[:len(p.doubts)-1]
	p.passOn(last.resp, p.x, last.grant)
	return last.resp
}

func (p *pass) dropDoubts() {
	for _, d := range p.doubts {
		_ = d.resp.Body.Close()
	}
}

// poolError returns the error of a request for which the pool or the keychain failed.
func (p *pass) poolError(err error) error {
	if isA[*rotation.ExhaustedError](err) {
		return err
	}
	if p.Observer.Failed != nil && p.ctx.Err() == nil {
		p.Observer.Failed(err)
	}
	return &poolError{err}
}

// unknown records a refusal that matches no rule, so that new answers of the service are noticed.
func (p *pass) unknown(r rotation.Refusal) {
	grant := p.grant
	if body := p.x.body; body.rest == nil {
		r = r.Redact(body.kept)
	} else {
		r.Words = "" // the words may repeat parts of the request, which is not in memory
	}
	p.later(func(ctx context.Context) { p.holder.Refused(ctx, grant, r) })
}

func same(h rotation.Handout) func(rotation.Handout) bool {
	return func(other rotation.Handout) bool { return h.ID == other.ID && h.KeyRev == other.KeyRev }
}

// passOn prepares the final answer for the client. The request's body is no longer needed.
func (f *failover) passOn(resp *http.Response, x *Exchange, grant helper.Grant) {
	defer x.body.free()
	x.served = &grant
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return
	}
	if f.Observer.Answered != nil {
		f.Observer.Answered(x)
	}
	if f.NoOverage {
		x.parse() // overage may need the model after the body is freed
		resp.Body = watchCost(resp, func(cost string) { f.overage(x, grant, cost) })
	}
}

// switched is called once for each switch, by the request that notices it. next is the new account
// with its key. start runs a task in the background.
func (f *failover) switched(sw rotation.Switch, next helper.Grant, start func(func(context.Context))) {
	start(f.Holder.Prepare)
	if f.Usage != nil {
		start(func(ctx context.Context) { f.Usage.Switched(ctx, next) })
	}
	if f.Observer.Switched != nil {
		f.Observer.Switched(sw)
	}
}

func (f *failover) observeExhausted(x *Exchange, e *rotation.ExhaustedError) {
	if f.Observer.Exhausted != nil {
		f.Observer.Exhausted(x, e)
	}
}

// overage cools an account that has begun to spend its balance, until its usage windows reset.
func (f *failover) overage(x *Exchange, grant helper.Grant, cost string) {
	f.inBackground(func(ctx context.Context) {
		verdict := rotation.Overage(cost, f.Now())
		next, moved, err := x.holder.Report(ctx, grant, verdict, nil)
		if exhausted, ok := errors.AsType[*rotation.ExhaustedError](err); ok {
			f.observeExhausted(x, exhausted)
		}
		if moved {
			f.switched(rotation.Switch{From: grant.Handout, To: next.Handout, Verdict: verdict}, next, f.inBackground)
		}
		if f.Usage != nil {
			f.Usage.Limited(ctx, grant)
		}
	})
}
