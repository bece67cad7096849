package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ocgo-key/rotation/state"
)

// errUnchanged ends an Update that has nothing to write.
var errUnchanged = errors.New("unchanged")

// Ask is what a holder needs of an account.
type Ask struct {
	Model string   // the model to be used; empty means that only what limits a whole account counts
	Avoid []string // ids of accounts that are of no use to this holder, whatever the pool knows of them
	// Ahead is at how many percent used of a window the holder leaves its account, if there is one
	// with more left; 0 is what the settings say, NotAhead is never.
	Ahead int
	// To reports whether the holder can go on with this account at once, should it leave its own
	// before the limit; nil is yes.
	To func(Handout) bool
	// Had is the last hand-out that a conversation's server keeps in memory, if it has one. It
	// counts where the state has no lease of the conversation any more.
	Had Handout
	// Chosen, unless it is nil, is called with an account that the holder is about to get, before
	// that is written down: its key can be fetched meanwhile. The state's lock is held, so it must
	// return at once.
	Chosen func(Handout)
}

// chosen tells of h, if anybody wants to know.
func (ask Ask) chosen(h Handout) {
	if ask.Chosen != nil {
		ask.Chosen(h)
	}
}

// fits reports whether a can be given to the holder.
func (ask Ask) fits(a *state.Account, now time.Time) bool {
	return condition(a, ask.Model, now).State == Ready && !slices.Contains(ask.Avoid, a.ID)
}

// keeps reports whether the holder can go on with a, which it has.
func (ask Ask) keeps(a *state.Account, now time.Time) bool {
	return limits(a, ask.Model, now).State == Ready && !slices.Contains(ask.Avoid, a.ID)
}

// Acquire is like Take but discards the Switch.
func (p *Leases) Acquire(ctx context.Context, holder Holder, ask Ask) (Handout, error) {
	h, _, err := p.Take(ctx, holder, ask)
	return h, err
}

// Take returns the account that holder has, as long as no limit was met on it. Else, or if it is
// time to leave that one before its limit, holder gets the next one that fits, and keeps that. The
// switch is not nil if this call moved the holder off an account for a reason that the pool knows.
// Take fails with ErrEmpty or an *ExhaustedError.
func (p *Leases) Take(ctx context.Context, holder Holder, ask Ask) (Handout, *Switch, error) {
	s, err := p.read(ctx)
	if err != nil {
		return Handout{}, nil, err
	}
	// The common case, and that of an exhausted pool, take no lock and write nothing.
	if l, a := p.held(s, holder, ask); a != nil {
		if p.leaving(s, l, a, ask) == nil && !p.due(l.Used) {
			return p.leased(l, a), nil, nil
		}
	} else if _, err := p.next(s, ask); err != nil {
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
			if h = p.leased(l, a); !p.due(l.Used) {
				return errUnchanged
			}
			h = p.leased(p.record(s, holder, a), a)
			return nil
		}
		f, now := fill(a, p.now()), p.now()
		sw = &Switch{From: p.leased(l, a), Cause: Ahead, Percent: f.Percent, Verdict: windowVerdict(f.Window, f.Until)}
		h = p.give(s, holder, b, a, state.Event{Reason: fmt.Sprintf("%d %% of its %s used", f.Percent, sw.Verdict.Reason), Until: f.Until})
		leaseOf(s, holder).Ahead, sw.To = now, h
		ask.chosen(h)
		return nil
	})
	return h, sw, err
}

// read returns the pool as it stands. Where the clock was set back since a cooldown began, or usage
// was learned, that is written down once: else its end would move on with every look.
func (p *base) read(ctx context.Context) (*state.State, error) {
	s, err := p.store.Read(ctx)
	if err != nil || !fromTheFuture(s, p.now()) {
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
	if err != nil && !errors.Is(err, errUnchanged) {
		return err
	}
	return nil
}

// has returns the lease that the holder has, or nil: the one in the state or, for a conversation
// whose lease has made room there for later ones, what its server remembers.
func (p *Leases) has(s *state.State, holder Holder, ask Ask) *state.Lease {
	l := leaseOf(s, holder)
	if l == nil && !ask.Had.Used.IsZero() {
		l = &state.Lease{Account: ask.Had.ID, Used: ask.Had.Used}
	}
	if l == nil || p.over(*l) {
		return nil
	}
	return l
}

// held is the lease of the holder and its account, which is nil unless the holder can go on with
// it.
func (p *Leases) held(s *state.State, holder Holder, ask Ask) (*state.Lease, *state.Account) {
	l := p.has(s, holder, ask)
	if l == nil {
		return nil, nil
	}
	a := s.Find(l.Account)
	if a == nil || !ask.keeps(a, p.now()) {
		return l, nil
	}
	return l, a
}

// lease gives the holder the next account that fits. The switch is nil where it had none, or one
// that is only of no use to this holder itself.
func (p *Leases) lease(s *state.State, holder Holder, ask Ask) (Handout, *Switch, error) {
	a, err := p.next(s, ask)
	if err != nil {
		return Handout{}, nil, err
	}
	var old *state.Account
	if l := p.has(s, holder, ask); l != nil {
		old = s.Find(l.Account)
	}
	if old == nil {
		h := p.give(s, holder, a, nil, state.Event{})
		ask.chosen(h)
		return h, nil, nil
	}
	// What ended its hold counts, not what keeps others away from the account.
	c := limits(old, ask.Model, p.now())
	from := p.handout(old)
	to := p.give(s, holder, a, old, state.Event{Reason: c.Reason, Until: c.Until})
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

// give writes down that the holder has the account a from now on. old is the one that it leaves, or
// nil, and why tells of the reason.
func (p *Leases) give(s *state.State, holder Holder, a, old *state.Account, why state.Event) Handout {
	now := p.now()
	s.Last, s.Passed, a.LastUsed = a.ID, nil, now
	event := state.Event{Time: now, Kind: "leased", Account: a.Label}
	event.PID, event.Command = holder.names()
	if old != nil {
		event.Kind, event.Account, event.To, event.Reason, event.Until = "switched", old.Label, a.Label, why.Reason, why.Until
	}
	s.Note(event)
	return p.leased(p.record(s, holder, a), a)
}

// record writes down that the holder has the account a, and returns the lease in s.
func (p *Leases) record(s *state.State, holder Holder, a *state.Account) *state.Lease {
	l := leaseOf(s, holder)
	if l == nil {
		holder.prune(p.base, s)
		all := holder.leases(s)
		*all = append(*all, holder.lease())
		l = &(*all)[len(*all)-1]
	}
	l.Account = a.ID
	holder.mark(l, p.now())
	return l
}

// Holders returns whether a process has a lease, as the pool stands now.
func (p *Leases) Holders(ctx context.Context) (func(pid int, start string) bool, error) {
	s, err := p.store.Read(ctx)
	if err != nil {
		return nil, err
	}
	return func(pid int, start string) bool { return s.Lease(pid, start) != nil }, nil
}

// Upcoming is the account that the holder would get, should it have to leave the one it has, of
// those not to avoid.
func (p *Leases) Upcoming(ctx context.Context, holder Holder, avoid ...string) (Handout, error) {
	s, err := p.store.Read(ctx)
	if err != nil {
		return Handout{}, err
	}
	ask := Ask{Avoid: avoid}
	if l := p.has(s, holder, ask); l != nil {
		ask.Avoid = append(slices.Clone(avoid), l.Account)
	}
	a, err := p.next(s, ask)
	if err != nil {
		return Handout{}, err
	}
	return p.handout(a), nil
}

// Exhaustion is nil when an account could be handed out now; else ErrEmpty or an *ExhaustedError.
func (p *Leases) Exhaustion(ctx context.Context) error {
	s, err := p.read(ctx)
	if err == nil {
		_, err = p.next(s, Ask{})
	}
	return err
}

// Release ends the lease of the holder before its time.
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
