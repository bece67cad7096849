package gateway

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"

	"ocgo-key/rotation"
)

// instead answers a request with ThenModel when no account is ready: the service still answers
// models that cost nothing. It returns nil if the user named no model, or if the model does not
// answer. After an answer that was paid from a balance, the model is not used again.
func (p *pass) instead(e *rotation.ExhaustedError) *http.Response {
	if p.ThenModel == "" || e.Until.IsZero() || p.paid.Load() || informational(p.req) || !p.x.body.replayable() || p.x.body.rest != nil || p.x.Model() == p.ThenModel {
		return nil
	}
	text, ok := withModel(p.x.body.kept, p.ThenModel)
	if !ok {
		return nil
	}
	x := &Exchange{ctx: p.x.ctx, header: p.x.header, body: &body{kept: text, length: int64(len(text))}, bearerHeader: p.x.bearerHeader, apiKeyHeader: p.x.apiKeyHeader, now: p.x.now, holder: p.holder}
	if x.Model() != p.ThenModel { // the body names its model twice
		return nil
	}
	next := &pass{failover: p.failover, x: x, req: p.req, ctx: p.ctx, holder: p.holder, again: true}
	resp, err := next.run()
	if err != nil {
		return nil
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		_ = resp.Body.Close()
		return nil
	}
	resp.Body = watchCost(resp, func(string) { p.paid.Store(true) })
	p.x.served = x.served
	p.x.body.free()
	if p.Observer.Instead != nil {
		p.Observer.Instead(e, p.ThenModel)
	}
	return resp
}

// withModel returns the body of a request with another model. ok is false if the body names none.
func withModel(text []byte, model string) (changed []byte, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, false
		}
		if name == "model" {
			end := int(d.InputOffset())
			quoted, _ := json.Marshal(model) // strings always marshal
			return slices.Concat(text[:end-len(value)], quoted, text[end:]), true
		}
	}
	return nil, false
}
