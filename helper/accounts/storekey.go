package accounts

import (
	"context"
	"errors"
	"fmt"

	"ocgo-key/keychain"
)

// storeKey writes the key and reads it back: what a store says it stored is not always what it
// stored.
func storeKey(ctx context.Context, keys keychain.Store, id string, key keychain.Secret) error {
	if err := keys.Set(ctx, id, key); err != nil {
		return err
	}
	back, err := keys.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("the key was stored but could not be read back: %w", err)
	}
	if !back.Equal(key) {
		return errors.New("the keychain gave back another key than was stored")
	}
	return nil
}
