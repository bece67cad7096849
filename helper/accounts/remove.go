package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ocgo-key/internal/hint"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// Remove deletes the account's key, then takes the account off the list: as long as there is a key,
// it is listed.
func (a *Accounts) Remove(v rotation.View) error {
	ctx, cancel := a.Budget.Context()
	defer cancel()
	if err := a.open(ctx, v.ID); err != nil {
		return fmt.Errorf("%s was not removed: %w", v.Label, keychain.WithLabel(err, v.Label))
	}
	if err := a.Pool.PrepareRemove(ctx, v.ID); err != nil {
		return err
	}
	if err := a.Keys.Delete(ctx, v.ID); err != nil && !errors.Is(err, keychain.ErrNotFound) {
		err = fmt.Errorf("%s was not removed: %w", v.Label, keychain.WithLabel(err, v.Label))
		if a.stillHas(v.ID) {
			_ = a.Pool.ClearPending(context.Background(), v.ID)
			return err
		}
		return also(err, "its key may be deleted already; the same command finishes it")
	}
	return a.Pool.Remove(ctx, v.ID)
}

// open has a store that is locked ask for its password, and finds out whether there is one, before
// anything is written down.
func (a *Accounts) open(ctx context.Context, id string) error {
	_, err := a.Keys.Get(ctx, id)
	for _, shut := range []error{keychain.ErrLocked, keychain.ErrNoKeychain, keychain.ErrTimeout, keychain.ErrRefused} {
		if errors.Is(err, shut) {
			return err
		}
	}
	return nil
}

// stillHas reports whether the store has a key under id for certain. It asks no person anything.
func (a *Accounts) stillHas(id string) bool {
	ctx, cancel := ProgramBudget.Context()
	defer cancel()
	seen, err := a.Keys.Inspect(ctx)
	return err == nil && slices.Contains(seen.IDs, id)
}

// also puts one more next step on err, behind the one that it has.
func also(err error, next string) error {
	first, _ := hint.Of(err)
	if k, ok := errors.AsType[*keychain.Error](err); ok && first == "" {
		first = k.Hint
	}
	if first != "" {
		next = first + "; " + next
	}
	return hint.On(err, next)
}
