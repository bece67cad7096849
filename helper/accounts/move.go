package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// Moved is the result of a move of the keys.
type Moved struct {
	From, To string   // names of stores; equal if the keys were already in To
	Labels   []string // labels of the accounts whose keys were moved
	Missing  []string // labels of the accounts without a key in either store
	Beside   bool     // the identity of the file store is in the same folder as the keys
}

// Move moves all keys to another store; to is its name. It copies each key and reads it back, then
// changes the store in the settings, and only then deletes the old keys. If Move is interrupted at
// any point, no key is lost, and the same call completes the move. confirm is called before the
// first key is copied; its error ends the move.
func (a *Accounts) Move(to string, confirm func(question string) error) (Moved, error) {
	m := &move{Accounts: a, moved: Moved{To: to, Labels: []string{}, Missing: []string{}}}
	if err := CheckStore(to); err != nil {
		return m.moved, hint.Input("--to: %w", err)
	}
	ctx, cancel := a.Budget.Context()
	defer cancel()
	err := a.Keys.locked(ctx, MoveLockName, takeAlone, func() error { return m.run(confirm) })
	return m.moved, err
}

// move is a running move of the keys.
type move struct {
	*Accounts
	owners   []rotation.KeyOwner
	ends     rotation.KeyMove // the names of from and to
	from, to keychain.Store
	moved    Moved
}

func (m *move) run(confirm func(string) error) error {
	ctx := context.Background()
	owners, s, err := m.Pool.KeyOwners(ctx)
	if err != nil {
		return err
	}
	m.owners = owners
	now, to := m.Keys.StoreIn(s), m.moved.To
	if err := m.chosen(s, now, to); err != nil {
		return err
	}
	if err := m.finishEarlier(s, now); err != nil {
		return err
	}
	if now == to {
		return m.arrive(s)
	}
	if m.Keys.Store == "" && s.Move.Other(now) == to {
		m.Tell.Say("continuing a move that was interrupted")
	}
	if err := m.begin(s, now); err != nil {
		return err
	}
	question := fmt.Sprintf("Move %s from %s to %s, and delete the old copies?", text.Count(len(m.owners), "key", "keys"), m.Keys.Described(now, s), m.Keys.Described(to, s))
	if err := confirm(question); err != nil {
		return err
	}
	if err := m.Pool.BeginMove(ctx, m.ends); err != nil {
		return err
	}
	if err := m.copyAll(); err != nil {
		return also(err, "no key was deleted; the same command continues where this one ended")
	}
	if err := m.Pool.Moved(ctx, to, m.identity(s)); err != nil {
		return err
	}
	if err := m.clear(m.ends.From); err != nil {
		return err
	}
	m.moved.Beside = m.beside()
	return nil
}

// chosen returns an error if only state.json names a store of this move and the user has not
// confirmed it. It records that the user chose the target, unless only state.json names the
// target's identity.
func (m *move) chosen(s rotation.Settings, now, to string) error {
	ctx, cancel := m.Budget.Context()
	defer cancel()
	stores := []string{now, s.Move.Other(now)}
	if to != FileStore || m.Keys.identity(rotation.Settings{}) == m.Keys.identity(s) { // otherwise only state.json names the identity
		m.Keys.Confirm(ctx, to, rotation.Settings{})
	} else {
		stores = append(stores, to)
	}
	return m.Keys.CheckConfirmed(ctx, s, stores...)
}

// arrive ends a move to the store that is already in use. If only the command line names that
// store, arrive adds it to the settings.
func (m *move) arrive(s rotation.Settings) error {
	m.moved.From = m.moved.To
	if m.Keys.Store != "" && s.Store != m.moved.To {
		return m.Pool.Moved(context.Background(), m.moved.To, m.identity(s))
	}
	return nil
}

// finishEarlier completes an interrupted move between the store in use, called now, and another
// store. If that other store is the target of this move, finishEarlier does nothing.
func (m *move) finishEarlier(s rotation.Settings, now string) error {
	other := s.Move.Other(now)
	if other == "" || other == m.moved.To {
		return nil
	}
	var err error
	if m.from, m.to, err = m.open(s, other, now); err != nil {
		return err
	}
	m.ends = s.Move
	// The store in use must have all keys before they are deleted in the other store.
	for _, owner := range m.owners {
		if err := m.bring(owner); err != nil {
			return err
		}
	}
	return m.clear(other)
}

// bring copies the key of an account from m.from to m.to, unless m.to already has a key for it.
func (m *move) bring(owner rotation.KeyOwner) error {
	ctx, cancel := m.Budget.Context()
	defer cancel()
	_, err := m.to.Get(ctx, owner.ID)
	if !errors.Is(err, keychain.ErrNotFound) {
		return keychain.WithLabel(err, owner.Label)
	}
	key, err := m.from.Get(ctx, owner.ID)
	if errors.Is(err, keychain.ErrNotFound) {
		return nil
	}
	if err != nil {
		return keychain.WithLabel(err, owner.Label)
	}
	return keychain.WithLabel(storeKey(ctx, m.to, owner.ID, key), owner.Label)
}

func (m *move) open(s rotation.Settings, from, to string) (keychain.Store, keychain.Store, error) {
	a, err := m.Keys.open(from, s)
	if err != nil {
		return nil, nil, err
	}
	b, err := m.Keys.open(to, s)
	return a, b, err
}

// begin opens both stores and checks that keys can be moved between them.
func (m *move) begin(s rotation.Settings, from string) error {
	var err error
	if m.from, m.to, err = m.open(s, from, m.moved.To); err != nil {
		return err
	}
	m.ends, m.moved.From = rotation.KeyMove{From: from, To: m.moved.To}, from
	ctx, cancel := m.Budget.Context()
	defer cancel()
	asked := []keychain.Store{m.to}
	if len(m.owners) > 0 { // without keys, the old store need not exist
		asked = append(asked, m.from)
	}
	for _, store := range asked {
		if _, err := store.Get(ctx, NewID()); err != nil && !errors.Is(err, keychain.ErrNotFound) {
			return nothingMoved(err)
		}
	}
	if s.Move == m.ends {
		return nil // the keys in m.to are copies of the interrupted move
	}
	for _, owner := range m.owners {
		if _, err := m.to.Get(ctx, owner.ID); err == nil {
			return m.tellApart(ctx)
		}
	}
	return nil
}

func nothingMoved(err error) error {
	return fmt.Errorf("nothing was moved: %w", keychain.WithoutAccount(err))
}

// tellApart returns an error if both names mean the same store, for instance if a credential helper
// is a link to another. The move would then delete the only copy of a key.
func (m *move) tellApart(ctx context.Context) error {
	probe, text := NewID(), keychain.NewSecret("probe-"+rand.Text())
	if err := m.to.Set(ctx, probe, text); err != nil {
		return nothingMoved(err)
	}
	_, err := m.from.Get(ctx, probe)
	deleted := m.to.Delete(ctx, probe)
	switch {
	case err == nil:
		return hint.On(fmt.Errorf("%s and %s are the same store under two names; nothing was moved", Place(m.ends.From), Place(m.ends.To)),
			"`ocgo-key config store` changes only the name, if the pool has no accounts")
	case !errors.Is(err, keychain.ErrNotFound):
		return nothingMoved(err)
	}
	return deleted
}

// identity returns the identity to keep in the settings.
func (m *move) identity(s rotation.Settings) string {
	if path, ok := rememberable(m.Keys.Identity); ok && m.moved.To == FileStore {
		return path
	}
	return s.Identity
}

// copyAll copies all keys from m.from to m.to, and reads each copy back.
func (m *move) copyAll() error {
	for i, owner := range m.owners {
		if err := m.copy(owner); err != nil {
			return fmt.Errorf("%d of %s copied: %w", i, text.Count(len(m.owners), "key", "keys"), err)
		}
	}
	return nil
}

func (m *move) copy(owner rotation.KeyOwner) error {
	ctx, cancel := m.Budget.Context()
	defer cancel()
	key, err := m.from.Get(ctx, owner.ID)
	if errors.Is(err, keychain.ErrNotFound) {
		return m.miss(ctx, owner)
	}
	if err != nil {
		return keychain.WithLabel(err, owner.Label)
	}
	if err := storeKey(ctx, m.to, owner.ID, key); err != nil {
		return keychain.WithLabel(err, owner.Label)
	}
	m.Tell.Detail("copied %s", owner.Label)
	if owner.Account {
		m.moved.Labels = append(m.moved.Labels, owner.Label)
	}
	return nil
}

// miss warns about an account without a key, and deletes the outdated copy that an interrupted move
// may have left in m.to.
func (m *move) miss(ctx context.Context, owner rotation.KeyOwner) error {
	if err := deleteKey(ctx, m.to, owner.ID); err != nil {
		return keychain.WithLabel(err, owner.Label)
	}
	if owner.Account {
		m.moved.Missing = append(m.moved.Missing, owner.Label)
		m.Tell.Warn(fmt.Sprintf("%s has no key in %s", owner.Label, Place(m.ends.From)), fmt.Sprintf("`ocgo-key replace %s` gives it one", text.Quote(owner.Label)))
	}
	return nil
}

// clear deletes all keys in m.from, the store called left, and ends the move.
func (m *move) clear(left string) error {
	for _, owner := range m.owners {
		if err := m.drop(owner); err != nil {
			return also(fmt.Errorf("all keys are copied, but not all are deleted in %s: %w", Place(left), err), "the same command deletes the rest")
		}
	}
	return m.Pool.EndMove(context.Background())
}

func (m *move) drop(owner rotation.KeyOwner) error {
	ctx, cancel := m.Budget.Context()
	defer cancel()
	return keychain.WithLabel(deleteKey(ctx, m.from, owner.ID), owner.Label)
}

// beside reports whether the keys were moved to the file store and its identity is in the same
// folder.
func (m *move) beside() bool {
	path, err := filepath.Abs(m.Keys.identity(rotation.Settings{}))
	dir, dirErr := m.Keys.dir()
	return m.ends.To == FileStore && err == nil && dirErr == nil && filepath.Dir(path) == dir
}
