package accounts

import (
	"context"
	"errors"
	"fmt"

	"ocgo-key/internal/hint"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// FreeLabel returns the label for a new account: the wanted one, or with nil one that is free.
// Errors say that a label cannot be one, or that it is taken (rotation.ErrAlreadyThere).
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
			"choose another label, or give it a new key with `ocgo-key replace`")
	}
	return label, nil
}

// Reach finds out whether a key for label could be stored, before the user is asked for one.
func (a *Accounts) Reach(label string) error {
	ctx, cancel := a.Budget.Context()
	defer cancel()
	if _, err := a.Keys.Get(ctx, NewID()); err != nil && !errors.Is(err, keychain.ErrNotFound) {
		return fmt.Errorf("%s was not added: %w", label, keychain.WithoutAccount(err))
	}
	return nil
}

// Add brings a new account in and returns its id. A key that another account has is refused, and
// unless it is to be stored unchecked also one that the service does not know.
func (a *Accounts) Add(ctx context.Context, label string, key keychain.Secret, unchecked bool) (id string, err error) {
	usage, err := a.vet(ctx, "", key, unchecked)
	if err != nil {
		return "", err
	}
	id = NewID()
	return id, a.Keys.Alone(func() error {
		if err := a.refuseKnownKey(ctx, "", key); err != nil {
			return err
		}
		return a.Enlist(rotation.NewAccount{ID: id, Label: label}, key, usage)
	})
}

// Enlist puts the key of a new account into the store, reads it back, and only then lists the
// account. The caller is within [Keys.Alone], and has compared the key with those that are there.
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
	_ = a.Pool.Learn(ctx, rotation.Handout{ID: n.ID}, usage) // if not now, then after its first request
	return nil
}

// abandon takes back what a failed step may have stored. Where that fails too, the state still says
// that a key may be there, for a later clean-up.
func (a *Accounts) abandon(id string) {
	ctx, cancel := ProgramBudget.Context()
	defer cancel()
	if err := a.Keys.Delete(ctx, id); err == nil || errors.Is(err, keychain.ErrNotFound) {
		_ = a.Pool.ClearPending(ctx, id)
	}
}
