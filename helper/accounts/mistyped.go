package accounts

import (
	"errors"

	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// Mistyped reports whether err may mean that the user typed a wrong key, and can try another one.
// An empty answer is not a mistake: the user has no key.
func Mistyped(err error) bool {
	switch {
	case errors.Is(err, keychain.ErrNoKey):
		return false
	case errors.Is(err, keychain.ErrInvalidKey), errors.Is(err, keychain.ErrTooLarge):
		return true
	}
	return errors.Is(err, ErrUnknownKey) || errors.Is(err, rotation.ErrAlreadyThere)
}
