package accounts

import (
	"errors"

	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// Mistyped reports whether err, from a key that a user typed, may be a mistake of that key: another
// key may be accepted. An empty answer is not a mistake: the user has no key.
func Mistyped(err error) bool {
	switch {
	case errors.Is(err, keychain.ErrNoKey):
		return false
	case errors.Is(err, keychain.ErrInvalidKey), errors.Is(err, keychain.ErrTooLarge):
		return true
	}
	return errors.Is(err, ErrUnknownKey) || errors.Is(err, rotation.ErrAlreadyThere)
}
