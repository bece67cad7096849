package helper

import (
	"context"
	"errors"
	"sync"
	"time"

	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// Asked is the result of one request for an account's usage.
type Asked struct {
	ID string
	// Err is nil if the service answered and the pool has recorded the answer. Otherwise nothing
	// was changed. Err is then a *UsageError, or comes from the keychain (and names the account's
	// label), the network or the pool.
	Err error
}

// AskAll requests the usage of all accounts at the same time, and records it in the pool. limit is
// the time limit of each request; ctx also limits reading the keys. A locked or missing keychain is
// read only once. The result has the accounts in the pool's order. The error comes from the pool.
func (u *UsagePoller) AskAll(ctx context.Context, limit time.Duration) ([]Asked, error) {
	o, err := u.Pool.Overview(ctx)
	if err != nil {
		return nil, err
	}
	asked := make([]Asked, len(o.Accounts))
	var all sync.WaitGroup
	var broken error // from the keychain; applies to all following accounts
	for i, v := range o.Accounts {
		asked[i].ID = v.ID
		key, err := u.key(ctx, v, broken)
		if err != nil {
			asked[i].Err = keychain.WithLabel(err, v.Label)
			if errors.Is(err, keychain.ErrLocked) || errors.Is(err, keychain.ErrNoKeychain) || errors.Is(err, keychain.ErrTimeout) {
				broken = err
			}
			continue
		}
		all.Go(func() { asked[i].Err = u.ask(ctx, Grant{Handout: v.Handout(), Key: key}, limit) })
	}
	all.Wait()
	return asked, nil
}

// key returns the account's key from memory, or from the keychain unless broken is set.
func (u *UsagePoller) key(ctx context.Context, v rotation.View, broken error) (keychain.Secret, error) {
	if u.Holder != nil {
		if key, ok := u.Holder.Known(v.Handout()); ok {
			return key, nil
		}
	}
	if broken != nil {
		return keychain.Secret{}, broken
	}
	return keychain.GetKey(ctx, u.Keys, v.ID)
}
