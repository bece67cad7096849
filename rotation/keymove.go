package rotation

import (
	"context"

	"ocgo-key/internal/text"
	"ocgo-key/rotation/state"
)

// KeyOwner is an id under which a key store may have a key.
type KeyOwner struct {
	ID      string
	Label   string // the id if there is no account
	Account bool   // false if there is no account, because `add` or `remove` was interrupted
}

// KeyOwners returns all ids under which there may be keys, and the settings, in one read.
func (p *Accounts) KeyOwners(ctx context.Context) ([]KeyOwner, Settings, error) {
	s, err := p.read(ctx)
	if err != nil {
		return nil, Settings{}, err
	}
	var owners []KeyOwner
	for _, a := range s.Accounts {
		owners = append(owners, KeyOwner{a.ID, a.Label, true})
	}
	for _, pending := range s.Pending {
		if s.Find(pending.ID) == nil {
			owners = append(owners, KeyOwner{pending.ID, pending.ID, false})
		}
	}
	return owners, s.Settings, nil
}

// BeginMove records that a move of the keys begins, so that an interrupted move can be finished.
func (p *Accounts) BeginMove(ctx context.Context, m KeyMove) error {
	return p.store.Update(ctx, func(s *state.State) error {
		s.Settings.Move = m
		return nil
	})
}

// Moved records the store that now has the keys, and the path of its age identity.
func (p *Accounts) Moved(ctx context.Context, store, identity string) error {
	return p.store.Update(ctx, func(s *state.State) error {
		if s.Settings.Store != store {
			s.Note(state.Event{Time: p.now(), Kind: "configured", Reason: "store " + text.OneLine(store)})
		}
		s.Settings.Store, s.Settings.Identity = store, identity
		return nil
	})
}

// EndMove records that the move is complete: the old store no longer has any of the keys.
func (p *Accounts) EndMove(ctx context.Context) error { return p.BeginMove(ctx, KeyMove{}) }

// ContinueFrom makes round-robin continue after this account, unless the pool has already handed
// out an account.
func (p *Accounts) ContinueFrom(ctx context.Context, id string) error {
	return p.update(ctx, func(s *state.State) error {
		if s.Last != "" || s.Find(id) == nil {
			return errUnchanged
		}
		s.Last = id
		return nil
	})
}
