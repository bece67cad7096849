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

// Ask is what a process needs of an account.
type Ask struct {
	Model string   // the model to be used; empty means that only what limits a whole account counts
	Avoid []string // ids of accounts that are of no use to this process, whatever the pool knows of them
	// Ahead is at how many percent used of a window the process leaves its account, if there is one with more left;
	// 0 is what the settings say, NotAhead is never.
	Ahead int
	// To tells whether the process can go on with this account at once, should it leave its own before the limit; nil
	// is yes.
	To func(Handout) bool
}

// fits tells whether a can be given to the process.
func (ask Ask) fits(a *state.Account, now time.Time) bool {
	return condition(a, ask.Model, now).State == Ready && !slices.Contains(ask.Avoid, a.ID)
}

// keeps tells whether the process can go on with a, which it has.
func (ask Ask) keeps(a *state.Account, now time.Time) bool {
	return limits(a, ask.Model, now).State == Ready && !slices.Contains(ask.Avoid, a.ID)
}

// Acquire is Take for one that does not want to know of a move.
func (p *Pool) Acquire(ctx context.Context, proc Process, ask Ask) (Handout, error) {
	h, _, err := p.Take(ctx, proc, ask)
	return h, err
}

// Take returns the account that process proc holds, as long as no limit was met on it. Else, or if it is time to leave
// that one before its limit, proc gets the next one that fits, and keeps that. The switch is not nil if this call moved
// the process off an account for a reason that the pool knows. Take fails with ErrEmpty or an *ExhaustedError.
func (p *Pool) Take(ctx context.Context, proc Process, ask Ask) (Handout, *Switch, error) {
	s, err := p.read(ctx)
	if err != nil {
		return Handout{}, nil, err
	}
	// The common case, and that of an exhausted pool, take no lock and write nothing.
	if l, a := p.held(s, proc, ask); a != nil {
		if p.leaving(s, l, a, ask) == nil {
			return p.handout(a), nil, nil
		}
	} else if _, err := p.next(s, ask); err != nil {
		return Handout{}, nil, err
	}
	var h Handout
	var sw *Switch
	err = p.update(ctx, func(s *state.State) error {
		l, a := p.held(s, proc, ask)
		if a == nil {
			h, sw, err = p.lease(s, proc, ask)
			return err
		}
		b := p.leaving(s, l, a, ask)
		if b == nil {
			h = p.handout(a)
			return errUnchanged
		}
		f, now := fill(a, p.now()), p.now()
		sw = &Switch{From: p.handout(a), Cause: Ahead, Percent: f.Percent, Verdict: windowVerdict(f.Window, f.Until)}
		h = p.give(s, proc, b, state.Event{Reason: fmt.Sprintf("%d %% of its %s used", f.Percent, sw.Verdict.Reason), Until: f.Until})
		s.Lease(proc.PID, proc.Start).Ahead, sw.To = now, h
		return nil
	})
	return h, sw, err
}

// read returns the pool as it stands. Where the clock was set back since a cooldown began, or usage was learned, that
// is written down once: else its end would move on with every look.
func (p *Pool) read(ctx context.Context) (*state.State, error) {
	s, err := p.store.Read(ctx)
	if err != nil || !fromTheFuture(s, p.now()) {
		return s, err
	}
	if err := p.update(ctx, func(*state.State) error { return nil }); err != nil {
		return nil, err
	}
	return p.store.Read(ctx)
}

func (p *Pool) update(ctx context.Context, change func(*state.State) error) error {
	err := p.store.Update(ctx, func(s *state.State) error {
		rebase(s, p.now())
		return change(s)
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return err
	}
	return nil
}

// held is the lease of proc and its account, which is nil unless proc can go on with it.
func (p *Pool) held(s *state.State, proc Process, ask Ask) (*state.Lease, *state.Account) {
	l := s.Lease(proc.PID, proc.Start)
	if l == nil {
		return nil, nil
	}
	a := s.Find(l.Account)
	if a == nil || !ask.keeps(a, p.now()) {
		return l, nil
	}
	return l, a
}

// lease gives proc the next account that fits. The switch is nil where proc had none, or one that is only of no use
// to proc itself.
func (p *Pool) lease(s *state.State, proc Process, ask Ask) (Handout, *Switch, error) {
	p.prune(s, proc)
	a, err := p.next(s, ask)
	if err != nil {
		return Handout{}, nil, err
	}
	var old *state.Account
	if l := s.Lease(proc.PID, proc.Start); l != nil {
		old = s.Find(l.Account)
	}
	if old == nil {
		return p.give(s, proc, a, state.Event{}), nil, nil
	}
	// What ended its hold counts, not what keeps others away from the account.
	c := limits(old, ask.Model, p.now())
	from := p.handout(old)
	to := p.give(s, proc, a, state.Event{Reason: c.Reason, Until: c.Until})
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

// give writes down that proc has the account a from now on. why tells of the reason, should it leave another.
func (p *Pool) give(s *state.State, proc Process, a *state.Account, why state.Event) Handout {
	proc.Command = OneLine(proc.Command)
	now := p.now()
	s.Last, s.Passed, a.LastUsed = a.ID, nil, now
	event := state.Event{Time: now, Kind: "leased", Account: a.Label, PID: proc.PID, Command: proc.Command}
	if l := s.Lease(proc.PID, proc.Start); l != nil {
		if old := s.Find(l.Account); old != nil {
			event.Kind, event.Account, event.To, event.Reason, event.Until = "switched", old.Label, a.Label, why.Reason, why.Until
		}
		l.Account, l.Since = a.ID, now
	} else {
		s.Leases = append(s.Leases, state.Lease{PID: proc.PID, Start: proc.Start, Command: proc.Command, Account: a.ID, Since: now})
	}
	s.Note(event)
	return p.handout(a)
}

// fewLeases is how many leases are kept without a look at their processes.
const fewLeases = 16

// prune clears the leases of ended processes away when there are twice as many as there were after the last time,
// so that a crowd of new processes does not look at all the others for each one.
func (p *Pool) prune(s *state.State, proc Process) {
	if len(s.Leases) < max(fewLeases, 2*s.Pruned) {
		return
	}
	s.Leases = slices.DeleteFunc(s.Leases, func(l state.Lease) bool {
		return !p.alive(l.PID, l.Start) && !(l.PID == proc.PID && l.Start == proc.Start)
	})
	s.Pruned = len(s.Leases)
}

// Holders returns whether a process has a lease, as the pool stands now.
func (p *Pool) Holders(ctx context.Context) (func(pid int, start string) bool, error) {
	s, err := p.store.Read(ctx)
	if err != nil {
		return nil, err
	}
	return func(pid int, start string) bool { return s.Lease(pid, start) != nil }, nil
}

// Upcoming is the account that proc would get, should it have to leave the one it has.
func (p *Pool) Upcoming(ctx context.Context, proc Process) (Handout, error) {
	s, err := p.store.Read(ctx)
	if err != nil {
		return Handout{}, err
	}
	var ask Ask
	if l := s.Lease(proc.PID, proc.Start); l != nil {
		ask.Avoid = []string{l.Account}
	}
	a, err := p.next(s, ask)
	if err != nil {
		return Handout{}, err
	}
	return p.handout(a), nil
}

// Exhaustion is nil when an account could be handed out now; else ErrEmpty or an *ExhaustedError.
func (p *Pool) Exhaustion(ctx context.Context) error {
	s, err := p.read(ctx)
	if err == nil {
		_, err = p.next(s, Ask{})
	}
	return err
}

// Release ends the lease of proc before the process ends.
func (p *Pool) Release(ctx context.Context, proc Process) error {
	return p.update(ctx, func(s *state.State) error {
		before := len(s.Leases)
		s.Leases = slices.DeleteFunc(s.Leases, func(l state.Lease) bool { return l.PID == proc.PID && l.Start == proc.Start })
		if len(s.Leases) == before {
			return errUnchanged
		}
		return nil
	})
}
