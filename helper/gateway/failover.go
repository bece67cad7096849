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

// failover sends a request with the leased account's key. While the answer is a limit and nothing
// of it has been passed on, it sends the request again with the next account's key: at most one
// pass over the pool.
type failover struct {
	*Options
	inBackground func(func(context.Context))
	trials       trials
	paid         atomic.Bool // an answer of ThenModel was paid from a balance
	secrets      *secrets
}

// RoundTrip returns the answer for the client. It fails only if the network fails, or if the pool
// gives no account for a reason other than exhaustion.
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
		// /usage may name another time, or show that an account is back early.
		if !again && f.refreshUsage(p.ctx, exhausted) {
			continue
		}
		if resp := p.instead(exhausted); resp != nil {
			return resp, nil
		}
		return p.exhausted(exhausted), nil
	}
}

// holder returns the holder whose account serves the request, by the session id that the service
// gets.
func (f *failover) holder(req *http.Request, x *Exchange) Holder {
	if f.HolderOf == nil {
		return f.Holder
	}
	return f.HolderOf(req.Header.Get("X-Opencode-Session"), x.Parent(), x.Folder())
}

// pass is one pass of a request over the pool.
type pass struct {
	*failover
	x      *Exchange
	req    *http.Request
	ctx    context.Context // the request's
	holder Holder

	again bool // /usage was already asked for this request

	grant   helper.Grant       // the account that the request is sent with
	tried   []rotation.Handout // a key that was replaced since counts as another grant
	doubts  []doubt            // refusals that another account may disprove
	stalled *helper.Grant      // the account that did not begin to answer in time; nil for none
	trial   bool               // no account is ready; the request is tried anyway

	pending []func(context.Context) // for later
}

// later runs task in the background once the answer is there, so that it does not delay a
// fail-over.
func (p *pass) later(task func(context.Context)) { p.pending = append(p.pending, task) }

func (p *pass) startPending() {
	for _, task := range p.pending {
		p.inBackground(task)
	}
}

// doubt is a refusal that may concern the request or the account: see rotation.Verdict.OnProof.
type doubt struct {
	grant   helper.Grant
	verdict rotation.Verdict
	resp    *http.Response // not closed yet: it may be the answer
}

// run returns the answer for the client. The error is a *rotation.ExhaustedError, a *poolError or
// the network's.
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
// service. Its answer is no verdict: the service refuses such requests for keys that work. Source:
// docs/facts.md, "Usage".
func informational(req *http.Request) bool {
	return req.Method == http.MethodGet && (strings.HasSuffix(req.URL.Path, "/usage") || strings.HasSuffix(req.URL.Path, "/models"))
}

// begin finds the account for the first attempt.
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

// avoidStall selects the next account for the next attempt if this one's answer did not begin in
// time. It does so once per request.
func (p *pass) avoidStall(err error) bool {
	if !errors.Is(err, errStalled) || p.stalled != nil || !p.x.body.replayable() {
		return false
	}
	stalled := p.grant
	p.stalled = &stalled
	if len(p.doubts) > 0 { // the process has another account, which refused this request
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

// answered passes on an answer that is not an account's fault. A success proves that the
// doubtful answers before it were about those accounts and not about the request.
func (p *pass) answered(resp *http.Response) *http.Response {
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		if p.trial {
			p.trials.answered(p.x.Model())
		}
		// From the last to the first, which is the one that the process holds: so it moves only
		// once, past all of them.
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

// doubted selects the next account for the next attempt, without blaming this one. If there is
// none, it returns this answer as the last one.
func (p *pass) doubted(resp *http.Response, v rotation.Verdict) (*http.Response, error) {
	refused := p.grant
	if p.x.body.replayable() && p.other() {
		p.doubts = append(p.doubts, doubt{refused, v, resp})
		return nil, nil
	}
	p.passOn(resp, p.x, p.grant)
	return resp, nil
}

// limited reports the verdict and selects the next account for the next attempt. If there is none,
// it returns the answer for the client.
func (p *pass) limited(resp *http.Response, v rotation.Verdict) (*http.Response, error) {
	if v.Window != "" {
		p.trials.limited(p.x.Model(), p.Now())
	}
	next, moved, err := p.holder.Report(p.ctx, p.grant, v, p.x.Model)
	// When a pass ends because no account is left, /usage is asked about all used-up accounts
	// anyway.
	if asks := moved || err != nil && (v.Window == "" || p.again); asks && (v.Window != "" || v.Reason == rotation.TooMany) && p.Usage != nil {
		limited := p.grant // which is about to change
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
	case len(p.doubts) > 0: // the process keeps its account although that refused this request
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

// lastAnswer answers a request whose account met a limit when no other is left. It passes on the
// service's answer if that says more than the gateway could: a refused key, when no account returns
// by itself.
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

// other selects an account that was not tried yet for the next attempt, and reports whether there
// is one.
func (p *pass) other() bool {
	next, err := p.holder.Other(p.ctx, p.tried, p.x.Model)
	if err != nil {
		return false
	}
	p.grant = next
	return true
}

// lastDoubt returns the last refusal as the answer for the client: no other account disproved it,
// so no account is blamed.
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

// poolError returns the error of a request for which the pool or the keychain gave no account.
func (p *pass) poolError(err error) error {
	if isA[*rotation.ExhaustedError](err) {
		return err
	}
	if p.Observer.Failed != nil && p.ctx.Err() == nil {
		p.Observer.Failed(err)
	}
	return &poolError{err}
}

// unknown counts a refusal that matches no rule, so that people learn about new answers of the
// service.
func (p *pass) unknown(r rotation.Refusal) {
	grant := p.grant
	if body := p.x.body; body.rest == nil {
		r = r.Redact(body.kept)
	} else {
		r.Words = "" // it may repeat parts of a request that is not in memory
	}
	p.later(func(ctx context.Context) { p.holder.Refused(ctx, grant, r) })
}

func same(h rotation.Handout) func(rotation.Handout) bool {
	return func(other rotation.Handout) bool { return h.ID == other.ID && h.KeyRev == other.KeyRev }
}

// passOn prepares an answer for the client. It is the final one: the request's body is no longer
// needed.
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
		x.parse() // it may be asked about when the account is left
		resp.Body = watchCost(resp, func(cost string) { f.overage(x, grant, cost) })
	}
}

// switched handles the one request that finds the process moved to next's account. start runs what
// follows from the move.
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

// overage moves the process off an account that has begun to spend its balance, until its windows
// reset.
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
