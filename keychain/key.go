package keychain

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrInvalidKey is in the chain of every error of ParseKey, except that a key that is too long is
// ErrTooLarge.
var ErrInvalidKey = errors.New("not a usable key")

// GetKey returns the secret of id in store, if it can be a key as it stands: it goes into the header
// of a request. Keys are checked when they are added, but another program may have written to the
// keychain, and a keychain's tool sometimes prints other text beside the key. Errors: the store's,
// or of kind Unusable.
func GetKey(ctx context.Context, store Store, id string) (Secret, error) {
	key, err := store.Get(ctx, id)
	if err != nil {
		return Secret{}, err
	}
	if parsed, err := ParseKey(key.Reveal()); err != nil || !parsed.Equal(key) {
		return Secret{}, call{store.Name(), "get", id}.fail(&Error{
			Kind: Unusable, Hint: "store it again with `ocgo-key replace NAME`",
			Err: errors.New("what is stored for it is not a key: it has spaces, line breaks or other characters in it that no key has"),
		})
	}
	return key, nil
}

// ParseKey parses a key that was typed, pasted or piped. It removes spaces, line breaks and a byte
// order mark around it (Windows shells add one when they pipe text). A key travels in an HTTP
// header, so it must be printable ASCII without spaces; this also excludes invisible characters
// that a paste may contain.
//
// Errors never quote the input.
func ParseKey(raw string) (Secret, error) {
	key := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(raw), "\ufeff"))
	switch {
	case key == "":
		return Secret{}, fmt.Errorf("%w: it is empty", ErrInvalidKey)
	case strings.ContainsAny(key, "\r\n"):
		return Secret{}, fmt.Errorf("%w: it has more than one line", ErrInvalidKey)
	case strings.ContainsAny(key, " \t"):
		return Secret{}, fmt.Errorf("%w: it has a space in it", ErrInvalidKey)
	case strings.ContainsFunc(key, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return Secret{}, fmt.Errorf("%w: it has a control character in it", ErrInvalidKey)
	case strings.ContainsFunc(key, func(r rune) bool { return r > 0x7f }):
		return Secret{}, fmt.Errorf("%w: it has a character in it that is not plain ASCII; copy it again", ErrInvalidKey)
	case len(key) > MaxSecretSize:
		return Secret{}, errTooLarge
	}
	return NewSecret(key), nil
}
