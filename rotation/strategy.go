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

// The strategies, each of which picks one of the accounts that are ready.
const (
	// RoundRobin picks the account after the last one handed out, in the pool's order.
	RoundRobin = "round-robin"
	// MostLeft picks the account whose fullest window is used least, by the last known usage. If
	// several are equal, it picks as RoundRobin does.
	MostLeft = "most-left"
	// FillFirst picks the first account in the pool's order.
	FillFirst = "fill-first"
)

// Strategies returns the names of the strategies, the default first.
func Strategies() []string { return []string{RoundRobin, MostLeft, FillFirst} }

// MaxAhead is the highest value of Settings.Ahead and Ask.Ahead, in percent.
const MaxAhead = 99

// NotAhead is the value of Ask.Ahead for a holder that keeps its account until the limit. It
// overrides the settings.
const NotAhead = -1

// aheadPause is the minimum time between two switches of a holder ahead of limits. Without it, a
// holder would switch all the time when all accounts are nearly used up.
const aheadPause = 15 * time.Minute

// ErrSetting means that a strategy or percentage is not valid.
var ErrSetting = errors.New("invalid setting")

// Configure changes the settings of the pool. It fails with ErrSetting if change sets an invalid
// value.
func (p *Accounts) Configure(ctx context.Context, change func(*state.Settings)) error {
	return p.update(ctx, func(s *state.State) error {
		before := s.Settings
		change(&s.Settings)
		now := s.Settings
		switch {
		case now == before:
			return errUnchanged
		case now.Strategy != before.Strategy && now.Strategy != "" && !slices.Contains(Strategies(), now.Strategy):
			return fmt.Errorf("%w: strategy %q", ErrSetting, now.Strategy)
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

// strategy returns the strategy of the settings, or the default if only a newer version knows it.
func strategy(s state.Settings) string {
	if slices.Contains(Strategies(), s.Strategy) {
		return s.Strategy
	}
	return RoundRobin
}

// percent returns the used percentage at which the holder leaves its account; 0 means never.
func (ask Ask) percent(s state.Settings) int {
	percent := cmp.Or(ask.Ahead, s.Ahead)
	if percent < 0 || percent > MaxAhead {
		return 0
	}
	return percent
}

// byTurn returns all accounts in the pool's order, starting after the account of this tier that was
// last handed out.
func byTurn(s *state.State, tier int) []*state.Account {
	start := s.Index(lastOf(s, tier)) + 1
	turn := make([]*state.Account, len(s.Accounts))
	for i := range turn {
		turn[i] = &s.Accounts[(start+i)%len(turn)]
	}
	return turn
}

// next picks the account for a holder that has none, or has to leave its account.
func (p *base) next(s *state.State, ask Ask) (*state.Account, error) {
	if len(s.Accounts) == 0 {
		return nil, ErrEmpty
	}
	now := p.now()
	tier := lowestTier(s, func(a *state.Account) bool { return ask.fits(a, now) })
	if tier == 0 {
		return nil, exhausted(s, ask, now)
	}
	fit := slices.DeleteFunc(byTurn(s, tier), func(a *state.Account) bool { return tierOf(a) != tier || !ask.fits(a, now) })
	fit = preferred(fit, func(a *state.Account) bool { return !slices.Contains(s.Passed, a.ID) })
	if percent := ask.percent(s.Settings); percent > 0 { // from this percentage on, the holder would soon switch again
		fit = preferred(fit, func(a *state.Account) bool { return fill(a, now).Percent < percent })
	}
	return best(s, fit, now), nil
}

// preferred returns the accounts for which wish returns true, or all if there is none.
func preferred(fit []*state.Account, wish func(*state.Account) bool) []*state.Account {
	if met := slices.DeleteFunc(slices.Clone(fit), func(a *state.Account) bool { return !wish(a) }); len(met) > 0 {
		return met
	}
	return fit
}

// best applies the strategy to the accounts in fit, which are in the order of byTurn.
func best(s *state.State, fit []*state.Account, now time.Time) *state.Account {
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

// leaving returns the account to which the holder of the lease l must switch before its account a
// reaches a limit, or nil if the holder keeps a.
func (p *Leases) leaving(s *state.State, l *state.Lease, a *state.Account, ask Ask) *state.Account {
	percent, now := ask.percent(s.Settings), p.now()
	if percent == 0 || fill(a, now).Percent < percent || !l.Ahead.IsZero() && now.Sub(l.Ahead).Abs() < aheadPause {
		return nil
	}
	// Account a is ready, so no account of a higher tier is handed out.
	tier := lowestTier(s, func(b *state.Account) bool { return b.ID == a.ID || ask.fits(b, now) })
	better := slices.DeleteFunc(byTurn(s, tier), func(b *state.Account) bool {
		return b.ID == a.ID || tierOf(b) != tier || !ask.fits(b, now) || fill(b, now).Percent >= percent || ask.To != nil && !ask.To(p.handout(b))
	})
	if len(better) == 0 {
		return nil
	}
	return best(s, better, now)
}

// Leaving returns one Handout for each holder: the account to which it would switch before its
// current account reaches a limit. The Handout is zero if the holder keeps its account.
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
