package rotation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ocgo-key/internal/text"
	"ocgo-key/rotation/state"
)

// Strategies: which of the accounts that are ready is the next. None of them picks one that is out.
const (
	// RoundRobin is the one after the account last handed out, in the pool's order.
	RoundRobin = "round-robin"
	// MostLeft is the one whose fullest window is used least, by the last known usage; of several,
	// by turn.
	MostLeft = "most-left"
	// FillFirst is the first in the pool's order.
	FillFirst = "fill-first"
)

// Strategies are the names of all, the default first.
func Strategies() []string { return []string{RoundRobin, MostLeft, FillFirst} }

// MaxAhead is the highest percentage at which a process can leave its account before the limit.
const MaxAhead = 99

// NotAhead is the Ask.Ahead of a process that keeps its account up to the limit, whatever the
// settings say.
const NotAhead = -1

// aheadRest is how long a process that left an account before its limit stays with the next one in
// any case: where all accounts are nearly used up it must not go round between them.
const aheadRest = 15 * time.Minute

// ErrSetting means that there is no such strategy, or percentage.
var ErrSetting = errors.New("no such setting")

// Configure changes the settings of the whole pool. What change leaves in them must make sense.
func (p *Accounts) Configure(ctx context.Context, change func(*state.Settings)) error {
	return p.update(ctx, func(s *state.State) error {
		before := s.Settings
		change(&s.Settings)
		now := s.Settings
		switch {
		case now == before:
			return errUnchanged
		case now.Strategy != before.Strategy && now.Strategy != "" && !slices.Contains(Strategies(), now.Strategy):
			return fmt.Errorf("%w: a strategy %q", ErrSetting, now.Strategy)
		case now.Ahead != before.Ahead && (now.Ahead < 0 || now.Ahead > MaxAhead):
			return fmt.Errorf("%w: %d percent", ErrSetting, now.Ahead)
		}
		if now.Store != before.Store {
			s.Note(state.Event{Time: p.now(), Kind: "configured", Reason: "store " + text.OneLine(now.Store)})
		}
		if now.Strategy == before.Strategy && now.Ahead == before.Ahead {
			return nil
		}
		s.Passed = nil
		if now.Strategy != before.Strategy {
			s.Note(state.Event{Time: p.now(), Kind: "configured", Reason: "strategy " + strategy(now)})
		}
		if now.Ahead != before.Ahead {
			s.Note(state.Event{Time: p.now(), Kind: "configured", Reason: fmt.Sprintf("ahead %d", now.Ahead)})
		}
		return nil
	})
}

// strategy is the one in force: the default for one that a newer version knows.
func strategy(s state.Settings) string {
	if slices.Contains(Strategies(), s.Strategy) {
		return s.Strategy
	}
	return RoundRobin
}

// percent is at how much used a process that asks like this leaves an account; 0 is never.
func (ask Ask) percent(s state.Settings) int {
	percent := ask.Ahead
	if percent == 0 {
		percent = s.Ahead
	}
	if percent < 0 || percent > MaxAhead {
		return 0
	}
	return percent
}

// byTurn are all accounts in the pool's order, from the one after the account last handed out.
func byTurn(s *state.State) []*state.Account {
	n := len(s.Accounts)
	start := slices.IndexFunc(s.Accounts, func(a state.Account) bool { return a.ID == s.Last }) + 1
	turn := make([]*state.Account, n)
	for i := range n {
		turn[i] = &s.Accounts[(start+i)%n]
	}
	return turn
}

// next picks the account that a process gets which asks like this and has to leave its own, or has
// none.
func (p *base) next(s *state.State, ask Ask) (*state.Account, error) {
	if len(s.Accounts) == 0 {
		return nil, ErrEmpty
	}
	now := p.now()
	fit := slices.DeleteFunc(byTurn(s), func(a *state.Account) bool { return !ask.fits(a, now) })
	if len(fit) == 0 {
		return nil, exhausted(s, ask.Model, now)
	}
	fit = preferred(fit, func(a *state.Account) bool { return !slices.Contains(s.Passed, a.ID) })
	if percent := ask.percent(s.Settings); percent > 0 { // else it would have to leave at once
		fit = preferred(fit, func(a *state.Account) bool { return fill(a, now).Percent < percent })
	}
	return pick(s, fit, now), nil
}

// preferred are those that meet the wish, or all if none does.
func preferred(fit []*state.Account, wish func(*state.Account) bool) []*state.Account {
	if met := slices.DeleteFunc(slices.Clone(fit), func(a *state.Account) bool { return !wish(a) }); len(met) > 0 {
		return met
	}
	return fit
}

// pick chooses from accounts that fit, which are in the order of their turn.
func pick(s *state.State, fit []*state.Account, now time.Time) *state.Account {
	switch strategy(s.Settings) {
	case MostLeft:
		return slices.MinFunc(fit, func(a, b *state.Account) int { return cmp.Compare(fill(a, now).Percent, fill(b, now).Percent) })
	case FillFirst:
		for i := range s.Accounts {
			if a := &s.Accounts[i]; slices.Contains(fit, a) {
				return a
			}
		}
	}
	return fit[0]
}

// leaving is the account that the holder of lease l, which has a, goes on with before a meets its
// limit; nil to stay.
func (p *Leases) leaving(s *state.State, l *state.Lease, a *state.Account, ask Ask) *state.Account {
	percent, now := ask.percent(s.Settings), p.now()
	if percent == 0 || fill(a, now).Percent < percent || !l.Ahead.IsZero() && now.Sub(l.Ahead).Abs() < aheadRest {
		return nil
	}
	better := slices.DeleteFunc(byTurn(s), func(b *state.Account) bool {
		return b.ID == a.ID || !ask.fits(b, now) || fill(b, now).Percent >= percent || ask.To != nil && !ask.To(p.handout(b))
	})
	if len(better) == 0 {
		return nil
	}
	return pick(s, better, now)
}

// Leaving returns for each of the holders the account that it would go on with before the one it
// has meets its limit; the zero Handout for one that stays.
func (p *Leases) Leaving(ctx context.Context, ask Ask, holders ...Holder) []Handout {
	to := make([]Handout, len(holders))
	s, err := p.read(ctx)
	if err != nil {
		return to
	}
	for i, holder := range holders {
		if l, a := p.held(s, holder, ask); a != nil {
			if b := p.leaving(s, l, a, ask); b != nil {
				to[i] = p.handout(b)
			}
		}
	}
	return to
}
