package rotation

import (
	"context"
	"errors"
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
}

func (ask Ask) fits(a *state.Account, now time.Time) bool {
	return condition(a, ask.Model, now).State == Ready && !slices.Contains(ask.Avoid, a.ID)
}

// Acquire returns the account that process proc holds, if it fits. Else proc gets the next one that does, and
// keeps that. It fails with ErrEmpty or an *ExhaustedError.
func (p *Pool) Acquire(ctx context.Context, proc Process, ask Ask) (Handout, error) {
	s, err := p.read(ctx)
	if err != nil {
		return Handout{}, err
	}
	// The common case, and that of an exhausted pool, take no lock and write nothing.
	if h, ok := p.held(s, proc, ask); ok {
		return h, nil
	}
	if _, err := p.next(s, ask); err != nil {
		return Handout{}, err
	}
	var h Handout
	err = p.update(ctx, func(s *state.State) error {
		var ok bool
		if h, ok = p.held(s, proc, ask); ok {
			return errUnchanged
		}
		h, err = p.lease(s, proc, ask)
		return err
	})
	return h, err
}

// read returns the pool as it stands. Where the clock was set back since a cooldown began, that is written down
// once: else its end would move on with every look.
func (p *Pool) read(ctx context.Context) (*state.State, error) {
	s, err := p.store.Read(ctx)
	if err != nil || !ahead(s, p.now()) {
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

func (p *Pool) held(s *state.State, proc Process, ask Ask) (Handout, bool) {
	l := s.Lease(proc.PID, proc.Start)
	if l == nil {
		return Handout{}, false
	}
	a := s.Find(l.Account)
	if a == nil || !ask.fits(a, p.now()) {
		return Handout{}, false
	}
	return p.handout(a), true
}

// lease gives proc the next account that fits, and writes down that it has it.
func (p *Pool) lease(s *state.State, proc Process, ask Ask) (Handout, error) {
	proc.Command = OneLine(proc.Command)
	p.prune(s, proc)
	a, err := p.next(s, ask)
	if err != nil {
		return Handout{}, err
	}
	now := p.now()
	s.Last, a.LastUsed = a.ID, now
	event := state.Event{Time: now, Kind: "leased", Account: a.Label, PID: proc.PID, Command: proc.Command}
	if l := s.Lease(proc.PID, proc.Start); l != nil {
		if old := s.Find(l.Account); old != nil {
			c := condition(old, ask.Model, now)
			event.Kind, event.Account, event.To, event.Reason, event.Until = "switched", old.Label, a.Label, c.Reason, c.Until
		}
		l.Account, l.Since = a.ID, now
	} else {
		s.Leases = append(s.Leases, state.Lease{PID: proc.PID, Start: proc.Start, Command: proc.Command, Account: a.ID, Since: now})
	}
	s.Note(event)
	return p.handout(a), nil
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

// next picks by round-robin: the first account that fits after the one last handed out, in the pool's order.
func (p *Pool) next(s *state.State, ask Ask) (*state.Account, error) {
	n := len(s.Accounts)
	if n == 0 {
		return nil, ErrEmpty
	}
	now := p.now()
	start := slices.IndexFunc(s.Accounts, func(a state.Account) bool { return a.ID == s.Last }) + 1
	for i := range n {
		a := &s.Accounts[(start+i)%n]
		if ask.fits(a, now) {
			return a, nil
		}
	}
	return nil, exhausted(s, ask.Model, now)
}

// exhausted says which account is back first, of those that were all out at this moment.
func exhausted(s *state.State, model string, now time.Time) *ExhaustedError {
	e := &ExhaustedError{}
	for i := range s.Accounts {
		a := &s.Accounts[i]
		c := condition(a, model, now)
		if c.State == Cooling && (e.Until.IsZero() || c.Until.Before(e.Until)) {
			*e = ExhaustedError{Account: a.Label, Until: c.Until, Reason: c.Reason, Window: c.Window, Workspace: a.Workspace}
		}
	}
	return e
}
