package rotation

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"ocgo-key/rotation/state"
)

// MaxTier is the highest tier of an account.
const MaxTier = 9

// tierOf returns the tier of account a: 1 unless the user has set another one.
func tierOf(a *state.Account) int { return max(a.Tier, 1) }

// lowestTier returns the lowest tier with an account for which fits returns true; 0 if there is
// none.
func lowestTier(s *state.State, fits func(*state.Account) bool) int {
	tier := 0
	for i := range s.Accounts {
		if a := &s.Accounts[i]; (tier == 0 || tierOf(a) < tier) && fits(a) {
			tier = tierOf(a)
		}
	}
	return tier
}

// lastOf returns the id of the account of this tier that was last handed out in turn, not by a
// choice of the user.
func lastOf(s *state.State, tier int) string {
	if last, ok := s.Turns[tier]; ok {
		return last
	}
	return s.Last
}

// took records that account a was handed out in turn.
func took(s *state.State, a *state.Account) {
	passTo(s, tierOf(a), a.ID)
	s.Last, s.Passed = a.ID, nil
}

// passTo makes the account that follows the account id the next of the tier. The order of each tier
// is separate: hand-outs of tier 2 do not change which account of tier 1 is next.
func passTo(s *state.State, tier int, id string) {
	if !slices.ContainsFunc(s.Accounts, func(a state.Account) bool { return tierOf(&a) != tier }) {
		s.Last, s.Turns = id, nil
		return
	}
	turns := maps.Clone(s.Turns)
	if turns == nil {
		turns = map[int]string{}
	}
	for _, a := range s.Accounts { // until now there was one tier, and Last was its last account
		if _, ok := turns[tierOf(&a)]; !ok {
			turns[tierOf(&a)] = s.Last
		}
	}
	turns[tier] = id
	s.Turns = turns
}

// SetTier sets the tier of an account. It fails with ErrSetting if the tier is not valid. Running
// holders keep their accounts.
func (p *Accounts) SetTier(ctx context.Context, id string, tier int) error {
	if tier < 1 || tier > MaxTier {
		return fmt.Errorf("%w: tier %d", ErrSetting, tier)
	}
	return p.update(ctx, func(s *state.State) error {
		a := s.Find(id)
		switch {
		case a == nil:
			return ErrNoSuchAccount
		case tierOf(a) == tier:
			return errUnchanged
		}
		if a.Tier = tier; tier == 1 {
			a.Tier = 0
		}
		s.Note(state.Event{Time: p.now(), Kind: "configured", Account: a.Label, Reason: fmt.Sprintf("tier %d", tier)})
		return nil
	})
}
