package rotation

import (
	"context"
	"slices"

	"ocgo-key/rotation/state"
)

// Other returns the next account that fits ask, without a lease: nothing is written. It fails with
// ErrEmpty or an *ExhaustedError.
func (p *Leases) Other(ctx context.Context, ask Ask) (Handout, error) {
	s, err := p.read(ctx)
	if err != nil {
		return Handout{}, err
	}
	a, err := p.next(s, ask)
	if err != nil {
		return Handout{}, err
	}
	return p.handout(a), nil
}

// Purpose says what a request is for. It decides whether the request may be sent when no account is
// ready.
type Purpose int

const (
	// ForModel is a request to a model. Free models answer even when the usage limits are reached.
	// So the request may be sent if all accounts are cooling because of usage limits, and none of
	// them spends money from its balance.
	ForModel Purpose = iota
	// ForMetadata is a request for usage or for the list of models. It counts toward no limit, so
	// even an account that is cooling can be used.
	ForMetadata
)

// Spare returns an account for a request when no account is ready: the holder's own, or else the
// one that is ready first. If ok is false, the request must not be sent.
func (p *Leases) Spare(ctx context.Context, holder Holder, ask Ask, purpose Purpose) (h Handout, ok bool, err error) {
	s, err := p.read(ctx)
	if err != nil {
		return Handout{}, false, err
	}
	now := p.now()
	var spare *state.Account
	for i := range s.Accounts {
		a := &s.Accounts[i]
		c := condition(a, ask.Model, now)
		switch {
		case c.State == Disabled, c.State == Rejected, slices.Contains(ask.Avoid, a.ID), !ask.Choice.allows(a):
			continue
		case c.State != Cooling, purpose == ForModel && (c.Window == "" || spendsMoney(a, now)):
			return Handout{}, false, nil
		}
		if spare == nil || c.Until.Before(condition(spare, ask.Model, now).Until) {
			spare = a
		}
	}
	if l := p.current(s, holder, ask); l != nil {
		if a := s.Find(l.Account); a != nil && condition(a, ask.Model, now).State == Cooling && !slices.Contains(ask.Avoid, a.ID) && ask.Choice.allows(a) {
			spare = a
		}
	}
	if spare == nil {
		return Handout{}, false, nil
	}
	return p.handout(spare), true, nil
}
