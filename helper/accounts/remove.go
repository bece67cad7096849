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

// Remove deletes the account's key, and then removes the account from the pool. So no key stays
// without an account.
func (a *Accounts) Remove(v rotation.View) error {
	ctx, cancel := a.Budget.Context()
	defer cancel()
	if err := a.open(ctx, v.ID); err != nil {
		return fmt.Errorf("%s was not removed: %w", v.Label, keychain.WithLabel(err, v.Label))
	}
	if err := a.Pool.PrepareRemove(ctx, v.ID); err != nil {
		return err
	}
	if err := deleteKey(ctx, a.Keys, v.ID); err != nil {
		err = fmt.Errorf("%s was not removed: %w", v.Label, keychain.WithLabel(err, v.Label))
		if a.stillHas(v.ID) {
			_ = a.Pool.ClearPending(context.Background(), v.ID)
			return err
		}
		return also(err, "its key may already be deleted; the same command finishes the removal")
	}
	return a.Pool.Remove(ctx, v.ID)
}

// open calls the store, so that a locked store prompts for its password. It returns an error if the
// store cannot be used. Then the command ends before it changes anything.
func (a *Accounts) open(ctx context.Context, id string) error {
	_, err := a.Keys.Get(ctx, id)
	for _, shut := range []error{keychain.ErrLocked, keychain.ErrNoKeychain, keychain.ErrTimeout, keychain.ErrRefused} {
		if errors.Is(err, shut) {
			return err
		}
	}
	return nil
}

// stillHas reports whether the store is known to have a key for id. It does not prompt the user.
func (a *Accounts) stillHas(id string) bool {
	ctx, cancel := ProgramBudget.Context()
	defer cancel()
	seen, err := a.Keys.Inspect(ctx)
	return err == nil && slices.Contains(seen.IDs, id)
}

// also adds a next step to err, after an existing hint.
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
