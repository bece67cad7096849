package keychain

import (
	"fmt"
	"strings"
)

// ErrNoKey is the error of ParseTypedKey for a text without a key. It is an ErrInvalidKey.
var ErrNoKey = fmt.Errorf("%w: it is empty", ErrInvalidKey)

// ParseTypedKey is like ParseKey, for a text that a user types, pastes or pipes. It also removes
// what is often copied with a key: the marks that a terminal puts around a paste, quotation marks,
// and the beginning of an assignment to a variable.
func ParseTypedKey(raw string) (Secret, error) {
	key := raw
	for before := raw + "."; key != before; {
		before = key
		key = strings.TrimPrefix(strings.TrimSpace(key), "\ufeff")
		key = strings.TrimSuffix(strings.TrimPrefix(key, "\x1b[200~"), "\x1b[201~") // bracketed paste
		key = withoutName(withoutQuotes(strings.TrimSpace(key)))
	}
	if key == "" {
		return Secret{}, ErrNoKey
	}
	return ParseKey(key)
}

// withoutQuotes removes a pair of quotation marks.
func withoutQuotes(key string) string {
	for _, q := range []struct{ open, end string }{{`"`, `"`}, {"'", "'"}, {"`", "`"}, {"“", "”"}, {"‘", "’"}} {
		if inner, ok := strings.CutPrefix(key, q.open); ok {
			if inner, ok = strings.CutSuffix(inner, q.end); ok {
				return inner
			}
		}
	}
	return key
}

// withoutName removes the beginning of an assignment, such as "export OPENCODE_API_KEY=", or
// "Bearer ". A key may contain =, so the name must be that of a variable for a key.
func withoutName(key string) string {
	if bearer := "bearer "; len(key) > len(bearer) && strings.EqualFold(key[:len(bearer)], bearer) {
		return key[len(bearer):]
	}
	name, value, ok := strings.Cut(key, "=")
	if !ok || value == "" {
		return key
	}
	name = strings.TrimSpace(name)
	for _, before := range []string{"export ", "set ", "$env:"} {
		name = strings.TrimSpace(strings.TrimPrefix(name, before))
	}
	if !strings.HasSuffix(name, "KEY") && !strings.HasSuffix(name, "TOKEN") {
		return key
	}
	for _, c := range name {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return key
		}
	}
	return value
}
