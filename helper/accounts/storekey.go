package accounts

import (
	"context"
	"errors"
	"fmt"

	"ocgo-key/keychain"
)

// storeKey stores the key and reads it back, since a store may report success although it did not
// keep the key.
func storeKey(ctx context.Context, keys keychain.Store, id string, key keychain.Secret) error {
	if err := keys.Set(ctx, id, key); err != nil {
		return err
	}
	back, err := keys.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("the key was stored but could not be read back: %w", err)
	}
	if !back.Equal(key) {
		return errors.New("the keychain returned a different key from the one that was stored")
	}
	return nil
}

// deleteKey deletes the key for id, if the store has one.
func deleteKey(ctx context.Context, keys keychain.Store, id string) error {
	if err := keys.Delete(ctx, id); !errors.Is(err, keychain.ErrNotFound) {
		return err
	}
	return nil
}
