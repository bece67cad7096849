package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ocgo-key/internal/hint"
	"ocgo-key/internal/paths"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation/state"
)

type migrateCmd struct {
	To  string `required:"" placeholder:"STORE" complete:"store" help:"Where to: os, file or docker:NAME."`
	Yes bool   `short:"y" help:"Do not ask."`
}

func (*migrateCmd) Help() string {
	return `Copies each key to the other store and reads it back; then the other store is the one that is used, and is remembered (config store); only then the old ones are deleted. Cut short at any point, it has lost nothing, and the same command finishes it.

--identity names the identity of the file store, and is remembered too, unless it is a descriptor.

Examples:
  age-keygen -o ~/.config/ocgo-key.txt
  ocgo-key migrate --to file --identity ~/.config/ocgo-key.txt
  ocgo-key migrate --to docker:pass
  ocgo-key migrate --to os`
}

// The shape of `migrate --json` is a contract.
type migratedJSON struct {
	From    string   `json:"from"`
	To      string   `json:"to"`
	Moved   []string `json:"moved"`   // labels
	Missing []string `json:"missing"` // labels of accounts without a key in either store
}

// migration is one move of the keys while it is at work.
type migration struct {
	app    *app
	file   *state.File
	keys   []entry
	move   state.Move
	from   keychain.Store
	to     keychain.Store
	report migratedJSON
}

// entry is an id under which there is a key, or may be one.
type entry struct {
	id      string
	label   string // for people
	account bool   // rather than a command that was cut short
}

func (c *migrateCmd) Run(a *app) error {
	if err := checkStore(c.To); err != nil {
		return hint.Input("--to: %w", err)
	}
	dir, err := paths.StateDir(a.getenv, os.UserHomeDir)
	if err != nil {
		return err
	}
	lock, err := a.moveLock()
	if err != nil {
		return err
	}
	ctx, cancel := a.keychainContext()
	defer cancel()
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return lockError(ctx, err)
	}
	defer func() { _ = lock.Close() }()

	m := &migration{app: a, file: state.OpenFile(dir, time.Now, func(message string) { a.Warn(message, "") })}
	m.report = migratedJSON{To: c.To, Moved: []string{}, Missing: []string{}}
	return m.run(c)
}

func (m *migration) run(c *migrateCmd) error {
	s, err := m.file.Read(context.Background())
	if err != nil {
		return err
	}
	m.listKeys(s)
	now := storeOf(m.app, s.Settings)
	if err := m.finishEarlier(s.Settings, now, c.To); err != nil {
		return err
	}
	if now == c.To {
		return m.arrive(s.Settings)
	}
	if m.app.Store == "" && s.Settings.Move.Other(now) == c.To {
		m.app.Say("going on with a move that was cut short")
	}
	if err := m.begin(s.Settings, now, c.To); err != nil {
		return err
	}
	if err := m.app.confirm(c.Yes, fmt.Sprintf("Move %s from %s to %s, and delete the old?", text.Count(len(m.keys), "key", "keys"), place(now), place(c.To))); err != nil {
		return err
	}
	if err := m.remember(func(to *state.Settings) { to.Move = m.move }); err != nil {
		return err
	}
	if err := m.copyAll(); err != nil {
		return hint.On(err, hintOf(err, "no key was deleted; the same command goes on where this one ended"))
	}
	if err := m.remember(func(to *state.Settings) { to.Store, to.Identity = c.To, m.identity(*to) }); err != nil {
		return err
	}
	return m.end()
}

// arrive is for a store that is chosen already: what an earlier move left to do is done, and all is well.
func (m *migration) arrive(s state.Settings) error {
	m.report.From = m.report.To
	if m.app.Store != "" && s.Store != m.report.To {
		if err := m.remember(func(to *state.Settings) { to.Store, to.Identity = m.report.To, m.identity(*to) }); err != nil {
			return err
		}
	}
	if m.app.JSON {
		return m.app.Document(m.report)
	}
	m.app.Say("the keys are in %s", place(m.report.To))
	return nil
}

func (m *migration) listKeys(s *state.State) {
	for _, a := range s.Accounts {
		m.keys = append(m.keys, entry{a.ID, a.Label, true})
	}
	for _, p := range s.Pending {
		if s.Find(p.ID) == nil {
			m.keys = append(m.keys, entry{p.ID, p.ID, false})
		}
	}
}

// finishEarlier does what a move that was cut short left to do at its other end, unless that is where the keys go now.
func (m *migration) finishEarlier(s state.Settings, now, to string) error {
	other := s.Move.Other(now)
	if other == "" || other == to {
		return nil
	}
	var err error
	if m.from, m.to, err = m.open(s, other, now); err != nil {
		return err
	}
	m.move = s.Move
	// Whichever end it is, `now` is to have all that the other has, before that is deleted there.
	for _, k := range m.keys {
		if err := m.have(k); err != nil {
			return err
		}
	}
	return m.clear(other)
}

// have sees to it that the store in use has the key, if the other end has.
func (m *migration) have(k entry) error {
	ctx, cancel := m.app.keychainContext()
	defer cancel()
	_, err := m.to.Get(ctx, k.id)
	if !errors.Is(err, keychain.ErrNotFound) {
		return keychain.Naming(err, k.label)
	}
	key, err := m.from.Get(ctx, k.id)
	if errors.Is(err, keychain.ErrNotFound) {
		return nil
	}
	if err != nil {
		return keychain.Naming(err, k.label)
	}
	return keychain.Naming(storeKey(ctx, m.to, k.id, key), k.label)
}

func (m *migration) open(s state.Settings, from, to string) (keychain.Store, keychain.Store, error) {
	m.app.keys()
	a, err := m.app.chosen.open(from, s)
	if err != nil {
		return nil, nil, err
	}
	b, err := m.app.chosen.open(to, s)
	return a, b, err
}

// begin opens both stores and finds out whether the keys can go from the one to the other.
func (m *migration) begin(s state.Settings, from, to string) error {
	var err error
	if m.from, m.to, err = m.open(s, from, to); err != nil {
		return err
	}
	m.move, m.report.From = state.Move{From: from, To: to}, from
	ctx, cancel := m.app.keychainContext()
	defer cancel()
	asked := []keychain.Store{m.to}
	if len(m.keys) > 0 { // a keychain that holds nothing need not be there
		asked = append(asked, m.from)
	}
	for _, store := range asked {
		if _, err := store.Get(ctx, newID()); err != nil && !errors.Is(err, keychain.ErrNotFound) {
			return fmt.Errorf("nothing was moved: %w", keychain.Unasked(err))
		}
	}
	if s.Move == m.move {
		return nil // what is there already, the earlier one brought
	}
	for _, k := range m.keys {
		if _, err := m.to.Get(ctx, k.id); err == nil {
			return m.tellApart(ctx)
		}
	}
	return nil
}

// tellApart makes sure that two stores which both have a key under one id are not one place by two names: a helper may
// be a link to another. What is deleted at the one would be gone from both.
func (m *migration) tellApart(ctx context.Context) error {
	probe, text := newID(), keychain.NewSecret("probe-"+rand.Text())
	if err := m.to.Set(ctx, probe, text); err != nil {
		return fmt.Errorf("nothing was moved: %w", keychain.Unasked(err))
	}
	_, err := m.from.Get(ctx, probe)
	deleted := m.to.Delete(ctx, probe)
	switch {
	case err == nil:
		return hint.On(fmt.Errorf("%s and %s are one and the same place; nothing was moved", place(m.move.From), place(m.move.To)),
			"`ocgo-key config store` changes the name alone, once there is no account")
	case !errors.Is(err, keychain.ErrNotFound):
		return fmt.Errorf("nothing was moved: %w", keychain.Unasked(err))
	}
	return deleted
}

// remember writes to the settings, and to the disk.
func (m *migration) remember(change func(*state.Settings)) error {
	return m.file.Update(context.Background(), func(s *state.State) error {
		before := s.Settings.Store
		change(&s.Settings)
		if s.Settings.Store != before {
			s.Note(state.Event{Time: time.Now(), Kind: "configured", Reason: "store " + s.Settings.Store})
		}
		return nil
	})
}

// identity is the one to remember.
func (m *migration) identity(s state.Settings) string {
	if path, ok := rememberable(m.app.Identity); ok && m.report.To == fileStore {
		return path
	}
	return s.Identity
}

// copyAll copies what from has to where the keys go, and reads each back.
func (m *migration) copyAll() error {
	for i, k := range m.keys {
		if err := m.copy(k); err != nil {
			return fmt.Errorf("%d of %s copied: %w", i, text.Count(len(m.keys), "key", "keys"), err)
		}
	}
	return nil
}

func (m *migration) copy(k entry) error {
	ctx, cancel := m.app.keychainContext()
	defer cancel()
	key, err := m.from.Get(ctx, k.id)
	if errors.Is(err, keychain.ErrNotFound) {
		return m.miss(ctx, k)
	}
	if err != nil {
		return keychain.Naming(err, k.label)
	}
	if err := storeKey(ctx, m.to, k.id, key); err != nil {
		return keychain.Naming(err, k.label)
	}
	m.app.Detail("copied %s", k.label)
	if k.account {
		m.report.Moved = append(m.report.Moved, k.label)
	}
	return nil
}

// miss tells of an account without a key. What an earlier move left of it where the keys go is no key of its any more.
func (m *migration) miss(ctx context.Context, k entry) error {
	if err := m.to.Delete(ctx, k.id); err != nil && !errors.Is(err, keychain.ErrNotFound) {
		return keychain.Naming(err, k.label)
	}
	if k.account {
		m.report.Missing = append(m.report.Missing, k.label)
		m.app.Warn(fmt.Sprintf("%s has no key in %s", k.label, place(m.move.From)), fmt.Sprintf("`ocgo-key replace %s` gives it one", text.Quote(k.label)))
	}
	return nil
}

// clear deletes the keys at the end that is left, which the other has, and forgets the move.
func (m *migration) clear(old string) error {
	for _, k := range m.keys {
		if err := m.drop(k); err != nil {
			return hint.On(fmt.Errorf("all keys are where they go, but not all are deleted in %s: %w", place(old), err), hintOf(err, "the same command deletes the rest"))
		}
	}
	return m.remember(func(to *state.Settings) { to.Move = state.Move{} })
}

func (m *migration) drop(k entry) error {
	ctx, cancel := m.app.keychainContext()
	defer cancel()
	if err := m.from.Delete(ctx, k.id); err != nil && !errors.Is(err, keychain.ErrNotFound) {
		return keychain.Naming(err, k.label)
	}
	return nil
}

// end deletes the old keys and says what was done.
func (m *migration) end() error {
	if err := m.clear(m.move.From); err != nil {
		return err
	}
	if m.app.JSON {
		return m.app.Document(m.report)
	}
	m.app.Say("moved %s from %s to %s", text.Count(len(m.report.Moved), "key", "keys"), place(m.move.From), place(m.move.To))
	m.warnOverridden()
	m.warnBeside()
	return nil
}

// warnOverridden tells of a choice that wins over the one remembered.
func (m *migration) warnOverridden() {
	if name := m.app.getenv("OCGO_KEY_STORE"); name != "" && name != m.move.To {
		m.app.Warn(fmt.Sprintf("OCGO_KEY_STORE is %q, and wins over what is remembered", name), "`unset OCGO_KEY_STORE`, and take it out of where it is set")
	}
}

// warnBeside tells of a lock with its key beside it.
func (m *migration) warnBeside() {
	if m.move.To != fileStore {
		return
	}
	path, err := filepath.Abs(m.app.identity(state.Settings{}))
	if err == nil && filepath.Dir(path) == m.file.Dir() {
		m.app.Warn("the identity lies beside the keys that it opens: whoever copies that folder has them",
			"keep it elsewhere, give it a passphrase (`age -p`), or hand it over with --identity fd:N")
	}
}

// place is a store as people know it.
func place(store string) string {
	switch store {
	case osStore:
		return "the OS keychain"
	case fileStore:
		return "the encrypted file"
	}
	return store
}

// hintOf is the hint that err has, else another.
func hintOf(err error, other string) string {
	if _, hint := explain(err); hint != "" {
		return hint + "; " + other
	}
	return other
}
