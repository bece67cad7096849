package accounts

import (
	"context"
	"errors"
	"fmt"

	"ocgo-key/internal/hint"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// HeldKey is an account with its key.
type HeldKey struct {
	rotation.View
	Key keychain.Secret
}

// HeldKeys are accounts with their keys.
type HeldKeys []HeldKey

// Of returns the account that has this key.
func (h HeldKeys) Of(key keychain.Secret) (rotation.View, bool) {
	for _, held := range h {
		if held.Key.Equal(key) {
			return held.View, true
		}
	}
	return rotation.View{}, false
}

// Secrets returns the keys.
func (h HeldKeys) Secrets() []keychain.Secret {
	keys := make([]keychain.Secret, len(h))
	for i, held := range h {
		keys[i] = held.Key
	}
	return keys
}

// Held reads the key of each account from the key store, and leaves out accounts without a key. It
// is needed to compare keys, since no hash of a key is stored.
func (a *Accounts) Held(o rotation.Overview) (HeldKeys, error) {
	ctx, cancel := a.Budget.Context()
	defer cancel()
	var held HeldKeys
	for _, v := range o.Accounts {
		key, err := a.Keys.Get(ctx, v.ID)
		if errors.Is(err, keychain.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, keychain.WithLabel(err, v.Label)
		}
		held = append(held, HeldKey{v, key})
	}
	return held, nil
}

// refuseKnownKey returns an error if another account than self has the key. If self has the key,
// the caller completes an interrupted replace, which is allowed.
func (a *Accounts) refuseKnownKey(ctx context.Context, self string, key keychain.Secret) error {
	o, err := a.Pool.Overview(ctx)
	if err != nil {
		return err
	}
	held, err := a.Held(o)
	if err != nil {
		return err
	}
	if known, ok := held.Of(key); ok && known.ID != self {
		return hint.On(fmt.Errorf("this key is %w, as %s", rotation.ErrAlreadyThere, known.Label), "")
	}
	return nil
}
