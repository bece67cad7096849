package rotation

import (
	"context"

	"ocgo-key/internal/text"
	"ocgo-key/rotation/state"
)

// A KeyOwner is an id under which a key store has a key, or may have one.
type KeyOwner struct {
	ID      string
	Label   string // for people; the id where there is no account
	Account bool   // false: a command that brings an account in, or takes one out, was cut short
}

// KeyOwners returns the ids under which there may be keys, and the settings of the same moment.
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

// BeginMove writes down that the keys are about to move, so that a move that is cut short can be
// finished.
func (p *Accounts) BeginMove(ctx context.Context, m KeyMove) error {
	return p.store.Update(ctx, func(s *state.State) error {
		s.Settings.Move = m
		return nil
	})
}

// Moved writes down in which store the keys are from now on, and by which identity that is opened.
func (p *Accounts) Moved(ctx context.Context, store, identity string) error {
	return p.store.Update(ctx, func(s *state.State) error {
		if s.Settings.Store != store {
			s.Note(state.Event{Time: p.now(), Kind: "configured", Reason: "store " + text.OneLine(store)})
		}
		s.Settings.Store, s.Settings.Identity = store, identity
		return nil
	})
}

// EndMove forgets the move: the store that was left has none of the keys any more.
func (p *Accounts) EndMove(ctx context.Context) error { return p.BeginMove(ctx, KeyMove{}) }

// ContinueFrom makes the turn continue after this account, unless this pool has handed one out
// already.
func (p *Accounts) ContinueFrom(ctx context.Context, id string) error {
	return p.update(ctx, func(s *state.State) error {
		if s.Last != "" || s.Find(id) == nil {
			return errUnchanged
		}
		s.Last = id
		return nil
	})
}
