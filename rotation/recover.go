package rotation

import (
	"context"
	"fmt"

	"ocgo-key/rotation/state"
)

// Recover adds an account for a key that the keychain has under id and that belongs to no account.
// It returns the label, "Recovered N". If an account with this id exists, Recover only returns its
// label.
func (p *Accounts) Recover(ctx context.Context, id string) (label string, err error) {
	err = p.update(ctx, func(s *state.State) error {
		s.ClearPending(id)
		if a := s.Find(id); a != nil {
			label = a.Label
			return nil
		}
		for n := 1; label == "" || labelFree(s, label, "") != nil; n++ {
			label = fmt.Sprintf("Recovered %d", n)
		}
		s.Accounts = append(s.Accounts, state.Account{ID: id, Label: label, Added: p.now()})
		s.Note(state.Event{Time: p.now(), Kind: "recovered", Account: label})
		return nil
	})
	return label, err
}
