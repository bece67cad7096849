package keychain

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrInvalidKey is wrapped by the errors of ParseKey. If a key is too long, the error matches
// ErrTooLarge instead.
var ErrInvalidKey = errors.New("not a usable key")

// GetKey returns the secret of id in store. It returns an error of kind Unusable if the secret
// cannot be sent in the header of a request. Keys are checked when they are added, but another
// program may have changed the keychain, and a keychain's tool may print other text next to the
// key.
func GetKey(ctx context.Context, store Store, id string) (Secret, error) {
	key, err := store.Get(ctx, id)
	if err != nil {
		return Secret{}, err
	}
	if parsed, err := ParseKey(key.Reveal()); err != nil || !parsed.Equal(key) {
		return Secret{}, call{store.Name(), "get", id}.fail(&Error{
			Kind: Unusable, Hint: "store the key again with `ocgo-key replace NAME`",
			Err: errors.New("the stored text is not a key: it has spaces, line breaks or other characters that no key has"),
		})
	}
	return key, nil
}

// ParseKey parses a key that was typed, pasted or piped. It removes spaces and line breaks around
// the key, and a byte order mark, which Windows shells add when they pipe text. A key is sent in an
// HTTP header, so it must be printable ASCII without spaces. This also excludes invisible
// characters in pasted text.
//
// Errors never contain the input.
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
		return Secret{}, fmt.Errorf("%w: it has a control character", ErrInvalidKey)
	case strings.ContainsFunc(key, func(r rune) bool { return r > 0x7f }):
		return Secret{}, fmt.Errorf("%w: it has a character that is not ASCII; copy the key again", ErrInvalidKey)
	case len(key) > MaxSecretSize:
		return Secret{}, errTooLarge
	}
	return NewSecret(key), nil
}
