package rotation

import (
	"context"
	"slices"

	"ocgo-key/rotation/state"
)

// Switch is a change of a holder from one account to another.
type Switch struct {
	From, To Handout
	Cause    Cause
	// Verdict is the verdict on From. If the Cause is Ahead, its Reason names the window that
	// caused the switch.
	Verdict Verdict
	Percent int // used percentage of that window, if the Cause is Ahead
}

// Cause says why a holder switched.
type Cause int

// The causes.
const (
	ByAnswer Cause = iota // an answer of the service, or a timeout (then the Verdict is Pass)
	Ahead                 // the holder left its account ahead of the limit
	ByHand                // a command of the user: disable, remove, rotate
)

// Report applies the verdict v to the account blamed, whose key was on the request. It returns the
// holder's account for the next attempt; moved reports whether this call switched the holder. If
// several requests report the same limit, only the first report cools the account and switches the
// holder, and all get the same next account. If no account is left, v is applied and the error is
// an *ExhaustedError.
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

// blame applies v to the account, unless its key was replaced after the hand-out, and reports
// whether the state changed.
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

// Move switches the holder to another account, even if its own is ready. If no other account is
// ready, Move changes nothing and fails with ErrNoOther. If the holder has no account and none is
// ready, the error is ErrEmpty or an *ExhaustedError.
func (p *Leases) Move(ctx context.Context, holder Holder) (Switch, error) {
	var sw Switch
	err := p.update(ctx, func(s *state.State) error {
		if len(s.Accounts) == 0 {
			return ErrEmpty
		}
		var ask Ask
		if l := p.current(s, holder, ask); l != nil {
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

// Skip skips the account that would be handed out next, so that the account after it is next. Skip
// never makes an account of a higher tier next; Use does.
func (p *Leases) Skip(ctx context.Context) (Switch, error) {
	var sw Switch
	err := p.update(ctx, func(s *state.State) error {
		if a := p.used(s, Ask{}); a != nil { // skipping ends the choice, and the round-robin order does not change
			s.Chosen = ""
			to, err := p.next(s, Ask{})
			if err == nil && to.ID != a.ID {
				sw = p.skipped(s, a, to)
				return nil
			}
		}
		from, err := p.next(s, Ask{})
		if err != nil {
			return err
		}
		turns := strategy(s.Settings) == RoundRobin
		if turns {
			passTo(s, tierOf(from), from.ID)
		}
		to, err := p.next(s, Ask{Avoid: []string{from.ID}})
		if err != nil || tierOf(to) > tierOf(from) {
			return ErrNoOther
		}
		if turns {
			// Also skip the accounts between from and to: they may be ready again at the next
			// hand-out.
			passTo(s, tierOf(to), s.Accounts[(s.Index(to.ID)+len(s.Accounts)-1)%len(s.Accounts)].ID)
		} else {
			if slices.Contains(s.Passed, to.ID) { // all others have been skipped
				s.Passed = nil
			}
			s.Passed = append(s.Passed, from.ID)
		}
		sw = p.skipped(s, from, to)
		return nil
	})
	return sw, err
}

// skipped records that account from was skipped, and that to is next.
func (p *Leases) skipped(s *state.State, from, to *state.Account) Switch {
	s.Note(state.Event{Time: p.now(), Kind: "skipped", Account: from.Label, To: to.Label})
	return Switch{From: p.handout(from), To: p.handout(to)}
}

// Blame applies the verdict v to an account, and returns the next account. It is like Report, for a
// key that was used without a lease.
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
