// Package keychain stores keys: one secret per account id, in a Store.
//
// No other package stores keys or imports go-keyring, age or docker's client of credential helpers.
// The package never falls back from one store to another, never writes plaintext, and never puts a
// key into an error. It handles ids and secrets, but no labels, leases or accounts. Of this project
// it imports only atomicfile and text, and package rotation never imports it.
package keychain

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Service is the service name under which every key is stored. The user name is the account id, and
// the secret is the bare key, so that the system's own tools can read it: `secret-tool lookup
// service ocgo-key username ID`.
const Service = "ocgo-key"

// MaxSecretSize is the largest secret that any Store accepts, in bytes. It is the smallest limit of
// the three systems: CRED_MAX_CREDENTIAL_BLOB_SIZE of Windows, 5*512. So a key that can be stored
// on one system can be stored on all. Source: docs/facts.md, "go-keyring".
const MaxSecretSize = 2560

// maxIDSize limits an id in bytes. On macOS, `security -i` reads commands of at most 4096 bytes,
// which must contain id and secret.
const maxIDSize = 255

// A Store stores secrets by account id. Its methods may be called from several goroutines at once,
// and return when ctx ends. Every error they return is an *Error; none of them contains a secret.
//
// All stores refuse the same input, since some keychains would reject it or change it:
//   - an id that is empty, is longer than 255 bytes, is not UTF-8, or has control characters
//     (Failed)
//   - a secret that is empty, is not UTF-8, or has control characters such as a line break (Failed)
//   - a secret of more than MaxSecretSize bytes (TooLarge)
type Store interface {
	// Name returns the store's name, as in --store: "os", "file", "docker:NAME" or "memory".
	Name() string
	// Get returns the secret of id, or ErrNotFound.
	Get(ctx context.Context, id string) (Secret, error)
	// Set stores s under id and replaces an older secret. After an error, such as ErrTimeout, the
	// new secret may or may not be stored.
	Set(ctx context.Context, id string, s Secret) error
	// Delete removes the secret of id, or returns ErrNotFound.
	Delete(ctx context.Context, id string) error
}

// A Warmer is a Store whose first call needs preparation.
type Warmer interface {
	// Warm makes the first call faster. It is optional, and may run at the same time as the first
	// call, which reports the errors. If the keychain hangs, so does Warm.
	Warm()
}

// checkID refuses an id that one of the systems cannot handle. D-Bus drops the connection if text
// is not UTF-8. macOS' `security -i` ends a command at a line break.
func checkID(id string) error {
	switch {
	case id == "":
		return &Error{Err: errors.New("the account id is empty")}
	case len(id) > maxIDSize:
		return &Error{Err: errors.New("the account id is longer than 255 bytes")}
	case !utf8.ValidString(id):
		return &Error{Err: errors.New("the account id is not valid UTF-8")}
	case strings.ContainsFunc(id, unicode.IsControl):
		return &Error{Err: errors.New("the account id has a control character")}
	}
	return nil
}

// checkSecret refuses a secret that one of the systems would refuse or change.
func checkSecret(s Secret) error {
	key := s.Reveal()
	switch {
	case key == "":
		return &Error{Err: errors.New("the key is empty")}
	case len(key) > MaxSecretSize:
		return errTooLarge
	case !utf8.ValidString(key):
		return &Error{Err: errors.New("the key is not valid UTF-8"), Hint: errTooLarge.Hint}
	case strings.ContainsFunc(key, unicode.IsControl):
		return &Error{Err: errors.New("the key has a line break or another control character"), Hint: errTooLarge.Hint}
	}
	return nil
}
