package rotation

import (
	"context"
	"slices"

	"ocgo-key/rotation/state"
)

// Switch is a holder's move from one account to another.
type Switch struct {
	From, To Handout
	Cause    Cause
	// Verdict on From, of an answer that this holder or another one met; of the window that is
	// filling up if the Cause is Ahead.
	Verdict Verdict
	Percent int // used of that window, if the Cause is Ahead
}

// Cause is what made a holder move.
type Cause int

const (
	// ByAnswer is an answer of the service, or none in time (the Verdict is Pass then).
	ByAnswer Cause = iota
	// Ahead is the wish to leave before the limit.
	Ahead
	// ByHand is a user's command: disable, remove, rotate.
	ByHand
)

// Report takes the verdict v on blamed, the account whose key was on the request, into the pool,
// and returns the account that the holder goes on with, which fits ask. When several requests
// report the same limit, the account is cooled once and all of them get the same next account;
// moved is true for the one whose report moved the holder. With no account left the error is an
// *ExhaustedError, and the verdict is kept all the same.
func (p *Leases) Report(ctx context.Context, holder Holder, blamed Handout, v Verdict, ask Ask) (next Handout, moved bool, err error) {
	var exhausted error
	err = p.update(ctx, func(s *state.State) error {
		changed := p.blame(s, blamed, v)
		if l, a := p.held(s, holder, ask); a != nil {
			next = p.leased(l, a)
			if !changed {
				return errUnchanged
			}
			return nil
		}
		next, _, exhausted = p.lease(s, holder, ask)
		moved = exhausted == nil
		return nil
	})
	if err == nil {
		err = exhausted
	}
	return next, moved, err
}

// blame applies v to the account, unless it has had a new key since. It reports whether anything
// changed.
func (p *Leases) blame(s *state.State, blamed Handout, v Verdict) bool {
	a, now := s.Find(blamed.ID), p.now()
	if a == nil || a.KeyRev != blamed.KeyRev {
		return false
	}
	if v.Workspace != "" && a.Workspace == "" {
		a.Workspace = v.Workspace
	}
	switch v.Action {
	case Cool:
		changed, fresh := cool(a, v, now)
		if fresh {
			s.Note(state.Event{Time: now, Kind: "cooled", Account: a.Label, Reason: v.Reason, Until: v.Until})
		}
		return changed
	case Reject:
		if a.Rejected == nil {
			a.Rejected = &state.Rejection{At: now, Reason: v.Reason}
			s.Note(state.Event{Time: now, Kind: "rejected", Account: a.Label, Reason: v.Reason})
			return true
		}
	}
	return false
}

// Move gives the holder another account although nothing is wrong with the one it has. Without
// another ready account it fails with ErrNoOther (ErrEmpty, an *ExhaustedError if the holder has
// none), and the holder keeps what it has.
func (p *Leases) Move(ctx context.Context, holder Holder) (Switch, error) {
	var sw Switch
	err := p.update(ctx, func(s *state.State) error {
		if len(s.Accounts) == 0 {
			return ErrEmpty
		}
		var ask Ask
		if l := p.has(s, holder, ask); l != nil {
			if a := s.Find(l.Account); a != nil {
				ask.Avoid, sw.From = []string{a.ID}, p.handout(a)
			}
		}
		var err error
		if sw.To, _, err = p.lease(s, holder, ask); err != nil && ask.Avoid != nil {
			return ErrNoOther
		}
		return err
	})
	return sw, err
}

// Skip passes over the account that would be handed out next: the one after it is.
func (p *Leases) Skip(ctx context.Context) (Switch, error) {
	var sw Switch
	err := p.update(ctx, func(s *state.State) error {
		from, err := p.next(s, Ask{})
		if err != nil {
			return err
		}
		turns := strategy(s.Settings) == RoundRobin
		if turns {
			s.Last = from.ID
		}
		to, err := p.next(s, Ask{Avoid: []string{from.ID}})
		if err != nil {
			return ErrNoOther
		}
		if turns {
			// The one just before `to` becomes the last, in case those between are ready again by
			// the next hand-out.
			i := slices.IndexFunc(s.Accounts, func(a state.Account) bool { return a.ID == to.ID })
			s.Last = s.Accounts[(i+len(s.Accounts)-1)%len(s.Accounts)].ID
		} else {
			if slices.Contains(s.Passed, to.ID) { // all the others were passed over: begin anew
				s.Passed = nil
			}
			s.Passed = append(s.Passed, from.ID)
		}
		sw = Switch{From: p.handout(from), To: p.handout(to)}
		s.Note(state.Event{Time: p.now(), Kind: "skipped", Account: from.Label, To: to.Label})
		return nil
	})
	return sw, err
}

// Blame takes in a verdict on an account that no process of ours has a lease of, and returns what
// is next then.
func (p *Leases) Blame(ctx context.Context, blamed Handout, v Verdict) (next Handout, err error) {
	var exhausted error
	err = p.update(ctx, func(s *state.State) error {
		p.blame(s, blamed, v)
		a, nextErr := p.next(s, Ask{})
		if exhausted = nextErr; nextErr == nil {
			next = p.handout(a)
		}
		return nil
	})
	if err == nil {
		err = exhausted
	}
	return next, err
}
