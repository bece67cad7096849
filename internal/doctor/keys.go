package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ocgo-key/helper/accounts"
	"ocgo-key/internal/text"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// keysCheck looks at accounts and keys side by side.
type keysCheck struct{ *examination }

// settled is the age at which a note of a key on its way belongs to no running command. A command
// may wait a minute for the keychain's user.
const settled = 2 * time.Minute

// checkKeys compares the accounts with the keys, both ways.
func (e keysCheck) checkKeys(r *Result) {
	s, seen := e.state(), e.keychain()
	switch {
	case seen.err != nil:
		r.Skipped = "not compared with the accounts, since the keychain cannot be asked"
		return
	case s.state == nil:
		r.Skipped = "not compared with the accounts, since the state cannot be read"
		return
	}
	r.Well = "each account has its key"
	if seen.lists {
		r.Well += ", and each key its account"
	}
	if e.checkMove(r, s.state.Settings) {
		return
	}
	known := map[string]bool{}
	stale := map[string]bool{}
	for _, p := range s.state.Pending {
		known[p.ID] = true
		if errors.Is(seen.odd[p.ID], keychain.ErrLocked) {
			continue // whether it has a key is not to be seen
		}
		if time.Since(p.Since) > settled || p.Since.After(time.Now().Add(settled)) {
			stale[p.ID] = true
			e.checkPending(r, s.state, seen, p)
		}
	}
	for _, a := range s.state.Accounts {
		known[a.ID] = true
		switch err := seen.odd[a.ID]; {
		case errors.Is(err, keychain.ErrLocked):
			r.found(Problem, mendOf(err), "the key of %s is not to be seen: %s", text.OneLine(a.Label), reason(err))
		case err != nil && !stale[a.ID]:
			r.found(Problem, "ocgo-key replace "+text.Quote(a.Label), "the key of %s is not in the keychain, so the account cannot be used (%s)",
				text.OneLine(a.Label), reason(err))
		}
		if key, ok := seen.held[a.ID]; ok && !usable(key) {
			r.found(Problem, "ocgo-key replace "+text.Quote(a.Label), "what the keychain has for %s is no key as it stands (a space or a line's end in it?)", text.OneLine(a.Label))
		}
	}
	for _, id := range seen.ids {
		if !known[id] {
			e.checkOrphan(r, s.state, seen, id)
		}
	}
}

// checkMove reports a move of the keys to another store that was cut short. Until it is finished, a
// key may be in either store.
func (e keysCheck) checkMove(r *Result, s state.Settings) (unfinished bool) {
	if s.Move.Other(e.Keys.StoreIn(s)) == "" {
		return false
	}
	if e.Keys.Moving() {
		r.Skipped = "not compared with the accounts, since the keys are being moved right now"
		return true
	}
	r.found(Problem, "ocgo-key migrate --yes --to "+text.Quote(s.Move.To), "a move of the keys from %s to %s was cut short", accounts.Place(s.Move.From), accounts.Place(s.Move.To))
	return true
}

// reason returns the cause in the keychain's error, without the account it names.
func reason(err error) string {
	if failed, ok := errors.AsType[*keychain.Error](err); ok && failed.Err != nil {
		return failed.Err.Error()
	}
	return err.Error()
}

// mendOf returns the command that may fix the cause of the keychain's error.
func mendOf(err error) string {
	if failed, ok := errors.AsType[*keychain.Error](err); ok && failed.Fix != "" {
		return failed.Fix
	}
	return "ocgo-key doctor"
}

// usable reports whether what is stored is a key, with nothing before or after it.
func usable(key keychain.Secret) bool {
	parsed, err := keychain.ParseKey(key.Reveal())
	return err == nil && parsed.Equal(key)
}

// checkPending reports what a killed command left half done. The repair finishes it or takes it
// back, whichever loses no key.
func (e keysCheck) checkPending(r *Result, s *state.State, seen keysSeen, p state.Pending) {
	a := s.Find(p.ID)
	_, there := seen.held[p.ID]
	switch {
	case a == nil && there:
		if store := e.Keys.Name(); !usable(seen.held[p.ID]) && store != accounts.FileStore {
			r.found(Problem, deleteCommand(store, p.ID), "a command that was killed left something in the keychain, under %s, that is no key", p.ID)
			return
		}
		if twin, ok := seen.twin(s, p.ID); ok {
			r.fixable(e.dropCopy(p.ID, twin), "a command that was killed left a second copy of the key of %s in the keychain", twin)
			return
		}
		r.fixable(e.relist(p.ID), "a command that was killed left a key in the keychain that no account has (%s)", p.ID)
	case a == nil, !there && p.Op == "add":
		r.fixable(e.settle(p.ID, "nothing is left of it"), "the note of a command that was killed is left over; it stored no key")
	case p.Op == "remove" && !there:
		label := text.OneLine(a.Label)
		r.fixable(e.change(func(ctx context.Context, pool *rotation.Pool) (string, error) {
			return label + " is removed", pool.Remove(ctx, p.ID)
		}), "the removal of %s was cut short: its key is deleted, and the account is still listed", label)
	case p.Op == "remove":
		label := text.OneLine(a.Label)
		r.fixable(e.settle(p.ID, label+" stays; `ocgo-key remove "+text.Quote(a.Label)+"` removes it"),
			"the removal of %s was cut short before its key was deleted, so nothing is lost", label)
	default:
		label := text.OneLine(a.Label)
		if !there {
			r.found(Problem, "ocgo-key replace "+text.Quote(a.Label), "a new key for %s was cut short, and none is in the keychain", label)
			return
		}
		// Whether the old or the new key is stored is not known, so every holder reads it again.
		r.fixable(e.change(func(ctx context.Context, pool *rotation.Pool) (string, error) {
			return label + " continues with the key that is in the keychain", pool.Replaced(ctx, p.ID, a.Workspace, a.User)
		}), "a new key for %s was cut short; the keychain has the old one or the new one", label)
	}
}

// checkOrphan reports a key that no account of this pool has and no note of a command names.
func (e keysCheck) checkOrphan(r *Result, s *state.State, seen keysSeen, id string) {
	key, ok := seen.held[id]
	if !ok {
		return // it went meanwhile, or is empty
	}
	store := e.Keys.Name()
	twin, double := seen.twin(s, id)
	// It may belong to another pool, unless it is in this pool's own file. Only what is known to be
	// ours is deleted.
	switch {
	case double && store == accounts.FileStore:
		r.fixable(e.dropCopy(id, twin), "there is a second copy of the key of %s, under %s", twin, id)
		return
	case double:
		r.found(Note, deleteCommand(store, id), "the keychain has a second copy of the key of %s, under %s, which no account here has; "+
			"a pool in another OCGO_KEY_STATE_DIR may have it", twin, id)
		return
	case !usable(key) && store != accounts.FileStore:
		r.found(Note, deleteCommand(store, id), "the keychain has something under %s that no account here has, and that is no key", id)
		return
	}
	r.fixable(e.relist(id), "the keychain has a key, under %s, that no account here has; the repair lists it again "+
		"(unless it belongs to a pool in another OCGO_KEY_STATE_DIR, in which case leave it)", id)
}

// twin returns the label of an account other than id with the same key. White space around the key
// makes no difference.
func (k keysSeen) twin(s *state.State, id string) (label string, ok bool) {
	same, err := keychain.ParseKey(k.held[id].Reveal())
	if err != nil {
		return "", false
	}
	for _, a := range s.Accounts {
		if key, held := k.held[a.ID]; held && a.ID != id && key.Equal(same) {
			return text.OneLine(a.Label), true
		}
	}
	return "", false
}

// change makes a repair of a change to the pool.
func (e keysCheck) change(alter func(context.Context, *rotation.Pool) (string, error)) repair {
	return func(ctx context.Context) (string, error) {
		pool, err := e.Open()
		if err != nil {
			return "", err
		}
		return alter(ctx, pool)
	}
}

func (e keysCheck) settle(id, done string) repair {
	return e.change(func(ctx context.Context, pool *rotation.Pool) (string, error) {
		return done, pool.ClearPending(ctx, id)
	})
}

func (e keysCheck) relist(id string) repair {
	return e.change(func(ctx context.Context, pool *rotation.Pool) (string, error) {
		label, err := pool.Recover(ctx, id)
		return fmt.Sprintf("the key is listed as %s; `ocgo-key rename %s NEW` gives it another label", label, text.Quote(label)), err
	})
}

// dropCopy deletes a key that an account has as well. Right before, that is looked at once more.
func (e keysCheck) dropCopy(id, twin string) repair {
	return e.change(func(ctx context.Context, pool *rotation.Pool) (string, error) {
		o, err := pool.Overview(ctx)
		if err != nil {
			return "", err
		}
		if still, err := e.isCopy(ctx, id, o); err != nil {
			return "", err
		} else if !still {
			return "", errors.New("the accounts were changed meanwhile")
		}
		if err := e.Keys.Delete(ctx, id); err != nil {
			return "", err
		}
		return "deleted the second copy; the key of " + twin + " stays", pool.ClearPending(ctx, id)
	})
}

// isCopy reports whether no account has this id, and one has the same key under its own.
func (e keysCheck) isCopy(ctx context.Context, id string, o rotation.Overview) (bool, error) {
	key, err := e.Keys.Get(ctx, id)
	if err != nil {
		return false, err
	}
	if key, err = keychain.ParseKey(key.Reveal()); err != nil {
		return false, err
	}
	same := false
	for _, v := range o.Accounts {
		if v.ID == id {
			return false, nil
		}
		switch held, err := e.Keys.Get(ctx, v.ID); {
		case errors.Is(err, keychain.ErrNotFound):
		case err != nil:
			return false, keychain.WithLabel(err, v.Label)
		default:
			same = same || held.Equal(key)
		}
	}
	return same, nil
}
