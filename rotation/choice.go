package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ocgo-key/rotation/state"
)

// Choice is the account that the user has chosen for a holder; the zero value is none. A choice
// takes precedence over the round-robin order, and does not change it. When the account reaches a
// limit, the holder switches to the next account and stays there, as without a choice.
type Choice struct {
	ID   string
	Only bool // the holder takes no other account
	// Again makes the holder return to the chosen account after a limit. Otherwise the holder gets
	// the account only once.
	Again bool
}

// allows reports whether the holder may have account a.
func (c Choice) allows(a *state.Account) bool { return !c.Only || c.ID == a.ID }

// ErrNotReady means that the account cannot be chosen now.
var ErrNotReady = errors.New("the account is not ready")

// pick is the account that a holder gets next.
type pick struct {
	*state.Account
	byHand bool // the user chose it, so the round-robin order does not change
	byUse  bool // the user chose it with `use`
}

// wanted returns the account that the holder of lease l (nil for none) gets because of its choice.
// It returns nil if the choice has no effect now.
func (p *base) wanted(s *state.State, l *state.Lease, ask Ask) *state.Account {
	c := ask.Choice
	if c.ID == "" || l != nil && (l.Account == c.ID || l.Chosen == c.ID && !c.Again) {
		return nil
	}
	if a := s.Find(c.ID); a != nil && ask.fits(a, p.now()) {
		return a
	}
	return nil
}

// choose returns the account for the holder of lease l, or for a new holder if l is nil. The
// holder's choice comes first, then for a new holder the account of `use`, then the next account of
// the strategy.
func (p *base) choose(s *state.State, l *state.Lease, ask Ask) (pick, error) {
	if len(s.Accounts) == 0 {
		return pick{}, ErrEmpty
	}
	if a := p.wanted(s, l, ask); a != nil {
		return pick{Account: a, byHand: true}, nil
	}
	if ask.Choice.ID == "" && (l == nil || s.Find(l.Account) == nil) {
		if a := p.used(s, ask); a != nil {
			return pick{Account: a, byHand: true, byUse: true}, nil
		}
	}
	a, err := p.next(s, ask)
	return pick{Account: a}, err
}

// used returns the account that `use` has chosen for the next new holder, or nil.
func (p *base) used(s *state.State, ask Ask) *state.Account {
	if a := s.Find(s.Chosen); a != nil && ask.fits(a, p.now()) {
		return a
	}
	return nil
}

// note records in the holder's lease that its choice was considered, and the time of a `get`. If
// the chosen account was not ready, the holder stays on the account that it got instead.
func (p *Leases) note(s *state.State, holder Holder, ask Ask) {
	l := leaseOf(s, holder)
	if l == nil {
		return
	}
	if ask.Choice.ID != "" {
		l.Chosen = ask.Choice.ID
	}
	if ask.Get {
		l.Got = p.now()
	}
}

// Called returns the account with this label, and its condition. It gives no lease. With numbers,
// name may also be the account's number in the list, as in Overview.Find. Called fails with
// ErrNoSuchAccount.
func (p *Accounts) Called(ctx context.Context, name string, numbers bool) (Handout, Condition, error) {
	s, err := p.store.Read(ctx)
	if err != nil {
		return Handout{}, Condition{}, err
	}
	i := slices.IndexFunc(s.Accounts, func(a state.Account) bool { return strings.EqualFold(a.Label, name) })
	if n, err := strconv.Atoi(name); i < 0 && numbers && err == nil && n <= len(s.Accounts) {
		i = n - 1
	}
	if i < 0 {
		return Handout{}, Condition{}, fmt.Errorf("%w: %q", ErrNoSuchAccount, name)
	}
	a := &s.Accounts[i]
	return p.handout(a), condition(a, "", p.now()), nil
}

// Use gives the account to the next new holder. It fails with ErrNotReady or ErrNoSuchAccount. From
// is the account that would have been next; empty if none is ready.
func (p *Leases) Use(ctx context.Context, id string) (Switch, error) {
	var sw Switch
	err := p.update(ctx, func(s *state.State) error {
		a, err := p.ready(s, id)
		if err != nil {
			return err
		}
		if before, err := p.choose(s, nil, Ask{}); err == nil {
			sw.From = p.handout(before.Account)
		}
		s.Chosen, sw.To = id, p.handout(a)
		s.Note(state.Event{Time: p.now(), Kind: "chosen", Account: a.Label})
		return nil
	})
	return sw, err
}

// Give switches the holder to this account. It fails with ErrNotReady or ErrNoSuchAccount.
func (p *Leases) Give(ctx context.Context, holder Holder, id string) (Switch, error) {
	var sw Switch
	err := p.update(ctx, func(s *state.State) error {
		a, err := p.ready(s, id)
		if err != nil {
			return err
		}
		l := p.current(s, holder, Ask{})
		if l != nil {
			if old := s.Find(l.Account); old != nil {
				sw.From = p.handout(old)
			}
		}
		if sw.From.ID == id {
			sw.To = sw.From
			return errUnchanged
		}
		sw.To = p.assign(s, holder, pick{Account: a, byHand: true}, s.Find(sw.From.ID), state.Event{})
		return nil
	})
	return sw, err
}

// ready returns the account with this id, or an error that says why it cannot be chosen now.
func (p *base) ready(s *state.State, id string) (*state.Account, error) {
	a := s.Find(id)
	if a == nil {
		return nil, ErrNoSuchAccount
	}
	if c := condition(a, "", p.now()); c.State != Ready {
		return nil, fmt.Errorf("%s cannot be used: %w", a.Label, ErrNotReady)
	}
	return a, nil
}

// Prospect is the account that a holder has or would get, and why.
type Prospect struct {
	Handout
	Held   bool // the holder has it
	Chosen bool // because of the holder's choice
	Use    bool // because of `use`
}

// Prospect returns the account that Take would return. It writes nothing.
func (p *Leases) Prospect(ctx context.Context, holder Holder, ask Ask) (Prospect, error) {
	s, err := p.store.Read(ctx)
	if err != nil {
		return Prospect{}, err
	}
	l, a := p.held(s, holder, ask)
	if a != nil {
		return Prospect{Handout: p.handout(a), Held: true, Chosen: l.Chosen == a.ID}, nil
	}
	next, err := p.choose(s, l, ask)
	if err != nil {
		return Prospect{}, err
	}
	return Prospect{Handout: p.handout(next.Account), Chosen: next.byHand && !next.byUse, Use: next.byUse}, nil
}

// maxConfirmed is how many confirmed files the state keeps. The oldest are dropped.
const maxConfirmed = 256

// Confirmed reports whether the user has confirmed the file at path with this label, so that it is
// used although git tracks it.
func (p *Accounts) Confirmed(ctx context.Context, path, label string) bool {
	s, err := p.store.Read(ctx)
	return err == nil && slices.Contains(s.Confirmed, state.Confirmed{Path: path, Label: label})
}

// Confirm records that the user has confirmed the file at path with this label.
func (p *Accounts) Confirm(ctx context.Context, path, label string) error {
	return p.update(ctx, func(s *state.State) error {
		s.Confirmed = slices.DeleteFunc(s.Confirmed, func(c state.Confirmed) bool { return c.Path == path })
		s.Confirmed = append(s.Confirmed, state.Confirmed{Path: path, Label: label})
		s.Confirmed = s.Confirmed[max(0, len(s.Confirmed)-maxConfirmed):]
		return nil
	})
}
