package accounts

import (
	"errors"
	"slices"

	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// Mistyped reports whether err may mean that the user typed a wrong key, and can try another one.
// An empty answer is not a mistake: the user has no key.
func Mistyped(err error) bool {
	is := func(mistake error) bool { return errors.Is(err, mistake) }
	return !is(keychain.ErrNoKey) &&
		slices.ContainsFunc([]error{keychain.ErrInvalidKey, keychain.ErrTooLarge, ErrUnknownKey, rotation.ErrAlreadyThere}, is)
}
