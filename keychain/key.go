package keychain

import (
	"errors"
	"fmt"
	"strings"
)

// ErrInvalidKey is in the chain of every error of ParseKey, except for an oversize key, which is
// ErrTooLarge.
var ErrInvalidKey = errors.New("not a usable key")

// ParseKey turns what was typed, pasted or piped into a key: it drops spaces, line breaks and a
// byte order mark around it (Windows shells put one before what they pipe), and refuses what can't
// be a key. A key travels in an HTTP header, so it has to be printable ASCII without spaces; this
// also catches the invisible characters that come along with a paste.
//
// Errors never quote the input.
func ParseKey(raw string) (Secret, error) {
	key := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(raw), "\ufeff"))
	switch {
	case key == "":
		return Secret{}, fmt.Errorf("%w: it is empty", ErrInvalidKey)
	case strings.ContainsAny(key, "\r\n"):
		return Secret{}, fmt.Errorf("%w: it has more than one line", ErrInvalidKey)
	}
	for _, r := range key {
		switch {
		case r == ' ' || r == '\t':
			return Secret{}, fmt.Errorf("%w: it has a space in it", ErrInvalidKey)
		case r < 0x20 || r == 0x7f:
			return Secret{}, fmt.Errorf("%w: it has a control character in it", ErrInvalidKey)
		case r > 0x7f:
			return Secret{}, fmt.Errorf("%w: it has a character in it that is not plain ASCII; copy it again", ErrInvalidKey)
		}
	}
	if len(key) > MaxSecretSize {
		return Secret{}, errTooLarge
	}
	return NewSecret(key), nil
}
