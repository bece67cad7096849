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

// keysCheck compares the accounts with the stored keys.
type keysCheck struct{ *examination }

// pendingLimit is the maximum age of a pending entry of the state while its command runs. A command
// may wait a minute for the user to unlock the keychain.
const pendingLimit = 2 * time.Minute

// checkKeys reports accounts without a key, and keys without an account.
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
	if seen.complete {
		r.Well += ", and each key its account"
	}
	if e.checkMove(r, s.state.Settings) {
		return
	}
	known := map[string]bool{}
	stale := map[string]bool{}
	for _, p := range s.state.Pending {
		known[p.ID] = true
		if errors.Is(seen.failed[p.ID], keychain.ErrLocked) {
			continue // it is unknown whether there is a key
		}
		if time.Since(p.Since) > pendingLimit || p.Since.After(time.Now().Add(pendingLimit)) {
			stale[p.ID] = true
			e.checkPending(r, s.state, seen, p)
		}
	}
	for _, a := range s.state.Accounts {
		known[a.ID] = true
		switch err := seen.failed[a.ID]; {
		case errors.Is(err, keychain.ErrLocked):
			r.found(Problem, fixOf(err), "the key of %s cannot be read: %s", text.OneLine(a.Label), reason(err))
		case err != nil && !stale[a.ID]:
			r.found(Problem, "ocgo-key replace "+text.Quote(a.Label), "the key of %s is not in the keychain, so the account cannot be used (%s)",
				text.OneLine(a.Label), reason(err))
		}
		if key, ok := seen.held[a.ID]; ok && !usable(key) {
			r.found(Problem, "ocgo-key replace "+text.Quote(a.Label), "the entry of %s in the keychain is not a valid key (does it contain a space or a line break?)", text.OneLine(a.Label))
		}
	}
	for _, id := range seen.ids {
		if !known[id] {
			e.checkOrphan(r, s.state, seen, id)
		}
	}
}

// checkMove reports an interrupted move of the keys to another store. Until the move is finished, a
// key may be in either store.
func (e keysCheck) checkMove(r *Result, s state.Settings) (unfinished bool) {
	if s.Move.Other(e.Keys.StoreIn(s)) == "" {
		return false
	}
	if e.Keys.Moving() {
		r.Skipped = "not compared with the accounts, since the keys are being moved right now"
		return true
	}
	from, to := e.Keys.Described(s.Move.From, s), e.Keys.Described(s.Move.To, s)
	switch err := e.Keys.CheckConfirmed(e.ctx, s, s.Store, s.Move.From, s.Move.To); {
	case err == nil:
		r.found(Problem, "ocgo-key migrate --yes --to "+text.Quote(s.Move.To), "a move of the keys from %s to %s was interrupted", from, to)
	case errors.Is(err, accounts.ErrNotChosen):
		r.found(Problem, "ocgo-key config --unset store", "a move of the keys from %s to %s is recorded in state.json, but %v; if you began it, run `ocgo-key migrate` again with the same flags; if not, this command removes the record", from, to, err)
	default:
		r.found(Problem, "ocgo-key doctor", "a move of the keys from %s to %s is recorded in state.json, and the keychain cannot say whether you began it: %v", from, to, err)
	}
	return true
}

// reason returns the cause of the keychain's error. Its text does not name the account.
func reason(err error) string {
	if failed, ok := errors.AsType[*keychain.Error](err); ok && failed.Err != nil {
		return failed.Err.Error()
	}
	return err.Error()
}

// fixOf returns the command that may fix the keychain's error.
func fixOf(err error) string {
	if failed, ok := errors.AsType[*keychain.Error](err); ok && failed.Fix != "" {
		return failed.Fix
	}
	return "ocgo-key doctor"
}

// usable reports whether the stored value is a valid key, without white space around it.
func usable(key keychain.Secret) bool {
	parsed, err := keychain.ParseKey(key.Reveal())
	return err == nil && parsed.Equal(key)
}

// checkPending reports a change of an account that a killed command did not finish. The repair
// finishes or undoes the change, so that no key is lost.
func (e keysCheck) checkPending(r *Result, s *state.State, seen keysSeen, p state.Pending) {
	a := s.Find(p.ID)
	_, there := seen.held[p.ID]
	switch {
	case a == nil && there:
		if store := e.Keys.Name(); !usable(seen.held[p.ID]) && store != accounts.FileStore {
			r.found(Problem, deleteCommand(store, p.ID), "a killed command left an entry in the keychain, under %s, that is not a key", p.ID)
			return
		}
		if owner, ok := seen.copyOf(s, p.ID); ok {
			r.fixable(e.dropCopy(p.ID, owner), "a killed command left a second copy of the key of %s in the keychain", owner)
			return
		}
		r.fixable(e.relist(p.ID), "a killed command left a key in the keychain that no account has (%s)", p.ID)
	case a == nil, !there && p.Op == "add":
		r.fixable(e.settle(p.ID, "deleted the entry"), "a killed command left an entry in state.json, but stored no key")
	case p.Op == "remove" && !there:
		label := text.OneLine(a.Label)
		r.fixable(e.change(func(ctx context.Context, pool *rotation.Pool) (string, error) {
			return label + " is removed", pool.Remove(ctx, p.ID)
		}), "the removal of %s was interrupted: its key is deleted, and the account is still listed", label)
	case p.Op == "remove":
		label := text.OneLine(a.Label)
		r.fixable(e.settle(p.ID, label+" stays; `ocgo-key remove "+text.Quote(a.Label)+"` removes it"),
			"the removal of %s was interrupted before its key was deleted, so nothing is lost", label)
	default:
		label := text.OneLine(a.Label)
		if !there {
			r.found(Problem, "ocgo-key replace "+text.Quote(a.Label), "the replacement of the key of %s was interrupted, and the keychain has no key for it", label)
			return
		}
		// The stored key may be the old or the new one, so every holder must read it again.
		r.fixable(e.change(func(ctx context.Context, pool *rotation.Pool) (string, error) {
			return label + " continues with the key that is in the keychain", pool.Replaced(ctx, p.ID, a.Workspace, a.User)
		}), "the replacement of the key of %s was interrupted; the keychain has the old key or the new one", label)
	}
}

// checkOrphan reports a key that belongs to no account and no pending entry of this pool.
func (e keysCheck) checkOrphan(r *Result, s *state.State, seen keysSeen, id string) {
	key, ok := seen.held[id]
	if !ok {
		return // the key was deleted meanwhile, or is empty
	}
	store := e.Keys.Name()
	owner, isCopy := seen.copyOf(s, id)
	// In a shared keychain, the key may belong to another pool. The repair deletes only keys of
	// this pool.
	switch {
	case isCopy && store == accounts.FileStore:
		r.fixable(e.dropCopy(id, owner), "there is a second copy of the key of %s, under %s", owner, id)
		return
	case isCopy:
		r.found(Note, deleteCommand(store, id), "the keychain has a second copy of the key of %s, under %s, which no account here has; "+
			"a pool in another OCGO_KEY_STATE_DIR may have it", owner, id)
		return
	case !usable(key) && store != accounts.FileStore:
		r.found(Note, deleteCommand(store, id), "the keychain has an entry, under %s, that belongs to no account here and is not a key", id)
		return
	}
	r.fixable(e.relist(id), "the keychain has a key, under %s, that no account here has; the repair lists it again "+
		"(unless it belongs to a pool in another OCGO_KEY_STATE_DIR, in which case leave it)", id)
}

// copyOf returns the label of another account with the same key, apart from white space around it.
func (k keysSeen) copyOf(s *state.State, id string) (label string, ok bool) {
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

// change returns the repair that opens the pool and calls alter.
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

// dropCopy returns the repair that deletes a second copy of owner's key. It first checks again that
// owner has that key.
func (e keysCheck) dropCopy(id, owner string) repair {
	return e.change(func(ctx context.Context, pool *rotation.Pool) (string, error) {
		o, err := pool.Overview(ctx)
		if err != nil {
			return "", err
		}
		if isCopy, err := e.isCopy(ctx, id, o); err != nil {
			return "", err
		} else if !isCopy {
			return "", errors.New("the accounts were changed meanwhile")
		}
		if err := e.Keys.Delete(ctx, id); err != nil {
			return "", err
		}
		return "deleted the second copy; the key of " + owner + " stays", pool.ClearPending(ctx, id)
	})
}

// isCopy reports whether no account has this id, and an account has the same key.
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
