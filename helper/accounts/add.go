package accounts

import (
	"context"
	"errors"
	"fmt"

	"ocgo-key/internal/hint"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// FreeLabel returns the wanted label for a new account, or a free label if wanted is nil. The error
// says that the wanted label is not valid, or that another account has it
// (rotation.ErrAlreadyThere).
func (a *Accounts) FreeLabel(ctx context.Context, wanted *string) (string, error) {
	o, err := a.Pool.Overview(ctx)
	if err != nil {
		return "", err
	}
	label := o.FreeLabel()
	if wanted != nil {
		label = *wanted
	}
	if err := CheckLabel(label); err != nil {
		return "", err
	}
	if _, err := o.Find(label); err == nil {
		return "", hint.On(fmt.Errorf("an account called %q is %w", label, rotation.ErrAlreadyThere),
			"choose another label, or give that account a new key with `ocgo-key replace`")
	}
	return label, nil
}

// Reach returns an error if the key store does not answer. It is called before the user types the
// key.
func (a *Accounts) Reach(label string) error {
	ctx, cancel := a.Budget.Context()
	defer cancel()
	_, err := a.Keys.Get(ctx, NewID())
	if errors.Is(err, keychain.ErrNotFound) {
		err = a.Keys.checkDestination(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s was not added: %w", label, keychain.WithoutAccount(err))
	}
	return nil
}

// Add adds an account and returns its id. It refuses a key that another account has. Unless
// unchecked is true, it also refuses a key that the service does not know.
func (a *Accounts) Add(ctx context.Context, label string, key keychain.Secret, unchecked bool) (id string, err error) {
	usage, err := a.vet(ctx, "", key, unchecked)
	if err != nil {
		return "", err
	}
	id = NewID()
	return id, a.Alone(func() error {
		if err := a.refuseKnownKey(ctx, "", key); err != nil {
			return err
		}
		return a.Enlist(rotation.NewAccount{ID: id, Label: label}, key, usage)
	})
}

// Enlist stores the key of a new account, reads it back, and only then adds the account to the
// pool. It must be called within [Accounts.Alone], after the key was compared with the keys of all
// accounts.
func (a *Accounts) Enlist(n rotation.NewAccount, key keychain.Secret, usage rotation.Usage) error {
	ctx, cancel := a.Budget.Context()
	defer cancel()
	if err := a.Pool.Prepare(ctx, n.ID, n.Label); err != nil {
		return err
	}
	if err := storeKey(ctx, a.Keys, n.ID, key); err != nil {
		a.abandon(n.ID)
		return keychain.WithLabel(err, n.Label)
	}
	n.Workspace, n.User = usage.Workspace, usage.User
	if err := a.Pool.Add(ctx, n); err != nil {
		a.abandon(n.ID)
		return err
	}
	_ = a.Pool.Learn(ctx, rotation.Handout{ID: n.ID}, usage) // if this fails, the account's first request fetches the usage
	return nil
}

// abandon deletes the key that a failed step may have stored. If that fails too, the id stays on
// the pending list of the state, for a later clean-up.
func (a *Accounts) abandon(id string) {
	ctx, cancel := ProgramBudget.Context()
	defer cancel()
	if deleteKey(ctx, a.Keys, id) == nil {
		_ = a.Pool.ClearPending(ctx, id)
	}
}
