package rotation

import (
	"context"
	"fmt"
	"strings"

	"ocgo-key/rotation/state"
)

// Recover lists a key that is in the keychain under id, and that no account has, as an account
// again: "Recovered N". It returns the label; where an account has the id by now, that account's.
func (p *Accounts) Recover(ctx context.Context, id string) (label string, err error) {
	err = p.update(ctx, func(s *state.State) error {
		s.Settle(id)
		if a := s.Find(id); a != nil {
			label = a.Label
			return nil
		}
		label = freeLabel(s, "Recovered")
		s.Accounts = append(s.Accounts, state.Account{ID: id, Label: label, Added: p.now()})
		s.Note(state.Event{Time: p.now(), Kind: "recovered", Account: label})
		return nil
	})
	return label, err
}

// freeLabel is "BASE N" with the first N that is not taken.
func freeLabel(s *state.State, base string) string {
	taken := map[string]bool{}
	for _, a := range s.Accounts {
		taken[strings.ToLower(a.Label)] = true
	}
	for n := 1; ; n++ {
		if label := fmt.Sprintf("%s %d", base, n); !taken[strings.ToLower(label)] {
			return label
		}
	}
}
