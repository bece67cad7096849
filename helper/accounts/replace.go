package accounts

import (
	"context"
	"errors"

	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// Replace gives an account a new key. It refuses the same keys as Add. If the store does not keep
// the new key, Replace restores the old key.
func (a *Accounts) Replace(ctx context.Context, v rotation.View, key keychain.Secret, unchecked bool) error {
	usage, err := a.vet(ctx, v.ID, key, unchecked)
	if err != nil {
		return err
	}
	return a.Alone(func() error {
		if err := a.refuseKnownKey(ctx, v.ID, key); err != nil {
			return err
		}
		return a.exchange(v, key, usage)
	})
}

func (a *Accounts) exchange(v rotation.View, key keychain.Secret, usage rotation.Usage) error {
	ctx, cancel := a.Budget.Context()
	defer cancel()
	if err := a.Pool.PrepareReplace(ctx, v.ID); err != nil {
		return err
	}
	if err := swapKey(ctx, a.Keys, v.ID, key); err != nil {
		_ = a.Pool.ClearPending(context.WithoutCancel(ctx), v.ID)
		return keychain.WithLabel(err, v.Label)
	}
	err := a.Pool.Replaced(ctx, v.ID, usage.Workspace, usage.User)
	if errors.Is(err, rotation.ErrNoSuchAccount) { // another process has removed the account, so delete the key
		a.abandon(v.ID)
	}
	if err != nil {
		return err
	}
	_ = a.Pool.Learn(ctx, rotation.Handout{ID: v.ID, KeyRev: v.KeyRev + 1}, usage) // if this fails, the account's next request fetches the usage
	return nil
}

// swapKey stores key in place of the old key. If the store does not keep it, swapKey restores the
// old key.
func swapKey(ctx context.Context, keys keychain.Store, id string, key keychain.Secret) error {
	old, err := keys.Get(ctx, id)
	if err != nil && !errors.Is(err, keychain.ErrNotFound) {
		return err
	}
	if err := storeKey(ctx, keys, id, key); err != nil {
		if !old.IsZero() {
			_ = keys.Set(context.WithoutCancel(ctx), id, old)
		}
		return err
	}
	return nil
}
