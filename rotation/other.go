package rotation

import (
	"context"
	"slices"

	"ocgo-key/rotation/state"
)

// Other is the account that a request which fits ask could be tried on beside those that ask
// avoids. No lease moves, and nothing is written. Without one the error is ErrEmpty or an
// *ExhaustedError.
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

// Use is what a request that finds no account ready is for.
type Use int

const (
	// ForModel is a request to a model. The service answers models that cost nothing even where the
	// usage limits are reached, so it may be tried where every account cools for such a limit, and
	// none has begun to spend real money.
	ForModel Use = iota
	// ForQuestion is a question about usage or models, which uses nothing up: any account that may
	// be used will do.
	ForQuestion
)

// Spare is the account on which a request may be tried although no account is ready: the one that
// the holder has, else the one that is back first. Not ok means that nothing may be tried.
func (p *Leases) Spare(ctx context.Context, holder Holder, ask Ask, use Use) (h Handout, ok bool, err error) {
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
		case c.State == Disabled, c.State == Rejected, slices.Contains(ask.Avoid, a.ID):
			continue
		case c.State != Cooling, use == ForModel && (c.Window == "" || spending(a, now)):
			return Handout{}, false, nil
		}
		if spare == nil || c.Until.Before(condition(spare, ask.Model, now).Until) {
			spare = a
		}
	}
	if l := p.has(s, holder, ask); l != nil {
		if a := s.Find(l.Account); a != nil && condition(a, ask.Model, now).State == Cooling && !slices.Contains(ask.Avoid, a.ID) {
			spare = a
		}
	}
	if spare == nil {
		return Handout{}, false, nil
	}
	return p.handout(spare), true, nil
}
