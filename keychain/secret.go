package keychain

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
)

// redacted is the printed form of every Secret. It does not show the length of the key, or its
// first and last characters, which could be all of a short key.
const redacted = "[redacted]"

// A Secret is a key in memory. If a Secret, or a value that contains one, is printed or encoded,
// the output has "[redacted]" or an address. Only Reveal returns the key. The zero value is the
// empty secret.
//
// Secrets can't be compared with ==: use Equal.
//
// The key is a Go string. It can't be overwritten, and stays in memory until the garbage collector
// reuses its memory. The same applies to copies in D-Bus messages, HTTP headers and encoders. Only
// the buffer of a typed or piped key is overwritten. Package internal/secure protects the other
// copies: it prevents core dumps and hides the process's memory.
type Secret struct {
	// reveal is a func, since a printer cannot read a closure. Some printers ignore methods: fmt
	// for an unexported field, and the dumpers of test libraries. They would print a string.
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

// Equal reports whether both secrets are the same key. Its run time depends only on their lengths.
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

// MarshalJSON encodes "[redacted]", so that a struct with a Secret can be encoded.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText encodes "[redacted]", for XML, TOML, log/slog and map keys.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

var errNoEncoding = errors.New("keychain: a secret can't be encoded")

// MarshalBinary returns an error: "[redacted]" could not be decoded again.
func (s Secret) MarshalBinary() ([]byte, error) { return nil, errNoEncoding }

// GobEncode returns an error, like MarshalBinary.
func (s Secret) GobEncode() ([]byte, error) { return nil, errNoEncoding }
