package rotation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ocgo-key/rotation/state"
)

// errUnchanged makes Update write nothing.
var errUnchanged = errors.New("unchanged")

// Ask describes the account that a holder needs.
type Ask struct {
	Model string   // the model of the request; if empty, cooldowns of single models are ignored
	Avoid []string // ids of accounts that the holder does not want
	// Ahead is a percentage: if this much of a window is used, the holder switches to an account
	// with more left. 0 means the percentage in the settings, NotAhead means never.
	Ahead int
	// To reports whether the holder can switch to this account before its own reaches a limit; nil
	// means that it always can.
	To func(Handout) bool
	// Had is the last hand-out of a conversation, from the memory of its server. It is used if the
	// state no longer has the lease.
	Had Handout
	// Choice is the account that the user has chosen for the holder; zero for none.
	Choice Choice
	// Get means that the process calls `get`. Its lease records the time.
	Get bool
	// Chosen, if not nil, is called with the account that the holder gets, before the state is
	// written. The state is locked during the call.
	Chosen func(Handout)
}

func (ask Ask) chosen(h Handout) {
	if ask.Chosen != nil {
		ask.Chosen(h)
	}
}

// fits reports whether account a can be handed out to a holder that does not have it yet. It does
// not consider the Choice.
func (ask Ask) fits(a *state.Account, now time.Time) bool {
	return ask.keeps(a, now) && usedUp(a.Usage.Decode(), now).Until.IsZero()
}

// keeps reports whether the holder of account a can keep it.
func (ask Ask) keeps(a *state.Account, now time.Time) bool {
	return limits(a, ask.Model, now).State == Ready && !slices.Contains(ask.Avoid, a.ID) && ask.Choice.allows(a)
}

// Acquire is like Take but discards the Switch.
func (p *Leases) Acquire(ctx context.Context, holder Holder, ask Ask) (Handout, error) {
	h, _, err := p.Take(ctx, holder, ask)
	return h, err
}

// Take returns the holder's account if the holder can keep it, and otherwise leases the next
// account that fits. It also switches the holder before a limit: see Ask.Ahead. The Switch is nil
// if the holder keeps its account, had none, or left one that is still ready. Take fails with
// ErrEmpty or an *ExhaustedError.
func (p *Leases) Take(ctx context.Context, holder Holder, ask Ask) (Handout, *Switch, error) {
	s, err := p.read(ctx)
	if err != nil {
		return Handout{}, nil, err
	}
	// If nothing changes, or the pool is exhausted, no lock is taken.
	if l, a := p.held(s, holder, ask); a != nil {
		if p.leaving(s, l, a, ask) == nil && !p.useDue(l.Used) {
			return p.leased(l, a), nil, nil
		}
	} else if _, err := p.choose(s, l, ask); err != nil {
		return Handout{}, nil, err
	}
	var h Handout
	var sw *Switch
	err = p.update(ctx, func(s *state.State) error {
		l, a := p.held(s, holder, ask)
		if a == nil {
			h, sw, err = p.lease(s, holder, ask)
			return err
		}
		b := p.leaving(s, l, a, ask)
		if b == nil {
			if h = p.leased(l, a); !p.useDue(l.Used) {
				return errUnchanged
			}
			h = p.leased(p.record(s, holder, a), a)
			return nil
		}
		f, now := fill(a, p.now()), p.now()
		sw = &Switch{From: p.leased(l, a), Cause: Ahead, Percent: f.Percent, Verdict: windowVerdict(f.Window, f.Until)}
		h = p.assign(s, holder, pick{Account: b}, a, state.Event{Reason: fmt.Sprintf("%d %% of its %s used", f.Percent, sw.Verdict.Reason), Until: f.Until})
		leaseOf(s, holder).Ahead, sw.To = now, h
		ask.chosen(h)
		return nil
	})
	return h, sw, err
}

// read returns the state. If the clock was set back, cooldowns and usage may begin in the future.
// Then read first writes corrected times, since otherwise each read would move them again.
func (p *base) read(ctx context.Context) (*state.State, error) {
	s, err := p.store.Read(ctx)
	if err != nil || !beginsInFuture(s, p.now()) {
		return s, err
	}
	if err := p.update(ctx, func(*state.State) error { return nil }); err != nil {
		return nil, err
	}
	return p.store.Read(ctx)
}

func (p *base) update(ctx context.Context, change func(*state.State) error) error {
	err := p.store.Update(ctx, func(s *state.State) error {
		rebase(s, p.now())
		return change(s)
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// current returns the holder's lease, or nil. If a conversation's lease was pruned from the state,
// it is made from ask.Had.
func (p *Leases) current(s *state.State, holder Holder, ask Ask) *state.Lease {
	l := leaseOf(s, holder)
	if l == nil && !ask.Had.Used.IsZero() {
		l = &state.Lease{Account: ask.Had.ID, Used: ask.Had.Used}
	}
	if l == nil || p.expired(*l) {
		return nil
	}
	return l
}

// held returns the holder's lease and its account. The account is nil if the holder cannot keep it.
func (p *Leases) held(s *state.State, holder Holder, ask Ask) (*state.Lease, *state.Account) {
	l := p.current(s, holder, ask)
	if l == nil {
		return nil, nil
	}
	a := s.Find(l.Account)
	if a == nil || !ask.keeps(a, p.now()) || p.wanted(s, l, ask) != nil {
		return l, nil
	}
	return l, a
}

// lease gives the holder the chosen account, or the next one that fits. The Switch is nil if the
// holder had no account, or left one that is still ready.
func (p *Leases) lease(s *state.State, holder Holder, ask Ask) (Handout, *Switch, error) {
	l := p.current(s, holder, ask)
	next, err := p.choose(s, l, ask)
	if err != nil {
		return Handout{}, nil, err
	}
	var old *state.Account
	if l != nil {
		old = s.Find(l.Account)
	}
	if old == nil {
		h := p.assign(s, holder, next, nil, state.Event{})
		p.note(s, holder, ask)
		ask.chosen(h)
		return h, nil, nil
	}
	c := limits(old, ask.Model, p.now())
	from := p.handout(old)
	to := p.assign(s, holder, next, old, state.Event{Reason: c.Reason, Until: c.Until})
	p.note(s, holder, ask)
	ask.chosen(to)
	sw := &Switch{From: from, To: to}
	switch c.State {
	case Cooling:
		sw.Verdict = Verdict{Action: Cool, Until: c.Until, Reason: c.Reason, Window: c.Window}
	case Rejected:
		sw.Verdict = Verdict{Action: Reject, Reason: c.Reason}
	case Disabled:
		sw.Cause = ByHand
	default:
		sw = nil
	}
	return to, sw, nil
}

// assign leases the picked account to the holder, and records the event. old is the account that
// the holder leaves, or nil; why has the reason for leaving it. A choice of the user does not
// change the round-robin order.
func (p *Leases) assign(s *state.State, holder Holder, a pick, old *state.Account, why state.Event) Handout {
	now := p.now()
	a.LastUsed = now
	if !a.byHand {
		took(s, a.Account)
	}
	if a.byUse {
		s.Chosen = ""
	}
	event := state.Event{Time: now, Kind: "leased", Account: a.Label}
	if a.byHand {
		event.Reason = "chosen"
		why.Reason = cmp.Or(why.Reason, event.Reason)
	}
	event.PID, event.Command = holder.names()
	if old != nil {
		event.Kind, event.Account, event.To, event.Reason, event.Until = "switched", old.Label, a.Label, why.Reason, why.Until
	}
	s.Note(event)
	return p.leased(p.record(s, holder, a.Account), a.Account)
}

// record sets account a in the holder's lease, and returns the lease in s.
func (p *Leases) record(s *state.State, holder Holder, a *state.Account) *state.Lease {
	l := leaseOf(s, holder)
	if l == nil {
		holder.prune(p.base, s)
		all := holder.leases(s)
		*all = append(*all, holder.lease())
		l = &(*all)[len(*all)-1]
	}
	if l.Account != a.ID {
		l.Got = time.Time{} // the process does not have this account's key yet
	}
	l.Account = a.ID
	holder.mark(l, p.now())
	return l
}

// Holders returns a function that reports whether a process has a lease in the current state.
func (p *Records) Holders(ctx context.Context) (func(pid int, start string) bool, error) {
	s, err := p.store.Read(ctx)
	if err != nil {
		return nil, err
	}
	return func(pid int, start string) bool { return leaseOf(s, Process{PID: pid, Start: start}) != nil }, nil
}

// Upcoming returns the account that the holder would get in place of its current one.
func (p *Leases) Upcoming(ctx context.Context, holder Holder, ask Ask) (Handout, error) {
	s, err := p.store.Read(ctx)
	if err != nil {
		return Handout{}, err
	}
	l := p.current(s, holder, ask)
	if l != nil {
		ask.Avoid = append(slices.Clone(ask.Avoid), l.Account)
	}
	next, err := p.choose(s, l, ask)
	if err != nil {
		return Handout{}, err
	}
	return p.handout(next.Account), nil
}

// Exhaustion returns nil if an account fits ask, and otherwise ErrEmpty or an *ExhaustedError.
func (p *Leases) Exhaustion(ctx context.Context, ask Ask) error {
	_, err := p.Other(ctx, ask)
	return err
}

// Release ends the lease of the holder.
func (p *Leases) Release(ctx context.Context, holder Holder) error {
	return p.update(ctx, func(s *state.State) error {
		all := holder.leases(s)
		before := len(*all)
		*all = slices.DeleteFunc(*all, holder.owns)
		if len(*all) == before {
			return errUnchanged
		}
		return nil
	})
}
