package keychain

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
)

// redacted is what every way of printing a Secret shows: no length and no ends of the key, since a
// mask that shows a part of it shows a short key whole.
const redacted = "[redacted]"

// A Secret is a key in memory. Whatever prints or encodes it, by itself or inside other values,
// shows "[redacted]" or an address; only Reveal returns the key. The zero value is the empty
// secret.
//
// It can't be compared with ==, on purpose: use Equal.
//
// The key is a Go string: it can't be overwritten, and stays in memory until the garbage collector
// reuses its place, as do the copies that a D-Bus message, a request's header or an encoder made of
// it. Only the buffer in which a typed or piped key arrived is overwritten. The rest is protected
// by hiding our processes and disabling core dumps: see package internal/secure.
type Secret struct {
	// A func, because printers that ignore methods (fmt on an unexported field, the dumpers in test
	// libraries) follow strings and pointers but can't look into a closure.
	reveal func() string
}

// NewSecret wraps s.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return s }}
}

// Reveal returns the key itself.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Equal reports whether both hold the same key. How long it takes depends only on their lengths.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.reveal == nil }

// Len returns the length of the key in bytes.
func (s Secret) Len() int { return len(s.Reveal()) }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format prints "[redacted]" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalJSON encodes "[redacted]", so that a struct that happens to hold a Secret can be shown.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText encodes "[redacted]" (XML, TOML, log/slog, map keys and the like).
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

var errNoEncoding = errors.New("keychain: a secret can't be encoded")

// MarshalBinary refuses, since whoever encodes to binary means to decode it again.
func (s Secret) MarshalBinary() ([]byte, error) { return nil, errNoEncoding }

// GobEncode refuses, as MarshalBinary does.
func (s Secret) GobEncode() ([]byte, error) { return nil, errNoEncoding }
